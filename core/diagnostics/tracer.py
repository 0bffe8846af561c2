"""A block in which each array function that an op calls is noted: what went in, what came out, and where.

The ops themselves stay as they are: the functions of the devices' namespaces are replaced for the time of the block.
"""

import contextlib
import re
import sys
import threading

from ..device import _spaces
from ..graph import ORDERS
from ..hooks import CURRENT_WALK
from ..modes import GRAD
from ..recording import is_own, place_above
from ..rows import ROWS
from ..tensor import Tensor, wrap
from .lines import line_of_place

__all__ = ["Call", "Tracer", "op_name"]

#: What ops without a row call, what changes dtypes on the way, and what writes in place.
OTHERS = ("assign", "astype", "concat", "stack", "to_host")


def op_name(node_name):
    """``log_softmax`` for LogSoftmaxBackward0."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", node_name.partition("Backward")[0]).lower()


class Call:
    """One array function that an op called.

    Attributes:
        name: of the op.
        row: of the op, None when it has none.
        number: how many were noted before.
        xp: the namespace.
        arguments: as they were given.
        inputs, outputs: the arrays.
        tensors: the tensors that the op was given, as far as they are known.
        recording: the grad mode.
        order: the creation number of the node that this call's op makes, if it makes one.
        line, module: where the program called the op.
    """

    def __init__(self, name, number, xp, arguments, result):
        self.number = number
        self.xp = xp
        self.arguments = arguments
        self.inputs = list(arrays_in(xp, arguments))
        self.outputs = list(arrays_in(xp, result if isinstance(result, (tuple, list)) else (result,)))
        self.recording = GRAD.get()
        self.order = next(ORDERS) - 1  # the node is made right after
        self.line = line_of_place(*place_above(3))
        frame = sys._getframe(3)
        self.row, self.tensors = op_of(frame)
        if self.row is None or self.row.xp_name != name:
            self.name = name
        else:
            self.name = op_name(self.row.node_name) if self.row.is_differentiable else self.row.name.strip("_")
        self.module = module_path(frame)


def arrays_in(xp, values):
    for value in values:
        if isinstance(value, xp.array_type):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from arrays_in(xp, value)


def op_of(frame):
    """(row, tensors) of the op that runs in a frame of generated text or of core/slow.py, else (None, [])."""
    while frame is not None and is_own(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith("<plugrad"):
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            inputs = [frame.f_locals[name] for name in names]
            return frame.f_globals["ROW"], [t for t in inputs if isinstance(t, Tensor)]
        if "row" in frame.f_locals and "inputs" in frame.f_locals:
            return frame.f_locals["row"], [t for t in frame.f_locals["inputs"] if isinstance(t, Tensor)]
        if frame.f_code.co_name not in ("computed", "elementwise"):
            return None, []
        frame = frame.f_back
    return None, []


def module_path(frame):
    """``Net.encoder.2 (Linear)`` for the modules whose calls run, "" outside of them."""
    modules = []
    while frame is not None:
        if frame.f_code.co_name == "__call__" and is_own(frame.f_code.co_filename):
            owner = frame.f_locals.get("self")
            if hasattr(owner, "named_modules") and owner not in modules:
                modules.insert(0, owner)
        frame = frame.f_back
    if not modules:
        return ""
    outer, inner = modules[0], modules[-1]
    path = next((path for path, module in outer.named_modules() if module is inner), "")
    name = type(outer).__name__
    return f"{name}.{path} ({type(inner).__name__})" if path else name


class Tracer:
    """Notes calls, in the thread that made it.

    Attributes:
        calls: all of them, in order.
    """

    def __init__(self):
        self.calls = []
        self.writers = {}
        self.silent = False
        self.thread = threading.get_ident()

    def __enter__(self):
        self.before = []
        for xp in {id(xp): xp for xp in _spaces.values()}.values():
            for name in {*OTHERS, *(row.xp_name for row in ROWS.values())}:
                function = getattr(xp, name, None)
                if callable(function):
                    self.before.append((xp, name, vars(xp).get(name)))
                    setattr(xp, name, self.noted(xp, name, function))
        return self

    def __exit__(self, *exception):
        for xp, name, own in self.before:
            if own is None:
                delattr(xp, name)
            else:
                setattr(xp, name, own)

    def noted(self, xp, name, function):
        def call(*args, **kwargs):
            if self.silent or threading.get_ident() != self.thread or CURRENT_WALK.get() is not None:
                return function(*args, **kwargs)
            with self.quiet():
                result = function(*args, **kwargs)
                if not isinstance(result, (tuple, list, type(None), xp.array_type)) and name != "to_host":
                    result = xp.wrap(result)  # one object from here on
                if is_of_an_op(sys._getframe(1)):
                    self.note(name, xp, args, result)
            return result

        return call

    @contextlib.contextmanager
    def quiet(self):
        """A block in which nothing is noted."""
        before, self.silent = self.silent, True
        try:
            yield
        finally:
            self.silent = before

    def note(self, name, xp, args, result):
        call = Call(name, len(self.calls), xp, args, result)
        if name == "assign":
            call.inputs, call.outputs = call.inputs[1:], call.inputs[:1]
        self.calls.append(call)
        for a in call.outputs:
            self.writers.setdefault(id(a), []).append(call)  # the call keeps the array, so no other gets this id
        self.look_at(call)

    def look_at(self, call):
        """What is to be done with each call."""

    def writer_of(self, a, before):
        """The last call before a number that made or wrote an array."""
        return next((c for c in reversed(self.writers.get(id(a), ())) if c.number < before), None)

    def of_node(self, node):
        """The call whose op made a node."""
        return next((call for call in self.calls if call.order == node.order), None)

    @staticmethod
    def tensor(xp, a):
        return wrap(Tensor, xp, a, None)


def is_of_an_op(frame):
    """Whether a frame belongs to core; an optimizer's rule calls array functions too."""
    filename = frame.f_code.co_filename.replace("\\", "/")
    return filename.startswith("<plugrad") or "/core/" in filename.rpartition("plugrad")[2]
