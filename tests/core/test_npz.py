"""save_npz and load_npz: what comes back, what numpy reads, and files that are damaged or mean harm."""

import io
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import plugrad
from plugrad.core.create import from_host, tensor
from plugrad.core.dtypes import DTYPES
from plugrad.core.serialization import load
from plugrad.nn import BatchNorm1d, Linear, Sequential
from plugrad.serialization import CheckpointError, load_npz, save_npz

pytestmark = pytest.mark.cpu


def bits(t):
    return t.dtype, tuple(t.shape), t._host().tobytes()


def written(tensors, **options):
    file = io.BytesIO()
    save_npz(tensors, file, **options)
    return file.getvalue()


def read(content):
    return load_npz(io.BytesIO(content))


def everything():
    a = np.arange(12, dtype="float32").reshape(3, 4)
    return {name: tensor([[1, 0, 1]], dtype=d) for name, d in DTYPES.items()} | {
        "layer.0.weight": from_host(a),
        "layer.0.turned": from_host(a.T),
        "steps": from_host(a[:, ::2]),
        "scalar": tensor(2.5),
        "empty": from_host(a[:0]),
        "": tensor(1.0),
        "é/../x": tensor(2.0),
    }


# --- what comes back ---


@pytest.mark.parametrize("compressed", [False, True])
def test_everything_comes_back(compressed, tmp_path):
    path = tmp_path / "model.npz"
    save_npz(everything(), path, compressed=compressed)
    got, want = load_npz(path), everything()
    assert list(got) == list(want)
    assert {name: bits(t) for name, t in got.items()} == {name: bits(t) for name, t in want.items()}
    assert path.read_bytes() == written(everything(), compressed=compressed)
    got["scalar"].fill_(7.0)  # the memory is the tensor's own
    assert os.listdir(tmp_path) == ["model.npz"]


def test_state_dict_comes_back():
    model = Sequential(Linear(3, 4), BatchNorm1d(4))
    other = Sequential(Linear(3, 4), BatchNorm1d(4))
    other.load_state_dict(read(written(model.state_dict())))
    assert {n: bits(t) for n, t in other.state_dict().items()} == {n: bits(t) for n, t in model.state_dict().items()}


@pytest.mark.parametrize("compressed", [False, True])
def test_numpy_reads_it(compressed):
    found = np.load(io.BytesIO(written(everything(), compressed=compressed)), allow_pickle=False)
    for name, t in everything().items():
        array = found[name]
        assert array.tobytes() == t._host().tobytes()
        assert array.shape == t.shape
        assert str(array.dtype) == ("|V2" if name == "bfloat16" else t.dtype.name)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files_of_numpy_are_read(save):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype="int16").reshape(2, 3)),
        "big": np.arange(4, dtype=">f4"),
        "big_complex": np.array([1 + 2j, 3], dtype=">c8"),
        "scalar": np.float32(3),
        "flags": np.array([True, False]),
    }
    file = io.BytesIO()
    save(file, **arrays)
    got = read(file.getvalue())
    for name, array in arrays.items():
        assert got[name].tolist() == array.tolist()
        assert got[name].dtype.name == array.dtype.newbyteorder("=").name


def test_versions_2_and_3_of_the_header_are_read():
    for version in ((2, 0), (3, 0)):
        entry = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.lib.format.write_array(entry, np.arange(3.0), version=version)
        assert read(packed({"a.npy": entry.getvalue()}))["a"].tolist() == [0, 1, 2]


def test_bools_other_than_0_and_1_become_true():
    content = npy(np.array([True, False, True]))
    got = read(packed({"a.npy": content[:-3] + b"\2\0\1"}))["a"]
    assert (got.tolist(), got._host().tobytes()) == ([True, False, True], b"\1\0\1")


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "a.npz"
    save_npz({"old": tensor(1.0)}, path)
    for tensors, text in (
        ([tensor(1.0)], r"Expected a dict of \[str, torch.Tensor\] but received <class 'list'>"),
        ({"x": np.ones(2)}, "Key `x` is invalid, expected torch.Tensor but received <class 'numpy.ndarray'>"),
        ({"x": {"y": tensor(1.0)}}, "Key `x` is invalid, expected torch.Tensor but received <class 'dict'>"),
        ({3: tensor(1.0)}, "Key `3` is invalid, expected str but received <class 'int'>"),
    ):
        with pytest.raises(ValueError, match=text):
            save_npz(tensors, path)
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        save_npz({}, tmp_path / "nowhere" / "a.npz")
    assert list(load_npz(path)) == ["old"]
    assert os.listdir(tmp_path) == ["a.npz"]


