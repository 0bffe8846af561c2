"""Gamma, Dirichlet, Poisson and binomial numbers with torch's stream: each takes as many uniforms as its rejections want.

How many that are is known only once the number before is drawn, so the numbers are drawn one by one, in Python: 2 to 5 µs
each. torch draws in float64 whatever the dtype is, but computes what it derives of a float32 parameter in float32; so do
these.
"""

import contextlib
import math

import numpy as np

from .dtypes import DTYPES
from .errors import scalar_name
from .generator import default_generator

__all__ = ["binomial", "dirichlet", "poisson", "standard_gamma"]

LARGEST_BLOCK = 4096


@contextlib.contextmanager
def uniforms(generator):
    """A function to the next float64 uniform; the generator stands after the last one taken in the end."""
    generator._words(0)
    twister = generator._twister()
    start, taken = twister.state, 0

    def stream():
        nonlocal taken
        size = 32
        while True:
            for u in generator._bits53(size).tolist():
                taken += 1
                yield u
            size = min(2 * size, LARGEST_BLOCK)

    try:
        yield stream().__next__
    finally:
        twister.state = start
        generator._words(2 * taken)


def normals(generator, uniform):
    """A function to the next standard normal, pair by pair; the generator keeps the second of a pair."""

    def normal():
        kept = generator._next_normal
        if kept is not None:
            generator._next_normal = None
            return kept
        angle = 2.0 * math.pi * uniform()
        radius = math.sqrt(-2.0 * math.log1p(-uniform()))
        generator._next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    return normal


def check_kind(kernel, array, halves=False):
    d = DTYPES[array.dtype.name]
    if not d.is_floating_point or (d.itemsize == 2 and not halves):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(d)}'")


def one_by_one(draw, *parameters):
    """The numbers that ``draw`` makes of each element, as a float64 array."""
    shape = np.broadcast_shapes(*(p.shape for p in parameters))
    rows = (np.broadcast_to(p, shape).reshape(-1).tolist() for p in parameters)
    return np.fromiter(map(draw, *rows), np.float64, math.prod(shape)).reshape(shape)


# --- gamma ---


def standard_gamma(concentration, generator=None):
    """Draw from the gamma distribution of rate 1, by Marsaglia and Tsang's rejection from a cubed normal.

    Args:
        concentration: float32 or float64 array, not negative; below 1 a number of concentration + 1 is drawn and scaled.

    Raises:
        NotImplementedError: the array is of another dtype than float32 and float64.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random_rejection
        >>> bool((random_rejection.standard_gamma(np.ones(1000)) > 0).all())
        True

    Source: G. Marsaglia and W. W. Tsang, A simple method for generating gamma variables (2000).
    """
    check_kind("gamma_cpu", concentration)
    generator = generator or default_generator
    made = _gammas(concentration, generator).astype(concentration.dtype)
    return np.fmax(made, np.finfo(made.dtype).tiny)  # fmax: of nan too torch makes the smallest number


def _gammas(concentration, generator):
    # What torch computes in the parameter's own dtype: the boosted concentration, d and the exponent of the scale.
    real = concentration.dtype.type
    with np.errstate(divide="ignore", over="ignore"):
        small = concentration < 1
        boosted = np.where(small, concentration + real(1), concentration)
        exponent = np.where(small, real(1) / concentration, real(0)).astype(np.float64)
    d = (boosted - np.float32(1.0) / np.float32(3.0)).astype(np.float64)
    empty = concentration == 0
    with uniforms(generator) as uniform:
        normal = normals(generator, uniform)

        def draw(d, exponent, empty):
            return 0.0 if empty else _gamma(d, exponent, uniform, normal)

        return one_by_one(draw, d, exponent, empty)


#: Marsaglia and Tsang's constant, as the float32 number that torch has.
SQUEEZE = float(np.float32(0.0331))


def _gamma(d, exponent, uniform, normal):
    scale = (1.0 - uniform()) ** exponent if exponent else 1.0
    c = 1.0 / math.sqrt(9.0 * d) if d > 0 else math.nan
    while True:
        y = 0.0
        while y <= 0.0:
            x = normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - uniform()
        square = x * x
        if u < 1.0 - SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def dirichlet(concentration, generator=None):
    """Draw points of the simplex: gamma numbers, divided by their sum along the last axis.

    Raises:
        NotImplementedError: the array is of another dtype than float32 and float64.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random_rejection
        >>> bool(abs(random_rejection.dirichlet(np.ones((3, 4))).sum(-1) - 1).max() < 1e-12)
        True
    """
    check_kind("dirichlet", concentration)
    generator = generator or default_generator
    made = np.fmax(_gammas(concentration.astype(np.float64), generator), np.finfo(np.float64).tiny)
    made = (made / made.sum(-1, keepdims=True)).astype(concentration.dtype)
    largest = np.nextafter(made.dtype.type(1), made.dtype.type(0))
    return np.minimum(np.maximum(made, np.finfo(made.dtype).tiny), largest)


