"""Ops that change shape or place elements: views, concatenation, indexing kernels."""

from ..compile import general, linear, view
from .key import arrays_misfit, value_misfit


def inverse(axes):
    back = [0] * len(axes)
    for i, axis in enumerate(axes):
        back[axis] = i
    return tuple(back)


permute_ = view(
    "permute_(x, *, axes)",
    lambda xp, g, axes: xp.permute_dims(g, inverse(axes)),
    doc="dimensions in another order",
    xp="permute_dims",
    node="PermuteBackward0",
)
transpose_ = view(
    "transpose_(x, *, i, j)",
    lambda xp, g, i, j: xp.swap_axes(g, i, j),
    doc="two dimensions exchanged",
    xp="swap_axes",
    node="TransposeBackward0",
)
t_ = view(
    "t_(x, *, i, j)",
    lambda xp, g, i, j: xp.swap_axes(g, i, j),
    doc="matrix transpose",
    xp="swap_axes",
    node="TBackward0",
)
expand_ = view(
    "expand_(x, *, shape)",
    lambda g: g,  # the walk sums over what was broadcast
    doc="broadcast to a shape",
    xp="broadcast_to",
    node="ExpandBackward0",
)


def _cannot_view(x, shape):
    return RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
        "subspaces). Use .reshape(...) instead."
    )


view_ = view(
    "view_(x, *, shape)",
    lambda xp, g, x_shape: xp.reshape(g, x_shape),
    doc="another shape on the same memory",
    xp="reshape_view",
    node="ViewBackward0",
    check=_cannot_view,
)
reshape_ = linear(
    "reshape_(x, *, shape)",
    lambda xp, g, x_shape: xp.reshape(g, x_shape),
    doc="another shape, copied",
    xp="reshape",
    node="UnsafeViewBackward0",
)
squeeze_ = view(
    "squeeze_(x, *, shape)",
    lambda xp, g, x_shape: xp.reshape(g, x_shape),
    doc="without dimensions of size 1",
    xp="reshape_view",
    node="SqueezeBackward0",
)
squeeze_dim_ = view(
    "squeeze_dim_(x, *, shape)",
    lambda xp, g, x_shape: xp.reshape(g, x_shape),
    doc="without one dimension of size 1",
    xp="reshape_view",
    node="SqueezeBackward1",
)
unsqueeze_ = view(
    "unsqueeze_(x, *, axis)",
    lambda xp, g, x_shape: xp.reshape(g, x_shape),
    doc="one more dimension of size 1",
    xp="expand_dims",
    node="UnsqueezeBackward0",
)
slice_ = view(
    "slice_(x, *, key)",
    lambda xp, g, x_shape, key: xp.slice_backward(g, key, x_shape),
    doc="basic indexing",
    xp="slice",
    node="SliceBackward0",
)
select_ = view(
    "select_(x, *, key)",
    lambda xp, g, x_shape, key: xp.slice_backward(g, key, x_shape),
    doc="one index along a dimension",
    xp="slice",
    node="SelectBackward0",
)
slice_backward = linear(
    "slice_backward(x, *, key, shape)",
    lambda xp, g, key: xp.slice(g, key),
    doc="zeros of a shape, x at a basic index",
    node="SliceBackwardBackward0",
)
unfold_ = view(
    "unfold_(x, *, axis, size, step)",
    lambda xp, g, x_shape, axis, size, step: xp.unfold_backward(g, axis, size, step, x_shape),
    doc="windows along an axis, as a new last axis",
    xp="unfold",
    node="UnfoldBackward0",
)
unfold_copy_ = linear(
    "unfold_copy_(x, *, axis, size, step)",
    lambda xp, g, x_shape, axis, size, step: xp.unfold_backward(g, axis, size, step, x_shape),
    doc="windows along an axis, as a new last axis, where the backend has no such views",
    xp="unfold",
    node="UnfoldBackward0",
)
diagonal_copy_ = linear(
    "diagonal_copy_(x, *, offset)",
    lambda xp, g, x_shape, offset: xp.diagonal_backward(g, offset, x_shape),
    doc="the diagonal of the last two dimensions, where the backend has no such view of them",
    xp="diagonal",
    node="DiagonalBackward0",
)
diagonal_ = view(
    "diagonal_(x, *, offset)",
    lambda xp, g, x_shape, offset: xp.diagonal_backward(g, offset, x_shape),
    doc="the diagonal of the last two dimensions",
    xp="diagonal",
    node="DiagonalBackward0",
)
diagonal_backward = linear(
    "diagonal_backward(x, *, offset, shape)",
    lambda xp, g, offset: xp.diagonal(g, offset),
    doc="zeros of a shape, x on the diagonal of the last two dimensions",
    node="DiagonalBackwardBackward0",
)
flip_ = linear(
    "flip_(x, *, axes)",
    lambda xp, g, axes: xp.flip(g, axes),
    doc="reversed along dimensions",
    xp="flip",
    node="FlipBackward0",
)
roll_ = linear(
    "roll_(x, *, shifts, axes)",
    lambda xp, g, shifts, axes: xp.roll(g, tuple(-s for s in shifts), axes),
    doc="shifted round along dimensions",
    xp="roll",
    node="RollBackward0",
)
tril_ = linear("tril_(x, *, k)", lambda xp, g, k: xp.tril(g, k), doc="lower triangle", xp="tril", node="TrilBackward0")
triu_ = linear("triu_(x, *, k)", lambda xp, g, k: xp.triu(g, k), doc="upper triangle", xp="triu", node="TriuBackward0")
pad_ = linear(
    "pad_(x, *, widths, value)",
    lambda xp, g, widths: xp.pad(g, tuple((-b, -a) for b, a in widths), 0),
    jvp=lambda xp, t_x, widths: xp.pad(t_x, widths, 0),
    doc="surrounded by a constant; negative widths cut",
    xp="pad",
    node="ConstantPadNdBackward0",
)
contiguous_ = linear("contiguous_(x)", lambda g: g, doc="a copy in row-major order", xp="packed", node="CloneBackward0")
clone_ = linear("clone_(x)", lambda g: g, doc="a copy", xp="copy", node="CloneBackward0")
fresh_ = linear("fresh_(x)", lambda g: g, doc="a copy, made by to()", xp="copy", node="ToCopyBackward0")
cast_ = linear(
    "cast_(x, *, dtype)",
    lambda g: g,
    doc="another dtype; the walk casts the gradient back",
    xp="cast",
    result="other",
    node="ToCopyBackward0",
)
arranged_ = linear(
    "arranged_(x, *, order)",
    lambda g: g,
    doc="a copy, its dimensions in memory in an order",
    xp="arranged",
    node="CloneBackward0",
)
converted_ = linear(
    "converted_(x, *, dtype, order)",
    lambda g: g,
    doc="a copy of another dtype, its dimensions in memory in an order",
    xp="converted",
    result="other",
    node="ToCopyBackward0",
)
real = view("real(x)", lambda xp, g: xp.as_complex(g, None), doc="real part", node="RealBackward0")
imag = view("imag(x)", lambda xp, g: xp.as_complex(None, g), doc="imaginary part", node="ImagBackward0")

