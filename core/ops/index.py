"""Indexing: what a key means, reading, writing, and the ops by index tensors."""

from .. import dtypes
from ..errors import broadcast_failure, scalar_name, two_devices
from ..naming import named
from ..shapes import broadcast_shapes, dtype_of, need_tensors, numel_of, one_axis, rank_of
from ..slow import SCALARS, is_number
from ..tensor import Tensor
from ..views import store, write_out
from ..watching import watch
from . import shape as s
from .arithmetic import masked_fill
from .key import Key, parse, qualified_name, value_misfit


def getitem(x, key):
    """``x[key]``: a view for ints, slices, None and Ellipsis; a copy where an index is a tensor or a list."""
    if key.__class__ is int and x._a.shape and -x._a.shape[0] <= key < x._a.shape[0]:
        return s.select_(x, (key, Ellipsis))
    if key is None:
        return s.unsqueeze_(x, 0)
    if key.__class__ is Tensor and is_checked_by_library(x, key):
        try:
            return watch(s.index_(x, (key._a,)), key)
        except (IndexError, RuntimeError):
            pass  # the general way finds the words
    found = parse(x, key)
    part = _view(x, found)
    return part if found.arrays is None else watch(s.index_(part, found.arrays), *index_tensors(key))


def is_checked_by_library(x, index):
    """Whether an index tensor needs no look of ours: whole numbers, whose range the array library looks at anyway."""
    xp, a = x._xp, index._a
    return index._xp is xp and xp.checks_indices and a.dtype is xp.int64 and bool(a.shape) and bool(x._a.shape)


def index_tensors(key):
    """The tensors of a key whose own arrays are the index; those of one whole number make a view, bytes are compared first."""
    parts = key if key.__class__ is tuple else (key,)
    return [
        p
        for p in parts
        if isinstance(p, Tensor) and (p._a.shape or p.dtype is dtypes.bool_) and p.dtype is not dtypes.uint8
    ]


def _view(x, found):
    """The basic step of a key."""
    if found.basic is None:
        return x
    return (s.select_ if found.selects else s.slice_)(x, with_ellipsis(found.basic))


def with_ellipsis(raw):
    """The key with an Ellipsis in it: the array libraries then return an array, never a scalar."""
    return raw if any(part is Ellipsis for part in raw) else (*raw, Ellipsis)


def setitem(x, key, value):
    """``x[key] = value``, broadcast and cast; recorded like every in-place op."""
    found = parse(x, key)
    value = _value(x, value)
    part = _view(x, found)
    if found.arrays is None:
        write(part, value, _expansion_error)
        return
    if value._a.shape[:1] == (1,):
        value = _without_leading_ones(value)
    store(part, watch(s.index_put_(part, _cast(value, x), found.arrays), *index_tensors(key)))


def _without_leading_ones(value):
    """A value may have more dimensions than its place, of size 1; not every library takes them."""
    shape = value._a.shape
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return value.reshape(shape[first:])


def _value(x, value):
    """What is to be written as a tensor on the device of ``x``."""
    if not isinstance(value, Tensor):
        if not (isinstance(value, SCALARS) or is_number(value)):
            raise TypeError(f"can't assign a {qualified_name(type(value))} to a {x.type()}")
        from ..create import tensor

        return tensor(value, dtype=None if isinstance(value, complex) else x.dtype, device=x.device)
    if value._xp.device is x._xp.device:
        return value
    if value.dim():
        raise two_devices([x, value])
    return value.to(x.device)


def _cast(value, like):
    """``value`` in the dtype of ``like``."""
    return value if value.dtype is like.dtype else value.to(like.dtype)


def copy_(input, src, non_blocking=False):
    """Write ``src`` (broadcast, cast, from any device) into the memory of ``input``; returns input."""
    return write(input, src, broadcast_failure_of)


def broadcast_failure_of(target, have):
    return broadcast_failure([target, have]) or _expansion_error(target, have)


def write(input, src, misfit):
    """copy_ with a choice of words for shapes that do not fit."""
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    have, target = src._a.shape, input._a.shape
    while len(have) > len(target) and have[0] == 1:
        src = src.reshape(*have[1:])
        have = src._a.shape
    if len(have) > len(target) or any(n not in (1, m) for n, m in zip(reversed(have), reversed(target), strict=False)):
        raise misfit(target, have)
    if input.dtype.kind < dtypes.FLOAT <= src.dtype.kind:
        src = src.detach()
    return store(input, s.overwrite(input, src if src._xp.device is input._xp.device else src.to(input.device)))


