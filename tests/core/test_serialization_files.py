"""Where checkpoints lie: the archive, files that are replaced whole, mapped files, and where tensors go."""

import gzip
import io
import os
import pickle
import stat
import threading
import zipfile

import numpy as np
import pytest

from plugrad.core import archive
from plugrad.core.create import from_host, tensor
from plugrad.core.device import device
from plugrad.core.dtypes import DTYPES
from plugrad.core.serialization import load, save

pytestmark = pytest.mark.cpu


def read(content, **options):
    return load(io.BytesIO(content), **options)


def again(obj, **options):
    file = io.BytesIO()
    save(obj, file)
    return read(file.getvalue(), **options)


def matrix():
    return from_host(np.arange(12, dtype="float32").reshape(3, 4))


def assert_same(got, want):
    """Equal tensors, alone or by name."""
    if isinstance(want, dict):
        assert list(got) == list(want)
        for name in want:
            assert_same(got[name], want[name])
        return
    assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, want.requires_grad)
    assert got._host().tobytes() == want._host().tobytes()


# --- the archive ---


def test_entries_are_stored_in_torchs_order_and_aligned(tmp_path):
    path = tmp_path / "net.v2.pth"
    save([matrix(), tensor([1], dtype=DTYPES["int8"]), tensor(2.0)], path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.namelist() == [
            f"net.v2/{name}"
            for name in [
                "data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0", "data/1", "data/2", "version",
                ".data/serialization_id",
            ]
        ]  # fmt: skip
        for entry in file.infolist():
            name_size, extra_size = archive.LOCAL_HEADER.unpack_from(content, entry.header_offset)[-2:]
            begin = entry.header_offset + archive.LOCAL_HEADER.size + name_size + extra_size
            assert begin % 64 == 0
            assert content[begin : begin + entry.file_size] == file.read(entry)


@pytest.mark.parametrize("name", ["a.pth", "noext", ".hidden", "é.pth", "with space.pt", "...", "data.pkl"])
def test_any_file_name(tmp_path, name):
    save(matrix(), tmp_path / name)
    assert_same(load(tmp_path / name), matrix())
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("limit", [0, 1, 40, 300, 1000])
def test_long_fields_of_large_archives(monkeypatch, tmp_path, limit):
    monkeypatch.setattr(archive, "ZIP64_FROM", limit)
    path = tmp_path / "large.pth"
    real = archive.CENTRAL_HEADER.pack

    def pack(*fields):
        return real(*(0xFFFFFFFF if i in (8, 9, 16) and field == limit else field for i, field in enumerate(fields)))

    monkeypatch.setattr(archive, "CENTRAL_HEADER", type("Header", (), {"pack": staticmethod(pack)}))
    save({"a": matrix(), "b": tensor([1, 2])}, path)
    monkeypatch.undo()
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
    assert_same(load(path), {"a": matrix(), "b": tensor([1, 2])})
    assert_same(load(path, mmap=True), {"a": matrix(), "b": tensor([1, 2])})


def test_more_than_65535_entries():
    file = io.BytesIO()
    archive.write_archive(file, "archive", pickle.dumps(5, 2), [b""] * 66_000, "little")
    assert len(zipfile.ZipFile(file).namelist()) == 66_006


def test_mapped_file(tmp_path):
    path = tmp_path / "a.pth"
    checkpoint = {name: tensor([1, 0, 1], dtype=d) for name, d in DTYPES.items()} | {"t": from_host(matrix()._host().T)}
    save(checkpoint, path)
    before = path.read_bytes()
    got = load(path, mmap=True)
    assert_same(got, checkpoint)
    got["float32"]._host()[0] = 50  # the tensor's own copy of the page
    assert path.read_bytes() == before
    save(got, path)  # onto the very file that is mapped
    assert load(path)["float32"].tolist() == [50, 0, 1]
    assert len(path.read_bytes()) == len(before)


def test_file_objects():
    file = io.BytesIO(b"begin")
    file.seek(0, io.SEEK_END)
    save(matrix(), file)
    assert file.getvalue().startswith(b"beginPK")
    file.seek(5)
    assert_same(load(file), matrix())
    compressed = io.BytesIO()
    with gzip.open(compressed, "wb") as stream:  # a stream that cannot go back
        save(matrix(), stream)
    with gzip.open(io.BytesIO(compressed.getvalue())) as stream:
        assert_same(load(stream), matrix())


def test_open_file(tmp_path):
    with open(tmp_path / "a.pth", "wb") as file:
        save(matrix(), file)
    with open(tmp_path / "a.pth", "rb") as file:
        assert_same(load(file), matrix())


# --- replaced whole or not at all ---


class Unpicklable:
    def __reduce__(self):
        raise OSError("not this one")


@pytest.mark.parametrize("bad", [Unpicklable(), lambda: None, threading.Lock()])
def test_failing_object_leaves_the_old_file(tmp_path, bad):
    path = tmp_path / "a.pth"
    save("old", path)
    with pytest.raises((OSError, AttributeError, TypeError, pickle.PicklingError)):
        save([matrix(), bad], path)
    assert load(path) == "old"
    assert os.listdir(tmp_path) == ["a.pth"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failing_disk_leaves_the_old_file(tmp_path, monkeypatch, step, error):
    path = tmp_path / "a.pth"
    save("old", path)

    def fail(*arguments):
        raise error

    if step == "write":
        monkeypatch.setattr(archive._Writer, "identity", fail)  # when all storages are written
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        save([matrix()], path)
    monkeypatch.undo()
    assert load(path) == "old"
    assert os.listdir(tmp_path) == ["a.pth"]


def test_failing_object_leaves_the_stream_untouched():
    file = io.BytesIO()
    with pytest.raises(OSError, match="not this one"):
        save([matrix(), Unpicklable()], file)
    assert file.getvalue() == b""


@pytest.mark.skipif(os.name != "posix", reason="modes and symbolic links as POSIX has them")
def test_modes_and_links_stay(tmp_path):
    path, link = tmp_path / "a.pth", tmp_path / "link.pth"
    mask = os.umask(0)
    os.umask(mask)
    save("new", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o604)
    link.symlink_to(path)
    save("newer", link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert load(path) == "newer"


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs /dev/null")
def test_devices_are_written_to():
    save(matrix(), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


# --- map_location ---


def located(location):
    """A checkpoint that says it comes from ``location``."""
    from plugrad.core.pickling import Pickler, StorageReference

    file, pickled = io.BytesIO(), io.BytesIO()
    place = lambda t: (StorageReference(t.dtype, "0", location, t.numel()), 0, t.stride())  # noqa: E731
    Pickler(pickled, 2, place).dump(matrix())
    archive.write_archive(file, "archive", pickled.getvalue(), [matrix()._host().tobytes()], "little")
    return file.getvalue()


MAPS = {
    "name": "cpu",
    "bytes": b"cpu",
    "device": device("cpu"),
    "dict": {"cuda:0": "cpu", "mps": "cpu", "xla:3": "cpu"},
    "function": lambda storage, tag: storage,
    "function that moves": lambda storage, tag: storage.cpu(),
}


@pytest.mark.parametrize("location", ["cuda:0", "mps", "xla:3"])
@pytest.mark.parametrize("way", MAPS)
def test_map_location_to_the_cpu(location, way):
    assert_same(read(located(location), map_location=MAPS[way]), matrix())


def test_map_location_function_sees_storage_and_tag():
    seen = []
    read(
        located("cuda:7"),
        map_location=lambda storage, tag: seen.append((storage.nbytes(), len(storage), tag)) or storage,
    )
    assert seen == [(48, 12, "cuda:7")]


def test_map_location_that_leads_nowhere():
    unknown = r"don't know how to restore data location of torch.storage.UntypedStorage \(tagged with mps\)"
    with pytest.raises(RuntimeError, match=unknown):
        read(located("mps"))
    with pytest.raises(RuntimeError, match=unknown):
        again(matrix(), map_location="mps")
    with pytest.raises(RuntimeError, match=unknown):
        again(matrix(), map_location={"cpu": "mps"})
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device but"):
        read(located("cuda:99"))
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device but"):
        again(matrix(), map_location=lambda storage, tag: storage.cuda(99))
    with pytest.raises(TypeError, match="'int' object is not callable"):
        again(matrix(), map_location=3)
    with pytest.raises(TypeError, match="must return the storage or None, but got int"):
        again(matrix(), map_location=lambda storage, tag: 3)


def test_map_location_none_from_the_function_means_the_default():
    assert_same(again(matrix(), map_location=lambda storage, tag: None), matrix())
