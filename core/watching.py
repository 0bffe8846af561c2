"""Indices, masks and classes that a rule needs: they have no gradient, but a write to them after recording is noticed."""

from .errors import changed_index
from .graph import Node
from .slow import version_of

#: The names of such static arguments in the rows.
WATCHED = frozenset({"condition", "hot", "index", "key", "mask", "pairs", "target"})


class WatchingNode(Node):
    """A node that keeps an array of that kind.

    Attributes:
        watched: (version, dtype, shape) of each, unset where the op was called with raw arrays.
    """

    __slots__ = ("watched",)

    def check(self):
        Node.check(self)
        for version, dtype, shape in getattr(self, "watched", ()):
            if version.clock > self.clock:
                raise changed_index(self, version, dtype, shape)


def watch(made, *tensors):
    """Let the node of a result notice writes to the tensors whose arrays it keeps; returns the result."""
    if isinstance(made._fn, WatchingNode):
        made._fn.watched = tuple((version_of(t), t.dtype, t._a.shape) for t in tensors)
    return made
