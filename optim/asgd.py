"""Averaged stochastic gradient descent."""

from typing import ClassVar

from .checks import check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, read_number, write_number, zeros_like

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """Averaged gradient descent: w ← (1 - λ·η)·w - η·g, with the running mean of w in the state as "ax".

    The width is η = lr/(1 + λ·lr·t)^alpha; the mean begins at step t0: ax ← ax + (w - ax)/max(1, t - t0).

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: the first width, a number or a one-element tensor.
        lambd: λ, the decay of the weights.
        alpha: the power with which the width goes down.
        t0: the step at which averaging begins.
        weight_decay: adds weight_decay·w to the gradient.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.
        differentiable, capturable: not supported.

    Raises:
        ValueError: a negative ``lr`` or ``weight_decay``.

    Source:
        Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992); the widths as in Bottou,
        Stochastic Gradient Descent Tricks (2012). "step", "eta" and "mu" are on the cpu, whatever the parameter's device.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.ASGD([w], lr=0.1, lambd=0.0).step()
        >>> w.detach()
        tensor([0.9500])
    """

    counters = frozenset({"eta", "mu", "step"})
    added_options: ClassVar[dict[str, object]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        check_implementation("ASGD", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def options(self, group):
        return {
            "lr": as_number(group["lr"]),
            "lambd": group["lambd"],
            "alpha": group["alpha"],
            "t0": group["t0"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        return {
            "step": new_counter(),
            "eta": new_counter(as_number(group["lr"])),
            "mu": new_counter(1.0),
            "ax": zeros_like(p._xp, p._a),
        }

    @staticmethod
    def rule(xp, w, g, state, *, lr, lambd, alpha, t0, **options):
        step = count_step(state)
        eta, mu = read_number(state, "eta"), read_number(state, "mu")
        xp.asgd_step(w, g, state["ax"]._a, lambd=lambd, eta=eta, mu=mu, **options)
        write_number(state, "eta", lr / (1 + lambd * lr * step) ** alpha)
        write_number(state, "mu", 1 / max(1, step - t0))
