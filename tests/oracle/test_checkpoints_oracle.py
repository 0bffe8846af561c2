"""Checkpoints of models and optimizers there and back, bit for bit, in every format."""

import io

import numpy as np
import pytest

import plugrad
from plugrad.core.dtypes import DTYPES
from plugrad.core.serialization import load, save
from plugrad.serialization import load_npz, save_npz
from plugrad_pickle_assembler import Name, Persistent, assemble, legacy_of, tar_of
from plugrad_pickle_assembler import tensor as assembled

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.cpu, pytest.mark.oracle]

FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}


def bits(t):
    """dtype, shape, flag and bytes of a tensor of either library."""
    if isinstance(t, plugrad.Tensor):
        raw = t._host().tobytes()
    else:
        t = t.detach().resolve_conj().resolve_neg().contiguous()
        raw = bytes(t.reshape(-1).view(torch.uint8).numpy()) if t.numel() else b""
    return str(t.dtype), tuple(t.shape), t.requires_grad, raw


def frozen(obj):
    """An object with its tensors by their bits, so that the two libraries' can be compared."""
    if isinstance(obj, (torch.Tensor, plugrad.Tensor)):
        return bits(obj)
    if isinstance(obj, dict):
        return type(obj).__name__, [(key, frozen(value)) for key, value in obj.items()]
    if isinstance(obj, (list, tuple)) and type(obj) in (list, tuple):
        return type(obj).__name__, [frozen(value) for value in obj]
    return type(obj).__name__, repr(obj)


def through(saver, loader, obj, **options):
    file = io.BytesIO()
    saver(obj, file, **options)
    file.seek(0)
    return loader(file)


def there_and_back(theirs, options):
    """torch → plugrad → torch; the object in the middle too."""
    ours = through(torch.save, load, theirs, **options)
    back = through(save, torch.load, ours, **options)
    assert frozen(ours) == frozen(theirs)
    assert frozen(back) == frozen(theirs)
    return ours, back


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", DTYPES)
def test_random_bits_of_every_dtype(name, form):
    dtype = getattr(torch, name)
    raw = np.random.default_rng(1).integers(0, 256, 24 * DTYPES[name].itemsize, dtype=np.uint8)
    raw = raw % 2 if name == "bool" else raw
    t = torch.from_numpy(raw).view(dtype).reshape(2, 3, 4)  # NaNs with all kinds of payloads among them
    there_and_back({"t": t, "turned": t.permute(2, 0, 1), "part": t[:, 1:, ::2], "none": t[:0]}, FORMATS[form])


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU())
        self.head = torch.nn.Linear(3, 2)
        self.tied = torch.nn.Linear(3, 2)
        self.tied.weight = self.head.weight
        self.register_buffer("mask", torch.tensor([True, False]))

    def forward(self, x):
        x = self.body(x).mean((2, 3))
        return self.head(x) + self.tied(x)


OPTIMIZERS = {
    "SGD": {"momentum": 0.9},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "RMSprop": {"centered": True, "momentum": 0.9},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "NAdam": {},
    "RAdam": {},
    "ASGD": {},
    "Rprop": {},
    "LBFGS": {},
    "Adafactor": {},
}
SCHEDULERS = {
    "StepLR": (2,),
    "MultiStepLR": ([1, 3],),
    "ExponentialLR": (0.9,),
    "CosineAnnealingLR": (5,),
    "ReduceLROnPlateau": (),
    "OneCycleLR": (0.1, 10),
    "LinearLR": (),
    "LambdaLR": (lambda epoch: 0.5**epoch,),
    "CosineAnnealingWarmRestarts": (3,),
    "PolynomialLR": (),
}


def trained(name, scheduler="StepLR"):
    torch.manual_seed(0)
    model = Net()
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01, **OPTIMIZERS[name])
    schedule = getattr(torch.optim.lr_scheduler, scheduler)(optimizer, *SCHEDULERS[scheduler])

    def closure():
        optimizer.zero_grad()
        loss = model(torch.rand(4, 1, 5, 5)).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        loss = optimizer.step(closure)
        schedule.step(*([float(loss.detach())] if scheduler == "ReduceLROnPlateau" else []))
    return {
        "epoch": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "rng": torch.get_rng_state(),
        "best": float(loss.detach()),
    }


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_checkpoints(name, form):
    checkpoint = trained(name)
    ours, back = there_and_back(checkpoint, FORMATS[form])
    assert ours["model"]._metadata == back["model"]._metadata == checkpoint["model"]._metadata
    assert np.shares_memory(ours["model"]["head.weight"]._host(), ours["model"]["tied.weight"]._host())
    model = Net()
    model.load_state_dict(back["model"])
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01, **OPTIMIZERS[name])
    optimizer.load_state_dict(back["optimizer"])
    assert frozen(optimizer.state_dict()) == frozen(checkpoint["optimizer"])


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name):
    there_and_back(trained("SGD", name)["scheduler"], {})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_training_goes_on_in_the_other_library(name, form):
    """Two steps in torch, the checkpoint to plugrad, two steps there, the checkpoint back: as four steps in torch."""

    def parts(lib):
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 1))
        optimizer = getattr(lib.optim, name)(model.parameters(), lr=0.1, **({"momentum": 0.9} if name == "SGD" else {}))
        return model, optimizer, lib.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    def steps(lib, model, optimizer, schedule):
        for _ in range(2):
            optimizer.zero_grad()
            model(lib.linspace(-1, 1, 12).reshape(4, 3)).square().mean().backward()
            optimizer.step()
            schedule.step()

    def moved(saver, loader, source, target):
        state = through(saver, loader, [part.state_dict() for part in source], **FORMATS[form])
        for part, loaded in zip(target, state, strict=True):
            part.load_state_dict(loaded)
        assert frozen([part.state_dict() for part in target]) == frozen([part.state_dict() for part in source])

    straight, first, middle, last = parts(torch), parts(torch), parts(plugrad), parts(torch)
    steps(torch, *straight)
    steps(torch, *straight)
    steps(torch, *first)
    moved(torch.save, load, first, middle)
    steps(plugrad, *middle)
    moved(save, torch.load, middle, last)
    for ours, theirs in zip(last[0].parameters(), straight[0].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    assert last[1].param_groups[0]["lr"] == straight[1].param_groups[0]["lr"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if hasattr(plugrad.optim.lr_scheduler, name)])
