"""What distributions refuse, in torch's words, and the functions that draw by rejection."""

import pytest

import plugrad
import plugrad.distributions
from plugrad_distribution_programs import tried
from plugrad_outcome import differences, golden, outcome


def made(text):
    """A program that evaluates a text in the namespace of the distributions."""
    return lambda t: eval(text, {"t": t, **vars(t.distributions)})


#: Texts that raise, or warn.
TEXTS = [
    "Normal(0.0, -1.0)",
    "Normal(t.tensor([0.0, float('nan')]), 1.0)",
    "Normal('a', 1.0)",
    "Normal(t.zeros(2), t.ones(3))",
    "Normal(0.0, -1.0, validate_args=False).scale",
    "Uniform(1.0, 0.0)",
    "Poisson(-1.0)",
    "Bernoulli(2.0)",
    "Bernoulli()",
    "Bernoulli(0.5, 0.5)",
    "Binomial(1.5, 0.5)",
    "Binomial(2, 0.5).log_prob(t.tensor(3.0))",
    "Binomial()",
    "NegativeBinomial(-1, 0.5)",
    "NegativeBinomial(1, 1.0)",
    "NegativeBinomial(1)",
    "Geometric(0.0)",
    "Geometric(t.tensor([0.0, 0.5, 0.0]))",
    "Geometric()",
    "Categorical()",
    "Categorical(t.tensor(1.0))",
    "Categorical(logits=t.tensor(1.0))",
    "Categorical(t.tensor([0.5, -0.5]))",
    "Categorical(t.ones(3)).log_prob(t.tensor([3]))",
    "Categorical(logits=t.tensor([0.5, float('nan')]))",
    "OneHotCategorical(t.ones(3)).log_prob(t.tensor([0.0, 1.0]))",
    "OneHotCategorical(t.ones(3)).log_prob(t.tensor([0.0, 1.0, 1.0]))",
    "Multinomial(1.0, t.ones(3))",
    "Multinomial(3, t.ones(3)).log_prob(t.tensor([1.0, 1.0, 2.0]))",
    "Multinomial(3, t.ones(2, 3)).log_prob(t.ones(4, 3))",
    "Dirichlet(t.tensor(1.0))",
    "Dirichlet(t.tensor([1.0, 0.0]))",
    "Dirichlet(t.ones(2)).log_prob(t.tensor([0.5, 0.6]))",
    "Beta(0.0, 1.0)",
    "Beta(1.0, 1.0).log_prob(t.tensor(1.5))",
    "Gamma(0.0, 1.0)",
    "Gamma(1.0, 1.0).log_prob(t.tensor(-1.0))",
    "Chi2(-1.0)",
    "Chi2(t.tensor([-1.0]))",
    "InverseGamma(0.0, 1.0)",
    "FisherSnedecor(-1.0, 1.0)",
    "StudentT(-1.0)",
    "StudentT(1.0, 0.0, -1.0)",
    "Pareto(-1.0, 1.0)",
    "Pareto(1.0, 1.0).log_prob(t.tensor(0.5))",
    "GeneralizedPareto(0.0, -1.0, 1.0)",
    "Weibull(1.0, 0.0)",
    "Kumaraswamy(1.0, 0.0)",
    "HalfNormal(-1.0)",
    "HalfNormal(1.0).log_prob(t.tensor(-1.0))",
    "HalfCauchy(-1.0)",
    "LogNormal(0.0, -1.0)",
    "Laplace(0.0, -1.0)",
    "Gumbel(0.0, -1.0)",
    "VonMises(0.0, -1.0)",
    "Exponential(0.0)",
    "ContinuousBernoulli(2.0)",
    "ContinuousBernoulli(2.0, validate_args=True)",
    "ContinuousBernoulli()",
    "RelaxedBernoulli(t.tensor(1.0))",
    "RelaxedBernoulli(t.tensor(1.0), 2.0)",
    "RelaxedOneHotCategorical(t.tensor(1.0))",
    "MultivariateNormal(t.tensor(0.0), t.eye(2))",
    "MultivariateNormal(t.zeros(2))",
    "MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2))",
    "MultivariateNormal(t.zeros(2), t.ones(2))",
    "MultivariateNormal(t.zeros(2), scale_tril=t.ones(2))",
    "MultivariateNormal(t.zeros(2), precision_matrix=t.ones(2))",
    "MultivariateNormal(t.zeros(2), t.ones(2, 2))",
    "MultivariateNormal(t.zeros(2), t.tensor([[1.0, 0.5], [0.0, 1.0]]))",
    "MultivariateNormal(t.zeros(2), scale_tril=t.ones(2, 2))",
    "MultivariateNormal(t.zeros(3), t.eye(3)).log_prob(t.zeros(2))",
    "LowRankMultivariateNormal(t.tensor(0.0), t.ones(2, 1), t.ones(2))",
    "LowRankMultivariateNormal(t.zeros(2), t.ones(2), t.ones(2))",
    "LowRankMultivariateNormal(t.zeros(2), t.ones(3, 1), t.ones(2))",
    "LowRankMultivariateNormal(t.zeros(2), t.ones(2, 1), t.ones(3))",
    "LowRankMultivariateNormal(t.zeros(2, 2), t.ones(3, 2, 1), t.ones(2))",
    "LowRankMultivariateNormal(t.zeros(2), t.ones(2, 1), -t.ones(2))",
    "Wishart(3.0)",
    "Wishart(0.5, t.eye(2))",
    "Wishart(3.0, t.ones(2))",
    "Wishart(1.5, t.eye(2)).df",
    "Wishart(3.0, t.ones(2, 2))",
    "LKJCholesky(1)",
    "LKJCholesky(2, -1.0)",
    "LKJCholesky(2).log_prob(t.ones(2, 2))",
    "Independent(Normal(0.0, 1.0), 1)",
    "Independent(Bernoulli(t.ones(2)), 1).enumerate_support()",
    "MixtureSameFamily(Normal(0.0, 1.0), Normal(t.zeros(2), 1.0))",
    "MixtureSameFamily(Categorical(t.ones(2)), 1)",
    "MixtureSameFamily(Categorical(t.ones(2)), Normal(t.zeros(3), 1.0))",
    "MixtureSameFamily(Categorical(t.ones(3, 2)), Normal(t.zeros(4, 2), 1.0))",
    "MixtureSameFamily(Categorical(t.ones(2)), Normal(t.zeros(2), 1.0)).rsample()",
    "TransformedDistribution(Normal(0.0, 1.0), 1)",
    "TransformedDistribution(Normal(0.0, 1.0), [1])",
    "TransformedDistribution(Normal(0.0, 1.0), StickBreakingTransform())",
    "TransformedDistribution(Normal(t.zeros(3), 1.0), ReshapeTransform((2,), (2, 1)))",
    "TransformedDistribution(Normal(0.0, 1.0), AbsTransform()).cdf(t.tensor(1.0))",
    "Normal(0.0, 1.0).log_prob(1.0)",
    "Normal(0.0, 1.0).log_prob(t.tensor(float('nan')))",
    "Normal(t.zeros(2), 1.0).log_prob(t.zeros(3))",
    "Normal(t.zeros(2), 1.0).expand((3,))",
    "Normal(t.zeros(2), 1.0).enumerate_support()",
    "Normal(t.zeros(2), 1.0).sample_n(3).shape",
    "Poisson(1.0).log_prob(t.tensor(0.5))",
    "Poisson(1.0).rsample()",
    "Poisson(1.0, validate_args=False).expand((2,)).log_prob(t.tensor(0.5))",
    "Poisson(t.tensor([1.0])).expand((2,)).log_prob(t.tensor([0.5, 1.0]))",
    "Distribution().sample()",
    "Distribution(validate_args=False).mean",
    "Distribution(validate_args=False).mode",
    "Distribution(validate_args=False).log_prob(1)",
    "Distribution(validate_args=False).expand((2,))",
    "Distribution.set_default_validate_args(3)",
    "ExponentialFamily(validate_args=False).entropy()",
    "kl_divergence(Normal(0.0, 1.0), Categorical(t.ones(2)))",
    "kl_divergence(MultivariateNormal(t.zeros(2), t.eye(2)), MultivariateNormal(t.zeros(3), t.eye(3)))",
    "kl_divergence(Binomial(2, 0.5), Binomial(3, 0.5))",
    "biject_to(constraints.positive_definite)",
    "transform_to(constraints.boolean)",
]
PROGRAMS = {text: made(text) for text in TEXTS}


