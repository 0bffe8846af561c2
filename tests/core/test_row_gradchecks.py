"""gradcheck and gradgradcheck of every row as a user calls them: reverse and forward mode, batched, on the backend under test."""

import pytest

import plugrad_op_checks as checks
from plugrad.core.gradcheck import gradcheck, gradgradcheck

ROWS = checks.all_rows()
SAMPLES, _, _ = checks.load_tables()
SMOOTH = [
    (name, i)
    for name in sorted(ROWS)
    if ROWS[name].is_differentiable and name not in checks.ONCE
    for i in range(len(SAMPLES.get(name, ())))
]

#: A device may add to one place in any order, as CUDA's atomic additions do; on the cpu two passes must agree bit for bit.
ANY_ORDER = {"cuda": 1e-12}

pytestmark = [pytest.mark.device, pytest.mark.rows]


def program_of(name, i):
    """(the op as a function of the inputs that take a gradient, those inputs)."""
    case = checks.Case(ROWS[name], SAMPLES[name][i], seed=i)
    if not case.runs_here():
        pytest.skip(f"backend {case.xp.name} has no dtype for this sample")
    tensors = case.tensors(recording=True)
    differentiable = case.differentiable()
    moving = tuple(t for t, d in zip(tensors, differentiable, strict=True) if d)
    if not moving:
        pytest.skip("no input of this sample takes a gradient")

    def program(*given):
        given = iter(given)
        outputs = case.smooth(case.run([next(given) if d else t for t, d in zip(tensors, differentiable, strict=True)]))
        return tuple(outputs)

    return program, moving


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_gradcheck(name, i):
    program, inputs = program_of(name, i)
    assert gradcheck(
        program,
        inputs,
        nondet_tol=ANY_ORDER.get(inputs[0].device.type, 0.0),
        fast_mode=True,
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


@pytest.mark.parametrize(("name", "i"), SMOOTH)
def test_gradgradcheck(name, i):
    program, inputs = program_of(name, i)
    if not any(o.requires_grad for o in program(*inputs)):
        pytest.skip("no output takes a gradient")
    assert gradgradcheck(
        program,
        inputs,
        nondet_tol=ANY_ORDER.get(inputs[0].device.type, 0.0),
        fast_mode=True,
        check_fwd_over_rev=True,
        check_batched_grad=True,
    )
