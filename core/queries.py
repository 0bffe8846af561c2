"""Questions about dtypes and tensors."""

import math

from . import dtypes
from .errors import invalid_combination
from .modes import GRAD, INFERENCE, Defaults
from .slow import result_type as _result_type
from .tensor import Tensor


def is_tensor(obj):
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Tensor)


def is_grad_enabled():
    """Whether grad mode is on: operations on tensors that require grad are recorded, outside of inference mode.

    Example:
        >>> import plugrad
        >>> with plugrad.no_grad():
        ...     print(plugrad.is_grad_enabled())
        False
    """
    return GRAD.get() is not False


def is_inference_mode_enabled():
    """Whether inference mode is on: what is made now can never be saved for a backward.

    Example:
        >>> import plugrad
        >>> plugrad.is_inference_mode_enabled()
        False
    """
    return INFERENCE.get()


def is_inference(input):
    """Whether a tensor was made in inference mode.

    Raises:
        TypeError: ``input`` is no tensor.

    Example:
        >>> import plugrad
        >>> with plugrad.inference_mode():
        ...     x = plugrad.ones(2)
        >>> plugrad.is_inference(x), plugrad.is_inference(x.clone())
        (True, False)
    """
    return _tensor("is_inference", input).is_inference()


def _tensor(function, value, name="input", position=1):
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
        )
    return value


def is_floating_point(input):
    """Whether the dtype of a tensor is a floating point one."""
    return _tensor("is_floating_point", input).dtype.is_floating_point


def is_complex(input):
    """Whether the dtype of a tensor is a complex one."""
    return _tensor("is_complex", input).dtype.is_complex


def is_signed(input):
    """Whether the dtype of a tensor has negative numbers."""
    return _tensor("is_signed", input).dtype.is_signed


def is_conj(input):
    """Whether a tensor is conjugated on reading alone: never here, where conj() writes what it gives."""
    _tensor("is_conj", input)
    return False


def is_neg(input):
    """Whether a tensor is negated on reading alone: never here."""
    _tensor("is_neg", input)
    return False


def is_nonzero(input):
    """Whether the one element of a tensor is not 0.

    Raises:
        RuntimeError: no element, or more than one.

    Example:
        >>> import plugrad
        >>> plugrad.is_nonzero(plugrad.tensor([2.0]))
        True
    """
    return bool(_tensor("is_nonzero", input))


def is_same_size(input, other):
    """Whether two tensors have one shape."""
    return _tensor("is_same_size", input)._a.shape == _tensor("is_same_size", other, "other", 2)._a.shape


def get_device(input):
    """The index of a tensor's device, -1 on the cpu."""
    return _tensor("get_device", input).get_device()


def numel(input):
    """The number of elements."""
    return _tensor("numel", input).numel()


def result_type(tensor1, tensor2):
    """The dtype of an arithmetic result of two operands, tensors or numbers."""
    if not all(isinstance(operand, (Tensor, int, float, complex)) for operand in (tensor1, tensor2)):
        raise invalid_combination("result_type", (tensor1, tensor2), {})
    return _result_type((tensor1, tensor2))


_GIVEN = object()


def can_cast(from_=_GIVEN, to=_GIVEN):
    """Whether a result of one dtype may be written into another: never down a category, never signed into unsigned."""
    missing = [f'"{name}"' for name, d in (("from_", from_), ("to", to)) if d is _GIVEN]
    if missing:
        plural = "s" if len(missing) == 1 else ""  # so torch
        raise TypeError(f"can_cast() missing {len(missing)} required positional argument{plural}: {', '.join(missing)}")
    for position, (name, d) in enumerate((("from_", from_), ("to", to))):
        if not isinstance(d, dtypes.dtype):
            raise TypeError(
                f"can_cast(): argument '{name}' (position {position + 1}) must be torch.dtype, not {type(d).__name__}"
            )
    if from_.kind == dtypes.INT and to is dtypes.uint8:
        return from_ is dtypes.uint8
    return from_.kind <= to.kind


_FLOATS = {
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
    "float64": (53, -1022, 1023),
}


class finfo:
    """Limits of a floating point dtype: bits, eps, max, min, tiny, resolution.

    Example:
        >>> import plugrad
        >>> plugrad.finfo(plugrad.float16).max
        65504.0
    """

    def __init__(self, type=None):
        d = Defaults.dtype if type is None else type
        if d.kind < dtypes.FLOAT:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d!r}'")
        d = d.to_real()
        digits, low, high = _FLOATS[d.name]
        self.dtype = d.name
        self.bits = d.itemsize * 8
        self.eps = 2.0 ** (1 - digits)
        self.max = (2.0 - 2.0 ** (1 - digits)) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low
        self.resolution = 10.0 ** -math.floor((digits - 1) * math.log10(2.0))

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: bits, max, min.

    Example:
        >>> import plugrad
        >>> plugrad.iinfo(plugrad.int8).max
        127
    """

    def __init__(self, type):
        if type.kind != dtypes.INT:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.min = -(2 ** (self.bits - 1)) if type.is_signed else 0

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


for _function in (is_conj, is_neg, is_nonzero, is_same_size):
    setattr(Tensor, _function.__name__, _function)
