"""The names of torch.distributions.multivariate_normal."""

from plugrad.core.distributions import MultivariateNormal

__all__ = ["MultivariateNormal"]
