"""The checks of check_function around the derivative: what a Function must keep to besides being right."""

from .diagnosis import diagnose, near
from .function_subject import DOUBLE, NAMES, Skipped, filled, is_floating
from .tensor import Tensor


def needs_input_grad(subject):
    """Gradients of one input at a time: the same as of all, and nothing computed for the others."""
    if len(subject.indices) < 2:
        raise Skipped("one input is differentiated")
    every = subject.run()
    weights = subject.weights(every)
    whole = every.gradients(weights)
    wasted = set()
    for i in subject.indices:
        needs = tuple(j == i for j in range(len(subject.args)))
        run = subject.run(needs=needs)
        raw = run.raw_gradients(weights)
        wasted |= {j for j in subject.indices if j != i and j < len(raw) and raw[j] is not None}
        alone = run.gradients(weights)[i]
        if not near(filled(alone, run.leaves[i]), filled(whole[i], run.leaves[i]), DOUBLE):
            yield "wrong", f"input {i}: another gradient when no other input needs one"
    if wasted:
        inputs = ", ".join(map(str, sorted(wasted)))
        yield (
            "note",
            f"gradients are computed also where ctx.needs_input_grad says that they are not needed (inputs {inputs})",
        )


def broadcast_shapes(subject):
    """Whether backward returns the inputs' own shapes."""
    run = subject.run()
    for i, (g, x) in enumerate(zip(run.raw_gradients(subject.weights(run)), subject.args, strict=False)):
        if isinstance(g, Tensor) and isinstance(x, Tensor) and g.shape != x.shape:
            yield (
                "note",
                f"the gradient of input {i} has shape {list(g.shape)}, not {list(x.shape)}: the engine sums it",
            )
    yield from broadcast_inputs(subject)


def broadcast_inputs(subject):
    """Each input in turn with its first axis shortened to one."""
    if not subject.gradient_is_right or subject.leaves_framework:
        return
    tensors = [i for i, x in enumerate(subject.args) if is_floating(x)]
    for i in subject.indices:
        x = subject.args[i]
        if len(tensors) > 1 and x.dim() and x.shape[0] > 1:
            args = list(subject.args)
            args[i] = x.narrow(0, 0, 1)
            yield from variant(subject, tuple(args), f"input {i} of shape {list(args[i].shape)}", optional=True)


def variant(subject, args, what, optional=False):
    """Compare with the engine for other arguments; where forward refuses them there is nothing to compare."""
    try:
        run = subject.run(args)
        reference = subject.recorded(args)
    except Exception as error:
        if optional:
            return
        raise Skipped(f"forward takes no {what} ({type(error).__name__})") from None
    weights = subject.weights(run)
    try:
        found = run.gradients(weights)
    except Exception as error:
        if not optional:
            yield "note", f"{what}: forward takes it, backward raises {type(error).__name__}: {error}"
        return
    if any(i not in reference.positions for i in run.positions):
        return
    reference.outputs = [reference.everything[i] for i in run.positions]
    expected = reference.gradients(weights)
    for i in subject.indices:
        a, b = filled(found[i], run.leaves[i]), filled(expected[i], run.leaves[i])
        if not near(a, b, DOUBLE):
            shape_of = broadcast_word(args, run, i)
            yield "wrong", f"{what}: input {i}: " + (shape_of or diagnose(a, b, NAMES, 1e-6, is_jacobian=False))


def broadcast_word(args, run, i):
    """A word on broadcasting, where the input is smaller than the output."""
    if len(run.outputs) == 1 and args[i].numel() < run.outputs[0].numel() and args[i].dim():
        return (
            "wrong where forward broadcasts the input: sum its gradient over the axes that were added or had size one"
        )
    return None


def no_dimensions(subject):
    """Every tensor argument cut to its first element, without dimensions."""
    if not all(x.numel() for x in subject.args if isinstance(x, Tensor)):
        raise Skipped("an input is empty")
    args = tuple(x.reshape(-1)[0] if isinstance(x, Tensor) else x for x in subject.args)
    return only_if_exact(subject, args, "0-dim input")


