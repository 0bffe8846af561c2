"""Losses and their layers: values, gradients, node names, warnings and errors, program by program as torch."""

import numpy as np
import pytest

import plugrad
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, assert_values, on

F = plugrad.nn.functional
PROGRAMS = {}
REDUCTIONS = ("none", "mean", "sum")


def wave(t, *shape, phase=0.0):
    """Numbers without pattern that need no random stream."""
    n = 1
    for size in shape:
        n *= size
    return ((t.arange(float(n)) * 2.3 + phase).sin() * 2 + (t.arange(float(n)) * 0.7).cos()).reshape(shape)


def unit(t, *shape, phase=0.0):
    return wave(t, *shape, phase=phase).sigmoid()


def recorded(loss, *leaves):
    """The loss, the name of its node, and the gradients of a weighted sum."""
    name = loss.grad_fn.name()
    weights = 1.0 + 0.1 * loss.detach().clone().fill_(1).reshape(-1).cumsum(0).reshape(loss.shape)
    (loss * weights).sum().backward()
    return loss, name, [leaf.grad for leaf in leaves]


def add(name, function):
    PROGRAMS[name] = function


def leaves(*tensors):
    return [x.detach().requires_grad_() for x in tensors]


# --- differences ---
DIFFERENCES = {
    "mse_loss": lambda f, x, y, **o: f.mse_loss(x, y, **o),
    "l1_loss": lambda f, x, y, **o: f.l1_loss(x, y, **o),
    "smooth_l1_loss": lambda f, x, y, **o: f.smooth_l1_loss(x, y, **o),
    "smooth_l1_loss-beta": lambda f, x, y, **o: f.smooth_l1_loss(x, y, beta=0.4, **o),
    "smooth_l1_loss-zero": lambda f, x, y, **o: f.smooth_l1_loss(x, y, beta=0.0, **o),
    "huber_loss": lambda f, x, y, **o: f.huber_loss(x, y, **o),
    "huber_loss-delta": lambda f, x, y, **o: f.huber_loss(x, y, delta=0.6, **o),
    "poisson_nll_loss": lambda f, x, y, **o: f.poisson_nll_loss(x, y, **o),
    "poisson_nll_loss-full": lambda f, x, y, **o: f.poisson_nll_loss(x, y.abs() * 2, full=True, **o),
    "poisson_nll_loss-rate": lambda f, x, y, **o: f.poisson_nll_loss(x.abs(), y, log_input=False, **o),
    "gaussian_nll_loss": lambda f, x, y, **o: f.gaussian_nll_loss(x, y, y.abs().detach() + 0.1, **o),
    "gaussian_nll_loss-full": lambda f, x, y, **o: f.gaussian_nll_loss(
        x, y, y.detach()[:, :1].abs(), full=True, eps=0.5, **o
    ),
    "soft_margin_loss": lambda f, x, y, **o: f.soft_margin_loss(x, y.detach().sign(), **o),
    "hinge_embedding_loss": lambda f, x, y, **o: f.hinge_embedding_loss(x, y.detach().sign(), margin=1.5, **o),
    "margin_ranking_loss": lambda f, x, y, **o: f.margin_ranking_loss(x, y, y.detach().sign(), margin=0.3, **o),
    "multilabel_soft_margin_loss": lambda f, x, y, **o: f.multilabel_soft_margin_loss(x, y.sigmoid(), **o),
    "kl_div": lambda f, x, y, **o: f.kl_div(x.log_softmax(1), y.softmax(1), **o),
    "kl_div-log": lambda f, x, y, **o: f.kl_div(x.log_softmax(1), y.log_softmax(1), log_target=True, **o),
    "binary_cross_entropy": lambda f, x, y, **o: f.binary_cross_entropy(x.sigmoid(), y.sigmoid(), **o),
    "binary_cross_entropy-weight": lambda f, x, y, **o: f.binary_cross_entropy(
        x.sigmoid(), y.sigmoid(), weight=x.detach()[0].abs(), **o
    ),
    "bce_with_logits": lambda f, x, y, **o: f.binary_cross_entropy_with_logits(x, y.sigmoid(), **o),
    "bce_with_logits-weights": lambda f, x, y, **o: f.binary_cross_entropy_with_logits(
        x, y.sigmoid(), x.detach()[:, :1].abs(), pos_weight=y.detach()[0].abs(), **o
    ),
    "triplet_margin_loss": lambda f, x, y, **o: f.triplet_margin_loss(x, y, x.detach().flip(0), **o),
    "triplet_margin_loss-swap": lambda f, x, y, **o: f.triplet_margin_loss(
        x, y, x.detach().flip(0), margin=2.0, p=3.0, swap=True, **o
    ),
    "triplet_margin_with_distance_loss": lambda f, x, y, **o: f.triplet_margin_with_distance_loss(
        x, y, x.detach().flip(0), distance_function=lambda a, b: (a - b).abs().sum(1), swap=True, **o
    ),
    "cosine_embedding_loss": lambda f, x, y, **o: f.cosine_embedding_loss(
        x, y, y.detach()[:, 0].sign(), margin=0.2, **o
    ),
}
for name, function in DIFFERENCES.items():
    for reduction in REDUCTIONS:

        def program(t, function=function, reduction=reduction):
            x, y = leaves(wave(t, 3, 2), wave(t, 3, 2, phase=1.0))
            return recorded(function(t.nn.functional, x, y, reduction=reduction), x, y)

        add(f"{name}-{reduction}", program)
