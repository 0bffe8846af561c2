"""Each op is defined once and briefly, and importing plugrad does little: counted, without a clock."""

import ast
import json
import os
import subprocess
import sys

import pytest

import count_ops
import plugrad_op_checks as checks

DEFINED = count_ops.definitions()
ROWS = {d.name: d for d in DEFINED if d.is_row}
#: Functions of torch.linalg and torch's own of the same name, which differ in their arguments; one calls the other or both one row.
IN_LINALG_TOO = {"cross", "diagonal", "matmul", "norm", "vander"}
#: Parts of the modules that are no ops.
NO_OPS = {"check_sizes", "install", "inverse", "spread"}
LONGEST_ROW = 15  # lines; the median is 5
LINES_PER_ROW = 8  # on average, of those that are written out


def test_no_name_is_defined_by_two_rows():
    assert count_ops.twice(d for d in DEFINED if d.is_row) == {}
    assert set(checks.all_rows()) >= set(ROWS)


def test_no_name_is_defined_by_two_functions():
    found = count_ops.twice(d for d in DEFINED if not d.is_row)
    assert set(found) - NO_OPS == IN_LINALG_TOO
    for name in IN_LINALG_TOO:
        assert any(place.startswith("linalg.py:") for place in found[name])


def names_used(file):
    """The names that a module imports or takes as attributes of other modules."""
    tree = ast.parse((count_ops.FOLDER / f"{file}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("form", [d for d in DEFINED if not d.is_row and d.name in ROWS], ids=lambda d: d.name)
def test_a_function_with_the_name_of_a_row_is_its_public_form(form):
    """The arithmetic stands in the row; the function brings torch's arguments to it."""
    assert form.name in NO_OPS or {form.name, form.name + "_"} & names_used(form.file)


def test_rows_stay_short():
    longest = max(ROWS.values(), key=lambda d: d.lines)
    assert longest.lines <= LONGEST_ROW, f"{longest.name} ({longest.file}.py:{longest.line}) has {longest.lines} lines"
    assert sum(d.lines for d in ROWS.values()) <= LINES_PER_ROW * len(ROWS)


def test_the_count_is_printed():
    found = count_ops.size()
    assert found["rows written out"] == len(ROWS)
    assert found["longest row"].endswith(")")


# --- import ---
PROGRAM = """
import json, sys
import numpy, pluggy
before = set(sys.modules)
import plugrad
from plugrad.core.rows import ROWS
loaded = set(sys.modules) - before
own = sorted(m for m in loaded if m.split(".")[0] == "plugrad")
seen = {"own": len(own), "others": sorted(m for m in loaded if m not in own), "rows": len(ROWS)}
seen["compiled"] = sorted(name for name, row in ROWS.items() if row.compiled)
seen["backends"] = sorted(m for m in own if m.startswith("plugrad.backends.numpy") or "cupy" in m)
x = plugrad.ones(3, requires_grad=True)
(x * x).sum().backward()
seen["after a step"] = sorted(name for name, row in ROWS.items() if row.compiled)
print(json.dumps(seen))
"""
OWN_MODULES = 260  # 218 when this was written
OTHER_MODULES = 90  # of the standard library, beyond what numpy and pluggy load: 73 when this was written


def test_what_an_import_loads_and_compiles():
    text = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ, capture_output=True, text=True, check=True
    ).stdout
    seen = json.loads(text)
    assert seen["rows"] > 250
    assert seen["compiled"] == []  # an op compiles itself when first called
    assert seen["after a step"] == ["mul", "sum_all"]
    assert seen["own"] <= OWN_MODULES
    assert len(seen["others"]) <= OTHER_MODULES, seen["others"]
    assert seen["backends"] == []  # which backends there are is asked at the first use of a device
