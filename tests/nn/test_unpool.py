"""Unpooling, power pooling and pooling over drawn windows, and their layers: program by program as torch."""

import math

import numpy as np
import pytest

import plugrad
import plugrad_samples_conv as truth
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

F = plugrad.nn.functional
PROGRAMS = {}


def ramp(t, *shape, modulus=13):
    """Small numbers of which many are equal, as a leaf that requires grad."""
    numbers = (t.arange(math.prod(shape), dtype=t.float32) * 5 % modulus - modulus // 2) / 4
    return numbers.reshape(shape).detach().requires_grad_()


def with_gradients(t, y, leaf):
    """The result, the names of its nodes, the gradient of a weighted sum, and that of the gradient's square."""
    names = [y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f is not None)]
    weights = ramp(t, *y.shape, modulus=7).detach()
    (g,) = t.autograd.grad((y * y * weights).sum(), leaf, create_graph=True)
    (g * g).sum().backward()
    return y.detach(), names, g.detach(), leaf.grad


# --- there and back ---
def unpooled(dims, shape, *args, **options):
    def program(t):
        f = t.nn.functional
        y, places = getattr(f, f"max_pool{dims}d")(ramp(t, *shape), *args, return_indices=True)
        y = y.detach().requires_grad_()
        return with_gradients(t, getattr(f, f"max_unpool{dims}d")(y, places, *args, **options), y)

    return program


UNPOOLS = {
    "1d": (1, (2, 3, 6), 2),
    "1d-single": (1, (3, 7), 3, 2, 1),
    "1d-size": ((1, (1, 2, 7), 2), {"output_size": (7,)}),
    "1d-whole-size": ((1, (1, 2, 7), (2,)), {"output_size": [1, 2, 7]}),
    "2d": (2, (2, 2, 4, 6), 2),
    "2d-single": (2, (2, 4, 6), (2, 3)),
    "2d-apart": (2, (1, 2, 5, 7), 1, 2),
    "2d-padding": (2, (1, 1, 6, 6), 2, (2, 2), (1, 0)),
    "2d-size": ((2, (1, 2, 5, 7), 2), {"output_size": (1, 2, 5, 7)}),
    "3d": (3, (1, 2, 4, 2, 4), 2),
    "3d-single": (3, (2, 4, 2, 4), (2, 1, 2), (2, 1, 2)),
    "3d-size": ((3, (1, 1, 5, 4, 5), 2), {"output_size": (5, 4, 5)}),
}
for name, case in UNPOOLS.items():
    args, options = case if isinstance(case[0], tuple) else (case, {})
    PROGRAMS[f"unpool-{name}"] = unpooled(*args, **options)


def one_place(t):
    """Of several elements for one place the last stays; each gets the gradient of that place."""
    x = ramp(t, 1, 2, 2, 2)
    return with_gradients(t, t.nn.functional.max_unpool2d(x, t.tensor([[[[0, 5], [5, 9]], [[1, 1], [1, 1]]]]), 2), x)


PROGRAMS["unpool-one-place"] = one_place
PROGRAMS["unpool-no-images"] = lambda t: t.nn.functional.max_unpool2d(
    ramp(t, 0, 2, 2, 2), t.zeros(0, 2, 2, 2).long(), 2
).detach()
PROGRAMS["unpool-no-size"] = lambda t: t.nn.functional.max_unpool2d(
    t.ones(1, 1, 2, 2), t.zeros(1, 1, 2, 2).long(), 2, padding=2
)
PROGRAMS["unpool-float16"] = lambda t: t.nn.functional.max_unpool1d(
    t.tensor([[1.5, 2.5]]).half(), t.tensor([[1, 2]]), 2
)

# --- powers ---
POWERS = {
    "1d": (1, (2, 3, 7), 2, 2),
    "1d-single": (1, (3, 7), 3, 3, 1),
    "1d-zeros": (1, (1, 2, 8), 2, 2),
    "2d": (2, (1, 2, 4, 6), 2.0, 2),
    "2d-pair": (2, (2, 4, 6), 1.5, (2, 3), (1, 2)),
    "2d-ceil": (2, (1, 2, 5, 6), 2, (2, 3), (2, 2), True),
    "2d-highest": (2, (1, 2, 4, 6), math.inf, 2),
    "2d-least": (2, (1, 2, 4, 6), -math.inf, 2, 1),
    "3d": (3, (1, 1, 4, 3, 4), 2, 2),
    "3d-triple": (3, (1, 4, 3, 4), 3, (2, 1, 2), 1),
}


