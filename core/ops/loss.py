"""Losses: one row each. Class indices and weights are constants: raw arrays among the static arguments."""

from ..compile import elementwise, general, linear


def bad_class(x, target, weight, reduction, ignore_index):
    """torch's error for a target that is no class; asked for once the backend's indexing has failed."""
    xp, classes = x._xp, x._a.shape[min(x.dim(), 2) - 1]
    bad = xp.logical_and(target != ignore_index, xp.logical_or(target < 0, target >= classes))
    found = [t for t, b in zip(*(xp.to_host(a).reshape(-1).tolist() for a in (target, bad)), strict=True) if b]
    return IndexError(f"Target {found[0]} is out of bounds.") if found else None


def opposite(g, needs):
    """The gradients of f(x - y) for x and y, from the one for x."""
    return g, -g if needs[1] else None


scaled = elementwise(
    "scaled(x, *, factor)",
    lambda xp, g, factor: xp.scaled(g, factor),
    doc="x times a constant array",
    node="MulBackward0",
)
divided_ = linear(
    "divided_(x, *, divisor)",
    lambda g, divisor: g / divisor,
    doc="x divided by a number",
    xp="divided",
    node="DivBackward1",
)
at_least_zero = elementwise(
    "at_least_zero(x)",
    lambda xp, g, x: g * xp.inside(x, 0, None),
    doc="max(x, 0); derivative 1 at 0",
    node="ClampMinBackward0",
)
mse_loss_ = general(
    "mse_loss_(x, y, *, reduction)",
    vjp=lambda xp, g, x, y, reduction, needs: opposite(xp.mse_loss_grad(g, x, y, reduction), needs),
    doc="(x - y)²",
    xp="mse_loss",
    node="MseLossBackward0",
)
smooth_l1_loss_ = general(
    "smooth_l1_loss_(x, y, *, reduction, beta)",
    vjp=lambda xp, g, x, y, reduction, beta, needs: opposite(xp.smooth_l1_loss_grad(g, x, y, reduction, beta), needs),
    doc="(x - y)²/2β where |x - y| < β, |x - y| - β/2 elsewhere",
    xp="smooth_l1_loss",
    node="SmoothL1LossBackward0",
)
huber_loss_ = general(
    "huber_loss_(x, y, *, reduction, delta)",
    vjp=lambda xp, g, x, y, reduction, delta, needs: opposite(xp.huber_loss_grad(g, x, y, reduction, delta), needs),
    doc="(x - y)²/2 where |x - y| <= δ, δ(|x - y| - δ/2) elsewhere",
    xp="huber_loss",
    node="HuberLossBackward0",
)
soft_margin_loss_ = general(
    "soft_margin_loss_(x, *, target, reduction)",
    lambda xp, g, x, target, reduction: xp.soft_margin_loss_grad(g, x, target, reduction),
    doc="log(1 + exp(-target · x))",
    xp="soft_margin_loss",
    node="SoftMarginLossBackward0",
)
binary_cross_entropy_ = general(
    "binary_cross_entropy_(x, y, *, weight, reduction)",
    vjp=lambda xp, g, x, y, weight, reduction: xp.binary_cross_entropy_grad(g, x, y, weight, reduction),
    doc="-w (y log x + (1 - y) log(1 - x))",
    xp="binary_cross_entropy",
    node="BinaryCrossEntropyBackward0",
)
binary_cross_entropy_with_logits_ = general(
    "binary_cross_entropy_with_logits_(x, y, *, weight, pos_weight, reduction)",
    vjp=lambda xp, g, x, y, weight, pos_weight, reduction: xp.binary_cross_entropy_with_logits_grad(
        g, x, y, weight, pos_weight, reduction
    ),
    doc="-w (p y log s + (1 - y) log(1 - s)) with s = sigmoid(x)",
    xp="binary_cross_entropy_with_logits",
    node="BinaryCrossEntropyWithLogitsBackward0",
)
xlogy = elementwise(
    "xlogy(x, y)",
    lambda xp, g, x, y: g * xp.log_where(x, y),
    lambda g, x, y: g * (x / y),
    doc="x · log y, 0 where x is 0",
    result="float",
)
nll_loss_ = linear(
    "nll_loss_(x, *, target, weight, reduction, ignore_index)",
    lambda xp, g, x_shape, target, weight, reduction, ignore_index: xp.nll_loss_backward(
        g, target, weight, reduction, ignore_index, x_shape
    ),
    doc="-w · x at the target class",
    xp="nll_loss",
    node="NllLossBackward0",
    check=bad_class,
)
nll_loss2d_ = linear(
    "nll_loss2d_(x, *, target, weight, reduction, ignore_index)",
    lambda xp, g, x_shape, target, weight, reduction, ignore_index: xp.nll_loss_backward(
        g, target, weight, reduction, ignore_index, x_shape
    ),
    doc="-w · x at the target class, for images",
    xp="nll_loss",
    node="NllLoss2DBackward0",
    check=bad_class,
)
nll_loss_backward = linear(
    "nll_loss_backward(x, *, target, weight, reduction, ignore_index, shape)",
    lambda xp, g, target, weight, reduction, ignore_index: xp.nll_loss(g, target, weight, reduction, ignore_index),
    doc="zeros of a shape with -w · x at the target class",
)
multi_margin_loss_ = general(
    "multi_margin_loss_(x, *, hot, factor, margin, p, reduction)",
    lambda xp, g, x, hot, factor, margin, p, reduction: xp.multi_margin_loss_grad(
        g, x, hot, factor, margin, p, reduction
    ),
    doc="sum of factor · max(0, margin - x[target] + x)^p over the other classes",
    xp="multi_margin_loss",
    node="MultiMarginLossBackward0",
)
multilabel_margin_loss_ = general(
    "multilabel_margin_loss_(x, *, pairs, reduction)",
    lambda xp, g, x, pairs, reduction: xp.multilabel_margin_loss_grad(g, x, pairs, reduction),
    doc="sum of pairs[k, i] · max(0, 1 - x[k] + x[i]) over pairs of classes",
    xp="multilabel_margin_loss",
    node="MultilabelMarginLossBackward0",
)
