"""detect_nan: a failing step runs again and says which op made the first value that is not finite."""

import math
import re

import pytest

import plugrad as torch
from plugrad.autograd import NonFiniteError, detect_nan
from plugrad.core.recording import Lines
from plugrad.testing import assert_close

pytestmark = pytest.mark.device
HERE = re.compile(r"\S*test_diagnostics_nan\.py:\d+")


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def error_of(step, *args):
    with pytest.raises(NonFiniteError) as caught:
        step(*args)
    return caught.value


def text_of(error):
    return HERE.sub("HERE", str(error)).split("\n")


# --- the tutorials' fit of a sine, with the learning rate as printed there ---
def sine_fit(rate):
    x = torch.linspace(-math.pi, math.pi, 1500)
    y = torch.sin(x)
    torch.manual_seed(0)
    weights = [torch.randn((), requires_grad=True) for _ in range(4)]
    a, b, c, d = weights

    def step():
        fit = a + b * x + c * x**2 + d * x**3
        loss = (fit - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w -= rate * w.grad
                w.grad = None
        return loss

    return step


def test_the_diverging_fit():
    step = detect_nan(sine_fit(1e-5))

    def train():
        for _ in range(1500):
            step()

    error = error_of(train)
    assert (error.phase, error.op) == ("forward", "sum")
    assert error.line.text == "loss = (fit - y).pow(2).sum()"
    lines = text_of(error)
    assert lines[:3] == [
        "the loss is inf",
        "first result that is not finite: sum, in the forward pass",
        "  at HERE, in step: loss = (fit - y).pow(2).sum()",
    ]
    assert re.fullmatch(r"  argument 0: float32 \[1500\], from \S+ to \d\.\d+e\+3\d", lines[3])
    assert lines[4:6] == ["  gives float32 [], 1 inf", "the result is too large: float32 ends at 3.4e38."]
    assert re.fullmatch(
        r"The loss grew from step to step \((\d\.\d*e\+3\d, ){3}\d\.\d*e\+3\d\): the learning rate is likely too large\.",
        lines[6],
    )
    assert len(lines) == 7


def test_the_fit_with_a_rate_that_works():
    plain, watched = sine_fit(1e-6), detect_nan(sine_fit(1e-6))
    assert [watched().item() for _ in range(3)] == [plain().item() for _ in range(3)]


# --- forward ---
def test_the_module_and_the_line():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.ReLU(), LogOfZero()))

    @detect_nan(model=model)
    def step(x):
        out = model(x)
        out.sum().backward()

    error = error_of(step, torch.ones(1, 2))
    assert (error.op, error.module) == ("log", "Sequential.1.1 (LogOfZero)")
    assert text_of(error) == [
        "the loss is -inf",
        "first result that is not finite: log, in the forward pass",
        "  at HERE, in forward: return (x * 0).log()",
        "  in Sequential.1.1 (LogOfZero)",
        "  argument 0: float32 [1, 2], from 0 to 0",
        "  gives float32 [1, 2], 2 inf",
        "log of 0 is -inf, of a negative number nan: use log(x.clamp(min=eps)), or log_softmax instead of softmax and log.",
    ]
    assert all(p.grad is None for p in model.parameters())


class LogOfZero(torch.nn.Module):
    def forward(self, x):
        return (x * 0).log()


FORWARD = {
    "sqrt": lambda w: (w - 2).sqrt(),
    "div": lambda w: w / (w - 1),
    "exp": lambda w: (w * 1000).exp(),
    "mul": lambda w: w * 3e38 * 3e38,
    "pow": lambda w: (w * 3e38) ** 2,
    "acos": lambda w: (w + 1).acos(),
}


@pytest.mark.parametrize("op", FORWARD)
def test_forward(op):
    w = leaf(1.0, 1.0)

    @detect_nan
    def step():
        (FORWARD[op](w) * 1).sum().backward()

    error = error_of(step)
    assert (error.phase, error.op) == ("forward", op)
    assert error.advice
    assert w.grad is None


def test_infinities_that_do_no_harm_are_passed_over():
    w = leaf(1.0, 2.0, 3.0)
    mask = torch.tensor([False, True, False])

    @detect_nan
    def step():
        attention = w.masked_fill(mask, float("-inf")).softmax(0)
        (attention - 0.5).log().sum().backward()

    assert error_of(step).op == "log"


def test_what_was_written_in_place():
    w = leaf(1.0, 2.0)

    @detect_nan
    def step():
        hidden = w * 2
        hidden[0] = hidden[0] / 0
        (hidden + 1).sum().backward()

    error = error_of(step)
    assert (error.op, error.line.text) == ("div", "hidden[0] = hidden[0] / 0")


