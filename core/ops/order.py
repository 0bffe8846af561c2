"""Searching in sorted sequences, and distinct values."""

from .. import dtypes
from ..errors import scalar_name
from ..shapes import dtype_of, need_tensors, one_axis, rank_of
from ..slow import result_type
from ..tensor import Tensor, wrap
from ..views import write_out
from .underived import underived


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Where each value would have to be inserted into a sequence so that it stays sorted.

    Args:
        sorted_sequence: rising along its last dimension.
        input: the values, or one number.
        out_int32: give int32 instead of int64.
        right: the last such place, not the first.
        side: "left" or "right", the same in words.
        sorter: the indices that sort a sequence that is not sorted.

    Shapes:
        sequence (n) and values (*S) → (*S); sequence (*B, n) and values (*B, m) → (*B, m)

    Raises:
        RuntimeError: shapes that do not fit, or contradicting sides.

    Example:
        >>> import plugrad
        >>> plugrad.searchsorted(plugrad.tensor([1, 3, 5]), plugrad.tensor([3, 4]))
        tensor([1, 2])
    """
    _check_side(side, right)
    values, is_number = input, not isinstance(input, Tensor)
    if is_number:
        from ..create import tensor

        need_tensors(sorted_sequence)
        values = tensor(input, device=sorted_sequence.device)
    _check_shapes(sorted_sequence, values, is_number)
    edges = sorted_sequence if sorter is None else _sorted_by(sorted_sequence, sorter)
    made = _places(edges, values, right or side == "right", out_int32)
    if out is not None and out.dtype is not made.dtype:
        raise RuntimeError(
            "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
            f"out_int32 flag is True, but we got output tensor's dtype {scalar_name(out.dtype)} and out_int32 flag is {out_int32}"
        )
    return made if out is None else write_out(out, made)


def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The number of the bucket that each value falls into: bucket i ends at ``boundaries[i]``.

    Args:
        input: the values, or one number.
        boundaries: rising, in one dimension.
        out_int32: give int32 instead of int64.
        right: a value on a boundary belongs to the bucket behind it.

    Raises:
        RuntimeError: the boundaries have not one dimension.

    Example:
        >>> import plugrad
        >>> plugrad.bucketize(plugrad.tensor([1, 2]), plugrad.tensor([1, 3]))
        tensor([0, 1])
    """
    if rank_of(boundaries) != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def _check_side(side, right):
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )


def _check_shapes(edges, values, is_number):
    if rank_of(edges) == 0:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    have, asked = list(edges._a.shape), list(values._a.shape)
    if edges.dim() == 1:
        return
    if not asked:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({len(have)}) and input value's dim(0) numel(1)"
        )
    if len(have) != len(asked) or have[:-1] != asked[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {have} and input value tensor {asked}"
        )


def _sorted_by(edges, sorter):
    if list(sorter._a.shape) != list(edges._a.shape):
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(edges._a.shape)}and got sorter tensor {list(sorter._a.shape)}"
        )
    if sorter.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {scalar_name(sorter.dtype)}"
        )
    if sorter.numel() and edges._xp.outside(sorter._a, edges._a.shape[-1]):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")
    return edges.detach().gather(-1, sorter)


def _places(edges, values, right, out_int32):
    common = result_type((edges, values))
    if common is dtypes.bool_ or common.is_complex:
        raise NotImplementedError(f"\"searchsorted_out_cpu\" not implemented for '{scalar_name(common)}'")
    edges, values = edges.detach().to(common), values.detach().to(common)
    xp, shape = edges._xp, tuple(values._a.shape)
    asked = values._a
    if edges.dim() == 1:
        asked = xp.reshape(asked, (values.numel(),))
    found = xp.reshape(xp.wrap(xp.places_in(edges._a, asked, right)), shape)
    return wrap(Tensor, xp, xp.astype(found, xp.int32) if out_int32 else found, None)


