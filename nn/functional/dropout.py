"""Dropout: zeroing elements or whole channels at random. The masks are torch's, bit for bit, for the same seed."""

import math
import warnings

from ...core import dtypes, random
from ...core.errors import scalar_name
from ...core.ops.elementwise import add, mul
from ...core.random_batches import drawn_parts
from ...core.shapes import numel_of
from ...core.views import store

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

#: Minus the value of selu at -∞: what a dropped element becomes in alpha dropout, before it is scaled.
ALPHA = 1.7580993408473766


def dropout(input, p=0.5, training=True, inplace=False):
    """In training, each element becomes 0 with probability p, and x / (1 - p) otherwise.

    Args:
        p: from 0 to 1.
        training: False returns the input itself.
        inplace: write the result into ``input``.

    Raises:
        ValueError: p is not within [0, 1].

    Source: Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors, 2012.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.functional.dropout(plugrad.ones(8))
        tensor([0., 0., 2., 0., 0., 0., 2., 2.])
    """
    _check_probability(p)
    return _dropped(input, p, training, inplace, _whole_shape)


def _check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _whole_shape(input):
    return input._a.shape


def _channel_shape(input):
    """The shape of one number per sample and channel."""
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return tuple(n if i < 2 else 1 for i, n in enumerate(input._a.shape))


def _dropped(input, p, training, inplace, shape_of):
    if p == 0 or not training or not numel_of(input):
        return input
    if p == 1:
        made = mul(input, 0.0)
    else:
        (mask,) = _masks(input, p, shape_of(input), lambda mask: (_divided(mask, 1 - p),))
        made = mul(input, mask)
    return store(input, made) if inplace else made


def _masks(input, p, shape, finish):
    """The arrays that ``finish(mask)`` gives, as tensors."""
    if input.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)}")

    def draw(whole):
        mask = _mask(input, p, shape) if whole == shape else random.bernoulli(1 - p, whole, input.dtype)
        return finish(mask)

    shape = tuple(shape)
    return drawn_parts(draw, shape, input._xp)


def _divided(mask, number):
    mask /= number
    return mask


def _mask(input, p, shape):
    """Ones with probability 1 - p, on the host, drawn in the order of the input's memory as torch does."""
    steps = input._xp.strides(input._a)
    order = sorted(range(len(shape)), key=lambda i: -steps[i])
    if shape != input._a.shape or order == list(range(len(shape))):
        return random.bernoulli(1 - p, tuple(shape), input.dtype)
    drawn = random.bernoulli(1 - p, tuple(shape[i] for i in order), input.dtype)
    return drawn.transpose([order.index(i) for i in range(len(shape))])


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout for selu networks: dropped elements become -1.7581, then all are scaled to the mean and variance before.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.alpha_dropout(plugrad.ones(2), training=False)
        tensor([1., 1.])
    """
    _check_probability(p)
    return _alpha_dropped(input, p, training, inplace, _whole_shape)


def _alpha_dropped(input, p, training, inplace, shape_of):
    if p in (0, 1) or not training or not input.numel():
        return _dropped(input, p, training, inplace, shape_of)
    scale = 1.0 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))

    def scaled(mask):
        shift = mask - 1
        shift *= ALPHA * scale
        shift += ALPHA * scale * p
        mask *= scale
        return mask, shift

    mask, shift = _masks(input, p, shape_of(input), scaled)
    if inplace:
        return store(input, add(store(input, mul(input, mask)), shift))
    return add(mul(input, mask), shift)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """:func:`alpha_dropout` of whole channels: (N, C, *S) loses channels of single samples."""
    _check_probability(p)
    return _alpha_dropped(input, p, training, inplace, _channel_shape)


def of_channels(input, p, training, inplace):
    """:func:`dropout` of whole channels, of any number of dimensions from two on."""
    return _dropped(input, p, training, inplace, _channel_shape)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, L) or (C, L).

    Raises:
        RuntimeError: another number of dimensions.
        ValueError: p is not within [0, 1].

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.functional.dropout1d(plugrad.ones(1, 3, 2))
        tensor([[[0., 0.],
                 [0., 0.],
                 [2., 2.]]])
    """
    _check_probability(p)
    rank = input.dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that dropout1d exists to provide channel-wise "
            "dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D "
            "inputs)."
        )
    return _maybe_unbatched(input, p, training, inplace, rank == 3)


def _maybe_unbatched(input, p, training, inplace, batched):
    if batched:
        return _dropped(input, p, training, inplace, _channel_shape)
    if inplace:
        return _dropped(input.unsqueeze_(0), p, training, True, _channel_shape).squeeze_(0)
    return _dropped(input.unsqueeze(0), p, training, False, _channel_shape).squeeze(0)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, H, W).

    A 3-d input is taken as (N, C, L), with a warning, as in torch; other numbers of dimensions are deprecated.

    Raises:
        RuntimeError: fewer than two dimensions.
        ValueError: p is not within [0, 1].
    """
    _check_probability(p)
    rank = input.dim()
    if rank not in (3, 4):
        _warn_rank("dropout2d", rank, "2 spatial dimensions", "3D or 4D")
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input is "
            "interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to "
            "interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout "
            "behavior, please switch to using dropout1d instead.",
            UserWarning,
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, _channel_shape)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W); other numbers of dimensions are deprecated."""
    _check_probability(p)
    rank = input.dim()
    if rank not in (4, 5):
        _warn_rank("dropout3d", rank, "3 spatial dimensions", "4D or 5D")
    return _maybe_unbatched(input, p, training, inplace, rank == 5)


def _warn_rank(name, rank, spatial, expected):
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an error in a future release. To "
        f"retain the behavior and silence this warning, please use dropout instead. Note that {name} exists to provide "
        f"channel-wise dropout on inputs with {spatial}, a channel dimension, and an optional batch dimension (i.e. {expected} "
        "inputs).",
        UserWarning,
        stacklevel=3,
    )
