"""Where a loss that is not finite came from: the failing step runs again, watched."""

import ctypes
import functools
import itertools
from collections import deque
from contextvars import ContextVar

from ..engine import roots_of
from ..generator import default_generator
from ..recording import Lines, want_lines
from ..tensor import Tensor, wrap
from ..walk import Walk
from . import advice
from .lines import at_line, line_of
from .steps import steps_of
from .tracer import Tracer, op_name
from .values import all_finite, describe

__all__ = ["NonFiniteError", "Watch", "detect_nan"]


class NonFiniteError(RuntimeError):
    """A step gave a loss or a gradient that is not finite.

    Attributes:
        phase: "forward" or "backward"; "given" when what the step was given was not finite already.
        op: name of the op that made the first value that is not finite, None when it was given.
        line: the :class:`Line` of the program that called the op.
        module: path of the layer it was called in, "".
        inputs, result: descriptions of the arrays.
        advice: what usually helps, "".
    """

    def __init__(self, what, phase, op=None, line=None, module="", inputs=(), result="", advice=""):
        self.phase, self.op, self.line, self.module = phase, op, line, module
        self.inputs, self.result, self.advice = list(inputs), result, advice
        super().__init__(what, phase, op, line, module, inputs, result, advice)
        self.what = what

    def __str__(self):
        return "\n".join([self.what, *self.lines()])

    def lines(self):
        """The report below its first line."""
        if self.op is not None:
            made = "result" if self.phase == "forward" else "gradient"
            yield f"first {made} that is not finite: {self.op}, in the {self.phase} pass"
        if self.line is not None:
            yield f"  at {self.line}"
        if self.module:
            yield f"  in {self.module}"
        for text in self.inputs:
            yield f"  {text}"
        if self.result:
            yield f"  gives {self.result}"
        if self.advice:
            yield self.advice


class Stopped(BaseException):
    """Leaves the program's step before it writes gradients or parameters. No Exception, so that no program catches it."""


#: What looks at the losses of the step that runs, None outside of one.
ACTIVE: ContextVar = ContextVar("plugrad_detect_nan", default=None)


def install():
    """Have ``loss.backward()`` ask who is active; done by the first detect_nan of a process."""
    plain = Tensor.backward
    if hasattr(plain, "asks"):
        return

    @functools.wraps(plain)
    def backward(self, *args, **kwargs):
        active = ACTIVE.get()
        if active is None:
            return plain(self, *args, **kwargs)
        active.before(self)
        plain(self, *args, **kwargs)
        return active.after(self)

    backward.asks = True
    Tensor.backward = backward


def detect_nan(step=None, model=None, *, gradients=False):
    """Watch a training step; when its loss is not finite, run it again and say where the first bad value arose.

    In a normal step this costs one ``isfinite`` of the loss and a copy of the random generator's state. The loss is
    looked at as the step calls ``loss.backward()``, or when it returns it. A step whose loss is not finite is stopped
    there, before any gradient or parameter is written; then it runs again, with the same arguments and random numbers,
    and every op is looked at. What the step changed before, as running statistics, is changed twice.

    Args:
        step: a function that computes the loss and calls ``backward()``. Without it, a decorator is returned.
        model: a module, or the parameters; needed for ``gradients``, and named in reports.
        gradients: look at the parameters' gradients after each backward as well: one ``isfinite`` per parameter.

    Returns:
        The watched function.

    Raises (when called):
        NonFiniteError: names the op, its line, the module and the values.

    Example:
        >>> import plugrad
        >>> w = plugrad.tensor([1.0, 0.0], requires_grad=True)
        >>> @plugrad.autograd.detect_nan
        ... def step():
        ...     loss = w.log().sum()
        ...     loss.backward()
        >>> try:
        ...     step()
        ... except plugrad.autograd.NonFiniteError as error:
        ...     print(error.op, error.phase, error.line.text)
        log forward loss = w.log().sum()
    """
    if step is None:
        return functools.partial(detect_nan, model=model, gradients=gradients)
    if gradients and model is None:
        raise ValueError("detect_nan: gradients=True needs the model, or its parameters")
    install()
    return functools.update_wrapper(Watch(step, model, gradients), step)


def named_parameters(model):
    if model is None:
        return []
    if hasattr(model, "named_parameters"):
        return list(model.named_parameters())
    return [(f"parameter {i}", p) for i, p in enumerate(model)]


STATE_BYTES = 2500  # of numpy's MT19937: 624 words and a position


def snapshot(generator):
    """The state of a generator by a copy of its memory: 2 µs; numpy takes 30 to hand out its state."""
    bits = generator._bits
    words = None if bits is None else ctypes.string_at(bits.ctypes.state_address, STATE_BYTES)
    return generator._seed, bits, words, generator._next_normal


def restore(generator, state):
    """Put a generator back to a snapshot."""
    generator._seed, generator._bits, words, generator._next_normal = state
    if words is not None:
        ctypes.memmove(generator._bits.ctypes.state_address, words, STATE_BYTES)