for name in ("mse_loss", "l1_loss", "huber_loss"):
    for reduction in REDUCTIONS:

        def program(t, name=name, reduction=reduction):
            x, y, w = leaves(wave(t, 3, 2), wave(t, 3, 2, phase=1.0), unit(t, 3, 2))
            return recorded(getattr(t.nn.functional, name)(x, y, reduction=reduction, weight=w), x, y, w)

        add(f"{name}-weight-{reduction}", program)
for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    function = (lambda n: lambda t, *a, **o: getattr(t.nn.functional, n)(*a, **o))(name)
    add(f"{name}-broadcast", lambda t, f=function: recorded(f(t, *(z := leaves(wave(t, 4, 3), wave(t, 3)))), *z))
    add(f"{name}-broadcast-both", lambda t, f=function: recorded(f(t, *(z := leaves(wave(t, 4, 1), wave(t, 3)))), *z))
    add(f"{name}-shapes", lambda t, f=function: f(t, t.ones(4, 3), t.ones(4, 2)))
    add(f"{name}-double", lambda t, f=function: f(t, wave(t, 4, 3), wave(t, 4, 3).double() + 1))
    add(f"{name}-int", lambda t, f=function: f(t, t.arange(3), t.arange(3)))
    add(f"{name}-int-target", lambda t, f=function: f(t, wave(t, 3), t.arange(3)))
    add(f"{name}-int-input", lambda t, f=function: f(t, t.arange(3), wave(t, 3)))
    add(f"{name}-bool", lambda t, f=function: f(t, t.ones(3) > 0, t.ones(3) > 0))
    add(
        f"{name}-empty", lambda t, f=function: (f(t, t.ones(0), t.ones(0)), f(t, t.ones(0), t.ones(0), reduction="sum"))
    )
    add(f"{name}-scalar", lambda t, f=function: f(t, t.tensor(1.0), t.tensor(3.5)))
    add(f"{name}-number", lambda t, f=function: f(t, t.ones(3), 3.0))
    add(f"{name}-word", lambda t, f=function: f(t, t.ones(3), t.ones(3), reduction="avg"))
    add(f"{name}-old-word", lambda t, f=function: f(t, t.ones(3), t.zeros(3), reduction="elementwise_mean"))
    if name != "smooth_l1_loss":
        add(f"{name}-weight-shape", lambda t, f=function: f(t, t.ones(3), t.ones(3), weight=t.ones(2)))
        add(f"{name}-weight-word", lambda t, f=function: f(t, t.ones(3), t.ones(3), weight=t.ones(3), reduction="avg"))
    if name != "huber_loss":
        for flags in (
            {"size_average": False},
            {"reduce": False},
            {"reduce": True},
            {"size_average": True, "reduce": True},
        ):
            add(f"{name}-{flags}", lambda t, f=function, o=flags: f(t, t.ones(3), t.zeros(3), **o))

# --- classes ---
TARGETS = {
    "plain": {},
    "weight": {"weighted": True},
    "ignored": {"ignored": True},
    "both": {"weighted": True, "ignored": True},
}
for loss in ("cross_entropy", "cross_entropy-smooth", "nll_loss"):
    for shape in ((4, 3), (3,), (2, 3, 2), (2, 3, 1, 2), (1, 3, 1, 2, 2)):
        for kind, options in TARGETS.items():
            for reduction in REDUCTIONS if shape in ((4, 3), (2, 3, 1, 2)) else ("mean", "none"):

                def program(t, loss=loss, shape=shape, reduction=reduction, weighted=False, ignored=False, **_):
                    (x,) = leaves(wave(t, *shape))
                    places = () if len(shape) == 1 else (shape[0], *shape[2:])
                    count = int(np.prod(places))
                    target = (t.arange(count) * 7 % 3).reshape(places)
                    if ignored:
                        target = (t.arange(count) * 7 % 4 - 1).reshape(places)  # -1 is ignored
                    o = {"ignore_index": -1} if ignored else {}
                    if weighted:
                        o["weight"] = unit(t, 3)
                    if loss == "nll_loss":
                        return recorded(t.nn.functional.nll_loss(x, target, reduction=reduction, **o), x)
                    if "smooth" in loss:
                        o["label_smoothing"] = 0.3
                    return recorded(t.nn.functional.cross_entropy(x, target, reduction=reduction, **o), x)

                rare = shape not in ((4, 3), (2, 3, 1, 2))
                if (shape == (3,) and options.get("ignored")) or (rare and kind == "ignored"):
                    continue
                add(
                    f"{loss}-{shape}-{kind}-{reduction}",
                    lambda t, p=program, o=options, a=(loss, shape, reduction): p(t, *a, **o),
                )
