"""Samples, numpy references and torch counterparts of activations, normalizations and losses."""

import math

import numpy as np

from plugrad_op_samples import away_from, between, each, normal, of_shape, unary

SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

off_zero = away_from(0.0)


# --- activations ---
def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x):
    return SCALE * elu(x, ALPHA)


def celu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x / alpha, 0)))


def prelu_pairs():
    shapes = (((2, 3), (2, 3)), ((2, 3), (1, 3)), ((2, 3), ()), ((0, 3), (1, 3)), ((), ()))
    return [lambda rng, s=pair: ([off_zero(rng, s[0]), rng.uniform(0.1, 1.0, s[1])], ()) for pair in shapes]


def with_array(draw, draw_static, *statics, shapes=((2, 3), (), (0, 3))):
    """A constant array among the static arguments, of the shape of the input."""
    return [lambda rng, s=shape: ([draw(rng, s)], (draw_static(rng, s), *statics)) for shape in shapes]


def glu(x, axis):
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


# --- normalizations ---
def channels(shape, values):
    """A value per channel in a shape that broadcasts."""
    return values.reshape([1, shape[1]] + [1] * (len(shape) - 2))


def batch_norm(x, weight, bias, running_mean, running_var, training, eps):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    mean, var = (x.mean(axes), x.var(axes)) if training else (running_mean, running_var)
    y = (x - channels(x.shape, mean)) / np.sqrt(channels(x.shape, var) + eps)
    return affine(y, weight, bias, lambda a: channels(x.shape, a)), mean, var


def layer_norm(x, weight, bias, axes, eps):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return affine((x - mean) / np.sqrt(var + eps), weight, bias, lambda a: a), mean, var


def group_norm(x, weight, bias, groups, eps):
    grouped = x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    mean, var = grouped.mean(2), grouped.var(2)
    y = ((grouped - mean[..., None]) / np.sqrt(var[..., None] + eps)).reshape(x.shape)
    return affine(y, weight, bias, lambda a: channels(x.shape, a)), mean, var


def rms_norm(x, weight, axes, eps):
    square = (x * x).mean(axes, keepdims=True)
    y = x / np.sqrt(square + eps)
    return (y if weight is None else y * weight), square


def affine(y, weight, bias, shaped):
    y = y if weight is None else y * shaped(weight)
    return y if bias is None else y + shaped(bias)


def batch_norm_samples():
    samples = []
    for shape in ((4, 3), (2, 3, 5), (2, 3, 2, 3), (3, 1, 2)):
        for training in (True, False):
            for weight, bias in ((True, True), (False, True), (False, False)):
                samples.append(lambda rng, s=shape, t=training, w=weight, b=bias: batch_norm_case(rng, s, t, w, b))
    return samples


def batch_norm_case(rng, shape, training, weight, bias):
    c = shape[1]
    inputs = [rng.standard_normal(shape) * 2 + 1, parameter(rng, (c,), weight), parameter(rng, (c,), bias)]
    return inputs, (rng.standard_normal(c), rng.uniform(0.5, 2.0, c), training, 1e-5)


def parameter(rng, shape, wanted):
    return rng.uniform(0.5, 1.5, shape) if wanted else None


def layer_norm_samples():
    cases = [((4, 6), (1,)), ((2, 3, 5), (2,)), ((2, 3, 4), (1, 2)), ((5,), (0,)), ((0, 3), (1,))]
    return [
        lambda rng, s=shape, a=axes, w=weight, b=bias: (
            [rng.standard_normal(s) * 2 + 1, parameter(rng, s[a[0] :], w), parameter(rng, s[a[0] :], b)],
            (a, 1e-5),
        )
        for shape, axes in cases
        for weight, bias in ((True, True), (True, False), (False, False))
    ]


