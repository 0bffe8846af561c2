"""backward and grad: one walk over the graph, newest node first, without recursion.

A node's creation number is larger than those of everything it depends on, so taking the newest node that has a gradient
always takes one whose gradient is complete. Gradients are raw arrays, except under create_graph, where they are tensors
and the walk is itself recorded.
"""

import warnings
from contextlib import nullcontext
from heapq import heappop, heappush

from .anomaly import check_nan, located
from .edges import GradientEdge, tensor_of
from .graph import CLOCK, LEAF, LEAF_TENSOR, NODE, PORT
from .hooks import CURRENT_WALK, retain_grad, run_tensor_hooks, run_tuple_hooks
from .modes import GRAD
from .recording import Anomaly, Unpacked
from .tensor import Tensor, wrap


class Arrays:
    """First-order gradients: raw arrays, nothing recorded."""

    recorded = False

    @staticmethod
    def of(tensor):
        return tensor._a

    @staticmethod
    def copy(xp, g):
        return xp.copy(g)

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
    def copy(xp, g):
        return g

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


def roots_of(tensors, gradients):
    """Check the roots and pair each edge with its gradient."""
    given = (None,) * len(tensors) if gradients is None else gradients
    pairs = [(t, root_gradient(i, t, g)) for i, (t, g) in enumerate(zip(tensors, given, strict=False))]
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
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
    """A sequence of tensors, or of edges, which are replaced by tensors that stand for them."""
    tensors = (tensors,) if isinstance(tensors, (Tensor, GradientEdge)) else tuple(tensors)
    return tuple(tensor_of(t) if isinstance(t, GradientEdge) else t for t in tensors)


def start(pairs, keep_graph, create_graph, only=None, captured=None):
    walk = Walk(pairs[0][0]._xp, create_graph, keep_graph, only)
    walk.captured = captured or {}
    with walk:
        for tensor, gradient in pairs:
            g = walk.kind.of(gradient)
            walk.give(edge_of(tensor), walk.kind.copy(tensor._xp, g) if tensor._fn is LEAF else g)
        walk.run()
    return walk


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
    pairs = roots_of(tensors, as_tuple(grad_tensors) if grad_tensors is not None else None)
    if not pairs:
        return
    if create_graph:
        warn_of_cycle()
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        start(pairs, keep, create_graph).finish()
        return
    for tensor in inputs:
        retain_grad(tensor)  # does nothing to leaves
    walk = start(pairs, keep, create_graph, *plan(pairs, inputs))
    wanted = set(inputs)
    walk.leaves = {leaf: g for leaf, g in walk.leaves.items() if leaf in wanted}
    walk.finish()


class _cycle:
    """Whether the warning was given: once in a process, as torch gives it."""

    warned = False


def warn_of_cycle():
    if _cycle.warned:
        return
    _cycle.warned = True
    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause "
        "a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make "
        "sure to reset the .grad fields of your parameters to None after use to break the cycle and avoid the leak.",
        UserWarning,
        stacklevel=4,
    )


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

    Args:
        outputs, inputs: tensors, or sequences of them.
        grad_outputs: a gradient of the same shape per output; None for outputs with one element.
        retain_graph: keep what the nodes saved (default: the value of create_graph).
        create_graph: record the walk, so that the gradients have gradients.
        allow_unused: give None for an input that the outputs do not depend on.
        is_grads_batched: the first dimension of every grad_output counts gradients; one walk is made for each.
        materialize_grads: give zeros instead of None.

    Raises:
        RuntimeError: an input has no history or is not used (see allow_unused), or as :func:`backward`.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor(3.0, requires_grad=True)
        >>> plugrad.autograd.grad(x**2, x)
        (tensor(6.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    keep = create_graph if retain_graph is None else retain_graph
    outputs, inputs = as_tuple(outputs), as_tuple(inputs)
    gradients = as_tuple(grad_outputs) if grad_outputs is not None else None
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if is_grads_batched:
        return batched(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads)
    pairs = roots_of(outputs, gradients)
    for tensor in inputs:
        if tensor._fn is None and not allow_unused:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    if not pairs:
        return tuple(missing(i, t, allow_unused, materialize_grads) for i, t in enumerate(inputs))
    walk = start(pairs, keep, create_graph, *plan(pairs, inputs))
    with walk:
        found = tuple(
            result_of(walk, i, tensor, slot, allow_unused, materialize_grads)
            for i, (tensor, slot) in enumerate(zip(inputs, plan_slots(walk, inputs), strict=True))
        )
        walk.run_callbacks()
    return found


def batched(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads):
    """grad() once per entry of the gradients' first dimension, the results stacked."""
    from .ops.join import stack

    for i, (output, g) in enumerate(zip(outputs, gradients, strict=True)):
        if g is not None and g._a.shape[1:] != output._a.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of "
                "the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {output.shape}."
            )
    count = next(g._a.shape[0] for g in gradients if g is not None)
    rows = [
        grad(
            outputs,
            inputs,
            tuple(None if g is None else g[i] for g in gradients),
            keep or i + 1 < count,
            create_graph,
            allow_unused,
            False,
            materialize_grads,
        )
        for i in range(count)
    ]
    return tuple(None if parts[0] is None else stack(parts) for parts in zip(*rows, strict=True))


def result_of(walk, i, tensor, slot, allow_unused, materialize):
    if tensor._fn is LEAF and tensor in walk.leaves:
        return own(tensor._xp, walk.leaf_gradient(tensor), walk.kind)
    if slot is not None:
        return own(tensor._xp, walk.kind.tensor(tensor._xp, slot), walk.kind)
    return missing(i, tensor, allow_unused, materialize)


def missing(i, tensor, allow_unused, materialize):
    """What grad() gives for an input that no gradient reached."""
    if not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior."
        )
    if materialize:
        return wrap(Tensor, tensor._xp, tensor._xp.zeros(tensor._a.shape, tensor._a.dtype), None)
    return None


def own(xp, g, kind):
    """A gradient handed to the user is a tensor of its own."""
    return g if kind.recorded or xp.owns(g._a) else wrap(Tensor, xp, xp.copy(g._a), None)
