"""An LSTM learns a chaotic series by heart and goes on with it on its own.

    python examples/lstm.py                  # about ten seconds; the picture lies in out/lstm

The series is that of Mackey and Glass, dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t), a model of how the body
regulates its blood cells. It is computed here, so nothing is downloaded. The LSTM is trained to tell the next value from
those before; then it reads a part of the series that it has not seen, and goes on by reading its own answers. Neighbouring
courses drift apart, so every forecast fails in the end; the measure is the usual one, the error 84 units of time ahead as
a share of the series' deviation (NRMSE). It stands beside that of a linear model and of repeating the last value.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import plugrad
import plugrad.nn.functional as F
from plugrad import Tensor, nn, optim
from plugrad.utils.training import BestCheckpoint, CSVLogger, Mean, progress

try:
    import tqdm  # noqa: F401 - of progress(); better missed now
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

DELAY = 17.0
SAMPLED = 3.0  # units of time between two values
AHEAD = 28  # values: 84 units
SHOWN = 160  # values of the forecast in the picture
LENGTH = 4000  # values, of which the last fifth is held out
READ = 60  # values before a forecast begins
HIDDEN = 48
BATCH_SIZE = 32
WINDOW = 90  # values a training sequence has
RATE = 1e-2
LARGEST_NORM = 1.0
EVALUATIONS = 20
PAST = 20  # values that the linear model sees


# --- the series ---


def mackey_glass(length: int, substeps: int = 30) -> Tensor:
    """Values at every SAMPLED units of time, by the midpoint rule in steps of a tenth; the beginning is left out."""
    step = SAMPLED / substeps
    back = round(DELAY / step)
    course = [1.2] * (back + 1)
    for _ in range((length + 100) * substeps):
        x, delayed, later = course[-1], course[-1 - back], course[-back]
        halfway = x + step / 2 * rate(x, delayed)
        course.append(x + step * rate(halfway, (delayed + later) / 2))
    return plugrad.tensor(course[back + 1 :: substeps][100 : 100 + length])


def rate(x: float, delayed: float) -> float:
    return 0.2 * delayed / (1 + delayed**10) - 0.1 * x


@dataclass
class Series:
    """Values with mean 0 and deviation 1."""

    train: Tensor
    held_out: Tensor

    @classmethod
    def of(cls, values: Tensor, device: str) -> Series:
        cut = len(values) * 4 // 5
        values = ((values - values[:cut].mean()) / values[:cut].std()).to(device)
        return cls(values[:cut], values[cut:])


def windows(values: Tensor, length: int, count: int) -> Tensor:
    """Parts (count, length) that lie evenly over the series."""
    starts = plugrad.linspace(0, len(values) - length, count, device=values.device).long()
    return values[starts.unsqueeze(1) + plugrad.arange(length, device=values.device)]


# --- the model ---


class Forecaster(nn.Module):
    """Values (N, L) to the ones that follow each of them; the state goes from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, values: Tensor, state: tuple[Tensor, Tensor] | None = None):
        hidden, state = self.lstm(values.unsqueeze(2), state)
        return values + self.head(hidden).squeeze(2), state  # the network answers with the change

    @plugrad.no_grad()
    def go_on(self, values: Tensor, count: int) -> Tensor:
        """Reads values (N, L), and foretells as many more by reading its own answers: (N, count)."""
        answers, state = self(values)
        told = [answers[:, -1:]]
        while len(told) < count:
            answer, state = self(told[-1], state)
            told.append(answer)
        return plugrad.cat(told, 1)


class Linear:
    """The next value as a weighted sum of those before it, by least squares."""

    def __init__(self, values: Tensor) -> None:
        parts = windows(values, PAST + 1, len(values) - PAST)
        self.weights = plugrad.linalg.lstsq(parts[:, :-1], parts[:, -1:]).solution

    def go_on(self, values: Tensor, count: int) -> Tensor:
        for _ in range(count):
            values = plugrad.cat([values, values[:, -PAST:] @ self.weights], 1)
        return values[:, -count:]


# --- training ---


