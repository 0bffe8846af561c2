"""The names of torch.distributions.beta."""

from plugrad.core.distributions import Beta

__all__ = ["Beta"]
