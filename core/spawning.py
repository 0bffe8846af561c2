"""Several processes that run one function, and what becomes of them."""

import multiprocessing
import multiprocessing.connection
import signal
import sys
import time
import traceback
import warnings

__all__ = [
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


class ProcessException(Exception):
    """A process that was started failed.

    Attributes:
        error_index: which one, from 0.
        error_pid: its process id.
    """

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = error_pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """The function raised; the text has its traceback."""


class ProcessExitedException(ProcessException):
    """The process ended otherwise: by a signal, or with an exit code.

    Attributes:
        exit_code: the code, the negative number of a signal.
        signal_name: the signal's name, None where it was none.
    """

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(fn, index, args, failures):
    """What a process does: the function, and its traceback for the parent where it raises."""
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted as well, and says so
    except Exception:
        failures.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """Processes that were started together.

    Attributes:
        processes: one for each index.
    """

    def __init__(self, processes, failures):
        self.processes = processes
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}
        self._failures = dict(enumerate(failures))  # connections on which a traceback may come
        self._texts: dict[int, str] = {}

    def pids(self):
        """The process ids."""
        return [process.pid for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Wait until a process ends; if it failed, end all others and raise.

        Args:
            timeout: seconds to wait at most.
            grace_period: after a failure, seconds for the others to end by themselves, and again after they were told to.

        Returns:
            Whether all have ended.

        Raises:
            ProcessRaisedException: the function raised in a process.
            ProcessExitedException: a process ended by a signal or with an exit code.
        """
        if not self.sentinels:
            return True
        failed = self._wait(timeout)
        if failed is not None:
            self._end_all(grace_period)
            raise self._error(failed)
        return not self.sentinels

    def _wait(self, timeout):
        """Take what comes first, ends of processes or tracebacks; the index of a process that failed."""
        # A traceback is read while its process still writes: it may be longer than the pipe holds.
        waiting = {connection: index for index, connection in self._failures.items()}
        for ready in multiprocessing.connection.wait([*self.sentinels, *waiting], timeout):
            if ready in waiting:
                self._read(waiting[ready])
        for sentinel in multiprocessing.connection.wait(list(self.sentinels), 0):
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                return index
        return None

    def _read(self, index):
        connection = self._failures.pop(index)
        try:
            self._texts[index] = connection.recv()
        except EOFError:  # it ended without one
            pass
        finally:
            connection.close()

    def _end_all(self, grace_period):
        if grace_period is not None:
            self._join_all(grace_period)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        self._join_all(30 if grace_period is None else grace_period)
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()

    def _join_all(self, seconds):
        end = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0, end - time.monotonic()))

    def _error(self, index):
        process = self.processes[index]
        if index in self._failures:
            self._read(index)
        if index in self._texts:
            text = f"\n\n-- Process {index} terminated with the following error:\n{self._texts[index]}"
            return ProcessRaisedException(text, index, process.pid)
        code = process.exitcode
        if code >= 0:
            return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"<Unknown signal {-code}>"
        return ProcessExitedException(f"process {index} terminated with signal {name}", index, process.pid, code, name)


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Start processes that each call ``fn(index, *args)``.

    Args:
        fn: a function; with "spawn" it must be one of a module, by its name.
        args: its further arguments; tensors among them are sent as copies.
        nprocs: how many.
        join: wait until all have ended, and raise if one fails.
        daemon: whether they end with this process.
        start_method: "spawn", "fork" or "forkserver".

    Returns:
        None after waiting, otherwise a :class:`ProcessContext`.

    Raises:
        ProcessRaisedException: the function raised in a process; the others were ended.
        ProcessExitedException: a process ended by a signal or with an exit code; the others were ended.
    """
    context = multiprocessing.get_context(start_method)
    processes, failures = [], []
    for index in range(nprocs):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, index, args, sender), daemon=daemon)
        process.start()
        sender.close()  # so that the end of the process is the end of the pipe
        processes.append(process)
        failures.append(receiver)
    started = ProcessContext(processes, failures)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """As :func:`start_processes`, always by "spawn"."""
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\nTo use a different start_method use:\n\t\t"
            " torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, "spawn")


# --- how tensors are sent ---
STRATEGIES = frozenset({"file_descriptor", "file_system"})


class Sharing:
    """What was set."""

    strategy = "file_descriptor"


def get_all_sharing_strategies():
    """The names that :func:`set_sharing_strategy` takes."""
    return set(STRATEGIES)


def get_sharing_strategy():
    """What :func:`set_sharing_strategy` set; "file_descriptor" at first."""
    return Sharing.strategy


def set_sharing_strategy(new_strategy):
    """Hold how memory is to be shared between processes. None is: tensors are sent as copies, so nothing can run out of it.

    Raises:
        AssertionError: another name than torch's two.
    """
    assert new_strategy in STRATEGIES, (
        f"invalid sharing strategy {new_strategy!r}, expected one of {get_all_sharing_strategies()}"
    )
    Sharing.strategy = new_strategy
