"""Loss functions and their derivatives, derived from the required functions.

What gradient rules call is written in operators and namespace functions only: under create_graph the same text runs on
tensors. Weights, masks and class indices are constants: raw arrays, which :meth:`Losses.scaled` brings in.
"""

from .half import in_float32

__all__ = ["Losses"]

#: Least logarithm in binary_cross_entropy, so that log 0 gives a finite loss.
LEAST_LOG = -100.0


class Losses:
    """Mixed into :class:`plugrad.backends.Backend`. ``reduction`` is "none", "mean" or "sum"."""

    def scaled(self, x, factor):
        """x times a constant array."""
        return x * self.narrowed(factor, x.dtype)

    @in_float32(1)
    def divided(self, x, divisor):
        """x divided by a number."""
        return x / divisor

    def weighted(self, x, weight):
        """x times a constant array, or x itself for None."""
        return x if weight is None else self.scaled(x, weight)

    def reduced(self, x, reduction):
        if reduction == "none":
            return x
        return self.sum_all(x) if reduction == "sum" else self.mean_all(x)

    @in_float32(1)
    def per_element(self, g, shape, reduction):
        """The gradient of one summand: g divided by their number for "mean"."""
        return g * (1.0 / max(self.count(shape, None), 1)) if reduction == "mean" else g

    # --- differences ---
    def mse_loss(self, x, y, reduction):
        d = x - y
        return self.reduced(d * d, reduction)

    def mse_loss_grad(self, g, x, y, reduction):
        return (x - y) * (self.per_element(g, x.shape, reduction) * 2.0)

    def smooth_l1_loss(self, x, y, reduction, beta):
        d = self.abs(x - y)
        return self.reduced(self.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), reduction)

    def smooth_l1_loss_grad(self, g, x, y, reduction, beta):
        return self.clip((x - y) * (1.0 / beta), -1.0, 1.0) * self.per_element(g, x.shape, reduction)

    def huber_loss(self, x, y, reduction, delta):
        d = self.abs(x - y)
        return self.reduced(self.where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta), reduction)

    def huber_loss_grad(self, g, x, y, reduction, delta):
        return self.clip(x - y, -delta, delta) * self.per_element(g, x.shape, reduction)

    def soft_margin_loss(self, x, target, reduction):
        return self.reduced(-self.log_sigmoid(self.scaled(x, target)), reduction)

    def soft_margin_loss_grad(self, g, x, target, reduction):
        slope = self.sigmoid(-self.scaled(x, target))
        return self.scaled(slope * -self.per_element(g, x.shape, reduction), target)

    # --- two classes ---
    def clipped_logs(self, x):
        """(log x, log(1 - x)), not below LEAST_LOG; written so that log 0 is never asked for."""
        least = self.full((), LEAST_LOG, x.dtype)
        above, below = x > 0, x < 1
        log_x = self.maximum(self.log(self.where(above, x, self.ones_like(x))), least)
        log_rest = self.maximum(self.log1p(-self.where(below, x, self.zeros_like(x))), least)
        return self.where(above, log_x, least), self.where(below, log_rest, least)

    def binary_cross_entropy(self, x, y, weight, reduction):
        log_x, log_rest = self.clipped_logs(x)
        return self.reduced(self.weighted((y - 1.0) * log_rest - y * log_x, weight), reduction)

    def binary_cross_entropy_grad(self, g, x, y, weight, reduction):
        """The gradients for x and y."""
        log_x, log_rest = self.clipped_logs(x)
        each = self.weighted(self.per_element(g, x.shape, reduction), weight)
        width = self.maximum((1.0 - x) * x, self.full((), 1e-12, x.dtype))
        return (x - y) / width * each, (log_rest - log_x) * each

    def binary_cross_entropy_with_logits(self, x, y, weight, pos_weight, reduction):
        log_p = self.log_sigmoid(x)
        if pos_weight is not None:
            log_p = log_p * (1.0 - y + self.scaled(y, pos_weight))
        return self.reduced(self.weighted((1.0 - y) * x - log_p, weight), reduction)

    def binary_cross_entropy_with_logits_grad(self, g, x, y, weight, pos_weight, reduction):
        """The gradients for x and y."""
        each = self.weighted(self.per_element(g, x.shape, reduction), weight)
        if pos_weight is None:
            return (self.sigmoid(x) - y) * each, -x * each
        positive = self.scaled(y, pos_weight)
        for_y = self.log_sigmoid(-x) - self.scaled(self.log_sigmoid(x), pos_weight)
        return ((positive + 1.0 - y) * self.sigmoid(x) - positive) * each, for_y * each

    def xlogy(self, x, y):
        """x · log y, 0 where x is 0 and y a number."""
        nothing = self.logical_and(x == 0, y == y)
        return self.where(nothing, self.zeros_like(x), x * self.log(self.where(nothing, self.ones_like(y), y)))

    def log_where(self, x, y):
        """The slope of xlogy in x: log y, 0 where x is 0 and y not positive."""
        y = self._like(y, x)
        nothing = self.logical_and(x == 0, y <= 0)
        return self.log(self.where(nothing, self.ones_like(y), y))

    # --- many classes ---
    def class_weights(self, target, weight, ignore_index, dtype):
        """(class indices with 0 for ignored ones, the weight of each sample with 0 for ignored ones)."""
        valid = target != ignore_index
        safe = self.where(valid, target, self.zeros_like(target))
        kept = self.astype(valid, dtype)
        return safe, kept if weight is None else kept * self.narrowed(self.getitem(weight, (safe,)), dtype)

    @in_float32(1)
    def nll_loss(self, x, target, weight, reduction, ignore_index):
        """-w · x at the target class; x (N, C, *S) or (C), target (N, *S) or ()."""
        axis = min(len(x.shape), 2) - 1
        safe, w = self.class_weights(target, weight, ignore_index, x.dtype)
        if self.outside(safe, x.shape[axis]):
            raise IndexError("no such class")
        picked = self.reshape(self.take_along_axis(x, self.expand_dims(safe, axis), axis), target.shape)
        loss = self.where(target != ignore_index, -picked * w, self.zeros_like(picked))
        if reduction == "none":
            return loss
        return self.sum_all(loss) if reduction == "sum" else self.sum_all(loss) / self.sum_all(w)

    @in_float32(1)
    def nll_loss_backward(self, g, target, weight, reduction, ignore_index, shape):
        """The transpose of :meth:`nll_loss`: zeros of a shape with -w · g at the target class."""
        axis = min(len(shape), 2) - 1
        safe, w = self.class_weights(target, weight, ignore_index, g.dtype)
        if reduction == "mean":
            g = g / self.sum_all(w)
        each = self.where(target != ignore_index, -w * g, self.zeros_like(w))
        return self.gather_backward(self.expand_dims(each, axis), self.expand_dims(safe, axis), axis, shape)

    # --- margins ---
    def at_least_zero(self, x):
        return self.relu(x)

    @in_float32(1)
    def multi_margin_loss(self, x, hot, factor, margin, p, reduction):
        """Per sample the sum of factor · max(0, margin - x[target] + x)^p, where ``hot`` marks the target class."""
        over = self.relu(x - self.sum(self.scaled(x, hot), (1,), True) + margin)
        over = over if p == 1 else over * over
        return self.reduced(self.sum(self.scaled(over, factor), (1,), False), reduction)

    @in_float32(2)
    def multi_margin_loss_grad(self, g, x, hot, factor, margin, p, reduction):
        over = self.relu(x - self.sum(self.scaled(x, hot), (1,), True) + margin)
        slope = self.scaled(self.step(over) if p == 1 else over * 2.0, factor)
        slope = slope * self.per_row(g, x.shape, reduction)
        return slope - self.scaled(self.broadcast_to(self.sum(slope, (1,), True), tuple(x.shape)), hot)

    @in_float32(1)
    def per_row(self, g, shape, reduction):
        """The gradient of each row's loss, in a shape that broadcasts to the rows."""
        if reduction == "none":
            return self.reshape(g, (shape[0], 1))
        return g * (1.0 / max(shape[0], 1)) if reduction == "mean" else g

    @in_float32(1)
    def multilabel_margin_loss(self, x, factor, reduction):
        """Per sample the sum over classes k, i of factor[k, i] · max(0, 1 - x[k] + x[i])."""
        over = self.relu(1.0 - self.expand_dims(x, 2) + self.expand_dims(x, 1))
        return self.reduced(self.sum(self.scaled(over, factor), (1, 2), False), reduction)

    @in_float32(2)
    def multilabel_margin_loss_grad(self, g, x, factor, reduction):
        n, c = x.shape
        over = self.relu(1.0 - self.reshape(x, (n, c, 1)) + self.reshape(x, (n, 1, c)))
        slope = self.scaled(self.step(over), factor)
        return (self.sum(slope, (1,), False) - self.sum(slope, (2,), False)) * self.per_row(g, x.shape, reduction)
