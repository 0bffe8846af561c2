"""Training in mixed precision gives the losses that torch gives."""

import pytest

import plugrad

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]


def losses(t, dtype, steps=30):
    """An MLP with normalisation learns which of three sums is the largest."""
    t.manual_seed(0)
    nn = t.nn
    model = nn.Sequential(
        nn.Linear(12, 32),
        nn.LayerNorm(32),
        nn.GELU(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 3),
    )
    optimizer = t.optim.Adam(model.parameters(), lr=5e-3)
    scaler = t.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=10)
    x = t.randn(64, 12)
    y = x.reshape(64, 3, 4).sum(-1).argmax(-1)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        with t.autocast("cpu", getattr(t, dtype)):
            loss = nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append(loss.item())
    return found, {p.grad.dtype for p in model.parameters()}, scaler.get_scale()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_losses_of_a_run(dtype):
    ours, dtypes, scale = losses(plugrad, dtype)
    theirs, _, their_scale = losses(torch, dtype)
    assert dtypes == {plugrad.float32}
    assert scale == their_scale
    assert ours == pytest.approx(theirs, abs=1e-2)
    assert ours[-1] < ours[0] / 2