for shape in ((2, 3), (3,), (2, 3, 2)):
    for smoothing in (0.0, 0.4):
        for weighted in (False, True):
            for reduction in REDUCTIONS:

                def program(t, shape=shape, smoothing=smoothing, weighted=weighted, reduction=reduction):
                    axis = 0 if len(shape) == 1 else 1
                    x, y = leaves(wave(t, *shape), wave(t, *shape, phase=1.0).softmax(axis))
                    w = unit(t, 3) if weighted else None
                    loss = t.nn.functional.cross_entropy(x, y, w, label_smoothing=smoothing, reduction=reduction)
                    return recorded(loss, x, y)

                add(f"soft_cross_entropy-{shape}-{smoothing}-{weighted}-{reduction}", program)


def ce(t, *arguments, **options):
    return t.nn.functional.cross_entropy(*arguments, **options)


def labels(t, *shape):
    return t.zeros(*shape, dtype=t.int64)


CLASSES = {
    "vector-target-size": lambda t: ce(t, wave(t, 6), labels(t, 4)),
    "vector-target-one": lambda t: ce(t, wave(t, 6), labels(t, 1), reduction="none"),
    "scalar": lambda t: ce(t, t.tensor(1.0), t.tensor(0)),
    "scalar-target": lambda t: ce(t, wave(t, 4, 6), t.tensor(0)),
    "column-target": lambda t: ce(t, wave(t, 4, 6), labels(t, 4, 1)),
    "batch": lambda t: ce(t, wave(t, 2, 3), labels(t, 3)),
    "3d-size": lambda t: ce(t, wave(t, 2, 3, 4), labels(t, 2, 5)),
    "3d-batch": lambda t: ce(t, wave(t, 2, 3, 4), labels(t, 3, 4)),
    "3d-rank": lambda t: ce(t, wave(t, 2, 3, 4), labels(t, 2)),
    "4d-size": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 5, 4)),
    "4d-rank": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 4)),
    "5d-size": lambda t: ce(t, wave(t, 2, 3, 1, 2, 2), labels(t, 2, 1, 2, 3)),
    "range": lambda t: ce(t, wave(t, 2, 3), t.tensor([0, 3])),
    "range-negative": lambda t: ce(t, wave(t, 2, 3), t.tensor([-1, 0])),
    "range-4d": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 4, 5) + 3),
    "range-among-ignored": lambda t: ce(t, wave(t, 3, 3), t.tensor([-100, 1, -5])),
    "all-ignored": lambda t: [ce(t, wave(t, 2, 3), labels(t, 2) - 100, reduction=r) for r in REDUCTIONS],
    "empty": lambda t: [ce(t, t.ones(0, 3), labels(t, 0), reduction=r) for r in REDUCTIONS],
    "no-classes": lambda t: ce(t, t.ones(2, 0), labels(t, 2)),
    "bytes": lambda t: ce(t, wave(t, 2, 3), t.tensor([0, 2], dtype=t.uint8)),
    "bytes-4d": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 4, 5).to(t.uint8)),
    "int32": lambda t: ce(t, wave(t, 2, 3), labels(t, 2).to(t.int32)),
    "int32-4d": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 4, 5).to(t.int32)),
    "float-target": lambda t: ce(t, wave(t, 2, 3), t.ones(2)),
    "bool-target": lambda t: ce(t, wave(t, 2, 3), t.ones(2) > 0),
    "int-input": lambda t: ce(t, wave(t, 2, 3).long(), labels(t, 2)),
    "weight-size": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), t.ones(2)),
    "weight-rank": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), t.ones(3, 1)),
    "weight-size-4d": lambda t: ce(t, wave(t, 2, 3, 4, 5), labels(t, 2, 4, 5), t.ones(4)),
    "weight-dtype": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), t.ones(3).double()),
    "weight-grad": lambda t: ce(t, wave(t, 2, 3).requires_grad_(), labels(t, 2), t.ones(3).requires_grad_()),
    "smoothing-above": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), label_smoothing=1.5),
    "smoothing-below": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), label_smoothing=-0.1),
    "smoothing-one": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), label_smoothing=1.0),
    "probabilities-int": lambda t: ce(t, wave(t, 2, 3), labels(t, 2, 3)),
    "probabilities-double": lambda t: ce(t, wave(t, 2, 3), wave(t, 2, 3).double().softmax(1)),
    "probabilities-weight": lambda t: ce(t, wave(t, 2, 3), wave(t, 2, 3), t.ones(2)),
    "probabilities-ignore": lambda t: ce(t, wave(t, 2, 3), wave(t, 2, 3), ignore_index=1),
    "probabilities-empty": lambda t: ce(t, t.ones(0, 3), t.ones(0, 3)),
    "word": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), reduction="avg"),
    "old-flags": lambda t: ce(t, wave(t, 2, 3), labels(t, 2), size_average=False),
    "list-target": lambda t: ce(t, wave(t, 2, 3), [0, 1]),
    "list-input": lambda t: ce(t, [0.0], labels(t, 1)),
    "nll-scalar": lambda t: t.nn.functional.nll_loss(t.tensor(1.0), t.tensor(0)),
    "nll-matrix-target": lambda t: t.nn.functional.nll_loss(wave(t, 4, 6), labels(t, 4, 6)),
    "nll-int": lambda t: t.nn.functional.nll_loss(wave(t, 2, 3).long(), labels(t, 2)),
    "nll-empty-places": lambda t: t.nn.functional.nll_loss(t.ones(2, 3, 0), labels(t, 2, 0), reduction="sum"),
    "large-logits": lambda t: ce(t, t.tensor([[1e4, -1e4], [1e30, 0.0]]), t.tensor([0, 1])),
}
for name, function in CLASSES.items():
    add(f"classes-{name}", function)


