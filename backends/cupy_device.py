"""What cupy tells of a device: which one is current, its memory, streams, events and marks for a profiler."""

from .spec import OutOfMemoryError

_BLOCK = 512  # cupy's pool hands out memory in multiples of this


class CupyDevice:
    """The functions of one device that :mod:`plugrad.cuda` asks for; ``cupy`` and ``index`` are the backend's."""

    # Called on the class: a function of the namespace runs with the namespace's own device current.
    @classmethod
    def current_index(cls):
        return cls.cupy.cuda.runtime.getDevice()

    @staticmethod
    def make_current(xp):
        xp.cuda_device.use()

    def device_properties(self):
        """What CUDA says about the device, by CUDA's names."""
        return self.cupy.cuda.runtime.getDeviceProperties(self.index)

    def reaches(self, other):
        """Whether kernels of this device may read the other one's memory."""
        return bool(self.cupy.cuda.runtime.deviceCanAccessPeer(self.index, other))

    # --- memory ---
    def memory_info(self):
        """(free, total) bytes of the device."""
        return self.cupy.cuda.runtime.memGetInfo()

    def memory_allocated(self):
        return self.cupy.get_default_memory_pool().used_bytes()

    def memory_reserved(self):
        return self.cupy.get_default_memory_pool().total_bytes()

    def empty_cache(self):
        self.watch.note_reserved(self.index)
        self.cupy.get_default_memory_pool().free_all_blocks()

    def peak_memory(self):
        """(allocated, reserved): the most bytes so far."""
        return self.watch.peaks(self.index)

    def reset_peak_memory(self):
        self.watch.reset(self.index)

    def limit_memory(self, fraction):
        self.cupy.get_default_memory_pool().set_limit(None, fraction)

    def memory_limit(self):
        """The part of the device's memory that the pool may hold."""
        limit, total = self.cupy.get_default_memory_pool().get_limit(), self.memory_info()[1]
        return limit / total if limit else 1.0

    # --- streams ---
    def new_stream(self, priority):
        return self.cupy.cuda.Stream(False, True, False, priority)  # null, non_blocking, ptds

    def current_stream(self):
        return self.cupy.cuda.get_current_stream()

    def default_stream(self):
        return self.cupy.cuda.Stream.null

    @staticmethod
    def use_stream(stream):
        stream.use()

    def new_event(self, block, disable_timing, interprocess):
        return self.cupy.cuda.Event(block, disable_timing, interprocess)

    def elapsed_time(self, start, end):
        """Milliseconds between two events."""
        return self.cupy.cuda.get_elapsed_time(start, end)

    # --- marks ---
    def range_push(self, text):
        self.cupy.cuda.nvtx.RangePush(text)

    def range_pop(self):
        self.cupy.cuda.nvtx.RangePop()

    def mark(self, text):
        self.cupy.cuda.nvtx.Mark(text)


class MemoryWatch:
    """cupy's allocator, whose peaks are remembered and whose failure is an :class:`OutOfMemoryError`.

    The pool counts what is in use by walking over its blocks, so it is not asked at every allocation: what was in use
    when it was last asked, and all that was allocated since, is never less than what is in use. Only where this bound
    passes the peak is the pool asked again.
    """

    def __init__(self, cupy):
        self.cupy = cupy
        self.allocate = cupy.cuda.get_allocator()
        self._bounds = {}
        self._allocated = {}
        self._reserved = {}

        class CudaOutOfMemory(OutOfMemoryError, cupy.cuda.memory.OutOfMemoryError):
            """Both libraries' error, for programs that expect either."""

            def __init__(self, text):
                self.args = (text,)

            def __str__(self):
                return self.args[0]

        CudaOutOfMemory.__name__ = CudaOutOfMemory.__qualname__ = "OutOfMemoryError"
        CudaOutOfMemory.__module__ = OutOfMemoryError.__module__
        self._error = CudaOutOfMemory

    @classmethod
    def installed(cls, cupy):
        """The one watch over a cupy module: around the allocator that it has when first asked."""
        watch = getattr(cupy.cuda.get_allocator(), "__self__", None)
        if not isinstance(watch, cls):
            watch = cls(cupy)
            cupy.cuda.set_allocator(watch.malloc)
        return watch

    def malloc(self, size):
        """Memory of a size on the current device."""
        try:
            made = self.allocate(size)
        except self.cupy.cuda.memory.OutOfMemoryError as error:
            raise self._error(self._explained(size, error)) from None
        index = made.device_id
        bound = self._bounds.get(index, 0) + -(-size // _BLOCK) * _BLOCK
        if bound > self._allocated.get(index, 0):
            bound = self._used()
            self._allocated[index] = max(bound, self._allocated.get(index, 0))
        self._bounds[index] = bound
        return made

    def _used(self):
        return self.cupy.get_default_memory_pool().used_bytes()

    def _total(self):
        return self.cupy.get_default_memory_pool().total_bytes()

    def _explained(self, size, error):
        free, total = self.cupy.cuda.runtime.memGetInfo()
        used = self._used()
        return (
            f"CUDA out of memory. Tried to allocate {in_units(size)}. GPU {self.cupy.cuda.runtime.getDevice()} has a total "
            f"capacity of {in_units(total)} of which {in_units(free)} is free. Of the allocated memory {in_units(used)} is in "
            f"use by arrays, and {in_units(self._total() - used)} is reserved but unallocated. (cupy: {error})"
        )

    def note_reserved(self, index):
        """Remember how much is reserved, before it is given back; the device is the current one."""
        self._reserved[index] = max(self._reserved.get(index, 0), self._total())

    def peaks(self, index):
        """(allocated, reserved): the most bytes since the last reset; the device is the current one."""
        return max(self._allocated.get(index, 0), self._used()), max(self._reserved.get(index, 0), self._total())

    def reset(self, index):
        """Start anew from what is in use now."""
        self._bounds[index] = self._allocated[index] = self._used()
        self._reserved[index] = 0


def in_units(count):
    """A number of bytes as text: ``"20.00 MiB"``."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} bytes"
