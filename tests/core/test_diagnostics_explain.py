"""explain_grad: each way in which a gradient can be missing, zero or not finite, and what a user reads."""

import re

import pytest

import plugrad as torch
from plugrad.autograd import explain_grad
from plugrad.autograd.graph import record_lines
from plugrad.core.diagnostics.tracer import Tracer

pytestmark = pytest.mark.device
HERE = re.compile(r"\S*test_diagnostics_explain\.py:\d+, in \S+:")


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def told(report):
    """The report's sentences, without the first one."""
    return [HERE.sub("HERE:", line) for line in report.lines]


# --- None, without a loss ---
def test_not_a_leaf():
    with record_lines():
        y = leaf(1.0, 2.0) * 2
    y.sum().backward()
    report = explain_grad(y)
    assert (report.state, report.reason, report.op) == ("none", "not a leaf", "mul")
    assert report.line.text == "y = leaf(1.0, 2.0) * 2"
    assert HERE.sub("HERE:", str(report)).split("\n") == [
        ".grad of this tensor of shape [2] is None",
        "  it is not a leaf: MulBackward0 made it at HERE: y = leaf(1.0, 2.0) * 2",
        "  only leaves keep a gradient: call retain_grad() on it before backward()",
        "  or read the .grad of the leaves it was made of, of shape [2]",
    ]


def frozen():
    return torch.nn.Linear(2, 1).requires_grad_(False).weight


def made_in_inference_mode():
    with torch.inference_mode():
        return torch.ones(2) * 2


def a_view_under_no_grad():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        return x[0]


def detached():
    with record_lines():
        return leaf(1.0).exp().detach()


def of_integers():
    return torch.arange(3)


def without_any_trace():
    return leaf(1.0).exp().detach()


WITHOUT_LOSS = {
    frozen: (
        "frozen",
        [
            "requires_grad is False: the parameter is frozen",
            "p.requires_grad_(), or plugrad.nn.unfreeze(model, name), lets it train",
        ],
    ),
    made_in_inference_mode: (
        "made in inference mode",
        ["it was made in inference mode: clone() it outside to use it in training"],
    ),
    a_view_under_no_grad: ("made under no_grad", ["it is a view that was made under no_grad"]),
    detached: ("detached", ["detach() cut it off at HERE: return leaf(1.0).exp().detach()"]),
    of_integers: (
        "integer",
        ["its dtype is torch.int64: only floating point and complex tensors have gradients"],
    ),
    without_any_trace: (
        "no requires_grad",
        [
            "requires_grad is False, so nothing is recorded for it",
            "a tensor that you made: give it requires_grad=True before it is used",
            "a result: it was made under no_grad, by detach() or .data, by an op without gradient, or of tensors that need none",
        ],
    ),
}


@pytest.mark.parametrize("make", WITHOUT_LOSS, ids=lambda f: f.__name__)
def test_without_a_loss(make):
    report = explain_grad(make())
    assert (report.reason, told(report)) == WITHOUT_LOSS[make]


def test_no_backward_ran_or_it_was_cleared():
    w = leaf(1.0)
    (w * w).sum().backward()
    w.grad = None
    assert explain_grad(w).reason == "unknown"
    assert told(explain_grad(w))[1] == "explain_grad(tensor, loss) tells which"


# --- None, with the loss ---
def test_the_loss_has_not_been_through_backward():
    w = leaf(1.0)
    report = explain_grad(w, (w * w).sum())
    assert report.reason == "no backward"
    assert told(report) == ["the loss reaches it, but backward() has not run since it was computed"]


