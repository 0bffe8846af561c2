"""Losses on differences and probabilities. Those of classes are in class_loss.py, of pairs and margins in margin_loss.py."""

import math
import warnings

from ...core import dtypes
from ...core.errors import broadcast_failure, scalar_name
from ...core.ops import loss as rows
from ...core.ops.reshaping import broadcast_tensors
from ...core.shapes import dtype_of, need_tensors
from ...core.slow import result_type
from .reduction import reduced, reduction_of

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


# --- differences ---
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Mean of (input - target)².

    Args:
        input, target: of one shape; a different one is broadcast, with a warning.
        size_average, reduce: deprecated, see reduction.
        reduction: "none", "mean" or "sum" of the elements' losses.
        weight: factors for the elements' losses; "mean" divides by their sum.

    Raises:
        RuntimeError: the shapes do not broadcast.
        ValueError: an unknown reduction, or a weight of another shape.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.mse_loss(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.0, 4.0]))
        tensor(2.)
    """
    _warn_sizes(input, target)
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        return _weighted((input - target) ** 2, input, weight, reduction)
    return rows.mse_loss_(*_matched("mse_cpu", input, target), reduction_of(reduction))


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Mean of |input - target|; the arguments are those of :func:`mse_loss`.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.l1_loss(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.0, 4.0]))
        tensor(1.)
    """
    _warn_sizes(input, target)
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        return _weighted((input - target).abs(), input, weight, reduction)
    reduction = reduction_of(reduction)
    return reduced((input - target).abs(), reduction)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Mean of d²/(2·beta) where d = |input - target| < beta, and of d - beta/2 elsewhere.

    Raises:
        RuntimeError: beta is negative.

    Source: Girshick, Fast R-CNN, 2015.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.smooth_l1_loss(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.5, 5.0]))
        tensor(1.3125)
    """
    _warn_sizes(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    return rows.smooth_l1_loss_(*_matched("smooth_l1_cpu", input, target), reduction, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Mean of d²/2 where d = |input - target| <= delta, and of delta · (d - delta/2) elsewhere.

    Args:
        weight: factors for the elements' losses; "mean" divides by their number.

    Raises:
        RuntimeError: delta is not positive.

    Source: Huber, Robust Estimation of a Location Parameter, 1964.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.huber_loss(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.5, 5.0]))
        tensor(1.3125)
    """
    _warn_sizes(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    x, y = _matched("huber_cpu", input, target)
    if weight is None:
        return _as_input(rows.huber_loss_(x, y, reduction_of(reduction), delta), input)
    _check_weight(input, weight)
    loss = _as_input(rows.huber_loss_(x, y, "none", delta), input) * weight
    _check_mode(reduction)
    return reduced(loss, reduction)


def _as_input(loss, input):
    if loss.dtype is input.dtype:
        return loss
    if not input.is_floating_point():
        raise RuntimeError(
            f"result type {scalar_name(loss.dtype)} can't be cast to the desired output type {scalar_name(input.dtype)}"
        )
    return loss.to(input.dtype)


def _warn_sizes(input, target):
    # The method is asked for first, so that a number as target gives torch's AttributeError.
    if target.size and target._a.shape != input._a.shape:
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely lead "
            "to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )


def _matched(kernel, input, target):
    """input and target in one shape and one floating point dtype."""
    if target._a.shape != input._a.shape:
        input, target = in_one_shape(input, target)
    if input.dtype is target.dtype and input.dtype.kind == dtypes.FLOAT:
        return input, target
    common = result_type((input, target))
    if common.kind != dtypes.FLOAT:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(common)}'")
    return input.to(common), target.to(common)


def in_one_shape(x, y):
    """Two tensors broadcast; where they do not fit, the error is that of an operator."""
    error = broadcast_failure([x._a.shape, y._a.shape])
    if error is not None:
        raise error
    return broadcast_tensors(x, y)