def powered(dims, shape, *args):
    def program(t):
        x = (ramp(t, *shape).abs().detach() + (0.25 if 1.5 in args else 0.0)).requires_grad_()
        y = getattr(t.nn.functional, f"lp_pool{dims}d")(x, *args)
        (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
        return y.detach(), y.grad_fn.name(), x.grad

    return program


for name, case in POWERS.items():
    PROGRAMS[f"power-{name}"] = powered(*case)

# --- drawn windows ---
DRAWN = {
    "2d": ((2, (2, 2, 6, 7), 2), {"output_size": 3}),
    "2d-pair": ((2, (2, 2, 6, 7), (2, 3)), {"output_size": (4, 2)}),
    "2d-single": ((2, (3, 6, 7), 2), {"output_size": (3, 5)}),
    "2d-ratio": ((2, (1, 2, 6, 7), 2), {"output_ratio": (0.5, 0.7)}),
    "2d-all": ((2, (1, 2, 4, 5), 2), {"output_size": (3, 4)}),
    "2d-one": ((2, (1, 2, 4, 5), 3), {"output_size": 1}),
    "2d-none": ((2, (1, 2, 4, 5), 3), {"output_size": (0, 2)}),
    "2d-no-images": ((2, (0, 2, 4, 5), 2), {"output_size": 2}),
    "3d": ((3, (2, 2, 5, 6, 4), 2), {"output_size": 2}),
    "3d-triple": ((3, (1, 2, 5, 6, 4), (2, 3, 1)), {"output_size": (3, 2, 3)}),
    "3d-single": ((3, (2, 5, 6, 4), 2), {"output_ratio": 0.5}),
}


def drawn(dims, shape, kernel, **options):
    def program(t):
        t.manual_seed(3)
        x = ramp(t, *shape, modulus=29)
        y, places = getattr(t.nn.functional, f"fractional_max_pool{dims}d")(x, kernel, **options, return_indices=True)
        return with_gradients(t, y, x), places, t.rand(2)

    return program


for name, (case, options) in DRAWN.items():
    PROGRAMS[f"drawn-{name}"] = drawn(*case, **options)


def given_samples(t):
    x = ramp(t, 2, 1, 7, 6, modulus=29).detach()
    f = t.nn.functional
    numbers = t.tensor([[[0.1, 0.9]], [[0.999, 0.0]], [[0.5, 0.5]]])
    alone = f.fractional_max_pool2d(x, 2, 3, _random_samples=numbers)
    return alone, f.fractional_max_pool2d_with_indices(x.double(), 2, (4, 3), _random_samples=numbers.double())


def not_finite(t):
    x = ramp(t, 1, 1, 5, 5).detach()
    x[0, 0, 1, 1] = x[0, 0, 1, 2] = x[0, 0, 2, 1] = math.nan
    x[0, 0, 3:] = -math.inf
    return t.nn.functional.fractional_max_pool2d(x, 3, 2, return_indices=True, _random_samples=t.full((1, 1, 2), 0.3))


PROGRAMS |= {
    "drawn-given": given_samples,
    "drawn-not-finite": not_finite,
    "drawn-float16": lambda t: t.nn.functional.fractional_max_pool2d(
        ramp(t, 1, 1, 9, 9, modulus=29).half().detach(), 2, 7, _random_samples=t.full((1, 1, 2), 0.37).half()
    ),
}

# --- layers ---
LAYERS = {
    "LPPool1d(2, 2)": (1, 2, 6),
    "LPPool1d(1, 3, stride=1, ceil_mode=True)": (2, 6),
    "LPPool2d(2, (2, 3))": (1, 2, 4, 6),
    "LPPool3d(2, 2, stride=1)": (1, 1, 3, 3, 3),
    "FractionalMaxPool2d(2, output_size=(2, 3))": (1, 2, 5, 6),
    "FractionalMaxPool2d((2, 1), output_ratio=0.5, return_indices=True)": (2, 5, 6),
    "FractionalMaxPool2d(2, 2, _random_samples=t.full((1, 2, 2), 0.5))": (1, 2, 5, 6),
    "FractionalMaxPool3d(2, output_size=2)": (1, 2, 5, 6, 4),
    "FractionalMaxPool3d((2, 1, 2), output_ratio=(0.5, 0.3, 0.6))": (2, 5, 6, 4),
}


def layer(text, shape):
    def program(t):
        t.manual_seed(1)
        m = eval("t.nn." + text, {"t": t})
        y = m(ramp(t, *shape).abs().detach())
        state = {k: v for k, v in vars(m).items() if not k.startswith("_")}
        return repr(m), list(m.state_dict()), sorted(state), [str(state[k]) for k in sorted(state)], y

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)


