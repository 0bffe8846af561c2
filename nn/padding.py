"""Padding layers."""

from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


def borders(padding, dims):
    """(before, after) of each axis, the last axis first, as one tuple."""
    return tuple(padding) if hasattr(padding, "__iter__") else (padding,) * (2 * dims)


# --- a constant ---
class _ConstantPad(Module):
    __constants__ = ("padding", "value")

    def __init__(self, padding, value):
        super().__init__()
        self.padding = borders(padding, self._dims)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Surround the last axis by a constant.

    Args:
        padding: how many on both sides, or (before, after); negative numbers cut.
        value: the constant.

    Example:
        >>> import plugrad
        >>> plugrad.nn.ConstantPad1d((2, 1), 7.0)(plugrad.ones(1, 2))
        tensor([[7., 7., 1., 1., 7.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Surround the last two axes by a constant; ``padding`` is one number or (left, right, top, bottom)."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Surround the last three axes by a constant; ``padding`` is one number or (left, right, top, bottom, front, back)."""

    _dims = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Surround the last axis by zeros.

    Example:
        >>> import plugrad
        >>> plugrad.nn.ZeroPad1d(1)(plugrad.ones(1, 2))
        tensor([[0., 1., 1., 0.]])
    """

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Surround the last two axes by zeros; ``padding`` is one number or (left, right, top, bottom)."""

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Surround the last three axes by zeros; ``padding`` is one number or (left, right, top, bottom, front, back)."""

    _dims = 3


# --- the input's own elements ---
class _OwnPad(Module):
    __constants__ = ("padding",)

    def __init__(self, padding):
        super().__init__()
        self.padding = borders(padding, self._dims)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPad(_OwnPad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Surround signals (N, C, L) or (C, L) by their mirror images; the border itself is not repeated.

    Args:
        padding: how many on both sides, or (before, after); less than L.

    Example:
        >>> import plugrad
        >>> plugrad.nn.ReflectionPad1d(2)(plugrad.arange(4.0).reshape(1, 4))
        tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPad):
    """Surround images by their mirror images; ``padding`` is one number or (left, right, top, bottom)."""

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Surround volumes by their mirror images; ``padding`` is one number or (left, right, top, bottom, front, back)."""

    _dims = 3


class _ReplicationPad(_OwnPad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Surround signals (N, C, L) or (C, L) by their first and last elements.

    Args:
        padding: how many on both sides, or (before, after).

    Example:
        >>> import plugrad
        >>> plugrad.nn.ReplicationPad1d(2)(plugrad.arange(3.0).reshape(1, 3))
        tensor([[0., 0., 0., 1., 2., 2., 2.]])
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPad):
    """Surround images by their borders; ``padding`` is one number or (left, right, top, bottom)."""

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Surround volumes by their borders; ``padding`` is one number or (left, right, top, bottom, front, back)."""

    _dims = 3


class _CircularPad(_OwnPad):
    _mode = "circular"

    def forward(self, input):
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Surround signals (N, C, L) or (C, L) by the elements of the opposite end.

    Args:
        padding: how many on both sides, or (before, after); at most L.

    Example:
        >>> import plugrad
        >>> plugrad.nn.CircularPad1d(1)(plugrad.arange(3.0).reshape(1, 3))
        tensor([[2., 0., 1., 2., 0.]])
    """

    _dims = 1


class CircularPad2d(_CircularPad):
    """Surround images by their opposite sides; ``padding`` is one number or (left, right, top, bottom)."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """Surround volumes by their opposite sides; ``padding`` is one number or (left, right, top, bottom, front, back)."""

    _dims = 3
