"""What a recorded op is: nodes, edges, and the clock by which a changed saved array is found.

An edge is one object: a Node with one output, a Port (one output of a Node with several), or a leaf Tensor, into whose
``.grad`` the gradient goes. ``_kind`` tells them apart. Nodes hold raw arrays and edges, never the tensors they made,
so a graph has no reference cycles.
"""

import itertools
import weakref
from collections import deque

NODE, PORT, LEAF_TENSOR = 0, 1, 2

#: Creation numbers count down: the newest node has the least key, which is what a heap hands out first.
ORDERS = itertools.count(0, -1)  # next(ORDERS) takes 27 ns, its bound method 36

FREED = -1


class Clock:
    """Counts in-place writes in the whole process. A node remembers the time it was recorded at."""

    __slots__ = ("freed", "now")

    def __init__(self):
        self.now = 0
        self.freed = 1  # the creation number that was next when a backward last freed its graph


CLOCK = Clock()


#: What a Version says that has not been written to.
FIRST_STATE = {
    "clock": 0,
    "count": 0,
    "owner": None,
    "place": None,
    "recent": (),
    "views": (),
    "writer": None,
    "written": 0,
}


class Version:
    """The write history of one memory block, shared by a tensor, its views and its detached aliases.

    Attributes:
        count: how many writes there were, ``Tensor._version``.
        clock: the time of the last one.
        recent: the times of the last 100, by which an error message finds the version a node expected.
        writer: name of the recorded op that wrote last, for error messages; ``written`` is the count after it.
        owner: name of the node that made what the memory block holds since.
        place: where the program wrote last, while lines are noted.
        views: weak references to the views that must follow when the base's history changes.
    """

    __slots__ = ("clock", "count", "owner", "place", "recent", "views", "writer", "written")

    def __getattr__(self, name):
        # An op that saves an array makes a Version by object.__new__ and sets only the clock: 60 ns instead of 250.
        try:
            return FIRST_STATE[name]
        except KeyError:
            raise AttributeError(name) from None

    def bump(self):
        CLOCK.now += 1
        self.clock = CLOCK.now
        self.count += 1
        if not self.recent:
            self.recent = deque(maxlen=100)
        self.recent.append(CLOCK.now)

    def expected_by(self, clock):
        return self.count - sum(time > clock for time in self.recent)

    def add_view(self, tensor):
        if not self.views:
            self.views = []
        elif len(self.views) >= 16 and not len(self.views) & (len(self.views) - 1):
            self.views = [r for r in self.views if r() is not None]
        self.views.append(weakref.ref(tensor))

    def live_views(self):
        return [view for view in (r() for r in self.views) if view is not None]


class InferenceVersion(Version):
    """What all tensors made in inference mode hold: nothing is counted, nothing may be saved for a backward."""

    __slots__ = ()

    @property
    def count(self):
        raise RuntimeError("Inference tensors do not track version counter.")

    def bump(self):
        """Inside inference mode writes are free."""

    def add_view(self, tensor):
        """No history to renew."""

    def live_views(self):
        return []


INFERENCE = InferenceVersion()
INFERENCE.clock = 0


class Leaf:
    """What ``Tensor._fn`` holds for a leaf that requires grad: the tensor itself is then the edge."""

    def __repr__(self):
        return "LEAF"


LEAF = Leaf()


class Port:
    """One output of a node with several outputs: the edge to it."""

    __slots__ = ("dtype", "index", "node", "shape")
    _kind = PORT

    def __init__(self, node, index, shape, dtype):
        self.node = node
        self.index = index
        self.shape = shape
        self.dtype = dtype


#: Nodes that torch calls by their C++ names.
CPP_NAMES = ("AccumulateGrad", "CopyBackwards", "CopySlices", "NotImplemented")


