"""Nothing that numpy gives up is used: its deprecations are errors in the tests, and one is looked for in the text."""

import ast
import warnings
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("backends", "core", "nn", "optim", "src", "examples", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_deprecations_are_errors():
    with pytest.raises(DeprecationWarning):
        warnings.warn_explicit("old", DeprecationWarning, "core.py", 1, module="numpy")


def positional_out(tree):
    """Lines that give np.maximum or np.minimum a third argument by position, which numpy 2.4 deprecates."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and len(node.args) > 2
        and getattr(node.func, "attr", "") in ("maximum", "minimum")
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_third_argument_of_an_extremum(path):
    assert not positional_out(ast.parse(path.read_text(encoding="utf-8")))


def test_a_third_argument_is_found():
    assert positional_out(ast.parse("y = 1\nnp.maximum(a, b, c)")) == [2]


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="numpy deprecates it from 2.4 on")
def test_numpy_warns_of_it():
    a = np.ones(2)
    with pytest.raises(DeprecationWarning, match="more than 2 positional arguments"):
        np.maximum(a, a, a)
