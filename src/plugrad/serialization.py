"""Checkpoints in torch's formats and in numpy's .npz, read and written without torch."""

from typing import TYPE_CHECKING

from plugrad.core.serialization import (
    CheckpointError,
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    safe_globals,
    save,
)

if TYPE_CHECKING:
    from plugrad.core.npz import load_npz, save_npz

if not TYPE_CHECKING:  # a type checker would take every name for known

    def __getattr__(name):
        if name in ("load_npz", "save_npz"):  # imported when they are first asked for
            from plugrad.core import npz

            return getattr(npz, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CheckpointError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_npz",
    "safe_globals",
    "save",
    "save_npz",
]