# --- two classes ---
def bce(t, *arguments, **options):
    return t.nn.functional.binary_cross_entropy(*arguments, **options)


def logits(t, *arguments, **options):
    return t.nn.functional.binary_cross_entropy_with_logits(*arguments, **options)


BINARY = {
    "edges": lambda t: bce(t, t.tensor([0.0, 1.0, 1.0]), t.tensor([1.0, 0.0, 1.0]), reduction="none"),
    "edges-grad": lambda t: recorded(bce(t, *(z := leaves(t.tensor([0.0, 1.0]), t.tensor([1.0, 1.0])))), z[0]),
    "range": lambda t: bce(t, t.tensor([1.5]), t.ones(1)),
    "target-range": lambda t: bce(t, t.tensor([0.5]), t.tensor([-1.0])),
    "nan": lambda t: bce(t, t.tensor([float("nan")]), t.ones(1)),
    "sizes": lambda t: bce(t, t.ones(2), t.ones(3)),
    "double-target": lambda t: bce(t, t.ones(2), t.ones(2).double()),
    "int-target": lambda t: bce(t, t.ones(2), t.ones(2).long()),
    "int": lambda t: bce(t, t.ones(2).long(), t.ones(2).long()),
    "weight-larger": lambda t: bce(t, unit(t, 4, 6), unit(t, 4, 6), t.ones(2, 4, 6)),
    "weight-wrong": lambda t: bce(t, unit(t, 4, 6), unit(t, 4, 6), t.ones(5)),
    "weight-double": lambda t: bce(t, unit(t, 4, 6), unit(t, 4, 6), t.ones(6).double()),
    "weight-grad": lambda t: bce(t, unit(t, 4, 6), unit(t, 4, 6), t.ones(6).requires_grad_()),
    "empty": lambda t: bce(t, t.ones(0), t.ones(0)),
    "logits-sizes": lambda t: logits(t, t.ones(2), t.ones(3)),
    "logits-double": lambda t: logits(t, wave(t, 3), unit(t, 3).double()),
    "logits-int-target": lambda t: logits(t, wave(t, 3), t.ones(3).long()),
    "logits-bool-target": lambda t: logits(t, wave(t, 3), t.ones(3) > 0),
    "logits-int": lambda t: logits(t, t.ones(3).long(), t.ones(3).long()),
    "logits-weight-larger": lambda t: logits(t, wave(t, 4, 6), unit(t, 4, 6), t.ones(2, 4, 6)),
    "logits-weight-wrong": lambda t: logits(t, wave(t, 4, 6), unit(t, 4, 6), t.ones(5)),
    "logits-weight-grad": lambda t: logits(t, wave(t, 3), unit(t, 3), t.ones(3).requires_grad_()),
    "logits-pos-weight-wrong": lambda t: logits(t, wave(t, 4, 6), unit(t, 4, 6), pos_weight=t.ones(5)),
    "logits-pos-weight-grad": lambda t: logits(t, wave(t, 3), unit(t, 3), pos_weight=t.ones(3).requires_grad_()),
    "logits-large": lambda t: logits(t, t.tensor([-1e4, 1e4, -1e4]), t.tensor([0.0, 1.0, 1.0]), reduction="none"),
}
for name, function in BINARY.items():
    add(f"binary-{name}", function)

