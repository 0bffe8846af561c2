"""The names of torch.distributions.transformed_distribution."""

from plugrad.core.distributions import TransformedDistribution

__all__ = ["TransformedDistribution"]
