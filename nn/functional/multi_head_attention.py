"""Multi-head attention: projections into heads, attention of each, and a projection of what they give together."""

import math
import warnings

from ...core import dtypes
from ...core.create import zeros, zeros_like
from ...core.ops.join import cat
from ...core.tensor import Tensor
from .attention import scaled_dot_product_attention
from .dropout import dropout
from .linear import linear
from .padding import pad

__all__ = ["canonical_mask", "dtype_or_none", "multi_head_attention_forward"]


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Concat(head₁, ..., head_h) W_outᵀ + b_out, where head_i = attention(Q W_Qᵢᵀ, K W_Kᵢᵀ, V W_Vᵢᵀ).

    Args:
        query, key, value: (L, N, E), (S, N, E), (S, N, E), or the same without N.
        embed_dim_to_check: E, as the caller knows it.
        num_heads: h; it divides E.
        in_proj_weight, in_proj_bias: (3E, E), (3E): the projections of query, key and value one below the other.
        bias_k, bias_v: (1, 1, E), one more key and value, or None both.
        add_zero_attn: one more key and value of zeros.
        dropout_p: with which probability a weight becomes 0 in training.
        out_proj_weight, out_proj_bias: (E, E), (E).
        training: whether there is dropout.
        key_padding_mask: (N, S) or (S): True takes a key out, numbers are added to its scores.
        need_weights: whether the weights are returned too.
        attn_mask: (L, S) or (N·h, L, S): True takes a score out, numbers are added to the scores.
        use_separate_proj_weight: project by the next three, which may take keys and values of other widths.
        q_proj_weight, k_proj_weight, v_proj_weight: (E, E), (E, width of keys), (E, width of values).
        static_k, static_v: (N·h, S, E/h), in place of the projected keys and values.
        average_attn_weights: whether the weights are averaged over the heads.
        is_causal: a promise that ``attn_mask`` lets row i see the columns up to i.

    Returns:
        The result (L, N, E), and the weights (N, L, S), or (N, h, L, S) where they are not averaged, or None.

    Raises:
        AssertionError, RuntimeError: shapes or dtypes do not fit.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.2.2.

    Example:
        >>> import plugrad
        >>> x, eye = plugrad.ones(3, 1, 2), plugrad.eye(2)
        >>> y, weights = plugrad.nn.functional.multi_head_attention_forward(
        ...     x, x, x, 2, 1, plugrad.cat([eye, eye, eye]), None, None, None, False, 0.0, eye, None
        ... )
        >>> weights
        tensor([[[0.3333, 0.3333, 0.3333],
                 [0.3333, 0.3333, 0.3333],
                 [0.3333, 0.3333, 0.3333]]])
    """
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    key_padding_mask = canonical_mask(
        key_padding_mask, "key_padding_mask", dtype_or_none(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    by_hint = is_causal and key_padding_mask is None and not need_weights
    attn_mask = None if by_hint else canonical_mask(attn_mask, "attn_mask", None, "", query.dtype)
    _check_widths(width, embed_dim_to_check, num_heads, key, value, use_separate_proj_weight)
    if use_separate_proj_weight:
        weights = {"q": q_proj_weight, "k": k_proj_weight, "v": v_proj_weight}
        q, k, v = _projected_apart(query, key, value, weights, in_proj_bias)
    elif in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _with_heads(attn_mask, length, key.shape[0], batch, num_heads)
    masks = (attn_mask, key_padding_mask)
    if _has_biases(bias_k, bias_v, static_k, static_v):
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        masks = _one_wider(masks)
    q = _heads(q, batch, num_heads)
    k = _heads(k, batch, num_heads) if static_k is None else _static("k", static_k, batch, num_heads, q.shape[-1])
    v = _heads(v, batch, num_heads) if static_v is None else _static("v", static_v, batch, num_heads, q.shape[-1])
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
        masks = _one_wider(masks)
    mask = _merged(*masks, batch, k.shape[-2])
    p = dropout_p if training else 0.0
    if not need_weights:
        out = _joined(scaled_dot_product_attention(q, k, v, mask, p, by_hint), out_proj_weight, out_proj_bias)
        return (out if batched else out.squeeze(1)), None
    weights = _weights(q, k, mask, p)
    out = _joined(weights @ v, out_proj_weight, out_proj_bias)
    weights = weights.mean(1) if average_attn_weights else weights.view(*weights.shape)  # a view, as torch's
    return (out, weights) if batched else (out.squeeze(1), weights.squeeze(0))


# --- checks ---
def _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether there is a batch; raises where the numbers of dimensions do not go together."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    head = f"For {'batched' if rank == 3 else 'unbatched'} ({rank}-D) `query`, expected "
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"{head}`key` and `value` to be {rank}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(
            f"{head}`key_padding_mask` to be `None` or {rank - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is None:
        return rank == 3
    if attn_mask.dim() not in (2, 3):
        raise AssertionError(f"{head}`attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead")
    if rank == 2 and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if attn_mask.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return rank == 3


def _check_widths(width, expected, heads, key, value, apart):
    if width != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {width}")
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if apart and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not apart and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _has_biases(bias_k, bias_v, static_k, static_v):
    """Whether there is one more key and value to learn."""
    if bias_k is None or bias_v is None:
        for name, other, bias in (("k", "v", bias_k), ("v", "k", bias_v)):
            if bias is not None:
                raise AssertionError(f"bias_{name} is set but bias_{other} is None")
        return False
    for name, static in (("key", static_k), ("value", static_v)):
        if static is not None:
            raise AssertionError(f"bias cannot be added to static {name}.")
    return True


# --- masks ---
def canonical_mask(mask, name, other_dtype, other_name, dtype):
    """The mask as numbers to be added, -∞ where bools are True.

    Args:
        other_dtype: of the mask that it will be merged with, which should be the same; None: not looked at.
        dtype: of the numbers.
    """
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other_dtype is not None and mask.dtype is not other_dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            UserWarning,
            stacklevel=3,
        )
    if mask.dtype is not dtypes.bool_:
        return mask
    return zeros_like(mask, dtype=dtype).masked_fill(mask, -math.inf)


def dtype_or_none(mask):
    """The dtype of a mask, None of None."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")
    return mask.dtype


