"""Divergences of distributions of different families."""

import math

from ..ops.arithmetic import where
from ..ops.special import xlogy
from .bernoulli import Bernoulli, ContinuousBernoulli
from .counts import Binomial, Poisson
from .dirichlet import Beta
from .exponential import Exponential, Pareto
from .gamma import Gamma
from .kl import register_kl
from .laplace import Gumbel, Laplace
from .normal import Normal
from .parameters import EULER
from .uniform import Uniform

INF = math.inf
LOG_2_PI = math.log(2 * math.pi)

# --- where p has values that q has not ---
#: Class of p → (its parameter that has the shape of the result, classes of q).
INFINITE: dict[type, tuple[str, list]] = {
    Beta: ("concentration1", [Pareto]),
    ContinuousBernoulli: ("probs", [Pareto]),
    Exponential: ("rate", [Beta, ContinuousBernoulli, Pareto, Uniform]),
    Gamma: ("concentration", [Beta, ContinuousBernoulli, Pareto, Uniform]),
    Gumbel: ("loc", [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    Laplace: ("loc", [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    Normal: ("loc", [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    Pareto: ("scale", [Beta, ContinuousBernoulli, Uniform]),
    Poisson: ("rate", [Bernoulli, Binomial]),
}


def _infinite(name):
    def divergence(p, q):
        like = getattr(p, name)
        return like.new_full(like.shape, INF)

    return divergence


for _p, (_name, _others) in INFINITE.items():
    for _q in _others:
        register_kl(_p, _q)(_infinite(_name))


# --- cross entropies: -E[log q], of the moments of p ---
def _under_normal(q, mean, variance):
    return 0.5 * LOG_2_PI + q.scale.log() + 0.5 * (variance + (mean - q.loc).pow(2)) / q.scale.pow(2)


def _under_exponential(q, mean):
    return -q.rate.log() + q.rate * mean


def _under_gamma(q, mean, mean_log):
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * mean_log + q.rate * mean


def _under_gumbel(q, mean, mean_exp):
    """``mean_exp`` is the mean of exp(-x / scale)."""
    return q.scale.log() + (mean - q.loc) / q.scale + (q.loc / q.scale).exp() * mean_exp


def _under_continuous_bernoulli(q, mean):
    return -mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


# --- beta ---
@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p, q):
    return -p.entropy() + _under_continuous_bernoulli(q, p.mean)


@register_kl(Beta, Exponential)
def _beta_exponential(p, q):
    return -p.entropy() + _under_exponential(q, p.mean)


@register_kl(Beta, Gamma)
def _beta_gamma(p, q):
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _under_gamma(q, p.mean, mean_log)


@register_kl(Beta, Normal)
def _beta_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(Beta, Uniform)
def _beta_uniform(p, q):
    return where((q.low > 0) | (q.high < 1), INF, -p.entropy() + (q.high - q.low).log())


# --- continuous Bernoulli ---
@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p, q):
    return -p.entropy() + _under_exponential(q, p.mean)


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p, q):
    # infinite on the bounds themselves too, as in torch
    return where((q.low >= 0) | (q.high <= 1), INF, -p.entropy() + (q.high - q.low).log())


# --- exponential and gamma ---
@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    return -p.entropy() + _under_gamma(q, p.mean, -EULER - p.rate.log())


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p, q):
    product = p.rate * q.scale
    return -p.entropy() + _under_gumbel(q, p.mean, product / (product + 1))


@register_kl(Exponential, Normal)
def _exponential_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p, q):
    return -p.entropy() + _under_exponential(q, p.mean)


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p, q):
    mean_exp = (1 + (p.rate * q.scale).reciprocal()).pow(-p.concentration)
    return -p.entropy() + _under_gumbel(q, p.mean, mean_exp)


@register_kl(Gamma, Normal)
def _gamma_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


# --- the whole line ---
@register_kl(Gumbel, Normal)
def _gumbel_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(Laplace, Normal)
def _laplace_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p, q):
    ratio = p.scale / q.scale
    return -p.entropy() + _under_gumbel(q, p.mean, (0.5 * ratio.pow(2) - p.loc / q.scale).exp())


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    off = p.loc - q.loc
    standard = off / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * standard.pow(2)).exp()
    distance = distance + off * (math.sqrt(0.5) * standard).erf()
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


# --- Pareto ---
@register_kl(Pareto, Exponential)
def _pareto_exponential(p, q):
    return where(p.alpha <= 1, INF, -p.entropy() + _under_exponential(q, _pareto_mean(p)))


@register_kl(Pareto, Gamma)
def _pareto_gamma(p, q):
    mean_log = p.scale.log() + p.alpha.reciprocal()
    return where(p.alpha <= 1, INF, -p.entropy() + _under_gamma(q, _pareto_mean(p), mean_log))


@register_kl(Pareto, Normal)
def _pareto_normal(p, q):
    # the class holds its moments within what is finite, which has no gradient on the bounds
    variance = p.scale.pow(2) * p.alpha / ((p.alpha - 1).pow(2) * (p.alpha - 2))
    return where(p.alpha <= 2, INF, -p.entropy() + _under_normal(q, _pareto_mean(p), variance))


def _pareto_mean(p):
    return p.alpha * p.scale / (p.alpha - 1)


# --- uniform ---
def _mean_log(low, high):
    """The mean of log x between two numbers."""
    return (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    a, b = q.concentration1, q.concentration0
    logs = (a - 1) * _mean_log(p.low, p.high) + (b - 1) * _mean_log(1 - p.high, 1 - p.low)
    made = -p.entropy() - logs + a.lgamma() + b.lgamma() - (a + b).lgamma()
    return where((p.high > 1) | (p.low < 0), INF, made)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p, q):
    # infinite on the bounds themselves too, as in torch
    made = -p.entropy() + _under_continuous_bernoulli(q, p.mean)
    return where((p.high >= 1) | (p.low <= 0), INF, made)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p, q):
    return where(p.low < 0, INF, -p.entropy() + _under_exponential(q, p.mean))


@register_kl(Uniform, Gamma)
def _uniform_gamma(p, q):
    return where(p.low < 0, INF, -p.entropy() + _under_gamma(q, p.mean, _mean_log(p.low, p.high)))


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p, q):
    mean_exp = q.scale * ((-p.low / q.scale).exp() - (-p.high / q.scale).exp()) / (p.high - p.low)
    return -p.entropy() + _under_gumbel(q, p.mean, mean_exp)


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    return -p.entropy() + _under_normal(q, p.mean, p.variance)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p, q):
    logs = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(p.low, p.high)
    return where(p.low < q.scale, INF, -p.entropy() - logs)
