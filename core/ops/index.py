"""Indexing: what a key means, reading, writing, and the ops by index tensors."""

import warnings

from .. import dtypes
from ..errors import broadcast_failure
from ..shapes import one_axis
from ..tensor import Tensor, wrap
from ..views import store
from . import shape as s
from .arithmetic import masked_fill

BASIC = (int, slice, type(None), type(Ellipsis))


class Key:
    """A parsed key: basic (a view) or advanced (arrays inside), with its raw form."""

    __slots__ = ("advanced", "raw", "selects")

    def __init__(self, raw, advanced, selects):
        self.raw = raw
        self.advanced = advanced
        self.selects = selects


def parse(x, key):
    """Check a key against the shape of ``x`` and turn tensors and lists into raw index arrays."""
    parts = key if key.__class__ is tuple else (key,)
    shape = x._a.shape
    used = sum(_width(p) for p in parts)
    if used > len(shape):
        raise IndexError(
            f"too many indices for tensor of dimension {len(shape)}"
            if not (len(shape) == 0 and len(parts) == 1)
            else "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor "
            "to a number"
        )
    raw, advanced, selects, axis = [], False, False, 0
    for part in parts:
        if part is Ellipsis:
            raw.append(part)
            axis += len(shape) - used
        elif part is None:
            raw.append(part)
        elif part.__class__ is slice:
            raw.append(_slice(part))
            axis += 1
        elif part.__class__ is int:
            _bound(part, axis, shape)
            raw.append(part)
            selects = True
            axis += 1
        else:
            made, width = _array(x, part, axis, shape)
            if made.__class__ is int:
                selects = True
            else:
                advanced = True
            raw.append(made)
            axis += width
    return Key(tuple(raw), advanced, selects)


def _width(part):
    if part is None or part is Ellipsis or part.__class__ is bool:
        return 0
    if isinstance(part, Tensor) and part._a.dtype in (part._xp.bool, part._xp.uint8):
        return max(part.dim(), 0)
    return 1


def _slice(part):
    if part.step is not None and part.step.__index__() <= 0:
        raise ValueError("step must be greater than zero")
    return slice(*(None if v is None else v.__index__() for v in (part.start, part.stop, part.step)))


def _bound(i, axis, shape):
    n = shape[axis]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {axis} with size {n}")


def _array(x, part, axis, shape):
    """(raw index array or int, number of dimensions it takes up)."""
    xp = x._xp
    if part.__class__ is bool:
        return xp.full((), part, xp.bool), 0
    if isinstance(part, Tensor):
        return _tensor_index(x, part, axis, shape)
    if hasattr(part, "__index__") and not hasattr(part, "__len__"):
        i = part.__index__()
        _bound(i, axis, shape)
        return i, 1
    if isinstance(part, (list, tuple, range)) or hasattr(part, "__array__"):
        from ..create import tensor

        listed = list(part) if not hasattr(part, "__array__") else part
        index = tensor(listed, device=x.device)
        if index.numel() == 0:
            index = index.to(dtypes.int64)
        return _tensor_index(x, index, axis, shape)
    raise IndexError(
        f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {type(part).__name__})"
    )


def _tensor_index(x, index, axis, shape):
    xp = x._xp
    if index._xp is not xp:
        if index._xp.device_type != "cpu":
            raise RuntimeError(
                f"indices should be either on cpu or on the same device as the indexed tensor ({x.device})"
            )
        index = index.to(x.device)
    d = index.dtype
    if d is dtypes.bool_:
        for i, n in enumerate(index._a.shape):
            if shape[axis + i] != n:
                raise IndexError(
                    f"The shape of the mask {list(index._a.shape)} at index {i} does not match the shape of the indexed tensor "
                    f"{list(shape)} at index {axis + i}"
                )
        return index._a, index.dim()
    if d.kind != dtypes.INT:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if index.dim() == 0 and xp.device_type == "cpu":
        i = index.item()
        _bound(i, axis, shape)
        return i, 1
    if d is dtypes.uint8:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
            UserWarning,
            stacklevel=4,
        )
        return (index != 0)._a, index.dim()
    check_range(xp, index._a, shape[axis], axis)
    return index._a, 1


def check_range(xp, a, n, axis):
    """Raise for an index array with entries outside [-n, n); only where looking costs no device sync."""
    if xp.device_type == "cpu" and a.size and (int(xp.min(a, None, False)) < -n or int(xp.max(a, None, False)) >= n):
        host = xp.to_host(a).reshape(-1)
        bad = next(int(i) for i in host if not -n <= i < n)
        raise IndexError(f"index {bad} is out of bounds for dimension {axis} with size {n}")


