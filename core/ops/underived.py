"""Results of inputs that require grad which torch has no derivative for (asking for it raises), or takes for constant."""

from ..graph import Node
from ..modes import is_grad_enabled
from ..naming import named
from ..slow import edge_of, is_tensor, new_node
from ..tensor import Tensor, wrap


class NotImplemented(Node):
    """Stands for an op without a derivative."""

    __slots__ = ("error", "message")
    __module__ = "plugrad.autograd"

    def check(self):
        return

    def backward(self, g):
        raise self.error(self.message)

    backward_graph = backward


def underived(made, inputs, message, name=None, error=RuntimeError):
    """``made`` with a history that ends in an error, if an input requires grad; named ``name`` where torch has a name."""
    edges = tuple(edge_of(t) for t in inputs)
    if not is_grad_enabled() or all(edge is None for edge in edges):
        return made
    node = new_node(NotImplemented, made._xp, edges, made._a.shape, made._a.dtype)
    node.message, node.error = message, error
    made._fn = node
    return made if name is None else named(made, name)


def no_forward_mode(kernel):
    """The jvp of a row whose tangents torch refuses, by the name of its kernel."""

    def jvp():
        raise NotImplementedError(
            f"Trying to use forward AD with {kernel} that does not support it because it has not been implemented yet."
        )

    return jvp


class Constant(Node):
    """Stands for an op whose result has the derivative 0 wherever it has one."""

    __slots__ = ("places",)
    __module__ = "plugrad.autograd"

    def backward(self, g):
        return tuple(None if place is None else self.xp.zeros(*place) for place in self.places)

    def backward_graph(self, g):
        zeros = self.backward(g)
        return tuple(None if a is None else wrap(Tensor, self.xp, a, None) for a in zeros)


def constant(made, inputs, name):
    """``made`` with a history named ``name`` in which the gradient of every input is 0, if one requires grad."""
    inputs = [t for t in inputs if is_tensor(t)]
    edges = tuple(edge_of(t) for t in inputs)
    if not is_grad_enabled() or all(edge is None for edge in edges):
        return made
    node = new_node(Constant, made._xp, edges, made._a.shape, made._a.dtype)
    node.places = [None if e is None else (t._a.shape, t._a.dtype) for e, t in zip(edges, inputs, strict=True)]
    made._fn = node
    return named(made, name)
