"""ResNet-18 from nn modules gives torch's outputs, gradients and running statistics, with weights copied from torch."""

import numpy as np
import pytest

import plugrad
from resnet18 import resnet18

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

CLASSES = 10
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
TARGETS = [3, 7]


def numbers(tensor):
    return tensor.detach().cpu().numpy()


def relative(ours, theirs):
    """Largest difference over the largest element; shape and dtype must agree."""
    ours, theirs = numbers(ours), numbers(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    largest = np.abs(theirs).max()
    return float(np.abs(ours.astype(np.float64) - theirs).max() / max(largest, 1e-30))


def worst(ours, theirs):
    """``(difference, name)`` of the pair that differs most in two dicts with the same names in the same order."""
    assert list(ours) == list(theirs)
    return max((relative(ours[name], theirs[name]), name) for name in theirs)


def make_torchs(dtype):
    """A torch model whose BatchNorm scales and shifts are not at their initial ones and zeros."""
    torch.manual_seed(1)
    model = resnet18(torch, CLASSES)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.1, 0.1)
    return model.to(getattr(torch, dtype))


def copy_of(theirs, dtype):
    """The same network of plugrad with torch's state, through numpy."""
    model = resnet18(plugrad, CLASSES).to(getattr(plugrad, dtype))
    state = {name: plugrad.tensor(numbers(value)) for name, value in theirs.state_dict().items()}
    answer = model.load_state_dict(state)
    assert not answer.missing_keys
    assert not answer.unexpected_keys
    return model


def run(t, model, pictures):
    """Outputs, loss and the gradient of every parameter and of the pictures."""
    pictures = t.tensor(pictures, requires_grad=True)
    scores = model(pictures)
    loss = t.nn.functional.cross_entropy(scores, t.tensor(TARGETS))
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return {"scores": scores, "loss": loss}, {**gradients, "pictures": pictures.grad}


@pytest.fixture(params=["float32", "float64"], scope="module")
def runs(request):
    """For train and then eval mode: the results, gradients and buffers of both libraries."""
    dtype = request.param
    theirs = make_torchs(dtype)
    ours = copy_of(theirs, dtype)
    pictures = np.random.default_rng(0).random((2, 3, 64, 64)).astype(dtype)
    found = {}
    for mode in ("train", "eval"):
        pair = []
        for t, model in ((plugrad, ours), (torch, theirs)):
            model.train(mode == "train")
            model.zero_grad()
            results, gradients = run(t, model, pictures)
            buffers = {name: b.clone() for name, b in model.named_buffers()}
            pair.append({"results": results, "gradients": gradients, "buffers": buffers})
        found[mode] = pair
    return TOLERANCE[dtype], found


@pytest.mark.parametrize("what", ["results", "gradients", "buffers"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_agrees_with_torch(runs, mode, what):
    tolerance, found = runs
    ours, theirs = found[mode]
    difference, name = worst(ours[what], theirs[what])
    assert difference <= tolerance, f"{name} differs by {difference:.2e}"


def test_every_parameter_and_statistic_was_compared(runs):
    _, found = runs
    ours, _ = found["train"]
    assert len(ours["gradients"]) == 62 + 1
    assert len(ours["buffers"]) == 20 * 3
    assert all(int(count) == 1 for name, count in ours["buffers"].items() if name.endswith("num_batches_tracked"))


def test_eval_leaves_the_statistics_alone(runs):
    _, found = runs
    before, after = found["train"][0]["buffers"], found["eval"][0]["buffers"]
    assert all(np.array_equal(numbers(after[name]), numbers(before[name])) for name in before)
