"""The loss of connectionist temporal classification, with torch's signature."""

from .. import dtypes
from ..compile import general, nondifferentiable
from ..errors import scalar_name
from ..slow import is_tensor
from .arithmetic import where
from .underived import no_forward_mode, underived

__all__ = ["ctc_loss"]


def _gradient(xp, g, x, out, alpha, places, leaps, times, ends, zero_infinity):
    made = xp.ctc_loss_grad(g, x, out, alpha, places, leaps, times, ends, zero_infinity)
    if not is_tensor(made):
        return made
    return underived(made, (g, x), "derivative for aten::_ctc_loss_backward is not implemented")


# Its gradient is right under a log_softmax only: what the loss of any other x would need is added to cancel there.
ctc_loss_ = general(
    "ctc_loss_(x, *, places, leaps, times, ends, zero_infinity) -> out, alpha:no",
    lambda xp, g, x, out, alpha, places, leaps, times, ends, zero_infinity: _gradient(
        xp, g, x, out, alpha, places, leaps, times, ends, zero_infinity
    ),
    jvp=no_forward_mode("_ctc_loss"),
    doc="-log of the probability of all alignments of labels",
    xp="ctc_loss",
    node="CtcLossBackward0",
)
ctc_loss_grad = nondifferentiable(
    "ctc_loss_grad(g, x, out, alpha, *, places, leaps, times, ends, zero_infinity)",
    doc="the gradient of ctc_loss for x",
)

