"""The steps of one formula per element: numpy's blocks against whole arrays, and what every formula must be."""

import numpy as np
import pytest

import plugrad
from plugrad.backends import matrix_steps, numpy_steps, step_formulas

XP = plugrad.ones(1, device="cpu")._xp
pytestmark = pytest.mark.cpu
BLOCK = numpy_steps.BLOCK
SHAPES = [(), (1,), (0,), (3, 4), (BLOCK,), (BLOCK * 2 + 5,), (7, 5000), (2, 40000)]
RTOL = {"float32": 1e-5, "float64": 1e-13, "complex64": 1e-5, "float16": 2e-3}

#: (number of state arrays, numbers, flags) of each formula; None among the numbers leaves something out.
FORMULAS = {
    "adadelta": (2, (0.5, 0.9, 0.1, 1e-3, 0.1)),
    "adagrad": (1, (0.1, 1e-3, 0.1)),
    "adamax": (2, (0.1, 0.1, 0.9, 1e-2, 0.1)),
    "asgd": (1, (0.99, 0.1, 0.25, None)),
    "nadam": (2, (0.01, 0.1, 0.1, 0.9, 0.1, 0.5, 1e-2, 0.9, None)),
    "radam": (2, (0.1, 0.1, 0.9, 0.1, 1e-2, None, 0.1)),
    "rmsprop": (3, (0.1, 0.9, 0.1, 0.5, 0.5, 0.1)),
    "rprop": (2, (0.5, 1.2, 1e-3, 2.0)),
}


def arrays(name, shape, dtype, seed=0):
    """Weights, gradient, and state arrays; no state is negative but the last one, which no root is taken of."""
    rng = np.random.default_rng(seed)
    count = FORMULAS[name][0]

    def drawn(of):
        part = of(rng.standard_normal(shape))
        return np.asarray(part + 1j * of(rng.standard_normal(shape)) if dtype.startswith("complex") else part, dtype)

    return [drawn(np.array), drawn(np.array), *(drawn(np.abs) for _ in range(count))]


def stepped(run_step, name, given, maximize=False):
    given = [a if a is None else a.copy(order="K") for a in given]
    run_step(XP, getattr(step_formulas, name), given, FORMULAS[name][1], maximize)
    return given


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", FORMULAS)
def test_numpy_blocks_are_the_whole(name, dtype, shape):
    given = arrays(name, shape, dtype)
    with np.errstate(all="ignore"):
        ours = stepped(numpy_steps.run_step, name, given)
        whole = stepped(step_formulas.run_step, name, given)
    for a, b, before in zip(ours, whole, given, strict=True):
        assert (a.shape, a.dtype) == (before.shape, before.dtype)
        np.testing.assert_allclose(a, b, rtol=RTOL[dtype], atol=RTOL[dtype])


@pytest.mark.parametrize("name", FORMULAS)
def test_everything_but_the_gradient_changes(name):
    given = arrays(name, (3, 4), "float64")
    ours = stepped(numpy_steps.run_step, name, given)
    np.testing.assert_array_equal(ours[1], given[1])
    assert all((a != b).any() for i, (a, b) in enumerate(zip(ours, given, strict=True)) if i != 1)


@pytest.mark.parametrize("name", FORMULAS)
def test_maximizing_is_minimizing_the_negative(name):
    w, g, *state = arrays(name, (3, 4), "float64")
    up = stepped(numpy_steps.run_step, name, [w, g, *state], True)
    down = stepped(numpy_steps.run_step, name, [w, -g, *state])
    for i in (0, *range(2, len(up))):
        np.testing.assert_array_equal(up[i], down[i])


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"rprop"}))
def test_a_formula_is_pure(name):
    given = arrays(name, (5,), "float64")
    before = [a.copy() for a in given]
    results = getattr(step_formulas, name)(XP, *given, *FORMULAS[name][1], False)
    assert len(results) == len(given) - 1
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_states_that_are_not_kept_stay_out():
    w, g, v, *_ = arrays("rmsprop", (BLOCK + 7,), "float64")
    numbers = (0.1, 0.9, 0.1, 1e-3, 0, None)
    ours = [w.copy(), g, v.copy(), None, None]
    numpy_steps.run_step(XP, step_formulas.rmsprop, ours, numbers, False)
    square = 0.9 * v + 0.1 * g * g
    np.testing.assert_allclose(ours[2], square)
    np.testing.assert_allclose(ours[0], w - 0.1 * g / (np.sqrt(square) + 1e-3))


