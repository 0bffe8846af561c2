"""The names of torch.distributions.exp_family."""

from plugrad.core.distributions import ExponentialFamily

__all__ = ["ExponentialFamily"]