ALLOCATE = "(while checking arguments for ctc_loss_allocate_outputs)"


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=1, zero_infinity=False):
    """-log p(targets | log_probs), summed over all alignments: :func:`plugrad.nn.functional.ctc_loss` with a number as reduction.

    Args:
        log_probs: log probabilities, (T, N, C) or (T, C).
        targets: labels, (N, L), or those of all examples one after another.
        input_lengths, target_lengths: of each example; both tensors or both lists.
        blank: the class that stands for no label.
        reduction: 0 for none, 1 for the mean of the losses divided by their target lengths, 2 for the sum.
        zero_infinity: infinite losses and their gradients become 0.

    Raises:
        TypeError: lengths of two kinds.
        RuntimeError: shapes or lengths do not fit.
        IndexError: a target is not a class.

    Source: Graves et al., Connectionist Temporal Classification, 2006.

    Example:
        >>> import plugrad
        >>> x = plugrad.zeros(2, 1, 2).log_softmax(2)
        >>> plugrad.ctc_loss(x, plugrad.tensor([[1]]), [2], [1])
        tensor(0.2877)
    """
    given = (log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
    times, counts = _lengths(given)
    is_batched = log_probs.dim() == 3
    if not is_batched:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    if log_probs.dtype not in (dtypes.float32, dtypes.float64):
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{scalar_name(log_probs.dtype)}'")
    if not log_probs.numel():
        raise RuntimeError("log_probs tensor must not be empty")
    _check(log_probs, targets, times, counts, blank)
    loss = _losses(log_probs, targets.detach(), times, counts, blank, zero_infinity)
    if zero_infinity:
        loss = where(loss.detach() == float("inf"), 0.0, loss)
    if reduction == 1:
        return (loss / _tensor(loss, [max(n, 1) for n in counts]).to(loss.dtype)).mean()
    if reduction == 2:
        return loss.sum()
    return loss if is_batched else loss.squeeze(0)


def _tensor(like, numbers):
    from ..create import tensor

    return tensor(numbers, dtype=dtypes.int64, device=like.device)


def _losses(log_probs, targets, times, counts, blank, zero_infinity):
    xp = log_probs._xp
    if targets.dim() == 1:
        targets = _in_rows(targets, counts)
    targets = targets.to(device=log_probs.device, dtype=dtypes.int64)
    labels = targets._a
    at = _tensor(log_probs, counts)._a
    places, leaps, ends = xp.ctc_places(labels, at, blank)
    if xp.outside(places, log_probs._a.shape[2]):
        raise IndexError(f"ctc_loss: a target is not a class from 0 to {log_probs._a.shape[2] - 1}")
    return ctc_loss_(log_probs, places, leaps, _tensor(log_probs, times)._a, ends, zero_infinity)[0]


def _in_rows(targets, counts):
    """Labels one after another as rows (N, L)."""
    if not targets.numel():
        return targets.reshape(1, 0).expand(len(counts), 0)
    longest, start, index = max(counts, default=0), 0, []
    for n in counts:
        index.append([start + i if i < n else 0 for i in range(longest)])
        start += n
    return targets[_tensor(targets, index).reshape(len(counts), longest)]


# --- arguments ---
def _lengths(given):
    """The two lists of lengths, as Python numbers."""
    log_probs, targets, *both = given[:4]
    if is_tensor(log_probs) and is_tensor(targets) and all(isinstance(v, int) for v in given[4:]):
        if all(map(is_tensor, both)):
            return [_whole(name, t) for name, t in zip(("input_lengths", "target_lengths"), both, strict=True)]
        if all(map(_is_ints, both)):
            return [list(b) for b in both]
    raise TypeError(_combination(given))


def _is_ints(value):
    return isinstance(value, (list, tuple)) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def _whole(name, lengths):
    if lengths.dtype.kind != dtypes.INT:
        raise RuntimeError(f"{name} must be integral")
    return lengths.reshape(-1).tolist()


def _combination(given):
    kinds = [_kind(v) for v in given]
    before = "Tensor log_probs, Tensor targets, "
    after = ", int blank = 0, int reduction = at::Reduction::Mean, bool zero_infinity = False"
    lines = [
        f"ctc_loss() received an invalid combination of arguments - got ({', '.join(map(_short, given))}), but expected one of:"
    ]
    for lengths, tensors in (("tuple of ints", 2), ("Tensor", 4)):
        lines.append(f" * ({before}{lengths} input_lengths, {lengths} target_lengths{after})")
        marked = [k if i < tensors and k == "Tensor" else f"!{k}!" for i, k in enumerate(kinds)]
        lines.append(f"      didn't match because some of the arguments have invalid types: ({', '.join(marked)})")
    return "\n".join(lines) + "\n"


def _short(value):
    return "Tensor" if is_tensor(value) else type(value).__name__


def _kind(value):
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_short, value))
        return f"list of [{inside}]" if isinstance(value, list) else f"tuple of ({inside})"
    return _short(value)


def _check(log_probs, targets, times, counts, blank):
    if log_probs.dim() != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {log_probs.dim()}-dimensional tensor for argument #1 'log_probs' {ALLOCATE}"
        )
    if targets.dim() not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.dim()}-dimensional tensor for argument #2 'targets' {ALLOCATE}"
        )
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", times), ("target_lengths", counts)):
        if len(lengths) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
    _check_range("target_lengths", counts)
    _check_targets(targets, counts, batch)
    _check_range("input_lengths", times, steps)


def _check_range(name, lengths, most=None):
    for n in lengths:
        if n < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {n} {ALLOCATE}")
        if most is not None and n > most:
            raise RuntimeError(f"Expected {name} to have value at most {most}, but got value {n} {ALLOCATE}")


def _check_targets(targets, counts, batch):
    rows = batch if targets.dim() == 2 else sum(counts)
    if targets.size(0) != rows:
        raise RuntimeError(
            f"Expected tensor to have size {rows} at dimension 0, but got size {targets.size(0)} for argument #2 'targets' {ALLOCATE}"
        )
    if targets.dim() == 2 and targets.size(1) < max(counts):
        raise RuntimeError(
            f"Expected tensor to have size at least {max(counts)} at dimension 1, but got size {targets.size(1)} for argument #2 "
            f"'targets' {ALLOCATE}"
        )
