"""Stochastic gradient descent."""

from typing import ClassVar

from .checks import check_implementation, check_scalar
from .optimizer import Optimizer, as_number, zeros_like

__all__ = ["SGD"]

NO_STATE: dict[str, object] = {}


class SGD(Optimizer):
    """Stochastic gradient descent: w ← w - lr·d, with momentum d ← buf where buf ← momentum·buf + (1 - dampening)·g.

    At the first step the buffer becomes g itself, undampened. Nesterov momentum steps by g + momentum·buf.

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: step width, a number or a one-element tensor.
        momentum: share of the buffer that stays, 0 for none.
        dampening: share of the gradient kept out of the buffer.
        weight_decay: adds weight_decay·w to the gradient.
        nesterov: Nesterov's form; needs a momentum and no dampening.
        maximize: go up the gradient.
        foreach, fused: accepted; the one implementation is fused.
        differentiable: not supported.

    Raises:
        ValueError: a negative option, or ``nesterov`` without momentum or with dampening.

    Source:
        Nesterov's form as in Sutskever et al., On the importance of initialization and momentum in deep learning
        (2013), but with lr outside of the buffer, as torch has it.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.SGD([w], lr=0.1).step()
        >>> w.item()
        0.949999988079071
    """

    added_options: ClassVar[dict[str, object]] = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        check_scalar("lr", lr)
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_implementation("SGD", foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def options(self, group):
        return {
            "lr": as_number(group["lr"]),
            "momentum": group["momentum"],
            "dampening": group["dampening"],
            "weight_decay": as_number(group["weight_decay"]),
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
        }

    def state_of(self, p, group):
        return self.state[p] if group["momentum"] else NO_STATE

    @staticmethod
    def rule(xp, w, g, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
        buffer = None
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = zeros_like(xp, w)
                dampening = 0  # the first gradient is taken whole
            buffer = buffer._a
        xp.sgd_step(
            w, g, buffer, lr=lr, momentum=momentum, dampening=dampening,
            weight_decay=weight_decay, nesterov=nesterov, maximize=maximize,
        )  # fmt: skip
