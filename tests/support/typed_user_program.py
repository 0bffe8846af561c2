"""A small program as a user with a type checker would write it; mypy checks it against the installed package."""

import plugrad
from plugrad import nn, optim


def train(model: nn.Module, inputs: plugrad.Tensor, targets: plugrad.Tensor, steps: int) -> float:
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss = plugrad.zeros(())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
    return float(loss.item())