# --- the rest ---
OTHERS = {
    "kl-mean": lambda t: t.nn.functional.kl_div(wave(t, 2, 3), unit(t, 2, 3)),
    "kl-batchmean": lambda t: recorded(
        t.nn.functional.kl_div(*(z := leaves(wave(t, 2, 3), unit(t, 2, 3))), reduction="batchmean"), *z
    ),
    "kl-scalar": lambda t: t.nn.functional.kl_div(t.tensor(0.5), t.tensor(0.5), reduction="batchmean"),
    "kl-zero-target": lambda t: t.nn.functional.kl_div(wave(t, 3), t.zeros(3), reduction="none"),
    "kl-int": lambda t: t.nn.functional.kl_div(t.arange(3), t.arange(3), reduction="sum"),
    "kl-word": lambda t: t.nn.functional.kl_div(wave(t, 3), unit(t, 3), reduction="avg"),
    "kl-flags": lambda t: t.nn.functional.kl_div(wave(t, 3), unit(t, 3), size_average=False),
    "kl-flags-batchmean": lambda t: t.nn.functional.kl_div(
        wave(t, 3), unit(t, 3), size_average=False, reduction="batchmean"
    ),
    "kl-broadcast": lambda t: t.nn.functional.kl_div(wave(t, 2, 3), unit(t, 3), reduction="sum"),
    "smooth-l1-negative": lambda t: t.nn.functional.smooth_l1_loss(t.ones(2), t.ones(2), beta=-1.0),
    "huber-negative": lambda t: t.nn.functional.huber_loss(t.ones(2), t.ones(2), delta=-1.0),
    "soft-margin-int": lambda t: t.nn.functional.soft_margin_loss(wave(t, 3), t.tensor([1, -1, 1])),
    "soft-margin-grad": lambda t: t.nn.functional.soft_margin_loss(wave(t, 3), t.ones(3).requires_grad_()),
    "ranking-ranks": lambda t: t.nn.functional.margin_ranking_loss(t.ones(2, 3), t.ones(2, 3), t.ones(3)),
    "cosine-vector": lambda t: t.nn.functional.cosine_embedding_loss(wave(t, 5), wave(t, 5, phase=1.0), t.tensor(-1.0)),
    "cosine-vector-target": lambda t: t.nn.functional.cosine_embedding_loss(wave(t, 5), wave(t, 5), t.ones(1)),
    "cosine-scalar-target": lambda t: t.nn.functional.cosine_embedding_loss(
        wave(t, 2, 5), wave(t, 2, 5), t.tensor(1.0)
    ),
    "cosine-matrix-target": lambda t: t.nn.functional.cosine_embedding_loss(wave(t, 2, 5), wave(t, 2, 5), t.ones(2, 1)),
    "triplet-margin": lambda t: t.nn.functional.triplet_margin_loss(
        wave(t, 2, 3), wave(t, 2, 3), wave(t, 2, 3), margin=0
    ),
    "triplet-ranks": lambda t: t.nn.functional.triplet_margin_loss(wave(t, 2, 3), wave(t, 2, 3), wave(t, 3)),
    "gaussian-negative": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), t.tensor([1.0, -1.0])),
    "gaussian-number": lambda t: t.nn.functional.gaussian_nll_loss(wave(t, 2, 3), t.ones(2, 3), 2.0),
    "gaussian-negative-number": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), -2.0),
    "gaussian-size": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2, 3), t.ones(2, 3), t.ones(3)),
    "gaussian-short": lambda t: t.nn.functional.gaussian_nll_loss(wave(t, 2, 3), t.ones(2, 3), unit(t, 2)),
    "gaussian-word": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), t.ones(2), reduction="avg"),
    "multilabel-soft-weight": lambda t: t.nn.functional.multilabel_soft_margin_loss(
        wave(t, 2, 3), unit(t, 2, 3), unit(t, 3)
    ),
    "multilabel-soft-word": lambda t: t.nn.functional.multilabel_soft_margin_loss(
        wave(t, 2, 3), unit(t, 2, 3), reduction="avg"
    ),
    "multi-margin-p": lambda t: t.nn.functional.multi_margin_loss(wave(t, 2, 3), labels(t, 2), p=3),
    "multi-margin-target": lambda t: t.nn.functional.multi_margin_loss(wave(t, 4, 6), labels(t, 3)),
    "multi-margin-range": lambda t: t.nn.functional.multi_margin_loss(wave(t, 2, 3), labels(t, 2) + 3),
    "multi-margin-weight": lambda t: t.nn.functional.multi_margin_loss(wave(t, 2, 3), labels(t, 2), weight=t.ones(4)),
    "multi-margin-weight-rank": lambda t: t.nn.functional.multi_margin_loss(
        wave(t, 2, 3), labels(t, 2), weight=t.ones(3, 1)
    ),
    "multi-margin-float": lambda t: t.nn.functional.multi_margin_loss(wave(t, 2, 3), t.ones(2)),
    "multi-margin-rank": lambda t: t.nn.functional.multi_margin_loss(wave(t, 2, 3, 4), labels(t, 2)),
    "multilabel-shape": lambda t: t.nn.functional.multilabel_margin_loss(wave(t, 2, 3), labels(t, 2, 2)),
    "multilabel-range": lambda t: t.nn.functional.multilabel_margin_loss(wave(t, 2, 3), labels(t, 2, 3) + 3),
    "multilabel-float": lambda t: t.nn.functional.multilabel_margin_loss(wave(t, 2, 3), t.ones(2, 3)),
    "multilabel-none": lambda t: t.nn.functional.multilabel_margin_loss(wave(t, 3), labels(t, 3) - 1),
    "multi-margin-empty": lambda t: t.nn.functional.multi_margin_loss(t.zeros(0), t.zeros(5)),
    "multi-margin-no-classes": lambda t: t.nn.functional.multi_margin_loss(t.zeros(5, 0), labels(t, 5)),
    "multilabel-empty": lambda t: t.nn.functional.multilabel_margin_loss(t.zeros(0), t.zeros(0)),
    "multilabel-no-classes": lambda t: t.nn.functional.multilabel_margin_loss(t.zeros(5, 0), t.zeros(5, 4)),
    "multilabel-scalar": lambda t: t.nn.functional.multilabel_margin_loss(t.tensor(0.5), t.tensor([0])),
    "soft-margin-sizes": lambda t: t.nn.functional.soft_margin_loss(wave(t, 5, 4), wave(t, 5)),
    "soft-margin-grown": lambda t: t.nn.functional.soft_margin_loss(wave(t, 4), wave(t, 5, 4)),
    "soft-margin-broadcast": lambda t: recorded(
        t.nn.functional.soft_margin_loss((z := leaves(wave(t, 5, 4)))[0], wave(t, 4).sign()), *z
    ),
    "soft-margin-complex": lambda t: t.nn.functional.soft_margin_loss(wave(t, 2), t.complex(t.ones(2), t.ones(2))),
    "multilabel-twice": lambda t: t.nn.functional.multilabel_margin_loss(wave(t, 4), t.tensor([3, 3, -1, 1])),
}
for name, function in OTHERS.items():
    add(f"other-{name}", function)
