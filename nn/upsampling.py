"""Layers that change the size of signals, images and volumes."""

from . import functional as F
from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """The input in another size; see :func:`plugrad.nn.functional.interpolate`.

    Args:
        size: the new sizes, one number for all axes or one for each.
        scale_factor: instead of the sizes, what they are multiplied by.
        mode: ``nearest``, ``nearest-exact``, ``linear``, ``bilinear``, ``bicubic``, ``trilinear`` or ``area``.
        align_corners: first and last elements keep their places; not for nearest and area.
        recompute_scale_factor: take the factors from the rounded sizes, also where they were given.

    Shapes:
        (N, C, *S) → (N, C, *size)

    Example:
        >>> import plugrad
        >>> plugrad.nn.Upsample(scale_factor=2)(plugrad.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    __constants__ = ("size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor")

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def __setstate__(self, state):
        super().__setstate__({"recompute_scale_factor": True, **state})

    def extra_repr(self):
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images in another size, each output the element before its place; an old name of :class:`Upsample`.

    Args:
        size: the new height and width.
        scale_factor: instead of the sizes, what they are multiplied by.

    Shapes:
        (N, C, H, W) → (N, C, *size)

    Example:
        >>> import plugrad
        >>> plugrad.nn.UpsamplingNearest2d(scale_factor=2)
        UpsamplingNearest2d(scale_factor=2.0, mode='nearest')
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images in another size by bilinear interpolation, corners aligned; an old name of :class:`Upsample`.

    Args:
        size: the new height and width.
        scale_factor: instead of the sizes, what they are multiplied by.

    Shapes:
        (N, C, H, W) → (N, C, *size)

    Example:
        >>> import plugrad
        >>> plugrad.nn.UpsamplingBilinear2d(size=(1, 3))(plugrad.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
