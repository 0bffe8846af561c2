"""The names of torch.distributions.dirichlet."""

from plugrad.core.distributions import Dirichlet

__all__ = ["Dirichlet"]
