"""What an index key means, by torch's rules, and the words for keys that mean nothing."""

import warnings

from .. import dtypes
from ..errors import no_tensor
from ..tensor import Tensor


class Key:
    """A parsed key, in torch's two steps: a basic one, which gives a view, and index arrays into that view.

    Attributes:
        basic: ints, slices, None and Ellipsis, or None where that step would change nothing.
        arrays: raw index arrays, slices between them, or None where there are no arrays.
        selects: whether an int is among the basic ones.
    """

    __slots__ = ("arrays", "basic", "selects")

    def __init__(self, basic, arrays, selects):
        self.basic = basic
        self.arrays = arrays
        self.selects = selects


EVERYTHING = slice(None)


def parse(x, key):
    """Check a key against the shape of ``x`` and turn tensors and lists into raw index arrays."""
    parts = key if key.__class__ is tuple else as_parts(key)
    try:
        shape = x._a.shape
    except AttributeError:
        raise no_tensor(x) from None
    used = sum(_width(p) for p in parts)
    if used > len(shape):
        raise _too_many(shape, parts)
    basic, arrays, selects, axis, count = [], [], False, 0, 0
    for part in parts:
        if part is None:
            basic.append(None)
            arrays.append(EVERYTHING)
        elif part is Ellipsis:
            if Ellipsis not in basic:
                basic.append(part)
                arrays.append(part)
                axis += len(shape) - used
        elif part.__class__ is slice:
            basic.append(_slice(part))
            arrays.append(EVERYTHING)
            axis += 1
        else:
            made = _index_of(x, part, axis, shape, count)
            if made.__class__ is int:
                basic.append(made)
                selects = True
                axis += 1
                continue
            width = _width(part)
            basic += [EVERYTHING] * width if width else [None]
            arrays.append(made)
            axis += width
            count += max(width, 1)
    plain = count and all(p is Ellipsis or p == EVERYTHING for p in basic)
    return Key(None if plain else tuple(basic), tuple(arrays) if count else None, selects)


def as_parts(key):
    """The parts of a key that is no tuple; a list is one unless it lists numbers (torch's rule of old)."""
    if not isinstance(key, list) or len(key) >= 32 or not any(_is_part(p) for p in key):
        return (key,)
    warnings.warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] "
        "instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which will result either in "
        "an error or a different result",
        UserWarning,
        stacklevel=4,
    )
    return tuple(key)


def _is_part(value):
    return value is None or value is Ellipsis or isinstance(value, (slice, list, tuple, Tensor)) or _is_array(value)


def _is_array(value):
    """An array of another library."""
    return hasattr(value, "__array__") and hasattr(value, "__len__")


def _too_many(shape, parts):
    if shape or len(parts) != 1:
        return IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if parts[0].__class__ is slice:
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    if parts[0].__class__ is int:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to "
            "a number"
        )
    return IndexError("too many indices for tensor of dimension 0")


def _width(part):
    """How many dimensions a part takes up."""
    if part is None or part is Ellipsis or part.__class__ is bool:
        return 0
    if isinstance(part, Tensor):
        return part.dim() if part._a.dtype in (part._xp.bool, part._xp.uint8) else 1
    if part.__class__ is not int and _is_array(part):
        return part.ndim if part.dtype.name == "bool" else 1
    return 1


def _slice(part):
    if part.step is not None:
        step = part.step.__index__()
        if step == 0:
            raise ValueError("slice step cannot be zero")
        if step < 0:
            raise ValueError("step must be greater than zero")
    return slice(*(None if v is None else _bound_of_slice(v) for v in (part.start, part.stop, part.step)))


def _bound_of_slice(value):
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


def _bound(i, axis, shape):
    n = shape[axis]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {axis} with size {n}")


