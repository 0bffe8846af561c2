"""The names of torch.distributions.wishart."""

from plugrad.core.distributions import Wishart

__all__ = ["Wishart"]
