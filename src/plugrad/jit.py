"""The names of ``torch.jit``: a script or a trace is the module or function itself, which goes on running as Python."""

from plugrad.core.scripting import (
    Final,
    annotate,
    export,
    ignore,
    is_scripting,
    is_tracing,
    load,
    save,
    script,
    script_if_tracing,
    trace,
    unused,
)
from plugrad.nn import Module as _Module


class ScriptFunction:
    """What torch makes of a function. There are none here, so that no function is one.

    Raises:
        NotImplementedError: one is to be made.
    """

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"torch.jit.{type(self).__name__} is not supported: use the function itself")


class ScriptModule(_Module):
    """What torch makes of a module. There are none here, so that no module is one.

    Raises:
        NotImplementedError: one is to be made.
    """

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"torch.jit.{type(self).__name__} is not supported: derive from nn.Module")


__all__ = [
    "Final",
    "ScriptFunction",
    "ScriptModule",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "save",
    "script",
    "script_if_tracing",
    "trace",
    "unused",
]
