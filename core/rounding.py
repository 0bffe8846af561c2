"""Host arrays with the roundings of torch's compiled code: fused multiply-add, the C library, Cephes, half precision."""

import math

import numpy as np

from .dtypes import DTYPES, float16, float64

bfloat16 = DTYPES["bfloat16"]

BLOCK = 1 << 15  # elements computed at a time: the temporaries of one block stay in the L2 cache


def host_dtype(dtype):
    if dtype is not bfloat16:
        return np.dtype(dtype.name)
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError('bfloat16 needs ml_dtypes: pip install "plugrad[bfloat16]"') from None
    return np.dtype(ml_dtypes.bfloat16)


def fill(out, dtype, draw):
    """Fill the 1-d array ``out`` block by block with ``draw(count)``."""
    half = dtype is float16 or dtype is bfloat16
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, out.size, BLOCK):
            values = draw(min(BLOCK, out.size - start))
            out[start : start + BLOCK] = values.astype(np.float32) if half else values  # torch rounds a half twice


def drawn(shape, dtype, draw):
    out = np.empty(math.prod(shape), host_dtype(dtype))
    fill(out, dtype, draw)
    return out.reshape(shape)


def fma32(a, b, c):
    """float32 a·b + c rounded once. ``b`` is float64 with float32 values: so numpy forms the exact product."""
    total = a * b
    total += c
    return total.astype(np.float32)


def fma64(a, b, c):
    """float64 a·b + c rounded once: product and sum carry their rounding errors along (Dekker 1971)."""
    if b == 1 and c == 0:
        return a
    b, c = np.float64(b), np.float64(c)
    with np.errstate(over="ignore", invalid="ignore"):
        product = a * b
        total = product + c
        a_high, b_high = _upper_half(a), _upper_half(b)
        a_low, b_low = a - a_high, b - b_high
        product_error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
        of_c = total - product
        sum_error = (product - (total - of_c)) + (c - of_c)
        exact = total + (sum_error + product_error)
    return np.where(np.isfinite(exact), exact, total)


def _upper_half(a):
    shifted = a * 134217729.0  # 2²⁷ + 1
    return shifted - (shifted - a)


def libm(name, dtype):
    """A function of the C library, as torch calls it, or numpy's where the result is rounded to fewer bits.

    numpy's own vector code is within one unit of the last place of float64, in a hundredth of the time.
    """
    if dtype is not float64:
        return getattr(np, name)
    function = getattr(math, name)
    return lambda x: np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


# Cephes' single-precision coefficients, highest power first, as float64 with float32 values.
_LOG = np.array([
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
], np.float32).astype(np.float64)  # fmt: skip
_SIN = np.array([-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1], np.float32).astype(np.float64)
_COS = np.array([2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2], np.float32).astype(np.float64)
_QUARTER_PI = np.array([-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8], np.float32)  # in three parts
_LOG_2 = np.array([0.693359375, -2.12194440e-4], np.float32)  # in two parts, the first one short


def _polynomial(coefficients, x):
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = fma32(value, x, coefficient)
    return value


def log32(x):
    """Natural logarithm of positive normal float32: x = 2ᵉ · (1 + m) with 1 + m in [√½, √2)."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    m = ((bits & 0x7FFFFF) | 0x3F000000).view(np.float32)
    small = m < np.float32(math.sqrt(0.5))
    exponent -= small
    m += m * small
    m -= 1
    square = (m * m).astype(np.float64)
    cubic = _polynomial(_LOG, m.astype(np.float64)) * m
    correction = fma32(cubic, square, exponent * _LOG_2[1])
    correction = fma32(np.float64(-0.5), square, correction)
    return fma32(exponent, np.float64(_LOG_2[0]), m + correction)


def sincos32(x):
    """Sine and cosine of non-negative float32: the nearest even multiple of π/4 is taken off first."""
    octant = (x * np.float32(4 / math.pi)).astype(np.int32)
    octant += 1
    octant &= ~1
    multiple = octant.astype(np.float64)
    for part in _QUARTER_PI:
        x = fma32(part, multiple, x)
    square = (x * x).astype(np.float64)
    cosine = fma32(fma32(_polynomial(_COS, square), square, 0.0), square, square * -0.5) + np.float32(1)
    sine = fma32(fma32(_polynomial(_SIN, square), square, 0.0), x.astype(np.float64), x)
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    _change_sign(sine, octant)
    _change_sign(cosine, octant + 2)
    return sine, cosine


def _change_sign(x, octant):
    bits = x.view(np.int32)  # five times faster than np.negative(x, out=x, where=...)
    bits ^= (octant & 4) << 29
