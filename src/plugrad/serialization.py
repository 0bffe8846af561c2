"""Checkpoints in torch's formats and in numpy's .npz, read and written without torch."""

from plugrad.core.npz import load_npz, save_npz
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