def train_batch(model: Forecaster, optimizer: optim.Optimizer, values: Tensor) -> Tensor:
    """One step on windows from places drawn at random; the mean squared error."""
    starts = plugrad.randint(len(values) - WINDOW, (BATCH_SIZE, 1), device=values.device)
    parts = values[starts + plugrad.arange(WINDOW + 1, device=values.device)]
    loss = F.mse_loss(model(parts[:, :-1])[0], parts[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
    optimizer.step()
    return loss.detach()


@dataclass
class Point:
    """The figures at a step: root mean squared error of the next value in training, NRMSE of forecasts."""

    step: int
    training: float
    forecast: float


def train(model: Forecaster, series: Series, options: argparse.Namespace) -> list[Point]:
    """The model has the weights of the best forecasts in the end; these are made inside the training part."""
    optimizer = optim.Adam(model.parameters(), lr=RATE)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    best, points, recent = BestCheckpoint(options.out / "lstm.pth"), [], Mean()
    with (
        CSVLogger(options.out / "log.csv") as log,
        progress(range(1, options.steps + 1), "training", unit="step", disable=options.quiet) as bar,
    ):
        for step in bar:
            recent.update(train_batch(model, optimizer, series.train))
            schedule.step()
            if step % max(1, options.steps // EVALUATIONS) == 0:
                points.append(Point(step, recent.compute() ** 0.5, errors(model, series.train)[-1].item()))
                recent.reset()
                best.step(points[-1].forecast, model)
                log.write(**vars(points[-1]))
                bar.set_postfix(next=f"{points[-1].training:.4f}", forecast=f"{points[-1].forecast:.3f}")
    best.restore(model, map_location=options.device)
    return points


def errors(model: Forecaster | Linear, values: Tensor, count: int = AHEAD, places: int = 100) -> Tensor:
    """NRMSE of forecasts from many places, for each number of values ahead."""
    parts = windows(values, READ + count, places)
    told = model.go_on(parts[:, :READ], count)
    return (told - parts[:, READ:]).pow(2).mean(0).sqrt() / values.std()


def errors_of_repeating(values: Tensor, count: int, places: int = 100) -> Tensor:
    parts = windows(values, READ + count, places)
    return (parts[:, READ - 1 : READ] - parts[:, READ:]).pow(2).mean(0).sqrt() / values.std()


# --- the picture ---


def draw(model: Forecaster, linear: Linear, points: list[Point], series: Series, path: Path) -> None:
    """A forecast above; how the errors grow with time, and how training went, below."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    above, below = figure.subfigures(2, 1)
    draw_forecast(above.subplots(), model, linear, series.held_out[: READ + SHOWN])
    growth, training = below.subplots(1, 2)
    count = 100
    time = [SAMPLED * (i + 1) for i in range(count)]
    curves = {
        "LSTM": errors(model, series.held_out, count),
        "linear": errors(linear, series.held_out, count),
        "last value": errors_of_repeating(series.held_out, count),
    }
    for (name, values), color in zip(curves.items(), ("tab:orange", "tab:green", "0.7"), strict=True):
        growth.plot(time, values.cpu().numpy(), color=color, label=name)
    growth.axvline(SAMPLED * AHEAD, color="0.6", linestyle=":", linewidth=1)
    growth.set(title="held-out error of forecasts (NRMSE)", xlabel="units of time ahead", ylim=(0, 2.3))
    steps = [point.step for point in points]
    training.plot(steps, [point.training for point in points], color="tab:blue", label="next value (RMSE)")
    training.plot(steps, [point.forecast for point in points], color="tab:orange", label="84 units ahead (NRMSE)")
    training.set(title="training", xlabel="step", yscale="log")
    for axes, columns in ((growth, 3), (training, 1)):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=columns, loc="upper right")
    figure.savefig(path, dpi=150)


def draw_forecast(axes, model: Forecaster, linear: Linear, values: Tensor) -> None:
    """The series, and what the models make of its beginning."""
    count = len(values) - READ
    time = [SAMPLED * (i - READ + 1) for i in range(len(values))]
    axes.plot(time, values.cpu().numpy(), color="0.75", linewidth=4, label="the series")
    for name, forecaster, color in (("linear", linear, "tab:green"), ("LSTM", model, "tab:orange")):
        told = forecaster.go_on(values[:READ].unsqueeze(0), count)[0]
        axes.plot(time[READ:], told.cpu().numpy(), color=color, linewidth=1.5, label=name)
    axes.axvspan(time[0], 0, color="0.96", zorder=0)
    axes.text(time[0] + 3, 1.02, "read", transform=axes.get_xaxis_transform(), color="0.4")
    axes.text(3, 1.02, "foretold", transform=axes.get_xaxis_transform(), color="0.4")
    axes.set(xlabel="units of time", xlim=(time[0], time[-1]))
    axes.set_title("a held-out part of the series, and how the models go on", pad=20)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


# --- the command line ---


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--steps", type=int, default=600, help="of training (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/lstm"), help="where files go (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few steps on a short series, to see that it runs")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    options = parse(arguments)
    if options.quick:
        options.steps = 8
    plugrad.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    series = Series.of(mackey_glass(1200 if options.quick else LENGTH), options.device)
    model = Forecaster().to(options.device)
    points = train(model, series, options)
    linear = Linear(series.train)
    draw(model, linear, points, series, options.out / "lstm.png")
    found = {
        "LSTM": errors(model, series.held_out)[-1].item(),
        "linear": errors(linear, series.held_out)[-1].item(),
        "last value": errors_of_repeating(series.held_out, AHEAD)[-1].item(),
    }
    print("held-out NRMSE 84 units ahead: " + ", ".join(f"{name} {error:.3f}" for name, error in found.items()))
    print(f"written to {options.out}: lstm.pth, log.csv, lstm.png")
    return found


if __name__ == "__main__":
    main()
