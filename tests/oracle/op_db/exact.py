"""Where torch's own result is off: the exact one, by which plugrad's is judged.

In single precision it is what torch gives in double; in double precision scipy's, for functions of which torch's are known to be
off (against mpmath, its bessel_j0 and bessel_y1 by 7e-6).
"""

import numpy as np
import torch

from .compare import Difference, host, same
from .samples import mapped, tensors

WIDER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
#: torch's function → the name of scipy.special's.
OF_SCIPY = {torch.special.bessel_j0: "j0", torch.special.bessel_y1: "y1"}


def agree(ours, theirs, op, arguments, values=True, process=None):
    """Raise Difference where the results differ, unless ours are nearer to the exact ones; True if that was the reason."""
    try:
        same(ours, theirs, values=values)
    except Difference:
        if values is not True or not is_nearer(ours, theirs, exact(op, arguments, process)):
            raise
        return True
    return False


def exact(op, arguments, process):
    """Arrays of the exact results, or None where none are known; ``process`` is what the samples make of a result."""
    if op in OF_SCIPY:
        import scipy.special

        return [getattr(scipy.special, OF_SCIPY[op])(host(arguments[0][0]).astype(np.float64))]
    args, kwargs = mapped(lambda t: t.detach().to(WIDER.get(t.dtype, t.dtype)), arguments)
    try:
        found = op(*args, **kwargs)
        return [host(t) for t in tensors(found if process is None else process(found))]
    except Exception:
        return None


def is_nearer(ours, theirs, truth):
    """Whether our results are less than half as far from the exact ones as torch's."""
    if truth is None:
        return False
    pairs = list(zip(tensors(ours), tensors(theirs), truth, strict=True))
    if any(tuple(a.shape) != tuple(b.shape) or str(a.dtype) != str(b.dtype) for a, b, _ in pairs):
        return False
    mine, other = ([error(host(t[i]), t[2]) for t in pairs] for i in (0, 1))
    return max(mine) < 0.5 * max(other)


def error(found, truth):
    with np.errstate(all="ignore"):
        off = np.abs(found - truth) / np.maximum(1.0, np.abs(truth))
    same = (found == truth) | (np.isnan(found) & np.isnan(truth))
    return float(np.where(same, 0.0, off).max(initial=0.0))
