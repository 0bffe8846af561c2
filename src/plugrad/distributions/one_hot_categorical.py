"""The names of torch.distributions.one_hot_categorical."""

from plugrad.core.distributions import OneHotCategorical, OneHotCategoricalStraightThrough

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]
