"""RAdam."""

from typing import ClassVar

from .checks import check_betas, check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["RAdam"]

#: Below this length of its average, v says too little to be divided by.
SHORTEST = 5.0


class RAdam(Optimizer):
    """Rectified Adam: w ← w - lr·r·m̂/(√v̂ + eps), or w ← w - lr·m̂ in the first steps, when v rests on few gradients.

    m̂ and v̂ are Adam's; r = √((nₜ - 4)·(nₜ - 2)·n∞ / ((n∞ - 4)·(n∞ - 2)·nₜ)) with n∞ = 2/(1 - β₂) - 1 and
    nₜ = n∞ - 2·t·β₂ᵗ/(1 - β₂ᵗ), the length of the average that v is; the first steps are those with nₜ ≤ 5.

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        betas: (β₁, β₂), the share of m and of v that stays at each step.
        eps: keeps the denominator from zero; added to √v, before its correction.
        weight_decay: adds weight_decay·w to the gradient.
        decoupled_weight_decay: shrink the weights by lr·weight_decay instead.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.
        capturable, differentiable: not supported.

    Raises:
        ValueError: a negative option, or a beta outside of [0, 1).

    Source:
        Liu et al., On the Variance of the Adaptive Learning Rate and Beyond (2020), algorithm 2, which has 4 for 5.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.RAdam([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.9500])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        check_implementation("RAdam", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
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
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        return {"step": new_counter(), "exp_avg": zeros_like(p._xp, p._a), "exp_avg_sq": zeros_like(p._xp, p._a)}

    @staticmethod
    def rule(xp, w, g, state, *, lr, beta1, beta2, eps, **options):
        step = count_step(state)
        size, correction = lr / (1 - beta1**step), 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        if length > SHORTEST:
            size *= (correction * rectification(length, longest)) ** 0.5
        else:
            eps = None
        xp.radam_step(
            w, g, state["exp_avg"]._a, state["exp_avg_sq"]._a,
            lr=lr, size=size, beta1=beta1, beta2=beta2, eps=eps, **options,
        )  # fmt: skip


def rectification(length, longest):
    """The square of r."""
    return (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
