"""The random stream against numbers that torch 2.13 drew, and the parts it is made of against exact arithmetic."""

import copy
import math
import pickle
import zlib
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from plugrad.core import dtypes, random, random_integers, rounding
from plugrad.core.dtypes import DTYPES
from plugrad.core.generator import _STATE, Generator

SEED = 1234


def golden(name, draw, values, state, needs=None):
    """A draw with seed 1234, the CRC-32 of the bytes that torch drew and of the state in which torch was left."""
    return pytest.param(draw, values, state, needs, id=name)


def numbered(cases):
    """(..., text) cases with ids: some texts occur twice."""
    return [pytest.param(*case, id=f"{number}-{case[-1][:40]}") for number, case in enumerate(cases)]


def weights(start):
    return (np.arange(50) % 7 + start).astype(np.float32).reshape(5, 10)


def probabilities(dtype):
    return np.arange(100, dtype=dtype) / dtype(100)


uniform, normal, randint, randperm = random.uniform, random.normal, random.randint, random.randperm
f16, f32, f64, bf16 = (DTYPES[name] for name in ("float16", "float32", "float64", "bfloat16"))
u8, i16, i32, i64, bool_, c64 = (DTYPES[name] for name in ("uint8", "int16", "int32", "int64", "bool", "complex64"))

GOLDEN = [
    golden("uniform-f32", partial(uniform, (1000,)), 0xF0FAAFC3, 0x7AC843E7),
    golden("uniform-f64", partial(uniform, (1000,), f64), 0x40018B91, 0x1583D035),
    golden("uniform-f16", partial(uniform, (5000,), f16), 0x27B7448A, 0x2CC1B86F),
    golden("uniform-bf16", partial(uniform, (5000,), bf16), 0xD2E61007, 0x2CC1B86F, "ml_dtypes"),
    golden("uniform-c64", partial(uniform, (7, 5), c64), 0x2BA61324, 0xD05AA873),
    golden("uniform-range-f32", partial(uniform, (70000,), f32, -0.1, 0.3), 0xE9C1D21C, 0xD544EDC7),
    golden("uniform-range-f64", partial(uniform, (1000,), f64, -3.3, 0.21), 0xAE25A205, 0x1583D035),
    golden("uniform-range-f16", partial(uniform, (5000,), f16, 1.3, 2.7), 0xBC558E42, 0x2CC1B86F),
    golden("uniform-high-becomes-low", partial(uniform, (1000,), f32, 16777216, 16777220), 0x50D4828B, 0x7AC843E7),
    golden("normal-f32", partial(normal, (70000,)), 0x039048C8, 0xD544EDC7),
    golden("normal-f32-last-16", partial(normal, (1003,)), 0xD6C81919, 0x30099DF5),
    golden("normal-f32-mean-std", partial(normal, (33,), f32, 1.3, 0.37), 0x0C451720, 0x89102712),
    golden("normal-f16", partial(normal, (1003,), f16), 0x8F211DDD, 0x64A4511C),
    golden("normal-bf16", partial(normal, (1003,), bf16), 0x3A8FA5B3, 0x64A4511C, "ml_dtypes"),
    golden("normal-c64", partial(normal, (3, 9), c64), 0x9EE8738E, 0xD05AA873),
    golden("normal-few", partial(normal, (14,)), 0x446F6399, 0xAA4ACEC1),
    golden("randint-32", partial(randint, -7, 113, (1000,)), 0xEE183360, 0x7AC843E7),
    golden("randint-last-of-32", partial(randint, 0, 2**28 - 1, (1000,)), 0x180B96F7, 0x7AC843E7),
    golden("randint-first-of-64", partial(randint, 0, 2**28, (1000,)), 0x83DDB888, 0x1583D035),
    golden("randint-widest", partial(randint, -(2**63), 2**63 - 1, (1000,)), 0x20628980, 0x1583D035),
    golden("randint-u8", partial(randint, 3, 200, (50,), u8), 0x90187607, 0x94C365F6),
    golden("randint-f32", partial(randint, -5, 5, (50,), f32), 0x48F47A21, 0x94C365F6),
    golden("random-bool", partial(random.random, (500,), bool_), 0x82CEEF2C, 0xE0CDE1D7),
    golden("random-u8", partial(random.random, (500,), u8), 0xF7DCF660, 0xE0CDE1D7),
    golden("random-i8", partial(random.random, (500,), DTYPES["int8"]), 0xF6D85BAB, 0xE0CDE1D7),
    golden("random-i16", partial(random.random, (500,), i16), 0x96A951A2, 0xE0CDE1D7),
    golden("random-i32", partial(random.random, (500,), i32), 0x33D9EE03, 0xE0CDE1D7),
    golden("random-i64", partial(random.random, (500,), i64), 0x6A02AEAB, 0x7AC843E7),
    golden("random-f16", partial(random.random, (500,), f16), 0x29F9B488, 0xE0CDE1D7),
    golden("random-bf16", partial(random.random, (500,), bf16), 0xB6440197, 0xE0CDE1D7, "ml_dtypes"),
    golden("random-f32", partial(random.random, (500,), f32), 0x111554B0, 0xE0CDE1D7),
    golden("random-f64", partial(random.random, (500,), f64), 0x3CE7A224, 0x7AC843E7),
    golden("random-from-i32", partial(random.random, (500,), i32, 3), 0x678ED809, 0x7AC843E7),
    golden("random-from-f64", partial(random.random, (500,), f64, 3), 0x87817FC6, 0x7AC843E7),
    golden("random-all-bits", partial(random.random, (500,), i64, -(2**63)), 0xC45F3C9F, 0x7AC843E7),
    golden("randperm-10", partial(randperm, 10), 0xB85FB6FA, 0x317F035B),
    golden("randperm-60000", partial(randperm, 60000), 0x311D1437, 0x80B38566),
    golden("randperm-i16", partial(randperm, 999, i16), 0x07D4A357, 0xEB5745C0),
    golden("bernoulli", partial(random.bernoulli, 0.3, (1000,)), 0x4A247266, 0x1583D035),
    golden("bernoulli-bool", partial(random.bernoulli, 0.9, (1000,), bool_), 0x1BA20BC9, 0x1583D035),
    golden("bernoulli-of-f32", partial(random.bernoulli, probabilities(np.float32)), 0x541BE943, 0x276A5264),
    golden("bernoulli-of-f64", partial(random.bernoulli, probabilities(np.float64), None, f64), 0x11D2CDA7, 0x8DC36CAD),
    golden("geometric", partial(random.geometric, 0.01, (1000,)), 0x1A987B4E, 0x1583D035),
    golden("geometric-u8", partial(random.geometric, 0.3, (1000,), u8), 0x75C7A2C6, 0x1583D035),
    golden("multinomial-one", partial(random.multinomial, weights(0), 1), 0xA2B8F541, 0x276A5264),
    golden("multinomial", partial(random.multinomial, weights(1), 6), 0x0ACECEEF, 0x276A5264),
    golden("multinomial-replacement", partial(random.multinomial, weights(0), 30, True), 0x3AE596ED, 0x6A7904C9),
]


