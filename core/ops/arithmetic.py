"""Public forms of the elementwise ops where torch's signature has more than the row: alpha, rounding modes, scalars."""

from ..dtypes import FLOAT, complex128, float64
from ..dtypes import bool_ as BOOL
from ..errors import c_type, invalid_combination, scalar_name
from ..modes import get_default_dtype
from ..naming import named
from ..shapes import dtype_of, need_tensors
from ..slow import is_tensor, result_type
from ..tensor import Tensor
from ..views import write_out
from ..watching import watch
from . import elementwise as e
from .underived import constant

NUMBERS = (int, float, bool, complex)


def _scaled(other, alpha):
    if alpha == 1:
        return other
    return other * alpha


def add(input, other, *, alpha=1, out=None):
    """input + alpha · other.

    Example:
        >>> import plugrad
        >>> plugrad.add(plugrad.tensor([1.0]), 2, alpha=3)
        tensor([7.])
    """
    return _out(out, e.add(input, _scaled(other, alpha)), input, other)


def sub(input, other, *, alpha=1, out=None):
    """input - alpha · other."""
    return _out(out, e.sub(input, _scaled(other, alpha)), input, other)


def rsub(input, other, *, alpha=1):
    """other - alpha · input."""
    made = e.rsub(_scaled(input, alpha), other)
    return named(made, "RsubBackward0") if is_tensor(other) else made


def div(input, other, *, rounding_mode=None, out=None):
    """input / other, as it is, or rounded toward zero ("trunc") or down ("floor")."""
    if rounding_mode is None:
        return _out(out, e.div(input, other), input, other)
    if rounding_mode not in ROUNDED:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    made = ROUNDED[rounding_mode](*(t.detach() if is_tensor(t) else t for t in (input, other)))
    return _out(out, constant(made, (input, other), "DivBackward2"), input, other)


def _truncated(input, other):
    exact = e.trunc(e.div(input, other))
    return exact.to(input.dtype) if not input.dtype.is_floating_point and _whole(other) else exact


ROUNDED = {"trunc": _truncated, "floor": e.floor_divide}


def _whole(other):
    return isinstance(other, int) or (is_tensor(other) and not other.dtype.is_floating_point)


def pow(input, exponent, *, out=None):
    """input to the power exponent, elementwise; either may be a number.

    Raises:
        RuntimeError: an integer tensor to a negative integer power.

    Example:
        >>> import plugrad
        >>> plugrad.pow(plugrad.tensor([1.0, 2.0]), 3)
        tensor([1., 8.])
    """
    if isinstance(exponent, NUMBERS):
        return _out(out, _pow_number(input, exponent), input)
    if not (is_tensor(exponent) and isinstance(input, (Tensor, *NUMBERS))):
        raise _powers_of("pow", input, exponent)
    return _out(out, _pow_tensor(input, exponent), input, exponent)


def _pow_tensor(input, exponent):
    if exponent.dtype.kind < FLOAT and result_type((input, exponent)).kind < FLOAT:
        return e.pow_whole(input, exponent)
    return e.pow_tensor(input, exponent)


def _powers_of(name, input, exponent):
    came = ", ".join("Tensor" if is_tensor(v) else type(v).__name__ for v in (input, exponent))
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({came}), but expected one of:\n"
        " * (Tensor input, Tensor exponent, *, Tensor out = None)\n"
        " * (Number self, Tensor exponent, *, Tensor out = None)\n"
        " * (Tensor input, Number exponent, *, Tensor out = None)\n"
    )


def _pow_number(input, exponent):
    if not is_tensor(input):
        raise _powers_of("pow", input, exponent)
    if isinstance(exponent, complex) or input.dtype is BOOL:
        if isinstance(exponent, bool):
            return e.bitwise_or(input, not exponent)
        input = input.to(result_type((input, exponent)))
    if input.dtype.kind < 2:
        if isinstance(exponent, float):
            input = input.to(get_default_dtype())
        elif exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return e.pow_scalar(input, exponent)


def rpow(input, base):
    """base to the power input: the reflected ``**``."""
    made = _pow_tensor(base, input)
    return made if is_tensor(base) else named(made, "PowBackward2")


def rdiv(input, other):
    """other / input: the reflected ``/``."""
    return input.reciprocal() * other


def floor_divide(input, other, *, out=None):
    """floor(input / other)."""
    return e.floor_divide(input, other, out=out)


def float_power(input, exponent, *, out=None):
    """input to the power exponent, in float64, or in complex128 where one of them is complex.

    Args:
        input, exponent: tensors, or one of them a number.
        out: a tensor of the result's dtype.

    Raises:
        TypeError: neither is a tensor, or one is neither tensor nor number.
        RuntimeError: ``out`` has another dtype.

    Example:
        >>> import plugrad
        >>> plugrad.float_power(plugrad.tensor([4]), 0.5)
        tensor([2.], dtype=torch.float64)
    """
    made = _float_power(input, exponent)
    if out is not None and out.dtype is not made.dtype:
        raise _not_power_dtype("output", "float_power", out, made)
    return _out(out, made, input, exponent)


