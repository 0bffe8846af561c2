"""Who is told of each op as it is recorded: anomaly mode, which notes the line, and hooks on saved tensors.

As long as nobody is, nothing of this costs anything: while somebody is, the ops run another text of theirs, which ends in
a call of :func:`observe`.
"""

import threading
import traceback
from contextvars import ContextVar

from .hooks import node_hooks
from .tensor import Tensor, wrap

#: (pack, unpack) pairs, the innermost last.
SAVED_TENSORS_HOOKS: ContextVar[tuple] = ContextVar("plugrad_saved_tensors_hooks", default=())


class Anomaly:
    """Anomaly mode, of the whole process as torch's."""

    enabled = False
    check_nan = True


class Watchers:
    """How many blocks want to be told."""

    count = 0
    lock = threading.Lock()


def watch(change):
    """Count a watcher (+1) in or (-1) out; the ops change their text when the first comes and when the last goes."""
    from .compile import use_texts

    with Watchers.lock:
        Watchers.count += change
        use_texts("watched", Watchers.count > 0)


def observe(node):
    """What the ops' second text calls with every node."""
    if Anomaly.enabled:
        locate(node)
    pack_saved(node)


def pack_saved(node):
    hooks = SAVED_TENSORS_HOOKS.get()
    if hooks:
        pack_arrays(node, *hooks[-1])


def locate(node):
    """Note where the user's program is."""
    stack = traceback.extract_stack()
    while stack and is_own(stack[-1].filename):
        stack.pop()
    node.metadata["traceback_"] = traceback.format_list(stack)


_here = __file__.rpartition("core")[0]


def is_own(filename):
    return filename.startswith((_here + "core", "<plugrad"))


# --- hooks on saved tensors ---
class Packed:
    """What a node keeps in place of an array that a hook has packed."""

    __slots__ = ("address", "pack", "unpack", "value")

    def __init__(self, pack, unpack, xp, a):
        self.pack = pack
        self.unpack = unpack
        self.pack_again(xp, a)

    def pack_again(self, xp, a):
        self.value = self.pack(wrap(Tensor, xp, a, None))
        self.address = id(a)

    def array(self):
        made = self.unpack(self.value)
        if not isinstance(made, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(made).__name__}"
            )
        return made._a


def pack_arrays(node, pack, unpack):
    names = [n for n in node.saved_arrays if isinstance(getattr(node, n, None), node.xp.array_type)]
    for name in names:
        setattr(node, name, Packed(pack, unpack, node.xp, getattr(node, name)))
        setattr(node, name + "_v", None)
    if names:
        node_hooks(node).packed = tuple(names)


class Unpacked:
    """A block in which a node has its arrays back."""

    def __init__(self, node):
        self.node = node

    def __enter__(self):
        node = self.node
        self.packed = [(name, getattr(node, name)) for name in node.hooks.packed]
        for name, packed in self.packed:
            if isinstance(packed, Packed):
                setattr(node, name, packed.array())

    def __exit__(self, *exception):
        for name, packed in self.packed:
            if getattr(self.node, name) is not None:
                setattr(self.node, name, packed)


__all__ = ["Anomaly", "Packed", "Unpacked", "locate", "observe", "pack_saved", "watch"]
