"""What a training step costs on a device: host syncs (none) and kernel launches (kept from growing).

The counts are of the simulated CUDA device, whose namespace is built by the same code as cupy's. It runs the backend's
own kernels too, as C++; where there is no compiler for that, their compositions would be counted instead.
"""

import pytest

import plugrad
from plugrad import nn, optim
from resnet18 import classes_of

pytestmark = pytest.mark.device


@pytest.fixture
def counting(request):
    if request.config.getoption("--backend") != "simcuda":
        pytest.skip("launches are counted on simcuda")
    import simcupy
    import simkernel

    if simkernel.why_not() is not None:
        pytest.skip(f"the own kernels cannot be run: {simkernel.why_not()}")
    return simcupy.counting


def mlp():
    plugrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    return model, plugrad.rand(8, 16), plugrad.randint(4, (8,))


def resnet():
    plugrad.manual_seed(0)
    return classes_of(plugrad)[1](10), plugrad.rand(2, 3, 32, 32), plugrad.randint(10, (2,))


def encoder():
    plugrad.manual_seed(0)
    layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    model = nn.Sequential(layers, nn.Flatten(), nn.Linear(6 * 16, 4))
    return model, plugrad.rand(3, 6, 16), plugrad.randint(4, (3,))


def bags():
    plugrad.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(20, 8, padding_idx=0), nn.Linear(8, 4))
    return model, plugrad.randint(20, (3, 5)), plugrad.randint(4, (3,))


def step_of(model, inputs, targets):
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(inputs), targets)
        loss.backward()
        optimizer.step()

    return step


# Launches of one step. A change that needs more must say why it is worth it; one that needs fewer lowers the bound.
BOUNDS = {"bags": (bags, 47), "encoder": (encoder, 181), "mlp": (mlp, 36), "resnet18": (resnet, 553)}


@pytest.mark.parametrize("name", BOUNDS)
def test_launches_of_a_training_step(name, counting, capsys):
    make, bound = BOUNDS[name]
    step = step_of(*make())
    step()
    with counting() as seen:
        step()
    with capsys.disabled():
        print(f"\n{name}: {seen.launches} launches and {seen.syncs} host syncs in a training step")
    assert seen.syncs == 0
    assert seen.launches <= bound


OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
    "Adam": {"weight_decay": 0.1, "amsgrad": True},
    "AdamW": {},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_is_stepped_in_one_launch(name, counting):
    parameters = [plugrad.ones(n).requires_grad_() for n in (5, 300, 70000)]
    for p in parameters:
        p.grad = plugrad.ones_like(p)
    optimizer = getattr(optim, name)(parameters, **OPTIMIZERS[name])
    optimizer.step()
    with counting() as seen:
        optimizer.step()
    assert seen.launches == 3


F = nn.functional
LAYERS = {
    "gelu": (F.gelu, ((3, 4),), 1, 1),
    "silu": (F.silu, ((3, 4),), 1, 1),
    "softmax": (lambda x: F.softmax(x, 1), ((3, 4),), 1, 1),
    "cross_entropy": (
        lambda x: F.cross_entropy(x, plugrad.zeros(3, dtype=plugrad.int64)),
        ((3, 4),),
        6,
        4,
    ),  # one makes the targets
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), ((2, 3, 8, 8), (4, 3, 3, 3), (4,)), 3, 7),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), ((2, 3, 8, 8),), 1, 2),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b), ((3, 4), (4,), (4,)), 2, 7),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, plugrad.zeros(4), plugrad.ones(4), w, b, training=True),
        ((3, 4, 5), (4,), (4,)),
        7,  # two of them make the running statistics
        4,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_launches_of_a_layer(name, counting):
    layer, shapes, forward, backward = LAYERS[name]
    inputs = [plugrad.rand(*shape).requires_grad_() for shape in shapes]
    layer(*inputs)
    with counting() as seen:
        y = layer(*inputs)
    assert seen.syncs == 0
    assert seen.launches <= forward
    g = plugrad.ones_like(y)
    with counting() as seen:
        y.backward(g)
    assert seen.syncs == 0
    assert seen.launches <= backward
