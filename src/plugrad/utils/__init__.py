"""The names of torch.utils that plugrad has."""

from plugrad.utils import data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]


def __getattr__(name):
    if name == "checkpoint":  # imported when it is first asked for
        import importlib

        return importlib.import_module("plugrad.utils.checkpoint")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
