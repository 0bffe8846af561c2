"""The cuda device, whichever backend serves it."""

from plugrad.backends import registry
from plugrad.core.device import device as _device
from plugrad.core.device import space as _space


def is_available():
    """Whether a backend for cuda devices is usable here."""
    return device_count() > 0


def device_count():
    """How many cuda devices there are; 0 when no backend for them is usable.

    Example:
        >>> import plugrad
        >>> plugrad.cuda.device_count() >= 0
        True
    """
    try:
        return _space("cuda").device_count()
    except RuntimeError:
        return 0


def why_unavailable():
    """The reasons why no cuda backend is usable, None when one is."""
    try:
        registry.spec_for("cuda")
    except RuntimeError as error:
        return str(error)
    return None


def synchronize(device=None):
    """Wait until everything given to the device is done."""
    _space(_as_device(device)).synchronize()


def memory_allocated(device=None):
    """Bytes that arrays occupy on the device now."""
    return _space(_as_device(device)).memory_allocated()


def current_device():
    """The index of the cuda device that ``"cuda"`` means."""
    return _space("cuda").index


def _as_device(device):
    if device is None:
        return "cuda"
    return _device("cuda", device) if isinstance(device, int) else device


__all__ = ["current_device", "device_count", "is_available", "memory_allocated", "synchronize", "why_unavailable"]
