"""Deterministic algorithms: asked for by the program, kept by the backends."""

from ..backends.determinism import Determinism
from .modes import Defaults

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_fill",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "set_fill",
    "use_deterministic_algorithms",
]

MODES = {"default": 0, "warn": 1, "error": 2}


class Fill:
    """Whether memory of tensors without values is filled while deterministic algorithms are asked for."""

    wanted = True


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Ask for operations that give the same bits in every run on the same machine.

    On cpu that is so at any time, for one number of threads. On cuda adding up at repeated places (gradients of indexing and of
    embeddings, ``index_add``, ``scatter_add``) and writing at repeated places go by a sort while this is on, which takes longer;
    ``cumsum`` and ``cumprod`` of floating point tensors have no such form and raise. A third-party backend says itself what it does.
    While this is on, new tensors without values (``empty``) are filled with NaN, or the largest whole number, unless
    ``plugrad.utils.deterministic.fill_uninitialized_memory`` is False.

    Args:
        mode: whether.
        warn_only: warn where an operation has no deterministic form, in place of an error.

    Raises:
        TypeError: an argument is not a bool.

    Example:
        >>> import plugrad
        >>> plugrad.use_deterministic_algorithms(True)
        >>> plugrad.are_deterministic_algorithms_enabled()
        True
        >>> plugrad.use_deterministic_algorithms(False)
    """
    for text, value in (("'mode' (position 1)", mode), ("'warn_only'", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument {text} must be bool, not {type(value).__name__}"
            )
    Determinism.mode = (1 if warn_only else 2) if mode else 0
    _tell()


def are_deterministic_algorithms_enabled():
    """Whether :func:`use_deterministic_algorithms` is on."""
    return Determinism.mode > 0


def is_deterministic_algorithms_warn_only_enabled():
    """Whether an operation without a deterministic form warns in place of raising."""
    return Determinism.mode == 1


def set_deterministic_debug_mode(debug_mode):
    """Ask for deterministic algorithms by a level.

    Args:
        debug_mode: 0 or "default", not at all; 1 or "warn", a warning where there is none; 2 or "error", an error there.

    Raises:
        TypeError: neither text nor a whole number.
        RuntimeError: another text or number.
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = MODES[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    Determinism.mode = int(debug_mode)
    _tell()


def get_deterministic_debug_mode():
    """0, 1 or 2, as :func:`set_deterministic_debug_mode` takes it."""
    return Determinism.mode


def get_fill():
    """Whether deterministic algorithms come with filled memory."""
    return Fill.wanted


def set_fill(value):
    """Set whether deterministic algorithms come with filled memory.

    Raises:
        RuntimeError: not a bool.
    """
    if not isinstance(value, bool):
        raise RuntimeError(f"expected a bool, but got {type(value).__name__}")
    Fill.wanted = value
    _tell()


def _tell():
    Defaults.fills_empty = Determinism.mode > 0 and Fill.wanted
