"""Other sizes, strides and dtypes for the same memory: as_strided, complex numbers as pairs, view(dtype)."""

from ...backends.striding import span
from .. import dtypes
from ..compile import linear, view
from ..errors import scalar_name
from ..naming import named
from ..shapes import dtype_of, need_tensors
from ..slow import native_dtype
from ..tensor import Tensor, alias
from ..views import check_in_place, turn, write_out

as_strided_view = view(
    "as_strided_view(x, *, source, target)",
    lambda xp, g, source, target: xp.regather(g, target, source, source),
    # The tangent may lie in memory in another way than the tensor: it is brought to the tensor's places.
    jvp=lambda xp, t_x, source, target: xp.regather(t_x, source, target, source),
    doc="the elements at given places of the memory of x",
    xp="as_strided",
    node="AsStridedBackward0",
)
as_strided_copy = linear(
    "as_strided_copy(x, *, source, target)",
    lambda xp, g, source, target: xp.regather(g, target, source, source),
    doc="the elements at given places of the memory of x, where the backend has no such views",
    xp="as_strided",
    node="AsStridedBackward0",
)
regather = linear(
    "regather(x, *, source, target, counted)",
    lambda xp, g, source, target, counted: xp.regather(g, target, source, counted),
    doc="x laid at some places of a memory and read at others",
)
view_as_real_ = view(
    "view_as_real_(x)",
    lambda xp, g: xp.view_as_complex(g),
    doc="a last dimension of (real, imaginary)",
    xp="view_as_real",
    node="ViewAsRealBackward0",
)
real_pairs = linear(
    "real_pairs(x)",
    lambda xp, g: xp.view_as_complex(g),
    doc="a last dimension of (real, imaginary), where the backend has no such views",
    xp="view_as_real",
    node="ViewAsRealBackward0",
    result="other",
)
view_as_complex_ = view(
    "view_as_complex_(x)",
    lambda xp, g: xp.view_as_real(xp.conj(g)),  # the walk conjugates what comes in
    doc="the pairs in the last dimension as complex numbers",
    xp="view_as_complex",
    node="ViewAsComplexBackward0",
)
complex_of_pairs = linear(
    "complex_of_pairs(x)",
    lambda xp, g: xp.view_as_real(xp.conj(g)),  # the walk conjugates what comes in
    doc="the pairs in the last dimension as complex numbers, where the backend has no such views",
    xp="view_as_complex",
    node="ViewAsComplexBackward0",
    result="other",
)


# --- as_strided ---
def as_strided(input, size, stride, storage_offset=None):
    """The elements of the memory that a tensor lies on, at the places ``storage_offset + Σ iₖ · strideₖ``: a view.

    Gradients of elements that lie at one place add up; places that ``input`` itself has no element at get none.

    Args:
        input: a tensor; of a view the memory is that of its base.
        size: the sizes of the result.
        stride: a step for each, in elements.
        storage_offset: where the first element lies; default: where that of ``input`` does.

    Shapes:
        x (*) → (*size); a copy where the backend has no such views, of memory that is taken to be in row-major order.

    Raises:
        RuntimeError: places outside of the memory, sizes and strides of different lengths, negative strides.

    Example:
        >>> import plugrad
        >>> plugrad.arange(5).as_strided((3, 3), (1, 1))
        tensor([[0, 1, 2],
                [1, 2, 3],
                [2, 3, 4]])
    """
    source, target = geometries("as_strided", input, size, stride, storage_offset)
    return strided(input, source, target)


def strided(input, source, target):
    if not input._xp.has_strides:
        return as_strided_copy(input, source, target)
    made = as_strided_view(input, source, target)
    base = made._x.base
    if base is not input:
        # The base has all the memory, where ``input`` may have a part of it only.
        made._x.path = (("as_strided", (base._xp.geometry(base._a), target)),)
    return made


def geometries(name, input, size, stride, storage_offset):
    """(where the elements of the input lie, where those of the result shall)."""
    size, stride = whole_numbers(name, "size", 1, size), whole_numbers(name, "stride", 2, stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    need_tensors(input)
    source = input._xp.geometry(input._a)
    target = (size, stride, source[2] if storage_offset is None else int(storage_offset))
    check_places(input, target)
    return source, target


def whole_numbers(name, argument, position, given):
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {type(given).__name__}"
        )
    return tuple(int(n) for n in given)


def check_places(input, target):
    size, stride, offset = target
    if any(step < 0 for step in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    unit = input.dtype.itemsize
    wanted, have = span(target) * unit, input._xp.storage_size(input._a) * unit
    if wanted > have:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {unit} requiring a storage "
            f"size of {wanted} are out of bounds for storage of size {have}"
        )


