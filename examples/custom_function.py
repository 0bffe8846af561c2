"""Fit a cubic to one period of the sine: by autograd alone, then with an autograd Function of our own.

    python examples/custom_function.py       # about a second; the picture lies in out/custom_function

The first fit is y = a + b x + c x^2 + d x^3. The second is y = a + b P3(c + d x) with the Legendre polynomial
P3(u) = (5 u^3 - 3 u) / 2, whose derivative 1.5 (5 u^2 - 1) we write ourselves and have checked by gradcheck first.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import plugrad
from plugrad import Tensor
from plugrad.autograd import Function, gradcheck

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(f'this example needs {error.name}: pip install "plugrad[examples]"', name=error.name) from error

CUBIC_RATE = 1e-6  # at 1e-5 the summed loss of 2,000 points grows without bound
LEGENDRE_RATE = 5e-6


class LegendrePolynomial3(Function):
    """P3(u) = (5 u^3 - 3 u) / 2, element by element."""

    @staticmethod
    def forward(ctx, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return 0.5 * (5 * u**3 - 3 * u)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * u**2 - 1)


def check_derivative(device: str) -> None:
    """Compares our backward with finite differences; these need float64, in float32 rounding would drown them."""
    u = plugrad.linspace(-1, 1, 9, dtype=plugrad.float64, device=device, requires_grad=True)
    assert gradcheck(LegendrePolynomial3.apply, (u,))


def cubic(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return a + b * x + c * x**2 + d * x**3


def legendre(x: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return a + b * LegendrePolynomial3.apply(c + d * x)


def fit(model: Callable[..., Tensor], parameters: list[Tensor], rate: float, x: Tensor, y: Tensor, steps: int):
    """Gradient descent on the summed squared error, the update written out; the loss of every step."""
    losses = []
    for _ in range(steps):
        loss = (model(x, *parameters) - y).pow(2).sum()
        loss.backward()
        losses.append(loss.item())
        with plugrad.no_grad():
            for parameter in parameters:
                parameter -= rate * parameter.grad
                parameter.grad = None
    return losses


def random_parameters(device: str) -> list[Tensor]:
    return [plugrad.randn((), device=device, requires_grad=True) for _ in range(4)]


def given_parameters(values: tuple[float, ...], device: str) -> list[Tensor]:
    return [plugrad.full((), value, device=device, requires_grad=True) for value in values]


def draw(x: Tensor, y: Tensor, fits: dict[str, Tensor], losses: dict[str, list[float]], path: Path) -> None:
    """The sine with both fits on the left, the losses on the right."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    curves, descent = figure.subplots(1, 2)
    curves.plot(x.cpu().numpy(), y.cpu().numpy(), color="0.6", linewidth=5, label="sin x")
    for name, fitted in fits.items():
        curves.plot(x.cpu().numpy(), fitted.cpu().numpy(), label=name)
        descent.plot(range(1, len(losses[name]) + 1), losses[name], label=name)
    curves.set(title="one period of the sine", xlabel="x")
    descent.set(title="summed squared error", xlabel="step", yscale="log")
    for axes in (curves, descent):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", "--backend", default="cpu", help="where to compute, such as cuda (default: cpu)")
    parser.add_argument("--points", type=int, default=2000, help="points of the sine (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=2000, help="steps of each fit (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the cubic's first coefficients (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/custom_function"), help="(default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, list[float]]:
    options = parse(arguments)
    check_derivative(options.device)
    print("gradcheck: the derivative of P3 is right")
    plugrad.manual_seed(options.seed)
    x = plugrad.linspace(-math.pi, math.pi, options.points, device=options.device)
    y = plugrad.sin(x)
    models = {
        "cubic": (cubic, random_parameters(options.device), CUBIC_RATE),
        "Legendre": (legendre, given_parameters((0.0, -1.0, 0.0, 0.3), options.device), LEGENDRE_RATE),
    }
    losses, fits = {}, {}
    for name, (model, parameters, rate) in models.items():
        losses[name] = fit(model, parameters, rate, x, y, options.steps)
        fits[name] = model(x, *parameters).detach()
        values = ", ".join(f"{letter} = {p.item():.4f}" for letter, p in zip("abcd", parameters, strict=True))
        print(f"{name}: loss {losses[name][0]:.2f} -> {losses[name][-1]:.2f} with {values}")
    options.out.mkdir(parents=True, exist_ok=True)
    draw(x, y, fits, losses, options.out / "custom_function.png")
    print(f"written to {options.out}: custom_function.png")
    return losses


if __name__ == "__main__":
    main()
