"""Samples of the ctc loss and of distances within one set of rows; the format is in plugrad_op_checks.py."""

import itertools
import math

import numpy as np

NORMS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf)

#: (labels of each example, times of each example)
SEQUENCES = {
    "plain": ([[1, 2], [2, 1]], [4, 4]),
    "repeated": ([[1, 1], [2, 2]], [4, 3]),
    "lengths": ([[1], [], [2, 1]], [3, 2, 4]),
    "too-long": ([[1, 1], [2]], [2, 2]),
    "empty": ([[], []], [3, 2]),
}
STEPS, CLASSES, BLANK = 4, 3, 0


def places_of(labels):
    """(places, leaps, ends) of lists of labels, as numpy arrays."""
    longest = max(map(len, labels))
    places = np.full((len(labels), 2 * longest + 1), BLANK)
    for row, own in zip(places, labels, strict=True):
        row[1 : 2 * len(own) : 2] = own
    leaps = np.zeros(places.shape, bool)
    leaps[:, 2:] = places[:, 2:] != places[:, :-2]
    return places, leaps, np.array([2 * len(own) for own in labels])


def log_probabilities(rng, n):
    x = rng.standard_normal((STEPS, n, CLASSES))
    return x - np.log(np.exp(x).sum(2, keepdims=True))


def collapsed(path):
    return [c for c, _ in itertools.groupby(path) if c != BLANK]


def ctc(x, places, leaps, times, ends, zero_infinity):
    """-log of the sum over every path that collapses to the labels."""
    losses = []
    for n, (row, steps, end) in enumerate(zip(places, times, ends, strict=True)):
        labels = list(row[1:end:2])
        paths = (p for p in itertools.product(range(CLASSES), repeat=int(steps)) if collapsed(p) == labels)
        with np.errstate(divide="ignore"):
            losses.append(-np.log(sum(math.exp(sum(x[t, n, c] for t, c in enumerate(p))) for p in paths)))
    return np.array(losses), forwards(x, places, leaps)


def forwards(x, places, leaps):
    """log α, place by place, without subtracting anything."""
    alphas = np.zeros((len(x), *places.shape))
    for t, n, s in np.ndindex(alphas.shape):
        if t == 0:
            ways = float(s < 2)
        else:
            before = alphas[t - 1, n]
            ways = before[s] + (before[s - 1] if s else 0.0) + (before[s - 2] if s > 1 and leaps[n, s] else 0.0)
        alphas[t, n, s] = ways * math.exp(x[t, n, places[n, s]])
    with np.errstate(divide="ignore"):
        return np.log(alphas)


def ctc_sample(name, zero_infinity=False, of_gradient=False):
    labels, times = SEQUENCES[name]

    def sample(rng):
        statics = (*places_of(labels)[:2], np.array(times), places_of(labels)[2], zero_infinity)
        x = log_probabilities(rng, len(labels))
        if not of_gradient:
            return [x], statics
        out, alpha = ctc(x, *statics)
        return [rng.standard_normal(len(labels)), x, out, alpha], statics

    return sample


def ctc_gradient(g, x, out, alpha, places, leaps, times, ends, zero_infinity):
    """exp x less the share of the paths that have a class at a time."""
    found = np.zeros_like(x)
    for n, (row, steps, end) in enumerate(zip(places, times, ends, strict=True)):
        if not np.isfinite(out[n]):
            found[:steps, n] = 0.0 if zero_infinity else np.nan
            continue
        found[:steps, n] = np.exp(x[:steps, n])
        for path in itertools.product(range(CLASSES), repeat=int(steps)):
            if collapsed(path) == list(row[1:end:2]):
                share = math.exp(sum(x[t, n, c] for t, c in enumerate(path)) + out[n])
                for t, c in enumerate(path):
                    found[t, n, c] -= share
    return found * g[:, None]


def rows(rng, n=4, m=3):
    """Rows whose differences are away from 0 and from each other, and exact in single precision too."""
    return 2.0 ** rng.permutation(n * m).reshape(n, m) / 16.0


def upper(square):
    return square[np.triu_indices(len(square), 1)]


def pdist(x, p):
    size = np.abs(x[:, None] - x)
    if p == 0:
        return upper((size != 0).sum(-1).astype(float))
    return upper(size.max(-1) if p == math.inf else (size**p).sum(-1) ** (1 / p))


def pdist_sample(p, n=4, m=3):
    def sample(rng):
        x = rows(rng, n, m)
        out = pdist(x, p) if x.size else np.zeros(n * (n - 1) // 2)
        return [rng.standard_normal(out.shape), x, out], (p,)

    return sample


def pdist_gradient(g, x, out, p):
    found = np.zeros_like(x)
    for k, (i, j) in enumerate(itertools.combinations(range(len(x)), 2)):
        d = x[i] - x[j]
        if p == 0:
            continue
        if p == math.inf:
            slope = np.sign(d) * (np.abs(d) == out[k])
        else:
            slope = np.sign(d) * (np.abs(d) / out[k]) ** (p - 1)
        found[i] += g[k] * slope
        found[j] -= g[k] * slope
    return found


SAMPLES = {
    "ctc_loss_": [ctc_sample(name) for name in SEQUENCES if name != "too-long"],
    "ctc_loss_grad": [ctc_sample(name, zero, True) for name in SEQUENCES for zero in (False, True)],
    "pdist_": [lambda rng, p=p: ([rows(rng)], (p,)) for p in NORMS] + [lambda rng: ([rows(rng, 2, 2)], (2.0,))],
    "pdist_grad": [pdist_sample(p) for p in NORMS] + [pdist_sample(2.0, 2, 2)],
}
REFERENCES = {"ctc_loss_": ctc, "ctc_loss_grad": ctc_gradient, "pdist_": pdist, "pdist_grad": pdist_gradient}
TORCH = {"pdist_": lambda torch, x, p: torch.pdist(x, p)}
