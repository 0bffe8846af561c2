"""The programs that are timed. Each takes the namespace, plugrad or torch, and gives a step and how often to repeat it.

A step is called `repeats` times between two looks at the clock. What its first call returns is compared between the
libraries: the fastest wrong answer must not win.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

Step = Callable[[], Any]
Case = Callable[[Any], tuple[Step, int]]

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Puts the function among the cases under its name; its docstring is the row's title."""
    CASES[function.__name__] = function
    return function


# --- what the cases are made of ---


def forward_backward(t: Any, function: Callable[..., Any], *inputs: Any, parameters: Any = ()) -> Step:
    """Calls the function and goes back from a fixed random gradient; gives the first input's gradient."""
    leaves = [x for x in (*inputs, *parameters) if x.requires_grad]
    gradient = t.randn(function(*inputs).shape)

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        function(*inputs).backward(gradient)
        return leaves[0].grad

    return step


def through_layer(t: Any, layer: Any, *shape: int) -> Step:
    """Forward and backward through a layer, with the gradients of its input and of its parameters."""
    return forward_backward(t, layer, t.randn(*shape, requires_grad=True), parameters=list(layer.parameters()))


def through_recurrent(t: Any, layer: Any, *shape: int) -> Step:
    """As :func:`through_layer`, for a layer that gives its output and its last state."""
    x = t.randn(*shape, requires_grad=True)
    return forward_backward(t, lambda x: layer(x)[0], x, parameters=list(layer.parameters()))


def training_step(model: Any, loss_of: Callable[..., Any], optimizer: Any, x: Any, y: Any) -> Step:
    """What a training loop does with one batch; gives the loss."""

    def step() -> Any:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def images_and_labels(t: Any, n: int, *shape: int, classes: int = 10) -> tuple[Any, Any]:
    return t.randn(n, *shape), t.randint(0, classes, (n,))


def resnet18(t: Any, classes: int = 10) -> Any:
    """ResNet-18 with a 3x3 stem, the usual form for images of 32 x 32 pixels."""
    nn, F = t.nn, t.nn.functional

    class Block(nn.Module):
        def __init__(self, channels_in: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            self.around = nn.Sequential()
            if stride != 1 or channels_in != channels:
                convolution = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
                self.around = nn.Sequential(convolution, nn.BatchNorm2d(channels))

        def forward(self, x: Any) -> Any:
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(y)) + self.around(x))

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    channels_in = 64
    for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(channels_in, channels, stride), Block(channels, channels, 1)]
        channels_in = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


# --- the price of recording ---


@case
def add_recorded(t: Any) -> tuple[Step, int]:
    """x + y on (10,), recorded"""
    x, y = t.randn(10, requires_grad=True), t.randn(10)
    return lambda: x + y, 20_000


@case
def add_backward(t: Any) -> tuple[Step, int]:
    """x + y on (10,), forward and backward"""
    x, y = t.randn(10, requires_grad=True), t.randn(10)
    return forward_backward(t, lambda: x + y, parameters=[x]), 4_000


@case
def chain_60(t: Any) -> tuple[Step, int]:
    """60 ops on (10,), forward and backward"""
    x, a, b = t.randn(10, requires_grad=True), t.randn(10), t.randn(10)

    def chain(x: Any) -> Any:
        for _ in range(20):
            x = (x * a + b).tanh()
        return x

    return forward_backward(t, chain, x), 200


@case
def graph_100k(t: Any) -> tuple[Step, int]:
    """a graph of 100,000 nodes: built, walked and dropped"""
    x = t.randn(10, requires_grad=True)

    def chain(x: Any) -> Any:
        for _ in range(100_000):
            x = x + 1.0
        return x

    return forward_backward(t, chain, x), 1


