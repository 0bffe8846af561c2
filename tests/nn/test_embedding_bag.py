"""Sums, means and maxima over bags of rows: program by program as torch."""

import itertools

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

F = plugrad.nn.functional
PROGRAMS = {}
PLACES = [1, 2, 1, 4, 0, 1]


def table(t, rows=5, columns=3, dtype="float32"):
    numbers = (t.arange(rows * columns) * 5 % 11 - 5) / 4
    return numbers.reshape(rows, columns).to(getattr(t, dtype)).detach().requires_grad_()


def weights_of(t, *shape):
    return ((t.arange(int(np.prod(shape)), dtype=t.float32) - 2) / 2).reshape(shape).detach().requires_grad_()


def with_gradients(t, y, *leaves):
    (y * (t.arange(y.numel()) * 3 % 7 - 2).reshape(y.shape)).sum().backward()
    return y.detach(), y.grad_fn.name(), [leaf.grad for leaf in leaves]


def bagged(places, offsets=None, weighted=False, kind="int64", dtype="float32", **options):
    """What F.embedding_bag gives, and the gradients."""

    def program(t):
        index = t.tensor(places, dtype=getattr(t, kind))
        starts = None if offsets is None else t.tensor(offsets, dtype=getattr(t, kind))
        w, p = table(t, dtype=dtype), weights_of(t, *index.shape) if weighted else None
        y = t.nn.functional.embedding_bag(index, w, starts, per_sample_weights=p, **options)
        return with_gradients(t, y, *([w] if p is None else [w, p])), w.detach()

    return program


def kernel(places, offsets, *args, dtype="float32", kinds=("int64", "int64"), weighted=False, **options):
    """All four results of the function at the top."""

    def program(t):
        index, starts = (t.tensor(x, dtype=getattr(t, k)) for x, k in zip((places, offsets), kinds, strict=True))
        if weighted:
            options["per_sample_weights"] = t.ones(len(places)) * 2
        found = t.embedding_bag(table(t, dtype=dtype), index, starts, *args, **options)
        return [x.detach() for x in found], [x.grad_fn is None for x in found]

    return program


OFFSETS = {"usual": [0, 2, 4], "empty": [0, 2, 2, 4], "empty-ends": [0, 0, 3, 6], "one": [0]}
OPTIONS = {
    "plain": {},
    "padding": {"padding_idx": 1},
    "padding-from-the-end": {"padding_idx": -1},
    "by-count": {"scale_grad_by_freq": True},
    "by-count-and-padding": {"scale_grad_by_freq": True, "padding_idx": 1},
    "max-norm": {"max_norm": 0.7},
}
for mode, (where, offsets), (what, options) in itertools.product(
    ("sum", "mean", "max"), OFFSETS.items(), OPTIONS.items()
):
    if (where in ("usual", "empty") or what == "plain") and not (mode == "max" and "by-count" in what):
        PROGRAMS[f"{mode}-{where}-{what}"] = bagged(PLACES, offsets, mode=mode, **options)
for mode in ("sum", "mean", "max"):
    PROGRAMS[f"{mode}-matrix"] = bagged([[1, 2, 1], [4, 0, 1]], mode=mode)
    PROGRAMS[f"{mode}-matrix-padding"] = bagged([[1, 2, 1], [4, 1, 1]], mode=mode, padding_idx=1)
    PROGRAMS[f"{mode}-int32"] = bagged(PLACES, [0, 3], kind="int32", mode=mode)
    PROGRAMS[f"{mode}-double"] = bagged(PLACES, [0, 3], dtype="float64", mode=mode)
    PROGRAMS[f"{mode}-nothing"] = bagged([], [0, 0], mode=mode)
    PROGRAMS[f"{mode}-last-offset"] = bagged(PLACES, [0, 2, 2, 6], mode=mode, include_last_offset=True)
    PROGRAMS[f"{mode}-all-padding"] = bagged([1, 1, 2], [0, 2], mode=mode, padding_idx=1)
for what in ("plain", "padding", "by-count", "by-count-and-padding"):
    PROGRAMS[f"weighted-{what}"] = bagged(PLACES, [0, 2, 2, 4], weighted=True, mode="sum", **OPTIONS[what])
