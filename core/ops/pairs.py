"""The rarer elementwise ops of two arguments, and isin."""

import math

from .. import dtypes
from ..compile import elementwise, general, nondifferentiable
from ..errors import broadcast_failure, scalar_name
from ..naming import named
from ..slow import is_tensor, result_type
from ..tensor import Tensor
from .arithmetic import rdiv
from .elementwise import tensors_only
from .parts import _need_tensor, _out
from .special import refuses

_NOT_FLOAT = ("bool", "int", "complex")


def _not_for_complex(name):
    def check(x, y):
        if result_type((x, y)).kind == dtypes.COMPLEX:
            return RuntimeError(f"{name} not implemented for complex tensors.")
        return None

    return check


def _heaviside_rule(g):
    raise RuntimeError("derivative for aten::heaviside is not implemented")


copysign_ = elementwise(
    "copysign_(x, y)",
    lambda xp, g, x, y: g * xp.copysign_slope(x, y),
    lambda xp, g: xp.zeros_like(g),
    doc="|x| with the sign of y",
    xp="copysign",
    result="float",
    node="CopysignBackward0",
    check=refuses("copysign_cpu", "complex"),
)
fmax = tensors_only(
    elementwise(
        "fmax(x, y)",
        lambda xp, g, x, y: xp.select(xp.fmax_takes(x, y), g, 0.0),
        lambda xp, g, x, y: xp.select(xp.fmax_takes(x, y), 0.0, g),
        doc="the larger of x and y, a NaN gives way; at a tie x gets the gradient",
        real=True,
    ),
    _not_for_complex("fmax"),
)
fmin = tensors_only(
    elementwise(
        "fmin(x, y)",
        lambda xp, g, x, y: xp.select(xp.fmin_takes(x, y), g, 0.0),
        lambda xp, g, x, y: xp.select(xp.fmin_takes(x, y), 0.0, g),
        doc="the smaller of x and y, a NaN gives way; at a tie x gets the gradient",
        real=True,
    ),
    _not_for_complex("fmin"),
)
hypot = tensors_only(
    elementwise("hypot(x, y)", lambda g, x, out: g * (x / out), lambda g, y, out: g * (y / out), doc="√(x² + y²)"),
    refuses("hypot_cpu", *_NOT_FLOAT),
)
logaddexp = tensors_only(
    elementwise(
        "logaddexp(x, y)",
        lambda xp, g, x, y: g * xp.sigmoid(x - y),
        lambda xp, g, x, y: g * xp.sigmoid(y - x),
        doc="log(eˣ + eʸ)",
    ),
    refuses("logaddexp_cpu", "bool", "int"),
)
logaddexp2 = tensors_only(
    elementwise(
        "logaddexp2(x, y)",
        lambda xp, g, x, y: g * xp.sigmoid((x - y) * math.log(2.0)),
        lambda xp, g, x, y: g * xp.sigmoid((y - x) * math.log(2.0)),
        doc="logarithm of 2ˣ + 2ʸ to base 2",
    ),
    refuses("logaddexp2_cpu", *_NOT_FLOAT),
)
nextafter = tensors_only(
    elementwise(
        "nextafter(x, y)",
        lambda xp, g, x, y: xp.select(x == y, 0.0, g),
        lambda xp, g: xp.zeros_like(g),
        doc="the neighbour of x on the side of y",
    ),
    refuses("nextafter_cpu", *_NOT_FLOAT),
)
ldexp = tensors_only(
    elementwise(
        "ldexp(x, y)",
        lambda xp, g, y: g * xp.ldexp(xp.ones_like(g), y),
        lambda g, out: g * out * math.log(2.0),
        doc="x · 2ʸ",
        result="float",
    )
)
gcd = tensors_only(
    nondifferentiable("gcd(x, y)", doc="greatest common divisor"), refuses("gcd_cpu", "bool", "float", "complex")
)
lcm = tensors_only(
    nondifferentiable("lcm(x, y)", doc="least common multiple"), refuses("lcm_cpu", "bool", "float", "complex")
)
heaviside_ = elementwise(
    "heaviside_(x, y)",
    _heaviside_rule,
    _heaviside_rule,
    doc="0 below 0, 1 above, y at 0",
    xp="heaviside",
    node="NotImplemented",
)
complex_ = general(
    "complex_(x, y)",
    lambda xp, g: xp.real(g),
    lambda xp, g: -xp.imag(g),
    jvp="linear",
    doc="x + iy",
    xp="join_complex",
    node="ComplexBackward0",
    result="other",
    match=True,
)
polar_ = general(
    "polar_(x, y)",
    lambda xp, g, y: xp.cos(y) * xp.real(g) - xp.sin(y) * xp.imag(g),
    lambda xp, g, x, y: -x * (xp.sin(y) * xp.real(g) + xp.cos(y) * xp.imag(g)),
    doc="x · exp(iy)",
    xp="polar",
    node="PolarBackward0",
    result="other",
    match=True,
)
isin_ = general(
    "isin_(x, y)", None, None, doc="whether each x is an element of the vector y", xp="isin", result="other"
)


