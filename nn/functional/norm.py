"""Normalization over the batch, layers, groups of channels and vectors."""

import math

from ...core import dtypes
from ...core.errors import no_tensor, scalar_name
from ...core.ops import norm as rows
from ...core.ops.arithmetic import div
from ...core.queries import finfo
from ...core.shapes import need_tensors, numel_of
from .loss import not_differentiable
from .padding import pad
from .pool import avg_pool2d, avg_pool3d

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


# --- over the batch ---
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(x - mean) / √(var + eps) · weight + bias, per channel.

    In training the mean and the biased variance of the batch are used, and the running ones move towards them:
    running ← (1 - momentum) · running + momentum · new, with the unbiased variance. Otherwise the running ones are used.

    Args:
        input: (N, C, *S).
        running_mean, running_var: (C), changed in place in training; may both be None there.
        weight, bias: (C) or None.
        training: which statistics are used.
        momentum: from 0 to 1.
        eps: added to the variance.

    Raises:
        ValueError: in training there is only one value per channel; eps is negative, or 0 in training.
        RuntimeError: sizes or dtypes do not fit, or running statistics are missing or require grad.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.batch_norm(plugrad.tensor([[1.0], [3.0]]), None, None, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
    """
    if training:
        _check_batch_size(input)
    if eps <= 0.0:
        _check_eps(eps, training)
    return native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """:func:`batch_norm` that in training also takes one value per channel."""
    if not numel_of(input):
        return _nothing_normalized(input, weight, bias)
    if (running_mean is None) is not (running_var is None) or (running_mean is None and not training):
        raise _missing_statistics(running_mean, training)
    parts = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    shape = input._a.shape
    try:
        for name, part in parts.items():
            if part is not None and (len(shape) < 2 or part._a.shape != shape[1:2]):
                raise _channel_error(name, part, shape)
    except AttributeError:
        need_tensors(*(part for part in parts.values() if part is not None))
        raise
    if len(shape) < 2:
        input.size(1)  # raises
    if running_mean is None:
        _check_dtypes("batch_norm", input, weight, bias)
        return rows.batch_norm_(input, weight, bias, None, None, training, eps)[0]
    _check_dtypes("batch_norm", input, weight, bias, running_mean, running_var)
    if running_mean.requires_grad or running_var.requires_grad:
        raise not_differentiable("native_batch_norm", "running_mean" if running_mean.requires_grad else "running_var")
    y, mean, var = rows.batch_norm_(input, weight, bias, running_mean._a, running_var._a, training, eps)
    if training:
        n = math.prod(shape) // max(shape[1], 1)
        _move(running_mean, mean._a, momentum)
        _move(running_var, var._a * (n / max(n - 1, 1)), momentum)
    return y


def _nothing_normalized(input, weight, bias):
    """Of no elements: parts of any shape pass, and the running statistics stay."""
    y = input.clone() if weight is None else input.clone() * weight[0]
    return y if bias is None else y + bias[0]


def _move(running, value, momentum):
    running._xp.running_update(running._a, value, momentum)
    running._bump()


def _check_batch_size(input):
    size = input.size()
    if size[0] * math.prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _check_eps(eps, training):
    if training:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")


def _missing_statistics(running_mean, training):
    if training:
        return ValueError("running_mean and running_var must either both be None or neither be None")
    name = "running_mean" if running_mean is None else "running_var"
    return RuntimeError(f"{name} must be defined in evaluation mode")


def _channel_error(name, part, shape):
    channels = shape[1] if len(shape) > 1 else 0
    return RuntimeError(f"{name} should contain {channels} elements not {numel_of(part)}")


def _check_dtypes(kernel, input, *parts):
    """All of one dtype, or half precision with float32 parameters."""
    native = input._a.dtype
    others = [p for p in parts if p is not None and p._a.dtype is not native]
    if not others and input.dtype.kind == dtypes.FLOAT:
        return
    if input.dtype.kind != dtypes.FLOAT:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    if all(p.dtype is input.dtype for p in others):
        return
    if input.dtype is dtypes.float64:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    if input.dtype is dtypes.float32 or any(p.dtype not in (dtypes.float32, input.dtype) for p in others):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """:func:`batch_norm` with the statistics of each sample alone.

    Args:
        input: (N, C, *S).
        running_mean, running_var: (C), moved towards the mean over the samples of what they have; may be None.
        use_input_stats: False uses the running statistics.

    Raises:
        ValueError: there is only one value per channel.
        RuntimeError: sizes do not fit, or statistics are missing.

    Source: Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.instance_norm(plugrad.tensor([[[1.0, 3.0]]]))
        tensor([[[-1.0000,  1.0000]]])
    """
    size = input.size()
    if use_input_stats and math.prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {size}")
    return native_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


def native_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps):
    """:func:`instance_norm` that also takes one value per channel."""
    size = input.size()
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, c = size[0], size[1]
    parts = [None if p is None else p.repeat(n) for p in (weight, bias, running_mean, running_var)]
    y = native_batch_norm(input.reshape(1, n * c, *size[2:]), *parts, use_input_stats, momentum, eps)
    if use_input_stats:
        for running, part in zip((running_mean, running_var), parts[2:], strict=True):
            if running is not None:
                running.detach().copy_(part.reshape(n, c).mean(0))
    return y.reshape(*size)


# --- over the last dimensions ---
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / √(var + eps) · weight + bias over the last dimensions, with the biased variance.

    Args:
        input: (*, *normalized_shape).
        normalized_shape: the sizes of those dimensions.
        weight, bias: of shape normalized_shape, or None.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: normalized_shape is no sequence.

    Source: Ba et al., Layer Normalization, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.layer_norm(plugrad.tensor([[1.0, 3.0]]), (2,))
        tensor([[-1.0000,  1.0000]])
    """
    axes = _last_axes("layer_norm", "*, ", input, normalized_shape, weight, bias)
    _check_dtypes("LayerNormKernelImpl", input, weight, bias)
    return rows.layer_norm_(input, weight, bias, axes, eps)[0]


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / √(mean(x²) + eps) · weight over the last dimensions.

    Args:
        input: (*, *normalized_shape).
        normalized_shape: the sizes of those dimensions.
        weight: of shape normalized_shape, or None.
        eps: None takes the distance of 1 to the next number in the dtype computed in, which is at least float32.

    Raises:
        RuntimeError: the shapes do not fit.
        NotImplementedError: integers.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.rms_norm(plugrad.tensor([[3.0, 4.0]]), (2,))
        tensor([[0.8485, 1.1314]])
    """
    axes = _last_axes("rms_norm", "*", input, normalized_shape, weight, None)
    if input.dtype.kind < dtypes.FLOAT:
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{scalar_name(input.dtype)}'")
    if eps is None:
        eps = finfo(dtypes.float64 if input.dtype in (dtypes.float64, dtypes.complex128) else dtypes.float32).eps
    if input.is_complex():
        # The square is x², not |x|², as in torch.
        y = input * ((input * input).mean(axes, keepdim=True) + eps).rsqrt()
        return y if weight is None else y * weight
    return rows.rms_norm_(input, weight, axes, eps)[0]


def _last_axes(name, star, input, normalized_shape, weight, bias):
    """The axes that normalized_shape names, once all shapes are seen to fit."""
    try:
        wanted = tuple(normalized_shape)
    except TypeError:
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {type(normalized_shape).__name__}"
        ) from None
    try:
        shape = input._a.shape
    except AttributeError:
        raise no_tensor(input) from None
    rank, n = len(shape), len(wanted)
    if n == 0:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    try:
        for what, part in (("weight", weight), ("bias", bias)):
            if part is not None and part._a.shape != wanted:
                raise RuntimeError(
                    f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(part._a.shape)} and "
                    f"normalized_shape = {list(wanted)}"
                )
    except AttributeError:
        need_tensors(*(part for part in (weight, bias) if part is not None))
        raise
    if shape[rank - n :] != wanted or n > rank:
        listed = ", ".join(map(str, wanted))
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [{star}{listed}], but got input of size"
            f"{list(shape)}"
        )
    return tuple(range(rank - n, rank))


# --- over channels ---
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x - mean) / √(var + eps) · weight + bias per sample and group of channels, with the biased variance.

    Args:
        input: (N, C, *S).
        num_groups: into how many groups the channels are divided.
        weight, bias: (C) or None.

    Raises:
        RuntimeError: num_groups does not divide C, or shapes or dtypes do not fit.
        ValueError: there is only one value per group.

    Source: Wu and He, Group Normalization, 2018.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.group_norm(plugrad.tensor([[1.0, 3.0]]), 1)
        tensor([[-1.0000,  1.0000]])
    """
    shape = input._a.shape
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    return native_group_norm(input, num_groups, weight, bias, eps)


def native_group_norm(input, num_groups, weight, bias, eps):
    """:func:`group_norm` that also takes one value per group."""
    try:
        shape = input._a.shape
    except AttributeError:
        raise no_tensor(input) from None
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    c = input.size(1)
    if c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    try:
        for what, part in (("weight", weight), ("bias", bias)):
            if part is not None and part._a.shape != (c,):
                raise RuntimeError(
                    f"Expected {what} to be a vector of size equal to the number of channels in input, but got {what} of shape "
                    f"{list((weight if weight is not None else bias)._a.shape)} and input of shape {list(shape)}"
                )
    except AttributeError:
        need_tensors(*(part for part in (weight, bias) if part is not None))
        raise
    _check_dtypes("GroupNormKernelImpl", input, weight, bias)
    return rows.group_norm_(input, weight, bias, num_groups, eps)[0]


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha · mean of x² over ``size`` neighbouring channels)^beta, channels beyond the border counting as 0.

    Args:
        input: (N, C, *S) with at least one dimension in S.

    Raises:
        ValueError: fewer than three dimensions.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """
    rank = input.dim()
    if rank < 3:
        raise ValueError(f"Expected 3D or higher dimensionality{' ' * 25} input (got {rank} dimensions)")
    if not input.numel():
        return input
    squares, before, after = input * input, size // 2, (size - 1) // 2
    if rank == 3:
        lines = pad(squares.unsqueeze(1), (0, 0, before, after))
        means = avg_pool2d(lines, (size, 1), stride=1).squeeze(1)
    else:
        n, channels, first = input.shape[:3]
        lines = pad(squares.view(n, 1, channels, first, -1), (0, 0, 0, 0, before, after))
        means = avg_pool3d(lines, (size, 1, 1), stride=1).squeeze(1).view(input.size())
    return input / (means * alpha + k) ** beta


# --- vectors ---
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(|x|, eps), with the p-norm over a dimension.

    Args:
        p: the order of the norm.
        dim: the dimension, or several.
        eps: least norm, so that nothing is divided by 0.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.normalize(plugrad.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / length if out is None else div(input, length, out=out)
