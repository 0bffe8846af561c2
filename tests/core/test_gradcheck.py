"""gradcheck and gradgradcheck: what passes, what is found, and the words for it."""

import itertools
import re

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


# --- what else is asked ---
def test_input_is_moved_where_the_function_finds_it():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda given: x * x, x)
    same = x.detach().tolist()
    assert same == [1.0, 2.0]


@pytest.mark.parametrize("fast", [False, True])
def test_complex_inputs_and_outputs(fast):
    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)
    x = leaf(0.5, 2.0)
    assert gradcheck(lambda z: z * z * z.conj(), z, fast_mode=fast)
    assert gradcheck(lambda z: z.abs(), z, fast_mode=fast)
    assert gradcheck(lambda z, x: (z * x, x * x), (z, x), fast_mode=fast)
    assert gradgradcheck(lambda z: z * z, z, fast_mode=fast)
    with pytest.raises(GradcheckError, match="While considering the imaginary part of complex outputs only, Jacobian"):
        gradcheck(square(right), z, fast_mode=fast)


def test_gradient_of_a_complex_input_without_conj():
    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)
    with pytest.raises(GradcheckError, match="it looks conjugated"):
        gradcheck(square(right), z)


@pytest.mark.parametrize("name", WRONG)
def test_fast_mode_finds_it_too(name):
    with pytest.raises(GradcheckError, match="we recompute numerical and analytical jacobians in slow mode"):
        gradcheck(square(WRONG[name]), leaf(1.0, 2.0), fast_mode=True)


def test_fast_mode_takes_two_runs_per_input():
    count = itertools.count()

    def counted(x):
        next(count)
        return x.sin()

    assert gradcheck(counted, torch.rand(50, dtype=torch.float64, requires_grad=True), fast_mode=True)
    assert next(count) < 10


def test_fast_mode_allows_what_the_slow_one_allows():
    """Every entry may be off by atol, so the sum over them by more."""

    class Nearly(Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, g):
            return g * 1.009 * torch.ones(40, dtype=torch.float64)

    x = torch.ones(40, dtype=torch.float64, requires_grad=True)
    for fast in (False, True):
        assert gradcheck(Nearly.apply, x, atol=0.01, rtol=0.0, fast_mode=fast)
        assert not gradcheck(Nearly.apply, x, atol=0.008, rtol=0.0, fast_mode=fast, raise_exception=False)


def test_fast_mode_says_when_the_slow_one_would_pass():
    """Entries of both signs cancel along one direction, their errors do not."""
    signs = torch.tensor([1.0, -1.0] * 20, dtype=torch.float64)

    class Alternate(Function):
        @staticmethod
        def forward(ctx, x):
            return (x * signs).sum()

        @staticmethod
        def backward(ctx, g):
            return g * (signs + 0.9e-3)

    x = torch.ones(40, dtype=torch.float64, requires_grad=True)
    assert gradcheck(Alternate.apply, x, atol=0.0)
    with pytest.raises(GradcheckError, match="might've passed in slow_mode"):
        gradcheck(Alternate.apply, x, atol=0.0, fast_mode=True)


def none_taker(rule):
    """x · 2 whose backward gets None where nobody used the output."""

    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return rule(g) if g is None else g * 2

    return Twice.apply


def fails(g):
    raise RuntimeError("no gradient came")


@pytest.mark.filterwarnings("ignore:Backwards compatibility")
@pytest.mark.parametrize("around", [lambda y: y, lambda y: y.sin()], ids=["last", "inside"])
def test_undefined_gradients(around):
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda x: around(none_taker(lambda g: None)(x)), x)
    for rule, text in (
        (fails, "Expected backward function to handle"),
        (lambda g: torch.ones(2), "Expected all input grads"),
    ):
        with pytest.raises(GradcheckError, match=text):
            gradcheck(lambda x, rule=rule: around(none_taker(rule)(x)), x)
        assert gradcheck(lambda x, rule=rule: around(none_taker(rule)(x)), x, check_undefined_grad=False)


@pytest.mark.filterwarnings("ignore:Backwards compatibility")
def test_one_of_two_outputs_without_a_gradient():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            if a is None and b is None:
                return None
            zero = 0.0 if Two.right else 1.0
            return (zero if a is None else a * 2) + (zero if b is None else b * 3)

    Two.right = True
    assert gradcheck(Two.apply, leaf(1.0, 2.0))
    Two.right = False
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: tuple(y + 0 for y in Two.apply(x)), leaf(1.0, 2.0))


def test_zeros_must_give_zeros():
    """A part too small for the differences to see."""
    nearly = square(lambda ctx, g: right(ctx, g) + 1e-9)
    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(nearly, leaf(1.0, 2.0))
    assert gradcheck(nearly, leaf(1.0, 2.0), masked=True, check_undefined_grad=False)


def test_dtypes_of_gradients():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.float())
    with pytest.raises((GradcheckError, RuntimeError), match=r"dtype mismatch|changed the type"):
        gradcheck(lambda x: x * 2, x, check_grad_dtypes=True)


