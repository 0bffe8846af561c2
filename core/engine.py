"""backward and grad: their arguments, their checks, and what of a walk's gradients they hand out."""

import warnings
from collections.abc import Mapping

from .active import Running, refuse_backward
from .edges import GradientEdge, tensor_of
from .gradients import Arrays, Unrecorded
from .graph import LEAF, LEAF_TENSOR, NODE, PORT
from .hooks import retain_grad
from .modes import is_grad_enabled
from .tensor import Tensor, wrap
from .walk import Walk


def roots_of(tensors, gradients):
    """Check the roots and pair each edge with its gradient."""
    given = (None,) * len(tensors) if gradients is None else gradients
    pairs = [(t, root_gradient(i, t, g)) for i, (t, g) in enumerate(zip(tensors, given, strict=False))]
    if len(given) < len(tensors):
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
    foreign = [g for t, g in pairs if g._xp is not t._xp]
    if foreign:
        pairs = [(t, fitted(t, g)) for t, g in pairs]
    walk = Walk(pairs[0][0]._xp, create_graph, keep_graph, only)
    if foreign and walk.kind is Arrays and any(g._xp is not t._xp for t, g in pairs):
        walk.kind = Unrecorded  # gradients under a vmap that the graph is not under: tensors mix, arrays do not
    walk.captured = captured or {}
    with walk:
        for tensor, gradient in pairs:
            g = walk.kind.of(gradient)
            walk.give(edge_of(tensor), walk.kind.copy(tensor._xp, g) if tensor._fn is LEAF else g)
        walk.run()
    return walk


def fitted(tensor, gradient):
    """A gradient in the namespace of its root, where all of the batches it is in are those of the root."""
    if gradient._xp is tensor._xp or not hasattr(tensor._xp.transform, "together"):
        return gradient
    return tensor._xp.transform.together((tensor, gradient))[1]


def inputs_of(inputs, caller):
    """The inputs as a tuple of tensors; a dict's values are meant."""
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            raise TypeError(
                f"`inputs` argument to `{caller}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are not supported."
            )
        inputs = inputs.values()
    inputs = as_tuple(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{caller}()` cannot be empty.")
    return inputs


def given_by_old_name(grad_tensors, grad_variables):
    """What ``grad_variables`` gave in place of ``grad_tensors``."""
    warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3)
    if grad_tensors is not None:
        raise RuntimeError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`."
        )
    return grad_variables


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Sum the gradients of ``tensors`` into the ``.grad`` of the leaves they depend on.

    Args:
        tensors: the roots.
        grad_tensors: a gradient of the same shape per root; None for roots with one element.
        retain_graph: keep what the nodes saved (default: the value of create_graph).
        create_graph: record the walk, so that the gradients have gradients.
        grad_variables: the deprecated name of grad_tensors.
        inputs: only these get a gradient: a tensor, a sequence or a dict of them.

    Raises:
        RuntimeError: a root has no history or a wrong gradient, or the graph was freed.
    """
    refuse_backward()
    tensors = as_tuple(tensors)
    if grad_variables is not None:
        grad_tensors = given_by_old_name(grad_tensors, grad_variables)
    if inputs is not None:
        inputs = inputs_of(inputs, "backward")
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
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """Return d(sum of outputs · grad_outputs)/d(input) for each input, without touching any ``.grad``.

    Args:
        outputs: a tensor or a sequence of them.
        inputs: the same, or a dict of tensors; the result is then a dict with its keys.
        grad_outputs: a gradient of the same shape per output; None for outputs with one element.
        retain_graph: keep what the nodes saved (default: the value of create_graph).
        create_graph: record the walk, so that the gradients have gradients.
        only_inputs: deprecated and ignored.
        allow_unused: give None for an input that the outputs do not depend on.
        is_grads_batched: the first dimension of every grad_output counts gradients; all are computed in one walk.
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
    names, outputs, inputs = inputs if type(inputs) is dict else None, as_tuple(outputs), inputs_of(inputs, "grad")
    gradients = as_tuple(grad_outputs) if grad_outputs is not None else None
    if not only_inputs:
        warn_of_only_inputs()
    if is_grads_batched:
        found = batched(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads)
    else:
        found = gradients_of(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads)
    return found if names is None else dict(zip(names, found, strict=True))


