# ruff: noqa: A005  (torch's module name)
"""Random numbers: a generator on the host whose stream is, bit for bit, that of torch's CPU generator.

Everything is drawn here, as numpy arrays, and copied to the device afterwards: one seed gives the same numbers on every
backend. The stream is the Mersenne Twister's 32-bit outputs, called words below; which words become which number is
torch's choice, found by experiment with torch 2.13 on x86-64. The tests hold every function to it.

The draw functions take a shape, a dtype and a generator (the default one if None) and return an array in C order. torch
fills a dense tensor in the order of its memory; draw for the memory's shape where that differs.
"""

import contextlib
import math
import os
import warnings
from functools import partial

import numpy as np

from .dtypes import DTYPES, bool_, float16, float32, float64, int64
from .errors import c_name, scalar_name

__all__ = [
    "Generator",
    "bernoulli",
    "cauchy",
    "default_generator",
    "exponential",
    "fork_rng",
    "geometric",
    "get_rng_state",
    "initial_seed",
    "log_normal",
    "manual_seed",
    "multinomial",
    "normal",
    "randint",
    "random",
    "randperm",
    "seed",
    "set_rng_state",
    "uniform",
]

bfloat16 = DTYPES["bfloat16"]

_BLOCK = 1 << 13  # elements drawn at a time: the temporaries of one block stay in the L2 cache
_WORDS = 624  # the Mersenne Twister's state
_DEFAULT_SEED = 67280421310721
_INT64_MAX = 2**63 - 1

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


# --- the generator ---


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

        return from_host(self._pack())

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
        return self._twister().random_raw(count)

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
        self._restart(int(state["seed"]))
        position = int(state["next"]) if state["left"] > 1 else _WORDS
        words = {"key": state["words"].astype(np.uint32), "pos": position}
        self._twister().state = {"bit_generator": "MT19937", "state": words}
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


# --- from words to arrays ---


def _bits24(generator, count):
    """Uniform float32 multiples of 2⁻²⁴ in [0, 1), a word each."""
    low = generator._words(count).astype(np.uint32) & np.uint32(0xFFFFFF)
    return low.view(np.int32).astype(np.float32) * np.float32(2.0**-24)  # numpy converts int32 faster than uint32


def _bits64(generator, count):
    """Uniform uint64, two words each, the high half first."""
    words = generator._words(2 * count)
    return words[0::2] << np.uint64(32) | words[1::2]


def _bits53(generator, count):
    """Uniform float64 multiples of 2⁻⁵³ in [0, 1), two words each."""
    return (_bits64(generator, count) & np.uint64(2**53 - 1)).view(np.int64) * 2.0**-53


def _host_dtype(dtype):
    if dtype is not bfloat16:
        return np.dtype(dtype.name)
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError('bfloat16 needs ml_dtypes: pip install "plugrad[bfloat16]"') from None
    return np.dtype(ml_dtypes.bfloat16)


def _fill(out, dtype, draw):
    """Fill the 1-d array ``out`` block by block with ``draw(count)``."""
    half = dtype is float16 or dtype is bfloat16
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, out.size, _BLOCK):
            values = draw(min(_BLOCK, out.size - start))
            out[start : start + _BLOCK] = values.astype(np.float32) if half else values  # torch rounds a half twice


def _drawn(shape, dtype, draw):
    out = np.empty(math.prod(shape), _host_dtype(dtype))
    _fill(out, dtype, draw)
    return out.reshape(shape)


def _complex(draw_real, shape, dtype, *arguments):
    parts = draw_real((math.prod(shape), 2), dtype.to_real(), *arguments)
    return parts.view(_host_dtype(dtype)).reshape(shape)


# --- float arithmetic as the compiled code does it ---


def _fma32(a, b, c):
    """float32 a·b + c rounded once: the product is exact in float64."""
    total = np.multiply(a, b, dtype=np.float64)
    total += c
    return total.astype(np.float32)


def _fma64(a, b, c):
    """float64 a·b + c rounded once: product and sum carry their rounding errors along (Dekker 1971)."""
    b, c = np.float64(b), np.float64(c)
    with np.errstate(over="ignore", invalid="ignore"):
        product = a * b
        total = product + c
        a_high, b_high = _upper_half(a), _upper_half(b)
        a_low, b_low = a - a_high, b - b_high
        product_error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
        of_c = total - product
        sum_error = (product - (total - of_c)) + (c - of_c)
        exact = total + (sum_error + product_error)
    return np.where(np.isfinite(exact), exact, total)


