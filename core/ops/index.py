"""Indexing: what a key means, reading, writing, and the ops by index tensors."""

from .. import dtypes
from ..errors import broadcast_failure, two_devices
from ..naming import named
from ..shapes import one_axis
from ..slow import SCALARS, is_number
from ..tensor import Tensor
from ..views import store
from ..watching import watch
from . import shape as s
from .arithmetic import masked_fill
from .key import Key, parse, qualified_name


def getitem(x, key):
    """``x[key]``: a view for ints, slices, None and Ellipsis; a copy where an index is a tensor or a list."""
    if key.__class__ is int and x._a.shape and -x._a.shape[0] <= key < x._a.shape[0]:
        return s.select_(x, (key, Ellipsis))
    if key is None:
        return s.unsqueeze_(x, 0)
    found = parse(x, key)
    part = _view(x, found)
    return part if found.arrays is None else watch(s.index_(part, found.arrays), *index_tensors(key))


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
    store(part, watch(s.index_put_(part, _cast(value, x), found.arrays), *index_tensors(key)))


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


def gather(input, dim, index):
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on along other dimensions."""
    axis = one_axis(dim, input.dim())
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if index.dim() != input.dim():
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for i, (n, m) in enumerate(zip(index._a.shape, input._a.shape, strict=True)):
        if i != axis and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index._a.shape)} to be no larger than self "
                f"{list(input._a.shape)} apart from dimension {axis}"
            )
    if input.dim() == 0:
        return input.clone()
    _check_gather(input, index, axis)
    return watch(s.gather_(input, index._a, axis), index)


def _check_gather(input, index, axis):
    n = input._a.shape[axis] if input.dim() else 1
    found = _outside(input._xp, index._a, n, 0)
    if found is not None:
        raise RuntimeError(f"index {found} is out of bounds for dimension {axis} with size {n}")


def index_select(input, dim, index):
    """The slices along a dimension that ``index`` lists."""
    axis = one_axis(dim, input.dim())
    if index.dim() > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if input.dim() == 0:
        return input.clone()
    _check_select(input, index, axis)
    picked = s.index_(input, (slice(None),) * axis + (index.reshape(-1)._a,))
    return watch(named(picked, "IndexSelectBackward0"), index)


def _check_select(input, index, axis):
    if _outside(input._xp, index._a, input._a.shape[axis]) is not None:
        raise IndexError("index out of range in self")


def take(input, index):
    """Elements of the flattened tensor."""
    if index.dtype is not dtypes.int64:
        from ..errors import scalar_name

        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    n = input.numel()
    found = _outside(input._xp, index._a, n)
    if found is not None:
        raise IndexError(f"out of range: tried to access index {found} on a tensor of {n} elements.")
    return getitem(input.reshape(-1), index)


def _outside(xp, a, n, low=None):
    """An entry of an index array below ``low`` (default -n) or above n - 1, or None; looked for only where that makes nobody wait."""
    if not xp.values_at_hand or not isinstance(a, xp.array_type) or 0 in a.shape:
        return None
    least, most = int(xp.min(a, None, False)), int(xp.max(a, None, False))
    return most if most >= n else least if least < (-n if low is None else low) else None


def masked_select(input, mask):
    """The elements where the mask holds, in one dimension."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    from .reshaping import broadcast_tensors

    x, m = broadcast_tensors(input, mask)
    return watch(named(s.index_(x, (m._a,)), "MaskedSelectBackward0"), mask)


def _along(x, dim, index):
    axis = one_axis(dim, x.dim())
    return (slice(None),) * axis + (index._a,)


def index_add(input, dim, index, source, *, alpha=1):
    """input with alpha · source added at the slices that ``index`` lists; repeated ones add up."""
    key = _along(input, dim, index)
    if source.dtype is not input.dtype:
        from ..errors import scalar_name

        raise RuntimeError(
            f"index_add_(): self ({scalar_name(input.dtype)}) and source ({scalar_name(source.dtype)}) must have the same scalar type"
        )
    if source.dim() and source.size(dim) != index.numel():
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({source.size(dim)}), for dim: {dim}"
        )
    _check_gather(input, index, one_axis(dim, input.dim()))
    return input + s.index_backward(source * alpha if alpha != 1 else source, key, input._a.shape)


def index_copy(input, dim, index, source):
    """input with ``source`` written at the slices that ``index`` lists."""
    axis = one_axis(dim, input.dim())
    if source.dim() and source._a.shape[axis] != index.numel():
        raise IndexError(
            f"index_copy_(): Number of indices ({index.numel()}) should be equal to source.size(dim) ({source._a.shape[axis]})"
        )
    _check_along("index_copy_(): ", input, axis, index)
    return named(s.index_put_(input, source, _along(input, dim, index)), "IndexCopyBackward0")


def _check_along(prefix, input, axis, index):
    n = input._a.shape[axis] if input.dim() else 1
    found = _outside(input._xp, index._a, n)
    if found is not None:
        raise IndexError(f"{prefix}index {found} is out of bounds for dimension {axis} with size {n}")


def index_fill(input, dim, index, value):
    """input with ``value`` at the slices that ``index`` lists."""
    from ..create import full

    _check_along("", input, one_axis(dim, input.dim()), index)
    filling = value if isinstance(value, Tensor) else full((), value, dtype=input.dtype, device=input.device)
    return s.index_put_(input, filling, _along(input, dim, index))


def index_put(input, indices, values, accumulate=False):
    """input with ``values`` written, or added, at the given index tensors."""
    key = parse(input, tuple(indices)).arrays
    if not accumulate:
        return s.index_put_(input, values, key)
    target = input._xp.getitem(input._a, key).shape
    return input + s.index_backward(values.expand(*target).clone(), key, input._a.shape)


def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """input with ``src`` written at ``index`` along a dimension.

    Raises:
        NotImplementedError: ``reduce`` is given.
    """
    if reduce is not None:
        raise NotImplementedError("scatter: reduce= is not supported; use scatter_add")
    filling = src if value is None else value
    if not isinstance(filling, Tensor):
        from ..create import full

        filling = full((), filling, dtype=input.dtype, device=input.device)
    else:
        filling = filling[tuple(slice(0, n) for n in index._a.shape)]
    axis = one_axis(dim, input.dim())
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    _check_gather(input, index, axis)
    return named(s.index_put_(input, filling, input._xp.along(input._a.shape, index._a, axis)), "ScatterBackward0")


def scatter_add(input, dim, index, src):
    """input with ``src`` added at ``index`` along a dimension; repeated places add up."""
    axis = one_axis(dim, input.dim())
    _check_gather(input, index, axis)
    part = src[tuple(slice(0, n) for n in index._a.shape)]
    return input + s.gather_backward(part, index._a, axis, input._a.shape)


def take_along_dim(input, indices, dim=None):
    """As gather, with the other dimensions broadcast."""
    if dim is None:
        return input.reshape(-1)[indices.reshape(-1)]
    axis = one_axis(dim, input.dim())
    shape = [max(n, m) for n, m in zip(input._a.shape, indices._a.shape, strict=True)]
    wide = [input._a.shape[i] if i == axis else n for i, n in enumerate(shape)]
    narrow = [indices._a.shape[i] if i == axis else n for i, n in enumerate(shape)]
    return gather(input.expand(*wide), axis, indices.expand(*narrow))


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