def _expansion_error(target, have):
    rank = len(target)
    if len(have) > rank:
        return RuntimeError(
            f"expand(torch.FloatTensor{{{list(have)}}}, size={list(target)}): the number of sizes provided ({rank}) must be greater or "
            f"equal to the number of dimensions in the tensor ({len(have)})"
        )
    for i in range(1, len(have) + 1):
        if have[-i] not in (1, target[-i]):
            return RuntimeError(
                f"The expanded size of the tensor ({target[-i]}) must match the existing size ({have[-i]}) at non-singleton dimension "
                f"{rank - i}.  Target sizes: {list(target)}.  Tensor sizes: {list(have)}"
            )
    return RuntimeError("copy_: shapes do not broadcast")


def _index_array(name, x, index, axis):
    if index.dtype.kind != dtypes.INT:
        raise RuntimeError(f"{name}(): Expected dtype int64 for index")
    return index._a


def gather(input, dim, index, *, out=None):
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on along other dimensions."""
    made = _gather(input, dim, index)
    return made if out is None else write_out(out, made, input, index)


def _gather(input, dim, index):
    axis = one_axis(dim, rank_of(input))
    if not numel_of(index):
        return _nothing(input, index)
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if max(index.dim(), 1) != max(input.dim(), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for i, (n, m) in enumerate(zip(index._a.shape, input._a.shape, strict=False)):
        if i != axis and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index._a.shape)} to be no larger than self "
                f"{list(input._a.shape)} apart from dimension {axis}"
            )
    _check_gather(input, index, axis)
    if input.dim() and index.dim():
        return watch(s.gather_(input, index._a, axis), index)
    made = s.gather_(input.reshape(-1), index.reshape(-1)._a, 0)
    return named(watch(made, index).reshape(index._a.shape), "GatherBackward0")


def _nothing(input, index):
    """What is gathered by no indices; their dtype does not matter then."""
    picked = s.gather_(input.reshape(-1), input._xp.zeros((0,), input._xp.int64), 0)
    return named(picked.reshape(index._a.shape), "GatherBackward0")


def _check_gather(input, index, axis):
    n = input._a.shape[axis] if input.dim() else 1
    found = _outside(input._xp, index._a, n, 0)
    if found is not None:
        raise RuntimeError(f"index {found} is out of bounds for dimension {axis} with size {n}")


def index_select(input, dim, index, *, out=None):
    """The slices along a dimension that ``index`` lists."""
    made = _index_select(input, dim, index)
    return made if out is None else write_out(out, made, input, index)


def _index_select(input, dim, index):
    axis = one_axis(dim, rank_of(input))
    if rank_of(index) > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if input.dim() == 0:
        return named(input.clone(), "IndexSelectBackward0")
    _check_select(input, index, axis)
    picked = s.index_(input, (slice(None),) * axis + (index.reshape(-1)._a,))
    return watch(named(picked, "IndexSelectBackward0"), index)


def _check_select(input, index, axis):
    if _outside(input._xp, index._a, input._a.shape[axis]) is not None:
        raise IndexError("index out of range in self")


def take(input, index, *, out=None):
    """Elements of the flattened tensor."""
    made = _take(input, index)
    return made if out is None else write_out(out, made, input, index)


def _take(input, index):
    if dtype_of(index) is not dtypes.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    n = input.numel()
    found = _outside(input._xp, index._a, n)
    if found is not None:
        raise IndexError(f"out of range: tried to access index {found} on a tensor of {n} elements.")
    if not index.dim():
        return named(watch(s.index_(input.reshape(-1), (index.reshape(1)._a,)), index).reshape(()), "TakeBackward0")
    return watch(named(s.index_(input.reshape(-1), (index._a,)), "TakeBackward0"), index)


def _outside(xp, a, n, low=None):
    """An entry of an index array below ``low`` (default -n) or above n - 1, or None; looked for only where that makes nobody wait."""
    if not xp.values_at_hand or not isinstance(a, xp.array_type) or 0 in a.shape:
        return None
    least, most = int(xp.min(a, None, False)), int(xp.max(a, None, False))
    return most if most >= n else least if least < (-n if low is None else low) else None


def masked_select(input, mask, *, out=None):
    """The elements where the mask holds, in one dimension."""
    made = _masked_select(input, mask)
    return made if out is None else write_out(out, made, input, mask)


def _masked_select(input, mask):
    if dtype_of(mask) is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    from .reshaping import broadcast_tensors

    x, m = broadcast_tensors(input, mask)
    return watch(named(s.index_(x, (m._a,)), "MaskedSelectBackward0"), mask)


def _along(x, dim, index):
    axis = one_axis(dim, x.dim())
    return (slice(None),) * axis + (index.reshape(-1)._a,)


def _with_dimension(name, function, input, *parts):
    """``function`` of a 0-dim input and of its parts as vectors of one element, the result 0-dim again."""
    raised = [p.reshape(-1) if isinstance(p, Tensor) else p for p in parts]
    return named(function(input.reshape(1), 0, *raised).reshape(()), name)


def index_add(input, dim, index, source, *, alpha=1, out=None):
    """input with alpha · source added at the slices that ``index`` lists; repeated ones add up."""
    _check_index_add(input, dim, index, source)
    if input.dim() == 0:
        made = _with_dimension("IndexAddBackward0", index_add, input, index, source * alpha)
        return made if out is None else write_out(out, made, input, source)
    _check_gather(input, index, one_axis(dim, input.dim()))
    key, scaled = _along(input, dim, index), source * alpha if alpha != 1 else source
    added = watch(s.index_backward(scaled, key, tuple(input._a.shape)), index)
    made = watch(named(_sum(input, added), "IndexAddBackward0"), index)
    return made if out is None else write_out(out, made, input, source)


def _sum(x, added):
    """Their sum; of bools, whether one holds."""
    return x.logical_or(added) if x.dtype is dtypes.bool_ else x + added


def _unlike_source(have, given):
    return RuntimeError(
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
        f"{have} source.shape = {given}"
    )


def _check_index_add(input, dim, index, source):
    if index.dim() > 1:
        raise IndexError(
            f"index_add_(): Index is supposed to be a vector, but got dim: {index.dim()} with type: {scalar_name(index.dtype)} "
            f"and size: {list(index._a.shape)}"
        )
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {scalar_name(index.dtype)}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"index_add_(): self ({scalar_name(input.dtype)}) and source ({scalar_name(source.dtype)}) must have the same scalar type"
        )
    if source.dim() and source.size(dim) != index.numel():
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({source.size(dim)}), for dim: {dim}"
        )
    axis, have, given = one_axis(dim, input.dim()), list(input._a.shape), list(source._a.shape)
    if input.dim() and have[:axis] + have[axis + 1 :] != given[:axis] + given[axis + 1 :]:
        raise _unlike_source(have, given)


def index_copy(input, dim, index, source, *, out=None):
    """input with ``source`` written at the slices that ``index`` lists."""
    axis = one_axis(dim, input.dim())
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_name(input.dtype)} and (source) {scalar_name(source.dtype)}"
        )
    if source.dim() and source._a.shape[axis] != index.numel():
        raise IndexError(
            f"index_copy_(): Number of indices ({index.numel()}) should be equal to source.size(dim) ({source._a.shape[axis]})"
        )
    _check_along("index_copy_(): ", input, axis, index)
    if input.dim() == 0:
        made = _with_dimension("IndexCopyBackward0", index_copy, input, index, source)
    else:
        made = named(s.index_put_(input, source, _along(input, dim, index)), "IndexCopyBackward0")
    made = watch(made, index)
    return made if out is None else write_out(out, made, input, source)


def _check_along(prefix, input, axis, index):
    n = input._a.shape[axis] if input.dim() else 1
    found = _outside(input._xp, index._a, n)
    if found is not None:
        raise IndexError(f"{prefix}index {found} is out of bounds for dimension {axis} with size {n}")


def index_fill(input, dim, index, value):
    """input with ``value`` at the slices that ``index`` lists."""
    from ..create import full
    from .elementwise import where_

    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.dim()} dimension(s)."
        )
    if index.dtype is not dtypes.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.dim() > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    _check_along("", input, one_axis(dim, input.dim()), index)
    is_tensor = isinstance(value, Tensor)
    filling = value.to(input.dtype) if is_tensor else full((), value, dtype=input.dtype, device=input.device)
    xp, x = input._xp, input if input.dim() else input.reshape(1)
    # By a mask, as a slice that is listed twice still holds the value once.
    chosen = xp.index_put(xp.zeros(tuple(x._a.shape), xp.bool), xp.full((), True, xp.bool), _along(x, dim, index))
    made = watch(where_(filling, x, chosen), index)
    made = made if input.dim() else made.reshape(())
    return named(made, "IndexFillBackward1" if is_tensor else "IndexFillBackward0")


def index_put(input, indices, values, accumulate=False):
    """input with ``values`` written, or added, at the given index tensors."""
    key, kept = parse(input, tuple(indices)).arrays, index_tensors(tuple(indices))
    if values._a.shape[:1] == (1,) and values.dim() > len(input._xp.getitem(input._a, key).shape):
        raise value_misfit(
            input, values, key
        )  # the array libraries let these ones fall away, with the gradient's shape
    if not accumulate:
        return watch(s.index_put_(input, values, key), *kept)
    target = input._xp.getitem(input._a, key).shape
    added = watch(s.index_backward(values.expand(*target).clone(), key, tuple(input._a.shape)), *kept)
    return watch(named(_sum(input, added), "IndexPutBackward0"), *kept)


def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """input with ``src``, a tensor or a number, written at ``index`` along a dimension.

    Args:
        reduce: "add" or "multiply" instead of writing; "multiply" has no derivative.
    """
    from .scatter import check_scatter, fitting

    filling = src if value is None else value
    axis = one_axis(dim, rank_of(input))
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    check_scatter(input, axis, index, filling)
    if not index.numel():
        made = named(input.clone(), "ScatterBackward0")
    else:
        x, i, y = fitting(input, index, _spread(input, index, filling))
        made = _scattered(x, axis, i, y, reduce)
        made = made.reshape(()) if input.dim() == 0 else made
        made = watch(named(made, "ScatterBackward0" if isinstance(filling, Tensor) else "ScatterBackward1"), index)
    return made if out is None else write_out(out, made, input)


def _spread(input, index, filling):
    from ..create import full

    if isinstance(filling, Tensor):
        return filling
    return full((), filling, dtype=input.dtype, device=input.device).expand(*index._a.shape)


def _scattered(x, axis, index, y, reduce):
    from .scatter import scatter_reduce
    from .underived import underived

    if reduce is None:
        return watch(s.index_put_(x, y, x._xp.along(x._a.shape, index._a, axis)), index)
    made = scatter_reduce(x.detach(), axis, index, y.detach(), "sum" if reduce == "add" else "prod")
    return underived(made, (x, y), "derivative for aten::scatter is not implemented")


def scatter_add(input, dim, index, src, *, out=None):
    """input with ``src`` added at ``index`` along a dimension; repeated places add up."""
    from .scatter import check_scatter, fitting

    axis = one_axis(dim, input.dim())
    check_scatter(input, axis, index, src)
    if not index.numel():
        made = input.clone()
    else:
        x, i, y = fitting(input, index, src)
        added = watch(s.gather_backward(y, i._a, axis, tuple(x._a.shape)), index)
        made = _sum(x, added)
        made = made.reshape(()) if input.dim() == 0 else made
    made = watch(named(made, "ScatterAddBackward0"), index)
    return made if out is None else write_out(out, made, input, src)


def take_along_dim(input, indices, dim=None, *, out=None):
    """As gather, with the other dimensions broadcast; indices below 0 count from the end."""
    if dim is None:
        need_tensors(input, indices)
        made = gather(input.reshape(-1), 0, _from_start(indices.reshape(-1), input.numel()))
    else:
        if dtype_of(indices) is not dtypes.int64:
            raise RuntimeError(
                f"torch.take_along_dim(): dtype of indices should be Long but got {scalar_name(indices.dtype)}"
            )
        axis = one_axis(dim, input.dim())
        x, i = _aligned(input, indices, axis)
        made = gather(x, axis, _from_start(i, input._a.shape[axis]))
    return made if out is None else write_out(out, made, input)


def _from_start(indices, n):
    from .elementwise import where_

    return where_(indices + n, indices, (indices < 0)._a)


def _aligned(input, indices, axis):
    if indices.dim() != input.dim():
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.dim()} dimensions for input, and {indices.dim()} dimensions for indices"
        )
    shape = broadcast_shapes(*([1 if i == axis else n for i, n in enumerate(t._a.shape)] for t in (input, indices)))
    wide, narrow = ([t._a.shape[axis] if i == axis else n for i, n in enumerate(shape)] for t in (input, indices))
    return input.expand(*wide), indices.expand(*narrow)


METHODS = (
    gather, index_select, take, masked_select, index_add, index_copy, index_fill, index_put, scatter, scatter_add, take_along_dim,
)  # fmt: skip


def install():
    """Give Tensor its indexing."""
    Tensor.__getitem__ = getitem
    Tensor.__setitem__ = setitem
    Tensor.copy_ = copy_
    for function in METHODS:
        setattr(Tensor, function.__name__, function)


__all__ = ["Key", "copy_", "gather", "getitem", "masked_fill", "parse", "setitem"]
