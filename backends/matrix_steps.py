"""Optimizer steps that see a parameter as a matrix: Adafactor and Muon. Everything is written in place."""

import math

from .steps import in_full_precision

__all__ = ["adafactor_step", "muon_step"]

SPLITTER = 2.0**16 + 1  # leaves bfloat16's 8 of float32's 24 significant bits


def lerp(start, end, weight):
    """start + weight·(end - start), exact at both ends."""
    return start + (end - start) * weight if weight < 0.5 else end - (end - start) * (1 - weight)


def rms(xp, x):
    """The root of the mean square of all elements, an array of no axes: the host need not wait for it."""
    return xp.sqrt(xp.sum(x * x, None, False)) * (1 / math.sqrt(math.prod(x.shape)))


def at_least(xp, x, bound):
    return xp.maximum(x, xp.full(x.shape, bound, x.dtype))


@in_full_precision
def adafactor_step(xp, w, g, row, col, v, *, step, lr, beta2_decay, eps1, eps2, clip, weight_decay, maximize):
    """w ← w - α·u/max(1, RMS(u)/clip), u = g/√v, α = max(eps2, RMS(w))·min(lr, 1/√t), v the running mean of g².

    Args:
        w: the weights; g: the gradient, left as it is.
        row, col: the means of v over the last axis and over the one before, from which v is put together; or None.
        v: the running mean itself, for a gradient with no two axes; or None.
        step: the number of this step, t, from 1; the newest g² counts t^beta2_decay.
        eps1: least root of v; eps2: least RMS of the weights.
        clip: the RMS of u from which on it is scaled down.
        weight_decay: shrinks the weights by lr·weight_decay.
        maximize: go up the gradient.
    """
    if not math.prod(w.shape):
        return
    g = -g if maximize else g
    share = step**beta2_decay
    alpha = at_least(xp, rms(xp, w), eps2) * min(lr, 1 / math.sqrt(step))
    if v is None:
        xp.assign(row, lerp(row, mean_square(xp, g, -1), share))
        xp.assign(col, lerp(col, mean_square(xp, g, -2), share))
        scale = at_least(xp, xp.sum(row, row.ndim - 2, True) * (1 / row.shape[-2]), eps1)
        square = xp.matmul(row, col) / scale
    else:
        xp.assign(v, lerp(v, g * g, share))
        square = v
    update = g / xp.sqrt(at_least(xp, square, eps1 * eps1))
    size = alpha / at_least(xp, rms(xp, update) * (1 / clip), 1.0)
    xp.assign(w, (w * (1 - lr * weight_decay) if weight_decay else w) - update * size)


def mean_square(xp, g, axis):
    return xp.sum(g * g, g.ndim + axis, True) * (1 / g.shape[axis])


@in_full_precision
def muon_step(xp, w, g, buf, *, shrink, size, momentum, nesterov, coefficients, eps, iterations):
    """buf ← momentum·buf + (1 - momentum)·g, w ← shrink·w - size·orthogonal(buf).

    Args:
        w: the weights, a matrix; g: the gradient, left as it is.
        nesterov: take (1 - momentum)·g + momentum·buf in place of buf.
        coefficients, eps, iterations: see :func:`orthogonal`.
    """
    if not math.prod(w.shape):
        return
    xp.assign(buf, lerp(buf, g, 1 - momentum))
    update = orthogonal(xp, lerp(g, buf, momentum) if nesterov else buf, coefficients, eps, iterations)
    xp.assign(w, w * shrink - xp.astype(update, w.dtype) * size)


def orthogonal(xp, x, coefficients, eps, iterations):
    """About U·Vᵀ for x = U·S·Vᵀ, by x ← a·x + (b·A + c·A²)·x with A = x·xᵀ, in bfloat16's precision.

    The products are summed in float32 and rounded to bfloat16 after each step, as torch does it in bfloat16; so it needs
    no bfloat16 of the backend's.

    Source:
        Newton and Schulz' iteration of fifth order, with the coefficients of K. Jordan, Muon: An optimizer for hidden
        layers in neural networks (2024).
    """
    a, b, c = coefficients
    x = rounded(xp, xp.astype(x, xp.float32))
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = xp.permute_dims(x, (1, 0))
    norm = rounded(xp, xp.sqrt(xp.sum(x * x, None, False)))
    x = rounded(xp, x / at_least(xp, norm, eps))
    for _ in range(iterations):
        gram = rounded(xp, xp.matmul(x, xp.permute_dims(x, (1, 0))))
        polynomial = rounded(xp, gram * b + xp.matmul(gram, gram) * c)
        x = rounded(xp, x * a + xp.matmul(polynomial, x))
    return xp.permute_dims(x, (1, 0)) if tall else x


def rounded(xp, x):
    """float32 numbers rounded to the nearest of bfloat16's, by Veltkamp's splitting."""
    shifted = x * SPLITTER
    return shifted - (shifted - x)
