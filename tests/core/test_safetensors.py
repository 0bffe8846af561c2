"""Tensors in and out of .safetensors files."""

import os
import random
import struct
import sys
import tracemalloc

import numpy as np
import pytest

from plugrad.core import safetensors_io, serialization
from plugrad.core.create import from_host, tensor
from plugrad.core.dtypes import DTYPES
from plugrad.core.serialization import CheckpointError
from plugrad.nn.parameter import Parameter


@pytest.fixture
def _library():
    pytest.importorskip("safetensors")


pytestmark = [pytest.mark.cpu, pytest.mark.usefixtures("_library")]


def assert_same(got, want):
    assert sorted(got) == sorted(want)
    for name, x in want.items():
        assert (got[name].dtype, got[name].shape) == (x.dtype, x.shape)
        assert got[name]._host().tobytes() == x._host().tobytes()
        assert not got[name].requires_grad


def every_dtype():
    found = {name: tensor([0, 1, 1], dtype=d) for name, d in DTYPES.items() if name != "complex128"}
    return found | {
        "empty": from_host(np.zeros((2, 0, 3), "float32")),
        "scalar": tensor(3.0),
        "matrix": from_host(np.arange(6, dtype="int16").reshape(2, 3)),
        "parameter": Parameter(tensor([1.0])),
    }


