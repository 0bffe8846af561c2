"""The derivative checks of check_function: each gives pairs ("wrong" or "note", text), or raises Skipped with the reason."""

from . import function_rules as rules
from .diagnosis import diagnose, near, swapped, unused_grad_output, wrong_sum
from .engine import grad
from .function_subject import DOUBLE, FLOAT, NAMES, Skipped, filled, weights_like
from .generator import Generator
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .tensor import Tensor


def runs(subject):
    """forward and backward run, and backward keeps the rules that the engine enforces."""
    try:
        run = subject.run()
        if not run.outputs:
            yield "wrong", "no output requires grad"
            return
        run.gradients(subject.weights(run))
    except Exception as error:
        yield "wrong", f"{type(error).__name__}: {error}"
        yield from shape_hint(subject)


def shape_hint(subject):
    """Backward's own results beside the inputs, where the engine refused them."""
    try:
        run = subject.run()
        found = run.raw_gradients(subject.weights(run))
    except Exception:
        return
    for i, (g, x) in enumerate(zip(found, subject.args, strict=False)):
        if isinstance(g, Tensor) and isinstance(x, Tensor) and g.shape != x.shape:
            if tuple(g.shape) == tuple(reversed(x.shape)):
                yield (
                    "wrong",
                    f"input {i}: the gradient has the shape of the transpose, {list(g.shape)} for {list(x.shape)}",
                )
            others = [j for j, y in enumerate(subject.args) if j != i and getattr(y, "shape", None) == g.shape]
            if others:
                yield "wrong", f"input {i}: the gradient has the shape of input {others[0]}: are they in another order?"


def gradient(subject):
    """The first derivative beside the engine's, in float64 and float32."""
    found = list(gradient_in(subject, "double", DOUBLE))
    if found and agrees_with_differences(subject):
        subject.leaves_framework = (
            "the engine's derivative of forward is another one (detach, rounding or numpy inside?)"
        )
        found = [("note", f"{subject.leaves_framework}, but central differences agree with backward")]
    elif subject.leaves_framework is not None:
        found = [("note", f"{subject.leaves_framework}: only central differences can tell whether backward is right")]
    elif not found:
        found = [("wrong", f"in float32 only: {text}") for _, text in gradient_in(subject, "float", FLOAT)]
    subject.gradient_is_right = not any(kind == "wrong" for kind, _ in found)
    return found


def gradient_in(subject, precision, tolerance):
    args = subject.in_precision(precision)
    run = subject.run(args)
    weights = subject.weights(run)
    exact = subject.engine_gradients(run, weights, args)
    return [] if exact is None else compared(subject, run, weights, *exact, tolerance)


def agrees_with_differences(subject):
    return gradcheck(subject.applied, double_leaves(subject), raise_exception=False, **subject.options)


def double_leaves(subject):
    """The arguments with fresh leaves."""
    return tuple(x.clone().requires_grad_() if need else x for x, need in zip(subject.args, subject.needs, strict=True))


def compared(subject, run, weights, again, expected, tolerance):
    """What is wrong with a run's gradients, per input."""
    found = [filled(g, leaf) for g, leaf in zip(run.gradients(weights), run.leaves, strict=True)]
    expected = [filled(g, leaf) for g, leaf in zip(expected, run.leaves, strict=True)]
    exchanged = swapped(found, expected, 1e-6 if tolerance == DOUBLE else tolerance)
    for i, j in exchanged:
        yield (
            "wrong",
            f"the gradients of inputs {i} and {j} are exchanged: return them in the order of forward's arguments",
        )
    for i in subject.indices:
        if any(i in pair for pair in exchanged) or near(found[i], expected[i], tolerance):
            continue
        yield "wrong", f"input {i}: " + guess(subject, run, weights, i, found[i], expected, max(tolerance, 1e-6))


def guess(subject, run, weights, i, found, expected, tolerance):
    """What the mistake at input ``i`` looks like."""
    if not bool((expected[i] != 0).any()):
        return "forward, as the engine sees it, does not depend on this input: rounding, a comparison, .detach()?"
    if not bool((found != 0).any()):
        return diagnose(found, expected[i], NAMES, tolerance, is_jacobian=False)
    if found.is_complex() and any(w.imag.any() for w in weights if w.is_complex()):
        return guess_with_real_weights(subject, run, weights, i, tolerance)
    others = subject.weights(run, seed=1)
    exact = subject.engine_gradients(run, others, run.args)
    if exact is not None:
        other = filled(exact[1][i], run.leaves[i])
        text = unused_grad_output(found, filled(run.gradients(others)[i], run.leaves[i]), expected[i], other, tolerance)
        if text:
            return text
    return broadcast_guess(subject, run, weights, i, found, tolerance) or diagnose(
        found, expected[i], NAMES, tolerance, is_jacobian=False
    )


