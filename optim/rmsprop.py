"""RMSprop."""

from typing import ClassVar

from .checks import check_implementation, check_lr, check_not_negative
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop: w ← w - lr·d, d = g/(√v + eps), v the running mean of g²; with momentum buf ← momentum·buf + d is d.

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        alpha: the share of v that stays at each step.
        eps: keeps the denominator from zero.
        weight_decay: adds weight_decay·w to the gradient.
        momentum: the share of the buffer that stays, 0 for none.
        centered: take the running variance of g for v, which needs the running mean of g.
        capturable, differentiable: not supported.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.

    Raises:
        ValueError: a negative option.

    Source:
        Hinton, Neural Networks for Machine Learning, lecture 6 (2012); centred: Graves, Generating Sequences With
        Recurrent Neural Networks (2013), which has eps below the root.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.RMSprop([w], lr=0.01).step()
        >>> w.detach()
        tensor([0.9000])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_lr(lr)
        check_not_negative(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        check_implementation("RMSprop", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def options(self, group):
        return {
            "lr": as_number(group["lr"]),
            "alpha": group["alpha"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "momentum": group["momentum"],
            "centered": group["centered"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        names = ["square_avg"] + ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * bool(group["centered"])
        return {"step": new_counter()} | {name: zeros_like(p._xp, p._a) for name in names}

    @staticmethod
    def rule(xp, w, g, state, *, momentum, centered, **options):
        count_step(state)
        buffer = state["momentum_buffer"]._a if momentum > 0 else None
        mean = state["grad_avg"]._a if centered else None
        xp.rmsprop_step(w, g, state["square_avg"]._a, buffer, mean, momentum=momentum, **options)
