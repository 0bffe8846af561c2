"""gradcheck of forward mode: J · u carried by dual tensors beside one central difference along u."""

from itertools import product

from .dual import close_level, open_level
from .forward_ad import dual_of, unpack
from .gradcheck_fast import allowed, expect_zero, shaped, unit
from .gradcheck_slow import (
    GradcheckError,
    Problem,
    all_close,
    as_tuple,
    describe,
    directional,
    is_float,
    numerical_jacobians,
)
from .tensor import Tensor


def check_forward(func, inputs, tolerances, fast_mode, check_undefined_grad):
    """Everything that gradcheck asks of forward mode; complex inputs are looked at as two real ones."""
    problems = real_inputs(func, inputs)
    for problem in problems:
        (check_direction if fast_mode else check_entries)(problem, tolerances)
    if check_undefined_grad:
        for problem in problems:
            check_undefined(problem)


def real_inputs(func, inputs):
    found = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.is_complex()]
    if not found:
        return [ForwardProblem(func, inputs)]
    return [
        ForwardProblem(
            WithPart(func, name, inputs, found),
            tuple(getattr(x, name) if i in found else x for i, x in enumerate(inputs)),
            f"While considering the {word} part of complex inputs only, ",
            found,
        )
        for name, word in (("imag", "imaginary"), ("real", "real"))
    ]


class WithPart:
    """A function of the real or the imaginary parts of complex inputs; the other parts stay as they are."""

    def __init__(self, func, name, inputs, indices):
        self.func = func
        self.name = name
        self.others = {i: inputs[i].detach() for i in indices}

    def __call__(self, *parts):
        return self.func(*(self.whole(i, part) if i in self.others else part for i, part in enumerate(parts)))

    def whole(self, i, part):
        other = self.others[i]
        return other.real + part * 1j if self.name == "imag" else part + other.imag * 1j


class ForwardProblem(Problem):
    """A function at a point, whose tangents are wanted."""

    def mismatch(self, output, index, numerical, analytical):
        part = self.prefix if self.prefix and self.indices[index] in self.complex_outputs else ""
        return (
            f"{part}Jacobian computed with forward mode mismatch for output {output:d} with respect to input {index:d},\n"
            f"numerical:{numerical}\nanalytical:{analytical}\n"
        )

    def tangents(self, directions, check_dtypes=False):
        """J · u, flat, for every floating output, zeros where it has no tangent; ``directions`` by number of the input."""
        return [p.new_zeros(p.numel()) if t is None else t.reshape(-1) for p, t in self.pairs(directions, check_dtypes)]

    def pairs(self, directions, check_dtypes=False):
        """(value, tangent) of every floating output."""
        level = open_level()
        try:
            given = tuple(x.detach() if i in self.indices else x for i, x in enumerate(self.inputs))
            given = tuple(dual_of(level, x, directions[i]) if i in directions else x for i, x in enumerate(given))
            found = [unpack(level, o) for o in as_tuple(self.func(*given)) if is_float(o)]
        finally:
            close_level(level)
        if check_dtypes and any(t is not None and t.is_complex() != p.is_complex() for p, t in found):
            raise GradcheckError("Forward AD gradient has dtype mismatch.")
        return [(p.detach(), None if t is None else t.detach()) for p, t in found]

    def zeros(self):
        return {i: self.inputs[i].detach().new_zeros(self.inputs[i].shape) for i in self.indices}

    def along(self, index, direction, tolerances):
        return self.tangents(self.zeros() | {index: direction}, tolerances.check_grad_dtypes)

    def wanted(self):
        """Of the floating outputs: the numbers of those with a gradient."""
        return [k for k, o in enumerate(o for o in self.out if is_float(o)) if o.requires_grad]


def jacobians(problem, index, tolerances):
    """A Jacobian (x.numel(), out.numel()) for every floating output, one run of the function per input element."""
    from .ops.join import stack

    x = problem.inputs[index].detach()
    rows = []
    for position in product(*map(range, x.shape)):
        direction = x.new_zeros(x.shape)
        direction[position] = 1
        rows.append(problem.along(index, direction, tolerances))
    if not rows:
        return [o.detach().new_zeros((0, o.numel())) for o in problem.out if is_float(o)]
    return [stack(parts) for parts in zip(*rows, strict=True)]


def check_entries(problem, tolerances):
    """Compare every entry of every Jacobian."""
    numerical = [numerical_jacobians(problem, i, tolerances.eps) for i in problem.indices]
    if not problem.outputs:
        expect_zero([n for found in numerical for n in found], 0.0)
        return
    analytical = [jacobians(problem, i, tolerances) for i in problem.indices]
    for number, k in enumerate(problem.wanted()):
        for i, (a, n) in enumerate(zip(analytical, numerical, strict=True)):
            if not all_close(a[k], n[k], tolerances.rtol, tolerances.atol):
                raise GradcheckError(problem.mismatch(number, i, n[k], a[k]) + describe(a[k], n[k]))


def check_direction(problem, tolerances):
    """Compare J · u in one random direction u."""
    from .generator import Generator

    generator = Generator()
    wanted = problem.wanted()
    for i, index in enumerate(problem.indices):
        x = problem.inputs[index]
        u = unit(x, generator)
        direction = shaped(u, x)
        numerical = directional(problem, index, direction, tolerances.eps)
        if not problem.outputs:
            expect_zero(numerical, tolerances.nondet_tol)
            continue
        analytical = problem.along(index, direction, tolerances)
        atol = allowed(tolerances.atol, u, u.new_ones(1))
        for number, k in enumerate(wanted):
            if not all_close(analytical[k], numerical[k], tolerances.rtol, atol):
                text = problem.mismatch(number, i, numerical[k], analytical[k])
                raise GradcheckError(text + slow_report(problem, index, k, tolerances))


def slow_report(problem, index, k, tolerances):
    """Both Jacobians in full, which the fast check did not need."""
    from .gradcheck_fast import report

    numerical = numerical_jacobians(problem, index, tolerances.eps)[k]
    return report(numerical, jacobians(problem, index, tolerances)[k], tolerances)


def check_undefined(problem):
    """An input that is no dual counts as one whose tangent is zero."""
    from .generator import Generator

    generator = Generator()
    moving = {i: shaped(unit(problem.inputs[i], generator), problem.inputs[i]) for i in problem.indices}
    zeros = problem.zeros()
    for i in problem.indices:
        with_zeros = problem.pairs(moving | {i: zeros[i]})
        without = problem.pairs({k: v for k, v in moving.items() if k != i})
        for number, ((_, a), (_, b)) in enumerate(zip(with_zeros, without, strict=True)):
            if a is not None and b is not None and not all_close(a, b, 1e-5, 1e-8):
                raise GradcheckError(
                    f"Mismatch in tangent values for output with index: {number} when input: {problem.inputs[i]} has an undefined "
                    f"tangent value.  Got: {a} but expected: {b}"
                )


__all__ = ["check_forward"]
