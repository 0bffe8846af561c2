"""Convolutions, transposed ones, windows as columns, padding, and their layers: program by program as torch."""

import itertools

import numpy as np
import pytest

import plugrad
import plugrad_samples_conv as truth
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}


def ramp(t, *shape, dtype=None, modulus=11):
    """Small numbers without a pattern that a wrong index would hide, as a leaf that requires grad."""
    count = int(np.prod(shape))
    numbers = (t.arange(count, dtype=t.float32) * 5 % modulus - modulus // 2).to(dtype or t.float32)
    factor = 0.25 + 0.5j if numbers.is_complex() else 0.25
    return (numbers * factor).reshape(shape).detach().requires_grad_()


def with_gradients(t, y, *leaves):
    """The result, the names of its nodes, and the gradients of a weighted sum of it."""
    names = [y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f is not None)]
    (y * ramp(t, *y.shape, dtype=y.dtype, modulus=7).detach()).sum().backward()
    return y.detach(), names, [leaf.grad for leaf in leaves]


#: name: (input, weight, whether there is a bias, keywords)
CONVOLUTIONS = {
    "1d": ((2, 2, 7), (3, 2, 3), True, {}),
    "1d-stride": ((2, 2, 8), (3, 2, 3), False, {"stride": 2, "padding": (1,)}),
    "1d-single": ((2, 7), (3, 2, 3), True, {"padding": 2, "dilation": 2}),
    "1d-same": ((1, 2, 6), (3, 2, 3), True, {"padding": "same", "dilation": 2}),
    "1d-valid": ((1, 2, 6), (3, 2, 3), True, {"padding": "valid", "stride": [2]}),
    "2d": ((2, 3, 5, 4), (2, 3, 3, 2), True, {}),
    "2d-stride": ((1, 2, 7, 6), (2, 2, 3, 3), True, {"stride": (2, 3), "padding": (1, 2)}),
    "2d-dilation": ((1, 2, 7, 6), (2, 2, 2, 3), True, {"dilation": (3, 2), "padding": 1}),
    "2d-groups": ((1, 4, 5, 5), (6, 2, 3, 3), True, {"groups": 2, "padding": 1}),
    "2d-depthwise": ((1, 3, 5, 5), (6, 1, 3, 3), False, {"groups": 3, "stride": 2}),
    "2d-pointwise": ((2, 3, 4, 5), (4, 3, 1, 1), True, {}),
    "2d-pointwise-stride": ((1, 3, 5, 5), (2, 3, 1, 1), False, {"stride": 2}),
    "2d-single": ((3, 5, 4), (2, 3, 3, 2), True, {}),
    "2d-same": ((1, 2, 5, 6), (2, 2, 3, 5), True, {"padding": "same"}),
    "2d-no-images": ((0, 3, 5, 5), (2, 3, 3, 3), True, {"padding": 1}),
    "3d": ((1, 2, 4, 3, 4), (2, 2, 2, 2, 3), True, {"padding": (1, 0, 1), "stride": (2, 1, 1)}),
    "3d-single": ((2, 3, 3, 3), (2, 2, 2, 2, 2), True, {}),
}
TRANSPOSED = {
    "1d": ((2, 3, 4), (3, 2, 3), True, {}),
    "1d-stride": ((1, 2, 4), (2, 3, 3), True, {"stride": 2, "padding": 1, "output_padding": 1}),
    "1d-single": ((2, 4), (2, 3, 3), True, {"stride": 3}),
    "2d": ((1, 2, 3, 4), (2, 3, 3, 2), True, {"stride": (2, 1), "padding": (1, 0)}),
    "2d-groups": ((2, 4, 3, 3), (4, 2, 2, 2), True, {"groups": 2, "stride": 2, "output_padding": (1, 0)}),
    "2d-dilation": ((1, 2, 3, 3), (2, 1, 3, 3), True, {"dilation": 2, "output_padding": 1}),
    "2d-dilation-beyond": (
        (1, 2, 3, 3),
        (2, 1, 3, 2),
        True,
        {"stride": (3, 2), "padding": (1, 2), "output_padding": (2, 3), "dilation": 4},
    ),
    "1d-dilation-beyond": ((1, 2, 4), (2, 1, 3), False, {"padding": 3, "output_padding": 2, "dilation": 3}),
    "2d-dilation-no-bias": ((1, 2, 3, 3), (2, 1, 3, 3), False, {"dilation": (3, 1), "output_padding": (2, 0)}),
    "2d-no-images": ((0, 2, 3, 3), (2, 1, 3, 3), True, {}),
    "3d": ((1, 2, 2, 2, 3), (2, 1, 2, 2, 2), False, {"stride": 2, "padding": (1, 0, 1)}),
}


