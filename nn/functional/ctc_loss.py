"""The loss of sequences whose labels are not aligned with them."""

from ...core.ops import ctc
from .reduction import reduction_of

__all__ = ["ctc_loss"]

CODES = {"none": 0, "mean": 1, "sum": 2}


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """-log p(targets | log_probs), summed over all alignments of the labels (connectionist temporal classification).

    The gradient takes for granted that ``log_probs`` comes from log_softmax.

    Args:
        log_probs: log probabilities, (T, N, C), or (T, C) of one example.
        targets: labels, (N, L), of which each row's first ones count, or those of all examples one after another.
        input_lengths, target_lengths: of each example, at most T and L; both tensors or both tuples or lists.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target length, then takes the mean.
        zero_infinity: infinite losses, of targets longer than their inputs, and their gradients become 0.

    Raises:
        TypeError: lengths of two kinds.
        ValueError: an unknown reduction.
        RuntimeError: shapes or lengths do not fit; or, in a backward pass, that torch has no second derivative of it.
        IndexError: a target is not a class.

    Source: Graves et al., Connectionist Temporal Classification, 2006.

    Example:
        >>> import plugrad
        >>> x = plugrad.zeros(2, 1, 2).log_softmax(2)
        >>> plugrad.nn.functional.ctc_loss(x, plugrad.tensor([[1]]), [2], [1])
        tensor(0.2877)
    """
    code = CODES[reduction_of(reduction)]
    return ctc.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, code, zero_infinity)
