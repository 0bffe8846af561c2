"""New tensors: from Python values and arrays, filled, and drawn from the random stream."""

from . import dtypes
from .device import space
from .dtypes import DTYPES
from .errors import requires_grad_of_dtype
from .graph import LEAF
from .memory_format import check_format, contiguous_format, laid, order_in, preserve_format, preserved_order, strided
from .memory_format import layout as layout_class
from .modes import Defaults
from .shapes import sizes
from .slow import native_dtype, number_dtype
from .tensor import Tensor, wrap


def _leaf(xp, a, requires_grad, text="Only Tensors of floating point and complex dtype can require gradients"):
    t = wrap(Tensor, xp, a, None)
    if requires_grad:
        if t.dtype.kind < dtypes.FLOAT:
            raise requires_grad_of_dtype(text, t)
        t._fn = LEAF
    return t


def _space(device):
    return device if hasattr(device, "dtype_names") else space(device)


def check_options(name, layout=None, **options):
    """Refuse, by name, an argument that means something plugrad does not do."""
    if layout is not None and layout is not strided:
        raise _no_layout(name, layout)
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")


def _no_layout(name, given):
    if not isinstance(given, layout_class):
        return TypeError(f"{name}(): argument 'layout' must be torch.layout, not {type(given).__name__}")
    return NotImplementedError(f"{name}: layout={given} is not supported; tensors are dense (torch.strided)")


def from_host(array, device=None, requires_grad=False):
    """A tensor from a numpy array, on its memory where the device is the cpu."""
    xp = _space(device)
    return _leaf(xp, xp.from_host(array), requires_grad)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Return a new tensor with a copy of ``data``.

    Args:
        data: numbers in nested sequences, an array, a tensor.
        dtype: default: what the data show; Python floats become the default dtype.
        device: where; default: the default device.
        requires_grad: record operations on it.

    Raises:
        ValueError: the nested sequences have different lengths.
        RuntimeError: an integer tensor is to require grad.

    Example:
        >>> import plugrad
        >>> plugrad.tensor([[1, 2], [3, 4]]).dtype
        torch.int64
    """
    if pin_memory:
        raise NotImplementedError("tensor: pin_memory=True is not supported")
    check_dtype("tensor", dtype)
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        device = data.device if device is None else device
        made = data.detach().to(device=device, dtype=dtype, copy=True)
        return _leaf(made._xp, made._a, requires_grad)
    from .interop import host_array

    xp = _space(device)
    array = host_array(data, dtype)
    return _leaf(xp, xp.from_host(array), requires_grad)


def check_dtype(name, dtype):
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")


def as_tensor(data, dtype=None, device=None):
    """Return ``data`` as a tensor, on its own memory where no conversion is needed."""
    if isinstance(data, Tensor):
        return data.to(device=data.device if device is None else device, dtype=data.dtype if dtype is None else dtype)
    from .interop import is_numpy_array

    if is_numpy_array(data) and _space(device).device_type == "cpu":
        found = from_numpy(data)
        return found if dtype is None else found.to(dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array):
    """Return a tensor on the memory of a numpy array.

    Raises:
        TypeError: not an array, or of a dtype without counterpart.
    """
    from .interop import check_numpy

    check_numpy(array)
    return from_host(array, "cpu")


def from_dlpack(external):
    """Return a tensor on the memory of an array that speaks DLPack."""
    from .interop import from_dlpack as read

    return read(external)


def dtype_for(dtype, out, otherwise=None):
    """The dtype that is asked for, else that of ``out``, else the default one."""
    if dtype is not None:
        return dtype
    return out.dtype if out is not None else otherwise or Defaults.dtype


def _filled(name, size, value, out, dtype, device, requires_grad, options):
    check_options(name, **options)
    check_dtype(name, dtype)
    xp = _space(device)
    d = dtype_for(dtype, out)
    shape = _size_of(name, size)
    maker = xp.zeros if value == 0 else xp.ones if value == 1 else None
    native = native_dtype(xp, d)
    return _leaf(xp, maker(shape, native) if maker else xp.full(shape, value, native), requires_grad)


def _size_of(name, size):
    shape = sizes(size)
    for n in shape:
        if n < 0:
            raise RuntimeError(
                "zeros: Dimension size must be non-negative."
                if name == "zeros"
                else f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


def zeros(*size, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return a tensor of zeros.

    Example:
        >>> import plugrad
        >>> plugrad.zeros(2)
        tensor([0., 0.])
    """
    return _give(out, _filled("zeros", size, 0, out, dtype, device, requires_grad, options))


