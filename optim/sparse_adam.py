"""SparseAdam, by name only."""

from .optimizer import Optimizer

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients, which plugrad does not have: use :class:`Adam`.

    Raises:
        NotImplementedError: always.

    Example:
        >>> import plugrad
        >>> plugrad.optim.SparseAdam([plugrad.nn.Parameter(plugrad.ones(2))])
        Traceback (most recent call last):
        NotImplementedError: SparseAdam needs sparse gradients, which plugrad does not have; use Adam instead
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        raise NotImplementedError("SparseAdam needs sparse gradients, which plugrad does not have; use Adam instead")
