"""The names of torch.distributions.categorical."""

from plugrad.core.distributions import Categorical

__all__ = ["Categorical"]
