"""A pickle machine that builds plain data and calls nothing but the constructors on its allow table."""

import pickle
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable

from .allowlist import user_globals
from .lacking import refusal

__all__ = ["CheckpointError", "Survey", "Unpickler"]

BLOCKED_MODULES = ("sys", "os", "posix", "nt")  # refused even where the user allows something of theirs, as in torch
MOVED_MODULES = {"torch.tensor": "torch._tensor"}  # where torch 1.5 to 1.7 wrote a name that moved later
KEY_NODES = 1000  # the hash of nested tuples takes time without bound, and stack: no real key has more parts
OPCODE_NAMES = {getattr(pickle, name)[0]: name for name in pickle.__all__ if isinstance(getattr(pickle, name), bytes)}


class CheckpointError(pickle.UnpicklingError, RuntimeError):
    """A file was refused: cut off, damaged, of another format, or asking for something that is not allowed.

    The one class that :func:`~plugrad.load` raises for what it finds inside a file. It is a
    ``pickle.UnpicklingError`` and a ``RuntimeError`` at once, because torch raises sometimes the one and sometimes the
    other.
    """


# --- the machine ---

OPERATIONS: dict[int, Callable] = {}


def operation(*opcodes):
    """Decorator: this method carries out these opcodes."""

    def register(method):
        OPERATIONS.update((opcode[0], method) for opcode in opcodes)
        return method

    return register