PROGRAMS["weighted-matrix"] = bagged([[1, 2, 1], [4, 0, 1]], weighted=True, mode="sum")
PROGRAMS["weighted-last-offset"] = bagged(PLACES, [0, 2, 6], weighted=True, mode="sum", include_last_offset=True)
PROGRAMS["default-is-the-mean"] = bagged(PLACES, [0, 2])
for mode in range(3):
    PROGRAMS |= {
        f"kernel-{mode}": kernel(PLACES, [0, 2, 2], mode=mode),
        f"kernel-{mode}-double": kernel(PLACES, [0, 2, 2], mode=mode, dtype="float64"),
        f"kernel-{mode}-padding": kernel(PLACES, [0, 2, 2], False, mode, False, None, False, 1),
        f"kernel-{mode}-last-offset": kernel(PLACES, [0, 2, 6], mode=mode, include_last_offset=True),
        f"kernel-{mode}-kinds": kernel(PLACES, [0, 2], mode=mode, kinds=("int32", "int64")),
        f"kernel-{mode}-short": kernel(PLACES, [0, 2], mode=mode, kinds=("int16", "int32")),
        f"kernel-{mode}-nothing": kernel([], [0, 0], mode=mode),
    }
PROGRAMS["kernel-weighted"] = kernel(PLACES, [0, 2], weighted=True)

LAYERS = {
    "EmbeddingBag(4, 3)": {},
    "EmbeddingBag(40, 3, mode='sum')": {},
    "EmbeddingBag(4, 3, mode='max', padding_idx=-1)": {},
    "EmbeddingBag(4, 3, 1.0, 1, True)": {},
    "EmbeddingBag(4, 3, dtype=t.float64, padding_idx=0)": {},
    "EmbeddingBag.from_pretrained(t.arange(12.0).reshape(4, 3))": {},
    "EmbeddingBag.from_pretrained(t.arange(12.0).reshape(4, 3), freeze=False, mode='sum', padding_idx=2, max_norm=3.0)": {},
    "EmbeddingBag(4, 3, include_last_offset=True)": {"offsets": [0, 1, 4]},
}


def layer(text, offsets=None):
    """A layer's printed form, its initial values for one seed, and what it computes."""

    def program(t):
        t.manual_seed(5)
        m = eval("t.nn." + text, {"t": t})
        given = ([0, 3, 1, 0], offsets) if offsets else ([[0, 3], [1, 0]],)
        made = m(*(t.tensor(x) for x in given)).detach()
        return repr(m), list(m.state_dict().items()), m.weight.requires_grad, made, t.rand(2)

    return program


PROGRAMS |= {f"layer-{text}": layer(text, **options) for text, options in LAYERS.items()}


def call(input, weight=(5, 3), offsets=None, weights=None, **options):
    def program(t):
        p = None if weights is None else t.ones(*weights)
        starts = None if offsets is None else t.tensor(offsets)
        return t.nn.functional.embedding_bag(t.tensor(input), t.ones(*weight), starts, per_sample_weights=p, **options)

    return program


ERRORS = {
    "range": call([1, 5], offsets=[0]),
    "range-max": call([1, 5], offsets=[0], mode="max"),
    "negative": call([1, -1], offsets=[0], mode="sum"),
    "float": call([0.5], offsets=[0]),
    "vector": call([1], (3,), [0]),
    "rank": call([1], (3, 2, 2), [0]),
    "input-rank": call([[[1]]]),
    "no-offsets": call([1]),
    "offsets-rank": call([1], offsets=[[0]]),
    "offsets-of-a-matrix": call([[1]], offsets=[0]),
    "offsets-begin": call([1, 2], offsets=[1]),
    "offsets-beyond": call([1, 2], offsets=[0, 3]),
    "no-last-offset": call([1, 2], offsets=[], include_last_offset=True),
    "mode": call([[1]], mode="median"),
    "by-count-max": call([[1]], mode="max", scale_grad_by_freq=True),
    "sparse-max": call([[1]], mode="max", sparse=True),
    "weights-shape": call([[1, 2]], weights=(2,), mode="sum"),
    "weights-mode": call([[1, 2]], weights=(1, 2)),
    "padding": call([[1]], padding_idx=5),
    "padding-negative": call([[1]], padding_idx=-6),
    "no-width": call([[], []]),
    "int-table": lambda t: t.embedding_bag(t.ones(3, 2, dtype=t.int64), t.tensor([1]), t.tensor([0])),
    "complex-table": lambda t: t.embedding_bag(t.ones(3, 2, dtype=t.complex64), t.tensor([1]), t.tensor([0])),
    "short": lambda t: t.embedding_bag(t.ones(3, 2), t.tensor([1], dtype=t.int16), t.tensor([0], dtype=t.int16)),
    "kernel-mode": lambda t: t.embedding_bag(t.ones(3, 2), t.tensor([1]), t.tensor([0]), False, 3),
    "kernel-rank": lambda t: t.embedding_bag(t.ones(3), t.tensor([1]), t.tensor([0])),
    "kernel-offsets-rank": lambda t: t.embedding_bag(t.ones(3, 2), t.tensor([1]), t.tensor([[0]])),
    "kernel-no-tensor": lambda t: t.embedding_bag(t.ones(3, 2), [1], t.tensor([0])),
    "kernel-weights": lambda t: t.embedding_bag(t.ones(3, 2), t.tensor([1]), t.tensor([0]), per_sample_weights=2.0),
    "kernel-weights-mode": kernel(PLACES, [0], weighted=True, mode=1),
    "kernel-weights-dtype": kernel(PLACES, [0], weighted=True, dtype="float64"),
    "kernel-weights-count": lambda t: t.embedding_bag(
        t.ones(3, 2), t.tensor([1]), t.tensor([0]), per_sample_weights=t.ones(2)
    ),
    "kernel-weights-rank": lambda t: t.embedding_bag(
        t.ones(3, 2), t.tensor([1]), t.tensor([0]), per_sample_weights=t.ones(1, 1)
    ),
    "old-order": lambda t: t.nn.functional.embedding_bag(t.ones(3, 2), t.tensor([1]), t.tensor([0])),
    "layer-padding": lambda t: t.nn.EmbeddingBag(3, 2, padding_idx=3),
    "layer-padding-negative": lambda t: t.nn.EmbeddingBag(3, 2, padding_idx=-4),
    "layer-weight": lambda t: t.nn.EmbeddingBag(3, 2, _weight=t.ones(2, 2)),
    "layer-pretrained": lambda t: t.nn.EmbeddingBag.from_pretrained(t.ones(3)),
}
PROGRAMS |= {f"error-{name}": program for name, program in ERRORS.items()}