def _upper_half(a):
    shifted = a * 134217729.0  # 2²⁷ + 1
    return shifted - (shifted - a)


def _libm(name, dtype):
    """A function of the C library, as torch calls it, or numpy's where the result is rounded to fewer bits.

    numpy's own vector code is within one unit of the last place of float64, in a hundredth of the time.
    """
    if dtype is not float64:
        return getattr(np, name)
    function = getattr(math, name)
    return lambda x: np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


# --- uniform ---


def uniform(shape, dtype=float32, low=0.0, high=1.0, generator=None):
    """Draw from the uniform distribution: ``low + (high - low) · u`` with ``u`` in [0, 1), rounded once.

    A result that rounds up to ``high`` becomes ``low``, as in torch.

    Args:
        shape: tuple of sizes.
        dtype: floating-point or complex; a complex number's parts are drawn one after the other.
        low: least possible value.
        high: upper bound.
        generator: the stream, the default one if None.

    Raises:
        NotImplementedError: ``dtype`` is an integer type or bool.
        RuntimeError: a bound does not fit the dtype, or ``low > high``.

    Example:
        >>> from plugrad.core import random
        >>> random.uniform((2,), generator=random.Generator().manual_seed(0))
        array([0.4962566, 0.7682218], dtype=float32)
    """
    if dtype.is_complex:
        return _complex(uniform, shape, dtype, low, high, generator)
    _check_bounds(dtype, low, high)
    generator = generator or default_generator
    unit = low == 0 and high == 1
    if dtype is float64:
        draw = partial(_bits53, generator)
        if not unit:
            draw = lambda count: _fma64(_bits53(generator, count), float(high) - low, low)  # noqa: E731
    else:
        draw = partial(_bits24, generator)
        if not unit:
            low32, high32 = np.float32(low), np.float32(high)
            draw = lambda count: _fma32(_bits24(generator, count), high32 - low32, low32)  # noqa: E731
    out = _drawn(shape, dtype, draw)
    if not unit or dtype.itemsize == 2:
        out[out == out.dtype.type(high)] = out.dtype.type(low)
    return out


def _check_bounds(dtype, low, high):
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"check_uniform_bounds\" not implemented for '{scalar_name(dtype)}'")
    largest = _LARGEST[dtype.name]
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {c_name(dtype)}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_name(dtype)}>::max(), but found to={high:g} and "
            f"from={low:g} which result in to-from to exceed the limit"
        )


_LARGEST = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": float(np.finfo(np.float64).max),
}


# --- normal ---


def normal(shape, dtype=float32, mean=0.0, std=1.0, generator=None, contiguous=True):
    """Draw from the normal distribution by Box and Muller's method: ``mean + std · √(-2 ln u) · cos(2πv)``.

    Below 16 elements each pair takes two float64 uniforms, and the second number of an odd last pair waits in the
    generator. From 16 on, blocks of 16 uniforms become 16 normals: cosines from the first half, sines from the second;
    the last incomplete block is made of 16 new uniforms and overlaps the one before it.

    Args:
        shape: tuple of sizes.
        dtype: floating-point or complex; a complex number's variance is split between its parts.
        mean: the mean, of both parts of a complex number.
        std: the standard deviation, not negative.
        generator: the stream, the default one if None.
        contiguous: False for an in-place draw into a tensor that is not, which torch draws pair by pair at any size.

    Raises:
        NotImplementedError: ``dtype`` is an integer type or bool.
        RuntimeError: ``std`` is negative or nan.

    Example:
        >>> from plugrad.core import random
        >>> random.normal((2,), generator=random.Generator().manual_seed(0))
        array([ 1.5409961, -0.2934289], dtype=float32)

    Source: torch's AVX2 kernel, whose logarithm, sine and cosine are those of the Cephes library; without AVX2 torch
        itself differs from this by up to 8e-7.
    """
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.is_complex:
        return _complex(normal, shape, dtype, mean, std / math.sqrt(2), generator, contiguous)
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{scalar_name(dtype)}'")
    generator = generator or default_generator
    size = math.prod(shape)
    if size < 16 or not contiguous:
        return _drawn(shape, dtype, lambda count: _fma64(_gauss(generator, count), std, mean))
    bits, transform = (_bits53, _normal16_double) if dtype is float64 else (_bits24, _normal16_single)
    draw = lambda count: transform(bits(generator, count), mean, std)  # noqa: E731
    out = np.empty(size, _host_dtype(dtype))
    rest = size % 16
    _fill(out[: size - rest], dtype, draw)
    if rest:
        if dtype.itemsize >= 4:
            bits(generator, rest)  # torch draws them, then overwrites them
        _fill(out[-16:], dtype, draw)
    return out.reshape(shape)


