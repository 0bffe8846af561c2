"""The special functions: one row each, and the public forms of those whose torch signature has more than the row."""

import math

from .. import dtypes
from ..compile import elementwise
from ..errors import scalar_name
from ..naming import named
from ..shapes import dtype_of
from ..slow import is_tensor, result_type
from ..tensor import Tensor
from ..views import write_out
from .elementwise import tensors_only
from .loss import xlogy as xlogy_row

ROOT_PI = math.sqrt(math.pi)


def refuses(kernel, *kinds):
    """The check of an op that torch has no kernel of for some kinds of the promoted dtype."""
    refused = {"bool": dtypes.BOOL, "int": dtypes.INT, "float": dtypes.FLOAT, "complex": dtypes.COMPLEX}
    refused = {refused[kind] for kind in kinds}

    def check(*operands):
        d = result_type(operands)
        if d.kind in refused:
            return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(d)}'")
        return None

    return check


def underivable(text):
    """The rule of an argument that torch has no derivative for."""

    def rule(g):
        raise NotImplementedError(f"the derivative for '{text}' is not implemented.")

    return rule


def _float(signature, *rules, kernel, **options):
    return elementwise(signature, *rules, result="float", check=refuses(kernel, "complex"), **options)


# --- the gamma function ---
lgamma = _float("lgamma(x)", lambda xp, g, x: g * xp.digamma(x), doc="logarithm of |Γ(x)|", kernel="lgamma_vml_cpu")
digamma = _float("digamma(x)", lambda xp, g, x: g * xp.polygamma(x, 1), doc="derivative of log Γ(x)", kernel="digamma")
polygamma_ = elementwise(
    "polygamma_(x, *, degree)",
    lambda xp, g, x, degree: g * xp.polygamma(x, degree + 1),
    doc="derivative of digamma of a degree",
    xp="polygamma",
    result="float",
    node="PolygammaBackward0",
    check=lambda x, degree: refuses("trigamma" if degree == 1 else "polygamma", "complex")(x),
)
mvlgamma_ = elementwise(
    "mvlgamma_(x, *, dims)",
    lambda xp, g, x, dims: g * sum((xp.digamma(x - i * 0.5) for i in range(1, dims)), xp.digamma(x)),
    doc="logarithm of the multivariate gamma function",
    xp="mvlgamma",
    result="float",
    node="MvlgammaBackward0",
    check=refuses("arange_cpu", "complex"),
)
igamma = tensors_only(
    elementwise(
        "igamma(x, y)",
        underivable("igamma: input"),
        lambda xp, g, x, y: g * xp.exp((x - 1.0) * xp.log(y) - y - xp.lgamma(x)),
        doc="1/Γ(x) ∫₀ʸ tˣ⁻¹ e⁻ᵗ dt",
    ),
    refuses("igamma_cpu", "bool", "int", "complex"),
)
igammac = tensors_only(
    elementwise(
        "igammac(x, y)",
        underivable("igammac: input"),
        lambda xp, g, x, y: -g * xp.exp((x - 1.0) * xp.log(y) - y - xp.lgamma(x)),
        doc="1/Γ(x) ∫ tˣ⁻¹ e⁻ᵗ dt from y on",
    ),
    refuses("igammac_cpu", "bool", "int", "complex"),
)
zeta_ = elementwise(
    "zeta_(x, y)",
    underivable("zeta"),
    lambda xp, g, x, y: -g * x * xp.zeta(x + 1.0, y),
    doc="Σ (y + k)⁻ˣ",
    xp="zeta",
    result="float",
    node="SpecialZetaBackward0",
    check=refuses("zeta_cpu", "complex"),
)

# --- error functions ---
erfc = _float(
    "erfc(x)",
    lambda xp, g, x: g * (xp.exp(-x * x) * (-2.0 / ROOT_PI)),
    doc="1 - erf(x), without cancellation",
    kernel="erfc_vml_cpu",
)
erfinv = _float(
    "erfinv(x)",
    lambda xp, g, out: g * (xp.exp(out * out) * (ROOT_PI / 2.0)),
    doc="the y with erf(y) = x",
    kernel="erfinv_vml_cpu",
)
erfcx = _float(
    "special_erfcx(x)",
    lambda g, x, out: g * (x * out * 2.0 - 2.0 / ROOT_PI),
    doc="exp(x²) erfc(x)",
    xp="erfcx",
    kernel="erfcx_cpu",
)
ndtr = _float(
    "special_ndtr(x)",
    lambda xp, g, x: g * (xp.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))),
    doc="Φ(x), the normal distribution function",
    xp="ndtr",
    node="MulBackward1",
    kernel="erf_vml_cpu",
)
log_ndtr = _float(
    "special_log_ndtr(x)",
    lambda xp, g, x: g / xp.erfcx(x * -math.sqrt(0.5)) * math.sqrt(2.0 / math.pi),
    doc="log Φ(x)",
    xp="log_ndtr",
    kernel="log_ndtr_cpu",
)
ndtri = _float(
    "special_ndtri(x)",
    lambda xp, g, out: g * (xp.exp(out * out * 0.5) * math.sqrt(2.0 * math.pi)),
    doc="the y with Φ(y) = x",
    xp="ndtri",
    kernel="ndtri_cpu",
)

