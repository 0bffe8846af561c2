"""Batch normalization over the batches of all processes, of which plugrad has one."""

from ..core.modes import no_grad
from .norm import _BatchNorm

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(_BatchNorm):
    """(x - mean) / √(var + eps) · weight + bias, per channel, with the statistics of the batches of all processes.

    plugrad trains in one process, whose batch is all there is: so this is :class:`BatchNorm1d` for any number of dimensions,
    as torch's is where nothing is distributed.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: None takes the plain average over all batches.
        affine: whether there are a weight and a bias, at first 1 and 0.
        track_running_stats: False uses the batch's statistics in evaluation too.
        process_group: None; there are no groups of processes.
        bias: whether an affine layer has a bias.

    Shapes:
        (N, C, *S) → (N, C, *S)

    Raises:
        ValueError: fewer than two dimensions, no channels, or only one value per channel in training.
        NotImplementedError: a process group.

    Example:
        >>> import plugrad
        >>> plugrad.nn.SyncBatchNorm(1)(plugrad.tensor([[1.0], [3.0]])).detach()
        tensor([[-1.0000],
                [ 1.0000]])
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        if process_group is not None:
            raise NotImplementedError("SyncBatchNorm: process_group: plugrad has no groups of processes; leave it None")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """Put a SyncBatchNorm, with the same parameters and statistics, in the place of each BatchNorm in a module.

        Args:
            module: changed in place, unless it is a BatchNorm itself.
            process_group: None; there are no groups of processes.

        Returns:
            The module, or what stands in its place.

        Example:
            >>> import plugrad
            >>> net = plugrad.nn.Sequential(plugrad.nn.Conv2d(1, 2, 3), plugrad.nn.BatchNorm2d(2))
            >>> plugrad.nn.SyncBatchNorm.convert_sync_batchnorm(net)[1]
            SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        made = _converted(module, process_group) if isinstance(module, _BatchNorm) else module
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


def _converted(norm, process_group):
    arguments = norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, process_group
    made = SyncBatchNorm(*arguments, bias=norm.bias is not None)
    with no_grad():
        for name in ("weight", "bias") if norm.affine else ():
            setattr(made, name, getattr(norm, name))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(made, name, getattr(norm, name))
    made.training = norm.training
    return made
