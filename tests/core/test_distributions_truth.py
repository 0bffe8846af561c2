"""Distributions against integrals, differences and moments; and on every device."""

import math
import pickle

import numpy as np
import pytest

import plugrad
import plugrad.distributions as d
from plugrad_testing import assert_close, assert_values, on

#: Distribution → parameters, the ends of nearly all of it.
INTEGRABLE = {
    "Normal": ({"loc": 0.5, "scale": 1.5}, -15, 15),
    "LogNormal": ({"loc": 0.5, "scale": 0.5}, 1e-6, 40),
    "HalfNormal": ({"scale": 1.5}, 0, 15),
    "Laplace": ({"loc": 0.5, "scale": 0.5}, -15, 15),
    "Uniform": ({"low": -1.0, "high": 2.0}, -1, 2),
    "Exponential": ({"rate": 1.5}, 0, 25),
    "Gamma": ({"concentration": 2.5, "rate": 1.5}, 0, 25),
    "InverseGamma": ({"concentration": 4.5, "rate": 1.5}, 1e-3, 60),
    "Kumaraswamy": ({"concentration1": 2.5, "concentration0": 3.5}, 1e-9, 1 - 1e-9),
    "Weibull": ({"scale": 1.5, "concentration": 2.5}, 1e-9, 8),
    "Gumbel": ({"loc": 0.5, "scale": 0.5}, -4, 20),
    "Pareto": ({"scale": 0.5, "alpha": 9.0}, 0.5, 20),
    "GeneralizedPareto": ({"loc": 0.5, "scale": 1.0, "concentration": -0.3}, 0.5, 0.5 + 1 / 0.3),
    "ContinuousBernoulli": ({"probs": 0.3}, 0, 1),
    "StudentT": ({"df": 9.0}, -60, 60),
    "FisherSnedecor": ({"df1": 4.0, "df2": 18.0}, 1e-9, 150),
    "Beta": ({"concentration1": 2.5, "concentration0": 3.5}, 1e-9, 1 - 1e-9),
    "VonMises": ({"loc": 0.0, "concentration": 2.0}, -math.pi, math.pi),
}
#: Without a distribution function, or with other moments than those of the line.
WITHOUT_CDF = {"StudentT", "FisherSnedecor", "Beta", "VonMises"}
OTHER_MOMENTS = {"VonMises"}


def tensor(values, **options):
    return plugrad.tensor(values, dtype=plugrad.float64, **options)


def made(name, checks=True):
    parameters = {k: tensor(v) for k, v in INTEGRABLE[name][0].items()}
    return getattr(d, name)(**parameters, validate_args=checks)


def densities(name, nodes=200_001):
    """Nodes, and densities there, by the trapezoidal rule's weights."""
    _, low, high = INTEGRABLE[name]
    x = np.linspace(low, high, nodes)
    p = made(name, False).log_prob(plugrad.from_numpy(x)).exp().numpy()
    p[~np.isfinite(p)] = 0.0
    return x, p


@pytest.mark.cpu
@pytest.mark.parametrize("name", INTEGRABLE)
def test_densities_integrate_to_one_and_to_the_moments(name):
    x, p = densities(name)
    assert math.isclose(np.trapezoid(p, x), 1.0, abs_tol=2e-4)
    found = made(name)
    if name not in OTHER_MOMENTS:
        mean = np.trapezoid(p * x, x)
        assert math.isclose(mean, float(found.mean), rel_tol=1e-3, abs_tol=1e-3)
        assert math.isclose(np.trapezoid(p * (x - mean) ** 2, x), float(found.variance), rel_tol=5e-3)
    if name not in {"VonMises", "FisherSnedecor"}:
        inside = p > 0
        entropy = -np.trapezoid(p[inside] * np.log(p[inside]), x[inside])
        assert math.isclose(entropy, float(found.entropy()), rel_tol=1e-3, abs_tol=1e-3)


@pytest.mark.cpu
@pytest.mark.parametrize("name", sorted(set(INTEGRABLE) - WITHOUT_CDF))
def test_cdf_is_the_integral_and_icdf_its_inverse(name):
    x, p = densities(name)
    steps = np.concatenate([[0.0], np.cumsum((p[1:] + p[:-1]) / 2 * np.diff(x))])
    at = np.arange(5_000, 200_000, 13_000)
    found = made(name, False)
    np.testing.assert_allclose(found.cdf(plugrad.from_numpy(x[at])).numpy(), steps[at], atol=2e-4)
    if name not in {"Gamma", "InverseGamma"}:
        levels = plugrad.linspace(0.05, 0.95, 7, dtype=plugrad.float64)
        assert_values(found.cdf(found.icdf(levels)), levels.numpy(), rtol=1e-9)


@pytest.mark.cpu
@pytest.mark.parametrize("name", sorted(set(INTEGRABLE) - OTHER_MOMENTS))
def test_samples_have_the_moments(name):
    plugrad.manual_seed(0)
    found = made(name)
    x = found.sample((20_000,))
    error = float(found.stddev) / math.sqrt(20_000)
    assert abs(float(x.mean()) - float(found.mean)) < 5 * error
    assert math.isclose(float(x.var()), float(found.variance), rel_tol=0.25)


