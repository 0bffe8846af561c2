"""A profile: how long each op of a block took, forward and backward."""

import functools
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar

from .hooks import TIMER
from .interception import OpMode, proceed
from .profiler_events import EventList, FunctionEvent, ProfilerActivity, ProfilerEvent, ProfilerState

_running: ContextVar["profile | None"] = ContextVar("plugrad_profile", default=None)


def kineto_available():
    """Return False: profiles are taken without torch's kineto library."""
    return False


class profile(OpMode):
    """A block whose ops are timed: those of the forward pass, the nodes of a backward, and :class:`record_function` blocks.

    Args:
        enabled: False makes it an ordinary block.
        record_shapes: note the shapes of the ops' tensor arguments.
        use_cuda, use_device, with_flops, profile_memory, with_stack, with_modules, use_kineto, use_cpu, experimental_config,
            acc_events, custom_trace_id_callback, post_processing_timeout_s, activity_filters: torch's others; only their
            defaults are supported. Work that a device does on its own is not waited for.

    Attributes:
        function_events: the events, when the block has ended.

    Raises:
        NotImplementedError: another argument.
        RuntimeError: profiles are nested, or read too early.

    Example:
        >>> import plugrad
        >>> from plugrad.autograd import profiler
        >>> x = plugrad.ones(3, requires_grad=True)
        >>> with profiler.profile() as taken:
        ...     x.exp().sum().backward()
        >>> [event.name for event in taken.function_events]
        ['exp', 'sum_all', 'SumBackward0', 'ExpBackward0']
    """

    profiler_kind = ProfilerState.CPU
    activities = frozenset({ProfilerActivity.CPU})

    def __init__(
        self,
        enabled=True,
        *,
        use_cuda=False,
        use_device=None,
        record_shapes=False,
        with_flops=False,
        profile_memory=False,
        with_stack=False,
        with_modules=False,
        use_kineto=False,
        use_cpu=True,
        experimental_config=None,
        acc_events=False,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
        activity_filters=None,
    ):
        refused = {
            "use_cuda": use_cuda,
            "use_device": use_device,
            "with_flops": with_flops,
            "profile_memory": profile_memory,
            "with_stack": with_stack,
            "with_modules": with_modules,
            "use_kineto": use_kineto,
            "use_cpu=False": not use_cpu,
            "experimental_config": experimental_config,
            "acc_events": acc_events,
            "custom_trace_id_callback": custom_trace_id_callback,
            "post_processing_timeout_s": post_processing_timeout_s,
            "activity_filters": activity_filters,
        }
        for name, value in refused.items():
            if value:
                raise NotImplementedError(f"profile: {name} is not supported")
        self.enabled = enabled
        self.record_shapes = record_shapes
        self._taken = []
        self._open = []
        self._events = None

    def __enter__(self):
        if not self.enabled:
            return self
        if _running.get() is not None:
            raise RuntimeError("Profiler is already enabled on this thread")
        if self._events is not None:
            raise RuntimeError("Profiler context manager is not reentrant")
        _running.set(self)
        TIMER.set(self._node)
        return super().__enter__()

    def __exit__(self, *exception):
        if not self.enabled:
            return
        super().__exit__(*exception)
        TIMER.set(None)
        _running.set(None)
        self._events = finished(self._taken)

    def op(self, row, plain, inputs, statics):
        """Time one op."""
        shapes = [list(getattr(value, "shape", ())) for value in inputs] if self.record_shapes else []
        with self.event(row.name.rstrip("_"), shapes):
            return proceed(row, plain, inputs, statics)

    def _node(self, node):
        return self.event(node.name())

    @contextmanager
    def event(self, name, shapes=()):
        """A block that is an event of its own."""
        around = self._open[-1] if self._open else None
        taken = ProfilerEvent(name, now(), threading.get_ident(), shapes, around)
        self._taken.append(taken)
        self._open.append(taken)
        try:
            yield
        finally:
            self._open.pop()
            taken.end_us = now()

    @property
    def function_events(self):
        """The events."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def key_averages(self, group_by_input_shape=False):
        """As :meth:`EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape)

    def total_average(self):
        """As :meth:`EventList.total_average`."""
        return self.function_events.total_average()

    def table(self, sort_by=None, row_limit=100, max_name_column_width=55, header=None):
        """As :meth:`EventList.table`."""
        return self.function_events.table(sort_by, row_limit, max_name_column_width, header)

    def export_chrome_trace(self, path):
        """As :meth:`EventList.export_chrome_trace`."""
        self.function_events.export_chrome_trace(path)

    @property
    def self_cpu_time_total(self):
        """Microseconds of all events."""
        return self.function_events.self_cpu_time_total

    def __repr__(self):
        return "<unfinished torch.autograd.profile>" if self._events is None else self.key_averages().table()


def now():
    return time.perf_counter_ns() / 1e3


def finished(taken):
    made = {}
    for i, event in enumerate(taken):
        made[event] = FunctionEvent(i + 1, event.name, event.thread_id, event.start_us, event.end_us, event.shapes)
        if event.parent is not None:
            made[event].cpu_parent = made[event.parent]
            made[event.parent].cpu_children.append(made[event])
    return EventList(made.values())


class record_function:
    """A block, or by decoration a function, that a running profile lists under a name.

    Args:
        name: the event's.
        args: not used; torch's note for other tools.
    """

    def __init__(self, name, args=None):
        self.name = name
        self.args = args

    def __enter__(self):
        running = _running.get()
        self._event = None if running is None else running.event(self.name)
        if self._event is not None:
            self._event.__enter__()
        return self

    def __exit__(self, *exception):
        event, self._event = self._event, None
        if event is not None:
            event.__exit__(*exception)

    def __call__(self, function):
        @functools.wraps(function)
        def recorded(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return recorded


__all__ = ["kineto_available", "profile", "record_function"]
