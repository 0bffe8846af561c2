"""Samples and numpy references of padding and packing."""

import numpy as np

__all__ = ["REFERENCES", "SAMPLES"]


def drawn(shape, *statics):
    return lambda rng: ([rng.standard_normal(shape)], statics)


SIZES = (3, 2, 2, 1)
LENGTHS = (2, 4, 1)

SAMPLES = {
    "pack_padded_": [drawn((4, 3, 2), SIZES), drawn((5, 3), SIZES), drawn((2, 2, 0), (2, 1))],
    "pad_packed_": [drawn((8, 2), SIZES, 4, 0), drawn((8,), SIZES, 6, 2.5)],
    "pad_sequences_": [
        drawn((7, 2), LENGTHS, 4, 0, True, False),
        drawn((7,), LENGTHS, 4, 1.5, False, False),
        drawn((7, 2), LENGTHS, 4, 0, False, True),
    ],
    "unpad_sequences": [drawn((3, 4, 2), LENGTHS, True, False), drawn((4, 3), LENGTHS, False, True)],
}


def places(sizes):
    """(row, step, sequence) of packed elements."""
    pairs = [(t, i) for t, n in enumerate(sizes) for i in range(n)]
    return [(row, *pair) for row, pair in enumerate(pairs)]


def pack(x, sizes):
    return np.array([x[t, i] for _, t, i in places(sizes)]).reshape(sum(sizes), *x.shape[2:])


def pad_packed(x, sizes, length, value):
    out = np.full((length, sizes[0], *x.shape[1:]), float(value))
    for row, t, i in places(sizes):
        out[t, i] = x[row]
    return out


def padded_places(lengths, length, left):
    """(row, sequence, step) of elements that lie one after the other."""
    pairs = [(i, t + (length - n if left else 0)) for i, n in enumerate(lengths) for t in range(n)]
    return [(row, *pair) for row, pair in enumerate(pairs)]


def pad_sequences(x, lengths, length, value, batch_first, left):
    out = np.full((len(lengths), length, *x.shape[1:]), float(value))
    for row, i, t in padded_places(lengths, length, left):
        out[i, t] = x[row]
    return out if batch_first else out.swapaxes(0, 1)


def unpad_sequences(x, lengths, batch_first, left):
    x = x if batch_first else x.swapaxes(0, 1)
    return np.array([x[i, t] for _, i, t in padded_places(lengths, x.shape[1], left)])


REFERENCES = {
    "pack_padded_": pack,
    "pad_packed_": pad_packed,
    "pad_sequences_": pad_sequences,
    "unpad_sequences": unpad_sequences,
}
