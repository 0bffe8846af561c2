"""Samples of the rows behind numbers drawn by rejection, and what these are by quadrature of the densities."""

import math

import numpy as np


def positive(rng, low=0.3, high=6.0, shape=(2, 3)):
    return rng.uniform(low, high, shape)


def given_numbers(rng):
    """Parameters, and numbers that would have been drawn with them."""
    return [positive(rng), positive(rng, 0.2, 3.0)], ()


def given_points(rng):
    points = positive(rng)
    return [positive(rng), points / points.sum(-1, keepdims=True)], ()


def beta_numbers(rng):
    a, b = positive(rng), positive(rng)
    return [rng.uniform(0.05, 0.95, a.shape), a, a + b], ()


def digamma(x):
    """By recurrence and the asymptotic series."""
    moved = sum(-1.0 / (x + k) for k in range(20))
    y = x + 20
    return moved + math.log(y) - 1 / (2 * y) - 1 / (12 * y**2) + 1 / (120 * y**4) - 1 / (252 * y**6)


def slope(log_density, mean_slope, x, a):
    """-∂P/∂a / p, by Gauss and Legendre's rule on pieces of v, t = x exp(-v), up to where the density is 10⁻¹⁹."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0.0, math.sqrt(45.0 / a), 81) ** 2
    widths = np.diff(edges)[:, None] / 2
    v = edges[:-1, None] + widths * (nodes + 1)
    t = x * np.exp(-v)
    integrand = np.exp(log_density(t) - log_density(x)) * (np.log(t) - mean_slope) * t
    return -(integrand * widths * weights).sum()


def gamma_slope(a, x):
    def one(a, x):
        return slope(lambda t: (a - 1) * np.log(t) - t, digamma(a), x, a)

    return np.vectorize(one)(a, x)


def beta_slope(x, a, total):
    def one(x, a, total):
        b = total - a
        log_density = lambda t: (a - 1) * np.log(t) + (b - 1) * np.log1p(-t)  # noqa: E731
        return slope(log_density, digamma(a) - digamma(total), x, a) / (1 - x)

    return np.vectorize(one)(x, a, total)


SAMPLES = {
    "standard_gamma_": [given_numbers],
    "_standard_gamma_grad": [given_numbers],
    "_dirichlet_grad": [beta_numbers],
    "dirichlet_": [given_points],
    "poisson_": [given_numbers],
}
REFERENCES = {
    "standard_gamma_": lambda x, y: y,
    "_standard_gamma_grad": gamma_slope,
    "_dirichlet_grad": beta_slope,
    "dirichlet_": lambda x, y: y,
    "poisson_": lambda x, y: y,
}