def rms_norm_samples():
    cases = [((4, 6), (1,)), ((2, 3, 4), (1, 2)), ((5,), (0,)), ((0, 3), (1,))]
    return [
        lambda rng, s=shape, a=axes, w=weight: ([rng.standard_normal(s), parameter(rng, s[a[0] :], w)], (a, 1e-6))
        for shape, axes in cases
        for weight in (True, False)
    ]


def group_norm_samples():
    cases = [((4, 6), 2), ((2, 6, 5), 3), ((2, 4, 2, 3), 1), ((2, 3, 4), 3), ((0, 4, 2), 2)]
    return [
        lambda rng, s=shape, g=groups, w=weight, b=bias: (
            [rng.standard_normal(s) * 2 + 1, parameter(rng, s[1:2], w), parameter(rng, s[1:2], b)],
            (g, 1e-5),
        )
        for shape, groups in cases
        for weight, bias in ((True, True), (False, True), (False, False))
    ]


# --- losses ---
REDUCTIONS = ("none", "mean", "sum")


def reduced(loss, reduction):
    return np.asarray({"none": lambda: loss, "mean": loss.mean, "sum": loss.sum}[reduction]())


def pairs(*statics, shapes=((2, 3), (), (4,)), low=-2.0, high=2.0, kink=None):
    """Two operands whose difference keeps away from 0 and ±kink."""

    def sample(rng, shape, reduction):
        y = rng.uniform(low, high, shape)
        kinks = (0.0,) if kink is None else (0.0, kink, -kink)
        return [y + away_from(*kinks)(rng, shape), y], (reduction, *statics)

    return [lambda rng, s=shape, r=reduction: sample(rng, s, r) for shape in shapes for reduction in REDUCTIONS]