#: Devices do not look at row numbers and offsets: that would wait for them.
ONLY_NUMPY = {f"error-{n}" for n in ("range", "range-max", "negative", "offsets-begin", "offsets-beyond")}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 3e-6, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


def test_sparse_gradients_are_refused_by_name():
    index, offsets = plugrad.tensor([0]), plugrad.tensor([0])
    with pytest.raises(NotImplementedError, match="sparse=True"):
        F.embedding_bag(index, plugrad.ones(2, 2), offsets, sparse=True)
    with pytest.raises(NotImplementedError, match="sparse=True"):
        plugrad.embedding_bag(plugrad.ones(2, 2), index, offsets, sparse=True)
    with pytest.raises(NotImplementedError, match="sparse=True"):
        plugrad.nn.EmbeddingBag(2, 2, sparse=True)


@pytest.mark.device
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_what_comes_after_the_last_offset_is_left_out(mode):
    w = on(np.random.default_rng(0).standard_normal((5, 3)))
    index, offsets = on(np.array([1, 2, 4, 4, 3])), on(np.array([0, 2, 2, 3]))
    shorter = F.embedding_bag(on(np.array([1, 2, 4])), w, on(np.array([0, 2, 2])), mode=mode)
    assert_close(F.embedding_bag(index, w, offsets, mode=mode, include_last_offset=True), shorter._host(), rtol=0)


@pytest.mark.device
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_derivatives_of_order_1_and_2(mode):
    index, offsets = on(np.array([1, 4, 0, 2, 1])), on(np.array([0, 2, 2]))
    w = on(np.random.default_rng(0).standard_normal((5, 3)), requires_grad=True)
    p = on(np.random.default_rng(1).standard_normal(5), requires_grad=True) if mode == "sum" else None

    def bags(w, p=None):
        return F.embedding_bag(index, w, offsets, mode=mode, per_sample_weights=p, padding_idx=4)

    given = (w,) if p is None else (w, p)
    assert gradcheck(bags, given, check_forward_ad=True)
    assert gradgradcheck(bags, given)


@pytest.mark.device
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_no_bags(mode):
    """torch's backward crashes here."""
    w = on(np.ones((5, 3)), requires_grad=True)
    y = F.embedding_bag(on(np.array([1, 2])), w, on(np.zeros(0, np.int64)), mode=mode)
    y.sum().backward()
    assert_close(y.detach(), np.zeros((0, 3)))
    assert_close(w.grad, np.zeros((5, 3)))


def test_a_write_to_the_row_numbers_is_noticed():
    index, w = plugrad.tensor([0, 1]), plugrad.ones(2, 2, requires_grad=True)
    y = F.embedding_bag(index, w, plugrad.tensor([0]), mode="sum")
    index[0] = 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
