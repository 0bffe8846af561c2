"""Copies of a tensor, other dtypes and devices, the parts of complex numbers."""

import warnings

from .. import dtypes
from ..device import device as device_class
from ..device import space
from ..dtypes import dtype as dtype_class
from ..graph import Node
from ..slow import edge_of, native_dtype, new_node
from ..tensor import Tensor, wrap
from . import shape as s


def clone(input, *, memory_format=None):
    """A copy with its own memory; gradients flow through."""
    return s.clone_(input)


def detach(input):
    """The same memory without history; in-place writes to either are seen by both and counted."""
    return _tensor("detach", input).detach()


def detach_(input):
    """Cut a tensor off from its history, in place."""
    return _tensor("detach_", input).detach_()


def _tensor(name, input):
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input


def contiguous(input, memory_format=None):
    """The tensor itself when its elements lie in order, else a copy in order."""
    return input if input._xp.is_contiguous(input._a) else s.contiguous_(input)


class MoveBackward(Node):
    """d/dx of a copy to another device: the gradient goes back there."""

    __slots__ = ("origin",)
    __module__ = "plugrad.autograd"

    def name(self):
        return "ToCopyBackward0"

    def backward(self, g):
        return (self.origin.from_host(self.xp.to_host(g)),)

    def backward_graph(self, g):
        return (move(g, self.origin),)


def move(input, xp):
    """A recorded copy to another device; the bytes go over the host."""
    if hasattr(input._xp.transform, "tangent"):
        return input._xp.transform.call(move, input, xp)
    made = wrap(Tensor, xp, xp.from_host(input._host()), None)
    from ..modes import is_grad_enabled

    if input._fn is not None and is_grad_enabled():
        node = new_node(MoveBackward, xp, (edge_of(input),), made._a.shape, made._a.dtype)
        node.origin = input._xp
        made._fn = node
    return made


def to(input, *args, **options):
    """The tensor as another dtype or on another device; itself when nothing changes.

    Args:
        args: a dtype, a device, a device and a dtype, or a tensor to follow.
        options: device=, dtype=, copy=, non_blocking=, memory_format= by name.
    """
    target, dtype, copy = _target(args, options)
    if dtype is not None and input.dtype.is_complex and not dtype.is_complex:
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=2)
        input = s.real(input)
    xp = input._xp if target is None else space(target)
    made = input
    if dtype is not None and dtype is not input.dtype:
        if dtype.kind < dtypes.FLOAT:
            made = made.detach()  # whole numbers have no gradient
        made = s.cast_(made, native_dtype(made._xp, dtype))
    if xp.device is not made._xp.device:
        made = move(made, xp)
    return s.fresh_(input) if copy and made is input else made


def _target(args, options):
    target, dtype = options.pop("device", None), options.pop("dtype", None)
    copy = options.pop("copy", False)
    options.pop("non_blocking", None)
    options.pop("memory_format", None)
    if "other" in options:
        args = (options.pop("other"), *args)
    if options:
        raise TypeError(f"to() received an invalid combination of arguments - got unexpected {sorted(options)}")
    for position, value in enumerate(args):
        if isinstance(value, Tensor):
            target, dtype = value.device, value.dtype
        elif isinstance(value, dtype_class):
            dtype = value
        elif isinstance(value, (str, device_class)) or (isinstance(value, int) and not isinstance(value, bool)):
            target = value if not isinstance(value, int) else device_class("cuda", value)
        elif isinstance(value, bool) and position == len(args) - 1:
            copy = copy or (value and position >= 2)
        elif value is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(value).__name__})")
    return target, dtype, copy


def cpu(input, memory_format=None):
    """The tensor on the cpu."""
    return to(input, "cpu")


def cuda(input, device=None, non_blocking=False, memory_format=None):
    """The tensor on a cuda device.

    Raises:
        RuntimeError: no cuda backend is usable here; the text says why.
    """
    if device is None:
        device = "cuda"
    return to(input, device_class("cuda", device) if isinstance(device, int) else device)


def type_as(input, tensor):
    """The tensor in the dtype of another."""
    return to(input, tensor)


def _caster(name, d):
    def cast(input, memory_format=None):
        return to(input, d)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"The tensor as {d!r}."
    return cast


CASTS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "int": dtypes.int32,
    "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
    "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip


def conj(input):
    """The complex conjugate; a real tensor is returned as it is."""
    from .elementwise import conj as row

    return row(input) if input.is_complex() else input


def real_part(input):
    """The real part, a view; of a real tensor the tensor itself."""
    return s.real(input) if input.is_complex() else input


def imag_part(input):
    """The imaginary part, a view.

    Raises:
        RuntimeError: the tensor is not complex.
    """
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return s.imag(input)


METHODS = (clone, contiguous, to, cpu, cuda, type_as, conj)


def install():
    """Give Tensor its conversion methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    for name, d in CASTS.items():
        setattr(Tensor, name, _caster(name, d))
    Tensor.real = property(real_part)
    Tensor.imag = property(imag_part)
