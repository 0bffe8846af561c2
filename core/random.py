# ruff: noqa: A005  (torch's module name)
"""Random numbers that are, bit for bit, those of torch's CPU generator for the same seed.

Everything is drawn here, as numpy arrays, and copied to the device afterwards: one seed gives the same numbers on every
backend. The stream is the Mersenne Twister's 32-bit outputs, called words; which words become which number is torch's
choice, found by experiment with torch 2.13 on an AMD processor with AVX2. The tests hold every function to it. torch
itself has other numbers elsewhere: without AVX2 other last bits of ``uniform`` and ``normal``, and on Intel processors
``bernoulli`` with one probability, dropout's masks therefore, from MKL's own stream.

All draw functions take a shape (a tuple), a dtype and a generator (None: the default one), and return an array in C
order. torch fills a dense tensor in the order of its memory: for a transposed one, draw for the memory's shape.
"""

import math

import numpy as np

from .dtypes import DTYPES, bool_, float32, float64
from .errors import c_name, scalar_name
from .generator import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .random_integers import LARGEST_FLOAT, permutations, randint, random, randperm, skip_permutation
from .rounding import BLOCK, drawn, fma32, fma64, host_dtype, libm, log32, sincos32

__all__ = [
    "Generator",
    "bernoulli",
    "cauchy",
    "default_generator",
    "exponential",
    "fork_rng",
    "geometric",
    "get_rng_state",
    "initial_seed",
    "log_normal",
    "manual_seed",
    "multinomial",
    "normal",
    "permutations",
    "randint",
    "random",
    "randperm",
    "seed",
    "set_rng_state",
    "skip_permutation",
    "uniform",
]


def _not_implemented(kernel, dtype):
    return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")


def _complex(draw_real, shape, dtype, *arguments):
    """The parts of complex numbers, one after the other."""
    parts = draw_real((math.prod(shape), 2), dtype.to_real(), *arguments)
    return parts.view(host_dtype(dtype)).reshape(shape)


# --- uniform ---


def uniform(shape, dtype=float32, low=0.0, high=1.0, generator=None):
    """Draw from the uniform distribution: ``low + (high - low) · u`` with ``u`` in [0, 1), rounded once.

    A result that rounds up to ``high`` becomes ``low``, as in torch.

    Raises:
        NotImplementedError: ``dtype`` is an integer type or bool.
        RuntimeError: a bound does not fit the dtype, or ``low > high``.

    Example:
        >>> from plugrad.core import random
        >>> random.uniform((2,), generator=random.Generator().manual_seed(0))
        array([0.4962566, 0.7682218], dtype=float32)
    """
    if dtype.is_complex:
        return _complex(uniform, shape, dtype, low, high, generator)
    _check_bounds(dtype, low, high)
    generator = generator or default_generator
    bits, fma, real = (
        (generator._bits53, fma64, np.float64) if dtype is float64 else (generator._bits24, fma32, np.float32)
    )
    if low == 0 and high == 1:
        out = drawn(shape, dtype, bits)
    else:
        low, high = real(low), real(high)
        span = np.float64(high - low)
        out = drawn(shape, dtype, lambda count: fma(bits(count), span, low))
    if dtype.itemsize == 2 or (low, high) != (0, 1):
        out[out == out.dtype.type(high)] = low
    return out


def _check_bounds(dtype, low, high):
    if not dtype.is_floating_point:
        raise _not_implemented("check_uniform_bounds", dtype)
    largest = LARGEST_FLOAT[dtype.name]
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {c_name(dtype)}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_name(dtype)}>::max(), but found to={high:g} and "
            f"from={low:g} which result in to-from to exceed the limit"
        )


# --- normal ---


def normal(shape, dtype=float32, mean=0.0, std=1.0, generator=None, contiguous=True):
    """Draw from the normal distribution by Box and Muller's method: ``mean + std · √(-2 ln u) · cos(2πv)``.

    Below 16 elements each pair takes two float64 uniforms, and the second number of an odd last pair waits in the
    generator. From 16 on, 16 uniforms at a time become 16 normals: cosines, then sines; the last 16 elements, where they
    are no block of their own, are made of 16 new uniforms. A complex number's variance is split between its parts.

    Args:
        contiguous: False for drawing into a tensor that is not, which torch fills pair by pair at any size.

    Raises:
        NotImplementedError: ``dtype`` is an integer type or bool.
        RuntimeError: ``std`` is negative or nan.

    Example:
        >>> from plugrad.core import random
        >>> random.normal((2,), generator=random.Generator().manual_seed(0))
        array([ 1.5409961, -0.2934289], dtype=float32)

    Source: torch's AVX2 kernel, which computes with the Cephes library's polynomials; without AVX2 torch itself
        differs from this by up to 8e-7.
    """
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.is_complex:
        return _complex(normal, shape, dtype, mean, std / math.sqrt(2), generator, contiguous)
    if not dtype.is_floating_point:
        raise _not_implemented("normal_kernel_cpu", dtype)
    generator = generator or default_generator
    if math.prod(shape) < 16 or not contiguous:
        return drawn(shape, dtype, lambda count: fma64(_gauss(generator, count), std, mean))
    return _normal_by_16(shape, dtype, mean, std, generator)


