"""The device type mps, which a backend of others may serve; plugrad brings none."""

from plugrad.backends.mps import is_available
from plugrad.core.device import device as _device
from plugrad.core.device import space as _space
from plugrad.core.generator import manual_seed as _manual_seed


def _usable(function):
    if not is_available():
        raise RuntimeError(f"Cannot execute {function}() without MPS backend.")
    return _space("mps")


def device_count():
    """How many mps devices there are; 0 where no backend serves them.

    Example:
        >>> import plugrad
        >>> plugrad.mps.device_count() >= 0
        True
    """
    return _space("mps").device_count() if is_available() else 0


def synchronize():
    """Wait until everything given to the device is done.

    Raises:
        RuntimeError: no backend serves mps.
    """
    _usable("deviceSynchronize").synchronize()


def empty_cache():
    """Give memory that no array occupies back to the device.

    Raises:
        RuntimeError: no backend serves mps.
    """
    _usable("emptyCache")
    for index in range(device_count()):
        _space(_device("mps", index)).empty_cache()


def current_allocated_memory():
    """Bytes that arrays occupy on the device now.

    Raises:
        RuntimeError: no backend serves mps.
    """
    return _usable("getCurrentAllocatedMemory").memory_allocated()


def manual_seed(seed):
    """Seed the random stream, from which all devices draw; without an mps device this does nothing."""
    if is_available():
        _manual_seed(seed)


__all__ = ["current_allocated_memory", "device_count", "empty_cache", "is_available", "manual_seed", "synchronize"]
