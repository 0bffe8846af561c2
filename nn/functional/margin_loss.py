"""Losses of pairs, triplets and margins."""

from ...core import dtypes
from ...core.errors import broadcast_failure, scalar_name
from ...core.ops import loss as rows
from ...core.ops.elementwise import minimum
from ...core.ops.reshaping import broadcast_tensors
from ...core.shapes import dtype_of, need_tensors, numel_of, rank_of, shape_of
from ...core.slow import result_type
from ...core.watching import watch
from .distance import pairwise_distance
from .loss import not_differentiable
from .reduction import reduced, reduction_of

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Mean of max(0, -target · (input1 - input2) + margin); target is 1 where input1 should be the larger one, else -1.

    Raises:
        RuntimeError: the numbers of dimensions differ.

    Example:
        >>> import plugrad
        >>> one = plugrad.ones(1)
        >>> plugrad.nn.functional.margin_ranking_loss(one, 2 * one, one)
        tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if rank_of(input1) != rank_of(input2) or rank_of(input1) != rank_of(target):
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced(rows.at_least_zero(-target * (input1 - input2) + margin), reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """Mean of input where target is 1, and of max(0, margin - input) where it is -1.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.hinge_embedding_loss(plugrad.tensor([0.5, 0.8]), plugrad.tensor([1, -1]))
        tensor(0.3500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    far = rows.at_least_zero(margin - input).masked_fill(target == 1, 0.0)
    near = input.masked_fill(target == -1, 0.0)
    return reduced(far + near, reduction)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Mean of log(1 + exp(-target · input)); target is 1 or -1.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.soft_margin_loss(plugrad.zeros(1), plugrad.ones(1))
        tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    need_tensors(input, target)
    if target.requires_grad:
        raise not_differentiable("soft_margin_loss", "target")
    found = dtypes.promote_types(result_type((input, target)), dtypes.float32)
    if found.kind > dtype_of(input).kind:
        raise RuntimeError(
            f"result type {scalar_name(found)} can't be cast to the desired output type {scalar_name(input.dtype)}"
        )
    if target._a.shape != input._a.shape:
        target = _of_shape(target, input)
    return watch(rows.soft_margin_loss_(input, target.to(input.dtype)._a, reduction), target)


def _of_shape(target, input):
    """A constant broadcast to the shape of input, which itself must not grow."""
    error = broadcast_failure([input._a.shape, target._a.shape])
    if error is not None:
        raise error
    wide = broadcast_tensors(input.detach(), target)[1]
    if wide._a.shape != input._a.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(wide.shape)}"
        )
    return wide


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Binary cross entropy of sigmoid(input), its mean over the classes (the last dimension) and then the samples.

    Args:
        weight: (C), a factor per class.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.multilabel_soft_margin_loss(plugrad.zeros(1, 2), plugrad.tensor([[1.0, 0.0]]))
        tensor(0.6931)
    """
    from .activation import logsigmoid

    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(dim=input.dim() - 1) / input.size(-1)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    return reduced(loss, reduction)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Mean of 1 - cos where target is 1, and of max(0, cos - margin) where it is -1, cos between two vectors.

    Shapes:
        (N, D), (N, D), (N) → (); (D), (D), () → ()

    Raises:
        RuntimeError: the shapes do not fit.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([[1.0, 0.0]])
        >>> plugrad.nn.functional.cosine_embedding_loss(x, x.flip(1), plugrad.tensor([1]))
        tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    rank = rank_of(target)
    if rank > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != rank + 1 or input2.dim() != rank + 1:
        raise RuntimeError(
            f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and "
            f"{list(input2.shape)}."
        )
    product = (input1 * input2).sum(rank)
    size1 = (input1 * input1).sum(rank) + 1e-12
    size2 = (input2 * input2).sum(rank) + 1e-12
    cosine = product / (size1 * size2).sqrt()
    near = (1 - cosine).masked_fill(target != 1, 0.0)
    far = rows.at_least_zero(cosine - margin).masked_fill(target != -1, 0.0)
    return reduced(near + far, reduction)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Mean over the samples of Σ weight[target] · max(0, margin - input[target] + input)^p / C over the other classes.

    Args:
        input: (N, C) or (C).
        target: class indices (N) or ().
        p: 1 or 2.
        weight: (C), a factor per class.

    Raises:
        ValueError: p is neither 1 nor 2, or weight has more than one dimension.
        RuntimeError: shapes or dtypes do not fit, or a target is not a class.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.multi_margin_loss(plugrad.tensor([[0.5, 1.0]]), plugrad.tensor([0]))
        tensor(0.7500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    _check_multi_margin(input, target, weight)
    xp = input._xp
    n, c = (1, input.numel()) if input.dim() < 2 else input._a.shape
    index = xp.reshape(target._a, (n, 1))
    hot = xp.astype(index == xp.reshape(xp.arange(0, c, 1, xp.int64), (1, c)), input._a.dtype)
    factor = (1.0 - hot) * (1.0 / c)
    if weight is not None:
        factor = factor * xp.getitem(weight._a, (index,))
    loss = watch(rows.multi_margin_loss_(input.reshape(n, c), hot, factor, margin, p, reduction), target)
    return loss.reshape(()) if loss.dim() > max(input.dim() - 1, 0) else loss


def _check_multi_margin(input, target, weight):
    shape = list(shape_of(input))
    _check_rows(shape)
    n, c = (1, input.numel()) if input.dim() < 2 else shape
    if numel_of(target) != n or target.dim() > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected "
            f"target size [{n}], but got {list(target.shape)}. Input has shape {shape}."
        )
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and weight.numel() != c:
        raise RuntimeError(f"inconsistent weight size, expected {c} but got {list(weight.shape)}")
    _check_kernel("multi_margin_loss_cpu_kernel", input, target)
    if input._xp.values_at_hand and bool(((target < 0) | (target >= c)).any()):
        raise RuntimeError("target out of range")


def _check_rows(shape):
    if len(shape) > 2 or 0 in shape[-1:]:
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {shape}")


def _check_kernel(name, input, target):
    if not input.is_floating_point():
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")
    if target.dtype is not dtypes.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_name(target.dtype)}")


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Mean over the samples of Σ max(0, 1 - input[k] + input[i]) / C over the target classes k and the others i.

    Args:
        input: (N, C) or (C).
        target: of the same shape; each row lists class indices up to the first -1.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or a target is not a class.

    Example:
        >>> import plugrad
        >>> scores = plugrad.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> plugrad.nn.functional.multilabel_margin_loss(scores, plugrad.tensor([[3, 0, -1, 1]]))
        tensor(0.8500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    shape = list(shape_of(input))
    _check_rows(shape)
    if shape_of(target) != input._a.shape and not (input.dim() + target.dim() == 1 and target.numel() == 1):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {shape}")
    _check_kernel("multilabel_margin_loss_forward_out_frame", input, target)
    n, c = (1, input.numel()) if input.dim() < 2 else shape
    xp = input._xp
    if xp.values_at_hand and bool(((target < -1) | (target >= c)).any()):
        raise RuntimeError("argument #2 'target' is out of range")
    loss = rows.multilabel_margin_loss_(
        input.reshape(n, c), _pair_factors(xp, target._a, input._a.dtype, n, c), reduction
    )
    loss = watch(loss, target)
    return loss.reshape(()) if loss.dim() > max(input.dim() - 1, 0) else loss


def _pair_factors(xp, target, dtype, n, c):
    """(N, C, C): how often class k is listed, divided by C, where class i is not listed."""
    target = xp.reshape(target, (n, c))
    listed = xp.cumulative_sum(xp.astype(target == -1, xp.int64), 1) == 0
    classes = xp.reshape(xp.arange(0, c, 1, xp.int64), (1, 1, c))
    found = xp.logical_and(xp.expand_dims(target, 2) == classes, xp.expand_dims(listed, 2))
    times = xp.sum(xp.astype(found, dtype), (1,), False)
    return xp.expand_dims(times, 2) * xp.expand_dims(xp.astype(times == 0, dtype), 1) * (1.0 / c)


def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """Mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), d the distance of :func:`pairwise_distance`.

    Args:
        p, eps: of the distance.
        swap: take the smaller of d(anchor, negative) and d(positive, negative).

    Raises:
        ValueError: the margin is not positive.
        RuntimeError: the numbers of dimensions differ.

    Source: Balntas et al., Learning shallow convolutional feature descriptors with triplet losses, 2016.

    Example:
        >>> import plugrad
        >>> zero = plugrad.zeros(1, 2)
        >>> plugrad.nn.functional.triplet_margin_loss(zero, zero, zero)
        tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _check_margin(margin)
    return triplet(anchor, positive, negative, lambda x, y: pairwise_distance(x, y, p, eps), margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """As :func:`triplet_margin_loss`, with a distance of one's own: a function of two tensors."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    _check_margin(margin)
    return triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _check_margin(margin):
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")


def triplet(anchor, positive, negative, distance, margin, swap, reduction):
    """:func:`triplet_margin_with_distance_loss` with any margin."""
    ranks = rank_of(anchor), rank_of(positive), rank_of(negative)
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor "
            f"{ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )
    to_positive, to_negative = distance(anchor, positive), distance(anchor, negative)
    if swap:
        to_negative = minimum(to_negative, distance(positive, negative))
    return reduced(rows.at_least_zero(margin + to_positive - to_negative), reduction)
