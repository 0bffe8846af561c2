"""Activation functions by numpy: few passes over memory, blocks that stay in the cache, errors of a few ulp.

A pass over a block of float32 takes 0.1 ns an element here, maximum of two arrays 0.15, tanh 0.4, exp and maximum with a
number 0.5, where 1.1 and log1p 3.1: the kernels are written around the slow ones.
"""

import math

import numpy as np

from .activations import SELU_ALPHA, SELU_SCALE
from .erf import erf as erf_by_formula
from .numpy_blocks import at_least, at_most, blockwise, constants

__all__ = ["NumpyActivations"]

# erf(x) = tanh(x · P(x²)) in float32: the polynomial of least error in erf for |x| <= 4, found by reweighted least squares
# at Chebyshev points; relative error 1e-7. Beyond 4, where erf is 1, x · P(x²) grows on, so that x needs no bound. From the
# highest power down.
ERF_AS_TANH = (
    1.4185017365200844e-07, -5.6684380439018e-06, 8.763708389744094e-05, -6.197839677041086e-04, -1.9183165201394322e-04,
    1.0276905620552407e-01, 1.1283792742546694e00,
)  # fmt: skip
#: The same for Φ(x) = (1 + erf(x/√2)) / 2, x in place of x/√2.
PHI_AS_TANH = tuple(c * 0.5 ** (6 - i) * math.sqrt(0.5) for i, c in enumerate(ERF_AS_TANH))

#: Elements up to which numpy's plain maximum with a number is faster than the set-up of blocks.
SMALL = 4096

#: exp of this is finite, and 1 / (1 + exp) least.
LARGEST_EXPONENT = {np.dtype(np.float32): 88.0, np.dtype(np.float64): 709.0}


def horner(x, coefficients, out):
    """The polynomial of x, from the highest power down, written into ``out``."""
    np.multiply(x, coefficients[0], out)
    np.add(out, coefficients[1], out)
    for c in coefficients[2:]:
        np.multiply(out, x, out)
        np.add(out, c, out)


def tanh_of_polynomial(x, square, coefficients, out):
    """tanh(x · P(x²))."""
    horner(square, constants(x.dtype, *coefficients), out)
    np.multiply(out, x, out)
    np.tanh(out, out)


def write_sigmoid(x, out):
    """1 / (1 + e⁻ˣ). By way of tanh(x/2) it would be faster, but wrong in the left tail."""
    (one,) = constants(x.dtype, 1.0)
    np.negative(x, out)
    at_most(out, LARGEST_EXPONENT[x.dtype], out)
    np.exp(out, out)
    np.add(out, one, out)
    np.reciprocal(out, out)


def write_phi(x, square, out):
    """Φ(x), the distribution function of the normal distribution; x² is given."""
    half, one = constants(x.dtype, 0.5, 1.0)
    if x.dtype == np.float32:
        tanh_of_polynomial(x, square, PHI_AS_TANH, out)
    else:
        np.copyto(out, erf_by_formula(np, x * math.sqrt(0.5)))
    np.add(out, one, out)
    np.multiply(out, half, out)


@blockwise(1)
def real_sigmoid(out, x):
    write_sigmoid(x, out)


@blockwise(1)
def large_relu(out, x):
    at_least(x, 0, out)


