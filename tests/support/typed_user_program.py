"""A small program as a user with a type checker would write it; mypy checks it against the installed package.

Lines that must be refused carry an ignore: with warn_unused_ignores, mypy complains when it does not refuse them.
"""

from collections.abc import Callable
from pathlib import Path

import plugrad as torch
from plugrad import Tensor, nn, optim
from plugrad.autograd import Function, gradcheck


class Cube(Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output


class TwoLayers(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.first = nn.Linear(features, hidden)
        self.activation: Callable[[Tensor], Tensor] = nn.Tanh()
        self.head = nn.Parameter(torch.randn(hidden, 1) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.first(self.norm(x))) @ self.head


def shuffled_batches(rows: Tensor, size: int) -> tuple[Tensor, ...]:
    order: Tensor = torch.randperm(len(rows))
    return rows[order].split(size)


def train(model: nn.Module, rows: Tensor, epochs: int) -> list[float]:
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses: list[float] = []
    for _ in range(epochs):
        for batch in shuffled_batches(rows, 16):
            optimizer.zero_grad()
            loss: Tensor = nn.functional.mse_loss(model(batch), batch.mean(1, keepdim=True))
            loss.backward()
            optimizer.step()
            losses.append(float(loss.item()))
    return losses


def evaluate(model: nn.Module, rows: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        error: Tensor = (model(rows) - rows.mean(1, keepdim=True)).abs().max()
    return float(error.item())


def descend(x: Tensor, steps: int) -> Tensor:
    for _ in range(steps):
        Cube.apply(x).sum().backward()
        with torch.no_grad():
            if x.grad is not None:
                x -= 0.01 * x.grad
        x.grad = None
    return x.detach()


def describe(x: Tensor) -> str:
    rows, columns = x.shape
    name: str = f"{rows} x {columns} on {x.device.type}"
    return f"{name}, {x.dtype.itemsize * x.numel()} bytes{', recorded' if x.requires_grad else ''}"


def refused(x: Tensor) -> None:
    x.no_such_method()  # type: ignore[attr-defined]
    x.sigmoid(2)  # type: ignore[call-arg]
    x.sum(keepdim="yes")  # type: ignore[arg-type]
    x.requires_grad = "yes"  # type: ignore[assignment]
    text: str = x + 1  # type: ignore[assignment]
    size: str = x.numel()  # type: ignore[assignment]
    torch.no_such_function(x, text, size)  # type: ignore[attr-defined]
    optim.SGD([x], learning_rate=0.1)  # type: ignore[call-arg]
    nn.NoSuchLayer()  # type: ignore[attr-defined]


def main(folder: Path) -> None:
    torch.manual_seed(0)
    model = TwoLayers(4, 8)
    for parameter in model.norm.parameters():
        parameter.requires_grad = False
    rows = torch.rand(64, 4)
    losses = train(model, rows, epochs=5)
    torch.save(model.state_dict(), folder / "model.pth")
    model.load_state_dict(torch.load(folder / "model.pth"))
    point = torch.rand(3, dtype=torch.float64, requires_grad=True)
    print(
        describe(rows),
        losses[-1] < losses[0],
        evaluate(model, rows),
        gradcheck(Cube.apply, (point,)),
        descend(point, 2),
    )
