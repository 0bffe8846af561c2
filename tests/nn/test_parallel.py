"""DataParallel: without a device, on one and on the two simulated ones, compared with the model on one device."""

import collections

import pytest

import plugrad
from plugrad import nn
from plugrad.nn.parallel import data_parallel, gather, parallel_apply, replicate, scatter, scatter_kwargs
from plugrad_testing import import_plugin, registered

Pair = collections.namedtuple("Pair", "a b")


@pytest.fixture
def simulated():
    plugin = import_plugin("plugrad_simcuda")
    with registered(*plugin.plugrad_backends()):
        yield plugin.simcupy


class Net(nn.Module):
    """A shared layer, a batch norm, a parameter of its own, a recurrent layer and outputs of several kinds."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.again = self.first
        self.scale = nn.Parameter(plugrad.ones(4))
        self.rnn = nn.GRU(4, 2, batch_first=True)
        self.nothing = None
        self.seen = []

    def forward(self, x, factor=1.0, *, shift=None):
        self.seen.append((x.device.index, tuple(x.shape), plugrad.ones(1, device="cuda").device.index))
        y = self.norm(self.first(x)) * self.scale * factor
        y = y if shift is None else y + shift
        return {"y": y, "h": (self.rnn(y[:, None])[0], None), "pair": Pair(y.sum(), self.again(x))}


def net(seed=0):
    plugrad.manual_seed(seed)
    return Net().to("cuda")


def total(out):
    return (out["y"] ** 2).sum() + out["h"][0].sum() + (out["pair"].b * 3).sum() + out["pair"].a.sum()


def test_two_devices_compute_what_one_does(simulated):
    one, two = net(), net()
    parallel = nn.DataParallel(two)
    one.eval(), parallel.eval()
    x = plugrad.randn(5, 3, device="cuda", requires_grad=True)
    z = x.detach().clone().requires_grad_()
    with pytest.warns(UserWarning, match="Was asked to gather along dimension 0, but all input tensors were scalars"):
        ours = parallel(z, 2.0, shift=plugrad.ones(5, 4, device="cuda"))
    theirs = one(x, 2.0, shift=plugrad.ones(5, 4, device="cuda"))
    assert [(index, rows) for index, (rows, _), _ in two.seen] == [(0, 3), (1, 2)]
    assert [current for *_, current in two.seen] == [0, 1]
    assert ours["y"].device == plugrad.device("cuda:0")
    assert type(ours["pair"]) is Pair
    assert ours["h"][1] is None
    assert plugrad.allclose(ours["y"], theirs["y"], atol=1e-6)
    assert ours["pair"].a.shape == (2,)
    total(ours).backward()
    total(theirs).backward()
    assert plugrad.allclose(x.grad, z.grad, atol=1e-5)
    for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
        assert plugrad.allclose(a.grad, b.grad, atol=1e-5), name


def test_statistics_of_the_first_replica_stay(simulated):
    model = net()
    parallel = nn.DataParallel(model)
    x = plugrad.randn(6, 3, device="cuda")
    with pytest.warns(UserWarning, match="Was asked to gather along dimension 0, but all input tensors were scalars"):
        parallel(x)
    assert model.norm.num_batches_tracked.item() == 1
    expected = 0.1 * model.first(x[:3]).mean(0)
    assert plugrad.allclose(model.norm.running_mean, expected, atol=1e-6)


def test_names_and_state(simulated):
    parallel = nn.DataParallel(net(), device_ids=[1, 0], output_device=0, dim=0)
    assert (parallel.device_ids, parallel.output_device, str(parallel.src_device_obj)) == ([1, 0], 0, "cuda:1")
    assert next(iter(parallel.state_dict())) == "module.scale"
    with pytest.raises(
        RuntimeError, match=r"parameters and buffers on device cuda:1 \(device_ids\[0\]\) but found one"
    ):
        parallel(plugrad.ones(4, 3))


def test_one_device_takes_the_module_and_the_inputs(simulated):
    parallel = nn.DataParallel(nn.Linear(2, 1), device_ids=[1])
    assert parallel.module.weight.device.index == 1
    assert parallel(plugrad.ones(3, 2)).device.index == 1


def test_no_inputs(simulated):
    class Constant(nn.Module):
        def forward(self):
            return plugrad.ones(1, device="cuda")

    assert nn.DataParallel(Constant())().tolist() == [1.0]


def test_without_grad_replicas_have_no_history(simulated):
    model = nn.DataParallel(nn.Linear(2, 1).to("cuda"))
    with plugrad.no_grad():
        assert not model(plugrad.ones(4, 2)).requires_grad
    assert model(plugrad.ones(4, 2)).requires_grad


def test_scatter(simulated):
    x = plugrad.arange(6, device="cuda").reshape(3, 2)
    parts = scatter((x, [x, "text"], {"k": Pair(x, 1)}), [0, "cuda:1"])
    assert [part[0].tolist() for part in parts] == [[[0, 1], [2, 3]], [[4, 5]]]
    assert [part[1][0].device.index for part in parts] == [0, 1]
    assert parts[1][1][1] == "text"
    assert parts[1][2]["k"] == Pair(parts[1][2]["k"].a, 1)
    assert [p.tolist() for p in scatter(x, [0, 1], dim=1)] == [[[0], [2], [4]], [[1], [3], [5]]]
    assert scatter((), [0, 1]) == [(), ()]
    positional, named = scatter_kwargs((x,), {"a": x[:1]}, [0, 1])
    assert len(positional) == len(named) == 2
    assert named[1] == {}


def test_replicas_have_no_parameters_of_their_own(simulated):
    model = net()
    first, second = replicate(model, [0, 1])
    assert list(second.parameters()) == []
    assert second.first is second.again
    assert (first.scale is model.scale, second.scale.device.index) == (True, 1)
    assert second.norm.running_mean.device.index == 1
    assert second.nothing is None
    assert len(list(model.parameters())) == 9
    detached = replicate(model, [1], detach=True)[0]
    assert not detached.scale.requires_grad


def test_parallel_apply(simulated):
    modules = [nn.Linear(2, 1).to("cuda:0"), nn.Linear(2, 1).to("cuda:1")]
    xs = [plugrad.ones(1, 2, device=f"cuda:{i}") for i in range(2)]
    assert [y.device.index for y in parallel_apply(modules, xs)] == [0, 1]
    with pytest.raises(AssertionError, match="The number of modules 2 is not equal to the number of inputs 1"):
        parallel_apply(modules, xs[:1])
    with pytest.raises(AssertionError, match="The number of modules 2 is not equal to the number of devices 1"):
        parallel_apply(modules, xs, devices=[0])


def test_gather(simulated):
    xs = [plugrad.ones(1, 2, device=f"cuda:{i}") for i in range(2)]
    assert gather(xs, "cpu").device.type == "cpu"
    assert gather(xs, 1, dim=1).shape == (1, 4)
    with pytest.raises(ValueError, match="All dicts must have the same number of keys"):
        gather([{"a": xs[0]}, {}], 0)
    with pytest.raises(ValueError, match="Gather function not implemented for CPU tensors"):
        gather([plugrad.ones(1, device="cpu")], 0)


def test_data_parallel_once(simulated):
    layer = nn.Linear(2, 1).to("cuda")
    x = plugrad.randn(4, 2)
    assert plugrad.allclose(data_parallel(layer, x), layer(x.to("cuda")))
    assert data_parallel(layer, x, [0], module_kwargs={}).device.index == 0
    assert data_parallel(layer, x, output_device=1).device.index == 1


@pytest.mark.skipif(plugrad.cuda.is_available(), reason="there is a cuda device here")
def test_without_a_device():
    layer = nn.Linear(2, 1)
    parallel = nn.DataParallel(layer)
    assert parallel.device_ids == []
    assert parallel(plugrad.ones(3, 2)).equal(layer(plugrad.ones(3, 2)))
    assert list(parallel.state_dict()) == ["module.weight", "module.bias"]
    assert repr(parallel) == "DataParallel(\n  (module): Linear(in_features=2, out_features=1, bias=True)\n)"
    with pytest.raises(RuntimeError, match="device type could not be determined"):
        data_parallel(layer, plugrad.ones(3, 2))
