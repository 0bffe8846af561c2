"""Resampling, sampling at places and rearrangement, and their layers: program by program as torch."""

import itertools
import math
import pickle
import warnings

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_samples_resampling import grid_of, resampled, spread, tables
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}
INF, NAN = math.inf, math.nan


def ramp(t, *shape, modulus=13):
    """Small numbers, as a leaf that requires grad."""
    count = int(np.prod(shape))
    return (
        ((t.arange(count, dtype=t.float32) * 5 % modulus - modulus // 2) / 4).reshape(shape).detach().requires_grad_()
    )


def with_gradients(t, y, *leaves):
    """The result, the names of its nodes, and the gradients of a weighted sum of it."""
    names = [y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f is not None)]
    (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
    return y.detach(), names, [leaf.grad for leaf in leaves]


# --- interpolate ---
def interpolated(shape, **options):
    def program(t):
        x = ramp(t, *shape)
        return with_gradients(t, t.nn.functional.interpolate(x, **options), x)

    return program


SHAPES = {1: (2, 2, 5), 2: (1, 2, 4, 5), 3: (1, 1, 3, 2, 4)}
BY_DIMS = {
    1: ("nearest", "nearest-exact", "linear", "area"),
    2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
    3: ("nearest", "nearest-exact", "trilinear", "area"),
}
HOW = {
    "size": {"size": 3},
    "larger": {"scale_factor": 2},
    "fraction": {"scale_factor": 1.7},
    "recomputed": {"scale_factor": 1.7, "recompute_scale_factor": True},
    "smaller": {"scale_factor": 0.6},
}
for dims, modes in BY_DIMS.items():
    for mode, (how, options) in itertools.product(modes, HOW.items()):
        PROGRAMS[f"{mode}-{dims}d-{how}"] = interpolated(SHAPES[dims], mode=mode, **options)
        if mode.endswith(("linear", "cubic")):
            PROGRAMS[f"{mode}-{dims}d-{how}-aligned"] = interpolated(
                SHAPES[dims], mode=mode, align_corners=True, **options
            )
for mode, (how, options) in itertools.product(("bilinear", "bicubic", "lanczos"), HOW.items()):
    PROGRAMS[f"{mode}-antialias-{how}"] = interpolated((1, 2, 7, 9), mode=mode, antialias=True, **options)
PROGRAMS |= {
    "bilinear-antialias-aligned": interpolated(
        (1, 2, 7, 9), size=(3, 4), mode="bilinear", antialias=True, align_corners=True
    ),
    # The gradients that torch gives of these two are not those of what it computes.
    "bilinear-antialias-scale-same-size": lambda t: t.nn.functional.interpolate(
        ramp(t, 1, 2, 5, 5).detach(), scale_factor=(1.1, 2), mode="bilinear", antialias=True
    ),
    "bicubic-scale-same-size": lambda t: t.nn.functional.interpolate(
        ramp(t, 1, 2, 5, 5).detach(), scale_factor=1.1, mode="bicubic"
    ),
    "bilinear-per-axis": interpolated((2, 1, 3, 4), scale_factor=(2.0, 0.5), mode="bilinear"),
    "bilinear-one-to-many": interpolated((1, 1, 1, 1), size=(2, 3), mode="bilinear"),
    "bilinear-many-to-one": interpolated((1, 1, 3, 4), size=1, mode="bilinear", align_corners=True),
    "nearest-no-images": interpolated((0, 2, 3, 4), size=2),
    "bicubic-unchanged": interpolated((1, 1, 3, 4), size=(3, 4), mode="bicubic"),
    "nearest-tensor-size": interpolated((1, 1, 3), size=2),
}


def of_bytes(mode, **options):
    def program(t):
        x = ((t.arange(2 * 5 * 7) * 97) % 256).reshape(1, 2, 5, 7).to(t.uint8)
        return t.nn.functional.interpolate(x, mode=mode, **options)

    return program


for mode, options in itertools.product(
    ("nearest", "nearest-exact", "bilinear", "bicubic"), ({"size": (3, 4)}, {"scale_factor": 1.8}, {"size": (9, 7)})
):
    PROGRAMS[f"uint8-{mode}-{options}"] = of_bytes(mode, **options)
    if mode.startswith("bi"):
        PROGRAMS[f"uint8-{mode}-{options}-aligned"] = of_bytes(mode, align_corners=True, **options)
        PROGRAMS[f"uint8-{mode}-{options}-antialias"] = of_bytes(mode, antialias=True, **options)
PROGRAMS["numbers-of-many-kinds"] = lambda t: [
    t.nn.functional.interpolate(ramp(t, 1, 1, 2, 3).detach(), *arguments)
    for arguments in (
        (np.int64(3),),
        (t.tensor(3),),
        ((t.tensor(3), 2),),
        ((2, True),),
        (None, np.float32(2)),
        (None, (2.0, t.tensor(2.0))),
        (None, True),
    )
]
PROGRAMS["uint8-lanczos"] = of_bytes("lanczos", antialias=True, size=(3, 10))
PROGRAMS["float16"] = lambda t: [
    t.nn.functional.interpolate(ramp(t, 1, 1, 4, 5).half().detach(), size=(3, 7), mode=mode)
    for mode in ("nearest", "bilinear", "bicubic")
]
PROGRAMS["float64"] = lambda t: [
    t.nn.functional.interpolate(ramp(t, 1, 1, 4, 5).double().detach(), scale_factor=1.3, mode=mode)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")
]
PROGRAMS["bilinear-not-finite"] = lambda t: t.nn.functional.interpolate(
    t.tensor([[[[1.0, INF, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, NAN, 8.0]]]]), size=(3, 6), mode="bilinear"
)


def gradient_not_finite(t):
    """It reaches only what its output is made of."""
    x = ramp(t, 1, 1, 6)
    t.nn.functional.interpolate(x, size=9, mode="linear").backward(t.tensor([[[1.0, INF, *(1.0,) * 6, NAN]]]))
    return x.grad


PROGRAMS["linear-gradient-not-finite"] = gradient_not_finite
PROGRAMS["upsample"] = lambda t: t.nn.functional.upsample(ramp(t, 1, 1, 3).detach(), 5, mode="linear")
PROGRAMS["upsample_nearest"] = lambda t: t.nn.functional.upsample_nearest(ramp(t, 1, 1, 3, 2).detach(), 5)
PROGRAMS["upsample_bilinear"] = lambda t: t.nn.functional.upsample_bilinear(
    ramp(t, 1, 1, 3, 2).detach(), scale_factor=2
)


# --- grid_sample, affine_grid ---
def places(t, *shape):
    """Places in and around the image, some of them on elements and edges."""
    count = int(np.prod(shape))
    return ((t.arange(count, dtype=t.float32) * 7 % 23 - 11) / 8.75).reshape(shape).detach().requires_grad_()


def sampled(shape, grid, far=1.0, **options):
    def program(t):
        x, g = ramp(t, *shape), (places(t, *grid) * far).detach().requires_grad_()
        return with_gradients(t, t.nn.functional.grid_sample(x, g, **options), x, g)

    return program


for padding, align in itertools.product(("zeros", "border", "reflection"), (False, True)):
    how = {"padding_mode": padding, "align_corners": align}
    for mode in ("bilinear", "nearest", "bicubic"):
        PROGRAMS[f"grid-{mode}-{padding}-{align}"] = sampled((2, 3, 4, 5), (2, 3, 4, 2), mode=mode, **how)
    for mode in ("bilinear", "nearest"):
        PROGRAMS[f"grid-3d-{mode}-{padding}-{align}"] = sampled((1, 2, 3, 4, 2), (1, 2, 3, 2, 3), mode=mode, **how)
    PROGRAMS[f"grid-far-{padding}-{align}"] = sampled((1, 2, 3, 4), (1, 4, 5, 2), far=3.3, **how)
    PROGRAMS[f"grid-far-bicubic-{padding}-{align}"] = sampled(
        (1, 2, 3, 4), (1, 4, 5, 2), far=3.3, mode="bicubic", **how
    )
    PROGRAMS[f"grid-one-element-{padding}-{align}"] = sampled((1, 1, 1, 1), (1, 2, 2, 2), **how)
PROGRAMS |= {
    "grid-default": sampled((1, 1, 3, 3), (1, 2, 2, 2)),
    "grid-no-channels": sampled((1, 0, 3, 3), (1, 2, 2, 2), align_corners=False),
    "grid-no-places": sampled((1, 2, 3, 3), (1, 0, 2, 2), align_corners=False),
    "grid-no-images": sampled((0, 2, 3, 3), (0, 1, 2, 2), align_corners=False),
    "grid-float16": lambda t: t.nn.functional.grid_sample(
        ramp(t, 1, 2, 3, 4).half().detach(), places(t, 1, 2, 2, 2).half().detach(), align_corners=True
    ),
}
for mode, padding in itertools.product(("bilinear", "nearest"), ("zeros", "border", "reflection")):
    PROGRAMS[f"grid-not-finite-{mode}-{padding}"] = lambda t, mode=mode, padding=padding: t.nn.functional.grid_sample(
        t.tensor([[[[1.0, 2.0, 3.0], [4.0, INF, 6.0]]]]),
        t.tensor([[[[NAN, 0.0], [0.0, NAN], [1e30, 0.0], [-0.9, -0.9], [0.1, 0.4]]]]),
        mode,
        padding,
        align_corners=False,
    )


def affine(size, *how):
    def program(t):
        theta = ramp(t, size[0], len(size) - 2, len(size) - 1)
        return with_gradients(t, t.nn.functional.affine_grid(theta, size, *how), theta)

    return program


for size in ((2, 1, 3, 4), (1, 1, 1, 3), (2, 1, 2, 3, 2), [1, 2, 2, 2]):
    PROGRAMS |= {f"affine-{size}-{how}": affine(size, *how) for how in ((), (False,), (True,))}
PROGRAMS["affine-sampled"] = lambda t: t.nn.functional.grid_sample(
    ramp(t, 1, 1, 4, 4).detach(),
    t.nn.functional.affine_grid(t.tensor([[[0.8, 0.3, 0.1], [-0.3, 0.9, 0.0]]]), (1, 1, 3, 5), align_corners=True),
    align_corners=True,
)


# --- rearrangement ---
def rearranged(name, shape, n):
    def program(t):
        x = ramp(t, *shape)
        return with_gradients(t, getattr(t.nn.functional, name)(x, n), x)

    return program


for name, shape, n in [
    ("pixel_shuffle", (1, 8, 2, 3), 2),
    ("pixel_shuffle", (9, 2, 1), 3),
    ("pixel_shuffle", (2, 1, 4, 1, 2), 2),
    ("pixel_shuffle", (1, 2, 2, 2), 1),
    ("pixel_unshuffle", (1, 2, 4, 6), 2),
    ("pixel_unshuffle", (3, 3, 6), 3),
    ("pixel_unshuffle", (1, 2, 2, 2), 1),
    ("channel_shuffle", (1, 6, 2, 2), 3),
    ("channel_shuffle", (2, 4, 3), 2),
    ("channel_shuffle", (1, 4, 1, 2, 2), 1),
]:
    PROGRAMS[f"{name}-{shape}-{n}"] = rearranged(name, shape, n)
# torch refuses their gradients.
PROGRAMS["rearranged-nothing"] = lambda t: [
    t.pixel_shuffle(t.ones(0, 4, 2, 2), 2),
    t.pixel_shuffle(t.ones(1, 4, 2, 0), 2),
    t.pixel_unshuffle(t.ones(1, 0, 4, 4), 2),
    t.channel_shuffle(t.ones(1, 0, 2), 2),
]
PROGRAMS["rearranged-dtypes"] = lambda t: [
    f(t.arange(4).reshape(1, 4, 1, 1).to(d), 2)
    for f, d in itertools.product((t.pixel_shuffle, t.channel_shuffle), (t.uint8, t.int64, t.bool, t.complex64))
]


def gradient_of_gradient(function, *shape):
    def program(t):
        x = ramp(t, *shape, modulus=29).double().detach().requires_grad_()
        y = function(t, x)
        (g,) = t.autograd.grad((y * y * y).sum(), x, create_graph=True)
        (g * g).sum().backward()
        return g.detach(), x.grad

    return program


PROGRAMS |= {
    "bilinear-gradient-of-gradient": gradient_of_gradient(
        lambda t, x: t.nn.functional.interpolate(x, size=(5, 2), mode="bilinear"), 1, 2, 3, 4
    ),
    "nearest-gradient-of-gradient": gradient_of_gradient(lambda t, x: t.nn.functional.interpolate(x, size=5), 1, 2, 3),
    "antialias-gradient-of-gradient": gradient_of_gradient(
        lambda t, x: t.nn.functional.interpolate(x, size=3, mode="bicubic", antialias=True), 1, 1, 5, 4
    ),
    "pixel_shuffle-gradient-of-gradient": gradient_of_gradient(lambda t, x: t.pixel_shuffle(x, 2), 1, 4, 2, 2),
}

# --- layers ---
LAYERS = {
    "Upsample(4)": (1, 2, 3),
    "Upsample((2, 5), mode='bilinear')": (1, 2, 3, 4),
    "Upsample(scale_factor=2, mode='bicubic', align_corners=True)": (1, 1, 3, 4),
    "Upsample(scale_factor=(2, 0.5), mode='nearest-exact')": (1, 1, 3, 4),
    "Upsample(None, 1.7, 'trilinear', None, True)": (1, 1, 3, 2, 2),
    "Upsample(scale_factor=1.7, mode='area')": (1, 1, 3),
    "UpsamplingNearest2d(scale_factor=2)": (1, 1, 2, 3),
    "UpsamplingNearest2d(3)": (1, 1, 2, 2),
    "UpsamplingBilinear2d(size=(3, 5))": (1, 1, 2, 3),
    "UpsamplingBilinear2d(scale_factor=1.5)": (1, 1, 2, 3),
    "PixelShuffle(2)": (1, 4, 2, 1),
    "PixelUnshuffle(2)": (1, 1, 4, 2),
    "ChannelShuffle(2)": (1, 4, 1, 2),
}


def layer(text, shape):
    def program(t):
        m = eval("t.nn." + text, {"t": t})
        settings = {name: getattr(m, name) for name in type(m).__constants__}
        return repr(m), list(m.state_dict()), settings, m(ramp(t, *shape)).detach()

    return program


PROGRAMS |= {f"layer-{text}": layer(text, shape) for text, shape in LAYERS.items()}


# --- errors ---
def refused(*args, shape=(1, 2, 4, 4), **options):
    return lambda t: t.nn.functional.interpolate(t.ones(shape), *args, **options)


ERRORS = {
    "both": refused(3, 2),
    "neither": refused(),
    "size-count": refused((3,)),
    "size-floats": refused((3, 2.0)),
    "size-float": refused(2.5),
    "size-word": refused("2", mode="bilinear"),
    "size-bool": refused(True, mode="bicubic"),
    "size-bools": refused((True, 2)),
    "scale-none": refused(scale_factor=[2.0, None], mode="bilinear"),
    "scale-infinite": refused(scale_factor=INF),
    "size-float-tensor": lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4, 4), t.tensor(2.0)),
    "scale-tensor": lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4, 4), scale_factor=t.tensor(2.0)),
    "scale-count": refused(scale_factor=(2.0,)),
    "scale-word": refused(scale_factor="2", mode="bilinear"),
    "scale-words": refused(scale_factor=(2.0, "2")),
    "recompute-size": refused(3, recompute_scale_factor=True),
    "align-nearest": refused(3, align_corners=False),
    "align-number": refused(3, mode="bilinear", align_corners=1),
    "align-number-scale": refused(scale_factor=2.0, mode="bilinear", align_corners=1),
    "antialias-nearest": refused(3, antialias=True),
    "antialias-rank": refused(3, mode="bilinear", antialias=True, shape=(1, 2, 4)),
    "lanczos": refused(3, mode="lanczos"),
    "lanczos-aligned": refused(3, mode="lanczos", antialias=True, align_corners=True),
    "lanczos-aligned-alone": refused(3, mode="lanczos", align_corners=True),
    "unknown-mode": refused(3, mode="cubic"),
    "rank-2": refused(3, shape=(2, 4)),
    "rank-6": refused(3, shape=(1, 1, 2, 2, 2, 2)),
    "bicubic-3d": refused(3, mode="bicubic", shape=(1, 2, 4)),
    "scale-to-nothing": refused(scale_factor=0.1, mode="bicubic"),
    "area-negative": refused(-1, mode="area"),
    "area-int64": lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4, dtype=t.int64), 2, mode="area"),
    "uint8-trilinear": lambda t: t.nn.functional.interpolate(t.ones(1, 1, 2, 2, 2).to(t.uint8), 3, mode="trilinear"),
    "uint8-linear": lambda t: t.nn.functional.interpolate(t.ones(1, 1, 2).to(t.uint8), 3, mode="linear"),
}
for dims, mode in {1: "linear", 2: "bilinear", 3: "trilinear"}.items():
    shape = (1, 2, *(4, 3, 5)[:dims])
    for other in {1, 2, 3} - {dims}:
        ERRORS[f"{mode}-{other}d"] = refused(3, mode=mode, shape=(1, 2, *(4, 3, 5)[:other]))
    for m in ("nearest", "nearest-exact", mode):
        ERRORS |= {
            f"{m}-{dims}d-size-zero": refused(0, mode=m, shape=shape),
            f"{m}-{dims}d-size-negative": refused(-2, mode=m, shape=shape),
            f"{m}-{dims}d-no-channels": refused(3, mode=m, shape=(1, 0, *shape[2:])),
            f"{m}-{dims}d-empty": refused(3, mode=m, shape=(*shape[:-1], 0)),
            f"{m}-{dims}d-int64": lambda t, m=m, s=shape: t.nn.functional.interpolate(
                t.ones(s, dtype=t.int64), 3, mode=m
            ),
        }
