"""backward and grad: one walk over the graph, newest node first, without recursion.

A node's creation number is larger than those of everything it depends on, so taking the newest node that has a gradient
always takes one whose gradient is complete. Gradients are raw arrays, except under create_graph, where they are tensors
and the walk is itself recorded.
"""

from contextlib import nullcontext
from heapq import heappop, heappush

from .graph import CLOCK, LEAF, LEAF_TENSOR, NODE, PORT
from .hooks import run_tensor_hooks
from .modes import GRAD
from .tensor import Tensor, wrap


class Arrays:
    """First-order gradients: raw arrays, nothing recorded."""

    recorded = False

    @staticmethod
    def of(tensor):
        return tensor._a

    @staticmethod
    def tensor(xp, g):
        return wrap(Tensor, xp, xp.wrap(g), None)

    @staticmethod
    def zeros(node, index):
        return node.xp.zeros(node.shape[index], node.dtype[index])

    @staticmethod
    def fit(xp, g, shape, dtype):
        """Sum over what was broadcast and cast to the dtype of the value this is the gradient of."""
        if g.__class__ is not xp.array_type:
            g = xp.wrap(g)
        if g.shape != shape:
            g = sum_to(xp, g, shape)
        if g.dtype is not dtype and g.dtype != dtype:
            if xp.to_dtype[g.dtype].is_complex and not xp.to_dtype[dtype].is_complex:
                g = xp.real(g)
            g = xp.astype(g, dtype)
        return g


class Tensors:
    """Gradients under create_graph: tensors with a history of their own."""

    recorded = True

    @staticmethod
    def of(tensor):
        return tensor

    @staticmethod
    def tensor(xp, g):
        return g

    @staticmethod
    def zeros(node, index):
        return wrap(Tensor, node.xp, node.xp.zeros(node.shape[index], node.dtype[index]), None)

    @staticmethod
    def fit(xp, g, shape, dtype):
        if g._a.shape != shape:
            g = sum_to(xp.tensors, g, shape)
        if g._a.dtype != dtype:
            target = xp.to_dtype[dtype]
            g = (g.real if g.is_complex() and not target.is_complex else g).to(target)
        return g


def sum_to(xp, g, shape):
    """The gradient of broadcasting: sum ``g`` down to ``shape``."""
    extra = len(g.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    if axes:
        g = xp.sum(g, axes, False)
    return g if tuple(g.shape) == shape else xp.reshape(g, shape)


MISSING = object()  # a dtype the backend lacks


def is_complex(node):
    d = node.dtype[0] if node.outputs > 1 else node.dtype
    names = node.xp.dtype_names
    return d in names and names[d].startswith("complex")


def conjugated(node, rule, g):
    """Rules are written for real values. For a holomorphic f the gradient is g · conj(f'), that is conj(conj(g) · f')."""
    if not node.conjugates:
        return rule(g)
    parts = [conj(node.xp, p) for p in g] if isinstance(g, list) else conj(node.xp, g)
    return tuple(conj(node.xp, d) for d in rule(parts))


def conj(xp, g):
    return None if g is None else g.conj() if isinstance(g, Tensor) else xp.conj(g)


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
        if self.kind is Arrays and self.only is None and not self.scoped:
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
            node.check()
            with node.xp.scope or nullcontext():
                self.step(node, g)

    def step(self, node, g):
        g = self.run_output_hooks(node, g)
        self.capture(node, g)
        if node.hooks is not None and node.hooks.pre:
            g = self.run_pre_hooks(node, g)
        if node.outputs > 1 and node.fills_zeros:
            g = [self.kind.zeros(node, i) if part is None else part for i, part in enumerate(g)]
        rule = node.backward_graph if self.kind.recorded else node.backward
        gradients = conjugated(node, rule, g) if is_complex(node) else rule(g)
        if node.hooks is not None and node.hooks.post:
            gradients = self.run_post_hooks(node, gradients, g)
        if not self.keep_graph:
            node.release()
        for edge, part in zip(node.next, gradients, strict=True):
            if part is not None and edge is not None:
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
        for hook in list(node.hooks.pre.values()):
            replaced = hook(parts)
            if replaced is not None:
                parts = replaced if isinstance(replaced, tuple) else (replaced,)
        parts = self.from_tuple(parts)
        return parts if node.outputs > 1 else parts[0]

    def run_post_hooks(self, node, gradients, g):
        incoming = self.as_tuple(node, g if node.outputs > 1 else (g,))
        outgoing = self.as_tuple(node, gradients)
        for hook in list(node.hooks.post.values()):
            replaced = hook(outgoing, incoming)
            if replaced is not None:
                outgoing = replaced if isinstance(replaced, tuple) else (replaced,)
        return self.from_tuple(outgoing)

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
            add_grad(leaf, self.leaf_gradient(leaf), self.kind)
            if leaf._x is not None and leaf._x.post_hooks:
                for hook in list(leaf._x.post_hooks.values()):
                    hook(leaf)


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


def roots_of(tensors, gradients):
    """Check the roots and pair each edge with its gradient."""
    pairs = []
    if gradients is not None and len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    for i, tensor in enumerate(tensors):
        gradient = gradients[i] if gradients is not None else None
        pairs.append((tensor, root_gradient(i, tensor, gradient)))
    for i, (tensor, _) in enumerate(pairs):
        if tensor._fn is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    return pairs


def root_gradient(i, tensor, gradient):
    if gradient is None:
        if tensor._fn is None:
            return None
        if tensor.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if tensor.dtype.kind > 2:
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
        return wrap(Tensor, tensor._xp, tensor._xp.ones(tensor._a.shape, tensor._a.dtype), None)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if gradient._a.shape != tensor._a.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {gradient.shape} and output[{i}] has a shape of {tensor.shape}."
        )
    if gradient.is_complex() != tensor.is_complex():
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {gradient.dtype} and output[{i}] has a dtype of {tensor.dtype}."
        )
    return gradient


