"""Tensors with a part replaced, and the places of parts."""

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import dtype_of, need_tensors, one_axis, rank_of, shape_of
from ..tensor import Tensor
from ..views import write_out
from ..watching import watch
from . import shape as s
from .index import _outside, _sum


def put(input, index, source, accumulate=False):
    """input with ``source`` written, or added, at places of the flattened tensor.

    Args:
        index: the places.
        source: as many elements.
        accumulate: add instead of writing.

    Raises:
        RuntimeError: dtypes that do not fit.
        IndexError: a place out of range, or another number of elements.

    Example:
        >>> import plugrad
        >>> plugrad.put(plugrad.zeros(2, 2), plugrad.tensor([1, 2]), plugrad.ones(2))
        tensor([[0., 1.],
                [1., 0.]])
    """
    if dtype_of(index) is not dtypes.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_name(input.dtype)} and source.dtype = {scalar_name(source.dtype)}"
        )
    if source.numel() != index.numel():
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    n = input.numel()
    if not index.numel():
        return input.clone()
    found = _outside(input._xp, index._a, n)
    if found is not None:
        raise IndexError(f"out of range: tried to access index {found} on a tensor of {n} elements.")
    x = input.reshape(1) if input.dim() == 0 else input
    key, values = _coordinates(x._xp, index.reshape(-1)._a, tuple(x._a.shape)), source.reshape(-1)
    if accumulate:
        added = watch(s.index_backward(values, key, tuple(x._a.shape)), index)
        made = _sum(x, added)
    else:
        made = watch(s.index_put_(x, values, key), index)
    made = made.reshape(()) if input.dim() == 0 else made
    return named(made, "PutBackward0")


def _coordinates(xp, places, shape):
    """The index arrays of places in a flattened array; places below 0 count from the end."""
    total, found = xp.count(shape, None), []
    places = places % total
    for n in reversed(shape):
        found.insert(0, places % n)
        places = places // n
    return tuple(found)


def masked_scatter(input, mask, source):
    """input with the elements of ``source``, one after the other, where the mask holds.

    Args:
        mask: bools, broadcast to the input.
        source: at least as many elements as the mask has places.

    Raises:
        RuntimeError: no bools, another dtype, or too few elements.

    Example:
        >>> import plugrad
        >>> plugrad.zeros(3).masked_scatter(plugrad.tensor([True, False, True]), plugrad.tensor([1.0, 2.0]))
        tensor([1., 0., 2.])
    """
    from . import elementwise as e
    from .reshaping import broadcast_tensors

    if not isinstance(source, Tensor):
        raise TypeError(f"masked_scatter(): argument 'source' (position 2) must be Tensor, not {type(source).__name__}")
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_name(mask.dtype)}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{scalar_name(input.dtype)} and {scalar_name(source.dtype)}"
        )
    x, m = broadcast_tensors(input, mask)
    if not x.numel():
        return x.clone()
    xp, flat = x._xp, source.reshape(-1)
    numbers = xp.cumulative_sum(xp.astype(xp.reshape(m._a, (m.numel(),)), xp.int64), 0)
    if xp.values_at_hand and int(xp.max(numbers, None, False)) > flat.numel():
        raise RuntimeError("Number of elements of source < number of ones in mask")
    if not flat.numel():
        return x.clone()
    low, high = (xp.full((), n, xp.int64) for n in (0, flat.numel() - 1))
    places = xp.maximum(xp.minimum(numbers - 1, high), low)
    brought = s.index_(flat, (places,)).reshape(x._a.shape)
    return named(watch(e.where_(brought, x, m._a), mask), "MaskedScatterBackward0")


