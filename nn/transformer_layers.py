"""The layers of transformers: attention, a feedforward part, and norms around them."""

from . import functional as F
from .activation import GELU, ReLU
from .attention import MultiheadAttention
from .dropout import Dropout
from .functional.multi_head_attention import canonical_mask, dtype_or_none
from .linear import Linear
from .module import Module
from .norm import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]


class TransformerEncoderLayer(Module):
    """x ← norm(x + attention(x)), then x ← norm(x + W₂ f(W₁ x)).

    Args:
        d_model: E, the width of all vectors.
        nhead: heads of the attention.
        dim_feedforward: width between the two linear maps.
        dropout: with which probability elements become 0 in training.
        activation: f: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: added to the variances.
        batch_first: (N, S, E) in place of (S, N, E).
        norm_first: x ← x + part(norm(x)) instead.
        bias: whether linear maps and norms have biases.
        device, dtype: of the parameters.

    Shapes:
        (S, N, E) → (S, N, E), or the same without N

    Raises:
        RuntimeError: an unknown name of an activation.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.1.

    Example:
        >>> import plugrad
        >>> plugrad.nn.TransformerEncoderLayer(8, 2, 16)(plugrad.ones(5, 2, 8)).shape
        torch.Size([5, 2, 8])
    """

    __constants__ = ("norm_first",)

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation=F.relu,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        activation = _activation(activation)
        self.activation_relu_or_gelu = _relu_or_gelu(activation)
        self.activation = activation

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """Return the encoded source.

        Args:
            src: (S, N, E).
            src_mask: (S, S) or (N·h, S, S): True takes a score out, numbers are added to the scores.
            src_key_padding_mask: (N, S): the same of keys.
            is_causal: a promise that ``src_mask`` lets row i see the columns up to i.
        """
        src_key_padding_mask = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", dtype_or_none(src_mask), "src_mask", src.dtype
        )
        src_mask = canonical_mask(src_mask, "src_mask", None, "", src.dtype)
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            src = src + self._sa_block(self.norm1(src), *masks)
            return src + self._ff_block(self.norm2(src))
        src = self.norm1(src + self._sa_block(src, *masks))
        return self.norm2(src + self._ff_block(src))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        return self.dropout1(_attended(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))

    def _ff_block(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """x ← norm(x + attention(x)), x ← norm(x + attention(x, memory)), x ← norm(x + W₂ f(W₁ x)).

    The arguments are those of :class:`TransformerEncoderLayer`. As in torch, a copy of a layer whose ``activation`` is a module
    computes relu, until another one is assigned; give a function to stacks of layers.

    Shapes:
        (T, N, E), memory (S, N, E) → (T, N, E), or the same without N

    Raises:
        RuntimeError: an unknown name of an activation.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.1.

    Example:
        >>> import plugrad
        >>> plugrad.nn.TransformerDecoderLayer(8, 2, 16)(plugrad.ones(3, 2, 8), plugrad.ones(5, 2, 8)).shape
        torch.Size([3, 2, 8])
    """

    __constants__ = ("norm_first",)
    _lost_activation = None

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation=F.relu,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(self.activation, Module):
            self.__dict__["_lost_activation"] = self.activation

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
    ):
        """Return the decoded target.

        Args:
            tgt, memory: (T, N, E), (S, N, E).
            tgt_mask, memory_mask: (T, T), (T, S), or one for each head of each sample: True takes a score out, numbers are
                added to the scores.
            tgt_key_padding_mask, memory_key_padding_mask: (N, T), (N, S): the same of keys.
            tgt_is_causal, memory_is_causal: a promise that the mask lets row i see the columns up to i.
        """
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        of_memory = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            tgt = tgt + self._sa_block(self.norm1(tgt), *own)
            tgt = tgt + self._mha_block(self.norm2(tgt), memory, *of_memory)
            return tgt + self._ff_block(self.norm3(tgt))
        tgt = self.norm1(tgt + self._sa_block(tgt, *own))
        tgt = self.norm2(tgt + self._mha_block(tgt, memory, *of_memory))
        return self.norm3(tgt + self._ff_block(tgt))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        return self.dropout1(_attended(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))

    def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
        return self.dropout2(_attended(self.multihead_attn, x, mem, attn_mask, key_padding_mask, is_causal))

    def _ff_block(self, x):
        activation = F.relu if self.activation is self._lost_activation else self.activation
        return self.dropout3(self.linear2(self.dropout(activation(self.linear1(x)))))


def _attended(attention, x, memory, attn_mask, key_padding_mask, is_causal):
    return attention(
        x,
        memory,
        memory,
        attn_mask=attn_mask,
        key_padding_mask=key_padding_mask,
        is_causal=is_causal,
        need_weights=False,
    )[0]


def _activation(given):
    """The function of a name, or what was given."""
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return F.relu if given == "relu" else F.gelu


def _relu_or_gelu(activation):
    """1, 2 or 0: torch's number for what it has a kernel for."""
    if activation is F.relu or isinstance(activation, ReLU):
        return 1
    return 2 if activation is F.gelu or isinstance(activation, GELU) else 0
