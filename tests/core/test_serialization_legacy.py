"""The formats before torch 1.6: five pickles in a row, and the tar archive of torch 0.1."""

import io
import os
import pickle
import struct
import tarfile
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from plugrad.core import storages
from plugrad.core.create import from_host, tensor
from plugrad.core.dtypes import DTYPES
from plugrad.core.serialization import CheckpointError, load, save
from plugrad.core.tensor import Tensor
from plugrad.nn.parameter import Parameter
from plugrad_pickle_assembler import Call, Name, Persistent, archive_of, assemble, legacy_of, tar_of
from plugrad_pickle_assembler import tensor as assembled

pytestmark = pytest.mark.cpu


def written(obj, **options):
    file = io.BytesIO()
    save(obj, file, _use_new_zipfile_serialization=False, **options)
    return file.getvalue()


def read(content, **options):
    return load(io.BytesIO(content), **options)


def bits(t):
    return t.dtype, tuple(t.shape), t._host().tobytes()


def share(a, b):
    return np.shares_memory(a._host(), b._host())


# --- five pickles ---


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back(name, protocol):
    t = tensor([1, 0, 1], dtype=DTYPES[name])
    assert bits(read(written(t, pickle_protocol=protocol))) == bits(t)


def test_views_flags_and_containers_come_back():
    a = from_host(np.arange(12, dtype="float32").reshape(3, 4))
    got = read(written({"a": a, "t": a.T, "part": a[1:, 1:3], "p": Parameter(a), "n": [1, "x", None], "e": a[:0]}))
    assert share(got["a"], got["t"])
    assert share(got["a"], got["p"])
    assert share(got["a"], got["part"])
    assert got["t"].stride() == (1, 4)
    assert (got["part"].stride(), got["part"].storage_offset()) == ((4, 1), 5)
    assert type(got["p"]) is Parameter
    assert got["n"] == [1, "x", None]
    assert bits(got["e"]) == bits(a[:0])


def test_more_than_ten_storages_are_found_again():
    many = [tensor([float(n)]) for n in range(25)]
    assert [t.item() for t in read(written(many))] == list(range(25))


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.pth"
    save("old", path, _use_new_zipfile_serialization=False)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save([tensor([1.0]), lambda: None], path, _use_new_zipfile_serialization=False)
    assert load(path) == "old"
    assert os.listdir(tmp_path) == ["a.pth"]
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        load(path, mmap=True)


@pytest.mark.parametrize("name", ["int16", "float64", "complex64", "bool"])
def test_numbers_are_written_in_one_byte_order(name, monkeypatch):
    t = tensor([1, 0, 1], dtype=DTYPES[name])
    little = written(t)
    swapped = storages.swapped_bytes(t._host(), t.dtype)
    monkeypatch.setattr("sys.byteorder", "big")
    assert written(from_host(swapped)) == little  # memory as it would lie on the other machine


def test_views_of_storages():
    whole = ("storage", Name("torch", "FloatStorage"), "0", "cpu", 12)
    ids = [Persistent((*whole, view)) for view in (None, ("1", 4, 8), ("2", 4, 2), ("1", 4, 8))]
    pickled = assemble(
        [
            assembled(ids[0]),
            assembled(ids[1], size=(2, 4), stride=(4, 1)),
            assembled(ids[2], offset=1, size=(1,), stride=(1,)),
            assembled(ids[3], size=(8,), stride=(1,)),
        ]
    )
    data = struct.pack("<q", 12) + np.arange(12, dtype="float32").tobytes()
    a, b, c, d = read(legacy_of(pickled, ["0"], data))
    assert (b.tolist(), c.tolist(), d.tolist()) == ([[4, 5, 6, 7], [8, 9, 10, 11]], [5], list(range(4, 12)))
    assert all(share(a, x) for x in (b, c, d))


@pytest.mark.parametrize("form", [archive_of, legacy_of])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Call(Name("torch._utils", "_rebuild_sparse_tensor"), 1), "a sparse tensor; save its to_dense"),
        (Call(Name("torch._utils", "_rebuild_qtensor"), 1), "a quantized tensor; save its dequantize"),
        (Call(Name("torch._utils", "_rebuild_nested_tensor"), 1), "a nested tensor; save the list of its unbind"),
        (Call(Name("torch.nested._internal.nested_tensor", "_rebuild_njt"), 1), "a nested tensor"),
        (Call(Name("torch._utils", "_rebuild_meta_tensor_no_storage"), 1), "a tensor on the meta device"),
        (Call(Name("torch.serialization", "_get_layout"), "torch.strided"), "a torch.layout"),
        (Name("torch", "QInt8Storage"), "a quantized tensor"),
        (Name("torch", "per_tensor_affine"), "a quantization scheme"),
        *((Name("torch", name), f"the dtype torch.{name}") for name in
          ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "complex32", "bits8", "int4", "float4_e2m1fn_x2")),
    ],
)  # fmt: skip
def test_what_plugrad_lacks_is_refused_by_name(form, value, text):
    with pytest.raises(CheckpointError, match=rf"Unsupported global: GLOBAL torch\..*\. The file holds {text}"):
        read(form(assemble({"deep": [value]})))


