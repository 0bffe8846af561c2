"""Samples of Fourier transforms; the format is in plugrad_op_checks.py."""

import numpy as np

SCALES = {"none": lambda n: 1.0, "root": lambda n: n**0.5, "all": float}


def reals(rng, shape):
    return rng.standard_normal(shape)


def complex_numbers(rng, shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def each(draw, shape, *statics):
    return [lambda rng, t=t: ([draw(rng, shape)], t) for t in statics]


# 70 = 2 · 35 is transformed in two steps where a backend has no transform of its own, 67 is a prime above that bound.
SAMPLES = {
    "fft_c2c_": (
        each(complex_numbers, (3, 4), ((1,), "none", True), ((0,), "root", False), ((0, 1), "all", False), ((1, 0), "all", True))
        + each(complex_numbers, (70,), ((0,), "root", True), ((0,), "all", False))
        + each(complex_numbers, (2, 67), ((1,), "none", False))
        + each(complex_numbers, (1,), ((0,), "none", True))
    ),
    "fft_r2c_": (
        each(reals, (3, 4), ((1,), "none", True, True), ((0,), "root", False, True), ((0, 1), "all", True, True))
        + each(reals, (3, 4), ((1,), "none", True, False), ((1, 0), "root", True, True), ((0,), "all", False, False))
        + each(reals, (70,), ((0,), "root", True, True))
        + each(reals, (1,), ((0,), "none", True, True))
    ),
    "fft_c2r_": (
        each(complex_numbers, (3, 3), ((1,), "none", False, 4), ((1,), "root", True, 5), ((0, 1), "all", False, 4))
        + each(complex_numbers, (2, 4), ((1, 0), "all", False, 3), ((1, 0), "none", True, 2))
        + each(complex_numbers, (1,), ((0,), "root", False, 1))
        + each(complex_numbers, (36,), ((0,), "all", False, 70))
    ),
}  # fmt: skip


def matrix(n, forward):
    places = np.arange(n)
    return np.exp((-2j if forward else 2j) * np.pi * np.outer(places, places) / n)


def c2c(x, axes, scaling, forward):
    for axis in axes:
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix(x.shape[axis], forward), -1, axis)
    return x / SCALES[scaling](int(np.prod([x.shape[i] for i in axes])))


def r2c(x, axes, scaling, forward, onesided):
    made = c2c(x.astype(complex), axes, scaling, forward)
    return np.take(made, range(x.shape[axes[-1]] // 2 + 1), axes[-1]) if onesided else made


def c2r(x, axes, scaling, forward, n):
    """The missing frequencies are the conjugates of the others, in all transformed axes."""
    axis = axes[-1]
    if axes[:-1]:
        x = c2c(x, axes[:-1], "none", forward)
    kept = np.take(x, range(n // 2 + 1), axis)
    rest = np.conj(np.take(x, range((n - 1) // 2, 0, -1), axis))
    whole = np.moveaxis(np.concatenate([kept, rest], axis), axis, 0)
    whole[0] = whole[0].real
    if n % 2 == 0:
        whole[n // 2] = whole[n // 2].real
    made = c2c(np.moveaxis(whole, 0, axis), (axis,), "none", forward).real
    return made / SCALES[scaling](int(np.prod([made.shape[i] for i in axes])))


REFERENCES = {"fft_c2c_": c2c, "fft_r2c_": r2c, "fft_c2r_": c2r}

FORWARD = {"none": "backward", "root": "ortho", "all": "forward"}
INVERSE = {"none": "forward", "root": "ortho", "all": "backward"}


def torch_c2c(torch, x, axes, scaling, forward):
    if forward:
        return torch.fft.fftn(x, dim=axes, norm=FORWARD[scaling])
    return torch.fft.ifftn(x, dim=axes, norm=INVERSE[scaling])


def torch_r2c(torch, x, axes, scaling, forward, onesided):
    if not onesided:
        return torch_c2c(
            torch, x.to(torch.complex128 if x.dtype == torch.float64 else torch.complex64), axes, scaling, forward
        )
    made = torch.fft.rfftn(x, dim=axes, norm=FORWARD[scaling])
    return made if forward else made.conj().resolve_conj()


def torch_c2r(torch, x, axes, scaling, forward, n):
    sizes = (*(x.shape[i] for i in axes[:-1]), n)
    x = x.conj().resolve_conj() if forward else x
    return torch.fft.irfftn(x, sizes, dim=axes, norm=INVERSE[scaling])


TORCH = {"fft_c2c_": torch_c2c, "fft_r2c_": torch_r2c, "fft_c2r_": torch_c2r}
