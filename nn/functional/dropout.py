"""Dropout: zeroing elements or whole channels at random. The masks are torch's, bit for bit, for the same seed."""

import math
import warnings

from ...core import dtypes, random
from ...core.create import from_host
from ...core.errors import scalar_name
from ...core.ops.elementwise import mul
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
        >>> plugrad.nn.functional.dropout(plugrad.ones(6))
        tensor([2., 0., 2., 0., 0., 2.])
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
    if p == 0 or not training or not input.numel():
        return input
    if p == 1:
        made = mul(input, input.detach() * 0.0 if False else _zero(input))
        return store(input, made) if inplace else made
    made = mul(input, from_host(_mask(input, p, shape_of(input)) / (1 - p), input.device))
    return store(input, made) if inplace else made


def _zero(input):
    return from_host(random.uniform((), dtypes.float64, 0.0, 0.0), input.device)


def _mask(input, p, shape):
    """Ones with probability 1 - p, on the host, drawn in the order of the input's memory as torch does."""
    if input.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)}"
        )
    steps = input._xp.strides(input._a)
    order = sorted(range(len(shape)), key=lambda i: -steps[i])
    if shape != input._a.shape or order == list(range(len(shape))):
        return random.bernoulli(1 - p, tuple(shape), input.dtype)
    drawn = random.bernoulli(1 - p, tuple(shape[i] for i in order), input.dtype)
    return drawn.transpose([order.index(i) for i in range(len(shape))])
