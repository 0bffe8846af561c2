"""Running metrics: a sum and a count that stay on the device until they are read, so that a step waits for nothing."""

import math

from ..dtypes import float64
from ..modes import no_grad
from ..tensor import Tensor

__all__ = ["Accuracy", "Mean", "Perplexity"]


class Mean:
    """The mean of all values so far, each with a weight: sum(w v) / sum(w).

    Tensors are summed in float64 where they are; only :meth:`compute` and ``str`` bring a number to the host.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.training import Mean
        >>> loss = Mean()
        >>> loss.update(plugrad.tensor(1.0), weight=32)
        >>> loss.update(4.0, weight=16)
        >>> loss.compute()
        2.0
    """

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget everything: the mean of nothing is nan."""
        self.total = 0.0
        self.weight = 0.0

    @no_grad()
    def update(self, value, weight=1):
        """Count a value.

        Args:
            value: a number, or a real tensor, every element of which counts.
            weight: of the value, or of each element; for a batch's mean loss, the size of the batch.
        """
        if isinstance(value, Tensor):
            self.total = value.detach().to(float64).sum() * weight + self.total
            self.weight = self.weight + value.numel() * weight
        else:
            self.total = self.total + value * weight
            self.weight = self.weight + weight

    def compute(self):
        """The mean as a float; nan if nothing has been counted."""
        total, weight = _number(self.total), _number(self.weight)
        return total / weight if weight else math.nan

    def state_dict(self):
        """The sum and the weight, as floats."""
        return {"total": _number(self.total), "weight": _number(self.weight)}

    def load_state_dict(self, state_dict):
        """Go on from what :meth:`state_dict` returned."""
        self.total, self.weight = state_dict["total"], state_dict["weight"]

    def __str__(self):
        return f"{self.compute():.4g}"


class Accuracy(Mean):
    """The share of labels that are among the ``top_k`` classes with the largest logits.

    Args:
        top_k: how many of the classes count as the answer.
        ignore_index: a label that is not counted.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.training import Accuracy
        >>> accuracy = Accuracy()
        >>> accuracy.update(plugrad.tensor([[0.1, 0.9], [0.8, 0.2]]), plugrad.tensor([1, 1]))
        >>> accuracy.compute(), str(accuracy)
        (0.5, '50.0%')
    """

    def __init__(self, top_k=1, ignore_index=None):
        if top_k < 1:
            raise ValueError(f"top_k must be 1 or more, but got {top_k}")
        self.top_k = top_k
        self.ignore_index = ignore_index
        super().__init__()

    @no_grad()
    def update(self, logits, labels):
        """Count a batch.

        Args:
            logits: (N, C) or (N, C, d1, ...), or class indices in the shape of the labels.
            labels: (N) or (N, d1, ...), class indices.

        Raises:
            ValueError: the shapes do not fit.
        """
        hits = self._hits(logits, labels)
        if self.ignore_index is None:
            self.total = hits.sum() + self.total
            self.weight = self.weight + labels.numel()
        else:
            counted = labels != self.ignore_index
            self.total = (hits & counted).sum() + self.total
            self.weight = counted.sum() + self.weight

    def _hits(self, logits, labels):
        if logits.shape == labels.shape and self.top_k == 1:
            return logits == labels
        if logits.dim() < 2 or logits.shape[:1] + logits.shape[2:] != labels.shape:
            raise ValueError(
                f"Accuracy: logits of shape (N, C, ...) and labels of shape (N, ...) expected, "
                f"but got {tuple(logits.shape)} and {tuple(labels.shape)}"
            )
        if self.top_k == 1:
            return logits.argmax(1) == labels
        if self.top_k > logits.shape[1]:
            raise ValueError(f"Accuracy: top_k is {self.top_k}, but there are {logits.shape[1]} classes")
        return (logits.topk(self.top_k, 1)[1] == labels.unsqueeze(1)).any(1)

    def __str__(self):
        return f"{self.compute():.1%}"


class Perplexity(Mean):
    """exp of the mean negative log-likelihood in nats; :meth:`bits` is the same in bits for each token.

    Example:
        >>> import math
        >>> from plugrad.utils.training import Perplexity
        >>> perplexity = Perplexity()
        >>> perplexity.update(math.log(8), weight=100)  # the cross-entropy of 100 tokens
        >>> round(perplexity.compute(), 6), round(perplexity.bits(), 6)
        (8.0, 3.0)
    """

    def compute(self):
        """The perplexity as a float; inf where it is too large for one, nan if nothing has been counted."""
        try:
            return math.exp(super().compute())
        except OverflowError:
            return math.inf

    def bits(self):
        """The mean negative log-likelihood in bits: bits per token, or per character if characters are tokens."""
        return super().compute() / math.log(2)


def _number(value):
    return float(value.item() if isinstance(value, Tensor) else value)