class NumpyActivations:
    """Mixed into the numpy namespace."""

    def sigmoid(self, x):
        return super().sigmoid(x) if x.dtype.kind == "c" else real_sigmoid(x)

    @blockwise(1)
    def silu(out, x):
        write_sigmoid(x, out)
        np.multiply(out, x, out)

    @blockwise(2)
    def silu_grad(out, g, x):
        """g · s · (1 + x · (1 - s)) with s = sigmoid(x)."""
        (one,) = constants(x.dtype, 1.0)
        write_sigmoid(x, out)
        t = np.subtract(one, out)
        np.multiply(t, x, t)
        np.add(t, one, t)
        np.multiply(out, t, out)
        np.multiply(out, g, out)

    @blockwise(1)
    def erf(out, x):
        if x.dtype == np.float32:
            tanh_of_polynomial(x, np.multiply(x, x), ERF_AS_TANH, out)
        else:
            np.copyto(out, erf_by_formula(np, x))

    @blockwise(1)
    def gelu(out, x):
        write_phi(x, np.multiply(x, x), out)
        np.multiply(out, x, out)

    @blockwise(2)
    def gelu_grad(out, g, x):
        """g · (Φ(x) + x · exp(-x²/2) / √(2π))."""
        exponent, density = constants(x.dtype, -0.5, 1.0 / math.sqrt(2.0 * math.pi))
        t = np.multiply(x, x)
        write_phi(x, t, out)
        np.multiply(t, exponent, t)
        np.exp(t, t)
        np.multiply(t, density, t)
        np.multiply(t, x, t)
        np.add(out, t, out)
        np.multiply(out, g, out)

    @blockwise(1)
    def gelu_tanh(out, x):
        cubic, linear, half, one = constants(
            x.dtype, 0.044715 * math.sqrt(2 / math.pi), math.sqrt(2 / math.pi), 0.5, 1.0
        )
        np.multiply(x, x, out)
        np.multiply(out, cubic, out)
        np.add(out, linear, out)
        np.multiply(out, x, out)
        np.tanh(out, out)
        np.add(out, one, out)
        np.multiply(out, half, out)
        np.multiply(out, x, out)

    @blockwise(2)
    def gelu_tanh_grad(out, g, x):
        """g · (½ (1 + t) + ½ x (1 - t²) u') with t = tanh(u), u = √(2/π) (x + 0.044715 x³)."""
        c = math.sqrt(2 / math.pi)
        cubic, slope, linear, half, one = constants(x.dtype, 0.044715 * c, 3 * 0.044715 * c, c, 0.5, 1.0)
        square = np.multiply(x, x)
        np.multiply(square, cubic, out)
        np.add(out, linear, out)
        np.multiply(out, x, out)
        np.tanh(out, out)
        np.multiply(square, slope, square)
        np.add(square, linear, square)
        np.multiply(square, x, square)
        t = np.multiply(out, out)
        np.subtract(one, t, t)
        np.multiply(square, t, square)
        np.add(out, one, out)
        np.add(out, square, out)
        np.multiply(out, half, out)
        np.multiply(out, g, out)

    @blockwise(1)
    def leaky_relu(out, x, slope):
        if 0 <= slope <= 1:  # where() takes ten times a product
            np.multiply(x, *constants(x.dtype, slope), out)
            np.maximum(out, x, out=out)
        else:
            np.copyto(out, np.where(x > 0, x, x * slope))

    @blockwise(1)
    def elu(out, x, alpha):
        write_elu(x, alpha, out)

    @blockwise(1)
    def selu(out, x):
        write_elu(x, SELU_ALPHA, out)
        np.multiply(out, *constants(x.dtype, SELU_SCALE), out)

    @blockwise(1)
    def hardsigmoid(out, x):
        write_hardsigmoid(x, out)

    @blockwise(1)
    def hardswish(out, x):
        write_hardsigmoid(x, out)
        np.multiply(out, x, out)

    @staticmethod
    def clip(x, low, high):
        return x.clip(low, high)  # four times as fast as maximum and minimum

    @staticmethod
    def relu(x):
        return large_relu(x) if x.size > SMALL and x.dtype.kind == "f" else np.maximum(x, 0)

    @blockwise(1)
    def mish(out, x):
        write_tanh_softplus(x, out)
        np.multiply(out, x, out)


def write_elu(x, alpha, out):
    """max(x, 0) + alpha · expm1(min(x, 0))."""
    at_most(x, 0.0, out)
    np.expm1(out, out)
    np.multiply(out, *constants(x.dtype, alpha), out)
    rising = np.empty_like(out)
    at_least(x, 0.0, rising)
    np.add(out, rising, out)


def write_hardsigmoid(x, out):
    """(x + 3) / 6 within [0, 1]."""
    three, sixth = constants(x.dtype, 3.0, 1.0 / 6.0)
    np.add(x, three, out)
    at_least(out, 0.0, out)
    at_most(out, 6.0, out)
    np.multiply(out, sixth, out)


def write_tanh_softplus(x, out):
    """tanh(log(1 + eˣ)) = n / (n + 2) with n = eˣ (eˣ + 2): no logarithm, which is slow."""
    (two,) = constants(x.dtype, 2.0)
    at_most(x, 20.0, out)
    np.exp(out, out)
    np.multiply(out, np.add(out, two), out)
    np.divide(out, np.add(out, two), out)
