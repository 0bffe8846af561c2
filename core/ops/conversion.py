"""Copies of a tensor, other dtypes and devices, the parts of complex numbers."""

import warnings

from .. import dtypes
from ..device import device as device_class
from ..device import space
from ..dtypes import dtype as dtype_class
from ..errors import c_name
from ..graph import Node
from ..memory_format import (
    check_format,
    contiguous_format,
    format_of,
    order_in,
    preserve_format,
    preserved_order,
)
from ..naming import named
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


# --- where it lies ---
def to_dense(input, dtype=None, *, masked_grad=None):
    """The tensor itself, which is dense already, or a copy of another dtype; ``masked_grad`` is about sparse tensors."""
    return input if dtype is None else to(input, dtype)


def is_set_to(input, tensor):
    """Whether two tensors have the same elements of the same memory, in the same order.

    Example:
        >>> import plugrad
        >>> x = plugrad.zeros(4)
        >>> x.is_set_to(x[:]), x.is_set_to(x.clone())
        (True, False)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"is_set_to(): argument 'tensor' (position 1) must be Tensor, not {type(tensor).__name__}")
    a, b = input._a, tensor._a
    if a is b:
        return True
    xp = input._xp
    if tensor._xp is not xp or not xp.has_strides or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return xp.strides(a) == xp.strides(b) and xp.data_ptr(a) == xp.data_ptr(b)


def is_pinned(input, device=None):
    """Whether it lies in page-locked host memory: never, the array libraries take ordinary memory."""
    return False


def pin_memory(input, device=None):
    """A copy in page-locked host memory, in torch; here there is none.

    Raises:
        RuntimeError: there is no accelerator that it could serve.
        NotImplementedError: there is one.
    """
    try:
        count = space("cuda").device_count()
    except RuntimeError:
        count = 0
    if not count:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    raise NotImplementedError(
        "pin_memory: the array libraries give no page-locked memory; copy to the device from ordinary memory, with to()"
    )


def is_shared(input):
    """Whether other processes see its memory: memory of a CUDA device counts as such, as in torch, the host's never does."""
    return input.is_cuda


def share_memory_(input):
    """Move it into memory that other processes see, in torch; of a CUDA device it is, and the tensor itself returns.

    Raises:
        NotImplementedError: the tensor lies on the host.
    """
    if input.is_cuda:
        return input
    raise NotImplementedError(
        "share_memory_: arrays on the host lie in memory of this process; send tensors to another one through a pipe or a queue, "
        "which copies them"
    )


def new(input, *sizes_or_data, device=None):
    """The constructor from before ``new_tensor`` and ``new_empty``: of this tensor's dtype and device.

    Args:
        sizes_or_data: nothing (an empty tensor), whole numbers or a ``Size`` (uninitialised), a sequence (its values), or a
            tensor of the same dtype (an alias of it).

    Raises:
        TypeError: anything else, or a tensor of another dtype.

    Example:
        >>> import plugrad
        >>> plugrad.zeros(1).new([1, 2])
        tensor([1., 2.])
    """
    from ..create import legacy

    if len(sizes_or_data) == 1:
        _check_new(input, sizes_or_data[0])
        if isinstance(sizes_or_data[0], Tensor):
            return named(s.view_(sizes_or_data[0], sizes_or_data[0]._a.shape), "AliasBackward0")
    return legacy(Tensor, sizes_or_data, input.device if device is None else device, input.dtype)


def _check_new(input, data):
    if isinstance(data, Tensor):
        if data.dtype is not input.dtype or data._xp is not input._xp:
            raise TypeError(f"expected {_options(input)} (got {_options(data)})")
    elif isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    elif not isinstance(data, int) and not hasattr(data, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")


def _options(tensor):
    d = tensor.dtype
    return (
        f"TensorOptions(dtype={c_name(d)}, device={tensor.device}, layout=Strided, requires_grad=false (default), "
        "pinned_memory=false (default), memory_format=(nullopt))"
    )


METHODS = (
    clone, contiguous, to, cpu, cuda, type_as, conj, to_dense, is_set_to, is_pinned, pin_memory, is_shared, share_memory_, new,
)  # fmt: skip


def install():
    """Give Tensor its conversion methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    for name, d in CASTS.items():
        setattr(Tensor, name, _caster(name, d))
    Tensor.real = property(real_part)
    Tensor.imag = property(imag_part)
