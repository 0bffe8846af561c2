"""Normalization layers."""

import warnings

from ..core import dtypes
from ..core.create import empty, ones, tensor, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


def _add_affine(module, shape, weight, bias, device, dtype):
    """Give the module a weight and a bias of a shape, or None in their places."""
    for name, wanted in (("weight", weight), ("bias", bias)):
        parameter = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
        module.register_parameter(name, parameter)


def _reset_affine(module):
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)


class _NormBase(Module):
    """The state of batch and instance normalization."""

    _version = 2

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _add_affine(self, num_features, affine, affine and bias, device, dtype)
        tracked = (
            zeros(num_features, device=device, dtype=dtype),
            ones(num_features, device=device, dtype=dtype),
            tensor(0, dtype=dtypes.int64, device=device),
        )
        for name, value in zip(("running_mean", "running_var", "num_batches_tracked"), tracked, strict=True):
            self.register_buffer(name, value if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Set the running mean to 0, the running variance to 1 and the number of batches to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Set the running statistics, the weight and the bias to their initial values."""
        self.reset_running_stats()
        _reset_affine(self)

    def _check_input_dim(self, input):
        """Raise ValueError for a number of dimensions that the layer does not take."""
        if input.dim() not in self._ranks:
            expected = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(f"expected {expected} input (got {input.dim()}D input)")

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        # Files of version 1 do not count the batches.
        if (local_metadata.get("version") or 0) < 2 and self.track_running_stats:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class _BatchNorm(_NormBase):
    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            by_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """(x - mean) / √(var + eps) · weight + bias, per channel.

    In training the statistics of the batch are used, and the running ones move towards them:
    running ← (1 - momentum) · running + momentum · new, with the unbiased variance. In evaluation the running ones are used.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: None takes the plain average over all batches.
        affine: whether there are a weight and a bias, at first 1 and 0.
        track_running_stats: False uses the batch's statistics in evaluation too.
        bias: whether an affine layer has a bias.

    Shapes:
        (N, C) → (N, C), (N, C, L) → (N, C, L)

    Raises:
        ValueError: another number of dimensions, or only one value per channel in training.
        RuntimeError: another number of channels.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.

    Example:
        >>> import plugrad
        >>> norm = plugrad.nn.BatchNorm1d(1)
        >>> norm(plugrad.tensor([[1.0], [3.0]])).detach()
        tensor([[-1.0000],
                [ 1.0000]])
        >>> norm.running_mean
        tensor([0.2000])
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """:class:`BatchNorm1d` for images.

    Shapes:
        (N, C, H, W) → (N, C, H, W)
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """:class:`BatchNorm1d` for volumes.

    Shapes:
        (N, C, D, H, W) → (N, C, D, H, W)
    """

    _ranks = (5,)


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input):
        self._check_input_dim(input)
        batched = input.dim() == self._ranks[1]
        self._check_channels(input, 1 if batched else 0)
        y = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return y if batched else y.squeeze(0)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if local_metadata.get("version") is None and not self.track_running_stats:
            self._refuse_statistics(state_dict, prefix, args[-1])
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def _refuse_statistics(self, state_dict, prefix, error_msgs):
        """Files from before torch 0.4 have running statistics that a layer of today does not track."""
        kind = type(self).__name__
        names = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
        for name in names:
            del state_dict[name]
        if names:
            listed = " and ".join(f'"{name}"' for name in names)
            error_msgs.append(
                f"Unexpected running stats buffer(s) {listed} for {kind} with track_running_stats=False. If state_dict is a "
                f"checkpoint saved before 0.4.0, this may be expected because {kind} does not track running stats by default "
                "since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, instead set "
                f"track_running_stats=True in {kind} to enable them. See the documentation of {kind} for details."
            )

    def _check_channels(self, input, dim):
        if input.size(dim) == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {input.size(dim)}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            UserWarning,
            stacklevel=4,
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalization of each channel of each sample by its own mean and variance.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: of the running statistics.
        affine: whether there are a weight and a bias, at first 1 and 0.
        track_running_stats: keep running statistics and use them in evaluation.
        bias: whether an affine layer has a bias.

    Shapes:
        (N, C, L) → (N, C, L), (C, L) → (C, L)

    Raises:
        ValueError: another number of dimensions or of channels, or only one value per channel.

    Source: Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.InstanceNorm1d(1)(plugrad.tensor([[[1.0, 3.0]]]))
        tensor([[[-1.0000,  1.0000]]])
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """:class:`InstanceNorm1d` for images.

    Shapes:
        (N, C, H, W) → (N, C, H, W), (C, H, W) → (C, H, W)
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """:class:`InstanceNorm1d` for volumes.

    Shapes:
        (N, C, D, H, W) → (N, C, D, H, W), (C, D, H, W) → (C, D, H, W)
    """

    _ranks = (4, 5)


class LayerNorm(Module):
    """(x - mean) / √(var + eps) · weight + bias over the last dimensions.

    Args:
        normalized_shape: the sizes of those dimensions, or of the last one.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias, at first 1 and 0.
        bias: whether an affine layer has a bias.

    Shapes:
        (*, *normalized_shape) → the same

    Raises:
        RuntimeError: the input's last sizes are others.

    Source: Ba et al., Layer Normalization, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.LayerNorm(2)(plugrad.tensor([[1.0, 3.0]])).detach()
        tensor([[-1.0000,  1.0000]])
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _add_affine(self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to 1 and the bias to 0."""
        _reset_affine(self)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / √(mean(x²) + eps) · weight over the last dimensions.

    Args:
        normalized_shape: the sizes of those dimensions, or of the last one.
        eps: None takes the distance of 1 to the next number in the dtype computed in.
        elementwise_affine: whether there is a weight, at first 1.

    Shapes:
        (*, *normalized_shape) → the same

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.

    Example:
        >>> import plugrad
        >>> plugrad.nn.RMSNorm(2)(plugrad.tensor([[3.0, 4.0]])).detach()
        tensor([[0.8485, 1.1314]])
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """(x - mean) / √(var + eps) · weight + bias per sample and group of channels.

    Args:
        num_groups: into how many groups the channels are divided.
        num_channels: the number of channels C.
        eps: added to the variance.
        affine: whether there are a weight and a bias per channel, at first 1 and 0.
        bias: whether an affine layer has a bias.

    Shapes:
        (N, C, *S) → (N, C, *S)

    Raises:
        ValueError: num_groups does not divide num_channels.

    Source: Wu and He, Group Normalization, 2018.

    Example:
        >>> import plugrad
        >>> plugrad.nn.GroupNorm(1, 2)(plugrad.tensor([[1.0, 3.0]])).detach()
        tensor([[-1.0000,  1.0000]])
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *, bias=True):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _add_affine(self, num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to 1 and the bias to 0."""
        _reset_affine(self)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """x / (k + alpha · mean of x² over ``size`` neighbouring channels)^beta.

    Shapes:
        (N, C, *S) → (N, C, *S)

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
