"""Adamax."""

from typing import ClassVar

from .checks import check_betas, check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adamax: w ← w - lr/(1 - β₁ᵗ) · m/u, m the running mean of g and u ← max(β₂·u, |g| + eps).

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        betas: (β₁, β₂), the share of m and of u that stays at each step.
        eps: keeps u from zero.
        weight_decay: adds weight_decay·w to the gradient.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.
        differentiable, capturable: not supported.

    Raises:
        ValueError: a negative option, or a beta outside of [0, 1).

    Source:
        Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 2, which has no eps.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.Adamax([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.9000])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        check_implementation("Adamax", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def options(self, group):
        beta1, beta2 = group["betas"]
        return {
            "lr": as_number(group["lr"]),
            "beta1": beta1,
            "beta2": beta2,
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        return {"step": new_counter(), "exp_avg": zeros_like(p._xp, p._a), "exp_inf": zeros_like(p._xp, p._a)}

    @staticmethod
    def rule(xp, w, g, state, *, lr, beta1, **options):
        size = lr / (1 - beta1 ** count_step(state))
        xp.adamax_step(w, g, state["exp_avg"]._a, state["exp_inf"]._a, size=size, beta1=beta1, **options)
