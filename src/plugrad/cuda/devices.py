"""Choosing a cuda device, and what it is."""

import dataclasses

from plugrad.backends import registry
from plugrad.core.device import device as _a_device
from plugrad.core.device import space
from plugrad.cuda import _named, _usable, why_unavailable

__all__ = [
    "DeviceProperties",
    "can_device_access_peer",
    "device",
    "device_of",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "ipc_collect",
    "is_bf16_supported",
    "set_device",
]


def unavailable(text):
    """torch's words for what needs a device, and why there is none."""
    return registry.DeviceUnavailable(f"{text}: {why_unavailable().partition(': ')[2]}")


def asked(xp, name):
    """A function that a backend for cuda devices may have.

    Raises:
        NotImplementedError: the backend lacks it.
    """
    found = getattr(xp, name, None)
    if found is None:
        raise NotImplementedError(
            f"plugrad.cuda: the backend {xp.name!r} does not tell this: its namespace has no {name}()"
        )
    return found


def exchange(index):
    """Make a device the current one and return which was; nothing for a negative index."""
    if index < 0:
        return -1
    if why_unavailable() is not None:
        raise unavailable("PyTorch was compiled without CUDA support")
    before, after = space("cuda"), space(_a_device("cuda", index))
    if after is not before:
        asked(after, "make_current")
        type(after).make_current(after)  # not the namespace's own, after which the outer device is current again
    return before.index


def index_of(device):
    """The number of a device; -1 for None and for a negative number."""
    if device is None:
        return -1
    if isinstance(device, int):
        return max(device, -1)
    named = _named(device)
    return (space("cuda").index if why_unavailable() is None else 0) if named.index is None else named.index


class device:
    """A block in which a device is the current one: what ``"cuda"`` without a number means, and where cupy allocates.

    Which device is current is known to each thread for itself. An index of None or below zero changes nothing.

    Args:
        device: a number, a text such as ``"cuda:1"``, a device or None.

    Raises:
        ValueError: a device of another type.
        RuntimeError: at the start of the block: there is no such device.

    Example:
        >>> import plugrad
        >>> with plugrad.cuda.device(None):
        ...     plugrad.ones(2).device
        device(type='cpu')
    """

    def __init__(self, device):
        self.idx = index_of(device)
        self.prev_idx = -1

    def __enter__(self):
        self.prev_idx = exchange(self.idx)

    def __exit__(self, *exception):
        self.idx = exchange(self.prev_idx)
        return False


class device_of(device):
    """A block in which the device of a tensor is the current one; nothing changes for a tensor that is not on cuda.

    Args:
        obj: a tensor.

    Example:
        >>> import plugrad
        >>> with plugrad.cuda.device_of(plugrad.ones(1)):
        ...     plugrad.ones(2).device
        device(type='cpu')
    """

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def set_device(device):
    """Make a device the current one of this thread; a negative number changes nothing.

    Raises:
        ValueError: a device of another type or without a number.
        RuntimeError: there is no such device.
    """
    index = device if isinstance(device, int) else _named(device).index
    if index is None:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    if index >= 0:
        _usable(index)
        exchange(index)


@dataclasses.dataclass(frozen=True)
class DeviceProperties:
    """What is known of a cuda device; the sizes are in bytes."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    warp_size: int
    max_threads_per_multi_processor: int
    regs_per_multiprocessor: int
    shared_memory_per_block: int
    is_integrated: int
    is_multi_gpu_board: int


#: Our name → CUDA's.
_NAMES = {
    "name": "name", "major": "major", "minor": "minor", "total_memory": "totalGlobalMem",
    "multi_processor_count": "multiProcessorCount", "warp_size": "warpSize",
    "max_threads_per_multi_processor": "maxThreadsPerMultiProcessor", "regs_per_multiprocessor": "regsPerMultiprocessor",
    "shared_memory_per_block": "sharedMemPerBlock", "is_integrated": "integrated", "is_multi_gpu_board": "isMultiGpuBoard",
}  # fmt: skip


def get_device_properties(device=None):
    """What is known of a device: its name, ``major``, ``minor``, ``total_memory``, ``multi_processor_count`` and more.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
        ValueError: a device of another type.
    """
    told = asked(_usable(device), "device_properties")()
    return DeviceProperties(told["name"].decode(), **{n: told[_NAMES[n]] for n in _NAMES if n != "name"})


def get_device_name(device=None):
    """The name of a device, as :func:`get_device_properties` tells it."""
    return get_device_properties(device).name


def get_device_capability(device=None):
    """``(major, minor)`` of a device, as :func:`get_device_properties` tells them."""
    found = get_device_properties(device)
    return found.major, found.minor


def can_device_access_peer(device, peer_device):
    """Whether a device can read the memory of another one.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    xp, peer = _usable(device), _usable(peer_device)
    if xp is peer:
        return False
    return asked(xp, "reaches")(peer.index)


def is_bf16_supported(including_emulation=True):
    """Whether the backend computes in bfloat16 on the current device: cupy 14 does not; False without a device.

    Args:
        including_emulation: no difference: what a backend has it computes itself.
    """
    return why_unavailable() is None and space("cuda").bfloat16 is not None


def init():
    """Nothing where a cuda device can be used: the first use of it does all there is to do.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    _usable(None)


def ipc_collect():
    """Nothing where a cuda device can be used: plugrad gives no memory of it to other processes.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    _usable(None)
