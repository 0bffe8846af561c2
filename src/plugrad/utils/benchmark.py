"""Timing a statement: often enough that the clock does not matter, and several times over."""

import dataclasses
import math
import statistics
import textwrap
import timeit

import plugrad
from plugrad.cuda import device_count, synchronize

__all__ = ["Measurement", "Timer", "timer"]

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_NOISY, _VERY_NOISY = 0.1, 0.25  # of the interquartile range to the median


def timer():
    """Seconds on a clock, once cuda devices have done what they were given."""
    for index in range(device_count()):
        synchronize(index)
    return timeit.default_timer()


@dataclasses.dataclass(repr=False)
class Measurement:
    """How long a statement took: ``raw_times`` are seconds for ``number_per_run`` runs each.

    Example:
        >>> from plugrad.utils.benchmark import Measurement
        >>> found = Measurement(10, [2.0, 4.0, 3.0], "x + 1")
        >>> found.times, found.mean, found.median
        ([0.2, 0.4, 0.3], 0.3, 0.3)
    """

    number_per_run: int
    raw_times: list
    stmt: str
    setup: str = "pass"
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None

    @property
    def times(self):
        """Seconds per run, measurement by measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self):
        """The mean of :attr:`times`."""
        return statistics.fmean(self.times)

    @property
    def median(self):
        """The median of :attr:`times`."""
        return self._quantile(0.5)

    @property
    def iqr(self):
        """From the first quartile of :attr:`times` to the third."""
        return self._quantile(0.75) - self._quantile(0.25)

    def _quantile(self, part):
        ordered = sorted(self.times)
        below, rest = divmod(part * (len(ordered) - 1), 1)
        low, high = ordered[int(below)], ordered[math.ceil(below + rest)]
        return low + (high - low) * rest

    @property
    def title(self):
        """The label and sub-label; the statement where there is no label."""
        name = self.stmt if self.label is None else self.label
        return f"{name}: {self.sub_label}" if self.sub_label else name

    @property
    def has_warnings(self):
        """Whether the times differ much, that is, the interquartile range is more than a tenth of the median."""
        return self.iqr > _NOISY * self.median

    def __repr__(self):
        middle, several = self.median, len(self.raw_times) > 1
        unit, scale = next((pair for pair in _UNITS if middle >= pair[1]), _UNITS[-1])
        lines = [object.__repr__(self), self.title]
        if self.description:
            lines.append(self.description)
        if self.setup not in ("", "pass"):
            lines.append(
                f"setup: {self.setup}" if "\n" not in self.setup else f"setup:\n{textwrap.indent(self.setup, '  ')}"
            )
        lines.append(f"  {'Median: ' if several else ''}{middle / scale:.2f} {unit}")
        if len(self.raw_times) >= 4:
            low, high = self._quantile(0.25) / scale, self._quantile(0.75) / scale
            lines.append(f"  IQR:    {high - low:.2f} {unit} ({low:.2f} to {high:.2f})")
        each = " per measurement" if several else ""
        lines.append(f"  {len(self.raw_times)} measurement{'s' * several}, {self.number_per_run} runs{each}")
        if self.has_warnings:
            cause = "significant environmental influence" if self.iqr > _VERY_NOISY * middle else "system fluctuation"
            lines.append(f"  WARNING: the interquartile range is {self.iqr / middle:.1%} of the median: {cause}.")
        return "\n".join(lines)


class Timer:
    """Times a statement of Python.

    Args:
        stmt: the statement.
        setup: what runs once before each measurement.
        timer: the clock; the usual one waits for cuda devices.
        globals: the names that the statement finds; ``torch`` and ``plugrad`` are plugrad unless they are among them.
        label, sub_label, description, env: texts for the result.
        num_threads: 1. The libraries below decide on threads: numpy's by ``OMP_NUM_THREADS`` and the like, at their start.
        language: "python".

    Raises:
        ValueError: the statement is not a text, or ``global_setup`` is given.
        NotImplementedError: another language or number of threads.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.benchmark import Timer
        >>> found = Timer("x + 1", globals={"x": plugrad.ones(3)}).timeit(100)
        >>> found.number_per_run, 0 < found.median < 1
        (100, True)
    """

    def __init__(
        self,
        stmt="pass",
        setup="pass",
        global_setup="",
        timer=timer,
        globals=None,
        label=None,
        sub_label=None,
        description=None,
        env=None,
        num_threads=1,
        language="python",
    ):
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in ("py", "python"):
            raise NotImplementedError(f"Timer: language={language!r}: only statements of Python are timed")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        if num_threads != 1:
            raise NotImplementedError(
                f"Timer: num_threads={num_threads}: numpy's threads are set before Python starts, by OMP_NUM_THREADS or the like"
            )
        names = {"torch": plugrad, "plugrad": plugrad, **(globals or {})}
        stmt, setup = (textwrap.dedent(text).removeprefix("\n").rstrip() for text in (stmt, setup))
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._texts = {"stmt": stmt, "setup": setup, "label": label, "sub_label": sub_label}
        self._texts |= {"description": description, "env": env}

    def timeit(self, number=1000000):
        """One measurement of ``number`` runs, after a hundredth of them to warm up."""
        self._timer.timeit(max(number // 100, 2))
        return Measurement(number, [self._timer.timeit(number)], **self._texts)

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Measurements until they have taken ``min_run_time`` seconds together.

        Args:
            callback: called with the number of runs and the seconds of each measurement.
            min_run_time: seconds.
        """
        return self._until(lambda times: True, callback, min_run_time)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Measurements until they agree: the interquartile range is below ``threshold`` times the median.

        Args:
            threshold: how well they agree.
            min_run_time: seconds at least.
            max_run_time: seconds after which it ends in any case.
            callback: called with the number of runs and the seconds of each measurement.
        """

        def agree(times):
            found = Measurement(1, times, "")
            return len(times) > 3 and found.iqr < threshold * found.median

        return self._until(agree, callback, min_run_time, max_run_time)

    def _until(self, enough, callback, at_least, at_most=math.inf):
        number, times = self._number(at_least), []
        while (sum(times) < at_least or not enough(times)) and sum(times) <= at_most:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, **self._texts)

    def _number(self, min_run_time):
        """So many runs that the clock takes no part worth mentioning; finding out warms up."""
        overhead, number = statistics.median(self._timer.timeit(0) for _ in range(5)), 1
        while True:
            taken = self._timer.timeit(number)
            if taken > min_run_time or (overhead <= 1e-4 * taken and taken >= min_run_time / 1000):
                return number
            number *= 10
