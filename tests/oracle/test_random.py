"""The random stream against torch beside us: every dtype, many shapes and seeds, and the state after each draw."""

import warnings

import numpy as np
import pytest

from plugrad.core import random
from plugrad.core.dtypes import DTYPES

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
        reason="without AVX2 torch rounds uniform_ and randn another way",
    ),
]

FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
SHAPES = [(), (0,), (1,), (2, 3), (15,), (16,), (17,), (4, 8), (33,), (3, 17, 29), (32771,)]
SEEDS = [0, 7, 2**40 + 3]


def bits(tensor):
    """A torch tensor as a numpy array, bfloat16 included."""
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def assert_same(ours, theirs, place):
    theirs = bits(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), place
    assert ours.tobytes() == theirs.tobytes(), f"{place}: {(ours != theirs).sum()} of {ours.size} differ"


def assert_same_state(ours, theirs, place):
    np.testing.assert_array_equal(ours._pack(), theirs.get_state().numpy(), err_msg=place)


def compare(draw, draw_torch, seeds=SEEDS):
    """Both draw twice from streams of one seed: the second draw shows what the first has consumed."""
    for seed in seeds:
        ours, theirs = random.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
        for turn in ("first", "second"):
            place = f"seed {seed}, {turn} draw"
            assert_same(draw(ours), draw_torch(theirs), place)
            assert_same_state(ours, theirs, place)


def empty(shape, name):
    return torch.empty(shape, dtype=getattr(torch, name))


def position_after(draw):
    """How many words of a fresh stream torch takes for a draw."""
    generator = torch.Generator().manual_seed(0)
    draw(generator)
    return int(generator.get_state().numpy().view(np.uint64)[2])


MKL_BERNOULLI = position_after(lambda g: torch.empty(4).bernoulli_(0.5, generator=g)) != 8
MKL_EXPONENTIAL = position_after(lambda g: torch.empty(4).exponential_(generator=g)) != 8
own_bernoulli = pytest.mark.skipif(MKL_BERNOULLI, reason="on Intel processors torch draws this from MKL's stream")
own_exponential = pytest.mark.skipif(MKL_EXPONENTIAL, reason="on Intel processors torch draws this from MKL's stream")

each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@each_shape
@pytest.mark.parametrize("name", FLOATS + COMPLEX)
@pytest.mark.parametrize(
    "bounds", [(0, 1), (-0.1, 0.1), (1.3, 2.7), (-3.3, 0.21), (1000, 1001), (2**24, 2**24 + 4)], ids=str
)
def test_uniform(shape, name, bounds):
    if name == "float16" and bounds[1] > 65504:
        bounds = (65000, 65504)
    compare(
        lambda g: random.uniform(shape, DTYPES[name], *bounds, g),
        lambda g: empty(shape, name).uniform_(*bounds, generator=g),
    )


@each_shape
@pytest.mark.parametrize("name", FLOATS + COMPLEX)
@pytest.mark.parametrize("parameters", [(0, 1), (1.3, 0.37), (-1e3, 77.7), (5, 0)], ids=str)
def test_normal(shape, name, parameters):
    compare(
        lambda g: random.normal(shape, DTYPES[name], *parameters, g),
        lambda g: empty(shape, name).normal_(*parameters, generator=g),
    )


@pytest.mark.parametrize("name", FLOATS)
def test_normal_into_a_strided_tensor(name):
    compare(
        lambda g: random.normal((40,), DTYPES[name], 1.3, 0.37, g, contiguous=False),
        lambda g: empty((40, 2), name)[:, 0].normal_(1.3, 0.37, generator=g),
    )


DISTRIBUTIONS = {
    "exponential": lambda shape, d, g: random.exponential(shape, d, 0.7, g),
    "log_normal": lambda shape, d, g: random.log_normal(shape, d, 0.3, 0.21, g),
    "cauchy": lambda shape, d, g: random.cauchy(shape, d, 0.3, 2.1, g),
    "geometric": lambda shape, d, g: random.geometric(0.3, shape, d, g),
}
PARAMETERS = {"exponential": (0.7,), "log_normal": (0.3, 0.21), "cauchy": (0.3, 2.1), "geometric": (0.3,)}


@each_shape
@pytest.mark.parametrize(
    "distribution", [pytest.param("exponential", marks=own_exponential), "log_normal", "cauchy", "geometric"]
)
def test_distributions(shape, distribution):
    draw = DISTRIBUTIONS[distribution]
    for name in FLOATS + INTEGERS * (distribution == "geometric"):
        compare(
            lambda g, name=name: draw(shape, DTYPES[name], g),
            lambda g, name=name: getattr(empty(shape, name), distribution + "_")(
                *PARAMETERS[distribution], generator=g
            ),
        )


