"""ctc_loss and pdist: values, gradients, node names and errors, program by program as torch; gradients by differences."""

import math

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

F = plugrad.nn.functional
PROGRAMS = {}
INF = math.inf


def add(name, function):
    PROGRAMS[name] = function


def wave(t, *shape):
    """Numbers without pattern that need no random stream."""
    return ((t.arange(float(math.prod(shape))) * 2.3).sin() * 2).reshape(shape)


def scores(t):
    """(6, 3, 5) log probabilities, a leaf."""
    return wave(t, 6, 3, 5).log_softmax(2).detach().requires_grad_()


TARGETS = [[1, 2, 2], [3, 1, 0], [4, 4, 4]]
TIMES, COUNTS = [6, 5, 6], [3, 2, 3]


def loss(t, x=None, targets=None, times=None, counts=None, **options):
    x = scores(t) if x is None else x
    targets = t.tensor(TARGETS) if targets is None else targets
    times = t.tensor(TIMES) if times is None else times
    return t.nn.functional.ctc_loss(x, targets, times, t.tensor(COUNTS) if counts is None else counts, **options)


def with_gradient(t, y, x):
    names = [y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f is not None)]
    (y * (1.0 + 0.1 * t.arange(float(y.numel())).reshape(y.shape))).sum().backward()
    return y.detach(), names, x.grad


def differentiated(**options):
    def program(t):
        x = scores(t)
        return with_gradient(t, loss(t, x, **{k: v(t) if callable(v) else v for k, v in options.items()}), x)

    return program


for reduction in ("none", "mean", "sum"):
    add(f"tensors-{reduction}", differentiated(reduction=reduction))
    add(f"lists-{reduction}", differentiated(reduction=reduction, times=TIMES, counts=tuple(COUNTS)))
    add(
        f"one-row-{reduction}",
        differentiated(reduction=reduction, targets=lambda t: t.tensor([1, 2, 2, 3, 1, 4, 4, 4])),
    )
    add(f"zero_infinity-{reduction}", differentiated(reduction=reduction, times=[6, 5, 4], zero_infinity=True))
    add(f"infinite-{reduction}", differentiated(reduction=reduction, times=[6, 5, 4]))
    add(f"no-time-{reduction}", differentiated(reduction=reduction, times=[0, 0, 1], counts=[0, 1, 1]))
    add(f"no-labels-{reduction}", differentiated(reduction=reduction, counts=[0, 0, 0]))

    def unbatched(t, reduction=reduction):
        x = scores(t)
        times, counts = (t.tensor(6), t.tensor(3)) if reduction == "sum" else ([6], [3])
        return with_gradient(t, loss(t, x[:, 0], t.tensor(TARGETS[0]), times, counts, reduction=reduction), x)

    add(f"unbatched-{reduction}", unbatched)
add("blank", differentiated(blank=4, targets=lambda t: t.tensor([[1, 2, 2], [3, 1, 0], [0, 0, 0]]), reduction="none"))
add(
    "labels-past-the-count",
    differentiated(targets=lambda t: t.tensor([[1, -7, 9], [3, 99, -1], [4, 4, 4]]), counts=[1, 1, 3]),
)
for kind in ("int32", "int16", "float32"):
    add(f"targets-{kind}", lambda t, k=kind: loss(t, targets=t.tensor(TARGETS).to(getattr(t, k))).detach())
add("float32-int32-lengths", lambda t: loss(t, times=t.tensor(TIMES).int(), counts=t.tensor([COUNTS]).int()).detach())
add("double", lambda t: loss(t, wave(t, 6, 3, 5).double().log_softmax(2), reduction="none"))
add("not-normalized", lambda t: with_gradient(t, loss(t, x := wave(t, 6, 3, 5).requires_grad_()), x))


