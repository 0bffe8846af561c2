"""The device type xpu, which a backend of others may serve; plugrad brings none."""

from plugrad.backends.flags import is_usable as _is_usable
from plugrad.core.device import device as _device
from plugrad.core.device import space as _space
from plugrad.core.generator import manual_seed as _manual_seed


def is_available():
    """Whether a backend for xpu devices is usable here."""
    return _is_usable("xpu")


def _usable():
    if not is_available():
        raise AssertionError("Torch not compiled with XPU enabled")
    return _space("xpu")


def device_count():
    """How many xpu devices there are; 0 where no backend serves them.

    Example:
        >>> import plugrad
        >>> plugrad.xpu.device_count() >= 0
        True
    """
    return _space("xpu").device_count() if is_available() else 0


def is_initialized():
    """Whether an xpu device can be used; there is nothing to initialise."""
    return is_available()


def current_device():
    """The index of the xpu device that "xpu" means.

    Raises:
        AssertionError: no backend serves xpu.
    """
    return _usable().index


def synchronize(device=None):
    """Wait until everything given to the device is done.

    Raises:
        AssertionError: no backend serves xpu.
    """
    found = _usable()
    if device is not None:
        found = _space(_device("xpu", device) if isinstance(device, int) else _device(device))
    found.synchronize()


def empty_cache():
    """Give memory that no array occupies back to the devices; without one this does nothing."""
    for index in range(device_count()):
        _space(_device("xpu", index)).empty_cache()


def memory_allocated(device=None):
    """Bytes that arrays occupy on the device now; 0 without one."""
    return _usable().memory_allocated() if is_available() else 0


def manual_seed(seed):
    """Seed the random stream, from which all devices draw; without an xpu device this does nothing."""
    if is_available():
        _manual_seed(seed)


manual_seed_all = manual_seed

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "memory_allocated",
    "synchronize",
]