def test_schedulers_of_plugrad_are_taken_over_by_torch(name, form):
    def parts(lib):
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.9)
        return optimizer, getattr(lib.optim.lr_scheduler, name)(optimizer, *SCHEDULERS[name])

    def step(optimizer, schedule):
        optimizer.step()
        schedule.step(*([1.0] if name == "ReduceLROnPlateau" else []))

    ours, theirs, straight = parts(plugrad), parts(torch), parts(torch)
    for _ in range(3):
        step(*ours)
        step(*straight)
    state = through(save, torch.load, [part.state_dict() for part in ours], **FORMATS[form])
    for part, loaded in zip(theirs, state, strict=True):
        part.load_state_dict(loaded)
    for _ in range(3):
        assert theirs[0].param_groups[0]["lr"] == pytest.approx(straight[0].param_groups[0]["lr"], rel=1e-12)
        step(*theirs)
        step(*straight)


def test_safetensors_both_ways(tmp_path):
    library = pytest.importorskip("safetensors.torch")
    from plugrad.safetensors import load_file, save_file

    theirs = {name: torch.tensor([[0, 1, 1]]).to(getattr(torch, name)) for name in DTYPES if name != "complex128"}
    theirs |= {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3)}
    theirs |= {name: t for name, t in Net().state_dict().items() if not name.startswith("tied.")}
    library.save_file(theirs, tmp_path / "theirs.safetensors", {"format": "pt"})
    ours = load_file(tmp_path / "theirs.safetensors")
    assert {name: bits(t) for name, t in ours.items()} == {name: bits(t) for name, t in theirs.items()}
    save_file(ours, tmp_path / "ours.safetensors", {"format": "pt"})
    back = library.load_file(tmp_path / "ours.safetensors")
    assert {name: bits(t) for name, t in back.items()} == {name: bits(t) for name, t in theirs.items()}
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_npz_both_ways():
    state = trained("Adam")["model"]
    file = io.BytesIO()
    np.savez(file, **{name: t.numpy() for name, t in state.items()})
    ours = load_npz(io.BytesIO(file.getvalue()))
    assert {name: bits(t) for name, t in ours.items()} == {name: bits(t) for name, t in state.items()}
    again = io.BytesIO()
    save_npz(ours, again)
    found = np.load(io.BytesIO(again.getvalue()), allow_pickle=False)
    assert {name: bits(torch.from_numpy(found[name])) for name in found} == {n: bits(t) for n, t in state.items()}


# --- what no torch of today writes, but what it reads ---


def test_views_of_storages_mean_what_they_mean_in_torch():
    whole = ("storage", Name("torch", "FloatStorage"), "0", "cpu", 12)
    views = [Persistent((*whole, view)) for view in (None, ("1", 4, 8), ("2", 5, 2))]
    sizes = [((3, 4), (4, 1)), ((2, 3), (1, 2)), ((2,), (1,))]
    pickled = assemble([assembled(v, size=n, stride=s) for v, (n, s) in zip(views, sizes, strict=True)])
    data = np.int64(12).tobytes() + np.arange(12, dtype="float32").tobytes()
    content = legacy_of(pickled, ["0"], data)
    ours, theirs = load(io.BytesIO(content)), torch.load(io.BytesIO(content))
    assert frozen(ours) == frozen(theirs)


def test_tar_archives_mean_what_they_mean_in_torch(tmp_path):
    storages = [
        (101, "cpu", "FloatStorage", 12, np.arange(12, dtype="float32").tobytes()),
        (102, "cpu", "LongStorage", 2, np.array([7, -8]).tobytes()),
    ]
    tensors = [
        (1, 101, "FloatTensor", (3, 4), (4, 1), 0),
        (2, 101, "FloatTensor", (4, 2), (1, 4), 1),
        (3, 103, "FloatTensor", (2,), (3,), 1),
        (4, 102, "LongTensor", (2,), (1,), 0),
    ]
    pickled = assemble({"w": Persistent("1"), "t": Persistent("2"), "v": Persistent("3"), "n": [Persistent("4"), "x"]})
    path = tmp_path / "old.pth"
    path.write_bytes(tar_of(storages, [(103, 101, 4, 8)], tensors, pickled))
    theirs = torch.load(path, weights_only=False)
    assert frozen(load(path)) == frozen(theirs)
