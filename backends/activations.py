"""Activation functions and their derivatives, derived from the required functions.

The gradients are written in operators and namespace functions only: under create_graph the same text runs on tensors.
No argument of exp is large, so that no array library warns of an overflow.
"""

__all__ = ["Activations"]

#: The fixed point of Klambauer et al., Self-Normalizing Neural Networks, 2017.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


class Activations:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def expm1_below(self, x):
        """eˣ - 1 for x <= 0, 0 above."""
        return self.expm1(self.minimum(x, self.zeros_like(x)))

    def exp_below(self, x):
        """eˣ for x <= 0, 1 above."""
        return self.exp(self.minimum(x, self.zeros_like(x)))

    # --- exponential units ---
    def elu(self, x, alpha):
        return self.where(x > 0, x, self.expm1_below(x) * alpha)

    def selu(self, x):
        return self.elu(x, SELU_ALPHA) * SELU_SCALE

    def selu_grad(self, g, x):
        return self.where(x > 0, g * SELU_SCALE, g * (self.exp_below(x) * (SELU_ALPHA * SELU_SCALE)))

    def selu_grad_by_result(self, g, out):
        return self.where(out > 0, g * SELU_SCALE, g * (out + SELU_ALPHA * SELU_SCALE))

    def celu(self, x, alpha):
        return self.where(x > 0, x, self.expm1_below(x * (1.0 / alpha)) * alpha)

    # --- smooth gates ---
    def mish(self, x):
        return x * self.tanh(self.softplus(x, 1.0, 20.0))

    def mish_grad(self, g, x):
        t = self.tanh(self.softplus(x, 1.0, 20.0))
        return g * (t + x * self.sigmoid(x) * (1.0 - t * t))

    def glu(self, x, axis):
        a, b = self.halves(x, axis)
        return a * self.sigmoid(b)

    def glu_grad(self, g, x, axis):
        a, b = self.halves(x, axis)
        s = self.sigmoid(b)
        left = g * s
        return self.concat([left, left * a * (1.0 - s)], axis)

    @staticmethod
    def halves(x, axis):
        """The first and the second half of x along an axis."""
        n = x.shape[axis] // 2
        head = (slice(None),) * axis
        return x[(*head, slice(0, n), ...)], x[(*head, slice(n, 2 * n), ...)]

    # --- pieces of straight lines ---
    def hardsigmoid(self, x):
        return self.clip(x + 3.0, 0.0, 6.0) * (1.0 / 6.0)

    def hardswish(self, x):
        return x * self.hardsigmoid(x)

    def hardswish_slope(self, x):
        inner = x * (1.0 / 3.0) + 0.5
        return self.where(x >= 3.0, self.ones_like(x), self.where(x <= -3.0, self.zeros_like(x), inner))

    def threshold(self, x, threshold, value):
        # The comparison is turned round for NaN, which stays.
        return self.where(x <= threshold, self.full((), value, x.dtype), x)

    def beyond(self, x, bound):
        """0 where -bound <= x <= bound, 1 elsewhere, also for NaN, in the dtype of x."""
        return 1.0 - self.inside(x, -bound, bound)

    def softshrink(self, x, bound):
        return x - self.clip(x, -bound, bound)

    def rrelu(self, x, noise):
        """x · noise, the noise a constant."""
        return x * noise

    def hardshrink(self, x, bound):
        return self.where(self.inside(x, -bound, bound) > 0, self.zeros_like(x), x)

    def prelu(self, x, weight):
        return self.where(x > 0, x, x * weight)