def there_and_back(dims, shape, *args):
    def program(t):
        m = getattr(t.nn, f"MaxUnpool{dims}d")(*args)
        y, places = getattr(t.nn, f"MaxPool{dims}d")(*args, return_indices=True)(ramp(t, *shape).detach())
        return repr(m), m(y, places), m(y, places, output_size=shape), m.kernel_size, m.stride, m.padding

    return program


PROGRAMS |= {
    "layer-MaxUnpool1d": there_and_back(1, (1, 2, 5), 2),
    "layer-MaxUnpool2d": there_and_back(2, (1, 2, 4, 5), (2, 2), (2, 3), (0, 0)),
    "layer-MaxUnpool3d": there_and_back(3, (1, 2, 5, 4, 4), 2),
}

# --- errors ---
ERRORS = {}
for dims in (1, 2, 3):

    def refused(*args, dims=dims, shape=(1, 1, *(2,) * dims), places=0, kind="int64", **options):
        def program(t):
            places_ = t.full(shape, places, dtype=getattr(t, kind))
            return getattr(t.nn.functional, f"max_unpool{dims}d")(t.ones(shape), places_, *args, **options)

        return program

    unpool = f"max_unpool{dims}d"
    ERRORS |= {
        f"{unpool}-outside": refused(2, places=99),
        f"{unpool}-negative": refused(2, places=-1),
        f"{unpool}-int32": refused(2, kind="int32"),
        f"{unpool}-low": refused(2, shape=(2,) * dims),
        f"{unpool}-high": refused(2, shape=(1, 1, 1, *(2,) * dims)),
        f"{unpool}-size": refused(2, output_size=(9,) * dims),
        f"{unpool}-size-count": refused(2, output_size=(4,) * (dims + 1)),
        f"{unpool}-kernel-float": refused(2.0),
        f"{unpool}-padding": refused(2, padding=5),
        f"{unpool}-no-channels": refused(2, shape=(1, 0, *(2,) * dims)),
        f"{unpool}-empty": refused(2, shape=(1, 1, *(0,) * dims), output_size=(2,) * dims),
        f"{unpool}-stride": refused(2, stride=0),
        f"{unpool}-shapes": lambda t, n=unpool, d=dims: getattr(t.nn.functional, n)(
            t.ones(1, 1, *(2,) * d), t.zeros(1, 1, *(2,) * (d - 1), 1).long(), 2
        ),
        f"{unpool}-long": lambda t, n=unpool, d=dims: getattr(t.nn.functional, n)(
            t.ones(1, 1, *(2,) * d).long(), t.zeros(1, 1, *(2,) * d).long(), 2
        ),
    }
for dims in (2, 3):
    fractional = f"fractional_max_pool{dims}d"

    def refused(*args, name=fractional, dims=dims, shape=(2, 3, *(5,) * dims), kind="float32", drawn=None, **options):
        def program(t):
            if drawn is not None:
                options["_random_samples"] = t.rand(drawn[0], dtype=getattr(t, drawn[1]))
            return getattr(t.nn.functional, name)(t.ones(shape, dtype=getattr(t, kind)), *args, **options)

        return program

    ERRORS |= {
        f"{fractional}-no-size": refused(2),
        f"{fractional}-kernel-count": refused((2,) * (dims + 1), 2),
        f"{fractional}-size-count": refused(2, (2,)),
        f"{fractional}-too-large": refused(2, 5),
        f"{fractional}-kernel-too-large": refused(6, 1),
        f"{fractional}-kernel-float": refused(2.0, 2),
        f"{fractional}-size-float": refused(2, 2.5),
        f"{fractional}-ratio-too-large": refused(2, output_ratio=(1.5,) * dims),
        f"{fractional}-low": refused(2, 2, shape=(5,) * dims),
        f"{fractional}-high": refused(2, 2, shape=(1, 1, 1, *(5,) * dims)),
        f"{fractional}-no-channels": refused(2, 2, shape=(2, 0, *(5,) * dims)),
        f"{fractional}-empty": refused(2, 2, shape=(2, 3, *(0,) * dims)),
        f"{fractional}-int64": refused(2, 2, kind="int64"),
        f"{fractional}-samples-dtype": refused(2, 2, drawn=((2, 3, dims), "float64")),
        f"{fractional}-samples-images": refused(2, 2, drawn=((1, 3, dims), "float32")),
        f"{fractional}-samples-channels": refused(2, 2, drawn=((2, 4, dims), "float32")),
        f"{fractional}-samples-axes": refused(2, 2, drawn=((2, 3, 1), "float32")),
        f"{fractional}-samples-rank": refused(2, 2, drawn=((2, 3), "float32")),
        f"{fractional}-samples-list": refused(2, 2, _random_samples=[0.5]),
        f"FractionalMaxPool{dims}d-none": lambda t, d=dims: getattr(t.nn, f"FractionalMaxPool{d}d")(2),
        f"FractionalMaxPool{dims}d-both": lambda t, d=dims: getattr(t.nn, f"FractionalMaxPool{d}d")(2, 2, 0.5),
        f"FractionalMaxPool{dims}d-ratio": lambda t, d=dims: getattr(t.nn, f"FractionalMaxPool{d}d")(
            2, output_ratio=(0.5,) * (d - 1) + (1.5,)
        ),
    }