def test_inputs_that_were_not_finite():
    w = leaf(1.0, 2.0)

    @detect_nan
    def step(x):
        (w * x).sum().backward()

    error = error_of(step, torch.tensor([1.0, float("nan")]))
    assert text_of(error) == [
        "the loss is nan, and the step was given values that are not finite, to mul",
        "  at HERE, in step: (w * x).sum().backward()",
        "  argument 0: float32 [2], from 1 to 2",
        "  argument 1: float32 [2], 1 nan",
        "Look at the data.",
    ]
    assert (error.phase, error.op) == ("given", None)


def test_parameters_that_were_not_finite():
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.fill_(float("nan"))

    @detect_nan(model=model)
    def step(x):
        return model(x).sum()

    lines = text_of(error_of(step, torch.ones(1, 2)))
    assert "  argument 1: float32 [1, 2], 2 nan (weight)" in lines
    assert (
        lines[-1]
        == "A parameter is not finite: the step before made it so. detect_nan(..., gradients=True) finds where."
    )


def test_a_loss_that_is_returned():
    step = detect_nan(lambda: leaf(0.0).log().sum())
    assert error_of(step).op == "log"


# --- backward ---
def test_a_gradient_that_is_not_finite():
    w = leaf(0.0, 4.0)

    @detect_nan(model=[w], gradients=True)
    def step():
        root = w.sqrt()
        root.sum().backward()

    assert text_of(error_of(step)) == [
        "the loss is finite, a gradient is not",
        "first gradient that is not finite: sqrt, in the backward pass",
        "  at HERE, in step: root = w.sqrt()",
        "  gradient that comes in: float32 [2], from 1 to 1",
        "  gives float32 [2], 1 inf",
        "the slope of sqrt at 0 is infinite: use sqrt(x + eps), or sqrt(x.clamp(min=eps)).",
    ]


class SafeRoot(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([0.0, 4.0]))

    def forward(self):
        root = self.w.sqrt()
        return torch.where(self.w > 0, root, 0.0)


def test_the_inactive_branch_of_where():
    model = torch.nn.ModuleDict({"root": SafeRoot()})
    model.forward = lambda: model["root"]()

    @detect_nan(model=model, gradients=True)
    def step():
        model().sum().backward()

    error = error_of(step)
    assert (error.phase, error.op, error.module) == ("backward", "sqrt", "ModuleDict.root (SafeRoot)")
    assert HERE.sub("HERE", error.advice) == (
        "where at HERE, in forward: return torch.where(self.w > 0, root, 0.0) takes the other branch there: the gradient that comes "
        "in is 0, the slope of sqrt is infinite, and 0 · inf is nan. Make the argument harmless before sqrt: "
        "safe = torch.where(condition, x, 1), sqrt of safe, then where again."
    )


def test_gradients_need_a_model():
    with pytest.raises(ValueError, match="detect_nan: gradients=True needs the model, or its parameters"):
        detect_nan(lambda: None, gradients=True)


# --- what a watched step does ---
def test_the_step_that_fails_writes_nothing():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.weight.detach().clone()

    @detect_nan(model=model)
    def step():
        loss = model(torch.full((1, 2), 3e38)).square().sum()
        loss.backward()
        optimizer.step()

    error_of(step)
    assert_close(model.weight.detach(), before)
    assert model.weight.grad is None


def test_the_second_run_draws_the_same_numbers():
    drawn = []

    @detect_nan
    def step(w):
        drawn.append(torch.rand(3))
        return (w * drawn[-1] / 0).sum()

    torch.manual_seed(5)
    error_of(step, leaf(1.0))
    assert len(drawn) == 2
    assert torch.equal(*drawn)


def test_a_step_that_fails_only_once():
    runs = []

    @detect_nan
    def step():
        runs.append(1)
        return (leaf(1.0) / (len(runs) - 1)).sum()

    assert str(error_of(step)) == (
        "the step was not finite, but ran well when it was run again: something in it is random beyond plugrad's generator"
    )


def test_programs_cannot_catch_the_stop():
    @detect_nan
    def step():
        try:
            leaf(0.0).log().sum().backward()
        except Exception:
            return None

    assert error_of(step).op == "log"


def test_errors_of_the_step_pass():
    @detect_nan
    def step():
        raise LookupError

    with pytest.raises(LookupError):
        step()


def test_normal_steps():
    w = leaf(1.0, 2.0)

    @detect_nan
    def step(x, *, scale):
        """A step."""
        loss = (w * x).sum() * scale
        loss.backward()
        return loss.item()

    assert step(3.0, scale=2) == 18.0
    assert w.grad.tolist() == [6.0, 6.0]
    assert (step.__name__, step.__doc__) == ("step", "A step.")


def test_everything_is_as_before():
    namespace = leaf(1.0)._xp
    before = dict(vars(namespace))
    error_of(detect_nan(lambda: leaf(0.0).log().sum()))
    assert vars(namespace) == before
    assert not Lines.enabled
    x = leaf(2.0)
    (x / 0).sum().backward()  # nobody looks any more
    assert x.grad.item() == float("inf")
