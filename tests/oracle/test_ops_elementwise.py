"""The rarer elementwise ops do what the torch beside us does: values, dtypes, nodes, gradients, in place, out=, errors."""

import math

import pytest

import plugrad
from plugrad_call_table import agree, recorded

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

ONE = (
    "angle conj_physical deg2rad frac frexp isneginf isposinf isreal nan_to_num positive rad2deg resolve_conj resolve_neg sgn "
    "signbit"
).split()
TWO = "copysign fmax fmin gcd heaviside hypot lcm ldexp logaddexp logaddexp2 nextafter".split()
INPUTS = {
    "floats": lambda t: t.tensor([0.5, -1.5, 0.0, -0.0, 3.0]),
    "doubles": lambda t: t.tensor([[0.25, -1.75]], dtype=t.float64),
    "ends": lambda t: t.tensor([math.inf, -math.inf, math.nan]),
    "integers": lambda t: t.tensor([1, -2, 0]),
    "bytes": lambda t: t.tensor([1, 200], dtype=t.uint8),
    "bools": lambda t: t.tensor([True, False]),
    "complex": lambda t: t.tensor([1 + 2j, -3j, 2.0]),
    "scalar": lambda t: t.tensor(-2.0),
    "nothing": lambda t: t.ones(0, 3),
    "number": lambda t: 0.5,
}
#: Kinds of numbers that plugrad refuses in other words, or that torch's own kernels take apart.
PAIRS = {
    "floats": lambda t: (t.tensor([0.5, -1.5, 2.0]), t.tensor([1.0, 1.0, -2.0])),
    "broadcast": lambda t: (t.tensor([[0.5], [-1.5]]), t.tensor([1.0, 1.0, -2.0])),
    "integers": lambda t: (t.tensor([12, -18, 0]), t.tensor([18, 4, 0])),
    "bytes": lambda t: (t.tensor([12, 200], dtype=t.uint8), t.tensor([18, 250], dtype=t.uint8)),
    "mixed": lambda t: (t.tensor([0.5, -1.5]), t.tensor([1, 2])),
    "mixed integers": lambda t: (t.tensor([4, 6], dtype=t.int8), t.tensor([6, 4])),
    "double scalar": lambda t: (t.tensor([0.5, -1.5]), t.tensor(2.0, dtype=t.float64)),
    "bools": lambda t: (t.tensor([True, False]), t.tensor([True, True])),
    "nan": lambda t: (t.tensor([math.nan, 1.0, math.inf]), t.tensor([1.0, math.nan, -1.0])),
    "equal": lambda t: (t.tensor([1.0, 0.0, math.inf]), t.tensor([1.0, 0.0, math.inf])),
    "shapes": lambda t: (t.ones(2), t.ones(3)),
    "nothing": lambda t: (t.ones(0, 3), t.ones(3)),
    "number": lambda t: (t.ones(2), 2.0),
}
COMPLEX_PAIRS = [name for name in TWO if name not in ("ldexp", "logaddexp")]


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", ONE)
def test_of_one_argument(name, kind):
    agree(lambda t: getattr(t, name)(INPUTS[kind](t)), plugrad, torch)


@pytest.mark.parametrize("kind", [k for k in INPUTS if k != "number"])
@pytest.mark.parametrize("name", ONE)
def test_method(name, kind):
    agree(lambda t: getattr(INPUTS[kind](t), name)(), plugrad, torch)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("name", TWO)
def test_of_two_arguments(name, kind):
    if (name, kind) == ("copysign", "number"):
        agree(lambda t: t.copysign(t.ones(2), -0.0), plugrad, torch)
    agree(lambda t: getattr(t, name)(*PAIRS[kind](t)), plugrad, torch)


@pytest.mark.parametrize("name", COMPLEX_PAIRS)
def test_of_complex_pairs(name):
    agree(lambda t: getattr(t, name)(t.tensor([1j]), t.tensor([1 + 1j])), plugrad, torch)


@pytest.mark.parametrize("name", [n for n in TWO if n not in ("gcd", "lcm", "heaviside")])
def test_gradients_of_two_arguments(name):
    x, y = [0.5, -1.5, 2.0, -3.0], [1.0, 1.0, -2.0, -3.0]
    agree(recorded(lambda t, x, y: getattr(t, name)(x, y), x, y), plugrad, torch)
    agree(recorded(lambda t, x, y: getattr(t, name)(x, y).double(), x[:3], y[:3]), plugrad, torch)


def where_nothing(name):
    return name in ("isneginf", "isposinf", "isreal", "signbit", "frexp")


