"""The accelerator of this machine, whichever device type it has."""

import warnings

from ..backends.flags import is_usable
from .device import device as device_class
from .device import space

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "memory_allocated",
    "set_device_idx",
    "set_device_index",
    "synchronize",
]

#: torch's names for accelerators that a backend may serve, the likeliest first.
TYPES = ("cuda", "xpu", "mps")


def _type():
    return next((kind for kind in TYPES if is_usable(kind)), None)


def _needed():
    kind = _type()
    if kind is None:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    return kind


def is_available():
    """Whether a backend for cuda, xpu or mps devices is usable here."""
    return _type() is not None


def device_count():
    """How many devices the accelerator has; 0 without one.

    Example:
        >>> import plugrad
        >>> plugrad.accelerator.device_count() >= 0
        True
    """
    kind = _type()
    return 0 if kind is None else space(kind).device_count()


def current_accelerator(check_available=False):
    """The device of the accelerator, without an index; None without one. What is returned is usable, checked or not."""
    kind = _type()
    return None if kind is None else device_class(kind)


def current_device_index():
    """The index of the device that the accelerator's name means.

    Raises:
        RuntimeError: there is no accelerator.
    """
    return space(_needed()).device.index


def current_device_idx():
    """As :func:`current_device_index`; deprecated."""
    warnings.warn("Use `current_device_index` instead.", FutureWarning, stacklevel=2)
    return current_device_index()


def set_device_index(device):
    """Make a device the current one; only index 0 can be, which it is.

    Raises:
        RuntimeError: there is no accelerator.
        NotImplementedError: another index.
    """
    index = _index(device)
    if index >= 0 and index != current_device_index():
        raise _fixed("set_device_index", index)


def set_device_idx(device):
    """As :func:`set_device_index`; deprecated."""
    warnings.warn("Use `set_device_index` instead.", FutureWarning, stacklevel=2)
    set_device_index(device)


def _index(device):
    kind = _needed()
    if device is None:
        return current_device_index()
    if isinstance(device, int):
        return device
    named = device_class(device)
    if named.type != kind:
        raise ValueError(f"{named.type} doesn't match the current accelerator {kind}.")
    return current_device_index() if named.index is None else named.index


def _fixed(name, index):
    kind = _needed()
    return NotImplementedError(
        f"{name}: {kind!r} without an index always means {kind}:0 here. Name the device where tensors are made, "
        f"device='{kind}:{index}', or make it the default: set_default_device('{kind}:{index}')"
    )


class device_index:
    """The current device for a with-block; None changes nothing.

    Raises:
        NotImplementedError: another index than the current one.
    """

    def __init__(self, device):
        self.idx = device

    def __enter__(self):
        if self.idx is not None:
            set_device_index(self.idx)

    def __exit__(self, *error):
        return None


def synchronize(device=None):
    """Wait until everything given to the device is done.

    Raises:
        RuntimeError: there is no accelerator.
    """
    space(device_class(_needed(), _index(device))).synchronize()


def empty_cache():
    """Give memory that no array occupies back to the devices.

    Raises:
        RuntimeError: there is no accelerator.
    """
    kind = _needed()
    for index in range(device_count()):
        space(device_class(kind, index)).empty_cache()


def memory_allocated(device_index=None):
    """Bytes that arrays occupy on the device now.

    Raises:
        RuntimeError: there is no accelerator.
    """
    return space(device_class(_needed(), _index(device_index))).memory_allocated()
