"""Settings of a process: threads, precision of products, how often to warn."""

import os
import warnings

from ..backends.matmul_precision import MatmulPrecision
from .device import space

__all__ = [
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_warn_always_enabled",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
]

PRECISIONS = ("highest", "high", "medium")


class Settings:
    """What was set and changes nothing by itself."""

    warn_always = False
    interop_threads: int | None = None


def _check(name, value, kind, words):
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise RuntimeError(f"{name} expects {words}, but got {type(value).__name__}")


# --- threads ---
def set_num_threads(number):
    """Let one operation on the cpu use this many threads.

    On numpy they are those of its BLAS, which computes products with them, and the same number of images, rows or blocks is
    worked on at a time in convolutions and recurrences. BLAS has an upper limit of its own.

    Args:
        number: at least 1.

    Raises:
        RuntimeError: not a positive whole number.

    Warns:
        UserWarning: numpy is built on a BLAS that cannot be told; the environment variable OMP_NUM_THREADS can, before the start.

    Example:
        >>> import plugrad
        >>> before = plugrad.get_num_threads()
        >>> plugrad.set_num_threads(1)
        >>> plugrad.get_num_threads()
        1
        >>> plugrad.set_num_threads(before)
    """
    _check("set_num_threads", number, int, "an int")
    if number < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    xp = space("cpu")
    if not xp.set_threads(number):
        warnings.warn(
            f"set_num_threads({number}) has no effect: the library of backend {xp.name!r} cannot be told at run time. Set the "
            "environment variable OMP_NUM_THREADS before the program starts.",
            UserWarning,
            stacklevel=2,
        )


def get_num_threads():
    """How many threads one operation on the cpu may use; 1 where the library cannot be asked."""
    return space("cpu").threads()


def set_num_interop_threads(number):
    """Hold the number of threads for operations side by side; operations run one after the other, so nothing uses it.

    Raises:
        RuntimeError: not a positive whole number, or it was set before.
    """
    _check("set_num_interop_threads", number, int, "an int")
    if number < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    if Settings.interop_threads is not None:
        raise RuntimeError(
            "Error: cannot set number of interop threads after parallel work has started or set_num_interop_threads called"
        )
    Settings.interop_threads = number


def get_num_interop_threads():
    """What :func:`set_num_interop_threads` set; at first the number of processors."""
    return Settings.interop_threads or os.cpu_count() or 1


def set_flush_denormal(mode):
    """Return False: numbers too small for full precision are computed as they are, and this cannot be changed.

    Raises:
        RuntimeError: not a bool.
    """
    _check("flush_denormal", mode, bool, "a bool")
    return False


# --- precision ---
def set_float32_matmul_precision(precision):
    """Allow products of float32 to be less precise; each is full float32 whatever is allowed.

    On cuda it is cupy that decides: it computes in full float32 unless its environment variable ``CUPY_TF32`` is 1.

    Args:
        precision: "highest", "high" or "medium".

    Raises:
        RuntimeError: not a text.

    Warns:
        UserWarning: another text; nothing changes.

    Example:
        >>> import plugrad
        >>> plugrad.set_float32_matmul_precision("high")
        >>> plugrad.get_float32_matmul_precision()
        'high'
        >>> plugrad.set_float32_matmul_precision("highest")
    """
    _check("set_float32_matmul_precision", precision, str, "a str")
    if precision not in PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    MatmulPrecision.name = precision


def get_float32_matmul_precision():
    """What :func:`set_float32_matmul_precision` allowed."""
    return MatmulPrecision.name


# --- warnings ---
def set_warn_always(b):
    """Hold whether warnings repeat. Here all of them go through Python's ``warnings``, whose filters decide.

    Raises:
        RuntimeError: not a bool.
    """
    _check("setWarnOnlyOnce", b, bool, "a bool")
    Settings.warn_always = b


def is_warn_always_enabled():
    """What :func:`set_warn_always` set; False at first."""
    return Settings.warn_always


# --- the old way to set the default dtype ---
def set_default_tensor_type(t):
    """Set the default dtype, and for a cuda type the default device, by an old type or its name; deprecated.

    Raises:
        TypeError: not one of the old types of floating point.
    """
    from .create import OLD_TYPES
    from .device import set_default_device
    from .modes import set_default_dtype

    name = t if isinstance(t, str) else getattr(t, "__name__", "")
    short = name.rpartition(".")[2]
    if short not in OLD_TYPES:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    set_default_dtype(OLD_TYPES[short])
    set_default_device("cuda" if ".cuda." in name else None)
