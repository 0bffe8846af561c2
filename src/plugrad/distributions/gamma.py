"""The names of torch.distributions.gamma."""

from plugrad.core.distributions import Gamma

__all__ = ["Gamma"]