@case
def sine_polynomial(t: Any) -> tuple[Step, int]:
    """one step of the cubic fit to a sine, 2,000 points"""
    x = t.linspace(-math.pi, math.pi, 2000)
    y = t.sin(x)
    a, b, c, d = parameters = [t.randn((), requires_grad=True) for _ in range(4)]

    def step() -> Any:
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        loss.backward()
        with t.no_grad():
            for parameter in parameters:
                parameter -= 1e-6 * parameter.grad
                parameter.grad = None
        return loss.item()

    return step, 200


@case
def custom_function(t: Any) -> tuple[Step, int]:
    """an autograd Function of our own on (100,), forward and backward"""

    class Legendre(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, u: Any) -> Any:
            ctx.save_for_backward(u)
            return 0.5 * (5 * u**3 - 3 * u)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            (u,) = ctx.saved_tensors
            return gradient * 1.5 * (5 * u**2 - 1)

    return forward_backward(t, Legendre.apply, t.randn(100, requires_grad=True)), 2_000


# --- training small models ---


@case
def mlp_small(t: Any) -> tuple[Step, int]:
    """MLP 32-32-32, batch 16: SGD step"""
    model = t.nn.Sequential(t.nn.Linear(32, 32), t.nn.ReLU(), t.nn.Linear(32, 32))
    optimizer = t.optim.SGD(model.parameters(), lr=0.01)
    return training_step(model, t.nn.functional.mse_loss, optimizer, t.randn(16, 32), t.randn(16, 32)), 500


@case
def mlp_mnist(t: Any) -> tuple[Step, int]:
    """MLP 784-256-10, batch 64: SGD step with momentum"""
    model = t.nn.Sequential(t.nn.Linear(784, 256), t.nn.ReLU(), t.nn.Linear(256, 10))
    optimizer = t.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(model, t.nn.functional.cross_entropy, optimizer, *images_and_labels(t, 64, 784)), 100


@case
def lenet(t: Any) -> tuple[Step, int]:
    """LeNet, batch 32 of 28 x 28: SGD step with momentum"""
    nn = t.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    optimizer = t.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(model, nn.functional.cross_entropy, optimizer, *images_and_labels(t, 32, 1, 28, 28)), 20


@case
def resnet18_train(t: Any) -> tuple[Step, int]:
    """ResNet-18, batch 8 of 32 x 32: training step"""
    model = resnet18(t)
    optimizer = t.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(model, t.nn.functional.cross_entropy, optimizer, *images_and_labels(t, 8, 3, 32, 32)), 1


@case
def resnet18_frozen(t: Any) -> tuple[Step, int]:
    """ResNet-18 with a frozen backbone and a new head, batch 8: training step"""
    model = resnet18(t)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model[-1] = t.nn.Linear(512, 5)
    optimizer = t.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    batch = images_and_labels(t, 8, 3, 32, 32, classes=5)
    return training_step(model, t.nn.functional.cross_entropy, optimizer, *batch), 1


@case
def resnet18_inference(t: Any) -> tuple[Step, int]:
    """ResNet-18, batch 8 of 32 x 32: inference"""
    model, x = resnet18(t).eval(), t.randn(8, 3, 32, 32)

    def step() -> Any:
        with t.no_grad():
            return model(x)

    return step, 1


# --- single layers, forward and backward ---


@case
def conv_3x3(t: Any) -> tuple[Step, int]:
    """conv 3x3, 64 to 64 channels, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.Conv2d(64, 64, 3, padding=1), 8, 64, 32, 32), 3


@case
def conv_3x3_small(t: Any) -> tuple[Step, int]:
    """conv 3x3, 16 to 16 channels, (32, 16, 8, 8)"""
    return through_layer(t, t.nn.Conv2d(16, 16, 3, padding=1), 32, 16, 8, 8), 50


@case
def conv_1x1(t: Any) -> tuple[Step, int]:
    """conv 1x1, 256 to 64 channels, (8, 256, 16, 16)"""
    return through_layer(t, t.nn.Conv2d(256, 64, 1), 8, 256, 16, 16), 10


@case
def conv_stem(t: Any) -> tuple[Step, int]:
    """conv 7x7, stride 2, 3 to 64 channels, (8, 3, 64, 64)"""
    return through_layer(t, t.nn.Conv2d(3, 64, 7, stride=2, padding=3), 8, 3, 64, 64), 5


@case
def conv_depthwise(t: Any) -> tuple[Step, int]:
    """conv 3x3, depthwise, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.Conv2d(64, 64, 3, padding=1, groups=64), 8, 64, 32, 32), 5