def _index_of(x, part, axis, shape, count):
    """An int, or the raw index array that a part stands for; ``count`` dimensions are indexed by arrays before it."""
    if part.__class__ is int:
        _bound(part, axis, shape)
        return part
    if part.__class__ is bool:
        return x._xp.full((1,), part, x._xp.bool)
    if isinstance(part, Tensor):
        return _tensor_index(x, part, axis, shape, count)
    if isinstance(part, (list, tuple, range)) or _is_array(part):
        from ..create import tensor

        listed = part if _is_array(part) else list(part)
        index = tensor(listed, device=x.device)
        if index.numel() == 0 and not _is_array(part):
            index = index.to(dtypes.int64)
        if not _is_array(part) and index.dtype is dtypes.bool_ and index.dim() > 1:
            raise IndexError("a list of lists of bools is no index; make a tensor of it")
        return _tensor_index(x, index, axis, shape, count)
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(part, "__index__") and type(part).__name__ not in ("bool", "bool_"):
        i = part.__index__()
        _bound(i, axis, shape)
        return i
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{qualified_name(type(part))})"
    )


def qualified_name(kind):
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _tensor_index(x, index, axis, shape, count):
    xp = x._xp
    if index._xp.device is not xp.device:
        if index._xp.device_type != "cpu":
            raise RuntimeError(
                f"indices should be either on cpu or on the same device as the indexed tensor ({x.device})"
            )
        index = index.to(x.device)
    d = index.dtype
    if d is dtypes.uint8:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
            UserWarning,
            stacklevel=5,
        )
        index, d = index != 0, dtypes.bool_
    if d is dtypes.bool_:
        return _mask(xp, index, axis, shape)
    if index.dim() == 0 and d.kind == dtypes.INT and index._xp.transform is None:
        i = index.item()  # the host must know it, as the result is a view
        _bound(i, axis, shape)
        return i
    if d not in (dtypes.int64, dtypes.int32):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    check_range(xp, index._a, shape[axis], count)
    return index._a


def _mask(xp, index, axis, shape):
    for i, n in enumerate(index._a.shape):
        if shape[axis + i] != n:
            raise IndexError(
                f"The shape of the mask {list(index._a.shape)} at index {i} does not match the shape of the indexed tensor "
                f"{list(shape)} at index {axis + i}"
            )
    return index._a if index._a.shape else xp.reshape(index._a, (1,))


def check_range(xp, a, n, axis):
    """Raise for an index array with entries outside [-n, n); only where looking costs no device sync."""
    if (
        xp.values_at_hand
        and isinstance(a, xp.array_type)
        and 0 not in a.shape
        and (int(xp.min(a, None, False)) < -n or int(xp.max(a, None, False)) >= n)
    ):
        if n == 0:
            raise IndexError("index is out of bounds for dimension with size 0")
        host = xp.to_host(a).reshape(-1)
        bad = next(int(i) for i in host if not -n <= i < n)
        raise IndexError(f"index {bad} is out of bounds for dimension {axis} with size {n}")


def arrays_misfit(x, arrays):
    """The error of index arrays that do not broadcast with each other, or None."""
    from ..shapes import broadcast_shapes

    shapes = [shape for a in arrays if isinstance(a, x._xp.array_type) for shape in _index_shapes(x._xp, a)]
    try:
        broadcast_shapes(*shapes)
    except RuntimeError:
        listed = ", ".join(str(list(shape)) for shape in shapes)
        return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}")
    return None


def _index_shapes(xp, a):
    """A mask counts as one vector of indices for each of its dimensions."""
    if a.dtype != xp.bool:
        return [a.shape]
    return [(int(xp.to_host(a).sum()),)] * len(a.shape)


def value_misfit(x, value, arrays):
    """The error of a value that cannot be written at index arrays, or None."""
    error = arrays_misfit(x, arrays)
    if error is not None:
        return error
    target = x._xp.getitem(x._a, arrays).shape
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(value._a.shape)} cannot be broadcast to indexing result of shape {list(target)}"
    )


__all__ = ["Key", "arrays_misfit", "check_range", "parse", "value_misfit"]
