"""Optimizer steps that are one formula per element: (weights, gradient, state) → (new weights, new state).

A formula is pure and is written once. ``run_step`` is what applies it: to whole arrays in general, block by block in
numpy. The numbers come as arguments, None where a part of the formula is left out. Complex weights are two real ones.
"""

from .half import HALF

__all__ = [
    "adadelta_step",
    "adagrad_step",
    "adamax_step",
    "asgd_step",
    "nadam_step",
    "radam_step",
    "rmsprop_step",
    "rprop_step",
    "run_step",
]


def run_step(xp, formula, arrays, numbers, *flags):
    """Write what ``formula(xp, *arrays, *numbers, *flags)`` gives into the arrays, all but the gradient.

    Half precision is stepped in float32, as in :func:`plugrad.backends.steps.in_full_precision`.

    Args:
        formula: a function of this module's kind; it must treat all elements alike.
        arrays: weights, gradient, state arrays of the same shape; None for a state that is not kept.
        numbers: Python floats, or None.
        flags: bools.
    """
    kept = [a for a in arrays if a is not None]
    dtype = xp.dtype_names[arrays[0].dtype]
    if dtype.startswith("complex"):
        parts = [
            formula(xp, *(a if a is None else part(a) for a in arrays), *numbers, *flags) for part in (xp.real, xp.imag)
        ]
        results = [None if re is None else re + im * 1j for re, im in zip(*parts, strict=True)]
    elif dtype in HALF:
        wide = [a if a is None else xp.astype(a, xp.float32) for a in arrays]
        results = [r if r is None else xp.astype(r, kept[0].dtype) for r in formula(xp, *wide, *numbers, *flags)]
    else:
        results = formula(xp, *arrays, *numbers, *flags)
    for a, result in zip((arrays[0], *arrays[2:]), results, strict=True):
        if a is not None:
            xp.assign(a, result)


def descent(w, g, decay, maximize):
    """The gradient to go down: negated to go up, with the decay of the weights added."""
    if maximize:
        g = -g
    return g if decay is None else g + w * decay


def shrink_or_decay(lr, weight_decay, decoupled):
    """(factor of the weights, share of the weights in the gradient), None for neither."""
    if not weight_decay:
        return None, None
    return (1 - lr * weight_decay, None) if decoupled else (None, weight_decay)


# --- Adadelta ---
def adadelta_step(xp, w, g, v, u, *, lr, rho, eps, weight_decay, maximize):
    """v ← rho·v + (1 - rho)·g², d = g·√(u + eps)/√(v + eps), u ← rho·u + (1 - rho)·d², w ← w - lr·d.

    Args:
        w: the weights; g: the gradient, left as it is.
        v, u: the running means of the squares of gradients and of updates.
        weight_decay: adds weight_decay·w to g.
        maximize: go up the gradient.
    """
    xp.run_step(adadelta, (w, g, v, u), (lr, rho, 1 - rho, eps, weight_decay or None), maximize)


def adadelta(xp, w, g, v, u, lr, rho, gain, eps, decay, maximize):
    g = descent(w, g, decay, maximize)
    v = v * rho + g * g * gain
    d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
    return w - d * lr, v, u * rho + d * d * gain


# --- Adagrad ---
def adagrad_step(xp, w, g, total, *, lr, eps, weight_decay, maximize):
    """total ← total + g², w ← w - lr·g/(√total + eps); see :func:`adadelta_step` for the other arguments."""
    xp.run_step(adagrad, (w, g, total), (lr, eps, weight_decay or None), maximize)


def adagrad(xp, w, g, total, lr, eps, decay, maximize):
    g = descent(w, g, decay, maximize)
    total = total + g * g
    return w - g / (xp.sqrt(total) + eps) * lr, total


# --- Adamax ---
def adamax_step(xp, w, g, m, u, *, size, beta1, beta2, eps, weight_decay, maximize):
    """m ← m + (1 - β₁)·(g - m), u ← max(β₂·u, |g| + eps), w ← w - size·m/u.

    Args:
        m: the running mean of the gradient; u: its largest size, fading.
        size: lr, corrected for the start of m at zero.
    """
    xp.run_step(adamax, (w, g, m, u), (size, 1 - beta1, beta2, eps, weight_decay or None), maximize)


def adamax(xp, w, g, m, u, size, gain, beta2, eps, decay, maximize):
    g = descent(w, g, decay, maximize)
    m = m + (g - m) * gain
    u = xp.maximum(u * beta2, xp.abs(g) + eps)
    return w - m / u * size, m, u


# --- ASGD ---
def asgd_step(xp, w, g, average, *, lambd, eta, mu, weight_decay, maximize):
    """w ← (1 - λ·η)·w - η·g, average ← average + μ·(w - average).

    Args:
        average: the running mean of the weights; with μ = 1 it is the weights.
        lambd: λ, the decay of the weights.
        eta: η, the width of this step.
    """
    share = None if mu == 1 else mu
    xp.run_step(asgd, (w, g, average), (1 - lambd * eta, eta, share, weight_decay or None), maximize)


