"""Samples, numpy references and torch counterparts of the special functions and the rarer elementwise ops."""

import math

import numpy as np

from plugrad_op_samples import (
    any_sign,
    apart,
    away_from,
    between,
    binary,
    complex_numbers,
    elementwise_python,
    normal,
    off_zero,
    positive,
    unary,
    unit,
    with_number,
)

SPECIAL_VALUES = np.array([[1.0, math.inf, -math.inf], [math.nan, 0.0, -2.0]])
DEGREES = np.array([[0, 1, 2], [3, 5, 9]])
POLYNOMIALS = (
    "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h "
    "hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t "
    "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w"
).split()
OF_POSITIVE = (
    "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 bessel_y0 bessel_y1"
).split()
OF_REAL = "modified_bessel_i0 modified_bessel_i1 bessel_j0 bessel_j1 airy_ai spherical_bessel_j0".split()
#: Rows without torch's prefix: their public functions have arguments of other names.
BARE = {"airy_ai", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0"}


def row_name(name):
    return f"{name}_" if name in BARE else f"special_{name}"


def special_values(sample):
    return [lambda rng: ([SPECIAL_VALUES], ()), *sample]


def orders_and(draw):
    """Whole numbers as the first argument, which has no derivative."""
    return [
        lambda rng: ([rng.integers(1, 9, (2, 3)), draw(rng, (2, 3))], ()),
        lambda rng: ([np.array([2, 30, 40]), draw(rng, (2, 1)) * 20.0], ()),
        lambda rng: ([np.array(3), draw(rng, ())], ()),
    ]


def whole_pairs(low, high):
    return [
        lambda rng: ([rng.integers(low, high, (2, 3)), rng.integers(low, high, (3,))], ()),
        lambda rng: ([rng.integers(low, high, (4, 1)), rng.integers(low, high, (1, 5))], ()),
        lambda rng: ([np.array(12), np.array(-18)], ()),
    ]


def with_static(draw, *settings):
    return [sample for setting in settings for sample in unary(draw, *setting, shapes=((2, 3), (), (0, 3)))]


SAMPLES = {
    # --- the gamma function ---
    "lgamma": unary(between(0.2, 4.0)) + unary(between(-2.8, -2.2)) + unary(between(8.0, 20.0)),
    "digamma": unary(between(0.4, 4.0)) + unary(between(-2.8, -2.2)) + unary(between(8.0, 20.0)),
    "polygamma_": with_static(between(0.5, 4.0), (1,), (2,), (0,), (4,)) + with_static(between(-1.7, -1.3), (1,), (3,)),
    "mvlgamma_": with_static(between(1.5, 5.0), (2,), (1,), (3,)),
    "igamma": orders_and(between(0.5, 3.0)),
    "igammac": orders_and(between(0.5, 3.0)),
    "zeta_": [
        lambda rng: ([rng.integers(2, 6, (2, 3)), positive(rng, (2, 3))], ()),
        lambda rng: ([rng.integers(2, 6, (3,)), positive(rng, (2, 1))], ()),
    ],
    # --- error functions ---
    "erfc": unary(between(-3.0, 3.0)) + unary(between(-0.4, 0.4)),
    "erfinv": unary(unit) + unary(between(0.9, 0.99)),
    "special_erfcx": unary(between(-1.5, 3.0)),
    "special_ndtr": unary(between(-3.0, 3.0)),
    "special_log_ndtr": unary(between(-4.0, 3.0)),
    "special_ndtri": unary(between(0.1, 0.9)) + unary(between(0.01, 0.02)),
    "special_entr": unary(positive),
    "xlog1py_": binary(any_sign, positive) + with_number(any_sign, 2.5),
    "logit_": with_static(between(0.15, 0.85), (None,), (0.1,)),
    # --- modified Bessel functions ---
    "i0": unary(any_sign) + unary(between(9.0, 12.0)),
    "special_i0e": unary(off_zero) + unary(between(9.0, 12.0)),
    "special_i1": unary(off_zero) + unary(between(9.0, 12.0)),
    "special_i1e": unary(off_zero) + unary(between(-12.0, -9.0)),
    # --- without derivatives ---
    **{row_name(name): unary(between(0.2, 9.0)) for name in OF_POSITIVE},
    **{row_name(name): unary(between(-9.0, 9.0)) for name in OF_REAL},
    **{
        f"{name}_": [
            lambda rng: ([between(-1.4, 1.4)(rng, (2, 3)), DEGREES], ()),
            lambda rng: ([between(-1.4, 1.4)(rng, (2, 1)), np.array([-1.0, 0.0, 4.7])], ()),
            lambda rng: ([between(-0.9, 0.9)(rng, (3,)), 3], ()),
        ]
        for name in POLYNOMIALS
    },
    # --- one argument ---
    "deg2rad": unary(any_sign),
    "rad2deg": unary(any_sign),
    "frac": unary(away_from(-1.0, 0.0, 1.0, low=-1.9, high=1.9)),
    "sgn": unary(off_zero) + unary(complex_numbers),
    "sinc": unary(off_zero) + unary(complex_numbers) + [lambda rng: ([np.array([0.0, 0.0])], ())],
    "angle_": unary(off_zero) + unary(complex_numbers),
    "conj_physical_": unary(complex_numbers),
    "nan_to_num_": with_static(normal, (0.0, 1e9, -1e9)),
    "frexp_": unary(away_from(-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0, low=-1.9, high=1.9, margin=0.01)),
    "signbit": [*unary(normal), lambda rng: ([np.array([0.0, -0.0, -math.inf])], ())],
    "isneginf": special_values(unary(normal)),
    "isposinf": special_values(unary(normal)),
    "isreal_": [*unary(normal), lambda rng: ([np.array([1.0, 1j, 2.0 + 0j])], ())],
    # --- two arguments ---
    "copysign_": binary(off_zero, off_zero) + with_number(off_zero, -2.0),
    "fmax": apart(),
    "fmin": apart(),
    "hypot": binary(off_zero, positive),
    "logaddexp": binary(any_sign) + binary(between(-900.0, 900.0), shapes=(((2, 3), (2, 3)),)) + binary(complex_numbers),
    "logaddexp2": binary(any_sign),
    "nextafter": apart(),
    "ldexp": binary(any_sign),
    "gcd": whole_pairs(-30, 30),
    "lcm": whole_pairs(-30, 30),
    "heaviside_": whole_pairs(-2, 3),
    "complex_": binary(any_sign),
    "polar_": binary(positive, any_sign),
    "isin_": [
        lambda rng: ([rng.integers(0, 9, (2, 3)), rng.integers(0, 9, (5,))], ()),
        lambda rng: ([rng.integers(0, 9, (4,)).astype(float), np.array([3.0, math.nan, 5.0, 3.0])], ()),
        lambda rng: ([rng.integers(0, 9, ()), np.zeros((0,), np.int64)], ()),
    ],
}  # fmt: skip

REFERENCES = {
    "lgamma": elementwise_python(math.lgamma),
    "mvlgamma_": lambda x, dims: np.asarray(
        sum(elementwise_python(math.lgamma)(x - i / 2) for i in range(dims)) + dims * (dims - 1) / 4 * math.log(math.pi)
    ),
    "erfc": elementwise_python(math.erfc),
    "special_erfcx": elementwise_python(lambda v: math.exp(v * v) * math.erfc(v)),
    "special_ndtr": elementwise_python(lambda v: 0.5 * math.erfc(-v / math.sqrt(2.0))),
    "special_log_ndtr": elementwise_python(lambda v: math.log(0.5 * math.erfc(-v / math.sqrt(2.0)))),
    "special_entr": lambda x: -x * np.log(x),
    "xlog1py_": lambda x, y: np.asarray(x * np.log1p(y)),
    "deg2rad": lambda x: x / 180.0 * math.pi,
    "rad2deg": lambda x: x / math.pi * 180.0,
    "frac": lambda x: np.asarray(np.fmod(x, 1.0)),
    "sgn": lambda x: np.asarray(x / np.abs(x)),
    "sinc": np.sinc,
    "angle_": lambda x: np.asarray(np.angle(x)),
    "conj_physical_": lambda x: np.asarray(x.real - 1j * x.imag),
    "frexp_": lambda x: tuple(map(np.asarray, np.frexp(x))),
    "signbit": lambda x: np.asarray(np.signbit(x)),
    "isneginf": lambda x: np.asarray(np.isneginf(x)),
    "isposinf": lambda x: np.asarray(np.isposinf(x)),
    "isreal_": lambda x: np.asarray(np.isreal(x)),
    "copysign_": lambda x, y: np.asarray(np.abs(x) * np.sign(y)),
    "fmax": lambda x, y: np.asarray(np.where(x > y, x, y)),
    "fmin": lambda x, y: np.asarray(np.where(x < y, x, y)),
    "hypot": lambda x, y: np.asarray(np.sqrt(x * x + y * y)),
    "nextafter": lambda x, y: np.asarray(np.nextafter(x, y)),
    "ldexp": lambda x, y: np.asarray(x * np.exp(y * math.log(2.0))),
    "gcd": lambda x, y: np.asarray(np.gcd(x, y)),
    "lcm": lambda x, y: np.asarray(np.lcm(x, y)),
    "heaviside_": lambda x, y: np.where(x == 0, y, (x > 0).astype(y.dtype)),
    "complex_": lambda x, y: np.asarray(x + 1j * y),
    "polar_": lambda x, y: np.asarray(x * np.exp(1j * y)),
    "isin_": lambda x, y: np.asarray(np.isin(x, y)),
}

TORCH = {
    **{
        name: lambda torch, *inputs, f=name: getattr(torch, f)(*inputs)
        for name in (
            "lgamma digamma erfc erfinv i0 deg2rad rad2deg frac signbit isneginf isposinf fmax fmin hypot logaddexp "
            "logaddexp2 nextafter ldexp gcd lcm"
        ).split()
    },
    **{
        f"special_{name}": lambda torch, x, f=name: getattr(torch.special, f)(x)
        for name in "erfcx ndtr log_ndtr ndtri entr i0e i1 i1e".split()
    },
    **{
        row_name(name): lambda torch, x, f=name: getattr(torch.special, f)(x)
        for name in OF_POSITIVE + OF_REAL
        if "l_j" not in name and "l_y" not in name
    },
    **{f"{name}_": lambda torch, x, n, f=name: getattr(torch.special, f)(x, n) for name in POLYNOMIALS},
    "polygamma_": lambda torch, x, degree: torch.polygamma(degree, x),
    "mvlgamma_": lambda torch, x, dims: torch.mvlgamma(x, dims),
    "zeta_": lambda torch, x, y: torch.special.zeta(x, y),
    "xlog1py_": lambda torch, x, y: torch.special.xlog1py(x, y),
    "logit_": lambda torch, x, eps: torch.logit(x, eps),
    "angle_": lambda torch, x: torch.angle(x),
    "conj_physical_": lambda torch, x: torch.conj_physical(x),
    "nan_to_num_": lambda torch, x, *values: torch.nan_to_num(x, *values),
    "frexp_": lambda torch, x: tuple(torch.frexp(x)),
    "isreal_": lambda torch, x: torch.isreal(x),
    "copysign_": lambda torch, x, y: torch.copysign(x, y),
    "heaviside_": lambda torch, x, y: torch.heaviside(x, y),
    "complex_": lambda torch, x, y: torch.complex(x, y),
    "polar_": lambda torch, x, y: torch.polar(x, y),
    "isin_": lambda torch, x, y: torch.isin(x, y),
}
