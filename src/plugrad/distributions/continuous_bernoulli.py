"""The names of torch.distributions.continuous_bernoulli."""

from plugrad.core.distributions import ContinuousBernoulli

__all__ = ["ContinuousBernoulli"]
