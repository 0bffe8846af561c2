"""Optimizer steps for numpy: no temporary larger than a block that stays in the cache.

The formulas are those of steps.py. Written with ``out=`` and block by block, Adam on 10 million float32 weights takes a
third of the time of the plain expressions, which stream every temporary through memory. The coefficients are 0-d
arrays: a ufunc takes 0.3 µs with one and 0.6 µs with a Python float, most of the step of a small parameter.
"""

from functools import lru_cache

import numpy as np

from .steps import adam_factors

__all__ = ["adam_step", "run_step", "sgd_step"]

#: Elements of a block: five float32 blocks of this size fit the second-level cache of common machines.
BLOCK = 16384

_add, _subtract, _multiply, _divide = np.add, np.subtract, np.multiply, np.divide


def as_arrays(dtype, *values):
    """The numbers as 0-d arrays of the dtype in which weights of ``dtype`` are stepped; None stays None."""
    dtype = np.float32 if dtype.itemsize == 2 else np.empty(0, dtype).real.dtype
    return tuple(v if v is None else np.array(v, dtype) for v in values)


@lru_cache(maxsize=256)
def sgd_numbers(dtype, lr, momentum, dampening, weight_decay):
    return as_arrays(dtype, lr, momentum, 1 - dampening if dampening else None, weight_decay or None)


@lru_cache(maxsize=256)
def adam_numbers(dtype, step, lr, beta1, beta2, eps, weight_decay, decoupled):
    size, root = adam_factors(step, lr, beta1, beta2)
    shrink = 1 - lr * weight_decay if decoupled and weight_decay else None
    decay = None if decoupled or not weight_decay else weight_decay
    return as_arrays(dtype, size, eps * root, 1 - beta1, beta2, 1 - beta2, shrink, decay)


@lru_cache(maxsize=256)
def numbers_of(dtype, numbers):
    return as_arrays(dtype, *numbers)


def run_step(xp, formula, arrays, numbers, *flags):
    """As :func:`plugrad.backends.step_formulas.run_step`."""
    w = arrays[0]
    numbers = numbers_of(w.dtype, numbers)

    def write(*given):
        *arrays, numbers = given
        results = formula(xp, *arrays, *numbers, *flags)
        for a, result in zip((arrays[0], *arrays[2:]), results, strict=True):
            if a is not None:
                np.copyto(a, result)

    if w.dtype.kind == "c":
        run(write, [a if a is None else a.real for a in arrays], numbers)
        run(write, [a if a is None else a.imag for a in arrays], numbers)
    else:
        run(write, arrays, numbers)


def sgd_step(xp, w, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """As :func:`plugrad.backends.steps.sgd_step`."""
    numbers = sgd_numbers(w.dtype, lr, momentum, dampening, weight_decay)
    if w.ndim and w.size <= BLOCK and w.itemsize > 2:
        _sgd(w, g, buf, numbers, nesterov, maximize)
    else:
        run(_sgd, (w, g, buf), numbers, nesterov, maximize)


def _sgd(w, g, buf, numbers, nesterov, maximize):
    lr, momentum, gain, decay = numbers
    d = np.negative(g) if maximize else g
    if decay is not None:
        d = _add(_multiply(w, decay), d)
    if buf is not None:
        _multiply(buf, momentum, buf)
        _add(buf, d if gain is None else _multiply(d, gain), buf)
        d = _add(d, _multiply(buf, momentum)) if nesterov else buf
    _subtract(w, _multiply(d, lr), w)


def adam_step(xp, w, g, m, v, v_max, *, step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    """As :func:`plugrad.backends.steps.adam_step`."""
    numbers = adam_numbers(w.dtype, step, lr, beta1, beta2, eps, weight_decay, decoupled)
    if w.dtype.kind == "c":
        run(_adam, [a if a is None else a.real for a in (w, g, m, v, v_max)], numbers, maximize)
        run(_adam, [a if a is None else a.imag for a in (w, g, m, v, v_max)], numbers, maximize)
    elif w.ndim and w.size <= BLOCK and w.itemsize > 2:
        _adam(w, g, m, v, v_max, numbers, maximize)
    else:
        run(_adam, (w, g, m, v, v_max), numbers, maximize)


def _adam(w, g, m, v, v_max, numbers, maximize):
    size, eps, gain1, beta2, gain2, shrink, decay = numbers
    if maximize:
        g = np.negative(g)
    if shrink is not None:
        _multiply(w, shrink, w)
    elif decay is not None:
        g = _add(_multiply(w, decay), g)
    t = _subtract(g, m)
    _multiply(t, gain1, t)
    _add(m, t, m)
    _multiply(v, beta2, v)
    _multiply(g, g, t)
    _multiply(t, gain2, t)
    _add(v, t, v)
    if v_max is not None:
        v = np.maximum(v_max, v, out=v_max)
    np.sqrt(v, t)
    _add(t, eps, t)
    _divide(m, t, t)
    _multiply(t, size, t)
    _subtract(w, t, w)


def run(formula, arrays, numbers, *flags):
    """Run an in-place formula on arrays of one shape that are not plain small ones; None among them stays None.

    Large arrays go block by block, 0-d ones as 1-d, so that no ufunc returns a scalar, and half precision in float32.
    """
    w, g = arrays[:2]
    if w.itemsize == 2:
        wide = [a if a is None else a.astype(np.float32) for a in arrays]
        run(formula, wide, numbers, *flags)
        for a, result in zip(arrays, wide, strict=True):
            if a is not None and a is not g:
                a[...] = result
    elif w.size > BLOCK:
        for part in blocks(arrays):
            formula(*part, numbers, *flags)
    elif w.ndim:
        formula(*arrays, numbers, *flags)
    else:
        formula(*(a if a is None else a.reshape(1) for a in arrays), numbers, *flags)


def blocks(arrays):
    """Cut arrays of one shape into matching blocks, views of each."""
    if all(a is None or a.flags.c_contiguous for a in arrays):
        arrays = [a if a is None else a.reshape(-1) for a in arrays]
    first = arrays[0]
    rows = max(1, BLOCK * first.shape[0] // first.size)
    for start in range(0, first.shape[0], rows):
        yield [a if a is None else a[start : start + rows] for a in arrays]
