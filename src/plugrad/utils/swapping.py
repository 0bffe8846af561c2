"""Exchanging what two tensors are."""

import copyreg
import gc
import weakref

from plugrad.core.graph import Node

__all__ = ["swap_tensors"]


def swap_tensors(t1, t2):
    """Exchange two tensors' contents, classes, attributes, gradients and histories; whoever holds one sees the other's.

    Raises:
        RuntimeError: a tensor is referred to weakly, as a view's base and its views are; a graph waits for a tensor's
            gradient; or the classes have different slots. Nothing is exchanged then.

    Example:
        >>> import plugrad
        >>> a, b = plugrad.ones(2), plugrad.nn.Parameter(plugrad.zeros(3))
        >>> plugrad.utils.swap_tensors(a, b)
        >>> a, b
        (Parameter containing:
        tensor([0., 0., 0.], requires_grad=True), tensor([1., 1.]))
    """
    slots = _slots(t1)
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
        if _awaited(t):
            raise RuntimeError(
                f"Cannot swap {name} because a graph holds it: its gradient would arrive in another tensor. Swap before the "
                "forward pass or after the backward pass."
            )
    if slots != _slots(t2):
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for slot in slots:
        _exchange(t1, t2, slot)


def _slots(t):
    return set(copyreg._slotnames(type(t)))


def _exchange(t1, t2, slot):
    for t, value in [(t2, getattr(t1, slot, _exchange)), (t1, getattr(t2, slot, _exchange))]:
        if value is not _exchange:  # one that is set
            setattr(t, slot, value)
        elif hasattr(t, slot):
            delattr(t, slot)


def _awaited(t):
    """Whether a node's edge is this tensor: a leaf is its own edge."""
    holders = [holder for holder in gc.get_referrers(t) if isinstance(holder, tuple)]
    return any(isinstance(owner, Node) for holder in holders for owner in gc.get_referrers(holder))
