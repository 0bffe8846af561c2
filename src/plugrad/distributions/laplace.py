"""The names of torch.distributions.laplace."""

from plugrad.core.distributions import Laplace

__all__ = ["Laplace"]
