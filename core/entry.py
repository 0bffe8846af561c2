"""Where a function transform begins to differentiate: the inputs with a history that starts anew, and what comes out of it."""

from .active import ACTIVE, Running
from .batching import lifted, running_batches
from .graph import LEAF, LEAF_TENSOR, PORT, Node
from .modes import enable_grad, is_grad_enabled
from .slow import edge_of, new_node
from .tensor import Tensor, alias, wrap


class Entry(Node):
    """The start of a transform: hands the gradient on to what the input was made of outside, if that is recorded."""

    __slots__ = ("running",)
    __module__ = "plugrad.autograd"
    starts = True

    def name(self):
        return "AliasBackward0"

    def check(self):
        return

    def backward(self, g):
        return (g,)

    backward_graph = backward


class Differentiation:
    """One grad or vjp that runs: its name among the running transforms, and its entries.

    A block: inside, ops are recorded.
    """

    def __init__(self):
        self.entries = []
        self.depth = len(ACTIVE.get()) + 1

    def __enter__(self):
        self.recorded_outside = is_grad_enabled()
        self.blocks = (Running(self), enable_grad())
        for block in self.blocks:
            block.__enter__()
        return self

    def __exit__(self, *exception):
        for entry in self.entries:
            entry.running = False
        for block in reversed(self.blocks):
            block.__exit__(*exception)
        del self.blocks  # they refer back

    def begin(self, tensor):
        """The tensor as a starting point, in all the batches that run: each example has a gradient of its own."""
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tensor)}")
        if tensor.dtype.kind < 2:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        return self._begin(lifted(tensor, running_batches()))

    def _begin(self, tensor):
        transform = tensor._xp.transform
        if hasattr(transform, "tangent") and transform.tangent(tensor) is not None:
            return transform.dual(self._begin(transform.primal(tensor)), transform.tangent(tensor))
        made = alias(tensor)
        node = new_node(Entry, tensor._xp, (edge_of(tensor),), tensor._a.shape, tensor._a.dtype)
        node.running = True
        self.entries.append(node)
        made._fn = node
        return made

    def is_followed(self, tensors):
        """Whether somebody else than this transform wants gradients of the tensors: a leaf, or another transform."""
        seen, own = set(), set(self.entries)
        stack = [fn for t in tensors for fn in histories(t)]
        while stack:
            edge = stack.pop()
            if edge._kind == LEAF_TENSOR:
                if edge._fn is LEAF:
                    return True
                continue
            node = edge.node if edge._kind == PORT else edge
            if node in seen:
                continue
            seen.add(node)
            if node.__class__ is Entry and node.running and node not in own:
                return True
            stack.extend(e for e in node.next if e is not None)
        return False

    def release(self, tensors):
        """The tensors as they are outside: without history where nobody follows it."""
        if self.recorded_outside and self.is_followed(tensors):
            return list(tensors)
        return [without_history(t) for t in tensors]


def histories(tensor):
    """The edges to what made a tensor, and its tangents."""
    transform = tensor._xp.transform
    tangent = transform.tangent(tensor) if hasattr(transform, "tangent") else None
    edge = edge_of(tensor)
    found = [] if edge is None else [edge]
    if tangent is None:
        return found
    return found + histories(tangent) + histories(transform.primal(tensor))


def without_history(tensor):
    """The tensor, with its tangents, cut off from what made it."""
    transform = tensor._xp.transform
    if hasattr(transform, "tangent") and transform.tangent(tensor) is not None:
        return transform.call(without_history, tensor)
    if tensor._fn is None:
        return tensor
    made = wrap(Tensor, tensor._xp, tensor._a, None)
    made._v = tensor._v
    return made


__all__ = ["Differentiation", "Entry", "without_history"]
