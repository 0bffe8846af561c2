"""swap_tensors: everything changes sides, and what would go wrong later is refused."""

import weakref

import pytest

import plugrad
from plugrad.utils import swap_tensors


def test_everything_changes_sides():
    a = plugrad.nn.Parameter(plugrad.ones(2))
    b = plugrad.zeros(3, dtype=plugrad.float64)
    a.note, b.other = "mine", "yours"
    (a * 3).sum().backward()
    identities = id(a), id(b)
    swap_tensors(a, b)
    assert (id(a), id(b)) == identities
    assert (type(a), type(b)) == (plugrad.Tensor, plugrad.nn.Parameter)
    assert (a.tolist(), a.dtype, a.requires_grad, a.grad) == ([0, 0, 0], plugrad.float64, False, None)
    assert (b.tolist(), b.requires_grad, b.grad.tolist()) == ([1, 1], True, [3, 3])
    assert (a.other, b.note, hasattr(a, "note")) == ("yours", "mine", False)
    swap_tensors(a, b)
    assert (type(a), a.note, a.grad.tolist()) == (plugrad.nn.Parameter, "mine", [3, 3])


def test_a_parameter_of_a_module_becomes_another():
    layer = plugrad.nn.Linear(2, 1)
    kept, new = layer.weight, plugrad.nn.Parameter(plugrad.ones(1, 2))
    swap_tensors(layer.weight, new)
    assert layer.weight is kept
    layer(plugrad.ones(1, 2)).sum().backward()
    assert layer.weight.tolist() == [[1, 1]]
    assert kept.grad.tolist() == [[1, 1]]
    assert new.grad is None


def test_results_change_their_histories():
    x = plugrad.ones(2, requires_grad=True)
    y, z = x * 2, x * 5
    swap_tensors(y, z)
    y.sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_a_leaf_that_a_graph_waits_for_is_refused():
    a, b = plugrad.ones(2, requires_grad=True), plugrad.zeros(2)
    y = (a * 2).sum()
    for pair in ((a, b), (b, a)):
        with pytest.raises(RuntimeError, match=r"Cannot swap t[12] because a graph holds it"):
            swap_tensors(*pair)
    assert (a.tolist(), b.tolist()) == ([1, 1], [0, 0])
    y.backward()
    assert a.grad.tolist() == [2, 2]
    del y
    swap_tensors(a, b)
    assert a.tolist() == [0, 0]


def test_a_tensor_that_is_referred_to_weakly_is_refused():
    a, b = plugrad.ones(2), plugrad.zeros(2)
    reference = weakref.ref(b)
    with pytest.raises(RuntimeError, match="Cannot swap t2 because it has weakref associated with it"):
        swap_tensors(a, b)
    assert reference() is b


def test_different_slots_are_refused():
    class Slotted(plugrad.Tensor):
        __slots__ = ("more",)

    a = object.__new__(Slotted)
    with pytest.raises(RuntimeError, match="Cannot swap t1 and t2 if they have different slots"):
        swap_tensors(a, plugrad.ones(2))