def asgd(xp, w, g, average, shrink, eta, share, decay, maximize):
    w = w * shrink - descent(w, g, decay, maximize) * eta
    return w, w if share is None else average + (w - average) * share


# --- NAdam and RAdam ---
def nadam_step(xp, w, g, m, v, *, lr, g_size, m_size, beta1, beta2, correction, eps, weight_decay, decoupled, maximize):
    """w ← w - (g_size·g + m_size·m)/(√(v/correction) + eps), m and v the running means of g and g².

    Args:
        lr: what a decoupled decay shrinks the weights by, times weight_decay.
        g_size, m_size: the widths of the steps along the gradient and along its mean.
        correction: 1 - β₂ᵗ, for the start of v at zero.
        decoupled: shrink the weights by lr·weight_decay instead of adding weight_decay·w to g.
    """
    shrink, decay = shrink_or_decay(lr, weight_decay, decoupled)
    numbers = (g_size, m_size, 1 - beta1, beta2, 1 - beta2, correction, eps, shrink, decay)
    xp.run_step(nadam, (w, g, m, v), numbers, maximize)


def nadam(xp, w, g, m, v, g_size, m_size, gain1, beta2, gain2, correction, eps, shrink, decay, maximize):
    g = descent(w, g, decay, maximize)
    if shrink is not None:
        w = w * shrink
    m = m + (g - m) * gain1
    v = v * beta2 + g * g * gain2
    return w - (g * g_size + m * m_size) / (xp.sqrt(v / correction) + eps), m, v


def radam_step(xp, w, g, m, v, *, lr, size, beta1, beta2, eps, weight_decay, decoupled, maximize):
    """w ← w - size·m/(√v + eps), or w ← w - size·m where eps is None; see :func:`nadam_step` for the rest."""
    shrink, decay = shrink_or_decay(lr, weight_decay, decoupled)
    xp.run_step(radam, (w, g, m, v), (size, 1 - beta1, beta2, 1 - beta2, eps, shrink, decay), maximize)


def radam(xp, w, g, m, v, size, gain1, beta2, gain2, eps, shrink, decay, maximize):
    g = descent(w, g, decay, maximize)
    if shrink is not None:
        w = w * shrink
    m = m + (g - m) * gain1
    v = v * beta2 + g * g * gain2
    return w - (m if eps is None else m / (xp.sqrt(v) + eps)) * size, m, v


# --- RMSprop ---
def rmsprop_step(xp, w, g, v, buf, mean, *, lr, alpha, eps, weight_decay, momentum, maximize):
    """v ← α·v + (1 - α)·g², d = g/(√v + eps), w ← w - lr·d.

    Args:
        buf: momentum's buffer: buf ← momentum·buf + d, which is then stepped by; None without momentum.
        mean: the running mean of g, where v is to be its variance: v - mean² is taken for v; None otherwise.
    """
    numbers = (lr, alpha, 1 - alpha, eps, momentum, weight_decay or None)
    xp.run_step(rmsprop, (w, g, v, buf, mean), numbers, maximize)


def rmsprop(xp, w, g, v, buf, mean, lr, alpha, gain, eps, momentum, decay, maximize):
    g = descent(w, g, decay, maximize)
    v = v * alpha + g * g * gain
    variance = v
    if mean is not None:
        mean = mean + (g - mean) * gain
        variance = v - mean * mean
    d = g / (xp.sqrt(variance) + eps)
    if buf is not None:
        d = buf = buf * momentum + d
    return w - d * lr, v, buf, mean


# --- Rprop ---
def rprop_step(xp, w, g, before, size, *, shrink, grow, smallest, largest, maximize):
    """size ← size·grow where g kept its sign, size·shrink where it changed, in bounds; w ← w - size·sign(g).

    Args:
        before: the gradient before this one; becomes this one, but 0 where the sign changed: no step is made there.
        size: the width of the step, of each element.
        smallest, largest: its bounds.
    """
    xp.run_step(rprop, (w, g, before, size), (shrink, grow, smallest, largest), maximize)


def rprop(xp, w, g, before, size, shrink, grow, smallest, largest, maximize):
    if maximize:
        g = -g
    product = g * before
    turned = product < 0
    factor = xp.where(turned, xp.ones_like(w) * shrink, xp.where(product > 0, xp.ones_like(w) * grow, xp.ones_like(w)))
    size = xp.minimum(xp.maximum(size * factor, xp.zeros_like(w) + smallest), xp.zeros_like(w) + largest)
    g = xp.where(turned, xp.zeros_like(g), g)
    return w - xp.sign(g) * size, g, size
