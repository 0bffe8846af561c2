"""Layers in half precision: as exact as the rounding of their arguments and results allows."""

import numpy as np
import pytest

import plugrad
from plugrad import nn
from plugrad_testing import on

pytestmark = pytest.mark.device

#: A last digit, relative.
DIGIT = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


#: name → (layer, input, how often a result is rounded on the way)
LAYERS = {
    "linear": (lambda: nn.Linear(300, 4), normal(7, 300), 1),
    "linear_of_batches": (lambda: nn.Linear(30, 4), normal(2, 3, 30), 1),
    "bilinear": (lambda: Both(nn.Bilinear(5, 5, 3)), normal(4, 5), 3),
    "conv1d": (lambda: nn.Conv1d(16, 3, 5), normal(2, 16, 40), 1),
    "conv2d": (lambda: nn.Conv2d(16, 3, 3, padding=1), normal(2, 16, 9, 9), 1),
    "conv2d_strided_in_groups": (lambda: nn.Conv2d(16, 4, 3, stride=2, groups=2), normal(2, 16, 9, 9), 1),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(16, 3, 3), normal(2, 16, 5, 5), 1),
    "batch_norm1d": (lambda: nn.BatchNorm1d(6), normal(400, 6), 2),
    "batch_norm2d": (lambda: nn.BatchNorm2d(6), normal(4, 6, 20, 20), 2),
    "batch_norm_in_evaluation": (lambda: nn.BatchNorm2d(6).eval(), normal(4, 6, 5, 5), 2),
    "layer_norm": (lambda: nn.LayerNorm(400), normal(5, 400), 2),
    "group_norm": (lambda: nn.GroupNorm(2, 6), normal(4, 6, 20), 2),
    "rms_norm": (lambda: nn.RMSNorm(400), normal(5, 400), 2),
    "attention": (lambda: Attention(), normal(20, 2, 16), 6),
    "feed_forward": (lambda: nn.Sequential(nn.Linear(40, 60), nn.GELU(), nn.Linear(60, 5)), normal(9, 40), 4),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), normal(2, 9, 16), 12),
}
if hasattr(nn, "LSTM"):
    LAYERS |= {
        "lstm": (lambda: First(nn.LSTM(12, 9, 2)), normal(12, 3, 12), 8),
        "gru": (lambda: First(nn.GRU(12, 9)), normal(12, 3, 12), 8),
    }


class First(nn.Module):
    """A layer whose first result counts."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        """Its first result."""
        return self.layer(x)[0]


class Both(nn.Module):
    """A layer of two inputs, which gets one for both."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        """Its result."""
        return self.layer(x, x)


class Attention(nn.Module):
    """Self-attention."""

    def __init__(self):
        super().__init__()
        self.layer = nn.MultiheadAttention(16, 4)

    def forward(self, x):
        """The output alone."""
        return self.layer(x, x, x)[0]


@pytest.fixture(params=["float16", "bfloat16"])
def dtype(request, xp):
    if getattr(xp, request.param) is None:
        pytest.skip(f"backend {xp.name} has no {request.param}")
    return getattr(plugrad, request.param)


def rounded(make, dtype):
    """A layer whose parameters are numbers of a dtype."""
    plugrad.manual_seed(0)
    layer = make()
    return layer.half() if dtype is plugrad.float16 else layer.bfloat16()


def run(layer, x, weights):
    """The result, and all gradients of a weighted sum of it, in float64 here."""
    y = layer(x)
    y.backward(weights(y).to(y.dtype))
    named = {"input": x.grad, **{name: p.grad for name, p in layer.named_parameters()}}
    assert {g.dtype for g in named.values()} == {y.dtype}
    return {name: np.array(value.detach().double().tolist()) for name, value in {"result": y, **named}.items()}


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_backward(name, dtype):
    make, array, roundings = LAYERS[name]
    x = on(array).to(dtype)

    def weights(y):
        return on(np.random.default_rng(1).uniform(0.5, 1.5, y.shape)).to(dtype)

    exact = run(rounded(make, dtype).float(), x.float().requires_grad_(), weights)
    ours = run(rounded(make, dtype), x.requires_grad_(), weights)
    for what, value in ours.items():
        bound = DIGIT[dtype.name] * roundings * max(np.abs(exact[what]).max(), 1e-3)
        assert np.abs(value - exact[what]).max() <= bound, what


@pytest.mark.parametrize("name", ["linear", "conv2d", "batch_norm1d"])
def test_many_examples_in_the_gradient_of_a_bias(name, dtype):
    """One at a time, bfloat16 ones stop at 256."""
    layer = {"linear": nn.Linear(1, 1), "conv2d": nn.Conv2d(1, 1, 1), "batch_norm1d": nn.BatchNorm1d(1)}[name].to(dtype)
    x = plugrad.ones((1, 1, 60, 100) if name == "conv2d" else (6000, 1), dtype=dtype)
    layer(x).sum().backward()
    assert layer.bias.grad.item() == pytest.approx(6000, rel=DIGIT[dtype.name])


def test_embedding(dtype):
    layer = nn.Embedding(3, 2).to(dtype)
    y = layer(plugrad.tensor([[0, 2], [2, 2]]))
    assert y.dtype is dtype
    y.sum().backward()
    assert layer.weight.grad.dtype is dtype
    assert layer.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [3.0, 3.0]]


def test_a_module_that_is_converted(dtype):
    layer = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Embedding(2, 2))
    converted = layer.half() if dtype is plugrad.float16 else layer.bfloat16()
    assert converted is layer
    assert {p.dtype for p in layer.parameters()} == {dtype}
    assert layer[1].running_mean.dtype is dtype
    assert layer[1].num_batches_tracked.dtype is plugrad.int64
