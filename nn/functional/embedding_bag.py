"""Sums, means and maxima over bags of rows of a table."""

import warnings

from ...core import dtypes
from ...core.ops import embedding_bag as bags
from ...core.sequences import arange
from .embedding import shorten

__all__ = ["embedding_bag"]

MODES = {"sum": bags.SUM, "mean": bags.MEAN, "max": bags.MAX}


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """y_b = Σ, mean or maximum of weight[i] over the row numbers i in bag b; an empty bag gives zeros.

    Args:
        input: int64 or int32 row numbers: one bag a row, or all bags one after the other.
        weight: (rows, D).
        offsets: (B), where each bag begins in an ``input`` of one dimension.
        max_norm: rows that are met and longer than this are first shortened to it, in place.
        norm_type: the p of the p-norm that ``max_norm`` speaks of.
        scale_grad_by_freq: divide each row's gradient by how often it is met; not in a maximum.
        mode: "sum", "mean" or "max".
        sparse: only False: there are no sparse gradients.
        per_sample_weights: of the shape of ``input``, by what each row is multiplied; in a sum only.
        include_last_offset: the last offset is where the last bag ends; what comes after it is left out.
        padding_idx: a row that counts for nothing and gets no gradient; negative counts from the end.

    Shapes:
        (B, n), or (n) with offsets (B) → (B, D)

    Raises:
        ValueError: numbers of dimensions, the mode or what goes with it do not fit.
        RuntimeError: dtypes, row numbers or offsets do not fit.
        NotImplementedError: ``sparse=True``, or weights with another mode than a sum.

    Example:
        >>> import plugrad
        >>> table = plugrad.tensor([[1.0], [2.0], [4.0]])
        >>> plugrad.nn.functional.embedding_bag(plugrad.tensor([[0, 1], [2, 2]]), table, mode="sum")
        tensor([[3.],
                [8.]])
    """
    if weight.dtype is dtypes.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is deprecated, and "
            "should now be `embedding_bag(input, weight, ...)`.",
            UserWarning,
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape as the "
            f"input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    _check_offsets(input, offsets)
    if input.dim() == 2:
        offsets = arange(0, input.numel(), input.size(1), dtype=input.dtype, device=input.device)
        include_last_offset = False
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    _check_mode(mode, scale_grad_by_freq, sparse)
    if max_norm is not None:
        shorten(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    return bags.embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        MODES[mode],
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )[0]


def _check_offsets(input, offsets):
    rank = input.dim()
    if rank == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, "
            f"found offsets of type <class 'torch.{type(offsets).__name__}'>"
        )
    if rank == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if rank == 1 and offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if rank not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {rank}")


def _check_mode(mode, scale_grad_by_freq, sparse):
    if mode not in MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