def convolve(kind, x, weight, has_bias, options, dtype="float32"):
    def program(t):
        number = getattr(t, dtype)
        dims = len(weight) - 2
        count = weight[0] if kind == "conv" else weight[1] * options.get("groups", 1)
        leaves = [ramp(t, *x, dtype=number), ramp(t, *weight, dtype=number)]
        leaves += [ramp(t, count, dtype=number)] if has_bias else []
        y = getattr(t.nn.functional, f"{kind}{dims}d")(*leaves, **options)
        return with_gradients(t, y, *leaves)

    return program


for name, case in CONVOLUTIONS.items():
    PROGRAMS[f"conv-{name}"] = convolve("conv", *case)
for name, case in TRANSPOSED.items():
    PROGRAMS[f"transposed-{name}"] = convolve("conv_transpose", *case)
# An output padding beyond the stride is a node of its own here.
for name in ("2d-dilation", "2d-dilation-no-bias", "2d-dilation-beyond", "1d-dilation-beyond"):
    PROGRAMS[f"transposed-{name}"] = lambda t, p=PROGRAMS[f"transposed-{name}"]: p(t)[::2]
PROGRAMS["conv-float64"] = convolve("conv", *CONVOLUTIONS["2d-stride"], "float64")
PROGRAMS["conv-complex"] = convolve("conv", *CONVOLUTIONS["1d"], "complex128")
PROGRAMS["conv-float16"] = lambda t: t.nn.functional.conv2d(
    ramp(t, 1, 2, 4, 4).half(), ramp(t, 2, 2, 3, 3).half(), ramp(t, 2).half()
).detach()
PROGRAMS["conv-int64"] = lambda t: t.nn.functional.conv2d(
    t.arange(16).reshape(1, 1, 4, 4), t.arange(9).reshape(1, 1, 3, 3)
)
PROGRAMS["conv-of-transposed-memory"] = lambda t: t.nn.functional.conv2d(
    ramp(t, 4, 4, 2, 1).permute(3, 2, 0, 1), ramp(t, 3, 3, 2, 2).permute(2, 3, 0, 1)
)
PROGRAMS["conv-frozen-weight"] = lambda t: with_gradients(
    t, t.nn.functional.conv2d(x := ramp(t, 1, 2, 4, 4), ramp(t, 2, 2, 3, 3).detach(), b := ramp(t, 2)), x, b
)


def gradient_of_gradient(t):
    x, w, b = ramp(t, 1, 2, 4, 4), ramp(t, 3, 2, 3, 2), ramp(t, 3)
    y = t.nn.functional.conv2d(x, w, b, padding=1, stride=2)
    first = t.autograd.grad((y * y).sum(), (x, w, b), create_graph=True)
    sum((g * g).sum() for g in first).backward()
    return x.grad, w.grad, b.grad


PROGRAMS["conv-gradient-of-gradient"] = gradient_of_gradient