def minus_infinity(t):
    x = t.full((3, 2, 4), -INF)
    x[0] = -1.0
    x[1, :, 1:] = -0.5
    x[2, :, 0] = 0.0
    x.requires_grad_()
    return with_gradient(t, loss(t, x, t.tensor([[1, 2], [3, 1]]), [3, 3], [2, 1], reduction="none"), x)


add("minus-infinity", minus_infinity)


def twice(t):
    x = scores(t)
    (g,) = t.autograd.grad(loss(t, x), x, create_graph=True)
    name = g.grad_fn.name()
    try:
        g.sum().backward()
    except RuntimeError as error:
        return g.detach(), name, str(error)


add("second-derivative", twice)
for code in (0, 1, 2, 5):
    add(f"code-{code}", lambda t, c=code: t.ctc_loss(scores(t), t.tensor(TARGETS), TIMES, COUNTS, 0, c))
add("layer", lambda t: (repr(m := t.nn.CTCLoss()), list(m.state_dict()), m.blank, m.reduction, m.zero_infinity))
add("layer-call", lambda t: t.nn.CTCLoss(4, "sum", True)(scores(t), t.tensor(TARGETS), [6, 5, 4], COUNTS).detach())

ERRORS = {
    "reduction": lambda t: loss(t, reduction="xx"),
    "half": lambda t: loss(t, scores(t).detach().half()),
    "int": lambda t: loss(t, scores(t).detach().long()),
    "half-empty": lambda t: loss(t, scores(t).detach().half()[:0]),
    "blank-high": lambda t: loss(t, blank=5),
    "blank-low": lambda t: loss(t, blank=-1),
    "times-count": lambda t: loss(t, times=t.tensor([6, 5])),
    "counts-count": lambda t: loss(t, counts=t.tensor([3, 2])),
    "times-long": lambda t: loss(t, times=t.tensor([6, 5, 7])),
    "times-negative": lambda t: loss(t, times=[6, 5, -1], counts=COUNTS),
    "counts-long": lambda t: loss(t, counts=t.tensor([3, 2, 4])),
    "counts-negative": lambda t: loss(t, counts=t.tensor([3, 2, -1])),
    "mixed-lengths": lambda t: loss(t, times=TIMES),
    "mixed-lengths-2": lambda t: loss(t, counts=tuple(COUNTS)),
    "number": lambda t: loss(t, times=6, counts=3),
    "float-lengths": lambda t: loss(t, times=[6, 5.5, 6]),
    "float-times": lambda t: loss(t, times=t.tensor(TIMES).float()),
    "float-counts": lambda t: loss(t, counts=t.tensor(COUNTS).float()),
    "log_probs-list": lambda t: loss(t, [[1.0]]),
    "targets-list": lambda t: loss(t, targets=TARGETS),
    "targets-rows": lambda t: loss(t, targets=t.tensor(TARGETS)[:2]),
    "targets-short": lambda t: loss(t, targets=t.tensor(TARGETS)[:, :2]),
    "targets-one-row": lambda t: loss(t, targets=t.tensor([1, 2, 2, 3, 1, 4, 4])),
    "targets-rank": lambda t: loss(t, targets=t.tensor([TARGETS])),
    "targets-scalar": lambda t: loss(t, targets=t.tensor(1)),
    "rank-0": lambda t: loss(t, t.tensor(1.0)),
    "rank-1": lambda t: loss(t, wave(t, 5)),
    "rank-4": lambda t: loss(t, wave(t, 1, 6, 3, 5)),
    "empty": lambda t: loss(t, wave(t, 6, 3, 5)[:, :0], t.tensor(TARGETS)[:0], [], []),
}
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


# --- pdist ---
def pdist(p, *shape):
    def program(t):
        x = wave(t, *shape)
        x[1] = x[0]
        x.requires_grad_()
        return with_gradient(t, t.nn.functional.pdist(x, p), x)

    return program


for p in (0, 0.5, 1, 1.5, 2, 3.0, INF):
    add(f"pdist-{p}", pdist(p, 5, 3))
