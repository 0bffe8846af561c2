"""Divergences of two distributions of one family."""

import math

from ..engine import grad
from ..ops.arithmetic import where
from ..ops.solving import solve_triangular
from ..shapes import broadcast_shapes
from .bernoulli import Bernoulli, ContinuousBernoulli, Geometric
from .categorical import Categorical, OneHotCategorical
from .cauchy import Cauchy
from .counts import Binomial, Poisson
from .dirichlet import Beta, Dirichlet
from .distribution import ExponentialFamily
from .exponential import Exponential, Pareto
from .gamma import Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Gumbel, Laplace
from .low_rank import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, expanded_matrix, log_diagonal, squared_length
from .normal import HalfNormal, Normal
from .parameters import EULER, softplus, sum_rightmost
from .transformed import TransformedDistribution
from .uniform import Uniform

INF = math.inf


# --- trials ---
@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    def part(probability, other, sign):
        made = probability * (softplus(-sign * q.logits) - softplus(-sign * p.logits))
        return where(probability == 0, 0.0, where(other == 0, INF, made))

    return part(p.probs, q.probs, 1) + part(1 - p.probs, 1 - q.probs, -1)


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    per_trial = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, INF, p.total_count * per_trial)


@register_kl(Categorical, Categorical)
def _categorical(p, q):
    terms = p.probs * (p.logits - q.logits)
    return where(p.probs == 0, 0.0, where(q.probs == 0, INF, terms)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p, q):
    return _categorical(p._categorical, q._categorical)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p, q):
    of_p = p._cont_bern_log_norm() + (-p.probs).log1p()
    of_q = q._cont_bern_log_norm() + (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + of_p - of_q


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# --- numbers ---
@register_kl(Beta, Beta)
def _beta(p, q):
    a, b, total = p.concentration1, p.concentration0, p.concentration1 + p.concentration0
    other = q.concentration1 + q.concentration0
    norms = q.concentration1.lgamma() + q.concentration0.lgamma() + total.lgamma()
    norms = norms - (a.lgamma() + b.lgamma() + other.lgamma())
    moved = (a - q.concentration1) * a.digamma() + (b - q.concentration0) * b.digamma()
    return norms + moved + (other - total) * total.digamma()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    total, other = p.concentration.sum(-1), q.concentration.sum(-1)
    norms = total.lgamma() - other.lgamma() - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    logs = p.concentration.digamma() - total.digamma().unsqueeze(-1)
    return norms + ((p.concentration - q.concentration) * logs).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    a, b = p.concentration, q.concentration
    norms = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return norms + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel(p, q):
    ratio, off = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() + off + ratio * EULER + ((1 + ratio).lgamma() - off).exp() - (1 + EULER)


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio, off = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + off / q.scale + ratio * (-off / p.scale).exp() - 1


@register_kl(Normal, Normal)
def _normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p, q):
    return _normal(p.base_dist, q.base_dist)


@register_kl(Cauchy, Cauchy)
def _cauchy(p, q):
    apart = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return apart.log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _pareto(p, q):
    ratio = q.alpha / p.alpha
    made = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, INF, made)


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    made = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), INF, made)


# --- vectors ---
def _check_events(p, q, what):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {what} with                          different event shapes cannot be computed"
        )


def _square_sum(matrices):
    """The sum of all squares of each matrix: the trace of X Xᵀ."""
    return matrices.pow(2).sum((-2, -1))


def _solved(factor, matrix):
    """L⁻¹ M for batches that broadcast."""
    batch_shape = broadcast_shapes(factor.shape[:-2], matrix.shape[:-2])
    return solve_triangular(expanded_matrix(factor, batch_shape), expanded_matrix(matrix, batch_shape), upper=False)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p, q):
    _check_events(p, q, "Multivariate Normals")
    factor, of_p = q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril
    lengths = _square_sum(_solved(factor, of_p)) + squared_length(factor, q.loc - p.loc)
    return log_diagonal(factor) - log_diagonal(of_p) + 0.5 * (lengths - p.event_shape[0])


def _half_log_det(d):
    if isinstance(d, LowRankMultivariateNormal):
        return 0.5 * d._log_det()
    return log_diagonal(d._unbroadcasted_scale_tril)


def _under_low_rank(q, root):
    """The trace of Σ_q⁻¹ R Rᵀ, by the Woodbury identity."""
    a = _solved(q._capacitance_tril, q._weighted())
    return _square_sum(root * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)) - _square_sum(a @ root)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p, q):
    _check_events(p, q, "Low Rank Multivariate Normals")
    diagonal = p._unbroadcasted_cov_diag
    a = _solved(q._capacitance_tril, q._weighted())
    of_diagonal = (diagonal / q._unbroadcasted_cov_diag).sum(-1) - _square_sum(a * diagonal.sqrt().unsqueeze(-2))
    trace = of_diagonal + _under_low_rank(q, p._unbroadcasted_cov_factor)
    return _of_normals(p, q, trace, q._squared_length(q.loc - p.loc))


def _of_normals(p, q, trace, length):
    return _half_log_det(q) - _half_log_det(p) + 0.5 * (trace + length - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _normal_low_rank(p, q):
    _check_events(p, q, "(Low Rank) Multivariate Normals")
    trace = _under_low_rank(q, p._unbroadcasted_scale_tril)
    return _of_normals(p, q, trace, q._squared_length(q.loc - p.loc))


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_normal(p, q):
    _check_events(p, q, "(Low Rank) Multivariate Normals")
    factor = q._unbroadcasted_scale_tril
    roots = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt().diag_embed()
    trace = sum(_square_sum(_solved(factor, root)) for root in roots)
    return _of_normals(p, q, trace, squared_length(factor, q.loc - p.loc))


# --- any ---
@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p, q):
    """The Bregman divergence of the log-normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot                             be computed "
            "using Bregman divergences"
        )
    parameters = [x.detach().requires_grad_() for x in p._natural_params]
    others = q._natural_params
    normalizer = p._log_normalizer(*parameters)
    gradients = grad(normalizer.sum(), parameters, create_graph=True)
    result = q._log_normalizer(*others) - normalizer
    for mine, other, g in zip(parameters, others, gradients, strict=True):
        result = result - sum_rightmost((other - mine) * g, len(q.event_shape))
    return result


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
