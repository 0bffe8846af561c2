"""L-BFGS."""

from ..core.create import zeros
from ..core.modes import enable_grad, no_grad
from ..core.ops.join import cat
from ..core.ops.striding import view_as_complex, view_as_real
from ..core.tensor import Tensor
from .checks import check_lr
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, as_number

__all__ = ["LBFGS"]

#: A change of the gradient with less than this of the step in it says nothing of the curvature.
LEAST_CURVATURE = 1e-10
#: What the state keeps from one call of ``step`` to the next, in torch's order.
KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """L-BFGS: w ← w + t·d, d = -H·g with H, about the inverse Hessian, from the last steps and changes of g.

    All parameters are one vector and belong to one group. A step makes up to ``max_iter`` of these iterations and calls
    the closure again for each, so that the loss should not depend on chance.

    Args:
        params: the parameters, or (name, parameter) pairs.
        lr: t, or where the line search begins; a number or a one-element tensor.
        max_iter: iterations of a step.
        max_eval: evaluations of a step, by default 1.25·max_iter.
        tolerance_grad: a step ends when no element of g is larger.
        tolerance_change: a step ends when loss or weights change by less.
        history_size: how many steps H is made of; each needs the memory of the parameters twice.
        line_search_fn: "strong_wolfe", or None for the fixed width lr.

    Raises:
        ValueError: a negative ``lr``, or more than one group.
        RuntimeError: at a step, another line search.

    Source:
        Liu and Nocedal, On the limited memory BFGS method for large scale optimization (1989); the line search:
        ``optim.line_search.strong_wolfe``.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.tensor([3.0, -2.0]))
        >>> optimizer = plugrad.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def loss():
        ...     optimizer.zero_grad()
        ...     value = ((w - plugrad.tensor([1.0, 2.0])) ** 2 * plugrad.tensor([1.0, 10.0])).sum()
        ...     value.backward()
        ...     return value
        >>> optimizer.step(loss).item()
        164.0
        >>> w.detach().round(decimals=3)
        tensor([1., 2.])
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self):
        return self.param_groups[0]["params"]

    @no_grad()
    def step(self, closure):
        """Make the iterations of one step.

        Args:
            closure: computes the loss and its gradients anew; called with grad mode on.

        Returns:
            The loss before the step.
        """
        group = self.param_groups[0]
        closure = enable_grad()(closure)
        state = self.state[self._params[0]]  # the first parameter's: so load_state_dict knows where it belongs
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first
        self._iterate(closure, group, state, as_float(first), grad)
        return first

    def _iterate(self, closure, group, state, loss, grad):
        lr, smallest = group["lr"], group["tolerance_change"]
        lr = lr.squeeze() if isinstance(lr, Tensor) else lr
        kept, evaluations = {name: state.get(name) for name in KEPT}, 1
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._turn(kept, state, grad, group["history_size"])
            before = kept["prev_loss"] = loss
            kept["t"] = lr if state["n_iter"] > 1 else min(1.0, 1.0 / grad.abs().sum()) * lr
            slope = grad.dot(kept["d"])
            if slope > -smallest:
                break
            start = Point(0, loss, grad, slope)
            is_last = iteration == group["max_iter"]
            loss, grad, kept["t"], more = self._advance(closure, group, start, kept, evaluations, is_last)
            evaluations += more
            state["func_evals"] += more
            if is_last or evaluations >= group["max_eval"] or grad.abs().max() <= group["tolerance_grad"]:
                break
            if (kept["d"] * kept["t"]).abs().max() <= smallest or abs(loss - before) < smallest:
                break
        state.update(kept)

    def _turn(self, kept, state, grad, history_size):
        """Set the next direction, and note the gradient that it belongs to."""
        if state["n_iter"] == 1:
            kept |= {"d": -grad, "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
        else:
            remember(kept, grad - kept["prev_flat_grad"], kept["d"] * kept["t"], history_size)
            kept["d"] = direction(kept, grad, state.setdefault("al", [None] * history_size))
        if kept["prev_flat_grad"] is None:
            kept["prev_flat_grad"] = grad.clone()
        else:
            kept["prev_flat_grad"].copy_(grad)

    def _advance(self, closure, group, start, kept, evaluations, is_last):
        """Move along the direction: (loss, gradient, width, evaluations)."""
        d, t = kept["d"], kept["t"]
        if group["line_search_fn"] is None:
            self._move(t, d)
            if is_last:  # nobody asks for the loss
                return start.loss, start.grad, t, 0
            return as_float(closure()), self._flat_grad(), t, 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        weights = [p.clone() for p in self._params]

        def evaluate(t):
            self._move(t, d)
            loss, grad = as_float(closure()), self._flat_grad()
            for p, value in zip(self._params, weights, strict=True):
                p.copy_(value)
            return Point(t, loss, grad, grad.dot(d))

        most = group["max_eval"] - evaluations
        best, more = strong_wolfe(evaluate, start, t, d.abs().max(), group["tolerance_change"], most)
        self._move(best.t, d)
        return best.loss, best.grad, best.t, more

    def _flat_grad(self):
        """The gradients of all parameters as one vector, complex ones as pairs of real numbers."""
        parts = []
        for p in self._params:
            grad = zeros(p.shape, dtype=p.dtype, device=p.device) if p.grad is None else p.grad
            parts.append((view_as_real(grad) if grad.is_complex() else grad).reshape(-1))
        return cat(parts, 0)

    def _move(self, t, d):
        """Add t·d to the parameters."""
        t, start = as_number(t), 0
        for p in self._params:
            end = start + p.numel() * (1 + p.is_complex())
            part = d[start:end]
            if p.is_complex():  # a copy: pairs may begin anywhere in d
                part = view_as_complex(part.clone().reshape(-1, 2))
            p.add_(part.reshape(p.shape), alpha=t)
            start = end


def as_float(loss):
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


def remember(kept, change, step, history_size):
    """Put a step and the change of the gradient along it into the history, if the curvature along it is positive."""
    curvature = change.dot(step)
    if not curvature > LEAST_CURVATURE:
        return
    lists = [kept[name] for name in ("old_dirs", "old_stps", "ro")]
    if len(lists[0]) == history_size:
        for history in lists:
            history.pop(0)
    for history, value in zip(lists, (change, step, 1.0 / curvature), strict=True):
        history.append(value)
    kept["H_diag"] = curvature / change.dot(change)


def direction(kept, grad, shares):
    """-H·g by the two loops over the history; ``shares`` is the first loop's memory."""
    d = -grad
    pairs = list(zip(kept["old_dirs"], kept["old_stps"], kept["ro"], strict=True))
    for i in reversed(range(len(pairs))):
        change, step, weight = pairs[i]
        shares[i] = step.dot(d) * weight
        d = d - change * shares[i]
    d = d * kept["H_diag"]
    for i, (change, step, weight) in enumerate(pairs):
        d = d + step * (shares[i] - change.dot(d) * weight)
    return d
