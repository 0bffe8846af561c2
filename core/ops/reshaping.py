"""Public forms of the ops that change shape: views where the memory allows, copies elsewhere."""

import warnings

from .. import dtypes
from ..dtypes import dtype as dtype_class
from ..errors import invalid_combination, no_tensor
from ..naming import named
from ..shapes import axes as axes_of
from ..shapes import infer_size, need_tensors, one_axis, rank_of, sizes
from ..tensor import Tensor
from ..views import write_out
from . import shape as s
from .striding import view_dtype


def view(input, *shape, dtype=None):
    """The same memory in another shape, or as another dtype.

    Raises:
        RuntimeError: the strides do not allow it (use reshape), or the sizes do not fit.
    """
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], dtype_class)):
        return view_dtype(input, dtype or shape[0])
    target = infer_size(sizes(shape), input.numel())
    return s.view_(input, target)


def reshape(input, *shape):
    """Another shape: a view where possible, a copy elsewhere. One size may be -1."""
    try:
        a = input._a
    except AttributeError:
        raise no_tensor(input) from None
    target = infer_size(sizes(shape), input.numel())
    if input._xp.reshape_view(a, target) is not None:
        return s.view_(input, target)
    return s.reshape_(input, target)


def view_as(input, other):
    """view to the shape of ``other``."""
    return view(input, *other._a.shape)


def reshape_as(input, other):
    """reshape to the shape of ``other``."""
    return reshape(input, *other._a.shape)


def flatten(input, start_dim=0, end_dim=-1):
    """One dimension in place of start_dim ... end_dim."""
    rank = rank_of(input)
    first, last = one_axis(start_dim, rank), one_axis(end_dim, rank)
    if rank == 0:
        return reshape(input, 1)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    shape = input._a.shape
    n = 1
    for size in shape[first : last + 1]:
        n *= size
    return reshape(input, (*shape[:first], n, *shape[last + 1 :]))


def unflatten(input, dim, sizes):
    """Several dimensions in place of one."""
    axis = one_axis(dim, rank_of(input))
    shape = input._a.shape
    try:
        inner = infer_size(tuple(sizes), shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} ({shape[axis]}) in the input tensor"
        ) from None
    return view(input, *shape[:axis], *inner, *shape[axis + 1 :])


def ravel(input):
    """All elements in one dimension."""
    return reshape(input, -1)


def permute(input, *dims):
    """The dimensions in another order, a view."""
    order = sizes(dims)
    if len(order) != rank_of(input):
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {input.dim()} is not equal to len(dims) = {len(order)}"
        )
    found = tuple(one_axis(d, input.dim()) for d in order)
    if len(set(found)) != len(found):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return s.permute_(input, found)


def transpose(input, dim0, dim1):
    """Two dimensions exchanged, a view."""
    i, j = one_axis(dim0, rank_of(input)), one_axis(dim1, rank_of(input))
    return s.view_(input, ()) if input.dim() == 0 else s.transpose_(input, i, j)


def t(input):
    """The transpose of a matrix; a vector is returned as it is."""
    if rank_of(input) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.dim()}D")
    return s.t_(input, 0, 1) if input.dim() == 2 else named(view(input, *input.shape), "TBackward0")


def movedim(input, source, destination):
    """Dimensions moved to other places, the rest in their order."""
    source = (source,) if isinstance(source, int) else source
    destination = (destination,) if isinstance(destination, int) else destination
    rank = rank_of(input)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as "
            f"destination ({list(destination)} dims)"
        )
    for name, dims in (("source", source), ("destination", destination)):
        if len({one_axis(d, rank) for d in dims}) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
    source = [one_axis(d, rank) for d in source]
    destination = [one_axis(d, rank) for d in destination]
    if not rank:
        return permute(input)
    order = [None] * rank
    for origin, place in zip(source, destination, strict=True):
        order[place] = origin
    rest = iter(d for d in range(rank) if d not in source)
    return permute(input, *(next(rest) if d is None else d for d in order))


def squeeze(input, dim=None):
    """Without the dimensions of size 1, or without the given ones of them."""
    try:
        shape = input._a.shape
    except AttributeError:
        raise no_tensor(input) from None
    if dim is None:
        return s.squeeze_(input, tuple(n for n in shape if n != 1))
    gone = axes_of(dim, len(shape)) or ()
    made = s.squeeze_dim_(input, tuple(n for i, n in enumerate(shape) if i not in gone or n != 1))
    return made if isinstance(dim, int) else named(made, "SqueezeBackward2")


