"""What a program does, as plain data, compared between plugrad, torch and a file of golden outcomes.

A program is a function of the namespace, ``plugrad`` or ``torch``. ``python tests/support/plugrad_outcome.py TEST_FILE``
runs the programs of a test file with torch and writes its golden file anew.
"""

import contextlib
import importlib.util
import json
import math
import re
import sys
import warnings
from pathlib import Path


@contextlib.contextmanager
def flags_that_can_be_set(torch):
    """The flags of torch.backends as a program finds them: torch's own test modules freeze them where they are imported."""
    name = "__allow_nonbracketed_mutation"
    with getattr(torch.backends, name)():
        yield


def outcome(program, t):
    """The result of ``program(t)``, or the type and text of its error, and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of infinities and nans, which plugrad filters itself
        try:
            result = plain(program(t))
        except Exception as error:
            result = {"error": type(error).__name__, "text": text(error)}
    return {"result": result, "warnings": [[w.category.__name__, text(w.message)] for w in caught]}


def text(value):
    """``str(value)`` without what must differ: addresses, devices, and where a class is defined."""
    found = re.sub(r"0x[0-9a-f]+", "0x", str(value))
    found = re.sub(r", device='[\w:]+'| \(\w+:\d+\)(?=\])", "", found)
    found = re.sub(r" \(Triggered internally at [^()]*\)", "", found)
    found = re.sub(r"\btorch\.[a-z]+\.(?=\w+Tensor\b)", "torch.", found)
    found = re.sub(r"\b(torch|plugrad)\.(nn|optim)\.(\w+\.)+(?=[A-Z])", r"\2.", found)
    found = re.sub(r"\b(torch|plugrad\.core)\.distributions\.(\w+\.)+(?=[A-Z])", "distributions.", found)
    return re.sub(r"[\w.]*<locals>\.", "", found)


def plain(value):
    """Tensors as shape, dtype and nested lists; containers with plain contents; anything else as its text."""
    if hasattr(value, "tolist"):
        return [list(value.shape), str(value.dtype), plain(value.tolist())]
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, dict):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (int, float, bool, type(None))) else text(value)


def differences(ours, golden, rel=0.0, where="", absolute=0.0):
    """Where two outcomes differ, as lines of text; floats may differ by ``rel`` times the larger one or by ``absolute``."""
    if isinstance(ours, dict) and isinstance(golden, dict) and list(ours) == list(golden):
        pairs = [(f"{where}[{key!r}]", ours[key], golden[key]) for key in ours]
    elif isinstance(ours, list) and isinstance(golden, list) and len(ours) == len(golden):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(ours, golden, strict=True))]
    elif (
        isinstance(ours, float)
        and isinstance(golden, float)
        and (math.isclose(ours, golden, rel_tol=rel, abs_tol=absolute) or (math.isnan(ours) and math.isnan(golden)))
    ):
        return []
    else:
        same = type(ours) is type(golden) and ours == golden
        return [] if same else [f"{where or 'result'}: {ours!r}, expected {golden!r}"]
    return [line for place, a, b in pairs for line in differences(a, b, rel, place, absolute)]


def golden(test_file):
    """The golden outcomes of the programs of a test file, by name."""
    return json.loads(Path(test_file).with_suffix(".json").read_text())


def write(test_file):
    """Run the programs of a test file with torch and write its golden file."""
    import torch

    spec = importlib.util.spec_from_file_location("programs", test_file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outcomes = {name: outcome(program, torch) for name, program in module.PROGRAMS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in outcomes.items()]
    Path(test_file).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write(sys.argv[1])
