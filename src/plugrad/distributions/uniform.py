"""The names of torch.distributions.uniform."""

from plugrad.core.distributions import Uniform

__all__ = ["Uniform"]
