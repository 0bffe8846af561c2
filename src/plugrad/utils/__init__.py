"""The names of torch.utils that plugrad has."""

from plugrad.utils import dlpack

__all__ = ["dlpack"]
