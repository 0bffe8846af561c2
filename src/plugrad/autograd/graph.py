"""The names of torch.autograd.graph."""

from plugrad.core.graph import Node

__all__ = ["Node"]
