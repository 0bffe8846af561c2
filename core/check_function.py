"""check_function: is a Function's backward the derivative of its forward, and does it keep the rules?"""

from dataclasses import dataclass, field

from .function import Function
from .gradcheck_slow import GradcheckError
from .tensor import Tensor


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which check, and what.

    Attributes:
        check: the name of the check.
        text: what was found.
    """

    check: str
    text: str

    def __str__(self):
        return f"{self.check}: {self.text}"


@dataclass
class FunctionReport:
    """What :func:`check_function` found; ``str()`` tells it in words.

    Attributes:
        name: the Function's name.
        findings: what is wrong.
        notes: what is right and could be better, or was decided in another way than usual.
        passed: names of the checks without a finding.
        skipped: names of the checks that could not be made, with the reason.
        ok: whether nothing is wrong.
    """

    name: str
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    passed: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)

    @property
    def ok(self):
        return not self.findings

    def __str__(self):
        head = f"{self.name}: " + ("all checks passed" if self.ok else f"{len(self.findings)} finding(s)")
        lines = [head, *(f"  wrong    {finding}" for finding in self.findings)]
        lines += [f"  note     {note}" for note in self.notes]
        lines.append(f"  passed   {', '.join(self.passed) or 'none'}")
        lines += [f"  skipped  {name}: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)


class FunctionCheckError(GradcheckError):
    """Raised by check_function; ``report`` is the :class:`FunctionReport`."""

    def __init__(self, report):
        super().__init__(str(report))
        self.report = report


def check_function(function, inputs, *, eps=1e-06, atol=1e-05, rtol=0.001, raise_exception=True, nondet_tol=0.0):
    """Check a Function's backward against the engine's own derivative of its forward, and all that may go wrong around it.

    Forward is run again with recording on, so that the engine differentiates it; the two gradients must agree to rounding, in
    float64 and in float32, and so must the second derivatives. Where forward leaves the framework (numpy inside), central
    differences decide. Further checks: needs_input_grad, zero-dimensional, empty, broadcast and non-contiguous inputs, one tensor
    given twice, an output that is not used, a second backward, saved tensors that are changed in place, outputs kept alive by
    ctx, equal results in equal runs, and every backend that works here.

    Args:
        function: the Function subclass, not its ``apply``.
        inputs: the arguments of ``apply``: one tensor or a tuple. Tensors that require grad are checked; if none does, all
            of floating or complex dtype.
        eps, atol, rtol, nondet_tol: for the differences, as in :func:`gradcheck`.
        raise_exception: raise where something is wrong; False returns the report in any case.

    Returns:
        The FunctionReport, with ``ok``, ``findings``, ``notes``, ``passed`` and ``skipped``.

    Raises:
        FunctionCheckError: something is wrong; the text is the report, which says what the mistake looks like.

    Example:
        >>> import plugrad
        >>> class Double(plugrad.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return 3 * g
        >>> report = plugrad.autograd.check_function(Double, plugrad.rand(3), raise_exception=False)
        >>> print(report.findings[0])
        gradient: input 0: it looks like a constant factor: backward's gradient = 1.5 · the engine's
    """
    from .function_checks import CHECKS, Skipped
    from .function_subject import Subject

    if not (isinstance(function, type) and issubclass(function, Function)):
        raise TypeError(f"check_function: expected a subclass of autograd.Function, got {function!r}")
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    subject = Subject(function, inputs, {"eps": eps, "atol": atol, "rtol": rtol, "nondet_tol": nondet_tol})
    report = FunctionReport(function.__name__)
    for name, check in CHECKS.items():
        try:
            found = list(check(subject))
        except Skipped as reason:
            report.skipped[name] = str(reason)
            continue
        except Exception as error:  # the user's code, under conditions that it has not met before
            found = [("wrong", f"raised {type(error).__name__}: {error}")]
        wrong = [Finding(name, text) for kind, text in found if kind == "wrong"]
        report.findings += wrong
        report.notes += [Finding(name, text) for kind, text in found if kind == "note"]
        if not wrong:
            report.passed.append(name)
        if wrong and name == "runs":
            break
    if raise_exception and not report.ok:
        raise FunctionCheckError(report)
    return report


__all__ = ["Finding", "FunctionCheckError", "FunctionReport", "check_function"]
