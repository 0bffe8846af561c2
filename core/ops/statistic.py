"""Order statistics and moments: median, mode, quantile, sums without NaN, covariance, distances."""

from .. import dtypes
from ..compile import general
from ..errors import scalar_name
from ..naming import named
from ..shapes import dtype_of, need_tensors, one_axis, rank_of
from ..tensor import Tensor
from ..views import write_out
from . import elementwise as e
from . import reduce as r
from .reduce import keep
from .reduction import Pair, _all, _need_size, pair_type

MEDIAN, MODE, NANMEDIAN = (pair_type(n) for n in ("median", "mode", "nanmedian"))


class Extremes(Pair):
    """A result with the names ``min`` and ``max``."""

    __slots__ = ()
    fields = ("min", "max")
    title = "torch.return_types.aminmax"
    min = property(lambda self: self[0])
    max = property(lambda self: self[1])


Extremes.__name__ = Extremes.__qualname__ = "aminmax"

nansum_ = general(
    "nansum_(x, *, axes, keepdims)",
    lambda xp, g, x, x_shape, axes, keepdims: xp.select(
        xp.isnan(x), 0.0, xp.broadcast_to(keep(xp, g, axes, keepdims, x_shape), x_shape)
    ),
    jvp=lambda xp, x, t_x, axes, keepdims: xp.sum(xp.select(xp.isnan(x), 0.0, t_x), axes, keepdims),
    doc="sum over dimensions without the NaNs",
    xp="nansum",
    node="NansumBackward0",
)
median_all = general(
    "median_all(x, *, skips_nan)",
    lambda xp, g, x, out: g * xp.same_share(x, out),
    doc="the lower median of all elements; equal ones share the gradient",
    xp="middle_all",
    node="MedianBackward0",
)
median_ = general(
    "median_(x, *, axis, keepdims, skips_nan) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis, keepdims: xp.gather_backward(
        *xp.unreduced(g, indices, axis, keepdims), axis, x_shape
    ),
    doc="the lower median and its index along a dimension",
    xp="middle",
    node="MedianBackward1",
)
mode_ = general(
    "mode_(x, *, axis, keepdims) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis, keepdims: xp.gather_backward(
        *xp.unreduced(g, indices, axis, keepdims), axis, x_shape
    ),
    doc="the most frequent value and its last index along a dimension",
    xp="mode",
    node="ModeBackward0",
)