def test_load_says_who_reads_it():
    with pytest.raises(CheckpointError, match=r"no data.pkl, but w.npy. plugrad.serialization.load_npz reads"):
        load(io.BytesIO(written({"w": tensor(1.0)})))


def test_devices():
    assert load_npz(io.BytesIO(written({"w": tensor(1.0)})), "cpu")["w"].device == plugrad.device("cpu")
    with pytest.raises(RuntimeError, match="abacus"):
        load_npz(io.BytesIO(written({"w": tensor(1.0)})), "abacus")


# --- files that are damaged or mean harm ---

RAN = []


class Trap:
    def __reduce__(self):
        return RAN.append, ("ran",)


def packed(entries, kind=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w", kind) as archive:
            for name, content in entries.items() if isinstance(entries, dict) else entries:
                archive.writestr(name, content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def headed(header, data=bytes(48), version=b"\1\0", size=None):
    """An array with this header, which need not make sense."""
    text = header.encode("latin1").ljust(117) + b"\n"
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text) if size is None else size)
    return b"\x93NUMPY" + version + length + text + data


def described(descr="'<f4'", shape="(3, 4)", order="False", data=bytes(48)):
    return headed(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}", data)


GOOD = described()
NESTED = "(" * 300 + ")" * 300

#: name → entry of an array that is refused
ARRAYS = {
    "objects": npy(np.array([Trap()], dtype=object)),
    "objects in fields": npy(np.array([(1, Trap())], dtype=[("a", "i4"), ("b", object)])),
    "pickle without header": pickle.dumps(Trap()),
    "objects by header": described("'|O'", "(1,)", data=pickle.dumps([Trap()])),
    "fields": npy(np.zeros(3, dtype=[("a", "i4"), ("b", "f4")])),
    "texts": npy(np.array(["a", "bc"])),
    "bytes": npy(np.array([b"a", b"bc"])),
    "dates": npy(np.array(["2020-01-01"], dtype="datetime64[D]")),
    "long doubles": npy(np.zeros(2, "longdouble")),
    "unsigned": npy(np.zeros(2, "uint32")),
    "void of 1": npy(np.zeros(2, "V1")),
    "void of 3": npy(np.zeros(2, "V3")),
    "subarrays": described("('<f4', (3,))", "(4,)"),
    "no magic": b"PLUGRAD" + GOOD,
    "nothing": b"",
    "magic only": b"\x93NUMPY",
    "version only": b"\x93NUMPY\1\0",
    "unknown version": headed("", version=b"\x09\0"),
    "header cut off": GOOD[:60],
    "header without end": headed("{'descr': '<f4'", size=65535),
    "huge header": headed("{", version=b"\2\0", size=2**32 - 1),
    "long header": headed("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}" + " " * 20_000),
    "header that is a call": headed("__import__('os').system('exit 1')"),
    "header that is a comprehension": headed("{k: 0 for k in (1, 2)}"),
    "nested header": headed(NESTED),
    "header that is a list": headed("[1, 2]"),
    "header of a power": headed("{'descr': '<f4', 'fortran_order': False, 'shape': (9**9**9,)}"),
    "header without shape": headed("{'descr': '<f4', 'fortran_order': False}"),
    "header with more": headed("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'x': 1}"),
    "no dtype": described("'abc'"),
    "dtype of a path": described("'../../etc/passwd'"),
    "number as dtype": described("3"),
    "aligned record": described("{'names': ['a'], 'formats': ['O'], 'offsets': [9], 'itemsize': 10}"),
    "huge dtype": described("'V2147483647'", "(1,)"),
    "order that is no bool": described(order="3"),
    "list as shape": described(shape="[3, 4]"),
    "negative shape": described(shape="(-3, -4)"),
    "negative size": described(shape="(-1,)"),
    "float shape": described(shape="(3.0, 4)"),
    "bool shape": described(shape="(True, 12)"),
    "text shape": described(shape="('3', 4)"),
    "nested shape": described(shape="((3,), 4)"),
    "too large": described(shape="(3, 5)"),
    "too small": described(shape="(3, 3)"),
    "huge": described(shape="(1000000000000,)"),
    "overflow": described(shape="(4294967296, 4294967296, 3)"),
    "overflow to nothing": described(shape="(9223372036854775808, 2)", data=b""),
    "many dimensions": described(shape="(" + "1," * 100 + ")", data=bytes(4)),
    "data cut off": GOOD[:-1],
    "data too long": GOOD + b"\0",
}


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("name", ARRAYS)
def test_wrong_arrays(name, kind):
    with pytest.raises(CheckpointError):
        read(packed({"fine.npy": GOOD, "wrong.npy": ARRAYS[name]}, kind))
    assert RAN == []


