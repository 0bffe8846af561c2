"""The package's source files and what they import, read without importing them."""

import ast
import os
from pathlib import Path

import plugrad

ROOT = Path(plugrad.__file__).parent
PACKAGES = ("backends", "core", "nn", "optim")


def modules():
    """Dotted name below plugrad → file, for all modules; a package is named by its folder."""
    found = {}
    # An editable install reaches the folders through links, which rglob does not follow.
    files = (Path(folder) / name for folder, _, names in os.walk(ROOT, followlinks=True) for name in names)
    for file in sorted(f for f in files if f.suffix == ".py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(name, file):
    """Each import of a module: (absolute dotted name, whether it was written relative, whether at module level)."""
    tree = ast.parse(file.read_text())
    within = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.Lambda))
        for child in ast.walk(node)
    }
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    package = [p for p in package if p]
    for node in ast.walk(tree):
        at_top = id(node) not in within
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, False, at_top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                assert node.level - 1 <= len(package), f"{name} imports from above plugrad"
                kept = package[: len(package) - node.level + 1]
                base = ".".join(["plugrad", *kept, *filter(None, [base])])
            for alias in node.names:
                yield f"{base}.{alias.name}", bool(node.level), at_top
