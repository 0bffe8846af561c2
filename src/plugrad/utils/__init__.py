"""The names of torch.utils that plugrad has."""

from plugrad.utils import data, dlpack

__all__ = ["data", "dlpack"]
