"""What a training step costs on a device: host syncs (none) and kernel launches (kept from growing).

The counts are of the simulated CUDA device, whose namespace is built by the same code as cupy's.
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

    return simcupy.counting


def mlp():
    plugrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    return model, plugrad.rand(8, 16), plugrad.randint(4, (8,))


def resnet():
    plugrad.manual_seed(0)
    return classes_of(plugrad)[1](10), plugrad.rand(2, 3, 32, 32), plugrad.randint(10, (2,))


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
BOUNDS = {"mlp": (mlp, 105), "resnet18": (resnet, 2295)}


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