@pytest.mark.parametrize("name", [n for n in ONE if not where_nothing(n)])
def test_gradients_of_one_argument(name):
    agree(recorded(lambda t, x: getattr(t, name)(x) * 1.0, [0.5, -1.5, 0.0, 3.0]), plugrad, torch)


COMPLEX_GRADIENTS = {
    "sgn": lambda t, x: t.sgn(x),
    "angle": lambda t, x: t.angle(x),
    "conj_physical": lambda t, x: t.conj_physical(x),
    "sinc": lambda t, x: t.sinc(x),
    "ldexp": lambda t, x: t.ldexp(x, t.tensor([1, 2, 3])),
    "logaddexp": lambda t, x: t.logaddexp(x, x * x),
}


@pytest.mark.parametrize("name", COMPLEX_GRADIENTS)
def test_gradients_of_complex_numbers(name):
    agree(recorded(COMPLEX_GRADIENTS[name], [1 + 2j, 0.5 - 1j, -2 + 0.25j]), plugrad, torch, rel=1e-5)


IN_PLACE = {
    "deg2rad_": lambda x: x.deg2rad_(),
    "rad2deg_": lambda x: x.rad2deg_(),
    "frac_": lambda x: x.frac_(),
    "sgn_": lambda x: x.sgn_(),
    "sinc_": lambda x: x.sinc_(),
    "nan_to_num_": lambda x: x.nan_to_num_(1.0),
    "conj_physical_": lambda x: x.conj_physical_(),
    "copysign_": lambda x: x.copysign_(-1.0),
    "gcd_": lambda x: x.gcd_(x),
    "heaviside_": lambda x: x.heaviside_(x),
    "hypot_": lambda x: x.hypot_(x),
    "ldexp_": lambda x: x.ldexp_(x),
    "nextafter_": lambda x: x.nextafter_(x + 1),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    def program(t):
        x = t.tensor([0.5, -1.25, 2.0])
        made = IN_PLACE[name](x)
        return made is x, x

    agree(program, plugrad, torch)


@pytest.mark.parametrize("name", [n for n in IN_PLACE if n not in ("gcd_", "heaviside_", "conj_physical_")])
def test_in_place_is_recorded(name):
    agree(recorded(lambda t, x: IN_PLACE[name](x * 1.5), [0.25, -1.25, 2.0]), plugrad, torch)


def test_conjugate_in_place_is_recorded():
    agree(recorded(lambda t, x: (x * 2).conj_physical_(), [1 + 2j, -1j]), plugrad, torch)


PROGRAMS = {
    "complex": lambda t: t.complex(t.tensor([1.0, 2.0]), t.tensor([[3.0], [4.0]])),
    "complex of doubles": lambda t: t.complex(t.tensor(1.0, dtype=t.float64), t.tensor(math.inf, dtype=t.float64)),
    "complex of integers": lambda t: t.complex(t.tensor([1]), t.tensor([1])),
    "complex of two dtypes": lambda t: t.complex(t.tensor([1.0]), t.tensor([1.0], dtype=t.float64)),
    "complex of a number": lambda t: t.complex(t.tensor([1.0]), 2.0),
    "complex of shapes": lambda t: t.complex(t.ones(2), t.ones(3)),
    "complex out": lambda t: t.complex(t.ones(2), t.ones(2), out=t.zeros(2, dtype=t.complex64)),
    "complex wrong out": lambda t: t.complex(t.ones(2), t.ones(2), out=t.zeros(2)),
    "polar": lambda t: t.polar(t.tensor([1.0, 2.0]), t.tensor([0.5, -2.0])),
    "polar of integers": lambda t: t.polar(t.tensor([1]), t.tensor([1])),
    "real": lambda t: t.real(t.tensor([1 + 2j])),
    "real of reals": lambda t: t.real(t.tensor([1.0])),
    "imag": lambda t: t.imag(t.tensor([1 + 2j])),
    "imag of reals": lambda t: t.imag(t.tensor([1.0])),
    "nan_to_num": lambda t: t.nan_to_num(t.tensor([math.nan, math.inf, -math.inf, 1.0]), 1.0, 2.0, 3.0),
    "nan_to_num of doubles": lambda t: t.nan_to_num(t.tensor([math.inf, -math.inf], dtype=t.float64)),
    "nan_to_num of complex": lambda t: t.nan_to_num(t.tensor([complex("nan"), complex("inf"), 1j])),
    "nan_to_num of a complex leaf": lambda t: t.nan_to_num(t.tensor([1j], requires_grad=True)),
    "nan_to_num out": lambda t: t.nan_to_num(t.tensor([math.nan]), posinf=1.0, out=t.zeros(1)),
    "frexp parts": lambda t: (lambda f: [f.mantissa, f.exponent])(t.frexp(t.tensor([5.0, -0.1, 1e-40, 2.0**100]))),
    "frexp printed": lambda t: repr(t.frexp(t.tensor([5.0]))),
    "frexp out": lambda t: list(t.frexp(t.tensor([5.0]), out=(t.zeros(1), t.zeros(1, dtype=t.int32)))),
    "frexp wrong out": lambda t: t.frexp(t.tensor([5.0]), out=t.zeros(1)),
    "heaviside by name": lambda t: t.heaviside(input=t.tensor([0.0]), values=t.tensor([0.5])),
    "heaviside of two dtypes": lambda t: t.heaviside(t.tensor([0.0]), t.tensor([1])),
    "heaviside backward": lambda t: t.heaviside(t.ones(1, requires_grad=True), t.ones(1)).sum().backward(),
    "heaviside node": lambda t: repr(t.heaviside(t.ones(1, requires_grad=True), t.ones(1))),
    "copysign of a number": lambda t: repr(t.copysign(t.tensor([2.0], requires_grad=True), -1)),
    "copysign of zeros": recorded(lambda t, x: t.copysign(x, -1.0), [0.0, -0.0, 2.0]),
    "gcd of the least": lambda t: t.gcd(t.tensor([-127, 6], dtype=t.int8), t.tensor([0, -4], dtype=t.int8)),
    "nextafter around": lambda t: t.nextafter(t.tensor([0.0, 1.0, 1.0, -1.0, math.inf]), t.tensor([1.0, 2.0, 0.0, 0.0, 0.0])).double(),
    "nextafter of halfs": lambda t: t.nextafter(t.ones(1).half(), t.zeros(1).half()),
    "positive is the same": lambda t: (lambda x: t.positive(x) is x)(t.ones(1)),
    "rdiv": lambda t: t.tensor([2.0, 4.0]).__rdiv__(3),
    "out": lambda t: t.hypot(t.ones(2), t.ones(2), out=t.zeros(2)),
    "out of another dtype": lambda t: t.deg2rad(t.ones(2), out=t.zeros(2, dtype=t.int64)),
    "isin": lambda t: t.isin(t.tensor([[1, 2], [3, 4]]), t.tensor([2, 3])),
    "isin inverted": lambda t: t.isin(t.tensor([[1, 2], [3, 4]]), t.tensor([[2], [3]]), invert=True),
    "isin unique": lambda t: t.isin(t.tensor([1, 2]), t.tensor([2, 3]), assume_unique=True),
    "isin many": lambda t: t.isin(t.arange(40).reshape(5, 8), t.arange(0, 60, 3)),
    "isin of a number": lambda t: [t.isin(t.tensor([1.0, 2.0]), 2), t.isin(2, t.tensor([1, 2]))],
    "isin of nothing": lambda t: [t.isin(t.tensor([1]), t.ones(0)), t.isin(t.ones(0), t.tensor([1]))],
    "isin of nan": lambda t: t.isin(t.tensor([math.nan, 1.0]), t.tensor([math.nan, 1.0])),
    "isin of mixed": lambda t: t.isin(t.tensor([1, 2]), t.tensor([1.0, 2.5])),
    "isin of bools": lambda t: t.isin(t.tensor([True]), t.tensor([True])),
    "isin of complex": lambda t: t.isin(t.tensor([1j]), t.tensor([1j])),
    "isin of a leaf": lambda t: t.isin(t.ones(2, requires_grad=True), t.ones(1)).requires_grad,
    "aliases": lambda t: [t.arccosh(t.tensor([2.0])), t.arcsinh(t.ones(1)), t.arctanh(t.zeros(1)), t.fix(t.tensor([1.5]))],
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    agree(PROGRAMS[name], plugrad, torch)


@pytest.mark.parametrize("name", ["complex", "polar"])
def test_gradients_of_what_makes_complex_numbers(name):
    agree(recorded(lambda t, x, y: getattr(t, name)(x, y), [1.0, 2.0], [0.5, -0.75]), plugrad, torch)


@pytest.mark.parametrize("name", ["deg2rad", "frac", "sinc", "hypot", "logaddexp", "fmax", "copysign", "ldexp"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(name, dtype):
    def program(t):
        x = t.tensor([0.5, 1.25, -2.5], dtype=getattr(t, dtype))
        return getattr(t, name)(*([x] if name in ONE or name == "sinc" else [x, x + 1])).float()

    agree(program, plugrad, torch, rel=2.0**-7)
