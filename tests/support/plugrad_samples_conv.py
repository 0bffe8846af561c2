"""Samples, references and torch counterparts of the rows of convolution, pooling, linear layers, embedding and padding."""

import itertools

import numpy as np


def normal(rng, *shape):
    return rng.standard_normal(shape)


def distinct(rng, *shape):
    """Numbers that keep a distance from each other, so that no maximum changes place."""
    n = int(np.prod(shape))
    return (rng.permutation(n) * 0.25 - n / 8 + rng.uniform(-0.05, 0.05, n)).reshape(shape)


# --- convolution: loops over every index ---
def convolution(x, weight, bias, stride, padding, dilation, groups):
    n, o, kernel = len(x), len(weight), weight.shape[2:]
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [(m - r) // s + 1 for m, r, s in zip(padded.shape[2:], reach, stride, strict=True)]
    out = np.zeros((n, o, *size), x.dtype)
    per_group, channels = o // groups, weight.shape[1]
    for place in np.ndindex(*size):
        window = tuple(slice(i * s, i * s + r, d) for i, s, r, d in zip(place, stride, reach, dilation, strict=True))
        for j in range(o):
            first = j // per_group * channels
            met = padded[(slice(None), slice(first, first + channels), *window)]
            out[(slice(None), j, *place)] = (met * weight[j]).sum(tuple(range(1, met.ndim)))
    return out if bias is None else out + bias.reshape(1, -1, *(1 for _ in size))


def transpose_of(function, y, shape):
    """The transpose of a linear function of an array of that shape, applied to y: one unit array after the other."""
    out = np.zeros(shape, y.dtype)
    for place in np.ndindex(*shape):
        unit = np.zeros(shape, y.dtype)
        unit[place] = 1
        out[place] = (function(unit) * y).sum()
    return out


def convolution_input(y, weight, size, stride, padding, dilation, groups):
    shape = (len(y), weight.shape[1] * groups, *size)
    return transpose_of(lambda x: convolution(x, weight, None, stride, padding, dilation, groups), y, shape)


def convolution_weight(y, x, kernel, stride, padding, dilation, groups):
    shape = (y.shape[1], x.shape[1] // groups, *kernel)
    return transpose_of(lambda w: convolution(x, w, None, stride, padding, dilation, groups), y, shape)


def convolution_transposed(x, weight, bias, size, stride, padding, dilation, groups):
    out = convolution_input(x, weight, size, stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape(1, -1, *(1 for _ in size))


#: (images, channels, outputs, size, kernel, bias, stride, padding, dilation, groups)
CONVOLUTIONS = [
    (2, 3, 2, (5,), (3,), True, (1,), (1,), (1,), 1),
    (2, 2, 3, (7,), (2,), False, (3,), (2,), (2,), 1),
    (2, 2, 3, (4, 5), (3, 2), True, (1, 1), (0, 1), (1, 1), 1),
    (1, 2, 2, (5, 6), (3, 3), False, (2, 2), (1, 1), (1, 1), 1),
    (3, 4, 2, (4, 3), (1, 1), True, (1, 1), (0, 0), (1, 1), 1),
    (2, 2, 2, (5, 4), (1, 1), True, (2, 2), (0, 0), (1, 1), 1),
    (2, 4, 6, (4, 4), (3, 3), True, (1, 2), (2, 1), (1, 1), 2),
    (2, 3, 3, (5, 5), (2, 3), True, (2, 1), (1, 2), (2, 2), 3),
    (2, 2, 2, (3, 4, 3), (2, 2, 1), True, (1, 2, 1), (1, 0, 0), (1, 1, 1), 1),
    (0, 2, 3, (4, 4), (3, 3), True, (1, 1), (1, 1), (1, 1), 1),
]


def windows_of(size, kernel, stride, padding, dilation):
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)


def convolution_samples():
    def sample(rng, n, c, o, size, kernel, bias, *statics):
        weight = normal(rng, o, c // statics[-1], *kernel)
        return [normal(rng, n, c, *size), weight, normal(rng, o) if bias else None], statics

    return [lambda rng, case=case: sample(rng, *case) for case in CONVOLUTIONS]


def input_samples():
    def sample(rng, n, c, o, size, kernel, bias, *statics):
        y = normal(rng, n, o, *windows_of(size, kernel, *statics[:3]))
        return [y, normal(rng, o, c // statics[-1], *kernel)], (size, *statics)

    return [lambda rng, case=case: sample(rng, *case) for case in CONVOLUTIONS]


def weight_samples():
    def sample(rng, n, c, o, size, kernel, bias, *statics):
        y = normal(rng, n, o, *windows_of(size, kernel, *statics[:3]))
        return [y, normal(rng, n, c, *size)], (kernel, *statics)

    return [lambda rng, case=case: sample(rng, *case) for case in CONVOLUTIONS]


def transposed_samples():
    def sample(rng, n, c, o, size, kernel, bias, *statics):
        x = normal(rng, n, o, *windows_of(size, kernel, *statics[:3]))
        return [x, normal(rng, o, c // statics[-1], *kernel), normal(rng, c) if bias else None], (size, *statics)

    return [lambda rng, case=case: sample(rng, *case) for case in CONVOLUTIONS]


def convolution_extended(x, weight, bias, met, widths, stride, dilation, groups):
    none = (0,) * len(stride)
    out = convolution_transposed(x, weight, None, met, stride, none, dilation, groups)
    out = np.pad(out, [(max(0, before), max(0, after)) for before, after in widths])
    ends = [(max(0, -before), n - max(0, -after)) for (before, after), n in zip(widths, out.shape, strict=True)]
    out = out[tuple(slice(*end) for end in ends)]
    return out if bias is None else out + bias.reshape(1, -1, *(1 for _ in met))


def extended_samples():
    def sample(rng, images, kernel, bias, met, widths, *statics):
        groups = statics[-1]
        weight = normal(rng, images[1], 2, *kernel)
        return [normal(rng, *images), weight, normal(rng, 2 * groups) if bias else None], (met, widths, *statics)

    cases = (
        ((1, 2, 4), (3,), True, (6,), ((0, 0), (0, 0), (-1, 1)), (1,), (1,), 1),
        ((2, 2, 3, 2), (2, 2), False, (7, 4), ((0, 0), (0, 0), (0, 3), (-2, 0)), (2, 1), (2, 2), 2),
        (
            (1, 2, 1, 2, 2),
            (1, 2, 1),
            True,
            (1, 4, 2),
            ((0, 0), (0, 0), (0, 0), (-1, 1), (0, 0)),
            (1, 1, 1),
            (2, 2, 2),
            1,
        ),
    )
    return [lambda rng, case=case: sample(rng, *case) for case in cases]


# --- windows as columns ---
def unfold_windows(x, kernel, stride, padding, dilation):
    n, c = x.shape[:2]
    taps = int(np.prod(kernel))
    picks = np.eye(taps).reshape(taps, 1, *kernel)
    columns = [convolution(x[:, i : i + 1], picks, None, stride, padding, dilation, 1) for i in range(c)]
    return np.concatenate(columns, 1).reshape(n, c * taps, -1)


def fold_windows(x, size, kernel, stride, padding, dilation):
    shape = (len(x), x.shape[1] // int(np.prod(kernel)), *size)
    return transpose_of(lambda a: unfold_windows(a, kernel, stride, padding, dilation), x, shape)


WINDOWS = [
    ((5, 4), (3, 2), (1, 1), (1, 0), (1, 1)),
    ((5, 6), (2, 2), (2, 3), (0, 1), (2, 1)),
    ((6,), (3,), (2,), (1,), (1,)),
    ((3, 2), (1, 1), (1, 1), (0, 0), (1, 1)),
]


def unfold_samples():
    return [lambda rng, size=size, rest=rest: ([normal(rng, 2, 2, *size)], tuple(rest)) for size, *rest in WINDOWS]


def fold_samples():
    def sample(rng, size, kernel, *rest):
        windows = int(np.prod(windows_of(size, kernel, *rest)))
        return [normal(rng, 2, 2 * int(np.prod(kernel)), windows)], (size, kernel, *rest)

    return [lambda rng, case=case: sample(rng, *case) for case in WINDOWS]


# --- pooling ---
def pool_windows(shape, kernel, stride, padding, dilation, ceil_mode):
    """For each output place: the flat places in the pooled axes that its window meets inside."""
    size = shape[len(shape) - len(kernel) :]
    counts = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        span = n + 2 * p - d * (k - 1) - 1
        count = -(-span // s) + 1 if ceil_mode else span // s + 1
        counts.append(count - 1 if ceil_mode and (count - 1) * s >= n + p else count)
    met = {}
    for place in np.ndindex(*counts):
        taps = itertools.product(
            *(
                [i * s - p + t * d for t in range(k)]
                for i, s, p, d, k in zip(place, stride, padding, dilation, kernel, strict=True)
            )
        )
        inside = [t for t in taps if all(0 <= q < n for q, n in zip(t, size, strict=True))]
        met[place] = [int(np.ravel_multi_index(t, size)) for t in inside]
    return tuple(counts), met


def max_pool_with_indices(x, kernel, stride, padding, dilation, ceil_mode):
    counts, met = pool_windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    lead = x.shape[: x.ndim - len(kernel)]
    flat = x.reshape(*lead, int(np.prod(x.shape[len(lead) :])))
    out, at = np.zeros((*lead, *counts), x.dtype), np.zeros((*lead, *counts), np.int64)
    for place, taps in met.items():
        best = flat[..., taps].argmax(-1)
        at[(..., *place)] = np.array(taps)[best]
        out[(..., *place)] = flat[..., taps].max(-1)
    return out, at


def avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    counts, met = pool_windows(x.shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    size = x.shape[x.ndim - len(kernel) :]
    lead = x.shape[: x.ndim - len(kernel)]
    flat = x.reshape(*lead, int(np.prod(x.shape[len(lead) :])))
    out = np.zeros((*lead, *counts), x.dtype)
    for place, taps in met.items():
        n = len(taps)
        if count_include_pad:
            n = 1
            for i, s, p, k, m in zip(place, stride, padding, kernel, size, strict=True):
                n *= min(i * s - p + k, m + p) - (i * s - p)
        out[(..., *place)] = flat[..., taps].sum(-1) / (n if divisor is None else divisor)
    return out


def avg_pool_input(y, size, *statics):
    shape = (*y.shape[: y.ndim - len(size)], *size)
    return transpose_of(lambda x: avg_pool(x, *statics), y, shape)


def cells_of(shape, size):
    for place in np.ndindex(*size):
        cell = []
        for i, n, count in zip(place, shape[len(shape) - len(size) :], size, strict=True):
            cell.append(slice(i * n // count, -(-(i + 1) * n // count)))
        yield place, cell


def adaptive_avg_pool(x, size):
    out = np.zeros((*x.shape[: x.ndim - len(size)], *size), x.dtype)
    axes = tuple(range(x.ndim - len(size), x.ndim))
    for place, cell in cells_of(x.shape, size):
        out[(..., *place)] = x[(..., *cell)].mean(axes)
    return out


def adaptive_avg_pool_input(y, size):
    shape = (*y.shape[: y.ndim - len(size)], *size)
    return transpose_of(lambda x: adaptive_avg_pool(x, y.shape[y.ndim - len(size) :]), y, shape)


def adaptive_max_pool(x, size):
    lead = x.shape[: x.ndim - len(size)]
    out, at = np.zeros((*lead, *size), x.dtype), np.zeros((*lead, *size), np.int64)
    numbers = np.arange(int(np.prod(x.shape[len(lead) :]))).reshape(x.shape[len(lead) :])
    for place, cell in cells_of(x.shape, size):
        part = x[(..., *cell)].reshape(*lead, numbers[tuple(cell)].size)
        out[(..., *place)] = part.max(-1)
        at[(..., *place)] = numbers[tuple(cell)].reshape(-1)[part.argmax(-1)]
    return out, at


#: shape, kernel, stride, padding, dilation, ceil_mode
POOLS_2D = [
    ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 5, 7), (3, 2), (2, 1), (1, 1), (1, 1), False),
    ((1, 2, 5, 5), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((1, 2, 6, 7), (3, 3), (2, 3), (1, 1), (1, 1), True),
    ((2, 1, 7, 6), (2, 3), (1, 2), (0, 1), (2, 1), False),
    ((2, 2, 3, 3), (1, 1), (2, 2), (0, 0), (1, 1), False),
    ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((1, 2, 1, 9), (1, 3), (1, 2), (0, 1), (1, 1), False),
]
POOLS_3D = [
    ((1, 2, 4, 4, 5), (2, 2, 2), (2, 1, 2), (0, 1, 0), (1, 1, 1), False),
    ((2, 3, 4, 5), (2, 2, 3), (2, 2, 2), (1, 0, 1), (1, 1, 1), True),
]


def max_pools(cases):
    return [lambda rng, shape=shape, rest=rest: ([distinct(rng, *shape)], tuple(rest)) for shape, *rest in cases]


def avg_statics(kernel, stride, padding, dilation, ceil_mode):
    """Each pool with and without its padding counted, and once with a divisor."""
    yield kernel, stride, padding, ceil_mode, True, None
    yield kernel, stride, padding, ceil_mode, False, None
    if not ceil_mode:
        yield kernel, stride, padding, ceil_mode, True, 3


def avg_pools(cases):
    return [
        lambda rng, shape=shape, statics=statics: ([normal(rng, *shape)], statics)
        for shape, *rest in cases
        if rest[3] == (1,) * len(rest[0])
        for statics in avg_statics(*rest)
    ]


def avg_pool_inputs(cases):
    def sample(rng, shape, statics):
        counts, _ = pool_windows(shape, *statics[:3], (1,) * len(statics[0]), statics[3])
        lead = len(shape) - len(counts)
        return [normal(rng, *shape[:lead], *counts)], (shape[lead:], *statics)

    return [
        lambda rng, shape=shape, statics=statics: sample(rng, shape, statics)
        for shape, *rest in cases
        if rest[3] == (1,) * len(rest[0])
        for statics in avg_statics(*rest)
    ]


CELLS_2D = [
    ((2, 2, 4, 6), (2, 3)),
    ((2, 5, 7), (3, 2)),
    ((1, 2, 3, 4), (1, 1)),
    ((1, 1, 2, 3), (4, 5)),
    ((0, 2, 4, 4), (2, 2)),
]
CELLS_3D = [((1, 2, 4, 3, 5), (2, 3, 2)), ((2, 4, 4, 2), (2, 2, 1))]


def adaptive(draw, cases):
    return [lambda rng, shape=shape, size=size: ([draw(rng, *shape)], (size,)) for shape, size in cases]


def adaptive_inputs(cases):
    def sample(rng, shape, size):
        lead = len(shape) - len(size)
        return [normal(rng, *shape[:lead], *size)], (shape[lead:],)

    return [lambda rng, case=case: sample(rng, *case) for case in cases]


# --- linear ---
def linear(x, weight, bias):
    out = np.einsum("...k,mk->...m", x, weight)
    return out if bias is None else out + bias


def linear_samples(*shapes, bias):
    return [
        lambda rng, shape=shape: ([normal(rng, *shape), normal(rng, 4, 3), normal(rng, 4) if bias else None], ())
        for shape in shapes
    ]


def linear_weight(y, x):
    return np.einsum("am,ak->mk", y.reshape(-1, y.shape[-1]), x.reshape(-1, x.shape[-1]))


# --- embedding ---
def embedding(x, index, padding_idx, by_count):
    return x[index]


def embedding_backward(y, index, rows, padding_idx, by_count):
    out = np.zeros((rows, y.shape[-1]), y.dtype)
    for place in np.ndindex(*index.shape):
        row = index[place]
        if row != padding_idx:
            out[row] += y[place] / ((index == row).sum() if by_count else 1)
    return out


def embedding_pick(x, index, padding_idx, by_count):
    shape = (*index.shape, x.shape[1])
    return transpose_of(lambda y: embedding_backward(y, index, len(x), padding_idx, by_count), x, shape)


INDICES = [
    (np.array([[1, 4, 1], [0, 2, 1]]), None, False),
    (np.array([3, 0, 3, 1]), 3, False),
    (np.array([3, 0, 3, 1]), 0, True),
    (np.array(2), None, False),
    (np.zeros((0, 2), np.int64), None, False),
    (np.arange(100) % 5, 1, True),
]


def embeddings():
    return [lambda rng, case=case: ([normal(rng, 5, 3)], case) for case in INDICES]


def embedding_backwards():
    return [
        lambda rng, index=index, rest=rest: ([normal(rng, *index.shape, 3)], (index, 5, *rest))
        for index, *rest in INDICES
    ]


# --- padding ---
NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad_edges(x, widths, mode):
    lead = x.ndim - len(widths)
    added = [(0, 0)] * lead + [(max(b, 0), max(a, 0)) for b, a in widths]
    cut = [slice(None)] * lead + [slice(max(-b, 0), -max(-a, 0) or None) for b, a in widths]
    if mode == "circular":
        return np.pad(x[tuple(cut)], added, mode="wrap")
    return np.pad(x, added, mode=NUMPY_MODES[mode])[tuple(cut)]


def pad_edges_input(y, widths, mode):
    lead = y.ndim - len(widths)
    shape = (*y.shape[:lead], *(n - a - b for n, (b, a) in zip(y.shape[lead:], widths, strict=True)))
    return transpose_of(lambda x: pad_edges(x, widths, mode), y, shape)


BORDERS = {
    1: [((2, 3, 4), ((2, 1),)), ((2, 3), ((0, 2),)), ((2, 3), ((0, 0),)), ((2, 4), ((2, -1),))],
    2: [((2, 3, 4), ((2, 1), (0, 3))), ((2, 3, 4), ((-1, 1), (2, -2))), ((1, 2, 3, 3), ((1, 2), (2, 2)))],
    3: [((1, 2, 3, 3, 2), ((1, 2), (0, 1), (1, 1)))],
}


def borders(mode, dims):
    return [lambda rng, case=case: ([normal(rng, *case[0])], (case[1], mode)) for d in dims for case in BORDERS[d]]


def border_inputs():
    def sample(rng, shape, widths, mode):
        lead = len(shape) - len(widths)
        wide = [n + b + a for n, (b, a) in zip(shape[lead:], widths, strict=True)]
        return [normal(rng, *shape[:lead], *wide)], (widths, mode)

    return [
        lambda rng, case=case, mode=mode: sample(rng, *case, mode)
        for mode in NUMPY_MODES
        for cases in BORDERS.values()
        for case in cases
    ]


SAMPLES = {
    "convolution_": convolution_samples(),
    "convolution_transposed_": transposed_samples(),
    "convolution_extended_": extended_samples(),
    "convolution_input": input_samples(),
    "convolution_weight": weight_samples(),
    "unfold_windows": unfold_samples(),
    "fold_windows": fold_samples(),
    "max_pool2d_": max_pools(POOLS_2D),
    "max_pool3d_": max_pools(POOLS_3D),
    "max_pool2d_with_indices_": max_pools(POOLS_2D),
    "max_pool3d_with_indices_": max_pools(POOLS_3D),
    "max_pool_indices": max_pools(POOLS_2D),
    "avg_pool2d_": avg_pools(POOLS_2D),
    "avg_pool3d_": avg_pools(POOLS_3D),
    "avg_pool_input": avg_pool_inputs(POOLS_2D),
    "adaptive_avg_pool2d_": adaptive(normal, CELLS_2D),
    "adaptive_avg_pool3d_": adaptive(normal, CELLS_3D),
    "adaptive_avg_pool_input": adaptive_inputs(CELLS_2D),
    "adaptive_max_pool2d_": adaptive(distinct, CELLS_2D),
    "adaptive_max_pool3d_": adaptive(distinct, CELLS_3D),
    "linear_of_matrix_": linear_samples((2, 3), (0, 3), bias=True),
    "linear_of_matrix_without_bias_": linear_samples((2, 3), bias=False),
    "linear_of_vector_without_bias_": linear_samples((3,), bias=False),
    "linear_of_batch_": linear_samples((3,), (2, 5, 3), (2, 1, 2, 3), bias=True),
    "linear_of_batch_without_bias_": linear_samples((2, 5, 3), bias=False),
    "linear_input": [lambda rng, s=s: ([normal(rng, *s, 4), normal(rng, 4, 3)], ()) for s in ((2,), (), (2, 5))],
    "linear_weight": [lambda rng, s=s: ([normal(rng, *s, 4), normal(rng, *s, 3)], ()) for s in ((2,), (), (2, 5))],
    # The gradient of a padding row or divided by counts is not that of the forward: see embedding_backward.
    "embedding_": [sample for sample, case in zip(embeddings(), INDICES, strict=True) if case[1:] == (None, False)],
    "embedding_backward": embedding_backwards(),
    "embedding_pick": embeddings(),
    **{f"reflection_pad{d}d_": borders("reflect", (d,)) for d in (1, 2, 3)},
    **{f"replication_pad{d}d_": borders("replicate", (d,)) for d in (1, 2, 3)},
    "circular_pad_": borders("circular", (1, 2, 3)),
    "pad_edges_input": border_inputs(),
}

REFERENCES = {
    "convolution_": convolution,
    "convolution_transposed_": convolution_transposed,
    "convolution_extended_": convolution_extended,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
    "unfold_windows": unfold_windows,
    "fold_windows": fold_windows,
    "max_pool2d_": lambda *args: max_pool_with_indices(*args)[0],
    "max_pool3d_": lambda *args: max_pool_with_indices(*args)[0],
    "max_pool2d_with_indices_": max_pool_with_indices,
    "max_pool3d_with_indices_": max_pool_with_indices,
    "max_pool_indices": lambda *args: max_pool_with_indices(*args)[1],
    "avg_pool2d_": avg_pool,
    "avg_pool3d_": avg_pool,
    "avg_pool_input": avg_pool_input,
    "adaptive_avg_pool2d_": adaptive_avg_pool,
    "adaptive_avg_pool3d_": adaptive_avg_pool,
    "adaptive_avg_pool_input": adaptive_avg_pool_input,
    "adaptive_max_pool2d_": adaptive_max_pool,
    "adaptive_max_pool3d_": adaptive_max_pool,
    **{name: linear for name in SAMPLES if name.startswith("linear_of_")},
    "linear_input": lambda y, weight: y @ weight,
    "linear_weight": linear_weight,
    "embedding_": embedding,
    "embedding_backward": embedding_backward,
    "embedding_pick": embedding_pick,
    **{
        name: pad_edges
        for name in SAMPLES
        if "_pad" in name and name.startswith(("reflection", "replication", "circular"))
    },
    "pad_edges_input": pad_edges_input,
}


def torch_pads(torch, x, widths, mode):
    return torch.nn.functional.pad(x, [w for pair in reversed(widths) for w in pair], mode=mode)


def torch_convolution(torch, x, weight, bias, stride, padding, dilation, groups):
    function = getattr(torch.nn.functional, f"conv{len(stride)}d")
    return function(x, weight, bias, stride, padding, dilation, groups)


TORCH = {
    "convolution_": torch_convolution,
    "max_pool2d_": lambda t, x, k, s, p, d, c: t.nn.functional.max_pool2d(x, k, s, p, d, c),
    "max_pool3d_": lambda t, x, k, s, p, d, c: t.nn.functional.max_pool3d(x, k, s, p, d, c),
    "max_pool2d_with_indices_": lambda t, x, k, s, p, d, c: t.nn.functional.max_pool2d(x, k, s, p, d, c, True),
    "max_pool3d_with_indices_": lambda t, x, k, s, p, d, c: t.nn.functional.max_pool3d(x, k, s, p, d, c, True),
    "avg_pool2d_": lambda t, x, *rest: t.nn.functional.avg_pool2d(x, *rest),
    "avg_pool3d_": lambda t, x, *rest: t.nn.functional.avg_pool3d(x, *rest),
    "adaptive_avg_pool2d_": lambda t, x, size: t.nn.functional.adaptive_avg_pool2d(x, size),
    "adaptive_avg_pool3d_": lambda t, x, size: t.nn.functional.adaptive_avg_pool3d(x, size),
    "adaptive_max_pool2d_": lambda t, x, size: t.nn.functional.adaptive_max_pool2d(x, size, True),
    "adaptive_max_pool3d_": lambda t, x, size: t.nn.functional.adaptive_max_pool3d(x, size, True),
    **{name: lambda t, x, w, b: t.nn.functional.linear(x, w, b) for name in SAMPLES if name.startswith("linear_of_")},
    "embedding_": lambda t, x, index, p, c: t.nn.functional.embedding(index, x, p, scale_grad_by_freq=c),
    **{name: torch_pads for name in SAMPLES if name.startswith(("reflection_pad", "replication_pad", "circular_pad"))},
}