@pytest.mark.parametrize("form", [archive_of, legacy_of])
def test_defaultdicts_of_plain_data(form):
    for factory in (list, dict, int, OrderedDict, set):
        module = "collections" if factory is OrderedDict else "builtins"
        got = read(form(assemble(Call(Name("collections", "defaultdict"), Name(module, factory.__name__)))))
        assert type(got) is defaultdict
        assert got.default_factory is factory
    assert read(form(assemble(Call(Name("collections", "defaultdict"))))).default_factory is None
    for wrong in (3, "list", [], Name("torch", "Tensor"), Name("torch", "device")):
        with pytest.raises(CheckpointError, match="a defaultdict makes its values with"):
            read(form(assemble(Call(Name("collections", "defaultdict"), wrong))))


def test_defaultdict_comes_back():
    made = defaultdict(dict, {"a": {"b": 1}})
    got = read(written(made))
    assert (type(got), got, got.default_factory) == (defaultdict, made, dict)
    assert got["new"] == {}


def test_map_location():
    identity = Persistent(("storage", Name("torch", "cuda.FloatStorage"), "0", "cuda:3", 12, None))
    content = legacy_of(assemble(assembled(identity)), ["0"], struct.pack("<q", 12) + bytes(48))
    seen = []
    for way in ("cpu", {"cuda:3": "cpu"}, lambda storage, tag: seen.append((len(storage), tag)) or storage.cpu()):
        assert read(content, map_location=way).device.type == "cpu"
    assert seen == [(12, "cuda:3")]
    with pytest.raises(CheckpointError, match="Attempting to deserialize object on a CUDA device"):
        read(content.replace(b"cuda:3", b"cuda:9"))


# --- the tar archive ---

DATA = np.arange(12, dtype="float32").tobytes()
STORAGES = [(101, "cpu", "FloatStorage", 12, DATA), (102, "cpu", "LongStorage", 2, struct.pack("<2q", 7, -8))]
TENSORS = [
    (1, 101, "FloatTensor", (3, 4), (4, 1), 0),
    (2, 101, "FloatTensor", (4, 3), (1, 4), 0),
    (3, 103, "FloatTensor", (2,), (1,), 1),
    (4, 102, "LongTensor", (2,), (1,), 0),
]
VIEWS = [(103, 101, 4, 8)]
PICKLED = assemble(
    Call(
        Name("collections", "OrderedDict"),
        [[name, Persistent(key)] for name, key in (("w", "1"), ("t", "2"), ("v", 3), ("n", "4"))],
    )
)


def test_tar_archive_is_read(tmp_path):
    path = tmp_path / "old.pth"
    path.write_bytes(tar_of(STORAGES, VIEWS, TENSORS, PICKLED))
    got = load(path)
    assert type(got) is OrderedDict
    assert got["w"].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert got["t"].tolist() == np.arange(12).reshape(3, 4).T.tolist()
    assert got["v"].tolist() == [5, 6]
    assert (str(got["n"].dtype), got["n"].tolist()) == ("torch.int64", [7, -8])
    assert share(got["w"], got["t"])
    assert share(got["w"], got["v"])
    assert all(type(t) is Tensor for t in got.values())
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        load(path, mmap=True)


def changed(index, **parts):
    """The first storage or tensor of the archive with some of its fields changed."""
    fields = ("key", "storage", "kind", "size", "stride", "offset")
    row = dict(zip(fields, TENSORS[index], strict=True)) | parts
    return [tuple(row.values())]


def test_map_location_of_tar_archives():
    content = tar_of([(101, "cuda:9", "cuda.FloatStorage", 12, DATA)], [], TENSORS[:1], assemble(Persistent("1")))
    assert read(content, map_location="cpu").shape == (3, 4)
    with pytest.raises(CheckpointError, match="Attempting to deserialize object on a CUDA device"):
        read(content)


