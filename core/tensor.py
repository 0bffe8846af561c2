"""Tensor: an array, the namespace it lives on, and its place in the graph. Arithmetic is in core/ops."""

import warnings
from typing import TYPE_CHECKING, Any

from .device import space
from .dtypes import dtype as dtype_class
from .errors import flag_of_non_leaf, non_leaf_grad_warning, requires_grad_of_dtype
from .graph import INFERENCE, LEAF, LEAF_TENSOR, NODE, AccumulateGrad, Version
from .memory_format import check_format, contiguous_format, lies_in, preserve_format, strided
from .modes import is_inference_mode_enabled

if TYPE_CHECKING:  # a file without a module: what the ops, set on the class below when they are imported, look like
    from .device import device as device_class
    from .tensor_methods import Methods
else:
    Methods = object

_new = object.__new__


class Size(tuple):
    """A tensor's shape: a tuple that prints as ``torch.Size([2, 3])``."""

    __slots__ = ()

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        n = 1
        for size in self:
            n *= size
        return n

    def __getitem__(self, key):
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


class Extra:
    """What few tensors have: being a view, hooks of a leaf, a retained gradient.

    Class attributes are the defaults, so that a view sets two fields and no more.

    Attributes:
        base, path: of a view, see core/views.py.
        made: None for an ordinary view, else why in-place ops on it are refused.
        borrowed: a view requires grad only because its base does.
    """

    base = path = made = hooks = post_hooks = node_hooks = None
    retains = borrowed = False


