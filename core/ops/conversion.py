"""Copies of a tensor, other dtypes and devices, the parts of complex numbers."""

import warnings

from .. import dtypes
from ..device import device as device_class
from ..device import space
from ..dtypes import dtype as dtype_class
from ..graph import Node
from ..memory_format import (
    check_format,
    contiguous_format,
    format_of,
    order_in,
    preserve_format,
    preserved_order,
)
from ..shapes import dtype_of
from ..slow import edge_of, native_dtype, new_node
from ..tensor import Tensor, wrap
from ..views import repeats_memory
from . import shape as s


def clone(input, *, memory_format=preserve_format):
    """A copy with its own memory; gradients flow through.

    Args:
        input: any tensor.
        memory_format: the order of the copy's elements in memory; default: that of the input's, without gaps.

    Raises:
        RuntimeError: a format for tensors of another rank.

    Example:
        >>> import plugrad
        >>> plugrad.zeros(1, 2, 3, 4).clone(memory_format=plugrad.channels_last).stride()
        (24, 1, 8, 2)
    """
    if memory_format is preserve_format:
        # Of a tensor that repeats its elements, as after expand, numpy's copy would have an order of its own.
        if getattr(input, "_x", None) is None or not repeats_memory(input):
            return s.clone_(input)
        return s.arranged_(input, preserved_order(input) or tuple(range(input.dim())))
    return _clone_in(input, memory_format)


def _clone_in(input, given):
    if given is None:
        return clone(input)
    check_format("clone", given)
    return s.arranged_(input, order_in(given, input.dim()))


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


def contiguous(input, *, memory_format=contiguous_format):
    """The tensor itself when its elements lie in order, else a copy in order.

    Args:
        memory_format: the order, row-major by default. A backend without strides has row-major alone.

    Raises:
        RuntimeError: a format for tensors of another rank.

    Example:
        >>> import plugrad
        >>> x = plugrad.zeros(2, 3).t()
        >>> x.is_contiguous(), x.contiguous().stride()
        (False, (2, 1))
    """
    if memory_format is not contiguous_format:
        return _contiguous_in(input, memory_format)
    return input if input._xp.is_contiguous(input._a) else s.contiguous_(input)


def _contiguous_in(input, given):
    check_format("contiguous", given)
    if given is preserve_format and not input.is_contiguous():
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    if input.is_contiguous(memory_format=given):
        return input
    return s.arranged_(input, order_in(given, input.dim()))


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

    Raises:
        RuntimeError: a memory format for tensors of another rank.
    """
    given = options.pop("memory_format", None)
    if given is not None and given is not preserve_format:
        return _to_format(input, given, args, options)
    target, dtype, copy = _target(args, options)
    input = _real_of(input, dtype)
    xp = input._xp if target is None else space(target)
    made = input
    if dtype is not None and dtype is not input.dtype:
        if dtype.kind < dtypes.FLOAT:
            made = made.detach()  # whole numbers have no gradient
        made = _cast(made, dtype)
    if xp.device is not made._xp.device:
        made = move(made, xp)
    return _cast(input, input.dtype, s.fresh_) if copy and made is input else made


def _cast(input, d, copy=None):
    if input._x is not None and repeats_memory(input):
        order = preserved_order(input) or tuple(range(input.dim()))
        return s.converted_(input, native_dtype(input._xp, d), order)
    return s.cast_(input, native_dtype(input._xp, d)) if copy is None else copy(input)


def _real_of(input, dtype):
    if dtype is None or dtype.is_complex or not input.dtype.is_complex:
        return input
    warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=3)
    return s.real(input)


def _to_format(input, given, args, options):
    """to() with a memory format: a copy unless nothing changes, the format that the strides suggest included."""
    check_format("to", given)
    target, dtype, copy = _target(args, options)
    dtype = input.dtype if dtype is None else dtype
    xp = input._xp if target is None else space(target)
    suggested = format_of(input._a.shape, input._xp.strides(input._a))
    if not copy and dtype is input.dtype and xp.device is input._xp.device and suggested is given:
        return input
    input = _real_of(input, dtype)
    made = input.detach() if dtype.kind < dtypes.FLOAT else input  # whole numbers have no gradient
    if xp.device is not made._xp.device:
        made = move(made, xp)
    return s.converted_(made, native_dtype(made._xp, dtype), order_in(given, made.dim()))


def _target(args, options):
    target, dtype = options.pop("device", None), options.pop("dtype", None)
    copy = options.pop("copy", False)
    options.pop("non_blocking", None)
    if "other" in options:
        args = (options.pop("other"), *args)
    if options:
        raise TypeError(f"to() received an invalid combination of arguments - got unexpected {sorted(options)}")
    flags = [value for value in args if isinstance(value, bool)]  # non_blocking, copy
    for value in args[: len(args) - len(flags)]:
        if isinstance(value, Tensor):
            target, dtype = value.device, value.dtype
        elif isinstance(value, dtype_class):
            dtype = value
        elif isinstance(value, (str, device_class, int)) and not isinstance(value, bool):
            target = value if not isinstance(value, int) else device_class("cuda", value)
        elif value is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(value).__name__})")
    copy = copy or (len(flags) > 1 and flags[1])
    return target, dtype, copy


def cpu(input, memory_format=preserve_format):
    """The tensor on the cpu."""
    return to(input, "cpu", memory_format=memory_format)


def cuda(input, device=None, non_blocking=False, memory_format=preserve_format):
    """The tensor on a cuda device.

    Raises:
        RuntimeError: no cuda backend is usable here; the text says why.
    """
    if device is None:
        device = "cuda"
    return to(input, device_class("cuda", device) if isinstance(device, int) else device, memory_format=memory_format)


def type_as(input, other):
    """The tensor in the dtype and on the device of another."""
    if not isinstance(other, Tensor):
        raise TypeError(f"type_as(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}")
    return to(input, other)


def _caster(name, d):
    def cast(input, memory_format=None):
        return to(input, d) if memory_format is None else to(input, d, memory_format=memory_format)

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

    return row(input) if dtype_of(input).is_complex else input


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
