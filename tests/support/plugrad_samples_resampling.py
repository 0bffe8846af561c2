"""Samples, references and torch counterparts of the rows of resampling, sampling at places and rearrangement."""

import itertools

import numpy as np

from plugrad.core.resampling import axis_table

#: By torch's name: the kind of table and the number of axes.
UPSAMPLED = {
    "upsample_nearest1d": ("nearest", 1),
    "upsample_nearest2d": ("nearest", 2),
    "upsample_nearest3d": ("nearest", 3),
    "_upsample_nearest_exact1d": ("nearest-exact", 1),
    "_upsample_nearest_exact2d": ("nearest-exact", 2),
    "_upsample_nearest_exact3d": ("nearest-exact", 3),
    "upsample_linear1d": ("linear", 1),
    "upsample_bilinear2d": ("linear", 2),
    "upsample_trilinear3d": ("linear", 3),
    "upsample_bicubic2d": ("cubic", 2),
    "_upsample_bilinear2d_aa": ("linear-antialias", 2),
    "_upsample_bicubic2d_aa": ("cubic-antialias", 2),
    "_upsample_lanczos2d_aa": ("lanczos-antialias", 2),
}
#: (sizes before, sizes after); the first axes of them are taken.
SIZES = [((4, 3, 2), (7, 2, 3)), ((5, 4, 3), (2, 4, 5)), ((1, 6, 2), (3, 1, 2))]


# --- resampling ---
def tables(kind, before, after, scales=None):
    scales = scales or (None,) * len(before)
    return tuple(
        axis_table(kind, n, m, scale, False, "float64") for n, m, scale in zip(before, after, scales, strict=True)
    )


def resampling_samples(kind, dims):
    def sample(rng, before, after):
        return [rng.standard_normal((2, 2, *before[:dims]))], (tables(kind, before[:dims], after[:dims]),)

    return [lambda rng, case=case: sample(rng, *case) for case in SIZES]


def spread_samples():
    cases = [(kind, dims, case) for kind, dims in UPSAMPLED.values() for case in SIZES[:2]]

    def sample(rng, kind, dims, case):
        before, after = case
        return [rng.standard_normal((1, 2, *after[:dims]))], (tables(kind, before[:dims], after[:dims]),)

    return [lambda rng, case=case: sample(rng, *case) for case in cases]


def resampled(x, axes):
    first = x.ndim - len(axes)
    for axis, table in enumerate(axes, first):
        x = np.moveaxis(x, axis, -1)
        out = np.zeros((*x.shape[:-1], table.count), x.dtype)
        for o, t in np.ndindex(table.count, table.taps):
            weight = 1.0 if table.weights is None else table.weights[o, t]
            out[..., o] += weight * x[..., table.index[o, t]]
        x = np.moveaxis(out, -1, axis)
    return x


def spread(g, axes):
    first = g.ndim - len(axes)
    for axis, table in enumerate(axes, first):
        g = np.moveaxis(g, axis, -1)
        out = np.zeros((*g.shape[:-1], table.size), g.dtype)
        for o, t in np.ndindex(table.count, table.taps):
            weight = 1.0 if table.weights is None else table.weights[o, t]
            out[..., table.index[o, t]] += weight * g[..., o]
        g = np.moveaxis(out, -1, axis)
    return g


def torch_resampled(name):
    def function(t, x, axes):
        sizes = [table.count for table in axes]
        aligned = () if "nearest" in name else (False,)
        return getattr(t._C._nn, name)(x, sizes, *aligned, None)

    return function


# --- sampling ---
def grid_of(rng, images, places, size, align):
    """Places in and around the image, none near an element, an edge or the middle between two elements."""
    columns = []
    for n in reversed(size):
        apart = rng.choice([0.2, 0.35, 0.65, 0.8], (images, *places)) + rng.uniform(-0.05, 0.05, (images, *places))
        place = rng.integers(-2, n + 2, (images, *places)) + apart
        columns.append(2 * place / (n - 1) - 1 if align and n > 1 else (2 * place + 1) / n - 1)
    return np.stack(columns, -1)


def grid_samples(dims):
    size, places = (4, 5, 3)[:dims], (2, 3, 2)[:dims]
    modes = (0, 1, 2) if dims == 2 else (0, 1)
    cases = list(itertools.product(modes, (0, 1, 2), (False, True)))

    def sample(rng, mode, padding, align):
        x = rng.standard_normal((2, 3, *size))
        return [x, grid_of(rng, 2, places, size, align)], (mode, padding, align)

    return [lambda rng, case=case: sample(rng, *case) for case in cases]


def reflected(q, low, high):
    if high == low:
        return 0.0
    flips, rest = divmod(abs(q - low), high - low)
    return high - rest if flips % 2 else low + rest


def moved(q, n, padding, align):
    if padding == 2:
        q = reflected(q, *((0, n - 1) if align else (-0.5, n - 0.5)))
    return q if padding == 0 else min(max(q, 0), n - 1)