def edge_of(tensor):
    return tensor if tensor._fn is LEAF else tensor._fn


def as_tuple(tensors):
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def start(pairs, keep_graph, create_graph, only=None, captured=None):
    walk = Walk(pairs[0][0]._xp, create_graph, keep_graph, only)
    walk.captured = captured or {}
    before = GRAD.get()
    GRAD.set(bool(create_graph))
    try:
        for tensor, gradient in pairs:
            walk.give(edge_of(tensor), walk.kind.of(gradient))
        walk.run()
        return walk
    finally:
        GRAD.set(before)


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Sum the gradients of ``tensors`` into the ``.grad`` of the leaves they depend on.

    Args:
        tensors: the roots.
        grad_tensors: a gradient of the same shape per root; None for roots with one element.
        retain_graph: keep what the nodes saved (default: the value of create_graph).
        create_graph: record the walk, so that the gradients have gradients.
        inputs: only these get a gradient.

    Raises:
        RuntimeError: a root has no history or a wrong gradient, or the graph was freed.
    """
    tensors = as_tuple(tensors)
    if inputs is not None:
        inputs = as_tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        if any(tensor._fn is None for tensor in inputs):
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    gradients = as_tuple(grad_tensors) if grad_tensors is not None else None
    pairs = roots_of(tensors, gradients)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        walk = start(pairs, keep, create_graph)
    else:
        walk = start(pairs, keep, create_graph, *plan(pairs, inputs)[:2])
        for tensor, slot in zip(inputs, plan_slots(walk, inputs), strict=True):
            if slot is not None and tensor._fn is not LEAF:
                add_grad(tensor, walk.kind.tensor(tensor._xp, slot), walk.kind)
        wanted = set(inputs)
        walk.leaves = {leaf: g for leaf, g in walk.leaves.items() if leaf in wanted}
    before = GRAD.get()
    GRAD.set(bool(create_graph))
    try:
        walk.accumulate()
    finally:
        GRAD.set(before)


def plan_slots(walk, inputs):
    """What was captured for each non-leaf input, None where nothing came."""
    found = []
    for tensor in inputs:
        if tensor._fn is None or tensor._fn is LEAF:
            found.append(None)
            continue
        node, index = (tensor._fn, 0) if tensor._fn._kind == NODE else (tensor._fn.node, tensor._fn.index)
        found.append(next((slot[0] for i, slot in walk.captured.get(node, ()) if i == index), None))
    return found


def plan(pairs, inputs):
    """(nodes that must run, slots for what arrives at the inputs): the paths from the roots to the inputs."""
    captured, targets = {}, set()
    for tensor in inputs:
        edge = edge_of(tensor)
        if edge is None:
            continue
        if edge._kind == LEAF_TENSOR:
            targets.add(edge)
            continue
        node, index = (edge, 0) if edge._kind == NODE else (edge.node, edge.index)
        targets.add(node)
        captured.setdefault(node, []).append((index, [None]))
    order, seen = [], set()
    stack = [edge_of(t) for t, _ in pairs]
    while stack:
        edge = stack.pop()
        node = edge.node if edge._kind == PORT else edge
        if node in seen or node._kind == LEAF_TENSOR:
            continue
        seen.add(node)
        order.append(node)
        stack.extend(e for e in node.next if e is not None)
    order.sort(key=lambda node: -node.order)
    needed = set()
    for node in order:
        for edge in node.next:
            if edge is None:
                continue
            below = edge.node if edge._kind == PORT else edge
            if below in targets or below in needed:
                needed.add(node)
                break
    return needed, captured


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """Return d(sum of outputs · grad_outputs)/d(input) for each input, without touching any ``.grad``.

    Raises:
        RuntimeError: an input has no history or is not used (see allow_unused), or as :func:`backward`.
        NotImplementedError: ``is_grads_batched=True``.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor(3.0, requires_grad=True)
        >>> plugrad.autograd.grad(x**2, x)
        (tensor(6.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched=True is not supported; call grad once per gradient")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    outputs, inputs = as_tuple(outputs), as_tuple(inputs)
    gradients = as_tuple(grad_outputs) if grad_outputs is not None else None
    pairs = roots_of(outputs, gradients)
    for tensor in inputs:
        if tensor._fn is None and not allow_unused:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    only, captured = plan(pairs, inputs)
    walk = start(pairs, create_graph if retain_graph is None else retain_graph, create_graph, only, captured)
    return tuple(
        result_of(walk, i, tensor, slot, allow_unused, materialize_grads)
        for i, (tensor, slot) in enumerate(zip(inputs, plan_slots(walk, inputs), strict=True))
    )


def result_of(walk, i, tensor, slot, allow_unused, materialize):
    if tensor._fn is LEAF and tensor in walk.leaves:
        return own(tensor._xp, walk.leaf_gradient(tensor), walk.kind)
    if slot is not None:
        return own(tensor._xp, walk.kind.tensor(tensor._xp, slot), walk.kind)
    if not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior."
        )
    if materialize:
        return wrap(Tensor, tensor._xp, tensor._xp.zeros_like(tensor._a), None)
    return None


def own(xp, g, kind):
    """A gradient handed to the user is a tensor of its own."""
    return g if kind.recorded or xp.owns(g._a) else wrap(Tensor, xp, xp.copy(g._a), None)
