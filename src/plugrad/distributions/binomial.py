"""The names of torch.distributions.binomial."""

from plugrad.core.distributions import Binomial

__all__ = ["Binomial"]
