"""Why a gradient is None, zero or not finite."""

from ..engine import edge_of, plan, root_gradient
from ..generator import default_generator
from ..graph import CLOCK, INFERENCE, LEAF, LEAF_TENSOR, PORT
from ..recording import Lines, want_lines
from ..tensor import Tensor
from ..walk import Walk
from . import advice
from .cuts import find_cut, leaves_of, reaches
from .failures import node_of
from .lines import at_line, line_of, line_of_place
from .nan_origin import restore, snapshot
from .steps import steps_of
from .tracer import Tracer, op_name
from .values import all_finite, all_zero, describe, extent

__all__ = ["GradReport", "explain_grad"]


class GradReport:
    """What explain_grad found; ``str()`` gives it as text.

    Attributes:
        state: of ``.grad``: "none", "zero", "not finite" or "there".
        reason: a short name: "not a leaf", "frozen", "integer", "detached", "made in inference mode", "made under no_grad",
            "no requires_grad", "no backward", "cleared", "not reached", "cut", "zero slope", "filled with zeros", "infinite slope", "unknown",
            or "" where nothing is wrong.
        op: the op that is to blame, None.
        line: its :class:`Line`, None.
        lines: the sentences of the report.
    """

    def __init__(self, tensor, state):
        self.tensor_text = f"tensor of shape {list(tensor._a.shape)}"
        self.state = state
        self.reason = ""
        self.op = self.line = None
        self.lines = []

    def say(self, reason, *lines, op=None, line=None):
        self.reason, self.op, self.line = reason, op, line
        self.lines += lines
        return self

    def __str__(self):
        grad = {"none": "None", "zero": "zero everywhere", "not finite": "not finite", "there": "there"}[self.state]
        return "\n".join([f".grad of this {self.tensor_text} is {grad}", *(f"  {line}" for line in self.lines)])

    __repr__ = __str__


def explain_grad(tensor, loss=None):
    """Say why ``tensor.grad`` is None, zero or not finite, and what helps.

    Args:
        tensor: a parameter or any other tensor.
        loss: what ``backward()`` was or will be called on; or, which tells most, a function that computes it: it is run
            once, with every op looked at, and the generator's state is put back. It must not call ``backward()``.

    Returns:
        A :class:`GradReport` with the fields state, reason, op and line; printed, it is a few sentences.

    Example:
        >>> import plugrad
        >>> w = plugrad.ones(2, requires_grad=True)
        >>> report = plugrad.autograd.explain_grad(w, lambda: (w * 3).argmax().float())
        >>> report.reason, report.op
        ('cut', 'argmax')
        >>> print(report.lines[0])
        argmax has no gradient: it cuts the loss off from this tensor
    """
    grad = getattr(tensor, "_grad", None)
    if grad is None:
        return explain_none(GradReport(tensor, "none"), tensor, loss)
    if not all_finite(grad):
        return explain_not_finite(GradReport(tensor, "not finite"), tensor, loss)
    if all_zero(grad):
        return explain_zero(GradReport(tensor, "zero"), tensor, loss)
    return GradReport(tensor, "there").say("", f"it is {describe(grad)}")


def run(loss):
    """(loss, tracer or None): a function is run and watched."""
    if not callable(loss):
        return loss, None
    before, drawn = Lines.wanted, snapshot(default_generator)
    want_lines(True)
    trace = Tracer()
    try:
        with trace:
            return loss(), trace
    finally:
        want_lines(before)
        restore(default_generator, drawn)


# --- None ---
def explain_none(report, tensor, loss):
    if tensor.is_leaf and tensor._x is not None and tensor._x.made == "no_grad":
        return report.say("made under no_grad", "it is a view that was made under no_grad")
    if tensor._fn is None:
        return explain_unrecorded(report, tensor)
    if tensor._fn is not LEAF and not tensor.retains_grad:
        node = node_of(edge_of(tensor))
        lines = [
            f"it is not a leaf: {node.name()} made it{at_line(node)}",
            "only leaves keep a gradient: call retain_grad() on it before backward()",
        ]
        below = [f"{list(leaf._a.shape)}" for leaf in leaves_of(tensor)]
        if below:
            lines.append(f"or read the .grad of the leaves it was made of, of shape {', '.join(below)}")
        return report.say("not a leaf", *lines, op=op_name(node.name()), line=line_of(node))
    if loss is None:
        return explain_without_loss(report)
    return explain_by_loss(report, tensor, *run(loss))


def explain_unrecorded(report, tensor):
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return report.say(
            "integer", f"its dtype is {tensor.dtype}: only floating point and complex tensors have gradients"
        )
    if tensor._v is INFERENCE:
        return report.say(
            "made in inference mode", "it was made in inference mode: clone() it outside to use it in training"
        )
    extra = tensor._x
    if getattr(extra, "detached", None) is not None:
        line = line_of_place(*extra.detached)
        return report.say("detached", f"detach() cut it off at {line}", op="detach", line=line)
    if type(tensor) is not Tensor:
        return report.say(
            "frozen",
            "requires_grad is False: the parameter is frozen",
            "p.requires_grad_(), or plugrad.nn.unfreeze(model, name), lets it train",
        )
    return report.say(
        "no requires_grad",
        "requires_grad is False, so nothing is recorded for it",
        "a tensor that you made: give it requires_grad=True before it is used",
        "a result: it was made under no_grad, by detach() or .data, by an op without gradient, or of tensors that need none",
    )


