"""The names of torch.distributions.gumbel."""

from plugrad.core.distributions import Gumbel

__all__ = ["Gumbel"]
