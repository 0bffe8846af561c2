"""A linear layer and the cross entropy of its outputs in one."""

import math

from . import functional as F
from .functional.class_loss import refuse_options
from .linear import Linear
from .loss import _WeightedLoss

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """Cross entropy of softmax(input · weightᵀ + bias) and the target, the weight and bias being those of a linear layer.

    Args:
        in_features: size of a sample.
        num_classes: the number of classes C.
        out_features: (d1, …, dK): so many losses per sample; () for one.
        bias: whether the linear layer has one.
        reduction: "none", "mean" or "sum".
        weight: (C), a factor per class.
        ignore_index: a target index that counts for nothing; None: -100.
        label_smoothing: from 0 to 1, the part of the target that is spread evenly over all classes.
        options: None. torch's options choose in which pieces the losses are computed.

    Shapes:
        (N, in_features) or (in_features), target (N, *out_features) or (N, C, *out_features) → (), or (N, *out_features)
        for reduction "none"

    Raises:
        RuntimeError: sizes do not fit, label_smoothing is not in [0, 1], or ignore_index with class probabilities.
        NotImplementedError: ``options``.

    Example:
        >>> import plugrad
        >>> loss = plugrad.nn.LinearCrossEntropyLoss(3, 2)
        >>> _ = plugrad.nn.init.zeros_(loss.linear.weight)
        >>> loss(plugrad.ones(4, 3), plugrad.tensor([0, 1, 1, 0])).detach()
        tensor(0.6931)
    """

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        refuse_options(options)
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input, target):
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
