"""Parameter: a leaf tensor that a module registers as its own, and those whose shape the first input tells."""

import sys
from typing import Any

from ..core.create import empty
from ..core.graph import LEAF
from ..core.printing import parameter_str
from ..core.tensor import Size, Tensor, wrap

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class Parameter(Tensor):
    """A tensor that a :class:`~plugrad.nn.Module` lists among its parameters once it is assigned as an attribute.

    It shares the memory of ``data`` and has no history: a leaf of the graph.

    Args:
        data: the tensor with the initial values; without it an empty one.
        requires_grad: whether gradients are to be computed for it.

    Raises:
        RuntimeError: ``requires_grad`` is true and the dtype is neither floating point nor complex.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Parameter(plugrad.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data=None, requires_grad=True):
        parameter = (Tensor() if data is None else data).detach()
        if requires_grad and not (parameter.is_floating_point() or parameter.is_complex()):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        parameter.__class__ = cls  # no slots of its own, so the same layout
        parameter.requires_grad = requires_grad
        return parameter

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)  # no gradient, as in torch
        return memo[id(self)]

    def __repr__(self, *, tensor_contents=None):
        return parameter_str(super().__repr__(tensor_contents=tensor_contents), type(self).__name__)


class _BufferKind(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and bool(getattr(instance, "_is_buffer", False))


class Buffer(metaclass=_BufferKind):
    """Makes a tensor that a :class:`~plugrad.nn.Module` lists among its buffers once it is assigned as an attribute.

    The result is an ordinary tensor on the memory of ``data``, with two attributes that say so, as in torch.

    Args:
        data: the tensor with the values; without it an empty one.
        persistent: whether it is part of the state dict.

    Example:
        >>> import plugrad
        >>> module = plugrad.nn.Module()
        >>> module.mean = plugrad.nn.Buffer(plugrad.zeros(2))
        >>> dict(module.named_buffers())
        {'mean': tensor([0., 0.])}
    """

    def __new__(cls, data=None, *, persistent=True):
        data = empty(0) if data is None else data
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


# --- no shape yet ---
ARRAY = Tensor._a  # the slot itself, below the property that refuses


def caller():
    """The name of the function of ours that the program called."""
    frame, name = sys._getframe(2), ""
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("plugrad"):
        row = frame.f_globals.get("ROW")  # an op that was not called before has no name of its own
        frame, name = frame.f_back, row.name if row is not None else frame.f_code.co_name
    return name


def _changing(name):
    """The method of this name, which gives one of the same kind with another dtype or on another device."""

    def method(self, *args, **kwargs):
        return self._changed(name, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"One of the same kind, with the dtype and on the device that ``{name}`` gives."
    return method


class UninitializedTensorMixin:
    """A tensor of no shape: only its dtype and its device can be asked for and changed; all else raises ValueError."""

    __slots__ = ()
    cls_to_become: type = Tensor

    def materialize(self, shape, device=None, dtype=None):
        """Become an ordinary parameter or tensor of a shape, with undefined values.

        Args:
            shape: the sizes.
            device, dtype: default: its own.
        """
        made = empty(tuple(shape), device=device or self.device, dtype=dtype or self.dtype)
        self._xp = made._xp
        self.__class__ = self.cls_to_become
        self._a = made._a

    @property
    def _a(self):
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {caller()}. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call `forward` with "
            "a dummy batch to initialize the parameters before calling torch functions"
        )

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when "
            "trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before "
            "accessing their attributes."
        )

    def share_memory_(self):
        """Raises: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    # --- what can be asked for ---
    @property
    def data(self):
        return wrap(Tensor, self._xp, ARRAY.__get__(self), None)

    @data.setter
    def data(self, value):
        raw = value.data
        ARRAY.__set__(self, raw._a)
        self._xp = raw._xp

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def ndim(self):
        return 1

    def size(self, dim=None):
        """The shape of what stands in for it: nothing."""
        return Size((0,)) if dim is None else self.data.size(dim)

    # --- what can be changed ---
    def _changed(self, name, *args, **kwargs):
        made = getattr(self.data, name)(*args, **kwargs)
        if made.dtype is self.dtype and made.device == self.device:
            return self
        return type(self)(self.requires_grad, made.device, made.dtype)

    to: Any = _changing("to")
    cpu: Any = _changing("cpu")
    cuda: Any = _changing("cuda")
    half: Any = _changing("half")
    float: Any = _changing("float")
    double: Any = _changing("double")

    def __repr__(self, *, tensor_contents=None):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)


def is_lazy(param):
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


def _make(cls, requires_grad, device, dtype):
    made = empty(0, device=device, dtype=dtype)
    made.__class__ = cls  # no slots of its own, so the same layout
    made._fn = LEAF if requires_grad else None
    return made


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; ``materialize()`` gives it one.

    Args:
        requires_grad: whether gradients are to be computed for it.
        device, dtype: of the parameter that it becomes.

    Raises:
        ValueError: an op uses it before.
        RuntimeError: its shape is asked for before.

    Example:
        >>> import plugrad
        >>> weight = plugrad.nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> weight.shape
        torch.Size([2, 3])
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return _make(cls, requires_grad, device, dtype)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; as :class:`UninitializedParameter`.

    Args:
        persistent: whether it is part of the state dict of a module, for whoever registers it.
    """

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        made = _make(cls, requires_grad, device, dtype)
        made.persistent = persistent
        return made
