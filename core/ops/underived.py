"""Results that torch makes of inputs that require grad, and has no derivative for: asking for it raises."""

from ..graph import Node
from ..modes import is_grad_enabled
from ..naming import named
from ..slow import edge_of, new_node


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
