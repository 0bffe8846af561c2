"""Samples, numpy references and torch counterparts of attention and of sums and maxima over bags of rows."""

import numpy as np

SHAPES = (((), 3, 4, 2, 3), ((2,), 3, 1, 2, 2), ((2, 2), 2, 3, 3, 3), ((1, 0), 2, 3, 3, 3), ((2,), 2, 0, 3, 2))


def drawn_mask(rng, shape, kind):
    """A mask of bools or numbers; no row is left without a column."""
    if kind is None:
        return None
    keep = rng.random(shape) < 0.6
    keep[..., :1] = True
    return keep if kind == "bool" else np.where(keep, rng.normal(size=shape), -2.0)


def attention_samples():
    def sample(rng, lead, rows, columns, width, depth, kind, causal):
        query, key, value = (rng.normal(size=(*lead, *s)) for s in ((rows, width), (columns, width), (columns, depth)))
        return [query, key, value, drawn_mask(rng, (rows, columns), kind)], (0.7, causal)

    listed = [(s, None, False) for s in SHAPES]
    listed += [(s, kind, False) for s in SHAPES[::2] for kind in ("bool", "float")] + [(SHAPES[2], None, True)]
    return [lambda rng, s=shape, k=kind, c=causal: sample(rng, *s, k, c) for shape, kind, causal in listed]


def broadcast_sample(rng):
    """One key and value for all heads, one mask for every sample."""
    query, key, value = (rng.normal(size=s) for s in ((2, 2, 3, 2), (2, 1, 4, 2), (1, 2, 4, 2)))
    return [query, key, value, rng.normal(size=(2, 1, 1, 4))], (-0.5, False)


def left_alone_sample(rng):
    """A row of which the mask leaves nothing."""
    query, key, value = (rng.normal(size=s) for s in ((3, 2), (4, 2), (4, 2)))
    mask = np.ones((3, 4), bool)
    mask[1] = False
    return [query, key, value, mask], (0.5, False)


def attention(query, key, value, mask, scale, causal):
    scores = query @ np.swapaxes(key, -1, -2) * scale
    keep = np.ones(scores.shape, bool)
    if causal:
        keep = np.tril(keep)
    if mask is not None and mask.dtype == bool:
        keep = keep & mask
    elif mask is not None:
        scores = scores + mask
    scores = np.where(keep, scores, -np.inf)
    top = scores.max(-1, keepdims=True, initial=-1e300)
    exps = np.where(keep, np.exp(scores - top), 0.0)
    sums = exps.sum(-1, keepdims=True)
    shares = 1.0 / np.where(sums == 0, 1.0, sums)
    return (exps * shares) @ value, exps, shares


# The three rows are one function under three names: one of them is tried in every way.
EVERY = [*attention_samples(), broadcast_sample, left_alone_sample]
SAMPLES = {
    "attention_of_heads_": EVERY,
    "attention_of_matrices_": EVERY[::5],
    "attention_of_batches_": EVERY[::5],
}
REFERENCES = dict.fromkeys(SAMPLES, attention)
