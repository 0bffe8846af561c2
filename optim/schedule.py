"""LRScheduler: the base of the learning rate schedules."""

import warnings
from contextlib import contextmanager

from ..core.tensor import Tensor
from .optimizer import Optimizer

__all__ = ["LRScheduler", "current", "per_group", "set_option", "warn_epoch"]

HOW_TO = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


class LRScheduler:
    """Sets the learning rates of an optimizer's groups, once per :meth:`step`.

    A subclass gives ``get_lr()``, the list of new rates, from ``self.last_epoch``, ``self.base_lrs`` and the rates in
    ``self.optimizer.param_groups``; and, where one exists, ``_get_closed_form_lr()``, the same from ``last_epoch`` alone.

    Args:
        optimizer: its groups' "lr" is set.
        last_epoch: the number of steps already made when training is resumed, -1 at the start.

    Raises:
        KeyError: resumed, but the groups have no "initial_lr".
        TypeError: ``optimizer`` is none.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", own_copy(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume training from a "
                    "checkpoint but haven't properly loaded the optimizer state\n2. You're using last_epoch >= 0 for a "
                    "fresh training run (not recommended)"
                )
        self.base_lrs = current(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if "_scheduled_step" not in optimizer.__dict__:
            optimizer._opt_called = False  # steps before the first schedule do not count
        optimizer._scheduled_step = optimizer.__dict__.get("step")
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        with flag(self, "_is_initial"):
            self.step()

    def state_dict(self):
        """Return everything but the optimizer, as a dict."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Take over what ``state_dict()`` returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates that were set last, one per group."""
        return self._last_lr

    def get_lr(self):
        """Compute the next rates, one per group."""
        raise NotImplementedError

    def step(self, epoch=None):
        """Go on by one epoch (or to ``epoch``, which torch deprecates) and set the rates."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warn_epoch()
        self._update_lr(epoch)

    def _check_order(self):
        optimizer = self.optimizer
        if optimizer.__dict__.get("step") is not optimizer._scheduled_step:
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                f"Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. {HOW_TO}",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
                "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
                f"this will result in PyTorch skipping the first value of the learning rate schedule. {HOW_TO}",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch=None):
        with flag(self, "_get_lr_called_within_step"):
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            if epoch is not None and hasattr(self, "_get_closed_form_lr"):
                rates = self._get_closed_form_lr()
            else:
                rates = self.get_lr()
        self._set_lr(rates)

    def _set_lr(self, rates):
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", lr)
        self._last_lr = current(self.optimizer, "lr")

    def _warn_unless_stepping(self):
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


@contextmanager
def flag(scheduler, name):
    setattr(scheduler, name, True)
    try:
        yield
    finally:
        setattr(scheduler, name, False)


def warn_epoch():
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
        "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
        "form is used instead of the new chainable form, where available. Please open an issue if you are unable to "
        "replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose.",
        UserWarning,
        stacklevel=3,
    )


def check_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def own_copy(value):
    """A rate that is a tensor would change with the group."""
    return value.clone() if isinstance(value, Tensor) else value


def current(optimizer, key):
    """The values of an option, one per group."""
    return [own_copy(group[key]) for group in optimizer.param_groups]


def set_option(group, key, value):
    """Set an option; one that is a tensor stays that tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def per_group(name, optimizer, value):
    """A value for every group, from one for all or a list."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * n
    if len(value) != n:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {n}."
        )
    return [own_copy(v) for v in value]