def as_strided_(input, size, stride, storage_offset=None):
    """In-place form of :func:`as_strided`: the tensor itself takes the sizes and strides."""
    need_tensors(input)
    check_in_place(input)
    if not input._xp.has_strides:
        raise NotImplementedError(
            f"as_strided_: backend {input._xp.name!r} has no views of other strides; use as_strided(), which copies there"
        )
    turn(input, named(as_strided(input, size, stride, storage_offset), "AsStridedBackward1"))
    return input


def as_strided_scatter(input, src, size, stride, storage_offset=None, *, out=None):
    """A copy of ``input`` with ``src`` written where :func:`as_strided` would look.

    Args:
        src: of the shape ``size``; where elements lie at one place it is not defined which of them stays.

    Raises:
        RuntimeError: ``src`` has another shape, or places lie outside of the memory.

    Example:
        >>> import plugrad
        >>> plugrad.as_strided_scatter(plugrad.zeros(4), plugrad.ones(2), (2,), (2,))
        tensor([1., 0., 1., 0.])
    """
    from .shape import copy_slices

    source, target = geometries("as_strided_scatter", input, size, stride, storage_offset)
    if tuple(src._a.shape) != target[0]:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._a.shape)}, slice size = {list(target[0])}"
        )
    path = (("as_strided", (source, target)),)
    made = named(copy_slices(input, src.to(input.dtype), path), "AsStridedScatterBackward0")
    return made if out is None else write_out(out, made, input, src)


# --- complex numbers ---
def view_as_real(input):
    """A complex tensor as a real one with a last dimension of (real part, imaginary part): a view.

    Shapes:
        x (*) complex → (*, 2) real; a copy where the backend has no such views.

    Raises:
        RuntimeError: the tensor is not complex.

    Example:
        >>> import plugrad
        >>> plugrad.view_as_real(plugrad.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    if not dtype_of(input).is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return (view_as_real_ if input._xp.has_strides else real_pairs)(input)


def view_as_complex(input):
    """A real tensor with a last dimension of size 2 as a complex one: a view.

    Shapes:
        x (*, 2) real → (*) complex; a copy where the backend has no such views.

    Raises:
        RuntimeError: no last dimension of size 2, one whose elements do not lie side by side, or another dtype.

    Example:
        >>> import plugrad
        >>> plugrad.view_as_complex(plugrad.tensor([[1.0, 2.0]]))
        tensor([1.+2.j])
    """
    if dtype_of(input) not in (dtypes.float16, dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{scalar_name(input.dtype)}"
        )
    if input.dtype is dtypes.float16:
        raise NotImplementedError("view_as_complex: complex numbers of half precision are not supported")
    if not input.dim():
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input._a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    _, stride, offset = input._xp.geometry(input._a)
    if stride[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(step % 2 for step in stride[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return (view_as_complex_ if input._xp.has_strides else complex_of_pairs)(input)


# --- other dtypes ---
def view_dtype(input, dtype):
    """The same memory read as another dtype; there is no gradient."""
    before, after = input.dtype.itemsize, dtype.itemsize
    if before != after:
        check_sizes(input, dtype, before, after)
    made = alias(input)
    made._a = input._xp.view_dtype(input._a, native_dtype(input._xp, dtype))
    return made


def check_sizes(input, dtype, before, after):
    change = f"to view {scalar_name(input.dtype)} as {scalar_name(dtype)} (different element sizes)"
    if not input.dim():
        raise RuntimeError(f"self.dim() cannot be 0 {change}")
    _, stride, offset = input._xp.geometry(input._a)
    if stride[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {change}, but got {stride[-1]}")
    if before > after:
        return
    ratio = after // before
    size = input._a.shape[-1]
    if size % ratio:
        raise RuntimeError(f"self.size(-1) must be divisible by {ratio} {change}, but got {size}")
    if offset % ratio:
        raise RuntimeError(f"self.storage_offset() must be divisible by {ratio} {change}, but got {offset}")
    for i, step in enumerate(stride[:-1]):
        if step % ratio:
            raise RuntimeError(f"self.stride({i}) must be divisible by {ratio} {change}, but got {step}")


def install():
    """Give Tensor these methods."""
    Tensor.as_strided = as_strided
    Tensor.as_strided_ = as_strided_
    Tensor.as_strided_scatter = as_strided_scatter


__all__ = ["as_strided", "as_strided_", "as_strided_scatter", "view_as_complex", "view_as_real", "view_dtype"]
