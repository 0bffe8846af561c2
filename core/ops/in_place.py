"""In-place forms: the op, then the result written into the memory of its first argument."""

from ..errors import c_name, no_tensor, two_devices
from ..graph import INFERENCE, LEAF, Version
from ..modes import is_grad_enabled
from ..naming import named
from ..shapes import dtype_of
from ..tensor import Tensor
from ..views import check_in_place, store, turn
from . import arithmetic as a
from . import elementwise as e
from . import index, reshaping
from . import reduction as r
from . import shape as s

#: In-place forms whose nodes torch calls otherwise than those of the op.
OWN_NAMES = {"acosh_": "AcoshBackward1", "asinh_": "AsinhBackward1", "atanh_": "AtanhBackward1"}
OWN_NAMES |= {"t_": "TBackward1", "transpose_": "TransposeBackward1", "unsqueeze_": "UnsqueezeBackward1"}


def in_place(function, name):
    """The method ``name`` that writes ``function(self, ...)`` into self."""

    def method(self, *args, **kwargs):
        try:
            is_leaf = self._fn is LEAF
        except AttributeError:
            raise no_tensor(self, name) from None
        if is_leaf:
            check_in_place(self)
        return store(self, function(self, *args, **kwargs))

    if name in OWN_NAMES:
        plain = function

        def function(self, *args, **kwargs):
            return named(plain(self, *args, **kwargs), OWN_NAMES[name])

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of :func:`{name.rstrip('_')}`; returns the tensor itself."
    return method


FUNCTIONS = {
    name: getattr(e, name)
    for name in (
        "mul neg reciprocal square remainder fmod floor_divide exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin "
        "acos atan sinh cosh tanh asinh acosh atanh atan2 abs sign floor ceil trunc relu sigmoid erf eq ne lt le gt ge logical_and "
        "logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift "
        "bitwise_right_shift"
    ).split()
} | {
    "add": a.add, "sub": a.sub, "div": a.div, "pow": a.pow, "clamp": a.clamp, "clamp_min": a.clamp_min, "clamp_max": a.clamp_max,
    "lerp": a.lerp, "addcmul": a.addcmul, "addcdiv": a.addcdiv, "round": a.round, "masked_fill": a.masked_fill,
    "float_power": a.float_power_in_place, "tril": reshaping.tril, "triu": reshaping.triu, "cumsum": r.cumsum, "cumprod": r.cumprod,
    "index_add": index.index_add, "index_copy": index.index_copy, "index_fill": index.index_fill, "index_put": index.index_put,
    "scatter": index.scatter, "scatter_add": index.scatter_add,
    "multiply": e.mul, "subtract": a.sub, "divide": a.div, "true_divide": a.div, "absolute": e.abs, "negative": e.neg, "clip": a.clamp,
}  # fmt: skip

OPERATORS = {
    "__iadd__": e.add, "__isub__": e.sub, "__imul__": e.mul, "__itruediv__": e.div, "__ipow__": a.pow, "__imod__": e.remainder,
    "__ifloordiv__": e.floor_divide, "__iand__": e.bitwise_and, "__ior__": e.bitwise_or, "__ixor__": e.bitwise_xor,
    "__ilshift__": e.bitwise_left_shift, "__irshift__": e.bitwise_right_shift,
}  # fmt: skip


