"""Tensors of random numbers for tests, as torch.testing draws them."""

import math
import warnings

from . import dtypes
from .create import empty
from .queries import finfo, iinfo

__all__ = ["make_tensor"]


def make_tensor(
    *shape,
    dtype,
    device,
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of numbers drawn evenly from [low, high); of complex ones both parts are.

    Args:
        shape: whole numbers, or a sequence of them.
        low, high: the bounds, cut to what the dtype has; without them -9 and 9 for floating point and complex numbers, -9 and
            10 for signed integers, 0 and 10 for unsigned ones, 0 and 2 for bools.
        requires_grad: whether operations on it are recorded.
        noncontiguous: leave a gap behind each element, where there are several.
        exclude_zero: put 1, or the smallest normal number, in the place of each 0.
        memory_format: the order of its elements in memory.

    Raises:
        ValueError: bounds in the wrong order, NaN, or outside of the dtype's range; ``requires_grad`` of whole numbers;
            ``noncontiguous`` and a memory format.
        TypeError: no dtype.

    Example:
        >>> import plugrad
        >>> x = plugrad.testing.make_tensor(2, 3, dtype=plugrad.float32, device="cpu", low=0, high=1)
        >>> x.shape, bool((x < 1).all())
        (torch.Size([2, 3]), True)
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0]
    shape = tuple(shape)
    _check_request(dtype, requires_grad, noncontiguous, memory_format)
    gaps = noncontiguous and math.prod(shape) > 1
    whole = dtype.kind < dtypes.FLOAT
    draw = _whole_numbers if whole else _numbers
    made = draw((*shape[:-1], 2 * shape[-1]) if gaps else shape, dtype, device, low, high)
    if gaps:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        made[made == 0] = 1 if whole else finfo(dtype).tiny
    return made.requires_grad_() if requires_grad else made


def _check_request(dtype, requires_grad, noncontiguous, memory_format):
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor(). To request support, file an issue at: "
            "https://github.com/pytorch/pytorch/issues"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {noncontiguous=} and "
            f"{memory_format=}"
        )
    if requires_grad and dtype.kind < dtypes.FLOAT:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")


def _bounds(dtype, low, high, usual, limits):
    low, high = (given if given is not None else value for given, value in zip((low, high), usual, strict=True))
    least, end = limits
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and dtype.kind >= dtypes.FLOAT:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 and will be "
            "removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=4,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= end:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports [{least}, {end})"
        )
    return min(max(low, least), end), min(max(high, least), end)


def _whole_numbers(shape, dtype, device, low, high):
    if dtype is dtypes.bool_:
        usual = limits = (0, 2)
    else:
        info = iinfo(dtype)
        # randint has no upper bound beyond int64, and so no largest int64.
        usual, limits = (-9, 10), (info.min, info.max + (dtype is not dtypes.int64))
    low, high = _bounds(dtype, low, high, usual, limits)
    from .ops.sampling import randint

    return randint(math.ceil(low), math.ceil(high), shape, dtype=dtype, device=device)


def _numbers(shape, dtype, device, low, high):
    info = finfo(dtype)
    low, high = _bounds(dtype, low, high, (-9, 9), (info.min, info.max))
    if not dtype.is_complex:
        return _drawn(empty(shape, dtype=dtype, device=device), low, high)
    from .ops.striding import view_as_complex

    return view_as_complex(_drawn(empty((*shape, 2), dtype=dtype.to_real(), device=device), low, high))


def _drawn(tensor, low, high):
    if high - low > finfo(tensor.dtype).max:  # the width of the interval is no number of the dtype
        return tensor.uniform_(low / 2, high / 2).mul_(2)
    return tensor.uniform_(low, high)
