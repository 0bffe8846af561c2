"""Ops show their true signature, also before the first call, when they have no code of their own yet."""

import inspect
import pydoc
import subprocess
import sys
import types

import pytest

import plugrad
from plugrad.core.compile import functions_of, materialize
from plugrad.core.rows import ROWS

FUNCTIONS = {f"{row.name}.{f.__name__}": (row, f) for row in ROWS.values() for f in functions_of(row)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_that_of_the_code(name):
    row, function = FUNCTIONS[name]
    shown = inspect.signature(function)
    materialize(row)
    own = types.FunctionType(function.__code__, {}, argdefs=function.__defaults__)
    own.__kwdefaults__ = function.__kwdefaults__
    assert str(shown) == str(inspect.signature(own))
    assert inspect.signature(function) == shown


def test_before_the_first_call():
    program = "import inspect, plugrad; print(inspect.signature(plugrad.atan2), plugrad.atan2.row.compiled)"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.split("\n")[0] == "(input, other, *, out=None) False"


def test_of_a_method_of_a_tensor():
    assert str(inspect.signature(plugrad.ones(2).mul)) == "(other, *, out=None)"
    assert str(inspect.signature(plugrad.Tensor.__add__)) == "(input, other)"


def test_it_binds_arguments():
    bound = inspect.signature(plugrad.mul).bind(1, other=2)
    assert bound.arguments == {"input": 1, "other": 2}
    with pytest.raises(TypeError, match="missing a required argument: 'other'"):
        inspect.signature(plugrad.mul).bind(1)


@pytest.mark.parametrize("name", ["mul", "is_grad_enabled", "is_inference_mode_enabled", "is_inference", "relu"])
def test_help_says_what_it_does(name):
    text = pydoc.plain(pydoc.render_doc(getattr(plugrad, name)))
    assert "*args" not in text
    assert "ContextVar" not in text
    assert getattr(plugrad, name).__doc__.split("\n")[0] in text