class Watch:
    """A step with an eye on its loss.

    Attributes:
        losses: the last few finite ones, as tensors.
    """

    def __init__(self, step, model, gradients):
        self.step = step
        self.model = model
        self.gradients = gradients
        self.losses = deque(maxlen=4)

    def __call__(self, *args, **kwargs):
        drawn = snapshot(default_generator)
        outer = ACTIVE.set(self)
        self.seen = None
        try:
            result = self.step(*args, **kwargs)
            if isinstance(result, Tensor) and result is not self.seen:
                self.before(result)
            return result
        except Stopped:
            ACTIVE.set(None)
        finally:
            ACTIVE.reset(outer)
        restore(default_generator, drawn)
        raise self.found(args, kwargs)

    def before(self, loss):
        """Called with what ``backward()`` starts from."""
        self.seen = loss
        if not all_finite(loss):
            raise Stopped
        self.losses.append(wrap(Tensor, loss._xp, loss._a, None))

    def after(self, loss):
        """Called when the gradients are there."""
        if self.gradients and not all(
            all_finite(p.grad) for _, p in named_parameters(self.model) if p.grad is not None
        ):
            raise Stopped

    def found(self, args, kwargs):
        """Run the step again and return the error that says what was found."""
        lines = Lines.wanted
        want_lines(True)
        replay = Replay(self)
        outer = ACTIVE.set(replay)
        try:
            with replay.trace:
                result = self.step(*args, **kwargs)
                if isinstance(result, Tensor):
                    replay.before(result)
        except Stopped:
            return replay.error
        finally:
            ACTIVE.reset(outer)
            want_lines(lines)
        return NonFiniteError(
            "the step was not finite, but ran well when it was run again: something in it is random beyond plugrad's generator",
            "given",
        )


class FiniteTracer(Tracer):
    """Notes of each call which of its arrays are finite."""

    def look_at(self, call):
        with self.quiet():
            call.bad = [a for a in call.inputs if not all_finite(self.tensor(call.xp, a))]
            call.made_bad = any(not all_finite(self.tensor(call.xp, a)) for a in call.outputs)

    def origin(self, call):
        """The first call on the way to this one that made what is not finite, from back to front."""
        while call.bad:
            before = self.writer_of(call.bad[0], call.number)
            if before is not None and not before.made_bad:  # written to through a view since
                before = next(
                    (c for c in reversed(self.calls[: call.number]) if c.name == "assign" and c.made_bad), None
                )
            if before is None:
                return call
            call = before
        return call


class Replay:
    """The second run of a failing step: stops at the loss with what was found."""

    def __init__(self, watch):
        self.watch = watch
        self.trace = FiniteTracer()
        self.error = None
        self.names = {id(p._a): name for name, p in named_parameters(watch.model)}

    def before(self, loss):
        with self.trace.quiet():
            if not all_finite(loss):
                self.error = self.of_forward(loss)
            elif self.watch.gradients:
                self.error = self.of_backward(loss)
        if self.error is not None:
            raise Stopped

    def after(self, loss):
        """Nothing: before() has walked the graph."""

    # --- forward ---
    def of_forward(self, loss):
        value = f"the loss is {loss.item() if loss.numel() == 1 else describe(loss)}"
        last = self.trace.writer_of(loss._a, len(self.trace.calls))
        if last is None or not last.made_bad:
            return NonFiniteError(f"{value}: it was not computed in this step", "given")
        call = self.trace.origin(last)
        inputs = [f"argument {i}: {self.text(call, a)}" for i, a in enumerate(call.inputs)]
        if call.bad:
            what = f"{value}, and the step was given values that are not finite, to {call.name}"
            return NonFiniteError(what, "given", None, call.line, call.module, inputs, "", self.of_given(call))
        result = self.trace.tensor(
            call.xp, next(a for a in call.outputs if not all_finite(self.trace.tensor(call.xp, a)))
        )
        return NonFiniteError(
            value, "forward", call.name, call.line, call.module, inputs, describe(result), self.advice(call, result)
        )

    def text(self, call, a):
        name = self.names.get(id(a))
        return describe(self.trace.tensor(call.xp, a)) + (f" ({name})" if name else "")

    def of_given(self, call):
        if any(id(a) in self.names for a in call.bad):
            return "A parameter is not finite: the step before made it so. detect_nan(..., gradients=True) finds where."
        return "Look at the data."

    def advice(self, call, result):
        text = advice.of_forward(call.name, bool(result.isnan().any()), result.dtype.name)
        losses = [loss.item() for loss in self.watch.losses if loss.numel() == 1]
        if len(losses) > 2 and all(abs(b) > abs(a) for a, b in itertools.pairwise(losses)):
            grown = ", ".join(f"{value:.3g}" for value in losses)
            text += f"\nThe loss grew from step to step ({grown}): the learning rate is likely too large."
        return text

    # --- backward ---
    def of_backward(self, loss):
        choice = None
        for node, grads_in, grads_out in steps_of(Walk(loss._xp, False, False), roots_of((loss,), None)):
            if advice.is_choice(op_name(node.name())):
                choice = node
            bad = next((g for g in grads_out if g is not None and not all_finite(g)), None)
            if bad is not None and all(g is None or all_finite(g) for g in grads_in):
                return self.of_node(node, grads_in, bad, choice)
        return None

    def of_node(self, node, grads_in, bad, choice):
        op, call = op_name(node.name()), self.trace.of_node(node)
        chosen_by = (
            None
            if choice is None or not advice.is_nan_of_zero(grads_in, bad)
            else op_name(choice.name()) + at_line(choice)
        )
        return NonFiniteError(
            "the loss is finite, a gradient is not",
            "backward",
            op,
            line_of(node),
            call.module if call is not None else "",
            [f"gradient that comes in: {describe(g)}" for g in grads_in if g is not None],
            describe(bad),
            advice.of_backward(op, chosen_by),
        )