def warn_of_only_inputs():
    warnings.warn(
        "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts of the graph, "
        "please use torch.autograd.backward.",
        FutureWarning,
        stacklevel=3,
    )


def gradients_of(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads):
    """grad() in one walk."""
    pairs = roots_of(outputs, gradients)
    if any(tensor._fn is None for tensor in inputs):
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    if not pairs:
        return tuple(missing(i, t, allow_unused, materialize_grads, create_graph) for i, t in enumerate(inputs))
    walk = start(pairs, keep, create_graph, *plan(pairs, inputs))
    with walk:
        found = tuple(
            result_of(walk, i, tensor, slot, allow_unused, materialize_grads)
            for i, (tensor, slot) in enumerate(zip(inputs, plan_slots(walk, inputs), strict=True))
        )
        walk.run_callbacks()
    return found


def batched(outputs, inputs, gradients, keep, create_graph, allow_unused, materialize_grads):
    """grad() for all entries of the gradients' first dimension in one walk."""
    for i, (output, g) in enumerate(zip(outputs, gradients, strict=True)):
        if g is not None and g._a.shape[1:] != output._a.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of "
                "the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {output.shape}. If you only want some tensors in "
                "`grad_output` to be considered batched, consider using vmap."
            )
    from .batching import Batch, cross, enter, leave

    batch = Batch(next(g._a.shape[0] for g in gradients if g is not None))
    with Running(batch):
        given = tuple(None if g is None else cross(enter, g, batch) for g in gradients)
        found = gradients_of(outputs, inputs, given, keep, create_graph, allow_unused, materialize_grads)
        return tuple(None if g is None else cross(leave, g, batch) for g in found)


def result_of(walk, i, tensor, slot, allow_unused, materialize):
    if tensor._fn is LEAF and tensor in walk.leaves and not (tensor._x is not None and tensor._x.borrowed):
        return own(tensor._xp, walk.leaf_gradient(tensor), walk.kind)
    if slot is not None:
        return own(tensor._xp, walk.kind.tensor(tensor._xp, slot), walk.kind)
    return missing(i, tensor, allow_unused, materialize, walk.kind.recorded)


def missing(i, tensor, allow_unused, materialize, create_graph):
    """What grad() gives for an input that no gradient reached."""
    if not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior."
        )
    if materialize:
        return wrap(
            Tensor, tensor._xp, tensor._xp.zeros(tensor._a.shape, tensor._a.dtype), LEAF if create_graph else None
        )
    return None


def own(xp, g, kind):
    """A gradient handed to the user is a tensor of its own."""
    if kind is not Arrays or xp.owns(g._a):
        return g
    return wrap(Tensor, xp, xp.copy(g._a), None)


def call_node(node, gradients):
    """What ``node(*gradients)`` gives: the node's rule alone, without its hooks."""
    check_arguments(gradients, differentiable_outputs(node))
    walk = Walk(node.xp, is_grad_enabled(), True)
    with walk:
        found = walk.call(node, gradients + (None,) * (node.outputs - len(gradients)))
    return found[0] if len(found) == 1 else found


def differentiable_outputs(node):
    marks = node.row.differentiable if node.row is not None else ()
    return sum(marks) if len(marks) == node.outputs else node.outputs


def check_arguments(gradients, expected):
    if len(gradients) != expected:
        raise TypeError(f"expected {expected} arguments, got {len(gradients)} instead")
    for i, g in enumerate(gradients):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"argument {i} is not a Variable")


def call_leaf(leaf, gradients):
    """Sum gradients into ``leaf.grad``, as the end of a backward does."""
    check_arguments(gradients, 1)
    walk = Walk(leaf._xp, is_grad_enabled(), True)
    with walk:
        walk.give(leaf, walk.kind.copy(leaf._xp, walk.kind.of(gradients[0])))
        walk.accumulate()
    return ()
