"""Attributes of ctx under names that the engine has for itself: ``ctx.shape = x.shape`` means what it says.

The ctx is the node, so both want one slot. What forward puts there is set aside before the engine writes its own, and
changes places with it while backward or jvp runs.
"""

from contextlib import contextmanager
from operator import attrgetter, is_not

from .hooks import NodeHooks

#: The engine's slots, and what is in them while forward runs.
SLOTS = {
    "dtype": None,
    "jvp_saved": None,
    "kept_call": None,
    "next": None,
    "outputs": 1,
    "returned": (),
    "saved": (),
    "shape": None,
    "smooth": (),
    "tensor_arguments": (),
    "xp": None,
}
in_slots = attrgetter(*SLOTS)
NUMBERED = ("clock", "order")
NOTHING = object()


def set_aside(node, numbers):
    """Take what forward wrote under the engine's names off the node; ``numbers`` are the node's own clock and order."""
    if node.hooks is None and numbers == (node.clock, node.order) and not node.__dict__:
        if not any(map(is_not, in_slots(node), SLOTS.values())):
            return
    own = {name: getattr(node, name) for name, empty in SLOTS.items() if getattr(node, name) is not empty}
    for name in own:
        setattr(node, name, SLOTS[name])
    if node.hooks is not None and not isinstance(node.hooks, NodeHooks):
        own["hooks"], node.hooks = node.hooks, None
    for name, number in zip(NUMBERED, numbers, strict=True):
        if getattr(node, name) != number:
            own[name] = getattr(node, name)
            setattr(node, name, number)
    for name in [name for name in node.__dict__ if hasattr(type(node), name)]:
        own[name] = node.__dict__.pop(name)
    node.aside = own or None


def change_places(node):
    """Exchange what is set aside with what the node has."""
    other = {}
    for name, value in node.aside.items():
        is_slot = name in SLOTS or name in NUMBERED or name == "hooks"
        other[name] = getattr(node, name) if is_slot else node.__dict__.pop(name, NOTHING)
        if value is not NOTHING:
            setattr(node, name, value)
    node.aside = other
    node.as_user = not node.as_user


@contextmanager
def user_names(node, wanted=True):
    """A block in which the node has the user's attributes (or, with ``wanted=False``, the engine's)."""
    if node.aside is None or node.as_user == wanted:
        yield
        return
    change_places(node)
    try:
        yield
    finally:
        change_places(node)


__all__ = ["set_aside", "user_names"]
