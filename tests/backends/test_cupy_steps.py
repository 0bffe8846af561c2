"""The cupy backend's fused optimizer steps: against float64 numpy and against backends/steps.py."""

import itertools

import numpy as np
import pytest

from plugrad.backends import steps
from plugrad_kernel_checks import DTYPES, assert_same, composed, fused, on_device, rounded, runs_kernels, simcupy

pytestmark = runs_kernels


def sgd_in_plain_words(w, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    d = (-g if maximize else g) + weight_decay * w
    if buf is None:
        return w - lr * d, None
    buf = momentum * buf + (1 - dampening) * d
    return w - lr * (d + momentum * buf if nesterov else buf), buf


def adam_in_plain_words(w, g, m, v, v_max, *, step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    g = -g if maximize else g
    w, g = (w * (1 - lr * weight_decay), g) if decoupled else (w, g + weight_decay * w)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    v_max = None if v_max is None else np.maximum(v_max, v)
    root = np.sqrt((v if v_max is None else v_max) / (1 - beta2**step))
    return w - lr * (m / (1 - beta1**step)) / (root + eps), m, v, v_max


def step_arrays(dtype, n, shape=(7, 100)):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(3)] + [
        rng.uniform(0.1, 1, shape).astype(dtype) for _ in range(n - 3)
    ]


def stepped(xp, step, arrays, options):
    given = [on_device(xp, a) for a in arrays]
    with simcupy.counting() as seen:
        step(*given, **options)
    return [None if a is None else xp.to_host(a) for a in given], seen.launches


SGD = [
    {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": wd, "nesterov": n, "maximize": x}
    for m, d, wd, n, x in itertools.product((0, 0.9), (0, 0.25), (0, 1), (False, True), (False, True))
    if m or not (d or n)
]
ADAM = [
    {
        "step": 3.0, "lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": wd, "decoupled": dc,
        "maximize": x, "amsgrad": a,
    }
    for wd, dc, x, a in itertools.product((0, 0.1), (False, True), (False, True), (False, True))
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", SGD, ids=lambda o: "-".join(str(v) for v in o.values()))
def test_sgd(options, dtype):
    w, g, buf = step_arrays(dtype, 3)
    arrays = (w, g, buf if options["momentum"] else None)
    (w1, g1, buf1), launches = stepped(fused, fused.sgd_step, arrays, options)
    assert launches == 1
    assert (g1 == g).all()
    expected = sgd_in_plain_words(*rounded(arrays, dtype), **options)
    assert_same((w1, buf1), expected, dtype)
    by_steps, _ = stepped(composed, lambda *a, **o: steps.sgd_step(composed, *a, **o), arrays, options)
    assert_same((w1, g1, buf1), by_steps, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", ADAM, ids=lambda o: "-".join(str(v) for v in o.values()))
def test_adam(options, dtype):
    options = dict(options)
    w, g, m, v, v_max = step_arrays(dtype, 5)
    arrays = (w, g, m, v, v_max if options.pop("amsgrad") else None)
    (w1, g1, *state), launches = stepped(fused, fused.adam_step, arrays, options)
    assert launches == 1
    assert (g1 == g).all()
    assert_same((w1, *state), adam_in_plain_words(*rounded(arrays, dtype), **options), dtype)
    by_steps, _ = stepped(composed, lambda *a, **o: steps.adam_step(composed, *a, **o), arrays, options)
    assert_same((w1, g1, *state), by_steps, dtype)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_parameters_are_stepped_by_parts(dtype):
    real, imag = step_arrays("float64", 4), step_arrays("float64", 5)[1:]
    arrays = [(a + 1j * b).astype(dtype) for a, b in zip(real, imag, strict=True)]
    arrays[3] = (np.abs(arrays[3].real) + 1j * np.abs(arrays[3].imag)).astype(dtype)
    adam = {k: v for k, v in ADAM[0].items() if k != "amsgrad"}
    for name, given, options in (("sgd_step", arrays[:3], SGD[-1]), ("adam_step", [*arrays, None], adam)):
        found, launches = stepped(fused, getattr(fused, name), given, options)
        by_steps, _ = stepped(composed, getattr(composed, name), given, options)
        assert launches == 1
        for a, b in zip(found, by_steps, strict=True):
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "complex64" else 1e-13)


def test_what_no_kernel_steps_is_composed():
    w, g, buf = step_arrays("float32", 3, (4, 6))
    turned = [a.T for a in (w, g, buf)]
    cases = {
        "turned gradient": lambda xp: (xp.from_host(w.T.copy()), xp.from_host(g).T, xp.from_host(buf.T.copy())),
        "turned weights": lambda xp: tuple(xp.from_host(a).T for a in (w, g, buf)),
        "wider buffer": lambda xp: tuple(map(xp.from_host, (w.T.copy(), g.T.copy(), buf.T.astype("float64")))),
    }
    expected = sgd_in_plain_words(*rounded(turned, "float32"), **SGD[-1])
    for name, make in cases.items():
        given = make(fused)
        fused.sgd_step(*given, **SGD[-1])
        assert_same([fused.to_host(given[0]), fused.to_host(given[2])], expected, "float32"), name
    nothing = [fused.from_host(np.ones((0, 3), "float32")) for _ in range(3)]
    with simcupy.counting() as seen:
        fused.sgd_step(*nothing, **SGD[-1])
    assert seen.launches == 0