WRONG = {
    "no tensors": lambda: tar_of(STORAGES, VIEWS, TENSORS, PICKLED, members=("storages", "pickle")),
    "other members": lambda: tar_of(STORAGES, VIEWS, TENSORS, PICKLED, members=()) + bytes(1024),
    "two pickles": lambda: tar_of(
        STORAGES, VIEWS, TENSORS, PICKLED, members=("storages", "tensors", "pickle", "pickle")
    ),
    "storage cut off": lambda: tar_of([(101, "cpu", "FloatStorage", 12, DATA[:-1])], [], [], PICKLED),
    "huge storage": lambda: tar_of([(101, "cpu", "FloatStorage", 2**61, DATA)], [], [], PICKLED),
    "negative storage": lambda: tar_of([(101, "cpu", "FloatStorage", -1, DATA)], [], [], PICKLED),
    "storage of no type": lambda: tar_of([(101, "cpu", "Tensor", 12, DATA)], [], [], PICKLED),
    "storage twice": lambda: tar_of([STORAGES[0], STORAGES[0]], [], [], PICKLED),
    "storage named by a text": lambda: tar_of([("../x", "cpu", "FloatStorage", 12, DATA)], [], [], PICKLED),
    "view outside": lambda: tar_of(STORAGES, [(103, 101, 5, 8)], TENSORS, PICKLED),
    "view of nothing": lambda: tar_of(STORAGES, [(103, 104, 0, 1)], TENSORS, PICKLED),
    "view of texts": lambda: tar_of(STORAGES, [(103, 101, "4", 8)], TENSORS, PICKLED),
    "view that is no tuple": lambda: tar_of(STORAGES, [103], TENSORS, PICKLED),
    "tensor outside": lambda: tar_of(STORAGES, VIEWS, changed(0, offset=1), PICKLED),
    "tensor of negative size": lambda: tar_of(STORAGES, VIEWS, changed(0, size=(-1, 4)), PICKLED),
    "tensor of negative stride": lambda: tar_of(STORAGES, VIEWS, changed(0, stride=(-4, 1)), PICKLED),
    "tensor of huge size": lambda: tar_of(STORAGES, VIEWS, changed(0, size=(2**62, 4)), PICKLED),
    "tensor of no storage": lambda: tar_of(STORAGES, VIEWS, changed(0, storage=9), PICKLED),
    "missing tensor": lambda: tar_of(STORAGES, VIEWS, TENSORS, assemble(Persistent("9"))),
    "id of digits without end": lambda: tar_of(STORAGES, VIEWS, TENSORS, assemble(Persistent("9" * 5000))),
    "a module": lambda: tar_of(STORAGES, VIEWS, TENSORS, assemble(Persistent((Name("torch", "Tensor"), "a", "b")))),
    "os.system in the pickle": lambda: tar_of(STORAGES, VIEWS, TENSORS, assemble(Call(Name("os", "system"), "exit 1"))),
    "eval as a type": lambda: tar_of([(101, "cpu", "x\ncbuiltins\neval", 12, DATA)], [], [], PICKLED),
    "sparse type": lambda: tar_of(STORAGES, VIEWS, changed(0, kind="sparse.FloatTensor"), PICKLED),
    "unknown type": lambda: tar_of(STORAGES, VIEWS, changed(0, kind="HamsterTensor"), PICKLED),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tar_archives(name):
    with pytest.raises(CheckpointError):
        read(WRONG[name]())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_archive_with_members_that_are_no_files(kind, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(PICKLED)
    file = io.BytesIO(tar_of(STORAGES, VIEWS, TENSORS, PICKLED, members=("storages", "tensors")))
    with tarfile.open(fileobj=file, mode="a:") as tar:
        info = tarfile.TarInfo("pickle")
        info.type, info.linkname = kind, str(other)
        tar.addfile(info)
    with pytest.raises(CheckpointError, match="the member 'pickle' of the tar archive is no whole file"):
        read(file.getvalue())


def test_tar_archive_leads_out_of_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO(tar_of(STORAGES, VIEWS, TENSORS, PICKLED))
    with tarfile.open(fileobj=file, mode="a:") as tar:
        info = tarfile.TarInfo("../../escape")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"bad"))
    assert list(read(file.getvalue())) == ["w", "t", "v", "n"]
    assert os.listdir(tmp_path) == []


def test_tar_archive_with_absurd_counts():
    content = tar_of([], [], [], PICKLED)
    for count in (10**9, -1, "many"):
        wrong = content.replace(assemble(0).ljust(512, b"\0"), assemble(count).ljust(512, b"\0"))
        with pytest.raises(CheckpointError):
            read(wrong)


def test_tar_archive_that_is_cut_off_or_damaged():
    content = tar_of(STORAGES, VIEWS, TENSORS, PICKLED)
    end = content.rindex(PICKLED) + len(PICKLED)
    for size in range(300, end, 97):
        with pytest.raises(CheckpointError):
            read(content[:size])
    rng, errors = np.random.default_rng(0), 0
    for bit in rng.integers(0, 8 * end, 300):  # neither numbers nor padding have a checksum
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            read(bytes(flipped))
        except CheckpointError:
            errors += 1
    assert errors > 20
