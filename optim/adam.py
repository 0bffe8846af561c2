"""Adam and AdamW."""

from typing import ClassVar

from ..core.tensor import Tensor
from .checks import check_betas, check_implementation, check_lr, check_not_negative, check_scalar
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: w ← w - lr·m̂/(√v̂ + eps), m and v running means of g and g², m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ).

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        betas: (β₁, β₂), the share of m and of v that stays at each step.
        eps: keeps the denominator from zero.
        weight_decay: adds weight_decay·w to the gradient.
        amsgrad: divide by the root of the largest v so far.
        maximize: go up the gradient.
        decoupled_weight_decay: shrink the weights instead, as :class:`AdamW`.
        foreach, fused: accepted; the one implementation is fused.
        capturable, differentiable: not supported.

    Raises:
        ValueError: a negative option, or a beta outside of [0, 1).

    Source:
        Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1; AMSGrad: Reddi, Kale and Kumar,
        On the Convergence of Adam and Beyond (2018).

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.Adam([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.9000])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_kinds(betas, foreach and not capturable)
        check_not_negative(weight_decay=weight_decay)
        check_implementation(type(self).__name__, foreach, fused, differentiable, capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(b.squeeze() if isinstance(b, Tensor) else b for b in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def options(self, group):
        beta1, beta2 = group["betas"]
        return {
            "lr": as_number(group["lr"]),
            "beta1": as_number(beta1),
            "beta2": as_number(beta2),
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "amsgrad": group["amsgrad"],
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * bool(group["amsgrad"])
        return {"step": new_counter()} | {name: zeros_like(p._xp, p._a) for name in names}

    @staticmethod
    def rule(xp, w, g, state, *, lr, beta1, beta2, eps, weight_decay, amsgrad, decoupled, maximize):
        xp.adam_step(
            w, g, state["exp_avg"]._a, state["exp_avg_sq"]._a, state["max_exp_avg_sq"]._a if amsgrad else None,
            step=count_step(state), lr=lr, beta1=beta1, beta2=beta2, eps=eps,
            weight_decay=weight_decay, decoupled=decoupled, maximize=maximize,
        )  # fmt: skip


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - lr·weight_decay·w at each step, the gradient left alone.

    Args:
        weight_decay: the share of the weights, times lr, that is taken off.

    The other arguments are those of :class:`Adam`.

    Source:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019).

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.0])
        >>> plugrad.optim.AdamW([w], lr=0.1, weight_decay=0.5).step()
        >>> w.detach()
        tensor([0.9500])
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def check_kinds(betas, no_tensors):
    """Raise unless the two betas are both floats or both one-element tensors."""
    kinds = [isinstance(b, Tensor) for b in betas[:2]]
    if not (all(kinds) or all(isinstance(b, float) for b in betas[:2])):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, is_tensor in enumerate(kinds):
        if is_tensor and no_tensors:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        check_scalar(f"betas[{i}]", betas[i])