def select_scatter(input, src, dim, index, *, out=None):
    """input with ``src`` in place of one slice along a dimension.

    Raises:
        RuntimeError: src has not the shape of the slice.

    Example:
        >>> import plugrad
        >>> plugrad.select_scatter(plugrad.zeros(2, 2), plugrad.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    made = _select_scatter(input, src, dim, index)
    return made if out is None else write_out(out, made, input, src)


def _select_scatter(input, src, dim, index):
    from .reshaping import select

    part = select(input.detach(), dim, index)
    axis = one_axis(dim, input.dim())
    return _with_part(input, src, part, (slice(None),) * axis + (index, Ellipsis), "SelectBackward0")


def slice_scatter(input, src, dim=0, start=None, end=None, step=1, *, out=None):
    """input with ``src`` in place of the slices start, start + step, ... before end along a dimension.

    Raises:
        RuntimeError: src has not the shape of the slices, or step is below 1.

    Example:
        >>> import plugrad
        >>> plugrad.slice_scatter(plugrad.zeros(3), plugrad.ones(2), start=1)
        tensor([0., 1., 1.])
    """
    made = _slice_scatter(input, src, dim, start, end, step)
    return made if out is None else write_out(out, made, input, src)


def _slice_scatter(input, src, dim, start, end, step):
    axis = one_axis(dim, rank_of(input))
    if not input.dim():
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    key = (slice(None),) * axis + (slice(start, end, step),)
    return _with_part(input, src, input.detach()[key], (*key, Ellipsis), "SliceBackward0")


def _with_part(input, src, part, key, kind):
    _check_part(src, part)
    src = src.to(input.dtype)
    return named(s.copy_slices(input, src, (("slice", (key,)),)), kind.replace("Backward0", "ScatterBackward0"))


def _check_part(src, part):
    if tuple(shape_of(src)) != tuple(part._a.shape):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._a.shape)}, slice size = "
            f"{list(part._a.shape)}"
        )


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1, *, out=None):
    """input with ``src`` on the diagonal of two dimensions.

    Args:
        offset: which diagonal; above the main one where positive.

    Raises:
        RuntimeError: src has not the shape of the diagonal.

    Example:
        >>> import plugrad
        >>> plugrad.diagonal_scatter(plugrad.zeros(2, 2), plugrad.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    made = _diagonal_scatter(input, src, offset, dim1, dim2)
    return made if out is None else write_out(out, made, input, src)


def _diagonal_scatter(input, src, offset, dim1, dim2):
    from .reshaping import diagonal

    need_tensors(input)
    _check_part(src, diagonal(input.detach(), offset, dim1, dim2))
    i, j = one_axis(dim1, input.dim()), one_axis(dim2, input.dim())
    xp, sizes = input._xp, tuple(input._a.shape)
    rows, columns = xp._diagonal_key((sizes[i], sizes[j]), offset)
    key = tuple(rows if d == i else columns if d == j else slice(None) for d in range(input.dim()))
    # The indexed axis stands where the arrays are neighbours, in front where they are not.
    place = min(i, j) if abs(i - j) == 1 else 0
    return named(s.index_put_(input, src.to(input.dtype).movedim(-1, place), key), "DiagonalScatterBackward0")


def argwhere(input):
    """The indices of the nonzero elements, one row each.

    Shapes:
        x (*S) → (count, rank)

    Example:
        >>> import plugrad
        >>> plugrad.argwhere(plugrad.tensor([0, 3, 4]))
        tensor([[1],
                [2]])
    """
    from .reduction import nonzero

    return nonzero(input)


def nonzero_static(input, *, size, fill_value=-1, out=None):
    """The indices of the first ``size`` nonzero elements, as rows; where there are fewer, rows of ``fill_value`` follow.

    Shapes:
        x (*S) → (size, rank)

    Raises:
        RuntimeError: ``size`` is negative.

    Example:
        >>> import plugrad
        >>> plugrad.nonzero_static(plugrad.tensor([0, 3, 4]), size=3)
        tensor([[ 1],
                [ 2],
                [-1]])
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    from .join import cat
    from .reduction import nonzero

    found = nonzero(input)[:size]
    rest = found.new_full((size - found.size(0), found.size(1)), fill_value)
    made = cat([found, rest])
    return made if out is None else write_out(out, made, input)


def unravel_index(indices, shape):
    """The coordinates, one tensor per dimension, of places in a flattened tensor of a shape.

    Args:
        indices: whole numbers.
        shape: an int, or a sequence of ints.

    Raises:
        TypeError: indices or shape are no whole numbers.
        ValueError: a size is negative.

    Example:
        >>> import plugrad
        >>> plugrad.unravel_index(plugrad.tensor(5), (2, 3))
        (tensor(1), tensor(2))
    """
    if indices.dtype is dtypes.bool_ or indices.dtype.kind >= dtypes.FLOAT:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not hasattr(n, "__index__"):
            kind = str if isinstance(shape, str) else type(n)
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {kind}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    found, step = [], 1
    for n in reversed(sizes):
        found.insert(0, indices.div(step, rounding_mode="floor") % n)
        step *= n
    return tuple(found)


METHODS = (argwhere, diagonal_scatter, masked_scatter, nonzero_static, put, select_scatter, slice_scatter)


def install():
    """Give Tensor these, and the in-place forms of two."""
    from .in_place import in_place

    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    for function in (masked_scatter, put):
        setattr(Tensor, function.__name__ + "_", in_place(function, function.__name__ + "_"))
