"""Adagrad."""

from itertools import chain
from typing import ClassVar

from ..core.tensor import Tensor, wrap
from .checks import check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad: w ← w - lr/(1 + (t - 1)·lr_decay) · g/(√s + eps), s the sum of g² over all t steps.

    The state is made with the optimizer, not at the first step.

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        lr_decay: how fast the width goes down.
        weight_decay: adds weight_decay·w to the gradient.
        initial_accumulator_value: what s starts from.
        eps: keeps the denominator from zero.
        foreach, fused: accepted; the one implementation is fused.
        maximize: go up the gradient.
        differentiable: not supported.

    Raises:
        ValueError: a negative option.

    Source:
        Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization (2011).

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.Adagrad([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.9000])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "fused": None,
    }

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        check_lr(lr)
        check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        check_implementation("Adagrad", foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            self.state[p].update(self.new_state(p, defaults))

    def options(self, group):
        return {
            "lr": as_number(group["lr"]),
            "lr_decay": group["lr_decay"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        start = self.defaults["initial_accumulator_value"]
        value = complex(start, start) if p.is_complex() else start
        return {"step": new_counter(), "sum": wrap(Tensor, p._xp, p._xp.full_like(p._a, value), None)}

    @staticmethod
    def rule(xp, w, g, state, *, lr, lr_decay, **options):
        step = count_step(state)
        xp.adagrad_step(w, g, state["sum"]._a, lr=lr / (1 + (step - 1) * lr_decay), **options)
