"""In-place ops: values, history, versions, what they refuse, and saved values they would spoil."""

import pytest

import plugrad as torch
from plugrad.autograd import grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def double(*values):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=torch.float64)


def same(tensor, values):
    assert_close(tensor.detach(), torch.tensor(values, dtype=torch.float64))


CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation"
LEAF = "a leaf Variable that requires grad is being used in an in-place operation."


# --- values and identity ---
METHODS = {
    "add_": lambda: (double(2.0, 3.0),),
    "sub_": lambda: (double(2.0, 3.0),),
    "mul_": lambda: (double(2.0, 3.0),),
    "div_": lambda: (double(2.0, 4.0),),
    "pow_": lambda: (2,),
    "remainder_": lambda: (double(0.75, 0.3),),
    "fmod_": lambda: (double(0.75, 0.3),),
    "neg_": lambda: (),
    "exp_": lambda: (),
    "log_": lambda: (),
    "sqrt_": lambda: (),
    "rsqrt_": lambda: (),
    "reciprocal_": lambda: (),
    "square_": lambda: (),
    "sin_": lambda: (),
    "cos_": lambda: (),
    "tan_": lambda: (),
    "tanh_": lambda: (),
    "sigmoid_": lambda: (),
    "relu_": lambda: (),
    "abs_": lambda: (),
    "erf_": lambda: (),
    "exp2_": lambda: (),
    "expm1_": lambda: (),
    "log1p_": lambda: (),
    "log2_": lambda: (),
    "log10_": lambda: (),
    "sinh_": lambda: (),
    "cosh_": lambda: (),
    "asin_": lambda: (),
    "acos_": lambda: (),
    "atan_": lambda: (),
    "clamp_": lambda: (0.3, 0.6),
    "clamp_min_": lambda: (0.5,),
    "clamp_max_": lambda: (0.5,),
    "lerp_": lambda: (double(2.0, 4.0), 0.25),
    "addcmul_": lambda: (double(1.0, 2.0), double(3.0, 4.0)),
    "addcdiv_": lambda: (double(1.0, 2.0), double(3.0, 4.0)),
    "masked_fill_": lambda: (torch.tensor([True, False]), 3.0),
    "atan2_": lambda: (double(1.0, 2.0),),
    "cumsum_": lambda: (0,),
    "float_power_": lambda: (2,),
    "floor_": lambda: (),
    "sign_": lambda: (),
    "trunc_": lambda: (),
    "round_": lambda: (),
    "ceil_": lambda: (),
}


@pytest.mark.parametrize("name", METHODS)
def test_same_as_the_op_itself(name):
    """In place gives the values and the gradients of the op, in the same tensor on the same memory."""
    args = METHODS[name]()
    x = leaf(0.4, 0.8)
    expected = getattr(x, name[:-1])(*args)
    (expected_grad,) = grad((expected * double(3.0, 5.0)).sum(), x, materialize_grads=True)
    y = x * 1
    memory = y.data_ptr()
    assert getattr(y, name)(*args) is y
    assert y.data_ptr() == memory
    assert_close(y.detach(), expected.detach())
    (found,) = grad((y * double(3.0, 5.0)).sum(), x, materialize_grads=True)
    assert_close(found, expected_grad)


OPERATORS = {
    "+=": lambda x, y: x.__iadd__(y),
    "-=": lambda x, y: x.__isub__(y),
    "*=": lambda x, y: x.__imul__(y),
    "/=": lambda x, y: x.__itruediv__(y),
    "**=": lambda x, y: x.__ipow__(y),
    "%=": lambda x, y: x.__imod__(y),
}


@pytest.mark.parametrize("operand", [2.5, 2, "tensor"])
@pytest.mark.parametrize("sign", OPERATORS)
def test_operators(sign, operand):
    value = double(2.0, 3.0) if operand == "tensor" else operand
    plain = {"+=": "__add__", "-=": "__sub__", "*=": "__mul__", "/=": "__truediv__", "**=": "__pow__", "%=": "__mod__"}
    x = leaf(3.4, 0.8)
    y = x * 1
    kept = y
    y = OPERATORS[sign](y, value)
    assert y is kept
    expected = getattr(x, plain[sign])(value)
    assert_close(y.detach(), expected.detach())
    assert_close(grad(y.sum(), x)[0], grad(expected.sum(), x)[0])


