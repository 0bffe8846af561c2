"""The cpu by the names that device modules have: there is one, and it computes at once."""

from plugrad.core.device import space as _space


def is_available():
    """True."""
    return True


def is_initialized():
    """True: there is nothing to initialise."""
    return True


def device_count():
    """1, however many cores there are.

    Example:
        >>> import plugrad
        >>> plugrad.cpu.device_count()
        1
    """
    return _space("cpu").device_count()


def current_device():
    """The name of the device, "cpu"."""
    return "cpu"


def set_device(device):
    """Nothing: there is one cpu, which stays the current one."""


def synchronize(device=None):
    """Wait until everything given to the cpu is done; on numpy it is."""
    _space("cpu").synchronize()


__all__ = ["current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]
