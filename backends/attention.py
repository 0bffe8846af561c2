"""Scaled dot-product attention and its gradient, derived from the required functions.

The softmax stays unfinished: the forward keeps exp(scores - top) and, per row, one over its sum, and multiplies the narrow
result by that instead of the wide weights. The gradient is written in operators and namespace functions only: under
create_graph the same text runs on tensors, where ``recalled_exps`` computes what was kept anew, as recorded ops.
"""

import math

__all__ = ["Attention", "Kernels"]


class Kernels:
    """Which of torch's kernels for attention are allowed. There is one computation here; with all of them off it is refused."""

    flash = efficient = math = cudnn = True
    any = True
    reduced = False

    @classmethod
    def switch(cls, **kernels):
        """Allow or forbid kernels; returns what held before."""
        before = {name: getattr(cls, name) for name in kernels}
        for name, allowed in kernels.items():
            setattr(cls, name, allowed)
        cls.any = cls.flash or cls.efficient or cls.math or cls.cudnn
        return before


def turned(xp, a):
    """The matrices of ``a`` transposed."""
    return xp.swap_axes(a, len(a.shape) - 2, len(a.shape) - 1)


class Attention:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def attention(self, q, k, v, mask, scale, causal):
        """softmax(q kᵀ · scale + mask) v.

        Args:
            q, k, v: (*, L, E), (*, S, E), (*, S, D).
            mask: added to the scores; of bools, False takes a score out. None: nothing.
            causal: row i sees the columns up to i.

        Returns:
            The result (*, L, D), the exponentials (*, L, S), and one over their sums (*, L, 1).
        """
        dtype = q.dtype
        exps, shares = self.exps_and_shares(self.attention_scores(q, k, mask, scale, causal))
        return self.narrowed(self.matmul(exps, self.widened(v)) * shares, dtype), exps, shares

    def attention_scores(self, q, k, mask, scale, causal):
        """q kᵀ · scale + mask; -∞ where the mask or ``causal`` takes a score out."""
        scores = self.matmul(self.widened(q) * scale, turned(self, self.widened(k)))
        if causal:
            scores = self.select(self._triangle(scores.shape, 0, True), scores, -math.inf)
        if mask is None:
            return scores
        if tuple(mask.shape) != tuple(scores.shape):
            mask = self.broadcast_to(mask, tuple(scores.shape))
        if mask.dtype == self.bool:
            return self.select(mask, scores, -math.inf)
        return scores + self.narrowed(mask, scores.dtype)

    def exps_and_shares(self, scores):
        """(exp(scores - their largest), 1 / the sum): a row without any score gives zeros."""
        axis = len(scores.shape) - 1
        if 0 in scores.shape:
            return scores, self.ones((*scores.shape[:-1], 1), scores.dtype)
        top = self.held(self.max(scores, axis, True))
        exps = self.exp(scores - self.select(top == -math.inf, 0.0, top))
        total = self.sum(exps, axis, True)
        return exps, 1.0 / self.select(total == 0, 1.0, total)

    def held(self, x):
        """x as a constant: a tensor without its history."""
        return x

    def recalled_exps(self, exps, shares, q, k, mask, scale, causal):
        """What the forward kept. Under create_graph it is computed again, since it depends on q and k."""
        return exps, shares

    def attention_grad(self, g, q, k, v, mask, out, exps, shares, scale, causal, needs):
        """The gradients of :meth:`attention` for q, k, v and the mask, None where none is wanted.

        With P the weights: v gets Pᵀ g; the scores get P · (g vᵀ - Σ g · out), the sum over each row.
        """
        g, q, k, v, out = (self.widened(a) for a in (g, q, k, v, out))
        exps, shares = self.recalled_exps(exps, shares, q, k, mask, scale, causal)
        g = g * shares
        for_v = self.matmul(turned(self, exps), g) if needs[2] else None
        if not (needs[0] or needs[1] or needs[3]):
            return None, None, for_v, None
        slope = exps * (self.matmul(g, turned(self, v)) - self.sum(g * out, len(g.shape) - 1, True))
        for_q = self.matmul(slope, k) * scale if needs[0] else None
        for_k = self.matmul(turned(self, slope), q) * scale if needs[1] else None
        return for_q, for_k, for_v, slope if needs[3] else None