@case
def max_pool(t: Any) -> tuple[Step, int]:
    """max pooling 2x2, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.MaxPool2d(2), 8, 64, 32, 32), 10


@case
def max_pool_overlapping(t: Any) -> tuple[Step, int]:
    """max pooling 3x3, stride 2, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.MaxPool2d(3, stride=2, padding=1), 8, 64, 32, 32), 10


@case
def avg_pool(t: Any) -> tuple[Step, int]:
    """average pooling 2x2, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.AvgPool2d(2), 8, 64, 32, 32), 10


@case
def batch_norm(t: Any) -> tuple[Step, int]:
    """batch norm, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.BatchNorm2d(64), 8, 64, 32, 32), 10


@case
def layer_norm(t: Any) -> tuple[Step, int]:
    """layer norm, (32, 64, 256)"""
    return through_layer(t, t.nn.LayerNorm(256), 32, 64, 256), 10


@case
def group_norm(t: Any) -> tuple[Step, int]:
    """group norm, 8 groups, (8, 64, 32, 32)"""
    return through_layer(t, t.nn.GroupNorm(8, 64), 8, 64, 32, 32), 10


@case
def softmax(t: Any) -> tuple[Step, int]:
    """softmax, (512, 1000)"""
    return through_layer(t, t.nn.Softmax(1), 512, 1000), 10


@case
def cross_entropy(t: Any) -> tuple[Step, int]:
    """cross entropy, (512, 1000)"""
    logits, labels = t.randn(512, 1000, requires_grad=True), t.randint(0, 1000, (512,))
    return forward_backward(t, lambda x: t.nn.functional.cross_entropy(x, labels), logits), 10


@case
def gelu(t: Any) -> tuple[Step, int]:
    """gelu, (1,000, 1,000)"""
    return through_layer(t, t.nn.GELU(), 1000, 1000), 3


@case
def linear(t: Any) -> tuple[Step, int]:
    """linear, 1,024 to 1,024, batch 128"""
    return through_layer(t, t.nn.Linear(1024, 1024), 128, 1024), 10


@case
def lstm(t: Any) -> tuple[Step, int]:
    """lstm forward+backward, 64 to 128, 35 steps, batch 20"""
    return through_recurrent(t, t.nn.LSTM(64, 128), 35, 20, 64), 10


@case
def gru(t: Any) -> tuple[Step, int]:
    """gru forward+backward, 64 to 128, 35 steps, batch 20"""
    return through_recurrent(t, t.nn.GRU(64, 128), 35, 20, 64), 10


@case
def attention(t: Any) -> tuple[Step, int]:
    """attention, 8 heads of 64, 128 positions, batch 8"""
    inputs = [t.randn(8, 8, 128, 64, requires_grad=True) for _ in range(3)]
    return forward_backward(t, t.nn.functional.scaled_dot_product_attention, *inputs), 5


@case
def gpt_step(t: Any) -> tuple[Step, int]:
    """GPT, 2 blocks of 128, 4 heads, 64 positions, batch 16: training step"""
    nn, length, symbols = t.nn, 64, 96
    layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, "gelu", batch_first=True, norm_first=True)
    body = nn.TransformerEncoder(layer, 2, nn.LayerNorm(128), enable_nested_tensor=False)
    embedding, head = nn.Embedding(symbols, 128), nn.Linear(128, symbols)
    parameters = [p for m in (embedding, body, head) for p in m.parameters()]
    optimizer = t.optim.AdamW(parameters, lr=1e-3)
    text = t.randint(0, symbols, (16, length + 1))
    mask = nn.Transformer.generate_square_subsequent_mask(length)

    def step() -> Any:
        optimizer.zero_grad()
        scores = head(body(embedding(text[:, :-1]), mask=mask, is_causal=True))
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return loss

    return step, 3