for mode in ("bilinear", "bicubic", "lanczos"):
    ERRORS |= {
        f"{mode}-antialias-size": refused(0, mode=mode, antialias=True),
        f"{mode}-antialias-int64": lambda t, m=mode: t.nn.functional.interpolate(
            t.ones(1, 1, 4, 4, dtype=t.int64), 3, mode=m, antialias=True
        ),
        f"{mode}-antialias-float16": lambda t, m=mode: t.nn.functional.interpolate(
            t.ones(1, 1, 4, 4, dtype=t.float16), 3, mode=m, antialias=True
        ),
    }


def no_grid(x=(1, 2, 4, 4), grid=(1, 3, 3, 2), **options):
    return lambda t: t.nn.functional.grid_sample(t.ones(x), t.zeros(grid), **{"align_corners": False, **options})


ERRORS |= {
    "grid-mode": no_grid(mode="linear"),
    "grid-padding": no_grid(padding_mode="wrap"),
    "grid-bicubic-3d": no_grid((1, 2, 3, 3, 3), (1, 2, 2, 2, 3), mode="bicubic"),
    "grid-batch": no_grid(grid=(2, 3, 3, 2)),
    "grid-last": no_grid(grid=(1, 3, 3, 3)),
    "grid-last-3d": no_grid((1, 2, 3, 3, 3), (1, 2, 2, 2, 2)),
    "grid-rank": no_grid(grid=(1, 3, 2)),
    "grid-rank-3": no_grid((1, 2, 4), (1, 3, 1)),
    "grid-rank-0": no_grid((), (1, 3, 1)),
    "grid-empty": no_grid((1, 2, 4, 0)),
    "grid-align": no_grid(align_corners="no"),
    "grid-not-a-tensor": lambda t: t.nn.functional.grid_sample([1.0], t.zeros(1, 1, 1, 2), align_corners=False),
    "grid-no-grid": lambda t: t.nn.functional.grid_sample(t.zeros(1, 1, 1, 2), [1.0], align_corners=False),
    "grid-dtypes": lambda t: t.nn.functional.grid_sample(
        t.zeros(1, 1, 2, 2), t.zeros(1, 1, 1, 2).double(), align_corners=False
    ),
    "grid-int64": lambda t: t.nn.functional.grid_sample(
        t.zeros(1, 1, 2, 2).long(), t.zeros(1, 1, 1, 2).long(), align_corners=False
    ),
}
for size in ((3, 1, 2, 3), (2, 1, 0, 3), (2, 0, 2, 3), (2, 1, 2), (2, 1, 2, 2, 2), (2, 1, 2.0, 2)):
    ERRORS[f"affine-{size}"] = lambda t, size=size: t.nn.functional.affine_grid(t.ones(2, 2, 3), size, False)
