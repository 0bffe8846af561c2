"""Checkpoints from plugrad to torch and back: each reads what the other wrote."""

import inspect
import io
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import plugrad
from plugrad.core import serialization
from plugrad.core.create import from_host, tensor
from plugrad.core.device import device
from plugrad.core.dtypes import DTYPES, dtype
from plugrad.core.serialization import CheckpointError, load, save
from plugrad.core.tensor import Size, Tensor
from plugrad.nn.parameter import Parameter
from plugrad_pickle_assembler import Call, Name, archive_of, assemble

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.cpu, pytest.mark.oracle]


def bits(array):
    return np.asarray(array).tobytes()


def torch_bits(t):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    return bytes(t.reshape(-1).view(torch.uint8).numpy()) if t.numel() else b""


def assert_equal(ours, theirs):
    """A plugrad object and a torch object say the same."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, Parameter) == isinstance(theirs, torch.nn.Parameter)
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        assert bits(ours._host()) == torch_bits(theirs)
        assert set(vars(ours)) == set(vars(theirs))
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_equal(ours[key], theirs[key])
    elif isinstance(theirs, torch.Size):
        assert isinstance(ours, Size)
        assert tuple(ours) == tuple(theirs)
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert_equal(mine, other)
    elif isinstance(theirs, (torch.dtype, torch.device)):
        assert isinstance(ours, (dtype, device))
        assert str(ours) == str(theirs)
    else:
        assert type(ours) is type(theirs)
        assert ours == theirs


def through(saver, loader, obj, **options):
    file = io.BytesIO()
    saver(obj, file, **options)
    file.seek(0)
    return loader(file)


def check_both_ways(ours, theirs):
    assert_equal(ours, through(save, torch.load, ours))
    assert_equal(through(torch.save, load, theirs), theirs)
    assert_equal(through(save, load, ours), theirs)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", DTYPES)
def test_dtypes(name, protocol):
    numbers = [0, 1, 1, 0] if name == "bool" else [1, 2, 3, 100]
    ours, theirs = tensor(numbers, dtype=DTYPES[name]), torch.tensor(numbers, dtype=getattr(torch, name))
    check_both_ways(ours, theirs)
    check_both_ways([ours.dtype], [theirs.dtype])


LAYOUTS = {
    "transposed": lambda a: a.T,
    "column": lambda a: a[:, 1],
    "part": lambda a: a[1:, 1:3],
    "scalar": lambda a: a[1, 1, ...],
    "empty": lambda a: a[:0],
    "steps": lambda a: a[::2],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name):
    a = np.arange(12, dtype="float32").reshape(3, 4)
    ours, theirs = from_host(LAYOUTS[name](a)), LAYOUTS[name](torch.from_numpy(a.copy()))
    check_both_ways(ours, theirs)
    if name != "empty":  # the strides of nothing are kept by neither
        got = through(save, torch.load, ours)
        assert (got.stride(), got.storage_offset()) == (theirs.stride(), theirs.storage_offset())
        back = through(torch.save, load, theirs)
        assert (back.stride(), back.storage_offset()) == (theirs.stride(), theirs.storage_offset())


def test_sharing():
    a = np.arange(12, dtype="float32").reshape(3, 4)
    got = through(save, torch.load, {"x": from_host(a), "t": from_host(a.T), "p": Parameter(from_host(a))})
    got["x"][0, 1] = 50
    assert got["t"][1, 0] == got["p"][0, 1] == 50
    x = torch.arange(12.0).reshape(3, 4)
    back = through(torch.save, load, {"x": x, "t": x.t(), "p": torch.nn.Parameter(x)})
    assert np.shares_memory(back["x"]._host(), back["t"]._host())
    assert np.shares_memory(back["x"]._host(), back["p"]._host())


def test_flags_and_parameters():
    check_both_ways(tensor([1.0], requires_grad=True), torch.tensor([1.0], requires_grad=True))
    check_both_ways(Parameter(tensor([1.0])), torch.nn.Parameter(torch.tensor([1.0])))
    check_both_ways(
        Parameter(tensor([1]), requires_grad=False), torch.nn.Parameter(torch.tensor([1]), requires_grad=False)
    )


def test_attributes():
    pairs = [
        (tensor([1.0]), torch.tensor([1.0])),
        (Parameter(tensor([1.0])), torch.nn.Parameter(torch.tensor([1.0]))),
    ]
    for ours, theirs in pairs:
        ours.note, theirs.note = "kept", "kept"
        check_both_ways(ours, theirs)
        assert through(save, torch.load, ours).note == through(torch.save, load, theirs).note == "kept"


PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**70, -(2**70), 1.5, float("inf"), 1 + 2j],
    "constants": [True, False, None],
    "texts": ["", "a", "é\n\u2603", "x" * 300],
    "bytes": [b"ab\xff", bytearray(b"ab")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "sets": [set(), {1, "a", (2, 3)}],
    "dicts": {"a": {}, 3: 4, None: 5, (1, "b"): 6},
    "ordered": OrderedDict([("b", 1), ("a", OrderedDict())]),
    "counter": Counter("aab"),
    "many": list(range(3000)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_data(name):
    check_both_ways(PLAIN[name], PLAIN[name])


def test_sizes_and_devices():
    check_both_ways(
        [Size((2, 3)), device("cpu"), device("cuda", 1)],
        [torch.Size((2, 3)), torch.device("cpu"), torch.device("cuda", 1)],
    )


@pytest.mark.parametrize(
    "name", ["Linear", "BatchNorm2d", "LSTM", "MultiheadAttention", "Embedding", "Conv2d", "TransformerEncoderLayer"]
)
def test_state_dicts_of_torch(name):
    arguments = {"BatchNorm2d": (3,), "Conv2d": (2, 3, 3), "TransformerEncoderLayer": (4, 2, 8)}
    theirs = getattr(torch.nn, name)(*arguments.get(name, (4, 2))).state_dict()
    ours = through(torch.save, load, theirs)
    assert_equal(ours, theirs)
    assert_equal(ours._metadata, theirs._metadata)
    back = through(save, torch.load, ours)
    assert_equal(ours, back)
    assert back._metadata == theirs._metadata
    getattr(torch.nn, name)(*arguments.get(name, (4, 2))).load_state_dict(back)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "NAdam", "LBFGS", "Adafactor", "Rprop"])
def test_optimizer_states_of_torch(name):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01, **({"momentum": 0.9} if name == "SGD" else {}))

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(2, 3)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    checkpoint = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "epoch": 3}
    ours = through(torch.save, load, checkpoint)
    assert_equal(ours, checkpoint)
    back = through(save, torch.load, ours)
    assert_equal(ours, back)
    optimizer.load_state_dict(back["optimizer"])


def test_lazy_conj_and_neg_bits():
    z = torch.tensor([1 + 2j, 3 - 1j])
    theirs = [z, z.conj(), z.conj().imag, z.imag]
    assert_equal(through(torch.save, load, [z, z.conj()]), [z, z.conj()])
    assert_equal(through(torch.save, load, theirs[2]), theirs[2])


def test_legacy_format():
    x = torch.arange(12.0).reshape(3, 4)
    theirs = {"x": x, "t": x.t(), "state": torch.nn.Linear(2, 3).state_dict(), "p": torch.nn.Parameter(torch.ones(2))}
    for name in DTYPES:
        theirs[name] = torch.ones(3).to(getattr(torch, name))
    file = io.BytesIO()
    torch.save(theirs, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    ours = load(file)
    assert_equal(ours, theirs)
    assert np.shares_memory(ours["x"]._host(), ours["t"]._host())


@pytest.mark.parametrize("path", ["a.pth", "net.v2.pt", "noext", "é.pth", "with space.pt"])
def test_layout_of_the_archive_is_torchs(tmp_path, path, monkeypatch):
    a = np.arange(12, dtype="float32")
    numbers = {"a": a, "b": a.astype("int8"), "empty": a[:0], "c": a.astype("complex128")}
    save({name: from_host(array) for name, array in numbers.items()}, tmp_path / path)
    torch.save({name: torch.from_numpy(array) for name, array in numbers.items()}, tmp_path / f"torch-{path}")
    with zipfile.ZipFile(tmp_path / path) as ours, zipfile.ZipFile(tmp_path / f"torch-{path}") as theirs:
        mine, others = ours.infolist(), theirs.infolist()
        folder, other_folder = (infos[0].filename.split("/")[0] for infos in (mine, others))
        assert folder == other_folder.removeprefix("torch-")
        assert [i.filename.removeprefix(folder) for i in mine] == [
            i.filename.removeprefix(other_folder) for i in others
        ]
        assert [i.flag_bits for i in mine] == [i.flag_bits for i in others]
        for info, other in zip(mine, others, strict=True):
            if "serialization_id" not in info.filename:
                assert ours.read(info) == theirs.read(other)
            else:
                assert info.file_size == other.file_size
    monkeypatch.setenv("TORCH_SERIALIZATION_DEBUG", "1")  # torch computes every place and compares it with the real one
    from torch.utils.serialization import config

    with config.patch("load.calculate_storage_offsets", True):
        got = torch.load(tmp_path / path, mmap=True)
    assert {name: t.tolist() for name, t in got.items()} == {name: array.tolist() for name, array in numbers.items()}


def test_pickles_are_torchs_byte_for_byte():
    ours = {
        "x": tensor([1.0]),
        "p": Parameter(tensor([2.0])),
        "s": Size((2, 3)),
        "d": DTYPES["int8"],
        "c": device("cuda", 1),
    }
    theirs = {
        "x": torch.tensor([1.0]), "p": torch.nn.Parameter(torch.tensor([2.0])), "s": torch.Size((2, 3)), "d": torch.int8,
        "c": torch.device("cuda", 1),
    }  # fmt: skip

    def pickled(content):
        with zipfile.ZipFile(content) as file:
            return file.read("archive/data.pkl")

    files = io.BytesIO(), io.BytesIO()
    save(ours, files[0])
    torch.save(theirs, files[1])
    assert pickled(files[0]) == pickled(files[1])


def test_long_fields_are_read_by_torch(monkeypatch, tmp_path):
    path = tmp_path / "a.pth"
    large = np.zeros(1100, "float32")
    from plugrad.core import archive

    monkeypatch.setattr(archive, "ZIP64_FROM", 2000)
    real = archive.CENTRAL_HEADER.pack
    header = type("Header", (), {"pack": lambda self, *fields: real(*(2**32 - 1 if f == 2000 else f for f in fields))})
    monkeypatch.setattr(archive, "CENTRAL_HEADER", header())
    save({"a": from_host(large), "b": tensor([1.0, 2.0])}, path)
    assert torch.load(path)["b"].tolist() == [1, 2]
    assert torch.load(path, mmap=True)["a"].tolist() == large.tolist()


def test_signatures():
    for name in ("save", "load", "add_safe_globals", "get_safe_globals", "clear_safe_globals", "safe_globals"):
        ours = inspect.signature(getattr(serialization, name))
        theirs = inspect.signature(getattr(torch if name in ("save", "load") else torch.serialization, name))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default) for p in theirs.parameters.values()
        ]


def raised(function, *arguments, **options):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the question
        function(*arguments, **options)
    return caught.value


MISTAKES = {
    "no folder": lambda lib, save, load: save(lib.ones(1), "/nowhere/at/all.pth"),
    "no file": lambda lib, save, load: save(lib.ones(1), 3),
    "missing": lambda lib, save, load: load("/nowhere/at/all.pth"),
    "no reader": lambda lib, save, load: load(3),
    "pickle_module": lambda lib, save, load: load("/nowhere", weights_only=True, pickle_module=pickle),
    "mmap of a buffer": lambda lib, save, load: load(saved(lib, save), mmap=True),
    "unknown location": lambda lib, save, load: load(saved(lib, save), map_location="foo"),
    "cuda": lambda lib, save, load: load(saved(lib, save), map_location="cuda:77"),
    "unknown location by dict": lambda lib, save, load: load(saved(lib, save), map_location={"cpu": "foo"}),
    "no map": lambda lib, save, load: load(saved(lib, save), map_location=3),
    "protocol": lambda lib, save, load: save(lib.ones(1), io.BytesIO(), pickle_protocol=6),
}


def saved(lib, save):
    file = io.BytesIO()
    save(lib.ones(1), file)
    file.seek(0)
    return file


@pytest.mark.skipif(torch.cuda.is_available(), reason="here torch can load to a CUDA device")
@pytest.mark.parametrize("name", MISTAKES)
def test_errors_are_torchs(name):
    from plugrad.core import create

    ours, theirs = raised(MISTAKES[name], create, save, load), raised(MISTAKES[name], torch, torch.save, torch.load)
    builtin = next(cls for cls in type(theirs).__mro__ if cls.__module__ == "builtins")
    assert isinstance(ours, builtin)
    assert str(ours)[:60] == str(theirs)[:60]


def test_blocked_names_are_torchs_words():
    for name in ("os.system", "builtins.eval", "fractions.Fraction", "numpy.load"):
        content = archive_of(assemble(Call(Name(*name.split(".")), "x")), [])
        ours, theirs = (raised(function, io.BytesIO(content)) for function in (load, torch.load))
        assert isinstance(ours, CheckpointError)
        assert isinstance(theirs, pickle.UnpicklingError)
        core = [
            line.removeprefix("\tWeightsUnpickler error: ") for line in str(theirs).splitlines() if "GLOBAL" in line
        ]
        assert core[-1].split("Please use")[0].strip() in str(ours)


def test_hooks_warn_in_torchs_words():
    ours, theirs = tensor([1.0], requires_grad=True), torch.ones(1, requires_grad=True)
    texts = []
    for x, saver in ((ours, save), (theirs, torch.save)):
        x.register_hook(test_sharing)
        with pytest.warns(UserWarning, match="backward hook") as caught:
            saver(x, io.BytesIO())
        texts.append(str(caught[0].message))
    assert texts[0] == texts[1]


def test_unsafe_globals_are_torchs():
    content = archive_of(assemble([Call(Name("os", "system"), "x"), Call(Name("collections", "OrderedDict"))]), [])
    ours = serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    assert ours == torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content)) == ["os.system"]


def test_loaded_tensors_are_ours():
    assert type(through(torch.save, load, torch.ones(1))) is Tensor
    assert type(through(torch.save, load, torch.nn.Parameter(torch.ones(1)))) is Parameter


def test_safetensors_both_ways(tmp_path):
    safetensors_torch = pytest.importorskip("safetensors.torch")
    from plugrad.core import safetensors_io

    theirs = {name: torch.tensor([0, 1]).to(getattr(torch, name)) for name in DTYPES if name != "complex128"}
    theirs |= {"empty": torch.ones(0, 3), "scalar": torch.tensor(2.0), "matrix": torch.arange(6.0).reshape(2, 3)}
    path = tmp_path / "a.safetensors"
    safetensors_torch.save_file(theirs, path)
    ours = safetensors_io.load_file(path)
    for name in theirs:
        assert_equal(ours[name], theirs[name])
    safetensors_io.save_file(ours, path, {"format": "pt"})
    back = safetensors_torch.load_file(path)
    for name in theirs:
        assert_equal(ours[name], back[name])
    assert safetensors_io.load(safetensors_torch.save(theirs)).keys() == theirs.keys()


def test_training_goes_on_in_the_other_library():
    """plugrad's model and optimizer states are torch's, and one more step of both gives the same weights."""
    results = []
    for here, there, saver, loader in ((plugrad, torch, save, torch.load), (torch, plugrad, torch.save, load)):
        model, optimizer = training(here)
        step(here, model, optimizer)
        checkpoint = through(saver, loader, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
        other, other_optimizer = training(there)
        assert str(other.load_state_dict(checkpoint["model"])) == "<All keys matched successfully>"
        other_optimizer.load_state_dict(checkpoint["optimizer"])
        for library, pair in ((here, (model, optimizer)), (there, (other, other_optimizer))):
            step(library, *pair)
            results.append(torch.tensor(pair[0][0].weight.tolist()))
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], atol=1e-6, rtol=1e-5)


def training(library):
    class Dense(library.nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            start = library.linspace(-0.5, 0.5, inputs * outputs).reshape(outputs, inputs)
            self.weight = library.nn.Parameter(start)
            self.bias = library.nn.Parameter(library.zeros(outputs))
            self.register_buffer("calls", library.tensor(0))

        def forward(self, x):
            return (x @ self.weight.t() + self.bias).tanh()

    model = library.nn.Sequential(Dense(3, 4), Dense(4, 1))
    return model, library.optim.AdamW(model.parameters(), lr=0.01)


def step(library, model, optimizer):
    optimizer.zero_grad()
    model(library.arange(6.0).reshape(2, 3)).pow(2).sum().backward()
    optimizer.step()
