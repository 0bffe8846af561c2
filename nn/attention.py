"""The layer of multi-head attention, and which kernels attention may use."""

from typing import TYPE_CHECKING

from ..core.create import empty
from ..core.lazy import names_of
from . import functional as F
from .functional.multi_head_attention import canonical_mask, dtype_or_none
from .init import constant_, xavier_normal_, xavier_uniform_
from .linear import Linear
from .module import Module
from .parameter import Parameter

if TYPE_CHECKING:
    from .attention_kernels import SDPBackend, sdpa_kernel

if not TYPE_CHECKING:  # a type checker would take every name for known
    __getattr__, __dir__ = names_of(__name__, {"SDPBackend": ".attention_kernels", "sdpa_kernel": ".attention_kernels"})

__all__ = ["MultiheadAttention", "SDPBackend", "sdpa_kernel"]


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear by the name that torch prints for the last projection."""


class MultiheadAttention(Module):
    """Concat(head₁, ..., head_h) W_outᵀ + b_out, where head_i = attention(Q W_Qᵢᵀ, K W_Kᵢᵀ, V W_Vᵢᵀ).

    There is one way of computing for training and evaluation. torch has another one for evaluation without gradients, with
    ``batch_first``, self-attention and an even number of heads; it gives the same numbers, but does not refuse ``is_causal``
    without a mask.

    Args:
        embed_dim: E, the width of queries and results.
        num_heads: h; it divides E.
        dropout: with which probability a weight becomes 0 in training.
        bias: whether the projections have biases.
        add_bias_kv: learn one more key and value.
        add_zero_attn: one more key and value of zeros.
        kdim, vdim: widths of keys and values, E unless given.
        batch_first: (N, L, E) in place of (L, N, E).
        device, dtype: of the parameters.

    Shapes:
        (L, N, E), (S, N, kdim), (S, N, vdim) → (L, N, E), (N, L, S), or the same without N

    Raises:
        ValueError: ``embed_dim`` or ``num_heads`` is not positive.
        AssertionError: ``num_heads`` does not divide ``embed_dim``.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.2.2.

    Example:
        >>> import plugrad
        >>> x = plugrad.ones(5, 1, 4)
        >>> y, weights = plugrad.nn.MultiheadAttention(4, 2)(x, x, x)
        >>> y.shape, weights.shape
        (torch.Size([5, 1, 4]), torch.Size([1, 5, 5]))
    """

    __constants__ = ("batch_first",)

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._add_projections(bias, device, dtype)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
            self.bias_v = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add_projections(self, bias, device, dtype):
        """Either one weight for query, key and value or one for each; the names of the others are reserved."""
        width = self.embed_dim
        apart = {"q_proj_weight": width, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(empty((3 * width, width), device=device, dtype=dtype))
        for name, columns in apart.items():
            made = None if self._qkv_same_embed_dim else Parameter(empty((width, columns), device=device, dtype=dtype))
            self.register_parameter(name, made)
        if not self._qkv_same_embed_dim:
            self.register_parameter("in_proj_weight", None)
        made = Parameter(empty(3 * width, device=device, dtype=dtype)) if bias else None
        self.register_parameter("in_proj_bias", made)

    def _reset_parameters(self):
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            constant_(self.in_proj_bias, 0.0)
            constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                xavier_normal_(bias)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """Return the result and the weights, None where they are not wanted.

        Args:
            query, key, value: (L, N, E), (S, N, kdim), (S, N, vdim), or the same without N.
            key_padding_mask: (N, S) or (S): True takes a key out, numbers are added to its scores.
            need_weights: whether the weights are returned too; without them it is faster.
            attn_mask: (L, S) or (N·h, L, S): True takes a score out, numbers are added to the scores.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: a promise that ``attn_mask`` lets row i see the columns up to i.
        """
        key_padding_mask = canonical_mask(
            key_padding_mask, "key_padding_mask", dtype_or_none(attn_mask), "attn_mask", query.dtype
        )
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype)
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _turned(query, key, value)
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            not self._qkv_same_embed_dim,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(1, 0) if turned else out), weights

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """Return (both masks as one, its kind): kind 1 is a padding mask (N, L), 2 one of shape (N, h, L, L).

        Args:
            attn_mask: (L, L) or (N·h, L, L), numbers to be added, or None.
            key_padding_mask: (N, L), the same.
            query: (N, L, E).
        """
        if attn_mask is None:
            return (None, None) if key_padding_mask is None else (key_padding_mask, 1)
        batch, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(batch, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            padding = key_padding_mask.view(batch, 1, 1, length)
            merged = merged + padding.expand(-1, self.num_heads, -1, -1)
        return merged, 2


def _turned(query, key, value):
    """The first two dimensions exchanged; what was one tensor stays one, since it is then projected once."""
    first = query.transpose(1, 0)
    second = first if key is query else key.transpose(1, 0)
    return first, second, second if value is key else value.transpose(1, 0)