def _gauss(generator, count):
    """Standard normals in float64, pair by pair; the generator keeps the second of a pair that is not needed yet."""
    waiting = generator._next_normal
    waits = waiting is not None and count > 0
    u = _bits53(generator, (count - waits + 1) // 2 * 2)
    radius = np.sqrt(-2 * _libm("log1p", float64)(-u[1::2]))
    angle = 2 * math.pi * u[0::2]
    pairs = np.empty(waits + u.size)
    pairs[waits::2] = radius * np.cos(angle)
    pairs[waits + 1 :: 2] = radius * np.sin(angle)
    if waits:
        pairs[0] = waiting
    if count:
        generator._next_normal = float(pairs[-1]) if pairs.size > count else None
    return pairs[:count]


def _normal16_double(u, mean, std):
    u = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * _libm("log", float64)(1 - u[:, 0]))
    angle = 2 * math.pi * u[:, 1]
    out = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _fma64(out.ravel(), std, mean)


def _normal16_single(u, mean, std):
    u = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * _log32(1 - u[:, 0]))
    sine, cosine = _sincos32(u[:, 1] * np.float32(2 * math.pi))
    out = np.stack([radius * cosine, radius * sine], axis=1)
    return _fma32(out.ravel(), np.float32(std), np.float32(mean))


# Cephes' single-precision coefficients, highest power first.
_LOG = np.float32(
    [7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1]
    + [-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1]
)
_SIN = np.float32([-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])
_COS = np.float32([2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2])
_QUARTER_PI = np.float32([-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8])  # in three parts


def _polynomial(coefficients, x):
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = _fma32(value, x, coefficient)
    return value


