"""Optimizer steps on raw arrays: the general form, for a backend without a fused one. Everything is written in place."""

import functools

from .half import HALF

__all__ = ["adam_step", "sgd_step"]


def in_full_precision(step):
    """Let a step see half precision weights as float32 ones: 1 - 0.999 is nothing in float16."""

    @functools.wraps(step)
    def widened(xp, w, g, *state, **options):
        if xp.dtype_names[w.dtype] not in HALF:
            step(xp, w, g, *state, **options)
            return
        arrays = (w, g, *state)
        wide = [None if a is None else xp.astype(a, xp.float32) for a in arrays]
        step(xp, *wide, **options)
        for a, result in zip(arrays, wide, strict=True):
            if a is not None and a is not g:
                xp.assign(a, xp.astype(result, a.dtype))

    return widened


@in_full_precision
def sgd_step(xp, w, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """w ← w - lr·d with d = g + weight_decay·w; momentum: buf ← momentum·buf + (1 - dampening)·d, then d = buf.

    Args:
        w: the weights.
        g: the gradient, left as it is.
        buf: the momentum buffer, None without momentum.
        nesterov: use d + momentum·buf in place of buf.
        maximize: go up the gradient.
    """
    d = -g if maximize else g
    if weight_decay:
        d = d + w * weight_decay
    if buf is not None:
        xp.assign(buf, buf * momentum + d * (1 - dampening))
        d = d + buf * momentum if nesterov else buf
    xp.assign(w, w - d * lr)


@in_full_precision
def adam_step(xp, w, g, m, v, v_max, *, step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    """w ← w - lr·m̂/(√v̂ + eps), with m, v the running means of g and g² and m̂, v̂ corrected for their start at zero.

    Args:
        w: the weights.
        g: the gradient, left as it is.
        m, v: the running means.
        v_max: the running maximum of v, which replaces it (AMSGrad), or None.
        step: the number of this step, from 1.
        decoupled: shrink the weights by lr·weight_decay (AdamW) instead of adding weight_decay·w to g.
        maximize: go up the gradient.
    """
    if xp.dtype_names[w.dtype].startswith("complex"):
        arrays = (w, g, m, v, v_max)
        real = [None if a is None else xp.real(a) for a in arrays]
        imag = [None if a is None else xp.imag(a) for a in arrays]
        for part in (real, imag):
            adam_step(
                xp, *part, step=step, lr=lr, beta1=beta1, beta2=beta2, eps=eps,
                weight_decay=weight_decay, decoupled=decoupled, maximize=maximize,
            )  # fmt: skip
        for a, re, im in zip(arrays, real, imag, strict=True):
            if a is not None and a is not g:
                xp.assign(a, re + im * 1j)
        return
    if maximize:
        g = -g
    if decoupled and weight_decay:
        xp.assign(w, w * (1 - lr * weight_decay))
    elif weight_decay:
        g = g + w * weight_decay
    xp.assign(m, m + (g - m) * (1 - beta1))
    xp.assign(v, v * beta2 + g * g * (1 - beta2))
    if v_max is not None:
        xp.assign(v_max, xp.maximum(v_max, v))
        v = v_max
    size, root = adam_factors(step, lr, beta1, beta2)
    xp.assign(w, w - m / (xp.sqrt(v) + eps * root) * size)


def adam_factors(step, lr, beta1, beta2):
    """Fold both bias corrections into two numbers: the update is size·m/(√v + eps·root)."""
    root = (1 - beta2**step) ** 0.5
    return lr * root / (1 - beta1**step), root
