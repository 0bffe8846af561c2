"""Distributions of numbers: each asked everything, as torch answers."""

import pytest

import plugrad
import plugrad.distributions
from plugrad_distribution_programs import program
from plugrad_outcome import differences, golden, outcome

#: Name → parameters, and values that it may have.
CONTINUOUS = {
    "Normal": ({"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, -0.7]),
    "LogNormal": ({"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, 0.7]),
    "HalfNormal": ({"scale": [1.5, 0.25]}, [0.3, 0.7]),
    "HalfCauchy": ({"scale": [1.5, 0.25]}, [0.3, 0.7]),
    "Cauchy": ({"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, -0.7]),
    "Laplace": ({"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, -0.7]),
    "Uniform": ({"low": [0.5, -1.0], "high": [1.5, 0.75]}, [0.75, -0.7]),
    "Exponential": ({"rate": [0.5, 4.0]}, [0.3, 0.7]),
    "Gamma": ({"concentration": [0.4, 3.0], "rate": [0.5, 2.0]}, [0.3, 0.7]),
    "InverseGamma": ({"concentration": [0.9, 3.0], "rate": [0.5, 2.0]}, [0.3, 0.7]),
    "Chi2": ({"df": [0.5, 4.0]}, [0.3, 0.7]),
    "Beta": ({"concentration1": [0.4, 3.0], "concentration0": [0.5, 2.0]}, [0.3, 0.7]),
    "Kumaraswamy": ({"concentration1": [0.4, 3.0], "concentration0": [0.5, 2.0]}, [0.3, 0.7]),
    "Weibull": ({"scale": [0.4, 3.0], "concentration": [0.5, 2.0]}, [0.3, 0.7]),
    "Pareto": ({"scale": [0.25, 0.5], "alpha": [0.5, 2.5]}, [0.3, 0.7]),
    "GeneralizedPareto": ({"loc": [0.25, 0.5], "scale": [0.5, 2.5], "concentration": [0.3, -0.5]}, [0.3, 0.7]),
    "Gumbel": ({"loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, -0.7]),
    "StudentT": ({"df": [0.5, 4.0], "loc": [0.5, -1.0], "scale": [1.5, 0.25]}, [0.3, -0.7]),
    "FisherSnedecor": ({"df1": [1.5, 4.0], "df2": [5.5, 3.0]}, [0.3, 0.7]),
    "VonMises": ({"loc": [0.5, -1.0], "concentration": [1.5, 20.0]}, [0.3, -0.7]),
    "ContinuousBernoulli": ({"probs": [0.2, 0.5]}, [0.3, 0.7]),
    "ContinuousBernoulli-logits": ({"logits": [-2.0, 0.001]}, [0.3, 0.7]),
    "RelaxedBernoulli": ({"temperature": [0.5, 2.0], "probs": [0.2, 0.7]}, [0.3, 0.7]),
    "RelaxedBernoulli-logits": ({"temperature": [0.5, 2.0], "logits": [-1.0, 2.0]}, [0.3, 0.7]),
}
DISCRETE = {
    "Bernoulli": ({"probs": [0.2, 0.5]}, [0.0, 1.0]),
    "Bernoulli-logits": ({"logits": [-2.0, 0.5]}, [0.0, 1.0]),
    "Geometric": ({"probs": [0.2, 0.5]}, [0.0, 3.0]),
    "Geometric-logits": ({"logits": [-2.0, 0.5]}, [0.0, 3.0]),
    "Poisson": ({"rate": [0.5, 25.0]}, [0.0, 3.0]),
    "Binomial": ({"total_count": 5, "probs": [0.2, 0.5]}, [0.0, 3.0]),
    "Binomial-many": ({"total_count": 200, "probs": [0.2, 0.9]}, [30.0, 180.0]),
    "Binomial-logits": ({"total_count": 5, "logits": [-2.0, 0.0]}, [0.0, 3.0]),
    "Binomial-counts": ({"total_count": [3.0, 4.0], "probs": [0.2, 0.5]}, [0.0, 3.0]),
    "NegativeBinomial": ({"total_count": 5, "probs": [0.2, 0.5]}, [0.0, 3.0]),
    "NegativeBinomial-logits": ({"total_count": [2.5, 4.0], "logits": [-2.0, 1.0]}, [0.0, 3.0]),
}
#: torch compares a float64 concentration with a float32 zero there, and fails.
ONLY_FLOAT32 = {"GeneralizedPareto"}
#: How exact torch's own gradients of gamma numbers are, and float32 sums over 200 counts.
TOLERANCE = {"FisherSnedecor": 2e-3, "Binomial": 2e-4}
PROGRAMS = {}
for name, (parameters, values) in {**CONTINUOUS, **DISCRETE}.items():
    kind = name.partition("-")[0]
    PROGRAMS[name] = program(kind, parameters, values)
    if name not in ONLY_FLOAT32:
        PROGRAMS[f"{name}-float64"] = program(kind, parameters, values, dtype="float64")
    PROGRAMS[f"{name}-unchecked"] = program(kind, parameters, [-1.0, 2.0], validate_args=False)
    first = {k: v[0] if isinstance(v, list) else v for k, v in parameters.items()}
    if "temperature" not in first:
        PROGRAMS[f"{name}-of-numbers"] = program(kind, first, values, batch=(2,))
    column = {k: [[x] for x in v] if isinstance(v, list) else v for k, v in list(parameters.items())[:1]}
    PROGRAMS[f"{name}-broadcast"] = program(kind, {**parameters, **column}, values, batch=(2, 2, 2))


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    tolerance = TOLERANCE.get(name.partition("-")[0], 1e-4)
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], tolerance, absolute=5e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)
