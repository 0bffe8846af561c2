"""The size of the op definitions, read from the source: rows, lines, the longest row, names defined twice.

``python tests/support/count_ops.py`` prints it; tests/structure/test_size.py holds it to its bounds.
"""

import ast
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import plugrad

KINDS = {"elementwise", "linear", "bilinear", "view", "general", "nondifferentiable"}
FOLDER = Path(plugrad.__file__).parent / "core" / "ops"


class Definition(NamedTuple):
    """A row or a public function."""

    name: str
    file: str
    line: int
    lines: int
    is_row: bool


def definitions(folder=FOLDER):
    """All rows and public functions at the top level of the modules of a folder."""
    found = []
    for file in sorted(folder.glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.append(defined(node.name, file, node, False))
            found += [defined(name, file, call, True) for name, call in rows_in(node)]
    return found


def defined(name, file, node, is_row):
    return Definition(name, file.stem, node.lineno, node.end_lineno - node.lineno + 1, is_row)


def rows_in(node):
    """(name, call) of each row that a statement makes by a text of its own."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", None) not in KINDS or not call.args:
            continue
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value.partition("(")[0].strip(), call


def twice(found):
    """Names of ops that several rows or functions define: ``{name: [file:line, ...]}``."""
    places = defaultdict(list)
    for d in found:
        places[d.name].append(f"{d.file}.py:{d.line}")
    return {name: listed for name, listed in places.items() if len(listed) > 1}


def size(folder=FOLDER):
    """What is printed, by name."""
    found = definitions(folder)
    rows = [d for d in found if d.is_row]
    texts = [file.read_text().splitlines() for file in folder.glob("*.py")]
    longest = max(rows, key=lambda d: d.lines)
    return {
        "rows written out": len(rows),
        "public functions beside them": len(found) - len(rows),
        "files": len(texts),
        "lines": sum(map(len, texts)),
        "lines in rows": sum(d.lines for d in rows),
        "longest row": f"{longest.name}, {longest.lines} lines ({longest.file}.py:{longest.line})",
        "rows of one name": ", ".join(twice(rows)) or "none",
    }


if __name__ == "__main__":
    import plugrad_op_checks as checks

    print(f"{'rows in the table':30} {len(checks.all_rows())}")
    for what, value in size().items():
        print(f"{what:30} {value}")