def cubic(distance):
    d, a = abs(distance), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def taps(u, n, mode, padding, align):
    """Pairs (element, weight) along one axis."""
    q = (u + 1) / 2 * (n - 1) if align else ((u + 1) * n - 1) / 2
    if mode == 2:
        low = int(np.floor(q))
        return [(int(np.floor(moved(i, n, padding, align))), cubic(q - i)) for i in range(low - 1, low + 3)]
    q = moved(q, n, padding, align)
    if mode == 1:
        return [(int(np.rint(q)), 1.0)]
    low = int(np.floor(q))
    return [(low, low + 1 - q), (low + 1, q - low)]


def sampled(x, grid, mode, padding, align):
    size = x.shape[2:]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for image, *place in np.ndindex(*grid.shape[:-1]):
        us = grid[(image, *place)][::-1]
        axes = [taps(u, n, mode, padding, align) for u, n in zip(us, size, strict=True)]
        for corner in itertools.product(*axes):
            index = tuple(i for i, _ in corner)
            if all(0 <= i < n for i, n in zip(index, size, strict=True)):
                out[(image, slice(None), *place)] += x[(image, slice(None), *index)] * np.prod([w for _, w in corner])
    return out


AFFINE = [
    ((2, 1, 3, 4), False),
    ((2, 1, 3, 4), True),
    ((1, 2, 1, 2), False),
    ((2, 1, 2, 3, 2), False),
    ((1, 1, 2, 1, 3), True),
]


def affine_samples():
    def sample(rng, size, align):
        return [rng.standard_normal((size[0], len(size) - 2, len(size) - 1))], (size, align)

    return [lambda rng, case=case: sample(rng, *case) for case in AFFINE]


def affine(theta, size, align):
    out = np.zeros((size[0], *size[2:], len(size) - 2))
    for place in np.ndindex(*size[2:]):
        us = [
            0.0 if n == 1 else (2 * i / (n - 1) - 1 if align else (2 * i + 1) / n - 1)
            for i, n in zip(place, size[2:], strict=True)
        ]
        out[(slice(None), *place)] = theta @ np.array([*us[::-1], 1.0])
    return out


# --- rearrangement ---
def shuffled(x, r):
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c // r**2, h * r, w * r), x.dtype)
    for k, i, j, a, b in np.ndindex(c // r**2, h, w, r, r):
        out[..., k, i * r + a, j * r + b] = x[..., k * r * r + a * r + b, i, j]
    return out


def unshuffled(x, r):
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c * r * r, h // r, w // r), x.dtype)
    for k, i, j, a, b in np.ndindex(c, h // r, w // r, r, r):
        out[..., k * r * r + a * r + b, i, j] = x[..., k, i * r + a, j * r + b]
    return out


def channels_shuffled(x, groups):
    each = x.shape[1] // groups
    return x[:, [j * each + i for i in range(each) for j in range(groups)]]


def of_shapes(*cases):
    return [lambda rng, shape=shape, n=n: ([rng.standard_normal(shape)], (n,)) for shape, n in cases]


SAMPLES = {
    **{name: resampling_samples(kind, dims) for name, (kind, dims) in UPSAMPLED.items()},
    "resample_input": spread_samples(),
    "grid_sampler_2d_": grid_samples(2),
    "grid_sampler_3d_": grid_samples(3),
    "affine_grid_": affine_samples(),
    "pixel_shuffle_": of_shapes(((1, 8, 2, 3), 2), ((9, 1, 2), 3), ((2, 1, 4, 1, 1), 2), ((1, 2, 2, 2), 1)),
    "pixel_unshuffle_": of_shapes(((1, 2, 4, 6), 2), ((1, 3, 6), 3), ((2, 1, 1, 2, 2), 2), ((1, 2, 2, 2), 1)),
    "channel_shuffle_": of_shapes(((1, 6, 2, 2), 3), ((2, 6, 2), 2), ((1, 4, 1, 2, 1), 1), ((1, 4, 2), 4)),
}
REFERENCES = {
    **dict.fromkeys(UPSAMPLED, resampled),
    "resample_input": spread,
    "grid_sampler_2d_": sampled,
    "grid_sampler_3d_": sampled,
    "affine_grid_": affine,
    "pixel_shuffle_": shuffled,
    "pixel_unshuffle_": unshuffled,
    "channel_shuffle_": channels_shuffled,
}
TORCH = {
    **{name: torch_resampled(name) for name in UPSAMPLED},
    "grid_sampler_2d_": lambda t, x, grid, *how: t.grid_sampler_2d(x, grid, *how),
    "grid_sampler_3d_": lambda t, x, grid, *how: t.grid_sampler_3d(x, grid, *how),
    "affine_grid_": lambda t, theta, size, align: t.affine_grid_generator(theta, size, align),
    "pixel_shuffle_": lambda t, x, r: t.pixel_shuffle(x, r),
    "pixel_unshuffle_": lambda t, x, r: t.pixel_unshuffle(x, r),
    "channel_shuffle_": lambda t, x, groups: t.channel_shuffle(x, groups),
}
