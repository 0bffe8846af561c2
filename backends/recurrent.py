"""Recurrent layers over time, one layer and one direction at a time, and their gradients.

Time steps lie one after the other: x is (T, N, D), or (rows, D) with ``sizes``, the numbers of rows of the steps, which do
not grow: the longest sequences come first. ``reverse`` walks from the last step to the first. Half precision is computed in
float32.

The gradients are written in operators and namespace functions only. Under create_graph the same text runs on tensors, where
``recalled_lstm`` and ``recalled_gru`` compute again, recorded, what the forward kept.
"""

from itertools import accumulate

__all__ = ["Recurrent", "steps_of"]


def steps_of(shape, sizes, reverse):
    """The rows of each step, as slices, in the order in which they are walked; ``shape`` is that of x."""
    sizes = (shape[1],) * shape[0] if sizes is None else sizes
    steps = [slice(end - n, end) for end, n in zip(accumulate(sizes), sizes, strict=True)]
    return steps[::-1] if reverse else steps


class Carried:
    """A state on its way through steps of changing numbers of rows, without writing in place.

    Where a step has fewer rows than the one before, the last ones leave; where it has more, rows of ``source`` join.
    """

    def __init__(self, xp, source):
        self.xp = xp
        self.source = source
        self.value = None
        self.left = []

    def enter(self, n):
        """The state for a step of n rows."""
        xp, value = self.xp, self.value
        if value is None:
            return xp.getitem(self.source, (slice(0, n),))
        have = value.shape[0]
        if n > have:
            return xp.concat([value, xp.getitem(self.source, (slice(have, n),))], 0)
        if n < have:
            self.left.append(xp.getitem(value, (slice(n, have),)))
            return xp.getitem(value, (slice(0, n),))
        return value

    def end(self):
        """The state that every row left with."""
        return self.xp.concat([self.value, *reversed(self.left)], 0) if self.left else self.value


