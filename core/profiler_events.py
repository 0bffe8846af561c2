"""What a profile lists: events, lists of them, and their averages."""

import enum
import json
import os


class DeviceType(enum.Enum):
    """Where an event ran; a profile times the host."""

    CPU = 0
    CUDA = 1


class ProfilerActivity(enum.Enum):
    """What a profile may watch; this one watches the host."""

    CPU = 0
    CUDA = 2


class ProfilerState(enum.Enum):
    """Whether a profile is taken."""

    Disabled = 0
    CPU = 1


class Interval:
    """A time from ``start`` to ``end``, in microseconds."""

    def __init__(self, start, end):
        self.start = start
        self.end = end

    def elapsed_us(self):
        """Return the length."""
        return self.end - self.start


class ProfilerEvent:
    """One event as it is taken down.

    Attributes:
        name, start_us, thread_id, shapes: of the event; shapes is empty unless they were asked for.
        end_us: set when it ends.
        parent: the event that it lies in.
    """

    def __init__(self, name, start_us, thread_id, shapes, parent):
        self.name = name
        self.start_us = start_us
        self.end_us = start_us
        self.thread_id = thread_id
        self.shapes = shapes
        self.parent = parent


def time_text(us):
    """A time with its unit, as torch prints it."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


class Timed:
    """Times as text, for what has ``cpu_time_total``, ``self_cpu_time_total`` and ``count``."""

    device_type = DeviceType.CPU
    is_async = is_remote = is_legacy = False

    @property
    def cpu_time(self):
        """The time per call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self):
        """The time per call with its unit."""
        return time_text(self.cpu_time)

    @property
    def cpu_time_total_str(self):
        """The time with its unit."""
        return time_text(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self):
        """The time without that of inner events, with its unit."""
        return time_text(self.self_cpu_time_total)


class FunctionEvent(Timed):
    """One event of a finished profile.

    Attributes:
        id, name, thread, input_shapes: of the event.
        time_range: the Interval it took.
        cpu_parent, cpu_children: the events around it and in it.
    """

    count = 1

    def __init__(self, id, name, thread, start_us, end_us, input_shapes=()):
        self.id = id
        self.name = name
        self.thread = thread
        self.time_range = Interval(start_us, end_us)
        self.input_shapes = list(input_shapes)
        self.cpu_parent = None
        self.cpu_children = []

    @property
    def key(self):
        """The name."""
        return self.name

    @property
    def cpu_time_total(self):
        """Microseconds, those of inner events included."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """Microseconds without those of inner events."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} device_type={self.device_type} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} input_shapes={self.input_shapes}>"
        )


class FunctionEventAvg(Timed):
    """Several events of one name.

    Attributes:
        key: their name.
        count: how many.
        cpu_time_total, self_cpu_time_total: microseconds, summed.
        input_shapes: where they were grouped by them.
    """

    def __init__(self, key=None, input_shapes=None):
        self.key = key
        self.input_shapes = input_shapes
        self.count = 0
        self.cpu_time_total = 0.0
        self.self_cpu_time_total = 0.0

    def add(self, event):
        """Count an event in; returns the sum."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        return self

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f"input_shapes={self.input_shapes}>"
        )


SORTABLE = ("cpu_time", "cpu_time_total", "self_cpu_time_total", "count")
HEADERS = ("Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")


class EventList(list):
    """Events, or averages, with a table of them."""

    @property
    def self_cpu_time_total(self):
        """Microseconds of all of them."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self, group_by_input_shape=False):
        """Return the averages by name.

        Args:
            group_by_input_shape: by the arguments' shapes as well.
        """
        groups = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shape else None
            key = event.key, str(shapes)
            groups.setdefault(key, FunctionEventAvg(event.key, shapes)).add(event)
        return EventList(groups.values())

    def total_average(self):
        """Return the sum of all events."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(self, sort_by=None, row_limit=100, max_name_column_width=55, header=None):
        """Return a table as text.

        Args:
            sort_by: "cpu_time", "cpu_time_total", "self_cpu_time_total" or "count", the largest first.
            row_limit: how many rows, -1 for all.
            max_name_column_width: longer names are cut.
            header: a line above.

        Raises:
            ValueError: another sort_by.
        """
        if sort_by is not None and sort_by not in SORTABLE:
            raise ValueError(f"sort_by should be one of {', '.join(SORTABLE)}, but got {sort_by}")
        events = list(self) if sort_by is None else sorted(self, key=lambda e: getattr(e, sort_by), reverse=True)
        events = events if row_limit < 0 else events[:row_limit]
        return table_text(events, self.self_cpu_time_total, max_name_column_width, header)

    def export_chrome_trace(self, path):
        """Write the events as a trace for chrome://tracing.

        Args:
            path: of the file.
        """
        with open(path, "w", encoding="utf-8") as file:
            json.dump([trace_of(event) for event in self], file)


def trace_of(event):
    return {
        "ph": "X",
        "name": event.name,
        "ts": event.time_range.start,
        "dur": event.time_range.elapsed_us(),
        "tid": event.thread,
        "pid": os.getpid(),
        "args": {"Input Dims": event.input_shapes},
    }


def table_text(events, total, name_width, header):
    rows = [row_of(event, total, name_width) for event in events]
    widths = [max([12, *(len(row[i]) for row in [HEADERS, *rows])]) for i in range(len(HEADERS))]
    rule = "  ".join("-" * width for width in widths)
    lines = [rule, aligned(HEADERS, widths), rule, *(aligned(row, widths) for row in rows), rule]
    above = [] if header is None else ["=" * len(rule), header]
    return "\n".join([*above, *lines, f"Self CPU time total: {time_text(total)}", ""])


def row_of(event, total, name_width):
    name = event.key if len(event.key) <= name_width else event.key[: name_width - 3] + "..."
    share, whole = (100 * us / total if total else 0.0 for us in (event.self_cpu_time_total, event.cpu_time_total))
    return (
        name,
        f"{share:.2f}%",
        event.self_cpu_time_total_str,
        f"{whole:.2f}%",
        event.cpu_time_total_str,
        event.cpu_time_str,
        str(event.count),
    )


def aligned(row, widths):
    return "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))


__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "ProfilerActivity",
    "ProfilerEvent",
    "ProfilerState",
]
