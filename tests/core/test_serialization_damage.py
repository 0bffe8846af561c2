"""Files that are no checkpoints, that lack something, and that were damaged."""

import io
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest

import plugrad_golden_checkpoints as golden
from plugrad.core.create import from_host
from plugrad.core.serialization import CheckpointError, load, save
from plugrad.core.tensor import Tensor
from plugrad_pickle_assembler import Name, Persistent, Raw, archive_of, assemble, legacy_of, storage, tensor

pytestmark = pytest.mark.cpu


def read(content, **options):
    return load(io.BytesIO(content), **options)


def assert_refused(content, text=None):
    with pytest.raises(CheckpointError, match=text):
        read(content)


# --- archives that are none ---

FOREIGN = {
    "empty": (b"", "empty"),
    "HTML": (b"<!DOCTYPE html><html>", "HTML"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "npy": (b"\x93NUMPY\x01", "numpy"),
    "gzip": (b"\x1f\x8b\x08", "gzip"),
    "GGUF": (b"GGUF\x03", "GGUF"),
    "JSON": (b'{"a": 1}', "JSON"),
    "safetensors": (struct.pack("<Q", 8) + b'{"a": 1}', "safetensors"),
    "tar": (b"a" * 257 + b"ustar" + b"\0" * 300, "tar"),
    "text": (b"hello", "none of torch.save"),
    "plain pickle": (pickle.dumps({"a": 1}, 2), "none of torch.save"),
    "plain pickle of protocol 4": (pickle.dumps([1, 2], 4), "none of torch.save"),
    "begin of a zip": (b"PK\3\4" + b"0" * 300, "high likelihood that your checkpoint file is corrupted"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_named(name):
    content, text = FOREIGN[name]
    assert_refused(content, text)


def repacked(change):
    """The entries of a small checkpoint, changed, packed anew with zipfile."""
    file = io.BytesIO()
    save({"x": from_host(np.arange(12, dtype="float32"))}, file)
    entries = {info.filename: zipfile.ZipFile(file).read(info) for info in zipfile.ZipFile(file).infolist()}
    change(entries)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, content in entries.items():
            out.writestr(name, content)
    return packed.getvalue()


def test_repacked_archive_is_read():
    assert read(repacked(lambda entries: None))["x"].tolist() == list(range(12))
    assert read(repacked(lambda entries: entries.pop("archive/byteorder")))["x"].tolist() == list(range(12))
    assert read(repacked(lambda entries: entries.update({"__MACOSX/x": b""})))["x"].tolist() == list(range(12))


CHANGES = {
    "no data.pkl": (lambda e: e.pop("archive/data.pkl"), "no data.pkl"),
    "npz": (lambda e: [e.clear(), e.update({"weight.npy": b""})], "no data.pkl, but weight.npy"),
    "no entries": (lambda e: e.clear(), "none of torch.save|no data.pkl"),
    "no storage": (lambda e: e.pop("archive/data/0"), "no entry 'data/0'"),
    "no version": (lambda e: e.pop("archive/version"), "no version record"),
    "new version": (lambda e: e.update({"archive/version": b"11\n"}), "file version 11"),
    "odd version": (lambda e: e.update({"archive/version": b"x"}), "file version"),
    "odd byte order": (lambda e: e.update({"archive/byteorder": b"middle"}), "Unknown endianness type: middle"),
    "TorchScript": (lambda e: e.update({"archive/constants.pkl": b""}), "TorchScript"),
    "short storage": (lambda e: e.update({"archive/data/0": b"1234"}), "4 bytes, but should hold 12"),
    "empty pickle": (lambda e: e.update({"archive/data.pkl": b""}), "Corrupt pickle"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_archives_with_missing_or_odd_entries(name):
    change, text = CHANGES[name]
    assert_refused(repacked(change), text)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name():
    packed = io.BytesIO(repacked(lambda entries: None))
    with zipfile.ZipFile(packed, "a") as out:
        out.writestr("archive/data/0", bytes(48))
    assert_refused(packed.getvalue(), "two entries are called")


# --- damage ---


def same(got, want):
    """Whether two loaded objects are equal to the last bit."""
    if isinstance(want, Tensor):
        return got.dtype is want.dtype and got.shape == want.shape and got._host().tobytes() == want._host().tobytes()
    if isinstance(want, dict):
        return list(got) == list(want) and all(same(got[key], want[key]) for key in want if key != "cycle")
    if isinstance(want, (list, tuple)):
        return len(got) == len(want) and all(map(same, got, want))
    return got == want


def survives(content, want):
    """Whether a damaged file loads; then the same must come out, otherwise the one error."""
    try:
        got = read(content)
    except CheckpointError:
        return False
    assert same(got, want)
    return True


@pytest.mark.parametrize("part", range(50))
def test_archive_that_is_cut_off(part):
    assert_refused(golden.MODERN[: len(golden.MODERN) * part // 50])


def test_archive_whose_end_is_cut_off():
    for missing in range(1, 200):
        assert_refused(golden.MODERN[:-missing])


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bits(seed):
    rng, want = random.Random(seed), read(golden.MODERN)
    outcomes = [survives(flipped(golden.MODERN, rng.randrange(8 * len(golden.MODERN))), want) for _ in range(60)]
    assert set(outcomes) == {True, False}  # padding may change, contents may not


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_bit_of_a_small_archive():
    content = archive_of(assemble({"x": tensor(storage(3), size=(3,), stride=(1,))}), [b"abcdefghijkl"])
    want = read(content)
    for bit in range(8 * len(content)):
        survives(flipped(content, bit), want)


def test_every_byte_of_the_pickle():
    """Past the checksum: a pickle in which anything may be wrong."""
    pickled = zipfile.ZipFile(io.BytesIO(golden.MODERN)).read("archive/data.pkl")
    with zipfile.ZipFile(io.BytesIO(golden.MODERN)) as file:
        count = sum(name.startswith("archive/data/") for name in file.namelist())
        storages = [file.read(f"archive/data/{key}") for key in range(count)]
    rng, errors = random.Random(0), 0
    for at in range(0, len(pickled), 7):
        changed = pickled[:at] + bytes([rng.randrange(256)]) + pickled[at + 1 :]
        try:
            read(archive_of(changed, storages))
        except CheckpointError:
            errors += 1
    assert errors > len(pickled) // 28


def test_mapped_archive_that_is_damaged(tmp_path):
    path, want = tmp_path / "a.pth", read(golden.MODERN)
    path.write_bytes(golden.MODERN)
    assert same(load(path, mmap=True), want)
    rng, errors = random.Random(1), 0
    for _ in range(100):
        path.write_bytes(flipped(golden.MODERN, rng.randrange(8 * len(golden.MODERN))))
        try:
            load(path, mmap=True)
        except CheckpointError:
            errors += 1
    assert errors


@pytest.mark.parametrize("part", range(50))
def test_legacy_file_that_is_cut_off(part):
    assert_refused(golden.LEGACY[: len(golden.LEGACY) * part // 50])


def test_legacy_file_with_flipped_bits():
    rng, errors = random.Random(2), 0
    for _ in range(300):  # it has no checksums: other numbers may come out, but nothing else may happen
        try:
            read(flipped(golden.LEGACY, rng.randrange(8 * len(golden.LEGACY))))
        except CheckpointError:
            errors += 1
    assert errors > 50


def test_legacy_lists_that_do_not_fit():
    pickled = assemble(tensor(Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 12, None))))
    data = struct.pack("<q", 12) + bytes(48)
    assert read(legacy_of(pickled, ["0"], data)).shape == (3, 4)
    assert_refused(legacy_of(pickled, [], data), "does not fit")
    assert_refused(legacy_of(pickled, ["0", "1"], data), "does not fit")
    assert_refused(legacy_of(pickled, ["0", (1,)], data), "does not fit")
    nest = Raw(b"]" * 100_000 + b"a" * 99_999)  # its text alone would overflow the stack
    assert_refused(legacy_of(pickled)[: -len(pickle.dumps([], 2))] + assemble(nest), "does not fit")
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    assert_refused(head + assemble(nest) + pickle.dumps({}, 2), "Invalid protocol version: list")
    assert_refused(legacy_of(pickled, ["0"], data[:-1]), "cut off")
    assert_refused(legacy_of(pickled, ["0"], struct.pack("<q", 11) + bytes(48)), "has not the 12 elements")
    for view in (("1", 0, 13), ("1", -1, 12), ("1", 0, "12"), ("1", 12), "1", (("1",), 0, 12), ("1", 2**70, 1)):
        viewed = ("storage", Name("torch", "FloatStorage"), "0", "cpu", 12, view)
        assert_refused(legacy_of(assemble(tensor(Persistent(viewed))), ["0"], data), "a view of ")
    assert_refused(golden.LEGACY.replace(b"M\xe9\x03.", b"M\xea\x03.", 1), "Invalid protocol version: 1002")