def test_operators_on_integers():
    x = torch.tensor([5, 6])
    x += 1
    x *= 2
    x -= 3
    x //= 2
    x <<= 2
    x >>= 1
    x |= 1
    x &= 7
    x ^= 2
    assert x.tolist() == [3, 1]


def test_chain_of_in_place_ops():
    x = leaf(0.5, 1.0)
    y = x * 2
    y.add_(1).mul_(x).sub_(x)
    y.sum().backward()
    same(y, [0.5, 2.0])
    same(x.grad, [2.0, 4.0])


def test_in_place_with_itself():
    x = leaf(2.0, 3.0)
    y = x * 1
    y.add_(y)
    same(y, [4.0, 6.0])
    y.sum().backward()
    same(x.grad, [2.0, 2.0])


def test_the_other_operand_gets_its_gradient():
    x, z = leaf(2.0, 3.0), leaf(5.0, 7.0)
    y = x * 1
    y.mul_(z)
    y.sum().backward()
    same(x.grad, [5.0, 7.0])
    same(z.grad, [2.0, 3.0])


def test_in_place_with_a_leaf_gives_history():
    x, buffer = leaf(2.0, 3.0), torch.zeros(2, dtype=torch.float64)
    assert buffer.add_(x) is buffer
    assert buffer.requires_grad
    assert not buffer.is_leaf
    assert buffer.grad_fn.name() == "AddBackward0"
    (buffer * buffer).sum().backward()
    same(x.grad, [4.0, 6.0])


def test_other_names_for_the_tensor_see_the_new_history():
    x = leaf(2.0)
    y = x * 1
    other = y
    y.mul_(3)
    other.backward()
    same(x.grad, 3.0)


def test_broadcasting_of_the_other_operand():
    x, z = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf(5.0, 6.0)
    y = x * 1
    y.mul_(z)
    y.sum().backward()
    same(x.grad, [[5.0, 6.0], [5.0, 6.0]])
    same(z.grad, [4.0, 6.0])