def _float_power(input, exponent):
    if not _are_powers(input, exponent):
        raise _powers_of("float_power", input, exponent)
    wide = complex128 if any(_is_complex(v) for v in (input, exponent)) else float64
    return pow(_widened(input, wide), _widened(exponent, wide))


def _are_powers(input, exponent):
    both = (input, exponent)
    return any(map(is_tensor, both)) and all(is_tensor(v) or isinstance(v, NUMBERS) for v in both)


def _is_complex(value):
    return value.dtype.is_complex if is_tensor(value) else isinstance(value, complex)


def _widened(value, dtype):
    if is_tensor(value):
        return value.to(dtype)
    return complex(value) if dtype is complex128 else float(value)


def _not_power_dtype(what, name, given, made):
    return RuntimeError(
        f"the {what} given to {name} has dtype {scalar_name(given.dtype)} but the operation's result requires dtype "
        f"{scalar_name(made.dtype)}"
    )


def float_power_in_place(input, exponent):
    """The result of ``float_power_``, which the tensor must be able to hold."""
    made = _float_power(input, exponent)
    if input.dtype is not made.dtype:
        raise _not_power_dtype("base", "float_power_", input, made)
    return made


def where(condition, input=None, other=None, *, out=None):
    """input where the condition holds, other elsewhere; with the condition alone, the indices where it holds.

    Example:
        >>> import plugrad
        >>> plugrad.where(plugrad.tensor([True, False]), 1.0, plugrad.zeros(2))
        tensor([1., 0.])
    """
    if input is None and other is None:
        need_tensors(condition)
        return condition.nonzero(as_tuple=True)
    if dtype_of(condition) is not BOOL:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {_long_name(condition)}"
        )
    if not is_tensor(input) and not is_tensor(other):
        from ..create import tensor

        input = tensor(input, device=condition.device)
    return _out(out, watch(e.where_(input, other, condition._a), condition), input, other)


def _long_name(t):
    from ..errors import scalar_name

    return scalar_name(t.dtype)


def masked_fill(input, mask, value):
    """input with ``value`` where the mask holds."""
    if dtype_of(mask) is not BOOL:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype " + _c_mask(mask))
    if is_tensor(value) and value._a.shape:
        raise RuntimeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.dim()} dimension(s)."
        )
    value = _as_element(value, input)
    made = watch(e.masked_fill_(input, value, mask._a), mask)
    return named(made, "MaskedFillBackward1") if is_tensor(value) else made


def _as_element(value, input):
    """A number or 0-d tensor in the dtype of a tensor, whose own it does not change."""
    kind = value.dtype.kind if is_tensor(value) else 3 * isinstance(value, complex)
    if kind > max(input.dtype.kind, FLOAT):
        raise RuntimeError(f"value cannot be converted to type {c_type(input.dtype)} without overflow")
    if is_tensor(value):
        return value if value.dtype is input.dtype else value.to(input.dtype)
    if input.dtype is BOOL:
        return bool(value)
    return int(value) if input.dtype.kind < FLOAT else value


def _c_mask(mask):
    from ..errors import c_name

    return c_name(mask.dtype)


def clamp(input, min=None, max=None, *, out=None):
    """input held within [min, max]; each a number, a tensor or None.

    Raises:
        ValueError: both bounds are None.
    """
    if min is None and max is None:
        raise ValueError("At least one of 'min' or 'max' must not be None")
    if not is_tensor(input):
        raise invalid_combination("clamp", (input, min, max), {})
    if is_tensor(min) or is_tensor(max):
        return _out(out, named(_clamp_by_tensors(input, min, max), "ClampBackward0"), input)
    if input.dtype.kind < 2 and (isinstance(min, float) or isinstance(max, float)):
        input = input.to(get_default_dtype())
    return _out(out, e.clamp(input, min, max), input)


def _clamp_by_tensors(input, min, max):
    if max is None:
        return e.clamp_low_(input, min)
    if min is None:
        return e.clamp_high_(input, max)
    return e.clamp_both_(input, _tensor(min, input), _tensor(max, input))


def _tensor(value, like):
    from ..create import full

    return value if is_tensor(value) else full((), value, dtype=dtype_of(like), device=like.device)


def clamp_min(input, min, *, out=None):
    """max(input, min), elementwise."""
    if not is_tensor(input):
        raise invalid_combination("clamp_min", (input, min), {})
    return _out(out, named(clamp(input, min), "ClampMinBackward1" if is_tensor(min) else "ClampMinBackward0"), input)


def clamp_max(input, max, *, out=None):
    """min(input, max), elementwise."""
    if not is_tensor(input):
        raise invalid_combination("clamp_max", (input, max), {})
    return _out(
        out, named(clamp(input, None, max), "ClampMaxBackward1" if is_tensor(max) else "ClampMaxBackward0"), input
    )


def lerp(input, end, weight, *, out=None):
    """input + weight · (end - input)."""
    made = e.lerp_(input, end, _tensor(weight, input))
    return _out(out, named(made, "LerpBackward1") if is_tensor(weight) else made, input, end)


