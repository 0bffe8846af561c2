"""gradcheck entry by entry: central differences beside the engine's gradients, as Jacobians (input elements, output elements)."""

from itertools import product

from .diagnosis import diagnose, number, ratio, worst
from .engine import grad
from .tensor import Tensor


class GradcheckError(RuntimeError):
    """Raised by gradcheck and gradgradcheck when a gradient is wrong."""


class Tolerances:
    """What a check allows: eps, atol, rtol, nondet_tol, and whether gradients must have their inputs' dtype."""

    __slots__ = ("atol", "check_grad_dtypes", "eps", "nondet_tol", "rtol")

    def __init__(self, eps, atol, rtol, nondet_tol, check_grad_dtypes):
        self.eps = eps
        self.atol = atol
        self.rtol = rtol
        self.nondet_tol = nondet_tol
        self.check_grad_dtypes = check_grad_dtypes


class Problem:
    """A function at a point.

    Attributes:
        out: all that it returned; ``outputs`` are those with a gradient, ``indices`` the inputs with one.
        prefix: what a message says first, when only a part of complex outputs is looked at.
    """

    def __init__(self, func, inputs, prefix=None, complex_outputs=()):
        self.func = func
        self.inputs = inputs
        self.out = as_tuple(func(*inputs))
        self.outputs = differentiable(self.out)
        self.indices = tuple(i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad)
        self.needing = tuple(inputs[i] for i in self.indices)
        self.prefix = prefix
        self.complex_outputs = complex_outputs

    def mismatch(self, output, index, numerical, analytical):
        """The head of the message, in torch's words."""
        part = self.prefix if self.prefix and output in self.complex_outputs else ""
        return (
            f"{part}Jacobian mismatch for output {output:d} with respect to input {index:d},\n"
            f"numerical:{numerical}\nanalytical:{analytical}\n"
        )


def as_tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def differentiable(outputs):
    return tuple(o for o in outputs if o.requires_grad)


def is_float(value):
    return isinstance(value, Tensor) and value.dtype.kind >= 2


def all_close(a, b, rtol, atol):
    """|a - b| ≤ atol + rtol·|b| for every entry; NaN is close to nothing."""
    return bool(((a == b) | ((a - b).abs() <= atol + rtol * b.abs())).all())


# --- differences ---
def outputs_at(problem, index, x):
    """What the function returns when an input holds the values of ``x``.

    The input itself is given other values for the time of the call, so that a function sees them also where it does not
    take the input from its arguments.
    """
    given = problem.inputs[index]
    array = given._a
    given._a = x._a
    try:
        return tuple(o.detach().clone() for o in as_tuple(problem.func(*problem.inputs)))
    finally:
        given._a = array


def differences(problem, index, change, eps, where=""):
    """(f(x + change) - f(x - change)) / 2 eps, flat, for every output of floating or complex dtype."""
    x = problem.inputs[index].data
    below = outputs_at(problem, index, x - change)
    above = outputs_at(problem, index, x + change)
    for given, a, b in zip(problem.out, below, above, strict=True):
        check_same_kind(given, a, where, eps, GradcheckError)
        check_same_kind(a, b, where, eps, AssertionError)
    return [((b - a) / (2 * eps)).reshape(-1) for a, b in zip(below, above, strict=True) if is_float(a)]


def check_same_kind(a, b, where, eps, kind):
    """Raise when the function answers a small change by another shape or dtype."""
    for what, first, second in (("shape", a.shape, b.shape), ("dtype", a.dtype, b.dtype)):
        if first != second:
            raise kind(
                f"Expected `func` to return outputs with the same {what} when inputs are perturbed {where}by {eps}, but got: {what}s "
                f"{first} and {second}."
            )


def directional(problem, index, direction, eps, where=""):
    """d out / d x along a direction: for a complex input the conjugate Wirtinger pair of two real directions."""
    if not problem.inputs[index].is_complex():
        return differences(problem, index, direction * eps, eps, where)
    along_real, along_imaginary = direction if isinstance(direction, tuple) else (direction, direction)
    real = differences(problem, index, along_real * eps, eps, where)
    imaginary = differences(problem, index, along_imaginary * eps * 1j, eps, where)
    return [a + 1j * b for a, b in zip(real, imaginary, strict=True)]