def _gauss(generator, count):
    """Standard normals in float64, pair by pair; the generator keeps the second of a pair that is not needed yet."""
    if count == 0:
        return np.empty(0)
    kept = [] if generator._next_normal is None else [generator._next_normal]
    u = generator._bits53((count - len(kept) + 1) // 2 * 2)
    radius = np.sqrt(-2 * libm("log1p", float64)(-u[1::2]))
    angle = 2 * math.pi * u[0::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    out = np.concatenate([kept, pairs.ravel()])
    generator._next_normal = float(out[-1]) if out.size > count else None
    return out[:count]


def _normal_by_16(shape, dtype, mean, std, generator):
    if dtype is float64:
        bits, transform = generator._bits53, _box_muller64
    else:
        bits, transform = generator._bits24, _box_muller32
        mean, std = np.float64(np.float32(mean)), np.float64(np.float32(std))
    size = math.prod(shape)
    rest = size % 16
    # torch draws a whole tensor of uniforms (for a half-precision one, whole blocks of 16), then those of the last 16
    u = drawn((size if dtype.itemsize > 2 else size - rest,), float64 if dtype is float64 else float32, bits)
    if rest:
        u = np.concatenate([u[: size - rest], bits(16)])
    out = np.empty(u.size, host_dtype(dtype))
    for start in range(0, u.size, BLOCK):
        out[start : start + BLOCK] = transform(u[start : start + BLOCK], mean, std)
    if rest:
        out[size - 16 : size] = out[-16:]
    return out[:size].reshape(shape)


def _box_muller32(u, mean, std):
    u = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * log32(1 - u[:, 0]))
    sine, cosine = sincos32(u[:, 1] * np.float32(2 * math.pi))
    return fma32(np.stack([radius * cosine, radius * sine], axis=1).ravel(), std, mean)


def _box_muller64(u, mean, std):
    u = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * libm("log", float64)(1 - u[:, 0]))
    angle = 2 * math.pi * u[:, 1]
    return fma64(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel(), std, mean)


# --- bernoulli ---


def bernoulli(p, shape=None, dtype=float32, generator=None):
    """Draw ones with probability ``p`` and zeros otherwise: ``u < p``. A dropout mask is ``bernoulli(1-p) / (1-p)``.

    Args:
        p: a number, or an array of probabilities that broadcasts to ``shape`` (None: its own shape). A number and a
            float64 array are compared with float64 uniforms, an array of another dtype with float32 ones.

    Raises:
        RuntimeError: a probability is not in [0, 1].
        NotImplementedError: ``dtype`` is complex or the array's dtype is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.bernoulli(0.5, (6,), generator=random.Generator().manual_seed(0))
        array([0., 0., 1., 0., 0., 0.], dtype=float32)
    """
    generator = generator or default_generator
    if isinstance(p, np.ndarray):
        return _bernoulli_of_array(p, p.shape if shape is None else shape, dtype, generator)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if dtype.is_complex:
        raise _not_implemented("bernoulli_scalar_cpu_", dtype)
    return drawn(shape, dtype, lambda count: generator._bits53(count) < p)


def _bernoulli_of_array(p, shape, dtype, generator):
    if dtype.is_complex:
        raise _not_implemented("bernoulli_tensor_cpu_self_", dtype)
    if p.dtype.name not in LARGEST_FLOAT:
        raise _not_implemented("bernoulli_tensor_cpu_p_", DTYPES[p.dtype.name])
    double = p.dtype == np.float64
    p = p if double else p.astype(np.float32)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    bits = generator._bits53 if double else generator._bits24
    return (bits(math.prod(shape)).reshape(shape) < p).astype(host_dtype(dtype))


# --- other distributions of one number ---


def exponential(shape, dtype=float32, lambd=1.0, generator=None):
    """Draw from the exponential distribution: ``-ln(1 - u) / lambd``.

    Raises:
        RuntimeError: ``lambd`` is not positive or ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> bool(random.exponential((1000,), lambd=2.0).min() >= 0)
        True
    """
    _check_positive("exponential_", "lambda", lambd)
    _check_continuous("Exponential", dtype, scalar_name)
    generator = generator or default_generator
    log1p = libm("log1p", dtype)
    return drawn(shape, dtype, lambda count: -1.0 / lambd * log1p(-generator._bits53(count)))


