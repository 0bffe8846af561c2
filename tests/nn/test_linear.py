"""The linear layer and the layers that only change the shape: program by program as torch."""

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}


def ramp(t, *shape, dtype=None, modulus=11):
    """Small numbers as a leaf that requires grad."""
    count = int(np.prod(shape))
    numbers = (t.arange(count, dtype=t.float32) * 5 % modulus - modulus // 2).to(dtype or t.float32)
    factor = 0.25 + 0.5j if numbers.is_complex() else 0.25
    return (numbers * factor).reshape(shape).detach().requires_grad_()


def linear(x, weight, bias=None, dtype="float32"):
    def program(t):
        leaves = [ramp(t, *s, dtype=getattr(t, dtype)) for s in (x, weight, bias) if s is not None]
        y = t.nn.functional.linear(*leaves)
        (y * ramp(t, *y.shape, dtype=y.dtype, modulus=7).detach()).sum().backward()
        return y.detach(), y.grad_fn.name(), [leaf.grad for leaf in leaves]

    return program


FORMS = {
    "matrix": ((4, 3), (2, 3), (2,)),
    "matrix-no-bias": ((4, 3), (2, 3)),
    "vector": ((3,), (2, 3), (2,)),
    "vector-no-bias": ((3,), (2, 3)),
    "batch": ((2, 4, 3), (2, 3), (2,)),
    "batch-no-bias": ((2, 4, 3), (2, 3)),
    "batches": ((2, 1, 4, 3), (2, 3), (2,)),
    "no-rows": ((0, 3), (2, 3), (2,)),
    "no-columns": ((2, 0), (3, 0), (3,)),
    "no-batch": ((0, 2, 3), (2, 3), (2,)),
    "one-bias": ((4, 3), (2, 3), (1,)),
    "row-of-biases": ((4, 3), (2, 3), (1, 2)),
    "weight-vector": ((4, 3), (3,)),
    "two-vectors": ((3,), (3,)),
}
for name, shapes in FORMS.items():
    PROGRAMS[f"linear-{name}"] = linear(*shapes)
PROGRAMS["linear-float64"] = linear((4, 3), (2, 3), (2,), "float64")
PROGRAMS["linear-complex"] = linear((4, 3), (2, 3), (2,), "complex64")
PROGRAMS["linear-complex-batch"] = linear((2, 4, 3), (2, 3), None, "complex128")
PROGRAMS["linear-float16"] = lambda t: [
    t.nn.functional.linear(ramp(t, *s).half(), ramp(t, 2, 3).half(), ramp(t, 2).half()).detach()
    for s in ((4, 3), (2, 2, 3))
]
PROGRAMS["linear-int64"] = lambda t: t.nn.functional.linear(
    t.arange(6).reshape(2, 3), t.arange(6).reshape(2, 3), t.arange(2)
)
PROGRAMS["linear-frozen"] = lambda t: [
    (y.requires_grad, y.grad_fn is None) for y in [t.nn.functional.linear(t.ones(2, 3), t.ones(2, 3))]
]


def gradient_of_gradient(t):
    x, w, b = ramp(t, 2, 4, 3), ramp(t, 2, 3), ramp(t, 2)
    y = t.nn.functional.linear(x, w, b)
    first = t.autograd.grad((y * y).sum(), (x, w, b), create_graph=True)
    sum((g * g).sum() for g in first).backward()
    return x.grad, w.grad, b.grad


PROGRAMS["linear-gradient-of-gradient"] = gradient_of_gradient


def bilinear(first, second, weight, bias=None):
    def program(t):
        leaves = [ramp(t, *s) for s in (first, second, weight, bias) if s is not None]
        y = t.nn.functional.bilinear(*leaves)
        (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
        return y.detach(), [leaf.grad for leaf in leaves]

    return program


PROGRAMS["bilinear"] = bilinear((2, 3), (2, 4), (5, 3, 4), (5,))
PROGRAMS["bilinear-batch"] = bilinear((2, 2, 3), (2, 2, 4), (5, 3, 4))
PROGRAMS["bilinear-vectors"] = bilinear((3,), (4,), (5, 3, 4), (5,))

LAYERS = {
    "Linear(3, 2)": (4, 3),
    "Linear(3, 2, bias=False)": (2, 4, 3),
    "Linear(3, 2, dtype=t.float64)": (3,),
    "Linear(300, 2)": (1, 300),
    "Identity()": (2, 3),
    "Identity(54, unused=True)": (2, 3),
    "Flatten()": (2, 3, 2),
    "Flatten(0, 1)": (2, 3, 2),
    "Flatten(-2)": (2, 3, 2),
    "Unflatten(1, (2, 3))": (2, 6),
    "Unflatten(-1, [-1, 3])": (2, 6),
}


def layer(text, shape):
    """A layer's printed form, its initial values for one seed, what it computes, and where the stream stands then."""

    def program(t):
        t.manual_seed(5)
        m = eval("t.nn." + text, {"t": t})
        x = ramp(t, *shape, dtype=m.weight.dtype if hasattr(m, "weight") else None)
        y = m(x)
        return repr(m), list(m.state_dict().items()), y.detach(), y.grad_fn and y.grad_fn.name(), t.rand(2)

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)


def layer_of_two(t):
    t.manual_seed(5)
    layers = [t.nn.Bilinear(3, 4, 2), t.nn.Bilinear(3, 4, 1, bias=False)]
    return [(repr(m), list(m.state_dict().items()), m(t.ones(2, 3), t.ones(2, 4)).detach()) for m in layers]


PROGRAMS["layer-Bilinear"] = layer_of_two


def refused(x, weight, bias=None):
    return lambda t: t.nn.functional.linear(t.ones(x), t.ones(weight), None if bias is None else t.ones(bias))


def of_dtypes(x, weight, bias=None, rank=2):
    def program(t):
        x_shape = (2,) * (rank - 1) + (3,)
        given = [t.ones(s, dtype=getattr(t, d)) for s, d in ((x_shape, x), ((2, 3), weight), ((2,), bias)) if d]
        return t.nn.functional.linear(*given)

    return program


ERRORS = {
    "vector": refused((4,), (2, 3), (2,)),
    "vector-no-bias": refused((4,), (2, 3)),
    "matrix": refused((5, 4), (2, 3), (2,)),
    "matrix-no-bias": refused((5, 4), (2, 3)),
    "batch": refused((5, 4, 4), (2, 3), (2,)),
    "batch-no-bias": refused((5, 4, 4), (2, 3)),
    "no-rows": refused((0, 4), (2, 3), (2,)),
    "bias": refused((4, 3), (2, 3), (3,)),
    "bias-batch": refused((5, 4, 3), (2, 3), (3,)),
    "bias-vector": refused((3,), (2, 3), (3,)),
    "bias-rank": refused((4, 3), (2, 3), (2, 2, 2)),
    "weight-rank": refused((4, 3), (2, 2, 3)),
    "weight-scalar": refused((3,), ()),
    "weight-vector": refused((4, 3), (4,)),
    "weight-vector-bias": refused((4, 3), (3,), (1,)),
    "two-vectors": refused((3,), (4,)),
    "scalar": refused((), (2, 3)),
    "scalar-bias": refused((), (2, 3), (2,)),
    "dtype": of_dtypes("float64", "float32", "float32"),
    "dtype-no-bias": of_dtypes("float64", "float32"),
    "dtype-batch": of_dtypes("float64", "float32", "float32", 3),
    "dtype-batch-no-bias": of_dtypes("float64", "float32", None, 3),
    "dtype-vector": of_dtypes("float64", "float32", "float32", 1),
    "dtype-vector-no-bias": of_dtypes("float64", "float32", None, 1),
    "dtype-bias": of_dtypes("float32", "float32", "float64"),
    "dtype-int": of_dtypes("int64", "float32", "float32"),
    "dtype-bool": of_dtypes("bool", "bool", "bool"),
    "dtype-bool-no-bias": of_dtypes("bool", "bool"),
    "dtype-and-shape": lambda t: t.nn.functional.linear(t.ones(2, 4).double(), t.ones(2, 3), t.ones(2)),
    "dtype-and-shape-no-bias": lambda t: t.nn.functional.linear(t.ones(2, 4).double(), t.ones(2, 3)),
    "not-a-tensor": lambda t: t.nn.functional.linear([1.0, 2.0], t.ones(2, 2)),
    "not-a-weight": lambda t: t.nn.functional.linear(t.ones(2, 2), [1.0]),
    "not-a-bias": lambda t: t.nn.functional.linear(t.ones(2, 2), t.ones(2, 2), 3),
    "layer-features": lambda t: t.nn.Linear(3, 2)(t.ones(2, 4)),
    "layer-missing": lambda t: t.nn.Linear(2),
    "bilinear-batch": lambda t: t.nn.functional.bilinear(t.ones(2, 3), t.ones(3, 4), t.ones(5, 3, 4)),
    "bilinear-rank": lambda t: t.nn.functional.bilinear(t.ones(2, 3), t.ones(2, 2, 4), t.ones(5, 3, 4)),
    "bilinear-first": lambda t: t.nn.functional.bilinear(t.ones(2, 4), t.ones(2, 4), t.ones(5, 3, 4)),
    "bilinear-second": lambda t: t.nn.functional.bilinear(t.ones(2, 3), t.ones(2, 5), t.ones(5, 3, 4)),
    "bilinear-bias": lambda t: t.nn.functional.bilinear(t.ones(2, 3), t.ones(2, 4), t.ones(5, 3, 4), t.ones(4)),
    "bilinear-dtype": lambda t: t.nn.functional.bilinear(t.ones(2, 3).double(), t.ones(2, 4), t.ones(5, 3, 4)),
    "bilinear-not-a-tensor": lambda t: t.nn.functional.bilinear([1], t.ones(2, 4), t.ones(5, 3, 4)),
    "bilinear-no-features": lambda t: t.nn.Bilinear(0, 4, 5),
    "flatten-range": lambda t: t.nn.Flatten(3)(t.ones(2, 3)),
    "flatten-order": lambda t: t.nn.Flatten(2, 1)(t.ones(2, 3, 4)),
    "unflatten-size": lambda t: t.nn.Unflatten(1, (2, 5))(t.ones(2, 12)),
    "unflatten-kind": lambda t: t.nn.Unflatten(1, 3),
    "unflatten-element": lambda t: t.nn.Unflatten(1, (2, "a")),
}
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


#: Not every backend has half precision.
ONLY_NUMPY = {"linear-float16"}


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


@pytest.mark.device
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
def test_derivatives_of_order_1_and_2(shape, bias):
    rng = np.random.default_rng(0)
    inputs = [on(rng.standard_normal(s), requires_grad=True) for s in (shape, (2, 3), (2,))[: 2 + bias]]
    assert gradcheck(F.linear, inputs)
    assert gradgradcheck(F.linear, inputs)


@pytest.mark.device
def test_rows_and_columns_in_any_memory_order():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 5))
    found = F.linear(on(x).permute(2, 1, 0), on(w).t())
    assert_close(found, np.einsum("kba,km->abm", x, w), rtol=1e-12, atol=1e-13)


