"""The accelerator of this machine: the first of cuda, xpu and mps that a backend serves here."""

from plugrad.core.accelerator import (
    current_accelerator,
    current_device_idx,
    current_device_index,
    device_count,
    device_index,
    empty_cache,
    is_available,
    memory_allocated,
    set_device_idx,
    set_device_index,
    synchronize,
)

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
