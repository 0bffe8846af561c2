"""Rprop."""

from typing import ClassVar

from ..core.tensor import Tensor, wrap
from .checks import check_implementation, check_lr
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Rprop: w ← w - size·sign(g), each element's size grown where its gradient kept its sign, shrunk where it changed.

    Where the sign changed no step is made, and the next one changes no size. It is meant for whole batches.

    Args:
        params: the parameters, (name, parameter) pairs, or groups.
        lr: the first size, a number or a one-element tensor.
        etas: the factors by which a size is shrunk and grown, 0 < first < 1 < second.
        step_sizes: the smallest and the largest size.
        capturable, differentiable: not supported.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.

    Raises:
        ValueError: a negative ``lr``, or ``etas`` that do not shrink and grow.

    Source:
        Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm (1993),
        without the step back at a change of sign.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> optimizer = plugrad.optim.Rprop([w], lr=0.1)
        >>> for _ in range(2):
        ...     w.grad = plugrad.tensor([0.5])
        ...     optimizer.step()
        >>> w.detach()
        tensor([0.7800])
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
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_implementation("Rprop", foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def options(self, group):
        shrink, grow = group["etas"]
        smallest, largest = group["step_sizes"]
        return {
            "shrink": shrink,
            "grow": grow,
            "smallest": smallest,
            "largest": largest,
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        size = as_number(group["lr"])
        first = complex(size, size) if p.is_complex() else size
        return {
            "step": new_counter(),
            "prev": zeros_like(p._xp, p._a),
            "step_size": wrap(Tensor, p._xp, p._xp.full_like(p._a, first), None),
        }

    @staticmethod
    def rule(xp, w, g, state, **options):
        count_step(state)
        xp.rprop_step(w, g, state["prev"]._a, state["step_size"]._a, **options)
