"""The fused steps on raw arrays: the general form against the formulas in float64, numpy's blocks against the general form."""

import itertools

import numpy as np
import pytest

import plugrad
from plugrad.backends import numpy_steps, steps

SGD = {"lr": 0.1, "momentum": 0.9, "dampening": 0.25, "weight_decay": 0.1, "nesterov": False, "maximize": False}
ADAM = {
    "step": 3.0,
    "lr": 0.01,
    "beta1": 0.8,
    "beta2": 0.95,
    "eps": 1e-3,
    "weight_decay": 0.1,
    "decoupled": False,
    "maximize": False,
}
SHAPES = [(), (1,), (0,), (3, 4), (numpy_steps.BLOCK,), (numpy_steps.BLOCK * 2 + 5,), (7, 5000), (2, 40000)]
BOTH_FLAGS = list(itertools.product([False, True], repeat=2))
XP = plugrad.ones(1, device="cpu")._xp
pytestmark = pytest.mark.cpu


def arrays(shape, dtype="float64", n=5, seed=0):
    """n arrays; the fourth and fifth are not negative, as running means of squares."""
    rng = np.random.default_rng(seed)
    made = [rng.standard_normal(shape).astype(dtype) for _ in range(n)]
    if dtype.startswith("complex"):
        made = [a + 1j * rng.standard_normal(shape).astype(dtype) for a in made]
        made[3:] = [np.abs(a.real) + 1j * np.abs(a.imag) for a in made[3:]]
    else:
        made[3:] = [np.abs(a) for a in made[3:]]
    return [np.asarray(a, dtype) for a in made]


def stepped(function, given, **options):
    given = [a if a is None else a.copy(order="K") for a in given]
    function(XP, *given, **options)
    return given


def assert_same(ours, expected, rtol):
    for a, b in zip(ours, expected, strict=True):
        if b is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def sgd_in_plain_words(w, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    d = (-g if maximize else g) + weight_decay * w
    buf = momentum * buf + (1 - dampening) * d
    d = d + momentum * buf if nesterov else buf
    return w - lr * d, buf


def adam_in_plain_words(w, g, m, v, v_max, *, step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    g = -g if maximize else g
    if decoupled:
        w = w - lr * weight_decay * w
    else:
        g = g + weight_decay * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = np.maximum(v_max, v)
    m_hat, v_hat = m / (1 - beta1**step), v_max / (1 - beta2**step)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v, v_max


@pytest.mark.parametrize(("nesterov", "maximize"), BOTH_FLAGS)
def test_sgd_is_its_formula(nesterov, maximize):
    options = {**SGD, "nesterov": nesterov, "maximize": maximize}
    w, g, buf = arrays((3, 4), n=3)
    made = stepped(steps.sgd_step, (w, g, buf), **options)
    expected = sgd_in_plain_words(w, g, buf, **options)
    assert_same((made[0], made[2]), expected, 1e-14)


@pytest.mark.parametrize(("decoupled", "maximize"), BOTH_FLAGS)
def test_adam_is_its_formula(decoupled, maximize):
    options = {**ADAM, "decoupled": decoupled, "maximize": maximize}
    given = arrays((3, 4))
    made = stepped(steps.adam_step, given, **options)
    expected = adam_in_plain_words(*given, **options)
    assert_same((made[0], *made[2:]), expected, 1e-14)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "float16"])
def test_numpy_blocks_are_the_general_form(shape, dtype):
    rtol = {"float32": 1e-5, "float64": 1e-13, "complex64": 1e-5, "float16": 1e-3}[dtype]
    for with_buffer, nesterov in ((False, False), (True, False), (True, True)):
        given = arrays(shape, dtype, n=3)[: 2 + with_buffer] + [None] * (not with_buffer)
        options = {**SGD, "nesterov": nesterov}
        assert_same(stepped(numpy_steps.sgd_step, given, **options), stepped(steps.sgd_step, given, **options), rtol)
    for with_maximum in (False, True):
        given = arrays(shape, dtype)[: 4 + with_maximum] + [None] * (not with_maximum)
        assert_same(stepped(numpy_steps.adam_step, given, **ADAM), stepped(steps.adam_step, given, **ADAM), rtol)


@pytest.mark.parametrize("zeroed", ["weight_decay", "dampening", "momentum"])
def test_numpy_sgd_with_options_left_out(zeroed):
    given = arrays((3, 4), n=3)
    for maximize in (False, True):
        options = {**SGD, zeroed: 0, "maximize": maximize}
        assert_same(stepped(numpy_steps.sgd_step, given, **options), stepped(steps.sgd_step, given, **options), 1e-14)


@pytest.mark.parametrize("changes", [{"weight_decay": 0}, {"decoupled": True}, {"maximize": True}, {"step": 1.0}])
def test_numpy_adam_with_other_options(changes):
    given = arrays((3, 4))
    options = {**ADAM, **changes}
    assert_same(stepped(numpy_steps.adam_step, given, **options), stepped(steps.adam_step, given, **options), 1e-14)


def test_large_arrays_in_other_memory_orders():
    w, g, m, v, v_max = arrays((300, 200))
    mixed = [np.asfortranarray(w), g, m.T.copy().T, v, v_max]
    assert_same(
        stepped(numpy_steps.adam_step, mixed, **ADAM), stepped(steps.adam_step, (w, g, m, v, v_max), **ADAM), 1e-13
    )


@pytest.mark.parametrize("step", [steps.sgd_step, numpy_steps.sgd_step], ids=["general", "numpy"])
def test_the_gradient_is_left_alone(step):
    w, g, buf = arrays((3, 4), n=3)
    before = g.copy()
    step(XP, w, g, buf, **SGD)
    np.testing.assert_array_equal(g, before)


def test_weights_that_are_a_view_are_written_through():
    base, g = np.zeros((40000, 2)), np.ones((40000, 2))
    numpy_steps.sgd_step(XP, base[:, 0], g[:, 0], None, **{**SGD, "weight_decay": 0})
    assert (base[:, 0] == -0.1).all()
    assert (base[:, 1] == 0).all()


def test_the_backend_has_both_steps():
    w, g = plugrad.ones(2), plugrad.ones(2)
    XP.sgd_step(w._a, g._a, None, **{**SGD, "weight_decay": 0})
    assert w.tolist() == pytest.approx([0.9, 0.9])
    XP.adam_step(w._a, g._a, plugrad.zeros(2)._a, plugrad.zeros(2)._a, None, **{**ADAM, "weight_decay": 0, "step": 1.0})
    assert w.tolist() == pytest.approx([0.89, 0.89], abs=1e-4)