def subclassed(t):
    d = t.distributions

    class Own(d.Normal):
        def __init__(self, loc):
            super().__init__(loc, 1.0)

    class Inherited(d.Normal):
        pass

    class Bare(d.Distribution):
        arg_constraints = {}  # noqa: RUF012

        def log_prob(self, value):
            self._validate_sample(value)
            return value

    return (
        tried(lambda: Own(t.zeros(2)).expand((3, 2))),
        tried(lambda: Inherited(t.zeros(2), 1.0).expand((3, 2))),
        Bare((2,)).log_prob(t.zeros(2)),
    )


PROGRAMS["subclasses"] = subclassed


def unchecked_by_default(t):
    try:
        t.distributions.Distribution.set_default_validate_args(False)
        return t.distributions.Normal(0.0, -1.0), t.distributions.Poisson(1.0).log_prob(t.tensor(0.5))
    finally:
        t.distributions.Distribution.set_default_validate_args(True)


PROGRAMS["unchecked by default"] = unchecked_by_default
for name in ("poisson", "binomial", "_standard_gamma", "_sample_dirichlet"):
    count = 2 if name == "binomial" else 1
    for dtype in ("float64", "float32", "float16", "bfloat16", "int64", "bool"):

        def numbers(t, name=name, count=count, dtype=dtype):
            t.manual_seed(0)
            return getattr(t, name)(*[t.tensor([[0, 1], [1, 1]]).to(getattr(t, dtype))] * count)

        PROGRAMS[f"{name}-{dtype}"] = numbers