def no_elements(subject):
    """The first dimension cut to nothing, in all arguments that share its length."""
    lengths = {subject.args[i].shape[0] for i in subject.indices if subject.args[i].dim()}
    if len(lengths) != 1:
        raise Skipped("the inputs have no common first dimension")
    (length,) = lengths
    args = tuple(
        x.narrow(0, 0, 0) if isinstance(x, Tensor) and x.dim() and x.shape[0] == length else x for x in subject.args
    )
    return only_if_exact(subject, args, "empty input")


def only_if_exact(subject, args, what):
    subject.need_right_gradient()
    if subject.leaves_framework:
        raise Skipped("only central differences are at hand")
    return variant(subject, args, what)


def non_contiguous(subject):
    """Arguments and grad_outputs whose elements do not lie side by side."""
    reference = subject.run()
    weights = subject.weights(reference)
    expected = reference.gradients(weights)
    leaves = list(reference.leaves)
    args = [spread(leaf if leaf is not None else x) for leaf, x in zip(leaves, subject.args, strict=True)]
    run = subject.apply(leaves, args)
    found = run.gradients([spread(w) for w in weights])
    for i in subject.indices:
        if not near(filled(found[i], leaves[i]), filled(expected[i], leaves[i]), DOUBLE):
            yield "wrong", f"input {i}: another gradient for non-contiguous inputs and grad_outputs"


def spread(x):
    """The same values as every second element of a larger tensor."""
    from .ops.join import stack

    if not isinstance(x, Tensor) or not x.dim():
        return x
    return stack([x, x.detach()], -1).select(-1, 0)


def repeated_backward(subject):
    """A second backward over a graph that was retained."""
    run = subject.run()
    weights = subject.weights(run)
    first, second_time = run.gradients(weights), run.gradients(weights)
    for i in subject.indices:
        if not near(filled(first[i], run.leaves[i]), filled(second_time[i], run.leaves[i]), DOUBLE):
            yield (
                "wrong",
                f"input {i}: the second backward with retain_graph gives another gradient; does backward change ctx?",
            )


def used_twice(subject):
    """The result used twice, and one tensor given for two arguments of one shape."""
    run = subject.run()
    weights = subject.weights(run)
    once = run.gradients(weights)
    run.outputs = [o + o for o in run.outputs]
    for i, (a, b) in enumerate(zip(run.gradients(weights), once, strict=True)):
        if b is not None and not near(a, b * 2, DOUBLE):
            yield "wrong", f"input {i}: an output used twice does not give twice the gradient"
    for i in subject.indices:
        for j in subject.indices:
            if (
                i < j
                and subject.args[i].shape == subject.args[j].shape
                and subject.args[i].dtype == subject.args[j].dtype
            ):
                yield from given_twice(subject, i, j)


def given_twice(subject, i, j):
    args = list(subject.args)
    args[j] = args[i]
    apart = subject.run(tuple(args))
    weights = subject.weights(apart)
    parts = apart.gradients(weights)
    leaves = list(apart.leaves)
    passed = [leaf.clone() if leaf is not None else x for leaf, x in zip(leaves, args, strict=True)]
    passed[j] = passed[i]
    leaves[j] = None
    together = subject.apply(leaves, passed).gradients(weights)[i]
    expected = filled(parts[i], leaves[i]) + filled(parts[j], leaves[i])
    if not near(filled(together, leaves[i]), expected, DOUBLE):
        yield "wrong", f"the same tensor as inputs {i} and {j} does not get the sum of both gradients"


