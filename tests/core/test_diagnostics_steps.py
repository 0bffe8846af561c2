"""Walking a backward pass node by node, and changing it on the way."""

import re

import pytest

import plugrad as torch
from plugrad.autograd import Function, steps
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def network(x, w):
    hidden = (x * w + x).tanh()
    first, second = hidden.sort()[0].unbind()
    return torch.cat([first.reshape(1), second.reshape(1) * w[:1]]).square().sum()


def test_gradients_are_those_of_backward():
    x, w = leaf(1.0, -2.0), leaf(0.5, 0.25)
    network(x, w).backward()
    expected = [x.grad, w.grad]
    x.grad = w.grad = None
    seen = [node.name() for node, _, _ in steps(network(x, w))]
    assert_close(x.grad, expected[0])
    assert_close(w.grad, expected[1])
    assert seen[0] == "SumBackward0"
    assert seen.count("MulBackward0") == 2


def test_each_step_is_the_nodes_own_rule():
    x = leaf(0.5, 2.0)
    x.exp().mul(3).sum().backward()
    for node, grads_in, grads_out in steps(x.exp().mul(3).sum()):
        if node.name() == "ExpBackward0":
            assert_close(grads_in[0], torch.full((2,), 3.0, dtype=torch.float64))
            assert_close(grads_out[0], 3 * x.detach().exp())
            assert not grads_out[0].requires_grad


def test_gradients_have_the_arguments_shape():
    x, b = torch.ones(3, 2, dtype=torch.float64, requires_grad=True), leaf(1.0, 2.0)
    (step,) = [step for step in steps((x + b).sum()) if step.node.name() == "AddBackward0"]
    assert [g.shape for g in step.grads_out] == [x.shape, b.shape]
    assert_close(step.grads_out[1], torch.full((2,), 3.0, dtype=torch.float64))
    assert_close(b.grad, step.grads_out[1])


def test_no_gradient_for_what_needs_none():
    (first, *_) = steps((leaf(1.0) * torch.ones(1, dtype=torch.float64)).sum())
    assert first.node.name() == "SumBackward0"
    (_, second) = steps((leaf(1.0) * torch.ones(1, dtype=torch.float64)).sum())
    assert second.grads_out[1] is None


def test_replacing_a_gradient():
    x = leaf(1.0, 2.0)
    for node, _, grads_out in steps((x * 3).exp().sum()):
        if node.name() == "ExpBackward0":
            grads_out[0] = grads_out[0].clamp(max=10.0)
    assert_close(x.grad, torch.tensor([30.0, 30.0], dtype=torch.float64))


def test_stopping_a_gradient():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for node, _, grads_out in steps((x * y).sum()):
        if node.name() == "MulBackward0":
            grads_out[0] = None
    assert x.grad is None
    assert_close(y.grad, x.detach())


def test_wrong_replacements():
    def replace(value):
        for node, _, grads_out in steps((leaf(1.0, 2.0) * 3).exp().sum()):
            if node.name() == "ExpBackward0":
                grads_out[0] = value

    text = "grads_out[0] of ExpBackward0 has shape [3], the argument has shape [2]"
    with pytest.raises(RuntimeError, match=re.escape(text)):
        replace(torch.ones(3, dtype=torch.float64))
    with pytest.raises(TypeError, match=re.escape("grads_out[0] must be a Tensor or None, not float")):
        replace(1.0)


def test_a_walk_that_is_left_writes_nothing():
    x = leaf(1.0, 2.0)
    next(steps((x * 3).exp().sum()))
    assert x.grad is None


def test_the_program_between_the_steps_records():
    x = leaf(1.0, 2.0)
    for _ in steps((x * 3).sum()):
        assert torch.is_grad_enabled()
        assert (x * 2).requires_grad


def test_hooks_and_retained_gradients():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    for _ in steps(y.sum()):
        assert x.grad is None
    assert_close(y.grad, torch.full((2,), 2.0, dtype=torch.float64))
    assert_close(x.grad, torch.full((2,), 6.0, dtype=torch.float64))


def test_freed_unless_kept():
    x = leaf(1.0, 2.0)
    loss = x.exp().sum()
    assert len(list(steps(loss, retain_graph=True))) == 2
    assert len(list(steps(loss))) == 2
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        list(steps(loss))
    assert_close(x.grad, 2 * x.detach().exp())


def test_a_given_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        steps(x * 3)
    list(steps(x * 3, torch.tensor([1.0, 2.0], dtype=torch.float64)))
    assert_close(x.grad, torch.tensor([3.0, 6.0], dtype=torch.float64))


def test_a_leaf_itself():
    x = torch.tensor(2.0, requires_grad=True)
    assert list(steps(x)) == []
    assert x.grad.item() == 1.0


def test_custom_functions_and_their_errors():
    class Failing(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise LookupError("in a rule")

    with pytest.raises(LookupError) as caught:
        list(steps(Failing.apply(leaf(1.0)).sum()))
    assert caught.value.__notes__[0] == "in the backward of FailingBackward"
