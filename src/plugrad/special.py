"""The names of torch.special that plugrad has."""

from plugrad.core.ops.arithmetic import round
from plugrad.core.ops.elementwise import erf, exp2, expm1, log1p
from plugrad.core.ops.elementwise import sigmoid as expit
from plugrad.core.ops.orthogonal import FUNCTIONS as _FUNCTIONS
from plugrad.core.ops.orthogonal import (
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
)
from plugrad.core.ops.parts import sinc
from plugrad.core.ops.reduction import log_softmax, logsumexp, softmax
from plugrad.core.ops.special import (
    digamma,
    entr,
    erfc,
    erfcx,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    polygamma,
    xlog1py,
    xlogy,
    zeta,
)
from plugrad.core.ops.special import igamma as gammainc
from plugrad.core.ops.special import igammac as gammaincc
from plugrad.core.ops.special import lgamma as gammaln
from plugrad.core.ops.special import mvlgamma as multigammaln

psi = digamma
airy_ai = _FUNCTIONS["airy_ai"]
chebyshev_polynomial_t = _FUNCTIONS["chebyshev_polynomial_t"]
chebyshev_polynomial_u = _FUNCTIONS["chebyshev_polynomial_u"]
chebyshev_polynomial_v = _FUNCTIONS["chebyshev_polynomial_v"]
chebyshev_polynomial_w = _FUNCTIONS["chebyshev_polynomial_w"]
hermite_polynomial_h = _FUNCTIONS["hermite_polynomial_h"]
hermite_polynomial_he = _FUNCTIONS["hermite_polynomial_he"]
laguerre_polynomial_l = _FUNCTIONS["laguerre_polynomial_l"]
legendre_polynomial_p = _FUNCTIONS["legendre_polynomial_p"]
scaled_modified_bessel_k0 = _FUNCTIONS["scaled_modified_bessel_k0"]
scaled_modified_bessel_k1 = _FUNCTIONS["scaled_modified_bessel_k1"]
shifted_chebyshev_polynomial_t = _FUNCTIONS["shifted_chebyshev_polynomial_t"]
shifted_chebyshev_polynomial_u = _FUNCTIONS["shifted_chebyshev_polynomial_u"]
shifted_chebyshev_polynomial_v = _FUNCTIONS["shifted_chebyshev_polynomial_v"]
shifted_chebyshev_polynomial_w = _FUNCTIONS["shifted_chebyshev_polynomial_w"]
spherical_bessel_j0 = _FUNCTIONS["spherical_bessel_j0"]

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
