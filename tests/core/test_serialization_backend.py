"""Checkpoints of the backend under test."""

import io

import pytest

import plugrad
from plugrad.nn import Parameter
from plugrad.serialization import load_npz, save_npz

pytestmark = pytest.mark.device


@pytest.fixture
def where(device):
    """The device under test as its tensors name it, with an index."""
    return plugrad.ones(1).device


def again(obj, **options):
    file = io.BytesIO()
    plugrad.save(obj, file)
    file.seek(0)
    return plugrad.load(file, **options)


@pytest.mark.parametrize("name", ["bool", "uint8", "int16", "int64", "float32", "float64", "complex64"])
def test_values_come_back_to_the_device(where, name):
    x = plugrad.tensor([[0, 1, 1], [1, 0, 1]], dtype=getattr(plugrad, "bool" if name == "bool" else name))
    got = again({"x": x, "t": x.t(), "column": x[:, 1], "scalar": x[0, 1], "empty": x[:0]})
    for name, want in {"x": x, "t": x.t(), "column": x[:, 1], "scalar": x[0, 1], "empty": x[:0]}.items():
        assert (got[name].device, got[name].dtype, got[name].shape) == (where, want.dtype, want.shape)
        assert got[name].tolist() == want.tolist()


def test_flags_and_parameters_come_back(where):
    p = Parameter(plugrad.ones(2, 3))
    got, frozen = again([p, Parameter(plugrad.ones(2), requires_grad=False)])
    assert type(got) is Parameter
    assert (got.device, got.requires_grad, frozen.requires_grad) == (where, True, False)
    (got * 2).sum().backward()
    assert got.grad.tolist() == [[2.0] * 3] * 2


def test_to_the_cpu_and_back(where):
    x = plugrad.arange(6.0).reshape(2, 3)
    here = again(x, map_location="cpu")
    assert here.device == plugrad.device("cpu")
    there = again(here, map_location=where)
    assert there.device == where
    assert here.tolist() == there.tolist() == x.tolist()


def test_the_old_format_and_arrays_of_numpy(where):
    tensors = {"x": plugrad.arange(6.0).reshape(2, 3), "n": plugrad.tensor([1, 2]), "e": plugrad.ones(0, 3)}
    old, arrays = io.BytesIO(), io.BytesIO()
    plugrad.save(tensors, old, _use_new_zipfile_serialization=False)
    save_npz(tensors, arrays)
    old.seek(0)
    for got in (plugrad.load(old), load_npz(arrays, where)):
        for name, want in tensors.items():
            assert (got[name].device, got[name].dtype, got[name].shape) == (where, want.dtype, want.shape)
            assert got[name].tolist() == want.tolist()
    assert load_npz(arrays)["x"].device == plugrad.device("cpu")
