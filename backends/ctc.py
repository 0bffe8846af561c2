"""The loss of connectionist temporal classification: sums over all alignments, by recursions over time.

All examples and all places of their labels go forward together; what differs between examples are masks. With labels
l₁ ... l_L the places are -, l₁, -, l₂, ..., l_L, - (2L + 1 of them, "-" the blank).
"""

import math

__all__ = ["Ctc"]


class Ctc:
    """Mixed into :class:`plugrad.backends.Backend`.

    x (T, N, C) log probabilities; places (N, S) classes of the places; leaps (N, S) whether a place may be reached from the
    one before the last; times (N) and ends (N): the number of steps and the last place of each example.
    """

    def ctc_places(self, labels, counts, blank):
        """(places, leaps, ends) of labels (N, L) of which the first counts[n] are valid."""
        n, length = labels.shape
        valid = self.reshape(self.arange(0, length, 1, self.int64), (1, length)) < self.expand_dims(counts, 1)
        labels = self.where(valid, labels, self.full_like(labels, blank))
        blanks = self.full_like(labels, blank)
        between = self.reshape(self.stack([blanks, labels], 2), (n, 2 * length))
        places = self.concat([between, self.full((n, 1), blank, labels.dtype)], 1)
        leaps = self.full((n, min(2, 2 * length + 1)), False, self.bool)
        if length:
            leaps = self.concat(
                [leaps, self.part(places, 1, 2, 2 * length + 1) != self.part(places, 1, 0, 2 * length - 1)], 1
            )
        return places, leaps, counts * 2

    def ctc_emissions(self, x, places):
        """(T, N, S): the log probability of each place at each time."""
        index = self.broadcast_to(self.expand_dims(places, 0), (x.shape[0], *places.shape))
        return self.take_along_axis(x, index, 2)

    def log_of_three(self, a, b, c):
        """log(eᵃ + eᵇ + eᶜ), -∞ where all are -∞."""
        top = self.maximum(self.maximum(a, b), c)
        top = self.select(top == -math.inf, 0.0, top)
        return self.log(self.exp(a - top) + self.exp(b - top) + self.exp(c - top)) + top

    def ctc_loss(self, x, places, leaps, times, ends, zero_infinity):
        """(-log p of each example, log α (T, N, S)): α the probability of all ways to a place at a time.

        ``zero_infinity`` concerns the gradient only.
        """
        emissions = self.ctc_emissions(x, places)
        n, s = places.shape
        nowhere = self.full((n, s), -math.inf, x.dtype)
        margin = self.part(nowhere, 1, 0, 1)
        ruler = self.reshape(self.arange(0, s, 1, self.int64), (1, s))
        alpha = self.where(ruler < 2, self.getitem(emissions, 0), nowhere)
        found = [alpha]
        for t in range(1, x.shape[0]):
            before = self.concat([margin, margin, alpha], 1)
            leapt = self.where(leaps, self.part(before, 1, 0, s), nowhere)
            alpha = self.log_of_three(alpha, self.part(before, 1, 1, s + 1), leapt) + self.getitem(emissions, t)
            found.append(alpha)
        alphas = self.stack(found, 0)
        return self.ctc_total(alphas, times, ends), alphas

    def ctc_total(self, alphas, times, ends):
        """-log of the probability of the last place or the one before it at the last time; without any time 0 or ∞."""
        _, n, s = alphas.shape
        none = self.zeros_like(times)
        last = self.broadcast_to(self.reshape(self.maximum(times - 1, none), (1, n, 1)), (1, n, s))
        last = self.reshape(self.take_along_axis(alphas, last, 0), (n, s))
        pair = self.stack([ends, self.maximum(ends - 1, none)], 1)
        pair = self.take_along_axis(last, pair, 1)
        nowhere = self.full((n,), -math.inf, alphas.dtype)
        first, second = self.getitem(pair, (slice(None), 0)), self.getitem(pair, (slice(None), 1))
        log_p = self.log_of_three(first, self.where(ends > 0, second, nowhere), nowhere)
        return -self.where(times > 0, log_p, self.select(ends == 0, self.zeros_like(nowhere), nowhere))

    def ctc_betas(self, emissions, leaps, times, ends):
        """log β (T, N, S): the probability of all ways from a place at a time to the end, that place included."""
        steps, n, s = emissions.shape
        nowhere = self.full((n, s), -math.inf, emissions.dtype)
        margin = self.part(nowhere, 1, 0, 1)
        ruler = self.reshape(self.arange(0, s, 1, self.int64), (1, s))
        times, ends = self.expand_dims(times, 1), self.expand_dims(ends, 1)
        final = self.logical_and(ruler <= ends, ruler >= ends - 1)
        # Whether the place after the next may be reached from here.
        onward = self.part(self.concat([leaps, self.full((n, 2), False, self.bool)], 1), 1, 2, s + 2)
        beta, found = nowhere, []
        for t in range(steps - 1, -1, -1):
            here = self.getitem(emissions, t)
            after = self.concat([beta, margin, margin], 1)
            leapt = self.where(onward, self.part(after, 1, 2, s + 2), nowhere)
            beta = self.log_of_three(beta, self.part(after, 1, 1, s + 1), leapt) + here
            beta = self.where(times - 1 == t, self.where(final, here, nowhere), beta)
            found.append(beta)
        return self.stack(found[::-1], 0)

    def ctc_loss_grad(self, g, x, out, alphas, places, leaps, times, ends, zero_infinity):
        """g · (eˣ - Σ αβ/p over the places of a class): the gradient by x under a log_softmax, as if that were not there."""
        steps, n, _ = x.shape
        emissions = self.ctc_emissions(x, places)
        betas = self.ctc_betas(emissions, leaps, times, ends)
        loss = self.reshape(out, (1, n, 1))
        ways = alphas + betas
        shares = self.select(ways == -math.inf, 0.0, self.exp(ways + loss - emissions))
        index = self.broadcast_to(self.expand_dims(places, 0), shares.shape)
        slope = self.exp(x) - self.gather_backward(shares, index, 2, tuple(x.shape))
        # An infinite loss or log probability makes a gradient that is not a number, as in torch.
        slope = (slope + (x - x) + (loss - loss)) * self.reshape(g, (1, n, 1))
        ruler = self.reshape(self.arange(0, steps, 1, self.int64), (steps, 1, 1))
        counted = ruler < self.reshape(times, (1, n, 1))
        if zero_infinity:
            counted = self.logical_and(counted, loss != math.inf)
        return self.select(counted, slope, 0.0)