def numerical_jacobians(problem, index, eps):
    """A Jacobian (x.numel(), out.numel()) for every floating output."""
    from .ops.join import stack

    x = problem.inputs[index].data
    rows = []
    for position in product(*map(range, x.shape)):
        unit = x.new_zeros(x.shape)
        unit[position] = 1
        rows.append(directional(problem, index, unit, eps, f"on index {position} "))
    if not rows:
        return [x.new_zeros((0, o.numel())) for o in problem.out if is_float(o)]
    return [stack(parts) for parts in zip(*rows, strict=True)]


# --- the engine's gradients ---
def gradients(problem, output, weights):
    return grad((output,), problem.needing, (weights,), retain_graph=True, allow_unused=True)


def analytical_jacobians(problem, output):
    """A Jacobian (x.numel(), output.numel()) for every input, one backward pass per output element."""
    columns = []
    for j in range(output.numel()):
        unit = output.detach().new_zeros(output.numel())
        unit[j] = 1
        columns.append(gradients(problem, output, unit.reshape(output.shape)))
    return [as_columns([found[i] for found in columns], x) for i, x in enumerate(problem.needing)]


def as_columns(found, x):
    from .ops.join import stack

    if not found:
        return x.detach().new_zeros((x.numel(), 0))
    return stack([flat(g, x) for g in found], 1)


def flat(g, x):
    return x.detach().new_zeros(x.numel()) if g is None else g.reshape(-1)


def checked_twice(compute, problem, tolerances):
    """What ``compute`` gives, after a second time that must not differ."""
    first, second = compute(), compute()
    for a, b in zip(first, second, strict=True):
        if a.numel() and bool((a - b).abs().max() > tolerances.nondet_tol):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
                f"values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was "
                f"{tolerances.nondet_tol}.\n\nNOTE: if the function is not deterministic, give gradcheck what two passes may differ "
                "by: nondet_tol=<tol>."
            )
    if tolerances.check_grad_dtypes and any(a.dtype != x.dtype for a, x in zip(first, problem.needing, strict=True)):
        raise GradcheckError("Gradient has dtype mismatch")
    return first


# --- the check ---
def check(problem, tolerances):
    """Compare every entry of every Jacobian."""
    numerical = [numerical_jacobians(problem, i, tolerances.eps) for i in problem.indices]
    if not problem.outputs:
        expect_zero([n for found in numerical for n in found], 0.0)
        return
    floats = [o for o in problem.out if is_float(o)]
    wanted = [k for k, o in enumerate(floats) if o.requires_grad]
    for k, output in zip(wanted, problem.outputs, strict=True):
        analytical = checked_twice(lambda o=output: analytical_jacobians(problem, o), problem, tolerances)
        for i, a in enumerate(analytical):
            compare(problem, wanted.index(k), i, a, numerical[i][k], tolerances)


def expect_zero(jacobians, tolerance):
    if any(j.numel() and bool((j.abs() > tolerance).any()) for j in jacobians):
        raise GradcheckError("Numerical gradient for function expected to be zero")


def compare(problem, output, index, analytical, numerical, tolerances):
    if not all_close(analytical, numerical, tolerances.rtol, tolerances.atol):
        raise GradcheckError(problem.mismatch(output, index, numerical, analytical) + describe(analytical, numerical))


def describe(analytical, numerical):
    """The worst entry, and what the whole difference looks like."""
    at, a, n = worst(analytical, numerical)
    row, column = divmod(at, analytical.shape[1])
    return (
        f"worst: output element {column}, input element {row}: analytical {number(a)}, numerical {number(n)}{ratio(a, n)}\n"
        + diagnose(analytical, numerical)
        + single_precision(numerical)
    )


def single_precision(numerical):
    if numerical.dtype.name in ("float64", "complex128"):
        return ""
    return f"\nin {numerical.dtype} the differences themselves are off by percents: give float64 inputs"


__all__ = ["GradcheckError", "Problem", "Tolerances", "all_close", "as_tuple", "check", "describe"]
