"""Small programs of one text each, run with torch and with plugrad under the name ``torch``, and what they saw.

A file of programs is split at its lines ``# --- name``. A program speaks through four names that it finds defined:

- ``report(*values)`` notes values; of a tensor its values, flags and grad_fn,
- ``graph(tensor)`` is the chain of its grad_fn as text,
- ``with attempt():`` notes how the block ends, by which exception or none,
- ``leaf(*values)`` is a float tensor that requires grad.
"""

import contextlib
import io
import re
import warnings

from plugrad_error_cases import neutral, required
from plugrad_outcome import differences, plain, text

HEADER = re.compile(r"^# --- ([\w-]+)$", re.MULTILINE)

#: A frame of a traceback that is not the program's: the runner's, or the library's own.
FRAME = re.compile(r'\n  File "(?![^"\n]*oracle/contract/)[^\n]*(?:\n    [^\n]*)*')

#: Given once in a process, which is no matter of a single program.
GIVEN_ONCE = ("Using backward() with create_graph=True will create a reference cycle",)


def programs(path):
    """``{name: code}`` of a file; a traceback through the code shows the file's own lines."""
    content = path.read_text(encoding="utf-8")
    found = list(HEADER.finditer(content))
    ends = [match.start() for match in found[1:]] + [len(content)]
    codes = {}
    for match, end in zip(found, ends, strict=True):
        name, before = match[1], content.count("\n", 0, match.start())
        if name in codes:
            raise ValueError(f"{path.name}: two programs are named {name}")
        codes[name] = compile("\n" * before + content[match.start() : end], str(path), "exec")
    return codes


def answer(read):
    """What a reader gives, or the text of its refusal."""
    try:
        return read()
    except Exception as error:
        return failure(error)


def failure(error):
    return f"{type(error).__name__}: {required(neutral(text(error)))}"


def facts(tensor):
    """What a tensor is to autograd; versions and views are asked for by name, gradients may differ in them."""
    return {
        "type": type(tensor).__name__,
        "values": plain(tensor.detach()),
        "requires_grad": tensor.requires_grad,
        "is_leaf": tensor.is_leaf,
        "grad_fn": answer(lambda: tensor.grad_fn and f"{tensor.grad_fn.name()}, output {tensor.output_nr}"),
    }


def described(value):
    if hasattr(value, "requires_grad"):
        return facts(value)
    if isinstance(value, (list, tuple)):
        return [described(v) for v in value]
    if isinstance(value, dict):
        return {str(key): described(v) for key, v in value.items()}
    if isinstance(value, BaseException):
        return failure(value)
    return neutral(value) if isinstance(value, str) else plain(value)


def graph(tensor, depth=20):
    """The nodes behind a tensor: ``MulBackward0(AccumulateGrad, None)``; ``:1`` after a node is its second output."""
    return chain(tensor.grad_fn, tensor.output_nr, depth) if tensor.grad_fn is not None else "None"


def chain(node, output, depth):
    if node is None:
        return "None"
    name = node.name().rpartition(":")[2] + (f":{output}" if output else "")
    if not depth:
        return "…"
    below = ", ".join(chain(*edge, depth - 1) for edge in node.next_functions)
    return f"{name}({below})" if below else name


class Notes:
    """The four names of one run, and what was noted by them."""

    def __init__(self, torch):
        self.torch = torch
        self.list = []

    def report(self, *values):
        self.list.extend(described(value) for value in values)

    @contextlib.contextmanager
    def attempt(self):
        try:
            yield
        except Exception as error:
            self.list.append(failure(error))
        else:
            self.list.append("no exception")

    def leaf(self, *values, dtype=None):
        values = values[0] if len(values) == 1 else list(values)
        return self.torch.tensor(values, dtype=dtype or self.torch.float32, requires_grad=True)


def run(code, torch):
    """What a program notes, prints, warns of and ends by."""
    notes, printed = Notes(torch), io.StringIO()
    names = {"torch": torch, "report": notes.report, "graph": graph, "attempt": notes.attempt, "leaf": notes.leaf}
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of infinities and nans, which plugrad filters itself
        torch.set_grad_enabled(True)
        try:
            exec(code, {"__name__": "contract", **names})
            end = "ran to its end"
        except Exception as error:
            end = failure(error)
        torch.set_grad_enabled(True)
    return {
        "notes": notes.list,
        "printed": neutral(text(printed.getvalue())),
        "warnings": [warned for warned in map(warning_text, caught) if not warned.endswith(GIVEN_ONCE)],
        "end": end,
    }


def warning_text(warning):
    words = FRAME.sub("", required(neutral(text(warning.message))))
    return next((known for known in GIVEN_ONCE if words.startswith(known)), f"{warning.category.__name__}: {words}")


def compared(code, torch, plugrad, rel=1e-5):
    """Where the two libraries disagree, as lines of text, and how torch's run ended."""
    theirs, ours = run(code, torch), run(code, plugrad)
    return differences(ours, theirs, rel, absolute=1e-6), theirs