for reduction in REDUCTIONS:
    for p in (1, 2):

        def program(t, p=p, reduction=reduction):
            (x,) = leaves(wave(t, 4, 3))
            target, w = t.arange(4) % 3, unit(t, 3)
            loss = t.nn.functional.multi_margin_loss(x, target, p=p, margin=0.7, weight=w, reduction=reduction)
            return recorded(loss, x)

        add(f"multi_margin_loss-{p}-{reduction}", program)

    def program(t, reduction=reduction):
        (x,) = leaves(wave(t, 2, 4))
        target = t.tensor([[3, 0, -1, 1], [1, -1, 0, 0]])
        return recorded(t.nn.functional.multilabel_margin_loss(x, target, reduction=reduction), x)

    add(f"multilabel_margin_loss-{reduction}", program)
add(
    "multi_margin_loss-vector",
    lambda t: recorded(t.nn.functional.multi_margin_loss((z := leaves(wave(t, 3)))[0], t.tensor(1)), *z),
)


def turned(x, y):
    """Complex numbers made of real ones."""
    return x * (1 + 2j), y * 1j + x


DISTANCES = {
    "cosine": lambda f, x, y: f.cosine_similarity(x, y),
    "cosine-first": lambda f, x, y: f.cosine_similarity(x, y, dim=0),
    "cosine-broadcast": lambda f, x, y: f.cosine_similarity(x, y[0]),
    "cosine-zero": lambda f, x, y: f.cosine_similarity(x * 0, y, eps=1e-2),
    "cosine-small": lambda f, x, y: f.cosine_similarity(x * 1e-3, y, eps=1e-2),
    "pairwise": lambda f, x, y: f.pairwise_distance(x, y),
    "pairwise-1": lambda f, x, y: f.pairwise_distance(x, y, p=1.0, keepdim=True),
    "pairwise-inf": lambda f, x, y: f.pairwise_distance(x, y, p=float("inf"), eps=0.1),
    "pairwise-broadcast": lambda f, x, y: f.pairwise_distance(x, y[1]),
    **{
        f"pairwise-complex-{p}": lambda f, x, y, p=p: f.pairwise_distance(*turned(x, y), p=p).double().float()
        for p in (0.5, 1, 2, 3, float("inf"))
    },
    "triplet-complex": lambda f, x, y: f.triplet_margin_loss(*turned(x, y), x * 1j, margin=5.0, swap=True).float(),
    "pairwise-vector": lambda f, x, y: f.pairwise_distance(x[0], y[0]),
}
for name, function in DISTANCES.items():

    def program(t, function=function):
        x, y = leaves(wave(t, 3, 4), wave(t, 3, 4, phase=1.0))
        made = function(t.nn.functional, x, y)
        (made * made).sum().backward()
        return made, x.grad, y.grad

    add(f"distance-{name}", program)
add("distance-names", lambda t: [
    f(*leaves(wave(t, 3, 4), wave(t, 3, 4)), *p).grad_fn.name()
    for f, *p in ((t.nn.functional.cosine_similarity,), (t.nn.functional.pairwise_distance,), (t.nn.functional.pairwise_distance, 3.0))
])  # fmt: skip
add("distance-int", lambda t: t.nn.functional.cosine_similarity(t.ones(1, 2).long(), t.ones(1, 2).long()))
add("distance-double", lambda t: t.nn.functional.cosine_similarity(wave(t, 2, 3), wave(t, 2, 3).double()))
add("distance-shapes", lambda t: t.nn.functional.cosine_similarity(wave(t, 2, 3), wave(t, 2, 4)))
add("distance-dim", lambda t: t.nn.functional.cosine_similarity(wave(t, 2, 3), wave(t, 2, 3), dim=3))