def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """input + value · tensor1 · tensor2."""
    return _out(out, e.addcmul_(input, tensor1, tensor2, value), input, tensor1, tensor2)


def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """input + value · tensor1 / tensor2; not of whole numbers alone."""
    if is_tensor(tensor1) and is_tensor(tensor2) and tensor1.dtype.kind < FLOAT and tensor2.dtype.kind < FLOAT:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
            "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
            "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * "
            "tensor1 / tensor2), for all dtypes."
        )
    return _out(out, e.addcdiv_(input, tensor1, tensor2, value), input, tensor1, tensor2)


def round(input, *, decimals=0, out=None):
    """The nearest whole number, or multiple of 10^-decimals; halves go to the even neighbour."""
    if decimals == 0:
        return _out(out, e.round_(input), input)
    scale = 10.0**decimals
    return _out(out, e.round_(input * scale) / scale, input)


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| ≤ atol + rtol · |other|, elementwise.

    Raises:
        RuntimeError: other dtypes, or a negative tolerance.
    """
    _need_tensors("isclose", input=input, other=other)
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance:g}")
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{_long_name(input)} did not match {_long_name(other)}")
    close = input == other
    if input.dtype is BOOL:
        return close
    if input.dtype.kind >= FLOAT:
        difference = (input - other).abs()
        close = close | ((difference <= atol + rtol * other.abs()) & difference.isfinite())
    elif rtol or atol:
        close = close | ((input - other).abs() <= (atol + rtol * other.abs().double()))
    if equal_nan:
        close = close | ((input != input) & (other != other))
    return close


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether :func:`isclose` holds everywhere."""
    _need_tensors("allclose", input=input, other=other)
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input, other):
    """Whether two tensors have the same shape and the same values."""
    _need_tensors("equal", input=input, other=other)
    if input._a.shape != other._a.shape:
        return False
    return bool((input == other).all())


def _need_tensors(function, **values):
    for position, (name, value) in enumerate(values.items()):
        if not is_tensor(value):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}"
            )


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def operator(function):
    """An operator of Python: an operand of a foreign type gives NotImplemented, so that its own operator is asked."""

    def binary(self, other):
        try:
            return function(self, other)
        except TypeError:
            if is_tensor(other) or isinstance(other, NUMBERS):
                raise
            return NotImplemented

    return binary


OPERATORS = {
    "__radd__": Tensor.__add__, "__rmul__": Tensor.__mul__, "__neg__": e.neg, "__abs__": e.abs, "__invert__": e.bitwise_not,
    "__rand__": Tensor.__and__, "__ror__": Tensor.__or__, "__rxor__": Tensor.__xor__,
}  # fmt: skip

WRAPPED = {
    "__pow__": pow, "__rpow__": rpow, "__rtruediv__": rdiv, "__rfloordiv__": lambda x, y: e.floor_divide(y, x),
    "__rmod__": lambda x, y: e.remainder(y, x), "__rlshift__": lambda x, y: e.bitwise_left_shift(y, x),
    "__rrshift__": lambda x, y: e.bitwise_right_shift(y, x),
}  # fmt: skip


def _equality(function, otherwise):
    def compare(self, other):
        if is_tensor(other) or isinstance(other, NUMBERS):
            return function(self, other)
        return otherwise

    return compare


def install():
    """Give Tensor its operators and elementwise methods."""
    for name, function in OPERATORS.items():
        setattr(Tensor, name, function)
    for name, function in WRAPPED.items():
        setattr(Tensor, name, operator(function))
    Tensor.__eq__ = _equality(e.eq, False)
    Tensor.__ne__ = _equality(e.ne, True)
    Tensor.__pos__ = lambda self: self
    for name, function in METHODS.items():
        setattr(Tensor, name, function)


def where_method(input, condition, other):
    """input where the condition holds, other elsewhere."""
    return where(condition, input, other)


METHODS = {
    **{name: row_function for name, row_function in vars(e).items() if hasattr(row_function, "row") and row_function.row.has_out},
    **{
        f.__name__: f
        for f in (
            add, sub, div, pow, float_power, floor_divide, masked_fill, clamp, clamp_min, clamp_max, lerp, addcmul, addcdiv, round,
            isclose, allclose, equal,
        )
    },
    "where": where_method,
    "multiply": e.mul, "subtract": sub, "divide": div, "true_divide": e.div, "absolute": e.abs, "negative": e.neg, "clip": clamp,
    "greater": e.gt, "greater_equal": e.ge, "less": e.lt, "less_equal": e.le, "not_equal": e.ne, "arcsin": e.asin, "arccos": e.acos,
    "arctan": e.atan, "arcsinh": e.asinh, "arccosh": e.acosh, "arctanh": e.atanh, "arctan2": e.atan2, "fix": e.trunc,
    "logsigmoid": e.log_sigmoid,
}  # fmt: skip
METHODS.pop("logsigmoid")
for hidden in ("log_sigmoid", "silu", "gelu", "gelu_tanh", "lerp_", "pow_tensor", "pow_whole", "rsub", "conj"):
    METHODS.pop(hidden, None)