def _given(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def _not_for(name, input):
    return NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements, or (values, indices) of it along a dimension; NaN if a NaN is among them.

    Args:
        dim: the dimension, None for all.
        keepdim: keep it with size 1.

    Raises:
        IndexError: the dimension is empty.

    Example:
        >>> import plugrad
        >>> plugrad.median(plugrad.tensor([3.0, 1.0, 2.0, 4.0]))
        tensor(2.)
    """
    return _middle("median", MEDIAN, False, input, dim, keepdim, out)


def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements that are not NaN, or (values, indices) of it along a dimension.

    Args:
        dim: the dimension, None for all.
        keepdim: keep it with size 1.

    Raises:
        IndexError: the dimension is empty.

    Example:
        >>> import plugrad
        >>> plugrad.nanmedian(plugrad.tensor([3.0, float("nan"), 2.0, 4.0]))
        tensor(3.)
    """
    return _middle("nanmedian", NANMEDIAN, True, input, dim, keepdim, out)


def _middle(name, kind, skips_nan, input, dim, keepdim, out):
    if dtype_of(input) is dtypes.bool_ or input.is_complex():
        raise _not_for("median_cpu", input)
    node = "MedianBackward" if name == "median" else "NanmedianBackward"
    if dim is None:
        return _given(out, named(median_all(input, skips_nan), node + "0"), input)
    axis = one_axis(dim, input.dim())
    _need_size(name, input, axis)
    return _pair(kind, median_(input, axis, keepdim, skips_nan), node + "1", out, input)


def _pair(kind, found, node, out, input):
    from ..graph import PORT

    if found[0]._fn is not None and found[0]._fn._kind == PORT:
        _rename(found[0]._fn.node, node)
    return kind(found if out is None else (write_out(o, f, input) for o, f in zip(out, found, strict=True)))


def _rename(node, name):
    from ..naming import kind_named

    node.__class__ = kind_named(type(node), name)


def mode(input, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the most frequent value along a dimension; of several the least, at its last index.

    Args:
        dim: the dimension.
        keepdim: keep it with size 1.

    Raises:
        IndexError: the dimension is empty.

    Example:
        >>> import plugrad
        >>> plugrad.mode(plugrad.tensor([1, 2, 2])).values
        tensor(2)
    """
    axis = one_axis(dim, rank_of(input))
    _need_size("mode", input, axis)
    if input.is_complex():
        raise _not_for("mode_cpu", input)
    is_bool = input.dtype is dtypes.bool_
    values, indices = mode_(input.to(dtypes.uint8) if is_bool else input, axis, keepdim)
    found = (values.to(dtypes.bool_) if is_bool else values), indices
    return _pair(MODE, found, "ModeBackward0", out, input)


def aminmax(input, *, dim=None, keepdim=False, out=None):
    """(min, max) of all elements or along a dimension; ties share the gradient evenly.

    Args:
        dim: the dimension, None for all.
        keepdim: keep the reduced dimensions with size 1.

    Raises:
        RuntimeError: there is no element.

    Example:
        >>> import plugrad
        >>> plugrad.aminmax(plugrad.tensor([2.0, 1.0])).max
        tensor(2.)
    """
    if dtype_of(input).is_complex:
        raise _not_for("aminmax_cpu", input)
    if dim is None and not input.numel():
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if dim is not None and input.dim() and not input._a.shape[one_axis(dim, input.dim())]:
        raise IndexError(f"aminmax: Expected reduction dim {one_axis(dim, input.dim())} to have non-zero size.")
    axes = _all(dim, input)
    found = [named(row(input, axes, keepdim), "AminmaxBackward0") for row in (r.amin, r.amax)]
    return Extremes(found if out is None else (write_out(o, f, input) for o, f in zip(out, found, strict=True)))


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Sum of the elements that are not NaN.

    Args:
        dim: a dimension, several, or None for all.
        keepdim: keep the summed dimensions with size 1.
        dtype: convert to this first.

    Example:
        >>> import plugrad
        >>> plugrad.nansum(plugrad.tensor([1.0, float("nan"), 2.0]))
        tensor(3.)
    """
    if dtype_of(input).is_complex:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if input.dtype.kind < dtypes.FLOAT:
        from .reduction import sum

        return sum(input, dim, keepdim, dtype=dtype, out=out)
    input = input if dtype is None else input.to(dtype)
    return _given(out, nansum_(input, _all(dim, input), keepdim), input)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Mean of the elements that are not NaN.

    Args:
        dim: a dimension, several, or None for all.
        keepdim: keep the averaged dimensions with size 1.
        dtype: convert to this first.

    Raises:
        RuntimeError: the dtype is neither floating point nor complex.

    Example:
        >>> import plugrad
        >>> plugrad.nanmean(plugrad.tensor([1.0, float("nan"), 3.0]))
        tensor(2.)
    """
    if dtype_of(input).kind < dtypes.FLOAT:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got " + scalar_name(input.dtype)
        )
    count = (input.detach() == input.detach()).sum(dim, keepdim)
    return _given(out, nansum(input, dim, keepdim, dtype=dtype) / count, input)


def sum_to_size(input, *size):
    """Sum over dimensions so that the result has a shape that broadcasts to that of the input.

    Raises:
        RuntimeError: the shape does not broadcast to that of the input.

    Example:
        >>> import plugrad
        >>> plugrad.ones(2, 3).sum_to_size(1, 3)
        tensor([[2., 2., 2.]])
    """
    from ..shapes import sizes

    target, shape = sizes(size), tuple(input._a.shape)
    lead = len(shape) - len(target)
    if lead < 0 or any(n not in (1, m) for n, m in zip(target, shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(target)}}} is not expandable to size {{{list(shape)}}}.")
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(target) if n == 1 != shape[i + lead])
    if not axes:
        return input
    made = r.sum_(input, axes, True)
    return made.view(target) if lead else made


def renorm(input, p, dim, maxnorm, *, out=None):
    """Each slice along a dimension scaled so that its p-norm is at most ``maxnorm``.

    Args:
        p: the power of the norm.
        dim: the dimension whose slices are scaled.
        maxnorm: the largest norm that is left alone.

    Raises:
        RuntimeError: the input has less than two dimensions, or p or maxnorm is negative.

    Example:
        >>> import plugrad
        >>> plugrad.renorm(plugrad.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    from ..create import full_like
    from .reduction import power_norm

    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if input.dim() < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.dim()} dimensions")
    if input.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    axis = one_axis(dim, input.dim())
    norm = power_norm(input, float(p), tuple(i for i in range(input.dim()) if i != axis), True)
    factor = e.where_(maxnorm / (norm + 1e-7), full_like(norm, 1.0), (norm > maxnorm)._a)
    return _given(out, named(input * factor, "RenormBackward0"), input)


def dist(input, other, p=2):
    """The p-norm of input - other.

    Example:
        >>> import plugrad
        >>> plugrad.dist(plugrad.tensor([0.0, 0.0]), plugrad.tensor([3.0, 4.0]))
        tensor(5.)
    """
    from .reduction import power_norm

    need_tensors(input, other)
    difference = input - other
    if difference.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{scalar_name(difference.dtype)} instead."
        )
    return named(power_norm(difference, float(p), None, False), "DistBackward0")


METHODS = (aminmax, dist, median, mode, nanmean, nanmedian, nansum, renorm, sum_to_size)


def install():
    """Give Tensor its statistics."""
    from .in_place import in_place

    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    # The factor depends on what is overwritten.
    Tensor.renorm_ = in_place(lambda input, *arguments, **named: renorm(input.clone(), *arguments, **named), "renorm_")
