"""backward and grad: arguments, sums into .grad, retained and freed graphs, derivatives of derivatives."""

import contextlib
import math
import warnings
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device

FREED = "Trying to backward through the graph a second time"


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def same(tensor, values):
    """Assert values and shape of a float64 tensor."""
    assert_close(tensor, torch.tensor(values, dtype=torch.float64))


@contextlib.contextmanager
def ignored_cycle_warning():
    """backward(create_graph=True) warns, once in a process, of the cycle between a leaf and its .grad."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using backward.. with create_graph=True will create a reference cycle")
        yield


# --- backward: its arguments ---
def test_backward_of_a_scalar():
    x = leaf(1.0, 2.0)
    assert (x * x).sum().backward() is None
    same(x.grad, [2.0, 4.0])


def test_backward_of_one_element_of_any_rank():
    x = leaf([[3.0]])
    (x * x).backward()
    same(x.grad, [[6.0]])


def test_backward_of_a_vector_needs_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()


def test_gradient_argument_weighs_the_outputs():
    x = leaf(1.0, 2.0)
    (x * x).backward(torch.tensor([1.0, 10.0], dtype=torch.float64))
    same(x.grad, [2.0, 40.0])


def test_gradient_argument_by_name():
    x = leaf(1.0, 2.0)
    (x * x).backward(gradient=torch.ones(2, dtype=torch.float64), retain_graph=False, create_graph=False, inputs=None)
    same(x.grad, [2.0, 4.0])


def test_gradient_of_another_dtype_is_cast():
    x = leaf(1.0, 2.0)
    (x * 3).backward(torch.ones(2, dtype=torch.float32))
    same(x.grad, [3.0, 3.0])


def test_gradient_of_another_shape():
    x = leaf(1.0, 2.0)
    text = (
        r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\) and output\[0\] has a shape of "
        r"torch.Size\(\[2\]\)\."
    )
    with pytest.raises(RuntimeError, match=text):
        (x * 2).backward(torch.ones(3, dtype=torch.float64))


def test_gradient_that_is_no_tensor():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match="gradients can be either Tensors or None, but got float"):
        (x * 2).sum().backward([1.0])
    with pytest.raises(TypeError, match="'float' object is not iterable"):
        (x * 2).backward(1.0)


def test_the_given_gradient_is_left_alone():
    x, weight = leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64)
    y = x * 1.0
    y.backward(weight)
    x.grad.add_(5)
    same(weight, [1.0, 1.0])


@pytest.mark.parametrize("root", [lambda x: x + 0, lambda x: x], ids=["result", "leaf"])
def test_sums_are_not_written_into_the_given_gradient(root):
    x, weight = leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64)
    for _ in range(2):
        root(x).backward(weight)
        root(x).backward(weight, inputs=[x])
    same(weight, [1.0, 1.0])
    same(x.grad, [4.0, 4.0])


def test_leaves_do_not_share_a_gradient():
    for inputs in (None, "both"):
        x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
        (x + y).backward(torch.ones(2, dtype=torch.float64), inputs=None if inputs is None else [x, y])
        x.grad.zero_()
        same(y.grad, [1.0, 1.0])


def test_backward_of_a_leaf():
    x = leaf(2.0)
    x.backward()
    same(x.grad, 1.0)
    x.backward(torch.tensor(3.0, dtype=torch.float64))
    same(x.grad, 4.0)


def test_backward_without_history():
    text = "element 0 of tensors does not require grad and does not have a grad_fn"
    with pytest.raises(RuntimeError, match=text):
        torch.ones(()).backward()
    with torch.no_grad():
        y = (leaf(1.0) * 2).sum()
    with pytest.raises(RuntimeError, match=text):
        y.backward()


def test_backward_of_several_roots():
    x = leaf(1.0, 2.0)
    torch.autograd.backward([x.sum(), (x * x).sum()])
    same(x.grad, [3.0, 5.0])


def test_backward_of_several_roots_with_gradients():
    x = leaf(1.0, 2.0)
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64)
    torch.autograd.backward([x.sum(), x * x], [None, weight])
    same(x.grad, [3.0, 9.0])


def test_backward_of_one_root_twice():
    x = leaf(3.0)
    y = x * x
    torch.autograd.backward([y, y])
    same(x.grad, 12.0)


def test_a_root_that_is_inside_the_graph_of_another():
    x = leaf(3.0)
    y = x * x
    torch.autograd.backward([y, y * 2])
    same(x.grad, 18.0)


def test_number_of_roots_and_gradients():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        torch.autograd.backward([x * 2, x * 3], [torch.ones((), dtype=torch.float64)])


def test_second_root_without_history():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="element 1 of tensors does not require grad"):
        torch.autograd.backward([x * 2, torch.ones(())])


# --- backward(inputs=) ---
def test_inputs_get_gradients_and_no_other():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    same(x.grad, 3.0)
    assert y.grad is None


def test_inputs_as_one_tensor():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=y)
    same(y.grad, 2.0)
    assert x.grad is None


def test_inputs_must_not_be_empty():
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `backward\(\)` cannot be empty\."):
        (leaf(2.0) * 2).backward(inputs=[])


def test_inputs_accumulate():
    x = leaf(2.0)
    (x * x).backward(inputs=[x])
    (x * x).backward(inputs=[x])
    same(x.grad, 8.0)


def test_input_that_is_not_used_gets_none():
    x, y = leaf(2.0), leaf(3.0)
    (x * 2).backward(inputs=[x, y])
    same(x.grad, 2.0)
    assert y.grad is None


def test_inputs_that_are_not_leaves_retain_their_gradient():
    x = leaf(2.0)
    y = x * x
    (y * 3).backward(inputs=[y])
    same(y.grad, 3.0)
    assert x.grad is None


def test_input_that_retains_its_gradient_anyway():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    (y * 3).backward(inputs=[y])
    same(y.grad, 3.0)


def test_backward_sums_into_retained_gradients_too():
    x = leaf(2.0)
    y = x * x
    (y * 3).backward(inputs=[y], retain_graph=True)
    (y * 4).backward(inputs=[y])
    same(y.grad, 7.0)


def test_parts_of_the_graph_below_the_inputs_do_not_run():
    ran = []
    x = leaf(2.0)
    below = x * x
    below.grad_fn.register_hook(lambda *_: ran.append("below"))
    hidden = below * 2
    (hidden * 3).backward(inputs=[hidden])
    assert ran == []
    same(grad(below, x)[0], 4.0)  # and is not freed


# --- sums into .grad ---
def test_gradients_accumulate():
    x = leaf(1.0, 2.0)
    for expected in ([2.0, 4.0], [4.0, 8.0], [6.0, 12.0]):
        (x * x).sum().backward()
        same(x.grad, expected)


def test_accumulation_writes_into_the_same_tensor():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    first = x.grad
    x.sum().backward()
    assert x.grad is first
    same(first, [2.0, 2.0])


def test_accumulation_bumps_the_version_of_grad():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    before = x.grad._version
    x.sum().backward()
    assert x.grad._version == before + 1


def test_accumulation_under_create_graph_makes_a_new_tensor():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    first = x.grad
    with ignored_cycle_warning():
        (x * x).sum().backward(create_graph=True)
    assert x.grad is not first
    same(first, [1.0, 1.0])
    same(x.grad, [3.0, 5.0])


def test_grad_is_none_before_backward_and_after_deletion():
    x = leaf(1.0)
    assert x.grad is None
    x.sum().backward()
    assert x.grad is not None
    x.grad = None
    assert x.grad is None
    x.sum().backward()
    same(x.grad, 1.0)


def test_grad_has_no_history():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    assert not x.grad.requires_grad
    assert x.grad.is_leaf
    assert x.grad.grad_fn is None


def test_grad_of_two_leaves_is_not_shared():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.zero_()
    same(y.grad, [1.0, 1.0])


def test_grad_is_not_shared_with_a_retained_gradient():
    x = leaf(1.0, 2.0)
    y = x + 0
    y.retain_grad()
    y.sum().backward()
    x.grad.zero_()
    same(y.grad, [1.0, 1.0])


def test_leaf_used_several_times():
    x = leaf(2.0)
    (x * x * x + x).backward()
    same(x.grad, 13.0)


def test_leaf_used_twice_in_one_op():
    x = leaf(2.0)
    (x / x + x - x).backward()
    same(x.grad, 0.0)


def test_only_leaves_that_require_grad_get_one():
    x, fixed = leaf(2.0), torch.tensor(3.0, dtype=torch.float64)
    (x * fixed).backward()
    assert fixed.grad is None


def test_grad_of_a_non_leaf_warns():
    y = leaf(1.0) * 2
    y.backward()
    with pytest.warns(UserWarning, match="The .grad attribute of a Tensor that is not a leaf Tensor is being accessed"):
        assert y.grad is None


def test_grad_in_the_dtype_of_the_leaf():
    x, y = leaf(1.0, dtype=torch.float32), leaf(2.0)
    (x * y).backward()
    assert x.grad.dtype is torch.float32
    assert y.grad.dtype is torch.float64


def test_assigned_grad_is_added_to():
    x = leaf(1.0, 2.0)
    x.grad = torch.tensor([10.0, 20.0], dtype=torch.float64)
    x.sum().backward()
    same(x.grad, [11.0, 21.0])


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (
            lambda: torch.ones(3, dtype=torch.float64),
            RuntimeError,
            r"gradient of size '\[3\]' to a tensor of size '\[2\]'",
        ),
        (lambda: torch.ones(2), RuntimeError, "attempting to assign a gradient with dtype 'float'"),
        (lambda: 1.0, TypeError, "assigned grad expected to be a Tensor or None but got grad of type float"),
    ],
)
def test_assigned_grad_must_fit(value, kind, text):
    x = leaf(1.0, 2.0)
    with pytest.raises(kind, match=text):
        x.grad = value()


def test_a_tensor_cannot_be_its_own_grad():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="can't assign Variable as its own grad"):
        x.grad = x


# --- retained and freed graphs ---
def test_second_backward_raises():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=FREED):
        y.backward()


def test_nodes_that_saved_nothing_can_run_again():
    x = leaf(1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    same(x.grad, [2.0, 2.0])


def test_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    same(x.grad, [6.0, 12.0])
    with pytest.raises(RuntimeError, match=FREED):
        y.backward()


def test_create_graph_retains_by_default():
    x = leaf(3.0)
    y = x * x
    grad(y, x, create_graph=True)
    (g,) = grad(y, x)
    same(g, 6.0)


def test_create_graph_without_retaining():
    x = leaf(3.0)
    y = x * x
    grad(y, x, retain_graph=False, create_graph=True)
    with pytest.raises(RuntimeError, match=FREED):
        grad(y, x)


def test_freed_part_of_a_graph():
    x = leaf(1.0, 2.0)
    hidden = x * x
    hidden.sum().backward()
    with pytest.raises(RuntimeError, match=FREED):
        (hidden * 2).sum().backward()


def test_saved_values_of_a_freed_node():
    x = leaf(1.0, 2.0)
    y = x.exp()
    same(y.grad_fn._saved_result.detach(), [math.e, math.e**2])
    y.sum().backward()
    with pytest.raises(RuntimeError, match="directly access saved tensors after they have already been freed"):
        y.grad_fn._saved_result  # noqa: B018


def test_saved_values_by_torch_names():
    x, y = leaf(2.0), leaf(3.0)
    node = (x * y).grad_fn
    same(node._saved_self.detach(), 2.0)
    same(node._saved_other.detach(), 3.0)
    assert (x**3).grad_fn._saved_exponent == 3


def test_backward_frees_saved_arrays():
    x = leaf(1.0, 2.0)
    hidden = x.exp()
    gone = weakref.ref(hidden)
    y = (hidden * hidden).sum()
    del hidden
    y.backward()
    assert gone() is None


# --- derivatives of derivatives ---
def test_second_and_third_order():
    x = leaf(2.0)
    y = x**4
    (first,) = grad(y, x, create_graph=True)
    (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x, create_graph=True)
    (fourth,) = grad(third, x)
    same(first.detach(), 32.0)
    same(second.detach(), 48.0)
    same(third.detach(), 48.0)
    same(fourth, 24.0)


@pytest.mark.parametrize("function", ["sin", "exp", "tanh", "sigmoid", "log", "sqrt", "reciprocal"])
def test_third_order_of(function):
    def third(value):
        x = leaf(value)
        g = getattr(x, function)()
        for _ in range(3):
            (g,) = grad(g, x, create_graph=True)
        return g.item()

    def second(value):
        x = leaf(value)
        g = getattr(x, function)()
        for _ in range(2):
            (g,) = grad(g, x, create_graph=True)
        return g.item()

    step = 1e-5
    assert third(0.7) == pytest.approx((second(0.7 + step) - second(0.7 - step)) / (2 * step), rel=1e-6)


def test_mixed_derivatives_are_symmetric():
    x, y = leaf(1.5), leaf(0.5)
    z = (x * y).sin() * x.exp()
    gx, gy = grad(z, (x, y), create_graph=True)
    (xy,) = grad(gx, y, retain_graph=True)
    (yx,) = grad(gy, x)
    assert_close(xy, yx)


def test_create_graph_gives_gradients_with_history():
    x = leaf(1.0, 2.0)
    with ignored_cycle_warning():
        (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    assert not x.grad.is_leaf
    x.grad.sum().backward()
    # 3x² of the first pass and 6x of the second one, summed in one tensor
    same(x.grad.detach(), [9.0, 24.0])


def test_gradient_of_a_linear_op_has_no_history():
    x = leaf(1.0, 2.0)
    (g,) = grad((x * 3).sum(), x, create_graph=True)
    assert not g.requires_grad


def test_gradient_argument_is_differentiable():
    x, weight = leaf(2.0, 3.0), leaf(1.0, 1.0)
    (g,) = grad(x * x, x, weight, create_graph=True)
    (back,) = grad(g.sum(), weight)
    same(back, [4.0, 6.0])


def test_gradient_penalty():
    x, w = leaf(1.0, 2.0), leaf(0.5, -1.0)
    (g,) = grad((w * x * x).sum(), x, create_graph=True)
    (g * g).sum().backward()
    same(w.grad, [4.0, -32.0])
    same(x.grad, [2.0, 16.0])


def test_second_order_through_broadcasting():
    x, y = leaf([[1.0], [2.0]]), leaf(3.0, 4.0)
    (g,) = grad((x * x * y).sum(), y, create_graph=True)
    (second,) = grad(g.sum(), x)
    same(second, [[4.0], [8.0]])


# --- grad ---
def test_grad_returns_and_leaves_grad_alone():
    x = leaf(3.0)
    result = grad(x * x, x)
    assert isinstance(result, tuple)
    same(result[0], 6.0)
    assert x.grad is None


def test_grad_of_several():
    x, y = leaf(3.0), leaf(4.0)
    gx, gy = grad([x * y, x], [x, y])
    same(gx, 5.0)
    same(gy, 3.0)


def test_grad_with_weights():
    x = leaf(1.0, 2.0)
    weight = torch.tensor([1.0, -1.0], dtype=torch.float64)
    same(grad(x * x, x, weight)[0], [2.0, -4.0])
    same(grad([x * x], [x], [weight])[0], [2.0, -4.0])
    same(grad(x * x, x, grad_outputs=(weight,))[0], [2.0, -4.0])


def test_grad_of_non_leaves():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gx, gy = grad(z, (x, y))
    same(gx, 32.0)
    same(gy, 8.0)


def test_grad_of_an_output_with_respect_to_itself():
    x = leaf(2.0)
    y = x * x
    same(grad(y, y)[0], 1.0)
    same(grad(x, x)[0], 1.0)


def test_grad_of_an_input_given_twice():
    x = leaf(2.0)
    first, second = grad(x * x, [x, x])
    same(first, 4.0)
    same(second, 4.0)


def test_unused_input():
    x, y = leaf(2.0), leaf(3.0)
    text = (
        "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the "
        "desired behavior."
    )
    with pytest.raises(RuntimeError) as caught:
        grad(x * 2, [x, y])
    assert text in str(caught.value) or "The differentiated Tensor at index 1 appears to not have been used" in str(
        caught.value
    )
    gx, gy = grad(x * 2, [x, y], allow_unused=True)
    same(gx, 2.0)
    assert gy is None


def test_materialize_grads():
    x, y = leaf(2.0), leaf([1.0, 1.0])
    _, gy = grad(x * 2, [x, y], materialize_grads=True)
    same(gy, [0.0, 0.0])
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed when materialize_grads=True"):
        grad(x * 2, [x, y], materialize_grads=True, allow_unused=False)


def test_input_without_requires_grad():
    x, fixed = leaf(2.0), torch.tensor(3.0, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        grad(x * fixed, [fixed])


def test_grad_frees_the_graph():
    x = leaf(2.0)
    y = x * x
    grad(y, x)
    with pytest.raises(RuntimeError, match=FREED):
        grad(y, x)


def test_grad_does_not_free_what_it_did_not_need():
    x, y = leaf(2.0), leaf(3.0)
    hidden = y * y
    z = x * x + hidden
    grad(z, x)
    same(grad(hidden, y)[0], 6.0)


def test_grad_in_no_grad_mode():
    x = leaf(2.0)
    y = x * x
    with torch.no_grad():
        (g,) = grad(y, x)
    same(g, 4.0)
    assert not g.requires_grad


def test_create_graph_in_no_grad_mode():
    x = leaf(2.0)
    y = x**3
    with torch.no_grad():
        (g,) = grad(y, x, create_graph=True)
    assert g.requires_grad
    same(grad(g, x)[0], 12.0)


def test_batched_gradients():
    x = leaf(1.0, 2.0)
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]], dtype=torch.float64)
    (g,) = grad(x * x, x, weights, is_grads_batched=True)
    same(g, [[2.0, 0.0], [0.0, 4.0], [4.0, 8.0]])


def test_empty_lists():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `grad\(\)` cannot be empty\."):
        grad(x * 2, [])
    assert torch.autograd.backward([]) is None


# --- broadcasting, ranks, emptiness ---
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (2, 3)),
        ((2, 1), (1, 3)),
        ((), (2, 3)),
        ((1,), ()),
        ((1, 1, 3), (4, 2, 1)),
        ((2, 3), (2, 3)),
        ((0,), (1,)),
        ((2, 0), (1, 1)),
    ],
)
def test_gradient_of_what_was_broadcast(a, b):
    x = torch.full(a, 2.0, dtype=torch.float64, requires_grad=True)
    y = torch.full(b, 3.0, dtype=torch.float64, requires_grad=True)
    z = x * y
    z.sum().backward()
    assert_close(x.grad, torch.full(a, 3.0 * (z.numel() / max(x.numel(), 1)), dtype=torch.float64))
    assert_close(y.grad, torch.full(b, 2.0 * (z.numel() / max(y.numel(), 1)), dtype=torch.float64))


def test_gradient_of_three_way_broadcasting():
    x, y, z = leaf([[1.0], [2.0]]), leaf(1.0, 2.0, 3.0), leaf(5.0)
    torch.where(torch.tensor([[True], [False]]), x * y, z).sum().backward()
    same(x.grad, [[6.0], [0.0]])
    same(y.grad, [1.0, 1.0, 1.0])
    same(z.grad, 3.0)


def test_gradient_of_expand():
    x = leaf([[1.0], [2.0]])
    (x.expand(4, 2, 3) * 2).sum().backward()
    same(x.grad, [[24.0], [24.0]])


def test_zero_dimensional_all_the_way():
    x = leaf(0.5)
    y = (x * 2 + 1).exp().log() - x
    y.backward()
    assert y.shape == torch.Size([])
    assert x.grad.shape == torch.Size([])
    same(x.grad, 1.0)


def test_empty_tensors():
    x = torch.empty(0, 3, dtype=torch.float64, requires_grad=True)
    y = (x * 2).sum() + x.sum(1).sum()
    y.backward()
    assert y.item() == 0
    assert x.grad.shape == torch.Size([0, 3])


def test_concatenation_with_empty_ones():
    x, empty = leaf(1.0, 2.0), torch.empty(0, dtype=torch.float64, requires_grad=True)
    torch.cat([x, empty, x]).sum().backward()
    same(x.grad, [2.0, 2.0])
    assert empty.grad.shape == torch.Size([0])


def test_order_of_summation_over_branches():
    x = leaf(1.0)
    y = x
    for _ in range(10):
        y = y + y
    y.backward()
    same(x.grad, 1024.0)


def test_branch_that_is_not_differentiable():
    x = leaf(1.0, -2.0)
    (x * (x > 0)).sum().backward()
    same(x.grad, [1.0, 0.0])


def test_unused_outputs_of_an_op():
    x = leaf(3.0, 1.0, 2.0)
    values, indices = x.sort()
    values[0].backward()
    same(x.grad, [0.0, 1.0, 0.0])
    assert not indices.requires_grad


# --- the graph as the user sees it ---
def test_grad_fn_and_leaves():
    x = leaf(1.0)
    y = x * 2
    assert x.grad_fn is None
    assert x.is_leaf
    assert not y.is_leaf
    assert y.requires_grad
    assert y.grad_fn.name() == "MulBackward0"
    assert type(y.grad_fn).__name__ == "MulBackward0"


def test_next_functions():
    x, y = leaf(1.0), leaf(2.0)
    node = (x.exp() * y + 3).grad_fn
    assert node.name() == "AddBackward0"
    (product, index), (nothing, zero) = node.next_functions
    assert (product.name(), index, nothing, zero) == ("MulBackward0", 0, None, 0)
    (exponential, _), (accumulate, _) = product.next_functions
    assert exponential.name() == "ExpBackward0"
    assert accumulate.name() == "torch::autograd::AccumulateGrad"
    assert accumulate.variable is y
    assert accumulate.next_functions == ()


def test_output_number_in_next_functions():
    x = leaf(3.0, 1.0)
    values, _ = x.sort()
    largest = x.max(0)
    assert values.output_nr == 0
    assert (values * 2).grad_fn.next_functions[0][1] == 0
    assert largest.values.grad_fn.name() == "MaxBackward0"


def test_metadata_of_a_node():
    node = (leaf(1.0) * 2).grad_fn
    node.metadata["note"] = 3
    assert node.metadata == {"note": 3}


def test_requires_grad_spreads():
    x, fixed = leaf(1.0), torch.ones(())
    assert (x + fixed).requires_grad
    assert not (fixed + 1).requires_grad
    assert not (x > 0).requires_grad
    assert not x.detach().requires_grad


def test_requires_grad_of_integers():
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        torch.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require gradients"):
        torch.tensor([1, 2]).requires_grad_()
    with pytest.raises(RuntimeError, match="only Tensors of floating point and complex dtype can require gradients"):
        torch.tensor([1, 2]).requires_grad = True


def test_requires_grad_of_results_cannot_be_switched_off():
    y = leaf(1.0) * 2
    assert y.requires_grad_() is y
    long = "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph"
    for change in (lambda: setattr(y, "requires_grad", False), lambda: y.requires_grad_(False)):
        with pytest.raises(RuntimeError, match=long):
            change()
    with pytest.raises(RuntimeError, match=r"you can only change requires_grad flags of leaf variables\.$"):
        y.requires_grad = True


def test_requires_grad_switched_off_and_on():
    x = leaf(1.0)
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    assert x.requires_grad_() is x
    (x * 2).backward()
    same(x.grad, 2.0)


def test_requires_grad_switched_off_between_forward_and_backward():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    x.requires_grad_(False)
    z.backward()
    same(y.grad, 2.0)


def test_detach_cuts():
    x = leaf(2.0)
    (x.detach() * x).backward()
    same(x.grad, 2.0)


def test_detach_in_place():
    x = leaf(2.0)
    y = x * 3
    z = y + x
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    z.backward()  # z was recorded before
    same(x.grad, 4.0)


def test_data_has_no_history():
    x = leaf(2.0)
    assert not x.data.requires_grad
    assert not (x * 2).data.requires_grad


def test_conversion_between_dtypes_is_differentiable():
    x = leaf(1.0, 2.0, dtype=torch.float32)
    (x.double() * torch.tensor([3.0, 4.0], dtype=torch.float64)).sum().backward()
    assert_close(x.grad, torch.tensor([3.0, 4.0]))


def test_conversion_to_integers_ends_the_history():
    assert not leaf(1.5).to(torch.int64).requires_grad


def test_scalars_on_both_sides():
    x = leaf(2.0)
    (3 - x + 1 / x - x / 4 + 2**x + (-x) ** 2 + x % 5).backward()
    same(x.grad, -1 - 1 / 4 - 1 / 4 + 4 * math.log(2) + 4 + 1)


def test_gradients_of_complex_arithmetic_are_conjugated():
    """d|zc|/dz is zc/|zc| · conj(c), on every backend: also where each array has a dtype object of its own."""
    z, c = torch.tensor([1 + 2j, 3 - 1j]).requires_grad_(), torch.tensor([0.5 + 1j, 2 - 1j])
    (z * c).abs().sum().backward()
    expected = [zc / abs(zc) * k.conjugate() for zc, k in ((-1.5 + 2j, 0.5 + 1j), (5 - 5j, 2 - 1j))]
    assert_close(z.grad, torch.tensor(expected))