def test_everything_comes_back(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors_io.save_file(every_dtype(), path, {"format": "pt"})
    assert_same(safetensors_io.load_file(path), every_dtype())
    assert_same(safetensors_io.load(path.read_bytes()), every_dtype())
    assert_same(serialization.load(path, map_location="cpu"), every_dtype())
    assert path.read_bytes() == safetensors_io.save(every_dtype(), {"format": "pt"})
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_loaded_tensors_may_be_written(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors_io.save_file({"x": tensor([1.0, 2.0])}, path)
    for got in (safetensors_io.load_file(path), safetensors_io.load(path.read_bytes())):
        got["x"]._host()[0] = 5
        assert got["x"].tolist() == [5, 2]
    assert_same(safetensors_io.load_file(path), {"x": tensor([1.0, 2.0])})


def test_what_the_format_cannot_hold(tmp_path):
    a = np.arange(6, dtype="float32").reshape(2, 3)
    cases = [
        ([tensor(1.0)], ValueError, r"Expected a dict of \[str, torch.Tensor\] but received <class 'list'>"),
        ({"x": 3}, ValueError, "Key `x` is invalid, expected torch.Tensor but received <class 'int'>"),
        ({"x": from_host(a.T)}, ValueError, "You are trying to save a non contiguous tensor: `x`"),
        ({"x": from_host(a), "y": from_host(a[0])}, RuntimeError, "Some tensors share memory"),
        ({"x": tensor([1j], dtype=DTYPES["complex128"])}, ValueError, "`x` has the dtype torch.complex128"),
        ({3: tensor(1.0)}, TypeError, "(?i)str"),
    ]
    path = tmp_path / "a.safetensors"
    safetensors_io.save_file({"old": tensor(1.0)}, path)
    for tensors, error, text in cases:
        with pytest.raises(error, match=text):
            safetensors_io.save_file(tensors, path)
    with pytest.raises(TypeError, match=r"(?i)str"):
        safetensors_io.save_file({"x": tensor(1.0)}, path, {"key": 3})
    assert_same(safetensors_io.load_file(path), {"old": tensor(1.0)})
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_neighbours_in_one_memory_may_be_saved():
    a = np.arange(6, dtype="float32").reshape(2, 3)
    got = safetensors_io.load(safetensors_io.save({"x": from_host(a[0]), "y": from_host(a[1])}))
    assert got["y"].tolist() == [3, 4, 5]


def test_damaged_files(tmp_path):
    whole, path = safetensors_io.save({"x": tensor([1.0, 2.0]), "y": tensor([3])}), tmp_path / "a.safetensors"
    rng, errors = random.Random(0), 0
    damaged = [whole[: len(whole) * part // 50] for part in range(50)]
    for _ in range(100):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        for function, source in ((safetensors_io.load, content), (safetensors_io.load_file, path)):
            try:
                function(source)
            except CheckpointError:
                errors += 1
    assert errors >= 100  # of the cut ones every one; changed numbers cannot be noticed


def laid_out(header, data=bytes(48), size=None):
    """A file with this header, which need not make sense."""
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(dtype="F32", shape="[3,4]", offsets="[0,48]", name="x"):
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def one(**fields):
    return laid_out("{" + entry(**fields) + "}")


def pair(first, second, data=bytes(48)):
    return laid_out("{" + entry(name="x", **first) + "," + entry(name="y", **second) + "}", data)


HALF = {"shape": "[6]", "offsets": "[0,24]"}
WRONG = {
    "nothing": b"",
    "length cut off": b"\x08\0\0",
    "length only": struct.pack("<Q", 8),
    "no header": struct.pack("<Q", 0),
    "text": b"hello, this is no file of tensors",
    "pickle": b"\x80\x02cos\nsystem\nX\x04\0\0\0exitR.",
    "zip": b"PK\3\4" + bytes(300),
    "huge header": laid_out("{}", size=2**64 - 1),
    "large header": laid_out("{}", size=10**9),
    "header longer than the file": laid_out("{}", b"", size=3),
    "header that is no JSON": laid_out("{'x': 1}"),
    "header cut off": laid_out('{"x":{"dtype"'),
    "header of a list": laid_out("[]"),
    "header of a number": laid_out("3"),
    "header that is no text": laid_out(b"\xff\xfe\xfd\xfc"),
    "nested header": laid_out("[" * 100_000 + "]" * 100_000),
    "nested objects": laid_out('{"a":' * 100_000 + "1" + "}" * 100_000),
    "tensor of a number": laid_out('{"x":3}'),
    "tensor without dtype": laid_out('{"x":{"shape":[12],"data_offsets":[0,48]}}'),
    "tensor without shape": laid_out('{"x":{"dtype":"F32","data_offsets":[0,48]}}'),
    "tensor without offsets": laid_out('{"x":{"dtype":"F32","shape":[12]}}'),
    "metadata of numbers": laid_out('{"__metadata__":{"a":1},' + entry() + "}"),
    "metadata of a list": laid_out('{"__metadata__":[],' + entry() + "}"),
    "unknown dtype": one(dtype="HAMSTER"),
    "dtype of objects": one(dtype="O"),
    "empty dtype": one(dtype=""),
    "negative size": one(shape="[-3,-4]"),
    "float size": one(shape="[3.0,4]"),
    "text size": one(shape='["3",4]'),
    "huge size": one(shape="[1000000000000]"),
    "overflow": one(shape="[4294967296,4294967296,3]"),
    "overflow to nothing": one(shape="[9223372036854775808,2]", offsets="[0,0]"),
    "too large": one(shape="[13]"),
    "too small": one(shape="[11]"),
    "offsets behind the end": one(offsets="[0,480]", shape="[120]"),
    "offsets far behind the end": one(offsets="[4611686018427387904,4611686018427387952]"),
    "offsets turned round": one(offsets="[48,0]"),
    "negative offset": one(offsets="[-48,0]"),
    "one offset": one(offsets="[48]"),
    "three offsets": one(offsets="[0,24,48]"),
    "hole in front": laid_out("{" + entry(offsets="[4,52]") + "}", bytes(52)),
    "hole between": pair(HALF, {"shape": "[5]", "offsets": "[28,48]"}),
    "hole at the end": laid_out("{" + entry() + "}", bytes(60)),
    "overlap": pair(HALF, {"shape": "[7]", "offsets": "[20,48]"}),
    "the same bytes twice": pair({}, {}),
    "data cut off": laid_out("{" + entry() + "}", bytes(47)),
    "no data": laid_out("{" + entry() + "}", b""),
    "float8": laid_out("{" + entry(dtype="F8_E4M3", offsets="[0,12]") + "}", bytes(12)),
    "unsigned": one(dtype="U32"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(name, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(WRONG[name])
    tracemalloc.start()
    try:
        for function, source in ((safetensors_io.load, WRONG[name]), (serialization.load, path)):
            with pytest.raises(CheckpointError):
                function(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 + 10 * len(WRONG[name])


def test_the_file_that_the_wrong_ones_are_made_of():
    assert safetensors_io.load(one())["x"].shape == (3, 4)
    both = safetensors_io.load(pair(HALF, {"shape": "[6]", "offsets": "[24,48]"}))
    assert [both[name].shape for name in ("x", "y")] == [(6,), (6,)]


def test_names_are_names_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(safetensors_io.load(one(name="../../escape"))) == ["../../escape"]
    assert os.listdir(tmp_path) == []


def test_dtype_that_plugrad_lacks(tmp_path):
    header = b'{"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}'
    content = struct.pack("<Q", len(header)) + header + bytes(8)
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for function, source in ((safetensors_io.load, content), (safetensors_io.load_file, path)):
        with pytest.raises(CheckpointError, match=r"'x' has the dtype .*, which plugrad does not have"):
            function(source)


def test_places(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors_io.save_file({"x": tensor(1.0)}, path)
    with pytest.raises(FileNotFoundError):
        safetensors_io.load_file(tmp_path / "missing.safetensors")
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist\."):
        safetensors_io.save_file({"x": tensor(1.0)}, tmp_path / "nodir" / "a.safetensors")
    for kind, way in (("dict", {"cpu": "cpu"}), ("callable", lambda storage, tag: storage)):
        with pytest.raises(RuntimeError, match=f"Loading safetensors file with {kind} map_location is not supported"):
            serialization.load(path, map_location=way)


def test_missing_library_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    calls = [
        lambda: safetensors_io.save({}),
        lambda: safetensors_io.save_file({}, tmp_path / "a"),
        lambda: safetensors_io.load(b""),
        lambda: serialization.load(tmp_path / "a.safetensors"),
    ]
    for call in calls:
        with pytest.raises(ImportError, match=r'pip install "plugrad\[safetensors\]"'):
            call()
