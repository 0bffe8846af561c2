"""Elementwise ops: one row each."""

import math

from .. import dtypes
from ..compile import elementwise, nondifferentiable
from ..errors import broadcast_failure, scalar_name
from ..slow import is_tensor, result_type


def _no_bool(*operands):
    """numpy refuses to subtract and negate bools, as torch does."""
    if all(getattr(t, "dtype", None) is dtypes.bool_ or t.__class__ is bool for t in operands):
        if len(operands) == 1:
            return RuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
                "`logical_not()` operator instead."
            )
        return RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    if any(getattr(t, "dtype", None) is dtypes.bool_ or t.__class__ is bool for t in operands):
        return RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    return None


def _refuses(kernel, *kinds):
    """The check of an op that torch has no kernel of for some kinds of the promoted dtype."""

    def check(*operands):
        d = result_type(operands)
        if d is dtypes.bool_ and "bool" in kinds:
            return _no_kernel(kernel, d)
        if (d.kind == dtypes.FLOAT and "float" in kinds) or (d.kind == dtypes.COMPLEX and "complex" in kinds):
            return _no_kernel(kernel, d)
        return None

    return check


def _no_kernel(kernel, d):
    return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(d)}'")


def _no_complex(name):
    """The check of maximum and minimum."""

    def check(*operands):
        if result_type(operands).kind == dtypes.COMPLEX:
            return RuntimeError(f"{name} not implemented for complex tensors.")
        return None

    return check


def _clamp_check(*operands):
    if result_type(operands).kind == dtypes.COMPLEX:
        return NotImplementedError("clamp is not supported for complex types")
    return None


def _not_check(x):
    if x.dtype.kind >= dtypes.FLOAT:
        return TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return None


def _relu_check(x):
    return RuntimeError("Boolean inputs not supported for relu") if x.dtype is dtypes.bool_ else None


def tensors_only(function, check=None, second="other"):
    """Let a row of two arguments refuse a Python number as the second, as torch does."""
    row = function.row

    def numbers_refused(x, y):
        if not is_tensor(y):
            return TypeError(
                f"{row.name.rstrip('_')}(): argument '{second}' (position 2) must be Tensor, not {type(y).__name__}"
            )
        failure = broadcast_failure([t._a.shape for t in (x, y)])
        return failure if failure is not None or check is None else check(x, y)

    row.scalars = False
    row.check = numbers_refused
    return function


# --- arithmetic ---
mul = elementwise("mul(x, y)", lambda g, y: g * y, lambda g, x: g * x, doc="x · y", xp="multiply", operator="mul")
add = elementwise("add(x, y)", lambda g: g, lambda g: g, doc="x + y", operator="add")
sub = elementwise("sub(x, y)", lambda g: g, lambda g: -g, doc="x - y", xp="subtract", operator="sub", check=_no_bool)
rsub = elementwise(
    "rsub(x, y)", lambda g: -g, lambda g: g, doc="y - x", node="RsubBackward1", operator="rsub", check=_no_bool
)
div = elementwise(
    "div(x, y)",
    lambda g, y: g / y,
    lambda g, x, y: -g * ((x / y) / y),
    doc="x / y",
    xp="divide",
    result="float",
    operator="truediv",
)
neg = elementwise("neg(x)", lambda g: -g, doc="-x", xp="negative", check=_no_bool)
reciprocal = elementwise("reciprocal(x)", lambda g, out: -g * out * out, doc="1 / x", result="float")
square = elementwise("square(x)", lambda g, x: g * x * 2.0, doc="x²", node="PowBackward0")
remainder = elementwise(
    "remainder(x, y)",
    lambda g: g,
    lambda xp, g, x, y: -g * xp.floor(x / y),
    doc="x - y · floor(x / y), of the sign of y",
    operator="mod",
    check=_refuses("remainder_cpu", "bool", "complex"),
)
fmod = elementwise(
    "fmod(x, y)",
    lambda g: g,
    lambda xp, g, x, y: -g * xp.trunc(x / y),
    doc="x - y · trunc(x / y), of the sign of x",
    check=_refuses("fmod_cpu", "bool", "complex"),
)
floor_divide = nondifferentiable(
    "floor_divide(x, y)",
    doc="floor(x / y)",
    result="same",
    operator="floordiv",
    check=_refuses("div_floor_cpu", "bool", "complex"),
)

