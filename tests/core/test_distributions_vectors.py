"""Distributions of vectors, matrices and categories, and those made of others: each asked everything, as torch answers."""

import pytest

import plugrad
import plugrad.distributions
from plugrad_distribution_programs import program
from plugrad_outcome import differences, golden, outcome

PROBS = {"probs": [[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]]}
LOGITS = {"logits": [[0.2, 0.5, -0.3], [0.6, 1.0, 0.4]]}
COVARIANCE = [[2.0, 0.5], [0.5, 1.0]]
FACTOR = [[1.5, 0.0], [0.5, 0.75]]
LOC = [[0.5, -1.0], [0.0, 2.0]]
POINT = [[0.25, 0.75], [1.0, -1.0]]


def transformed(*names):
    """A normal distribution and transforms, by the text that makes them."""

    def make(t, loc, scale):
        d = t.distributions
        transforms = [eval(name, {"t": t, **vars(d)}) for name in names]
        return d.TransformedDistribution(d.Normal(loc, scale), transforms)

    return make


def independent(t, loc, scale, dims=1):
    d = t.distributions
    return d.Independent(d.Normal(loc, scale), dims)


def mixture(kind, *parts):
    def make(t, weights, **parameters):
        d = t.distributions
        components = getattr(d, kind)(**parameters)
        for dims in parts:
            components = d.Independent(components, dims)
        return d.MixtureSameFamily(d.Categorical(weights), components)

    return make


