"""Parameter: a leaf tensor that a module registers as its own."""

from ..core.printing import parameter_str
from ..core.tensor import Tensor

__all__ = ["Parameter"]


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
