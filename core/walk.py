"""One walk over the graph, newest node first, without recursion.

A node's creation number is larger than those of everything it depends on, so taking the newest node that has a gradient
always takes one whose gradient is complete. Gradients are raw arrays, except under create_graph, where they are tensors
and the walk is itself recorded.
"""

from contextlib import nullcontext
from heapq import heappop, heappush

from .anomaly import check_nan, located
from .errors import broadcast_failure
from .gradients import Arrays, Tensors, Unrecorded, conjugated, is_complex
from .graph import CLOCK, LEAF, LEAF_TENSOR, NODE, ORDERS
from .hooks import CURRENT_WALK, TIMER, run_post_hooks, run_tensor_hooks, run_tuple_hooks
from .modes import GRAD
from .recording import Anomaly, Unpacked
from .slow import Transforms
from .tensor import Tensor, wrap

NOWHERE = nullcontext()


class Walk:
    """One backward pass: gradients on their way, and where they end."""

    scoped = False  # set once a device is in use that must be made current around its operators

    def __init__(self, xp, create_graph, keep_graph, only=None):
        self.kind = Tensors if create_graph else Unrecorded if Transforms.count else Arrays
        self.keep_graph = keep_graph
        self.only = only
        self.pending = {}
        self.nodes = {}
        self.heap = []
        self.leaves = {}
        self.captured = {}
        self.callbacks = []
        self.usual_dtypes = xp.float32, xp.float64

    def give(self, edge, g):
        """Add a gradient to what an edge has got so far."""
        kind = edge._kind
        if kind == NODE:
            key = edge.order
            if g.shape != edge.shape or g.dtype is not edge.dtype:
                g = self.kind.fit(edge.xp, g, edge.shape, edge.dtype)
            if key in self.pending:
                self.pending[key] = self.pending[key] + g
            else:
                self.pending[key] = g
                self.nodes[key] = edge
                heappush(self.heap, key)
        elif kind == LEAF_TENSOR:
            a = edge._a
            g = self.kind.fit(edge._xp, g, a.shape, a.dtype)
            self.leaves[edge] = self.leaves[edge] + g if edge in self.leaves else g
        else:
            self.give_port(edge, g)

    def give_port(self, port, g):
        node = port.node
        g = self.kind.fit(node.xp, g, port.shape, port.dtype)
        if node.order not in self.pending:
            self.pending[node.order] = [None] * node.outputs
            self.nodes[node.order] = node
            heappush(self.heap, node.order)
        slots = self.pending[node.order]
        slots[port.index] = g if slots[port.index] is None else slots[port.index] + g

    def run(self):
        plain = self.kind is Arrays and self.only is None and not self.scoped
        if plain and not Anomaly.enabled and TIMER.get() is None:
            self.run_arrays()
        else:
            self.run_general()

    def run_arrays(self):
        """The common case in one frame; run_general says the same in small steps.

        ``front`` is a node that waits outside the heap as long as it is the only one: a chain never touches the heap.
        """
        pending, nodes, heap, leaves, keep = self.pending, self.nodes, self.heap, self.leaves, self.keep_graph
        give_port, fit, clock = self.give_port, Arrays.fit, CLOCK
        float32, float64 = self.usual_dtypes
        front = front_g = None
        while True:
            if front is not None:
                node, g = front, front_g
                front = None
            elif heap:
                key = heappop(heap)
                node = nodes.pop(key)
                g = pending.pop(key)
            else:
                return
            if node.clock != clock.now:
                node.check()
            if node.hooks is not None or g.__class__ is list:
                self.step(node, g)
                continue
            incoming = g
            dtype = node.dtype
            # Some libraries make a dtype object per array: what is not usual is looked at closely.
            if dtype is not float32 and dtype is not float64 and is_complex(node):
                gradients = conjugated(node, node.backward, g)
            else:
                gradients = node.backward(g)
            if not keep and node.releases:
                node.release()
            exact = node.exact
            for edge, g in zip(node.next, gradients):  # noqa: B905 - strict costs, and both have one entry per argument
                if g is None or edge is None:
                    continue
                kind = edge._kind
                if kind == NODE:
                    if not exact and (
                        g.shape != edge.shape or g.dtype is not edge.dtype or g.__class__ is not edge.xp.array_type
                    ):
                        g = fit(edge.xp, g, edge.shape, edge.dtype)
                    if front is None and not heap:
                        front, front_g = edge, g
                        continue
                    if front is not None:
                        if front is edge:
                            front_g = front_g + g
                            continue
                        key = front.order
                        pending[key] = front_g
                        nodes[key] = front
                        heappush(heap, key)
                        front = None
                    key = edge.order
                    if key in pending:
                        pending[key] = pending[key] + g
                    else:
                        pending[key] = g
                        nodes[key] = edge
                        heappush(heap, key)
                elif kind == LEAF_TENSOR:
                    a, xp = edge._a, edge._xp
                    if g.shape != a.shape or g.dtype is not a.dtype or g.__class__ is not xp.array_type:
                        g = fit(xp, g, a.shape, a.dtype)
                    if edge in leaves:
                        leaves[edge] = leaves[edge] + g
                    else:
                        # The gradient that is passed on here may be another leaf's too. In row-major order, as most leaves
                        # are laid out: a copy of what was expanded is column-major else, and copied again.
                        leaves[edge] = xp.packed(g) if g is incoming or not xp.owns(g) else g
                else:
                    if front is not None:
                        key = front.order
                        pending[key] = front_g
                        nodes[key] = front
                        heappush(heap, key)
                        front = None
                    give_port(edge, g)

    def run_general(self):
        while self.heap:
            key = heappop(self.heap)
            node = self.nodes.pop(key)
            g = self.pending.pop(key)
            if self.only is not None and node not in self.only:
                if node in self.captured:
                    self.capture(node, self.run_output_hooks(node, g))
                continue
            with located(node) if Anomaly.enabled else nullcontext(), node.xp.scope or nullcontext():
                node.check()
                self.step(node, g)

    def step(self, node, g):
        g, gradients = self.differentiate(node, g)
        if not self.keep_graph:
            node.release()
        self.hand_on(node, g, gradients)

    def differentiate(self, node, g):
        """(what arrived at a node, after the hooks; what it makes of it)."""
        g = self.run_output_hooks(node, g)
        self.capture(node, g)
        if node.hooks is not None and node.hooks.pre:
            g = self.run_pre_hooks(node, g)
        if node.outputs > 1 and node.fills_zeros:
            g = [self.kind.zeros(node, i) if part is None else part for i, part in enumerate(g)]
        gradients = self.apply_rule(node, g)
        if Anomaly.enabled and Anomaly.check_nan:
            check_nan(node, gradients, self.kind.tensor)
        if node.hooks is not None and node.hooks.post:
            gradients = self.run_post_hooks(node, gradients, g)
        return g, gradients

    def hand_on(self, node, g, gradients):
        incoming = g if node.outputs > 1 else (g,)
        for edge, part in zip(node.next, gradients, strict=True):
            if part is None or edge is None:
                continue
            # What is passed on may be another leaf's too; where it is still to be summed, the sum is a new array anyway.
            if edge._kind == LEAF_TENSOR and part.shape == edge._a.shape and any(part is given for given in incoming):
                part = self.kind.copy(edge._xp, part)
            with self.scope_of(edge):
                self.give(edge, part)

    def scope_of(self, edge):
        """Where sums for an edge are made: it may lie on another device than the node that gives it something."""
        if not self.scoped:
            return NOWHERE
        kind = edge._kind
        xp = edge._xp if kind == LEAF_TENSOR else edge.xp if kind == NODE else edge.node.xp
        return xp.scope or NOWHERE

    def apply_rule(self, node, g):
        tensors = self.kind is not Arrays
        rule = node.backward_graph if tensors else node.backward
        packed, timer = node.hooks is not None and node.hooks.packed, TIMER.get()
        with timer(node) if timer else nullcontext(), Unpacked(node, tensors) if packed else nullcontext():
            return conjugated(node, rule, g) if is_complex(node) else rule(g)

    def call(self, node, gradients):
        """What a node's rule alone makes of gradients given as tensors, not yet summed over what was broadcast."""
        node.check()
        parts = [None if g is None else self.kind.of(g) for g in gradients]
        if all(part is None for part in parts):
            return (None,) * len(node.next)
        if node.outputs > 1 and node.fills_zeros:
            parts = [self.kind.zeros(node, i) if part is None else part for i, part in enumerate(parts)]
        return self.as_tuple(node, self.apply_rule(node, parts if node.outputs > 1 else parts[0]))

    def capture(self, node, g):
        for i, slot in self.captured.get(node, ()):
            slot[0] = g[i] if node.outputs > 1 else g

    def run_output_hooks(self, node, g):
        if node.hooks is None:
            return g
        single = node.outputs == 1
        for index, hooks in list(node.hooks.outputs.items()):
            part = g if single else g[index]
            part = run_tensor_hooks(hooks, None if part is None else self.kind.tensor(node.xp, part))
            if part is None:
                continue
            part = self.kind.of(part)
            if single:
                g = part
            else:
                g[index] = part
        for index, retain in node.hooks.retained.items():
            part = g if single else g[index]
            if part is not None:
                retain(self.kind.tensor(node.xp, part))
        return g

    def as_tuple(self, node, parts):
        return tuple(None if p is None else self.kind.tensor(node.xp, p) for p in parts)

    def from_tuple(self, parts):
        parts = parts if isinstance(parts, tuple) else (parts,)
        return [None if p is None else self.kind.of(p) for p in parts]

    def run_pre_hooks(self, node, g):
        parts = self.as_tuple(node, g if node.outputs > 1 else (g,))
        parts = self.from_tuple(run_tuple_hooks(node.hooks.pre, parts))
        return parts if node.outputs > 1 else parts[0]

    def run_post_hooks(self, node, gradients, g):
        incoming = self.as_tuple(node, g if node.outputs > 1 else (g,))
        return self.from_tuple(run_tuple_hooks(node.hooks.post, self.as_tuple(node, gradients), incoming))

    def leaf_gradient(self, leaf):
        """The whole gradient of a leaf as a tensor, after the leaf's hooks."""
        g = self.kind.tensor(leaf._xp, self.leaves[leaf])
        if leaf._x is not None and leaf._x.hooks:
            g = run_tensor_hooks(leaf._x.hooks, g)
        return g

    def accumulate(self):
        """Write the leaves' gradients; nothing is written when a rule or a hook failed before."""
        for leaf in self.leaves:
            extra = leaf._x
            if leaf._fn is not LEAF or (extra is not None and extra.borrowed):
                continue
            g = self.leaf_gradient(leaf)
            if self.kind is Unrecorded:
                g = g.detach()
            if extra is None:
                add_grad(leaf, g, self.kind)
                continue
            around = extra.node_hooks
            if around is not None:
                (g,) = run_tuple_hooks(around.pre, (g,))
            # A hook may have kept the gradient it saw.
            add_grad(leaf, g.clone() if extra.hooks or around is not None else g, self.kind)
            if extra.post_hooks:
                run_post_hooks(extra.post_hooks, leaf)
            if around is not None:
                run_tuple_hooks(around.post, (), (g,))

    def finish(self):
        """Write what belongs into ``.grad`` and run what waited for the end."""
        with self:
            self.accumulate()
            self.run_callbacks()

    def run_callbacks(self):
        for callback in self.callbacks:
            callback(self)

    def __enter__(self):
        self.outside = GRAD.get(), CURRENT_WALK.get()
        GRAD.set(self.kind.recorded)
        CURRENT_WALK.set(self)
        return self

    def __exit__(self, kind, error, traceback):
        mode, walk = self.outside
        GRAD.set(mode)
        CURRENT_WALK.set(walk)
        if isinstance(error, Exception):
            from .diagnostics.failures import note_backward

            note_backward(error, traceback)
        elif not self.keep_graph:
            CLOCK.freed = next(ORDERS)


