"""How much memory of a cuda device is in use, as far as the memory pool of its library tells."""

from collections import OrderedDict

from plugrad.backends.spec import OutOfMemoryError
from plugrad.cuda import _usable, empty_cache, is_available, memory_allocated
from plugrad.cuda.devices import asked

__all__ = [
    "OutOfMemoryError",
    "empty_cache",
    "get_per_process_memory_fraction",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]


def mem_get_info(device=None):
    """``(free, total)`` bytes of a device, as the driver counts them for all programs.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    return tuple(asked(_usable(device), "memory_info")())


def memory_reserved(device=None):
    """Bytes that the memory pool holds on a device, in use or not; 0 where no cuda device can be used."""
    return asked(_usable(device), "memory_reserved")() if is_available() else 0


def max_memory_allocated(device=None):
    """The most bytes that arrays have occupied on a device, since the start or :func:`reset_peak_memory_stats`.

    The count begins with the first use of the device. Memory that a program takes from an allocator of its own, set
    later by ``cupy.cuda.set_allocator``, is not in it. 0 where no cuda device can be used.
    """
    return asked(_usable(device), "peak_memory")()[0] if is_available() else 0


def max_memory_reserved(device=None):
    """The most bytes that the memory pool has held, so far as is seen: it only grows between two :func:`empty_cache`.

    What the pool itself gives back when the device is full is not seen. 0 where no cuda device can be used.
    """
    return asked(_usable(device), "peak_memory")()[1] if is_available() else 0


def reset_peak_memory_stats(device=None):
    """Let :func:`max_memory_allocated` and :func:`max_memory_reserved` start from what is in use now.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    asked(_usable(device), "reset_peak_memory")()


class _Told(OrderedDict):
    """The figures there are; any other of torch's is an error that says so."""

    def __missing__(self, key):
        raise NotImplementedError(
            f"memory_stats: the memory pool of the device's library does not tell {key!r}, only {', '.join(self)}"
        )


def memory_stats(device=None):
    """What there is of torch's figures: bytes allocated and reserved, now and at most, by torch's names.

    Asking the result for a figure that the pool of cupy does not tell raises NotImplementedError. Without a cuda device
    it is empty.

    Example:
        >>> import plugrad
        >>> told = plugrad.cuda.memory_stats()
        >>> told.get("allocated_bytes.all.current", 0) >= 0
        True
    """
    if not is_available():
        return OrderedDict()
    xp = _usable(device)
    allocated, reserved = asked(xp, "peak_memory")()
    return _Told(
        {
            "allocated_bytes.all.current": xp.memory_allocated(),
            "allocated_bytes.all.peak": allocated,
            "reserved_bytes.all.current": asked(xp, "memory_reserved")(),
            "reserved_bytes.all.peak": reserved,
        }
    )


def memory_summary(device=None, abbreviated=False):
    """The figures of :func:`memory_stats` as a table.

    Args:
        abbreviated: no difference: the table has only what torch's short one has.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    index, told = _usable(device).index, memory_stats(device)
    lines = [f"CUDA memory of device {index}, in bytes", f"{'':<12}{'now':>20}{'at most':>20}"]
    for kind in ("allocated", "reserved"):
        now, most = (told[f"{kind}_bytes.all.{when}"] for when in ("current", "peak"))
        lines.append(f"{kind:<12}{now:>20,}{most:>20,}")
    return "\n".join(lines)


def set_per_process_memory_fraction(fraction, device=None):
    """Let the memory pool hold no more than a part of a device's memory; beyond it OutOfMemoryError is raised.

    Args:
        fraction: from 0 to 1.

    Raises:
        TypeError: not a float.
        ValueError: a fraction out of range.
        AssertionError: no cuda device can be used; the text says why.
    """
    xp = _usable(device)
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    asked(xp, "limit_memory")(fraction)


def get_per_process_memory_fraction(device=None):
    """The part of a device's memory that the memory pool may hold.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    return asked(_usable(device), "memory_limit")()
