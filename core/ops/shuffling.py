"""Channels rearranged into pixels and back, and channels shuffled between groups."""

from ..compile import linear
from ..tensor import Tensor
from .shape import clone_

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]

pixel_shuffle_ = linear(
    "pixel_shuffle_(x, *, upscale_factor)",
    lambda xp, g, upscale_factor: xp.pixel_unshuffle(g, upscale_factor),
    doc="channels as pixels",
    xp="pixel_shuffle",
    node="PixelShuffleBackward0",
)
pixel_unshuffle_ = linear(
    "pixel_unshuffle_(x, *, downscale_factor)",
    lambda xp, g, downscale_factor: xp.pixel_shuffle(g, downscale_factor),
    doc="pixels as channels",
    xp="pixel_unshuffle",
    node="PixelUnshuffleBackward0",
)
channel_shuffle_ = linear(
    "channel_shuffle_(x, *, groups)",
    lambda xp, g, x_shape, groups: xp.channel_shuffle(g, x_shape[1] // groups) if x_shape[1] else g,
    doc="channels shuffled between groups",
    xp="channel_shuffle",
    node="ChannelShuffleBackward0",
)


def pixel_shuffle(input, upscale_factor):
    """r² channels as the pixels of a block r × r: out[c, y·r + i, x·r + j] = in[c·r² + i·r + j, y, x].

    Args:
        input: at least three dimensions; the last three are channels, height and width.
        upscale_factor: r.

    Shapes:
        (*, C · r², H, W) → (*, C, H · r, W · r)

    Raises:
        RuntimeError: too few dimensions, r not positive, or the channels are no multiple of r².

    Source:
        Shi and others, Real-Time Single Image and Video Super-Resolution, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.pixel_shuffle(plugrad.arange(4.0).reshape(4, 1, 1), 2)
        tensor([[[0., 1.],
                 [2., 3.]]])
    """
    _check_arguments("pixel_shuffle", input, "upscale_factor", upscale_factor)
    _check_images("pixel_shuffle", input, "upscale_factor", upscale_factor)
    channels = input.shape[-3]
    if channels % (upscale_factor * upscale_factor):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {upscale_factor * upscale_factor}"
        )
    return pixel_shuffle_(input, upscale_factor)


def pixel_unshuffle(input, downscale_factor):
    """The pixels of each block r × r as r² channels: what :func:`pixel_shuffle` does, undone.

    Args:
        input: at least three dimensions; the last three are channels, height and width.
        downscale_factor: r.

    Shapes:
        (*, C, H · r, W · r) → (*, C · r², H, W); without elements the input's own

    Raises:
        RuntimeError: too few dimensions, r not positive, or height or width are no multiples of r.

    Example:
        >>> import plugrad
        >>> plugrad.pixel_unshuffle(plugrad.arange(4.0).reshape(1, 2, 2), 2).flatten()
        tensor([0., 1., 2., 3.])
    """
    _check_arguments("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    _check_images("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    for axis, name in ((-2, "height"), (-1, "width")):
        if input.shape[axis] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({axis})={input.shape[axis]} is "
                f"not divisible by {downscale_factor}"
            )
    if 0 in input._a.shape:  # torch's result has the shape of the input then
        return clone_(input)
    return pixel_unshuffle_(input, downscale_factor)


def channel_shuffle(input, groups):
    """Channels dealt out over the groups anew: out[i·g + j] = in[j·k + i] for g groups of k channels.

    Args:
        input: more than two dimensions, the second one of channels.
        groups: into how many groups the channels are divided.

    Shapes:
        (N, C, *) → (N, C, *)

    Raises:
        RuntimeError: too few dimensions, groups not positive, or the channels are no multiple of it.

    Source:
        Zhang and others, ShuffleNet, 2017.

    Example:
        >>> import plugrad
        >>> plugrad.channel_shuffle(plugrad.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0., 2., 1., 3.])
    """
    _check_arguments("channel_shuffle", input, "groups", groups)
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    return channel_shuffle_(input, groups)


def _check_arguments(function, input, name, value):
    if not isinstance(input, Tensor):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{function}(): argument '{name}' (position 2) must be int, not {type(value).__name__}")


def _check_images(function, input, name, value):
    rank = len(input.shape)
    if rank < 3:
        raise RuntimeError(
            f"{function} expects input to have at least 3 dimensions, but got input with {rank} dimension(s)"
        )
    if value <= 0:
        raise RuntimeError(f"{function} expects a positive {name}, but got {value}")
