"""pow, ** and float_power: dtypes, whole numbers, complex numbers and errors, program by program as torch."""

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def whole(t, dtype="int64"):
    return t.tensor([-3, -2, -1, 0, 1, 2, 3], dtype=getattr(t, dtype))


def turned(t, shift=0.0):
    """Complex numbers around zero, and zero itself."""
    angle = t.arange(6, dtype=t.float64) + shift
    return t.cat([t.polar(angle * 0.3, angle), t.zeros(1, dtype=t.complex128)])


for dtype in ("int64", "int32", "int8"):
    PROGRAMS[f"whole-{dtype}"] = lambda t, d=dtype: whole(t, d)[:, None] ** whole(t, d)
PROGRAMS |= {
    "whole-mixed": lambda t: t.pow(whole(t, "int8")[:, None], whole(t)),
    "whole-scalar-tensor": lambda t: (whole(t) ** t.tensor(-1), t.tensor(2) ** whole(t)),
    "whole-number-base": lambda t: (2 ** whole(t), (-1) ** whole(t), t.pow(0, whole(t)), True ** whole(t)),
    "whole-uint8": lambda t: t.tensor([0, 1, 2], dtype=t.uint8) ** t.tensor([3, 0, 4], dtype=t.uint8),
    "whole-float-exponent": lambda t: (whole(t) ** t.tensor([0.5]), 2.0 ** whole(t), whole(t) ** 0.5),
    "whole-in-place": lambda t: whole(t).pow_(whole(t)),
    "whole-out": lambda t: t.pow(whole(t), whole(t), out=t.zeros(7)),
    "float_power": lambda t: (
        t.float_power(t.ones(2) * 3, 2),
        t.float_power(2, whole(t)),
        t.float_power(whole(t), t.tensor(0.5)),
        t.ones(1).float_power(t.ones(3, 1)),
    ),
    "float_power-complex": lambda t: (
        t.float_power(turned(t), 2),
        t.float_power(whole(t), 1 + 2j),
        t.float_power(2j, whole(t)),
        t.float_power(turned(t).to(t.complex64), t.ones(7)),
    ),
    "float_power-in-place": lambda t: (whole(t, "float64").float_power_(2), turned(t).float_power_(0.5)),
    "float_power-out": lambda t: t.float_power(t.ones(2), 2, out=t.zeros(2, dtype=t.float64)),
    "error-float_power-in-place": lambda t: t.ones(2).float_power_(2),
    "error-float_power-in-place-complex": lambda t: t.ones(2).double().float_power_(2j),
    "error-float_power-out": lambda t: t.float_power(t.ones(2), 2, out=t.zeros(2)),
    "error-float_power-numbers": lambda t: t.float_power(2, 3),
    "error-float_power-word": lambda t: t.float_power(t.ones(2), "a"),
    "error-pow-numbers": lambda t: t.pow(2, 3),
    "error-pow-word": lambda t: t.pow(t.ones(2), "a"),
    "error-pow-base": lambda t: t.pow("a", t.ones(2)),
    "error-pow-bool": lambda t: t.ones(2).bool() ** t.ones(2).bool(),
    "error-whole-negative": lambda t: whole(t) ** -1,
}


def derived(function):
    """First and second derivatives of a function of two tensors."""

    def program(t):
        x, y = turned(t, 0.5).requires_grad_(), turned(t, 2.0).requires_grad_()
        first = t.autograd.grad(t.view_as_real(function(t, x, y)).sum(), (x, y), create_graph=True, allow_unused=True)
        total = sum(t.view_as_real(g[:6]).square().sum() for g in first if g is not None)
        second = t.autograd.grad(total, (x, y), allow_unused=True)
        return [g if g is None else g.detach() for g in (*first, *second)]

    return program


PROGRAMS |= {
    "complex": derived(lambda t, x, y: x**y),
    "complex-reflected": derived(lambda t, x, y: (1.5 + 0j) ** y + x),
    "complex-number": derived(lambda t, x, y: x ** (1.5 - 1j) + y),
    "complex-float_power": derived(lambda t, x, y: t.float_power(x, y)),
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6, absolute=1e-9)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-9, absolute=1e-12)
    assert not found, "\n".join(found)
