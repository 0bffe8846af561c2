"""numpy's recurrent layers: one matrix product for the input of all steps, then steps on buffers that exist.

At (20, 128) a ufunc on columns of a matrix takes four times as long as on an array of its own. So each gate of a step has one,
which costs nothing, as the product with the recurrent weights can be made gate by gate. The gradients of the gates lie side
by side again: then those of the weights, and of the states, are one product.

The sigmoid of a is (1 + tanh(a / 2)) / 2: numpy's tanh is faster than its exp, and one call serves all gates; the halves of the arguments
are in copies of the weights.
"""

import numpy as np

from .numpy_blocks import BLOCK, constants, ones
from .numpy_neural import rows_of
from .numpy_norm import widened
from .recurrent import steps_of

__all__ = ["NumpyRecurrent"]


# --- weights and steps ---
def shuffled(weights, order, factors):
    """Rows of a matrix or elements of a vector, gate by gate, in another order and multiplied: (gates · H, ·)."""
    gates = weights.reshape(len(factors), -1, *weights.shape[1:])
    out = np.empty_like(gates, order="C")
    for place, gate in enumerate(order):
        np.multiply(gates[gate], factors[place], out=out[place])
    return out.reshape(weights.shape)


def restored(weights, order):
    """The rows in torch's order again."""
    gates = weights.reshape(len(order), -1, *weights.shape[1:])
    out = np.empty_like(gates)
    for place, gate in enumerate(order):
        out[gate] = gates[place]
    return out.reshape(weights.shape)


def by_gate(weights, gates):
    """(gates · H, P) as (gates, P, H), so that one matmul fills an array per gate."""
    return np.ascontiguousarray(weights.reshape(gates, -1, weights.shape[1]).swapaxes(1, 2))


def projected(x, w_ih, bias):
    """x · w_ihᵀ + bias of all steps; the bias goes along as a column, which is cheaper than a pass over the result."""
    x = rows_of(x)
    if bias is None:
        return np.matmul(x, w_ih.T)
    wide, weights = np.empty((len(x), x.shape[1] + 1), x.dtype), np.empty((len(w_ih), x.shape[1] + 1), x.dtype)
    wide[:, :-1], wide[:, -1] = x, 1
    weights[:, :-1], weights[:, -1] = w_ih, bias
    return np.matmul(wide, weights.T)


def total(first, second):
    return second if first is None else first if second is None else first + second


