"""The generator: a seed, a position in its stream of 32-bit words, and the functions that set the default one's.

The words are the Mersenne Twister's, seeded as torch seeds its CPU generator; what is drawn from them is in random.py.
"""

import contextlib
import os

import numpy as np

from .active import check_random

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "seed_numpy",
    "set_rng_state",
]

_WORDS = 624  # the Mersenne Twister's state
_DEFAULT_SEED = 67280421310721

# torch's CPUGeneratorImplState, 5056 bytes: a state that torch saved can be loaded, and the other way round.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", (_WORDS,)),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("unused", "V12"),
    ]
)


class Generator:
    """A stream of random numbers with a seed, its own position, and a state that can be saved.

    Args:
        device: the device whose tensors it is meant for. The stream is the host's on every device.

    Example:
        >>> import plugrad
        >>> generator = plugrad.Generator().manual_seed(0)
        >>> plugrad.rand(2, generator=generator)
        tensor([0.4963, 0.7682])
    """

    __slots__ = ("__weakref__", "_bits", "_device", "_next_normal", "_seed")

    def __init__(self, device=None):
        self._device = "cpu" if device is None else _device(device)
        self._restart(_DEFAULT_SEED)

    def _restart(self, seed):
        self._seed = seed
        self._bits = None  # made at the first draw: importing numpy.random takes 30 ms
        self._next_normal = None

    @property
    def device(self):
        """The device given at construction."""
        from .device import device

        return device(self._device)

    def manual_seed(self, seed, /):
        """Start the stream that belongs to ``seed`` and return the generator.

        Args:
            seed: from -2**63 to 2**64 - 1; a negative seed stands for ``2**64 + seed``. Only its low 32 bits choose
                the stream, as in torch.

        Raises:
            RuntimeError: it is no integer.
            ValueError: it is out of that range.
        """
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._restart(seed % 2**64)
        return self

    def seed(self):
        """Start a stream with a seed from the operating system and return that seed."""
        self._restart(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self):
        """Return the seed with which the stream was started."""
        return self._seed

    def get_state(self):
        """Return the state as a uint8 tensor of 5056 elements, torch's layout."""
        from .create import from_host

        return from_host(self._pack(), "cpu")

    def set_state(self, new_state, /):
        """Take over a state that :meth:`get_state` returned, here or in torch, and return the generator.

        Raises:
            TypeError: ``new_state`` is no uint8 tensor.
            RuntimeError: it is not contiguous, has another length, or holds no valid position.
        """
        if not hasattr(new_state, "_host"):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self._unpack(new_state._host())
        return self

    def clone_state(self):
        """Return a new generator that will draw the same numbers."""
        copy = type(self)(self._device)
        copy._unpack(self._pack())
        return copy

    def get_offset(self):
        """Raise RuntimeError: only torch's CUDA generators count offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset, /):
        """Raise RuntimeError: only torch's CUDA generators count offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def graphsafe_get_state(self):
        """Raise NotImplementedError: it serves CUDA graphs."""
        raise NotImplementedError("graphsafe_get_state is not supported in this Generator")

    def graphsafe_set_state(self, state, /):
        """Raise NotImplementedError: it serves CUDA graphs."""
        raise NotImplementedError("graphsafe_set_state is not supported in this Generator")

    def __reduce__(self):
        return type(self), (self._device,), self._pack().tobytes()

    def __setstate__(self, state):
        self._unpack(np.frombuffer(state, np.uint8))

    def _twister(self):
        if self._bits is None:
            self._bits = np.random.MT19937(0)
            np.random.RandomState(self._bits).seed(self._seed & 0xFFFFFFFF)  # init_genrand, as torch seeds
        return self._bits

    def _words(self, count):
        """The next ``count`` words, as uint64."""
        check_random()
        return self._twister().random_raw(count)

    def _bits24(self, count):
        """Uniform float32 multiples of 2⁻²⁴ in [0, 1), a word each."""
        low = self._words(count).astype(np.uint32) & np.uint32(0xFFFFFF)
        return low.view(np.int32).astype(np.float32) * np.float32(2.0**-24)  # int32 converts faster than uint32

    def _bits64(self, count):
        """Uniform uint64, two words each, the high half first."""
        words = self._words(2 * count)
        return words[0::2] << np.uint64(32) | words[1::2]

    def _bits53(self, count):
        """Uniform float64 multiples of 2⁻⁵³ in [0, 1), two words each."""
        return (self._bits64(count) & np.uint64(2**53 - 1)).view(np.int64) * 2.0**-53

    def _pack(self):
        """The state as a numpy uint8 array in torch's layout."""
        twister = self._twister().state["state"]
        state = np.zeros(1, _STATE)
        state["seed"] = self._seed
        state["left"] = _WORDS + 1 - twister["pos"]
        state["seeded"] = 1
        # init_genrand leaves the seed in word 0: a stream not drawn from yet, which torch writes as position 0
        fresh = twister["pos"] == _WORDS and twister["key"][0] == self._seed & 0xFFFFFFFF
        state["next"] = 0 if fresh else twister["pos"]
        state["words"] = twister["key"]
        state["normal_y"] = self._next_normal or 0.0
        state["normal_is_valid"] = self._next_normal is not None
        return state.view(np.uint8)

    def _unpack(self, array):
        if array.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if not array.flags.c_contiguous:
            raise RuntimeError("RNG state must be contiguous")
        if array.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG state size "
                f"to be {array.size}"
            )
        state = array.reshape(-1).view(_STATE)[0]
        if not (state["seeded"] and 0 < state["left"] <= _WORDS and state["next"] <= _WORDS):
            raise RuntimeError("Invalid mt19937 state")
        twister = self._bits
        self._restart(int(state["seed"]))
        position = int(state["next"]) if state["left"] > 1 else _WORDS
        words = {"key": state["words"].astype(np.uint32), "pos": position}
        self._bits = np.random.MT19937(0) if twister is None else twister  # seeding it would take 200 µs
        self._bits.state = {"bit_generator": "MT19937", "state": words}
        if state["normal_is_valid"]:
            self._next_normal = float(state["normal_y"])


def _device(name):
    from .device import device

    found = device(name)
    return found.type if found.type == "cpu" else str(found)


default_generator = Generator()
default_generator.seed()


def manual_seed(seed):
    """Start the default generator's stream for ``seed``, on all devices, and return the generator.

    Args:
        seed: anything ``int()`` takes, from -2**63 to 2**64 - 1.

    Raises:
        ValueError: it is out of that range.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.rand(2)
        tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default generator with a seed from the operating system and return that seed."""
    return default_generator.seed()


def initial_seed():
    """Return the seed with which the default generator was started."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the default generator's state as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Set the default generator's state to one that :func:`get_rng_state` returned."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """Draw inside the block without moving the default generator: its state is put back at the end.

    Args:
        devices: the devices whose stream is kept. All devices share one, which is always kept.
        enabled: False makes the block an ordinary one.
        device_type: the type of ``devices``; with ``"meta"`` nothing is kept, as in torch.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> with plugrad.random.fork_rng():
        ...     inside = plugrad.rand(3)
        >>> bool((plugrad.rand(3) == inside).all())
        True
    """
    if device_type == "meta" or not enabled:
        yield
        return
    if device_type is not None:
        _device(device_type)
    state = default_generator._pack()
    try:
        yield
    finally:
        default_generator._unpack(state)


def seed_numpy(base_seed, worker):
    """Seed numpy's own generator of a process that loads data, as torch seeds it."""
    entropy = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))  # noqa: NPY002  the user's data set draws from it
