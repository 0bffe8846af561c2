"""Losses on classes."""

import math

from ...core import dtypes
from ...core.errors import no_tensor, scalar_name
from ...core.ops import loss as rows
from ...core.ops import reduce as r
from ...core.shapes import need_tensors, shape_of
from ...core.tensor import Tensor, wrap
from ...core.watching import watch
from .linear import linear
from .loss import not_differentiable
from .reduction import reduced, reduction_of

__all__ = ["cross_entropy", "linear_cross_entropy", "nll_loss"]


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """-weight[target] · input[target]: the negative log likelihood of the target classes.

    Args:
        input: log probabilities, (N, C), (N, C, *S) or (C).
        target: class indices, (N), (N, *S) or ().
        weight: (C), a factor per class; "mean" divides by the sum of the factors of the targets.
        ignore_index: a target that counts for nothing.

    Raises:
        ValueError: the batch sizes differ.
        IndexError: a target is not a class.
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import plugrad
        >>> logits = plugrad.tensor([[0.0, 0.0], [3.0, 3.0]]).log_softmax(1)
        >>> plugrad.nn.functional.nll_loss(logits, plugrad.tensor([0, 1]))
        tensor(0.6931)
    """
    return _nll(input, target, weight, reduction_of(reduction, size_average, reduce), ignore_index)


def _nll(input, target, weight, reduction, ignore_index):
    try:
        shape, places = input._a.shape, target._a.shape
    except AttributeError:
        raise no_tensor(target if hasattr(input, "_xp") else input) from None
    rank = len(shape)
    if rank != 2 or places != shape[:1]:
        _check_class_shapes(shape, places)
    if target._a.dtype != target._xp.int64:
        _check_class_dtype(target, rank)
    if weight is not None:
        _check_class_weight(input, weight, shape[min(rank, 2) - 1])
        weight = weight._a
    if input.dtype.kind != dtypes.FLOAT:
        kernel = "nll_loss_out_frame" if rank < 3 else "nll_loss2d_forward_out_frame"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    index = target._a if target._a.dtype == target._xp.int64 else target._xp.astype(target._a, target._xp.int64)
    if rank <= 2:
        index = index if len(index.shape) == rank - 1 else input._xp.reshape(index, ())
        return watch(rows.nll_loss_(input, index, weight, reduction, ignore_index), target)
    if rank == 4:
        return watch(rows.nll_loss2d_(input, index, weight, reduction, ignore_index), target)
    n, c, *inner = shape
    size = math.prod(inner)
    flat = input.reshape(n, c, 1, size)
    index = input._xp.reshape(index, (n, 1, size))
    loss = watch(rows.nll_loss2d_(flat, index, weight, reduction, ignore_index), target)
    return loss.reshape(n, *inner) if reduction == "none" else loss


def _check_class_shapes(shape, places):
    rank = len(shape)
    if rank == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if rank == 1:
        if len(places) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if places not in ((), (1,)):
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {places[0]}")
        return
    batch = places[0] if places else 0
    if shape[0] != batch:
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({batch}).")
    if rank == 2:
        if len(places) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        return
    expected = (shape[0], *shape[2:])
    if rank != 4 and places != expected:
        raise RuntimeError(f"Expected target size {list(expected)}, got {list(places)}")
    if len(places) != rank - 1:
        raise RuntimeError(
            "only batches of spatial targets supported (3D tensors) but got targets of dimension: " + str(len(places))
        )
    if places != expected:
        raise RuntimeError(f"size mismatch (got input: {list(shape)} , target: {list(places)}")


def _check_class_dtype(target, rank):
    if target.dtype is not dtypes.uint8:
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {scalar_name(target.dtype)}")
    if rank > 2:
        raise RuntimeError("expected scalar type Long but found Byte")


def _check_class_weight(input, weight, classes):
    if weight.requires_grad:
        raise not_differentiable("nll_loss_forward" if input.dim() < 3 else "nll_loss2d_forward", "weight")
    if weight._a.shape != (classes,):
        if input.dim() > 2:
            raise RuntimeError("weight tensor should be defined either for all or no classes")
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight._a.shape)}"
        )
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(weight.dtype)}")


