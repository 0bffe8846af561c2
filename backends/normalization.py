"""Batch, layer, group and RMS normalization and their gradients, derived from the required functions.

All of them standardise x over some axes and scale the result: y = (x - mean) / √(var + eps) · weight + bias. Half precision
is computed in float32. The gradients are written in operators and namespace functions only: under create_graph the same
text runs on tensors, where ``recalled`` computes the statistics anew, as recorded ops.
"""

from .half import HALF

__all__ = ["Normalization"]


class Normalization:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def widened(self, a):
        """Half precision as float32, anything else as it is; None stays None."""
        return self.astype(a, self.float32) if a is not None and self.dtype_names[a.dtype] in HALF else a

    def narrowed(self, a, dtype):
        return a if a.dtype == dtype else self.astype(a, dtype)

    # --- statistics ---
    def mean_and_var(self, x, axes):
        """Mean and biased variance over the axes, which stay with size 1."""
        share = 1.0 / max(self.count(x.shape, axes), 1)
        mean = self.sum(x, axes, True) * share
        centred = x - mean
        return mean, self.sum(centred * centred, axes, True) * share

    def recalled(self, x, mean, var, axes):
        """The statistics that the forward kept. Under create_graph they are computed again, since they depend on x."""
        return mean, var

    @staticmethod
    def kept_shape(shape, axes):
        """A shape with size 1 on the axes."""
        return tuple(1 if i in axes else n for i, n in enumerate(shape))

    # --- what all of them share ---
    def standardized(self, x, mean, var, axes, eps):
        """((x - mean) · s, s) with s = 1 / √(var + eps), for statistics of any shape."""
        shape = self.kept_shape(x.shape, axes)
        scale = self.rsqrt(self.reshape(var, shape) + eps)
        return (x - self.reshape(mean, shape)) * scale, scale

    def standardized_grad(self, g, normal, scale, axes):
        """The gradient for x of ``normal``, whose mean and variance follow x."""
        return (g - self.mean(g, axes, True) - normal * self.mean(g * normal, axes, True)) * scale

    def affine(self, normal, weight, bias, shape):
        """normal · weight + bias, both reshaped."""
        if weight is not None:
            normal = normal * self.reshape(weight, shape)
        return normal if bias is None else normal + self.reshape(bias, shape)

    def affine_grad(self, g, normal, weight, axes, shape, needs):
        """The gradients of :meth:`affine` for normal, weight and bias, which lie across the axes."""
        for_weight = self.sum(g * normal, axes, False) if needs[1] else None
        for_bias = self.sum(g, axes, False) if needs[2] else None
        if weight is not None:
            g = g * self.reshape(self.widened(weight), shape)
        return g, for_weight, for_bias

    # --- over the batch ---
    def batch_norm(self, x, weight, bias, running_mean, running_var, training, eps):
        """Per channel, axis 1. Returns (y, mean, var) with the statistics used; those given are used unless training."""
        dtype, x = x.dtype, self.widened(x)
        axes, shape = channel_axes(x.shape)
        if training:
            mean, var = self.mean_and_var(x, axes)
        else:
            # Copies: what the backward uses must not follow the running statistics.
            mean, var = (self.narrowed(self.copy(a), x.dtype) for a in (running_mean, running_var))
        normal, _ = self.standardized(x, mean, var, axes, eps)
        y = self.affine(normal, self.widened(weight), self.widened(bias), shape)
        flat = (x.shape[1],)
        return self.narrowed(y, dtype), self.reshape(mean, flat), self.reshape(var, flat)

    def batch_norm_grad(self, g, x, weight, mean, var, training, eps, needs):
        """The gradients for x, weight and bias."""
        g, x = self.widened(g), self.widened(x)
        axes, shape = channel_axes(x.shape)
        if training:
            mean, var = self.recalled(x, mean, var, axes)
        normal, scale = self.standardized(x, mean, var, axes, eps)
        g, for_weight, for_bias = self.affine_grad(g, normal, weight, axes, shape, needs)
        if not needs[0]:
            return None, for_weight, for_bias
        return self.standardized_grad(g, normal, scale, axes) if training else g * scale, for_weight, for_bias

    def running_update(self, running, value, momentum):
        """running ← (1 - momentum) · running + momentum · value, in place."""
        mixed = self.widened(running) * (1.0 - momentum) + value * momentum
        self.assign(running, self.narrowed(mixed, running.dtype))

    # --- over the last axes ---
    def layer_norm(self, x, weight, bias, axes, eps):
        """Over the axes, the last ones. Returns (y, mean, var)."""
        dtype, x = x.dtype, self.widened(x)
        mean, var = self.mean_and_var(x, axes)
        normal, _ = self.standardized(x, mean, var, axes, eps)
        y = self.affine(normal, self.widened(weight), self.widened(bias), x.shape[axes[0] :])
        return self.narrowed(y, dtype), mean, var

    def layer_norm_grad(self, g, x, weight, mean, var, axes, eps, needs):
        """The gradients for x, weight and bias."""
        g, x = self.widened(g), self.widened(x)
        mean, var = self.recalled(x, mean, var, axes)
        normal, scale = self.standardized(x, mean, var, axes, eps)
        outer, shape = tuple(range(axes[0])), tuple(x.shape[axes[0] :])
        g, for_weight, for_bias = self.affine_grad(g, normal, weight, outer, shape, needs)
        if not needs[0]:
            return None, for_weight, for_bias
        return self.standardized_grad(g, normal, scale, axes), for_weight, for_bias

    def rms_norm(self, x, weight, axes, eps):
        """x / √(mean x² + eps) · weight over the axes, the last ones. Returns (y, mean x²)."""
        dtype, x = x.dtype, self.widened(x)
        square = self.mean(x * x, axes, True)
        y = x * self.rsqrt(square + eps)
        if weight is not None:
            y = y * self.widened(weight)
        return self.narrowed(y, dtype), square

    def recalled_square(self, x, square, axes):
        """The mean of x² that the forward kept; as :meth:`recalled`."""
        return square

    def rms_norm_grad(self, g, x, weight, square, axes, eps, needs):
        """The gradients for x and weight."""
        g, x = self.widened(g), self.widened(x)
        scale = self.rsqrt(self.recalled_square(x, square, axes) + eps)
        normal = x * scale
        outer, shape = tuple(range(axes[0])), tuple(x.shape[axes[0] :])
        g, for_weight, _ = self.affine_grad(g, normal, weight, outer, shape, (*needs, False))
        return (g - normal * self.mean(g * normal, axes, True)) * scale, for_weight

    # --- over groups of channels ---
    def group_norm(self, x, weight, bias, groups, eps):
        """Per sample and group of channels. Returns (y, mean, var), the statistics (N, groups)."""
        dtype, x = x.dtype, self.widened(x)
        grouped = self.reshape(x, group_shape(x.shape, groups))
        mean, var = self.mean_and_var(grouped, (2,))
        normal = self.reshape(self.standardized(grouped, mean, var, (2,), eps)[0], x.shape)
        y = self.affine(normal, self.widened(weight), self.widened(bias), channel_axes(x.shape)[1])
        flat = (x.shape[0], groups)
        return self.narrowed(y, dtype), self.reshape(mean, flat), self.reshape(var, flat)

    def group_norm_grad(self, g, x, weight, mean, var, groups, eps, needs):
        """The gradients for x, weight and bias."""
        g, x = self.widened(g), self.widened(x)
        shape = tuple(x.shape)
        wide = group_shape(shape, groups)
        grouped = self.reshape(x, wide)
        mean, var = self.recalled(grouped, mean, var, (2,))
        normal, scale = self.standardized(grouped, mean, var, (2,), eps)
        axes, across = channel_axes(shape)
        g, for_weight, for_bias = self.affine_grad(g, self.reshape(normal, shape), weight, axes, across, needs)
        if not needs[0]:
            return None, for_weight, for_bias
        for_x = self.standardized_grad(self.reshape(g, wide), normal, scale, (2,))
        return self.reshape(for_x, shape), for_weight, for_bias


def channel_axes(shape):
    """(all axes but 1, the shape of a per-channel value)."""
    rank = len(shape)
    axes = (0, *range(2, rank))
    return axes, tuple(shape[1] if i == 1 else 1 for i in range(rank))


def group_shape(shape, groups):
    n, channels, *rest = shape
    size = channels // groups
    for length in rest:
        size *= length
    return n, groups, size