ONE_HOT = {
    "plain": lambda t: t.nn.functional.one_hot(t.tensor([[0, 2], [1, 1]])),
    "classes": lambda t: t.nn.functional.one_hot(t.tensor([0, 2]), 5),
    "scalar": lambda t: t.nn.functional.one_hot(t.tensor(2)),
    "too-few": lambda t: t.nn.functional.one_hot(t.tensor([0, 2]), 2),
    "negative": lambda t: t.nn.functional.one_hot(t.tensor([0, -2])),
    "zero-classes": lambda t: t.nn.functional.one_hot(t.tensor([0, 1]), 0),
    "negative-classes": lambda t: t.nn.functional.one_hot(t.tensor([0, 1]), -2),
    "empty": lambda t: t.nn.functional.one_hot(t.zeros(0).long()),
    "empty-classes": lambda t: t.nn.functional.one_hot(t.zeros(0).long(), 3),
    "empty-zero": lambda t: t.nn.functional.one_hot(t.zeros(0).long(), 0),
    "float": lambda t: t.nn.functional.one_hot(t.tensor([0.0])),
    "int32": lambda t: t.nn.functional.one_hot(t.tensor([0], dtype=t.int32)),
    "number": lambda t: t.nn.functional.one_hot(2),
}
for name, function in ONE_HOT.items():
    add(f"one_hot-{name}", function)

LAYERS = {
    "L1Loss": ("L1Loss(reduction='sum')", "xy"),
    "MSELoss": ("MSELoss()", "xy"),
    "SmoothL1Loss": ("SmoothL1Loss(beta=0.3)", "xy"),
    "HuberLoss": ("HuberLoss('none', 0.4)", "xy"),
    "CrossEntropyLoss": ("CrossEntropyLoss(t.ones(3), ignore_index=2, label_smoothing=0.1)", "xc"),
    "CrossEntropyLoss-none": ("CrossEntropyLoss(reduction='none')", "xc"),
    "NLLLoss": ("NLLLoss(t.ones(3) * 2)", "xc"),
    "NLLLoss2d": ("NLLLoss2d()", "xc"),
    "BCELoss": ("BCELoss(t.ones(3) * 2)", "pp"),
    "BCEWithLogitsLoss": ("BCEWithLogitsLoss(t.ones(3) * 2, pos_weight=t.ones(3) * 3)", "xp"),
    "KLDivLoss": ("KLDivLoss(reduction='batchmean', log_target=True)", "xy"),
    "PoissonNLLLoss": ("PoissonNLLLoss(full=True)", "xp"),
    "GaussianNLLLoss": ("GaussianNLLLoss(full=True)", "xyp"),
    "MarginRankingLoss": ("MarginRankingLoss(0.2)", "xys"),
    "HingeEmbeddingLoss": ("HingeEmbeddingLoss(0.4)", "xs"),
    "SoftMarginLoss": ("SoftMarginLoss()", "xs"),
    "CosineEmbeddingLoss": ("CosineEmbeddingLoss(0.1)", "xyc"),
    "MultiMarginLoss": ("MultiMarginLoss(2, 0.5, t.ones(3))", "xc"),
    "MultiLabelMarginLoss": ("MultiLabelMarginLoss()", "xm"),
    "MultiLabelSoftMarginLoss": ("MultiLabelSoftMarginLoss(t.ones(3))", "xp"),
    "TripletMarginLoss": ("TripletMarginLoss(p=1.0, swap=True)", "xyp"),
    "TripletMarginWithDistanceLoss": ("TripletMarginWithDistanceLoss(margin=0.5)", "xyp"),
    "CosineSimilarity": ("CosineSimilarity()", "xy"),
    "PairwiseDistance": ("PairwiseDistance(1.0, keepdim=True)", "xy"),
}
for name, (text, kinds) in LAYERS.items():

    def program(t, text=text, kinds=kinds):
        values = {
            "x": wave(t, 4, 3),
            "y": wave(t, 4, 3, phase=1.0),
            "c": t.arange(4) % 2,
            "p": unit(t, 4, 3),
            "s": wave(t, 4, 3).sign(),
            "m": (t.arange(12) % 4 - 1).reshape(4, 3),
        }
        m = eval("t.nn." + text, {"t": t})
        state = {k: v for k, v in vars(m).items() if isinstance(v, (int, float, str)) and not k.startswith("_")}
        return repr(m), m(*(values[k] for k in kinds)), list(m.state_dict()), dict(sorted(state.items()))

    add(f"layer-{name}", program)
add(
    "layer-flags", lambda t: (t.nn.MSELoss(size_average=False).reduction, t.nn.CrossEntropyLoss(reduce=False).reduction)
)
add("layer-word", lambda t: t.nn.MSELoss(reduction="x")(t.ones(1), t.ones(1)))
add("layer-triplet-margin", lambda t: t.nn.TripletMarginLoss(margin=0))
add("layer-triplet-distance-margin", lambda t: t.nn.TripletMarginWithDistanceLoss(margin=0))
add("layer-multi-margin-p", lambda t: t.nn.MultiMarginLoss(p=3))
add("layer-multi-margin-weight", lambda t: t.nn.MultiMarginLoss(weight=t.ones(2, 2)))


