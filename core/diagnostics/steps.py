"""A backward pass that the program walks itself, one node at a time."""

from contextlib import nullcontext
from heapq import heappop
from typing import Any, NamedTuple

from ..engine import edge_of, roots_of
from ..graph import LEAF_TENSOR
from ..tensor import Tensor
from ..walk import Walk

__all__ = ["Step", "steps", "steps_of"]


class Step(NamedTuple):
    """One node of a backward pass.

    Attributes:
        node: as ``grad_fn`` gives it.
        grads_in: the gradients that arrived, one per output of the node.
        grads_out: a list of what it hands on, one per tensor argument, None where no gradient flows. What is put into
            the list takes the place of what was there.
    """

    node: Any
    grads_in: tuple
    grads_out: list


def steps(tensor, gradient=None, retain_graph=False):
    """Walk the backward pass of ``tensor`` node by node; at the end every ``.grad`` is as ``backward()`` leaves it.

    A walk that is left before its end writes no ``.grad``. The program runs between the nodes, so it can print, compare
    and replace gradients.

    Args:
        tensor: the root.
        gradient: of the same shape; may be left out for a single element.
        retain_graph: keep what the nodes saved.

    Returns:
        An iterator of :class:`Step` (node, grads_in, grads_out), the newest node first.

    Raises:
        RuntimeError: as ``backward()``; or a gradient put into ``grads_out`` has another shape than the argument.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([1.0, 2.0], requires_grad=True)
        >>> for node, grads_in, grads_out in plugrad.autograd.steps((x * 3).exp().sum()):
        ...     print(node.name(), grads_out)
        ...     if node.name() == "ExpBackward0":
        ...         grads_out[0] = grads_out[0].clamp(max=100)
        SumBackward0 [tensor([1., 1.])]
        ExpBackward0 [tensor([ 20.0855, 403.4288])]
        MulBackward0 [tensor([ 60.2566, 300.0000]), None]
        >>> x.grad
        tensor([ 60.2566, 300.0000])
    """
    walk = Walk(tensor._xp, False, retain_graph)
    pairs = roots_of((tensor,), None if gradient is None else (gradient,))
    return finished(walk, steps_of(walk, pairs))


def finished(walk, nodes):
    yield from nodes
    walk.finish()


def steps_of(walk, pairs):
    """The steps of a walk, which writes nothing."""
    with walk:
        for tensor, gradient in pairs:
            walk.give(edge_of(tensor), walk.kind.copy(tensor._xp, walk.kind.of(gradient)))
    while walk.heap:
        # The walk's own modes hold within a step only: between two of them the program runs.
        with walk:
            key = heappop(walk.heap)
            node, g = walk.nodes.pop(key), walk.pending.pop(key)
            with node.xp.scope or nullcontext():
                node.check()
                g, gradients = walk.differentiate(node, g)
                outgoing = [shown(walk.kind, edge, part) for edge, part in zip(node.next, gradients, strict=True)]
        step = Step(node, walk.as_tuple(node, g if node.outputs > 1 else (g,)), outgoing)
        yield step
        with walk, node.xp.scope or nullcontext():
            if not walk.keep_graph:
                node.release()
            walk.hand_on(node, g, [taken(walk.kind, step, i) for i in range(len(outgoing))])


def place_of(edge):
    """(namespace, shape, dtype) of the value that an edge leads to."""
    if edge._kind == LEAF_TENSOR:
        return edge._xp, edge._a.shape, edge._a.dtype
    return getattr(edge, "node", edge).xp, edge.shape, edge.dtype


def shown(kind, edge, part):
    """A gradient as the argument has its values: summed over what was broadcast."""
    if part is None or edge is None:
        return None
    xp, shape, dtype = place_of(edge)
    return kind.tensor(xp, kind.fit(xp, part, shape, dtype))


def taken(kind, step, i):
    """The gradient that the program left in ``grads_out``."""
    part, edge = step.grads_out[i], step.node.next[i]
    if part is None or edge is None:
        return None
    if not isinstance(part, Tensor):
        raise TypeError(f"grads_out[{i}] must be a Tensor or None, not {type(part).__name__}")
    shape = tuple(place_of(edge)[1])
    if tuple(part.shape) != shape:
        raise RuntimeError(
            f"grads_out[{i}] of {step.node.name()} has shape {list(part.shape)}, the argument has shape {list(shape)}"
        )
    return kind.of(part)