def add_grad(leaf, g, kind):
    xp = leaf._xp
    try:
        old = leaf._grad
    except AttributeError:
        leaf._grad = recorded_copy(g) if kind.recorded else settled(leaf, g)
        return
    if kind.recorded or not xp.mutable:
        leaf._grad = old + g
        return
    try:
        xp.accumulate(old._a, g._a)
    except Exception:
        if old._a.shape == g._a.shape:
            raise
        raise broadcast_failure((old._a.shape, g._a.shape)) from None  # the leaf's data was set to another shape
    old._bump()


def settled(leaf, g):
    """The gradient on memory of its own, laid out as the leaf is."""
    xp, a = leaf._xp, g._a
    if xp.is_contiguous(leaf._a) or not xp.mutable:
        return g if xp.owns(a) and xp.is_contiguous(a) else wrap(Tensor, xp, xp.packed(a), None)
    if xp.owns(a) and xp.strides(a) == xp.strides(leaf._a):
        return g
    made = xp.copy(leaf._a)
    xp.assign(made, a)
    return wrap(Tensor, xp, made, None)


def recorded_copy(g):
    """Under create_graph a leaf's gradient is a copy of what arrived, with the history of both."""
    from .ops.shape import overwrite

    return overwrite(wrap(Tensor, g._xp, g._xp.empty(g._a.shape, g._a.dtype), None), g)
