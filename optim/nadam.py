"""NAdam."""

from typing import ClassVar

from .checks import check_betas, check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, read_number, write_number, zeros_like

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: w ← w - lr·m̂/(√v̂ + eps), m̂ = μₜ₊₁·m/(1 - Πᵗ⁺¹μ) + (1 - μₜ)·g/(1 - Πᵗμ).

    m and v are running means of g and g², v̂ = v/(1 - β₂ᵗ), μₜ = β₁·(1 - 0.96^(t·momentum_decay)/2).

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        betas: (β₁, β₂), the share of m and of v that stays at each step.
        eps: keeps the denominator from zero.
        weight_decay: adds weight_decay·w to the gradient.
        momentum_decay: how fast μ goes to β₁.
        decoupled_weight_decay: shrink the weights by lr·weight_decay instead.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.
        capturable, differentiable: not supported.

    Raises:
        ValueError: a negative option, or a beta outside of [0, 1).

    Source:
        Dozat, Incorporating Nesterov Momentum into Adam (2016), algorithm 8.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.NAdam([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.8944])
    """

    counters = frozenset({"mu_product", "step"})
    added_options: ClassVar[dict[str, object]] = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_implementation("NAdam", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
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
            "momentum_decay": group["momentum_decay"],
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        return {
            "step": new_counter(),
            "mu_product": new_counter(1.0),
            "exp_avg": zeros_like(p._xp, p._a),
            "exp_avg_sq": zeros_like(p._xp, p._a),
        }

    @staticmethod
    def rule(xp, w, g, state, *, lr, beta1, beta2, momentum_decay, **options):
        step = count_step(state)
        mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1))
        write_number(state, "mu_product", read_number(state, "mu_product") * mu)
        product = read_number(state, "mu_product")
        xp.nadam_step(
            w, g, state["exp_avg"]._a, state["exp_avg_sq"]._a,
            lr=lr, g_size=lr * (1.0 - mu) / (1.0 - product), m_size=lr * mu_next / (1.0 - product * mu_next),
            beta1=beta1, beta2=beta2, correction=1 - beta2**step, **options,
        )  # fmt: skip
