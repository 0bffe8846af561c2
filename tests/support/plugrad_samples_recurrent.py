"""Samples and numpy references of the recurrent layers."""

import numpy as np

__all__ = ["REFERENCES", "SAMPLES"]


# --- samples ---
def weights(rng, *shape, wanted=True):
    return rng.uniform(-0.6, 0.6, shape) if wanted else None


def inputs(rng, gates, shape, sizes, biases, projection, cells):
    """x, the first states, weights and biases of a layer of 3 features and 4 hidden ones."""
    n = sizes[0] if sizes else shape[1]
    out = 2 if projection else 4
    states = [rng.standard_normal((n, out))] + ([rng.standard_normal((n, 4))] if cells else [])
    matrices = [weights(rng, gates * 4, 3), weights(rng, gates * 4, out)]
    vectors = [weights(rng, gates * 4, wanted=biases) for _ in range(2)]
    last = [weights(rng, 2, 4, wanted=projection)] if cells else []
    return [rng.standard_normal((*shape, 3)), *states, *matrices, *vectors, *last]


STEPS = ((2, 2), None)
PACKED = ((3,), (2, 1))
SINGLE = ((2,), (2,))


def samples(gates, *cases, cells=False, first=()):
    """A case is (form, reverse, biases, projection)."""
    return [
        lambda rng, f=form, r=reverse, b=biases, p=projection: (
            inputs(rng, gates, *f, b, p, cells),
            (*first, f[1], r),
        )
        for form, reverse, biases, projection in cases
    ]


SAMPLES = {
    "lstm_layer_": samples(4, (STEPS, False, True, False), (STEPS, True, False, False), cells=True),
    "lstm_stack_": samples(4, (STEPS, True, True, True), cells=True),
    "lstm_packed_": samples(4, (PACKED, False, True, True), (PACKED, True, True, False), cells=True),
    "lstm_cell_": samples(4, (SINGLE, False, True, False), cells=True),
    "gru_stack_": samples(3, (STEPS, False, True, False), (STEPS, True, False, False)),
    "gru_packed_": samples(3, (PACKED, False, False, False), (PACKED, True, True, False)),
    "gru_cell_": samples(3, (SINGLE, False, True, False)),
    "rnn_stack_": samples(1, (STEPS, True, True, False), first=(False,)),
    "rnn_packed_": samples(1, (PACKED, False, False, False), first=(False,))
    + samples(1, (PACKED, True, True, False), first=(True,)),
    "rnn_tanh_cell_": samples(1, (SINGLE, False, True, False), first=(False,)),
    "rnn_relu_cell_": samples(1, (SINGLE, False, True, False), first=(True,)),
}


# --- references: one sequence after the other ---
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def each_sequence(x, sizes, reverse):
    """(sequence, its rows of the flattened x in the order in which they are walked)."""
    sizes = (x.shape[1],) * x.shape[0] if sizes is None else sizes
    starts = np.cumsum((0, *sizes))
    for i in range(sizes[0]):
        rows = [start + i for start, n in zip(starts, sizes, strict=False) if i < n]
        yield i, rows[::-1] if reverse else rows


def or_zero(bias):
    return 0.0 if bias is None else bias


def by_step(kept, x, sizes):
    """(arrays, rows, H) as one vector, in which the arrays of a step follow each other."""
    sizes = (x.shape[1],) * x.shape[0] if sizes is None else sizes
    return np.concatenate([part.reshape(-1) for part in np.split(kept, np.cumsum(sizes)[:-1], 1)])


def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse):
    flat = x.reshape(-1, x.shape[-1])
    y, h_n, c_n, kept = np.empty((len(flat), h.shape[1])), h.copy(), c.copy(), np.empty((6, len(flat), c.shape[1]))
    before = np.empty_like(y)
    for i, rows in each_sequence(x, sizes, reverse):
        for row in rows:
            before[row] = h_n[i]
            a, f, g, o = np.split(w_ih @ flat[row] + w_hh @ h_n[i] + or_zero(b_ih) + or_zero(b_hh), 4)
            kept[:5, row] = np.tanh(g), sigmoid(a), sigmoid(f), sigmoid(o), c_n[i]
            c_n[i] = sigmoid(f) * c_n[i] + sigmoid(a) * np.tanh(g)
            kept[5, row] = np.tanh(c_n[i])
            full = sigmoid(o) * np.tanh(c_n[i])
            y[row] = h_n[i] = full if w_hr is None else w_hr @ full
    return y.reshape(*x.shape[:-1], -1), h_n, c_n, by_step(kept, x, sizes), before


def gru(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse):
    flat = x.reshape(-1, x.shape[-1])
    y, h_n, kept = np.empty((len(flat), h.shape[1])), h.copy(), np.empty((4, len(flat), h.shape[1]))
    before = np.empty_like(y)
    for i, rows in each_sequence(x, sizes, reverse):
        for row in rows:
            before[row] = h_n[i]
            r, z, n = np.split(w_ih @ flat[row] + or_zero(b_ih), 3)
            r_h, z_h, n_h = np.split(w_hh @ h_n[i] + or_zero(b_hh), 3)
            r, z = sigmoid(r + r_h), sigmoid(z + z_h)
            n = np.tanh(n + r * n_h)
            kept[:, row] = r, z, n_h, n
            y[row] = h_n[i] = (1 - z) * n + z * h_n[i]
    return y.reshape(*x.shape[:-1], -1), h_n, by_step(kept, x, sizes), before


def rnn(x, h, w_ih, w_hh, b_ih, b_hh, relu, sizes, reverse):
    flat = x.reshape(-1, x.shape[-1])
    y, h_n, before = np.empty((len(flat), h.shape[1])), h.copy(), np.empty((len(flat), h.shape[1]))
    for i, rows in each_sequence(x, sizes, reverse):
        for row in rows:
            before[row] = h_n[i]
            a = w_ih @ flat[row] + w_hh @ h_n[i] + or_zero(b_ih) + or_zero(b_hh)
            y[row] = h_n[i] = np.maximum(a, 0) if relu else np.tanh(a)
    return y.reshape(*x.shape[:-1], -1), h_n, y, before


REFERENCES = {name: {"lstm": lstm, "gru": gru, "rnn": rnn}[name.partition("_")[0]] for name in SAMPLES}
