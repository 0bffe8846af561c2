"""The tangent of every row, on the backend under test: against central differences, and against the gradient."""

import numpy as np
import pytest

import plugrad_op_checks as checks
from plugrad.core import engine
from plugrad.core.dual import close_level, open_level
from plugrad_testing import assert_close, assert_values, inner, on, random_direction, random_like

ROWS = checks.all_rows()
SAMPLES, _, _ = checks.load_tables()
SMOOTH = [
    (name, i)
    for name in sorted(ROWS)
    if ROWS[name].is_differentiable and name not in checks.ONCE
    for i in range(len(SAMPLES.get(name, ())))
]

pytestmark = [pytest.mark.device, pytest.mark.rows]


def smooth_case(name, i):
    case = checks.Case(ROWS[name], SAMPLES[name][i], seed=i)
    if not case.runs_here():
        pytest.skip(f"backend {case.xp.name} has no dtype for this sample")
    if not any(case.differentiable()):
        pytest.skip("no input of this sample takes a gradient")
    return case


def directions(case):
    return [
        v if d else None for v, d in zip(random_direction(case.rng, case.inputs), case.differentiable(), strict=True)
    ]


@pytest.fixture
def level():
    opened = open_level()
    yield opened
    close_level(opened)


def pushed(case, level, tensors, direction):
    """(values, tangents) of the smooth outputs, tangents pushed through the row; zeros where an output has none."""
    tangents = [None if v is None else v if not isinstance(v, np.ndarray) else on(v, case.device) for v in direction]
    duals = [t if v is None else level.dual(t[...], v) for t, v in zip(tensors, tangents, strict=True)]
    made = case.smooth(case.run(duals))
    found = [level.tangent(t) for t in made]
    values = [level.primal(t) for t in made]
    return values, [v * 0 if t is None else t for v, t in zip(values, found, strict=True)]


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_tangent(name, i, level):
    """u · (J t) is what central differences give, and the values are those of the op without duals."""
    case = smooth_case(name, i)
    cotangents, direction = case.cotangents(), directions(case)
    values, tangents = pushed(case, level, case.tensors(), direction)
    for v, t, expected in zip(values, tangents, case.smooth(case.run(case.tensors())), strict=True):
        assert_close(v, expected)
        assert_close(t, t._host(), device=case.device)
        assert (t.shape, t.dtype) == (v.shape, v.dtype)
    along = inner([t._host() for t in tangents], cotangents)
    differences = checks.central_difference_vjp(case.smooth_values, case.inputs, cotangents, direction)
    assert_values(along, differences, 1e-6, 1e-7)


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_gradient_of_the_tangent(name, i, level):
    """d(u · J t) by the arguments and by t, recorded, is what differences of u · J t give."""
    case = smooth_case(name, i)
    cotangents, direction = case.cotangents(), directions(case)
    tensors = case.tensors(recording=True)
    slopes = [None if v is None else on(v, case.device, requires_grad=True) for v in direction]
    _, tangents = pushed(case, level, tensors, slopes)
    moving = [t for t, d in zip(tensors, case.differentiable(), strict=True) if d]
    sources = [*moving, *(s for s in slopes if s is not None)]
    roots = [(t, u) for t, u in zip(tangents, cotangents, strict=True) if t.requires_grad]
    step = [random_like(case.rng, s._host()) for s in sources]
    found = [np.zeros_like(s) for s in step]
    if roots:
        given = [on(u, case.device) for _, u in roots]
        found = engine.grad([t for t, _ in roots], sources, given, allow_unused=True, materialize_grads=True)
        found = [g._host() for g in found]

    def tangents_at(arrays):
        given = iter(arrays)
        inputs = [next(given) if d else a for a, d in zip(case.inputs, case.differentiable(), strict=True)]
        along = [None if v is None else next(given) for v in direction]
        return [t._host() for t in pushed(case, level, case.tensors(inputs), along)[1]]

    point = [s._host() for s in sources]
    differences = checks.central_difference_vjp(tangents_at, point, cotangents, step)
    assert_values(inner(found, step), differences, 1e-5, 1e-6)


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_tangent_of_the_gradient(name, i, level):
    """Forward over reverse: the tangent of Jᵀ u equals the gradient of (Jᵀ u) · w along t."""
    case = smooth_case(name, i)
    cotangents, direction = case.cotangents(), directions(case)
    given = [on(u, case.device) for u in cotangents]
    tensors = case.tensors(recording=True)
    moving = [t for t, d in zip(tensors, case.differentiable(), strict=True) if d]
    tangents = [None if v is None else on(v, case.device) for v in direction]
    duals = [t if v is None else level.dual(t[...], v) for t, v in zip(tensors, tangents, strict=True)]
    options = {"allow_unused": True, "materialize_grads": True}
    found = engine.grad(case.smooth(case.run(duals)), moving, given, **options)
    recorded = case.gradients(tensors, given, create_graph=True)
    weights = [random_like(case.rng, g._host()) for g in recorded]
    along = [
        w * 0 if level.tangent(g) is None else level.tangent(g)._host() for g, w in zip(found, weights, strict=True)
    ]
    for g, expected in zip(found, recorded, strict=True):
        assert_close(level.primal(g), expected, rtol=1e-9, atol=1e-10)
    roots = [(g, w) for g, w in zip(recorded, weights, strict=True) if g.requires_grad]
    expected = 0.0
    if roots:
        incoming = [on(w, case.device) for _, w in roots]
        second = engine.grad([g for g, _ in roots], moving, incoming, **options)
        expected = inner([g._host() for g in second], [v for v in direction if v is not None])
    assert_values(inner(along, weights), expected, 1e-8, 1e-9)