index_ = linear(
    "index_(x, *, key)",
    lambda xp, g, x_shape, key: xp.index_backward(g, key, x_shape),
    doc="indexing by integer or bool arrays",
    xp="getitem",
    node="IndexBackward0",
    check=arrays_misfit,
)
index_backward = linear(
    "index_backward(x, *, key, shape)",
    lambda xp, g, key: xp.getitem(g, key),
    doc="zeros of a shape, x added at an index",
    node="IndexBackwardBackward0",
)
index_put_ = general(
    "index_put_(x, y, *, key)",
    lambda xp, g, key: xp.index_zero(g, key),
    lambda xp, g, key: xp.getitem(g, key),
    jvp="linear",
    doc="x with y written at an index",
    xp="index_put",
    node="IndexPutBackward0",
    check=value_misfit,
)
index_zero = linear("index_zero(x, *, key)", lambda xp, g, key: xp.index_zero(g, key), doc="x with zeros at an index")
gather_ = linear(
    "gather_(x, *, index, axis)",
    lambda xp, g, x_shape, index, axis: xp.gather_backward(g, index, axis, x_shape),
    doc="elements picked along a dimension",
    xp="take_along_axis",
    node="GatherBackward0",
)
gather_backward = linear(
    "gather_backward(x, *, index, axis, shape)",
    lambda xp, g, index, axis: xp.take_along_axis(g, index, axis),
    doc="zeros of a shape, x added at an index along a dimension",
)

# --- what in-place ops on views are made of ---
copy_slices = linear(
    "copy_slices(x, y, *, path)",
    lambda xp, g, path: xp.zero_at(g, path),
    lambda xp, g, path: xp.part_of(g, path),
    doc="x with y written where a path of views leads",
    node="CopySlices",
)
zero_at = linear("zero_at(x, *, path)", lambda xp, g, path: xp.zero_at(g, path), doc="x with zeros where a path leads")
as_view = linear(
    "as_view(x, *, path)",
    lambda xp, g, x_shape, path: xp.spread_of(g, path, x_shape),
    doc="the part of x that a path of views leads to",
    xp="follow",
    node="AsStridedBackward0",
    result="other",
)
spread = linear(
    "spread(x, *, path, shape)",
    lambda xp, g, path: xp.part_of(g, path),
    doc="zeros of a shape with x where a path leads",
    result="other",
)
erase_ = linear("erase_(x)", lambda xp, g: xp.zeros_like(g), doc="zeros", xp="zeros_like", node="ZeroBackward0")
fill_number_ = general(
    "fill_number_(x, *, value)",
    lambda xp, g: xp.zeros_like(g),
    jvp=lambda xp, t_x: xp.zeros_like(t_x),
    doc="one number in the shape and dtype of x",
    xp="full_like",
    node="FillBackward2",
)
fill_with_ = general(
    "fill_with_(x, y)",
    lambda xp, g: xp.zeros_like(g),
    lambda g: g,
    jvp="linear",
    doc="a 0-dim y in the shape and dtype of x",
    xp="overwrite",
    node="FillBackward3",
)
overwrite = general(
    "overwrite(x, y)",
    lambda xp, g: xp.zeros_like(g),
    lambda g: g,
    jvp="linear",
    doc="y in the shape and dtype of x",
    node="CopyBackwards",
)