def msort(input, *, out=None):
    """The values sorted along the first dimension, in rising order.

    Example:
        >>> import plugrad
        >>> plugrad.msort(plugrad.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    from .reduction import sort

    made = sort(input, 0)[0]
    return made if out is None else write_out(out, made, input)


# --- distinct values ---
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct values in rising order, or the distinct slices along a dimension in lexical order.

    Args:
        sorted: the result is sorted in any case.
        return_inverse: also where each element's value stands in the result.
        return_counts: also how often each value occurs.
        dim: the dimension, None for the single elements.

    Raises:
        RuntimeError: a gradient is asked for.

    Example:
        >>> import plugrad
        >>> plugrad.unique(plugrad.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    found = _distinct(input, dim, in_order=False)
    name = "_unique2" if dim is None else "unique_dim"
    return _with_history(input, found, name, "Unique2" if dim is None else "UniqueDim", return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The values without those that repeat their predecessor.

    Args:
        return_inverse: also where each element's value stands in the result.
        return_counts: also how long each run is.
        dim: compare slices along this dimension; None for the single elements.

    Raises:
        RuntimeError: a gradient is asked for.

    Example:
        >>> import plugrad
        >>> plugrad.unique_consecutive(plugrad.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    found = _distinct(input, dim, in_order=True)
    return _with_history(input, found, "unique_consecutive", "UniqueConsecutive", return_inverse, return_counts)


def _with_history(input, found, op, node, return_inverse, return_counts):
    values, inverse, counts = found
    message = f"the derivative for '{op}' is not implemented."
    values = underived(values, (input,), message, f"{node}Backward0", NotImplementedError)
    made = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return made if len(made) > 1 else values


def _distinct(input, dim, in_order):
    """(values, inverse, counts)."""
    if dtype_of(input).is_complex:
        op = "unique" if dim is None else "unique_dim"
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")
    xp, plain = input._xp, input.detach()
    plain = plain.to(dtypes.uint8) if input.dtype is dtypes.bool_ else plain
    axis = None if dim is None else one_axis(dim, input.dim())
    moved = plain.reshape(-1) if axis is None or not input.dim() else plain.movedim(axis, 0)
    rows = moved.reshape(moved.size(0), moved.numel() // max(moved.size(0), 1))
    if axis is not None and not rows.numel() and rows.size(0):
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    order = None if in_order else _lexical_order(xp, rows._a)
    starts, inverse, counts = _groups(xp, rows._a, order)
    picked = starts if order is None else xp.getitem(order, (starts,))
    values = wrap(Tensor, xp, xp.getitem(moved._a, (picked,)), None).to(input.dtype)
    values = values if axis is None or not input.dim() else values.movedim(0, axis)
    inverse = wrap(Tensor, xp, inverse, None)
    return values, inverse.reshape(input._a.shape) if axis is None else inverse, wrap(Tensor, xp, counts, None)


def _lexical_order(xp, rows):
    """The order of rows by their first column, then the second ...: stable sorts from the last column on."""
    n, m = rows.shape
    order = xp.arange(0, n, 1, xp.int64)
    for j in reversed(range(m)):
        column = xp.getitem(xp.reshape(xp.part(rows, 1, j, j + 1), (n,)), (order,))
        order = xp.getitem(order, (xp.astype(xp.argsort(column, 0), xp.int64),))
    return order


def _groups(xp, rows, order):
    """(where each run of equal rows starts, the run of each row, how long each run is)."""
    n = rows.shape[0]
    if not n:
        nothing = xp.zeros((0,), xp.int64)
        return nothing, nothing, nothing
    rows = rows if order is None else xp.getitem(rows, (order,))
    differs = xp.any(xp.part(rows, 0, 1, n) != xp.part(rows, 0, 0, n - 1), (1,), False)
    changes = xp.concat([xp.full((1,), True, xp.bool), differs], 0)
    starts = xp.astype(xp.nonzero(changes)[0], xp.int64)
    inverse = xp.cumulative_sum(xp.astype(changes, xp.int64), 0) - 1
    if order is not None:
        placed = xp.zeros((n,), xp.int64)
        xp.setitem(placed, (order,), inverse)
        inverse = placed
    ends = xp.concat([xp.part(starts, 0, 1, starts.shape[0]), xp.full((1,), n, xp.int64)], 0)
    return starts, inverse, ends - starts


METHODS = (msort, unique, unique_consecutive)


def install():
    """Give Tensor its sorts and distinct values."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
