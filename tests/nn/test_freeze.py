"""freeze and unfreeze: what stays still, what still moves, and through what it lasts."""

import copy
import pickle

import pytest

import plugrad
from plugrad import nn, optim


class Scale(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(plugrad.ones(n))
        self.bias = nn.Parameter(plugrad.zeros(n))

    def forward(self, x):
        return x * self.weight + self.bias


class Norm(nn.Module):
    """Centres by running statistics, which it updates in training mode, as BatchNorm does."""

    def __init__(self, n, affine=True):
        super().__init__()
        self.weight = nn.Parameter(plugrad.ones(n)) if affine else None
        self.register_buffer("running_mean", plugrad.zeros(n))

    def forward(self, x):
        if self.training:
            self.running_mean = self.running_mean * 0.5 + x.detach().mean(0) * 0.5
        centred = x - self.running_mean
        return centred if self.weight is None else centred * self.weight


def model():
    net = nn.Sequential(nn.Sequential(Scale(2), Norm(2)), Scale(2))
    net.add_module("plain_norm", Norm(2, affine=False))
    return net


def trainable(net):
    return [name for name, p in net.named_parameters() if p.requires_grad]


def train_one_step(net, optimizer):
    net.train()
    optimizer.zero_grad()
    net(plugrad.ones(3, 2)).sum().backward()
    optimizer.step()


def values(net):
    return {name: value.tolist() for name, value in net.state_dict().items()}


def test_everything_frozen_stays_as_it_is():
    net = nn.freeze(model())
    head = nn.Sequential(net, Scale(2))
    before = values(net)
    for _ in range(3):
        train_one_step(head, optim.SGD(head.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1))
    assert values(net) == before
    assert head[1].weight.tolist() != [1.0, 1.0]


def test_without_freeze_the_running_mean_moves_with_every_parameter_fixed():
    net = model().requires_grad_(False)
    net.train()
    net(plugrad.ones(3, 2))
    assert net[0][1].running_mean.tolist() == [0.5, 0.5]


def test_a_gradient_from_before_is_dropped():
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    train_one_step(net, optimizer)
    net(plugrad.ones(3, 2)).sum().backward()
    assert net[0][0].weight.grad is not None
    nn.freeze(net, "0")
    assert net[0][0].weight.grad is None
    frozen, free = net[0][0].weight.tolist(), net[1].weight.tolist()
    optimizer.step()
    assert net[0][0].weight.tolist() == frozen
    assert net[1].weight.tolist() != free


@pytest.mark.parametrize(
    ("patterns", "free"),
    [
        (["0"], ["1.weight", "1.bias"]),
        (["0.0"], ["0.1.weight", "1.weight", "1.bias"]),
        (["0.*"], ["1.weight", "1.bias"]),
        (["*.bias"], ["0.0.weight", "0.1.weight", "1.weight"]),
        (["0.1.weight"], ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]),
        (["0.0.*", "1"], ["0.1.weight"]),
        (["?"], []),
        ([], []),
    ],
)
def test_patterns(patterns, free):
    assert trainable(nn.freeze(model(), *patterns)) == free


@pytest.mark.parametrize(
    ("patterns", "held"),
    [
        (["0"], [True, False]),
        (["0.1"], [True, False]),
        (["0.1.*"], [True, False]),
        (["plain_norm"], [False, True]),
        (["*.weight"], [False, False]),
        (["*running_mean"], [True, True]),
        ([], [True, True]),
    ],
)
def test_statistics_held(patterns, held):
    net = nn.freeze(model(), *patterns)
    for _ in range(2):
        net.train()
        assert [not net[0][1].training, not net.plain_norm.training] == held
    net(plugrad.ones(3, 2))
    moved = [net[0][1].running_mean.tolist() != [0.0, 0.0], net.plain_norm.running_mean.tolist() != [0.0, 0.0]]
    assert moved == [not h for h in held]


def test_other_modules_follow_train_and_eval():
    net = nn.freeze(model())
    net.eval()
    assert not any(m.training for m in net.modules())
    net.train()
    assert [m.training for m in net.modules()] == [True, True, True, False, True, False]


def test_statistics_may_be_left_alone():
    net = nn.freeze(model(), norm_stats=False).train()
    assert trainable(net) == []
    assert all(m.training for m in net.modules())


def test_unfreeze_by_pattern():
    net = nn.unfreeze(nn.freeze(model()), "0.1", "1.bias")
    assert trainable(net) == ["0.1.weight", "1.bias"]
    assert net[0][1].training
    assert not net.plain_norm.training
    assert net.train()[0][1].training


def test_unfreeze_in_evaluation_mode_leaves_it():
    net = nn.unfreeze(nn.freeze(model().eval()))
    assert not any(m.training for m in net.modules())
    assert len(trainable(net)) == 5


def test_unfreeze_passes_over_integer_parameters():
    net = nn.ParameterList([plugrad.ones(1)])
    net.register_parameter("count", nn.Parameter(plugrad.tensor([1]), requires_grad=False))
    assert trainable(nn.unfreeze(nn.freeze(net))) == ["0"]


def test_a_new_head_is_not_frozen():
    net = nn.freeze(model())
    net[1] = Scale(2)
    assert trainable(net) == ["1.weight", "1.bias"]


def test_it_lasts_through_copying_and_pickling():
    net = nn.freeze(model(), "0")
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert trainable(twin.train()) == ["1.weight", "1.bias"]
        assert not twin[0][1].training
        assert nn.unfreeze(twin)[0][1].training
    assert not net[0][1].training


def test_a_shared_parameter_is_frozen_by_either_name():
    net = model()
    net[1].weight = net[0][0].weight
    assert trainable(nn.freeze(net, "1.weight")) == ["0.0.bias", "0.1.weight", "1.bias"]


def test_a_pattern_that_matches_nothing_is_an_error_with_a_hint():
    net = model()
    with pytest.raises(ValueError, match=r"^'plain_nrm' matches no parameter .*; did you mean 'plain_norm'\?$"):
        nn.freeze(net, "0", "plain_nrm")
    assert len(trainable(net)) == 5
    with pytest.raises(ValueError, match="'decoder' matches no parameter"):
        nn.unfreeze(net, "decoder")
