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


# --- bags ---
BAG = np.array([0, 0, 0, 2, 2, 3])  # bag 1 is empty
INDEX = np.array([1, 4, 1, 0, 2, 1])
SHARE = np.array([[0.5], [0.0], [1.0], [2.0], [0.25], [1.5]])
DIVISOR = np.array([[3.0], [1.0], [2.0], [1.0]])
NOTHING = np.zeros(0, np.int64)


def bag_samples():
    def sample(rng, weighted, index, bag, share, divisor, bags):
        weights = rng.normal(size=len(index)) if weighted else None
        return [rng.normal(size=(5, 3)), weights], (index, bag, share, share, divisor, bags)

    listed = [(False, INDEX, BAG, share, divisor, 4) for share in (None, SHARE) for divisor in (None, DIVISOR)]
    listed += [(True, INDEX, BAG, SHARE, DIVISOR, 4), (True, INDEX, BAG, None, None, 4)]
    listed += [(True, NOTHING, NOTHING, None, None, 2), (False, NOTHING, NOTHING, None, None, 0)]
    return [lambda rng, case=case: sample(rng, *case) for case in listed]


def bag_max_samples():
    aside = np.where(INDEX == 4, 4, BAG)  # in no bag
    cases = [(INDEX, BAG, 4), (INDEX, aside, 4), (INDEX, np.full(6, 4), 4), (NOTHING, NOTHING, 2)]
    return [lambda rng, case=case: ([distinct(rng, 5, 3)], case) for case in cases]


def distinct(rng, *shape):
    """Numbers that keep a distance from each other, so that no maximum changes place."""
    return (rng.permutation(np.prod(shape)).reshape(shape) - 7.0) / 4


def embedding_bag(x, weights, index, bag, share, scaled, divisor, bags):
    rows = x[index] if weights is None else x[index] * weights[:, None]
    return bag_sum(rows, bag, share, divisor, bags)


def embedding_bag_max(x, index, bag, bags):
    out, places = np.zeros((bags, x.shape[1])), np.zeros((bags, x.shape[1]), index.dtype)
    filled = np.zeros((bags, 1))
    for b in range(bags):
        rows = index[bag == b]
        if len(rows):
            places[b] = rows[x[rows].argmax(0)]
            out[b], filled[b] = x[rows].max(0), 1.0
    return out, places, filled


def bag_sum(y, bag, share, divisor, bags):
    out = np.zeros((bags, y.shape[1]))
    np.add.at(out, bag, y if share is None else y * share)
    return out if divisor is None else out / divisor


def bag_spread(x, bag, share, divisor):
    picked = (x if divisor is None else x / divisor)[bag]
    return picked if share is None else picked * share


def over_bags(rows, *rest):
    """A matrix of so many rows, and the bags with and without shares."""
    return [
        lambda rng, case=case: ([rng.normal(size=(rows, 3))], (BAG, *case, *rest))
        for case in ((None, None), (SHARE, DIVISOR))
    ]


# The three rows are one function under three names: one of them is tried in every way.
EVERY = [*attention_samples(), broadcast_sample, left_alone_sample]
SAMPLES = {
    "attention_of_heads_": EVERY,
    "attention_of_matrices_": EVERY[::5],
    "attention_of_batches_": EVERY[::5],
    # The gradient divided by counts is not that of the forward: see tests/nn/test_embedding_bag.py.
    "embedding_bag_": bag_samples(),
    "embedding_bag_max_": bag_max_samples(),
    "bag_sum": over_bags(6, 4),
    "bag_spread": over_bags(4),
}
REFERENCES = {
    **{name: attention for name in SAMPLES if name.startswith("attention")},
    "embedding_bag_": embedding_bag,
    "embedding_bag_max_": embedding_bag_max,
    "bag_sum": bag_sum,
    "bag_spread": bag_spread,
}
