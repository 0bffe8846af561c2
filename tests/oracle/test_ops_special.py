"""The special functions do what the torch beside us does: values, dtypes, nodes, gradients, in place, out=, errors."""

import math

import pytest

import plugrad
from plugrad_call_table import agree, recorded

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

SMOOTH = "digamma entr erfc erfcx erfinv gammaln i0 i0e i1 i1e log_ndtr logit ndtr ndtri sinc psi expit expm1 exp2 log1p".split()
STIFF = (
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0"
).split()
POLYNOMIALS = [f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"]
POLYNOMIALS += "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p".split()
TWO = ["zeta", "xlogy", "xlog1py", "gammainc", "gammaincc"]
INPUTS = {
    "doubles": lambda t: t.tensor([0.0625, 0.25, 0.5, 0.875], dtype=t.float64),
    "floats": lambda t: t.tensor([[0.0625], [0.875]]),
    "scalar": lambda t: t.tensor(0.25),
    "integers": lambda t: t.tensor([1, 2, 3]),
    "bools": lambda t: t.tensor([True, False]),
    "nothing": lambda t: t.ones(0, 3),
    "ends": lambda t: t.tensor([0.0, math.inf, math.nan]),
}
ONE = SMOOTH + STIFF
PAIRS = {
    "doubles": lambda t: (t.tensor([1.5, 2.0, 3.0], dtype=t.float64), t.tensor([0.5, 1.0, 2.25], dtype=t.float64)),
    "broadcast": lambda t: (t.tensor([[1.5], [2.5]]), t.tensor([0.5, 1.0, 2.25])),
    "mixed": lambda t: (t.tensor([2, 3]), t.tensor([0.5, 1.25])),
    "integers": lambda t: (t.tensor([2, 3]), t.tensor([1, 2])),
    "bools": lambda t: (t.tensor([True, True]), t.tensor([True, True])),
    "number second": lambda t: (t.tensor([1.5, 2.5]), 2),
    "number first": lambda t: (3.0, t.tensor([1.5, 2.5])),
    "integers and a number": lambda t: (t.tensor([2, 3]), 1.5),
    "shapes": lambda t: (t.ones(2), t.ones(3)),
    "nothing": lambda t: (t.ones(0, 2), t.ones(2)),
    "complex": lambda t: (t.tensor([1j]), t.tensor([1j])),
}


def special(t, name):
    return getattr(t.special, name)


@pytest.mark.parametrize(
    "name", [n for n in dir(torch.special) if callable(getattr(torch.special, n)) and n[0].islower()]
)
def test_every_name_is_there(name):
    assert name in plugrad.special.__all__


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", ONE)
def test_of_one_argument(name, kind):
    agree(lambda t: special(t, name)(INPUTS[kind](t)), plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("name", [n for n in ONE if n not in ("sinc", "expit", "expm1", "exp2", "log1p")])
def test_complex_numbers_are_refused(name):
    agree(lambda t: special(t, name)(t.tensor([1j])), plugrad, torch)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    agree(recorded(lambda t, x: special(t, name)(x), [0.0625, 0.25, 0.5, 0.875]), plugrad, torch, rel=2e-5)
    agree(recorded(lambda t, x: special(t, name)(x.double()), [0.1, 0.7]), plugrad, torch)


@pytest.mark.parametrize("name", [*STIFF, *POLYNOMIALS])
def test_without_a_derivative(name):
    def program(t):
        x = t.tensor([0.5, 1.5], requires_grad=True)
        return special(t, name)(*([x, 2] if name in POLYNOMIALS else [x]))

    agree(program, plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("name", ["i1", "i1e", "i0e", "i0", "sinc"])
def test_gradients_at_zero(name):
    agree(recorded(lambda t, x: special(t, name)(x), [0.0, -0.0, 0.75]), plugrad, torch)


@pytest.mark.parametrize("kind", [k for k in PAIRS if "number" not in k])
@pytest.mark.parametrize("name", TWO)
def test_of_two_arguments(name, kind):
    agree(lambda t: special(t, name)(*PAIRS[kind](t)), plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("kind", [k for k in PAIRS if "number" in k])
@pytest.mark.parametrize("name", ["zeta", "xlogy", "xlog1py"])
def test_of_a_tensor_and_a_number(name, kind):
    agree(lambda t: special(t, name)(*PAIRS[kind](t)), plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("kind", [k for k in PAIRS if k not in ("doubles", "complex")])
@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name, kind):
    agree(lambda t: special(t, name)(*PAIRS[kind](t)), plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_many_degrees(name):
    def program(t):
        x = t.tensor([-1.5, -1.0, -0.7, 0.0, 0.3, 1.0, 1.2], dtype=t.float64)
        return special(t, name)(x, t.tensor([[-1.0], [0.0], [1.0], [2.5], [6.0], [7.0], [12.0]], dtype=t.float64))

    agree(program, plugrad, torch, rel=1e-9, absolute=1e-9)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_gradients_of_two_arguments(name):
    agree(recorded(lambda t, x, y: special(t, name)(x, y), [0.0, 1.5, -2.0], [0.5, 1.25, 3.0]), plugrad, torch)
    agree(recorded(lambda t, x: special(t, name)(x, 2.5), [0.0, 1.5]), plugrad, torch)
    agree(recorded(lambda t, x: special(t, name)(2.5, x), [0.5, 1.5]), plugrad, torch)


@pytest.mark.parametrize("name", ["zeta", "gammainc", "gammaincc"])
def test_gradient_of_the_second_argument(name):
    def program(t):
        a, x = t.tensor([1.5, 3.0, 12.0]), t.tensor([0.5, 2.0, 11.0], requires_grad=True)
        made = special(t, name)(a, x)
        return type(made.grad_fn).__name__, t.autograd.grad(made.sum(), x)

    agree(program, plugrad, torch, rel=1e-5)


PROGRAMS = {
    "zeta of a first argument that requires grad": lambda t: t.special.zeta(t.ones(1, requires_grad=True), t.ones(1)).sum().backward(),
    "igamma of a first argument that requires grad": lambda t: t.igamma(t.ones(1, requires_grad=True), t.ones(1)).sum().backward(),
    "igammac of a first argument that requires grad": lambda t: t.igammac(t.ones(1, requires_grad=True), t.ones(1)).sum().backward(),
    "zeta by a number": recorded(lambda t, x: t.special.zeta(3.0, x), [1.5, 0.5]),
    "igamma of a number": lambda t: t.igamma(t.ones(1), 2.0),
    "polygamma": lambda t: [t.polygamma(n, t.tensor([0.5, 1.5, 7.25, 20.0])) for n in range(5)],
    "polygamma recorded": recorded(lambda t, x: t.polygamma(2, x), [0.5, 1.5]),
    "polygamma method": recorded(lambda t, x: x.polygamma(1), [0.5, 1.5]),
    "polygamma special": lambda t: t.special.polygamma(1, t.tensor([1, 2])),
    "polygamma of -1": lambda t: t.polygamma(-1, t.ones(1)),
    "polygamma of 1.5": lambda t: t.polygamma(1.5, t.ones(1)),
    "polygamma of complex": lambda t: t.polygamma(2, t.tensor([1j])),
    "trigamma of complex": lambda t: t.polygamma(1, t.tensor([1j])),
    "polygamma left of zero": lambda t: t.polygamma(1, t.tensor([-0.5, -1.25], dtype=t.float64)),
    "mvlgamma": recorded(lambda t, x: t.mvlgamma(x, 3), [1.5, 2.5, 4.0]),
    "mvlgamma by name": lambda t: t.mvlgamma(input=t.tensor([3, 4]), p=2),
    "mvlgamma of p = 0": lambda t: t.mvlgamma(t.ones(1), 0),
    "mvlgamma of bools": lambda t: t.mvlgamma(t.tensor([True]), 1),
    "mvlgamma in place": lambda t: t.tensor([3.0, 4.0]).mvlgamma_(2),
    "multigammaln": lambda t: t.special.multigammaln(t.tensor([3.0, 4.0]), 2),
    "logit": lambda t: [t.logit(t.tensor([0.0, 0.3, 1.0, -1.0]), eps) for eps in (None, 0.01, 0.0, 0.6)],
    "logit recorded": recorded(lambda t, x: t.logit(x, 0.1), [0.05, 0.3, 0.95]),
    "logit slope": recorded(lambda t, x: t.logit(x), [0.3, 0.75]),
    "logit eps by name": lambda t: t.special.logit(t.tensor([0.2]), eps=0.3),
    "xlogy of zeros": lambda t: t.xlogy(t.tensor([0.0, 0.0, 1.0]), t.tensor([0.0, math.nan, 0.0])),
    "xlogy method": recorded(lambda t, x: x.xlogy(2.0), [1.5]),
    "xlogy in place": lambda t: t.tensor([1.5, 2.0]).xlogy_(t.tensor([2.0, 3.0])),
    "xlog1py of zeros": lambda t: t.special.xlog1py(t.tensor([0.0, 0.0, 1.0]), t.tensor([-1.0, math.nan, -1.0])),
    "two numbers": lambda t: type(outcome_error(lambda: t.xlogy(1.0, 2.0))).__name__,
    "out": lambda t: t.special.i1e(t.ones(2), out=t.zeros(2)),
    "out of a polynomial": lambda t: t.special.legendre_polynomial_p(t.ones(2), 3, out=t.zeros(2)),
    "out by name": lambda t: t.special.airy_ai(x=t.zeros(2), out=t.zeros(2)),
    "wrong out": lambda t: t.lgamma(t.ones(2), out=t.zeros(2, dtype=t.int64)),
    "out of a leaf": lambda t: t.erfc(t.ones(2, requires_grad=True), out=t.zeros(2)),
    "not a tensor": lambda t: t.lgamma(0.5),
    "of many": lambda t: [
        getattr(t, name)(t.linspace(-3.3, 5.2, 18, dtype=t.float64)) for name in ("lgamma", "digamma", "erfc", "i0")
    ],
}  # fmt: skip


def outcome_error(call):
    try:
        return call()
    except TypeError as error:
        return error


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    agree(PROGRAMS[name], plugrad, torch, rel=1e-5)


@pytest.mark.parametrize("name", "lgamma digamma erfc erfinv i0 logit sinc".split())
def test_in_place(name):
    def program(t):
        x = t.tensor([0.25, 0.5])
        made = getattr(x, name + "_")()
        return made is x, x

    agree(program, plugrad, torch)
    agree(recorded(lambda t, x: getattr(x * 0.5, name + "_")(), [0.25, 0.75]), plugrad, torch, rel=1e-5)
    agree(lambda t: getattr(t.tensor([1, 2]), name + "_")(), plugrad, torch)


@pytest.mark.parametrize("name", "lgamma digamma erfc erfinv i0 logit igamma xlogy".split())
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(name, dtype):
    def program(t):
        x = t.tensor([0.5, 0.25, 0.75], dtype=getattr(t, dtype))
        return getattr(t, name)(*([x, x + 1] if name in ("igamma", "xlogy") else [x])).float()

    agree(program, plugrad, torch, rel=2.0**-7)


@pytest.mark.parametrize("name", ["lgamma", "erfc", "erfinv", "i0", "digamma"])
def test_second_derivatives(name):
    def program(t):
        x = t.tensor([0.3, 0.8], dtype=t.float64, requires_grad=True)
        (g,) = t.autograd.grad(getattr(t, name)(x).sum(), x, create_graph=True)
        return t.autograd.grad(g.sum(), x)

    agree(program, plugrad, torch)