def explain_without_loss(report):
    if CLOCK.freed == 1:
        return report.say("no backward", "no backward() has run yet")
    return report.say(
        "unknown",
        "it is a leaf that requires grad: either no backward() reached it, or zero_grad() has cleared its gradient",
        "explain_grad(tensor, loss) tells which",
    )


def explain_by_loss(report, tensor, loss, trace):
    if reaches(loss, tensor):
        if any(node.clock == -1 for node in nodes_to(loss, tensor)):
            return report.say(
                "cleared",
                "the loss reaches it and backward() has run: its gradient was cleared since, by zero_grad() or .grad = None",
            )
        return report.say("no backward", "the loss reaches it, but backward() has not run since it was computed")
    if trace is None:
        lines = ["the loss does not depend on it, as far as it was recorded"]
        if loss._fn is None:
            lines = ["the loss does not require grad: nothing it was computed from is recorded"]
        return report.say(
            "not reached",
            *lines,
            "explain_grad(tensor, lambda: ...) with a function that computes the loss names the op",
        )
    cut = find_cut(trace, tensor, loss)
    return report.say(cut.reason, *cut.lines(), op=cut.op, line=cut.line)


def nodes_to(loss, tensor):
    """The nodes between a loss and a tensor that keep values."""
    needed, _ = plan([(loss, None)], [tensor])
    return [node for node in needed if node.releases]


# --- zero and not finite ---
def path_steps(loss, tensor):
    """(step, numbers of the gradients that go on toward the tensor) along all paths from the loss to it."""
    loss = loss if loss.numel() == 1 else loss.sum()
    pairs = [(loss, root_gradient(0, loss, None))]
    needed, _ = plan(pairs, [tensor])
    target = node_of(edge_of(tensor)) or tensor
    for step in steps_of(Walk(loss._xp, False, True), pairs):
        if step.node not in needed:
            continue
        below = [
            None if e is None else e if e._kind == LEAF_TENSOR else e.node if e._kind == PORT else e
            for e in step.node.next
        ]
        yield step, [i for i, b in enumerate(below) if b is not None and (b is target or b in needed)]


def blamed(report, tensor, loss, is_bad, is_good):
    """The first step with good gradients in and bad ones out toward the tensor, or None with the reason in the report."""
    if loss is None:
        report.say("unknown", "explain_grad(tensor, lambda: ...) with a function that computes the loss finds the op")
        return None, None
    loss, _ = run(loss)
    if not reaches(loss, tensor):
        report.say("not reached", "this loss does not reach it: the gradient came from another one")
        return None, None
    if any(node.clock == -1 for node in nodes_to(loss, tensor)):
        report.say(
            "unknown",
            "the graph of this loss was freed: give a function that computes the loss and calls no backward()",
        )
        return None, None
    choice = None
    for step, onward in path_steps(loss, tensor):
        if advice.is_choice(op_name(step.node.name())):
            choice = step.node
        outgoing = [step.grads_out[i] for i in onward]
        if is_good(step.grads_in) and is_bad(outgoing):
            return step, choice
    return None, None


def explain_not_finite(report, tensor, loss):
    def is_bad(grads):
        return any(g is not None and not all_finite(g) for g in grads)

    step, choice = blamed(report, tensor, loss, is_bad, lambda grads: not is_bad(grads))
    if step is not None:
        bad = next(g for g in step.grads_out if g is not None and not all_finite(g))
        inactive = choice is not None and advice.is_nan_of_zero(step.grads_in, bad)
        chosen_by = op_name(choice.name()) + at_line(choice) if inactive else None
        return tell(
            report, step, "infinite slope", describe(bad), advice.of_backward(op_name(step.node.name()), chosen_by)
        )
    if not report.reason:
        report.say("unknown", "the gradient of this loss is finite: what is not came from an earlier backward()")
    return report


def explain_zero(report, tensor, loss):
    def is_zero(grads):
        return all(g is None or all_zero(g) for g in grads)

    step, choice = blamed(report, tensor, loss, is_zero, lambda grads: not is_zero(grads))
    if step is not None:
        chosen_by = None if choice is None else op_name(choice.name()) + at_line(choice)
        sentence = advice.of_zero(op_name(step.node.name()), extent(step.node), chosen_by)
        return tell(report, step, "zero slope", "only zeros", sentence)
    if not report.reason:
        report.say(
            "filled with zeros",
            "the gradient of this loss is not zero: zero_grad(set_to_none=False) filled .grad with zeros, or backward() has not run",
        )
    return report


def tell(report, step, reason, made, sentence):
    node = step.node
    line = line_of(node)
    lines = [f"{node.name()} got {', '.join(describe(g) for g in step.grads_in if g is not None)} and handed on {made}"]
    if line is not None:
        lines.append(f"at {line}")
    if sentence:
        lines.append(sentence)
    return report.say(reason, *lines, op=op_name(node.name()), line=line)
