"""The special functions against values of mpmath (make_special_values.py), and at the ends of their ranges."""

import importlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plugrad
from plugrad.backends.special import FAMILIES
from plugrad.core import engine
from plugrad_testing import on

pytestmark = pytest.mark.device

TABLE = json.loads(Path(__file__).with_suffix(".json").read_text())
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}
LARGEST = {"float32": 3.4e38, "float64": 1.7e308}
ROUNDINGS = 4


def function(name):
    return getattr(plugrad.special, name, None) or getattr(plugrad, name)


def assert_rounded(found, expected, precision):
    """Within four roundings of the exact values; results below the normal numbers within four of the smallest."""
    expected = np.asarray(expected, np.float64)
    found = found._host().astype(np.float64)
    known = np.abs(expected) < LARGEST[precision]
    scale = np.maximum(np.abs(expected), SMALLEST[precision])
    error = np.abs(found - expected)[known] / scale[known]
    assert error.max(initial=0.0) <= ROUNDINGS * EPS[precision]
    assert np.isinf(found[~known]).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(TABLE))
def test_exact_to_a_few_roundings(name, precision):
    points, expected = TABLE[name]
    found = function(name if name != "lgamma" else "gammaln")(on(np.array(points, precision)))
    assert str(found.dtype) == f"torch.{precision}"
    assert_rounded(found, expected, precision)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_xlogy(precision):
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.1, 9.0, 50).astype(np.float32) for _ in range(2))
    expected = [float(a) * math.log(float(b)) for a, b in zip(x, y, strict=True)]
    found = plugrad.xlogy(on(x.astype(precision)), on(y.astype(precision)))
    assert_rounded(found, expected, precision)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_left_of_zero(name):
    """There the rounding of 1 counts: both functions have zeros between the poles."""
    points = np.array([-0.25, -0.5, -1.5, -2.25, -2.5, -7.125, -30.75])
    if name == "lgamma":
        expected = [math.lgamma(p) for p in points]
    else:  # ψ(x) = ψ(x + n) - Σ 1/(x + k), far enough to the right by Stirling's series
        expected = []
        for p in points:
            end = p + 60.0
            series = math.log(end) - 1 / (2 * end) - 1 / (12 * end**2) + 1 / (120 * end**4) - 1 / (252 * end**6)
            expected.append(series - math.fsum(1.0 / (p + k) for k in range(60)))
    np.testing.assert_allclose(
        function(name if name != "lgamma" else "gammaln")(on(points))._host(), expected, 1e-14, 1e-14
    )