def unused_output(subject):
    """Each of several outputs alone."""
    run = subject.run()
    if len(run.outputs) < 2:
        raise Skipped("one output is differentiable")
    weights = subject.weights(run)
    exact = subject.engine_gradients(run, weights)
    for k, position in enumerate(run.positions):
        for kept in (run, exact[0] if exact else None):
            if kept is not None:
                kept.outputs = [kept.everything[position]]
        try:
            found = run.gradients([weights[k]])
        except Exception as error:
            hint = (
                ""
                if run.ctx.materialize_grads
                else "; after set_materialize_grads(False) the gradients of the others are None"
            )
            yield "wrong", f"only output {position} used: backward raised {type(error).__name__}: {error}{hint}"
            continue
        expected = exact[0].gradients([weights[k]]) if exact else found
        for i in subject.indices:
            a, b = filled(found[i], run.leaves[i]), filled(expected[i], run.leaves[i])
            if not near(a, b, DOUBLE):
                yield (
                    "wrong",
                    f"only output {position} used: input {i}: " + diagnose(a, b, NAMES, 1e-6, is_jacobian=False),
                )


def changed_in_place(subject):
    """Inputs and outputs that are written to between forward and backward: an error, or no difference."""
    reference = subject.run()
    weights = subject.weights(reference)
    expected = reference.gradients(weights)
    for i, x in enumerate(subject.args):
        if is_floating(x):
            yield from written(subject, weights, expected, f"input {i}", lambda run, i=i: run.args[i])
    for k in range(len(reference.outputs)):
        yield from written(
            subject, weights, expected, f"output {reference.positions[k]}", lambda run, k=k: run.outputs[k]
        )


def written(subject, weights, expected, what, pick):
    run = subject.run()
    pick(run).detach().mul_(1.5).add_(0.25)
    try:
        found = run.gradients(weights)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        return
    same = all(
        near(filled(found[i], run.leaves[i]), filled(expected[i], run.leaves[i]), DOUBLE) for i in subject.indices
    )
    if not same:
        yield (
            "wrong",
            f"{what} was written to after forward, and backward used it without a word: give it to save_for_backward",
        )


def kept_alive(subject):
    """The graph goes when its outputs go, without the garbage collector."""
    import gc
    import weakref

    was_on = gc.isenabled()
    gc.disable()
    try:
        run = subject.run()
        watched = weakref.ref(run.ctx)
        del run
        if watched() is not None:
            yield (
                "wrong",
                "ctx outlives its outputs, and so does their memory: an output kept on ctx makes a cycle; " + WAY,
            )
    finally:
        if was_on:
            gc.enable()


WAY = "give it to save_for_backward"


def same_again(subject):
    """Two runs from one state of the random stream."""
    first, again = subject.run(), subject.run()
    weights = subject.weights(first)
    for k, (a, b) in enumerate(zip(first.outputs, again.outputs, strict=True)):
        if not near(a.detach(), b.detach(), 0.0):
            yield (
                "wrong",
                f"output {first.positions[k]}: two runs of forward differ; is there a random stream of its own?",
            )
            return
    for i, (a, b) in enumerate(zip(first.gradients(weights), again.gradients(weights), strict=True)):
        if a is not None and not near(a, b, subject.options["nondet_tol"]):
            yield "wrong", f"input {i}: two runs give different gradients"


def other_backends(subject):
    """The same on every other backend that works here."""
    from .device import space

    here = next(x._xp for x in subject.args if isinstance(x, Tensor))
    places = [where for where in usable_devices() if space(where).name != here.name]
    if not places:
        raise Skipped(f"no backend but {here.name} works here")
    reference = subject.run()
    weights = subject.weights(reference)
    expected = reference.gradients(weights)
    for where in places:
        args = tuple(x.to(where) if isinstance(x, Tensor) else x for x in subject.args)
        try:
            run = subject.run(args)
            found = run.gradients([w.to(where) for w in weights])
        except Exception as error:
            yield "wrong", f"on {where}: {type(error).__name__}: {error}"
            continue
        for i in subject.indices:
            if not near(
                filled(found[i], run.leaves[i]).to(here.device), filled(expected[i], reference.leaves[i]), 1e-6
            ):
                yield "wrong", f"on {where}: input {i} gets another gradient than on {here.name}"


def usable_devices():
    from ..backends import registry

    usable = registry.available_backends()
    return [spec.device_types[0] for name, spec in registry._specs().items() if usable[name] is None]