def unsqueeze(input, dim):
    """One more dimension of size 1."""
    return s.unsqueeze_(input, one_axis(dim, rank_of(input) + 1))


def expand(input, *shape):
    """Dimensions of size 1 repeated to the given sizes, without copying; -1 keeps a size."""
    target = sizes(shape)
    try:
        current = input._a.shape
    except AttributeError:
        raise no_tensor(input) from None
    extra = len(target) - len(current)
    if extra < 0:
        raise RuntimeError(
            f"expand({_type_name(input)}{{{list(current)}}}, size={list(target)}): the number of sizes provided ({len(target)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(current)})"
        )
    final = list(target)
    for i, n in reversed(list(enumerate(target))):
        if i < extra:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            continue
        have = current[i - extra]
        if n != -1 and have not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton dimension {i}.  Target "
                f"sizes: {list(target)}.  Tensor sizes: {list(current)}"
            )
        final[i] = have if n == -1 else n
    return s.expand_(input, tuple(final))


def _type_name(input):
    return f"torch.{input.dtype.type_name}"


def expand_as(input, other):
    """expand to the shape of ``other``."""
    return expand(input, *other._a.shape)


def broadcast_to(input, shape):
    """The same as ``input.expand(shape)``."""
    return expand(input, *shape)


def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    from ..errors import broadcast_failure
    from ..shapes import broadcast_shapes

    shape = ()
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
        error = broadcast_failure([shape, t._a.shape])
        if error is not None:
            raise error
        shape = broadcast_shapes(shape, t._a.shape)
    return tuple(t if t._a.shape == shape else expand(t, *shape) for t in tensors)


def repeat(input, *repeats):
    """The tensor repeated along each dimension, a copy."""
    counts = sizes(repeats)
    rank = len(counts)
    if rank < input.dim():
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * (rank - input.dim()) + tuple(input._a.shape)
    spread = reshape(input, tuple(part for n in shape for part in (1, n)))
    wide = expand(spread, tuple(part for n, k in zip(shape, counts, strict=True) for part in (k, n)))
    return s.reshape_(wide.clone(), tuple(n * k for n, k in zip(shape, counts, strict=True)))


def tile(input, *dims):
    """repeat with missing leading counts taken as 1."""
    counts = sizes(dims)
    return repeat(input, (1,) * (rank_of(input) - len(counts)) + counts)


def flip(input, dims, *more):
    """Reversed along the given dimensions, a copy."""
    given = (dims, *more) if isinstance(dims, int) else tuple(dims)
    return s.flip_(input, axes_of(given, rank_of(input)) or ()) if given else input.clone()


