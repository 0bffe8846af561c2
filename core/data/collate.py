"""From a list of samples to a batch."""

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

from ..create import as_tensor, tensor
from ..dtypes import float64
from ..interop import is_numpy_array
from ..tensor import Tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch):
    """Join samples along a new first dimension: tensors are stacked, containers keep their form, strings stay a list.

    Tensors, numpy arrays and numbers become a tensor (Python's floats a float64 one). Mappings, named tuples and sequences
    are joined entry by entry; a tuple becomes a list.

    Args:
        batch: a list of samples, all built as the first one is.

    Raises:
        TypeError: the samples are of another kind.
        RuntimeError: sequences of different lengths, or tensors of different shapes.

    Example:
        >>> from plugrad.utils.data import default_collate
        >>> default_collate([(1, {"name": "a"}), (2, {"name": "b"})])
        [tensor([1, 2]), {'name': ['a', 'b']}]
    """
    first = batch[0]
    for belongs, join in _LEAVES:
        if belongs(first):
            return join(batch)
    if isinstance(first, Mapping):
        return _mapping_like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if _is_namedtuple(first):
        return type(first)(*map(default_collate, zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        return _sequence_like(first, _collated_columns(batch, len(first)))
    raise _unknown(type(first))


def default_convert(data):
    """Turn numpy arrays into tensors, also inside containers, and leave everything else as it is.

    It is what a :class:`DataLoader` with ``batch_size=None`` does to its samples. A tuple becomes a list.

    Example:
        >>> import numpy as np
        >>> from plugrad.utils.data import default_convert
        >>> default_convert({"x": np.arange(3), "name": "a"})
        {'x': tensor([0, 1, 2]), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if type(data).__module__ == "numpy" and type(data).__name__ != "str_":
        return data if is_numpy_array(data) and data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [*map(default_convert, data)])
    return data


# --- single values ---


def _unknown(kind):
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
    )


def _stack(batch):
    from ..ops.join import stack

    return stack(batch, 0)


def _stack_arrays(batch):
    if batch[0].dtype.kind in "SUO":
        raise _unknown(batch[0].dtype)
    return default_collate([as_tensor(array) for array in batch])


def _is_numpy_number(value):
    return type(value).__module__ == "numpy" and getattr(getattr(value, "dtype", None), "kind", "") in ("b", *"iufc")


#: What stands alone: a test for the first sample, and how the samples are joined. A bool is an int; numpy's float64 is a
#: float, and its str_ a str.
_LEAVES = [
    (lambda value: isinstance(value, Tensor), _stack),
    (is_numpy_array, _stack_arrays),
    (_is_numpy_number, as_tensor),
    (lambda value: isinstance(value, float), lambda batch: tensor(batch, dtype=float64)),
    (lambda value: isinstance(value, int), tensor),
    (lambda value: isinstance(value, (str, bytes)), lambda batch: batch),
]


# --- containers ---


def _is_namedtuple(value):
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _collated_columns(batch, length):
    if any(len(sample) != length for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    return [*map(default_collate, zip(*batch, strict=True))]


def _mapping_like(example, values):
    """``values`` in the type of ``example``, with its other attributes; a dict where the type cannot be made."""
    try:
        if not isinstance(example, MutableMapping):
            return type(example)(values)
        made = copy.copy(example)
        made.update(values)
        return made
    except TypeError:
        return values


def _sequence_like(example, values):
    """``values`` in the type of ``example``, with its other attributes; a list where the type cannot be made."""
    if isinstance(example, tuple):
        return values
    try:
        if not isinstance(example, MutableSequence):
            return type(example)(values)
        made = copy.copy(example)
        for i, value in enumerate(values):
            made[i] = value
        return made
    except TypeError:
        return values
