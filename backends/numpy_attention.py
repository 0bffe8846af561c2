"""Attention by numpy: the scores are written once and become the exponentials in place, block by block."""

import math

import numpy as np

from .numpy_blocks import each_block
from .numpy_losses import top, total
from .numpy_sums import is_half

__all__ = ["NumpyAttention"]


def widened(a):
    return a.astype(np.float32) if is_half(a) else a


def take_out(scores, mask):
    """Write -∞ where the mask, which broadcasts, is False."""
    np.copyto(scores, -math.inf, where=np.logical_not(mask))


def scores_of(q, k, mask, scale, causal):
    scores = np.matmul(q * scale, k.swapaxes(-1, -2))
    if causal:
        take_out(scores, np.tri(*scores.shape[-2:], dtype=np.bool_))
    if mask is None:
        return scores
    if mask.dtype.kind == "b":
        take_out(scores, mask)
    else:
        scores += mask
    return scores


def exponentials(scores):
    """Turn the scores into exp(scores - top) in place; returns one over the sums of the rows."""
    shares = np.ones((*scores.shape[:-1], 1), scores.dtype)
    if not scores.size:
        return shares
    width = scores.shape[-1]
    rows, sums = scores.reshape(-1, width), shares.reshape(-1, 1)

    def work(block):
        part = rows[block]
        highest = top(part)
        highest[highest == -math.inf] = 0.0  # a row of which nothing is left gives zeros
        np.subtract(part, highest, part)
        np.exp(part, part)
        sums[block] = total(part)

    each_block(work, len(rows), width)
    shares[shares == 0] = 1.0
    np.reciprocal(shares, shares)
    return shares


def slope_of(exps, product, sums):
    """exps · (product - sums), written into the product."""
    shape, width = product.shape, product.shape[-1]
    product, exps, sums = product.reshape(-1, width), exps.reshape(-1, width), sums.reshape(-1, 1)

    def work(block):
        part = product[block]
        np.subtract(part, sums[block], part)
        np.multiply(part, exps[block], part)

    each_block(work, len(product), width)
    return product.reshape(shape)


class NumpyAttention:
    """Mixed into the numpy backend: :class:`plugrad.backends.attention.Attention` with few passes over memory."""

    def attention(self, q, k, v, mask, scale, causal):
        dtype = q.dtype
        scores = scores_of(widened(q), widened(k), mask, dtype.type(scale) if dtype.itemsize > 2 else scale, causal)
        shares = exponentials(scores)
        out = np.matmul(scores, widened(v))
        out *= shares
        return (out.astype(dtype) if out.dtype != dtype else out), scores, shares

    def attention_grad(self, g, q, k, v, mask, out, exps, shares, scale, causal, needs):
        if not out.size or not exps.size:
            return super().attention_grad(g, q, k, v, mask, out, exps, shares, scale, causal, needs)
        g, q, k, v, out = (widened(a) for a in (g, q, k, v, out))
        scale = q.dtype.type(scale)
        g = g * shares
        for_v = np.matmul(exps.swapaxes(-1, -2), g) if needs[2] else None
        if not (needs[0] or needs[1] or needs[3]):
            return None, None, for_v, None
        slope = slope_of(exps, np.matmul(g, v.swapaxes(-1, -2)), np.vecdot(g, out))
        for_q = for_k = None
        if needs[0]:
            for_q = np.matmul(slope, k)
            for_q *= scale
        if needs[1]:
            for_k = np.matmul(slope.swapaxes(-1, -2), q)
            for_k *= scale
        return for_q, for_k, for_v, slope if needs[3] else None
