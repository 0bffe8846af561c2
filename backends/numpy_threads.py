"""One op in several threads: numpy lets go of the interpreter while it computes.

numpy's BLAS uses all cores for a matrix product, but copies run on one. Where a product is preceded by as much copying, as
in a convolution, it pays to give each thread its own images, and BLAS one core per thread. That needs a hold on the number
of BLAS's threads, which numpy does not offer: it is looked up among the symbols that numpy's extension module is linked
to. Where it is not found (other BLAS libraries), everything runs in the calling thread.
"""

import ctypes
import os
import threading
from functools import cache

import numpy as np

__all__ = ["cores", "in_parallel", "set_threads", "threads", "use_one_core"]


@cache
def _blas():
    """(get, set) for the number of BLAS threads, or None."""
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)
    except (AttributeError, OSError):
        return None
    for form in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
        try:
            return getattr(library, form.format("get")), getattr(library, form.format("set"))
        except AttributeError:
            continue
    return None


class _OneCoreEach:
    """While any thread is inside, BLAS uses one core per call."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = 0
        self.usual = 1

    def __enter__(self):
        with self.lock:
            if not self.inside and _blas():
                get, set_ = _blas()
                self.usual = get()
                set_(1)
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if not self.inside and _blas():
                _blas()[1](self.usual)


_one_core_each = _OneCoreEach()


def use_one_core():
    """Let BLAS use one core in this process from now on."""
    set_threads(1)


def threads():
    """How many threads an op uses when no other one is using them; 1 where BLAS cannot be asked."""
    with _one_core_each.lock:
        if _blas() is None:
            return 1
        return _one_core_each.usual if _one_core_each.inside else _blas()[0]()


def set_threads(n):
    """Let an op use n threads from now on, those that BLAS allows; False where BLAS cannot be told."""
    with _one_core_each.lock:
        if _blas() is None:
            return False
        if _one_core_each.inside:  # it is one just now, and this many when that is over
            _one_core_each.usual = n
        else:
            _blas()[1](n)
    return True


def cores():
    """How many threads an op may use: as many as BLAS; 1 where that is unknown or another op is using them."""
    if _blas() is None or _one_core_each.inside:
        return 1
    return _blas()[0]()


@cache
def _pool():
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), "plugrad")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def in_parallel(function, parts):
    """``[function(part) for part in parts]``, each but the first in a thread of its own."""
    if len(parts) == 1:
        return [function(parts[0])]
    with _one_core_each:
        waiting = [_pool().submit(function, part) for part in parts[1:]]
        try:
            first = function(parts[0])
        finally:
            for future in waiting:
                future.exception()  # none may still write when this returns
        return [first, *(future.result() for future in waiting)]
