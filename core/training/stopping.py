"""When to stop, and which weights to keep: both watch one figure of the run."""

import math

from ..modes import no_grad
from ..serialization import load, save

__all__ = ["BestCheckpoint", "EarlyStopping"]


class _Watch:
    """The best value so far of a figure that should fall ("min") or rise ("max")."""

    def __init__(self, mode, min_delta):
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max", but got {mode!r}')
        if min_delta < 0:
            raise ValueError(f"min_delta must be 0 or more, but got {min_delta}")
        self.mode = mode
        self.min_delta = min_delta
        self.best = math.inf if mode == "min" else -math.inf
        self.best_step = None
        self.steps = 0

    def _improves(self, value):
        """Count a value; whether it is better than the best by more than ``min_delta``. nan is never better."""
        value = float(value)
        better = self.best - value if self.mode == "min" else value - self.best
        if improved := better > self.min_delta:
            self.best, self.best_step = value, self.steps
        self.steps += 1
        return improved

    def state_dict(self):
        """All that changes from step to step."""
        names = ("mode", "min_delta")
        return {name: value for name, value in vars(self).items() if name not in names and not name.startswith("_")}

    def load_state_dict(self, state_dict):
        """Go on from what :meth:`state_dict` returned."""
        vars(self).update(state_dict)


class EarlyStopping(_Watch):
    """Tells when a figure has not improved for ``patience`` steps in a row.

    Args:
        patience: how many steps without improvement are borne; the one after them stops.
        min_delta: what counts as an improvement is larger than this.
        mode: "min" if the figure should fall, "max" if it should rise.

    Attributes:
        best: the best value; inf or -inf at first.
        best_step: at which step it was, counted from 0; None at first.
        bad_steps: how many steps there have been since.
        stopped: whether the patience is used up.

    Example:
        >>> from plugrad.utils.training import EarlyStopping
        >>> stopping = EarlyStopping(patience=1)
        >>> [stopping.step(loss) for loss in (0.5, 0.4, 0.45, 0.41)]
        [False, False, False, True]
        >>> stopping.best, stopping.best_step
        (0.4, 1)
    """

    def __init__(self, patience=10, min_delta=0.0, mode="min"):
        if patience < 0:
            raise ValueError(f"patience must be 0 or more, but got {patience}")
        super().__init__(mode, min_delta)
        self._patience = patience
        self.bad_steps = 0
        self.stopped = False

    @property
    def patience(self):
        """How many steps without improvement are borne."""
        return self._patience

    def step(self, value):
        """Count the figure of a step, a number or a tensor of one element; whether to stop."""
        self.bad_steps = 0 if self._improves(value) else self.bad_steps + 1
        self.stopped = self.stopped or self.bad_steps > self._patience
        return self.stopped


class BestCheckpoint(_Watch):
    """Keeps the weights of the step with the best figure, in a file or in memory.

    Args:
        path: where :func:`plugrad.save` writes the ``state_dict``, the old file replaced as a whole or not at all;
            None keeps a copy in memory.
        mode: "min" if the figure should fall, "max" if it should rise.
        min_delta: what counts as an improvement is larger than this.

    Attributes:
        best: the best value; inf or -inf at first.
        best_step: at which step it was, counted from 0; None at first.
        weights: the copy in memory; None if there is a path, or nothing yet.

    Example:
        >>> import plugrad
        >>> from plugrad import nn
        >>> from plugrad.utils.training import BestCheckpoint
        >>> model, best = nn.Linear(1, 1), BestCheckpoint()
        >>> for weight, loss in ((1.0, 0.3), (2.0, 0.1), (3.0, 0.2)):
        ...     _ = nn.init.constant_(model.weight, weight)
        ...     _ = best.step(loss, model)
        >>> _ = best.restore(model)
        >>> model.weight.item(), best.best
        (2.0, 0.1)
    """

    def __init__(self, path=None, mode="min", min_delta=0.0):
        super().__init__(mode, min_delta)
        self._path = path
        self.weights = None

    @property
    def path(self):
        """Where the weights are written, or None."""
        return self._path

    @no_grad()
    def step(self, value, model):
        """Count the figure of a step, and keep the model's weights if it is the best; whether it is.

        Args:
            value: a number or a tensor of one element.
            model: what has a ``state_dict``.
        """
        before = self.best, self.best_step, self.steps
        if not self._improves(value):
            return False
        try:
            self._keep(model.state_dict())
        except BaseException:  # the file is the old one: so is the best
            self.best, self.best_step, self.steps = before
            raise
        return True

    def _keep(self, weights):
        if self._path is None:
            self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        else:
            save(weights, self._path)

    def restore(self, model, map_location=None):
        """Load the best weights into the model, and return it.

        Raises:
            RuntimeError: no step has been counted as an improvement.
        """
        if self.best_step is None:
            raise RuntimeError("BestCheckpoint: nothing to restore, no step has improved the figure yet")
        weights = self.weights if self._path is None else load(self._path, map_location=map_location)
        model.load_state_dict(weights)
        return model