def gates_apart(a, gates):
    """The columns (n, gates · H) as a view (gates, n, H)."""
    return a.reshape(len(a), gates, a.shape[1] // gates).swapaxes(0, 1)


def halves(dtype):
    return constants(dtype, 0.5)[0]


def to_sigmoid(a, half):
    """(1 + a) / 2 in place."""
    np.multiply(a, half, out=a)
    np.add(a, half, out=a)


def weight_grads(g_ih, g_hh, x, before, needs):
    """The gradients for w_ih, w_hh, b_ih and b_hh."""
    row = ones(len(g_ih), g_ih.dtype)
    for_b_ih = np.matmul(row, g_ih) if needs[2] else None
    same = g_hh is g_ih and for_b_ih is not None
    for_b_hh = None if not needs[3] else for_b_ih.copy() if same else np.matmul(row, g_hh)
    return (
        np.matmul(g_ih.T, rows_of(x)) if needs[0] else None,
        np.matmul(g_hh.T, before) if needs[1] else None,
        for_b_ih,
        for_b_hh,
    )


def output(values, x, dtype):
    return narrowed(values.reshape(*x.shape[:-1], values.shape[1]), dtype)


def narrowed(a, dtype):
    return a if a.dtype == dtype else a.astype(dtype)


class Chunks:
    """Steps taken together where they have equal numbers of rows: elementwise work on several at a time.

    Each is (steps, n): slices of rows that lie one after the other, in the order in which they are walked.
    """

    def __init__(self, steps, width):
        self.chunks = []
        for step in steps:
            n = step.stop - step.start
            last = self.chunks[-1] if self.chunks else None
            if last is None or last[1] != n or (len(last[0]) + 1) * n * width > BLOCK:
                self.chunks.append(([step], n))
            else:
                last[0].append(step)

    def __iter__(self):
        return iter(self.chunks)


def joined(steps):
    """The rows of the steps of a chunk as one slice, and whether time runs backwards in it."""
    return slice(min(s.start for s in steps), max(s.stop for s in steps))


# --- LSTM: the gates in the order g, i, f, o; c before and tanh c follow in the memory that is kept ---
LSTM_ORDER = (2, 0, 1, 3)
LSTM_FACTORS = (1.0, 0.5, 0.5, 0.5)


def lstm_blocks(kept, step, hidden):
    """What is kept of a step, or of several neighbours with n rows each: (6, n, H) or (steps, 6, n, H)."""
    return kept[step.start * 6 * hidden : step.stop * 6 * hidden]


def lstm_forward(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, steps):
    hidden, rows = w_hh.shape[0] // 4, rows_of(x).shape[0]
    bias = total(b_ih, b_hh)
    bias = None if bias is None else shuffled(bias, LSTM_ORDER, LSTM_FACTORS)
    inputs = projected(x, shuffled(w_ih, LSTM_ORDER, LSTM_FACTORS), bias)
    recurrent = by_gate(shuffled(w_hh, LSTM_ORDER, LSTM_FACTORS), 4)
    kept = np.empty(rows * 6 * hidden, x.dtype)
    y, begun = (np.empty((rows, h.shape[1]), x.dtype) for _ in range(2))
    h, c, half = h.copy(), c.copy(), halves(x.dtype)
    for step in steps:
        n = step.stop - step.start
        block = lstm_blocks(kept, step, hidden).reshape(6, n, hidden)
        gates, before, squashed = block[:4], block[4], block[5]
        cell, begun[step] = c[:n], h[:n]
        np.matmul(h[:n], recurrent, out=gates)
        np.add(gates, gates_apart(inputs[step], 4), out=gates)
        np.tanh(gates, out=gates)
        to_sigmoid(gates[1:], half)
        g, i, f, o = gates
        before[...] = cell
        np.multiply(cell, f, out=cell)
        np.multiply(i, g, out=squashed)
        np.add(cell, squashed, out=cell)
        np.tanh(cell, out=squashed)
        out = y[step]
        if w_hr is None:
            np.multiply(o, squashed, out=out)
        else:
            np.matmul(o * squashed, w_hr.T, out=out)
        h[:n] = out
    return y, h, c, kept, begun


def lstm_factors(blocks, factors, slope):
    """What the gradients of c and h are multiplied by, at once for the steps of a chunk.

    Args:
        blocks: (steps, 6, n, H), what is kept.
        factors: (steps, 4, n, H) for the gates: three times of the gradient of c, once of h.
        slope: (steps, n, H), from h to c.
    """
    g, i, _, o, before, squashed = (blocks[:, k] for k in range(6))
    np.subtract(1.0, blocks[:, 1:4], out=factors[:, 1:])
    np.multiply(factors[:, 1:], blocks[:, 1:4], out=factors[:, 1:])
    for_g, for_i, for_f, for_o = (factors[:, k] for k in range(4))
    np.multiply(for_i, g, out=for_i)
    np.multiply(for_f, before, out=for_f)
    np.multiply(for_o, squashed, out=for_o)
    np.multiply(g, g, out=for_g)
    np.subtract(1.0, for_g, out=for_g)
    np.multiply(for_g, i, out=for_g)
    np.multiply(squashed, squashed, out=slope)
    np.subtract(1.0, slope, out=slope)
    np.multiply(slope, o, out=slope)


def lstm_backward(g_y, d, d_cell, w_hh, w_hr, kept, steps):
    """(gradients of the gates, of the output): d and d_cell become those of the first states."""
    hidden = w_hh.shape[1] if w_hr is None else w_hr.shape[1]
    gates, outputs = np.empty((len(g_y), 4 * hidden), g_y.dtype), None
    outputs = None if w_hr is None else np.empty_like(g_y, order="C")
    for chunk, n in reversed(list(Chunks(steps, 4 * hidden))):
        rows = joined(chunk)
        blocks = lstm_blocks(kept, rows, hidden).reshape(len(chunk), 6, n, hidden)
        factors, slopes = np.empty((len(chunk), 4, n, hidden), g_y.dtype), np.empty((len(chunk), n, hidden), g_y.dtype)
        lstm_factors(blocks, factors, slopes)
        state, cell = d[:n], d_cell[:n]
        for step in reversed(chunk):
            place = (step.start - rows.start) // n if n else 0
            np.add(state, g_y[step], out=state)
            full = state
            if w_hr is not None:
                outputs[step] = state
                full = np.matmul(state, w_hr)
            factor, slope, mine = factors[place], slopes[place], gates[step]
            np.multiply(slope, full, out=slope)
            np.add(cell, slope, out=cell)
            apart = gates_apart(mine, 4)
            np.multiply(factor[:3], cell, out=apart[:3])
            np.multiply(factor[3], full, out=apart[3])
            np.multiply(cell, blocks[place, 2], out=cell)
            np.matmul(mine, w_hh, out=state)
    return gates, outputs


def full_output(kept, steps, hidden):
    """o · tanh c of all rows: what w_hr was multiplied with."""
    out = np.empty((len(kept) // (6 * hidden), hidden), kept.dtype)
    for step in steps:
        block = lstm_blocks(kept, step, hidden).reshape(6, step.stop - step.start, hidden)
        np.multiply(block[3], block[5], out=out[step])
    return out


# --- GRU: the gates in the order r, z; then W h + b of n, and n ---
def gru_forward(x, h, w_ih, w_hh, b_ih, b_hh, steps):
    hidden, rows = w_hh.shape[1], rows_of(x).shape[0]
    order, factors = (0, 1, 2), (0.5, 0.5, 1.0)
    last = None if b_hh is None else b_hh[2 * hidden :]
    bias = None
    if b_ih is not None or b_hh is not None:
        bias = np.zeros(3 * hidden, x.dtype) if b_ih is None else b_ih.copy()
        bias[: 2 * hidden] += 0 if b_hh is None else b_hh[: 2 * hidden]
        bias = shuffled(bias, order, factors)
    inputs = projected(x, shuffled(w_ih, order, factors), bias)
    recurrent = by_gate(shuffled(w_hh, order, factors), 3)
    kept = np.empty(rows * 4 * hidden, x.dtype)
    y, begun = (np.empty((rows, hidden), x.dtype) for _ in range(2))
    h, half = h.copy(), halves(x.dtype)
    for step in steps:
        n = step.stop - step.start
        block = kept[step.start * 4 * hidden : step.stop * 4 * hidden].reshape(4, n, hidden)
        given, state, gates = gates_apart(inputs[step], 3), h[:n], block[:2]
        begun[step] = state
        np.matmul(state, recurrent, out=block[:3])
        np.add(gates, given[:2], out=gates)
        np.tanh(gates, out=gates)
        to_sigmoid(gates, half)
        r, z, new_h, new = block
        if last is not None:
            np.add(new_h, last, out=new_h)
        np.multiply(r, new_h, out=new)
        np.add(new, given[2], out=new)
        np.tanh(new, out=new)
        np.subtract(state, new, out=state)
        np.multiply(state, z, out=state)
        np.add(state, new, out=state)
        y[step] = state
    return y, h, kept, begun


def gru_factors(blocks, before, factors):
    """What the gradient of h is multiplied by for r, z, W h + b of n, and n: (steps, 4, n, H)."""
    r, _, new_h, new = (blocks[:, k] for k in range(4))
    for_r, for_z, for_new_h, for_new = (factors[:, k] for k in range(4))
    np.subtract(1.0, blocks[:, :2], out=factors[:, :2])
    np.multiply(new, new, out=for_new)
    np.subtract(1.0, for_new, out=for_new)
    np.multiply(for_new, for_z, out=for_new)
    np.multiply(factors[:, :2], blocks[:, :2], out=factors[:, :2])
    np.subtract(before, new, out=for_new_h)
    np.multiply(for_z, for_new_h, out=for_z)
    np.multiply(for_r, new_h, out=for_r)
    np.multiply(for_r, for_new, out=for_r)
    np.multiply(for_new, r, out=for_new_h)


def gru_backward(g_y, d, w_hh, kept, before, steps):
    """The gradients of r, z, W h + b of n, and n, side by side; d becomes that of the first state."""
    hidden = w_hh.shape[1]
    gates = np.empty((len(g_y), 4 * hidden), g_y.dtype)
    for chunk, n in reversed(list(Chunks(steps, 4 * hidden))):
        rows = joined(chunk)
        blocks = kept[rows.start * 4 * hidden : rows.stop * 4 * hidden].reshape(len(chunk), 4, n, hidden)
        factors = np.empty_like(blocks)
        gru_factors(blocks, before[rows].reshape(len(chunk), n, hidden), factors)
        state, through = d[:n], np.empty((n, hidden), g_y.dtype)
        for step in reversed(chunk):
            place = (step.start - rows.start) // n if n else 0
            mine = gates[step]
            np.add(state, g_y[step], out=state)
            np.multiply(factors[place], state, out=gates_apart(mine, 4))
            np.multiply(state, blocks[place, 1], out=through)
            np.matmul(mine[:, : 3 * hidden], w_hh, out=state)
            np.add(state, through, out=state)
    return gates


# --- RNN ---
def rnn_forward(x, h, w_ih, w_hh, b_ih, b_hh, relu, steps):
    y = projected(x, w_ih, total(b_ih, b_hh))
    begun = np.empty_like(y)
    h, turned = h.copy(), np.ascontiguousarray(w_hh.T)
    for step in steps:
        n = step.stop - step.start
        out, state = y[step], h[:n]
        begun[step] = state
        np.add(out, np.matmul(state, turned), out=out)
        if relu:
            np.maximum(out, 0, out=out)
        else:
            np.tanh(out, out=out)
        state[...] = out
    return y, h, begun


def rnn_backward(g_y, d, w_hh, y, relu, steps):
    """The gradients of the sums; d becomes that of the first state."""
    if relu:
        sums = (y > 0).astype(g_y.dtype)
    else:
        sums = y * y
        np.subtract(1.0, sums, out=sums)
    for step in reversed(steps):
        state, mine = d[: step.stop - step.start], sums[step]
        np.add(state, g_y[step], out=state)
        np.multiply(mine, state, out=mine)
        np.matmul(mine, w_hh, out=state)
    return sums


# --- the functions ---
def input_grad(g, w_ih, x, needed):
    return np.matmul(g, w_ih).reshape(x.shape) if needed else None


class NumpyRecurrent:
    """Mixed into the numpy backend: :class:`plugrad.backends.recurrent.Recurrent` on buffers."""

    def lstm(self, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse):
        dtype, arguments = x.dtype, map(widened, (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr))
        y, h_n, c_n, kept, begun = lstm_forward(*arguments, steps_of(x.shape, sizes, reverse))
        return output(y, x, dtype), narrowed(h_n, dtype), narrowed(c_n, dtype), kept, begun

    def lstm_grad(
        self, g_y, g_h, g_c, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, kept, before, sizes, reverse, needs
    ):  # fmt: skip
        g_y, x, w_ih, w_hh, w_hr = map(widened, (g_y, x, w_ih, w_hh, w_hr))
        steps, rows_g = steps_of(x.shape, sizes, reverse), rows_of(g_y)
        d, d_cell = (np.array(g, kept.dtype, order="C") for g in (g_h, g_c))
        ones_of = (1.0, 1.0, 1.0, 1.0)
        gates, outputs = lstm_backward(rows_g, d, d_cell, shuffled(w_hh, LSTM_ORDER, ones_of), w_hr, kept, steps)
        found = weight_grads(gates, gates, x, before, needs[3:7])
        others = (None if g is None else restored(g, LSTM_ORDER) for g in found)
        for_x = input_grad(gates, shuffled(w_ih, LSTM_ORDER, ones_of), x, needs[0])
        for_w_hr = None
        if w_hr is not None and needs[7]:
            for_w_hr = np.matmul(outputs.T, full_output(kept, steps, w_hr.shape[1]))
        return for_x, d, d_cell, *others, for_w_hr

    def gru(self, x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
        dtype, arguments = x.dtype, map(widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        y, h_n, kept, begun = gru_forward(*arguments, steps_of(x.shape, sizes, reverse))
        return output(y, x, dtype), narrowed(h_n, dtype), kept, begun

    def gru_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, sizes, reverse, needs):
        g_y, x, w_ih, w_hh = map(widened, (g_y, x, w_ih, w_hh))
        steps, hidden = steps_of(x.shape, sizes, reverse), w_hh.shape[1]
        d = np.array(g_h, kept.dtype, order="C")
        gates = gru_backward(rows_of(g_y), d, w_hh, kept, before, steps)
        recurrent = gates[:, : 3 * hidden]
        _, for_w_hh, _, for_b_hh = weight_grads(recurrent, recurrent, x, before, (False, needs[3], False, needs[5]))
        gates[:, 2 * hidden : 3 * hidden] = gates[:, 3 * hidden :]  # what comes from x from here on
        for_w_ih, _, for_b_ih, _ = weight_grads(recurrent, recurrent, x, before, (needs[2], False, needs[4], False))
        return input_grad(recurrent, w_ih, x, needs[0]), d, for_w_ih, for_w_hh, for_b_ih, for_b_hh

    def rnn(self, x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse):
        dtype, arguments = x.dtype, map(widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        y, h_n, begun = rnn_forward(*arguments, relu, steps_of(x.shape, sizes, reverse))
        return output(y.copy(), x, dtype), narrowed(h_n, dtype), y, begun

    def rnn_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, relu, sizes, reverse, needs):
        g_y, x, w_ih, w_hh = map(widened, (g_y, x, w_ih, w_hh))
        d = np.array(g_h, kept.dtype, order="C")
        sums = rnn_backward(rows_of(g_y), d, w_hh, kept, relu, steps_of(x.shape, sizes, reverse))
        return input_grad(sums, w_ih, x, needs[0]), d, *weight_grads(sums, sums, x, before, needs[2:])
