"""Pooling and its layers: program by program as torch."""

import itertools
import math

import numpy as np
import pytest

import plugrad
import plugrad_samples_conv as truth
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}


def ramp(t, *shape, modulus=13):
    """Small numbers of which many are equal, as a leaf that requires grad."""
    count = int(np.prod(shape))
    return (
        ((t.arange(count, dtype=t.float32) * 5 % modulus - modulus // 2) / 4).reshape(shape).detach().requires_grad_()
    )


def with_gradients(t, y, *leaves):
    """The result, the names of its nodes, and the gradients of a weighted sum of it."""
    names = [y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f is not None)]
    (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
    return y.detach(), names, [leaf.grad for leaf in leaves]


def pooled(name, shape, *args, **options):
    def program(t):
        x = ramp(t, *shape)
        y = getattr(t.nn.functional, name)(x, *args, **options)
        if isinstance(y, tuple):
            return with_gradients(t, y[0], x), y[1]
        return with_gradients(t, y, x)

    return program


WINDOWS = {
    "1d": (1, (2, 3, 7), (2,), {}),
    "1d-single": (1, (3, 7), (3, 2, 1), {}),
    "1d-ceil": (1, (1, 2, 8), (3, 2), {"ceil_mode": True}),
    "2d": (2, (2, 2, 5, 6), (2,), {}),
    "2d-single": (2, (2, 5, 6), ((2, 3),), {}),
    "2d-overlapping": (2, (1, 2, 6, 7), (3, 2, 1), {}),
    "2d-stride": (2, (1, 2, 6, 7), (2, (1, 3)), {}),
    "2d-gaps": (2, (1, 2, 6, 7), (1, 2), {}),
    "2d-ceil": (2, (1, 2, 6, 7), (3, 2, (1, 0)), {"ceil_mode": True}),
    "2d-list": (2, (1, 2, 4, 4), ([2, 2], []), {}),
    "2d-no-images": (2, (0, 2, 4, 4), (2,), {}),
    "3d": (3, (1, 2, 4, 3, 5), (2,), {"padding": 1}),
    "3d-single": (3, (2, 4, 3, 5), ((2, 1, 3), (1, 1, 2)), {"ceil_mode": True}),
}
for name, (dims, shape, args, options) in WINDOWS.items():
    PROGRAMS[f"max-{name}"] = pooled(f"max_pool{dims}d", shape, *args, **options)
    PROGRAMS[f"max-{name}-indices"] = pooled(f"max_pool{dims}d", shape, *args, **options, return_indices=True)
    PROGRAMS[f"avg-{name}"] = pooled(f"avg_pool{dims}d", shape, *args, **options)
    PROGRAMS[f"avg-{name}-inside"] = pooled(f"avg_pool{dims}d", shape, *args, **options, count_include_pad=False)
    if dims > 1:
        PROGRAMS[f"avg-{name}-divisor"] = pooled(f"avg_pool{dims}d", shape, *args, **options, divisor_override=3)
for name, (dims, args) in {"1d": (1, (2, 1, 1, 2)), "2d": (2, (2, 2, (1, 0), (1, 3))), "3d": (3, (2, 1, 0, 2))}.items():
    PROGRAMS[f"max-{name}-dilation"] = pooled(f"max_pool{dims}d", (1, 2, *(5, 6, 4)[:dims]), *args)
    PROGRAMS[f"max-{name}-dilation-indices"] = pooled(f"max_pool{dims}d_with_indices", (1, 2, *(5, 6, 4)[:dims]), *args)
for what, (dims, shape, size) in itertools.product(
    ("avg", "max"),
    [
        (1, (2, 3, 7), 3),
        (1, (3, 7), (1,)),
        (1, (1, 2, 4), 6),
        (2, (1, 2, 6, 4), (3, 2)),
        (2, (2, 5, 7), (2, None)),
        (2, (2, 2, 4, 5), 1),
        (2, (2, 2, 4, 5), (1, 5)),
        (2, (0, 2, 4, 4), 2),
        (3, (1, 2, 4, 3, 5), (2, 3, 2)),
        (3, (2, 4, 4, 4), 2),
        (3, (2, 4, 4, 4), 1),
    ],
):
    PROGRAMS[f"adaptive-{what}-{dims}d-{shape}-{size}"] = pooled(f"adaptive_{what}_pool{dims}d", shape, size)
    if what == "max":
        PROGRAMS[f"adaptive-max-{dims}d-{shape}-{size}-indices"] = pooled(
            f"adaptive_max_pool{dims}d", shape, size, return_indices=True
        )

PROGRAMS["adaptive-no-cells"] = lambda t: [
    getattr(t.nn.functional, f"adaptive_{what}_pool2d")(t.ones(1, 2, 4, 4), (0, 3)) for what in ("avg", "max")
]
PROGRAMS["max-int64"] = lambda t: t.nn.functional.max_pool2d(
    t.arange(16).reshape(1, 4, 4) % 7, 3, 1, 1, return_indices=True
)
PROGRAMS["max-uint8"] = lambda t: t.nn.functional.max_pool2d((t.arange(16).reshape(1, 4, 4) % 7).to(t.uint8), 3, 1, 1)
for dims in (1, 2, 3):
    for padding, included in ((0, True), (1, True), (1, False)):
        PROGRAMS[f"avg-int64-{dims}d-{padding}-{included}"] = lambda t, d=dims, p=padding, i=included: getattr(
            t.nn.functional, f"avg_pool{d}d"
        )((t.arange(2 * 4**d) * 7 % 19 - 9).reshape(1, 2, *(4,) * d), 2, 2, p, True, i)
PROGRAMS["avg-int64-divisor"] = lambda t: t.nn.functional.avg_pool2d(
    (t.arange(16) - 9).reshape(1, 4, 4), 2, divisor_override=-3
)
PROGRAMS["avg-int32"] = lambda t: t.nn.functional.avg_pool2d(t.ones(1, 4, 4).int(), 2)
PROGRAMS["float16"] = lambda t: [
    getattr(t.nn.functional, n)(ramp(t, 1, 5, 6).half().detach(), 2)
    for n in ("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")
]
NAN, INF = math.nan, math.inf
PROGRAMS["max-not-finite"] = lambda t: t.nn.functional.max_pool1d(
    t.tensor([[1.0, NAN, 2.0, INF, NAN, NAN, -INF, -INF, -INF]]), 3, 1, 1, return_indices=True
)
PROGRAMS["max-lowest"] = lambda t: t.nn.functional.max_pool2d(t.full((1, 3, 3), -INF), 3, 1, 1, return_indices=True)


def routed(t):
    """A gradient that is not finite reaches its maximum only."""
    x = t.tensor([[[1.0, 2.0, 0.0, 3.0], [4.0, 0.0, 1.0, 1.0]]], requires_grad=True)
    t.nn.functional.max_pool2d(x, 2).backward(t.tensor([[[INF, NAN]]]))
    return x.grad


PROGRAMS["max-gradient-not-finite"] = routed


def gradient_of_gradient(name, *args):
    def program(t):
        x = ramp(t, 1, 2, 5, 5, modulus=29)
        y = getattr(t.nn.functional, name)(x, *args)
        (g,) = t.autograd.grad((y * y * y).sum(), x, create_graph=True)
        (g * g).sum().backward()
        return g.detach(), x.grad

    return program


for name, args in {
    "max_pool2d": (3, 2, 1),
    "avg_pool2d": (2, 1),
    "adaptive_avg_pool2d": (3,),
    "adaptive_max_pool2d": (2,),
}.items():
    PROGRAMS[f"{name}-gradient-of-gradient"] = gradient_of_gradient(name, *args)

# --- layers ---
LAYERS = {
    "MaxPool1d(2)": (2, 5),
    "MaxPool1d(3, stride=2, padding=1, ceil_mode=True)": (1, 2, 6),
    "MaxPool2d(2)": (1, 4, 4),
    "MaxPool2d((3, 2), (2, 1), (1, 0), dilation=1, return_indices=True)": (1, 2, 5, 5),
    "MaxPool3d(2, 1)": (1, 3, 3, 3),
    "AvgPool1d(2)": (2, 5),
    "AvgPool1d(3, 1, 1, True, False)": (2, 5),
    "AvgPool2d(2)": (1, 4, 4),
    "AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)": (1, 2, 5, 5),
    "AvgPool2d((2, 3), divisor_override=5)": (1, 2, 5, 5),
    "AvgPool3d(2, 1)": (1, 3, 3, 3),
    "AdaptiveAvgPool1d(2)": (2, 5),
    "AdaptiveAvgPool2d((None, 2))": (1, 2, 3, 5),
    "AdaptiveAvgPool2d(1)": (1, 2, 3, 5),
    "AdaptiveAvgPool3d((1, 2, 2))": (1, 3, 3, 3),
    "AdaptiveMaxPool1d(2)": (2, 5),
    "AdaptiveMaxPool2d((1, 2), return_indices=True)": (1, 2, 3, 5),
    "AdaptiveMaxPool3d(2)": (1, 3, 3, 3),
}


def layer(text, shape):
    def program(t):
        m = eval("t.nn." + text, {"t": t})
        y = m(ramp(t, *shape))
        return repr(m), list(m.state_dict()), [v.detach() for v in (y if isinstance(y, tuple) else (y,))]

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)

# --- errors ---
ERRORS = {}
for what, dims in itertools.product(("max", "avg"), (1, 2, 3)):
    name, size = f"{what}_pool{dims}d", (6,) * dims

    def refused(*args, name=name, shape=(1, 1, *size), **options):
        return lambda t: getattr(t.nn.functional, name)(t.ones(shape), *args, **options)

    for rank in range(1, 7):
        if rank - dims not in (1, 2):
            ERRORS[f"{name}-rank-{rank}"] = refused(2, shape=(3,) * rank)
    ERRORS |= {
        f"{name}-padding": refused(2, padding=2),
        f"{name}-padding-negative": refused(2, padding=-1),
        f"{name}-padding-count": refused(2, 2, (0,) * (dims + 1)),
        f"{name}-stride-zero": refused(2, stride=0),
        f"{name}-stride-negative": refused(2, stride=-1),
        f"{name}-stride-count": refused(2, (2,) * (dims + 1)),
        f"{name}-kernel-zero": refused(0),
        f"{name}-kernel-zero-stride": refused(0, 1),
        f"{name}-kernel-count": refused((2,) * (dims + 1)),
        f"{name}-kernel-word": refused("2"),
        f"{name}-kernel-number": refused(2.0),
        f"{name}-too-large": refused(7),
        f"{name}-no-channels": refused(2, shape=(1, 0, *size)),
        f"{name}-empty": refused(2, shape=(1, 1, *(0 for _ in size))),
        f"{name}-not-a-tensor": lambda t, n=name: getattr(t.nn.functional, n)([1.0], 2),
        f"{name}-bool": lambda t, n=name, s=size: getattr(t.nn.functional, n)(t.ones(1, 1, *s).bool(), 2),
    }
    if what == "max":
        ERRORS |= {
            f"{name}-dilation": refused(2, dilation=0),
            f"{name}-dilation-count": refused(2, 2, 0, (1,) * (dims + 1)),
            f"{name}-padding-dilation": refused(3, 2, 2, 2),
        }
    elif dims > 1:
        ERRORS[f"{name}-divisor"] = refused(2, divisor_override=0)


def indexed(*args, shape=(1, 1, 6), kind="float32", **options):
    return lambda t: t.nn.functional.max_pool1d(
        t.ones(shape).to(getattr(t, kind)), *args, **options, return_indices=True
    )


ERRORS |= {
    **{f"max_pool1d-indexed-rank-{rank}": indexed(2, shape=(3,) * rank) for rank in (0, 1, 4, 5)},
    "max_pool1d-indexed-padding": indexed(2, padding=2),
    "max_pool1d-indexed-padding-negative": indexed(2, padding=-1),
    "max_pool1d-indexed-padding-count": indexed(2, 2, (0, 0)),
    "max_pool1d-indexed-padding-dilation": indexed(3, 2, 2, 2),
    "max_pool1d-indexed-stride-zero": indexed(2, stride=0),
    "max_pool1d-indexed-stride-negative": indexed(2, stride=-1),
    "max_pool1d-indexed-kernel-zero": indexed(0, 1),
    "max_pool1d-indexed-kernel-count": indexed((2, 2)),
    "max_pool1d-indexed-kernel-word": indexed("2"),
    "max_pool1d-indexed-too-large": indexed(7),
    "max_pool1d-indexed-no-channels": indexed(2, shape=(1, 0, 6)),
    "max_pool1d-indexed-empty": indexed(2, shape=(3, 0)),
    "max_pool1d-indexed-dilation": indexed(2, dilation=0),
    "max_pool1d-indexed-bool": indexed(2, kind="bool"),
    "max_pool1d-indexed-int": indexed(2, kind="int64"),
    "max_pool1d-indexed-not-a-tensor": lambda t: t.nn.functional.max_pool1d([1.0], 2, return_indices=True),
}
for what, dims in itertools.product(("max", "avg"), (1, 2, 3)):
    name, size = f"adaptive_{what}_pool{dims}d", (6,) * dims

    def refused(*args, name=name, shape=(1, 1, *size)):
        return lambda t: getattr(t.nn.functional, name)(t.ones(shape), *args)

    ERRORS |= {
        f"{name}-rank-low": refused(2, shape=(6,)),
        f"{name}-rank-high": refused(2, shape=(1, 1, 1, 6, 6, 6)),
        f"{name}-count": refused((2,) * (dims + 1)),
        f"{name}-negative": refused(-1),
        f"{name}-empty": refused(2, shape=(1, 1, *(0 for _ in size))),
        f"{name}-int": lambda t, n=name, s=size: getattr(t.nn.functional, n)(t.ones(1, 1, *s, dtype=t.int64), 2),
    }
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


#: Not every backend has half precision.
ONLY_NUMPY = {"float16"}


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


# --- truth: loops over every window ---
def random_pool(seed):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4))
    kernel, stride, dilation = (tuple(map(int, rng.integers(1, 4, dims))) for _ in range(3))
    # A window of taps that lie apart could meet nothing but padding.
    padding = tuple(int(rng.integers(0, k // 2 + 1)) if d == 1 else 0 for k, d in zip(kernel, dilation, strict=True))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(max(1, r - 2 * p) + int(rng.integers(0, 4)) for r, p in zip(reach, padding, strict=True))
    return rng, dims, size, kernel, stride, padding, dilation, bool(rng.integers(0, 2))


@pytest.mark.device
@pytest.mark.parametrize("seed", range(60))
def test_random_maxima(seed):
    """Of equal maxima the first gets the index and the gradient."""
    rng, dims, size, *statics = random_pool(seed)
    x = rng.integers(-2, 3, (2, 2, *size)).astype(float)
    expected, at = truth.max_pool_with_indices(x, *statics)
    found = on(x, requires_grad=True)
    y = getattr(F, f"max_pool{dims}d")(found, *statics)
    assert_close(y.detach(), expected, rtol=0)
    values, indices = getattr(F, f"max_pool{dims}d")(on(x), *statics, return_indices=True)
    assert_close(values, expected, rtol=0)
    assert_close(indices, at, rtol=0)
    g = rng.standard_normal(expected.shape)
    y.backward(on(g))
    wanted = np.zeros((4, int(np.prod(size))))
    for row, places, parts in zip(wanted, at.reshape(4, -1), g.reshape(4, -1), strict=True):
        np.add.at(row, places, parts)
    assert_close(found.grad, wanted.reshape(x.shape), rtol=1e-12, atol=1e-13)


@pytest.mark.device
@pytest.mark.parametrize("seed", range(60))
def test_random_means(seed):
    rng, dims, size, kernel, stride, padding, _, ceil_mode = random_pool(seed)
    x = rng.standard_normal((2, 2, *size))
    included, divisor = bool(rng.integers(0, 2)), 5 if dims > 1 and rng.integers(0, 2) else None
    statics = (kernel, stride, padding, ceil_mode, included, divisor)
    found = on(x, requires_grad=True)
    y = getattr(F, f"avg_pool{dims}d")(found, *(statics if dims > 1 else statics[:-1]))
    assert_close(y.detach(), truth.avg_pool(x, *statics), rtol=1e-12, atol=1e-13)
    g = rng.standard_normal(tuple(y.shape))
    y.backward(on(g))
    assert_close(found.grad, truth.avg_pool_input(g, size, *statics), rtol=1e-12, atol=1e-13)


# --- derivatives ---
DERIVED = {
    "max_pool1d": (lambda x: F.max_pool1d(x, 3, 2, 1), (2, 7)),
    "max_pool2d": (lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0)), (1, 2, 4, 5)),
    "max_pool2d-indices": (lambda x: F.max_pool2d(x, 2, 1, return_indices=True)[0], (1, 3, 4)),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2, 1), (1, 3, 3, 2)),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False), (2, 7)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (3, 2), (1, 2), (1, 0)), (1, 2, 4, 5)),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2, 1, divisor_override=3), (1, 3, 3, 2)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (1, 3, 5)),
    "adaptive_avg_pool2d-1": (lambda x: F.adaptive_avg_pool2d(x, 1), (1, 3, 5)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (2, 3)), (1, 3, 5)),
}