def fliplr(input):
    """Reversed along dimension 1."""
    if rank_of(input) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input):
    """Reversed along dimension 0."""
    if rank_of(input) < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def roll(input, shifts, dims=None):
    """Shifted round along dimensions; without dims, the flattened tensor is.

    Raises:
        RuntimeError: no shifts, or not one for each dimension.
    """
    shifts = _ints("roll", "shifts", 2, shifts)
    dims = _ints("roll", "dims", 3, () if dims is None else dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return reshape(s.roll_(reshape(input, -1), shifts, (0,)), input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not rank_of(input):
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return s.roll_(input, shifts, tuple(one_axis(d, input.dim()) for d in dims))


def _ints(function, name, position, value):
    """One whole number, or several, as a tuple."""
    if isinstance(value, int):
        return (value,)
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be tuple of ints, not {type(value).__name__}"
        )
    return tuple(value)


def tril(input, diagonal=0, *, out=None):
    """The lower triangle of the last two dimensions, zeros elsewhere."""
    made = s.tril_(_matrix("tril", input), diagonal)
    return made if out is None else write_out(out, made, input)


def triu(input, diagonal=0, *, out=None):
    """The upper triangle of the last two dimensions, zeros elsewhere."""
    made = s.triu_(_matrix("triu", input), diagonal)
    return made if out is None else write_out(out, made, input)


def _matrix(name, input):
    if rank_of(input) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return input


def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as the last dimension of a view."""
    i, j = one_axis(dim1, rank_of(input)), one_axis(dim2, rank_of(input))
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rank = input.dim()
    if (i, j) != (rank - 2, rank - 1):
        input = permute(input, *(d for d in range(rank) if d not in (i, j)), i, j)
    xp = input._xp
    is_view = xp.has_diagonals or xp.diagonal_view(input._a, offset) is not None
    return (s.diagonal_ if is_view else s.diagonal_copy_)(input, offset)


def diag(input, diagonal=0, *, out=None):
    """The diagonal of a matrix, or the matrix with this diagonal."""
    made = _diag(input, diagonal)
    return made if out is None else write_out(out, made, input)


def _diag(input, diagonal):
    if rank_of(input) == 1:
        n = input._a.shape[0] + abs(diagonal)
        return named(s.diagonal_backward(input, diagonal, (n, n)), "DiagEmbedBackward0")
    if input.dim() != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D")
    return s.diagonal_(input, diagonal).clone()


def trace(input):
    """The sum of the diagonal of a matrix."""
    if rank_of(input) != 2:
        raise RuntimeError("trace: expected a matrix")
    return s.diagonal_(input, 0).sum()


def narrow(input, dim, start, length):
    """``length`` slices from ``start`` on along a dimension, a view.

    Args:
        start: a whole number or a 0-d tensor of one; a negative one counts from the end.

    Raises:
        RuntimeError: a 0-d tensor, a negative length, or more slices than there are.
        IndexError: ``start`` lies outside.
    """
    if not (isinstance(input, Tensor) and isinstance(dim, int) and isinstance(length, int)):
        raise invalid_combination("narrow", (input, dim, start, length), {})
    if not input.dim():
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.dim() or start.dtype.kind != dtypes.INT):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis = one_axis(dim, input.dim())
    n = input._a.shape[axis]
    begin = start.item() if isinstance(start, Tensor) else start
    if not -n <= begin <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {begin})")
    begin = begin + n if begin < 0 else begin
    if begin + length > n:
        raise RuntimeError(f"start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return s.slice_(input, (slice(None),) * axis + (slice(begin, begin + length),))


def narrow_copy(input, dim, start, length, *, out=None):
    """As :func:`narrow`, but a copy.

    Example:
        >>> import plugrad
        >>> plugrad.narrow_copy(plugrad.arange(4), 0, 1, 2)
        tensor([1, 2])
    """
    need_tensors(input)
    if input.dim() and dim >= input.dim():
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be improved? "
            " If so, please report an enhancement request to PyTorch.)"
        )
    if length < 0 and input.dim():
        n = input._a.shape[one_axis(dim, input.dim())]
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    made = named(s.clone_(narrow(input, dim, start, length)), "NarrowCopyBackward0")
    return made if out is None else write_out(out, made, input)


def unfold(input, dimension, size, step):
    """All windows of ``size`` elements along a dimension, ``step`` apart, as a new last dimension.

    Shapes:
        x (..., n, ...) → (..., (n - size) // step + 1, ..., size); a view where the backend has such views.

    Raises:
        RuntimeError: size or step out of range.
    """
    axis = one_axis(dimension, input.dim())
    n = input._a.shape[axis] if input.dim() else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if input.dim() == 0:
        return unsqueeze(input, 0)[:size]
    return (s.unfold_ if input._xp.has_windows else s.unfold_copy_)(input, axis, size, step)


def select(input, dim, index):
    """One slice along a dimension, a view without it."""
    axis = one_axis(dim, rank_of(input))
    if input.dim() == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    n = input._a.shape[axis]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._a.shape)} at dimension {axis}"
        )
    return s.select_(input, (slice(None),) * axis + (index, Ellipsis))


def reversed_dims(input):
    """``x.T``: the dimensions in reverse order."""
    if input.dim() == 2:
        return s.permute_(input, (1, 0))
    if input.dim() == 0:
        warnings.warn(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.",
            UserWarning,
            stacklevel=2,
        )
        return s.permute_(input, ())
    warnings.warn(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
        "future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse "
        "the dimensions of a tensor.",
        UserWarning,
        stacklevel=2,
    )
    return s.permute_(input, tuple(reversed(range(input.dim()))))


METHODS = (
    view, reshape, view_as, reshape_as, flatten, unflatten, ravel, permute, transpose, t, movedim, squeeze, unsqueeze, expand, expand_as,
    broadcast_to, repeat, tile, flip, fliplr, flipud, roll, tril, triu, diagonal, diag, trace, narrow, narrow_copy, select, unfold,
)  # fmt: skip


def install():
    """Give Tensor its shape methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    Tensor.swapaxes = Tensor.swapdims = transpose
    Tensor.moveaxis = movedim
    Tensor.T = property(reversed_dims)