def test_the_gradient_was_cleared():
    w = leaf(1.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward()
    optimizer.zero_grad()
    report = explain_grad(w, loss)
    assert report.reason == "cleared"
    assert told(report) == [
        "the loss reaches it and backward() has run: its gradient was cleared since, by zero_grad() or .grad = None"
    ]


def test_a_loss_that_does_not_reach_it():
    report = explain_grad(leaf(1.0), leaf(2.0).exp().sum())
    assert report.reason == "not reached"
    assert told(report)[0] == "the loss does not depend on it, as far as it was recorded"


def test_a_loss_without_history():
    report = explain_grad(leaf(1.0), torch.ones(()))
    assert told(report)[0] == "the loss does not require grad: nothing it was computed from is recorded"


def under_no_grad(w, other):
    with torch.no_grad():
        hidden = w * 2
    return (hidden * other).sum()


def by_data(w, other):
    return (w.data * other).sum()


def by_detach(w, other):
    hidden = (w * 3).detach()
    hidden = hidden + 1
    return (hidden * other).sum()


def by_argmax(w, other):
    best = (w * 3).argmax()
    return best.float() * other.sum()


def by_a_comparison(w, other):
    return ((w > 0) * other).sum()


def by_a_cast(w, other):
    whole = (w * 3).long()
    return (whole * other).sum()


def by_item(w, other):
    scale = w.sum().item()
    return (scale * other).sum()


def by_a_cast_to_int_joined_with_others(w, other):
    return (torch.cat([w.long(), torch.arange(2)])[:2] * other).sum()


def unused(w, other):
    return other.sum()


CUTS = {
    under_no_grad: ("mul", "mul ran under no_grad: it cuts the loss off from this tensor", "hidden = w * 2"),
    by_data: ("detach", "detach() or .data cut it off before it was used", "return (w.data * other).sum()"),
    by_detach: ("detach", "detach() or .data cut it off before it was used", "hidden = hidden + 1"),
    by_argmax: ("argmax", "argmax has no gradient: it cuts the loss off from this tensor", "best = (w * 3).argmax()"),
    by_a_comparison: (
        "gt",
        "gt has no gradient: it cuts the loss off from this tensor",
        "return ((w > 0) * other).sum()",
    ),
    by_a_cast: (
        "to",
        "the cast to torch.int64 cuts it off: integers have no gradients",
        "whole = (w * 3).long()",
    ),
    by_a_cast_to_int_joined_with_others: (
        "to",
        "the cast to torch.int64 cuts it off: integers have no gradients",
        "return (torch.cat([w.long(), torch.arange(2)])[:2] * other).sum()",
    ),
    by_item: (
        "item",
        "its value left for Python or numpy, by item(), numpy() or float()",
        "scale = w.sum().item()",
    ),
}


@pytest.mark.parametrize("compute", CUTS, ids=lambda f: f.__name__)
def test_the_op_that_cut_it_is_named(compute):
    w, other = leaf(1.0, 2.0), leaf(3.0, 4.0)
    op, sentence, text = CUTS[compute]
    report = explain_grad(w, lambda: compute(w, other))
    assert (report.reason, report.op) == ("cut", op)
    assert told(report) == [sentence, f"at HERE: {text}"]
    assert report.line.text == text


def test_a_loss_computed_without_it():
    w, other = leaf(1.0, 2.0), leaf(3.0, 4.0)
    report = explain_grad(w, lambda: unused(w, other))
    assert (report.reason, told(report)) == ("not reached", ["the loss is computed without it"])


def test_a_function_that_is_well():
    w = leaf(1.0, 2.0)
    report = explain_grad(w, lambda: (w.detach() * w).sum())
    assert report.reason == "no backward"


def test_custom_functions_do_not_cut():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    w = leaf(1.0, 2.0)
    report = explain_grad(w, lambda: Double.apply(w).argmax().float())
    assert report.op == "argmax"


def test_one_way_that_is_open_is_enough():
    w = leaf(1.0, 2.0)
    ways = [lambda: w.detach() * w, lambda: w * w.detach(), lambda: (w * 2).detach() * w, lambda: w * (w * 2).detach()]
    assert [explain_grad(w, lambda way=way: way().argmax().float()).op for way in ways] == ["argmax"] * 4


def test_what_a_backward_computes_is_not_followed():
    w = leaf(1.0, 2.0)
    with Tracer() as trace:
        loss = w.exp().sum()
        loss.backward()
    assert {call.name for call in trace.calls} <= {"exp", "sum", "astype"}


def test_the_generator_is_put_back():
    w = leaf(1.0, 2.0)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    explain_grad(w, lambda: (w * torch.rand(2)).sum())
    assert torch.equal(torch.rand(2), expected)


def test_namespaces_are_as_before():
    w = leaf(1.0)
    before = dict(vars(w._xp))
    with pytest.raises(LookupError):
        explain_grad(w, failing)
    assert vars(w._xp) == before


def failing():
    raise LookupError


# --- zero ---
ZERO = {
    "relu": (lambda w: (w * -1).relu(), "dead relu: all 2 inputs are ≤ 0."),
    "clamp": (lambda w: w.clamp(max=0.5), "clamp: all 2 inputs are outside the bounds."),
    "where": (lambda w: torch.where(w > 9, w * 2, 1.0), "where takes the other branch everywhere."),
    "masked_fill": (lambda w: w.masked_fill(w > 0, 0.0), "masked_fill fills every element."),
    "round": (lambda w: w.round(), "the slope of round is 0 everywhere."),
    "mul": (lambda w: w * torch.zeros(2), "the other factor is 0 everywhere."),
    "sigmoid": (
        lambda w: (w * 200).sigmoid(),
        "sigmoid is saturated: its inputs are so large that its slope rounds to 0.",
    ),
}


@pytest.mark.parametrize("op", ZERO)
def test_zero(op):
    w = leaf(1.0, 2.0)
    compute, sentence = ZERO[op]
    compute(w).sum().backward()
    report = explain_grad(w, lambda: compute(w).sum())
    assert (report.state, report.reason, report.op) == ("zero", "zero slope", op)
    assert told(report)[0].endswith("and handed on only zeros")
    assert told(report)[-1].startswith(sentence)


def test_zero_because_another_part_was_chosen():
    w = leaf(1.0, 2.0)

    def compute():
        joined = torch.cat([w, torch.tensor([9.0])])
        return joined.max()

    compute().backward()
    report = explain_grad(w, compute)
    assert report.op == "cat"
    assert told(report)[-1] == "max at HERE: return joined.max() chose other parts."


def test_other_branches_are_not_blamed():
    w, other = leaf(1.0, 2.0), leaf(3.0, 4.0)

    def compute():
        dead = (w * -1).relu().sum()
        return dead + other.exp().sum()

    compute().backward()
    assert explain_grad(w, compute).op == "relu"


def test_zero_in_a_part_that_is_not_used():
    w = leaf(1.0, 2.0)
    (w[:1] * 0).sum().backward()
    report = explain_grad(w, (w[:1] * 0).sum())
    assert report.op == "mul"


def test_zeros_that_zero_grad_wrote():
    w = leaf(1.0, 2.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    report = explain_grad(w, lambda: (w * w).sum())
    assert report.reason == "filled with zeros"


def test_a_zero_gradient_asks_for_the_function():
    w = leaf(1.0, 2.0)
    loss = (w * -1).relu().sum()
    loss.backward()
    assert told(explain_grad(w)) == [
        "explain_grad(tensor, lambda: ...) with a function that computes the loss finds the op"
    ]
    assert told(explain_grad(w, loss)) == [
        "the graph of this loss was freed: give a function that computes the loss and calls no backward()"
    ]
    assert told(explain_grad(w, lambda: leaf(1.0).exp())) == [
        "this loss does not reach it: the gradient came from another one"
    ]


# --- not finite ---
def test_sqrt_at_zero():
    w = leaf(0.0, 4.0)
    w.sqrt().sum().backward()
    report = explain_grad(w, lambda: w.sqrt().sum())
    assert (report.state, report.reason, report.op) == ("not finite", "infinite slope", "sqrt")
    assert told(report) == [
        "SqrtBackward0 got float32 [2], from 1 to 1 and handed on float32 [2], 1 inf",
        "at HERE: report = explain_grad(w, lambda: w.sqrt().sum())",
        "the slope of sqrt at 0 is infinite: use sqrt(x + eps), or sqrt(x.clamp(min=eps)).",
    ]


def test_the_inactive_branch_of_where():
    w = leaf(0.0, 4.0)

    def compute():
        root = w.sqrt()
        return torch.where(w > 0, root, 0.0).sum()

    compute().backward()
    report = explain_grad(w, compute)
    assert report.line.text == "root = w.sqrt()"
    assert told(report)[-1] == (
        "where at HERE: return torch.where(w > 0, root, 0.0).sum() takes the other branch there: the gradient that comes in is 0, "
        "the slope of sqrt is infinite, and 0 · inf is nan. Make the argument harmless before sqrt: "
        "safe = torch.where(condition, x, 1), sqrt of safe, then where again."
    )


def test_the_advice_for_where_helps():
    w = leaf(0.0, 4.0)
    safe = torch.where(w > 0, w, 1.0)
    torch.where(w > 0, safe.sqrt(), 0.0).sum().backward()
    assert w.grad.tolist() == [0.0, 0.25]


def test_a_finite_gradient_of_this_loss():
    w = leaf(0.0)
    w.sqrt().sum().backward()
    assert explain_grad(w, lambda: (w * 2).sum()).reason == "unknown"


def test_nothing_is_wrong():
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    report = explain_grad(w)
    assert (report.state, report.reason) == ("there", "")
    assert str(report) == ".grad of this tensor of shape [2] is there\n  it is float32 [2], from 2 to 4"


def test_explaining_writes_no_gradient():
    w = leaf(0.0, 4.0)
    w.sqrt().sum().backward()
    before = w.grad
    explain_grad(w, lambda: w.sqrt().sum())
    assert w.grad is before
