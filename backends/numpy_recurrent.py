"""numpy's recurrent layers: buffers that exist, and every gate an array of its own.

At (20, 128) a ufunc on columns of a matrix takes four times as long as on an array, and OpenBLAS multiplies matrices with few
elements without packing them first: four products of (20, 128) and (128, 128) take 24 µs, the one with (128, 512) takes 35.
So gates come first in all shapes, (gates, rows, H), and the input of all steps is multiplied in blocks of rows.

The sigmoid of a is (1 + tanh(a / 2)) / 2: numpy's tanh is faster than its exp, and one call serves all gates; the halves of the
arguments are in copies of the weights.
"""

import numpy as np

from .numpy_blocks import constants, ones
from .numpy_conv import scratch
from .numpy_neural import rows_of
from .numpy_norm import widened
from .recurrent import steps_of

__all__ = ["NumpyRecurrent"]

#: Multiplications of a product that OpenBLAS makes without packing.
UNPACKED = 1_000_000
#: Elements of the factors that a chunk of steps has at once.
CHUNK = 1 << 19


# --- products gate by gate ---
def product(a, b, out):
    """a (rows, k) · b (gates, k, m) into out (gates, rows, m)."""
    rows, k = a.shape
    gates, _, m = b.shape
    block = UNPACKED // max(1, k * m)
    whole = rows // block * block if block > 7 else 0
    if whole:
        shape = (whole // block, block)
        np.matmul(a[:whole].reshape(*shape, k), b[:, None], out=out[:, :whole].reshape(gates, *shape, m))
    if whole < rows:
        np.matmul(a[whole:], b, out=out[:, whole:])


def gates_of(weights, count):
    """(gates · H, ·) as a view (gates, H, ·)."""
    return weights.reshape(count, weights.shape[0] // count, *weights.shape[1:])


def turned(weights, order, factors, bias=None):
    """(gates · H, k) as (gates, k, H) in another order of gates, multiplied by a factor each; a bias becomes the last row."""
    weights = gates_of(weights, len(order))
    gates, hidden, k = weights.shape
    out = np.empty((gates, k if bias is None else k + 1, hidden), weights.dtype)
    for place, (gate, factor) in enumerate(zip(order, factors, strict=True)):
        np.multiply(weights[gate].T, factor, out=out[place, :k])
        if bias is not None:
            np.multiply(gates_of(bias, gates)[gate], factor, out=out[place, k])
    return out


def ordered(weights, order):
    """(gates · H, k) as (gates, H, k) in another order of gates."""
    weights = gates_of(weights, len(order))
    return weights if order == tuple(range(len(order))) else weights[list(order)]


def projected(x, w_ih, bias, order, factors):
    """x · w_ihᵀ + bias of all steps, (gates, rows, H); the bias goes along as a column, cheaper than a pass over the result."""
    x, weights = rows_of(x), turned(w_ih, order, factors, bias)
    if bias is not None:
        wide = scratch("recurrent x", (len(x), x.shape[1] + 1), x.dtype)
        wide[:, :-1], wide[:, -1] = x, 1
        x = wide
    out = scratch("recurrent inputs", (len(order), len(x), weights.shape[2]), x.dtype)
    product(x, weights, out)
    return out


def total(first, second):
    return second if first is None else first if second is None else first + second


def to_sigmoid(a, half):
    """(1 + a) / 2 in place."""
    np.multiply(a, half, out=a)
    np.add(a, half, out=a)


# --- gradients ---
def input_grad(gates, w_ih, order, x, needed):
    """Σ over gates of their gradients (rows, H) times the weights."""
    if not needed:
        return None
    weights, out = ordered(w_ih, order), np.empty((1, gates.shape[1], w_ih.shape[1]), gates.dtype)
    product(gates[0], weights[:1], out)
    part = scratch("recurrent part", out.shape, out.dtype) if len(gates) > 1 else None
    for gate, weight in zip(gates[1:], weights[1:], strict=True):
        product(gate, weight[None], part)
        np.add(out, part, out=out)
    return out.reshape(x.shape)


def weight_grad(gates, a, order, needed):
    """The gradient (gates · H, k) of a weight that was multiplied with a (rows, k)."""
    if not needed:
        return None
    out = np.empty((len(gates), gates.shape[2], a.shape[1]), gates.dtype)
    for place, gate in enumerate(order):
        np.matmul(gates[place].T, a, out=out[gate])
    return out.reshape(-1, a.shape[1])


def bias_grad(gates, order, needed):
    if not needed:
        return None
    out, row = np.empty((len(gates), gates.shape[2]), gates.dtype), ones(gates.shape[1], gates.dtype)
    for place, gate in enumerate(order):
        np.matmul(row, gates[place], out=out[gate])
    return out.reshape(-1)


def first_grad(g, dtype):
    """A gradient of a last state to walk back with, which becomes that of the first one."""
    return np.array(g, dtype, order="C")


def chunks_of(steps, width):
    """Steps to be taken together, with equal numbers of rows n: (steps, n, their rows as one slice)."""
    groups = []
    for step in steps:
        n = step.stop - step.start
        if groups and groups[-1][1] == n and (len(groups[-1][0]) + 1) * n * width <= CHUNK:
            groups[-1][0].append(step)
        else:
            groups.append(([step], n))
    return [
        (group, n, slice(min(group[0].start, group[-1].start), max(group[0].stop, group[-1].stop)))
        for group, n in groups
    ]


def kept_of(kept, rows, shape):
    """What is kept of some rows in a shape (..., arrays, n, H)."""
    size = shape[-3] * shape[-1]
    return kept[rows.start * size : rows.stop * size].reshape(shape)


def output(values, x, dtype):
    return narrowed(values.reshape(*x.shape[:-1], values.shape[1]), dtype)


def narrowed(a, dtype):
    return a if a.dtype == dtype else a.astype(dtype)


# --- LSTM: the gates in the order g, i, f, o; c before and tanh c follow in what is kept ---
LSTM_ORDER = (2, 0, 1, 3)


def lstm_forward(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, steps):
    factors = (1.0, 0.5, 0.5, 0.5)
    inputs = projected(x, w_ih, total(b_ih, b_hh), LSTM_ORDER, factors)
    recurrent = turned(w_hh, LSTM_ORDER, factors)
    _, rows, hidden = inputs.shape
    kept = np.empty(rows * 6 * hidden, x.dtype)
    y, begun = (np.empty((rows, h.shape[1]), x.dtype) for _ in range(2))
    h, c, (half,) = h.copy(), c.copy(), constants(x.dtype, 0.5)
    work = np.empty((4, len(h), hidden), x.dtype)
    for step in steps:
        n = step.stop - step.start
        gates, block, cell, state = work[:, :n], kept_of(kept, step, (6, n, hidden)), c[:n], h[:n]
        begun[step], block[4] = state, cell
        np.matmul(state, recurrent, out=gates)
        np.add(gates, inputs[:, step], out=gates)
        np.tanh(gates, out=block[:4])
        to_sigmoid(block[1:4], half)
        g, i, f, o, _, squashed = block
        np.multiply(cell, f, out=cell)
        np.multiply(i, g, out=gates[0])
        np.add(cell, gates[0], out=cell)
        np.tanh(cell, out=squashed)
        if w_hr is None:
            np.multiply(o, squashed, out=state)
        else:
            np.matmul(np.multiply(o, squashed, out=gates[0]), w_hr.T, out=state)
        y[step] = state
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
    rows, hidden, dtype = len(g_y), d_cell.shape[1], g_y.dtype
    gates = scratch("recurrent gates", (4, rows, hidden), dtype)
    recurrent, work = ordered(w_hh, LSTM_ORDER), np.empty((4, *d.shape), dtype)
    outputs, full = (None, None) if w_hr is None else (np.empty((rows, d.shape[1]), dtype), np.empty_like(d_cell))
    for chunk, n, part in reversed(chunks_of(steps, 4 * hidden)):
        blocks = kept_of(kept, part, (len(chunk), 6, n, hidden))
        factors = scratch("recurrent factors", (len(chunk), 4, n, hidden), dtype)
        slopes = scratch("recurrent slopes", (len(chunk), n, hidden), dtype)
        lstm_factors(blocks, factors, slopes)
        state, cell, products = d[:n], d_cell[:n], work[:, :n]
        for step in reversed(chunk):
            place = (step.start - part.start) // max(n, 1)
            factor, slope, inner = factors[place], slopes[place], state
            np.add(state, g_y[step], out=state)
            if w_hr is not None:
                outputs[step] = state
                inner = np.matmul(state, w_hr, out=full[:n])
            np.multiply(slope, inner, out=slope)
            np.add(cell, slope, out=cell)
            np.multiply(factor[:3], cell, out=gates[:3, step])
            np.multiply(factor[3], inner, out=gates[3, step])
            np.multiply(cell, blocks[place, 2], out=cell)
            np.matmul(gates[:, step], recurrent, out=products)
            np.add.reduce(products, 0, None, state)
    return gates, outputs


def full_output(kept, steps, hidden):
    """o · tanh c of all rows: what w_hr was multiplied with."""
    out = np.empty((len(kept) // (6 * hidden), hidden), kept.dtype)
    for step in steps:
        block = kept_of(kept, step, (6, step.stop - step.start, hidden))
        np.multiply(block[3], block[5], out=out[step])
    return out


# --- GRU: the gates in the order r, z, n; kept are r, z, W h + b of n, and n ---
GRU_ORDER = (0, 1, 2)


def gru_biases(b_ih, b_hh, hidden):
    """(what is added to W x, what is added to W h for n): both or None."""
    if b_hh is None:
        return b_ih, None
    both = b_hh.copy()
    both[2 * hidden :] = 0
    return total(b_ih, both), b_hh[2 * hidden :]


def gru_forward(x, h, w_ih, w_hh, b_ih, b_hh, steps):
    factors, hidden = (0.5, 0.5, 1.0), h.shape[1]
    bias, last = gru_biases(b_ih, b_hh, hidden)
    inputs = projected(x, w_ih, bias, GRU_ORDER, factors)
    recurrent, rows = turned(w_hh, GRU_ORDER, factors), inputs.shape[1]
    kept = np.empty(rows * 4 * hidden, x.dtype)
    y, begun = (np.empty((rows, hidden), x.dtype) for _ in range(2))
    h, (half,) = h.copy(), constants(x.dtype, 0.5)
    for step in steps:
        n = step.stop - step.start
        block, state = kept_of(kept, step, (4, n, hidden)), h[:n]
        r, z, new_h, new = block
        begun[step] = state
        np.matmul(state, recurrent, out=block[:3])
        np.add(block[:2], inputs[:2, step], out=block[:2])
        np.tanh(block[:2], out=block[:2])
        to_sigmoid(block[:2], half)
        if last is not None:
            np.add(new_h, last, out=new_h)
        np.multiply(r, new_h, out=new)
        np.add(new, inputs[2, step], out=new)
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
    """The gradients of r, z, W h + b of n, and n; d becomes that of the first state."""
    hidden, dtype = d.shape[1], g_y.dtype
    gates = scratch("recurrent gates", (4, len(g_y), hidden), dtype)
    recurrent, work = gates_of(w_hh, 3), np.empty((4, *d.shape), dtype)
    for chunk, n, part in reversed(chunks_of(steps, 4 * hidden)):
        blocks = kept_of(kept, part, (len(chunk), 4, n, hidden))
        factors = scratch("recurrent factors", blocks.shape, dtype)
        gru_factors(blocks, before[part].reshape(len(chunk), n, hidden), factors)
        state, products = d[:n], work[:, :n]
        for step in reversed(chunk):
            place = (step.start - part.start) // max(n, 1)
            np.add(state, g_y[step], out=state)
            np.multiply(factors[place], state, out=gates[:, step])
            np.multiply(state, blocks[place, 1], out=products[3])
            np.matmul(gates[:3, step], recurrent, out=products[:3])
            np.add.reduce(products, 0, None, state)
    return gates


# --- RNN ---
def rnn_forward(x, h, w_ih, w_hh, b_ih, b_hh, relu, steps):
    y = projected(x, w_ih, total(b_ih, b_hh), (0,), (1.0,))[0].copy()
    begun, h, recurrent = np.empty_like(y), h.copy(), np.ascontiguousarray(w_hh.T)
    for step in steps:
        out, state = y[step], h[: step.stop - step.start]
        begun[step] = state
        np.add(out, np.matmul(state, recurrent), out=out)
        if relu:
            np.maximum(out, 0, out=out)
        else:
            np.tanh(out, out=out)
        state[...] = out
    return y, h, begun


def rnn_backward(g_y, d, w_hh, y, relu, steps):
    """The gradients of the sums, as of one gate; d becomes that of the first state."""
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
    return sums[None]


# --- the functions ---
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
        steps = steps_of(x.shape, sizes, reverse)
        d, d_cell = (first_grad(g, kept.dtype) for g in (g_h, g_c))
        gates, outputs = lstm_backward(rows_of(g_y), d, d_cell, w_hh, w_hr, kept, steps)
        for_w_hr = None
        if w_hr is not None and needs[7]:
            for_w_hr = np.matmul(outputs.T, full_output(kept, steps, w_hr.shape[1]))
        return (
            input_grad(gates, w_ih, LSTM_ORDER, x, needs[0]),
            d,
            d_cell,
            weight_grad(gates, rows_of(x), LSTM_ORDER, needs[3]),
            weight_grad(gates, before, LSTM_ORDER, needs[4]),
            bias_grad(gates, LSTM_ORDER, needs[5]),
            bias_grad(gates, LSTM_ORDER, needs[6]),
            for_w_hr,
        )

    def gru(self, x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
        dtype, arguments = x.dtype, map(widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        y, h_n, kept, begun = gru_forward(*arguments, steps_of(x.shape, sizes, reverse))
        return output(y, x, dtype), narrowed(h_n, dtype), kept, begun

    def gru_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, sizes, reverse, needs):
        g_y, x, w_ih, w_hh = map(widened, (g_y, x, w_ih, w_hh))
        d = first_grad(g_h, kept.dtype)
        gates = gru_backward(rows_of(g_y), d, w_hh, kept, before, steps_of(x.shape, sizes, reverse))
        of_h = (
            weight_grad(gates[:3], before, GRU_ORDER, needs[3]),
            bias_grad(gates[:3], GRU_ORDER, needs[5]),
        )
        gates[2] = gates[3]  # what comes from x from here on
        of_x = (
            weight_grad(gates[:3], rows_of(x), GRU_ORDER, needs[2]),
            bias_grad(gates[:3], GRU_ORDER, needs[4]),
        )
        return input_grad(gates[:3], w_ih, GRU_ORDER, x, needs[0]), d, of_x[0], of_h[0], of_x[1], of_h[1]

    def rnn(self, x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse):
        dtype, arguments = x.dtype, map(widened, (x, h, w_ih, w_hh, b_ih, b_hh))
        y, h_n, begun = rnn_forward(*arguments, relu, steps_of(x.shape, sizes, reverse))
        return output(y.copy(), x, dtype), narrowed(h_n, dtype), y, begun

    def rnn_grad(self, g_y, g_h, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, relu, sizes, reverse, needs):
        g_y, x, w_ih, w_hh = map(widened, (g_y, x, w_ih, w_hh))
        d = first_grad(g_h, kept.dtype)
        sums = rnn_backward(rows_of(g_y), d, w_hh, kept, relu, steps_of(x.shape, sizes, reverse))
        return (
            input_grad(sums, w_ih, (0,), x, needs[0]),
            d,
            weight_grad(sums, rows_of(x), (0,), needs[2]),
            weight_grad(sums, before, (0,), needs[3]),
            bias_grad(sums, (0,), needs[4]),
            bias_grad(sums, (0,), needs[5]),
        )