ERRORS["affine-theta"] = lambda t: t.nn.functional.affine_grid(t.ones(1, 3, 3), (1, 1, 2, 2), False)
ERRORS["affine-int64"] = lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3).long(), (1, 1, 2, 2), False)
for name, n in itertools.product(("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"), (0, -1, 3, 2.0, True, "2")):
    ERRORS[f"{name}-{n!r}"] = lambda t, name=name, n=n: getattr(t, name)(t.ones(1, 4, 4, 4), n)
for name in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"):
    ERRORS[f"{name}-rank"] = lambda t, name=name: getattr(t, name)(t.ones(4, 4), 2)
    ERRORS[f"{name}-not-a-tensor"] = lambda t, name=name: getattr(t, name)([1.0], 2)
ERRORS["pixel_unshuffle-width"] = lambda t: t.pixel_unshuffle(t.ones(1, 4, 3), 2)
ERRORS["upsample-scale-list"] = lambda t: t.nn.Upsample(scale_factor=[2, 2])
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})

#: Not every backend has half precision.
ONLY_NUMPY = {"float16", "grid-float16", *(f"error-{m}-antialias-float16" for m in ("bilinear", "bicubic", "lanczos"))}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    precision = 1e-3 if "float16" in name else 3e-6
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], precision, absolute=precision)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-6)
    assert not found, "\n".join(found)


