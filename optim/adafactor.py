"""Adafactor."""

from typing import ClassVar

from ..core.queries import finfo
from ..core.tensor import Tensor, wrap
from .checks import check_scalar
from .optimizer import Optimizer, as_number, count_step, new_counter, zeros_like

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adafactor: w ← w - α·u/max(1, RMS(u)/d), u = g/√v, α = max(eps₂, RMS(w))·min(lr, 1/√t).

    v is the running mean of g², in which the newest counts t^beta2_decay. Of a gradient with two or more axes only the
    means of v over the last axis and over the one before are kept ("row_var", "col_var"), and v is put together of them.

    Args:
        params: the real parameters, (name, parameter) pairs, or groups.
        lr: the largest relative width of a step, a number or a one-element tensor.
        beta2_decay: the power of t above, at most 0.
        eps: (eps₁, eps₂), the least √v, by default the resolution of the parameters' dtype, and the least RMS(w).
        d: the RMS of u from which on it is scaled down, at least 1.
        weight_decay: shrinks the weights by lr·weight_decay.
        foreach: accepted; there is one implementation.
        maximize: go up the gradient.

    Raises:
        ValueError: an option out of range.
        RuntimeError: at a step, of a complex parameter.

    Source:
        Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost (2018), algorithm 6, with min(lr,
        1/√t) for its relative step size and eps₁ below the root of the factored v, not in g².

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([1.0]))
        >>> w.grad = plugrad.tensor([0.5])
        >>> plugrad.optim.Adafactor([w], lr=0.1).step()
        >>> w.detach()
        tensor([0.9000])
    """

    counters = frozenset({"step"})
    added_options: ClassVar[dict[str, object]] = {"foreach": None}

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        check_scalar("lr", lr)
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i in (0, 1):
            if not (i == 0 and eps[0] is None) and not 0.0 <= eps[i]:
                raise ValueError(f"epsilon{i + 1} should be >= 0 but is: {eps[i]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def options(self, group):
        stepped = [p for p in group["params"] if p.grad is not None]
        if any(p.is_complex() for p in stepped):
            raise RuntimeError("Adafactor does not support complex parameters")
        eps1, eps2 = group["eps"]
        if eps1 is None and stepped:
            eps1 = finfo(stepped[0].dtype).eps  # torch takes the first one's for the whole group
        return {
            "lr": as_number(group["lr"]),
            "beta2_decay": group["beta2_decay"],
            "eps1": eps1,
            "eps2": eps2,
            "clip": group["d"],
            "weight_decay": group["weight_decay"],
            "maximize": group["maximize"],
        }

    def new_state(self, p, group):
        if p.ndim < 2:
            return {"step": new_counter(), "variance": zeros_like(p._xp, p._a)}
        *rest, rows, columns = p.shape
        shapes = {"row_var": (*rest, rows, 1), "col_var": (*rest, 1, columns)}
        zeros = {name: p._xp.zeros(shape, p._a.dtype) for name, shape in shapes.items()}
        return {"step": new_counter()} | {name: wrap(Tensor, p._xp, a, None) for name, a in zeros.items()}

    @staticmethod
    def rule(xp, w, g, state, **options):
        means = (state[name]._a if name in state else None for name in ("row_var", "col_var", "variance"))
        xp.adafactor_step(w, g, *means, step=count_step(state), **options)