inf, nan = math.inf, math.nan
ENDS = {
    "gammaln": [inf, inf, inf, inf, 0.0, inf, nan],
    "digamma": [-inf, inf, inf, nan, -0.5772156649015329, nan, nan],
    "erfc": [1.0, 1.0, 0.0, 2.0, 0.15729920705028513, 1.8427007929497148, nan],
    "erfcx": [1.0, 1.0, 0.0, inf, 0.4275835761558070, 5.0089800807622829, nan],
    "erfinv": [0.0, -0.0, nan, nan, inf, -inf, nan],
    "ndtr": [0.5, 0.5, 1.0, 0.0, 0.8413447460685429, 0.15865525393145705, nan],
    "log_ndtr": [math.log(0.5), math.log(0.5), 0.0, -inf, -0.17275377902344989, -1.8410216450092636, nan],
    "ndtri": [-inf, -inf, nan, nan, inf, nan, nan],
    "entr": [0.0, 0.0, -inf, -inf, 0.0, -inf, nan],
    "i0e": [1.0, 1.0, 0.0, 0.0, 0.46575960759364043, 0.46575960759364043, nan],
    "i1e": [0.0, 0.0, 0.0, 0.0, 0.20791041534970844, -0.20791041534970844, nan],
    "sinc": [1.0, 1.0, nan, nan, 0.0, 0.0, nan],
    "modified_bessel_k0": [inf, inf, 0.0, nan, 0.42102443824070834, nan, nan],
    "bessel_y0": [-inf, -inf, nan, nan, 0.08825696421567698, nan, nan],
    "bessel_y1": [-inf, -inf, nan, nan, -0.7812128213002887, nan, nan],
    "spherical_bessel_j0": [1.0, 1.0, 0.0, 0.0, 0.8414709848078965, 0.8414709848078965, nan],
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_ends(name):
    points = np.array([0.0, -0.0, inf, -inf, 1.0, -1.0, nan])
    np.testing.assert_allclose(function(name)(on(points))._host(), ENDS[name], rtol=1e-15)


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_ends_of_the_incomplete_gamma_functions(name):
    a, x = np.array([0.0, 0.0, 1.0, -1.0, 1.0, inf, 2.0, inf]), np.array([0.0, 1.0, 0.0, 1.0, -1.0, 1.0, inf, inf])
    lower = np.array([nan, 1.0, 0.0, nan, nan, 0.0, 1.0, nan])
    found = function(name)(on(a), on(x))._host()
    np.testing.assert_array_equal(found, lower if name == "igamma" else 1.0 - lower)


def test_incomplete_gamma_functions_of_whole_orders():
    """Q(n, x) = exp(-x) Σ x^k / k!, k < n, on both sides of x = n, of few and of many terms."""
    pairs = [(n, n * f) for n in (1, 3, 8, 15, 25, 60, 140) for f in (0.3, 0.75, 0.95, 1.0, 1.1, 1.5, 2.5)]
    q = [math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(n)) for n, x in pairs]
    a, x = (on(np.array(v, np.float64)) for v in zip(*pairs, strict=True))
    np.testing.assert_allclose(plugrad.igammac(a, x)._host(), q, rtol=2e-13)
    np.testing.assert_allclose(plugrad.igamma(a, x)._host(), 1.0 - np.array(q), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("x", [1.5, 2.0, 4.0, 30.0])
def test_zeta_is_a_sum(x):
    """ζ(x, q) - ζ(x, q + 5) = Σ (q + k)^-x, k < 5."""
    q = np.array([0.1, 1.0, 7.5, 300.0])
    found = [plugrad.special.zeta(on(np.array(x)), on(q + shift))._host() for shift in (0.0, 5.0)]
    terms = sum((q + k) ** -x for k in range(5))
    np.testing.assert_allclose(found[0] - found[1], terms, rtol=1e-12)


def test_zeta_of_known_arguments():
    found = plugrad.special.zeta(
        on(np.array([2.0, 4.0, 3.0, 1.0, 0.5, 2.5, 2.0])), on(np.array([1, 1, -2.5, 1, 1, -1.5, -1]))
    )
    expected = [math.pi**2 / 6, math.pi**4 / 90, -(0.4**3) - 1.5**-3 - 8.0 + 7 * 1.2020569031595942, inf, nan, nan, inf]
    np.testing.assert_allclose(found._host(), expected, rtol=1e-13)


def test_bessel_functions_solve_their_equations():
    """x² f'' + x f' + x² f = 0 by the values: J₁ = -J₀', and J₁ Y₀ - J₀ Y₁ = 2 / (πx) everywhere."""
    x = np.concatenate([np.linspace(0.05, 12.0, 60), np.linspace(13.0, 900.0, 40)])
    j0, j1, y0, y1 = (function(f"bessel_{n}")(on(x))._host() for n in ("j0", "j1", "y0", "y1"))
    np.testing.assert_allclose(j1 * y0 - j0 * y1, 2.0 / (math.pi * x), rtol=1e-12)
    h = 1e-5
    ahead, behind = (function("bessel_j0")(on(x + step))._host() for step in (h, -h))
    np.testing.assert_allclose((behind - ahead) / (2 * h), j1, atol=1e-9)


def test_airy_solves_its_equation():
    """Ai'' = x · Ai."""
    x, h = np.array([-9.0, -4.5, -2.1, -1.0, 0.0, 1.0, 2.1, 3.0, 6.0]), 1e-3
    behind, at, ahead = (function("airy_ai")(on(x + step))._host() for step in (-h, 0.0, h))
    np.testing.assert_allclose((behind - 2 * at + ahead) / h**2, x * at, rtol=1e-5, atol=1e-6)
    assert at[4] == pytest.approx(0.3550280538878172, rel=1e-15)


@pytest.mark.parametrize("scaled", [False, True])
def test_modified_bessel_functions(scaled):
    """I₀ K₁ + I₁ K₀ = 1 / x."""
    x = np.concatenate([np.linspace(0.01, 10.0, 50), np.linspace(11.0, 300.0, 30)])
    names = ("i0e", "i1e", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1")
    plain = ("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1")
    i0, i1, k0, k1 = (function(n)(on(x))._host() for n in (names if scaled else plain))
    np.testing.assert_allclose(i0 * k1 + i1 * k0, 1.0 / x, rtol=1e-14)


def test_sinc_has_every_derivative_at_zero():
    x = on(np.array([0.0, 1e-3]), requires_grad=True)
    made, slopes = plugrad.sinc(x), []
    for _ in range(3):
        (made,) = engine.grad([made], [x], [on(np.ones(2))], create_graph=True)
        slopes.append(made._host()[0])
    np.testing.assert_allclose(slopes, [0.0, -(math.pi**2) / 3.0, 0.0], atol=1e-12)


def test_half_precision_is_rounded_once(xp):
    if xp.float16 is None:
        pytest.skip(f"backend {xp.name} has no float16")
    x = np.linspace(0.1, 5.0, 40).astype(np.float16)
    exact = np.array([math.lgamma(float(v)) for v in x]).astype(np.float16)
    np.testing.assert_array_equal(plugrad.lgamma(on(x))._host(), exact)


def test_every_function_is_found_in_its_family():
    for (file, name), listed in FAMILIES.items():
        family = getattr(importlib.import_module(f"plugrad.backends.{file}"), name)
        assert sorted(n for n in vars(family) if not n.startswith("_")) == sorted(listed.split())


def test_families_are_imported_when_they_are_needed():
    program = (
        "import sys, plugrad; early = 'plugrad.backends.gamma' in sys.modules;"
        "print(early, plugrad.lgamma(plugrad.tensor(5.0)).exp().round().item())"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["False", "24.0"]


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
import plugrad
x = plugrad.tensor([0.5, 2.0], dtype=plugrad.float64)
print(plugrad.special.bessel_j0(x).tolist(), plugrad.special.zeta(x + 1.0, x).tolist(), plugrad.special.ndtri(x / 4.0).tolist())
a = plugrad.arange(400.0, dtype=plugrad.float64).reshape(20, 20).sin() + plugrad.eye(20) * 9.0
print(plugrad.linalg.lu_factor(a).LU.sum().item(), plugrad.linalg.solve_triangular(a, a, upper=True).sum().item())
"""


@pytest.mark.cpu
def test_scipy_changes_nothing_but_the_time():
    pytest.importorskip("scipy")
    programs = (WITHOUT_SCIPY, WITHOUT_SCIPY.replace('sys.modules["scipy"] = None', ""))
    made = [subprocess.run([sys.executable, "-c", p], capture_output=True, text=True, check=True) for p in programs]
    without, beside = ([float(n) for n in re.findall(r"[-+.\de]+", m.stdout)] for m in made)
    assert len(without) == 8
    np.testing.assert_allclose(without, beside, rtol=1e-13)


@pytest.mark.cpu
def test_scipy_is_imported_when_it_is_needed():
    pytest.importorskip("scipy")
    program = (
        "import sys, plugrad; x = plugrad.tensor(0.5); plugrad.erf(x), plugrad.lgamma(x);"
        "early = 'scipy' in sys.modules; plugrad.special.ndtri(x); print(early, 'scipy' in sys.modules)"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["False", "True"]
