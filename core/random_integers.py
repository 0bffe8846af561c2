"""Random integers and permutations with torch's stream: which words become which integer."""

import math
import warnings

import numpy as np

from .dtypes import DTYPES, bool_, float64, int64
from .errors import c_name, scalar_name
from .generator import default_generator
from .rounding import BLOCK, drawn, host_dtype

__all__ = ["permutations", "randint", "random", "randperm", "skip_permutation"]

LARGEST_FLOAT = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": float(np.finfo(np.float64).max),
}
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
bfloat16 = DTYPES["bfloat16"]


def randint(low, high, shape, dtype=int64, generator=None):
    """Draw integers from [low, high): ``low + word mod (high - low)``, with 64-bit words where the range reaches 2²⁸.

    Raises:
        RuntimeError: ``low >= high`` or a value does not fit the dtype.

    Example:
        >>> from plugrad.core import random
        >>> random.randint(0, 10, (5,), generator=random.Generator().manual_seed(0))
        array([4, 9, 3, 0, 3])
    """
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.is_complex:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    _check_range(dtype, {"from": low, "to - 1": high - 1})
    if dtype.is_floating_point:
        low, high = _inner_low(low, dtype), _inner_high(high, dtype)
    return _remainders(low, high - low, high - low >= 2**28, shape, dtype, generator)


def random(shape, dtype, low=None, generator=None):
    """Draw integers from [low, greatest], where greatest is the dtype's, or 2ᵈ for a mantissa of d bits.

    Args:
        low: least value; None draws from 0 on, with the words that torch takes for it.

    Raises:
        NotImplementedError, RuntimeError: ``dtype`` is complex.
        RuntimeError: ``low`` does not fit the dtype or is above its greatest value.

    Example:
        >>> from plugrad.core import dtypes, random
        >>> random.random((4,), dtypes.uint8, generator=random.Generator().manual_seed(0))
        array([172,  47, 117, 192], dtype=uint8)
    """
    if dtype.is_complex and low is None:
        raise NotImplementedError(f"\"random_kernel_cpu\" not implemented for '{scalar_name(dtype)}'")
    if dtype.is_complex:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    greatest = _greatest(dtype)
    if low is None:
        return _remainders(0, greatest + 1, dtype is int64 or dtype is float64, shape, dtype, generator)
    if low == -(2**63):
        return _all_64_bits(shape, dtype, generator or default_generator)
    if dtype.is_floating_point:
        low = _inner_low(low, dtype)
        if low > greatest:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got "
                f"from={low} > to_inc={greatest}"
            )
    _check_range(dtype, {"from": low})
    span = greatest - low + 1
    return _remainders(low, span, span >= 2**28, shape, dtype, generator)


def _all_64_bits(shape, dtype, generator):
    kernel = "random_full_64_bits_range_kernel_cpu"
    if dtype is bool_ or dtype.name == "float16":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")
    if dtype.itemsize < 8 and not dtype.is_floating_point:
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
    return drawn(shape, dtype, lambda count: generator._bits64(count).view(np.int64))


def _remainders(low, span, wide, shape, dtype, generator):
    generator = generator or default_generator
    low = np.int64(low)

    def from_32(count):
        return (generator._words(count).astype(np.uint32) % np.uint32(span)).astype(np.int64) + low

    def from_64(count):
        return (generator._bits64(count) % np.uint64(span)).view(np.int64) + low

    return drawn(shape, dtype, from_64 if wide else from_32)


def _greatest(dtype):
    """The greatest integer that ``random`` draws: for a float the last one up to which none is left out."""
    if dtype is bool_:
        return 1
    if dtype.is_floating_point:
        return 2 ** _DIGITS[dtype.name]
    return 2 ** (8 * dtype.itemsize - dtype.is_signed) - 1


def _check_range(dtype, values):
    greatest = _greatest(dtype)
    if dtype.is_floating_point:
        largest = int(LARGEST_FLOAT[dtype.name])
        smallest = -largest
    else:
        largest = greatest
        smallest = -greatest - 1 if dtype.is_signed else 0
    for name, value in values.items():
        if not smallest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {c_name(dtype)}")
        if dtype.is_floating_point and abs(value) > greatest:
            _warn_of_gaps(name, dtype)


def _warn_of_gaps(name, dtype):
    digits = _DIGITS[dtype.name]
    text = (
        f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {c_name(dtype)} can "
        "support discrete uniform distribution only within this range. This warning will become an error in version "
        "1.7 release, please fix the code in advance"
    )
    warnings.warn(text, stacklevel=4)