# --- powers and exponentials ---
pow_tensor = elementwise(
    "pow_tensor(x, y)",
    lambda xp, g, x, y: g * xp.pow_slope(x, y),
    lambda xp, g, x, y, out: g * xp.pow_log(x, y, out),
    doc="x to the power y",
    xp="pow",
    node="PowBackward1",
    check=_refuses("pow", "bool"),
)
pow_whole = nondifferentiable(
    "pow_whole(x, y)",
    doc="x to the power y of whole numbers, rounded toward 0 where y < 0",
    check=_refuses("pow", "bool"),
)
pow_scalar = elementwise(
    "pow_scalar(x, *, exponent)",
    lambda xp, g, x, exponent: xp.zeros_like(g) if exponent == 0 else g * (xp.pow_scalar(x, exponent - 1) * exponent),
    doc="x to the power of a Python number",
    node="PowBackward0",
)
exp = elementwise("exp(x)", lambda g, out: g * out, doc="eˣ", result="float")
exp2 = elementwise("exp2(x)", lambda g, out: g * out * math.log(2.0), doc="2ˣ", result="float")
expm1 = elementwise("expm1(x)", lambda g, out: g * (out + 1.0), doc="eˣ - 1, exact near 0", result="float")
log = elementwise("log(x)", lambda g, x: g / x, doc="natural logarithm", result="float")
log2 = elementwise("log2(x)", lambda g, x: g / (x * math.log(2.0)), doc="logarithm to base 2", result="float")
log10 = elementwise("log10(x)", lambda g, x: g / (x * math.log(10.0)), doc="logarithm to base 10", result="float")
log1p = elementwise(
    "log1p(x)",
    lambda g, x: g / (x + 1.0),
    doc="log(1 + x), exact near 0",
    result="float",
    node="Log1PBackward0",
)
sqrt = elementwise("sqrt(x)", lambda g, out: g / (out * 2.0), doc="square root", result="float")
rsqrt = elementwise("rsqrt(x)", lambda g, out: g * -0.5 * out * out * out, doc="1 / √x", result="float")

# --- circular and hyperbolic ---
sin = elementwise("sin(x)", lambda xp, g, x: g * xp.cos(x), doc="sine, x in radians", result="float")
cos = elementwise("cos(x)", lambda xp, g, x: -g * xp.sin(x), doc="cosine, x in radians", result="float")
tan = elementwise("tan(x)", lambda g, out: g * (out * out + 1.0), doc="tangent, x in radians", result="float")
asin = elementwise("asin(x)", lambda xp, g, x: g * xp.rsqrt(1.0 - x * x), doc="inverse sine", result="float")
acos = elementwise("acos(x)", lambda xp, g, x: -g * xp.rsqrt(1.0 - x * x), doc="inverse cosine", result="float")
atan = elementwise("atan(x)", lambda g, x: g / (x * x + 1.0), doc="inverse tangent", result="float")
sinh = elementwise("sinh(x)", lambda xp, g, x: g * xp.cosh(x), doc="hyperbolic sine", result="float")
cosh = elementwise("cosh(x)", lambda xp, g, x: g * xp.sinh(x), doc="hyperbolic cosine", result="float")
tanh = elementwise("tanh(x)", lambda g, out: g * (1.0 - out * out), doc="hyperbolic tangent", result="float")
asinh = elementwise(
    "asinh(x)", lambda xp, g, x: g * xp.rsqrt(x * x + 1.0), doc="inverse hyperbolic sine", result="float"
)
acosh = elementwise(
    "acosh(x)", lambda xp, g, x: g * xp.rsqrt(x * x - 1.0), doc="inverse hyperbolic cosine", result="float"
)
atanh = elementwise("atanh(x)", lambda g, x: g / (1.0 - x * x), doc="inverse hyperbolic tangent", result="float")
atan2 = tensors_only(
    elementwise(
        "atan2(x, y)",
        lambda g, x, y: g * (y / (x * x + y * y)),
        lambda g, x, y: g * (-x / (x * x + y * y)),
        doc="the angle of the point (y, x)",
        result="float",
    ),
    _refuses("atan2_cpu", "complex"),
)

