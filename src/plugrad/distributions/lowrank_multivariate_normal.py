"""The names of torch.distributions.lowrank_multivariate_normal."""

from plugrad.core.distributions import LowRankMultivariateNormal

__all__ = ["LowRankMultivariateNormal"]