class Tensor(Methods):
    """A dense array of one dtype on one device, with the history by which gradients reach it.

    Attributes:
        grad: the gradient that ``backward()`` summed into this leaf, or None.
        requires_grad: whether operations on it are recorded.
        grad_fn: the node that made it, None for a leaf.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    # _a the raw array; _xp its namespace; _fn None, LEAF, or the edge to what made it; _v its Version once something
    # depends on it; _x an Extra for the rare things; _grad unset until there is one.
    __slots__ = ("__dict__", "__weakref__", "_a", "_fn", "_grad", "_v", "_x", "_xp")
    _a: Any
    _xp: Any
    _kind = LEAF_TENSOR
    __hash__ = object.__hash__
    __array_priority__ = 1000
    layout = strided

    def __new__(cls, *sizes_or_data, device=None):
        from .create import legacy

        return legacy(cls, sizes_or_data, device)

    # --- what it is ---
    @property
    def shape(self) -> Size:
        return Size(self._a.shape)

    @property
    def dtype(self) -> dtype_class:
        return self._xp.to_dtype[self._a.dtype]

    @property
    def device(self) -> "device_class":
        return self._xp.device

    @property
    def ndim(self) -> int:
        return len(self._a.shape)

    @property
    def is_leaf(self) -> bool:
        return self._fn is None or self._fn is LEAF

    @property
    def is_cuda(self) -> bool:
        return self._xp.device_type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self._xp.device_type == "cpu"

    @property
    def is_sparse(self):
        return False

    @property
    def is_quantized(self):
        return False

    @property
    def is_meta(self):
        return False

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.numel() * self.dtype.itemsize

    @property
    def names(self):
        return (None,) * self.ndim

    @property
    def name(self) -> None:
        """None: nothing gives a tensor a name."""
        return

    def size(self, dim=None) -> Any:
        """The shape, or one size of it."""
        return self.shape if dim is None else self._a.shape[self._axis("size", dim)]

    def _axis(self, function, dim):
        from .shapes import one_axis

        if not isinstance(dim, int) and not hasattr(dim, "__index__"):
            raise TypeError(f"{function}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}")
        return one_axis(dim, len(self._a.shape))

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self._a.shape)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for size in self._a.shape:
            n *= size
        return n

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating point one."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is a complex one."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    def get_device(self) -> int:
        """The index of the device, -1 on the cpu."""
        return -1 if self._xp.device_type == "cpu" else self._xp.index

    def stride(self, dim=None):
        """Steps between neighbours along each dimension, in elements."""
        steps = self._xp.strides(self._a)
        return steps if dim is None else steps[self._axis("stride", dim)]

    def storage_offset(self) -> int:
        """Elements between the start of the memory block and the first element."""
        return self._xp.offset(self._a)

    def is_contiguous(self, *, memory_format=contiguous_format) -> bool:
        """Whether the elements lie in the order of a format, row-major by default, without gaps."""
        if memory_format is contiguous_format or memory_format is preserve_format:
            return self._xp.is_contiguous(self._a)
        check_format("is_contiguous", memory_format)
        return lies_in(memory_format, self._a.shape, self.stride())

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._xp.data_ptr(self._a)

    # --- history ---
    @property
    def requires_grad(self) -> bool:
        return self._fn is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if value and not self.is_leaf:
            raise flag_of_non_leaf("")
        self._set_requires_grad(value, "only Tensors of floating point and complex dtype can require gradients")

    def requires_grad_(self, requires_grad=True) -> "Tensor":
        """Switch recording on or off for this leaf, in place; returns the tensor itself."""
        self._set_requires_grad(requires_grad, "only Tensors of floating point dtype can require gradients")
        return self

    def _set_requires_grad(self, value, dtype_text):
        if not self.is_leaf:
            if not value:
                raise flag_of_non_leaf()
            return
        if value and self._v is INFERENCE and not is_inference_mode_enabled():
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        if value and self.dtype.kind < 2:
            raise requires_grad_of_dtype(dtype_text, self)
        self._fn = LEAF if value else None
        if self._x is not None:
            self._x.borrowed = False
        if self._v is not None and self._v.views:
            self._lend_flag(value)

    def _lend_flag(self, value):
        """Views made before their base required grad become leaves that do, as long as it does."""
        for view in self._v.live_views():
            if view._x.base is self and (view._fn is None if value else view._x.borrowed):
                view._fn, view._x.borrowed = (LEAF if value else None), value

    @property
    def grad_fn(self) -> Any:
        fn = self._fn
        if fn is None or fn is LEAF:
            return None
        if fn._kind == NODE:
            return fn
        return AccumulateGrad(fn) if fn._kind == LEAF_TENSOR else fn.node

    @property
    def output_nr(self):
        return getattr(self._fn, "index", 0)

    @property
    def grad(self) -> "Tensor | None":
        try:
            return self._grad
        except AttributeError:
            if self._fn is not None and not self.is_leaf and not self.retains_grad:
                warnings.warn(non_leaf_grad_warning(), UserWarning, stacklevel=2)
            return None

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if value is None:
            self._forget_grad()
            return
        from .errors import check_assigned_grad

        check_assigned_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self):
        self._forget_grad()

    def _forget_grad(self):
        try:
            del self._grad
        except AttributeError:
            return

    @property
    def retains_grad(self) -> bool:
        return self._x is not None and self._x.retains

    @property
    def _version(self):
        return self._v.count if self._v is not None else 0

    @property
    def _base(self):
        return self._x.base if self._x is not None and self._v is not INFERENCE else None

    def is_inference(self) -> bool:
        """Whether it was made in inference mode: such a tensor counts no writes and can't be saved for a backward."""
        return self._v is INFERENCE

    def _is_view(self):
        return self._base is not None

    def _bump(self):
        """Note a write into the memory of this tensor that was made on the raw array."""
        if self._v is None:
            self._v = Version()
        self._v.bump()

    def _extra(self):
        if self._x is None:
            self._x = Extra()
        return self._x

    @property
    def data(self) -> "Tensor":
        """The same memory without history; writes to it are not counted."""
        t = wrap(Tensor, self._xp, self._a, None)
        t._v = INFERENCE if self._v is INFERENCE else None
        return t

    @data.setter
    def data(self, value: "Tensor") -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._fn is not None and value.dtype.kind < 2:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._a, self._xp = value._a, value._xp

    @data.deleter
    def data(self):
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    def detach(self) -> "Tensor":
        """The same memory without history; in-place writes to either are seen by both and counted."""
        return alias(self)

    def detach_(self) -> "Tensor":
        """Cut this tensor off from its history, in place."""
        if self._is_view():
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
                "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be "
                "called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                "torch/optim/optimizer.py as a solution."
            )
        self._fn = None
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Sum d(self)/d(leaf) into ``leaf.grad`` for every leaf; see :func:`plugrad.autograd.backward`.

        Args:
            gradient: d(objective)/d(self), of the shape of self; may be left out for a single element.
            retain_graph: keep what the nodes saved, for another backward; default: create_graph.
            create_graph: record the backward itself, for derivatives of derivatives.
            inputs: only these leaves get a gradient.

        Raises:
            RuntimeError: no gradient can be made up for a non-scalar; no history; the graph was freed.
        """
        from .engine import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in ``.grad`` as well."""
        from .hooks import retain_grad

        retain_grad(self)

    def register_hook(self, hook):
        """Call ``hook(grad)`` when this tensor's gradient is ready; a returned tensor replaces it."""
        from .hooks import register_tensor_hook

        return register_tensor_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Call ``hook(leaf)`` after a backward has summed into ``leaf.grad``."""
        from .hooks import register_post_accumulate_hook

        return register_post_accumulate_hook(self, hook)

    # --- to Python and to other libraries ---
    def _host(self):
        return self._xp.to_host(self._a)

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        a = self._host()
        if a.size != 1:
            raise RuntimeError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
        return a.item() if self.dtype.name != "bfloat16" else float(a.item())

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        a = self._host()
        return (a if self.dtype.name != "bfloat16" else a.astype("float32")).tolist()

    def numpy(self, *, force=False) -> Any:
        """A numpy array on the same memory.

        Raises:
            TypeError: the tensor is not on the cpu (``force=True`` copies).
            RuntimeError: it requires grad (``force=True`` detaches).
        """
        from .errors import numpy_of

        if not force:
            error = numpy_of(self)
            if error is not None:
                raise error
        return self._host()

    def __array__(self, dtype=None, copy=None):
        from .errors import numpy_of

        error = numpy_of(self)
        if error is not None:
            raise error
        a = self._host()
        if dtype is not None and a.dtype != dtype:
            return a.astype(dtype)
        return a.copy() if copy else a

    def __dlpack__(self, **options):
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self._a.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._a.__dlpack_device__()

    def _number(self):
        """The value, for Python's own conversions."""
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def _number_off_the_graph(self):
        """The value, with a word about it where that leaves the graph."""
        value = self._number()
        if self._fn is not None:
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\nConsider using "
                "tensor.detach() first.",
                UserWarning,
                stacklevel=3,
            )
        return value

    def __float__(self) -> float:
        value = self._number_off_the_graph()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError("value cannot be converted to type double without overflow")
            value = value.real
        return float(value)

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number_off_the_graph())

    def __index__(self) -> int:
        if self.dtype.kind > 1 or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        a = self._a
        if a.shape:
            n = self.numel()
            if n == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            if n > 1:
                raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return self._xp.truth(a)

    def __len__(self) -> int:
        if not self._a.shape:
            raise TypeError("len() of a 0-d tensor")
        return self._a.shape[0]

    def __iter__(self):
        if not self._a.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element) -> bool:
        if isinstance(element, (Tensor, int, float, complex)):
            return bool((self == element).any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __reversed__(self):
        return self if self.dim() == 0 else self.flip(0)

    def __format__(self, spec):
        from .printing import format_tensor

        return format_tensor(self._host(), spec, text=self.__repr__, class_name=type(self).__name__)

    def __repr__(self, *, tensor_contents=None):
        from .text import tensor_text

        return tensor_text(self)

    def __dir__(self):
        return sorted(set(object.__dir__(self)))

    def __copy__(self):
        made = alias(self, type(self))
        made._fn = None if self._fn is None else LEAF
        return made

    def __deepcopy__(self, memo):
        from .copying import deepcopy

        return deepcopy(self, memo)

    def __reduce_ex__(self, protocol):
        from .copying import reduce

        return reduce(self)

    def type(self, dtype=None, non_blocking=False):
        """The type's name, ``"torch.FloatTensor"``, or a tensor of another type."""
        if dtype is None:
            kind = self._xp.device_type
            return f"torch.{'' if kind == 'cpu' else kind + '.'}{self.dtype.type_name}"
        from .create import dtype_of_type

        return self.to(dtype if isinstance(dtype, dtype_class) else dtype_of_type(dtype))


def wrap(cls, xp, a, fn):
    """A tensor around a raw array, with the given edge."""
    t = _new(cls)
    t._a = a
    t._xp = xp
    t._fn = fn
    t._v = INFERENCE if is_inference_mode_enabled() else None
    t._x = None
    return t


def alias(source, cls=Tensor):
    """A leaf on the memory of ``source`` with the same write history."""
    if hasattr(source._xp.transform, "tangent"):
        source = source._xp.transform.detached(source)
    t = wrap(cls, source._xp, source._a, LEAF if cls is not Tensor and source._fn is not None else None)
    if source._v is None:
        source._v = Version()
    t._v = source._v
    return t


def unwritable(name):
    def write(tensor, value):
        raise AttributeError(f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable")

    return write


for (
    _name
) in "shape dtype device ndim itemsize nbytes is_cuda is_leaf grad_fn retains_grad output_nr _version _base".split():
    setattr(Tensor, _name, vars(Tensor)[_name].setter(unwritable(_name)))

__all__ = ["Size", "Tensor", "alias", "space", "wrap"]
