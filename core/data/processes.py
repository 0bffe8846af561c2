"""A pass over a loader's batches that worker processes read."""

import itertools
import multiprocessing
import signal
import warnings
from multiprocessing.connection import wait

from .loader import Count
from .sampler import draw_seed
from .worker import END, FAILURE, Plan, receive, work

__all__ = ["_MultiProcessingDataLoaderIter"]

#: Seconds for a worker to end by itself.
PATIENCE = 5


class _Worker:
    """A process, our end of its pipe, and how many tasks it has."""

    def __init__(self, context, plan, number):
        self.number = number
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, plan, number), daemon=True)
        with warnings.catch_warnings():
            # From 3.12 on a fork beside threads warns, also of those of BLAS; a worker computes with one thread.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded, use of fork", DeprecationWarning)
            self.process.start()
        theirs.close()
        self.is_active = True
        self.tasks = 0

    def died(self):
        """The error to raise for a process that ended by itself."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        error = RuntimeError(f"DataLoader worker (pid(s) {self.process.pid}) exited unexpectedly")
        told = f"exit code {code}" if code is None or code >= 0 else f"signal {signal.Signals(-code).name}"
        error.add_note(
            f"worker {self.number} ended by {told}; a killed worker often is one that took more memory than there is: try fewer "
            "workers or num_workers=0, which also shows the error of a data set that crashes"
        )
        return error

    def stop(self):
        try:
            self.connection.send(None)
        except OSError:
            return


class _MultiProcessingDataLoaderIter:
    """One pass over a loader's batches, several with persistent workers.

    Tasks are numbered in the order of the sampler and handed out in turn; batches come back in any order and are put back
    into it, unless the loader says ``in_order=False``. A result of an earlier pass, which was broken off, is dropped.
    """

    def __init__(self, loader):
        self._loader = loader
        self._workers = []
        indices = iter(loader._index_sampler)
        plan = Plan(
            loader.dataset, loader.collate_fn, loader.batch_sampler is not None, loader.drop_last, loader.worker_init_fn,
            loader.num_workers, draw_seed(loader.generator),
        )  # fmt: skip
        context = loader.multiprocessing_context or multiprocessing
        for number in range(loader.num_workers):
            self._workers.append(_Worker(context, plan, number))
        self._prefetch = max(1, loader.prefetch_factor or 2)
        self._run = 0
        self._begin(indices)

    def _reset(self):
        """Begin another pass with the same workers."""
        self._run += 1
        self._begin(iter(self._loader._index_sampler))

    def _begin(self, indices):
        self._indices = indices
        self._in_turn = itertools.cycle(self._workers)
        self._sent = self._next = 0
        self._count = Count(self._loader)
        self._ready = {}
        self._holders = {}
        for worker in self._workers:
            worker.is_active, worker.tasks = True, 0
        for _ in range(self._prefetch * len(self._workers)):
            self._hand_out()

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)

    # --- tasks ---
    def _hand_out(self):
        """Give the next task to a worker, if there are both."""
        worker = self._free_worker()
        if worker is None:
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        try:
            worker.connection.send((self._run, self._sent, indices))
        except OSError:
            raise worker.died() from None
        worker.tasks += 1
        self._holders[self._sent] = worker
        self._sent += 1

    def _free_worker(self):
        active = sum(worker.is_active for worker in self._workers)
        most = None if self._loader.in_order else self._prefetch * len(self._workers) // max(active, 1)
        for worker in itertools.islice(self._in_turn, len(self._workers)):
            if worker.is_active and (most is None or worker.tasks < most):
                return worker
        return None

    # --- results ---
    def __next__(self):
        number, kind, content = self._await()
        del self._holders[number]
        self._hand_out()
        if kind == FAILURE:
            raise content.error()
        self._count.one_more()
        return content

    def _await(self):
        """The next (number, kind, content) that is no end of a worker's stream."""
        while self._holders:
            if self._next in self._ready:
                number = self._next
                self._next += 1
                return number, *self._ready.pop(number)
            if self._loader.in_order and self._next not in self._holders:
                self._next += 1  # a task of a worker whose stream had ended
                continue
            number, kind, content = self._receive()
            if kind == END:
                self._end_of_stream(number)
            elif self._loader.in_order:
                self._ready[number] = kind, content
            else:
                return number, kind, content
        if not self._loader.persistent_workers:
            self._shut_down()
        raise StopIteration

    def _end_of_stream(self, number):
        worker = self._holders[number]
        worker.is_active = False
        for held in [n for n, w in self._holders.items() if w is worker and n not in self._ready]:
            del self._holders[held]
        self._hand_out()

    def _receive(self):
        """The next message of this pass, ``(number, kind, content)``."""
        while True:
            worker = self._heard()
            try:
                (run, number), kind, content = receive(worker.connection)
            except (EOFError, OSError):
                raise worker.died() from None
            if run == self._run and number in self._holders:
                worker.tasks -= 1
                return number, kind, content

    def _heard(self):
        """A worker from which there is something to read."""
        speaking = {worker.connection: worker for worker in self._workers}
        ended = {worker.process.sentinel: worker for worker in self._workers}
        heard = wait([*speaking, *ended], self._loader.timeout or None)
        for source in heard:
            if source in speaking:
                return speaking[source]
        if not heard:
            raise RuntimeError(f"DataLoader timed out after {self._loader.timeout} seconds")
        raise ended[heard[0]].died()

    # --- the end ---
    def _shut_down(self):
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.connection.close()  # a worker that is writing gets an error and ends
            worker.process.join(PATIENCE)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(PATIENCE)

    def __del__(self):
        self._shut_down()