def ones(*size, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return a tensor of ones."""
    return _give(out, _filled("ones", size, 1, out, dtype, device, requires_grad, options))


def empty(
    *size,
    out=None,
    dtype=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=contiguous_format,
    **options,
):
    """Return a tensor whose values are whatever was in memory.

    Args:
        memory_format: the order of the elements in memory; a backend without strides has row-major alone.

    Raises:
        RuntimeError: a format for tensors of another rank.
    """
    check_options("empty", **options)
    xp = _space(device)
    shape = _size_of("empty", size)
    native = native_dtype(xp, dtype_for(dtype, out))
    if memory_format is contiguous_format:
        return _give(out, _leaf(xp, _uninitialised(xp, shape, native), requires_grad))
    check_format("empty", memory_format)
    if memory_format is preserve_format:
        raise RuntimeError("unsupported memory format Preserve")
    order = order_in(memory_format, len(shape))
    return _give(
        out, _leaf(xp, laid(xp, lambda laid_shape: _uninitialised(xp, laid_shape, native), shape, order), requires_grad)
    )


def _uninitialised(xp, shape, native):
    """Memory as it comes; while deterministic algorithms are asked for, values that are noticed."""
    if not Defaults.fills_empty:
        return xp.empty(shape, native)
    d = xp.to_dtype[native]
    if d.kind >= dtypes.FLOAT:
        return xp.full(shape, float("nan"), native)
    largest = True if d.kind < dtypes.INT else 2 ** (8 * d.itemsize - d.is_signed) - 1
    return xp.full(shape, largest, native)


def full(size, fill_value, *, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return a tensor of one value; its dtype follows the value unless given."""
    check_options("full", **options)
    check_dtype("full", dtype)
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    dtype = dtype_for(dtype, out, number_dtype(fill_value))
    xp = _space(device)
    return _give(out, _leaf(xp, xp.full(_size_of("full", (size,)), fill_value, native_dtype(xp, dtype)), requires_grad))


def _give(out, made):
    if out is None:
        return made
    from .views import write_out

    return write_out(out, made)


def _like(name, input, value, dtype, device, requires_grad, options):
    order = order_like(name, input, options)
    check_options(name, **options)
    xp = input._xp if device is None else _space(device)
    native = native_dtype(xp, dtype or input.dtype)

    def make(shape):
        return _uninitialised(xp, shape, native) if value is None else xp.full(shape, value, native)

    return _leaf(xp, laid(xp, make, input._a.shape, order), requires_grad)


def order_like(name, input, options):
    """The order in memory that the option memory_format asks for in a tensor like ``input``; None for row-major."""
    given = options.pop("memory_format", preserve_format)
    if given is preserve_format or given is None:
        return preserved_order(input)
    check_format(name, given)
    return None if given is contiguous_format else order_in(given, input.dim())


def zeros_like(input, *, dtype=None, device=None, requires_grad=False, **options):
    """Return zeros of the shape, dtype and device of ``input``."""
    return _like("zeros_like", input, 0, dtype, device, requires_grad, options)


def ones_like(input, *, dtype=None, device=None, requires_grad=False, **options):
    """Return ones of the shape, dtype and device of ``input``."""
    return _like("ones_like", input, 1, dtype, device, requires_grad, options)


def empty_like(input, *, dtype=None, device=None, requires_grad=False, **options):
    """Return an uninitialised tensor of the shape, dtype and device of ``input``."""
    return _like("empty_like", input, None, dtype, device, requires_grad, options)


def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False, **options):
    """Return a tensor of one value, of the shape, dtype and device of ``input``."""
    return _like("full_like", input, fill_value, dtype, device, requires_grad, options)


def eye(n, m=None, *, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return the n × m matrix with ones on the diagonal."""
    check_options("eye", **options)
    for name, size in (("n", n), ("m", n if m is None else m)):
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"eye(): argument '{name}' (position 1) must be int, not {type(size).__name__}")
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    xp = _space(device)
    rows = xp.reshape(xp.arange(0, n, 1, xp.int64), (n, 1))
    columns = xp.reshape(xp.arange(0, n if m is None else m, 1, xp.int64), (1, n if m is None else m))
    native = native_dtype(xp, dtype_for(dtype, out))
    return _give(out, _leaf(xp, xp.astype(rows == columns, native), requires_grad))


# --- methods: the dtype and device of a tensor ---
def _new(maker):
    def method(self, *args, dtype=None, device=None, requires_grad=False, **options):
        check_options(method.__name__, **options)
        return maker(
            *args,
            dtype=dtype or self.dtype,
            device=self._xp if device is None else device,  # under vmap an array for every example
            requires_grad=requires_grad,
        )

    method.__name__ = method.__qualname__ = "new_" + maker.__name__
    method.__doc__ = f"As :func:`plugrad.{maker.__name__}`, with the dtype and device of this tensor."
    return method


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """As :func:`plugrad.tensor`, on the device of this tensor; Python numbers take its dtype."""
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        data = data.detach().clone()
        return data.to(dtype=dtype, device=device).requires_grad_(requires_grad)
    made = tensor(data, dtype=dtype or self.dtype, device=self.device if device is None else device)
    return made.requires_grad_(requires_grad)


for _method in (new_tensor, *map(_new, (zeros, ones, full, empty))):
    setattr(Tensor, _method.__name__, _method)


# --- old constructors ---
OLD_TYPES = {d.type_name: d for d in DTYPES.values()}


def dtype_of_type(name):
    """The dtype of an old type name, ``"torch.FloatTensor"``."""
    text = name if isinstance(name, str) else getattr(name, "__name__", str(name))
    short = text.rpartition(".")[2]
    if short not in OLD_TYPES:
        raise ValueError(f"invalid type: '{text}'")
    return OLD_TYPES[short]


def legacy(cls, sizes_or_data, device, dtype=None):
    """``Tensor(2, 3)`` (uninitialised), ``Tensor([1, 2])`` (data): the constructors from before ``tensor()``."""
    d = dtype or Defaults.dtype
    if len(sizes_or_data) == 1 and not isinstance(sizes_or_data[0], int):
        data = sizes_or_data[0]
        made = data.detach() if isinstance(data, Tensor) else tensor(data, dtype=d, device=device)
        if isinstance(data, Size_):
            made = empty(*data, dtype=d, device=device)
    else:
        made = empty(*sizes_or_data, dtype=d, device=device) if sizes_or_data else empty(0, dtype=d, device=device)
    if cls is not Tensor:
        made.__class__ = cls
    return made


from .tensor import Size as Size_  # noqa: E402 - the name Size would shadow the parameter names above


def old_constructor(name):
    """The class-like ``FloatTensor`` and its kin."""
    d = OLD_TYPES[name]

    def make(*sizes_or_data, device=None):
        return legacy(Tensor, sizes_or_data, device, d)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"Return a {d!r} tensor from data, or an uninitialised one of the given sizes."
    return make