add("pdist-many", pdist(2.0, 30, 4))
for shape in ((0, 3), (1, 3), (3, 0), (0, 0)):
    add(f"pdist-{shape}", lambda t, s=shape: t.pdist(t.ones(s)))


def pdist_twice(t):
    x = wave(t, 4, 3).requires_grad_()
    (g,) = t.autograd.grad(t.pdist(x).sum(), x, create_graph=True)
    name = g.grad_fn.name()
    try:
        g.sum().backward()
    except NotImplementedError as error:
        return name, str(error)


add("pdist-second-derivative", pdist_twice)
ERRORS = {
    "rank-1": lambda t: t.pdist(t.ones(3)),
    "rank-3": lambda t: t.pdist(t.ones(2, 3, 4), 1.0),
    "int": lambda t: t.pdist(t.ones(2, 3).long()),
    "half": lambda t: t.pdist(t.ones(2, 3).half()),
    "negative": lambda t: t.pdist(t.ones(2, 3), -1.0),
    "p": lambda t: t.pdist(t.ones(2, 3), None),
    "list": lambda t: t.pdist([1.0]),
}
PROGRAMS.update({f"error-pdist-{name}": program for name, program in ERRORS.items()})

#: Not every backend has half precision.
ONLY_NUMPY = {"error-half", "error-half-empty", "error-pdist-half"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=2e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.device
def test_gradient_of_ctc_loss_under_log_softmax():
    x = on(np.random.default_rng(0).standard_normal((6, 3, 5)), requires_grad=True)
    targets = on(np.array(TARGETS))
    assert gradcheck(lambda x: F.ctc_loss(x.log_softmax(2), targets, TIMES, COUNTS, reduction="none"), (x,))


@pytest.mark.device
def test_long_sequences_neither_overflow_nor_vanish():
    """With equal probabilities the loss is T log C less the log of the number of alignments, C(T + L, 2L) without repeats."""
    steps, length, classes = 400, 90, 100
    x = on(np.zeros((steps, 1, classes), np.float32), requires_grad=True)
    labels = on(np.arange(1, length + 1)[None])
    found = F.ctc_loss(x.log_softmax(2), labels, [steps], [length], reduction="sum")
    expected = steps * math.log(classes) - math.log(math.comb(steps + length, 2 * length))
    assert_close(found.detach(), np.float32(expected), rtol=1e-5)
    found.backward()
    assert_close(x.grad.sum(2), np.zeros((steps, 1), np.float32), atol=1e-3)


@pytest.mark.cpu
def test_labels_out_of_range_are_refused():
    x = on(np.zeros((4, 1, 3)))
    with pytest.raises(IndexError, match="not a class from 0 to 2"):
        F.ctc_loss(x, on(np.array([[3]])), [4], [1])


@pytest.mark.device
@pytest.mark.parametrize("n", [*range(2, 40), 257])
def test_all_pairs_in_order(n):
    x = np.random.default_rng(n).standard_normal((n, 2))
    first, second = np.triu_indices(n, 1)
    assert_close(F.pdist(on(x), 1.0), np.abs(x[first] - x[second]).sum(1), rtol=1e-12)


def test_a_step_of_training_never_waits_for_the_device(request):
    if request.config.getoption("--backend") != "simcuda":
        pytest.skip("only the simulated device counts how often the host waits")
    import simcupy

    x = on(np.zeros((6, 3, 5), np.float32), requires_grad=True)
    targets = on(np.array(TARGETS))
    rows = on(np.arange(12.0).reshape(4, 3), requires_grad=True)
    with simcupy.counting() as seen:
        loss = F.ctc_loss(x.log_softmax(2), targets, TIMES, COUNTS, zero_infinity=True) + F.pdist(rows).sum()
        loss.backward()
    assert seen.launches > 0
    assert seen.syncs == 0
