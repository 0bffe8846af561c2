"""Local response normalization as the first deep convolutional networks had it."""

from ..core.create import tensor
from .module import Module

__all__ = ["CrossMapLRN2d"]


class CrossMapLRN2d(Module):
    """x / (k + alpha / size · sum of x² over neighbouring channels)^beta, with the neighbours that torch's layer adds up.

    These are ``(size - 1) // 2`` channels on either side, and the channel 0 as well for every channel from
    ``(size - 1) // 2 + 1`` on: torch's running sum never lets go of it. The gradient is that of the formula, channel 0
    included, where torch's leaves it out. :class:`LocalResponseNorm` has no such exception and is the one to take for new models.

    Args:
        size: how many neighbouring channels.
        alpha, beta, k: the numbers of the formula.

    Shapes:
        (N, C, H, W) → (N, C, H, W)

    Raises:
        ValueError: another number of dimensions.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.

    Example:
        >>> import plugrad
        >>> plugrad.nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)(plugrad.ones(1, 2, 1, 1)).flatten()
        tensor([0.3333, 0.3333])
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        channels, reach = input.size(1), (self.size - 1) // 2
        added = [
            [float(abs(i - j) <= reach or (j == 0 and i > reach)) for j in range(channels)] for i in range(channels)
        ]
        squares = (input * input).flatten(2)
        sums = tensor(added, dtype=input.dtype, device=input.device).matmul(squares).view(input.shape)
        return input * (sums * (self.alpha / self.size) + self.k) ** -self.beta

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
