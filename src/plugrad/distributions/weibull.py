"""The names of torch.distributions.weibull."""

from plugrad.core.distributions import Weibull

__all__ = ["Weibull"]
