"""What a worker process knows about itself."""

from typing import Any, NamedTuple

__all__ = ["WorkerInfo", "get_worker_info", "set_worker_info"]


class WorkerInfo(NamedTuple):
    """What :func:`get_worker_info` tells in a worker: its number, how many there are, its seed, its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Current:
    info = None


def get_worker_info():
    """The :class:`WorkerInfo` of the worker process that asks, None in any other process.

    An iterable data set reads its share by it: each worker iterates over a copy of its own.

    Example:
        >>> from plugrad.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return _Current.info


def set_worker_info(info):
    _Current.info = info