@pytest.mark.device
def test_a_linear_map_keeps_only_what_its_gradients_need():
    x, w = on(np.ones((2, 3))), on(np.ones((2, 3)))
    node = F.linear(x.requires_grad_(), w).grad_fn
    assert getattr(node, "x", None) is None
    assert node.weight is w._a
    node = F.linear(x.detach(), w.requires_grad_()).grad_fn
    assert getattr(node, "weight", None) is None


@pytest.mark.device
def test_sums_of_half_precision_do_not_stand_still():
    """Adding 4,096 ones one by one in bfloat16 would stop at 256."""
    for name in ("float16", "bfloat16"):
        if getattr(plugrad.ones(1)._xp, name) is None:
            continue
        kind = getattr(plugrad, name)
        x, w = plugrad.ones(4096, 2, dtype=kind), plugrad.ones(1, 2, dtype=kind, requires_grad=True)
        F.linear(x, w).backward(plugrad.ones(4096, 1, dtype=kind))
        assert_values(w.grad.double()._host(), np.full((1, 2), 4096.0), rtol=0)


def test_unflatten_takes_no_names():
    with pytest.raises(NotImplementedError, match="Unflatten: dimensions with names are not supported"):
        plugrad.nn.Unflatten("features", (("a", 2), ("b", 5)))
