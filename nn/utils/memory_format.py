"""The weights of convolutions in another memory format."""

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module, memory_format):
    """Lay the weights of all two-dimensional convolutions in a module out in a memory format; their values stay.

    Args:
        module: changed in place and returned.
        memory_format: ``plugrad.channels_last`` or ``plugrad.contiguous_format``.

    Example:
        >>> import plugrad
        >>> layer = plugrad.nn.Conv2d(3, 2, 2)
        >>> _ = plugrad.nn.utils.convert_conv2d_weight_memory_format(layer, plugrad.channels_last)
        >>> layer.weight.stride()
        (12, 1, 6, 3)
    """
    return _converted(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """Lay the weights of all three-dimensional convolutions in a module out in a memory format; their values stay.

    Args:
        module: changed in place and returned.
        memory_format: ``plugrad.channels_last_3d`` or ``plugrad.contiguous_format``.
    """
    return _converted(module, memory_format, (Conv3d, ConvTranspose3d))


def _converted(module, memory_format, kinds):
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module