def test_the_arrays_around_wrong_ones_are_read():
    assert read(packed({"fine.npy": GOOD}))["fine"].shape == (3, 4)
    with pytest.raises(CheckpointError, match="Object arrays cannot be loaded when allow_pickle=False"):
        read(packed({"wrong.npy": ARRAYS["objects"]}))


ARCHIVES = {
    "empty": lambda: b"",
    "text": lambda: b"hello" * 100,
    "array alone": lambda: GOOD,
    "begin of a zip": lambda: b"PK\3\4" + bytes(300),
    "no array": lambda: packed({"readme.txt": b"hello"}),
    "pickle": lambda: packed({"weight": pickle.dumps(Trap())}),
    "folder": lambda: packed({"folder/": b"", "folder/a.npy": GOOD}),
    "twice": lambda: packed([("a.npy", GOOD), ("a.npy", GOOD)]),
    "checkpoint": lambda: packed({"a/data.pkl": pickle.dumps(Trap()), "a/version": b"3"}),
    "bomb": lambda: packed({"a.npy": npy(np.zeros(25_000_000, "float32"))}, zipfile.ZIP_DEFLATED),
    "encrypted": lambda: encrypted(packed({"a.npy": GOOD})),
    "unknown compression": lambda: patched(packed({"a.npy": GOOD}), 10, 99),
    "size that lies": lambda: patched(packed({"a.npy": GOOD}), 24, 0x7FFFFFFF, "<L"),
    "compressed size that lies": lambda: patched(packed({"a.npy": GOOD}), 20, 0x7FFFFFFF, "<L"),
    "checksum that lies": lambda: patched(packed({"a.npy": GOOD}), 16, 1, "<L"),
    "place that lies": lambda: patched(packed({"a.npy": GOOD}), 42, 77, "<L"),
}


def patched(content, offset, value, code="<H"):
    """The archive with a field of its central directory's first entry changed."""
    changed = bytearray(content)
    struct.pack_into(code, changed, content.index(b"PK\1\2") + offset, value)
    return bytes(changed)


def encrypted(content):
    return patched(content, 8, 1)


@pytest.mark.parametrize("name", ARCHIVES)
def test_wrong_archives_take_no_memory(name):
    content = ARCHIVES[name]()
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            read(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 + 10 * len(content)
    assert RAN == []


def test_names_are_names_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../escape", "/etc/passwd", "C:\\x", "a/../../b", "~root/x", "con", "a\nb"]
    assert list(read(packed({f"{name}.npy": GOOD for name in names}))) == names
    assert os.listdir(tmp_path) == []
    assert not os.path.exists(tmp_path.parent / "escape.npy")


@pytest.mark.parametrize("compressed", [False, True])
def test_cut_off_and_flipped_files(compressed):
    content, want = written(everything(), compressed=compressed), {n: bits(t) for n, t in everything().items()}
    for size in range(0, len(content), 131):
        with pytest.raises(CheckpointError):
            read(content[:size])
    rng, refused = np.random.default_rng(3), 0
    for bit in rng.integers(0, 8 * len(content), 300):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            got = read(bytes(changed))
        except CheckpointError:
            refused += 1
            continue
        assert {bits(t) for t in got.values()} <= set(want.values())  # a name may change, no number may
    assert refused > 100
