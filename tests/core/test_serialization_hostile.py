"""Files that want to run something, to exhaust the machine or to mislead, and files that were damaged."""

import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest

from plugrad.core.serialization import CheckpointError, load, safe_globals
from plugrad_pickle_assembler import (
    Build,
    Call,
    Name,
    New,
    Persistent,
    Raw,
    archive_of,
    assemble,
    legacy_of,
    storage,
    tensor,
)

pytestmark = pytest.mark.cpu


def read(content, **options):
    return load(io.BytesIO(content), **options)


def assert_refused(content, text=None):
    """The file is refused with the one class, which is both of torch's."""
    with pytest.raises(CheckpointError, match=text) as caught:
        read(content)
    assert isinstance(caught.value, pickle.UnpicklingError)
    assert isinstance(caught.value, RuntimeError)


# --- files that want to run something ---

FLAGS = []
HERE = __name__


def trap(*arguments):
    """What must never be called."""
    FLAGS.append(arguments)
    return {}


class Trap:
    def __init__(self, *arguments):
        FLAGS.append(arguments)

    def __setstate__(self, state):
        FLAGS.append(state)


class Quiet:
    def __setstate__(self, state):
        FLAGS.append(state)


class WithKeywords:
    def __new__(cls, *arguments, **keywords):
        if keywords:
            FLAGS.append(keywords)
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"a": 1}


class ReducesToTrap:
    def __reduce__(self):
        return trap, ("reduced",)


def dotted(module, name):
    """A STACK_GLOBAL, which may name an attribute of an attribute."""
    parts = (pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode() for text in (module, name))
    return Raw(pickle.PROTO + b"\4" + b"".join(parts) + pickle.STACK_GLOBAL)


def array_file(sentinel):
    np.save(f"{sentinel}.npy", np.array([ReducesToTrap()], dtype=object), allow_pickle=True)
    return f"{sentinel}.npy"


def command(sentinel):
    return f"{sys.executable} -c \"open(r'{sentinel}', 'w')\""


def builtin(name, *arguments):
    return Call(Name("builtins", name), *arguments)


TRAP = Name(HERE, "trap")
CODE = f"__import__('sys').modules[{HERE!r}].FLAGS.append(1)"
MAKE_FOLDER = "import os, sys; os.mkdir(sys.argv[1])"
OS = builtin("__import__", "os")
RAW_TRAP = f"{HERE}\nTrap\n".encode()

