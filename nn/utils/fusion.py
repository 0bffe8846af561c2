"""A batch norm in evaluation folded into the layer before it."""

import copy

from ...core.create import ones_like, zeros_like
from ...core.ops.elementwise import rsqrt
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _check_eval(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")


def _check_statistics(bn):
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """Return a copy of a convolution that also does what the batch norm after it does.

    Args:
        conv: the convolution, in evaluation mode.
        bn: the batch norm, in evaluation mode, with running statistics.
        transpose: whether it is a transposed convolution.

    Raises:
        AssertionError: training mode, or no running statistics.

    Example:
        >>> import plugrad
        >>> conv, bn = plugrad.nn.Conv1d(1, 2, 3).eval(), plugrad.nn.BatchNorm1d(2).eval()
        >>> x = plugrad.ones(1, 1, 5)
        >>> plugrad.allclose(plugrad.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
        True
    """
    _check_eval(conv, bn)
    fused = copy.deepcopy(conv)
    _check_statistics(bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """Return (weight, bias) of the fused convolution: w · s and (b - mean) · s + bn_b with s = bn_w / √(var + eps).

    Args:
        conv_w, conv_b: of the convolution; the bias may be None.
        bn_rm, bn_rv, bn_eps: running mean and variance, and what is added to the variance.
        bn_w, bn_b: of the batch norm; both may be None.
        transpose: the output channels are the second dimension of the weight.
    """
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    scale = rsqrt(bn_rv + bn_eps)
    own = ones_like(bn_rm) if bn_w is None else bn_w
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    lone = [1] * (conv_w.dim() - 2)
    shape = [1, -1, *lone] if transpose else [-1, 1, *lone]
    weight = (conv_w * (own * scale).reshape(shape)).to(conv_w.dtype)
    made = ((bias - bn_rm) * scale * own + shift).to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(made, bias.requires_grad)


def fuse_linear_bn_eval(linear, bn):
    """Return a copy of a linear layer that also does what the batch norm after it does.

    Args:
        linear: the layer, in evaluation mode.
        bn: the batch norm, in evaluation mode, with running statistics.

    Raises:
        AssertionError: training mode, no running statistics, or other numbers of features.

    Example:
        >>> import plugrad
        >>> linear, bn = plugrad.nn.Linear(3, 2).eval(), plugrad.nn.BatchNorm1d(2).eval()
        >>> x = plugrad.ones(4, 3)
        >>> plugrad.allclose(plugrad.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
        True
    """
    _check_eval(linear, bn)
    fused = copy.deepcopy(linear)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    _check_statistics(bn)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """Return (weight, bias) of the fused linear layer: w · s and (b - mean) · s + bn_b with s = bn_w / √(var + eps).

    Args:
        linear_w, linear_b: of the layer; the bias may be None.
        bn_rm, bn_rv, bn_eps: running mean and variance, and what is added to the variance.
        bn_w, bn_b: of the batch norm.
    """
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * rsqrt(bn_rv + bn_eps)
    weight = linear_w * scale.unsqueeze(-1).to(linear_w.dtype)
    made = ((bias - bn_rm) * scale + bn_b).to(linear_w.dtype if linear_b is None else linear_b.dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(made, bias.requires_grad)