def getitem(x, key):
    """``x[key]``: a view for ints, slices, None and Ellipsis; a copy where an index is a tensor or a list."""
    if key.__class__ is int and x._a.shape and -x._a.shape[0] <= key < x._a.shape[0]:
        return s.select_(x, (key, Ellipsis))
    found = parse(x, key)
    if found.advanced:
        return s.index_(x, found.raw)
    return (s.select_ if found.selects else s.slice_)(x, with_ellipsis(found.raw))


def with_ellipsis(raw):
    """The key with an Ellipsis in it: the array libraries then return an array, never a scalar."""
    return raw if any(part is Ellipsis for part in raw) else (*raw, Ellipsis)


def setitem(x, key, value):
    """``x[key] = value``, broadcast and cast; recorded like every in-place op."""
    found = parse(x, key)
    if not isinstance(value, Tensor):
        from ..create import tensor

        value = tensor(value, dtype=None if isinstance(value, complex) else x.dtype, device=x.device)
    elif value._xp is not x._xp:
        if value.dim():
            from ..errors import two_devices

            raise two_devices([x, value])
        value = value.to(x.device)
    if found.advanced:
        if value.dtype is not x.dtype:
            value = value.to(x.dtype)
        _check_value_shape(x, found.raw, value)
        store(x, s.index_put_(x, value, found.raw))
        return
    copy_((s.select_ if found.selects else s.slice_)(x, with_ellipsis(found.raw)), value)


def _check_value_shape(x, raw, value):
    target = x._xp.getitem(x._a, raw).shape
    have = value._a.shape
    padded = tuple(have)
    while len(padded) > len(target) and padded[0] == 1:
        padded = padded[1:]
    if len(padded) > len(target) or any(
        n not in (1, m) for n, m in zip(reversed(padded), reversed(target), strict=False)
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape {list(target)}"
        )


def copy_(input, src, non_blocking=False):
    """Write ``src`` (broadcast, cast, from any device) into the memory of ``input``; returns input."""
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    have, target = src._a.shape, input._a.shape
    while len(have) > len(target) and have[0] == 1:
        src = src.reshape(*have[1:])
        have = src._a.shape
    if len(have) > len(target) or any(n not in (1, m) for n, m in zip(reversed(have), reversed(target), strict=False)):
        raise broadcast_failure([target, have]) or _expansion_error(target, have)
    return store(input, s.overwrite(input, src if src._xp is input._xp else src.to(input.device)))


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
    return s.gather_(input, index._a, axis)


def _check_gather(input, index, axis):
    xp = input._xp
    n = input._a.shape[axis]
    if xp.device_type == "cpu" and index.numel():
        low, high = int(xp.min(index._a, None, False)), int(xp.max(index._a, None, False))
        if low < 0 or high >= n:
            raise RuntimeError(
                f"index {high if high >= n else low} is out of bounds for dimension {axis} with size {n}"
            )


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
    return s.index_(input, (slice(None),) * axis + (index.reshape(-1)._a,))


def _check_select(input, index, axis):
    xp, n = input._xp, input._a.shape[axis]
    if xp.device_type == "cpu" and index.numel():
        low, high = int(xp.min(index._a, None, False)), int(xp.max(index._a, None, False))
        if low < 0 or high >= n:
            raise IndexError("index out of range in self")


def take(input, index):
    """Elements of the flattened tensor."""
    if index.dtype is not dtypes.int64:
        from ..errors import scalar_name

        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    return getitem(input.reshape(-1), index)


def masked_select(input, mask):
    """The elements where the mask holds, in one dimension."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    from .reshaping import broadcast_tensors

    x, m = broadcast_tensors(input, mask)
    return s.index_(x, (m._a,))


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
    return input + s.index_backward(source * alpha if alpha != 1 else source, key, input._a.shape)


def index_copy(input, dim, index, source):
    """input with ``source`` written at the slices that ``index`` lists."""
    return s.index_put_(input, source, _along(input, dim, index))


def index_fill(input, dim, index, value):
    """input with ``value`` at the slices that ``index`` lists."""
    from ..create import full

    filling = value if isinstance(value, Tensor) else full((), value, dtype=input.dtype, device=input.device)
    return s.index_put_(input, filling, _along(input, dim, index))


def index_put(input, indices, values, accumulate=False):
    """input with ``values`` written, or added, at the given index tensors."""
    key = parse(input, tuple(indices)).raw
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
    return s.index_put_(input, filling, input._xp.along(input._a.shape, index._a, axis))


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


__all__ = ["Key", "copy_", "gather", "getitem", "masked_fill", "parse", "setitem", "wrap"]