def _log32(x):
    """Natural logarithm of positive normal float32: x = 2ᵉ · (1 + m) with 1 + m in [√½, √2)."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    m = ((bits & 0x7FFFFF) | 0x3F000000).view(np.float32)
    small = m < np.float32(math.sqrt(0.5))
    exponent -= small
    m = np.where(small, m + m, m) - 1
    square = m * m
    correction = _fma32(_polynomial(_LOG, m) * m, square, exponent * np.float32(-2.12194440e-4))
    correction = _fma32(square, np.float32(-0.5), correction)
    return _fma32(exponent, np.float32(0.693359375), m + correction)  # ln 2 in two parts, the first one short


def _sincos32(x):
    """Sine and cosine of non-negative float32: the nearest even multiple of π/4 is taken off first."""
    octant = ((x * np.float32(4 / math.pi)).astype(np.int32) + 1) & ~1
    for part in _QUARTER_PI:
        x = _fma32(octant, part, x)
    square = x * x
    cosine = _fma32(_polynomial(_COS, square) * square, square, square * np.float32(-0.5)) + 1
    sine = _fma32(_polynomial(_SIN, square) * square, x, x)
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    np.negative(sine, out=sine, where=(octant & 4) != 0)
    np.negative(cosine, out=cosine, where=((octant + 2) & 4) != 0)
    return sine, cosine


# --- integers ---


def randint(low, high, shape, dtype=int64, generator=None):
    """Draw integers from [low, high): ``low + word mod (high - low)``, of 64 bits where the range reaches 2²⁸.

    Args:
        low: least value.
        high: one above the greatest value.
        shape: tuple of sizes.
        dtype: any but complex.
        generator: the stream, the default one if None.

    Raises:
        RuntimeError: ``low >= high`` or a value does not fit the dtype.

    Example:
        >>> from plugrad.core import random
        >>> random.randint(0, 10, (5,), generator=random.Generator().manual_seed(0))
        array([4, 9, 3, 0, 3])
    """
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.is_complex:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    _check_range(dtype, {"from": low, "to - 1": high - 1})
    if dtype.is_floating_point:
        low, high = _lowest_at(dtype, low), -_lowest_at(dtype, 1 - high) + 1
    return _from(low, high - low, shape, dtype, generator)


def random(shape, dtype=float32, low=None, generator=None):
    """Draw integers from [low, greatest], where greatest is the dtype's, or 2ᵈ for a mantissa of d bits.

    Args:
        shape: tuple of sizes.
        dtype: any but complex.
        low: least value; None starts at 0 (with None for an integer type the sign bit is masked, as in torch).
        generator: the stream, the default one if None.

    Raises:
        NotImplementedError: ``dtype`` is complex.
        RuntimeError: ``low`` does not fit the dtype or is above its greatest value.

    Example:
        >>> from plugrad.core import random, dtypes
        >>> random.random((4,), dtypes.uint8, generator=random.Generator().manual_seed(0))
        array([ 44, 239,  33,  76], dtype=uint8)
    """
    if low is None and dtype.is_complex:
        raise NotImplementedError(f"\"random_kernel_cpu\" not implemented for '{scalar_name(dtype)}'")
    if dtype.is_complex:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    greatest = _greatest(dtype)
    if low is None:
        wide = dtype is int64 or dtype is float64
        return _remainders(0, greatest + 1, wide, shape, dtype, generator)
    if dtype.is_floating_point:
        low = _lowest_at(dtype, low)
        if low > greatest:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got "
                f"from={low} > to_inc={greatest}"
            )
    _check_range(dtype, {"from": low})
    return _from(low, greatest - low + 1, shape, dtype, generator)


def _from(low, span, shape, dtype, generator):
    return _remainders(low, span, span >= 2**28, shape, dtype, generator)


def _remainders(low, span, wide, shape, dtype, generator):
    generator = generator or default_generator
    start = np.int64(low)

    def draw(count):
        if not wide:
            return (generator._words(count).astype(np.uint32) % np.uint32(span)).astype(np.int64) + start
        words = _bits64(generator, count)
        if span < 2**64:
            words %= np.uint64(span)
        return words.view(np.int64) + start

    return _drawn(shape, dtype, draw)


def _digits(dtype):
    return {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[dtype.name]


def _greatest(dtype):
    """The greatest integer that ``random`` draws."""
    if dtype is bool_:
        return 1
    if dtype.is_floating_point:
        return 2 ** _digits(dtype)
    return 2 ** (8 * dtype.itemsize - dtype.is_signed) - 1


def _check_range(dtype, values):
    greatest = _greatest(dtype)
    largest = int(_LARGEST[dtype.name]) if dtype.is_floating_point else greatest
    smallest = -largest - (not dtype.is_floating_point) if dtype.is_signed else 0
    for name, value in values.items():
        if not smallest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {c_name(dtype)}")
        if dtype.is_floating_point and abs(value) > greatest:
            digits = _digits(dtype)
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {c_name(dtype)} "
                "can support discrete uniform distribution only within this range. This warning will become an error "
                "in version 1.7 release, please fix the code in advance",
                stacklevel=3,
            )


def _lowest_at(dtype, low):
    """``low``, or the number above it where the dtype's rounding would put ``low + 1`` below it."""
    above = int(_host_dtype(dtype).type(np.float32(low + 1) if dtype.itemsize == 2 else low + 1))
    if above >= low:
        return low
    exponent = abs(low + 1).bit_length() - 1
    return above + 2 ** (exponent - _digits(dtype) + 1)


# From here on torch's % of a 32-bit word would favour small numbers; it changes its algorithm as well.
_LONG_PERMUTATION = (2**32 - 1) // 20


def randperm(n, dtype=int64, generator=None):
    """Return a random permutation of 0 … n-1: Fisher and Yates' exchanges, a word for each element but the last.

    Args:
        n: number of elements.
        dtype: integer or floating-point, with room for ``n - 1``.
        generator: the stream, the default one if None.

    Raises:
        RuntimeError: ``n`` is negative or too large for the dtype.
        NotImplementedError: ``dtype`` is bool or complex.

    Example:
        >>> from plugrad.core import random
        >>> random.randperm(5, generator=random.Generator().manual_seed(0))
        array([4, 1, 2, 0, 3])
    """
    _check_permutation(n, dtype)
    generator = generator or default_generator
    values = _exchanges(n, generator) if n < _LONG_PERMUTATION else _inside_out(n, generator)
    if dtype is float16 or dtype is bfloat16:
        values = values.astype(np.float32)
    return values.astype(_host_dtype(dtype), copy=False)


def _check_permutation(n, dtype):
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype is bool_ or dtype.is_complex:
        raise NotImplementedError(f"\"randperm\" not implemented for '{scalar_name(dtype)}'")
    greatest = _greatest(dtype)
    if n <= greatest + 1 or dtype is bfloat16:  # torch forgot bfloat16
        return
    if dtype.is_floating_point:
        limit = "2049" if dtype is float16 else f"2^{_digits(dtype)}+1"
        raise RuntimeError(f"n cannot be greater than {limit} for {scalar_name(dtype)} type.")
    raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


