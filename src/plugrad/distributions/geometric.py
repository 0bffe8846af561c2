"""The names of torch.distributions.geometric."""

from plugrad.core.distributions import Geometric

__all__ = ["Geometric"]