def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """Cross entropy of softmax(input) and the target: the mean of -weight · log(softmax(input))[target].

    Args:
        input: logits, (N, C), (N, C, *S) or (C).
        target: class indices, (N), (N, *S) or (); or class probabilities of the shape of input.
        weight: (C), a factor per class.
        ignore_index: a target index that counts for nothing.
        label_smoothing: from 0 to 1, the part of the target that is spread evenly over all classes.

    Raises:
        ValueError: the batch sizes differ.
        IndexError: a target is not a class.
        RuntimeError: shapes, dtypes or label_smoothing do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.cross_entropy(plugrad.tensor([[0.0, 0.0]]), plugrad.tensor([1]))
        tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    for position, value in enumerate((input, target)):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"cross_entropy_loss(): argument '{('input', 'target')[position]}' (position {position + 1}) must be Tensor, not "
                f"{type(value).__name__}"
            )
    axis = 0 if input.dim() == 1 else 1
    if input._a.shape == target._a.shape:
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing, axis)
    log_p = input.log_softmax(axis)
    loss = _nll(log_p, target, weight, reduction, ignore_index)
    if label_smoothing <= 0:  # torch checks the sign for class probabilities only
        return loss
    _check_smoothing(label_smoothing)
    spread = _smooth(log_p, target, weight, ignore_index, reduction, axis)
    return loss * (1 - label_smoothing) + spread * (label_smoothing / input.size(axis))


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """Cross entropy of softmax(input · linear_weightᵀ + linear_bias) and the target.

    Args:
        input: (N, in_features) or (in_features).
        linear_weight: (C, in_features), or (C, d1, …, dK, in_features) for so many losses per sample of a batch.
        target: class indices, (N), (N, d1, …, dK) or (); or class probabilities, (N, C, d1, …, dK) or (C).
        linear_bias: linear_weight's shape without its last size, or None.
        weight: (C), a factor per class.
        reduction: "none", "mean" or "sum".
        ignore_index: a target index that counts for nothing; None: -100.
        label_smoothing: from 0 to 1, the part of the target that is spread evenly over all classes.
        options: None. torch's options choose in which pieces the losses are computed.

    Raises:
        RuntimeError: sizes do not fit, or ignore_index with class probabilities.
        IndexError: a target is not a class.
        NotImplementedError: ``options``.

    Example:
        >>> import plugrad
        >>> x, w = plugrad.ones(2, 3), plugrad.zeros(2, 3)
        >>> plugrad.nn.functional.linear_cross_entropy(x, w, plugrad.tensor([1, 0]))
        tensor(0.6931)
    """
    refuse_options(options)
    need_tensors(input, linear_weight, target)
    shape = _logits_shape(input, linear_weight, linear_bias)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if linear_weight.dim() > 2:
        linear_weight = linear_weight.reshape((-1, linear_weight.size(-1)))
        linear_bias = None if linear_bias is None else linear_bias.reshape((-1,))
    logits = linear(input, linear_weight, linear_bias).reshape(shape)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


def refuse_options(options):
    """Raise for the options of torch's linear_cross_entropy."""
    if options is not None:
        raise NotImplementedError("linear_cross_entropy: options: the losses are computed in one piece; leave it None")


def _logits_shape(input, weight, bias):
    """(N, C, d1, …, dK), after torch's checks."""
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    rows, features = tuple(weight.shape[:-1]), input.size(-1)
    if features != weight.size(-1):
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {weight.size(-1)}, respectively"
        )
    if bias is not None and tuple(bias.shape) != rows:
        raise RuntimeError(f"expected linear_bias shape {rows}, got {tuple(bias.shape)}")
    if len(rows) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    return (*input.shape[:-1], *rows)


def _check_smoothing(label_smoothing):
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")


def _smooth(log_p, target, weight, ignore_index, reduction, axis):
    """The loss for a target spread evenly over all classes, times their number."""
    weighted = log_p if weight is None else log_p * _per_class(weight, log_p, axis)
    ignored = target == ignore_index
    loss = (-weighted.sum(axis)).masked_fill(ignored, 0.0)
    if reduction != "mean":
        return reduced(loss, reduction)
    xp = log_p._xp
    _, factors = xp.class_weights(target._a, None if weight is None else weight._a, ignore_index, log_p._a.dtype)
    return loss.sum() / wrap(Tensor, xp, xp.wrap(xp.sum_all(factors)), None)


def _per_class(weight, like, axis):
    return weight.reshape([-1 if i == axis else 1 for i in range(like.dim())])


def _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing, axis):
    if not target.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {scalar_name(target.dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_smoothing(label_smoothing)
    classes = input.size(axis)
    if weight is not None and shape_of(weight) != (classes,):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            f"of shape: {list(weight._a.shape)}"
        )
    loss = input.log_softmax(axis)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    loss = loss * target if weight is None else loss * target * _per_class(weight, input, axis)
    if reduction == "none":
        return -loss.sum(axis)
    total = -r.sum_all(loss)
    if reduction == "sum":
        return total
    return rows.divided_(total, input.numel() / classes if input.numel() else math.nan)
