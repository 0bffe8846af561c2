"""The names of torch.distributions.poisson."""

from plugrad.core.distributions import Poisson

__all__ = ["Poisson"]
