"""What type checkers are told about Tensor is true, and the program they check runs."""

import ast

import pytest

import make_stubs
import plugrad
import typed_user_program

PYTHON = {"Tensor": plugrad.Tensor, "builtins.bool": bool, "tuple[Tensor, ...]": tuple, "Any": object}
NOT_CALLED = {
    "bincount",
    "cuda",
    "index_put",
    "scatter",
    "clamp",
    "clamp_",
    "clip",
    "clip_",
    "nonzero_static",
    "pin_memory",
    "share_memory_",
}  # need a device, an optional argument or whole numbers


def callable_with_samples():
    """(name, number of arguments, declared type) of what the stub says takes nothing, or only another tensor."""
    (methods,) = [node for node in ast.parse(make_stubs.stub_text()).body if isinstance(node, ast.ClassDef)]
    for declared in methods.body:
        if not isinstance(declared, ast.FunctionDef) or declared.args.vararg or declared.name in NOT_CALLED:
            continue
        needed = declared.args.args[1 : len(declared.args.args) - len(declared.args.defaults)]
        if all(argument.arg == "other" for argument in needed):
            yield declared.name, len(needed), ast.unparse(declared.returns)


def sample_for(name):
    if name == "cholesky":
        return plugrad.eye(2)
    if name == "imag":
        return plugrad.zeros(2, 2, dtype=plugrad.complex64)
    if name == "is_nonzero":
        return plugrad.tensor([0.5])
    if name in ("cross", "vdot"):
        return plugrad.tensor([0.5, 0.25, 0.75])
    if "shift" in name or name.rstrip("_") in ("gcd", "lcm"):
        return plugrad.tensor([[1, 2], [3, 4]])
    if "bitwise" in name or any(word in name for word in ("and__", "or__", "__invert__")):
        return plugrad.tensor([[True, False], [True, True]])
    return plugrad.tensor([[0.5, 0.25], [0.75, 0.125]])


def test_the_stub_lists_what_tensor_has():
    assert make_stubs.STUB.read_text(encoding="utf-8") == make_stubs.stub_text(), (
        "run `python tests/support/make_stubs.py` after an op was added or its signature was changed"
    )


@pytest.mark.cpu
@pytest.mark.filterwarnings("ignore:Using torch.cross without")
@pytest.mark.parametrize(("name", "arguments", "declared"), list(callable_with_samples()))
def test_results_have_the_declared_types(name, arguments, declared):
    found = getattr(sample_for(name), name)
    result = found(*[sample_for(name)] * arguments) if callable(found) else found
    assert isinstance(result, PYTHON[declared])


@pytest.mark.cpu
def test_the_typed_program_runs(tmp_path, capsys):
    typed_user_program.main(tmp_path)
    assert capsys.readouterr().out.startswith("64 x 4 on cpu, 1024 bytes True ")
