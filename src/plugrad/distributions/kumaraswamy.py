"""The names of torch.distributions.kumaraswamy."""

from plugrad.core.distributions import Kumaraswamy

__all__ = ["Kumaraswamy"]