#: Elsewhere looking at the values would cost a synchronisation.
LOOKED_AT_ON_THE_CPU = {
    *(f"classes-{n}" for n in ("range", "range-negative", "range-4d", "range-among-ignored", "no-classes")),
    *(f"binary-{n}" for n in ("range", "target-range", "nan")),
    *("other-multi-margin-range", "other-multilabel-range", "one_hot-too-few"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    if name in LOOKED_AT_ON_THE_CPU and plugrad.ones(1)._xp.device_type != "cpu":
        pytest.skip("the values are looked at on the cpu only")
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=2e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


# --- derivatives of order 1 and 2 ---
#: Those whose constants, as the programs above give them, follow the inputs.
FOLLOWING = {name for name in DIFFERENCES if name.startswith(("triplet", "gaussian")) or "weight" in name}
FIXED = {
    "triplet_margin_loss": lambda f, x, y, **o: f.triplet_margin_loss(x, y, y.flip(1), **o),
    "triplet_margin_loss-swap": lambda f, x, y, **o: f.triplet_margin_loss(
        x, y, y.flip(1), margin=2.0, p=3.0, swap=True, **o
    ),
    "gaussian_nll_loss": lambda f, x, y, **o: f.gaussian_nll_loss(x, y, y.exp(), **o),
    "bce_with_logits-weights": lambda f, x, y, **o: f.binary_cross_entropy_with_logits(
        x, y.sigmoid(), on(np.linspace(0.5, 1.5, 4)), pos_weight=on(np.linspace(2.5, 0.5, 4)), **o
    ),
    "binary_cross_entropy-weight": lambda f, x, y, **o: f.binary_cross_entropy(
        x.sigmoid(), y.sigmoid(), on(np.linspace(0.5, 1.5, 4)), **o
    ),
}
SMOOTH = {name: f for name, f in DIFFERENCES.items() if name not in FOLLOWING} | FIXED


@pytest.mark.device
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_derivatives(name):
    rng = np.random.default_rng(0)
    x, y = (on(rng.standard_normal((3, 4)) + 0.1, requires_grad=True) for _ in range(2))
    function = lambda x, y: SMOOTH[name](F, x, y, reduction="sum")  # noqa: E731
    assert gradcheck(function, (x, y))
    assert gradgradcheck(function, (x, y))


@pytest.mark.device
@pytest.mark.parametrize(
    "options", [{}, {"weight": True}, {"label_smoothing": 0.2}, {"weight": True, "label_smoothing": 0.2}]
)
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 2), (2, 3, 2, 2)])
def test_derivatives_of_cross_entropy(shape, options):
    rng = np.random.default_rng(0)
    x = on(rng.standard_normal(shape), requires_grad=True)
    places = () if len(shape) == 1 else (shape[0], *shape[2:])
    target = rng.integers(0, 3, places)
    if places:
        target.reshape(-1)[0] = -100
    options = options | ({"weight": on(rng.uniform(0.5, 1.5, 3))} if "weight" in options else {})
    for t in (on(target), on(rng.uniform(0, 1, shape))):
        assert gradcheck(lambda x, t=t: F.cross_entropy(x, t, **options), (x,))
        assert gradgradcheck(lambda x, t=t: F.cross_entropy(x, t, **options), (x,))


# --- sizes that leave one block ---
@pytest.mark.device
@pytest.mark.parametrize("shape", [(3000, 10), (50, 1000), (2, 40001), (4, 7, 500), (3, 5, 40, 40)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_large_cross_entropy(shape, reduction):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) * 3
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.reshape(-1)[::7] = -100
    safe = np.where(target < 0, 0, target)
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    picked = np.take_along_axis(p, safe[:, None], 1)[:, 0]
    losses = np.where(target < 0, 0, -np.log(picked))
    divisor = (target >= 0).sum() if reduction == "mean" else 1
    gradient = (
        (p - (np.arange(shape[1]).reshape(-1, *[1] * (len(shape) - 2)) == safe[:, None]))
        * (target >= 0)[:, None]
        / divisor
    )
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-4)):
        given = on(x.astype(dtype), requires_grad=True)
        loss = F.cross_entropy(given, on(target), reduction=reduction)
        expected = losses if reduction == "none" else losses.sum() / divisor
        assert_values(loss.detach()._host(), expected, rtol=tolerance, atol=tolerance / 100)
        loss.sum().backward()
        assert_close(given.grad, gradient.astype(dtype), rtol=tolerance, atol=tolerance / 100)


@pytest.mark.device
def test_a_target_out_of_range_leaves_the_input_alone():
    x = on(np.zeros((2, 3), np.float32), requires_grad=True)
    if x._xp.device_type != "cpu":
        pytest.skip("elsewhere looking at the targets would cost a synchronisation")
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        F.cross_entropy(x, on(np.array([0, 3])))
    F.cross_entropy(x, on(np.array([0, 2]))).backward()
    assert x.grad.shape == (2, 3)