# --- what no golden program says ---
@pytest.mark.device
@pytest.mark.parametrize("kind", ["linear", "cubic", "cubic-antialias", "nearest"])
def test_wide_axes_are_cut_into_bands(kind):
    """More elements than one product takes: the same as loops over outputs and taps."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1, 150, 3))
    mode = {"linear": "bilinear", "nearest": "nearest"}.get(kind, "bicubic")
    for size in ((301, 5), (47, 2)):
        leaf = on(x, requires_grad=True)
        y = F.interpolate(leaf, size, mode=mode, antialias=kind.endswith("antialias"))
        g = rng.standard_normal(tuple(y.shape))
        y.backward(on(g))
        axes = tables(kind, (150, 3), size)
        assert_close(y.detach(), resampled(x, axes), rtol=1e-11, atol=1e-12)
        assert_close(leaf.grad, spread(g, axes), rtol=1e-11, atol=1e-12)


@pytest.mark.device
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_derivatives_of_order_1_and_2_in_image_and_grid(mode, padding):
    rng = np.random.default_rng(3)
    x = on(rng.standard_normal((1, 2, 3, 4)), requires_grad=True)
    grid = on(grid_of(rng, 1, (2, 3), (3, 4), False), requires_grad=True)
    sample = lambda x, grid: F.grid_sample(x, grid, mode, padding, False)  # noqa: E731
    assert gradcheck(sample, (x, grid))
    assert gradgradcheck(sample, (x, grid))


def test_a_layer_saved_before_the_factors_were_recomputed():
    m = plugrad.nn.Upsample(scale_factor=2)
    state = {key: value for key, value in vars(m).items() if key != "recompute_scale_factor"}
    old = plugrad.nn.Upsample.__new__(plugrad.nn.Upsample)
    old.__setstate__(state)
    assert old.recompute_scale_factor is True
    assert pickle.loads(pickle.dumps(m)).recompute_scale_factor is None


def test_results_share_no_memory_with_the_input():
    x = plugrad.ones(1, 4, 2, 2)
    same = [F.interpolate(x, 2, mode=mode) for mode in ("nearest", "bilinear", "bicubic")]
    same += [F.pixel_shuffle(x, 1), F.pixel_unshuffle(x, 1), F.channel_shuffle(x, 1), F.channel_shuffle(x, 4)]
    for y in same:
        y.zero_()
    assert x.sum().item() == 16


# --- torch as the oracle ---
@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(40))
def test_random_interpolation_as_torch(seed):
    """Any sizes and factors: in 10 of 2500 such calls, all with an output one wide, torch repeats its first row."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4))
    mode = str(rng.choice(BY_DIMS[dims]))
    antialias = mode in ("bilinear", "bicubic") and bool(rng.integers(0, 2))
    options = {"antialias": antialias}
    if mode.endswith(("linear", "cubic")):
        options["align_corners"] = bool(rng.integers(0, 2))
    before = rng.integers(2, 9, dims).tolist()
    if rng.integers(0, 2):
        options["size"] = rng.integers(2, 12, dims).tolist()
    else:
        options["scale_factor"] = rng.choice([1.0, 1.5, 1.7, 2.6, 3.0], dims).tolist()
    a = rng.standard_normal((2, 3, *before)).astype(rng.choice(["float32", "float64"]))
    found = []
    for t in (plugrad, torch):
        x = t.tensor(a).requires_grad_()
        y = t.nn.functional.interpolate(x, mode=mode, **options)
        y.backward(t.ones_like(y))
        found.append([v.detach().cpu().numpy() for v in (y, x.grad)])
    for ours, theirs in zip(*found, strict=True):
        assert_values(ours, theirs, rtol=2e-5, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_as_torch(seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (1, int(rng.integers(1, 6)), *rng.integers(2, 9, 2))).astype(np.uint8)
    options = {"size": rng.integers(2, 12, 2).tolist(), "mode": str(rng.choice(["nearest", "bilinear", "bicubic"]))}
    if options["mode"] != "nearest":
        options |= {"antialias": bool(rng.integers(0, 2)), "align_corners": bool(rng.integers(0, 2))}
    ours, theirs = (t.nn.functional.interpolate(t.tensor(a), **options) for t in (plugrad, torch))
    assert (ours.cpu().numpy() == theirs.numpy()).all()


@pytest.mark.device
def test_gradients_of_nothing():
    for function, shape in (
        (F.pixel_shuffle, (0, 4, 2, 2)),
        (F.pixel_unshuffle, (1, 0, 4, 4)),
        (F.channel_shuffle, (1, 0, 2)),
    ):
        x = on(np.ones(shape), requires_grad=True)
        function(x, 2).sum().backward()
        assert x.grad.shape == shape


@pytest.mark.device
@pytest.mark.parametrize("options", [{"mode": "bicubic"}, {"mode": "bilinear", "antialias": True}])
def test_the_gradient_is_that_of_what_is_computed(options):
    """Where a factor leaves the size as it is, torch leaves out the pass in one direction and not in the other."""
    x = on(np.random.default_rng(0).standard_normal((1, 1, 5, 5)), requires_grad=True)
    assert gradcheck(lambda x: F.interpolate(x, scale_factor=(1.1, 2), **options), (x,))


def test_a_warning_points_to_the_caller():
    calls = (
        lambda: F.upsample(plugrad.ones(1, 1, 2), 3),
        lambda: F.grid_sample(plugrad.ones(1, 1, 2, 2), plugrad.zeros(1, 1, 1, 2)),
        lambda: F.affine_grid(plugrad.ones(1, 2, 3), (1, 1, 1, 2), True),
    )
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [w.filename for w in caught] == [__file__]