@pytest.mark.parametrize("p", [1e-10, 1e-3, 0.5, 0.999])
def test_geometric(p):
    compare(lambda g: random.geometric(p, (5000,), generator=g), lambda g: torch.empty(5000).geometric_(p, generator=g))


RANGES = [(0, 2), (3, 117), (-5, 7), (0, 60000), (0, 2**28 - 1), (0, 2**28), (-(2**31), 2**31 - 9), (2**24, 2**24 + 9)]
RANGES += [(2**53, 2**53 + 77), (-(2**63), 2**63 - 1), (-(2**60), 2**62), (0, 1), (4, 4), (9, 2)]


def outcome(draw, *arguments):
    """The array drawn, or the error's class and text; and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            drawn = draw(*arguments)
        except (RuntimeError, NotImplementedError) as error:
            drawn = (type(error), str(error))
    return drawn, [str(warning.message).partition(" (Triggered internally")[0] for warning in caught]


@each_shape
@pytest.mark.parametrize("low_high", RANGES, ids=str)
def test_randint(shape, low_high):
    for name in ["bool", *INTEGERS, *FLOATS]:
        ours, theirs = random.Generator().manual_seed(5), torch.Generator().manual_seed(5)
        drawn, warned = outcome(random.randint, *low_high, shape, DTYPES[name], ours)
        expected, expected_warnings = outcome(lambda d: empty(shape, d).random_(*low_high, generator=theirs), name)  # noqa: B023
        assert warned == expected_warnings
        if isinstance(expected, tuple):
            assert drawn == expected
        else:
            assert_same(drawn, expected, name)
        assert_same_state(ours, theirs, name)


# Not the empty shape: torch finds out that a dtype has no kernel only where there is a number to draw.
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if 0 not in shape], ids=str)
@pytest.mark.parametrize("low", [None, 0, 3, -3, -(2**63), 2**62])
def test_random(shape, low):
    for name in ["bool", *INTEGERS, *FLOATS]:
        bounds = () if low is None else (low, None)
        ours, theirs = random.Generator().manual_seed(5), torch.Generator().manual_seed(5)
        drawn, warned = outcome(random.random, shape, DTYPES[name], low, ours)
        expected, expected_warnings = outcome(lambda d: empty(shape, d).random_(*bounds, generator=theirs), name)  # noqa: B023
        assert warned == expected_warnings
        if isinstance(expected, tuple):
            assert drawn == expected
        else:
            assert_same(drawn, expected, name)
        assert_same_state(ours, theirs, name)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 128, 129, 256, 257, 2049, 2050, 32768, 32769, 60000, 300000])
def test_randperm(n):
    for name in INTEGERS + FLOATS:
        ours, theirs = random.Generator().manual_seed(5), torch.Generator().manual_seed(5)
        drawn, _ = outcome(random.randperm, n, DTYPES[name], ours)
        expected, _ = outcome(lambda d: torch.randperm(n, dtype=getattr(torch, d), generator=theirs), name)  # noqa: B023
        if isinstance(expected, tuple):
            assert drawn == expected
        else:
            assert_same(drawn, expected, name)
        assert_same_state(ours, theirs, name)


@own_bernoulli
@each_shape
@pytest.mark.parametrize("p", [0, 0.3, 0.999, 1])
def test_bernoulli(shape, p):
    for name in ["bool", *INTEGERS, *FLOATS]:
        compare(
            lambda g, name=name: random.bernoulli(p, shape, DTYPES[name], g),
            lambda g, name=name: empty(shape, name).bernoulli_(p, generator=g),
        )


@each_shape
@pytest.mark.parametrize("name", FLOATS)
def test_bernoulli_of_an_array(shape, name):
    p = torch.rand(shape, generator=torch.Generator().manual_seed(5)).to(getattr(torch, name))
    compare(lambda g: random.bernoulli(bits(p), None, DTYPES[name], g), lambda g: torch.bernoulli(p, generator=g))
    wider = (3, *shape)
    compare(
        lambda g: random.bernoulli(bits(p), wider, generator=g), lambda g: torch.empty(wider).bernoulli_(p, generator=g)
    )


@own_bernoulli
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_mask(p):
    """The mask of torch's dropout, from the default generator."""
    with random.fork_rng(), torch.random.fork_rng():
        random.manual_seed(3)
        torch.manual_seed(3)
        for _ in range(3):
            mask = random.bernoulli(1 - p, (50, 7)) / np.float32(1 - p)
            assert_same(mask, torch.nn.functional.dropout(torch.ones(50, 7), p), f"p = {p}")