# --- pieces ---
abs = elementwise("abs(x)", lambda xp, g, x: g * xp.direction(x), doc="|x|; derivative 0 at 0", result="real")
sign = elementwise("sign(x)", lambda xp, g: xp.zeros_like(g), doc="-1, 0 or 1")
floor = elementwise("floor(x)", lambda xp, g: xp.zeros_like(g), doc="largest whole number ≤ x")
ceil = elementwise("ceil(x)", lambda xp, g: xp.zeros_like(g), doc="least whole number ≥ x")
trunc = elementwise("trunc(x)", lambda xp, g: xp.zeros_like(g), doc="x without its fraction")
round_ = elementwise("round(x)", lambda xp, g: xp.zeros_like(g), doc="nearest whole number, halves to the even one")
maximum = tensors_only(
    elementwise(
        "maximum(x, y)",
        lambda xp, g, x, y: g * xp.share(x, y),
        lambda xp, g, x, y: g * xp.share(y, x),
        doc="the larger of x and y; at a tie each gets half the gradient",
        real=True,
    ),
    _no_complex("maximum"),
)
minimum = tensors_only(
    elementwise(
        "minimum(x, y)",
        lambda xp, g, x, y: g * xp.share(y, x),
        lambda xp, g, x, y: g * xp.share(x, y),
        doc="the smaller of x and y; at a tie each gets half the gradient",
        real=True,
    ),
    _no_complex("minimum"),
)
clamp = elementwise(
    "clamp(x, *, min, max)",
    lambda xp, g, x, min, max: g * xp.inside(x, min, max),
    doc="x within [min, max]; derivative 1 on the bounds",
    xp="clip",
    node="ClampBackward1",
)

clamp_low_ = elementwise(
    "clamp_low_(x, y)",
    lambda xp, g, x, y: g * xp.inside(x, y, None),
    lambda xp, g, x, y: g * xp.raised(x, y, None),
    doc="x, or y where x is below it; at a tie x gets the gradient",
    xp="maximum",
    node="ClampMinBackward1",
    check=_clamp_check,
    real=True,
)
clamp_high_ = elementwise(
    "clamp_high_(x, y)",
    lambda xp, g, x, y: g * xp.inside(x, None, y),
    lambda xp, g, x, y: g * xp.lowered(x, None, y),
    doc="x, or y where x is above it; at a tie x gets the gradient",
    xp="minimum",
    node="ClampMaxBackward1",
    check=_clamp_check,
    real=True,
)
clamp_both_ = elementwise(
    "clamp_both_(x, low, high)",
    lambda xp, g, x, low, high: g * xp.inside(x, low, high),
    lambda xp, g, x, low, high: g * xp.raised(x, low, high),
    lambda xp, g, x, low, high: g * xp.lowered(x, low, high),
    doc="x within tensors [low, high]; at a tie x gets the gradient",
    xp="clip",
    node="ClampBackward0",
    check=_clamp_check,
    real=True,
)

# --- activations ---
relu = elementwise(
    "relu(x)", lambda xp, g, out: g * xp.step(out), doc="max(x, 0); derivative 0 at 0", check=_relu_check
)
sigmoid = elementwise("sigmoid(x)", lambda g, out: g * (out * (1.0 - out)), doc="1 / (1 + e⁻ˣ)", result="float")
silu = elementwise("silu(x)", lambda xp, g, x: xp.silu_grad(g, x), doc="x / (1 + e⁻ˣ)")
log_sigmoid = elementwise(
    "log_sigmoid(x)", lambda xp, g, x: g * xp.sigmoid(-x), doc="log(1 / (1 + e⁻ˣ))", node="LogSigmoidBackward0"
)
softplus = elementwise(
    "softplus(x, *, beta, threshold)",
    lambda xp, g, x, beta, threshold: g * xp.where(x * beta > threshold, xp.ones_like(x), xp.sigmoid(x * beta)),
    doc="log(1 + exp(βx)) / β, x itself where βx > threshold",
)
leaky_relu = elementwise(
    "leaky_relu(x, *, slope)",
    lambda xp, g, x, slope: xp.where(x > 0, g, g * slope),
    doc="x where x > 0, slope · x elsewhere",
)
elu = elementwise(
    "elu(x, *, alpha)",
    lambda xp, g, x, alpha: xp.where(x > 0, g, g * (xp.exp(x) * alpha)),
    doc="x where x > 0, α(eˣ - 1) elsewhere",
)
gelu = elementwise("gelu(x)", lambda xp, g, x: xp.gelu_grad(g, x), doc="x Φ(x), Φ the normal distribution function")
gelu_tanh = elementwise(
    "gelu_tanh(x)", lambda xp, g, x: xp.gelu_tanh_grad(g, x), doc="gelu by its tanh approximation", node="GeluBackward0"
)
hardtanh = elementwise(
    "hardtanh(x, *, low, high)",
    lambda xp, g, x, low, high: g * xp.strictly_inside(x, low, high),
    doc="x within [low, high]; derivative 0 on the bounds",
)
erf = elementwise(
    "erf(x)", lambda xp, g, x: g * (xp.exp(-x * x) * (2.0 / math.sqrt(math.pi))), doc="error function", result="float"
)