def test_result_must_fit():
    with pytest.raises(RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        torch.zeros(3).add_(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"output with shape \[\] doesn't match the broadcast shape \[1\]"):
        torch.tensor(1.0).mul_(torch.ones(1))


def test_result_dtype_must_fit():
    whole = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        whole.add_(1.5)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        whole.div_(2)
    with pytest.raises(RuntimeError, match="result type Long can't be cast to the desired output type Bool"):
        torch.tensor([True]).add_(torch.tensor([1]))
    assert whole.tolist() == [1, 2]


def test_wider_operand_is_cast():
    x = torch.ones(2, dtype=torch.float32)
    z = leaf(2.0, 3.0)
    x.mul_(z)
    assert x.dtype is torch.float32
    x.sum().backward()
    same(z.grad, [1.0, 1.0])


# --- fills ---
def test_fill_ends_the_history():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.fill_(7.0)
    same(y, [7.0, 7.0])
    assert y.requires_grad
    y.sum().backward()
    same(x.grad, [0.0, 0.0])


def test_fill_with_a_tensor():
    x, value = leaf(1.0, 2.0), leaf(5.0)
    y = x * 3
    y.fill_(value)
    y.sum().backward()
    same(x.grad, [0.0, 0.0])
    same(value.grad, 2.0)
    with pytest.raises(
        RuntimeError, match="fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions"
    ):
        torch.zeros(2).fill_(torch.ones(1))


def test_zero():
    x = leaf(1.0, 2.0)
    y = x * 3
    assert y.zero_() is y
    y.sum().backward()
    same(x.grad, [0.0, 0.0])


def test_copy():
    x, source = leaf(1.0, 2.0), leaf(5.0, 6.0)
    y = x * 3
    assert y.copy_(source) is y
    (y * y).sum().backward()
    same(x.grad, [0.0, 0.0])
    same(source.grad, [10.0, 12.0])


def test_copy_broadcasts_and_casts():
    x = torch.zeros(2, 2)
    source = leaf(5.0, 6.0)
    x.copy_(source)
    assert x.dtype is torch.float32
    x.sum().backward()
    same(source.grad, [2.0, 2.0])
    whole = torch.zeros(2, dtype=torch.int64)
    whole.copy_(torch.tensor([1.7, -2.7]))
    assert whole.tolist() == [1, -2]


def test_copy_that_does_not_fit():
    text = r"The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 0"
    with pytest.raises(RuntimeError, match=text):
        torch.zeros(3).copy_(torch.ones(2))


def test_fill_with_random_numbers_ends_the_history():
    x = leaf(1.0, 2.0)
    for method in ("normal_", "uniform_", "bernoulli_", "exponential_"):
        y = x * 3
        getattr(y, method)()
        (g,) = grad(y.sum(), x)
        same(g, [0.0, 0.0])


# --- leaves ---
def test_leaf_that_requires_grad_refuses():
    x = leaf(1.0, 2.0)
    for change in (
        lambda: x.add_(1),
        lambda: x.zero_(),
        lambda: x.fill_(1.0),
        lambda: x.copy_(torch.ones(2)),
        lambda: x.__setitem__(0, 1.0),
        lambda: x.__imul__(2),
        lambda: x.unsqueeze_(0),
        lambda: x.uniform_(),
    ):
        with pytest.raises(
            RuntimeError, match=r"a (view of a )?leaf Variable that requires grad is being used in an in-place"
        ):
            change()
    same(x, [1.0, 2.0])
    assert x._version == 0


def test_leaf_in_no_grad_mode():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        x -= 0.5
        x[0] = 7.0
    same(x, [7.0, 1.5])
    assert x.requires_grad
    assert x.is_leaf
    assert x._version == 2
    (x * x).sum().backward()
    same(x.grad, [14.0, 3.0])


def test_leaf_without_grad_is_free():
    x = torch.zeros(2)
    x.add_(1)
    assert x.is_leaf
    assert not x.requires_grad


def test_leaf_becomes_a_result_by_an_in_place_op():
    x, buffer = leaf(1.0, 2.0), torch.zeros(2, dtype=torch.float64)
    buffer += x
    buffer += x
    buffer.sum().backward()
    same(x.grad, [2.0, 2.0])


# --- saved values ---
def test_saved_result_changed():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    text = (
        rf"{CHANGED}: \[torch\.(\w+\.)?DoubleTensor \[2\]\], which is output 0 of Exp, is at version 1; expected version 0 "
        r"instead\. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        r"torch\.autograd\.set_detect_anomaly\(True, check_nan=False\)\."
    )
    with pytest.raises(RuntimeError, match=text):
        y.sum().backward()


def test_saved_argument_changed():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    y = x * weight
    weight.mul_(2)
    with pytest.raises(
        RuntimeError, match=rf"{CHANGED}: \[torch\.(\w+\.)?DoubleTensor \[2\]\] is at version 1; expected version 0"
    ):
        y.sum().backward()


def test_saved_leaf_changed_in_no_grad_mode():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    with torch.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match=CHANGED):
        y.backward()


def test_versions_in_the_message_count_writes():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    weight.add_(1)
    y = x * weight
    weight.add_(1)
    weight.add_(1)
    with pytest.raises(RuntimeError, match="is at version 3; expected version 1 instead"):
        y.sum().backward()


def test_values_that_are_not_needed_may_change():
    x, shift = leaf(1.0, 2.0), double(3.0, 4.0)
    y = x + shift
    shift.mul_(2)
    y.mul_(2)
    y.sum().backward()
    same(x.grad, [2.0, 2.0])


def test_an_input_that_only_the_other_gradient_needs_may_change():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    hidden = x * 1
    y = hidden * weight  # weight needs no gradient, so hidden is not kept
    hidden.zero_()
    y.sum().backward()
    same(x.grad, [3.0, 4.0])


def test_change_after_backward_is_free():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    y = x * weight
    y.sum().backward()
    weight.zero_()
    same(x.grad, [3.0, 4.0])


def test_change_before_recording_is_free():
    weight = double(3.0, 4.0)
    weight.mul_(2)
    x = leaf(1.0, 2.0)
    (x * weight).sum().backward()
    same(x.grad, [6.0, 8.0])


def test_change_between_two_retained_passes():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    y = (x * weight).sum()
    y.backward(retain_graph=True)
    weight.zero_()
    with pytest.raises(RuntimeError, match=CHANGED):
        y.backward()


def test_op_whose_result_is_its_own_derivative_in_place():
    x = leaf(0.5, 1.0)
    y = (x * 1).exp_()
    (y * 2).sum().backward()
    assert_close(x.grad, 2 * x.detach().exp())


def test_in_place_after_an_op_that_keeps_its_input():
    x = leaf(0.5, 1.0)
    hidden = x * 1
    y = hidden.sin()
    hidden.add_(1)
    with pytest.raises(RuntimeError, match=CHANGED):
        y.sum().backward()


