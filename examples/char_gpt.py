"""A small GPT that writes character by character: pre-trained on Python's docstrings, fine-tuned on Python's licence.

    python examples/char_gpt.py              # about a minute; what it makes lies in out/char_gpt
    python examples/char_gpt.py --steps 20000 # longer, for better text

Both texts come with the interpreter, so nothing is downloaded: the docstrings of the standard library's modules (some
900,000 characters) and the licence that ``license()`` prints; the help pages of ``pydoc_data.topics`` stand in for it
where an interpreter comes without. A tenth of each is held out. Bits per character say how well a text is foreseen: 6.6
for a guess among all 97 characters, about 2 once spelling and common words are known.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import math
import string
from dataclasses import dataclass
from pathlib import Path

import plugrad
import plugrad.nn.functional as F
from plugrad import Tensor, nn, optim
from plugrad.utils.training import BestCheckpoint, CSVLogger, Perplexity, progress

try:
    import tqdm  # noqa: F401 - of progress(); better missed now
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

CHARACTERS = string.printable[:-5] + "\n\N{REPLACEMENT CHARACTER}"  # the last one stands for all others
CONTEXT = 32
WIDTH = 96
HEADS = 4
BLOCKS = 2
BATCH_SIZE = 12
PRETRAIN_RATE = 6e-3
FINETUNE_RATE = 2e-3
WEIGHT_DECAY = 0.1
LARGEST_NORM = 1.0
WARMUP = 0.05  # of the steps
EVALUATIONS = 12  # a stage


# --- the model ---


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); a character sees itself and those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.to_qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.merge = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.merge(self.attend(self.norm1(x)))
        return x + self.mlp(self.norm2(x))

    def attend(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        qkv = self.to_qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        heads = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return heads.transpose(1, 2).reshape(batch, length, WIDTH)


class GPT(nn.Module):
    """Characters (N, L) to logits (N, L, characters) of the ones that follow."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = nn.Embedding(len(CHARACTERS), WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(CHARACTERS), bias=False)
        self.apply(self.initialize)

    @staticmethod
    def initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.5 / math.sqrt(module.in_features))
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, indices: Tensor) -> Tensor:
        places = plugrad.arange(indices.shape[1], device=indices.device)
        return self.head(self.norm(self.blocks(self.characters(indices) + self.places(places))))


# --- the texts ---