def _with_heads(mask, length, columns, batch, heads):
    """A mask (L, S) or (N·h, L, S) as (1, 1, L, S) or (N, h, L, S)."""
    if mask is None:
        return None
    rank = mask.dim()
    expected = (length, columns) if rank == 2 else (batch * heads, length, columns)
    if mask.shape != expected:
        raise RuntimeError(f"The shape of the {rank}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask[None, None] if rank == 2 else mask.unflatten(0, (batch, heads))


def _one_wider(masks):
    """Masks that leave one more column as it is."""
    return tuple(None if mask is None else pad(mask, (0, 1)) for mask in masks)


def _merged(attn_mask, key_padding_mask, batch, columns):
    """What is added to the scores (N, h, L, S), or None."""
    if key_padding_mask is None:
        return attn_mask
    for place, (found, expected) in enumerate(zip(key_padding_mask.shape, (batch, columns), strict=True)):
        if found != expected:
            raise AssertionError(f"Expected key_padded_mask.shape[{place}] to be {expected}, but got {found}")
    padding = key_padding_mask[:, None, None]
    return padding if attn_mask is None else attn_mask + padding


# --- projections ---
def _with_batch(query, key, value):
    """With a batch of one; what was one tensor stays one, since it is then projected once."""
    wide = query.unsqueeze(1)
    of_key = wide if key is query else key.unsqueeze(1)
    return wide, of_key, of_key if value is key else value.unsqueeze(1)


def _projected(query, key, value, weight, bias):
    """Query, key and value projected by parts of one weight, by one product where they are the same tensor."""
    width = query.shape[-1]
    if key is value and query is key:
        return linear(query, weight, bias).unflatten(-1, (3, width)).unbind(-2)
    if key is value:
        of_query, of_others = weight.split([width, 2 * width])
        bias_query, bias_others = (None, None) if bias is None else bias.split([width, 2 * width])
        projected = linear(query, of_query, bias_query)
        return projected, *linear(key, of_others, bias_others).unflatten(-1, (2, width)).unbind(-2)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple(map(linear, (query, key, value), weight.chunk(3), biases))


def _projected_apart(query, key, value, weights, bias):
    width = query.shape[-1]
    for name, weight in weights.items():
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    given = dict(zip(("query", "key", "value"), (query, key, value), strict=True))
    for (name, x), weight in zip(given.items(), weights.values(), strict=True):
        if weight.shape != (width, x.shape[-1]):
            raise AssertionError(f"expecting {name} weights shape of {(width, x.shape[-1])}, but got {weight.shape}")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    for name, part in zip(given, biases, strict=True):
        if part is not None and part.shape != (width,):
            raise AssertionError(f"expecting {name} bias shape of {(width,)}, but got {part.shape}")
    return tuple(map(linear, given.values(), weights.values(), biases))


def _heads(x, batch, heads):
    """(S, N, E) as (N, h, S, E/h)."""
    length, found, width = x.shape
    if found != batch:
        x.reshape(length, batch * heads, width // heads)  # raises: that many elements there are not
    return x.unflatten(-1, (heads, width // heads)).permute(1, 2, 0, 3)


def _static(name, given, batch, heads, width):
    for place, expected in ((0, batch * heads), (2, width)):
        if given.size(place) != expected:
            raise AssertionError(f"expecting static_{name}.size({place}) of {expected}, but got {given.size(place)}")
    return given.unflatten(0, (batch, heads))


def _with_zeros(x):
    return cat([x, zeros(*x.shape[:-2], 1, x.shape[-1], dtype=x.dtype, device=x.device)], -2)


# --- attention ---
def _weights(q, k, mask, p):
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.mT
    weights = (scores if mask is None else mask + scores).softmax(-1)
    return dropout(weights, p) if p > 0.0 else weights


def _joined(heads, weight, bias):
    """The results (N, h, L, E/h) of the heads side by side, projected: (L, N, E)."""
    batch, _, length, _ = heads.shape
    flat = heads.permute(2, 0, 1, 3).reshape(length * batch, -1)
    out = linear(flat, weight, bias)
    return out.view(length, batch, out.shape[1])
