"""A variational autoencoder on handwritten digits: it learns to draw digits that nobody has written.

    python examples/vae.py                   # about 20 seconds; the picture lies in out/vae

The 1,797 digits of 8 x 8 pixels come with scikit-learn, so nothing is downloaded. The encoder turns a digit into a
normal distribution over 8 latent numbers, the decoder turns latent numbers into the probability of ink in each pixel.
Trained is the evidence lower bound, ELBO = E[log p(x | z)] - KL(q(z | x) || p(z)), in nats for an image; a pixel's grey
counts as its share of ink, so the bound is below 0 and its greatest value is not 0.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import plugrad
import plugrad.nn.functional as F
from plugrad import Tensor, nn, optim
from plugrad.utils.data import DataLoader, TensorDataset
from plugrad.utils.training import BestCheckpoint, CSVLogger, EarlyStopping, Mean, progress

try:
    import tqdm  # noqa: F401 - of progress(); better missed now
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

LATENT = 8
WIDTH = 256
BATCH_SIZE = 64
RATE = 2e-3
DRAWS = 16  # of z for each held-out image
PATIENCE = 15  # epochs


# --- the model ---


class VAE(nn.Module):
    """Images (N, 64) from 0 to 1; a standard normal prior, a diagonal normal posterior, Bernoulli pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 2 * LATENT)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 64)
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z | x), each (N, LATENT)."""
        mean, log_variance = self.encoder(images).chunk(2, 1)
        return mean, log_variance

    def draw(self, latent: Tensor) -> Tensor:
        """The probability of ink in each pixel."""
        return self.decoder(latent).sigmoid()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """E[-log p(x | z)], by one draw of z, and the KL divergence: each (N), in nats."""
        mean, log_variance = self.encode(images)
        latent = mean + (log_variance / 2).exp() * plugrad.randn_like(mean)  # the gradient goes through the draw
        missed = F.binary_cross_entropy_with_logits(self.decoder(latent), images, reduction="none").sum(1)
        return missed, kl_to_standard_normal(mean, log_variance)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) = (variance + mean² - 1 - log variance) / 2, summed over the latent numbers."""
    return 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(1)


# --- training ---


@dataclass
class Epoch:
    """What the picture shows of an epoch: ELBO of training and held-out images, and the latter's KL."""

    train: float
    held_out: float
    kl: float


def digits(seed: int, limit: int, device: str) -> tuple[TensorDataset, Tensor]:
    """Images for training, and a fifth held out, every digit in the same share."""
    images, labels = load_digits(return_X_y=True)
    train, held_out = train_test_split(images / 16, test_size=0.2, stratify=labels, random_state=seed)
    train, held_out = (plugrad.tensor(part, dtype=plugrad.float32, device=device) for part in (train, held_out))
    return TensorDataset(train[: limit or None]), held_out


def train_epoch(model: VAE, optimizer: optim.Optimizer, batches: DataLoader) -> float:
    """All batches once; the mean ELBO on the way."""
    model.train()
    elbo = Mean()
    for (images,) in batches:
        missed, kl = model(images)
        loss = (missed + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        elbo.update(-loss, weight=len(images))
    return elbo.compute()


@plugrad.no_grad()
def evaluate(model: VAE, images: Tensor) -> tuple[float, float]:
    """Mean ELBO over several draws of z, and the mean KL."""
    model.eval()
    elbo, divergence = Mean(), Mean()
    for _ in range(DRAWS):
        missed, kl = model(images)
        elbo.update(-(missed + kl))
        divergence.update(kl)
    return elbo.compute(), divergence.compute()


def train(model: VAE, data: TensorDataset, held_out: Tensor, options: argparse.Namespace) -> list[Epoch]:
    """Epochs until the held-out ELBO no longer rises; the model has the best weights then."""
    optimizer = optim.Adam(model.parameters(), lr=RATE)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs, eta_min=RATE / 20)
    batches = DataLoader(data, BATCH_SIZE, shuffle=True)
    stopping, best = EarlyStopping(PATIENCE, mode="max"), BestCheckpoint(options.out / "vae.pth", mode="max")
    epochs: list[Epoch] = []
    with (
        CSVLogger(options.out / "log.csv") as log,
        progress(range(options.epochs), "training", unit="epoch", disable=options.quiet) as bar,
    ):
        for _ in bar:
            epoch = Epoch(train_epoch(model, optimizer, batches), *evaluate(model, held_out))
            schedule.step()
            epochs.append(epoch)
            log.write(epoch=len(epochs), **vars(epoch))
            bar.set_postfix(training=f"{epoch.train:.2f}", held_out=f"{epoch.held_out:.2f}")
            best.step(epoch.held_out, model)
            if stopping.step(epoch.held_out):
                break
    best.restore(model, map_location=options.device)
    return epochs


