"""Where the way from a tensor to a loss is cut for gradients, found in a trace of the loss's computation."""

from ..dtypes import FLOAT
from ..engine import edge_of
from ..graph import LEAF_TENSOR, PORT

__all__ = ["Cut", "find_cut", "leaves_of", "reaches"]


def everything_below(tensor):
    """The nodes and leaves that a tensor's gradient can flow to, itself included."""
    first = edge_of(tensor)
    seen, waiting = set(), [first] if first is not None else []
    while waiting:
        edge = waiting.pop()
        thing = edge.node if edge._kind == PORT else edge
        if thing in seen:
            continue
        seen.add(thing)
        if thing._kind != LEAF_TENSOR:
            waiting += [e for e in thing.next if e is not None]
    return seen


def reaches(loss, tensor):
    """Whether the gradient of a loss flows to a tensor."""
    edge = edge_of(tensor)
    return edge is not None and (edge.node if edge._kind == PORT else edge) in everything_below(loss)


def leaves_of(tensor):
    """The leaves below a tensor."""
    return [thing for thing in everything_below(tensor) if thing._kind == LEAF_TENSOR]


class Cut:
    """Why no gradient flows.

    Attributes:
        reason: "cut" or "not reached".
        what: one sentence.
        op, line: of what is to blame, None where nothing is known.
    """

    def __init__(self, what, op=None, line=None, reason="cut"):
        self.what = what
        self.op = op
        self.line = line
        self.reason = reason

    def lines(self):
        return [self.what] if self.line is None else [self.what, f"at {self.line}"]


def find_cut(trace, tensor, loss):
    """Follow a tensor's values through the calls of a trace to the loss, and return the Cut that ended the record."""
    followed = Followed(trace, tensor)
    for call in trace.calls:
        followed.through(call)
    return followed.cut_of(loss)


class Followed:
    """The arrays that were computed from one tensor.

    Attributes:
        cuts: array id → the Cut on the way to it, None as long as gradients flow.
        left: the call by which a value left for Python or numpy.
    """

    def __init__(self, trace, tensor):
        self.trace = trace
        self.tensor = tensor
        self.cuts = {id(tensor._a): None}
        self.left = None

    def through(self, call):
        touched = [a for a in call.inputs if id(a) in self.cuts]
        if not touched:
            return
        if call.name == "to_host":
            self.left = self.left or call
            return
        known = {}
        for t in call.tensors:
            if id(t._a) in self.cuts and known.get(id(t._a), t) is not None:  # a detached tensor has the same array
                known[id(t._a)] = self.cut_at(t, call)
        found = [known.get(id(a), self.cuts[id(a)]) for a in touched]
        cut = None if None in found else found[0]
        for a in call.outputs:
            self.cuts[id(a)] = cut

    def cut_at(self, t, call):
        """The cut on the way to a tensor that a call was given, None when its gradient flows."""
        before = self.cuts[id(t._a)]
        if reaches(t, self.tensor):
            return None
        return before or self.reason(t, self.trace.writer_of(t._a, call.number), call)

    def reason(self, t, made, used):
        """Why a tensor has no history: by the call that made its array, and the one that uses it."""
        if used is not None and used.row is not None and used.row.name == "cast_":
            d = used.xp.to_dtype[used.outputs[0].dtype]
            if d.kind < FLOAT:
                return Cut(f"the cast to {d} cuts it off: integers have no gradients", "to", used.line)
        if made is None:
            return self.detached(used)
        if made.row is not None and not made.row.is_differentiable:
            return Cut(f"{made.name} has no gradient: it cuts the loss off from this tensor", made.name, made.line)
        if not made.recording:
            return Cut(f"{made.name} ran under no_grad: it cuts the loss off from this tensor", made.name, made.line)
        return self.detached(used)

    @staticmethod
    def detached(used):
        line = None if used is None else used.line
        return Cut("detach() or .data cut it off before it was used", "detach", line)

    def cut_of(self, loss):
        if id(loss._a) in self.cuts:
            last = self.trace.writer_of(loss._a, len(self.trace.calls))
            return self.cuts[id(loss._a)] or self.reason(loss, last, None)
        if self.left is not None:
            return Cut("its value left for Python or numpy, by item(), numpy() or float()", "item", self.left.line)
        return Cut("the loss is computed without it", reason="not reached")
