# ruff: noqa: A005  (torch's module name)
"""Python's multiprocessing, and functions that run one function in several processes.

Tensors are sent to other processes as copies: no memory is shared, and writing to a tensor that was sent changes nothing here.
"""

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403

from plugrad.core.spawning import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    get_all_sharing_strategies,
    get_sharing_strategy,
    set_sharing_strategy,
    spawn,
    start_processes,
)

__all__ = [
    *_multiprocessing.__all__,
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
__all__.sort()
