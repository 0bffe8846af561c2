"""The names of torch.distributions.mixture_same_family."""

from plugrad.core.distributions import MixtureSameFamily

__all__ = ["MixtureSameFamily"]
