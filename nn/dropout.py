"""Dropout layers: active in training, nothing in evaluation."""

from . import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    """The state of all of them: the probability of being dropped, and whether the input is overwritten."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each element becomes 0 with probability p, and x / (1 - p) otherwise.

    Args:
        p: from 0 to 1.
        inplace: write the result over the input.

    Raises:
        ValueError: p is not within [0, 1].

    Source: Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors, 2012.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.Dropout()(plugrad.ones(8))
        tensor([0., 0., 2., 0., 0., 0., 2., 2.])
    """

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Dropout of whole channels of (N, C, L) or (C, L).

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.
    """

    def forward(self, input):
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Dropout of whole channels of (N, C, H, W); a 3-d input is taken as (N, C, L), with a warning, as in torch."""

    def forward(self, input):
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input):
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout for selu networks: dropped elements become -1.7581, then all are scaled to the mean and variance before.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """:class:`AlphaDropout` of whole channels."""

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)
