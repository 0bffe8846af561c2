"""Checkpoints of a device that is not the host: what is copied, what still shares, where things go."""

import io

import numpy as np
import pytest

import plugrad
from plugrad.backends import registry
from plugrad.backends.numpy_backend import NumpyBackend
from plugrad.backends.spec import BackendSpec
from plugrad.core.create import from_host
from plugrad.core.device import _spaces, device
from plugrad.core.serialization import load, save
from plugrad.nn.parameter import Parameter

pytestmark = pytest.mark.cpu


class Distant(NumpyBackend):
    """numpy behind a distance: arrays come and go as copies only."""

    copied = 0

    @staticmethod
    def from_host(array):
        Distant.copied += array.nbytes
        return array.copy()

    @staticmethod
    def to_host(a):
        return a.copy()

    @staticmethod
    def device_count():
        return 2


@pytest.fixture(autouse=True)
def _distant():
    registry.register(BackendSpec("distant", ("distant",), lambda: Distant))
    yield
    registry.unregister("distant")
    for where in [where for where, xp in _spaces.items() if xp.device_type == "distant"]:
        del _spaces[where]


def again(obj, **options):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return load(file, **options)


def matrix(where="distant:1"):
    return from_host(np.arange(12, dtype="float32").reshape(3, 4), where)


def test_tensors_return_to_their_device():
    got = again([matrix(), matrix("distant"), matrix("cpu"), Parameter(matrix())])
    assert [x.device for x in got] == [device("distant:1"), device("distant:0"), device("cpu"), device("distant:1")]
    assert all(x.tolist() == matrix("cpu").tolist() for x in got)
    assert isinstance(got[3], Parameter)
    assert got[3].requires_grad
    assert got[3].is_leaf


MAPS = {
    "name": ("cpu", "cpu"),
    "other index": ("distant:0", "distant:0"),
    "dict": ({"distant:1": "distant:0"}, "distant:0"),
    "other dict": ({"distant:0": "cpu"}, "distant:1"),
    "function": (lambda storage, tag: storage, "cpu"),
    "function that moves": (lambda storage, tag: storage.to("distant:0"), "distant:0"),
    "function that leaves it": (lambda storage, tag: None, "distant:1"),
}


@pytest.mark.parametrize("name", MAPS)
def test_map_location(name):
    where, want = MAPS[name]
    x = again(matrix(), map_location=where)
    assert x.device == device(want)
    assert x.tolist() == matrix("cpu").tolist()


def test_map_location_from_the_cpu():
    x = again(matrix("cpu"), map_location="distant:1")
    assert x.device == device("distant:1")
    assert x.tolist() == matrix("cpu").tolist()


def test_missing_device_is_named():
    with pytest.raises(RuntimeError, match=r"Attempting to deserialize object on device distant:7: .*2 device"):
        again(matrix(), map_location="distant:7")


def test_views_of_one_memory_share_it_on_the_device():
    a = np.arange(24, dtype="float32").reshape(2, 3, 4)
    views = [a, a.transpose(2, 0, 1), a[1], a[:, :1][1], a.reshape(6, 4)[2], a[1, 2, 3, ...], a[:, None]]
    Distant.copied = 0
    got = again([from_host(view) for view in views], map_location="distant")
    assert [x.tolist() for x in got] == [view.tolist() for view in views]
    assert Distant.copied == a.nbytes
    assert all(np.shares_memory(got[0]._a, x._a) for x in got)
    assert not any(x._is_view() for x in got)


def test_layouts_with_gaps_are_copied():
    a = np.arange(12, dtype="float32").reshape(3, 4)
    views = [a[:, 1:3], a[::2], np.broadcast_to(a[0], (5, 4)), a[:0]]
    got = again([from_host(view) for view in views], map_location="distant")
    assert [x.tolist() for x in got] == [view.tolist() for view in views]


def test_one_array_is_written_once():
    x = matrix()
    file = io.BytesIO()
    save([x, x.detach(), Parameter(x)], file)
    file.seek(0)
    got = load(file)
    assert all(np.shares_memory(got[0]._a, y._a) for y in got)


def test_flags_on_the_device():
    x = matrix().requires_grad_()
    got = again(x)
    assert got.requires_grad
    assert got.is_leaf
    (got * 2).sum().backward()
    assert got.grad.tolist() == [[2.0] * 4] * 3


def test_default_device_does_not_matter():
    with plugrad.device("distant:1"):
        assert again(matrix("cpu")).device == device("cpu")