def _exchanges(n, generator):
    """Exchange place i with place j[i] >= i for i = 0, 1, …, all at once.

    What lies in place i when its turn comes was put there by the last exchange before with j = i, from that exchange's
    own place: following these pointers to their start, by doubling, gives ``brought``. Exchange i then takes out what
    the one before it with the same j has put in. Measured: 5 times faster than a loop at 60 000 elements.
    """
    place = np.arange(n)
    if n < 2:
        return place
    words = generator._words(n - 1).astype(np.uint32) % np.arange(n, 1, -1, dtype=np.uint32)
    j = np.append(words, 0) + place
    brought = place.copy()
    moved = np.flatnonzero(j != place)
    brought[j[moved]] = moved  # where j repeats, the last assignment stays
    while True:
        further = brought[brought]
        if np.array_equal(further, brought):
            break
        brought = further
    key = (j << 32) | place
    key.sort()
    target, exchange = key >> 32, key & 0xFFFFFFFF
    out = j.copy()
    again = np.flatnonzero(target[1:] == target[:-1])
    out[exchange[again + 1]] = brought[exchange[again]]
    return out


def _inside_out(n, generator):
    """For i = 0, 1, …: move what lies in a place z <= i to place i and put i there; a 64-bit number for each element."""
    out = np.arange(n)
    places = memoryview(out)
    for start in range(0, n, _BLOCK):
        count = min(_BLOCK, n - start)
        drawn = _bits64(generator, count) % np.arange(start + 1, start + count + 1, dtype=np.uint64)
        for i, z in enumerate(drawn.tolist(), start):
            places[i] = places[z]
            places[z] = i
    return out


# --- other distributions ---


def bernoulli(p, shape=None, dtype=float32, generator=None):
    """Draw ones with probability ``p`` and zeros otherwise: ``u < p``.

    A dropout mask is ``bernoulli(1 - p) / (1 - p)``.

    Args:
        p: a number, or an array of probabilities that broadcasts to ``shape``. A number and a float64 array take
            float64 uniforms, an array of a smaller dtype float32 ones.
        shape: tuple of sizes; None takes the shape of ``p``.
        dtype: of the result; any but complex.
        generator: the stream, the default one if None.

    Raises:
        RuntimeError: a probability is not in [0, 1].
        NotImplementedError: ``dtype`` is complex or the array's dtype is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.bernoulli(0.5, (6,), generator=random.Generator().manual_seed(0))
        array([1., 0., 1., 0., 0., 1.], dtype=float32)
    """
    generator = generator or default_generator
    if isinstance(p, np.ndarray):
        return _bernoulli_of_array(p, p.shape if shape is None else shape, dtype, generator)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if dtype.is_complex:
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{scalar_name(dtype)}'")
    return _drawn(shape, dtype, lambda count: _bits53(generator, count) < p)


def _bernoulli_of_array(p, shape, dtype, generator):
    if dtype.is_complex:
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_self_\" not implemented for '{scalar_name(dtype)}'")
    if p.dtype.name not in _LARGEST:
        name = scalar_name(DTYPES[p.dtype.name])
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'")
    if p.dtype != np.float64:
        p = p.astype(np.float32)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    u = (_bits53 if p.dtype == np.float64 else _bits24)(generator, math.prod(shape)).reshape(shape)
    return (u < p).astype(_host_dtype(dtype))


def exponential(shape, dtype=float32, lambd=1.0, generator=None):
    """Draw from the exponential distribution: ``-ln(1 - u) / lambd``.

    Raises:
        RuntimeError: ``lambd`` is not positive or ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.exponential((2,), generator=random.Generator().manual_seed(0)).shape
        (2,)
    """
    _check_positive("exponential_", "lambda", lambd)
    _check_continuous("Exponential", dtype, scalar_name)
    log1p = _libm("log1p", dtype)
    generator = generator or default_generator
    return _drawn(shape, dtype, lambda count: -1.0 / lambd * log1p(-_bits53(generator, count)))


