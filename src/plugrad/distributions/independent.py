"""The names of torch.distributions.independent."""

from plugrad.core.distributions import Independent

__all__ = ["Independent"]