# --- windows as columns ---
for name, options in {
    "plain": {"kernel_size": 2},
    "options": {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": 2},
}.items():
    PROGRAMS[f"unfold-{name}"] = lambda t, o=options: with_gradients(
        t, t.nn.functional.unfold(x := ramp(t, 2, 2, 4, 5), **o), x
    )
PROGRAMS["unfold-single"] = lambda t: t.nn.functional.unfold(ramp(t, 2, 3, 3), 2, padding=1).detach()
PROGRAMS["fold"] = lambda t: with_gradients(t, t.nn.functional.fold(x := ramp(t, 2, 8, 6), (3, 4), 2), x)
PROGRAMS["fold-options"] = lambda t: with_gradients(
    t, t.nn.functional.fold(x := ramp(t, 1, 12, 6), (4, 5), (2, 3), (2, 1), (1, 0), (2, 1)), x
)
PROGRAMS["fold-single"] = lambda t: t.nn.functional.fold(ramp(t, 8, 6), (3, 4), 2).detach()

# --- padding ---
PADS = {
    "last": ((2, 3), (1, 2)),
    "cut": ((2, 6), (2, -3)),
    "cut-first": ((2, 6), (-2, 3)),
    "two": ((1, 2, 4, 5), (1, 2, 3, 0)),
    "two-cut": ((2, 4, 5), (-1, 2, 3, -1)),
    "three": ((1, 2, 4, 3, 3), (1, 2, 0, 1, 2, 1)),
    "none": ((2, 3), (0, 0)),
    "no-batch": ((0, 2, 3), (1, 1)),
}
for (name, (shape, widths)), mode in itertools.product(PADS.items(), ("constant", "reflect", "replicate", "circular")):
    if mode == "circular":  # torch pads in place: its node has another name
        PROGRAMS[f"pad-{mode}-{name}"] = lambda t, s=shape, w=widths: with_gradients(
            t, t.nn.functional.pad(x := ramp(t, *s), w, mode="circular") * 1, x
        )[::2]
        continue
    PROGRAMS[f"pad-{mode}-{name}"] = lambda t, s=shape, w=widths, m=mode: with_gradients(
        t, t.nn.functional.pad(x := ramp(t, *s), w, mode=m), x
    )
PROGRAMS["pad-value"] = lambda t: t.nn.functional.pad(ramp(t, 2, 2).detach(), (1, 0, 0, 1), value=-2.5)
PROGRAMS["pad-int"] = lambda t: [
    t.nn.functional.pad(t.arange(3).reshape(1, 3), (1, 1), mode=m)
    for m in ("constant", "reflect", "replicate", "circular")
]
PROGRAMS["pad-one-dimension"] = lambda t: t.nn.functional.pad(t.arange(3.0), [1, 2])
PROGRAMS["pad-nothing"] = lambda t: t.nn.functional.pad(t.ones(2, 3), ())

# --- layers ---
LAYERS = {
    "Conv1d(2, 3, 3)": (1, 2, 5),
    "Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False)": (1, 2, 7),
    "Conv2d(2, 3, (3, 2))": (1, 2, 5, 5),
    "Conv2d(2, 4, 3, padding='same', dilation=2, groups=2)": (1, 2, 5, 5),
    "Conv2d(2, 2, 3, padding='valid')": (2, 5, 5),
    "Conv2d(2, 2, 3, padding=(1, 2), padding_mode='circular')": (1, 2, 4, 5),
    "Conv2d(2, 2, (3, 2), padding='same', padding_mode='reflect')": (1, 2, 4, 5),
    "Conv2d(2, 2, 3, padding=1, padding_mode='replicate', bias=False)": (1, 2, 4, 5),
    "Conv2d(2, 2, 3, dtype=t.float64)": (1, 2, 4, 5),
    "Conv3d(1, 2, 2, stride=(1, 2, 1))": (1, 1, 3, 4, 3),
    "ConvTranspose1d(2, 3, 3, stride=2, output_padding=1)": (1, 2, 4),
    "ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2, bias=False)": (1, 2, 3, 3),
    "ConvTranspose2d(2, 1, (2, 3), dilation=2)": (2, 3, 3),
    "ConvTranspose3d(1, 1, 2)": (1, 1, 2, 2, 2),
    "Unfold(2, padding=1)": (1, 2, 3, 3),
    "Fold((3, 4), (2, 2))": (1, 4, 6),
    "ConstantPad1d((1, 2), 3.5)": (2, 3),
    "ConstantPad2d(1, -1)": (1, 2, 2),
    "ConstantPad3d((1, 0, 0, 1, -1, 0), 2.0)": (1, 2, 2, 2),
    "ZeroPad1d(2)": (2, 3),
    "ZeroPad2d((1, 2, 0, -1))": (1, 3, 3),
    "ZeroPad3d(1)": (1, 1, 2, 2, 2),
    "ReflectionPad1d((2, 1))": (1, 2, 4),
    "ReflectionPad2d(1)": (1, 3, 3),
    "ReflectionPad3d((1, 0, 0, 1, 1, 1))": (1, 2, 2, 3),
    "ReplicationPad1d(3)": (1, 2, 2),
    "ReplicationPad2d((1, 2, 0, 1))": (1, 2, 2),
    "ReplicationPad3d(1)": (1, 1, 2, 1, 2),
    "CircularPad1d((1, 2))": (1, 3),
    "CircularPad2d(1)": (1, 1, 3, 2),
    "CircularPad3d((1, 0, 0, 1, 1, 1))": (1, 2, 2, 3),
}


def layer(text, shape):
    """A layer's printed form, its initial values for one seed, and what it computes."""

    def program(t):
        t.manual_seed(5)
        m = eval("t.nn." + text, {"t": t})
        x = ramp(t, *shape, dtype=m.weight.dtype if hasattr(m, "weight") else None)
        return repr(m), list(m.state_dict().items()), m(x).detach(), t.rand(2)

    return program


for text, shape in LAYERS.items():
    PROGRAMS[f"layer-{text}"] = layer(text, shape)
PROGRAMS["layer-output-size"] = lambda t: [
    t.nn.ConvTranspose2d(1, 1, 3, stride=2)(t.ones(1, 1, 3, 3), output_size=size).shape
    for size in ((7, 8), [1, 1, 8, 7])
]
PROGRAMS["layer-attributes"] = lambda t: [
    (m.kernel_size, m.stride, m.padding, m.dilation, m.output_padding, m.transposed, m._reversed_padding_repeated_twice)
    for m in (
        t.nn.Conv2d(1, 1, 3, padding=(1, 2)),
        t.nn.Conv2d(1, 1, (3, 4), padding="same"),
        t.nn.ConvTranspose1d(1, 1, 3),
    )
]


# --- errors ---
def refused(dims, x, weight, bias=None, kind="conv", **options):
    def program(t):
        given = [t.ones(x), t.ones(weight)] + ([] if bias is None else [t.ones(bias)])
        return getattr(t.nn.functional, f"{kind}{dims}d")(*given, **options)

    return program


IMAGE, WEIGHT = (1, 3, 8, 8), (4, 3, 3, 3)
ERRORS = {
    "rank-1d": refused(1, (8,), (1, 1, 3)),
    "rank-2d": refused(2, (1, 1, 8, 8, 8), (1, 1, 3, 3)),
    "rank-3d": refused(3, (1, 8, 8), (1, 1, 3, 3, 3)),
    "weight-rank": refused(2, IMAGE, (4, 3, 3)),
    "weight-rank-high": refused(2, IMAGE, (4, 3, 3, 3, 3)),
    "channels": refused(2, (1, 2, 8, 8), WEIGHT),
    "channels-no-images": refused(2, (0, 2, 8, 8), WEIGHT),
    "channels-groups": refused(2, IMAGE, (4, 2, 3, 3), groups=2),
    "channels-single": refused(2, (2, 8, 8), WEIGHT),
    "groups": refused(2, (1, 4, 8, 8), (3, 2, 3, 3), groups=2),
    "groups-zero": refused(2, IMAGE, WEIGHT, groups=0),
    "groups-negative": refused(2, IMAGE, WEIGHT, groups=-1),
    "bias-rank": refused(2, IMAGE, WEIGHT, (4, 1)),
    "bias-size": refused(2, IMAGE, WEIGHT, (1,)),
    "stride-zero": refused(2, IMAGE, WEIGHT, stride=0),
    "stride-negative": refused(2, IMAGE, WEIGHT, stride=(1, -1)),
    "stride-count": refused(2, IMAGE, WEIGHT, stride=(1, 1, 1)),
    "stride-word": refused(2, IMAGE, WEIGHT, stride="two"),
    "stride-number": refused(2, IMAGE, WEIGHT, stride=1.5),
    "stride-none": refused(2, IMAGE, WEIGHT, stride=None),
    "padding-negative": refused(2, IMAGE, WEIGHT, padding=-1),
    "padding-count": refused(2, IMAGE, WEIGHT, padding=(1, 1, 1)),
    "padding-word": refused(2, IMAGE, WEIGHT, padding="full"),
    "padding-same-stride": refused(2, IMAGE, WEIGHT, padding="same", stride=2),
    "dilation-zero": refused(2, IMAGE, WEIGHT, dilation=0),
    "dilation-negative": refused(2, IMAGE, WEIGHT, dilation=-1),
    "dilation-count": refused(2, IMAGE, WEIGHT, dilation=(1, 1, 1)),
    "dilation-element": refused(2, IMAGE, WEIGHT, dilation=(1, 1.0)),
    "kernel-1d": refused(1, (1, 1, 4), (2, 1, 5)),
    "kernel-2d": refused(2, (1, 1, 4, 4), (2, 1, 5, 3)),
    "kernel-dilation": refused(2, (1, 1, 4, 4), (2, 1, 3, 3), dilation=3, padding=1),
    "kernel-3d": refused(3, (1, 1, 4, 4, 4), (2, 1, 5, 1, 1)),
    "kernel-zero": refused(2, (1, 1, 4, 4), (2, 1, 0, 3)),
    "empty-image": refused(2, (1, 1, 0, 4), (1, 1, 3, 3), padding=2),
    "no-outputs": refused(2, IMAGE, (0, 3, 3, 3)),
    "dtype": lambda t: t.nn.functional.conv2d(t.ones(IMAGE, dtype=t.float64), t.ones(WEIGHT)),
    "dtype-bias": lambda t: t.nn.functional.conv2d(t.ones(IMAGE), t.ones(WEIGHT), t.ones(4, dtype=t.float64)),
    "dtype-bias-first": lambda t: t.nn.functional.conv2d(t.ones(IMAGE).double(), t.ones(WEIGHT), t.ones(3)),
    "dtype-bool": lambda t: t.nn.functional.conv2d(t.ones(1, 1, 3, 3).bool(), t.ones(1, 1, 3, 3).bool()),
    "not-a-tensor": lambda t: t.nn.functional.conv2d([1.0], t.ones(WEIGHT)),
    "not-a-weight": lambda t: t.nn.functional.conv2d(t.ones(IMAGE), [1.0], padding=1),
    "not-a-bias": lambda t: t.nn.functional.conv2d(t.ones(IMAGE), t.ones(WEIGHT), 3),
    "groups-word": refused(2, IMAGE, WEIGHT, groups="a"),
    "transposed-rank": refused(2, (8, 8), (1, 1, 3, 3), kind="conv_transpose"),
    "transposed-channels": refused(2, (1, 2, 8, 8), (3, 4, 3, 3), kind="conv_transpose"),
    "transposed-groups": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", groups=2),
    "transposed-bias": refused(2, IMAGE, (3, 4, 3, 3), (3,), kind="conv_transpose"),
    "transposed-bias-groups": refused(2, (1, 4, 8, 8), (4, 3, 3, 3), (3,), kind="conv_transpose", groups=2),
    "transposed-output-padding": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", output_padding=1),
    "transposed-output-padding-3d": refused(
        3, (1, 1, 2, 2, 2), (1, 1, 2, 2, 2), kind="conv_transpose", output_padding=(1, 0, 1)
    ),
    "transposed-output-padding-negative": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", output_padding=-1),
    "transposed-output-padding-count": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", output_padding=(1, 1, 1)),
    "transposed-empty": refused(2, (1, 3, 1, 1), (3, 4, 2, 2), kind="conv_transpose", padding=1),
    "transposed-negative": refused(2, (1, 3, 1, 1), (3, 4, 2, 2), kind="conv_transpose", padding=2),
    "transposed-stride": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", stride=0),
    "transposed-stride-word": refused(2, IMAGE, (3, 4, 3, 3), kind="conv_transpose", stride="a"),
    "transposed-dtype": lambda t: t.nn.functional.conv_transpose2d(t.ones(IMAGE).double(), t.ones(3, 4, 3, 3)),
    "transposed-not-a-tensor": lambda t: t.nn.functional.conv_transpose2d([1], t.ones(3, 4, 3, 3)),
    "transposed-not-a-bias": lambda t: t.nn.functional.conv_transpose2d(t.ones(IMAGE), t.ones(3, 4, 3, 3), 3),
    "layer-groups": lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
    "layer-groups-out": lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
    "layer-groups-zero": lambda t: t.nn.Conv2d(4, 4, 3, groups=0),
    "layer-same-stride": lambda t: t.nn.Conv2d(3, 4, 3, padding="same", stride=2),
    "layer-kernel-count": lambda t: t.nn.Conv2d(4, 4, (3, 3, 3))(t.ones(1, 4, 8, 8)),
    "layer-transposed-mode": lambda t: t.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
    "layer-transposed-word": lambda t: repr(t.nn.ConvTranspose2d(4, 4, 3, padding="same")),
    "layer-output-size": lambda t: t.nn.ConvTranspose2d(4, 4, 3, 2)(t.ones(1, 4, 5, 5), output_size=(20, 20)),
    "layer-output-size-count": lambda t: t.nn.ConvTranspose2d(4, 4, 3, 2)(t.ones(1, 4, 5, 5), output_size=(20,)),
    "unfold-too-large": lambda t: t.nn.functional.unfold(t.ones(1, 1, 3, 3), 4),
    "fold-count": lambda t: t.nn.functional.fold(t.ones(1, 4, 5), 3, 2),
    "fold-channels": lambda t: t.nn.functional.fold(t.ones(1, 5, 4), 3, 2),
    "fold-rank": lambda t: t.nn.functional.fold(t.ones(5), 3, 2),
    "circular-rank": lambda t: t.nn.CircularPad1d(1)(t.ones(3)),
}
PADDING_ERRORS = {
    "odd": ((1, 3), (1,), {}),
    "long": ((1, 3), (1, 1, 1, 1, 1, 1), {}),
    "mode": ((1, 3), (1, 1), {"mode": "mirror"}),
    "cut": ((1, 3), (-2, -2), {}),
    "reflect-size": ((1, 3), (3, 3), {"mode": "reflect"}),
    "reflect-size-2d": ((1, 3, 3), (1, 1, 3, 1), {"mode": "reflect"}),
    "reflect-rank": ((1, 3, 3, 3), (1, 1), {"mode": "reflect"}),
    "reflect-rank-1": ((3,), (1, 1), {"mode": "reflect"}),
    "reflect-empty": ((1, 3, 0), (1, 1), {"mode": "reflect"}),
    "reflect-value": ((1, 3, 3), (1, 1), {"mode": "reflect", "value": 1.0}),
    "replicate-rank": ((3, 3), (1, 1, 1, 1), {"mode": "replicate"}),
    "replicate-empty": ((1, 3, 0), (1, 1), {"mode": "replicate"}),
    "replicate-cut": ((1, 3, 3), (-2, -2), {"mode": "replicate"}),
    "circular-size": ((1, 3, 3), (4, 1), {"mode": "circular"}),
    "circular-cut": ((1, 3, 3), (-2, -2), {"mode": "circular"}),
    "number": ((1, 3), (1.0, 1), {}),
}
for dims, rank, kind in itertools.product((1, 2, 3), (1, 2, 3, 4, 5), ("conv", "conv_transpose", "same")):
    if rank != dims + 2:
        options = {"padding": "same"} if kind == "same" else {}
        ERRORS[f"{kind}{dims}d-weight-rank-{rank}"] = lambda t, d=dims, r=rank, k=kind, o=options: getattr(
            t.nn.functional, f"{'conv' if k == 'same' else k}{d}d"
        )(t.ones((2,) * (d + 1)), t.ones((2,) * r), **o)
for name, (shape, widths, options) in PADDING_ERRORS.items():
    ERRORS[f"pad-{name}"] = lambda t, s=shape, w=widths, o=options: t.nn.functional.pad(t.ones(s), w, **o)
ERRORS["pad-not-a-tensor"] = lambda t: t.nn.functional.pad([1.0], (1, 1))
ERRORS["pad-bool"] = lambda t: t.nn.functional.pad(t.ones(1, 3).bool(), (1, 1), mode="reflect")
PROGRAMS.update({f"error-{name}": program for name, program in ERRORS.items()})


#: Not every backend has half precision.
ONLY_NUMPY = {"conv-float16"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 3e-6, absolute=1e-5)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-6)
    assert not found, "\n".join(found)