@case
def embedding(t: Any) -> tuple[Step, int]:
    """embedding, 10,000 x 128, 2,048 words"""
    layer, words = t.nn.Embedding(10_000, 128), t.randint(0, 10_000, (32, 64))
    return forward_backward(t, lambda: layer(words), parameters=[layer.weight]), 10


# --- large arrays ---


@case
def elementwise_large(t: Any) -> tuple[Step, int]:
    """x * y + z on (2,000, 1,000), forward and backward"""
    inputs = [t.randn(2000, 1000, requires_grad=True) for _ in range(3)]
    return forward_backward(t, lambda x, y, z: x * y + z, *inputs), 3


@case
def tanh_large(t: Any) -> tuple[Step, int]:
    """tanh on (2,000, 1,000), forward and backward"""
    return forward_backward(t, t.tanh, t.randn(2000, 1000, requires_grad=True)), 3


@case
def sum_large(t: Any) -> tuple[Step, int]:
    """sum of (4,000, 1,000) over its rows, forward and backward"""
    return forward_backward(t, lambda x: x.sum(0), t.randn(4000, 1000, requires_grad=True)), 3


@case
def matmul_large(t: Any) -> tuple[Step, int]:
    """(1,024, 1,024) @ (1,024, 1,024), forward and backward"""
    inputs = [t.randn(1024, 1024, requires_grad=True) for _ in range(2)]
    return forward_backward(t, t.matmul, *inputs), 2


# --- optimizers and data ---


def optimizer_step(t: Any, make: Callable[..., Any], count: int, *shape: int) -> Step:
    """One step of the optimizer with fixed gradients; gives the first parameter."""
    parameters = [t.nn.Parameter(t.randn(*shape)) for _ in range(count)]
    for parameter in parameters:
        parameter.grad = t.randn(*shape)
    optimizer = make(parameters)

    def step() -> Any:
        optimizer.step()
        return parameters[0]

    return step


@case
def adam_10m(t: Any) -> tuple[Step, int]:
    """Adam, 10 parameters of a million"""
    return optimizer_step(t, lambda p: t.optim.Adam(p, lr=1e-3), 10, 1000, 1000), 1


@case
def adam_200(t: Any) -> tuple[Step, int]:
    """Adam, 200 parameters of (64,)"""
    return optimizer_step(t, lambda p: t.optim.Adam(p, lr=1e-3), 200, 64), 20


@case
def sgd_200(t: Any) -> tuple[Step, int]:
    """SGD with momentum, 200 parameters of (64,)"""
    return optimizer_step(t, lambda p: t.optim.SGD(p, lr=1e-3, momentum=0.9), 200, 64), 50


@case
def data_loader(t: Any) -> tuple[Step, int]:
    """DataLoader, an epoch of 5,000 shuffled rows, batch 64"""
    utils = importlib.import_module(f"{t.__name__}.utils.data")
    loader = utils.DataLoader(utils.TensorDataset(*images_and_labels(t, 5000, 64)), batch_size=64, shuffle=True)

    def step() -> float:
        return sum(float(labels[0]) for _, labels in loader)

    return step, 2


@case
def plain_epoch(t: Any) -> tuple[Step, int]:
    """the same epoch by indexing the tensors with parts of a permutation"""
    images, labels = images_and_labels(t, 5000, 64)

    def step() -> float:
        return sum(float((images[part], labels[part])[1][0]) for part in t.randperm(5000).split(64))

    return step, 2
