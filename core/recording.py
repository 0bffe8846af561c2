"""Who is told of each op as it is recorded: who wants its line, anomaly mode, and hooks on saved tensors.

As long as nobody is, nothing of this costs anything: while somebody is, the ops run another text of theirs, which ends in
a call of :func:`observe`.
"""

import functools
import os
import threading
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from sys import _getframe

from .graph import LEAF_TENSOR, Port, Version
from .hooks import node_hooks
from .modes import GRAD
from .tensor import Tensor, wrap

#: (pack, unpack) pairs, the innermost last.
SAVED_TENSORS_HOOKS: ContextVar[tuple] = ContextVar("plugrad_saved_tensors_hooks", default=())
saved_tensors_hooks = SAVED_TENSORS_HOOKS.get

#: Called with each node that has saved something, and with each tensor that is about to be written to: mutation.py.
OBSERVERS: list[Callable] = []
BEFORE_WRITE: list[Callable] = []


#: In anomaly mode, the node whose backward runs: what is recorded meanwhile was induced by it.
RUNNING: ContextVar = ContextVar("plugrad_running_node", default=None)


class Anomaly:
    """Anomaly mode, of the whole process as torch's."""

    enabled = False
    check_nan = True


class Lines:
    """Whether nodes and in-place writes note the line of the user's program: when asked for, and in anomaly mode."""

    wanted = False
    enabled = False


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
    """What the ops' watched text calls with every node."""
    if Anomaly.enabled:
        note_traceback(node)
    pack_saved(node)


def pack_saved(node):
    """Give what a node saves to the innermost hooks, and the node to those who want to know of it."""
    hooks = saved_tensors_hooks()
    if hooks:
        pack_arrays(node, *hooks[-1])
    for note in OBSERVERS:
        note(node)


def locate(node):
    """Note where the user's program is, for a node that no generated text makes."""
    if Lines.enabled:
        node.line_code, node.line_offset = place_above(2)
    if Anomaly.enabled:
        note_traceback(node)


def note_traceback(node):
    stack = traceback.extract_stack()
    while stack and is_own(stack[-1].filename):
        stack.pop()
    node.metadata["traceback_"] = traceback.format_list(stack)
    if (running := RUNNING.get()) is not None:
        node.metadata["parent_"] = running


# --- lines ---
_here = __file__.rpartition("core")[0]
_folders = tuple(_here + name + os.sep for name in ("autograd", "backends", "core", "nn", "optim"))


#: File name → whether it is plugrad's.
OWN: dict[str, bool] = {}


def is_own(filename):
    if filename not in OWN:
        OWN[filename] = filename.startswith((*_folders, "<plugrad"))
    return OWN[filename]


def place_above(depth):
    """(code, offset of the instruction) of the innermost frame above ``depth`` that is not plugrad's own.

    What a line is found from later, at a hundredth of the price of a traceback.
    """
    frame = _getframe(depth)
    while is_own(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


class Program:
    """The user's program, as the ops' lined text sees it.

    Attributes:
        code: its last function that called an op; most calls come from the same one as the call before.
    """

    code = None

    @classmethod
    def find(cls, frame):
        """(frame, its code) of the innermost function of the program."""
        code = frame.f_code
        if not is_own(code.co_filename):
            cls.code = code
            return frame, code
        while is_own(frame.f_code.co_filename) and frame.f_back is not None:
            frame = frame.f_back
        return frame, frame.f_code


def want_lines(wanted):
    """Have nodes note their lines, or no longer."""
    if wanted != Lines.wanted:
        Lines.wanted = wanted
        renew_lines()


_bump = Version.bump


def _bump_and_note(version):
    _bump(version)
    version.place = place_above(2)


_detach = Tensor.detach


@functools.wraps(_detach)
def _detach_and_note(tensor):
    made = _detach(tensor)
    made._extra().detached = place_above(2)
    return made


def renew_lines():
    """Follow what is wanted and anomaly mode."""
    from .compile import use_texts

    Lines.enabled = Lines.wanted or Anomaly.enabled
    with Watchers.lock:
        use_texts("lined", Lines.enabled)
    Version.bump = _bump_and_note if Lines.enabled else _bump
    Tensor.detach = _detach_and_note if Lines.enabled else _detach


# --- hooks on saved tensors ---
class Packed:
    """What a node keeps in place of an array that a hook has packed."""

    __slots__ = ("address", "edge", "pack", "unpack", "value")

    def __init__(self, pack, unpack, xp, a, edge=None):
        self.pack = pack
        self.unpack = unpack
        self.edge = edge
        self.pack_again(xp, a)

    def pack_again(self, xp, a):
        self.value = packed_by(self.pack, xp, a, self.edge)
        self.address = id(a)

    def array(self):
        made = self.unpack(self.value)
        if not isinstance(made, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(made).__name__}"
            )
        return made._a

    def tensor(self, node, name):
        """What a rule that runs on tensors is given: the array, of which the rule's text makes a tensor."""
        return self.array()


def packed_by(pack, xp, a, edge):
    """What a hook makes of an array, which it gets as the tensor that was saved: with its history, but not recording."""
    leaf = edge is not None and edge._kind == LEAF_TENSOR and edge._a is a
    tensor = edge if leaf else wrap(Tensor, xp, a, edge)
    before, recording = tensor._version, GRAD.get()
    GRAD.set(False)
    try:
        value = pack(tensor)
    finally:
        GRAD.set(recording)
    if tensor._version != before:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by "
            "in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place "
            "operations on the input to a pack hook."
        )
    return value


def pack_arrays(node, pack, unpack):
    kept = (*node.saved_arrays, *node.saved_values)  # masks and indices are among the values
    names = [n for n in kept if isinstance(getattr(node, n, None), node.xp.array_type)]
    for name in names:
        pack_array(node, name, pack, unpack, edge_of_saved(node, name))
    if names:
        node_hooks(node).packed = tuple(names)


def pack_array(node, name, pack, unpack, edge=None):
    packed = Packed(pack, unpack, node.xp, getattr(node, name), edge)
    if name in node.row.outputs:
        packed.edge = None  # it leads to the node, which would hold itself
    setattr(node, name, packed)
    if name in node.saved_arrays:
        setattr(node, name + "_v", None)


def edge_of_saved(node, name):
    """The history of a saved array: an argument's, or the node itself."""
    row = node.row
    if row is None or name in row.statics:
        return None
    if name in row.tensors:
        return node.next[row.tensors.index(name)]
    if node.outputs == 1:
        return node
    i = row.outputs.index(name)
    return Port(node, i, node.shape[i], node.dtype[i]) if row.differentiable[i] else None


class Unpacked:
    """A block in which a node has its arrays back; where its rule runs on ``tensors``, duals come back as such."""

    def __init__(self, node, tensors=False):
        self.node = node
        self.tensors = tensors

    def __enter__(self):
        node = self.node
        self.packed = [(name, getattr(node, name)) for name in node.hooks.packed]
        for name, packed in self.packed:
            if isinstance(packed, Packed):
                setattr(node, name, packed.tensor(node, name) if self.tensors else packed.array())

    def __exit__(self, *exception):
        for name, packed in self.packed:
            if getattr(self.node, name) is not None:
                setattr(self.node, name, packed)


__all__ = ["Anomaly", "Lines", "Packed", "Unpacked", "locate", "observe", "pack_saved", "want_lines", "watch"]