NORMALS = {"loc": [[0.5, -1.0, 2.0], [0.0, 1.0, 0.5]], "scale": [[1.5, 0.25, 1.0], [1.0, 0.5, 2.0]]}
CASES = {
    "Dirichlet": (
        "Dirichlet",
        {"concentration": [[0.4, 3.0, 1.5], [2.0, 0.5, 0.75]]},
        [[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]],
    ),
    "Dirichlet-corner": ("Dirichlet", {"concentration": [0.4, 0.8, 0.5]}, [0.2, 0.5, 0.3]),
    "LogisticNormal": ("LogisticNormal", {"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.2, 0.5, 0.3]),
    "Categorical": ("Categorical", PROBS, [2.0, 0.0]),
    "Categorical-logits": ("Categorical", LOGITS, [2.0, 0.0]),
    "OneHotCategorical": ("OneHotCategorical", PROBS, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    "OneHotCategorical-logits": ("OneHotCategorical", LOGITS, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    "OneHotCategoricalStraightThrough": ("OneHotCategoricalStraightThrough", PROBS, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    "Multinomial": ("Multinomial", {"total_count": 4, **PROBS}, [[1.0, 2.0, 1.0], [4.0, 0.0, 0.0]]),
    "Multinomial-logits": ("Multinomial", {"total_count": 4, **LOGITS}, [[1.0, 2.0, 1.0], [4.0, 0.0, 0.0]]),
    "RelaxedOneHotCategorical": ("RelaxedOneHotCategorical", {"temperature": 0.7, **PROBS}, [[0.2, 0.5, 0.3]]),
    "RelaxedOneHotCategorical-logits": ("RelaxedOneHotCategorical", {"temperature": 0.7, **LOGITS}, [[0.2, 0.5, 0.3]]),
    "MultivariateNormal": ("MultivariateNormal", {"loc": LOC, "covariance_matrix": COVARIANCE}, POINT),
    "MultivariateNormal-precision": ("MultivariateNormal", {"loc": LOC, "precision_matrix": COVARIANCE}, POINT),
    "MultivariateNormal-factor": ("MultivariateNormal", {"loc": LOC, "scale_tril": FACTOR}, POINT),
    "MultivariateNormal-factors": (
        "MultivariateNormal",
        {"loc": [0.5, -1.0], "scale_tril": [FACTOR, [[1.0, 0.0], [-0.5, 2.0]]]},
        POINT,
    ),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal",
        {"loc": LOC, "cov_factor": [[1.0], [0.5]], "cov_diag": [0.5, 0.75]},
        POINT,
    ),
    "Wishart": ("Wishart", {"df": [3.5, 4.0], "covariance_matrix": COVARIANCE}, COVARIANCE),
    "Wishart-number": ("Wishart", {"df": 3.0, "scale_tril": FACTOR}, COVARIANCE),
    "Wishart-precision": ("Wishart", {"df": [4.0], "precision_matrix": COVARIANCE}, COVARIANCE),
    "LKJCholesky": (
        "LKJCholesky",
        {"dim": 3, "concentration": [0.5, 2.0]},
        [[1.0, 0, 0], [0.6, 0.8, 0], [0, 0.6, 0.8]],
    ),
    "Independent": (independent, {"loc": LOC, "scale": [[1.5, 0.25], [1.0, 2.0]]}, POINT),
    "Independent-2": (lambda t, **p: independent(t, dims=2, **p), {"loc": LOC, "scale": [1.5, 0.25]}, POINT),
    "MixtureSameFamily": (mixture("Normal"), {"weights": [0.2, 0.5, 0.3], **NORMALS}, [0.25, 1.0]),
    "MixtureSameFamily-batch": (mixture("Normal"), {"weights": PROBS["probs"], **NORMALS}, [0.25, 1.0]),
    "MixtureSameFamily-vectors": (mixture("Normal", 1), {"weights": [0.4, 0.6], **NORMALS}, [0.25, 1.0, -0.5]),
    "MixtureSameFamily-counts": (mixture("Poisson"), {"weights": [0.4, 0.6], "rate": [1.0, 7.0]}, [2.0, 3.0]),
}
TRANSFORMS = {
    "exp": ["ExpTransform()"],
    "affine": ["AffineTransform(1.0, -2.0)"],
    "affine-wide": ["AffineTransform(t.zeros(3, 1), 2.0)"],
    "affine-vector": ["AffineTransform(1.0, 2.0, event_dim=1)"],
    "sigmoid-affine": ["SigmoidTransform()", "AffineTransform(-1.0, 2.0)"],
    "tanh": ["TanhTransform(cache_size=1)"],
    "softplus-power": ["SoftplusTransform()", "PowerTransform(2.0)"],
    "abs": ["AbsTransform()"],
    "softmax": ["SoftmaxTransform()"],
    "stick-breaking": ["StickBreakingTransform()"],
    "stick-breaking-cached": ["AffineTransform(1.0, 2.0)", "StickBreakingTransform(cache_size=1)"],
    "reshape": ["ReshapeTransform((2,), (1, 2))"],
    "independent": ["IndependentTransform(ExpTransform(), 1)"],
    "compose": ["ComposeTransform([ExpTransform(), AffineTransform(0.0, 3.0)])", "ExpTransform().inv"],
    "cat": ["CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=-1)"],
    "stack": ["StackTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=-1)"],
    "cdf": ["CumulativeDistributionTransform(Normal(0.0, 1.0))"],
    "cdf-inverse": ["SigmoidTransform()", "CumulativeDistributionTransform(Laplace(0.0, 1.0)).inv"],
    "corr-cholesky": ["AffineTransform(t.zeros(3), 1.0)", "CorrCholeskyTransform()"],
    "none": [],
}
#: What is also a value of it.
VALUES = {
    "tanh": [0.25, -0.5],
    "cdf": [0.25, 0.5],
    "stick-breaking": [0.25, 0.25, 0.5],
    "stick-breaking-cached": [0.25, 0.25, 0.5],
    "softmax": [0.25, 0.75],
    "reshape": [[0.25, 0.5]],
    "affine-wide": [[0.25, 0.5]],
    "sigmoid-affine": [0.25, -0.5],
    "corr-cholesky": [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]],
}
for name, texts in TRANSFORMS.items():
    loc = [0.5] if name == "corr-cholesky" else [0.5, -1.0]
    scale = [1.5] if name == "corr-cholesky" else [1.5, 0.25]
    CASES[f"transformed-{name}"] = (transformed(*texts), {"loc": loc, "scale": scale}, VALUES.get(name, [0.25, 1.5]))

#: torch's samples of Wishart matrices have no gradient: it changes what that needs in place.
WITHOUT = {"Wishart": ("rsample gradient",)}
PROGRAMS = {}
for name, (kind, parameters, values) in CASES.items():
    if "temperature" in parameters:
        parameters = {**parameters, "temperature": [[0.7]]}
    shape = (2,) if name.startswith(("transformed-s", "transformed-r", "transformed-i", "Independent-2")) else (3, 2)
    options = {"batch": shape, "without": WITHOUT.get(name.partition("-")[0], ())}
    PROGRAMS[name] = program(kind, parameters, values, **options)
    PROGRAMS[f"{name}-float64"] = program(kind, parameters, values, dtype="float64", **options)


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