def test_arrays_in_other_memory_orders_and_views():
    w, g, v, u = (a for a in arrays("adadelta", (300, 200), "float64"))
    base = np.zeros((300, 400))
    base[:, ::2] = w
    mixed = [base[:, ::2], np.asfortranarray(g), v.T.copy().T, u.copy()]
    numpy_steps.run_step(XP, step_formulas.adadelta, mixed, FORMULAS["adadelta"][1], False)
    expected = stepped(step_formulas.run_step, "adadelta", [w, g, v, u])
    np.testing.assert_allclose(base[:, ::2], expected[0], rtol=1e-13)
    np.testing.assert_allclose(mixed[2], expected[2], rtol=1e-13)
    assert (base[:, 1::2] == 0).all()


# --- the formulas in plain words ---
def test_rprop_by_hand():
    w, g = np.zeros(4), np.array([1.0, -1.0, 0.0, 2.0])
    before, size = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 9.0])
    XP.rprop_step(w, g, before, size, shrink=0.5, grow=1.5, smallest=0.75, largest=3.0, maximize=False)
    assert size.tolist() == [1.5, 0.75, 1.0, 3.0]
    assert w.tolist() == [-1.5, 0.0, 0.0, -3.0]
    assert before.tolist() == [1.0, 0.0, 0.0, 2.0]


def test_asgd_averages_from_its_share_on():
    w, g, mean = np.array([1.0]), np.array([0.5]), np.array([5.0])
    XP.asgd_step(w, g, mean, lambd=0.0, eta=0.1, mu=1, weight_decay=0, maximize=False)
    assert (w.tolist(), mean.tolist()) == ([0.95], [0.95])
    XP.asgd_step(w, g, mean, lambd=0.0, eta=0.1, mu=0.5, weight_decay=0, maximize=False)
    assert w[0] == pytest.approx(0.9)
    assert mean[0] == pytest.approx(0.925)


def test_adafactor_by_its_paper():
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    row, col = np.zeros((2, 3, 1)), np.zeros((2, 1, 4))
    before = w.copy()
    options = {"lr": 0.1, "beta2_decay": -0.8, "eps1": 1e-9, "eps2": 1e-3, "clip": 1.0}
    XP.adafactor_step(w, g, row, col, None, step=1.0, weight_decay=0, maximize=False, **options)
    np.testing.assert_allclose(row, (g * g).mean(-1, keepdims=True))
    np.testing.assert_allclose(col, (g * g).mean(-2, keepdims=True))
    update = g / np.sqrt(row * col / row.mean(-2, keepdims=True))
    update /= max(1.0, np.sqrt((update**2).mean()))
    np.testing.assert_allclose(w, before - update * 0.1 * np.sqrt((before**2).mean()))


def test_bfloat16_is_rounded_to_without_having_it():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.random.default_rng(0).standard_normal(10000).astype(np.float32)
    expected = x.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(matrix_steps.rounded(XP, x), expected)


def test_a_matrix_and_its_transpose_become_orthogonal_alike():
    x = np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32)
    options = ((3.4445, -4.7750, 2.0315), 1e-7, 5)
    wide, tall = matrix_steps.orthogonal(XP, x, *options), matrix_steps.orthogonal(XP, x.T, *options)
    np.testing.assert_array_equal(wide, tall.T)
    values = np.linalg.svd(wide, compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3
