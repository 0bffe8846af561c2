"""Pooling over the last axes."""

from ...backends.windows import pooled_count
from ..compile import general, linear, nondifferentiable

__all__ = ["pooled_count"]  # and the rows


def max_pool_row(name, node):
    return general(
        f"{name}(x, *, kernel, stride, padding, dilation, ceil_mode)",
        lambda xp, g, x, out, kernel, stride, padding, dilation, ceil_mode: xp.max_pool_grad(
            g, x, out, kernel, stride, padding, dilation, ceil_mode
        ),
        doc="the maximum of each window",
        xp="max_pool",
        node=node,
    )


def max_pool_with_indices_row(name, node):
    return general(
        f"{name}(x, *, kernel, stride, padding, dilation, ceil_mode) -> out, indices:no",
        lambda xp, g, indices, x_shape, kernel: xp.max_unpool_sum(g, indices, tuple(x_shape), len(kernel)),
        doc="the maximum of each window, and its place in the flattened pooled axes",
        xp="max_pool_with_indices",
        node=node,
    )


def adaptive_max_pool_row(name, node):
    return general(
        f"{name}(x, *, size) -> out, indices:no",
        lambda xp, g, indices, x_shape, size: xp.max_unpool_sum(g, indices, tuple(x_shape), len(size)),
        doc="the maximum of each of ``size`` cells, and its place in the flattened pooled axes",
        xp="adaptive_max_pool_with_indices",
        node=node,
    )


def avg_pool_row(name, node):
    return linear(
        f"{name}(x, *, kernel, stride, padding, ceil_mode, count_include_pad, divisor)",
        lambda xp, g, x_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor: xp.avg_pool_input(
            g, tuple(x_shape[-len(kernel) :]), kernel, stride, padding, ceil_mode, count_include_pad, divisor
        ),
        doc="the mean of each window",
        xp="avg_pool",
        node=node,
    )


def adaptive_avg_pool_row(name, node):
    return linear(
        f"{name}(x, *, size)",
        lambda xp, g, x_shape, size: xp.adaptive_avg_pool_input(g, tuple(x_shape[-len(size) :])),
        doc="the mean of each of ``size`` cells",
        xp="adaptive_avg_pool",
        node=node,
    )


def max_unpool_row(name, node):
    return linear(
        f"{name}(x, *, index, size)",
        lambda xp, g, x_shape, index: xp.max_unpool_pick(g, index, tuple(x_shape)),
        doc="zeros with x written at an index into the flattened last axes, of sizes ``size``",
        xp="max_unpool",
        node=node,
    )


def fractional_max_pool_row(name, node):
    return general(
        f"{name}(x, *, samples, kernel, size) -> out, indices:no",
        lambda xp, g, indices, x_shape, size: xp.max_unpool_sum(g, indices, tuple(x_shape), len(size)),
        doc="the maximum of each of ``size`` windows whose places are drawn, and its place in the flattened pooled axes",
        xp="fractional_max_pool",
        node=node,
    )


# torch names its nodes by the number of axes, and pools one axis as two.
max_pool2d_ = max_pool_row("max_pool2d_", "MaxPool2DWithIndicesBackward0")
max_pool3d_ = max_pool_row("max_pool3d_", "MaxPool3DWithIndicesBackward0")
max_pool2d_with_indices_ = max_pool_with_indices_row("max_pool2d_with_indices_", "MaxPool2DWithIndicesBackward0")
max_pool3d_with_indices_ = max_pool_with_indices_row("max_pool3d_with_indices_", "MaxPool3DWithIndicesBackward0")
adaptive_max_pool2d_ = adaptive_max_pool_row("adaptive_max_pool2d_", "AdaptiveMaxPool2DBackward0")
adaptive_max_pool3d_ = adaptive_max_pool_row("adaptive_max_pool3d_", "AdaptiveMaxPool3DBackward0")
avg_pool2d_ = avg_pool_row("avg_pool2d_", "AvgPool2DBackward0")
avg_pool3d_ = avg_pool_row("avg_pool3d_", "AvgPool3DBackward0")
adaptive_avg_pool2d_ = adaptive_avg_pool_row("adaptive_avg_pool2d_", "AdaptiveAvgPool2DBackward0")
adaptive_avg_pool3d_ = adaptive_avg_pool_row("adaptive_avg_pool3d_", "AdaptiveAvgPool3DBackward0")
max_unpool2d_ = max_unpool_row("max_unpool2d_", "MaxUnpool2DBackward0")
max_unpool3d_ = max_unpool_row("max_unpool3d_", "MaxUnpool3DBackward0")
fractional_max_pool2d_ = fractional_max_pool_row("fractional_max_pool2d_", "FractionalMaxPool2DBackward0")
fractional_max_pool3d_ = fractional_max_pool_row("fractional_max_pool3d_", "FractionalMaxPool3DBackward0")

max_pool_indices = nondifferentiable(
    "max_pool_indices(x, *, kernel, stride, padding, dilation, ceil_mode)",
    doc="where the maximum of each window lies in the flattened pooled axes",
)
avg_pool_input = linear(
    "avg_pool_input(x, *, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor)",
    lambda xp, g, kernel, stride, padding, ceil_mode, count_include_pad, divisor: xp.avg_pool(
        g, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    ),
    doc="the gradient of avg_pool for an input whose pooled axes have the sizes ``size``",
    node="AvgPoolBackwardBackward0",
)
adaptive_avg_pool_input = linear(
    "adaptive_avg_pool_input(x, *, size)",
    lambda xp, g, x_shape, size: xp.adaptive_avg_pool(g, tuple(x_shape[-len(size) :])),
    doc="the gradient of adaptive_avg_pool for an input whose pooled axes have the sizes ``size``",
    node="AdaptiveAvgPoolBackwardBackward0",
)