def _weighted(losses, input, weight, reduction):
    _check_weight(input, weight)
    losses = losses * weight
    _check_mode(reduction)
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def _check_weight(input, weight):
    if weight._a.shape != input._a.shape:
        raise ValueError("Weights and input must have the same size.")


def _check_mode(reduction):
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


# --- two classes ---
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Mean of -weight · (target · log(input) + (1 - target) · log(1 - input)); logarithms below -100 count as -100.

    Args:
        input: probabilities.
        target: probabilities, of the shape and dtype of input.
        weight: factors, broadcast to the shape of input.

    Raises:
        ValueError: target has another shape.
        RuntimeError: values outside [0, 1], another dtype, or a weight that does not broadcast or requires grad.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.binary_cross_entropy(plugrad.tensor([0.5]), plugrad.tensor([1.0]))
        tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape != input._a.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. Please "
            "ensure they have the same size."
        )
    weight = _constant("binary_cross_entropy", "weight", input, weight, _bce_weight_error)
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)}")
    if not input.is_floating_point():
        raise NotImplementedError(f"\"binary_cross_entropy\" not implemented for '{scalar_name(input.dtype)}'")
    _check_unit("input", input)
    _check_unit("target", target)
    return rows.binary_cross_entropy_(input, target, weight, reduction)


def _check_unit(name, t):
    """Raise for a value outside [0, 1] or NaN; only where looking costs no device sync."""
    xp = t._xp
    if not xp.values_at_hand or not t.numel():
        return
    if not (xp.min(t._a, None, False) >= 0 and xp.max(t._a, None, False) <= 1):
        raise RuntimeError(f"all elements of {name} should be between 0 and 1")


def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Binary cross entropy of sigmoid(input), computed without overflow: with s = sigmoid(input) the mean of
    -weight · (pos_weight · target · log(s) + (1 - target) · log(1 - s)).

    Args:
        input: logits.
        target: probabilities, of the shape of input.
        weight: factors, broadcast to the shape of input.
        pos_weight: factors of the positive part, broadcast to the shape of input, usually (C,).

    Raises:
        ValueError: target has another shape.
        RuntimeError: a weight does not broadcast or requires grad.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.binary_cross_entropy_with_logits(plugrad.tensor([0.0]), plugrad.tensor([1.0]))
        tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape != input._a.shape:
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    if target.dtype is not input.dtype or not input.is_floating_point():
        input, target = _logits_and_target(input, target)
    name = "binary_cross_entropy_with_logits"
    weight = _constant(name, "weight", input, weight, _weight_error)
    pos_weight = _constant(name, "pos_weight", input, pos_weight, _pos_weight_error)
    return rows.binary_cross_entropy_with_logits_(input, target, weight, pos_weight, reduction)


