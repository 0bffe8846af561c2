"""The examples run, make what they promise, and go on after an interrupt as if there had been none."""

import importlib.util
import signal
import sys
from pathlib import Path

import pytest

import plugrad

pytest.importorskip("matplotlib", reason='needs "plugrad[examples]"')
pytest.importorskip("sklearn", reason='needs "plugrad[examples]"')
pytest.importorskip("tqdm", reason='needs "plugrad[examples]"')
read_safetensors = pytest.importorskip("safetensors.numpy", reason='needs "plugrad[examples]"').load_file

pytestmark = pytest.mark.device
EXAMPLES = Path(__file__).parents[1] / "examples"
EXTRAS = {"finetune": ["matplotlib.figure", "safetensors", "sklearn.datasets", "tqdm"]}
EXTRAS["custom_function"] = ["matplotlib.figure"]


@pytest.fixture(scope="module")
def device_name(request):
    """The device under test: a backend's name is also a device type."""
    name = request.config.getoption("--backend")
    return "cpu" if name == "numpy" else name


@pytest.fixture(scope="module")
def tiny(device_name):
    """Arguments of a run of 2 batches an epoch, 12 in all."""
    return ["--epochs", "2", "--limit", "64", "--quiet", "--device", device_name]


def load(name):
    """The example as a module of its own, whatever else is imported."""
    spec = importlib.util.spec_from_file_location(f"plugrad_example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def is_png(path):
    data = path.read_bytes()
    return data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) > 20_000


@pytest.fixture(scope="module")
def finetune():
    return load("finetune")


@pytest.fixture(scope="module")
def whole_run(finetune, tiny, tmp_path_factory):
    """The folder of a tiny run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole")
    assert finetune.main([*tiny, "--out", str(out)]) == 0
    return out


@pytest.fixture
def no_picture(finetune, monkeypatch):
    """Leaves out the picture, which takes longer than the tiny run."""
    monkeypatch.setattr(finetune, "draw", lambda *arguments: None)


def results(out):
    """All that must not depend on whether the run was interrupted: weights, momentum, random state, history."""
    state = plugrad.load(out / "checkpoint.pth")
    history = state["progress"]["history"]
    momentum = {i: entry["momentum_buffer"].tolist() for i, entry in state["optimizer"]["state"].items()}
    return (out / "finetuned.safetensors").read_bytes(), history, momentum, state["random"].tolist()


@pytest.fixture(autouse=True)
def interruptible():
    """A process that a shell started in the background ignores Ctrl-C, and Python then installs no handler."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_before_step(finetune, monkeypatch, step):
    """Sends this process a Ctrl-C when so many steps are done."""
    original, steps = finetune.train_batch, []

    def train_batch(*arguments):
        if len(steps) == step:
            signal.raise_signal(signal.SIGINT)
        steps.append(step)
        return original(*arguments)

    monkeypatch.setattr(finetune, "train_batch", train_batch)


def test_finetune_writes_its_files(whole_run):
    names = {"pretrained.pth", "checkpoint.pth", "finetuned.safetensors", "finetune.png"}
    assert {path.name for path in whole_run.iterdir()} == names
    assert is_png(whole_run / "finetune.png")
    weights = read_safetensors(whole_run / "finetuned.safetensors")
    assert weights["fc.weight"].shape == (5, 256)
    assert weights["block3.norm2.num_batches_tracked"] == 4 + 4  # it was trained in the first and the last stage


def test_finetune_shows_a_summary(finetune, tiny, whole_run, no_picture, capsys):
    assert finetune.main([*tiny, "--resume", "--out", str(whole_run)]) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()[:4]]
    assert header == ["stage", "parameters", "trainable", "frozen", "epochs", "time", "held-out"]
    assert rows[0][1:5] == ["78,389", "78,389", "0", "2"]
    assert rows[1][1:5] == ["78,389", "1,285", "77,104", "2"]
    assert rows[2][2:6] == ["78,389", "59,013", "19,376", "2"]
    assert all(row[-1].endswith("%") for row in rows)


def test_finetune_trains_what_is_not_frozen_and_nothing_else(whole_run):
    before = plugrad.load(whole_run / "pretrained.pth", map_location="cpu")
    after = read_safetensors(whole_run / "finetuned.safetensors")
    assert before.keys() == after.keys()
    changed = {name.split(".")[0] for name in after if before[name].numpy().tobytes() != after[name].tobytes()}
    assert changed == {"block3", "fc"}