# --- the picture ---


@plugrad.no_grad()
def draw(epochs: list[Epoch], model: VAE, held_out: Tensor, path: Path) -> None:
    """The ELBO of every epoch; held-out digits above what the model makes of them; digits out of nothing."""
    figure = Figure(figsize=(11, 8.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    draw_curves(above, epochs)
    left, right = below.subfigures(1, 2, wspace=0.06)
    originals = held_out[:32]
    rebuilt = model.draw(model.encode(originals)[0])
    rows = [part for pair in zip(originals.split(8), rebuilt.split(8), strict=True) for part in pair]
    draw_grid(left, plugrad.cat(rows), "held-out digits, each above its reconstruction")
    draw_grid(right, model.draw(plugrad.randn(64, LATENT, device=held_out.device)), "drawn from the prior")
    figure.savefig(path, dpi=150)


def draw_curves(figure, epochs: list[Epoch]) -> None:
    left, right = figure.subplots(1, 2)
    numbers = range(1, len(epochs) + 1)
    left.plot(numbers, [epoch.train for epoch in epochs], color="tab:blue", label="training")
    left.plot(numbers, [epoch.held_out for epoch in epochs], color="tab:orange", label="held out")
    left.set(title="ELBO in nats for an image", xlabel="epoch")
    if len(epochs) > 5:  # the first epochs would flatten all others
        lowest = min(epochs[4].train, epochs[4].held_out)
        left.set_ylim(bottom=lowest - 1)
    left.legend(frameon=False, loc="lower right")
    right.plot(numbers, [epoch.kl for epoch in epochs], color="tab:green")
    right.set(title="KL of held-out digits in nats", xlabel="epoch", ylim=(0, None))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)


def draw_grid(figure, images: Tensor, title: str) -> None:
    """64 images of 8 x 8 pixels as one."""
    picture = F.pad(images.reshape(8, 8, 8, 8), (1, 1, 1, 1)).permute(0, 2, 1, 3).reshape(80, 80)
    axes = figure.subplots()
    axes.imshow(picture.cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
    axes.set_title(title)


# --- the command line ---


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--epochs", type=int, default=150, help="at most so many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, split, order and draws (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/vae"), help="where files go (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="two epochs on 256 digits, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    options = parse(arguments)
    if options.quick:
        options.epochs = 2
    plugrad.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    data, held_out = digits(options.seed, 256 if options.quick else 0, options.device)
    model = VAE().to(options.device)
    first, _ = evaluate(model, held_out)
    epochs = train(model, data, held_out, options)
    elbo, kl = evaluate(model, held_out)
    draw(epochs, model, held_out, options.out / "vae.png")
    print(f"held-out ELBO: {first:.2f} nats before training, {elbo:.2f} after {len(epochs)} epochs, {kl:.2f} of it KL")
    print(f"written to {options.out}: vae.pth, log.csv, vae.png")
    return {"first": first, "elbo": elbo, "kl": kl, "epochs": len(epochs)}


if __name__ == "__main__":
    main()
