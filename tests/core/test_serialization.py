"""save and load: what comes back, what is shared, where it goes, and that a file is replaced whole."""

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import plugrad_golden_checkpoints as golden
from plugrad.core import archive, serialization
from plugrad.core.create import from_host, tensor
from plugrad.core.device import device
from plugrad.core.dtypes import DTYPES, float16
from plugrad.core.serialization import CheckpointError, load, safe_globals, save
from plugrad.core.tensor import Size, Tensor
from plugrad.nn import Module, Parameter, Sequential

pytestmark = pytest.mark.cpu


def written(obj, **options):
    file = io.BytesIO()
    save(obj, file, **options)
    return file.getvalue()


def read(content, **options):
    return load(io.BytesIO(content), **options)


def again(obj, **options):
    return read(written(obj), **options)


def assert_same(got, want):
    """Equal values of equal types, tensors by dtype, shape, flag and bits."""
    assert type(got) is type(want), (got, want)
    if isinstance(want, Tensor):
        assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, want.requires_grad)
        assert got._host().tobytes() == want._host().tobytes()
        assert vars(got) == vars(want)
    elif isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            assert_same(got[key], want[key])
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for mine, theirs in zip(got, want, strict=True):
            assert_same(mine, theirs)
    else:
        assert got == want


def share(a, b):
    return np.shares_memory(a._host(), b._host())


def matrix():
    return from_host(np.arange(12, dtype="float32").reshape(3, 4))


def values(name):
    if name == "bool":
        return tensor([False, True, True, False])
    return tensor([1, 2, 3, 100], dtype=DTYPES[name])


# --- what comes back ---

PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**70, -(2**70), 1.5, float("inf"), -0.0, 1 + 2j],
    "large number": 1 << 5000,
    "constants": [True, False, None],
    "texts": ["", "a", "é\n\u2603", "x" * 300, "\udc80"],
    "bytes": [b"", b"ab\xff", b"x" * 300, bytearray(), bytearray(b"ab")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "lists": [[], [1], [[2], [3]]],
    "sets": [set(), {1, "a", (2, 3)}, frozenset(), frozenset({1})],
    "dicts": {"a": {}, 3: 4, None: 5, (1, "b"): 6, 1.5: 7, True: 8},
    "ordered": OrderedDict([("b", 1), ("a", OrderedDict())]),
    "counter": Counter("aab"),
    "many": list(range(3000)),
    "many items": {str(i): i for i in range(3000)},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5, -1])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_data_comes_back(name, protocol):
    assert_same(read(written(PLAIN[name], pickle_protocol=protocol)), PLAIN[name])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back(name, protocol):
    x = values(name)
    assert_same(read(written({"x": x, "dtype": x.dtype}, pickle_protocol=protocol)), {"x": x, "dtype": x.dtype})


