"""torch.autograd.graph: hooks on saved tensors, edges as roots and inputs, and what belongs to nodes."""

import gc
import warnings
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import Function, grad, graph
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=torch.float64, requires_grad=True)


def same(tensor, values):
    assert_close(tensor.detach(), torch.tensor(values, dtype=torch.float64))


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


# --- saved_tensors_hooks ---
def test_pack_sees_what_is_saved_and_unpack_gives_it_back():
    packed, unpacked = [], []

    def pack(t):
        packed.append(t.tolist())
        return t.tolist()

    def unpack(values):
        unpacked.append(values)
        return torch.tensor(values, dtype=torch.float64)

    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(pack, unpack):
        y = x.exp() * x
    assert len(packed) == 3  # the result of exp, and both factors
    assert unpacked == []
    y.sum().backward()
    assert sorted(unpacked) == sorted(packed)
    assert_close(x.grad, x.detach().exp() * (1 + x.detach()))


def test_unpack_may_change_the_values():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t * 10):
        y = x * x
    y.sum().backward()
    same(x.grad, [20.0, 40.0])


def test_hooks_hold_only_inside_the_block():
    calls = []
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: calls.append(1) or t, lambda t: t):
        inside = x.exp()
    outside = x.exp()
    assert len(calls) == 1
    (inside + outside).sum().backward()
    assert len(calls) == 1


def test_innermost_hooks_count():
    order = []
    x = leaf(1.0)

    def named(name):
        return graph.saved_tensors_hooks(lambda t: order.append(name) or t, lambda t: t)

    with named("outer"):
        with named("inner"):
            x.exp()
        x.exp()
    assert order == ["inner", "outer"]


def test_unpack_runs_at_each_use():
    calls = []
    x = leaf(1.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: calls.append(1) or t):
        y = x.exp()
    y.backward(retain_graph=True)
    y.backward()
    assert len(calls) == 2
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_saved_attributes_are_unpacked():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: t * 10, lambda t: t + 1):
        y = x.exp()
    assert_close(y.grad_fn._saved_result.detach(), x.detach().exp() * 10 + 1)


def test_hooks_and_custom_functions():
    packed = []
    x = leaf(2.0)
    with graph.saved_tensors_hooks(
        lambda t: packed.append(t.item()) or "kept", lambda kept: torch.tensor(5.0, dtype=torch.float64)
    ):
        y = Cube.apply(x)
    assert packed == [2.0]
    y.backward()
    same(x.grad, 75.0)


def test_higher_orders_through_packed_tensors():
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = x**4
        (first,) = grad(y, x, create_graph=True)
        (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x)
    same(first, 32.0)
    same(second, 48.0)
    same(third, 48.0)


def test_packed_tensors_are_not_checked_for_changes():
    x, weight = leaf(1.0, 2.0), torch.tensor([3.0, 4.0], dtype=torch.float64)
    with graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * weight
    weight.zero_()
    y.sum().backward()
    same(x.grad, [3.0, 4.0])


def test_in_place_ops_under_hooks():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * 2
        y.mul_(x)
        y[0].exp_()
    y.sum().backward()
    assert_close(
        x.grad, torch.stack([4 * torch.tensor(2.0, dtype=torch.float64).exp(), torch.tensor(8.0, dtype=torch.float64)])
    )


def test_unpack_must_give_a_tensor():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 1.0):
        y = x.exp()
    with pytest.raises(
        TypeError, match="Output of saved tensor unpack_hook expected to be a Tensor but got result of type float"
    ):
        y.sum().backward()


def test_pack_that_raises():
    def fail(t):
        raise LookupError("in pack")

    x = leaf(1.0)
    with pytest.raises(LookupError, match="in pack"), graph.saved_tensors_hooks(fail, lambda t: t):
        x.exp()
    x.exp().backward()


def test_save_on_cpu():
    x = leaf(1.0, 2.0)
    with graph.save_on_cpu():
        y = (x * x).sin()
    y.sum().backward()
    assert_close(x.grad, 2 * x.detach() * (x.detach() ** 2).cos())


def test_disabled_hooks():
    with graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass


def test_hooks_let_the_graph_go():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = x.exp()
    gone = weakref.ref(y)
    y.sum().backward()
    del y
    gc.collect()
    assert gone() is None


# --- edges ---
def test_gradient_edge_of_a_result():
    x = leaf(2.0)
    y = x * x
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn
    assert edge.output_nr == 0
    same(grad(y * 3, edge)[0], 3.0)


def test_gradient_edge_of_a_leaf():
    x = leaf(2.0)
    edge = graph.get_gradient_edge(x)
    assert edge.node.name() == "torch::autograd::AccumulateGrad"
    assert edge.node.variable is x
    same(grad(x * x, edge)[0], 4.0)


def test_gradient_edge_as_root():
    x = leaf(2.0)
    edge = graph.get_gradient_edge(x * x)
    same(grad(edge, x, torch.tensor(10.0, dtype=torch.float64))[0], 40.0)


def test_gradient_edge_of_one_of_several_outputs():
    x = leaf(2.0, 3.0)
    a, b = x.unbind()
    edge = graph.get_gradient_edge(b)
    assert (edge.node is a.grad_fn, edge.output_nr) == (True, 1)
    same(grad(a * b, edge)[0], 2.0)


def test_gradient_edge_in_backward():
    x = leaf(2.0)
    y = x * x
    torch.autograd.backward(y * 3, inputs=[graph.get_gradient_edge(x)])
    same(x.grad, 12.0)


def test_gradient_edge_without_history():
    with pytest.raises(
        RuntimeError, match="It is not possible to get the gradient edge for a Tensor that does not require"
    ):
        graph.get_gradient_edge(torch.ones(1))


# --- nodes ---
def test_node_is_the_base_of_all_nodes():
    y = leaf(1.0) * 2
    assert isinstance(y.grad_fn, graph.Node)
    assert isinstance(y.grad_fn.next_functions[0][0], graph.Node)
    assert isinstance(Cube.apply(leaf(1.0)).grad_fn, graph.Node)
    assert not isinstance(y, graph.Node)


def test_walk_over_the_graph():
    x, y = leaf(1.0), leaf(2.0)
    names, todo = [], [((x * y).sin() + x).grad_fn]
    while todo:
        node = todo.pop(0)
        names.append(node.name().split("::")[-1])
        todo += [f for f, _ in node.next_functions if f is not None]
    assert names == [
        "AddBackward0",
        "SinBackward0",
        "AccumulateGrad",
        "MulBackward0",
        "AccumulateGrad",
        "AccumulateGrad",
    ]


def test_cycle_warning_of_create_graph():
    x = leaf(1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (x * x).backward(create_graph=True)
        (x * x).backward(create_graph=True)
    assert len(caught) <= 1  # once in a process
    assert all("will create a reference cycle" in str(w.message) for w in caught)
