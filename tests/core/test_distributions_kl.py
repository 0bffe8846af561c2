"""Divergences: every pair of classes as torch has it, and against means over samples."""

import itertools
import math

import pytest

import plugrad
import plugrad.distributions
from plugrad_distribution_programs import gradients, leaves_of, tensors, tried
from plugrad_outcome import differences, golden, outcome

#: Two of each class.
NUMBERS = {
    "Bernoulli": [{"probs": [0.2, 0.0, 1.0]}, {"probs": [0.6, 0.5, 0.0]}],
    "Beta": [
        {"concentration1": [0.5, 2.0], "concentration0": [1.5, 3.0]},
        {"concentration1": 2.0, "concentration0": [1.0, 4.0]},
    ],
    "Binomial": [{"total_count": 5, "probs": [0.2, 0.5]}, {"total_count": [5.0, 4.0], "probs": [0.6, 0.5]}],
    "Categorical": [{"probs": [[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]}, {"probs": [[0.6, 0.4, 0.0], [0.5, 0.5, 0.0]]}],
    "Cauchy": [{"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, {"loc": 0.0, "scale": [1.0, 2.0]}],
    "ContinuousBernoulli": [{"probs": [0.2, 0.5]}, {"probs": [0.6, 0.9]}],
    "Dirichlet": [{"concentration": [[0.5, 2.0], [1.0, 3.0]]}, {"concentration": [1.0, 1.0]}],
    "Exponential": [{"rate": [0.5, 4.0]}, {"rate": [2.0, 1.0]}],
    "Gamma": [{"concentration": [0.4, 3.0], "rate": [0.5, 2.0]}, {"concentration": [2.0, 1.0], "rate": 1.5}],
    "Chi2": [{"df": [0.4, 3.0]}, {"df": [2.0, 1.0]}],
    "Geometric": [{"probs": [0.2, 0.5]}, {"probs": [0.6, 0.9]}],
    "Gumbel": [{"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, {"loc": 0.0, "scale": [1.0, 2.0]}],
    "HalfNormal": [{"scale": [1.5, 0.25]}, {"scale": [1.0, 2.0]}],
    "Laplace": [{"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, {"loc": 0.0, "scale": [1.0, 2.0]}],
    "LogNormal": [{"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, {"loc": 0.0, "scale": [1.0, 2.0]}],
    "LowRankMultivariateNormal": [
        {"loc": [0.5, -1.0], "cov_factor": [[1.0], [0.5]], "cov_diag": [0.5, 0.75]},
        {"loc": [[0.0, 1.0], [2.0, 0.0]], "cov_factor": [[1.0, 0.0], [0.5, 0.25]], "cov_diag": [1.5, 0.75]},
    ],
    "MultivariateNormal": [
        {"loc": [0.5, -1.0], "scale_tril": [[1.0, 0.0], [0.5, 2.0]]},
        {"loc": [[0.0, 1.0], [2.0, 0.0]], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
    ],
    "Normal": [{"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, {"loc": 0.0, "scale": [1.0, 2.0]}],
    "OneHotCategorical": [{"probs": [0.2, 0.8]}, {"probs": [0.6, 0.4]}],
    "Pareto": [{"scale": [0.5, 1.0], "alpha": [2.5, 0.5]}, {"scale": [0.25, 2.0], "alpha": [3.0, 1.5]}],
    "Poisson": [{"rate": [0.5, 4.0]}, {"rate": [2.0, 1.0]}],
    "StudentT": [{"df": [3.0, 4.0]}, {"df": [2.0, 5.0]}],
    "Uniform": [{"low": [0.25, -1.0], "high": [0.5, 1.0]}, {"low": [0.0, -0.5], "high": [1.0, 2.0]}],
    "Wishart": [
        {"df": 4.0, "scale_tril": [[1.0, 0.0], [0.5, 2.0]]},
        {"df": 5.0, "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
    ],
}


def divergence(first, second):
    def program(t):
        d = t.distributions
        given = [leaves_of(t, NUMBERS[name][i], "float32") for i, name in enumerate((first, second))]
        p, q = (getattr(d, name)(**made) for name, made in zip((first, second), given, strict=True))
        leaves = [leaf for made in given for leaf in tensors(made)]
        found = tried(lambda: d.kl_divergence(p, q))
        slopes = None if isinstance(found, tuple) else tried(lambda: gradients(t, found, leaves))
        return found.detach() if hasattr(found, "detach") else found, slopes

    return program


PROGRAMS = {f"{p}-{q}": divergence(p, q) for p, q in itertools.product(NUMBERS, NUMBERS)}


def of_independent(dims):
    def program(t):
        d = t.distributions
        p, q = (d.Normal(t.tensor([[0.5, 1.0]]), s) for s in (1.0, 2.0))
        return d.kl_divergence(d.Independent(p, 1), d.Independent(q, dims))

    return program


PROGRAMS["independent"] = of_independent(1)
PROGRAMS["independent-other"] = of_independent(2)


def of_transformed(scale):
    def program(t):
        d = t.distributions
        p, q = (
            d.TransformedDistribution(d.Normal(0.0, s), d.AffineTransform(1.0, a))
            for s, a in ((1.0, 2.0), (2.0, scale))
        )
        return d.kl_divergence(p, q)

    return program


PROGRAMS["transformed"] = of_transformed(2.0)
PROGRAMS["transformed-other"] = of_transformed(3.0)


def registered(t):
    """Subclasses take the function of the nearest pair; where that is ambiguous a warning tells what to register."""
    d = t.distributions

    class A(d.Normal):
        pass

    class B(A):
        pass

    d.kl.register_kl(A, d.Normal)(lambda p, q: "A, Normal")
    d.kl.register_kl(d.Normal, B)(lambda p, q: "Normal, B")
    a, b, n = (kind(0.0, 1.0) for kind in (A, B, d.Normal))
    pairs = [(x, y) for x in (a, b, n) for y in (a, b, n)]
    return [d.kl_divergence(x, y) for x, y in pairs]


PROGRAMS["registered"] = registered


@pytest.mark.cpu
def test_an_ambiguous_pair_warns_of_what_to_register():
    d = plugrad.distributions

    class First(d.Laplace):
        pass

    d.register_kl(First, d.Laplace)(lambda p, q: 1)
    d.register_kl(d.Laplace, First)(lambda p, q: 2)
    with pytest.warns(RuntimeWarning) as caught:
        assert d.kl_divergence(First(0.0, 1.0), First(0.0, 1.0)) == 1
    wanted = "Ambiguous kl_divergence(First, First). Please register_kl(First, First)"
    assert [str(w.message) for w in caught] == [wanted]
    d.register_kl(First, First)(lambda p, q: 3)
    assert d.kl_divergence(First(0.0, 1.0), First(0.0, 1.0)) == 3


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 2e-4, absolute=5e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


#: Pairs of one support whose log densities have moments that 4000 samples show.
BY_SAMPLES = [
    ("Beta", "Beta"), ("Beta", "Gamma"), ("Beta", "Normal"), ("Dirichlet", "Dirichlet"), ("Exponential", "Gamma"),
    ("Exponential", "Normal"), ("Gamma", "Gamma"), ("Gamma", "Normal"), ("Gumbel", "Gumbel"), ("Laplace", "Laplace"),
    ("Laplace", "Normal"), ("LowRankMultivariateNormal", "LowRankMultivariateNormal"),
    ("LowRankMultivariateNormal", "MultivariateNormal"), ("MultivariateNormal", "LowRankMultivariateNormal"),
    ("MultivariateNormal", "MultivariateNormal"), ("Normal", "Laplace"), ("Normal", "Normal"), ("Poisson", "Poisson"),
    ("Uniform", "Normal"), ("Uniform", "Gumbel"), ("Geometric", "Geometric"), ("Wishart", "Wishart"),
]  # fmt: skip


@pytest.mark.cpu
@pytest.mark.filterwarnings("ignore:Singular sample detected")
@pytest.mark.parametrize(("first", "second"), BY_SAMPLES)
def test_the_mean_over_samples(first, second):
    given = [leaves_of(plugrad, NUMBERS[name][i], "float64") for i, name in enumerate((first, second))]
    p, q = (getattr(plugrad.distributions, name)(**made) for name, made in zip((first, second), given, strict=True))
    wanted = plugrad.distributions.kl_divergence(p, q).detach()
    plugrad.manual_seed(0)
    count = 4000
    wide = p.expand(wanted.shape)
    x = wide.sample((count,))
    terms = (wide.log_prob(x) - unchecked(q).log_prob(x)).detach()
    off, error = (terms.mean(0) - wanted).abs(), terms.std(0) / math.sqrt(count)
    finite = plugrad.isfinite(wanted)
    assert finite.any()
    assert ((off < 5 * error + 1e-6) | ~finite).all(), (off, error)


def unchecked(distribution):
    distribution._validate_args = False
    return distribution