@pytest.mark.device
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_of_order_1_and_2(name):
    function, shape = DERIVED[name]
    x = on(truth.distinct(np.random.default_rng(0), *shape), requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


@pytest.mark.device
def test_maxima_of_ties_follow_the_order_in_memory():
    """All elements are equal: every window's gradient goes to its first element."""
    x = on(np.zeros((1, 4, 4)), requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    expected = np.zeros((1, 4, 4))
    expected[:, ::2, ::2] = 1
    assert_close(x.grad, expected, rtol=0)


# --- torch as the oracle ---
@pytest.mark.oracle
@pytest.mark.parametrize("what", ["max", "avg"])
def test_options_in_all_combinations_as_torch(what):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x = np.maximum(rng.standard_normal((2, 3, 7, 8)), 0).astype(np.float32)  # many zeros: many equal maxima
    last = {"max": ("dilation", (1, 2, (2, 1))), "avg": ("count_include_pad", (True, False))}[what]
    for kernel, stride, padding, ceil_mode, option in itertools.product(
        (2, 3, (2, 3)), (None, 1, (2, 3)), (0, 1, (1, 0)), (False, True), last[1]
    ):
        found = []
        for t in (plugrad, torch):
            leaf = t.tensor(x).requires_grad_()
            y = getattr(t.nn.functional, f"{what}_pool2d")(
                leaf, kernel, stride, padding, ceil_mode=ceil_mode, **{last[0]: option}
            )
            y.backward(t.ones_like(y))
            found.append([v.detach().cpu().numpy() for v in (y, leaf.grad)])
        for ours, theirs in zip(*found, strict=True):
            assert_values(ours, theirs, rtol=1e-5, atol=1e-6)