#: What runs under pickle.loads: name → the value to assemble, given a file that a command would make.
ATTACKS = {
    "os.system": lambda sentinel: Call(Name("os", "system"), command(sentinel)),
    "posix.system": lambda sentinel: Call(Name(os.system.__module__, "system"), command(sentinel)),
    "subprocess": lambda sentinel: Call(Name("subprocess", "call"), [sys.executable, "-c", MAKE_FOLDER, str(sentinel)]),
    "os.mkdir": lambda sentinel: Call(Name("os", "mkdir"), str(sentinel)),
    "eval": lambda sentinel: builtin("eval", CODE),
    "eval of Python 2": lambda sentinel: Call(Name("__builtin__", "eval"), CODE),
    "exec": lambda sentinel: builtin("exec", CODE),
    "open": lambda sentinel: builtin("open", str(sentinel), "w"),
    "getattr chain": lambda sentinel: Call(builtin("getattr", OS, "mkdir"), str(sentinel)),
    "import_module": lambda sentinel: Call(
        builtin("getattr", Call(Name("importlib", "import_module"), "os"), "mkdir"), str(sentinel)
    ),
    "dotted name": lambda sentinel: Call(dotted("shutil", "os.mkdir"), str(sentinel)),
    "dotted name of an allowed module": lambda sentinel: Call(dotted("collections", "_sys.modules.update"), [("x", 1)]),
    "pickle in pickle": lambda sentinel: Call(Name("pickle", "loads"), assemble(Call(TRAP))),
    "methodcaller": lambda sentinel: Call(Call(Name("operator", "methodcaller"), "__call__"), TRAP),
    "partial": lambda sentinel: Call(Call(Name("functools", "partial"), TRAP, 1)),
    "map in list": lambda sentinel: builtin("list", builtin("map", TRAP, [1])),
    "runpy": lambda sentinel: Call(Name("runpy", "_run_code"), CODE, {}),
    "numpy.load": lambda sentinel: Call(Name("numpy", "load"), array_file(sentinel), None, True),
    "a function": lambda sentinel: Call(TRAP),
    "a class": lambda sentinel: Call(Name(HERE, "Trap"), 1),
    "__setstate__": lambda sentinel: Build(New(Name(HERE, "Quiet")), {"a": 1}),
    "_reconstructor": lambda sentinel: Build(
        Call(Name("copyreg", "_reconstructor"), Name(HERE, "Quiet"), Name("builtins", "object"), None), {"a": 1}
    ),
    "NEWOBJ_EX": lambda sentinel: Raw(pickle.dumps(WithKeywords(), 4)[11:-1]),
    "INST": lambda sentinel: Raw(b"(I1\n" + pickle.INST + RAW_TRAP),
    "OBJ": lambda sentinel: Raw(b"(" + pickle.GLOBAL + RAW_TRAP + b"I1\n" + pickle.OBJ),
    "__reduce__": lambda sentinel: Raw(pickle.dumps(ReducesToTrap(), 2)[2:-1]),
    "deep inside": lambda sentinel: {"weight": [1, (Call(TRAP),)]},
    "as a key": lambda sentinel: {Call(TRAP): 1},
    "as a storage's key": lambda sentinel: Persistent(("storage", 1, Call(TRAP), "cpu", 12)),
    "as an item": lambda sentinel: Call(Name("collections", "OrderedDict"), [("a", Call(TRAP))]),
    "plugrad's own pickle": lambda sentinel: Call(Name("plugrad.core.copying", "_restore"), Call(TRAP)),
}


class PlainUnpickler(pickle.Unpickler):
    def persistent_load(self, identity):
        return identity


def has_run(sentinel):
    """Whether an attack succeeded; sets the trap anew."""
    ran = bool(FLAGS) or os.path.exists(sentinel) or sys.modules.pop("x", None) is not None
    FLAGS.clear()
    return ran


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_would_succeed_with_pickle(name, tmp_path):
    sentinel = tmp_path / "sentinel"
    with contextlib.suppress(TypeError, ValueError, AttributeError):  # what an attack leaves behind may be no object
        PlainUnpickler(io.BytesIO(assemble(ATTACKS[name](sentinel)))).load().close()
    assert has_run(sentinel)


