"""gradcheck and gradgradcheck: what passes, what is found, and the words for it."""

import itertools

import pytest

import plugrad
import plugrad as torch
from plugrad.autograd import Function, gradcheck, gradgradcheck
from plugrad.autograd.gradcheck import GradcheckError

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def square(rule):
    """x² with the given gradient rule (ctx, g) → gradient."""

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return rule(ctx, g)

    return Square.apply


def right(ctx, g):
    return g * 2 * ctx.saved_tensors[0]


WRONG = {
    "factor": lambda ctx, g: g * 3 * ctx.saved_tensors[0],
    "sign": lambda ctx, g: -g * 2 * ctx.saved_tensors[0],
    "zero": lambda ctx, g: g * 0,
    "incoming gradient not used": lambda ctx, g: torch.ones_like(g),
    "none": lambda ctx, g: None,
}


# --- what passes ---
@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x: x.sin(), 1),
        (lambda x, y: x * y, 2),
        (lambda x, y: (x / y, x.exp() + y), 2),
        (lambda x: x.softmax(0), 1),
        (lambda x: x[1:] * x[:-1], 1),
        (lambda x, y: torch.where(x > y, x, y * 2), 2),
        (lambda x: x.cumsum(0).prod(), 1),
        (square(right), 1),
    ],
    ids=["sin", "mul", "two outputs", "softmax", "slices", "where", "cumsum and prod", "Function"],
)
def test_right_gradients(function, count):
    inputs = (leaf(0.3, -1.2, 0.8), leaf(1.5, 0.4, -0.7))[:count]
    assert gradcheck(function, inputs) is True
    assert gradgradcheck(function, inputs) is True


def test_inputs_that_take_no_gradient():
    assert gradcheck(lambda x, y, k: x * y * k, (leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64), 3.0))


def test_one_tensor_as_input():
    assert gradcheck(torch.sin, leaf(1.0, 2.0))


def test_outputs_that_are_not_differentiable():
    assert gradcheck(lambda x: (x * 2, (x > 1.5).long()), leaf(1.0, 2.0))


def test_empty_input():
    assert gradcheck(lambda x: x * 2, torch.empty(0, dtype=torch.float64, requires_grad=True))


# --- what is found ---
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients(name):
    x = leaf(1.0, 2.0)
    with pytest.raises(
        GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor"
    ):
        gradcheck(square(WRONG[name]), x)
    assert gradcheck(square(WRONG[name]), x, raise_exception=False) is False


def test_message_shows_both_jacobians():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(square(WRONG["factor"]), leaf(1.0, 2.0))
    text = str(caught.value).replace(", device='strict:0'", "").replace(", device='cuda:0'", "")
    assert text.startswith(
        "Jacobian mismatch for output 0 with respect to input 0,\n"
        "numerical:tensor([[2.0000, 0.0000],\n        [0.0000, 4.0000]], dtype=torch.float64)\n"
        "analytical:tensor([[3., 0.],\n        [0., 6.]], dtype=torch.float64)\n"
    )


def test_message_names_output_and_input():
    wrong = square(WRONG["factor"])
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 1 with respect to input 1,"):
        gradcheck(lambda x, y: (x + y, wrong(y) * x), (leaf(1.0, 2.0), leaf(2.0, 3.0)))


def test_output_cut_from_its_input():
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, leaf(1.0, 2.0))


def test_backward_that_gives_another_result_each_time():
    count = itertools.count()
    noisy = square(lambda ctx, g: right(ctx, g) * (1 + 1e-7 * next(count)))
    with pytest.raises(
        GradcheckError, match=r"Backward is not reentrant, i\.e\., running backward with same input and grad_output"
    ):
        gradcheck(noisy, leaf(1.0, 2.0))
    assert gradcheck(noisy, leaf(1.0, 2.0), nondet_tol=1e-3)


def test_wrong_second_derivative():
    detached = square(lambda ctx, g: g * 2 * ctx.saved_tensors[0].detach())
    assert gradcheck(detached, leaf(1.0, 2.0))
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradgradcheck(detached, leaf(1.0, 2.0))


def test_given_cotangents():
    assert gradgradcheck(lambda x: x**3, leaf(1.0, 2.0), leaf(0.5, -1.0))


def test_tolerances():
    nearly = square(lambda ctx, g: right(ctx, g) * 1.01)
    x = leaf(1.0, 2.0)
    assert gradcheck(nearly, x, rtol=0.1, atol=0.0)
    assert not gradcheck(nearly, x, rtol=1e-3, atol=0.0, raise_exception=False)
    assert gradcheck(nearly, x, rtol=0.0, atol=0.1)


# --- what is asked of the inputs ---
def test_some_input_must_require_grad():
    text = "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
    with pytest.raises(ValueError, match=text):
        gradcheck(torch.sin, torch.ones(2))


def test_single_precision_warns():
    with pytest.warns(
        UserWarning, match="Input #0 requires gradient and is not a double precision floating point or complex"
    ):
        gradcheck(torch.sin, leaf(1.0, dtype=torch.float32), raise_exception=False)


@pytest.mark.cpu
def test_overlapping_input():
    text = "The 0th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping"
    with pytest.raises(RuntimeError, match=text):
        gradcheck(lambda x: x * 2, leaf(1.0).expand(3))


# --- plugrad's own ---
@pytest.mark.parametrize("option", ["check_forward_ad", "check_batched_grad", "check_batched_forward_ad", "fast_mode"])
def test_options_that_are_not_supported(option):
    if plugrad.__name__ == "torch":
        pytest.skip("torch has these")
    with pytest.raises(NotImplementedError, match=option):
        gradcheck(torch.sin, leaf(1.0), **{option: True})


@pytest.mark.parametrize(
    ("name", "diagnosis"),
    [
        ("factor", "it looks like a constant factor: analytical = 1.5 · numerical"),
        ("sign", "it looks like a wrong sign"),
        ("zero", "the analytical gradient is zero everywhere"),
    ],
)
def test_diagnosis(name, diagnosis):
    if plugrad.__name__ == "torch":
        pytest.skip("torch gives none")
    with pytest.raises(GradcheckError, match=diagnosis):
        gradcheck(square(WRONG[name]), leaf(1.0, 2.0))


# --- torch beside us ---
FUNCTIONS = {
    "tanh": lambda t, x: t.tanh(x),
    "written": lambda t, x: t.cat([x.clone().mul_(2), x]),
    "detached": lambda t, x: x.detach() * x,
    "piecewise": lambda t, x: t.where(x > 0, x, x * 0.1),
    "at a kink": lambda t, x: (x - 0.3).abs(),
    "rounded": lambda t, x: x.round() * x,
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_verdict_as_torch(name):
    reference = pytest.importorskip("torch")
    verdicts = []
    for t in (plugrad, reference):
        x = t.tensor([0.3, -1.2, 0.8], dtype=t.float64, requires_grad=True)
        verdicts.append(t.autograd.gradcheck(lambda x, t=t: FUNCTIONS[name](t, x), x, raise_exception=False))
    assert verdicts[0] == verdicts[1]