def _logits_and_target(input, target):
    if target.dtype is dtypes.bool_:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    if not input.is_floating_point():
        raise NotImplementedError(f"\"log_sigmoid_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    if not target.is_floating_point():
        raise RuntimeError(
            f"result type {scalar_name(input.dtype)} can't be cast to the desired output type {scalar_name(target.dtype)}"
        )
    common = result_type((input, target))
    return input.to(common), target.to(common)


def _constant(function, name, input, weight, error):
    """The raw array of a weight in the dtype of input, checked; None stays None."""
    if weight is None:
        return None
    need_tensors(weight)
    if weight.requires_grad:
        raise not_differentiable(function, name)
    failure = broadcast_failure([input._a.shape, weight._a.shape])
    if failure is not None or _broadcast_rank(input, weight) > input.dim():
        raise error(input, weight, failure)
    return weight.detach().to(device=input.device, dtype=input.dtype)._a


def not_differentiable(function, argument):
    return RuntimeError(
        f"The function '{function}' is not differentiable with respect to argument '{argument}'. This input cannot have "
        "requires_grad True."
    )


def _broadcast_rank(input, weight):
    """The number of dimensions of the two broadcast, or one more where input itself would grow."""
    x, w = input._a.shape, weight._a.shape
    grows = any(n == 1 != m for n, m in zip(reversed(x), reversed(w), strict=False))
    return max(len(x) + grows, len(w))


def _weight_error(input, weight, failure):
    if failure is not None:
        return failure
    shape = list(broadcast_tensors(input.detach(), weight)[0].shape)
    return RuntimeError(f"output with shape {list(input.shape)} doesn't match the broadcast shape {shape}")


def _pos_weight_error(input, weight, failure):
    return _weight_error(input, weight, failure and broadcast_failure([weight._a.shape, input._a.shape]))


def _bce_weight_error(input, weight, failure):
    if failure is None:
        return _weight_error(input, weight, failure)
    w, x = weight._a.shape, input._a.shape
    i = next(i for i in range(1, len(w) + 1) if w[-i] not in (1, x[-i]))
    return RuntimeError(
        f"Attempting to broadcast a dimension of length {w[-i]} at {-i}! Mismatching argument at index 1 had {weight.shape}; "
        f"but expected shape should be broadcastable to {list(x)}"
    )


# --- distributions ---
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence: target · (log(target) - input), its mean over all elements unless told otherwise.

    Args:
        input: logarithms of probabilities.
        target: probabilities, or their logarithms with log_target.
        reduction: "none", "sum", "mean", or "batchmean", the sum divided by the size of the first dimension, which is
            the divergence itself.

    Raises:
        RuntimeError: integers, or shapes that do not broadcast.

    Example:
        >>> import plugrad
        >>> p = plugrad.tensor([[0.5, 0.5]])
        >>> plugrad.nn.functional.kl_div(p.log(), p, reduction="batchmean")
        tensor(0.)
    """
    if size_average is None and reduce is None:
        if reduction == "mean":
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by "
                "the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
                "'batchmean' in the next major release.",
                UserWarning,
                stacklevel=2,
            )
        mode = "sum" if reduction == "batchmean" else reduction_of(reduction)
    else:
        mode = reduction_of(reduction, size_average, reduce)
    loss = divergence(input, target, mode, log_target)
    return loss / input.size(0) if reduction == "batchmean" and input.dim() else loss


def divergence(input, target, reduction, log_target):
    """:func:`kl_div` without its words about the mean."""
    if dtype_of(input).kind < dtypes.FLOAT and target.dtype.kind < dtypes.FLOAT:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    loss = target.exp() * (target - input) if log_target else rows.xlogy(target, target) - target * input
    return reduced(loss, reduction)


def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """Negative log likelihood of counts with the Poisson rate exp(input), or input itself without log_input.

    Args:
        target: the counts.
        full: add Stirling's approximation of log(target!) where target > 1.
        eps: keeps the logarithm finite without log_input.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.poisson_nll_loss(plugrad.tensor([0.0]), plugrad.tensor([3.0]))
        tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    need_tensors(input, target)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood ½ (log(var) + (input - target)² / var) of normal numbers, constants left out.

    Args:
        input: the means.
        var: the variances, of the shape of input, without its last dimension, or with size 1 in one of them; or a number.
        full: add the constant ½ log(2π).
        eps: least variance, applied without a gradient.

    Raises:
        ValueError: a variance is negative or of a wrong shape; an unknown reduction.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.gaussian_nll_loss(plugrad.zeros(1), plugrad.ones(1), plugrad.ones(1))
        tensor(0.5000)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach() * 0 + var
    else:
        need_tensors(var)
        if bool((var < 0).any()):
            raise ValueError("var has negative entry/entries")
    var = _fitting_var(input, var)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var + (var.clamp(min=eps) - var).detach()
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def _fitting_var(input, var):
    x, v = input._a.shape, var._a.shape
    if x == v:
        return var
    if x[:-1] == v:
        return var.unsqueeze(-1)
    if len(x) == len(v) and [m for n, m in zip(x, v, strict=True) if n != m] == [1]:
        return var
    raise ValueError("var is of incorrect size")