# --- counts ---


def poisson(rate, generator=None):
    """Draw from the Poisson distribution, in the dtype of the rates.

    Below a rate of 10 uniforms are multiplied until the product falls below exp(-rate); above, transformed rejection.

    Raises:
        NotImplementedError: the array is not floating-point.
        RuntimeError: a rate is negative.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random_rejection
        >>> random_rejection.poisson(np.zeros(3))
        array([0., 0., 0.])

    Source: W. Hörmann, The transformed rejection method for generating Poisson random variables (1993), PTRS.
    """
    check_kind("poisson_cpu", rate, halves=True)
    generator = generator or default_generator
    with uniforms(generator) as uniform:
        return one_by_one(lambda r: _poisson(r, uniform), rate).astype(rate.dtype)


def _poisson(rate, uniform):
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate >= 10:
        return _poisson_by_rejection(rate, uniform)
    count, product, limit = 0, 1.0, math.exp(-rate)
    while rate > 0:
        product *= uniform()
        if product <= limit:
            break
        count += 1
    return count


def _poisson_by_rejection(rate, uniform):
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    inside = 0.9277 - 3.6224 / (b - 2.0)
    log_rate = math.log(rate)
    while True:
        u, v = uniform() - 0.5, uniform()
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + rate + 0.43)
        if edge >= 0.07 and v <= inside:
            return k
        if k < 0 or (edge < 0.013 and v > edge):
            continue
        left = _log(v) + math.log(inverse_alpha) - math.log(a / (edge * edge) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1.0):
            return k


def _log(value):
    return math.log(value) if value > 0 else -math.inf


def binomial(count, prob, generator=None):
    """Draw the number of successes in ``count`` trials of probability ``prob``, in the dtype of the counts.

    Where fewer than 10 successes (or failures, if they are rarer) are expected, the geometric waiting times between them
    are added up; elsewhere transformed rejection.

    Raises:
        NotImplementedError: the arrays are of another dtype than float32 and float64.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random_rejection
        >>> random_rejection.binomial(np.full(3, 7.0), np.ones(3))
        array([7., 7., 7.])

    Source: W. Hörmann, The generation of binomial random variates (1993), BTRS.
    """
    check_kind("binomial_cpu", count)
    generator = generator or default_generator
    rest = (count.dtype.type(1) - prob).astype(prob.dtype)
    rarer = np.where(prob <= 0.5, prob, rest)
    expected = count * rarer
    with uniforms(generator) as uniform:

        def draw(count, prob, rarer, expected):
            return _binomial(count, prob, rarer, expected, uniform)

        return one_by_one(draw, count, prob, rarer, expected).astype(count.dtype)


def _binomial(count, prob, rarer, expected, uniform):
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return count
    if prob != prob:
        return math.nan
    by_rejection = expected >= 10
    found = (_binomial_by_rejection if by_rejection else _binomial_by_waiting)(count, rarer, uniform)
    return found if prob <= 0.5 else count - found


def _binomial_by_waiting(count, prob, uniform):
    log_failure = math.log1p(-prob)
    found, trials = 0, 0.0
    while True:
        trials += math.ceil(_log(u) / log_failure) if (u := uniform()) else math.inf
        if trials > count:
            return found
        found += 1


def _binomial_by_rejection(count, prob, uniform):
    spread = math.sqrt(count * prob * (1.0 - prob))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    inside = 0.92 - 4.2 / b
    odds = prob / (1.0 - prob)
    alpha = (2.83 + 5.1 / b) * spread
    middle = math.floor((count + 1.0) * prob)
    while True:
        u, v = uniform() - 0.5, uniform()
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + count * prob + 0.5)
        if k < 0 or k > count:
            continue
        if edge >= 0.07 and v <= inside:
            return k
        if _log(v * alpha / (a / (edge * edge) + b)) <= _binomial_bound(count, odds, middle, k):
            return k


def _binomial_bound(count, odds, middle, k):
    rest = count - middle + 1.0
    return (
        (middle + 0.5) * math.log((middle + 1.0) / (odds * rest))
        + (count + 1.0) * math.log(rest / (count - k + 1.0))
        + (k + 0.5) * math.log(odds * (count - k + 1.0) / (k + 1.0))
        + _stirling_rest(middle)
        + _stirling_rest(count - middle)
        - _stirling_rest(k)
        - _stirling_rest(count - k)
    )


def _stirling_rest(k):
    """log k! - (k + ½) log(k + 1) + (k + 1) - ½ log 2π; a series from 10 on."""
    if k < 10:
        return math.lgamma(k + 1.0) - (k + 0.5) * math.log(k + 1.0) + (k + 1.0) - 0.5 * math.log(2.0 * math.pi)
    square = (k + 1.0) ** 2
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1.0)