class Recurrent:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- what the layers share ---
    def _parts(self, a, count):
        """The columns cut into ``count`` equal parts."""
        width = a.shape[1] // count
        return [self.getitem(a, (slice(None), slice(i * width, (i + 1) * width))) for i in range(count)]

    def _packed(self, *arrays):
        """Arrays (n, H) one after the other in a vector."""
        return self.concat([self.reshape(a, (a.shape[0] * a.shape[1],)) for a in arrays], 0)

    def _unpacked(self, kept, step, count, hidden):
        """The ``count`` arrays (n, H) that were kept of a step."""
        size = count * hidden
        block = self.getitem(kept, (slice(step.start * size, step.stop * size),))
        block = self.reshape(block, (count, step.stop - step.start, hidden))
        return [self.getitem(block, (k,)) for k in range(count)]

    def _in_time(self, parts, reverse):
        """What the steps gave, in the order of time."""
        return self.concat(parts[::-1] if reverse else parts, 0)

    def _projected(self, x, w_ih, *biases):
        out = self.linear_input(self._rows(x), self.permute_dims(w_ih, (1, 0)))
        for bias in biases:
            out = out if bias is None else out + bias
        return out

    def _recurrent(self, h, w_hh):
        return self.linear_input(h, self.permute_dims(w_hh, (1, 0)))

    def _weight_grads(self, g_ih, g_hh, x, before, w_ih, needs):
        """The gradients for x, w_ih, w_hh, b_ih and b_hh by those of what is added up: W x + b and W h + b."""
        return (
            self.reshape(self.linear_input(g_ih, w_ih), x.shape) if needs[0] else None,
            self.linear_weight(g_ih, self._rows(x)) if needs[1] else None,
            self.linear_weight(g_hh, before) if needs[2] else None,
            self.sum(g_ih, (0,), False) if needs[3] else None,
            self.sum(g_hh, (0,), False) if needs[4] else None,
        )

    def _shaped_output(self, parts, x, reverse):
        made = self._in_time(parts, reverse)
        return self.reshape(made, (*x.shape[:-1], made.shape[1]))

    # --- LSTM ---
    def lstm(self, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse):
        """Long short-term memory with the gates i, f, g, o: c ← f · c + i · g, h ← o · tanh c, or w_hr of that.

        Args:
            h: (N, P), P the rows of w_hr, or H without it.
            c: (N, H).
            w_ih, w_hh: (4 · H, D) and (4 · H, P).
            b_ih, b_hh: (4 · H) or None.
            w_hr: (P, H) or None.

        Returns:
            (y, h_n, c_n, kept, before): the last two are for :meth:`lstm_grad`. kept is a vector of the arrays (n, H) of each
            step: the gates in the order g, i, f, o, c before, and tanh c. before is (rows, P), h before each step.
        """
        return self.lstm_steps(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)

    def lstm_steps(self, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse):
        """:meth:`lstm` as a composition."""
        dtype = x.dtype
        x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = map(self.widened, (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr))
        projected = self._projected(x, w_ih, b_ih, b_hh)
        hidden, cell, outputs, kept, begun = Carried(self, h), Carried(self, c), [], [], []
        for step in steps_of(x.shape, sizes, reverse):
            n = step.stop - step.start
            before = cell.enter(n)
            begun.append(hidden.enter(n))
            gates = self.getitem(projected, (step,)) + self._recurrent(begun[-1], w_hh)
            i, f, g, o = self._parts(gates, 4)
            i, f, g, o = self.sigmoid(i), self.sigmoid(f), self.tanh(g), self.sigmoid(o)
            cell.value = f * before + i * g
            squashed = self.tanh(cell.value)
            y = o * squashed
            hidden.value = y if w_hr is None else self._recurrent(y, w_hr)
            outputs.append(hidden.value)
            kept.append(self._packed(g, i, f, o, before, squashed))
        made = self._shaped_output(outputs, x, reverse), hidden.end(), cell.end()
        made = (self.narrowed(a, dtype) for a in made)
        return *made, self._in_time(kept, reverse), self._in_time(begun, reverse)

    def recalled_lstm(self, kept, before, *arguments):
        """What the forward kept. Under create_graph it is computed again, since it depends on the arguments."""
        return kept, before

    def lstm_grad(
        self, g_y, g_h, g_c, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, kept, before, sizes, reverse, needs
    ):  # fmt: skip
        """The gradients for x, h, c, w_ih, w_hh, b_ih, b_hh and w_hr."""
        g_y, g_h, g_c, x, h, c, w_ih, w_hh, w_hr = map(self.widened, (g_y, g_h, g_c, x, h, c, w_ih, w_hh, w_hr))
        b_ih, b_hh = self.widened(b_ih), self.widened(b_hh)
        kept, begun = self.recalled_lstm(kept, before, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)
        steps, g_y = steps_of(x.shape, sizes, reverse), self._rows(g_y)
        hidden, cell, for_gates, for_output = Carried(self, g_h), Carried(self, g_c), [], []
        for step in reversed(steps):
            n = step.stop - step.start
            g, i, f, o, before, squashed = self._unpacked(kept, step, 6, c.shape[1])
            d = hidden.enter(n) + self.getitem(g_y, (step,))
            if w_hr is not None:
                for_output.append((d, o * squashed))
                d = self.linear_input(d, w_hr)
            d_cell = cell.enter(n) + d * o * (1.0 - squashed * squashed)
            cell.value = d_cell * f
            parts = (
                d_cell * g * i * (1.0 - i),
                d_cell * before * f * (1.0 - f),
                d_cell * i * (1.0 - g * g),
                d * squashed * o * (1.0 - o),
            )
            for_gates.append(self.concat(parts, 1))
            hidden.value = self.linear_input(for_gates[-1], w_hh)
        gates, back = self._in_time(for_gates, not reverse), hidden.end()
        wanted = (needs[0], *needs[3:7])
        for_x, *others = self._weight_grads(gates, gates, x, begun, w_ih, wanted)
        for_w_hr = None
        if w_hr is not None and needs[7]:
            for_w_hr = self.linear_weight(*(self.concat(part, 0) for part in zip(*for_output, strict=True)))
        return for_x, back, cell.end(), *others, for_w_hr

    # --- GRU ---
    def gru(self, x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
        """Gated recurrent units with the gates r, z, n: n = tanh(W x + b + r · (W h + b)), h ← (1 - z) · n + z · h.

        Args:
            h: (N, H).
            w_ih, w_hh: (3 · H, D) and (3 · H, H).
            b_ih, b_hh: (3 · H) or None.

        Returns:
            (y, h_n, kept, before): the last two are for :meth:`gru_grad`. kept is a vector of the arrays (n, H) of each step:
            r, z, W h + b for n, and n. before is (rows, H), h before each step.
        """
        return self.gru_steps(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse)

    def gru_steps(self, x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
        """:meth:`gru` as a composition."""
        dtype = x.dtype
        x, h, w_ih, w_hh, b_ih, b_hh = map(self.widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        projected = self._projected(x, w_ih, b_ih)
        hidden, outputs, kept, begun = Carried(self, h), [], [], []
        for step in steps_of(x.shape, sizes, reverse):
            before = hidden.enter(step.stop - step.start)
            begun.append(before)
            r, z, new = self._parts(self.getitem(projected, (step,)), 3)
            recurrent = self._recurrent(before, w_hh)
            r_h, z_h, new_h = self._parts(recurrent if b_hh is None else recurrent + b_hh, 3)
            r, z = self.sigmoid(r + r_h), self.sigmoid(z + z_h)
            new = self.tanh(new + r * new_h)
            hidden.value = new + z * (before - new)
            outputs.append(hidden.value)
            kept.append(self._packed(r, z, new_h, new))
        made = self._shaped_output(outputs, x, reverse), hidden.end()
        made = (self.narrowed(a, dtype) for a in made)
        return *made, self._in_time(kept, reverse), self._in_time(begun, reverse)

    def recalled_gru(self, kept, before, *arguments):
        """As :meth:`recalled_lstm`."""
        return kept, before

    def gru_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, sizes, reverse, needs):
        """The gradients for x, h, w_ih, w_hh, b_ih and b_hh."""
        g_y, g_h, x, h, w_ih, w_hh = map(self.widened, (g_y, g_h, x, h, w_ih, w_hh))
        b_ih, b_hh = self.widened(b_ih), self.widened(b_hh)
        kept, before = self.recalled_gru(kept, before, x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse)
        steps, g_y = steps_of(x.shape, sizes, reverse), self._rows(g_y)
        hidden, for_x, for_h = Carried(self, g_h), [], []
        for step in reversed(steps):
            r, z, new_h, new = self._unpacked(kept, step, 4, h.shape[1])
            d = hidden.enter(step.stop - step.start) + self.getitem(g_y, (step,))
            d_new = d * (1.0 - z) * (1.0 - new * new)
            d_z = d * (self.getitem(before, (step,)) - new) * z * (1.0 - z)
            d_r = d_new * new_h * r * (1.0 - r)
            for_x.append(self.concat([d_r, d_z, d_new], 1))
            for_h.append(self.concat([d_r, d_z, d_new * r], 1))
            hidden.value = d * z + self.linear_input(for_h[-1], w_hh)
        g_ih, g_hh = self._in_time(for_x, not reverse), self._in_time(for_h, not reverse)
        back = hidden.end()
        first, *others = self._weight_grads(g_ih, g_hh, x, before, w_ih, (needs[0], *needs[2:]))
        return first, back, *others

    # --- RNN ---
    def rnn(self, x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse):
        """h ← tanh(W x + b + W h + b), or relu of that.

        Args:
            h: (N, H).
            w_ih, w_hh: (H, D) and (H, H).
            b_ih, b_hh: (H) or None.

        Returns:
            (y, h_n, kept, before): the last two are for :meth:`rnn_grad`, both (rows, H): y again, as y itself may be changed
            in place, and h before each step.
        """
        return self.rnn_steps(x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse)

    def rnn_steps(self, x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse):
        """:meth:`rnn` as a composition."""
        dtype = x.dtype
        x, h, w_ih, w_hh, b_ih, b_hh = map(self.widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        projected = self._projected(x, w_ih, b_ih, b_hh)
        squash = self.relu if relu else self.tanh
        hidden, outputs, begun = Carried(self, h), [], []
        for step in steps_of(x.shape, sizes, reverse):
            begun.append(hidden.enter(step.stop - step.start))
            hidden.value = squash(self.getitem(projected, (step,)) + self._recurrent(begun[-1], w_hh))
            outputs.append(hidden.value)
        kept = self._in_time(outputs, reverse)
        y = self.reshape(self.copy(kept), (*x.shape[:-1], kept.shape[1]))
        return self.narrowed(y, dtype), self.narrowed(hidden.end(), dtype), kept, self._in_time(begun, reverse)

    def recalled_rnn(self, kept, before, *arguments):
        """As :meth:`recalled_lstm`."""
        return kept, before

    def rnn_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, relu, sizes, reverse, needs):
        """The gradients for x, h, w_ih, w_hh, b_ih and b_hh."""
        g_y, g_h, x, h, w_ih, w_hh = map(self.widened, (g_y, g_h, x, h, w_ih, w_hh))
        b_ih, b_hh = self.widened(b_ih), self.widened(b_hh)
        kept, before = self.recalled_rnn(kept, before, x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse)
        steps, g_y = steps_of(x.shape, sizes, reverse), self._rows(g_y)
        hidden, gradients = Carried(self, g_h), []
        for step in reversed(steps):
            d = hidden.enter(step.stop - step.start) + self.getitem(g_y, (step,))
            out = self.getitem(kept, (step,))
            gradients.append(d * self.step(out) if relu else d * (1.0 - out * out))
            hidden.value = self.linear_input(gradients[-1], w_hh)
        g, back = self._in_time(gradients, not reverse), hidden.end()
        first, *others = self._weight_grads(g, g, x, before, w_ih, (needs[0], *needs[2:]))
        return first, back, *others