def huber(x, y, reduction, delta):
    d = np.abs(x - y)
    return reduced(np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def smooth_l1(x, y, reduction, beta):
    return np.asarray(huber(x, y, reduction, beta) / beta)


def bce_samples():
    def sample(rng, shape, weighted, reduction):
        x, y = rng.uniform(0.05, 0.95, (2, *shape))
        return [x, y], (rng.uniform(0.5, 1.5, shape[-1:]) if weighted else None, reduction)

    return [
        lambda rng, s=shape, w=weighted, r=reduction: sample(rng, s, w, r)
        for shape in ((2, 3), (4,))
        for weighted in (True, False)
        for reduction in REDUCTIONS
    ]


def bce(x, y, weight, reduction):
    loss = -(y * np.log(x) + (1 - y) * np.log(1 - x))
    return reduced(loss if weight is None else loss * weight, reduction)


def bce_logits_samples():
    def sample(rng, weighted, positive, reduction):
        x, y = rng.uniform(-3, 3, (2, 3)), rng.uniform(0, 1, (2, 3))
        weights = [rng.uniform(0.5, 1.5, (3,)) if wanted else None for wanted in (weighted, positive)]
        return [x, y], (*weights, reduction)

    return [
        lambda rng, w=weighted, p=positive, r=reduction: sample(rng, w, p, r)
        for weighted in (True, False)
        for positive in (True, False)
        for reduction in REDUCTIONS
    ]


def bce_logits(x, y, weight, pos_weight, reduction):
    p = 1.0 if pos_weight is None else pos_weight
    loss = p * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
    return reduced(loss if weight is None else loss * weight, reduction)


def class_samples(shapes, backward=False):
    """Class indices with some ignored ones."""

    def sample(rng, shape, weighted, reduction):
        classes = shape[0] if len(shape) == 1 else shape[1]
        places = () if len(shape) == 1 else (shape[0], *shape[2:])
        target = rng.integers(0, classes, places)
        if places:
            target.reshape(-1)[-1] = -100
        weight = rng.uniform(0.5, 1.5, classes) if weighted else None
        if backward:
            given = normal(rng, places if reduction == "none" else ())
            return [given], (target, weight, reduction, -100, shape)
        return [normal(rng, shape)], (target, weight, reduction, -100)

    return [
        lambda rng, s=shape, w=weighted, r=reduction: sample(rng, s, w, r)
        for shape in shapes
        for weighted in (True, False)
        for reduction in REDUCTIONS
    ]


def nll(x, target, weight, reduction, ignore_index):
    x = np.moveaxis(x, 1, -1) if x.ndim > 1 else x
    valid = target != ignore_index
    safe = np.where(valid, target, 0)
    factors = valid * (1.0 if weight is None else weight[safe])
    loss = -np.take_along_axis(x, safe[..., None], -1)[..., 0] * factors
    if reduction == "none":
        return loss
    return np.asarray(loss.sum() if reduction == "sum" else loss.sum() / factors.sum())


def nll_transposed(g, target, weight, reduction, ignore_index, shape):
    """The gradient of the sum of g · nll, by its linearity: one class at a time."""
    out = np.zeros(shape)
    for place in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        out[place] = (g * nll(unit, target, weight, reduction, ignore_index)).sum()
    return out


def margin_samples(p):
    def sample(rng, reduction):
        x = np.array([[0.1, 0.9, -0.4], [1.7, 0.2, 0.5]]) + rng.uniform(-0.02, 0.02, (2, 3))
        hot = np.eye(3)[[0, 2]]
        return [x], (hot, (1 - hot) / 3 * rng.uniform(0.5, 1.5, (2, 1)), 0.7, p, reduction)

    return [lambda rng, r=reduction: sample(rng, r) for reduction in REDUCTIONS]


def multi_margin(x, hot, factor, margin, p, reduction):
    over = np.maximum(margin - (x * hot).sum(1, keepdims=True) + x, 0) ** p
    return reduced((over * factor).sum(1), reduction)


def multilabel_samples():
    def sample(rng, reduction):
        x = np.array([[0.1, 0.9, -0.4], [1.7, 0.2, 0.5]]) + rng.uniform(-0.02, 0.02, (2, 3))
        listed = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
        return [x], (listed[:, :, None] * (1 - listed)[:, None, :] / 3, reduction)

    return [lambda rng, r=reduction: sample(rng, r) for reduction in REDUCTIONS]


def multilabel(x, factor, reduction):
    over = np.maximum(1 - x[:, :, None] + x[:, None, :], 0)
    return reduced((over * factor).sum((1, 2)), reduction)


def xlogy_pairs():
    shapes = (((2, 3), (2, 3)), ((2, 3), (3,)), ((), (2,)), ((0, 3), (1, 3)))
    return [lambda rng, s=pair: ([rng.uniform(0.2, 2, s[0]), rng.uniform(0.2, 2, s[1])], ()) for pair in shapes]


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


SAMPLES = {
    "selu": unary(off_zero),
    "celu": unary(off_zero, 1.0) + unary(off_zero, 0.5),
    "mish": unary(between(-4, 4)),
    "hardsigmoid": unary(away_from(-3.0, 3.0, low=-5, high=5)),
    "hardswish": unary(away_from(-3.0, 3.0, low=-5, high=5)),
    "threshold_": unary(away_from(0.5), 0.5, 9.0) + unary(away_from(-0.3), -0.3, -2.0),
    "softshrink": unary(away_from(-0.5, 0.5), 0.5),
    "hardshrink": unary(away_from(-0.5, 0.5), 0.5),
    "prelu_kernel": prelu_pairs(),
    "rrelu_with_noise": with_array(off_zero, between(0.1, 0.4)),
    "rrelu_in_place": with_array(off_zero, between(0.1, 0.4)),
    "glu_": each(normal, (0,), (1,), (2,), (of_shape(0, 4), 1), shape=(2, 4, 6)),
    "leaky_relu_in_place": unary(off_zero, 0.01) + unary(off_zero, 0.3),
    "elu_in_place": unary(off_zero, 1.0) + unary(off_zero, 0.7),
    "selu_in_place": unary(off_zero),
    "celu_in_place": unary(off_zero, 1.0) + unary(off_zero, 0.5),
    "threshold_in_place": unary(away_from(0.5), 0.5, 0.1),
    "batch_norm_": batch_norm_samples(),
    "layer_norm_": layer_norm_samples(),
    "group_norm_": group_norm_samples(),
    "rms_norm_": rms_norm_samples(),
    "distance_norm_": each(away_from(0.0), ((1,), False), ((1,), True), ((0, 1), False), (of_shape(3), (0,), False)),
    "scaled": with_array(normal, normal),
    "at_least_zero": unary(off_zero),
    "divided_": unary(normal, 4.0),
    "mse_loss_": pairs(),
    "smooth_l1_loss_": pairs(1.0, kink=1.0) + pairs(0.5, kink=0.5),
    "huber_loss_": pairs(1.0, kink=1.0) + pairs(0.5, kink=0.5),
    "soft_margin_loss_": [s for r in REDUCTIONS for s in with_array(normal, signs, r, shapes=((2, 3), (4,)))],
    "binary_cross_entropy_": bce_samples(),
    "binary_cross_entropy_with_logits_": bce_logits_samples(),
    "xlogy": xlogy_pairs(),
    "nll_loss_": class_samples([(4, 3), (3,)]),
    "nll_loss2d_": class_samples([(2, 3, 2, 3)]),
    "nll_loss_backward": class_samples([(4, 3), (3,), (2, 3, 2, 3)], backward=True),
    "multi_margin_loss_": margin_samples(1) + margin_samples(2),
    "multilabel_margin_loss_": multilabel_samples(),
}

REFERENCES = {
    "selu": selu,
    "celu": celu,
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "threshold_": lambda x, threshold, value: np.where(x > threshold, x, value),
    "softshrink": lambda x, bound: np.sign(x) * np.maximum(np.abs(x) - bound, 0),
    "hardshrink": lambda x, bound: np.where(np.abs(x) > bound, x, 0),
    "prelu_kernel": lambda x, y: np.where(x > 0, x, y * x),
    "rrelu_with_noise": lambda x, noise: x * noise,
    "rrelu_in_place": lambda x, noise: x * noise,
    "glu_": glu,
    "leaky_relu_in_place": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu_in_place": elu,
    "selu_in_place": selu,
    "celu_in_place": celu,
    "threshold_in_place": lambda x, threshold, value: np.where(x > threshold, x, value),
    "batch_norm_": batch_norm,
    "layer_norm_": layer_norm,
    "group_norm_": group_norm,
    "rms_norm_": rms_norm,
    "distance_norm_": lambda x, axes, keepdims: np.sqrt((x * x).sum(axes, keepdims=keepdims)),
    "scaled": lambda x, factor: x * factor,
    "at_least_zero": lambda x: np.maximum(x, 0),
    "divided_": lambda x, divisor: x / divisor,
    "mse_loss_": lambda x, y, reduction: reduced((x - y) ** 2, reduction),
    "smooth_l1_loss_": smooth_l1,
    "huber_loss_": huber,
    "soft_margin_loss_": lambda x, target, reduction: reduced(np.logaddexp(0, -target * x), reduction),
    "binary_cross_entropy_": bce,
    "binary_cross_entropy_with_logits_": bce_logits,
    "xlogy": lambda x, y: x * np.log(y),
    "nll_loss_": nll,
    "nll_loss2d_": nll,
    "nll_loss_backward": nll_transposed,
    "multi_margin_loss_": multi_margin,
    "multilabel_margin_loss_": multilabel,
}


def functional(name):
    """The function of torch.nn.functional with the op's arguments."""
    return lambda torch, *arguments: getattr(torch.nn.functional, name)(*arguments)


def torch_statistics(x, axes, keepdim=False):
    x = x.detach()
    mean = x.mean(axes, True)
    var = ((x - mean) ** 2).mean(axes, keepdim)
    return mean.reshape(var.shape), var


def torch_batch_norm(torch, x, weight, bias, mean, var, training, eps):
    y = torch.nn.functional.batch_norm(x, mean.to(x.dtype), var.to(x.dtype), weight, bias, training, 0.0, eps)
    if not training:
        return y, mean.to(x.dtype), var.to(x.dtype)
    return y, *torch_statistics(x, tuple(i for i in range(x.dim()) if i != 1))


def torch_layer_norm(torch, x, weight, bias, axes, eps):
    y = torch.nn.functional.layer_norm(x, x.shape[axes[0] :], weight, bias, eps)
    return y, *torch_statistics(x, axes, True)


def torch_group_norm(torch, x, weight, bias, groups, eps):
    y = torch.nn.functional.group_norm(x, groups, weight, bias if weight is not None else None, eps)
    if weight is None and bias is not None:  # torch fails: "tensor does not have a device"
        y = y + channels(x.shape, bias)
    return y, *torch_statistics(x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups), 2)


