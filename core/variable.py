"""torch's old names for a tensor."""

from .tensor import Tensor, alias


class VariableMeta(type):
    """Lets every tensor be a Variable."""

    def __instancecheck__(cls, other):
        return isinstance(other, Tensor)


class Variable(metaclass=VariableMeta):
    """The tensor of before: a call returns ``data`` without history, on the same memory.

    Args:
        data: a tensor.
        requires_grad: whether operations on the result are recorded.

    Raises:
        TypeError: ``data`` is no tensor.
    """

    def __new__(cls, data=None, requires_grad=False):
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made = alias(data)
        made._fn = None
        return made.requires_grad_() if requires_grad else made


def variable(*args, **kwargs):
    """Raise RuntimeError: the function was replaced by ``tensor``."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


__all__ = ["Variable", "VariableMeta", "variable"]