class Unpickler:
    """Reads one pickle of protocol 2 to 5 from ``data``, without recursion and without an import.

    Args:
        data: bytes.
        allowed: ``"module.name"`` → (the object the name stands for, the function that REDUCE calls for it or None).
        persistent_load: called with each persistent id.
        encoding: of the 8-bit strings of Python 2; ``"bytes"`` leaves them bytes.
        position: where in ``data`` the pickle begins; afterwards where it ended.

    Raises:
        CheckpointError: whatever is wrong with the pickle.
    """

    def __init__(self, data, allowed, persistent_load, encoding="utf-8", position=0):
        self.data = data
        self.allowed = allowed
        self.persistent_load = persistent_load
        self.encoding = encoding
        self.position = position
        self.user = user_globals()
        self.constructors = {id(value): call for value, call in allowed.values() if call is not None}
        self.user_types = {id(value) for value in self.user.values()}
        self.memo = {}
        self.stack = []
        self.outer_stacks = []
        self.copied = 0
        self.is_outside = False

    def load(self):
        """Run up to STOP and return the object."""
        start, opcode = self.position, None
        try:
            while opcode != pickle.STOP[0]:
                start = self.position
                opcode = self.read(1)[0]
                OPERATIONS.get(opcode, Unpickler.refuse)(self)
            return self.stack.pop()
        except (CheckpointError, ImportError, MemoryError):
            raise
        except Exception as error:  # a damaged pickle can fail in every way there is; the caller meets one class
            if self.is_outside:
                raise
            raise self.corrupt(start, opcode, error) from error

    def refuse(self):
        opcode = self.data[self.position - 1]
        raise CheckpointError(
            f"Weights only load failed. Unsupported operand {opcode} ({OPCODE_NAMES.get(opcode, 'not an opcode')}) at byte "
            f"{self.position - 1}: no checkpoint needs it."
        )

    def outside(self, function, *arguments, **keywords):
        """Call what the user gave: its errors are not the file's and pass as they are."""
        self.is_outside = True
        result = function(*arguments, **keywords)
        self.is_outside = False
        return result

    def corrupt(self, start, opcode, error):
        name = OPCODE_NAMES.get(opcode, "end")
        return CheckpointError(
            f"Weights only load failed. Corrupt pickle: {name} at byte {start} of {len(self.data)} failed with "
            f"{type(error).__name__}: {error}"
        )

    def read(self, count):
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise CheckpointError(
                f"Corrupt pickle: {count} bytes wanted at byte {self.position}, the data ends at {len(self.data)}; "
                "the file is cut off or damaged."
            )
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def unpack(self, code):
        return struct.unpack(code, self.read(struct.calcsize(code)))[0]

    def read_line(self):
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise CheckpointError(f"Corrupt pickle: no end of line after byte {self.position}.")
        line = self.data[self.position : end]
        self.position = end + 1
        return line.decode()

    def pop_mark(self):
        items = self.stack
        self.stack = self.outer_stacks.pop()
        return items

    # --- names, calls, objects: all that could be dangerous ---

    def find_global(self, module, name):
        """Return what the table holds under this name; nothing is ever imported."""
        module, name = present_name(module, name)
        path = f"{module}.{name}"
        if module in BLOCKED_MODULES:
            raise CheckpointError(
                f"Weights only load failed. Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
            )
        if path in self.allowed:
            return self.allowed[path][0]
        if path in self.user:
            return self.user[path]
        raise CheckpointError(refusal(path.removeprefix("builtins.")))

    def call(self, function, arguments):
        """Return ``function(*arguments)`` where ``function`` is on one of the tables."""
        if type(arguments) is not tuple:
            raise CheckpointError(f"Weights only load failed. REDUCE needs a tuple, but got {type(arguments)}")
        if id(function) in self.constructors:
            self.charge(arguments)
            return self.constructors[id(function)](*arguments)
        if id(function) in self.user_types:
            return self.outside(function, *arguments)
        raise CheckpointError(
            f"Weights only load failed. Trying to call reduce for unrecognized function of {type(function)}"
        )

    def charge(self, arguments):
        """Bound the sum of what constructors copy: a small file can name one long string a million times."""
        self.copied += sum(len(item) for item in arguments if isinstance(item, str | bytes | list | tuple | dict))
        if self.copied > 16 * len(self.data):
            raise CheckpointError("Weights only load failed. The pickle copies far more data than it holds.")

    def new_object(self, cls, arguments, keywords=None):
        if id(cls) not in self.user_types or not isinstance(cls, type):
            raise CheckpointError(
                "Weights only load failed. Can only create new object for classes allowlisted via `add_safe_globals` "
                f"but got {cls if isinstance(cls, type) else type(cls)}"
            )
        return self.outside(cls.__new__, cls, *arguments, **(keywords or {}))

    def build(self, instance, state):
        """Give ``instance`` its attributes: an OrderedDict's (``_metadata``), or what an allowed class asks for."""
        if type(instance) is OrderedDict:
            for name in state:
                check_attribute(OrderedDict, name)
            instance.__dict__.update(state)
        elif id(type(instance)) in self.user_types:
            self.outside(_set_state, instance, state)
        else:
            raise CheckpointError(
                "Weights only load failed. Can only build OrderedDict or types allowlisted via `add_safe_globals`, but "
                f"got {type(instance)}"
            )

    def set_items(self, target, pairs):
        if type(target) not in (dict, OrderedDict, Counter, defaultdict):
            raise CheckpointError(
                "Weights only load failed. Can only set items of dict, collections.OrderedDict, collections.Counter, "
                f"collections.defaultdict, but got {type(target)}"
            )
        if len(pairs) % 2:
            raise CheckpointError("Corrupt pickle: SETITEMS got a key without a value.")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            check_key(key)
            target[key] = value

    def add_items(self, target, items, kind, method):
        if type(target) is not kind:
            raise CheckpointError(f"Weights only load failed. Can only {method} to {kind}, but got {type(target)}")
        getattr(target, method)(items)

    @operation(pickle.GLOBAL)
    def op_global(self):
        self.stack.append(self.find_global(self.read_line(), self.read_line()))

    @operation(pickle.STACK_GLOBAL)
    def op_stack_global(self):
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise CheckpointError("Corrupt pickle: STACK_GLOBAL requires str.")
        self.stack.append(self.find_global(module, name))

    @operation(pickle.REDUCE)
    def op_reduce(self):
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self.call(function, arguments))

    @operation(pickle.NEWOBJ)
    def op_newobj(self):
        arguments, cls = self.stack.pop(), self.stack.pop()
        self.stack.append(self.new_object(cls, arguments))

    @operation(pickle.NEWOBJ_EX)
    def op_newobj_ex(self):
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(self.new_object(cls, arguments, keywords))

    @operation(pickle.BUILD)
    def op_build(self):
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    @operation(pickle.BINPERSID)
    def op_binpersid(self):
        self.stack.append(self.outside(self.persistent_load, self.stack.pop()))

    # --- stack and memo ---

    @operation(pickle.PROTO)
    def op_proto(self):
        protocol = self.read(1)[0]
        if not 2 <= protocol <= 5:
            raise CheckpointError(f"Corrupt pickle: protocol {protocol}; checkpoints are written in 2 to 5.")

    @operation(pickle.FRAME)
    def op_frame(self):
        self.unpack("<Q")  # only a hint how much to read at once

    @operation(pickle.STOP)
    def op_stop(self):
        if len(self.stack) != 1 or self.outer_stacks:
            raise CheckpointError(f"Corrupt pickle: STOP with {len(self.stack)} objects on the stack.")

    @operation(pickle.MARK)
    def op_mark(self):
        self.outer_stacks.append(self.stack)
        self.stack = []

    @operation(pickle.POP)
    def op_pop(self):
        self.stack.pop()

    @operation(pickle.POP_MARK)
    def op_pop_mark(self):
        self.pop_mark()

    @operation(pickle.BINPUT)
    def op_binput(self):
        self.memo[self.read(1)[0]] = self.stack[-1]

    @operation(pickle.LONG_BINPUT)
    def op_long_binput(self):
        self.memo[self.unpack("<I")] = self.stack[-1]

    @operation(pickle.MEMOIZE)
    def op_memoize(self):
        self.memo[len(self.memo)] = self.stack[-1]

    @operation(pickle.BINGET)
    def op_binget(self):
        self.stack.append(self.memo[self.read(1)[0]])

    @operation(pickle.LONG_BINGET)
    def op_long_binget(self):
        self.stack.append(self.memo[self.unpack("<I")])

    # --- containers ---

    @operation(pickle.EMPTY_LIST)
    def op_empty_list(self):
        self.stack.append([])

    @operation(pickle.EMPTY_DICT)
    def op_empty_dict(self):
        self.stack.append({})

    @operation(pickle.EMPTY_SET)
    def op_empty_set(self):
        self.stack.append(set())

    @operation(pickle.EMPTY_TUPLE)
    def op_empty_tuple(self):
        self.stack.append(())

    @operation(pickle.TUPLE)
    def op_tuple(self):
        items = self.pop_mark()
        self.stack.append(tuple(items))

    @operation(pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
    def op_short_tuple(self):
        count = self.data[self.position - 1] - pickle.TUPLE1[0] + 1  # the three opcodes follow each other
        if len(self.stack) < count:
            raise CheckpointError(f"Corrupt pickle: a tuple of {count} of {len(self.stack)} objects.")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    @operation(pickle.FROZENSET)
    def op_frozenset(self):
        items = self.pop_mark()
        self.stack.append(make_frozenset(items))

    @operation(pickle.APPEND)
    def op_append(self):
        item = self.stack.pop()
        self.add_items(self.stack[-1], item, list, "append")

    @operation(pickle.APPENDS)
    def op_appends(self):
        items = self.pop_mark()
        self.add_items(self.stack[-1], items, list, "extend")

    @operation(pickle.ADDITEMS)
    def op_additems(self):
        items = self.pop_mark()
        self.add_items(self.stack[-1], make_set(items), set, "update")

    @operation(pickle.SETITEM)
    def op_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items(self.stack[-1], [key, value])

    @operation(pickle.SETITEMS)
    def op_setitems(self):
        pairs = self.pop_mark()
        self.set_items(self.stack[-1], pairs)

    # --- plain values ---

    def string(self, raw):
        return bytes(raw) if self.encoding == "bytes" else str(raw, self.encoding)


def _value(opcode, read):
    OPERATIONS[opcode[0]] = lambda machine: machine.stack.append(read(machine))


def _text(code):
    return lambda machine: str(machine.read(machine.unpack(code)), "utf-8", "surrogatepass")


def _integer(code):
    return lambda machine: int.from_bytes(machine.read(machine.unpack(code)), "little", signed=True)


_value(pickle.NONE, lambda machine: None)
_value(pickle.NEWTRUE, lambda machine: True)
_value(pickle.NEWFALSE, lambda machine: False)
_value(pickle.BININT, lambda machine: machine.unpack("<i"))
_value(pickle.BININT1, lambda machine: machine.unpack("<B"))
_value(pickle.BININT2, lambda machine: machine.unpack("<H"))
_value(pickle.LONG1, _integer("<B"))
_value(pickle.LONG4, _integer("<i"))
_value(pickle.BINFLOAT, lambda machine: machine.unpack(">d"))
_value(pickle.SHORT_BINUNICODE, _text("<B"))
_value(pickle.BINUNICODE, _text("<I"))
_value(pickle.BINUNICODE8, _text("<Q"))
_value(pickle.SHORT_BINSTRING, lambda machine: machine.string(machine.read(machine.unpack("<B"))))
_value(pickle.BINSTRING, lambda machine: machine.string(machine.read(machine.unpack("<i"))))
_value(pickle.SHORT_BINBYTES, lambda machine: bytes(machine.read(machine.unpack("<B"))))
_value(pickle.BINBYTES, lambda machine: bytes(machine.read(machine.unpack("<I"))))
_value(pickle.BINBYTES8, lambda machine: bytes(machine.read(machine.unpack("<Q"))))
_value(pickle.BYTEARRAY8, lambda machine: bytearray(machine.read(machine.unpack("<Q"))))


class Survey(Unpickler):
    """Walks through a pickle and builds nothing: which globals it names, which persistent ids it has."""

    def __init__(self, data, allowed, encoding="utf-8", position=0):
        self.names = {}  # path → (module, name), in the order they are met
        self.identities = []
        super().__init__(data, allowed, self.identities.append, encoding, position)

    def find_global(self, module, name):
        path = ".".join(present_name(module, name))
        self.names.setdefault(path, (module, name))
        return self.allowed.get(path, (None,))[0]

    def call(self, function, arguments):
        return None

    def new_object(self, cls, arguments, keywords=None):
        return None

    def build(self, instance, state):
        """An object that was not made gets no state."""

    def set_items(self, target, pairs):
        """An object that was not made gets no items."""

    def add_items(self, target, items, kind, method):
        """An object that was not made gets no items."""


def present_name(module, name):
    """A global's name today: what Python 2 or an older torch called otherwise."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return MOVED_MODULES.get(module, module), name


def check_attribute(cls, name):
    """Refuse an attribute that hides a method, or by which numpy would take any address for an array."""
    if type(name) is not str or name.startswith("__") or hasattr(cls, name):
        raise CheckpointError(f"Weights only load failed. The file sets an attribute {name!r} on a {cls.__name__}.")


def _set_state(instance, state):
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        instance.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(instance, name, value)


def check_key(key):
    """Refuse a key whose hash would take long or overflow the stack: a deep or a branching nest of tuples."""
    nodes = [key]
    for node in nodes:
        if isinstance(node, tuple):
            nodes.extend(node)
        if len(nodes) > KEY_NODES:
            raise CheckpointError(f"Weights only load failed. A key of nested tuples has more than {KEY_NODES} parts.")


def make_set(items):
    for item in items:
        check_key(item)
    return set(items)


def make_frozenset(items):
    return frozenset(make_set(items))
