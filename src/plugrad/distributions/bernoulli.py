"""The names of torch.distributions.bernoulli."""

from plugrad.core.distributions import Bernoulli

__all__ = ["Bernoulli"]
