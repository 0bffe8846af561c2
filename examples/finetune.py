"""Fine-tune a small residual network on handwritten digits, from nothing to the saved result.

    python examples/finetune.py              # the whole run; what it makes lies in out/finetune
    python examples/finetune.py --resume     # go on after a Ctrl-C

The 1,797 digits of 8 x 8 pixels come with scikit-learn, so nothing is downloaded. The run has three stages:

1. pre-train on the digits 0-4, and save the weights as `pretrained.pth`;
2. load them into a fresh model, freeze it, give it a new head, and train the head alone on the digits 5-9;
3. unfreeze the last residual block, with a smaller rate than the head's, and go on.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import plugrad
import plugrad.nn.functional as F
from plugrad import Tensor, nn, optim
from plugrad.safetensors import save_file
from plugrad.utils.data import DataLoader, TensorDataset

try:
    import safetensors  # noqa: F401 - needed by the save at the end; better missed now
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from tqdm import tqdm
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

BATCH_SIZE = 32
PRETRAIN_RATE = 0.01
HEAD_RATE = 0.02
BLOCK_RATE = 0.01
MOMENTUM = 0.9


# --- the model ---


class ResidualBlock(nn.Module):
    """y = relu(x' + f(x)): two 3x3 convolutions and, where the shape changes, a 1x1 convolution on the way around."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.around = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.around(x))


class ResNet(nn.Module):
    """Images (N, 1, 8, 8) to logits (N, classes)."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.block1 = ResidualBlock(16, 16)
        self.block2 = ResidualBlock(16, 32, stride=2)
        self.block3 = ResidualBlock(32, 64, stride=2)
        self.fc = nn.Linear(64 * 2 * 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.block3(self.block2(self.block1(self.stem(x)))).flatten(1))


# --- the digits ---


@dataclass
class Digits:
    """Images of some of the digits; a label counts from the lowest of them."""

    train: TensorDataset
    test: TensorDataset

    def batches(self) -> DataLoader:
        return DataLoader(self.train, BATCH_SIZE, shuffle=True)


def load_five_digits(first: int, settings: Settings) -> Digits:
    """The digits first .. first + 4, a quarter of them held out, every digit in the same share."""
    images, labels = load_digits(return_X_y=True)
    chosen = (labels >= first) & (labels < first + 5)
    images, labels = images[chosen].reshape(-1, 1, 8, 8) / 16, labels[chosen] - first
    parts = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=settings.seed)
    train_images, test_images, train_labels, test_labels = parts
    limit = settings.limit or len(train_images)
    return Digits(
        to_dataset(train_images[:limit], train_labels[:limit], settings.device),
        to_dataset(test_images, test_labels, settings.device),
    )


def to_dataset(images, labels, device: str) -> TensorDataset:
    return TensorDataset(
        plugrad.tensor(images, dtype=plugrad.float32, device=device),
        plugrad.tensor(labels, dtype=plugrad.int64, device=device),
    )


# --- freezing: PyTorch's way, step by step; plugrad.nn.freeze(model) is all of it in one call ---


def freeze(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad = False


def unfreeze(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad = True


def frozen_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Each layer that has parameters of its own, none of which is trained."""
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            yield name, module


def train_mode(model: nn.Module) -> None:
    """Training mode, but not for frozen layers: BatchNorm would move its running statistics, frozen weights or not."""
    model.train()
    for _, module in frozen_modules(model):
        module.eval()


def assert_frozen_unchanged(model: nn.Module, loaded: dict[str, Tensor]) -> None:
    """Every weight and statistic of a frozen layer has the very bits that were loaded."""
    for path, module in frozen_modules(model):
        for name, tensor in module.state_dict(prefix=path + ".").items():
            assert to_bytes(tensor) == to_bytes(loaded[name]), f"{name} is frozen, but has changed"


def to_bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().numpy().tobytes()


# --- the three stages ---

STAGES = ("pre-train", "head", "last block")
FIRST_DIGIT = (0, 5, 5)
DEFAULT_EPOCHS = 10


def begin_stage(stage: int, model: nn.Module, optimizer: optim.SGD, settings: Settings):
    """The model and the optimizer as the stage starts with them; those of the stage before it are given."""
    if stage == 0:
        model = ResNet().to(settings.device)
        optimizer = optim.SGD(model.parameters(), lr=PRETRAIN_RATE, momentum=MOMENTUM)
    elif stage == 1:
        model = load_pretrained(settings)
        freeze(model)
        model.fc = nn.Linear(model.fc.in_features, 5, device=settings.device)
        optimizer = optim.SGD(model.fc.parameters(), lr=HEAD_RATE, momentum=MOMENTUM)
    else:
        unfreeze(model.block3)
        optimizer.add_param_group({"params": model.block3.parameters(), "lr": BLOCK_RATE})
    return model, optimizer


def end_stage(stage: int, model: nn.Module, settings: Settings) -> None:
    if stage == 0:
        save_atomically(model.state_dict(), settings.pretrained)
    else:
        assert_frozen_unchanged(model, plugrad.load(settings.pretrained, map_location="cpu"))


def load_pretrained(settings: Settings) -> ResNet:
    model = ResNet().to(settings.device)
    model.load_state_dict(plugrad.load(settings.pretrained, map_location=settings.device))
    return model


# --- training ---


def train_batch(model: nn.Module, optimizer: optim.SGD, images: Tensor, labels: Tensor) -> tuple[float, int]:
    """One step of the optimizer; the mean loss, and how many images were right."""
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), count_right(logits, labels)