# --- choice ---
where_ = elementwise(
    "where_(x, y, *, condition)",
    lambda xp, g, condition: xp.select(condition, g, 0),
    lambda xp, g, condition: xp.select(condition, 0, g),
    doc="x where the condition holds, y elsewhere",
    xp="choose",
    node="WhereBackward0",
)
masked_fill_ = elementwise(
    "masked_fill_(x, y, *, mask)",
    lambda xp, g, mask: xp.select(mask, 0, g),
    lambda xp, g, mask: xp.select(mask, g, 0),
    doc="y where the mask holds, x elsewhere",
    xp="choose_not",
    node="MaskedFillBackward0",
)
lerp_ = elementwise(
    "lerp(x, y, weight)",
    lambda g, weight: g * (1.0 - weight),
    lambda g, weight: g * weight,
    lambda g, x, y: g * (y - x),
    doc="x + weight · (y - x)",
)
addcmul_ = elementwise(
    "addcmul_(x, y, z, *, value)",
    lambda g: g,
    lambda g, z, value: g * z * value,
    lambda g, y, value: g * y * value,
    doc="x + value · y · z",
    xp="addcmul",
    node="AddcmulBackward0",
)
addcdiv_ = elementwise(
    "addcdiv_(x, y, z, *, value)",
    lambda g: g,
    lambda g, z, value: g / z * value,
    lambda g, y, z, value: -g * (y / (z * z)) * value,
    doc="x + value · y / z",
    xp="addcdiv",
    node="AddcdivBackward0",
)

# --- complex ---
conj = elementwise("conj(x)", lambda xp, g: xp.conj(g), doc="the complex conjugate", node="ConjBackward0")


# --- comparison and logic ---
def _comparison(signature, *, operator, **options):
    check = _refuses(f"{operator}_cpu", "complex")
    return nondifferentiable(signature, result="bool", operator=operator, check=check, real=True, **options)


eq = nondifferentiable("eq(x, y)", doc="x == y", xp="equal", result="bool")
ne = nondifferentiable("ne(x, y)", doc="x != y", xp="not_equal", result="bool")
lt = _comparison("lt(x, y)", doc="x < y", xp="less", operator="lt")
le = _comparison("le(x, y)", doc="x <= y", xp="less_equal", operator="le")
gt = _comparison("gt(x, y)", doc="x > y", xp="greater", operator="gt")
ge = _comparison("ge(x, y)", doc="x >= y", xp="greater_equal", operator="ge")
logical_and = tensors_only(nondifferentiable("logical_and(x, y)", doc="both are nonzero", result="bool"))
logical_or = tensors_only(nondifferentiable("logical_or(x, y)", doc="one is nonzero", result="bool"))
logical_xor = tensors_only(nondifferentiable("logical_xor(x, y)", doc="exactly one is nonzero", result="bool"))
logical_not = nondifferentiable("logical_not(x)", doc="x is zero", result="bool")
bitwise_and = nondifferentiable(
    "bitwise_and(x, y)",
    doc="x & y on integers, logical on bool",
    operator="and",
    check=_refuses("bitwise_and_cpu", "float", "complex"),
)
bitwise_or = nondifferentiable(
    "bitwise_or(x, y)",
    doc="x | y on integers, logical on bool",
    operator="or",
    check=_refuses("bitwise_or_cpu", "float", "complex"),
)
bitwise_xor = nondifferentiable(
    "bitwise_xor(x, y)",
    doc="x ^ y on integers, logical on bool",
    operator="xor",
    check=_refuses("bitwise_xor_cpu", "float", "complex"),
)
bitwise_left_shift = nondifferentiable(
    "bitwise_left_shift(x, y)",
    doc="x · 2ʸ on integers",
    operator="lshift",
    check=_refuses("lshift_cpu", "bool", "float", "complex"),
)
bitwise_right_shift = nondifferentiable(
    "bitwise_right_shift(x, y)",
    doc="floor(x / 2ʸ) on integers",
    operator="rshift",
    check=_refuses("rshift_cpu", "bool", "float", "complex"),
)
bitwise_not = nondifferentiable(
    "bitwise_not(x)", doc="~x on integers, logical on bool", xp="bitwise_invert", check=_not_check
)
isfinite = nondifferentiable("isfinite(x)", doc="neither infinite nor NaN", result="bool")
isinf = nondifferentiable("isinf(x)", doc="infinite", result="bool")
isnan = nondifferentiable("isnan(x)", doc="NaN", result="bool")
