"""What ``reduction`` and its two predecessors mean."""

import warnings

__all__ = ["reduced", "reduction_of"]

REDUCTIONS = ("mean", "none", "sum")


def reduction_of(reduction, size_average=None, reduce=None):
    """The reduction as "none", "mean" or "sum"; the old flags size_average and reduce take precedence, with a warning.

    Raises:
        ValueError: an unknown word.
    """
    if size_average is not None or reduce is not None:
        return _from_flags(size_average, reduce)
    if reduction in REDUCTIONS:
        return reduction
    if reduction != "elementwise_mean":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    warnings.warn(
        "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", UserWarning, stacklevel=3
    )
    return "mean"


def _from_flags(size_average, reduce):
    if reduce is not None and not reduce:
        reduction = "none"
    else:
        reduction = "mean" if size_average is None or size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        UserWarning,
        stacklevel=4,
    )
    return reduction


def reduced(loss, reduction):
    """The loss of each element, or their mean or sum."""
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.mean()
