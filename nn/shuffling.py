"""Layers that rearrange channels and pixels."""

from . import functional as F
from .module import Module

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """r² channels as the pixels of a block r × r; see :func:`plugrad.pixel_shuffle`.

    Args:
        upscale_factor: r.

    Shapes:
        (*, C · r², H, W) → (*, C, H · r, W · r)

    Example:
        >>> import plugrad
        >>> plugrad.nn.PixelShuffle(2)(plugrad.zeros(1, 8, 3, 3)).shape
        torch.Size([1, 2, 6, 6])
    """

    __constants__ = ("upscale_factor",)

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The pixels of each block r × r as r² channels; see :func:`plugrad.pixel_unshuffle`.

    Args:
        downscale_factor: r.

    Shapes:
        (*, C, H · r, W · r) → (*, C · r², H, W)

    Example:
        >>> import plugrad
        >>> plugrad.nn.PixelUnshuffle(2)(plugrad.zeros(1, 2, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    __constants__ = ("downscale_factor",)

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out over groups anew; see :func:`plugrad.channel_shuffle`.

    Args:
        groups: into how many groups the channels are divided.

    Shapes:
        (N, C, *) → (N, C, *)

    Example:
        >>> import plugrad
        >>> plugrad.nn.ChannelShuffle(2)(plugrad.arange(4.0).reshape(1, 4, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ("groups",)

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
