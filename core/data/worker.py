"""The process that loads batches for a DataLoader.

It gets tasks, (pass, number, indices), over a pipe and sends back (pass, number, what it is, content). A thread takes the
tasks from the pipe, so that neither side waits for the other to read while both are writing.
"""

import pickle
import queue
import random
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any, NamedTuple

from ..device import space
from ..generator import default_generator, seed_numpy
from .dataset import IterableDataset
from .reading import reader
from .worker_info import WorkerInfo, set_worker_info

__all__ = ["BATCH", "END", "FAILURE", "Failure", "Plan", "receive", "work"]

BATCH, FAILURE, END = range(3)


class Plan(NamedTuple):
    """What all workers of a loader are told."""

    dataset: Any
    collate_fn: Any
    batched: bool
    drop_last: bool
    init_fn: Any
    num_workers: int
    base_seed: int


class Failure:
    """An exception of a worker, as text: tracebacks cannot be sent."""

    def __init__(self, error, worker):
        self.type = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.worker = worker

    def __getstate__(self):
        try:
            pickle.dumps(self.type)
        except Exception:  # a class within a function
            return {**self.__dict__, "type": None, "name": self.type.__name__}
        return self.__dict__

    def error(self):
        """The exception to raise in the process that iterates: of the same type where it takes a text."""
        name = self.type.__name__ if self.type else self.name
        text = f"Caught {name} in DataLoader worker process {self.worker}.\nOriginal {self.text}"
        if self.type is KeyError:
            return KeyError(_Plain(text))
        try:
            return self.type(text)
        except Exception:
            return RuntimeError(text)


class _Plain(str):
    """A KeyError shows the repr of its key."""

    def __repr__(self):
        return str(self)


# --- messages ---
def send(connection, message):
    """Arrays go behind the pickle as they are, without a copy in it."""
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    connection.send_bytes(text)
    sizes = [b.raw().nbytes for b in buffers]
    connection.send(sizes)
    for size, buffer in zip(sizes, buffers, strict=True):
        if size:
            connection.send_bytes(buffer.raw())


def receive(connection):
    text = connection.recv_bytes()
    buffers = [bytearray(size) for size in connection.recv()]  # writable, as the tensors made of them must be
    for buffer in buffers:
        if buffer:
            connection.recv_bytes_into(buffer)
    return pickle.loads(text, buffers=buffers)


def tasks_of(connection, tasks):
    """Hand tasks on until the last one, None, has come or the main process is gone."""
    parent = parent_process().sentinel
    while True:
        try:
            task = connection.recv() if connection in wait([connection, parent]) else None
        except (EOFError, OSError):
            task = None
        tasks.put(task)
        if task is None:
            return


# --- the process ---
def work(connection, plan, worker):
    """Load batches until there are no more tasks."""
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=tasks_of, args=(connection, tasks), daemon=True).start()
    try:
        for number, kind, content in batches(plan, worker, tasks):
            try:
                send(connection, (number, kind, content))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                send(connection, (number, FAILURE, Failure(error, worker)))
    except (KeyboardInterrupt, BrokenPipeError):
        return  # the main process was interrupted as well, or does not listen any more


def batches(plan, worker, tasks):
    """((pass, number), kind, content) for each task."""
    failed = begin(plan, worker)
    current, read = None, None
    for run, number, indices in iter(tasks.get, None):
        if failed is not None:
            yield (run, number), FAILURE, failed
            failed = None
            continue
        try:
            if run != current:
                current, read = run, reader(plan.dataset, plan.collate_fn, plan.batched, plan.drop_last)
            yield (run, number), BATCH, read(indices)
        except StopIteration as error:
            if isinstance(plan.dataset, IterableDataset):
                yield (run, number), END, None
            else:
                yield (run, number), FAILURE, Failure(error, worker)
        except Exception as error:
            yield (run, number), FAILURE, Failure(error, worker)


def begin(plan, worker):
    """Seed all generators of the process; returns the failure of the user's own beginning, None if there was none."""
    space("cpu").use_one_core()
    seed = plan.base_seed + worker
    random.seed(seed)
    default_generator.manual_seed(seed)
    seed_numpy(plan.base_seed, worker)
    set_worker_info(WorkerInfo(worker, plan.num_workers, seed, plan.dataset))
    try:
        if plan.init_fn is not None:
            plan.init_fn(worker)
    except Exception as error:
        return Failure(error, worker)
    return None
