"""Adadelta."""

from typing import ClassVar

from .checks import check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta: w ← w - lr·d, d = g·√(u + eps)/√(v + eps), v and u running means of g² and of d².

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: factor of the steps, a number or a one-element tensor.
        rho: the share of v and of u that stays at each step, in [0, 1].
        eps: keeps both roots from zero.
        weight_decay: adds weight_decay·w to the gradient.
        foreach: accepted; there is one implementation.
        capturable, differentiable: not supported.
        maximize: go up the gradient.

    Raises:
        ValueError: a negative option, or ``rho`` above 1.

    Source:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method (2012), algorithm 1, with a factor lr added.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.Adadelta([w], eps=0.01).step()
        >>> w.detach()
        tensor([0.7327])
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
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(epsilon=eps, weight_decay=weight_decay)
        check_implementation("Adadelta", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def options(self, group):
        return {
            "lr": as_number(group["lr"]),
            "rho": group["rho"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        return {
            "step": new_counter(),
            "square_avg": zeros_like(p._xp, p._a),
            "acc_delta": zeros_like(p._xp, p._a),
        }

    @staticmethod
    def rule(xp, w, g, state, **options):
        count_step(state)
        xp.adadelta_step(w, g, state["square_avg"]._a, state["acc_delta"]._a, **options)