ERRORS["FractionalMaxPool3d-kernel"] = lambda t: t.nn.FractionalMaxPool3d((2, 0, 2), 2)
ERRORS["fractional_max_pool2d-ratio-count"] = lambda t: t.nn.functional.fractional_max_pool2d(
    t.ones(1, 1, 4, 4), 2, output_ratio=(0.5, 0.5, 0.5)
)
ERRORS["lp_pool1d-too-large"] = lambda t: t.nn.functional.lp_pool1d(t.ones(1, 1, 4), 2, 5)
ERRORS["lp_pool2d-rank"] = lambda t: t.nn.functional.lp_pool2d(t.ones(4, 4), 2, 2)
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


#: Not every backend has half precision, only where values are at hand an index is looked at, and which of two values at one place
#: stays is not said.
ONLY_NUMPY = {"unpool-float16", "drawn-float16", "unpool-one-place"} | {
    n for n in PROGRAMS if n.endswith(("-outside", "-negative"))
}


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


# --- derivatives ---
PLACES = np.array([[[0, 7], [13, 2]]])
SAMPLES = np.array([[[0.3, 0.8]]])
DERIVED = {
    "max_unpool2d": (lambda x: F.max_unpool2d(x, on(PLACES), 2, output_size=(4, 4)), (1, 2, 2)),
    "fractional_max_pool2d": (lambda x: F.fractional_max_pool2d(x, 2, 2, _random_samples=on(SAMPLES)), (1, 1, 4, 4)),
    "lp_pool2d": (lambda x: F.lp_pool2d(x.abs() + 0.1, 2.5, 2, 1), (1, 3, 3)),
}


@pytest.mark.device
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_of_order_1_and_2(name):
    function, shape = DERIVED[name]
    x = on(truth.distinct(np.random.default_rng(0), *shape), requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


@pytest.mark.device
def test_writing_to_the_indices_before_the_backward_is_noticed():
    x, places = on(np.ones((1, 2, 2)), requires_grad=True), on(PLACES)
    y = F.max_unpool2d(x, places, 2, output_size=(4, 4))
    places.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.device
def test_unpooling_what_was_pooled_keeps_the_maxima_in_place():
    x = on(truth.distinct(np.random.default_rng(1), 2, 3, 6, 6))
    y, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, places, 2)
    kept = back != 0
    assert int(kept.sum()) == y.numel()
    assert_close(back[kept], x[kept], rtol=0)


@pytest.mark.oracle
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_drawn_windows_as_torch(dims, seed):
    """Every size that fits, with the same draws."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    shape, kernel = tuple(map(int, rng.integers(5, 30, dims))), tuple(map(int, rng.integers(1, 4, dims)))
    size = tuple(int(rng.integers(1, n - k)) for n, k in zip(shape, kernel, strict=True))
    x = rng.standard_normal((2, 3, *shape)).astype(np.float32)
    found = []
    for t in (plugrad, torch):
        t.manual_seed(seed)
        pool = getattr(t.nn.functional, f"fractional_max_pool{dims}d")
        found.append([v.cpu().numpy() for v in pool(t.tensor(x), kernel, size, return_indices=True)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
