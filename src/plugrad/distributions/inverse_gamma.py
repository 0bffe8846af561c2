"""The names of torch.distributions.inverse_gamma."""

from plugrad.core.distributions import InverseGamma

__all__ = ["InverseGamma"]
