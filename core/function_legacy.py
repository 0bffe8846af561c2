"""Bases of custom functions that torch keeps for old programs."""

from .function import Function


class InplaceFunction(Function):
    """A Function whose instances have an attribute ``inplace``; use :class:`Function`.

    Args:
        inplace: the attribute's value.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """The base of functions with nested arguments; use :class:`Function`.

    In torch too it can no longer be called: its ``forward_extended`` and ``backward_extended`` belong to functions that are
    instances.
    """

    def forward_extended(self, *input):
        """Raise: what a subclass overrides."""
        raise NotImplementedError

    def backward_extended(self, *grad_output):
        """Raise: what a subclass overrides."""
        raise NotImplementedError


__all__ = ["InplaceFunction", "NestedIOFunction"]
