"""Samples, references and torch counterparts of the rows of unpooling and of pooling over drawn windows."""

import numpy as np

from plugrad_samples_conv import distinct


# --- unpooling: no place is written twice ---
def max_unpool(x, index, size):
    lead = index.shape[:-1]
    out = np.zeros((*lead, int(np.prod(size))), x.dtype)
    flat = x.reshape(index.shape)
    for place in np.ndindex(*index.shape):
        out[(*place[:-1], index[place])] = flat[place]
    return out.reshape(*lead, *size)


def unpools(cases):
    def sample(rng, shape, size):
        lead = shape[: len(shape) - len(size)]
        count, total = int(np.prod(shape[len(lead) :])), int(np.prod(size))
        index = np.stack([rng.permutation(total)[:count] for _ in range(int(np.prod(lead)))] or [np.zeros(count, int)])
        index = index[: int(np.prod(lead))].reshape(*lead, count).astype(np.int64)
        return [rng.standard_normal(shape)], (index, size)

    return [lambda rng, case=case: sample(rng, *case) for case in cases]


# --- drawn windows: loops over every window ---
def starts(u, size, count, kernel):
    if count == 1:
        return [size - kernel]
    step = (size - kernel) / (count - 1)
    return [int((i + u) * step) - int(u * step) for i in range(count - 1)] + [size - kernel]


def fractional_max_pool(x, samples, kernel, size):
    lead, shape = x.shape[: -len(size)], x.shape[-len(size) :]
    out, at = np.zeros((*lead, *size), x.dtype), np.zeros((*lead, *size), np.int64)
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    for image in np.ndindex(*lead):
        drawn = samples[image][::-1] if len(size) == 2 else samples[image]
        axes = [starts(*axis) for axis in zip(drawn, shape, size, kernel, strict=True)]
        for place in np.ndindex(*size):
            window = tuple(slice(a[i], a[i] + k) for a, i, k in zip(axes, place, kernel, strict=True))
            best = x[image][window].argmax()
            out[(*image, *place)] = x[image][window].reshape(-1)[best]
            at[(*image, *place)] = numbers[window].reshape(-1)[best]
    return out, at


def drawn(cases):
    def sample(rng, shape, kernel, size):
        return [distinct(rng, *shape)], (rng.uniform(size=(*shape[: -len(size)], len(size))), kernel, size)

    return [lambda rng, case=case: sample(rng, *case) for case in cases]


SAMPLES = {
    "max_unpool2d_": unpools(
        [((2, 2, 2, 3), (4, 5)), ((3, 1, 2), (2, 2)), ((0, 2, 1, 1), (2, 2)), ((1, 1, 2, 2), (2, 2))]
    ),
    "max_unpool3d_": unpools([((1, 2, 2, 1, 2), (3, 2, 3)), ((2, 1, 2, 2), (2, 3, 2))]),
    "fractional_max_pool2d_": drawn(
        [
            ((2, 2, 5, 6), (2, 3), (3, 2)),
            ((1, 1, 4, 4), (1, 2), (4, 1)),
            ((0, 2, 4, 4), (2, 2), (2, 2)),
            ((2, 7, 5), (2, 1), (4, 5)),
        ]
    ),
    "fractional_max_pool3d_": drawn([((1, 2, 5, 4, 6), (2, 1, 3), (3, 2, 2)), ((2, 1, 3, 4, 3), (1, 2, 1), (1, 2, 2))]),
}

REFERENCES = {
    "max_unpool2d_": max_unpool,
    "max_unpool3d_": max_unpool,
    "fractional_max_pool2d_": fractional_max_pool,
    "fractional_max_pool3d_": fractional_max_pool,
}


def torch_unpool(torch, x, index, size):
    place = index.reshape(x.shape)
    if len(size) == 2:
        return torch._C._nn.max_unpool2d(x, place, size)
    return torch._C._nn.max_unpool3d(x, place, size, (1, 1, 1), (0, 0, 0))


def torch_fractional(torch, x, samples, kernel, size):
    function = getattr(torch.nn.functional, f"fractional_max_pool{len(size)}d")
    samples = samples if samples.dim() == 3 else samples[None]
    return function(x, kernel, size, return_indices=True, _random_samples=samples.to(x.dtype))


TORCH = {
    "max_unpool2d_": torch_unpool,
    "max_unpool3d_": torch_unpool,
    "fractional_max_pool2d_": torch_fractional,
    "fractional_max_pool3d_": torch_fractional,
}
