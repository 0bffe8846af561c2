"""The names of torch.distributions.exponential."""

from plugrad.core.distributions import Exponential

__all__ = ["Exponential"]
