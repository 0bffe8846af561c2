"""Muon."""

import math

from .checks import check_scalar
from .optimizer import Optimizer, as_number, zeros_like

__all__ = ["Muon"]


class Muon(Optimizer):
    """Muon: w ← (1 - lr·weight_decay)·w - lr'·O, O the orthogonal matrix nearest to the momentum of the gradient.

    buf ← momentum·buf + (1 - momentum)·g; O is about U·Vᵀ for U·S·Vᵀ = buf, found by a few steps of Newton and Schulz'
    iteration in bfloat16's precision. It is meant for the matrices of hidden layers; biases, embeddings and the last
    layer go to another optimizer, such as :class:`AdamW`.

    Args:
        params: the parameters, all real matrices, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        weight_decay: shrinks the weights by lr·weight_decay.
        momentum: share of the buffer that stays.
        nesterov: take (1 - momentum)·g + momentum·buf in place of buf.
        ns_coefficients: (a, b, c) of the iteration x ← a·x + (b·A + c·A²)·x, A = x·xᵀ.
        eps: least norm by which the matrix is divided first.
        ns_steps: iterations, fewer than 100.
        adjust_lr_fn: how lr' depends on the shape (A, B): "original", also None: lr·√max(1, A/B);
            "match_rms_adamw": 0.2·lr·√max(A, B).

    Raises:
        ValueError: a negative option, an unknown ``adjust_lr_fn``, or a parameter that is no matrix.
        RuntimeError: at a step, of a complex parameter.

    Source:
        K. Jordan, Muon: An optimizer for hidden layers in neural networks (2024); "match_rms_adamw": Liu et al., Muon is
        Scalable for LLM Training (2025).

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.zeros(2, 2))
        >>> w.grad = plugrad.tensor([[3.0, 0.0], [0.0, 3.0]])
        >>> plugrad.optim.Muon([w], lr=1.0).step()
        >>> bool((w.diag() < -0.6).all() and (w.diag() > -1.3).all())
        True
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        check_scalar("lr", lr)
        for name, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not 0.0 <= value:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.ndim != 2:
                raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")

    def options(self, group):
        stepped = [p for p in group["params"] if p.grad is not None]
        if any(p.is_complex() for p in stepped):
            raise RuntimeError("Muon does not support complex parameters")
        if stepped:
            check_iteration(group, stepped)
        return {
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
            "momentum": group["momentum"],
            "nesterov": group["nesterov"],
            "coefficients": group["ns_coefficients"],
            "eps": group["eps"],
            "iterations": group["ns_steps"],
            "adjust": group["adjust_lr_fn"],
        }

    def new_state(self, p, group):
        return {"momentum_buffer": zeros_like(p._xp, p._a)}

    @staticmethod
    def rule(xp, w, g, state, *, lr, weight_decay, adjust, **options):
        # An lr that is a tensor is multiplied in its own precision.
        shrink, size = as_number(1 - lr * weight_decay), as_number(lr * shape_factor(adjust, *w.shape))
        xp.muon_step(w, g, state["momentum_buffer"]._a, shrink=shrink, size=size, **options)


def check_iteration(group, stepped):
    """Raise where a group added or changed later does not fit."""
    if any(p.ndim != 2 for p in stepped):
        raise ValueError("Param gradient must be a 2D matrix")
    if group["ns_steps"] >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(group["ns_coefficients"]) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")


def shape_factor(adjust, rows, columns):
    """By how much a matrix's shape changes the width of its steps."""
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
