"""What went wrong, and where: lines of the program, reasons of gradients, NaN, memory and growing graphs.

Nothing here is imported before it is used: the modules of the face ask :func:`public` for a name.
"""

import importlib

#: Public name → the module here that has it.
PUBLIC = {
    "GraphGrowthWarning": "growth",
    "NonFiniteError": "nan_origin",
    "detect_nan": "nan_origin",
    "draw": "picture",
    "explain_grad": "explain",
    "line_of": "lines",
    "record_lines": "lines",
    "saved_memory": "ledger",
    "steps": "steps",
    "watch_graph_growth": "growth",
}


def public(module, name):
    """What ``name`` means as an attribute of a module of the face.

    Raises:
        AttributeError: nothing here has that name.
    """
    if name not in PUBLIC:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{PUBLIC[name]}", __name__), name)
