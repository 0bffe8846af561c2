"""Samples of scans, order statistics and scatters with a reduction; the format is in plugrad_op_checks.py."""

import numpy as np

SHAPE = (3, 4)


def numbers(rng, shape=SHAPE):
    """Apart from each other and from zero, so that orders and signs do not change under small moves."""
    values = np.linspace(0.3, 2.0, int(np.prod(shape)))
    return (rng.permutation(values) * rng.choice([-1.0, 1.0], values.size)).reshape(shape)


def complex_numbers(rng, shape=SHAPE):
    return rng.uniform(0.3, 1.5, shape) + 1j * rng.uniform(-1.0, 1.0, shape)


def each(draw, *statics, shapes=(SHAPE,)):
    return [lambda rng, s=s, t=t: ([draw(rng, s)], t) for s in shapes for t in statics]


SCANS = each(numbers, (0,), (1,)) + each(numbers, (0,), shapes=((), (1,), (0, 2), (7,)))
DIMS = each(numbers, (0, False), (1, True)) + each(numbers, (0, False), shapes=((), (5,)))
MOMENTS = each(numbers, ((1,), 1, False), ((0,), 0, True), (None, 1, False)) + each(complex_numbers, ((1,), 1, False))
SUMS = each(numbers, ((0,), False), ((1,), True), (None, False), shapes=(SHAPE,))


def scattered(shape, index, axis, zero=False):
    """Scatters of each kind; indices repeat. ``zero``: a factor is 0 at two places of y, each alone at its target."""
    index = np.array(index)

    def draw(rng, kind, include_self):
        x, y = numbers(rng, shape), numbers(rng, index.shape) * 1.013
        if zero:
            y.flat[0] = 0.0
        return [x, y], (index, axis, kind, include_self)

    kinds = ("prod",) if zero else ("prod", "amax", "amin")
    return [lambda rng, k=k, s=s: draw(rng, k, s) for k in kinds for s in (True, False)]


SAMPLES = {
    "cummax_": SCANS,
    "cummin_": SCANS,
    "logcumsumexp_": SCANS + each(complex_numbers, (1,)),
    "nansum_": SUMS,
    "median_all": each(numbers, (False,), (True,), shapes=(SHAPE, (5,), ())),
    "median_": [lambda rng, s=s: (s(rng)[0], (*s(rng)[1], False)) for s in DIMS]
    + [lambda rng, s=s: (s(rng)[0], (*s(rng)[1], True)) for s in DIMS],
    "mode_": DIMS,
    "std_": MOMENTS,
    "scatter_reduce_": (
        scattered((3, 4), [[0, 2, 2, 0], [0, 1, 2, 2]], 0)
        + scattered((3, 4), [[3, 3], [0, 1], [2, 2]], 1)
        + scattered((5,), [1, 1, 4, 1], 0)
        + scattered((5,), [2, 0, 0, 4], 0, zero=True)
    ),
}


# --- the same in numpy ---
def running_extreme(function, before):
    def reference(x, axis):
        if not x.ndim or not x.size:
            return x, np.zeros(x.shape, np.int64)
        rows, values, places = np.moveaxis(x, axis, -1), [], []
        for row in rows.reshape(-1, rows.shape[-1]):
            best = [
                max((v, -i) if before else (-v, -i) for i, v in enumerate(row[: k + 1]))[1] for k in range(len(row))
            ]
            values.append([row[-i] for i in best])
            places.append([-i for i in best])
        shape = rows.shape
        values = np.array(values, x.dtype).reshape(shape)
        return np.moveaxis(values, -1, axis), np.moveaxis(np.array(places, np.int64).reshape(shape), -1, axis)

    return reference


def logcumsumexp(x, axis):
    return np.log(np.cumsum(np.exp(x), axis)) if x.ndim else x


def median_all(x, skips_nan):
    return np.sort(x, None)[(x.size - 1) // 2]


def at_place(k):
    def reference(x, axis, keepdims, *flags):
        if not x.ndim:
            return x, np.zeros((), np.int64)
        at = np.take(np.argsort(x, axis, kind="stable"), [k(x.shape[axis])], axis)
        values = np.take_along_axis(x, at, axis)
        return (values, at) if keepdims else (values.squeeze(axis), at.squeeze(axis))

    return reference


def std(x, axes, correction, keepdims):
    n = x.size if axes is None else np.prod([x.shape[i] for i in axes])
    centred = np.abs(x - x.mean(axes, keepdims=True)) ** 2
    return np.sqrt(centred.sum(axes, keepdims=keepdims) / (n - correction))


def scatter_reduce(x, y, index, axis, kind, include_self):
    out, untouched = x.copy(), np.full(x.shape, not include_self)
    reduce = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[kind]
    for place in np.ndindex(index.shape):
        target = tuple(index[place] if i == axis else n for i, n in enumerate(place))
        out[target] = y[place] if untouched[target] else reduce(out[target], y[place])
        untouched[target] = False
    return out


REFERENCES = {
    "cummax_": running_extreme(np.maximum, True),
    "cummin_": running_extreme(np.minimum, False),
    "logcumsumexp_": logcumsumexp,
    "nansum_": lambda x, axes, keepdims: np.sum(x, axes, keepdims=keepdims),
    "median_all": median_all,
    "median_": at_place(lambda n: (n - 1) // 2),
    "mode_": at_place(lambda n: 0),
    "std_": std,
    "scatter_reduce_": scatter_reduce,
}

TORCH = {
    "cummax_": lambda torch, x, axis: tuple(torch.cummax(x, axis)),
    "cummin_": lambda torch, x, axis: tuple(torch.cummin(x, axis)),
    "logcumsumexp_": lambda torch, x, axis: torch.logcumsumexp(x, axis),
    "nansum_": lambda torch, x, axes, keepdims: torch.nansum(x, axes, keepdims),
    "median_all": lambda torch, x, skips_nan: torch.nanmedian(x) if skips_nan else torch.median(x),
    "median_": lambda torch, x, axis, keepdims, skips_nan: tuple(
        torch.nanmedian(x, axis, keepdims) if skips_nan else torch.median(x, axis, keepdims)
    ),
    "mode_": lambda torch, x, axis, keepdims: tuple(torch.mode(x, axis, keepdims)),
    "std_": lambda torch, x, axes, correction, keepdims: torch.std(x, axes, correction=correction, keepdim=keepdims),
    "scatter_reduce_": lambda torch, x, y, index, axis, kind, include_self: torch.scatter_reduce(
        x, axis, index, y, kind, include_self=include_self
    ),
}