LAYOUTS = {
    "matrix": lambda a: a,
    "transposed": lambda a: a.T,
    "column": lambda a: a[:, 1],
    "part": lambda a: a[1:, 1:3],
    "steps": lambda a: a[::2, ::3],
    "reversed": lambda a: a[::-1, ::-1],
    "expanded": lambda a: np.broadcast_to(a[:1], (5, 4)),
    "fortran": lambda a: np.asfortranarray(a)[1:],
    "scalar": lambda a: a[1, 1, ...],
    "one": lambda a: a[:1, :1],
    "empty": lambda a: a[:0],
    "empty inside": lambda a: np.zeros((2, 0, 3), "float32"),
    "four dimensions": lambda a: a.reshape(3, 2, 2, 1).transpose(2, 3, 0, 1),
    "unaligned": lambda a: np.frombuffer(b"xxx" + a.tobytes(), "float32", 4, 3),
    "other bytes between": lambda a: a.view("uint8")[:, 2:10].copy().view([("x", "f4"), ("y", "f4")])["y"],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_comes_back(name):
    x = from_host(LAYOUTS[name](np.arange(12, dtype="float32").reshape(3, 4)))
    assert_same(again(x), x)


def test_strides_and_offsets_are_kept():
    a = np.arange(12, dtype="int16").reshape(3, 4)
    got = again([from_host(a.T), from_host(a[1:, 1:3])])
    assert got[0].stride() == (1, 4)
    assert (got[1].stride(), got[1].storage_offset()) == ((4, 1), 5)


def test_tensors_on_one_memory_still_share_it():
    a = np.arange(12, dtype="float32").reshape(3, 4)
    x, columns, other = again([from_host(a), from_host(a.T[1:]), from_host(a.copy())])
    x._host()[0, 1] = 50
    assert columns._host()[0, 0] == 50
    assert share(x, columns)
    assert not share(x, other)


def test_the_same_object_comes_back_once():
    x, inner = matrix(), [1]
    got = again({"a": x, "b": x, "c": [inner, inner]})
    assert got["a"] is got["b"]
    assert got["c"][0] is got["c"][1]


def test_cycles_come_back():
    whole = [1, {"self": None}, ([],)]
    whole[1]["self"] = whole
    whole[2][0].append(whole[2])
    got = again(whole)
    assert got[1]["self"] is got
    assert got[2][0][0] is got[2]


def test_memory_is_written_once_for_all_its_views():
    a = np.zeros((500, 500), "float32")
    assert len(written([from_host(a[i]) for i in range(50)])) < a.nbytes + 10_000


def test_a_loaded_tensor_may_be_written_and_saved_anew():
    x = again(from_host(np.arange(12, dtype="float64").reshape(3, 4).T))
    x._host()[0] = 7
    assert_same(again(x), x)


def test_parameters_and_flags_come_back():
    tied = Parameter(matrix())
    frozen = Parameter(tensor([1, 2]), requires_grad=False)
    leaf = tensor([1.0], requires_grad=True)
    got = again({"a": tied, "b": tied, "frozen": frozen, "leaf": leaf, "alias": tied.detach()})
    assert_same(got["a"], tied)
    assert_same(got["frozen"], frozen)
    assert_same(got["leaf"], leaf)
    assert got["a"] is got["b"]
    assert share(got["a"], got["alias"])
    assert got["leaf"].is_leaf


def test_attributes_of_tensors_come_back():
    x, p = matrix(), Parameter(matrix())
    x.note, p.note, p.more = "kept", "kept", [tensor([1.0])]
    got = again([x, p])
    assert vars(got[0]) == {"note": "kept"}
    assert list(vars(got[1])) == ["note", "more"]
    assert_same(got[1].more, p.more)


def test_state_dict_metadata_comes_back():
    state = OrderedDict(weight=matrix())
    state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    got = again(state)
    assert_same(got, state)
    assert_same(got._metadata, state._metadata)


def test_torch_values_come_back():
    assert_same(again([Size((2, 3)), float16, device("cpu")]), [Size((2, 3)), float16, device("cpu")])
    assert again(device("cuda", 1)) == device("cuda", 1)


def test_nested_checkpoint_comes_back():
    weights = {f"layer{i}.weight": from_host(np.random.default_rng(i).random((i, 3))) for i in range(4)}
    optimizer = {
        "state": {0: {"step": tensor(3.0), "exp_avg": matrix()}, 1: {"momentum_buffer": None}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "foreach": None, "params": [0, 1]}],
    }
    checkpoint = {"model": weights, "optimizer": optimizer, "epoch": 7, "history": [(0.5, {"loss": 1e-3})]}
    assert_same(again(checkpoint), checkpoint)


def test_equal_data_give_equal_files(tmp_path):
    save({"x": matrix()}, tmp_path / "a.pth")
    save({"x": matrix()}, str(tmp_path / "a.pt"))
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "a.pt").read_bytes()


# --- files that torch wrote ---


def test_file_of_torch_is_read():
    got = read(golden.MODERN)
    for name in DTYPES:
        assert_same(got["dtypes"][name], tensor([0, 1, 1, 0], dtype=DTYPES[name]) if name == "bool" else values(name))
    assert_same(got["matrix"], matrix())
    assert share(got["matrix"], got["transposed"])
    assert share(got["matrix"], got["column"])
    assert got["transposed"].tolist() == matrix()._host().T.tolist()
    assert got["column"].tolist() == [1, 5, 9]
    assert got["expanded"].stride() == (0, 1)
    assert_same(got["empty"], from_host(np.zeros((0, 3), "float32")))
    assert_same(got["scalar"], tensor(3))
    assert_same(got["leaf"], tensor([1.0, 1.0], requires_grad=True))
    assert_same(got["parameter"], Parameter(tensor([2.0, 2.0])))
    assert_same(got["frozen"], Parameter(tensor([0.0]), requires_grad=False))
    assert got["conjugate"].tolist() == [1 - 2j, 3 + 1j]
    assert got["negative"].tolist() == [-2]
    assert got["plain"][:16] == [
        1, -1, 300, 70000, -70000, 2**40, 2**70, 1.5, True, False, None, "text", "é\n", b"ab", 1 + 2j, (),
    ]  # fmt: skip
    assert got["plain"][16:] == [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {1, 2}, bytearray(b"x"), float("inf")]
    assert_same([got["size"], got["dtype"], got["cpu"]], [Size((2, 3)), float16, device("cpu")])
    assert got["cuda"] == device("cuda:1")
    assert_same(got["counter"], Counter("aab"))
    assert (got[3], got[1, "a"], got[None]) == ("int key", "tuple key", "none")
    assert got["tagged"].note == got["tagged_parameter"].note == "kept"
    assert got["cycle"][1] is got["cycle"]


