"""What the allocator of glibc does with memory that arrays leave behind.

By default it gives large blocks back to the system as soon as they are free. The next array gets fresh pages, and each page
of 4 KiB costs a page fault when it is first touched, more than the arithmetic on it: x * x on (2000, 1000) float32 with its
backward takes 8.8 ms so and 2.2 ms where the memory is kept.
"""

import ctypes
import os
import sys

__all__ = ["keep_freed_memory"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the options' numbers in <malloc.h>
KEPT = 1 << 29  # bytes that are free before any are given back
LARGEST = 1 << 25  # bytes of a block that is kept: no larger value is taken


def keep_freed_memory():
    """Let this process keep up to 512 MiB of freed memory, for blocks up to 32 MiB; whether that was possible.

    Where the environment tunes the allocator (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_``, ``GLIBC_TUNABLES``),
    or another C library is in use, nothing is changed.
    """
    tuned = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys()
    if tuned or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl has none
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEPT))