def guess_with_real_weights(subject, run, weights, i, tolerance):
    """The same with incoming gradients that are their own conjugates, so that a missing conj() shows."""
    weights = [w.real + 0j if w.is_complex() else w for w in weights]
    exact = subject.engine_gradients(run, weights, run.args)
    if exact is None:
        return "no simple pattern: check the formula"
    found, expected = run.gradients(weights), exact[1]
    pairs = [[filled(g, leaf) for g, leaf in zip(part, run.leaves, strict=True)] for part in (found, expected)]
    return guess(subject, run, weights, i, pairs[0][i], pairs[1], tolerance)


def broadcast_guess(subject, run, weights, i, found, tolerance):
    """What is wrong with the sum over the axes along which forward broadcasts the input, None if that is not it."""
    x, shape = run.args[i].detach(), run.outputs[0].shape
    if len(run.outputs) != 1 or x.shape == shape or x.dim() > len(shape):
        return None
    if any(n not in (1, m) for n, m in zip(reversed(x.shape), reversed(shape), strict=False)):
        return None
    wide = list(run.args)
    wide[i] = x.expand(shape)
    exact = subject.engine_gradients(run, weights, tuple(wide))
    if exact is None or exact[1][i] is None:
        return None
    return wrong_sum(found, exact[1][i].detach(), tolerance)


def differences(subject):
    """gradcheck in float64."""
    subject.need_right_gradient()
    try:
        gradcheck(subject.applied, double_leaves(subject), **subject.options)
    except GradcheckError as error:
        text = in_short(error)
        if subject.leaves_framework is None and text.startswith(("Jacobian", "While")):
            yield "note", f"{text}; but backward is what the engine makes of forward: is this a point with a kink?"
        else:
            subject.gradient_is_right = False
            yield "wrong", text.split(", although")[0]


def in_short(error):
    """A gradcheck message without its Jacobians."""
    lines = str(error).splitlines()
    worst = next((i for i, line in enumerate(lines) if line.startswith("worst")), len(lines))
    return "; ".join([lines[0].rstrip(","), *lines[worst:]])


def second_derivative(subject):
    """The derivative of backward, beside the engine's or by differences."""
    subject.need_right_gradient()
    run = subject.run()
    weights = [w.requires_grad_() for w in subject.weights(run)]
    try:
        found = second(run, run.gradients(weights, create_graph=True), weights)
    except RuntimeError as error:
        if "differentiate twice" in str(error):
            raise Skipped("backward is marked with @once_differentiable") from None
        yield "wrong", str(error)
        return
    exact = None if subject.leaves_framework else subject.engine_gradients(run, weights)
    if exact is None:
        yield from second_by_differences(subject)
        return
    expected = second(exact[0], exact[1], weights)
    for label, a, b in zip(second_labels(run, weights), found, expected, strict=True):
        if not near(a, b, DOUBLE):
            yield "wrong", f"the first derivative is right, but not the second, by {label}: {second_guess(a, b)}"


def second_guess(found, expected):
    if bool((found != 0).any()):
        guess = diagnose(found, expected, ("backward's derivative", "the engine's"), 1e-6, is_jacobian=False)
    else:
        guess = "zero, where the engine finds one"
    return f"{guess}; {SECOND}"


SECOND = "does backward use .detach(), .data, no_grad, numpy, or a tensor that forward made and kept on ctx?"


def second_labels(run, weights):
    return [f"input {i}" for i, leaf in enumerate(run.leaves) if leaf is not None] + [
        f"grad_output {i}" for i in range(len(weights))
    ]


def second(run, first, weights):
    """The gradient of a weighted sum of first gradients, by every input and every weight."""
    total = 0.0
    for i, g in enumerate(first):
        if g is None or not g.requires_grad:
            continue
        generator = Generator().manual_seed(i)
        product = g * weights_like(g, generator)
        total = total + (product.real if g.is_complex() else product).sum()
    points = [*run.needing, *weights]
    if not isinstance(total, Tensor):
        return [filled(None, p) for p in points]
    found = grad(total, points, retain_graph=True, allow_unused=True)
    return [filled(g, p) for g, p in zip(found, points, strict=True)]


def second_by_differences(subject):
    try:
        gradgradcheck(subject.applied, double_leaves(subject), **subject.options)
    except RuntimeError as error:
        yield "wrong", f"{in_short(error)}; {SECOND}"


CHECKS = {
    "runs": runs,
    "gradient": gradient,
    "differences": differences,
    "second derivative": second_derivative,
    "needs_input_grad": rules.needs_input_grad,
    "broadcasting": rules.broadcast_shapes,
    "0-dim": rules.no_dimensions,
    "empty": rules.no_elements,
    "non-contiguous": rules.non_contiguous,
    "retain_graph": rules.repeated_backward,
    "used twice": rules.used_twice,
    "unused output": rules.unused_output,
    "in-place": rules.changed_in_place,
    "memory": rules.kept_alive,
    "determinism": rules.same_again,
    "backends": rules.other_backends,
}

__all__ = ["CHECKS"]