def test_same_with_an_even_kernel_pads_the_end_and_warns():
    x, w = on(np.arange(5.0).reshape(1, 1, 5), requires_grad=True), on(np.array([[[1.0, 10.0]]]))
    with pytest.warns(UserWarning, match="Using padding='same' with even kernel lengths and odd dilation"):
        y = F.conv1d(x, w, padding="same")
    assert_close(y.detach(), np.array([[[10.0, 21.0, 32.0, 43.0, 4.0]]]))
    assert y.grad_fn.next_functions[0][0].name() == "ConstantPadNdBackward0"


def test_words_of_the_layers_that_torch_prints_in_any_order():
    with pytest.raises(ValueError, match=r"Invalid padding string 'full', should be one of \{'same', 'valid'\}"):
        plugrad.nn.Conv2d(3, 4, 3, padding="full")
    with pytest.raises(ValueError, match=r"padding_mode must be one of \{'zeros', .*\}, but got padding_mode='mirror'"):
        plugrad.nn.Conv2d(3, 4, 3, padding_mode="mirror")


# --- truth: loops over every index ---
@pytest.mark.device
@pytest.mark.parametrize("seed", range(60))
def test_random_convolutions(seed):
    """Sizes, strides, padding, dilation and groups at random, against loops in float64."""
    rng = np.random.default_rng(seed)
    dims, groups, n = rng.integers(1, 4), rng.integers(1, 4), rng.integers(1, 4)
    c, o = groups * rng.integers(1, 3), groups * rng.integers(1, 3)
    kernel, stride, dilation = (tuple(map(int, rng.integers(1, 4, dims))) for _ in range(3))
    padding = tuple(map(int, rng.integers(0, 3, dims)))
    size = tuple(
        max(1, (k - 1) * d + 1 - 2 * p) + int(rng.integers(0, 4))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    assert_as_the_loops(rng, n, c, o, size, kernel, (stride, padding, dilation, int(groups)))


def assert_as_the_loops(rng, n, c, o, size, kernel, where):
    x, w, b = (rng.standard_normal(s) for s in ((n, c, *size), (o, c // where[3], *kernel), (o,)))
    tensors = [on(a, requires_grad=True) for a in (x, w, b)]
    y = getattr(F, f"conv{len(size)}d")(*tensors, *where)
    expected = truth.convolution(x, w, b, *where)
    assert_close(y.detach(), expected, rtol=1e-11, atol=1e-12)
    g = rng.standard_normal(expected.shape)
    y.backward(on(g))
    assert_close(tensors[0].grad, truth.convolution_input(g, w, size, *where), rtol=1e-10, atol=1e-11)
    assert_close(tensors[1].grad, truth.convolution_weight(g, x, kernel, *where), rtol=1e-10, atol=1e-11)
    assert_close(tensors[2].grad, g.sum((0, *range(2, g.ndim))), rtol=1e-10, atol=1e-11)


@pytest.fixture
def cut_small(monkeypatch):
    """Set how numpy cuts the work into blocks, and forget the plans made before."""
    from plugrad.backends import numpy_conv

    def cut(**constants):
        for name, value in constants.items():
            monkeypatch.setattr(numpy_conv, name, value)
        numpy_conv.plan_for.cache_clear()

    yield cut
    monkeypatch.undo()
    numpy_conv.plan_for.cache_clear()


CUTS = [
    {"WIDE": 1, "COLUMNS": 40, "BAND": 40},
    {"POSITIONS": 30, "COLUMNS": 10_000},
    {"POSITIONS": 1, "BAND": 20},
    {"WIDE": 4, "POSITIONS": 50, "SMALL": 0},
    {"SHARED": 1, "EACH": 1},
]


@pytest.mark.cpu
@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_cut_into_blocks_gives_the_same(cut_small, name, cuts):
    """Blocks of images, bands of rows and shares of threads, however small."""
    expected = PROGRAMS[f"conv-{name}"](plugrad)
    cut_small(**cuts)
    found = PROGRAMS[f"conv-{name}"](plugrad)
    assert_close(found[0], expected[0], rtol=1e-5, atol=1e-5)
    for g, e in zip(found[2], expected[2], strict=True):
        assert_close(g, e, rtol=1e-5, atol=1e-4)


@pytest.mark.device
@pytest.mark.parametrize("cuts", [{}, {"LONG": 1}, {"LONG": 1 << 30}, {"FLAT": 1}, {"SHARED": 1, "EACH": 1}], ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_random_depthwise_convolutions(cut_small, seed, cuts):
    """One filter per channel, at stride 1: numpy has a way of its own for large images and one for small ones."""
    cut_small(**cuts)
    rng = np.random.default_rng(seed)
    dims, n, c = 1 + seed % 3, rng.integers(1, 5), rng.integers(1, 4)
    kernel, dilation, more = (tuple(map(int, rng.integers(1, 4, dims))) for _ in range(3))
    padding = tuple(map(int, rng.integers(0, 3, dims)))
    size = tuple((k - 1) * d + m for k, d, m in zip(kernel, dilation, more, strict=True))
    assert_as_the_loops(rng, n, c, c, size, kernel, ((1,) * dims, padding, dilation, int(c)))


@pytest.mark.cpu
def test_images_that_go_one_after_the_other_in_the_general_form(monkeypatch):
    """The form that every backend inherits, on numpy, with room for the columns of one image."""
    from plugrad.backends import convolution

    xp, rng = plugrad.ones(1)._xp, np.random.default_rng(0)
    x, w = rng.standard_normal((3, 2, 5, 5)), rng.standard_normal((4, 2, 3, 3))
    where = ((2, 1), (1, 1), (1, 1), 1)
    monkeypatch.setattr(convolution, "AT_ONCE", 1)
    general = convolution.Convolution
    y = general.convolution(xp, x, w, None, *where)
    assert_values(y, truth.convolution(x, w, None, *where), rtol=1e-12, atol=1e-12)
    assert_values(
        general.convolution_input(xp, y, w, (5, 5), *where),
        truth.convolution_input(y, w, (5, 5), *where), rtol=1e-12, atol=1e-11,
    )  # fmt: skip
    assert_values(
        general.convolution_weight(xp, y, x, (3, 3), *where),
        truth.convolution_weight(y, x, (3, 3), *where), rtol=1e-12, atol=1e-11,
    )  # fmt: skip


@pytest.mark.cpu
def test_threads_have_buffers_of_their_own():
    from concurrent.futures import ThreadPoolExecutor

    x, w = plugrad.rand(4, 8, 12, 12), plugrad.rand(8, 8, 3, 3)
    images = [x * float(i) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: F.conv2d(image, w, padding=1), images * 5))
    for i, y in enumerate(found):
        assert_close(y, F.conv2d(images[i % 8], w, padding=1), rtol=0)


@pytest.mark.device
def test_without_channels_there_is_the_bias():
    y = F.conv2d(on(np.ones((1, 0, 4, 4))), on(np.ones((2, 0, 3, 3))), on(np.array([1.0, 2.0])))
    assert_close(y, np.broadcast_to(np.array([1.0, 2.0]).reshape(1, 2, 1, 1), (1, 2, 2, 2)))


# --- derivatives ---
DERIVED = {
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), (1, 2, 5), (2, 2, 3), (2,)),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding="same", dilation=2), (1, 2, 4, 3), (2, 2, 3, 3), (2,)),
    "conv2d-groups": (lambda x, w, b: F.conv2d(x, w, b, groups=2, stride=(1, 2)), (2, 2, 3, 4), (4, 1, 2, 2), (4,)),
    "conv3d": (lambda x, w, b: F.conv3d(x, w, b, stride=2), (1, 1, 3, 3, 3), (2, 1, 2, 2, 2), (2,)),
    "conv_transpose1d": (lambda x, w, b: F.conv_transpose1d(x, w, b, 2, 1, 1), (1, 2, 3), (2, 2, 3), (2,)),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, dilation=2, output_padding=1, groups=2),
        (1, 2, 2, 2),
        (2, 1, 2, 2),
        (2,),
    ),
    "unfold": (lambda x: F.unfold(x, (2, 1), padding=1, stride=2), (1, 2, 3, 4)),
    "fold": (lambda x: F.fold(x, (3, 3), 2), (1, 4, 4)),
    "pad-reflect": (lambda x: F.pad(x, (2, 1, -1, 1), mode="reflect"), (1, 3, 4)),
    "pad-replicate": (lambda x: F.pad(x, (2, 1, 0, 3), mode="replicate"), (1, 3, 2)),
    "pad-circular": (lambda x: F.pad(x, (2, -1, 0, 1), mode="circular"), (1, 3, 4)),
}


