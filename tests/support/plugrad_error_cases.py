"""Bad inputs, and the comparison of what torch and plugrad answer them with.

What torch says is kept in ``tests/errors_golden.json``; ``python tests/support/plugrad_error_cases.py`` writes that file
anew with the installed torch.
"""

import json
import re
import warnings
from pathlib import Path

import plugrad_error_cases_autograd
import plugrad_error_cases_nn
import plugrad_error_cases_tensor
import plugrad_error_cases_warnings
from plugrad_error_registry import CASES

__all__ = ["CASES", "ONLY_CPU", "READS_VALUES", "assert_as_torch", "golden", "outcome", "torch_answers"]

GOLDEN = Path(__file__).parents[1] / "errors_golden.json"
FAMILIES = (
    plugrad_error_cases_autograd,
    plugrad_error_cases_nn,
    plugrad_error_cases_tensor,
    plugrad_error_cases_warnings,
)

#: Only on the cpu is it an error of the values: another device does not hand over its memory at all.
ONLY_CPU = frozenset({"convert-numpy-of-recorded"})

#: The error is in a value, which some devices hand over only after a wait: there, as in torch, nothing is looked at.
READS_VALUES = frozenset(
    {
        "binary-floor-divide-zero",
        "cross-entropy-target-negative",
        "cross-entropy-target-range",
        "embedding-negative",
        "embedding-one-hot-classes",
        "embedding-range",
        "index-gather-range",
        "index-index-select-range",
        "index-scatter-range",
        "index-tensor-range",
        "loss-bce-range",
        "nll-loss-target-range",
    }
)

ENDS = (  # what torch adds about itself: its C++ frames, its build paths, its wish to be told
    "\nException raised from",
    " (Triggered internally at",
    "  (Could this error message be improved?",
    " If you are using DistributedDataParallel",
)
LISTS = (  # words before a list of torch's own: overloads, devices, and sets, which print in any order
    "but expected one of:",
    "Expected one of cpu, cuda",
    "should be one of {",
    "must be one of {",
)


def parameters(names):
    """The names as pytest parameters."""
    import pytest

    return [pytest.param(name, marks=list(marks_of(pytest.mark, name))) for name in sorted(names)]


def marks_of(mark, name):
    if name in ONLY_CPU:
        yield mark.cpu


def neutral(text):
    """``text`` without what differs from run to run, and with one spelling for both libraries' module paths."""
    text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x…", text)
    text = re.sub(r"\b(?:torch|plugrad)(?:\.\w+)*\.([A-Z]\w*)", r"torch.\1", text)
    text = re.sub(r", device='\w+:\d+'", "", text)  # in printed tensors that are not on the cpu
    return re.sub(r"\bplugrad\b", "torch", text)


def required(text):
    """The part of torch's message that ours must begin with."""
    for words in ENDS:
        text = text.split(words)[0]
    for words in LISTS:
        head, found, _ = text.partition(words)
        if found:
            return head + found
    return text.rstrip()


def message(error):
    """The text of an exception; a KeyError shows the repr of its text, so that one is taken from its argument."""
    if isinstance(error, KeyError):
        return str(error.args[0])
    return str(error)


def builtin_type(error):
    """Name of the built-in exception that ``error`` is, or the first that it inherits from."""
    return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def outcome(name, namespace):
    """``[type name, neutral message]`` of the exception that the case raises; fails when it raises none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = CASES[name](namespace)
        except Exception as error:
            return [builtin_type(error), neutral(message(error))]
    raise AssertionError(f"{name}: nothing was raised, the result is {result!r}")


def torch_answers(torch):
    """``{name: [type name, message]}`` of every case, from the given torch."""
    answers = {}
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # without it torch gives many warnings once in a process
    for name in sorted(CASES):
        kind, text = outcome(name, torch)
        answers[name] = [kind, required(text)]
    torch.set_warn_always(always)
    return answers


def golden():
    """The answers of torch that were stored, ``{name: [type name, message]}``."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def assert_as_torch(name, ours, torchs):
    """Our exception has the built-in type of torch's, and its message begins with torch's."""
    kind, text = ours
    torch_kind, want = torchs
    assert kind == torch_kind, f"{name}: {kind} ({text}); torch raises {torch_kind} ({want})"
    assert text.startswith(want), f"{name}:\n  ours:  {text}\n  torch: {want}"


if __name__ == "__main__":
    import torch

    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in torch_answers(torch).items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