def count_right(logits: Tensor, labels: Tensor) -> int:
    return (logits.argmax(1) == labels).sum().item()


def train_epoch(model: nn.Module, optimizer: optim.SGD, batches: DataLoader, bar: tqdm) -> tuple[float, float]:
    """All batches once; the mean loss and the accuracy over them."""
    train_mode(model)
    total_loss, right, seen = 0.0, 0, 0
    for images, labels in batches:
        loss, hits = train_batch(model, optimizer, images, labels)
        total_loss, right, seen = total_loss + loss * len(labels), right + hits, seen + len(labels)
        bar.set_postfix(loss=f"{total_loss / seen:.3f}", accuracy=f"{right / seen:.1%}", refresh=False)
        bar.update()
    return total_loss / seen, right / seen


@plugrad.no_grad()
def evaluate(model: nn.Module, held_out: TensorDataset) -> tuple[float, float]:
    """Mean loss and accuracy on images that no stage trains on."""
    model.eval()
    images, labels = held_out.tensors
    logits = model(images)
    return F.cross_entropy(logits, labels).item(), count_right(logits, labels) / len(labels)


def run(settings: Settings) -> Progress:
    """All stages, or what is left of them."""
    progress, model, optimizer = resume(settings) if settings.resumes else start(settings)
    while True:
        train_stage(progress, model, optimizer, settings)
        end_stage(progress.stage, model, settings)
        if progress.stage == len(STAGES) - 1:
            break
        progress.stage, progress.epoch = progress.stage + 1, 0
        model, optimizer = begin_stage(progress.stage, model, optimizer, settings)
        save_checkpoint(progress, model, optimizer, settings)
    save_file(model.state_dict(), settings.out / "finetuned.safetensors")
    draw(progress, model, load_five_digits(FIRST_DIGIT[-1], settings).test, settings.out / "finetune.png")
    return progress


def train_stage(progress: Progress, model: nn.Module, optimizer: optim.SGD, settings: Settings) -> None:
    """The epochs of this stage that are left, with a checkpoint after each."""
    digits = load_five_digits(FIRST_DIGIT[progress.stage], settings)
    batches = digits.batches()
    progress.sizes[progress.stage] = count_parameters(model)
    with tqdm(
        desc=f"{STAGES[progress.stage]:>10}",
        total=settings.epochs * len(batches),
        initial=progress.epoch * len(batches),
        unit="batch",
        disable=settings.quiet,
    ) as bar:
        while progress.epoch < settings.epochs:
            begin = time.perf_counter()
            loss, accuracy = train_epoch(model, optimizer, batches, bar)
            test_loss, test_accuracy = evaluate(model, digits.test)
            progress.history.append([progress.stage, loss, accuracy, test_loss, test_accuracy])
            progress.seconds[progress.stage] += time.perf_counter() - begin
            progress.epoch += 1
            save_checkpoint(progress, model, optimizer, settings)


def count_parameters(model: nn.Module) -> list[int]:
    """How many parameters are trained, and how many are frozen."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return [trained, sum(parameter.numel() for parameter in model.parameters()) - trained]


# --- checkpoints ---


@dataclass
class Progress:
    """How far the run is. With the states of model, optimizer and random numbers it is what a checkpoint holds."""

    stage: int = 0
    epoch: int = 0
    history: list[list[float]] = field(default_factory=list)  # stage, loss, accuracy, held-out loss and accuracy
    seconds: list[float] = field(default_factory=lambda: [0.0] * len(STAGES))
    sizes: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in STAGES])  # trained, frozen


def start(settings: Settings):
    plugrad.manual_seed(settings.seed)
    model, optimizer = begin_stage(0, None, None, settings)
    save_checkpoint(Progress(), model, optimizer, settings)
    return Progress(), model, optimizer


def resume(settings: Settings):
    """Builds model and optimizer stage by stage as the first run did, then fills both from the checkpoint."""
    checkpoint = plugrad.load(settings.checkpoint, map_location="cpu")
    if checkpoint["settings"] != settings.numbers:
        raise SystemExit(f"{settings.checkpoint} was made with {checkpoint['settings']}, not with {settings.numbers}")
    progress = Progress(**checkpoint["progress"])
    model = optimizer = None
    for stage in range(progress.stage + 1):
        model, optimizer = begin_stage(stage, model, optimizer, settings)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    plugrad.set_rng_state(checkpoint["random"])
    return progress, model, optimizer


def save_checkpoint(progress: Progress, model: nn.Module, optimizer: optim.SGD, settings: Settings) -> None:
    state = {
        "settings": settings.numbers,
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": plugrad.get_rng_state(),
    }
    save_atomically(state, settings.checkpoint)


def save_atomically(state: dict, path: Path) -> None:
    """Whenever the run is stopped, there is the old file or the new one, and never half a file."""
    part = path.with_suffix(".part")
    plugrad.save(state, part)
    os.replace(part, path)


# --- what is shown ---


def print_summary(progress: Progress) -> None:
    row = "{:<10}  {:>10}  {:>9}  {:>8}  {:>6}  {:>6}  {:>8}"
    print(row.format("stage", "parameters", "trainable", "frozen", "epochs", "time", "held-out"))
    for stage, name in enumerate(STAGES):
        trained, frozen = progress.sizes[stage]
        epochs = [entry for entry in progress.history if entry[0] == stage]
        seconds, accuracy = f"{progress.seconds[stage]:.1f} s", f"{epochs[-1][4]:.1%}"
        print(row.format(name, f"{trained + frozen:,}", f"{trained:,}", f"{frozen:,}", len(epochs), seconds, accuracy))


def draw(progress: Progress, model: nn.Module, held_out: TensorDataset, path: Path) -> None:
    """The curves of all stages above, held-out digits with the model's answers below."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    curves, digits = figure.subfigures(2, 1, height_ratios=(1, 1))
    left, right = curves.subplots(1, 2)
    draw_curve(left, progress, "loss", 1, 3)
    draw_curve(right, progress, "accuracy", 2, 4)
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    draw_digits(digits, model, held_out)
    figure.savefig(path, dpi=150)


