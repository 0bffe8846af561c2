"""Streams and events of cuda devices: queues of work, and points in them that can be waited for or timed."""

from plugrad.core.device import space
from plugrad.cuda import _usable, why_unavailable
from plugrad.cuda.devices import asked, exchange, unavailable

__all__ = ["Event", "Stream", "StreamContext", "current_stream", "default_stream", "set_stream", "stream"]


class Stream:
    """A queue of work on a device; what is given to one runs in order, and beside that of other streams.

    Args:
        device: whose; None: the current one's.
        priority: 0, or a lower number for work that goes first.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
        NotImplementedError: another argument: streams that others made.
    """

    def __init__(self, device=None, priority=0, **kwargs):
        if kwargs:
            raise NotImplementedError(f"Stream: {', '.join(sorted(kwargs))}: plugrad wraps no stream that others made")
        if why_unavailable() is not None:
            raise unavailable("torch.cuda.Stream requires CUDA support")
        self._set(xp := _usable(device), asked(xp, "new_stream")(priority))

    @classmethod
    def _over(cls, xp, native):
        made = cls.__new__(cls)
        made._set(xp, native)
        return made

    def _set(self, xp, native):
        self._xp, self._native = xp, native

    @property
    def device(self):
        """The device that it belongs to."""
        return self._xp.device

    @property
    def device_index(self):
        """The number of the device."""
        return self._xp.index

    @property
    def cuda_stream(self):
        """CUDA's handle, a number; 0 for the default stream."""
        return self._native.ptr

    @property
    def priority(self):
        """0, or a lower number for work that goes first."""
        return self._native.priority

    def query(self):
        """Whether all that was given to it is done."""
        return self._native.done

    def synchronize(self):
        """Wait until all that was given to it is done."""
        self._native.synchronize()

    def record_event(self, event=None):
        """Record an event, a new one if none is given, and return it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Let what is given to it from now on wait for an event; the host does not wait."""
        if event._native is not None:
            self._native.wait_event(event._native)

    def wait_stream(self, stream):
        """Let what is given to it from now on wait for what another stream has now; the host does not wait."""
        self.wait_event(stream.record_event())

    def __enter__(self):
        self._blocks = [*getattr(self, "_blocks", ()), StreamContext(self)]
        self._blocks[-1].__enter__()
        return self

    def __exit__(self, *exception):
        self._blocks.pop().__exit__(*exception)

    def __eq__(self, other):
        return isinstance(other, Stream) and (self.device, self.cuda_stream) == (other.device, other.cuda_stream)

    def __hash__(self):
        return hash((self.device, self.cuda_stream))

    def __repr__(self):
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A point in a stream, to wait for or to take the time at.

    Args:
        enable_timing: whether :meth:`elapsed_time` can be asked.
        blocking: whether :meth:`synchronize` lets other threads run, in place of spinning.
        interprocess: whether CUDA makes it fit to be given to another process.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
        NotImplementedError: ``external``.
    """

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        if external:
            raise NotImplementedError("Event: external=True: plugrad captures no graphs, and such events are for these")
        if why_unavailable() is not None:
            raise unavailable("Tried to instantiate dummy base class Event")
        self._timed, self._options = enable_timing, (blocking, not enable_timing, interprocess)
        self._xp = self._native = None  # made when it is recorded, on that stream's device

    @property
    def device(self):
        """The device on which it was recorded; None before."""
        return None if self._xp is None else self._xp.device

    def record(self, stream=None):
        """Put it behind all that a stream has now; None: the current stream.

        Raises:
            RuntimeError: it was recorded on another device before.
        """
        stream = current_stream() if stream is None else stream
        if self._xp is None:
            self._xp, self._native = stream._xp, asked(stream._xp, "new_event")(*self._options)
        elif self._xp is not stream._xp:
            raise RuntimeError(
                f"Event device {self._xp.index} does not match recording stream's device {stream._xp.index}."
            )
        self._native.record(stream._native)

    def wait(self, stream=None):
        """Let a stream wait for it; None: the current stream. The host does not wait."""
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self):
        """Whether all before it is done; True if it was never recorded."""
        return self._native is None or self._native.done

    def synchronize(self):
        """Wait until all before it is done."""
        if self._native is not None:
            self._native.synchronize()

    def elapsed_time(self, end_event):
        """Milliseconds from it to another event.

        Raises:
            ValueError: an event that was made without ``enable_timing`` or not recorded.
            RuntimeError: an event that is not done yet.
        """
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._native is None or end_event._native is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("Both events must be completed before calculating elapsed time.")
        return self._xp.elapsed_time(self._native, end_event._native)

    def __repr__(self):
        return "<torch.cuda.Event uninitialized>" if self._native is None else f"<torch.cuda.Event {id(self):#x}>"


def current_stream(device=None):
    """The stream that work on a device is given to now, in this thread.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    xp = _usable(device)
    return Stream._over(xp, asked(xp, "current_stream")())


def default_stream(device=None):
    """The stream that work is given to where no other was chosen.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    xp = _usable(device)
    return Stream._over(xp, asked(xp, "default_stream")())


def set_stream(stream):
    """Give work on the stream's device to it from now on, and make that device the current one; None changes nothing."""
    if stream is not None:
        exchange(stream.device_index)
        stream._xp.use_stream(stream._native)


class StreamContext:
    """A block in which work is given to a stream and its device is the current one; None changes nothing.

    Example:
        >>> import plugrad
        >>> with plugrad.cuda.stream(None):
        ...     plugrad.ones(2).device
        device(type='cpu')
    """

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            self._device = space("cuda").index
            self._outer = current_stream(self.stream.device)
            set_stream(self.stream)

    def __exit__(self, *exception):
        if self.stream is not None:
            set_stream(self._outer)
            exchange(self._device)


def stream(stream):
    """A block in which work is given to a stream: :class:`StreamContext`."""
    return StreamContext(stream)
