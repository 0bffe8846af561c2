"""Writes core/tensor_methods.pyi: the methods that core/ops gives Tensor when it is imported, for type checkers and editors.

    python tests/support/make_stubs.py

Methods written in class Tensor carry their own annotations; the file is about the others. A test compares it with
what the classes have, so run this after an op was added.
"""

import ast
import inspect
from pathlib import Path

import plugrad
from plugrad.core import compile, tensor

STUB = Path(__file__).parents[2] / "core" / "tensor_methods.pyi"
HEAD = '''"""The methods of Tensor that core/ops adds. Written by tests/support/make_stubs.py; not a module at run time."""

import builtins
from typing import Any

from .tensor import Tensor

class Methods:
'''
#: What does not return a Tensor; Any where it depends on the arguments.
RETURNS = {
    "__setitem__": "None",
    "allclose": "builtins.bool",
    "equal": "builtins.bool",
    "is_conj": "builtins.bool",
    "is_neg": "builtins.bool",
    "is_nonzero": "builtins.bool",
    "is_pinned": "builtins.bool",
    "is_same_size": "builtins.bool",
    "is_set_to": "builtins.bool",
    "is_shared": "builtins.bool",
    **dict.fromkeys(
        "chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split unsafe_split_with_sizes vsplit".split(),
        "tuple[Tensor, ...]",
    ),
    **dict.fromkeys(
        (
            "aminmax",
            "cummax",
            "cummin",
            "frexp",
            "geqrf",
            "histogram",
            "kthvalue",
            "max",
            "median",
            "min",
            "mode",
            "nanmedian",
            "nonzero",
            "qr",
            "slogdet",
            "sort",
            "svd",
            "topk",
            "unique",
            "unique_consecutive",
        ),
        "Any",
    ),
}
FLAGS = (
    "accumulate",
    "descending",
    "equal_nan",
    "keepdim",
    "largest",
    "replacement",
    "requires_grad",
    "sorted",
    "stable",
)
OVERRIDES = {"__eq__", "__ne__"}  # object's give a bool


def methods():
    """Name and value of every public method, operator and property of Tensor that its class body does not have."""
    tree = ast.parse(Path(tensor.__file__).read_text(encoding="utf-8"))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Tensor"]
    written = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    written |= {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets}
    for row in compile.ROWS.values():
        compile.materialize(row)  # before that every op has the signature of the common stub
    return {
        name: value
        for name, value in sorted(vars(plugrad.Tensor).items())
        if name not in written and isinstance(value, property | type(methods)) and not is_private(name)
    }


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def declaration(name, value):
    """The lines that declare one method or property."""
    if isinstance(value, property):
        return f"    @property\n    def {name}(self) -> Tensor: ...\n"
    comment = "  # type: ignore[override]" if name in OVERRIDES else ""
    return f"    def {name}({parameters(name, value)}) -> {RETURNS.get(name, 'Tensor')}: ...{comment}\n"


def parameters(name, value):
    """The text between the parentheses: self, and the rest with torch's names and defaults."""
    _self, *rest = inspect.signature(described(name, value)).parameters.values()
    if is_operator(name):
        return ", ".join(["self", *(p.name for p in rest if p.kind is p.POSITIONAL_OR_KEYWORD)])
    keyword_only = [p for p in rest if p.kind is p.KEYWORD_ONLY and p.name != "out"]
    ordinary = [p for p in rest if p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD]
    others = [p for p in rest if p.kind is p.VAR_KEYWORD]
    star = ["*"] if keyword_only and all(p.kind is not p.VAR_POSITIONAL for p in ordinary) else []
    return ", ".join(["self", *map(text_of, ordinary), *star, *map(text_of, keyword_only), *map(text_of, others)])


def described(name, value):
    """The function whose signature tells: for ``add_`` and ``__iadd__``, wrappers that take anything, that of ``add``."""
    if name.startswith("__i") and name != "__invert__":
        return getattr(plugrad.Tensor, f"__{name[3:]}")
    plain = getattr(plugrad.Tensor, name.removesuffix("_"), None)
    takes_anything = [p.kind for p in inspect.signature(value).parameters.values()][1:2] == [
        inspect.Parameter.VAR_POSITIONAL
    ]
    return plain if name.endswith("_") and not is_operator(name) and takes_anything and plain else value


def is_operator(name):
    return name.startswith("__")


def text_of(parameter):
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    annotation = ": builtins.bool" if parameter.name in FLAGS else ""
    default = "" if parameter.default is parameter.empty else " = ..." if annotation else "=..."
    return f"{star}{parameter.name}{annotation}{default}"


def stub_text():
    """The whole file."""
    return HEAD + "".join(declaration(name, value) for name, value in methods().items())


if __name__ == "__main__":
    STUB.write_text(stub_text(), encoding="utf-8")
