"""Writes docs/ops.md: every operator of docs/scope.md, its forms, derivatives, dtypes and backends, and what differs from torch.

    python tests/support/make_ops_doc.py

What holds of an operator was found by tests/oracle/run_op_db.py and is read from op_db_state.json; its forms and backends are
read from plugrad itself. A test compares the page with what this would write.
"""

import functools
import inspect
import json
import sys
from pathlib import Path

import plugrad
from plugrad.backends import REQUIRED, Backend, cupy_backend, cupy_kernels, numpy_backend
from plugrad.core.compile import materialize
from plugrad.core.rows import ROWS
from plugrad_testing import import_plugin

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ops.md"
STATE = ROOT / "tests" / "oracle" / "op_db_state.json"
REASONS = STATE.with_name("op_db_reasons.json")
sys.path.append(str(STATE.parent))

from op_db import scope  # noqa: E402

KINDS = ("forward", "gradient", "second", "jvp", "variants", "errors")
DTYPES = {"float64": "float", "int64": "int", "bool": "bool", "complex128": "complex"}
OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floor_divide": "//", "remainder": "%", "pow": "**", "matmul": "@", "neg": "-x", "abs": "abs()",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "bitwise_not": "~", "bitwise_left_shift": "<<", "bitwise_right_shift": ">>",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
HEAD = """# Operators

Every operator of the [scope](scope.md), as `tests/oracle/run_op_db.py` found it on the CPU beside PyTorch 2.13: PyTorch's own samples of the
operator run with both libraries, and values, dtypes, gradients, tangents and errors must be the same.

- **Forms**: `f` a function, `m` a method of the tensor, `i` in-place, `o` takes `out=`; then the Python operator.
- **Derivatives**: the orders that agree with PyTorch's; `jvp` the forward mode. `-`: PyTorch has none.
- **Dtypes** whose samples all pass; `float` is float32 and float64.
- **Backends**: `native`, the array library's own function or a kernel written for it; `composed` of others. *others* is a backend that gives
  the required names alone. No operator goes through the host's memory on its own.
- **Short of PyTorch**: the reason. Empty: nothing was found. Where PyTorch's own result is off, ours is compared with the exact one:
  PyTorch's in double precision, or scipy's.

"""


def main():
    PAGE.write_text(text(), encoding="utf-8")


def text():
    for row in ROWS.values():
        materialize(row)
    stored = json.loads(STATE.read_text(encoding="utf-8"))
    state, missing = stored["operators"], stored["missing modules"]
    parts = [HEAD + totals(state)]
    for title, listed in scope.sections().items():
        if scope.is_operators(title):
            lines = [line(name, state[name]) for name in scope.names(listed)]
            parts.append(f"## {title[0].upper()}{title[1:]}\n\n{TABLE}" + "\n".join(lines) + "\n")
    if missing:
        names = " ".join(f"`{name}`" for name in missing)
        parts.append(f"## Modules and optimizers of the scope that are missing\n\n{names}\n")
    return "\n".join(parts)


TABLE = """| operator | forms | derivatives | dtypes | numpy | cupy | others | short of PyTorch |
|---|---|---|---|---|---|---|---|
"""


def totals(state):
    told = []
    for kind in KINDS:
        compared = [found[kind] for found in state.values() if kind in found]
        told.append(f"| {kind} | {sum(not reason for reason in compared)} | {len(compared)} |")
    return "| compared | operators that agree | of |\n|---|---|---|\n" + "\n".join(told) + "\n"


def line(name, found):
    cells = [
        f"`{name}`",
        forms(name),
        derivatives(found),
        dtypes(found),
        *backends(name),
        difference(found, words().get(name)),
    ]
    return "| " + " | ".join(cells) + " |"


# --- forms ---
def find(root, path):
    for part in path.split("."):
        root = getattr(root, part, None)
    return root


def forms(name):
    function, tensor = find(plugrad, name), plugrad.Tensor
    method = getattr(tensor, name, None)
    found = [
        "f" if callable(function) else "",  # plugrad.float is a dtype
        "m" if method is not None else "",
        "i" if hasattr(tensor, f"{name}_") or takes(function, "inplace") else "",
        "o" if takes(function, "out") else "",
        f"`{OPERATORS[name]}`".replace("|", "\\|") if name in OPERATORS else "",
    ]
    return " ".join(filter(None, found)) or "-"


def takes(function, parameter):
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


# --- derivatives and dtypes ---
def derivatives(found):
    names = {"gradient": "1", "second": "2", "jvp": "jvp"}
    if not any(kind in found for kind in names):
        return "-"
    return " ".join(told for kind, told in names.items() if found.get(kind) == "") or "none"


def dtypes(found):
    passed = found["dtypes"].split()
    return " ".join(told for name, told in DTYPES.items() if name in passed) or "none"


# --- backends ---
@functools.cache
def namespaces():
    """The namespace classes of numpy and cupy; cupy's is built over a stand-in, as only its names matter."""
    return numpy_backend._load(), cupy_backend.build(import_plugin("plugrad_simcuda").simcupy, cupy_kernels.CupyKernels)


def owner(namespace, name):
    """The class that gives a namespace a function, None where none does."""
    return next((c for c in namespace.__mro__ if name in vars(c)), None)


def array_function(name):
    """The backend function that an operator calls: its row's, or the one of its own name."""
    last = name.rpartition(".")[2]
    row = ROWS.get(last) or ROWS.get(
        f"{last}_"
    )  # below a public function written by hand the row ends in an underscore
    return row.xp_name if row is not None else last


def backends(name):
    places = [(plugrad, name), (plugrad.Tensor, name), (plugrad.Tensor, f"{name}_")]
    if all(find(root, path) is None for root, path in places):
        return "", "", ""
    wanted = array_function(name)
    told = ["composed" if owner(c, wanted) in {*Backend.__mro__, None} else "native" for c in namespaces()]
    required = " ".join(REQUIRED.values()).split()
    return *told, "native" if wanted in required else "composed"


# --- differences ---
def difference(found, words=None):
    """What falls short, by reason: in words where there are some, else as the runner told it."""
    reasons = {}
    for kind in KINDS:
        if found.get(kind):
            told = (words or {}).get(kind) or plain(found[kind])
            reasons.setdefault(told, []).append(kind)
    parts = [f"{', '.join(kinds)}: {reason}" for reason, kinds in reasons.items()]
    if "nearer" in found:
        parts.append(f"{found['nearer'].replace(' ', ', ')}: PyTorch's result is farther from the exact one")
    return "; ".join(parts)


@functools.cache
def words():
    return json.loads(REASONS.read_text(encoding="utf-8"))


def plain(reason):
    """A reason as inline code in a table's cell."""
    reason = reason.replace("`", "'").replace("|", "\\|").replace("plugrad", "torch")
    return f"`{reason[:100].rstrip()}`"


if __name__ == "__main__":
    main()
