"""One walk over the graph, newest node first, without recursion.

A node's creation number is larger than those of everything it depends on, so taking the newest node that has a gradient
always takes one whose gradient is complete. Gradients are raw arrays, except under create_graph, where they are tensors
and the walk is itself recorded.
"""

from contextlib import nullcontext
from heapq import heappop, heappush

from .anomaly import check_nan, located
from .gradients import MISSING, Arrays, Tensors, conjugated, is_complex
from .graph import CLOCK, LEAF, LEAF_TENSOR, NODE
from .hooks import CURRENT_WALK, run_tensor_hooks, run_tuple_hooks
from .modes import GRAD
from .recording import Anomaly, Unpacked
from .tensor import Tensor, wrap


class Walk:
    """One backward pass: gradients on their way, and where they end."""

    scoped = False  # set once a device is in use that must be made current around its operators

    def __init__(self, xp, create_graph, keep_graph, only=None):
        self.kind = Tensors if create_graph else Arrays
        self.keep_graph = keep_graph
        self.only = only
        self.pending = {}
        self.nodes = {}
        self.heap = []
        self.leaves = {}
        self.captured = {}
        self.callbacks = []
        self.complex_dtypes = (xp.complex64 or MISSING, xp.complex128 or MISSING)

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
        if self.kind is Arrays and self.only is None and not self.scoped and not Anomaly.enabled:
            self.run_arrays()
        else:
            self.run_general()

    def run_arrays(self):
        """The common case in one frame; run_general says the same in small steps.

        ``front`` is a node that waits outside the heap as long as it is the only one: a chain never touches the heap.
        """
        pending, nodes, heap, leaves, keep = self.pending, self.nodes, self.heap, self.leaves, self.keep_graph
        give_port, fit, clock = self.give_port, Arrays.fit, CLOCK
        complex64, complex128 = self.complex_dtypes
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
            if dtype is complex64 or dtype is complex128:
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
                        # The gradient that is passed on here may be another leaf's too.
                        leaves[edge] = xp.copy(g) if g is incoming or not xp.owns(g) else g
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
                self.capture(node, self.run_output_hooks(node, g))
                continue
            with located(node) if Anomaly.enabled else nullcontext(), node.xp.scope or nullcontext():
                node.check()
                self.step(node, g)

    def step(self, node, g):
        g = self.run_output_hooks(node, g)
        self.capture(node, g)
        if node.hooks is not None and node.hooks.pre:
            g = self.run_pre_hooks(node, g)
        if node.outputs > 1 and node.fills_zeros:
            g = [self.kind.zeros(node, i) if part is None else part for i, part in enumerate(g)]
        rule = node.backward_graph if self.kind.recorded else node.backward
        with Unpacked(node) if node.hooks is not None and node.hooks.packed else nullcontext():
            gradients = conjugated(node, rule, g) if is_complex(node) else rule(g)
        if Anomaly.enabled and Anomaly.check_nan:
            check_nan(node, gradients, self.kind.tensor)
        if node.hooks is not None and node.hooks.post:
            gradients = self.run_post_hooks(node, gradients, g)
        if not self.keep_graph:
            node.release()
        incoming = g if node.outputs > 1 else (g,)
        for edge, part in zip(node.next, gradients, strict=True):
            if part is None or edge is None:
                continue
            # What is passed on may be another leaf's too; where it is still to be summed, the sum is a new array anyway.
            if edge._kind == LEAF_TENSOR and part.shape == edge._a.shape and any(part is given for given in incoming):
                part = self.kind.copy(edge._xp, part)
            self.give(edge, part)

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
            if leaf._fn is not LEAF:
                continue
            g, extra = self.leaf_gradient(leaf), leaf._x
            if extra is None:
                add_grad(leaf, g, self.kind)
                continue
            around = extra.node_hooks
            if around is not None:
                (g,) = run_tuple_hooks(around.pre, (g,))
            add_grad(leaf, g, self.kind)
            for hook in list(extra.post_hooks.values()) if extra.post_hooks else ():
                hook(leaf)
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

    def __exit__(self, *exception):
        mode, walk = self.outside
        GRAD.set(mode)
        CURRENT_WALK.set(walk)


def add_grad(leaf, g, kind):
    xp = leaf._xp
    try:
        old = leaf._grad
    except AttributeError:
        if not kind.recorded and not xp.owns(g._a):
            g = wrap(Tensor, xp, xp.copy(g._a), None)
        leaf._grad = g
        return
    if kind.recorded or not xp.mutable:
        leaf._grad = old + g
        return
    xp.assign(old._a, old._a + g._a)
    old._bump()