def geometric(p, shape, dtype=float32, generator=None):
    """Draw the number of trials up to the first success: ``⌈ln u / ln(1 - p)⌉``.

    Raises:
        RuntimeError: ``p`` is not in (0, 1).
        NotImplementedError: ``dtype`` is bool or complex.

    Example:
        >>> from plugrad.core import random
        >>> random.geometric(0.5, (4,), generator=random.Generator().manual_seed(0)).min() >= 1
        np.True_
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if dtype is bool_ or dtype.is_complex:
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{scalar_name(dtype)}'")
    generator = generator or default_generator
    failure = math.log1p(-p)
    return _drawn(shape, dtype, lambda count: np.ceil(np.log(_bits53(generator, count)) / failure))


def log_normal(shape, dtype=float32, mean=1.0, std=2.0, generator=None):
    """Draw numbers whose logarithm is normal: ``exp(mean + std · z)``, pair by pair at any size.

    Raises:
        RuntimeError: ``std`` is not positive.
        NotImplementedError: ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.log_normal((2,), generator=random.Generator().manual_seed(0)).min() > 0
        np.True_
    """
    _check_positive("log_normal_", "std", std)
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"log_normal_cpu\" not implemented for '{scalar_name(dtype)}'")
    generator = generator or default_generator

    def draw(count):
        power = _fma64(_gauss(generator, count), std, mean)
        out = np.exp(power)
        fits = power < 709  # Python's exp raises where the C library's returns inf
        out[fits] = _libm("exp", dtype)(power[fits])
        return out

    return _drawn(shape, dtype, draw)


def cauchy(shape, dtype=float32, median=0.0, sigma=1.0, generator=None):
    """Draw from the Cauchy distribution: ``median + sigma · tan(π(u - ½))``.

    Raises:
        RuntimeError: ``sigma`` is not positive or ``dtype`` is not floating-point.

    Example:
        >>> from plugrad.core import random
        >>> random.cauchy((2,), generator=random.Generator().manual_seed(0)).shape
        (2,)
    """
    _check_positive("cauchy_", "sigma", sigma)
    _check_continuous("Cauchy", dtype, c_name)
    tan = _libm("tan", dtype)
    generator = generator or default_generator
    return _drawn(shape, dtype, lambda count: _fma64(tan(math.pi * (_bits53(generator, count) - 0.5)), sigma, median))


def _check_positive(function, name, value):
    if not value > 0:
        raise RuntimeError(f"{function} expects {name} > 0.0, but found {name}={value:g}")


def _check_continuous(distribution, dtype, name):
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {name(dtype)}"
        )


# --- multinomial ---


def multinomial(probabilities, num_samples, replacement=False, generator=None):
    """Draw categories with probabilities in proportion to the weights of each row.

    With replacement a uniform is looked up in the cumulated weights. Without it the categories with the largest
    ``weight / e`` are taken, ``e`` from the exponential distribution, which is the same as drawing one after the other.

    Args:
        probabilities: floating-point array of weights (C,) or (N, C), not negative.
        num_samples: categories to draw per row.
        replacement: whether a category may be drawn again.
        generator: the stream, the default one if None.

    Raises:
        RuntimeError: wrong number of dimensions, dtype, weights or number of samples.

    Shapes:
        ``(C,) → (num_samples,)`` and ``(N, C) → (N, num_samples)``, int64.

    Example:
        >>> import numpy as np
        >>> from plugrad.core import random
        >>> random.multinomial(np.float32([0, 1, 0]), 1)
        array([1])
    """
    weights = probabilities
    if weights.dtype.name not in _LARGEST:
        name = scalar_name(DTYPES[weights.dtype.name])
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    generator = generator or default_generator
    if replacement and num_samples > 1:
        rows = weights.reshape(-1, weights.shape[-1])
        out = _by_cumulated_weights(rows, num_samples, generator)
    else:
        out = _by_exponential_race(weights, num_samples, generator)
    return out.reshape(*weights.shape[:-1], num_samples)


def _by_exponential_race(weights, count, generator):
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not weights.any(axis=-1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    times = exponential(weights.shape, DTYPES[weights.dtype.name], generator=generator)
    with np.errstate(over="ignore"):
        rates = weights / times
    if count == 1:
        return rates.argmax(axis=-1)
    return np.argsort(-rates, axis=-1, kind="stable")[..., :count]


def _by_cumulated_weights(rows, count, generator):
    if (rows < 0).any():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(rows).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    cumulated = np.cumsum(rows, axis=1, dtype=np.promote_types(rows.dtype, np.float32))
    total = cumulated[:, -1:]
    if not (total > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    cumulated /= total
    cumulated[:, -1] = 1
    u = _bits53(generator, len(rows) * count).reshape(len(rows), count)
    return np.array([np.searchsorted(row.astype(np.float64), v) for row, v in zip(cumulated, u, strict=True)], np.int64)