@pytest.mark.device
@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_of_order_1_and_2(name):
    function, *shapes = DERIVED[name]
    rng = np.random.default_rng(0)
    inputs = [on(rng.standard_normal(s), requires_grad=True) for s in shapes]
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@pytest.mark.device
def test_a_convolution_keeps_only_what_its_gradients_need():
    x, w = on(np.ones((1, 1, 3, 3))), on(np.ones((1, 1, 2, 2)))
    node = F.conv2d(x.requires_grad_(), w).grad_fn
    assert getattr(node, "x", None) is None
    assert node.weight is w._a
    node = F.conv2d(x.detach(), w.requires_grad_()).grad_fn
    assert getattr(node, "weight", None) is None
    assert tuple(node.x.shape) == (1, 1, 3, 3)


# --- torch as the oracle ---
@pytest.mark.oracle
@pytest.mark.parametrize("precision", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["conv", "conv_transpose"])
def test_options_in_all_combinations_as_torch(kind, precision):
    torch = pytest.importorskip("torch")
    tolerance = {"float64": 1e-10, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}[precision]
    if getattr(plugrad.ones(1)._xp, precision) is None:
        pytest.skip(f"no {precision} here")
    rng = np.random.default_rng(1)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 6, 5), (4, 2, 3, 2), (4,)))
    for stride, padding, dilation in itertools.product((1, 2, (2, 1)), (0, 1, (0, 2)), (1, 2, (1, 2))):
        numbers = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}
        found = []
        for t in (plugrad, torch):
            leaves = [t.tensor(a).to(getattr(t, precision)).requires_grad_() for a in (x, w, b)]
            y = getattr(t.nn.functional, f"{kind}2d")(*leaves, **numbers)
            y.backward(t.ones_like(y))
            found.append([v.detach().to(t.float64).cpu().numpy() for v in (y, *(leaf.grad for leaf in leaves))])
        for ours, theirs in zip(*found, strict=True):
            assert_values(ours, theirs, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.cpu
def test_output_padding_beyond_the_stride_is_one_node():
    x, weight, bias = (plugrad.ones(shape, requires_grad=True) for shape in ((1, 2, 3, 3), (2, 1, 3, 3), (1,)))
    made = plugrad.nn.functional.conv_transpose2d(x, weight, bias, dilation=2, output_padding=1)
    assert made.grad_fn.name() == "ConvolutionBackward0"
    assert [
        edge.variable is leaf for (edge, _), leaf in zip(made.grad_fn.next_functions, (x, weight, bias), strict=True)
    ] == [True] * 3
