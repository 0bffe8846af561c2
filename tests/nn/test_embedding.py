"""Embeddings: program by program as torch, and the sums of rows in every size."""

import numpy as np
import pytest

import plugrad
import plugrad_samples_conv as truth
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}


def table(t, rows=5, columns=3):
    count = rows * columns
    numbers = (t.arange(count, dtype=t.float32) * 5 % 11 - 5) / 4
    return numbers.reshape(rows, columns).detach().requires_grad_()


def looked_up(index, dtype="int64", **options):
    def program(t):
        w = table(t)
        y = t.nn.functional.embedding(t.tensor(index, dtype=getattr(t, dtype)), w, **options)
        (y * (t.arange(y.numel(), dtype=t.float32) - 3).reshape(y.shape)).sum().backward()
        return y.detach(), y.grad_fn.name(), w.grad, w.detach()

    return program


PLACES = [[1, 4, 1], [0, 2, 1]]
OPTIONS = {
    "plain": (PLACES, {}),
    "one": (3, {}),
    "none": ([], {}),
    "int32": (PLACES, {"dtype": "int32"}),
    "padding": (PLACES, {"padding_idx": 1}),
    "padding-from-the-end": (PLACES, {"padding_idx": -1}),
    "by-count": (PLACES, {"scale_grad_by_freq": True}),
    "by-count-and-padding": (PLACES, {"scale_grad_by_freq": True, "padding_idx": 0}),
    "max-norm": (PLACES, {"max_norm": 1.0}),
    "max-norm-1": (PLACES, {"max_norm": 1.0, "norm_type": 1.0}),
    "max-norm-3": (PLACES, {"max_norm": 0.5, "norm_type": 3}),
    "max-norm-inf": (PLACES, {"max_norm": 0.5, "norm_type": float("inf")}),
}
for name, (index, options) in OPTIONS.items():
    PROGRAMS[name] = looked_up(index, **options)
PROGRAMS["int64-table"] = lambda t: t.nn.functional.embedding(t.tensor([1, 0]), t.arange(4).reshape(2, 2))


def gradient_of_gradient(t):
    w = table(t)
    y = t.nn.functional.embedding(t.tensor(PLACES), w, padding_idx=1)
    (g,) = t.autograd.grad((y * y * y).sum(), w, create_graph=True)
    (g * g).sum().backward()
    return g.detach(), w.grad


PROGRAMS["gradient-of-gradient"] = gradient_of_gradient

LAYERS = [
    "Embedding(4, 3)",
    "Embedding(40, 3)",
    "Embedding(4, 3, padding_idx=-1)",
    "Embedding(4, 3, 1, 1.0, 1, True)",
    "Embedding(4, 3, dtype=t.float64)",
    "Embedding(4, 3, _freeze=True)",
    "Embedding.from_pretrained(t.arange(12.0).reshape(4, 3))",
    "Embedding.from_pretrained(t.arange(12.0).reshape(4, 3), freeze=False, padding_idx=2, max_norm=3.0)",
]


def layer(text):
    """A layer's printed form, its initial values for one seed, and what it computes."""

    def program(t):
        t.manual_seed(5)
        m = eval("t.nn." + text, {"t": t})
        return (
            repr(m),
            list(m.state_dict().items()),
            m.weight.requires_grad,
            m(t.tensor([[0, 3], [1, 0]])).detach(),
            t.rand(2),
        )

    return program


for text in LAYERS:
    PROGRAMS[f"layer-{text}"] = layer(text)

ERRORS = {
    "range": lambda t: t.nn.functional.embedding(t.tensor([3]), t.ones(3, 2)),
    "negative": lambda t: t.nn.functional.embedding(t.tensor([-1]), t.ones(3, 2)),
    "float": lambda t: t.nn.functional.embedding(t.tensor([0.5]), t.ones(3, 2)),
    "int16": lambda t: t.nn.functional.embedding(t.tensor([1], dtype=t.int16), t.ones(3, 2)),
    "bool": lambda t: t.nn.functional.embedding(t.tensor([True]), t.ones(3, 2)),
    "vector": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3)),
    "rank": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3, 2, 2)),
    "padding": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3, 2), padding_idx=3),
    "padding-negative": lambda t: t.nn.functional.embedding(t.tensor([1]), t.ones(3, 2), padding_idx=-4),
    "not-a-tensor": lambda t: t.nn.functional.embedding([1], t.ones(3, 2)),
    "not-a-table": lambda t: t.nn.functional.embedding(t.tensor([1]), [1.0]),
    "layer-padding": lambda t: t.nn.Embedding(3, 2, padding_idx=3),
    "layer-padding-negative": lambda t: t.nn.Embedding(3, 2, padding_idx=-4),
    "layer-weight": lambda t: t.nn.Embedding(3, 2, _weight=t.ones(2, 2)),
    "layer-pretrained": lambda t: t.nn.Embedding.from_pretrained(t.ones(3)),
}
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


#: Devices do not look at row numbers: that would wait for them.
ONLY_NUMPY = {"error-range", "error-negative"}


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
    with pytest.raises(NotImplementedError, match="sparse=True"):
        F.embedding(plugrad.tensor([0]), plugrad.ones(2, 2), sparse=True)
    with pytest.raises(NotImplementedError, match="sparse=True"):
        plugrad.nn.Embedding(2, 2, sparse=True)


def test_shortening_rows_counts_as_a_write():
    w = plugrad.full((3, 2), 4.0)
    before = w._version
    F.embedding(plugrad.tensor([1]), w, max_norm=1.0)
    assert w._version == before + 1
    assert_values(w._host()[[0, 2]], np.full((2, 2), 4.0), rtol=0)


@pytest.mark.device
@pytest.mark.parametrize("by_count", [False, True])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize(
    ("rows", "count"), [(3, 10), (3, 200), (50, 63), (50, 64), (50, 300), (1000, 100), (4, 1), (4, 0)]
)
def test_sums_of_rows(rows, count, padding, by_count):
    rng = np.random.default_rng(rows + count)
    index = np.minimum(rng.geometric(0.2, count) - 1, rows - 1)  # a few rows often, many once or never
    w, g = rng.standard_normal((rows, 3)), rng.standard_normal((count, 3))
    leaf = on(w, requires_grad=True)
    y = F.embedding(on(index), leaf, padding_idx=padding, scale_grad_by_freq=by_count)
    assert_close(y.detach(), w[index], rtol=0)
    y.backward(on(g))
    assert_close(leaf.grad, truth.embedding_backward(g, index, rows, padding, by_count), rtol=1e-12, atol=1e-13)


@pytest.mark.device
def test_derivatives_of_order_1_and_2():
    index, w = (
        on(np.array([[1, 4, 1], [0, 2, 1]])),
        on(np.random.default_rng(0).standard_normal((5, 3)), requires_grad=True),
    )
    assert gradcheck(lambda w: F.embedding(index, w), (w,))
    assert gradgradcheck(lambda w: F.embedding(index, w), (w,))
