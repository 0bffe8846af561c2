"""Normalizations: each one node with a joint gradient.

The running statistics of batch_norm are constants: raw arrays among the static arguments. Their update is no part of the op.
"""

from ..compile import general
from .reduce import keep

batch_norm_ = general(
    "batch_norm_(x, weight?, bias?, *, running_mean, running_var, training, eps) -> out, mean:no, var:no",
    vjp=lambda xp, g, x, weight, mean, var, training, eps, needs: xp.batch_norm_grad(
        g, x, weight, mean, var, training, eps, needs
    ),
    doc="(x - mean) / √(var + eps) · weight + bias per channel, by the statistics of the batch or given ones",
    xp="batch_norm",
    node="NativeBatchNormBackward0",
)
layer_norm_ = general(
    "layer_norm_(x, weight?, bias?, *, axes, eps) -> out, mean:no, var:no",
    vjp=lambda xp, g, x, weight, mean, var, axes, eps, needs: xp.layer_norm_grad(
        g, x, weight, mean, var, axes, eps, needs
    ),
    doc="(x - mean) / √(var + eps) · weight + bias over the last axes",
    xp="layer_norm",
    node="NativeLayerNormBackward0",
)
group_norm_ = general(
    "group_norm_(x, weight?, bias?, *, groups, eps) -> out, mean:no, var:no",
    vjp=lambda xp, g, x, weight, mean, var, groups, eps, needs: xp.group_norm_grad(
        g, x, weight, mean, var, groups, eps, needs
    ),
    doc="(x - mean) / √(var + eps) · weight + bias per sample and group of channels",
    xp="group_norm",
    node="NativeGroupNormBackward0",
)
# torch composes rms_norm of small ops on the cpu; the last of them is a product, whose name this node carries.
rms_norm_ = general(
    "rms_norm_(x, weight?, *, axes, eps) -> out, square:no",
    vjp=lambda xp, g, x, weight, square, axes, eps, needs: xp.rms_norm_grad(g, x, weight, square, axes, eps, needs),
    doc="x / √(mean x² + eps) · weight over the last axes",
    xp="rms_norm",
    node="MulBackward0",
)
# The norm inside pairwise_distance; torch's name for it differs from that of Tensor.norm.
distance_norm_ = general(
    "distance_norm_(x, *, axes, keepdims)",
    lambda xp, g, x, out, x_shape, axes, keepdims: xp.norm_grad(
        keep(xp, g, axes, keepdims, x_shape), x, keep(xp, out, axes, keepdims, x_shape)
    ),
    doc="√Σ|x|² over dimensions; derivative 0 where the norm is 0",
    xp="norm",
    result="other",
    node="NormBackward1",
)