COUNTS = {
    "Poisson": [{"rate": r} for r in (0.5, 9.9, 10.0, 300.0)],
    "Binomial": [{"total_count": n, "probs": p} for n, p in ((5, 0.3), (40, 0.25), (60, 0.9), (1000, 0.5))],
    "NegativeBinomial": [{"total_count": 3.5, "probs": 0.6}],
    "Geometric": [{"probs": 0.3}],
}


@pytest.mark.cpu
@pytest.mark.parametrize(("name", "given"), [(n, g) for n, gs in COUNTS.items() for g in gs])
def test_counts_have_the_frequencies_of_their_probabilities(name, given):
    plugrad.manual_seed(1)
    found = getattr(d, name)(**{k: tensor(v) for k, v in given.items()})
    x = found.sample((8_000,)).numpy().astype(int)
    values = np.arange(x.max() + 1)
    p = found.log_prob(plugrad.from_numpy(values.astype(np.float64))).exp().numpy()
    frequencies = np.bincount(x) / x.size
    often = p > 2e-3
    assert often.any()
    np.testing.assert_array_less(np.abs(frequencies - p)[often], 5 * np.sqrt(p / x.size)[often])


# --- gradients of samples ---
@pytest.mark.cpu
@pytest.mark.parametrize("a", [0.05, 0.7, 3.0, 40.0, 900.0])
def test_a_gamma_number_keeps_its_place(a):
    """∂P/∂a + p dx/da = 0, ∂P/∂a by a difference of the distribution function."""
    for x in (0.2 * a, a, 1.5 * a):
        h = 1e-4 * a
        of_a = (float(made_cdf(a + h, x)) - float(made_cdf(a - h, x))) / (2 * h)
        density = float(d.Gamma(tensor(a), tensor(1.0)).log_prob(tensor(x)).exp())
        slope = float(plugrad._standard_gamma_grad(tensor(a), tensor(x)))
        assert math.isclose(slope * density, -of_a, rel_tol=1e-4, abs_tol=1e-9)


def made_cdf(a, x):
    return d.Gamma(tensor(a), tensor(1.0)).cdf(tensor(x))


@pytest.mark.cpu
@pytest.mark.parametrize("name", ["Gamma", "Beta", "Chi2", "StudentT", "InverseGamma", "Dirichlet", "FisherSnedecor"])
def test_gradients_of_samples_are_those_of_the_moments(name):
    """The mean of the samples' gradients is the gradient of the mean."""
    parameters = {
        "Gamma": {"concentration": 2.5, "rate": 1.5},
        "Beta": {"concentration1": 0.5, "concentration0": 1.5},
        "Chi2": {"df": 3.0},
        "StudentT": {"df": 5.0, "loc": 1.0, "scale": 2.0},
        "InverseGamma": {"concentration": 4.5, "rate": 1.5},
        "Dirichlet": {"concentration": [0.5, 1.5, 3.0]},
        "FisherSnedecor": {"df1": 4.0, "df2": 18.0},
    }[name]
    leaves = {k: tensor(v, requires_grad=True) for k, v in parameters.items()}
    plugrad.manual_seed(4)
    found = getattr(d, name)(**leaves)
    values = list(leaves.values())
    mean = found.mean if name != "StudentT" else found.loc + 0 * found.df + 0 * found.scale
    weights = plugrad.arange(1, mean.numel() + 1, dtype=plugrad.float64).reshape(mean.shape)
    sampled = plugrad.autograd.grad((found.rsample((20_000,)).mean(0) * weights).sum(), values, retain_graph=True)
    wanted = plugrad.autograd.grad((mean * weights).sum(), values, materialize_grads=True)
    for s, w in zip(sampled, wanted, strict=True):
        np.testing.assert_allclose(s.numpy(), w.numpy(), rtol=0.05, atol=0.05)


@pytest.mark.cpu
@pytest.mark.filterwarnings("ignore:Singular sample detected")
def test_gradient_of_a_wishart_sample():
    """With the normal and χ² numbers of the seed given, a sample is a smooth function of the factor and of df."""

    def sampled(df, factor):
        plugrad.manual_seed(8)
        return d.Wishart(df, scale_tril=factor).rsample().sum()

    df, factor = tensor(4.5, requires_grad=True), tensor([[1.0, 0.0], [0.5, 2.0]], requires_grad=True)
    got = plugrad.autograd.grad(sampled(df, factor), (df, factor))
    h = 1e-5
    with plugrad.no_grad():
        for i, j in ((0, 0), (1, 0), (1, 1)):
            step = plugrad.zeros(2, 2, dtype=plugrad.float64)
            step[i, j] = h
            slope = float(sampled(df, factor + step) - sampled(df, factor - step)) / (2 * h)
            assert math.isclose(float(got[1][i, j]), slope, rel_tol=1e-5)
    assert float(got[0]) > 0


