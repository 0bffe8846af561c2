"""The rarer elementwise ops of one argument: signs, angles, fractions, what is finite."""

import math

from .. import dtypes
from ..compile import elementwise, general, nondifferentiable
from ..modes import get_default_dtype, is_grad_enabled
from ..naming import named
from ..slow import is_tensor
from ..tensor import Tensor
from ..views import write_out
from .special import refuses


def _real_input(text, error=RuntimeError):
    def check(x):
        return error(text) if x.dtype.kind == dtypes.COMPLEX else None

    return check


deg2rad = elementwise(
    "deg2rad(x)",
    lambda g: g * (math.pi / 180.0),
    doc="degrees as radians",
    result="float",
    node="Deg2RadBackward0",
    check=_real_input("deg2rad is not supported for complex tensors."),
    real=True,
)
rad2deg = elementwise(
    "rad2deg(x)",
    lambda g: g * (180.0 / math.pi),
    doc="radians as degrees",
    result="float",
    node="Rad2DegBackward0",
    check=_real_input("rad2deg is not supported for complex tensors."),
    real=True,
)
frac = elementwise(
    "frac(x)",
    lambda g: g,
    doc="x without its whole part",
    check=refuses("frac_cpu", "bool", "int", "complex"),
)
sgn = elementwise(
    "sgn(x)",
    lambda xp, g, x: xp.conj(xp.sgn_grad(xp.conj(g), x)),
    doc="x / |x|, 0 at 0: sign for complex numbers too",
    jvp=lambda xp, x, t_x: xp.sgn_grad(t_x, x),
)
sinc = elementwise("sinc(x)", lambda xp, g, x: g * xp.sinc_slope(x), doc="sin(πx) / (πx), 1 at 0", result="float")
angle_ = general(
    "angle_(x)",
    lambda xp, g, x: xp.angle_grad(g, x),
    doc="the angle of a complex number",
    xp="angle",
    node="AngleBackward0",
    result="other",
)
conj_physical_ = elementwise(
    "conj_physical_(x)",
    lambda xp, g: xp.conj(g),
    doc="the complex conjugate",
    xp="conj_physical",
    node="ConjPhysicalBackward0",
)
nan_to_num_ = elementwise(
    "nan_to_num_(x, *, nan, posinf, neginf)",
    lambda xp, g, x: xp.select(xp.isfinite(x), g, 0.0),
    doc="x with numbers in place of NaN and infinities",
    xp="nan_to_num",
    node="NanToNumBackward0",
)
frexp_ = general(
    "frexp_(x) -> mantissa, exponent:no",
    lambda xp, g_mantissa, exponent, x_dtype: g_mantissa * xp.exp2(-xp.astype(exponent, x_dtype)),
    doc="(m, e) with x = m · 2ᵉ, ½ ≤ |m| < 1",
    xp="frexp",
    node="FrexpBackward0",
)
signbit = nondifferentiable(
    "signbit(x)",
    doc="whether the sign is negative",
    result="bool",
    check=_real_input("signbit is not implemented for complex tensors.", NotImplementedError),
    real=True,
)
isneginf = nondifferentiable(
    "isneginf(x)",
    doc="-∞",
    result="bool",
    check=_real_input("isneginf does not support complex inputs."),
    real=True,
)
isposinf = nondifferentiable(
    "isposinf(x)",
    doc="∞",
    result="bool",
    check=_real_input("isposinf does not support complex inputs."),
    real=True,
)
isreal_ = nondifferentiable("isreal_(x)", doc="without an imaginary part", xp="isreal", result="bool")


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def _need_tensor(name, value, argument="input", position=1):
    if not is_tensor(value):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )


def angle(input, *, out=None):
    """The angle of complex numbers in radians, atan2(imag, real); of real ones 0 or π.

    Example:
        >>> import plugrad
        >>> plugrad.angle(plugrad.tensor([1.0, -1.0]))
        tensor([0.0000, 3.1416])
    """
    _need_tensor("angle", input)
    if input.dtype.kind < dtypes.FLOAT:
        input = input.to(get_default_dtype())
    return _out(out, angle_(input), input)