def fill(input, value):
    """A tensor like ``input`` with one value in every element; gradients reach a value that is a tensor.

    Args:
        input: gives shape, dtype and device.
        value: a number or a 0-d tensor.

    Raises:
        RuntimeError: the value has dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.fill(plugrad.zeros(2), 3)
        tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        return named(s.fill_with_(input, _scalar(value).to(input.device)), "FillBackward1")
    return named(s.fill_number_(input, _number(input, value)), "FillBackward0")


def _number(input, value):
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError(f"value cannot be converted to type {c_name(input.dtype)} without overflow")
    return value


def _scalar(value):
    if value.dim():
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} dimensions."
        )
    return value


def fill_(self, value):
    """Write one value into every element; the gradient ends here."""
    if isinstance(value, Tensor):
        return store(self, s.fill_with_(self, _scalar(value).to(self.device)))
    return store(self, s.fill_number_(self, _number(self, value)))


def zero_(self):
    """Write zeros; the gradient ends here."""
    return store(self, s.erase_(self))


def fill_diagonal_(self, fill_value, wrap=False):
    """Write one value on the main diagonal, where all indices are equal.

    Args:
        fill_value: a number or a 0-d tensor.
        wrap: in a matrix with more rows than columns the diagonal starts anew below, one row after its end.

    Raises:
        RuntimeError: fewer than two dimensions, or more than two of different sizes.

    Example:
        >>> import plugrad
        >>> plugrad.zeros(3, 1).fill_diagonal_(2, wrap=True)
        tensor([[2.],
                [0.],
                [2.]])
    """
    if not isinstance(fill_value, (int, float, complex, Tensor)):
        kind = type(fill_value).__name__
        raise TypeError(f"fill_diagonal_(): argument 'fill_value' (position 1) must be Number, not {kind}")
    shape = self._a.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    period = shape[1] + 1
    for first in range(0, shape[0], period) if wrap and len(shape) == 2 else (0,):
        part = self[first:] if first else self
        for _ in shape[1:]:
            part = reshaping.diagonal(part, 0, 0, -1)
        part.fill_(fill_value)
    return self


# --- by a Python function, element by element ---
def _need_plain(name, *tensors):
    if any(t.requires_grad for t in tensors):
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    if any(t._xp.device_type != "cpu" for t in tensors):
        raise TypeError(f"{name} is only implemented on CPU tensors")


def _element(made):
    number = made.item() if isinstance(made, Tensor) else made
    if not hasattr(number, "__float__") and not isinstance(number, complex):
        raise TypeError(f"must be real number, not {type(made).__name__}")
    return number


def _each(self, callable, *others):
    from ..create import tensor

    flat = [t.reshape(-1).tolist() for t in (self, *others)]
    made = [_element(callable(*values)) for values in zip(*flat, strict=True)]
    self.detach().copy_(tensor(made, dtype=self.dtype, device=self.device).reshape(self.shape))
    return self


def apply_(self, callable):
    """Replace each element by ``callable(element)``, one after the other in Python: slow, and on the CPU alone.

    Raises:
        RuntimeError: the tensor requires grad.
        TypeError: it is not on the CPU, or the function gives no number.

    Example:
        >>> import plugrad
        >>> plugrad.tensor([1.0, 2.0]).apply_(lambda v: v * v)
        tensor([1., 4.])
    """
    _need_plain("apply_", self)
    return _each(self, callable)


def _check_type(self, other, text):
    if other.dtype is not self.dtype:
        raise TypeError(f"{text.format(self.type())} (got {other.type()})")
    return other.expand(self.shape)


def map_(self, other, callable):
    """Replace each element by ``callable(element, element of other)``; as :func:`apply_`.

    Args:
        other: of the same dtype, and of a shape that broadcasts to this one.

    Raises:
        RuntimeError: one of them requires grad, or the shapes do not fit.
        TypeError: another dtype.

    Example:
        >>> import plugrad
        >>> plugrad.tensor([1.0, 2.0]).map_(plugrad.tensor([5.0]), lambda v, w: v + w)
        tensor([6., 7.])
    """
    if not isinstance(other, Tensor):
        raise TypeError(f"map_(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}")
    _need_plain("map_", self, other)
    return _each(self, callable, _check_type(self, other, "map_: expected {} for 'other'"))


def map2_(self, x, y, callable):
    """Replace each element by ``callable(element, element of x, element of y)``; as :func:`map_`.

    Example:
        >>> import plugrad
        >>> plugrad.tensor([1.0]).map2_(plugrad.tensor([2.0]), plugrad.tensor([3.0]), lambda v, w, u: v + w * u)
        tensor([7.])
    """
    for position, (name, t) in enumerate((("x", x), ("y", y)), 1):
        if not isinstance(t, Tensor):
            kind = type(t).__name__
            raise TypeError(f"map2_(): argument '{name}' (position {position}) must be Tensor, not {kind}")
    _need_plain("map2_", self, x, y)
    parts = (_check_type(self, t, f"map2_: expected {{}} for argument '{n}'") for n, t in (("x", x), ("y", y)))
    return _each(self, callable, *parts)


def set_(self, source=None):
    """Let this tensor lie on the memory of ``source``, in its shape; without one it becomes empty.

    Args:
        source: a tensor of the same dtype and device.

    Raises:
        RuntimeError: another dtype, or a leaf that requires grad.
        NotImplementedError: it would have to be recorded: it has no derivative.

    Example:
        >>> import plugrad
        >>> x, y = plugrad.ones(3), plugrad.zeros(2)
        >>> _ = x.set_(y)
        >>> y[0] = 5
        >>> x
        tensor([5., 0.])
    """
    check_in_place(self)
    if source is not None:
        _check_source(self, source)
    if is_grad_enabled() and (self._fn is not None or getattr(source, "_fn", None) is not None):
        raise NotImplementedError("set_: has no derivative; use it under no_grad() or on detached tensors")
    self._a = source._a if source is not None else self._xp.empty((0,), self._a.dtype)
    if self._x is not None:
        self._x.base = self._x.path = self._x.made = None
    if self._v is not INFERENCE:
        self._v, before = Version(), self._v
        self._v.count = 0 if before is None else before.count
        self._v.bump()
    return self


def _check_source(self, source):
    if not isinstance(source, Tensor):
        raise TypeError(f"set_(): argument 'source' must be Tensor, not {type(source).__name__}")
    if source._xp is not self._xp:
        raise two_devices([self, source])
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {c_name(source.dtype)} to a tensor of type {c_name(self.dtype)}"
        )


def _view_in_place(name, function):
    def method(self, *args):
        check_in_place(self)
        made = function(self, *args)
        turn(self, named(made, OWN_NAMES[name]) if name in OWN_NAMES else made)
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of :func:`{name.rstrip('_')}`: the tensor itself takes the new shape."
    return method


def abs_(self):
    """In-place form of :func:`abs`; returns the tensor itself.

    Raises:
        RuntimeError: complex numbers, whose absolute values are real.
    """
    if dtype_of(self).is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    return _abs_(self)


_abs_ = in_place(e.abs, "abs_")


def install():
    """Give Tensor its in-place methods and operators."""
    for name, function in FUNCTIONS.items():
        setattr(Tensor, name + "_", in_place(function, name + "_"))
    for name, function in OPERATORS.items():
        setattr(Tensor, name, in_place(function, name))
    for function in (apply_, map_, map2_, fill_diagonal_):
        setattr(Tensor, function.__name__, function)
    Tensor.fill_ = fill_
    Tensor.zero_ = zero_
    Tensor.set_ = set_
    Tensor.abs_ = Tensor.absolute_ = abs_
    for name in ("unsqueeze", "squeeze", "transpose", "t"):
        setattr(Tensor, name + "_", _view_in_place(name + "_", getattr(reshaping, name)))
    Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_