def test_in_place_relu_keeps_its_result_only():
    x = leaf(-1.0, 2.0)
    y = (x * 3).relu_()
    y.sum().backward()
    same(x.grad, [0.0, 3.0])


def test_failure_leaves_the_graph_usable():
    x, weight = leaf(1.0, 2.0), double(3.0, 4.0)
    first, second = x * weight, x * 5
    weight.zero_()
    with pytest.raises(RuntimeError, match=CHANGED):
        first.sum().backward()
    assert x.grad is None
    second.sum().backward()
    same(x.grad, [5.0, 5.0])


# --- versions ---
def test_version_counts_writes():
    x = torch.zeros(3)
    assert x._version == 0
    x.add_(1)
    x[0] = 5
    x.zero_()
    x.copy_(torch.ones(3))
    x += 1
    assert x._version == 5


def test_reading_leaves_the_version():
    x = torch.zeros(3)
    x + 1
    x[0].item()
    x.sum()
    x.clone().add_(1)
    assert x._version == 0


def test_views_and_detached_share_the_version():
    x = torch.zeros(3)
    view, detached = x[:2], x.detach()
    view.add_(1)
    assert (x._version, view._version, detached._version) == (1, 1, 1)
    detached.mul_(2)
    assert (x._version, view._version, detached._version) == (2, 2, 2)
    assert x.tolist() == [2.0, 2.0, 0.0]


def test_data_does_not_share_the_version():
    x = torch.zeros(3)
    x.data.add_(1)
    assert x._version == 0
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_writes_through_data_are_not_noticed():
    x = leaf(0.0, 1.0)
    y = x.exp()
    saved = y.detach().clone()
    y.data.mul_(2)
    y.sum().backward()
    assert_close(x.grad, saved * 2)


def test_writes_through_detach_are_noticed():
    x = leaf(0.0, 1.0)
    y = x.exp()
    y.detach().mul_(2)
    with pytest.raises(RuntimeError, match=CHANGED):
        y.sum().backward()


def test_data_of_a_leaf_may_be_written():
    x = leaf(1.0, 2.0)
    x.data.mul_(10)
    x.data[0] = 3.0
    same(x, [3.0, 20.0])
    assert x._version == 0


def test_assigned_data():
    x = leaf(1.0, 2.0)
    x.data = torch.tensor([5.0, 6.0, 7.0], dtype=torch.float64)
    assert x.shape == torch.Size([3])
    assert x.requires_grad
    (x * x).sum().backward()
    same(x.grad, [10.0, 12.0, 14.0])


def test_increment_version():
    from plugrad.autograd.graph import increment_version

    x = torch.zeros(2)
    increment_version(x)
    assert x._version == 1
    increment_version([x, torch.zeros(1)])
    assert x._version == 2


# --- out= ---
def test_out_argument():
    x, y, out = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.empty(2)
    assert torch.add(x, y, out=out) is out
    assert out.tolist() == [4.0, 6.0]
    assert out._version == 1
    assert torch.exp(torch.zeros(2), out=out).tolist() == [1.0, 1.0]
    assert torch.matmul(x, y, out=torch.empty(())).item() == 11.0


def test_out_argument_with_gradients():
    x = leaf(1.0, 2.0)
    text = r"functions with out=\.\.\. arguments don't support automatic differentiation, but one of the arguments requires grad\."
    with pytest.raises(RuntimeError, match=text):
        torch.mul(x, 2.0, out=torch.empty(2, dtype=torch.float64))
    with torch.no_grad():
        same(torch.mul(x, 2.0, out=torch.empty(2, dtype=torch.float64)), [2.0, 4.0])


def test_out_argument_of_another_shape_is_resized():
    out = torch.empty(0)
    torch.add(torch.ones(2), 1, out=out)
    assert out.tolist() == [2.0, 2.0]
    with pytest.warns(UserWarning, match="An output with one or more elements was resized since it had shape"):
        torch.add(torch.ones(3), 1, out=out)
    assert out.shape == torch.Size([3])


def test_out_argument_of_another_dtype():
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        torch.add(torch.ones(2), 1, out=torch.empty(2, dtype=torch.int64))
    wide = torch.empty(2, dtype=torch.float64)
    torch.add(torch.ones(2), 1, out=wide)
    same(wide, [2.0, 2.0])
