"""Scaled dot-product attention."""

import math

from ...backends.attention import Kernels
from ...core import dtypes
from ...core.errors import c_name, two_devices
from ...core.naming import named
from ...core.ops import attention as rows
from ...core.tensor import Tensor
from .dropout import dropout

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None, enable_gqa=False
):
    """softmax(Q Kᵀ · scale + mask) V; a row of which the mask leaves nothing gives zeros.

    Args:
        query: (*, L, E).
        key: (*, S, E).
        value: (*, S, D).
        attn_mask: added to the scores (*, L, S), to which it broadcasts; of bools, False takes a score out.
        dropout_p: weights become 0 with this probability, whatever the mode of a module.
        is_causal: row i sees the columns up to i; excludes ``attn_mask``.
        scale: 1/√E unless given.
        enable_gqa: key and value may have fewer heads, dimension -3; each serves as many heads of the query in a row.

    Shapes:
        (*, L, E), (*, S, E), (*, S, D) → (*, L, D)

    Raises:
        RuntimeError: sizes, dtypes or the mask do not fit, both a mask and ``is_causal`` are given, or all kernels are off
            (``plugrad.nn.attention.sdpa_kernel``).

    Source: Vaswani et al., Attention Is All You Need, 2017, equation 1.

    Example:
        >>> import plugrad
        >>> q, v = plugrad.zeros(1, 4), plugrad.tensor([[1.0], [3.0]])
        >>> plugrad.nn.functional.scaled_dot_product_attention(q, plugrad.ones(2, 4), v)
        tensor([[2.]])
    """
    try:
        dtype, mask_dtype = query.dtype, None if attn_mask is None else attn_mask.dtype
        fits = (
            key.dtype is dtype
            and value.dtype is dtype
            and dtype.kind == dtypes.FLOAT
            and min(len(query._a.shape), len(key._a.shape), len(value._a.shape)) > 1
            and (attn_mask is None or (mask_dtype in (dtypes.bool_, dtypes.float32, dtype) and not is_causal))
        )
    except AttributeError:
        raise _not_tensors(query, key, value, attn_mask) from None
    if not fits or not Kernels.any:
        raise _misfit(query, key, value, attn_mask)
    if enable_gqa:
        key, value = _for_all_heads(query, key, value)
    if scale is None:
        scale = 1.0 / math.sqrt(query._a.shape[-1] or 1)
    if dropout_p > 0.0:
        return _with_dropout(query, key, value, attn_mask, dropout_p, is_causal, scale)
    return _row(query, key, value, attn_mask)(query, key, value, attn_mask, float(scale), bool(is_causal))[0]


def _not_tensors(query, key, value, attn_mask):
    given = {"query": query, "key": key, "value": value, "attn_mask": attn_mask}
    for place, (name, tensor) in enumerate(given.items(), 1):
        if not isinstance(tensor, Tensor) and not (name == "attn_mask" and tensor is None):
            kind = type(tensor).__name__
            return TypeError(
                f"scaled_dot_product_attention(): argument '{name}' (position {place}) must be Tensor, not {kind}"
            )
    return TypeError("scaled_dot_product_attention(): the arguments must be Tensors")


def _misfit(query, key, value, attn_mask):
    """The error that torch raises for tensors that the fast test refused."""
    kinds = [t.dtype for t in (query, key, value)]
    if kinds[1] is not kinds[0] or kinds[2] is not kinds[0]:
        q, k, v = (c_name(d) for d in kinds)
        return RuntimeError(
            "Expected query, key, and value to have the same dtype, but got "
            f"query.dtype: {q} key.dtype: {k} and value.dtype: {v} instead."
        )
    if len({id(t._xp.device) for t in (query, key, value)}) > 1:
        return two_devices([query, key, value])
    ranks = [t.dim() for t in (query, key, value)]
    if min(ranks) < 2:
        return RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got "
            f"query.dim: {ranks[0]} key.dim: {ranks[1]} and value.dim: {ranks[2]} instead."
        )
    if attn_mask is not None:
        if attn_mask.dtype not in (dtypes.bool_, dtypes.float32, kinds[0]):
            return RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {c_name(attn_mask.dtype)} and  query.dtype: {c_name(kinds[0])} instead."
            )
        if kinds[0].kind == dtypes.FLOAT:
            return RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )
    if not Kernels.any:
        return RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the math "
            "kernel and the fused kernels."
        )
    return rows.attention_dtype_error(query)


def _row(query, key, value, mask):
    """The row whose node has torch's name for these shapes."""
    q, k, v = query._a.shape, key._a.shape, value._a.shape
    rank = max(len(q), len(k), len(v))
    if rank == 2:
        return rows.attention_of_matrices
    if rank == 4 and q[:2] == k[:2] == v[:2] and q[-1] == v[-1]:
        if mask is None or (mask._fn is None and len(mask._a.shape) in (2, 4)):
            return rows.attention_of_heads
    return rows.attention_of_batches


def _for_all_heads(query, key, value):
    """Each head of key and value as often as the query has heads for it."""
    heads, of_key, of_value = query.size(-3), key.size(-3), value.size(-3)
    if of_key == heads and of_value == heads:
        return key, value
    if not of_key or not of_value or heads % of_key or heads % of_value:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
    return key.repeat_interleave(heads // of_key, -3), value.repeat_interleave(heads // of_value, -3)


def _with_dropout(query, key, value, mask, p, causal, scale):
    """The same of small ops, with dropout of the weights."""
    if p > 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    error = rows.attention_check(query, key, value, mask, scale, causal)
    if error is not None:
        raise error
    dtype = query.dtype
    if dtype in (dtypes.float16, dtypes.bfloat16):
        query, key, value = query.float(), key.float(), value.float()
    scores = query @ key.mT * scale
    weights = _weights(scores, _causal(scores) if causal else mask)
    out = dropout(weights, p) @ value
    out = named(out, "MmBackward0" if out.dim() == 2 else "UnsafeViewBackward0")
    return out if out.dtype is dtype else out.to(dtype)


def _causal(scores):
    ones = Tensor.new_ones(scores, scores.shape[-2:], dtype=dtypes.bool_)
    return ones.tril()


def _weights(scores, mask):
    """softmax(scores + mask); rows of which the mask leaves nothing are zero."""
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype is dtypes.bool_:
        scores = scores.masked_fill(mask.logical_not(), -math.inf)
    else:
        scores = scores + mask
    gone = (scores == -math.inf).all(-1, True)
    return scores.masked_fill(gone, 0.0).softmax(-1).masked_fill(gone, 0.0)