@pytest.mark.parametrize(("draw", "values", "state", "needs"), GOLDEN)
def test_bits_of_torch(draw, values, state, needs):
    if needs:
        pytest.importorskip(needs)
    generator = Generator().manual_seed(SEED)
    drawn = draw(generator=generator)
    assert zlib.crc32(drawn.tobytes()) == values
    assert zlib.crc32(generator._pack().tobytes()) == state


CLOSE = {
    "normal-few": (partial(normal, (5,), f64), [0.04613046189666927, 0.4024028259218943, -1.0115290977852016,
                                                0.21673823500721034, -0.6122731137752989]),
    "normal": (lambda generator: normal((17,), f64, generator=generator)[[0, 1, 7, 8, 16]],
               [-0.0883100793877292, 0.6573222788031756, -0.1925576631186533, 0.11481509212436923, -0.3660114751930042]),
    "normal-mean-std": (lambda generator: normal((17,), f64, 1.3, 0.37, generator)[[0, 1, 7, 8, 16]],
                        [1.2673252706265403, 1.5432092431571751, 1.2287536646460984, 1.3424815840860167, 1.1645757541785884]),
    "exponential": (partial(random.exponential, (4,), f64, 0.7),
                    [0.37678521054628633, 0.11718289558909029, 0.8973147563425902, 0.7644046987001318]),
    "log-normal": (partial(random.log_normal, (4,), f64, 0.3, 0.21),
                   [1.3629989699593517, 1.4688864451831418, 1.0915283711358004, 1.4127173232213415]),
    "log-normal-overflow": (partial(random.log_normal, (4,), f32, 300, 210), [np.inf, np.inf, np.float32(1.0839978e38), np.inf]),
    "cauchy": (partial(random.cauchy, (4,), f64, 0.3, 2.1),
               [-2.0544926005877837, -8.013947754533916, 0.07754332077153772, -0.2788974525109358]),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSE)