@dataclass
class Text:
    """A text as indices of characters, its last tenth held out."""

    name: str
    train: Tensor
    held_out: Tensor

    @classmethod
    def of(cls, name: str, text: str, device: str) -> Text:
        index = {character: i for i, character in enumerate(CHARACTERS)}
        indices = plugrad.tensor([index.get(character, len(CHARACTERS) - 1) for character in text], device=device)
        cut = len(text) * 9 // 10
        return cls(name, indices[:cut], indices[cut:])

    def batch(self) -> Tensor:
        """Pieces (BATCH_SIZE, CONTEXT + 1) from places drawn at random."""
        starts = plugrad.randint(len(self.train) - CONTEXT, (BATCH_SIZE, 1), device=self.train.device)
        return self.train[starts + plugrad.arange(CONTEXT + 1, device=self.train.device)]

    def held_out_pieces(self, limit: int = 384) -> Tensor:
        """Pieces (N, CONTEXT + 1) that lie evenly over what is held out, at most ``limit`` of them."""
        count = min(limit, (len(self.held_out) - 1) // CONTEXT)
        step = (len(self.held_out) - CONTEXT - 1) // max(count - 1, 1)
        starts = plugrad.arange(count, device=self.held_out.device).unsqueeze(1) * step
        return self.held_out[starts + plugrad.arange(CONTEXT + 1, device=self.held_out.device)]


def docstrings(modules: int) -> str:
    """The docstrings of the standard library's modules, read from their sources; none of them is imported."""
    found: dict[str, None] = {}  # each once, in order
    paths = sorted(Path(ast.__file__).parent.glob("[!_]*.py"))
    for path in paths[:: max(1, len(paths) // modules)] if modules else paths:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                found[ast.get_docstring(node) or ""] = None
    return "\n\n".join(text for text in found if text)


def licence() -> tuple[str, str]:
    """The name and the text of what the model is fine-tuned on."""
    names = [Path(name) for name in vars(builtins.license)["_Printer__filenames"] if Path(name).is_absolute()]
    for path in names:
        if path.is_file():
            return "licence", path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "help pages", "\n".join(topics.values())


# --- training ---


@dataclass
class Stage:
    """What a stage is trained with, and what came of it: bits per character at steps, of training and held-out text."""

    name: str
    steps: int
    rate: float
    curve: list[tuple[int, float, float]]


def train(model: GPT, text: Text, stage: Stage, best: BestCheckpoint, log: CSVLogger, quiet: bool) -> None:
    """AdamW with a warm-up and a cosine; keeps the weights that foresee the held-out text best."""
    optimizer = optim.AdamW(groups(model), lr=stage.rate, betas=(0.9, 0.99))
    schedule = warmup_and_cosine(optimizer, stage.steps)
    recent = Perplexity()
    with progress(desc=f"{stage.name:>10}", total=stage.steps, unit="step", disable=quiet) as bar:
        for step in range(1, stage.steps + 1):
            recent.update(train_batch(model, optimizer, text.batch()))
            schedule.step()
            bar.update()
            if step * EVALUATIONS // stage.steps > (step - 1) * EVALUATIONS // stage.steps:
                seen, unseen = recent.bits(), bits_per_character(model, text)
                recent.reset()
                best.step(unseen, model)
                stage.curve.append((step, seen, unseen))
                log.write(stage=stage.name, step=step, training=seen, held_out=unseen, rate=schedule.get_last_lr()[0])
                bar.set_postfix(training=f"{seen:.2f} bits", held_out=f"{unseen:.2f} bits")
    best.restore(model)


def train_batch(model: GPT, optimizer: optim.AdamW, pieces: Tensor) -> Tensor:
    loss = loss_of(model, pieces)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
    optimizer.step()
    return loss.detach()


def loss_of(model: GPT, pieces: Tensor) -> Tensor:
    """Mean cross-entropy of the next character, in nats."""
    return F.cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())


@plugrad.no_grad()
def bits_per_character(model: GPT, text: Text) -> float:
    perplexity = Perplexity()
    for pieces in text.held_out_pieces().split(8 * BATCH_SIZE):
        perplexity.update(loss_of(model, pieces), weight=len(pieces))
    return perplexity.bits()


def groups(model: GPT) -> list[dict]:
    """Matrices decay; biases and the scales of norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]


def warmup_and_cosine(optimizer: optim.AdamW, steps: int) -> optim.lr_scheduler.SequentialLR:
    warmup = max(1, int(steps * WARMUP))
    schedulers = [
        optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=warmup),
        optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - warmup)),
    ]
    return optim.lr_scheduler.SequentialLR(optimizer, schedulers, [warmup])


@plugrad.no_grad()
def write(model: GPT, beginning: str, length: int, temperature: float = 0.7) -> str:
    """Goes on with a text, one character drawn after the other; less temperature, fewer surprises."""
    device = model.head.weight.device
    indices = plugrad.tensor([[CHARACTERS.index(character) for character in beginning]], device=device)
    for _ in range(length):
        logits = model(indices[:, -CONTEXT:])[:, -1] / temperature
        indices = plugrad.cat([indices, plugrad.multinomial(logits.softmax(-1), 1)], 1)
    return "".join(CHARACTERS[i] for i in indices[0].tolist())


# --- the picture ---


def draw(stages: list[Stage], before: float, path: Path) -> None:
    """Bits per character over the steps of both stages."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots(1, len(stages), sharey=True, width_ratios=(2, 1))
    for panel, stage in zip(axes, stages, strict=True):
        steps, seen, unseen = zip(*stage.curve, strict=True)
        panel.plot(steps, seen, color="tab:blue", label="training")
        panel.plot(steps, unseen, color="tab:orange", label="held out")
        panel.set(title=stage.name, xlabel="step")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="0.92")
    axes[1].axhline(before, color="tab:orange", linestyle=":", label="held out, before")
    axes[0].set_ylabel("bits per character")
    axes[1].legend(frameon=False)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)


# --- the command line ---


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--steps", type=int, default=2000, help="of pre-training; a quarter fine-tunes (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and samples (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/char_gpt"), help="where files go (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few steps on a few modules, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    options = parse(arguments)
    plugrad.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    steps = 8 if options.quick else options.steps
    first = Text.of("docstrings", docstrings(8 if options.quick else 0), options.device)
    second = Text.of(*licence(), options.device)
    model = GPT().to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters; {len(first.train):,} characters of {first.name}")

    pretraining = Stage("pre-train", steps, PRETRAIN_RATE, [])
    finetuning = Stage("fine-tune", max(1, steps // 4), FINETUNE_RATE, [])
    beginning, length = "Licence\n\n", 20 if options.quick else 300
    with CSVLogger(options.out / "log.csv") as log:
        train(model, first, pretraining, BestCheckpoint(options.out / "pretrained.pth"), log, options.quiet)
        before, written_before = bits_per_character(model, second), write(model, beginning, length)
        train(model, second, finetuning, BestCheckpoint(options.out / "finetuned.pth"), log, options.quiet)
    after, written_after = bits_per_character(model, second), write(model, beginning, length)

    draw([pretraining, finetuning], before, options.out / "char_gpt.png")
    print(f"--- written before fine-tuning ---\n{written_before}\n--- and after it ---\n{written_after}\n---")
    docs = bits_per_character(model, first)
    print(
        f"held-out docstrings: {min(row[2] for row in pretraining.curve):.2f} bits per character; {docs:.2f} after it"
    )
    print(f"held-out {second.name}: {before:.2f} bits per character before fine-tuning, {after:.2f} after it")
    print(f"written to {options.out}: pretrained.pth, finetuned.pth, log.csv, char_gpt.png")
    return {"before": before, "after": after, "docstrings": min(row[2] for row in pretraining.curve)}


if __name__ == "__main__":
    main()