def _inner_low(low, dtype):
    """``low``, or a number above it where ``low + 1`` is rounded to one below it."""
    above = _rounded(low + 1, dtype)
    return above + _step(low + 1, dtype) if above < low else low


def _inner_high(high, dtype):
    """``high``, or a number below it where ``high - 1`` is rounded to ``high`` or above it."""
    below = _rounded(high - 1, dtype)
    return below - _step(high - 1, dtype) if below >= high else high


def _rounded(value, dtype):
    """The dtype's number next to ``value``, as int64: 2⁶³ and infinity become -2⁶³ there, as on x86."""
    with np.errstate(over="ignore"):
        rounded = float(np.array(value, np.float64).astype(host_dtype(dtype)))
    return int(rounded) if abs(rounded) < 2**63 else -(2**63)


def _step(value, dtype):
    """The distance of the dtype's numbers in the binade of ``value``."""
    return 2 ** (abs(value).bit_length() - _DIGITS[dtype.name])


# --- permutations ---

_LONG = (2**32 - 1) // 20  # from this length on torch takes 64 bits a number, and another algorithm


def randperm(n, dtype=int64, generator=None):
    """Return a random permutation of 0 … n-1: Fisher and Yates' exchanges, a word for each element but the last.

    Raises:
        RuntimeError: ``n`` is negative or too large for the dtype.
        NotImplementedError: ``dtype`` is bool or complex.

    Example:
        >>> from plugrad.core import random
        >>> random.randperm(5, generator=random.Generator().manual_seed(0))
        array([4, 0, 1, 3, 2])
    """
    _check_permutation(n, dtype)
    generator = generator or default_generator
    values = _exchanges(n, generator) if n < _LONG else _inside_out(n, generator)
    if dtype is bfloat16:
        values = values.astype(np.float32)  # ml_dtypes rounds twice from int64, torch once
    return values.astype(host_dtype(dtype), copy=False)


def skip_permutation(n, generator):
    """Take from the generator the words of ``randperm(n)``, without making the permutation."""
    if n < _LONG:
        generator._words(max(n - 1, 0))
    else:
        for start in range(0, n, BLOCK):
            generator._bits64(min(BLOCK, n - start))


def _check_permutation(n, dtype):
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype is bool_ or dtype.is_complex:
        raise NotImplementedError(f"\"randperm\" not implemented for '{scalar_name(dtype)}'")
    if n <= _greatest(dtype) + 1 or dtype is bfloat16:  # torch does not limit bfloat16
        return
    if dtype.is_floating_point:
        limit = "2049" if dtype.name == "float16" else f"2^{_DIGITS[dtype.name]}+1"
        raise RuntimeError(f"n cannot be greater than {limit} for {scalar_name(dtype)} type.")
    raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


def _exchanges(n, generator):
    """Exchange place i with place j[i] >= i for i = 0, 1, …, all at once.

    What lies in place i when its turn comes was put there by the last earlier exchange with j = i, from that
    exchange's own place: following these pointers to their start, by doubling, gives ``brought``. Exchange i takes out
    what the last earlier one with the same j had brought there, or j itself if there was none. This takes 3 ms for
    60 000 elements, the loop 8 ms; for a million 90 and 570.
    """
    place = np.arange(n)
    if n < 2:
        return place
    j = place.copy()
    j[:-1] += generator._words(n - 1).astype(np.uint32) % np.arange(n, 1, -1, dtype=np.uint32)
    brought = place.copy()
    moved = np.flatnonzero(j != place)
    brought[j[moved]] = moved  # where j repeats, the last assignment stays
    while True:
        further = brought[brought]
        if np.array_equal(further, brought):
            break
        brought = further
    order = (j << 32) | place
    order.sort()
    target, exchange = order >> 32, order & 0xFFFFFFFF
    again = np.flatnonzero(target[1:] == target[:-1])
    j[exchange[again + 1]] = brought[exchange[again]]
    return j


def _inside_out(n, generator):
    """For i = 0, 1, …: move what lies in a place z <= i to place i, and put i there."""
    out = np.arange(n)
    places = memoryview(out)
    for start in range(0, n, BLOCK):
        count = min(BLOCK, n - start)
        drawn_places = generator._bits64(count) % np.arange(start + 1, start + count + 1, dtype=np.uint64)
        for i, z in enumerate(drawn_places.tolist(), start):
            places[i] = places[z]
            places[z] = i
    return out


def permutations(shape, dtype=int64, generator=None):
    """Draw permutations of 0 ... shape[-1] - 1, one after the other, for each place in the leading axes."""
    *lead, n = shape
    rows = [randperm(n, dtype, generator) for _ in range(math.prod(lead))]
    return np.stack(rows).reshape(shape) if lead else rows[0]