def test_numbers_of_torch_by_way_of_the_c_library(name):
    """The last bit depends on the C library; tests/oracle compares it with torch on the same machine."""
    draw, expected = CLOSE[name]
    np.testing.assert_allclose(draw(generator=Generator().manual_seed(SEED)), expected, rtol=2e-15)


def test_stream_of_mixed_draws():
    """Each draw starts where torch's would: the words that all those before it took, and the waiting normal."""
    g = Generator().manual_seed(99)
    f = np.float32
    np.testing.assert_array_equal(uniform((3,), generator=g), f([0.10330969, 0.9701559, 0.9480701]))
    np.testing.assert_allclose(
        normal((5,), generator=g), f([0.4535996, -0.8291581, -1.0869796, -1.8791587, -0.49356407]), rtol=1e-6
    )
    np.testing.assert_array_equal(randint(0, 9, (4,), generator=g), [4, 3, 6, 5])
    np.testing.assert_allclose(normal((2,), f64, generator=g), [-0.40227207201318527, -1.874316026328931], rtol=2e-15)
    np.testing.assert_array_equal(randperm(6, generator=g), [1, 5, 2, 4, 3, 0])
    np.testing.assert_array_equal(random.bernoulli(0.4, (5,), generator=g), [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(normal((20,), generator=g)[[0, 19]], f([0.6205566, -1.3454347]))
    np.testing.assert_allclose(normal((1,), generator=g), f([1.3895674]), rtol=1e-6)
    np.testing.assert_array_equal(uniform((2,), f64, generator=g), [0.9761109823713752, 0.1354845551851538])
    expected = [7911406073832543689, 776381044502109689, 770308948084845323]
    np.testing.assert_array_equal(random.random((3,), i64, generator=g), expected)
    np.testing.assert_allclose(random.log_normal((3,), generator=g), f([3.6449, 2.4598355, 2.564813]), rtol=1e-6)
    np.testing.assert_array_equal(uniform((3,), generator=g), f([0.67385083, 0.36022854, 0.87801754]))
    assert g._next_normal == pytest.approx(-2.2139509018571397, rel=2e-15)
    g._next_normal = -2.2139509018571397
    assert zlib.crc32(g._pack().tobytes()) == 0xD9D08943


def test_default_generator_is_used_when_none_is_given():
    with random.fork_rng():
        assert random.manual_seed(SEED) is random.default_generator
        drawn = [uniform((3,)), normal((20,)), randint(0, 9, (4,)), randperm(7), random.bernoulli(0.5, (6,))]
    generator = Generator().manual_seed(SEED)
    again = [
        uniform((3,), generator=generator),
        normal((20,), generator=generator),
        randint(0, 9, (4,), generator=generator),
        randperm(7, generator=generator),
        random.bernoulli(0.5, (6,), generator=generator),
    ]
    for ours, expected in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("size", [0, 1, 7, 16, 33])
@pytest.mark.parametrize("draw", [uniform, normal, random.exponential, random.cauchy, random.log_normal])
def test_shape_and_dtype(draw, size):
    for name in ("float16", "float32", "float64"):
        drawn = draw((size, 3), DTYPES[name])
        assert (drawn.shape, drawn.dtype.name) == ((size, 3), name)
        assert drawn.flags.c_contiguous


def test_normal_into_a_strided_tensor_takes_pairs():
    drawn = normal((40,), f64, generator=Generator().manual_seed(3), contiguous=False)
    generator = Generator().manual_seed(3)
    np.testing.assert_array_equal(drawn, np.concatenate([normal((10,), f64, generator=generator) for _ in range(4)]))


def test_blocks_leave_no_trace(monkeypatch):
    """Numbers do not depend on how many are computed at a time."""
    draws = [
        partial(uniform, (1001,), f32, -1.0, 2.0),
        partial(normal, (1001,)),
        partial(random.log_normal, (1001,)),
        partial(random.bernoulli, 0.3, (1001,)),
        partial(randint, 0, 2**40, (1001,)),
    ]
    whole = [draw(generator=Generator().manual_seed(SEED)) for draw in draws]
    for module in (rounding, random, random_integers):
        monkeypatch.setattr(module, "BLOCK", 64)
    for draw, expected in zip(draws, whole, strict=True):
        np.testing.assert_array_equal(draw(generator=Generator().manual_seed(SEED)), expected)


# --- the generator ---


@pytest.mark.parametrize(
    ("seed", "initial", "state", "drawn"),
    [
        (0, 0, 0x6D2B5ED2, [44, 239, 933]),
        (-1, 2**64 - 1, 0x51D5660B, [371, 978, 476]),
        (2**63, 2**63, 0x0AD587CC, [44, 239, 933]),
        (2**40 + 5, 2**40 + 5, 0xDA1C7071, [411, 814, 767]),
    ],
)
def test_manual_seed(seed, initial, state, drawn):
    generator = Generator()
    uniform((10,), generator=generator)
    assert generator.manual_seed(seed) is generator
    assert generator.initial_seed() == initial
    assert zlib.crc32(generator._pack().tobytes()) == state
    np.testing.assert_array_equal(randint(0, 1000, (3,), generator=generator), drawn)


def test_new_generator_has_the_default_seed():
    generator = Generator()
    assert generator.initial_seed() == 67280421310721
    np.testing.assert_array_equal(randint(0, 1000, (3,), generator=generator), [710, 284, 837])


def test_seed_comes_from_the_system():
    generator = Generator()
    first, second = generator.seed(), generator.seed()
    assert first != second
    assert generator.initial_seed() == second
    repeated = Generator().manual_seed(second)
    np.testing.assert_array_equal(uniform((5,), generator=generator), uniform((5,), generator=repeated))


def test_module_functions_move_the_default_generator():
    with random.fork_rng():
        random.manual_seed("17")
        assert random.initial_seed() == random.default_generator.initial_seed() == 17
        assert random.seed() == random.initial_seed()
        state = random.get_rng_state()
        first = uniform((5,))
        random.set_rng_state(state)
        np.testing.assert_array_equal(uniform((5,)), first)


def test_seeding_forgets_the_waiting_normal():
    generator = Generator().manual_seed(1)
    normal((1,), generator=generator)
    assert generator._next_normal is not None
    generator.manual_seed(1)
    assert generator._next_normal is None


def drawn_from(generator):
    return np.concatenate([normal((3,), f64, generator=generator), uniform((700,), f64, generator=generator)])


@pytest.mark.parametrize("before", [0, 1, 623, 624, 625, 2000])
@pytest.mark.parametrize("normals", [0, 1])
def test_state_of_any_position(before, normals):
    generator = Generator().manual_seed(SEED)
    uniform((before,), generator=generator)
    normal((normals,), generator=generator)
    state = generator.get_state()
    assert (tuple(state.shape), repr(state.dtype)) == ((5056,), "torch.uint8")
    copies = [Generator().set_state(state), generator.clone_state(), copy.copy(generator), copy.deepcopy(generator)]
    copies.append(pickle.loads(pickle.dumps(generator)))
    expected = drawn_from(generator)
    for other in copies:
        assert other is not generator
        assert other.initial_seed() == SEED
        np.testing.assert_array_equal(drawn_from(other), expected)


class Handed:
    """Stands for a tensor: what ``set_state`` asks of one is its numpy array."""

    def __init__(self, array):
        self.array = array

    def _host(self):
        return self.array


def changed_state(field, value):
    state = Generator()._pack()
    state.view(_STATE)[field] = value
    return state


@pytest.mark.parametrize(
    ("state", "error", "text"),
    numbered(
        [
            (None, TypeError, "expected a torch.ByteTensor, but got NoneType"),
            ([1, 2], TypeError, "expected a torch.ByteTensor, but got list"),
            (Handed(np.zeros(5056, np.float32)), TypeError, "RNG state must be a torch.ByteTensor"),
            (Handed(np.zeros(10112, np.uint8)[::2]), RuntimeError, "RNG state must be contiguous"),
            (
                Handed(np.zeros(5048, np.uint8)),
                RuntimeError,
                "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 5048",
            ),
            (Handed(np.zeros(5056, np.uint8)), RuntimeError, "Invalid mt19937 state"),
            (Handed(changed_state("left", 625)), RuntimeError, "Invalid mt19937 state"),
            (Handed(changed_state("next", 625)), RuntimeError, "Invalid mt19937 state"),
        ]
    ),
)
def test_set_state_refuses(state, error, text):
    generator = Generator().manual_seed(SEED)
    before = generator._pack()
    with pytest.raises(error) as raised:
        generator.set_state(state)
    assert str(raised.value) == text
    np.testing.assert_array_equal(generator._pack(), before)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    numbered(
        [
            (lambda g: g.manual_seed(1.5), RuntimeError, "manual_seed expected a long, but got float"),
            (lambda g: g.manual_seed(True), RuntimeError, "manual_seed expected a long, but got bool"),
            (lambda g: g.manual_seed(2**64), ValueError, "Overflow when unpacking long long"),
            (lambda g: g.manual_seed(-(2**63) - 1), ValueError, "Overflow when unpacking long long"),
            (lambda g: g.get_offset(), RuntimeError, "CPU Generator does not use offset"),
            (lambda g: g.set_offset(1), RuntimeError, "CPU Generator does not use offset"),
            (
                lambda g: g.graphsafe_get_state(),
                NotImplementedError,
                "graphsafe_get_state is not supported in this Generator",
            ),
            (
                lambda g: g.graphsafe_set_state(g),
                NotImplementedError,
                "graphsafe_set_state is not supported in this Generator",
            ),
        ]
    ),
)
def test_generator_errors(call, error, text):
    with pytest.raises(error) as raised:
        call(Generator())
    assert str(raised.value) == text


def test_device():
    assert repr(Generator().device) == repr(Generator("cpu:0").device) == "device(type='cpu')"


def draw_and_fail():
    uniform((100,))
    raise ZeroDivisionError


def test_fork_rng_puts_the_stream_back():
    state = random.default_generator._pack()
    with random.fork_rng():
        uniform((100,))
    np.testing.assert_array_equal(random.default_generator._pack(), state)
    with pytest.raises(ZeroDivisionError), random.fork_rng(devices=[0], device_type="cpu"):
        draw_and_fail()
    np.testing.assert_array_equal(random.default_generator._pack(), state)


@pytest.mark.parametrize("arguments", [{"enabled": False}, {"device_type": "meta"}])
def test_fork_rng_that_does_nothing(arguments):
    with random.fork_rng():
        before = random.default_generator._pack()
        with random.fork_rng(**arguments):
            uniform((100,))
        assert not np.array_equal(random.default_generator._pack(), before)


# --- arguments ---

ERRORS = [
    (
        lambda: uniform((2,), f32, 1, 0),
        RuntimeError,
        "uniform_ expects to return a [from, to) range, but found from=1 > to=0",
    ),
    (lambda: uniform((2,), f32, 0, math.inf), RuntimeError, "to is out of bounds for float"),
    (lambda: uniform((2,), f32, math.nan, 1), RuntimeError, "from is out of bounds for float"),
    (lambda: uniform((2,), f16, 0, 1e6), RuntimeError, "to is out of bounds for c10::Half"),
    (
        lambda: uniform((2,), f32, -3e38, 3e38),
        RuntimeError,
        "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and from=-3e+38 which result in "
        "to-from to exceed the limit",
    ),
    (lambda: uniform((2,), i64), NotImplementedError, "\"check_uniform_bounds\" not implemented for 'Long'"),
    (lambda: normal((2,), f32, 0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: normal((2,), f32, 0, math.nan), RuntimeError, "normal expects std >= 0.0, but found std nan"),
    (lambda: normal((2,), bool_), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Bool'"),
    (lambda: randint(5, 5, (2,)), RuntimeError, "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    (lambda: randint(0, 300, (2,), u8), RuntimeError, "to - 1 is out of bounds for unsigned char"),
    (lambda: randint(-1, 3, (2,), u8), RuntimeError, "from is out of bounds for unsigned char"),
    (lambda: randint(0, 2**20, (2,), f16), RuntimeError, "to - 1 is out of bounds for c10::Half"),
    (
        lambda: randint(0, 3, (2,), c64),
        RuntimeError,
        "check_random_bounds handles only integral, floating-point and boolean types",
    ),
    (
        lambda: random.random((2,), c64, 3),
        RuntimeError,
        "random_from_to_impl handles only integral, floating-point and boolean types",
    ),
    (lambda: random.random((2,), c64), NotImplementedError, "\"random_kernel_cpu\" not implemented for 'ComplexFloat'"),
    (lambda: random.random((2,), u8, -3), RuntimeError, "from is out of bounds for unsigned char"),
    (
        lambda: random.random((2,), i32, -(2**63)),
        RuntimeError,
        "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16",
    ),
    (
        lambda: random.random((2,), f16, -(2**63)),
        NotImplementedError,
        "\"random_full_64_bits_range_kernel_cpu\" not implemented for 'Half'",
    ),
    (
        lambda: random.random((2,), f32, 2**62),
        RuntimeError,
        "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got "
        "from=4611686018427387904 > to_inc=16777216",
    ),
    (lambda: randperm(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: randperm(257, u8), RuntimeError, "value cannot be converted to type uint8_t without overflow"),
    (lambda: randperm(2050, f16), RuntimeError, "n cannot be greater than 2049 for Half type."),
    (lambda: randperm(2**24 + 2, f32), RuntimeError, "n cannot be greater than 2^24+1 for Float type."),
    (lambda: randperm(3, bool_), NotImplementedError, "\"randperm\" not implemented for 'Bool'"),
    (lambda: random.bernoulli(1.5, (2,)), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    (lambda: random.bernoulli(math.nan, (2,)), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=nan"),
    (
        lambda: random.bernoulli(0.5, (2,), c64),
        NotImplementedError,
        "\"bernoulli_scalar_cpu_\" not implemented for 'ComplexFloat'",
    ),
    (
        lambda: random.bernoulli(np.float32([0, 2])),
        RuntimeError,
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
    ),
    (
        lambda: random.bernoulli(np.array([0, 1])),
        NotImplementedError,
        "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'",
    ),
    (
        lambda: random.bernoulli(np.float32([0, 1]), None, c64),
        NotImplementedError,
        "\"bernoulli_tensor_cpu_self_\" not implemented for 'ComplexFloat'",
    ),
    (
        lambda: random.exponential((2,), f32, 0),
        RuntimeError,
        "exponential_ expects lambda > 0.0, but found lambda=0",
    ),
    (
        lambda: random.exponential((2,), i64),
        RuntimeError,
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
        "specified Long",
    ),
    (lambda: random.geometric(1, (2,)), RuntimeError, "geometric_ expects p to be in (0, 1), but got p=1"),
    (lambda: random.geometric(0.5, (2,), bool_), NotImplementedError, "\"geometric_cpu\" not implemented for 'Bool'"),
    (lambda: random.log_normal((2,), f32, 0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
    (lambda: random.log_normal((2,), i64), NotImplementedError, "\"log_normal_cpu\" not implemented for 'Long'"),
    (lambda: random.cauchy((2,), f32, 0, -1), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=-1"),
    (
        lambda: random.cauchy((2,), i64),
        RuntimeError,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified "
        "long int",
    ),
    (lambda: random.multinomial(np.ones((2, 2, 2)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (lambda: random.multinomial(np.ones(3), 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    (
        lambda: random.multinomial(np.ones(3), 4),
        RuntimeError,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    ),
    (
        lambda: random.multinomial(np.ones(3, np.int64), 1),
        RuntimeError,
        "multinomial only supports floating-point dtypes for input, got: Long",
    ),
    (
        lambda: random.multinomial(np.ones(2**24 + 1, np.float16), 1),
        RuntimeError,
        "number of categories cannot exceed 2^24",
    ),
    *(
        (partial(random.multinomial, *arguments), RuntimeError, text)
        for arguments, text in [
            ((np.zeros(3), 2), "invalid multinomial distribution (sum of probabilities <= 0)"),
            ((np.zeros(3), 2, True), "invalid multinomial distribution (sum of probabilities <= 0)"),
            ((np.float32([[1, 1], [0, 0]]), 1), "invalid multinomial distribution (sum of probabilities <= 0)"),
            ((np.float32([1, -1]), 2), "probability tensor contains either `inf`, `nan` or element < 0"),
            ((np.float32([1, np.nan]), 1), "probability tensor contains either `inf`, `nan` or element < 0"),
            ((np.float32([1, -1]), 2, True), "invalid multinomial distribution (encountering probability entry < 0)"),
            (
                (np.float32([1, np.inf]), 2, True),
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)",
            ),
        ]
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), numbered(ERRORS))
def test_texts_of_torch(call, error, text):
    state = random.default_generator._pack()
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == text
    np.testing.assert_array_equal(random.default_generator._pack(), state)


def test_integers_beyond_the_mantissa_warn():
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^24\), 2\^24\]") as caught:
        drawn = randint(0, 2**24 + 2, (5,), f32, Generator().manual_seed(0))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert drawn.dtype == np.float32


def test_no_bfloat16_without_ml_dtypes(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r'pip install "plugrad\[bfloat16\]"'):
        uniform((2,), bf16)


# --- permutations ---


def exchanged_one_by_one(n, seed):
    words = Generator().manual_seed(seed)._words(max(n - 1, 0)).tolist()
    out = list(range(n))
    for i, word in enumerate(words):
        j = i + word % (n - i)
        out[i], out[j] = out[j], out[i]
    return out


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 100, 1000])
def test_all_exchanges_at_once(n):
    for seed in range(40):
        assert randperm(n, generator=Generator().manual_seed(seed)).tolist() == exchanged_one_by_one(n, seed)


def test_long_permutations_take_another_algorithm(monkeypatch):
    """From 2³² / 20 elements on; seen in torch at 214 748 364, too long for a test."""
    monkeypatch.setattr(random_integers, "_LONG", 100)
    monkeypatch.setattr(random_integers, "BLOCK", 32)
    generator = Generator().manual_seed(5)
    expected = []
    for i, number in enumerate(generator.clone_state()._bits64(100).tolist()):
        z = number % (i + 1)
        expected.append(i)
        expected[i] = expected[z]
        expected[z] = i
    assert randperm(100, generator=generator).tolist() == expected
    assert sorted(expected) == list(range(100))
    assert randperm(99, generator=Generator().manual_seed(5)).tolist() == exchanged_one_by_one(99, 5)


# --- arithmetic ---


def rounded(value, dtype):
    """The float nearest to an exact number."""
    nearest = dtype(float(value))
    around = [np.nextafter(nearest, dtype(-np.inf)), nearest, np.nextafter(nearest, dtype(np.inf))]
    return min(around, key=lambda candidate: abs(Fraction(float(candidate)) - value))


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 37.5, 1e9])
def test_fma_rounds_once(scale):
    numbers = np.random.default_rng(0)
    a = numbers.standard_normal(300)
    b, c = float(numbers.standard_normal() * scale), float(numbers.standard_normal())
    for x, sum_ in zip(a, rounding.fma64(a, b, c), strict=True):
        assert sum_ == rounded(Fraction(x) * Fraction(b) + Fraction(c), np.float64)
    a, b, c = a.astype(np.float32), np.float32(b), np.float32(c)
    for x, sum_ in zip(a, rounding.fma32(a, np.float64(b), c), strict=True):
        exact = Fraction(float(x)) * Fraction(float(b)) + Fraction(float(c))
        assert sum_ == rounded(exact, np.float32)


def test_fma_of_huge_and_infinite_numbers():
    np.testing.assert_array_equal(rounding.fma64(np.array([1e300, -2.0]), np.inf, 0.0), [np.inf, -np.inf])
    np.testing.assert_array_equal(rounding.fma64(np.array([0.5]), 1.7e308, 1.0), [0.85e308])


def test_logarithm_sine_and_cosine():
    x = (np.arange(1, 2**24, 997) * 2.0**-24).astype(np.float32)
    np.testing.assert_allclose(rounding.log32(x), np.log(x.astype(np.float64)), rtol=2e-7)
    assert rounding.log32(np.float32([1]))[0] == 0
    angle = x * np.float32(2 * math.pi)
    sine, cosine = rounding.sincos32(angle)
    np.testing.assert_allclose(sine, np.sin(angle.astype(np.float64)), atol=2e-7)
    np.testing.assert_allclose(cosine, np.cos(angle.astype(np.float64)), atol=2e-7)


def test_dtypes_of_the_module_are_all_there():
    """A dtype added to plugrad has to be given its random numbers."""
    drawable = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}
    assert set(dtypes.DTYPES) == drawable | {"complex64", "complex128"}