def conj_physical(input, *, out=None):
    """The complex conjugate; a real tensor is returned as it is.

    Example:
        >>> import plugrad
        >>> plugrad.conj_physical(plugrad.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    _need_tensor("conj_physical", input)
    made = conj_physical_(input) if input.dtype.is_complex else input
    return _out(out, made, input)


def nan_to_num(input, nan=None, posinf=None, neginf=None, *, out=None):
    """input with numbers in place of NaN, ∞ and -∞.

    Args:
        nan: in place of NaN; 0 without one.
        posinf, neginf: in place of ∞ and -∞; the largest and the least number of the dtype without one.

    Raises:
        RuntimeError: a complex input that requires grad.

    Example:
        >>> import plugrad
        >>> plugrad.nan_to_num(plugrad.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
        tensor([0., 9., 1.])
    """
    from ..queries import finfo

    _need_tensor("nan_to_num", input)
    if input.dtype.is_complex and input._fn is not None and is_grad_enabled():
        raise RuntimeError("nan_to_num does not support automatic differentiation for outputs with complex dtype.")
    if input.dtype.kind < dtypes.FLOAT:
        return _out(out, input.clone(), input)
    limits = finfo(input.dtype)
    values = (0.0 if nan is None else nan, limits.max if posinf is None else posinf)
    made = nan_to_num_(input, *(float(v) for v in values), float(limits.min if neginf is None else neginf))
    return _out(out, made, input)


def positive(input):
    """The tensor itself.

    Raises:
        RuntimeError: a bool tensor.

    Example:
        >>> import plugrad
        >>> plugrad.positive(plugrad.tensor([-1.0]))
        tensor([-1.])
    """
    _need_tensor("positive", input)
    if input.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def resolve_conj(input):
    """The tensor itself: conjugates are always computed here.

    Example:
        >>> import plugrad
        >>> plugrad.resolve_conj(plugrad.tensor([1 + 2j]).conj())
        tensor([1.-2.j])
    """
    _need_tensor("resolve_conj", input)
    return input


def resolve_neg(input):
    """The tensor itself: negatives are always computed here.

    Example:
        >>> import plugrad
        >>> plugrad.resolve_neg(-plugrad.tensor([1.0]))
        tensor([-1.])
    """
    _need_tensor("resolve_neg", input)
    return input


def isreal(input):
    """Whether each element has no imaginary part.

    Example:
        >>> import plugrad
        >>> plugrad.isreal(plugrad.tensor([1.0, 1j]))
        tensor([ True, False])
    """
    _need_tensor("isreal", input)
    return isreal_(input)


def frexp(input, *, out=None):
    """The (mantissa, exponent) of input = mantissa · 2^exponent with ½ ≤ |mantissa| < 1.

    Args:
        out: a pair of tensors.

    Raises:
        RuntimeError: the dtype is no floating point one.

    Example:
        >>> import plugrad
        >>> plugrad.frexp(plugrad.tensor([5.0])).exponent
        tensor([3], dtype=torch.int32)
    """
    _need_tensor("frexp", input)
    if not input.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    made = frexp_(input)
    if out is not None:
        if is_tensor(out):
            raise TypeError("frexp(): argument 'out' must be tuple of Tensors, not Tensor")
        made = tuple(write_out(o, m, input) for o, m in zip(out, made, strict=True))
    return Frexp(made)


class Frexp(tuple):
    """What :func:`frexp` returns: a pair whose parts have names."""

    __slots__ = ()
    __module__ = "torch.return_types"
    mantissa = property(lambda self: self[0], doc="The fraction.")
    exponent = property(lambda self: self[1], doc="The exponent, int32.")

    def __repr__(self):
        return f"torch.return_types.frexp(\nmantissa={self[0]!r},\nexponent={self[1]!r})"


def real(input):
    """The real part of a complex tensor, a view of it; a real tensor is returned as it is.

    Example:
        >>> import plugrad
        >>> plugrad.real(plugrad.tensor([1 + 2j]))
        tensor([1.])
    """
    _need_tensor("real", input)
    return named(input.real, "SelectBackward0") if input.dtype.is_complex else input


def imag(input):
    """The imaginary part of a complex tensor, a view of it.

    Raises:
        RuntimeError: the tensor is real.

    Example:
        >>> import plugrad
        >>> plugrad.imag(plugrad.tensor([1 + 2j]))
        tensor([2.])
    """
    _need_tensor("imag", input)
    return named(input.imag, "SelectBackward0")


METHODS = {
    "angle": angle, "isneginf": isneginf, "isposinf": isposinf, "isreal": isreal, "positive": positive,
    "resolve_conj": resolve_conj, "resolve_neg": resolve_neg, "signbit": signbit, "frexp": frexp,
}  # fmt: skip
IN_PLACE = {
    "deg2rad": deg2rad, "rad2deg": rad2deg, "frac": frac, "sgn": sgn, "sinc": sinc, "nan_to_num": nan_to_num,
}  # fmt: skip


def conj_physical_in_place(self):
    """In-place form of :func:`conj_physical`; returns the tensor itself."""
    from .in_place import in_place

    return in_place(lambda x: named(conj_physical_(x), "ConjPhysicalBackward1"), "conj_physical_")(self)


def install():
    """Give Tensor these methods and their in-place forms."""
    from .in_place import in_place

    for name, function in (METHODS | IN_PLACE | {"conj_physical": conj_physical}).items():
        setattr(Tensor, name, function)
    for name, function in IN_PLACE.items():
        setattr(Tensor, name + "_", in_place(function, name + "_"))
    Tensor.conj_physical_ = conj_physical_in_place
