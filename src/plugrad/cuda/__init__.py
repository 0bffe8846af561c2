"""The cuda device, whichever backend serves it."""

import typing as _typing

from plugrad.backends import registry
from plugrad.core.device import device as _device
from plugrad.core.device import space as _space
from plugrad.core.generator import manual_seed as _manual_seed

if _typing.TYPE_CHECKING:
    from plugrad.cuda import amp


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
    """Wait until everything given to the device is done.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
        ValueError: a device of another type.
    """
    _usable(device).synchronize()


def memory_allocated(device=None):
    """Bytes that arrays occupy on the device now; 0 where no cuda device can be used.

    Raises:
        ValueError: a device of another type, where there is a cuda device.
    """
    return _usable(device).memory_allocated() if is_available() else 0


def current_device():
    """The index of the cuda device that ``"cuda"`` means.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    return _usable(None).index


def is_initialized():
    """Whether a cuda device can be used; there is nothing to initialise."""
    return is_available()


def manual_seed(seed):
    """Seed the random stream that cuda tensors are filled from; without a device this does nothing.

    All devices draw from the one stream of the host, so that a seed gives the same numbers everywhere.
    """
    if is_available():
        _manual_seed(seed)


manual_seed_all = manual_seed


def empty_cache():
    """Give memory that no array occupies back to the device; without a device this does nothing."""
    for index in range(device_count()):
        _space(_device("cuda", index)).empty_cache()


def _usable(device):
    """The namespace of a cuda device, named as torch allows it: None, a number, a text or a device."""
    why = why_unavailable()
    if why is not None:
        raise registry.DeviceUnavailable(why)
    if device is None:
        return _space("cuda")
    named = _device("cuda", device) if isinstance(device, int) else _device(device)
    if named.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {named}")
    return _space(named)


__all__ = [
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "memory_allocated",
    "synchronize",
    "why_unavailable",
]


if not _typing.TYPE_CHECKING:

    def __getattr__(name):
        if name == "amp":  # imported when first asked for
            import importlib

            return importlib.import_module("plugrad.cuda.amp")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