@pytest.mark.parametrize("step", [0, 3, 5, 11])
def test_an_interrupted_run_goes_on_to_the_same_numbers(
    finetune, tiny, whole_run, tmp_path, no_picture, monkeypatch, capsys, step
):
    arguments = [*tiny, "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        interrupt_before_step(finetune, patch, step)
        assert finetune.main(arguments) == 130
    assert "--resume goes on" in capsys.readouterr().out
    assert len(plugrad.load(tmp_path / "checkpoint.pth")["progress"]["history"]) == step // 2
    plugrad.manual_seed(123)  # the random state is the checkpoint's, not the one found
    assert finetune.main([*arguments, "--resume"]) == 0
    assert results(tmp_path) == results(whole_run)


def test_resuming_a_finished_run_trains_nothing(finetune, tiny, whole_run, no_picture, monkeypatch):
    before = results(whole_run)
    interrupt_before_step(finetune, monkeypatch, 0)
    assert finetune.main([*tiny, "--resume", "--out", str(whole_run)]) == 0
    assert results(whole_run) == before


@pytest.mark.slow
@pytest.mark.cpu  # another backend changes nothing but the time
def test_the_whole_finetuning_is_good_enough(finetune, tmp_path, no_picture):
    assert finetune.main(["--quiet", "--out", str(tmp_path)]) == 0
    history = plugrad.load(tmp_path / "checkpoint.pth")["progress"]["history"]
    pretrained, head, last_block = (history[i * len(history) // 3 - 1][4] for i in (1, 2, 3))
    assert pretrained >= 0.96
    assert head >= 0.90
    assert last_block >= 0.96


def test_resuming_with_other_numbers_is_refused(finetune, tiny, whole_run):
    with pytest.raises(SystemExit, match=r"'seed': 0.*not with.*'seed': 1"):
        finetune.main([*tiny, "--seed", "1", "--resume", "--out", str(whole_run)])


def test_resuming_from_nothing_starts(finetune, tiny, whole_run, tmp_path, no_picture):
    assert finetune.main([*tiny, "--resume", "--out", str(tmp_path)]) == 0
    assert results(tmp_path) == results(whole_run)


def test_an_interrupted_save_keeps_the_old_file(finetune, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pth"
    finetune.save_atomically({"epoch": 1}, path)

    def save_half(state, part):
        part.write_bytes(b"PK half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(plugrad, "save", save_half)
    with pytest.raises(KeyboardInterrupt):
        finetune.save_atomically({"epoch": 2}, path)
    assert plugrad.load(path) == {"epoch": 1}


def test_a_changed_frozen_weight_is_found(finetune):
    model = finetune.ResNet()
    loaded = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    finetune.freeze(model.block1)
    finetune.assert_frozen_unchanged(model, loaded)
    with plugrad.no_grad():
        model.block1.norm1.running_mean[3] += 1e-6
    with pytest.raises(AssertionError, match=r"block1\.norm1\.running_mean is frozen, but has changed"):
        finetune.assert_frozen_unchanged(model, loaded)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_missing_extra_is_named(name, monkeypatch):
    for extra in EXTRAS[name]:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, extra, None)
            with pytest.raises(ImportError, match=rf'needs {extra}.*pip install "plugrad\[examples\]"'):
                load(name)


def test_custom_function_fits_the_sine(device_name, tmp_path, capsys):
    losses = load("custom_function").main(["--steps", "60", "--device", device_name, "--out", str(tmp_path)])
    assert "the derivative of P3 is right" in capsys.readouterr().out
    assert all(len(values) == 60 and values == sorted(values, reverse=True) for values in losses.values())
    assert losses["cubic"][-1] < losses["cubic"][0] / 30
    assert losses["Legendre"][0] == pytest.approx(461.9, rel=1e-3)
    assert losses["Legendre"][-1] == pytest.approx(244.29, rel=1e-3)
    assert is_png(tmp_path / "custom_function.png")


def forgets_grad_output(ctx, grad_output):
    (u,) = ctx.saved_tensors
    return 1.5 * (5 * u**2 - 1)


def differs_from_the_forward(ctx, grad_output):
    (u,) = ctx.saved_tensors
    return grad_output * 0.7 * (7 * u**3 - 3 * u)


@pytest.mark.parametrize("backward", [forgets_grad_output, differs_from_the_forward])
def test_custom_function_would_notice_a_wrong_derivative(device_name, monkeypatch, backward):
    example = load("custom_function")
    monkeypatch.setattr(example.LegendrePolynomial3, "backward", staticmethod(backward))
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0"):
        example.check_derivative(device_name)
