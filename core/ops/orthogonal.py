"""The functions of torch.special that have no derivative, as in torch: orthogonal polynomials, Bessel functions.

They are imported with ``plugrad.special``.
"""

from ..compile import nondifferentiable
from ..views import write_out
from .special import _two, refuses


def _constant(name, doc):
    """A special function of real numbers without a derivative."""
    check = refuses(f"{name}_cpu", "complex")
    return nondifferentiable(f"special_{name}(x)", doc=doc, xp=name, result="float", check=check)


modified_bessel_k0 = _constant("modified_bessel_k0", "modified Bessel function K₀(x)")
modified_bessel_k1 = _constant("modified_bessel_k1", "modified Bessel function K₁(x)")
bessel_j0 = _constant("bessel_j0", "Bessel function J₀(x)")
bessel_j1 = _constant("bessel_j1", "Bessel function J₁(x)")
bessel_y0 = _constant("bessel_y0", "Bessel function Y₀(x)")
bessel_y1 = _constant("bessel_y1", "Bessel function Y₁(x)")
modified_bessel_i0 = _constant("modified_bessel_i0", "modified Bessel function I₀(x), without a derivative")
modified_bessel_i1 = _constant("modified_bessel_i1", "modified Bessel function I₁(x), without a derivative")

POLYNOMIALS = {
    "chebyshev_polynomial_t": "Chebyshev polynomial of the first kind, cos nθ with x = cos θ",
    "chebyshev_polynomial_u": "Chebyshev polynomial of the second kind, sin (n + 1)θ / sin θ with x = cos θ",
    "chebyshev_polynomial_v": "Chebyshev polynomial of the third kind, cos (n + ½)θ / cos ½θ with x = cos θ",
    "chebyshev_polynomial_w": "Chebyshev polynomial of the fourth kind, sin (n + ½)θ / sin ½θ with x = cos θ",
    "hermite_polynomial_h": "Hermite polynomial (-1)ⁿ exp(x²) dⁿ/dxⁿ exp(-x²)",
    "hermite_polynomial_he": "Hermite polynomial (-1)ⁿ exp(x²/2) dⁿ/dxⁿ exp(-x²/2)",
    "laguerre_polynomial_l": "Laguerre polynomial eˣ/n! dⁿ/dxⁿ (xⁿ e⁻ˣ)",
    "legendre_polynomial_p": "Legendre polynomial 1/(2ⁿ n!) dⁿ/dxⁿ (x² - 1)ⁿ",
    "shifted_chebyshev_polynomial_t": "Chebyshev polynomial of the first kind of 2x - 1",
    "shifted_chebyshev_polynomial_u": "Chebyshev polynomial of the second kind of 2x - 1",
    "shifted_chebyshev_polynomial_v": "Chebyshev polynomial of the third kind of 2x - 1",
    "shifted_chebyshev_polynomial_w": "Chebyshev polynomial of the fourth kind of 2x - 1",
}

OF_X = {
    "airy_ai": "Airy's function Ai(x)",
    "scaled_modified_bessel_k0": "exp(x) K₀(x)",
    "scaled_modified_bessel_k1": "exp(x) K₁(x)",
    "spherical_bessel_j0": "sin(x) / x, 1 at 0",
}


def _row(name, arguments, doc):
    check = refuses(f"{name}_cpu", "complex")
    return nondifferentiable(f"{name}_({arguments})", doc=doc, xp=name, result="float", check=check)


ROWS = {name: _row(name, "x, y", doc) for name, doc in POLYNOMIALS.items()}
ROWS |= {name: _row(name, "x", doc) for name, doc in OF_X.items()}


def _polynomial(name, doc):
    row = ROWS[name]

    def function(x, n, *, out=None):
        made = _two(row, x, n)
        return made if out is None else write_out(out, made, x, n)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{doc}.

    Args:
        x: a tensor or a number; one of x and n is a tensor.
        n: the degree, cut to a whole number; below 0 the result is 0.

    Example:
        >>> import plugrad
        >>> plugrad.special.{name}(plugrad.tensor([0.5]), 0)
        tensor([1.])
    """
    return function


def _of_x(name, doc):
    row = ROWS[name]

    def function(x, *, out=None):
        made = row(x)
        return made if out is None else write_out(out, made, x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}."
    return function


FUNCTIONS = {name: _polynomial(name, doc) for name, doc in POLYNOMIALS.items()}
FUNCTIONS |= {name: _of_x(name, doc) for name, doc in OF_X.items()}