# --- entropy and the like ---
entr = _float("special_entr(x)", lambda xp, g, x: g * (-xp.log(x) - 1.0), doc="-x log x", xp="entr", kernel="entr_cpu")
xlog1py_ = elementwise(
    "xlog1py_(x, y)",
    lambda xp, g, x, y: g * xp.log1p_where(x, y),
    lambda g, x, y: g * (x / (y + 1.0)),
    doc="x · log(1 + y), 0 where x is 0",
    xp="xlog1py",
    result="float",
    real=True,
    node="SpecialXlog1PyBackward0",
    check=refuses("xlog1py_cpu", "complex"),
)
logit_ = elementwise(
    "logit_(x, *, eps)",
    lambda xp, g, x, eps: g * xp.logit_slope(x, eps),
    doc="log(x / (1 - x))",
    xp="logit",
    result="float",
    node="LogitBackward0",
    check=lambda x, eps: refuses("logit_cpu", "complex")(x),
)

# --- modified Bessel functions ---
i0 = _float("i0(x)", lambda xp, g, x: g * xp.i1(x), doc="modified Bessel function I₀(x)", kernel="i0_vml_cpu")
i0e = _float(
    "special_i0e(x)",
    lambda xp, g, x, out: g * (xp.i1e(x) - xp.sign(x) * out),
    doc="exp(-|x|) I₀(x)",
    xp="i0e",
    node="SpecialI0EBackward0",
    kernel="i0e_cpu",
)
i1 = _float(
    "special_i1(x)",
    lambda xp, g, x, out: g * xp.select(x == 0, 0.5, xp.i0(x) - out / xp.select(x == 0, 1.0, x)),
    doc="modified Bessel function I₁(x)",
    xp="i1",
    kernel="i1_cpu",
)
i1e = _float(
    "special_i1e(x)",
    lambda xp, g, x, out: g * xp.select(x == 0, 0.5, xp.i0e(x) - out * (xp.sign(x) + 1.0 / xp.select(x == 0, 1.0, x))),
    doc="exp(-|x|) I₁(x)",
    xp="i1e",
    node="SpecialI1EBackward0",
    kernel="i1e_cpu",
)


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


# --- public forms ---
def polygamma(n, input, *, out=None):
    """The n-th derivative of :func:`digamma`.

    Args:
        n: a whole number ≥ 0.

    Raises:
        RuntimeError: n is negative.

    Example:
        >>> import plugrad
        >>> plugrad.polygamma(1, plugrad.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _out(out, polygamma_(input, n), input)


def mvlgamma(input, p, *, out=None):
    """The logarithm of the multivariate gamma function: p (p - 1) / 4 · log π + Σ log Γ(input - i/2), i < p.

    Raises:
        RuntimeError: p < 1, or input is a bool tensor.

    Example:
        >>> import plugrad
        >>> plugrad.mvlgamma(plugrad.tensor([3.0, 4.0]), 2)
        tensor([1.5502, 3.5651])
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if dtype_of(input) is dtypes.bool_:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    return _out(out, mvlgamma_(input, p), input)


def logit(input, eps=None, *, out=None):
    """log(input / (1 - input)), input held within [eps, 1 - eps] where eps is given.

    Example:
        >>> import plugrad
        >>> plugrad.logit(plugrad.tensor([0.25, 1.0]), eps=0.5)
        tensor([0., 0.])
    """
    return _out(out, logit_(input, eps), input)


def by_operands(made, input, other, name):
    """Give the node of an op of two arguments the name that it has in torch where one of them is a number."""
    if not is_tensor(input):
        return named(made, name + "1")
    return made if is_tensor(other) else named(made, name + "2")


def _two(row, input, other):
    """The row of two arguments, of which one at least is a tensor and the first may be a number."""
    from ..create import full

    if not is_tensor(input) and is_tensor(other):
        input = full((), input, dtype=result_type((other, input)), device=other.device)
    return row(input, other)


def zeta(input, other, *, out=None):
    """The zeta function of Hurwitz, Σ (other + k)^-input over k ≥ 0.

    The gradient flows to ``other`` only.

    Example:
        >>> import plugrad
        >>> plugrad.special.zeta(plugrad.tensor([2.0, 4.0]), 1)
        tensor([1.6449, 1.0823])
    """
    return _out(out, by_operands(_two(zeta_, input, other), input, other, "SpecialZetaBackward"), input, other)


def xlogy(input, other, *, out=None):
    """input · log(other), 0 where input is 0 and other a number.

    Example:
        >>> import plugrad
        >>> plugrad.xlogy(plugrad.tensor([0.0, 2.0]), plugrad.tensor([0.0, 1.0]))
        tensor([0., 0.])
    """
    return _out(out, by_operands(_two(xlogy_row, input, other), input, other, "XlogyBackward"), input, other)


def xlog1py(input, other, *, out=None):
    """input · log(1 + other), 0 where input is 0 and other a number.

    Example:
        >>> import plugrad
        >>> plugrad.special.xlog1py(plugrad.tensor([0.0, 2.0]), plugrad.tensor([-1.0, 0.0]))
        tensor([0., 0.])
    """
    made = by_operands(_two(xlog1py_, input, other), input, other, "SpecialXlog1PyBackward")
    return _out(out, made, input, other)


xlogy_row.row.check = refuses("xlogy_cpu", "complex")
xlogy_row.row.real = True

METHODS = {
    "lgamma": lgamma, "digamma": digamma, "erfc": erfc, "erfinv": erfinv, "i0": i0, "igamma": igamma, "igammac": igammac,
    "mvlgamma": mvlgamma, "logit": logit, "xlogy": xlogy,
}  # fmt: skip


def polygamma_method(self, n):
    """The n-th derivative of digamma at self."""
    return polygamma(n, self)


def install():
    """Give Tensor its special functions, and their in-place forms."""
    from .in_place import in_place

    for name, function in METHODS.items():
        setattr(Tensor, name, function)
        setattr(Tensor, name + "_", in_place(function, name + "_"))
    Tensor.polygamma = polygamma_method
    Tensor.polygamma_ = in_place(lambda self, n: named(polygamma(n, self), "PolygammaBackward1"), "polygamma_")