def test_state_dicts_of_torch_are_read():
    got = read(golden.MODERN)
    assert list(got["state"]) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    np.testing.assert_allclose(got["state"]["0.bias"]._host(), [-0.0140, 0.5607, -0.0628], atol=5e-5)
    assert got["state"]._metadata["1"] == {"version": 2}
    assert got["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.999)
    np.testing.assert_allclose(got["optimizer"]["state"][1]["exp_avg"]._host(), [0.3, 0.3], rtol=1e-6)


def test_legacy_file_of_torch_is_read(tmp_path):
    path = tmp_path / "old.pth"
    path.write_bytes(golden.LEGACY)
    got = load(path)
    assert_same(got["a"], matrix())
    assert share(got["a"], got["b"])
    assert_same(got["p"], Parameter(tensor([1.0, 1.0], dtype=DTYPES["float64"])))
    assert got["n"] == [1, "x", None]
    assert got["i"].tolist() == [True, False]
    assert_same(got["h"], tensor([1, 1, 1], dtype=DTYPES["bfloat16"]))
    np.testing.assert_allclose(got["s"]["bias"]._host(), [-0.3079, 0.2568], atol=5e-5)
    assert got["s"]._metadata[""] == {"version": 1}
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        load(path, mmap=True)


@pytest.mark.parametrize("name", DTYPES)
def test_numbers_in_the_other_byte_order_are_turned(name):
    x = values(name)
    size = x.dtype.itemsize // 2 if x.dtype.is_complex else x.dtype.itemsize
    swapped = x._host().view(f"u{size}").byteswap().tobytes()
    pickled = zipfile.ZipFile(io.BytesIO(written(x))).read("archive/data.pkl")
    file = io.BytesIO()
    archive.write_archive(file, "archive", pickled, [swapped], "big")
    assert_same(read(file.getvalue()), x)


def test_bools_other_than_0_and_1_become_true():
    pickled = zipfile.ZipFile(io.BytesIO(written(tensor([True] * 3)))).read("archive/data.pkl")
    file = io.BytesIO()
    archive.write_archive(file, "archive", pickled, [b"\2\0\377"], "little")
    assert_same(read(file.getvalue()), tensor([True, False, True]))


# --- classes that the user allows ---


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


class Slotted:
    __slots__ = ("a", "b")


class Stateful:
    def __getstate__(self):
        return {"seen": True}

    def __setstate__(self, state):
        self.state = state


def test_allowed_classes_are_built():
    slotted = Slotted()
    slotted.a, slotted.b = 1, [2]
    content = written([Point(1, matrix()), slotted, Stateful()])
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL .*Point was not an allowed global by default"):
        read(content)
    with safe_globals([Point, Slotted, Stateful]):
        point, got, stateful = read(content)
    assert_same(point.y, matrix())
    assert (point.x, got.a, got.b, stateful.state) == (1, 1, [2], {"seen": True})
    with pytest.raises(CheckpointError):
        read(content)


class Scale(Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = Parameter(tensor([scale]))
        self.register_buffer("seen", tensor([0]))

    def forward(self, x):
        return x * self.scale


def test_whole_modules_are_built_of_allowed_classes():
    module = Sequential(Scale(2.0), Scale(3.0)).eval()
    content = written(module)
    with pytest.raises(CheckpointError, match="Sequential was not an allowed global"):
        read(content)
    with safe_globals([Sequential, Scale]):
        got = read(content)
    assert_same(got.state_dict(), module.state_dict())
    assert not got.training
    got(tensor([5.0])).backward()
    assert got[0].scale.grad.tolist() == [15]


def test_allowed_classes_under_another_name():
    content = written(Point(1, 2)).replace(b"\nPoint\n", b"\nPlace\n")
    module = Point.__module__
    pickled = (
        zipfile.ZipFile(io.BytesIO(written(Point(1, 2)))).read("archive/data.pkl").replace(b"\nPoint\n", b"\nPlace\n")
    )
    file = io.BytesIO()
    archive.write_archive(file, "archive", pickled, [], "little")
    assert len(content) > len(pickled)
    with safe_globals([(Point, f"{module}.Place")]):
        assert read(file.getvalue()).x == 1


def test_safe_globals_are_kept_and_forgotten():
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([Point])
    with safe_globals([Slotted]):
        assert set(serialization.get_safe_globals()) == {Point, Slotted}
    assert serialization.get_safe_globals() == [Point]
    serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []


@pytest.mark.parametrize(("entry", "error"), [((Point,), ValueError), ((Point, 3), TypeError)])
def test_malformed_safe_globals(entry, error):
    with safe_globals([entry]), pytest.raises(error, match="Expected"):
        again(matrix())


def test_unsafe_globals_are_listed():
    content = written([Point(1, 2), Slotted(), OrderedDict(), matrix(), np.float64(3)])
    got = serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    assert f"{Point.__module__}.Point" in got
    assert f"{Point.__module__}.Slotted" in got
    assert not any(name.startswith(("collections.", "torch.")) for name in got)
    with safe_globals([Point]):
        assert f"{Point.__module__}.Point" not in serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    with pytest.raises(ValueError, match=r"Expected input to be a checkpoint returned by torch.save"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(golden.LEGACY))


# --- arguments ---


def test_arguments_that_are_refused(tmp_path):
    with pytest.raises(NotImplementedError, match="weights_only=False is not supported"):
        again(matrix(), weights_only=False)
    assert_same(again(matrix(), weights_only=True), matrix())
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        again(matrix(), pickle_module=pickle)
    with pytest.raises(NotImplementedError, match="pickle_module"):
        save(matrix(), tmp_path / "a", io)
    for protocol in (0, 1):
        with pytest.raises(NotImplementedError, match=f"pickle_protocol={protocol}"):
            save(matrix(), tmp_path / "a", pickle_protocol=protocol)
    with pytest.raises(ValueError, match="pickle protocol must be <= "):
        save(matrix(), tmp_path / "a", pickle_protocol=6)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        save(matrix(), 3)
    with pytest.raises(RuntimeError, match=r"Parent directory .*nodir does not exist\."):
        save(matrix(), tmp_path / "nodir" / "a.pth")
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        again(matrix(), mmap=True)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.pth")
    with pytest.raises(AttributeError, match=r"You can only torch.load from a file that is seekable"):
        load(3)
    with pytest.raises(TypeError, match="binary mode"):
        load(io.StringIO("text"))
    assert os.listdir(tmp_path) == []


def test_load_keywords_warn_as_in_torch():
    with pytest.warns(UserWarning, match="pickle_load_args only works if `weights_only=False`"):
        assert_same(again(matrix(), encoding="latin1"), matrix())
    with (
        pytest.warns(UserWarning, match="pickle_load_args"),
        pytest.raises(TypeError, match="unexpected keyword argument 'fix_imports'"),
    ):
        again(matrix(), fix_imports=True)


@pytest.mark.parametrize(("encoding", "want"), [("latin1", "é"), ("bytes", b"\xe9")])
def test_texts_of_python_2(encoding, want):
    file = io.BytesIO()
    archive.write_archive(file, "archive", b"\x80\x02]q\x00(U\x01\xe9T\x01\x00\x00\x00\xe9e.", [], "little")
    with pytest.warns(UserWarning, match="pickle_load_args"):
        assert read(file.getvalue(), encoding=encoding) == [want, want]


def test_one_memory_as_two_dtypes_is_refused():
    a = np.arange(4, dtype="complex64")
    with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data as diff"):
        save([from_host(a), from_host(a.view("float32"))], io.BytesIO())


def test_subclasses_of_tensor_are_refused_by_name():
    class Special(Tensor):
        pass

    x = matrix()
    x.__class__ = Special
    with pytest.raises(pickle.PicklingError, match="Special cannot be written"):
        save([x], io.BytesIO())


def test_hooks_are_left_away_with_a_warning():
    x = tensor([1.0], requires_grad=True)
    x.register_hook(lambda gradient: gradient)
    with pytest.warns(UserWarning, match="backward hook <function .* will not be serialized"):
        got = again(x)
    assert_same(got, tensor([1.0], requires_grad=True))


def test_bfloat16_without_ml_dtypes_says_what_to_install(monkeypatch):
    content = written(values("bfloat16"))
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r'pip install "plugrad\[bfloat16\]"'):
        read(content)