def copysign(input, other, *, out=None):
    """|input| with the sign of other, a tensor or a number; derivative 0 at 0.

    Example:
        >>> import plugrad
        >>> plugrad.copysign(plugrad.tensor([1.0, -2.0]), -0.0)
        tensor([-1., -2.])
    """
    made = copysign_(input, other)
    return _out(out, made if is_tensor(other) else named(made, "CopysignBackward1"), input, other)


def heaviside(input, values, *, out=None):
    """0 where input is negative, 1 where it is positive, ``values`` where it is 0.

    Raises:
        RuntimeError: the dtypes differ or are complex; or, in a backward pass, that torch has no derivative of it.

    Example:
        >>> import plugrad
        >>> plugrad.heaviside(plugrad.tensor([-1.0, 0.0, 2.0]), plugrad.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    _need_tensor("heaviside", input)
    _need_tensor("heaviside", values, "values", 2)
    if input.dtype.is_complex or values.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return _out(out, heaviside_(input, values), input, values)


def _check_parts(name, first, second, names):
    for position, (value, argument) in enumerate(zip((first, second), names, strict=True), 1):
        _need_tensor(name, value, argument, position)
    if not (first.dtype.is_floating_point and second.dtype.is_floating_point):
        came = f"{scalar_name(first.dtype)} and {scalar_name(second.dtype)}"
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {came}")
    if first.dtype is not second.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(first.dtype)} but got scalar type {scalar_name(second.dtype)} "
            "for second argument"
        )
    if first.dtype.itemsize < 4:
        raise NotImplementedError(f"{name}: complex numbers of half precision do not exist in plugrad")
    failure = broadcast_failure([first._a.shape, second._a.shape])
    if failure is not None:
        raise failure


def complex(real, imag, *, out=None):
    """real + i · imag.

    Args:
        real, imag: float32 or float64, both the same.

    Raises:
        RuntimeError: other dtypes.

    Example:
        >>> import plugrad
        >>> plugrad.complex(plugrad.tensor([1.0]), plugrad.tensor([2.0]))
        tensor([1.+2.j])
    """
    _check_parts("complex", real, imag, ("real", "imag"))
    return _complex_out(out, complex_(real, imag), real, imag)


def polar(abs, angle, *, out=None):
    """abs · exp(i · angle).

    Args:
        abs, angle: float32 or float64, both the same; the angle in radians.

    Raises:
        RuntimeError: other dtypes.

    Example:
        >>> import plugrad
        >>> plugrad.polar(plugrad.tensor([2.0]), plugrad.tensor([0.0]))
        tensor([2.+0.j])
    """
    _check_parts("polar", abs, angle, ("abs", "angle"))
    return _complex_out(out, polar_(abs, angle), abs, angle)


def _complex_out(out, made, *inputs):
    if out is not None and out.dtype is not made.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(made.dtype)} but got scalar type {scalar_name(out.dtype)} for argument "
            "'out'"
        )
    return _out(out, made, *inputs)


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each of ``elements`` is among ``test_elements``.

    Args:
        elements, test_elements: tensors, or one of them a number.
        assume_unique: the elements of both are promised to differ: makes no difference here.
        invert: whether each is not among them.

    Raises:
        RuntimeError: bool or complex tensors.

    Example:
        >>> import plugrad
        >>> plugrad.isin(plugrad.tensor([1, 2, 3]), plugrad.tensor([3, 1]))
        tensor([ True, False,  True])
    """
    from ..create import tensor

    device = next((v.device for v in (elements, test_elements) if is_tensor(v)), None)
    if device is None:
        raise TypeError(
            f"isin() received an invalid combination of arguments - got ({type(elements).__name__}, "
            f"{type(test_elements).__name__}), but one of them must be a Tensor"
        )
    pair = [v if is_tensor(v) else tensor(v, device=device) for v in (elements, test_elements)]
    for t in pair:
        if t.dtype.kind in (dtypes.BOOL, dtypes.COMPLEX):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {scalar_name(t.dtype)}")
    common = result_type((elements, test_elements))
    x, y = (t.detach().to(common) for t in pair)
    found = isin_(x, y.reshape(-1))
    return _out(out, ~found if invert else found)


METHODS = {"fmax": fmax, "fmin": fmin, "logaddexp": logaddexp, "logaddexp2": logaddexp2}
IN_PLACE = {
    "copysign": copysign, "hypot": hypot, "nextafter": nextafter, "ldexp": ldexp, "gcd": gcd, "lcm": lcm, "heaviside": heaviside,
}  # fmt: skip

#: Other names of in-place methods that core/ops/in_place.py has made.
ALIASES = {
    "arccos_": "acos_", "arccosh_": "acosh_", "arcsin_": "asin_", "arcsinh_": "asinh_", "arctan_": "atan_", "arctan2_": "atan2_",
    "arctanh_": "atanh_", "fix_": "trunc_", "greater_": "gt_", "greater_equal_": "ge_", "less_": "lt_", "less_equal_": "le_",
    "not_equal_": "ne_",
}  # fmt: skip


def install():
    """Give Tensor these methods and their in-place forms."""
    from .in_place import in_place

    for name, function in (METHODS | IN_PLACE).items():
        setattr(Tensor, name, function)
    for name, function in IN_PLACE.items():
        setattr(Tensor, name + "_", in_place(function, name + "_"))
    Tensor.__rdiv__ = rdiv
    for alias, name in ALIASES.items():
        setattr(Tensor, alias, getattr(Tensor, name))
