"""The cuda device, whichever backend serves it."""

import typing as _typing

from plugrad.backends import registry
from plugrad.core.device import device as _device
from plugrad.core.device import space as _space
from plugrad.core.generator import manual_seed as _manual_seed
from plugrad.core.lazy import names_of as _names_of

if _typing.TYPE_CHECKING:
    from plugrad.cuda import amp, memory, nvtx, random, streams
    from plugrad.cuda.devices import (
        can_device_access_peer,
        device,
        device_of,
        get_device_capability,
        get_device_name,
        get_device_properties,
        init,
        ipc_collect,
        is_bf16_supported,
        set_device,
    )
    from plugrad.cuda.memory import (
        OutOfMemoryError,
        get_per_process_memory_fraction,
        max_memory_allocated,
        max_memory_reserved,
        mem_get_info,
        memory_reserved,
        memory_stats,
        memory_summary,
        reset_peak_memory_stats,
        set_per_process_memory_fraction,
    )
    from plugrad.cuda.random import (
        get_rng_state,
        get_rng_state_all,
        initial_seed,
        seed,
        seed_all,
        set_rng_state,
        set_rng_state_all,
    )
    from plugrad.cuda.streams import Event, Stream, StreamContext, current_stream, default_stream, set_stream, stream


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
    return _space("cuda") if device is None else _space(_named(device))


def _named(device):
    """The cuda device that a number, a text or a device names."""
    named = _device("cuda", device) if isinstance(device, int) else _device(device)
    if named.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {named}")
    return named


__all__ = [
    "Event",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "amp",
    "can_device_access_peer",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_per_process_memory_fraction",
    "get_rng_state",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "nvtx",
    "random",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "stream",
    "streams",
    "synchronize",
    "why_unavailable",
]


if not _typing.TYPE_CHECKING:  # imported when first asked for
    __getattr__, __dir__ = _names_of(
        __name__,
        dict.fromkeys(
            "can_device_access_peer device device_of get_device_capability get_device_name get_device_properties init "
            "ipc_collect is_bf16_supported set_device".split(),
            "devices",
        )
        | dict.fromkeys(
            "OutOfMemoryError get_per_process_memory_fraction max_memory_allocated max_memory_reserved mem_get_info "
            "memory_reserved memory_stats memory_summary reset_peak_memory_stats set_per_process_memory_fraction".split(),
            "memory",
        )
        | dict.fromkeys(
            "get_rng_state get_rng_state_all initial_seed seed seed_all set_rng_state set_rng_state_all".split(),
            "random",
        )
        | dict.fromkeys(
            "Event Stream StreamContext current_stream default_stream set_stream stream".split(), "streams"
        ),
        ("amp", "memory", "nvtx", "random", "streams"),
    )