def draw_curve(axes, progress: Progress, title: str, trained: int, held_out: int) -> None:
    """One column of the history for the training images, one for the held-out ones; a background for each stage."""
    epochs = range(1, len(progress.history) + 1)
    axes.plot(epochs, [entry[trained] for entry in progress.history], color="tab:blue", label="training")
    axes.plot(epochs, [entry[held_out] for entry in progress.history], color="tab:orange", label="held out")
    for stage, name in enumerate(STAGES):
        inside = [epoch for epoch in epochs if progress.history[epoch - 1][0] == stage]
        axes.axvspan(inside[0] - 0.5, inside[-1] + 0.5, color="0.94" if stage % 2 else "0.98", zorder=0)
        middle = (inside[0] + inside[-1]) / 2
        axes.text(middle, 1.02, name, transform=axes.get_xaxis_transform(), ha="center", color="0.4")
    axes.set(xlabel="epoch", xlim=(0.5, len(epochs) + 0.5))
    axes.set_title(title, pad=22)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center right")


@plugrad.no_grad()
def draw_digits(figure, model: nn.Module, held_out: TensorDataset, rows: int = 3, columns: int = 12) -> None:
    """Held-out images and what the model reads in them, the mistakes first."""
    model.eval()
    images, labels = (tensor.cpu() for tensor in held_out.tensors)
    answers = model(held_out.tensors[0]).argmax(1).cpu()
    first = FIRST_DIGIT[-1]
    order = (answers == labels).to(plugrad.int64).argsort(stable=True).tolist()
    mistakes = (answers != labels).sum().item()
    figure.suptitle(f"held-out digits as the model reads them: {mistakes} of {len(labels)} wrong, shown first in red")
    for axes in figure.subplots(rows, columns).flat:
        axes.axis("off")
    for axes, index in zip(figure.axes, order, strict=False):
        answer, label = answers[index].item() + first, labels[index].item() + first
        axes.imshow(images[index, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        right = answer == label
        axes.set_title(f"{answer}" if right else f"{answer}, is {label}", color="black" if right else "tab:red")


# --- the command line ---


@dataclass(frozen=True)
class Settings:
    """What was asked for on the command line."""

    device: str
    epochs: int
    seed: int
    limit: int
    out: Path
    resume: bool
    quiet: bool

    @property
    def numbers(self) -> dict[str, int]:
        """What the result depends on: a checkpoint can go on with the same values only."""
        return {"epochs": self.epochs, "seed": self.seed, "limit": self.limit}

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pth"

    @property
    def pretrained(self) -> Path:
        return self.out / "pretrained.pth"

    @property
    def resumes(self) -> bool:
        return self.resume and self.checkpoint.exists()


def parse(arguments: list[str] | None) -> Settings:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--epochs", type=int, default=DEFAULT_EPOCHS, help="epochs a stage (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, split and order (default: 0)")
    parser.add_argument("--limit", type=int, default=0, help="train on so many images a stage (default: all)")
    parser.add_argument("--out", type=Path, default=Path("out/finetune"), help="where files go (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint there, if there is one")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return Settings(**vars(parser.parse_args(arguments)))


def main(arguments: list[str] | None = None) -> int:
    settings = parse(arguments)
    settings.out.mkdir(parents=True, exist_ok=True)
    try:
        progress = run(settings)
    except KeyboardInterrupt:
        print(f"\nstopped; {settings.checkpoint} holds all whole epochs: --resume goes on from there")
        return 130
    print_summary(progress)
    print(f"written to {settings.out}: pretrained.pth, checkpoint.pth, finetuned.safetensors, finetune.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