def torch_rms_norm(torch, x, weight, axes, eps):
    y = torch.nn.functional.rms_norm(x, x.shape[axes[0] :], weight, eps)
    return y, (x.detach() ** 2).mean(axes, keepdim=True)


def torch_nll(torch, x, target, weight, reduction, ignore_index):
    weight = None if weight is None else weight.to(x.dtype)
    return torch.nn.functional.nll_loss(x, target, weight, reduction=reduction, ignore_index=ignore_index)


TORCH = {
    **{name: functional(name) for name in ("selu", "celu", "mish", "hardswish", "softshrink", "hardshrink")},
    # not hardsigmoid: torch's derivative in float64 is 1/6 rounded to float32
    "threshold_": functional("threshold"),
    "glu_": functional("glu"),
    "leaky_relu_in_place": functional("leaky_relu"),
    "elu_in_place": functional("elu"),
    "selu_in_place": functional("selu"),
    "celu_in_place": functional("celu"),
    "threshold_in_place": functional("threshold"),
    "prelu_kernel": lambda torch, x, y: torch.where(x > 0, x, x * y),
    "batch_norm_": torch_batch_norm,
    "layer_norm_": torch_layer_norm,
    "group_norm_": torch_group_norm,
    "rms_norm_": torch_rms_norm,
    "distance_norm_": lambda torch, x, axes, keepdims: torch.norm(x, 2, axes, keepdims),
    "mse_loss_": lambda torch, x, y, reduction: torch.nn.functional.mse_loss(x, y, reduction=reduction),
    "smooth_l1_loss_": lambda torch, x, y, reduction, beta: torch.nn.functional.smooth_l1_loss(
        x, y, reduction=reduction, beta=beta
    ),
    "huber_loss_": lambda torch, x, y, reduction, delta: torch.nn.functional.huber_loss(x, y, reduction, delta),
    "soft_margin_loss_": lambda torch, x, target, reduction: torch.nn.functional.soft_margin_loss(
        x, target.to(x.dtype), reduction=reduction
    ),
    "binary_cross_entropy_": lambda torch, x, y, weight, reduction: torch.nn.functional.binary_cross_entropy(
        x, y, None if weight is None else weight.to(x.dtype), reduction=reduction
    ),
    "binary_cross_entropy_with_logits_": lambda torch, x, y, weight, pos_weight, reduction: (
        torch.nn.functional.binary_cross_entropy_with_logits(
            x, y, *(None if w is None else w.to(x.dtype) for w in (weight,)), reduction=reduction,
            pos_weight=None if pos_weight is None else pos_weight.to(x.dtype),
        )
    ),
    "xlogy": lambda torch, x, y: torch.xlogy(x, y),
    "nll_loss_": torch_nll,
    "nll_loss2d_": torch_nll,
}  # fmt: skip