PROGRAMS["poisson-negative"] = lambda t: t.poisson(t.tensor([-1.0]))
PROGRAMS["poisson-generator"] = lambda t: t.poisson(t.full((5,), 3.0), generator=t.Generator().manual_seed(5))
PROGRAMS["binomial-dtypes"] = lambda t: t.binomial(t.ones(2), t.ones(2).double())
PROGRAMS["binomial-shapes"] = lambda t: t.binomial(t.ones(2), t.ones(3))


def slopes(name):
    def program(t):
        t.manual_seed(2)
        x = t.tensor([[0.25, 0.5], [0.75, 1.0]], requires_grad=True)
        y = getattr(t, name)(*[x] * (2 if name == "binomial" else 1))
        (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
        return y.grad_fn.name(), g.detach(), tried(lambda: (g * g).sum().backward())

    return program


PROGRAMS["poisson-gradient"] = slopes("poisson")
PROGRAMS["binomial-gradient"] = slopes("binomial")
PROGRAMS["_standard_gamma-gradient"] = slopes("_standard_gamma")
PROGRAMS["_sample_dirichlet-gradient"] = slopes("_sample_dirichlet")
PROGRAMS["gamma-slopes"] = lambda t: [
    t._standard_gamma_grad(t.tensor([0.01, 0.5, 3.0, 200.0]).double(), t.tensor([0.001, 1.0, 5.0, 190.0]).double()),
    t._dirichlet_grad(*(t.tensor(v).double() for v in ([0.1, 0.5, 0.875], [0.25, 2.0, 30.0], [1.25, 3.0, 33.0]))),
]

MODULES = (
    "bernoulli beta binomial categorical cauchy chi2 constraint_registry constraints continuous_bernoulli dirichlet distribution "
    "exp_family exponential fishersnedecor gamma generalized_pareto geometric gumbel half_cauchy half_normal independent "
    "inverse_gamma kl kumaraswamy laplace lkj_cholesky log_normal logistic_normal lowrank_multivariate_normal "
    "mixture_same_family multinomial multivariate_normal negative_binomial normal one_hot_categorical pareto poisson "
    "relaxed_bernoulli relaxed_categorical studentT transformed_distribution transforms uniform utils von_mises weibull wishart"
)


def names_of(module):
    return sorted(module.__all__)


PROGRAMS["names"] = lambda t: names_of(t.distributions)
for module_name in MODULES.split():
    PROGRAMS[f"names of {module_name}"] = lambda t, m=module_name: names_of(getattr(t.distributions, m))

#: torch's own gradients of gamma numbers are approximations.
LESS_EXACT = {"gamma-slopes": 1e-3, "_standard_gamma-gradient": 1e-3}


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(
        outcome(PROGRAMS[name], plugrad), golden(__file__)[name], LESS_EXACT.get(name, 1e-5), absolute=1e-6
    )
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)
