"""The special functions and the rarer elementwise ones, for any backend: each a composition of the required functions.

A family's file is imported when one of its functions is first asked for: together they would take longer to import than
most programs need them.
"""

from importlib import import_module

__all__ = ["Special"]

#: (file, class) → its functions.
FAMILIES = {
    ("bessel", "Bessel"): (
        "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 i0 i0e i1 i1e modified_bessel_i0 modified_bessel_i1 "
        "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 "
        "spherical_bessel_j0"
    ),
    ("error_functions", "ErrorFunctions"): "entr erfc erfcx erfinv log_ndtr ndtr ndtri",
    ("float_parts", "FloatParts"): (
        "angle angle_grad conj_physical copysign copysign_slope deg2rad frac frexp "
        "isneginf isposinf isreal join_complex logit logit_slope nan_to_num nextafter rad2deg sgn sgn_grad "
        "signbit sinc sinc_slope"
    ),
    ("gamma", "Gamma"): "digamma lgamma mvlgamma polygamma zeta",
    ("implicit_gradients", "ImplicitGradients"): "dirichlet_grad standard_gamma_grad",
    ("incomplete_gamma", "IncompleteGamma"): "igamma igammac",
    ("orthogonal", "Orthogonal"): (
        "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w "
        "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p "
        "shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v "
        "shifted_chebyshev_polynomial_w"
    ),
    ("pairs", "Pairs"): (
        "fmax fmax_takes fmin fmin_takes gcd heaviside hypot isin lcm ldexp logaddexp logaddexp2 polar"
    ),
}


class Later:
    """Stands for a function of a family that is not imported yet; the first look puts the whole family in place."""

    def __init__(self, family, name):
        self.family = family
        self.name = name

    def __get__(self, xp, owner):
        file, name = self.family
        for key, value in vars(getattr(import_module(f".{file}", __package__), name)).items():
            if not key.startswith("__"):
                setattr(Special, key, value)
        return getattr(owner if xp is None else xp, self.name)


class Special:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def fitted(self, coefficients, x, low, high):
        """A table's polynomial on its interval; beyond it the value at the end."""
        from .erf import polynomial

        return polynomial(coefficients, (self.clip(x, low, high) - (low + high) * 0.5) * (2.0 / (high - low)))

    def is_kind(self, x, *kinds):
        """Whether the dtype of an array is of one of the kinds "bool", "int", "float", "complex"."""
        return any(kind in self.dtype_names[x.dtype] for kind in kinds)

    def floats_only(self, x, name):
        if not self.is_kind(x, "float"):
            raise TypeError(f"{name} of {self.dtype_names[x.dtype]}")

    def xlog1py(self, x, y):
        """x · log(1 + y), 0 where x is 0 and y a number."""
        y = self._like(y, x)
        nothing = self.logical_and(x == 0, y == y)
        return self.select(nothing, 0.0, x * self.log1p(self.select(nothing, 1.0, y)))

    def log1p_where(self, x, y):
        """The slope of xlog1py in x: log(1 + y), 0 where x is 0 and y ≤ -1."""
        y = self._like(y, x)
        nothing = self.logical_and(x == 0, y <= -1.0)
        return self.select(nothing, 0.0, self.log1p(self.select(nothing, 1.0, y)))


for _family, _names in FAMILIES.items():
    for _name in _names.split():
        setattr(Special, _name, Later(_family, _name))
