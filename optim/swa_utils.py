"""Averages of a model's weights over training: AveragedModel, its averaging functions, update_bn, and SWALR."""

import math
from copy import deepcopy
from itertools import chain

from ..core.create import tensor
from ..core.dtypes import int64
from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.norm import _BatchNorm
from .schedule import LRScheduler, per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


# --- averaging functions ---
def check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def can_lerp(x):
    return x.is_floating_point() or x.is_complex()


def get_ema_multi_avg_fn(decay=0.999):
    """Make a ``multi_avg_fn`` of the exponential moving average: mean ← decay·mean + (1 - decay)·w, in place.

    Args:
        decay: the share of the mean that stays, in [0, 1].

    Raises:
        ValueError: ``decay`` is out of range.
    """
    check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for mean, w in zip(ema_param_list, current_param_list, strict=True):
            if can_lerp(ema_param_list[0]):
                mean.lerp_(w, 1 - decay)
            else:
                mean.copy_(mean * decay + w * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """Make a ``multi_avg_fn`` of the mean of all models so far: mean ← mean + (w - mean)/(n + 1), in place."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        for mean, w in zip(averaged_param_list, current_param_list, strict=True):
            if can_lerp(averaged_param_list[0]):
                share = 1 / (num_averaged + 1)
                mean.lerp_(w, share.item() if isinstance(share, Tensor) else share)
            elif isinstance(num_averaged, Tensor):
                mean.addcdiv_(w - mean, num_averaged + 1)
            else:
                mean.add_(w - mean, alpha=1.0 / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay=0.999):
    """Make an ``avg_fn`` of the exponential moving average: decay·mean + (1 - decay)·w.

    Args:
        decay: the share of the mean that stays, in [0, 1].

    Raises:
        ValueError: ``decay`` is out of range.
    """
    check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """Make an ``avg_fn`` of the mean of all models so far: mean + (w - mean)/(n + 1)."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


# --- the averaged model ---
class AveragedModel(Module):
    """A copy of a model whose weights are a running mean of the model's, by default of all that it was updated with.

    Args:
        model: the model; its copy is the submodule ``module``.
        device: where the copy is kept, by default beside the model.
        avg_fn: (mean, weight, number of models in the mean) → new mean, for each parameter.
        multi_avg_fn: (means, weights, number of models in the mean), for all parameters of one device and dtype at once;
            writes the means in place.
        use_buffers: average the buffers too; without, they are those of the model at the last update.

    Attributes:
        n_averaged: a buffer, the number of models in the mean.

    Raises:
        AssertionError: both averaging functions are given.

    Source:
        Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018).

    Example:
        >>> import plugrad
        >>> from plugrad.optim.swa_utils import AveragedModel
        >>> model = plugrad.nn.Linear(1, 1, bias=False)
        >>> averaged = AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = plugrad.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged(plugrad.ones(1)).item()
        3.0
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        """Return what the averaged model gives."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model):
        """Take the present weights of ``model`` into the mean; the first ones are the mean.

        Args:
            model: a model with the parameters of the one that this was made of.
        """
        means = [mean.detach() for mean in averaged(self.module, self.use_buffers)]
        weights = [w.detach() for w in averaged(model, self.use_buffers)]
        pairs = [(mean, w.to(mean.device)) for mean, w in zip(means, weights, strict=False)]
        if self.n_averaged == 0:
            copy_all(pairs)
        elif self.multi_avg_fn is not None:
            for group in by_device_and_dtype(pairs):
                means, weights = map(list, zip(*group, strict=True))
                self.multi_avg_fn(means, weights, self.n_averaged.to(means[0].device))
        else:
            mean_of = self.avg_fn or get_swa_avg_fn()
            for mean, w in pairs:
                mean.copy_(mean_of(mean, w, self.n_averaged.to(mean.device)))
        if not self.use_buffers:
            copy_all(zip(self.module.buffers(), model.buffers(), strict=True))
        self.n_averaged += 1


def averaged(model, use_buffers):
    """What is averaged of a model."""
    return chain(model.parameters(), model.buffers()) if use_buffers else model.parameters()


def copy_all(pairs):
    for target, source in pairs:
        target.detach().copy_(source.detach())


def by_device_and_dtype(pairs):
    """The pairs as lists of those whose means are alike."""
    groups = {}
    for mean, w in pairs:
        groups.setdefault((mean.device, mean.dtype), []).append((mean, w))
    return groups.values()


@no_grad()
def update_bn(loader, model, device=None):
    """Compute the running statistics of a model's batch normalisations anew, as plain means over a loader's batches.

    For a model of averaged weights, whose activations no batch has seen yet.

    Args:
        loader: batches: tensors, or sequences whose first element is the input.
        model: is run on each batch in training mode.
        device: where the batches are brought to; default: they stay.

    Example:
        >>> import plugrad
        >>> model = plugrad.nn.BatchNorm1d(1)
        >>> plugrad.optim.swa_utils.update_bn([plugrad.tensor([[1.0], [5.0]]), plugrad.tensor([[7.0], [9.0]])], model)
        >>> model.running_mean
        tensor([5.5000])
    """
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


# --- the schedule ---
class SWALR(LRScheduler):
    """lr goes from where it is to ``swa_lr`` in ``anneal_epochs`` epochs and stays there, while weights are averaged.

    Args:
        optimizer: whose rates are set.
        swa_lr: the rate to end at, one for all or a list of one per group.
        anneal_epochs: epochs until then, 0 for at once.
        anneal_strategy: "cos" or "linear".
        last_epoch: see :class:`plugrad.optim.lr_scheduler.LRScheduler`.

    Raises:
        ValueError: an unknown strategy, or ``anneal_epochs`` is no number of epochs.

    Source:
        Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018).

    Example:
        >>> import plugrad
        >>> optimizer = plugrad.optim.SGD([plugrad.nn.Parameter(plugrad.ones(1))], lr=1.0)
        >>> schedule = plugrad.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for group, lr in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t):
        """The share of ``swa_lr`` in the rate at the share ``t`` of the epochs."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self):
        """The next rates: those before, without their share of ``swa_lr``, give where the rates came from."""
        self._warn_unless_stepping()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (self.anneal_func(self._passed(epoch)) for epoch in (step - 1, step))
        rates = []
        for group in self.optimizer.param_groups:
            lr, end = group["lr"], group["swa_lr"]
            start = end if before == 1 else (lr - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

    def _passed(self, epoch):
        """The share of the annealing that has passed at an epoch."""
        return max(0, min(1, epoch / max(1, self.anneal_epochs)))