def geometric(p, shape, dtype=float32, generator=None):
    """Draw the number of trials up to the first success: ``⌈ln u / ln(1 - p)⌉``.

    Raises:
        RuntimeError: ``p`` is not in (0, 1).
        NotImplementedError: ``dtype`` is bool or complex.

    Example:
        >>> from plugrad.core import random
        >>> bool(random.geometric(0.5, (1000,)).min() >= 1)
        True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if dtype is bool_ or dtype.is_complex:
        raise _not_implemented("geometric_cpu", dtype)
    generator = generator or default_generator
    failure = math.log1p(-p)
    return drawn(shape, dtype, lambda count: np.ceil(np.log(generator._bits53(count)) / failure))


def log_normal(shape, dtype=float32, mean=1.0, std=2.0, generator=None):
    """Draw numbers whose logarithm is normal: ``exp(mean + std · z)``, pair by pair at any size.

    Raises:
        RuntimeError: ``std`` is not positive.
        NotImplementedError: ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> bool(random.log_normal((1000,)).min() > 0)
        True
    """
    _check_positive("log_normal_", "std", std)
    if not dtype.is_floating_point:
        raise _not_implemented("log_normal_cpu", dtype)
    generator = generator or default_generator

    def draw(count):
        power = fma64(_gauss(generator, count), std, mean)
        out = np.exp(power)
        fits = power < 709  # above, Python's exp raises where the C library's returns inf
        out[fits] = libm("exp", dtype)(power[fits])
        return out

    return drawn(shape, dtype, draw)


def cauchy(shape, dtype=float32, median=0.0, sigma=1.0, generator=None):
    """Draw from the Cauchy distribution: ``median + sigma · tan(π(u - ½))``.

    Raises:
        RuntimeError: ``sigma`` is not positive or ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.cauchy((3, 2), median=1.0, sigma=2.0).shape
        (3, 2)
    """
    _check_positive("cauchy_", "sigma", sigma)
    _check_continuous("Cauchy", dtype, c_name)
    generator = generator or default_generator
    tan = libm("tan", dtype)
    return drawn(shape, dtype, lambda count: fma64(tan(math.pi * (generator._bits53(count) - 0.5)), sigma, median))


def _check_positive(function, name, value):
    if not value > 0:
        raise RuntimeError(f"{function} expects {name} > 0.0, but found {name}={value:g}")


def _check_continuous(distribution, dtype, name):
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {name(dtype)}"
        )


# --- multinomial ---


def multinomial(weights, num_samples, replacement=False, generator=None):
    """Draw categories with probabilities in proportion to the weights of each row.

    With replacement a uniform is looked up in the cumulated weights. Without it the categories with the largest
    ``weight / e`` are taken, ``e`` exponential: the order in which they would arrive at random times. Equal quotients,
    frequent in half precision only, come with the lower category first; torch leaves their order to its sort.

    Args:
        weights: floating-point array, not negative.
        num_samples: categories to draw per row.
        replacement: whether a category may be drawn again.

    Shapes:
        weights (C,) → (num_samples,) and (N, C) → (N, num_samples), int64.

    Raises:
        RuntimeError: wrong number of dimensions, dtype, weights or number of samples.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random
        >>> random.multinomial(np.float32([0, 1, 0]), 1)
        array([1])
    """
    _check_multinomial(weights, num_samples, replacement)
    generator = generator or default_generator
    if replacement and num_samples > 1:
        rows = weights.reshape(-1, weights.shape[-1])
        out = _by_cumulated_weights(rows, num_samples, generator)
    else:
        out = _by_arrival(weights, num_samples, generator)
    return out.reshape(*weights.shape[:-1], num_samples)


def _check_multinomial(weights, num_samples, replacement):
    if weights.dtype.name not in LARGEST_FLOAT:
        name = scalar_name(DTYPES[weights.dtype.name])
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")


def _by_arrival(weights, count, generator):
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not weights.any(axis=-1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    times = exponential(weights.shape, DTYPES[weights.dtype.name], generator=generator)
    with np.errstate(over="ignore"):
        rates = weights / times
    if count == 1:
        return rates.argmax(axis=-1)
    return np.argsort(-rates, axis=-1, kind="stable")[..., :count]


def _by_cumulated_weights(rows, count, generator):
    if (rows < 0).any():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(rows).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    cumulated = np.cumsum(rows, axis=1, dtype=np.promote_types(rows.dtype, np.float32))
    total = cumulated[:, -1:]
    if not (total > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    cumulated = (cumulated / total).astype(np.float64)
    cumulated[:, -1] = 1
    u = generator._bits53(len(rows) * count).reshape(len(rows), count)
    out = np.empty(u.shape, np.int64)
    for row, values, found in zip(cumulated, u, out, strict=True):
        found[:] = np.searchsorted(row, values)
    return out
