"""gradcheck's look at incoming gradients that are zero, or not there at all."""

import warnings

from .engine import grad
from .function import FunctionCtx
from .gradcheck_slow import GradcheckError, Problem, all_close
from .graph import LEAF, LEAF_TENSOR, PORT

NOTES = 'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'


def check_zero(problem, masked):
    """A backward that gets zeros gives zeros, of the inputs' shapes and dtypes."""
    zeros = [o.detach().new_zeros(o.shape) for o in problem.outputs]
    found = grad(problem.outputs, problem.needing, zeros, retain_graph=True, allow_unused=True)
    for g, x in zip(found, problem.needing, strict=True):
        if g is None:
            continue
        quiet = all_close(g, g.new_zeros(g.shape), 1e-5, 1e-8) if masked else bool((g == 0).all())
        if not quiet:
            raise GradcheckError("backward not multiplied by grad_output")
        if g.dtype != x.dtype:
            raise GradcheckError("grad is incorrect type")
        if g.device != x.device:
            raise GradcheckError("grad is incorrect device")
        if g.shape != x.shape:
            raise GradcheckError("grad is incorrect size")


def check_undefined(func, inputs):
    """A Function that asked for None in place of zeros gives None or zeros when it gets nothing else.

    Outputs that are left out one at a time need no check of their own: the Jacobians were computed so.
    """
    problem = Problem(func, inputs)
    for node in undefined_takers(problem.outputs):
        expect_nothing(lambda node=node: node._gradients([None] * node.outputs if node.outputs > 1 else None))


def undefined_takers(outputs):
    """The Functions behind the outputs that asked for None in place of zeros."""
    found, seen = [], set()
    stack = [o._fn for o in outputs if o._fn is not LEAF]
    while stack:
        edge = stack.pop()
        if edge is None or edge._kind == LEAF_TENSOR:
            continue
        node = edge.node if edge._kind == PORT else edge
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, FunctionCtx) and not node.materialize_grads:
            found.append(node)
        stack.extend(node.next)
    return found


def expect_nothing(compute):
    try:
        found = compute()
    except RuntimeError as error:
        warn()
        raise GradcheckError(f"Expected backward function to handle undefined output grads. {NOTES}") from error
    if any(g is not None and bool((g != 0).any()) for g in found):
        warn()
        raise GradcheckError(
            f"Expected all input grads to be undefined or zero when all output grads are undefined or zero. {NOTES}"
        )


def warn():
    warnings.warn(
        "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break existing "
        'callers of this function. If this is true for you, you can call this function with "check_undefined_grad=False" to disable '
        "the feature",
        UserWarning,
        stacklevel=2,
    )


__all__ = ["check_undefined", "check_zero"]