@own_exponential
@pytest.mark.parametrize("shape", [(7,), (5, 50), (2, 3000), (0, 4)], ids=str)
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(("count", "replacement"), [(1, False), (3, False), (1, True), (4, True), (100, True)])
def test_multinomial(shape, name, count, replacement):
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(5)).to(getattr(torch, name))
    weights[..., ::5] = 0
    ties = name in ("float16", "bfloat16") and count == 3  # equal keys: torch leaves their order to its sort
    compare(
        lambda g: random.multinomial(bits(weights), count, replacement, g),
        lambda g: torch.multinomial(weights, count, replacement, generator=g),
        seeds=[0] if ties else range(10),
    )


# --- mixtures ---


def mixed_draws():
    """Pairs of draws that leave the stream in every kind of position."""
    d = DTYPES
    return [
        (lambda g: random.uniform((5,), generator=g), lambda g: torch.rand(5, generator=g)),
        (lambda g: random.uniform((3,), d["float64"], generator=g), lambda g: torch.rand(3, dtype=torch.float64, generator=g)),
        (lambda g: random.normal((3,), generator=g), lambda g: torch.randn(3, generator=g)),
        (lambda g: random.normal((2,), d["float64"], generator=g), lambda g: torch.randn(2, dtype=torch.float64, generator=g)),
        (lambda g: random.normal((37,), generator=g), lambda g: torch.randn(37, generator=g)),
        (lambda g: random.normal((37,), d["bfloat16"], generator=g), lambda g: torch.randn(37, dtype=torch.bfloat16, generator=g)),
        (lambda g: random.normal((3, 5), d["complex64"], generator=g), lambda g: torch.randn(3, 5, dtype=torch.complex64, generator=g)),
        (lambda g: random.randint(0, 10, (4,), generator=g), lambda g: torch.randint(0, 10, (4,), generator=g)),
        (lambda g: random.randint(0, 2**40, (3,), generator=g), lambda g: torch.randint(0, 2**40, (3,), generator=g)),
        (lambda g: random.random((3,), d["uint8"], None, g), lambda g: empty(3, "uint8").random_(generator=g)),
        (lambda g: random.randperm(9, generator=g), lambda g: torch.randperm(9, generator=g)),
        (lambda g: random.bernoulli(0.3, (7,), generator=g), lambda g: torch.empty(7).bernoulli_(0.3, generator=g)),
        (lambda g: random.bernoulli(np.full(5, 0.3, np.float32), None, d["float32"], g), lambda g: torch.bernoulli(torch.full((5,), 0.3), generator=g)),
        (lambda g: random.exponential((3,), generator=g), lambda g: torch.empty(3).exponential_(generator=g)),
        (lambda g: random.geometric(0.2, (3,), generator=g), lambda g: torch.empty(3).geometric_(0.2, generator=g)),
        (lambda g: random.log_normal((3,), generator=g), lambda g: torch.empty(3).log_normal_(generator=g)),
        (lambda g: random.cauchy((2,), generator=g), lambda g: torch.empty(2).cauchy_(generator=g)),
        (lambda g: random.multinomial(np.float32([1, 2, 3]), 2, False, g), lambda g: torch.multinomial(torch.tensor([1.0, 2, 3]), 2, generator=g)),
        (lambda g: random.multinomial(np.float32([1, 2, 3]), 4, True, g), lambda g: torch.multinomial(torch.tensor([1.0, 2, 3]), 4, True, generator=g)),
    ]  # fmt: skip


@own_bernoulli
@own_exponential
@pytest.mark.parametrize("seed", range(20))
def test_mixed_draws_stay_together(seed):
    ours, theirs = random.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    draws = mixed_draws()
    for step, number in enumerate(np.random.default_rng(seed).integers(len(draws), size=150)):
        draw, draw_torch = draws[number]
        place = f"step {step}, draw {number}"
        assert_same(draw(ours), draw_torch(theirs), place)
        assert_same_state(ours, theirs, place)


@pytest.mark.parametrize("seed", range(5))
def test_states_travel_both_ways(seed):
    numbers = np.random.default_rng(seed)
    ours, theirs = random.Generator(), torch.Generator().manual_seed(seed)
    for _ in range(20):
        torch.randn(int(numbers.integers(1, 16)), generator=theirs)
        torch.rand(int(numbers.integers(0, 1300)), generator=theirs)
        ours._unpack(theirs.get_state().numpy())
        assert ours.initial_seed() == theirs.initial_seed()
        assert_same(random.normal((5,), generator=ours), torch.randn(5, generator=theirs), "after torch's state")
        random.uniform((int(numbers.integers(0, 1300)),), generator=ours)
        theirs.set_state(torch.from_numpy(ours._pack()))
        assert_same(random.normal((5,), generator=ours), torch.randn(5, generator=theirs), "after our state")