def test_outputs_that_change_their_shape():
    text = r"Expected `func` to return outputs with the same shape when inputs are perturbed on index \(0,\) by 1e-06"
    with pytest.raises(AssertionError, match=text):
        gradcheck(lambda x: x * 2 if x[0] <= 1 else x[:1] * 2, leaf(1.0, 2.0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"check_backward_ad": False}, "Expected at least one of check_forward_ad or check_backward_ad to be True"),
        (
            {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True},
            "Setting check_batched_grad=True requires check_backward_ad to be True",
        ),
        (
            {"check_batched_forward_grad": True},
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True",
        ),
    ],
)
def test_options_that_exclude_each_other(options, text):
    with pytest.raises(AssertionError, match=text):
        gradcheck(torch.sin, leaf(1.0), **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"check_rev_over_rev": False}, "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"),
        (
            {"check_rev_over_rev": False, "check_fwd_over_rev": True},
            "Setting check_undefined_grad=True requires check_rev_over_rev to be True",
        ),
    ],
)
def test_options_of_gradgradcheck_that_exclude_each_other(options, text):
    with pytest.raises(AssertionError, match=text):
        gradgradcheck(torch.sin, leaf(1.0), **options)


@pytest.mark.cpu
def test_gradgradcheck_with_spread_grad_outputs():
    seen = []

    class Look(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            seen.append(g.is_contiguous())
            return g * 2 * ctx.saved_tensors[0]

    assert gradgradcheck(Look.apply, leaf(1.0, 2.0), gen_non_contig_grad_outputs=True)
    assert not seen[0]


def test_gradgradcheck_without_a_differentiable_output():
    with pytest.raises(TypeError):
        gradgradcheck(lambda x: x.detach(), leaf(1.0))


# --- plugrad's own ---
def test_single_precision_is_named_in_the_report():
    if plugrad.__name__ == "torch":
        pytest.skip("torch does not say it")
    with pytest.warns(UserWarning, match="Input #0"), pytest.raises(GradcheckError, match="give float64 inputs"):
        gradcheck(torch.sin, leaf(1.0, dtype=torch.float32))


@pytest.mark.parametrize(
    ("name", "diagnosis"),
    [
        ("factor", "it looks like a constant factor: analytical = 1.5 · numerical"),
        ("sign", "it looks like a wrong sign"),
        ("zero", "the analytical gradient is zero everywhere"),
        ("incoming gradient not used", "the incoming gradient seems not to be used"),
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


def wrong_square(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0]

    return Wrong.apply


PROBLEMS = {
    "factor": (lambda t: wrong_square(t), {}),
    "factor, fast": (lambda t: wrong_square(t), {"fast_mode": True}),
    "second output": (lambda t: lambda x: (x.detach(), x * 2, wrong_square(t)(x)), {}),
    "second output, fast": (lambda t: lambda x: (x * 2, wrong_square(t)(x)), {"fast_mode": True}),
    "no output": (lambda t: lambda x: x.detach() * 2, {}),
    "no output, fast": (lambda t: lambda x: x.detach() * 2, {"fast_mode": True}),
    "no output, zero": (lambda t: lambda x: x.detach() * 0, {}),
    "scalar": (lambda t: lambda x: wrong_square(t)(x).sum(), {}),
    "scalar, fast": (lambda t: lambda x: wrong_square(t)(x).sum(), {"fast_mode": True}),
    "tolerant": (lambda t: wrong_square(t), {"rtol": 1.0}),
    "tolerant, fast": (lambda t: wrong_square(t), {"rtol": 1.0, "fast_mode": True}),
    "coarse": (lambda t: t.exp, {"eps": 0.5}),
    "coarse, fast": (lambda t: t.exp, {"eps": 0.5, "fast_mode": True}),
    "not a tensor": (lambda t: lambda x: (x * 2, None), {}),
    "integers": (lambda t: lambda x: (x * 2, x.long()), {}),
    "list": (lambda t: lambda x: [x * 2], {}),
}


def outcome(t, name, dtype):
    function, options = PROBLEMS[name]
    values = [1.0, 2.0] if dtype == "float64" else [1 + 2j, 0.5 - 1j]
    x = t.tensor(values, dtype=getattr(t, dtype), requires_grad=True)
    try:
        return t.autograd.gradcheck(function(t), x, **options)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.oracle
@pytest.mark.cpu
@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_same_words_as_torch(name, dtype):
    """Our report is torch's, to eleven digits, and goes on with the worst entry."""
    ours, theirs = (outcome(t, name, dtype) for t in (plugrad, pytest.importorskip("torch")))
    if isinstance(theirs, tuple):
        assert ours[0] == theirs[0]
        assert shortened(ours[1]).startswith(shortened(theirs[1].rstrip()))
    else:
        assert ours == theirs


def shortened(text):
    """Without the last digits, and without the sign of a complex product's zero."""
    text = re.sub(r"(\.\d{11})\d+", r"\1", text)
    return text.replace("-0.0000j", "+0.0000j").replace("-0.j", "+0.j")