class Node:
    """One recorded op. Every row has its own subclass, with a slot for each value that its gradient rules name.

    Attributes:
        order: minus the creation number.
        clock: ``CLOCK.now`` at recording, FREED after its saved values were dropped.
        next: an edge per tensor argument, None where that needs no gradient.
        xp: the namespace the op ran on.
        shape, dtype: of the output, the raw dtype; a gradient is fitted to them.
        hooks: None, or the :class:`NodeHooks` of this node.
        line_code, line_offset: the instruction that recorded it, unset unless lines are noted.
    """

    __slots__ = (
        "__weakref__",
        "clock",
        "dtype",
        "hooks",
        "line_code",
        "line_offset",
        "metadata_",
        "next",
        "order",
        "shape",
        "xp",
    )
    _kind = NODE
    row = None
    outputs = 1
    releases = False  # whether it keeps anything that release() drops
    conjugates = False  # whether its rules are written for real values: complex gradients go through them conjugated
    exact = False  # whether a gradient has the shape and dtype of the argument as it is
    fills_zeros = True  # outputs that got no gradient are given zeros
    saved_arrays = ()
    saved_values = ()

    def name(self):
        """The node's name; the class has it too, without a ``torch::autograd::`` before it."""
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in CPP_NAMES else name

    def __repr__(self):
        return f"<{type(self).__name__} object at {hex(id(self))}>"

    def __reduce_ex__(self, protocol):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    @property
    def next_functions(self):
        """Pairs (node, output number), one per tensor argument; (None, 0) where no gradient flows."""
        return tuple(as_function(edge) for edge in self.next)

    @property
    def metadata(self):
        """A dict for the user's own notes on this node."""
        try:
            return self.metadata_
        except AttributeError:
            self.metadata_ = {}
            return self.metadata_

    def __call__(self, *gradients):
        """The gradients of the arguments for those of the outputs: the node's rule alone, without its hooks."""
        from .engine import call_node

        return call_node(self, gradients)

    def __init_subclass__(cls):
        if cls.__dict__.get("row") is not None:
            from .saved_tensors import add_raw_properties

            add_raw_properties(cls)

    def _sequence_nr(self):
        return -self.order

    @property
    def _input_metadata(self):
        from .edges import input_metadata

        return input_metadata(self)

    @property
    def requires_grad(self):
        """True: what has a node has a gradient."""
        return True

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's backward; a returned tuple replaces grad_inputs."""
        from .hooks import node_hooks

        return node_hooks(self).add(node_hooks(self).post, hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before this node's backward; a returned tuple replaces grad_outputs."""
        from .hooks import node_hooks

        return node_hooks(self).add(node_hooks(self).pre, hook)

    def release(self):
        """Drop the saved values; a later backward through this node raises."""

    def check(self):
        """Raise when the saved values are gone or were changed in place since recording."""
        if self.clock == FREED:
            from .errors import freed_graph

            raise freed_graph()
        for name in self.saved_arrays:
            version = getattr(self, name + "_v", None)
            if version is not None and version.clock > self.clock:
                from .errors import changed_in_place

                raise changed_in_place(self, name, version)


class AccumulateGrad(Node):
    """What ``next_functions`` shows for a leaf: the place where its gradient is summed into ``.grad``.

    Made anew each time it is asked for, so that a leaf refers to no node; its hooks are kept by the leaf.
    """

    __slots__ = ("variable",)
    __module__ = "plugrad.autograd"
    next_functions = ()

    def __init__(self, variable):
        self.variable = variable

    def _sequence_nr(self):
        return 2**64 - 1  # torch's: before all others

    def __call__(self, *gradients):
        from .engine import call_leaf

        return call_leaf(self.variable, gradients)

    def register_hook(self, hook):
        return self._hooks().add(self._hooks().post, hook)

    def register_prehook(self, hook):
        return self._hooks().add(self._hooks().pre, hook)

    def _hooks(self):
        from .hooks import NodeHooks

        extra = self.variable._extra()
        if extra.node_hooks is None:
            extra.node_hooks = NodeHooks()
        return extra.node_hooks

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self):
        return hash((AccumulateGrad, id(self.variable)))

    def __repr__(self):
        return f"<AccumulateGrad object at {hex(id(self.variable))}>"


def as_function(edge):
    """(grad_fn, output number) of an edge, as torch shows it."""
    if edge is None or (edge._kind == LEAF_TENSOR and edge._x is not None and edge._x.borrowed):
        return None, 0
    if edge._kind == PORT:
        return edge.node, edge.index
    if edge._kind == LEAF_TENSOR:
        return AccumulateGrad(edge), 0
    return edge, 0