FORMS = {
    "archive": archive_of,
    "bare pickle": lambda pickled: pickled,
    "legacy": legacy_of,
    "legacy with a storage": lambda pickled: legacy_of(pickled, ["0"], struct.pack("<q", 12) + bytes(48)),
    "legacy key list": lambda pickled: legacy_of(pickle.dumps(1, 2))[: -len(pickle.dumps([], 2))] + pickled,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_and_does_not_run(name, form, tmp_path):
    sentinel = tmp_path / "sentinel"
    assert_refused(FORMS[form](assemble(ATTACKS[name](sentinel))))
    assert not has_run(sentinel)


def test_blocked_name_is_said_with_the_way_out():
    text = r"GLOBAL fractions.Fraction was not an allowed global by default. Please use `torch.serialization.add_safe"
    assert_refused(archive_of(assemble(Call(Name("fractions", "Fraction"), 1))), text)
    assert_refused(archive_of(assemble(builtin("print"))), "GLOBAL print was not an allowed")
    assert_refused(archive_of(assemble(Name("os", "system"))), "GLOBAL os.system whose module os is blocked")
    with safe_globals([os.system]):
        assert_refused(archive_of(assemble(Name(os.system.__module__, "system"))), "is blocked")


@pytest.mark.parametrize(
    "opcodes",
    [
        b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"Pkey\n", b"]2", b"g0\n", b"I1\n", b"L1L\n", b"F1.0\n",
        b"S'a'\n", b"Va\n", b"\x97", b"\x98", b"\xff", b"\x00", b"",
    ],
)  # fmt: skip
def test_opcodes_that_no_checkpoint_needs(opcodes):
    assert_refused(archive_of(b"\x80\x02" + opcodes + b"."), "Unsupported operand|Corrupt pickle")


IDENTITIES = {
    "text": "storage",
    "number": 3,
    "list": ["storage"],
    "empty": (),
    "other kind": ("module", 1, 2, 3, 4),
    "too short": ("storage", Name("torch", "FloatStorage"), "0", "cpu"),
    "too long": ("storage", Name("torch", "FloatStorage"), "0", "cpu", 12, None),
    "no type": ("storage", "FloatStorage", "0", "cpu", 12),
    "a class as type": ("storage", Name("torch", "Tensor"), "0", "cpu", 12),
    "a dtype as type": ("storage", Name("torch", "float32"), "0", "cpu", 12),
    "number as key": ("storage", Name("torch", "FloatStorage"), 0, "cpu", 12),
    "path as key": ("storage", Name("torch", "FloatStorage"), "../data.pkl", "cpu", 12),
    "missing key": ("storage", Name("torch", "FloatStorage"), "7", "cpu", 12),
    "number as location": ("storage", Name("torch", "FloatStorage"), "0", 0, 12),
    "text as length": ("storage", Name("torch", "FloatStorage"), "0", "cpu", "12"),
    "bool as length": ("storage", Name("torch", "FloatStorage"), "0", "cpu", True),
    "negative length": ("storage", Name("torch", "FloatStorage"), "0", "cpu", -1),
    "too small": ("storage", Name("torch", "FloatStorage"), "0", "cpu", 11),
    "too large": ("storage", Name("torch", "FloatStorage"), "0", "cpu", 13),
    "huge": ("storage", Name("torch", "FloatStorage"), "0", "cpu", 2**62),
    "other dtype": ("storage", Name("torch", "DoubleStorage"), "0", "cpu", 12),
    "unknown dtype": ("storage", Name("torch", "QInt8Storage"), "0", "cpu", 12),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_persistent_ids_of_another_form(name):
    assert_refused(archive_of(assemble(tensor(Persistent(IDENTITIES[name])))))


def test_the_same_storage_as_two_dtypes():
    pair = [tensor(), tensor(storage(6, kind="DoubleStorage"), size=(6,), stride=(1,))]
    assert_refused(archive_of(assemble(pair)), "storage 0 is once 12 torch.float32, once 6 torch.float64")


def test_bare_storage():
    assert_refused(archive_of(assemble([storage()])), "bare storage")


# --- tensors that do not fit ---

LAYOUTS = {
    "one row too many": {"size": (4, 4)},
    "offset too far": {"offset": 1},
    "stride too long": {"stride": (5, 1)},
    "negative size": {"size": (-3, 4)},
    "two negative sizes": {"size": (-3, -4)},
    "negative stride": {"stride": (-4, 1), "offset": 8},
    "negative offset": {"offset": -1},
    "offset behind the end of nothing": {"size": (0,), "stride": (1,), "offset": 13},
    "size and stride of different lengths": {"stride": (1,)},
    "float size": {"size": (3.0, 4.0)},
    "bool size": {"size": (True, 4)},
    "text size": {"size": "34"},
    "no size": {"size": None},
    "text offset": {"offset": "0"},
    "huge size": {"size": (2**62, 4)},
    "huge size that repeats": {"size": (2**40, 2**40), "stride": (0, 0)},
    "huge stride": {"stride": (2**63, 1)},
    "too many dimensions": {"size": (1,) * 100, "stride": (1,) * 100},
    "number for requires_grad": {"requires_grad": 1},
    "hooks": {"hooks": {"a": 1}},
    "no storage": {"memory": "0"},
    "a tensor as storage": {"memory": tensor()},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_out_of_bounds(name):
    assert_refused(archive_of(assemble(tensor(**LAYOUTS[name]))))


def test_layouts_within_bounds():
    data = np.arange(12, dtype="float32").tobytes()
    got = read(archive_of(assemble([tensor(size=(3,), stride=(4,), offset=3), tensor(size=(0,), stride=(9,))]), [data]))
    assert (got[0].tolist(), got[1].tolist()) == ([3, 7, 11], [])


def test_out_of_bounds_is_said_in_torchs_words():
    text = (
        r"setStorage: sizes \[4, 4\], strides \[4, 1\], storage offset 0, and itemsize 4 requiring a storage size of 64 are "
        "out of bounds for storage of size 48"
    )
    assert_refused(archive_of(assemble(tensor(size=(4, 4)))), text)


def test_integers_cannot_require_grad():
    whole = tensor(storage(6, kind="LongStorage"), size=(6,), stride=(1,), requires_grad=True)
    assert_refused(archive_of(assemble(whole)), "only Tensors of floating point dtype can require gradients")


UTILS = "torch._utils"
ORDERED = Call(Name("collections", "OrderedDict"))
WRONG_VALUES = {
    "unknown metadata": tensor(None, 0, (3, 4), (4, 1), False, None, {"layout": 1}),
    "metadata that is no dict": tensor(None, 0, (3, 4), (4, 1), False, None, ["conj"]),
    "parameter of text": Call(Name(UTILS, "_rebuild_parameter"), "weight", True, ORDERED),
    "parameter with hooks": Call(Name(UTILS, "_rebuild_parameter"), tensor(), True, {"a": 1}),
    "parameter of a text flag": Call(Name(UTILS, "_rebuild_parameter"), tensor(), "yes", ORDERED),
    "parameter's method": Call(
        Name(UTILS, "_rebuild_parameter_with_state"), tensor(), True, ORDERED, {"backward": "replaced"}
    ),
    "parameter's memory": Call(
        Name(UTILS, "_rebuild_parameter_with_state"), tensor(), True, ORDERED, {"_a": "replaced"}
    ),
    "address": Call(
        Name(UTILS, "_rebuild_parameter_with_state"),
        tensor(),
        True,
        ORDERED,
        {"__array_interface__": {"data": (1, True)}},
    ),
    "state that is no dict": Call(Name(UTILS, "_rebuild_parameter_with_state"), tensor(), True, ORDERED, [1]),
    "other rebuild function": Call(
        Name("torch._tensor", "_rebuild_from_type_v2"), Name("collections", "Counter"), Name("torch", "Tensor"), (), {}
    ),
    "other tensor class": Call(
        Name("torch._tensor", "_rebuild_from_type_v2"),
        Name(UTILS, "_rebuild_tensor_v2"),
        Name("builtins", "set"),
        (),
        {},
    ),
    "sparse tensor": Call(Name(UTILS, "_rebuild_sparse_tensor"), 1, ()),
    "dtype that plugrad lacks": Name("torch", "float8_e4m3fn"),
    "method of a dict": Build(ORDERED, {"items": 1}),
    "address of a dict": Build(ORDERED, {"__array_interface__": {"data": (1, True)}}),
    "state of a class": Build(Name("collections", "OrderedDict"), {"x": 1}),
    "state of a list": Build([1], {"x": 1}),
    "state of a tensor": Build(tensor(), {"_a": 1}),
    "call of a dtype": Call(Name("torch", "float32")),
    "call of a class without constructor": Call(Name("torch", "Tensor"), 3),
    "call of an object": Call(ORDERED),
    "call of None": Call(None),
    "call without a tuple": Raw(b"ccollections\nOrderedDict\n]R"),
    "NEWOBJ": New(Name("collections", "OrderedDict")),
    "size of texts": Call(Name("torch", "Size"), ("a",)),
    "unknown device": Call(Name("torch", "device"), "abacus"),
    "device of a list": Call(Name("torch", "device"), [1]),
    "complex of texts": builtin("complex", "1j", 0.0),
    "bytearray by length": builtin("bytearray", 10**15),
    "bytes by length": builtin("bytes", 10**15),
    "set of a text": builtin("set", 3),
    "other encoding": Call(Name("_codecs", "encode"), "a", "idna"),
    "encoding of bytes": Call(Name("_codecs", "encode"), 3, "latin1"),
    "encoding that cannot": Call(Name("_codecs", "encode"), "\u2603", "latin1"),
    "OrderedDict of triples": Call(Name("collections", "OrderedDict"), [(1, 2, 3)]),
    "unhashable key": {(1, Raw(b"]")): 1},
    "append to a tuple": Raw(b")K\x01a"),
    "append to a tensor": Raw(assemble(tensor())[2:-1] + b"K\x01a"),
    "items of a list": Raw(b"]K\x01K\x02s"),
    "items of a class": Raw(b"ccollections\nOrderedDict\nK\x01K\x02s"),
    "key without value": Raw(b"}(K\x01u"),
    "add to a list": Raw(b"](K\x01\x90"),
    "nothing": Raw(b""),
    "two objects": Raw(b"NN"),
    "open mark": Raw(b"(N"),
    "no mark": Raw(b"Nt"),
    "missing memo": Raw(b"h\x07"),
    "empty stack": Raw(b"0"),
    "memo of nothing": Raw(b"q\x00"),
    "short tuple": Raw(b"N\x87"),
    "text that is cut off": Raw(b"X\xff\xff\xff\x7fabc"),
    "bytes that are cut off": Raw(b"\x8e" + b"\xff" * 7 + b"\x7f"),
    "negative text": Raw(b"T\xff\xff\xff\xffabc"),
    "negative number": Raw(b"\x8b\xff\xff\xff\xff"),
    "text that is no text": Raw(b"X\x02\x00\x00\x00\xff\xfe"),
    "global that is no text": Raw(b"c\xff\n\xff\n"),
    "global without end": Raw(b"ctorch"),
    "STACK_GLOBAL of numbers": Raw(b"K\x01K\x02\x93"),
    "unknown protocol": Raw(b"\x80\x09N"),
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_wrong_values(name):
    assert_refused(archive_of(assemble(WRONG_VALUES[name])))


# --- files that want to exhaust the machine ---


@pytest.mark.parametrize("opcode", [b"]", b")", b"}"], ids=["list", "tuple", "dict"])
def test_deep_nests_are_built_without_recursion(opcode):
    depth = 100_000
    close = {b"]": b"a", b")": b"\x85", b"}": b"s"}[opcode]
    steps = (
        (b")" + b"\x85" * depth)
        if opcode == b")"
        else (opcode + (b"" if opcode == b"]" else b"N")) * depth + (opcode + close * depth)
    )
    got = read(archive_of(b"\x80\x02" + steps + b"."))
    for _ in range(depth):
        got = got[None] if opcode == b"}" else got[0]
    assert not got


def test_nested_keys_are_refused():
    deep = b"})" + b"\x85" * 200_000 + b"Ns"  # its hash would overflow the stack
    assert_refused(archive_of(b"\x80\x02" + deep + b"."), "key of nested tuples")
    branching = b"})" + b"q\x00h\x00h\x00\x87" * 60 + b"Ns"  # its hash would take 3 ** 60 steps
    assert_refused(archive_of(b"\x80\x02" + branching + b"."), "key of nested tuples")
    for wrapped in (b"c__builtin__\nset\n]" + deep[1:-2] + b"a\x85R", b"(" + deep[1:-2] + b"\x91"):
        assert_refused(archive_of(b"\x80\x02" + wrapped + b"."), "key of nested tuples")


def test_copies_without_end_are_refused():
    text = "x" * 10_000
    calls = b"c_codecs\nencode\nq\x01X" + struct.pack("<I", len(text)) + text.encode() + b"q\x02"
    calls += b"](" + b"h\x01h\x02X\x06\x00\x00\x00latin1\x86R" * 10_000 + b"e"
    assert_refused(archive_of(b"\x80\x02" + calls + b"\x87."), "copies far more data than it holds")


def test_compressed_entries_are_refused(tmp_path):
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"\0" * 50_000_000)
        file.writestr("a/version", "3\n")
    assert_refused(bomb.read_bytes(), "compressed|larger than the file")


def test_overlapping_entries_are_refused():
    content = bytearray(archive_of(assemble([tensor(storage(12, "0")), tensor(storage(12, "1"))]), [bytes(48)] * 2))
    at = content.rindex(b"archive/data/1")
    first = content.rindex(b"archive/data/0")
    content[at - 4 : at] = content[first - 4 : first]  # the place of its local header
    assert_refused(bytes(content))
