"""The names of torch.distributions.cauchy."""

from plugrad.core.distributions import Cauchy

__all__ = ["Cauchy"]