# --- on every device ---
EVERYWHERE = {
    "Normal": {"loc": [0.5, -1.0], "scale": [1.5, 0.25]},
    "LogNormal": {"loc": [0.5, -1.0], "scale": [1.5, 0.25]},
    "HalfCauchy": {"scale": [1.5, 0.25]},
    "Gumbel": {"loc": [0.5, -1.0], "scale": [1.5, 0.25]},
    "Uniform": {"low": [0.5, -1.0], "high": [1.5, 0.75]},
    "Exponential": {"rate": [0.5, 4.0]},
    "Weibull": {"scale": [0.4, 3.0], "concentration": [0.5, 2.0]},
    "GeneralizedPareto": {"loc": [0.25, 0.5], "scale": [0.5, 2.5], "concentration": [0.3, -0.5]},
    "Gamma": {"concentration": [0.4, 3.0], "rate": [0.5, 2.0]},
    "StudentT": {"df": [0.5, 4.0], "loc": [0.5, -1.0], "scale": [1.5, 0.25]},
    "FisherSnedecor": {"df1": [1.5, 4.0], "df2": [5.5, 3.0]},
    "Beta": {"concentration1": [0.4, 3.0], "concentration0": [0.5, 2.0]},
    "Kumaraswamy": {"concentration1": [0.4, 3.0], "concentration0": [0.5, 2.0]},
    "Dirichlet": {"concentration": [[0.4, 3.0, 1.5], [2.0, 0.5, 0.75]]},
    "VonMises": {"loc": [0.5, -1.0], "concentration": [1.5, 20.0]},
    "Bernoulli": {"probs": [0.2, 0.5]},
    "ContinuousBernoulli": {"probs": [0.2, 0.5]},
    "Geometric": {"probs": [0.2, 0.5]},
    "Poisson": {"rate": [0.5, 25.0]},
    "Binomial": {"total_count": [5.0, 50.0], "probs": [0.2, 0.5]},
    "NegativeBinomial": {"total_count": [5.0, 50.0], "probs": [0.2, 0.5]},
    "Categorical": {"probs": [[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]]},
    "OneHotCategorical": {"logits": [[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]]},
    "RelaxedOneHotCategorical": {"temperature": [[0.5]], "logits": [[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]]},
    "RelaxedBernoulli": {"temperature": [0.5], "probs": [0.2, 0.5]},
    "MultivariateNormal": {"loc": [0.5, -1.0], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
    "LowRankMultivariateNormal": {"loc": [0.5, -1.0], "cov_factor": [[1.0], [0.5]], "cov_diag": [0.5, 0.75]},
    "LogisticNormal": {"loc": [0.5, -1.0], "scale": [1.5, 0.25]},
    "Wishart": {"df": [4.5], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
}


def used(name, place):
    """A sample, its log density, and the gradients of both, with parameters put in a place."""
    leaves = {k: place(np.array(v)) for k, v in EVERYWHERE[name].items()}
    found = getattr(d, name)(**leaves)
    plugrad.manual_seed(5)
    sample = found.sample((3,))
    log_prob = found.log_prob(sample)
    gradients = plugrad.autograd.grad(log_prob.sum(), list(leaves.values()), retain_graph=True, allow_unused=True)
    results = [sample, log_prob.detach(), *gradients]
    if found.has_rsample:
        total = found.rsample((2,)).sum()
        results += plugrad.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return results


@pytest.mark.device
@pytest.mark.filterwarnings("ignore:Singular sample detected")
@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_same_on_every_device(name):
    here = used(name, lambda a: plugrad.from_numpy(a).requires_grad_())
    there = used(name, lambda a: on(a, requires_grad=True))
    for a, b in zip(here, there, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert_close(b, a.numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.device
def test_transforms_on_every_device():
    x = np.array([[0.5, -1.0, 0.25], [0.0, 2.0, -0.5]])
    for name in (
        "ExpTransform",
        "SigmoidTransform",
        "SoftmaxTransform",
        "StickBreakingTransform",
        "CorrCholeskyTransform",
    ):
        made = getattr(d, name)()
        here, there = made(plugrad.from_numpy(x)), made(on(x))
        assert_close(there, here.numpy(), rtol=1e-12)
        assert_close(made.inv(there), made.inv(here).numpy(), rtol=1e-9)


@pytest.mark.cpu
@pytest.mark.parametrize("name", EVERYWHERE)
def test_distributions_can_be_pickled(name):
    found = getattr(d, name)(**{k: tensor(v) for k, v in EVERYWHERE[name].items()})
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)


@pytest.mark.cpu
def test_samples_of_examples_differ_under_vmap():
    rates = tensor([[1.0, 20.0], [3.0, 40.0]])
    plugrad.manual_seed(0)
    found = plugrad.vmap(lambda r: d.Poisson(r, validate_args=False).sample((4,)), randomness="different")(rates)
    assert found.shape == (2, 4, 2)
    assert bool((found[..., 1] > found[..., 0]).all())
    a = tensor([[0.5, 2.0], [1.0, 30.0]], requires_grad=True)
    drawn = plugrad.vmap(plugrad._standard_gamma, randomness="different")(a)
    drawn.sum().backward()
    assert_values(a.grad, plugrad._standard_gamma_grad(a.detach(), drawn.detach()).numpy(), rtol=1e-12)
