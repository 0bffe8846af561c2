"""Transformers: stacks of encoder and decoder layers, and both together.

torch computes an encoder in evaluation without gradients on nested tensors where it can: then rows that the padding mask takes
out come back as zeros (of the last norm). There are no nested tensors here: such rows have the values that they have with
gradients; all other rows are the same. ``enable_nested_tensor`` and ``mask_check`` decide nothing but the warnings.
"""

import copy
import math
import warnings

from ..core.create import full
from ..core.ops.reshaping import triu
from . import functional as F
from .container import ModuleList
from .functional.multi_head_attention import canonical_mask, dtype_or_none
from .init import xavier_uniform_
from .module import Module
from .norm import LayerNorm
from .transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class Transformer(Module):
    """An encoder of the source, and a decoder of the target that attends to what the encoder gives.

    Args:
        d_model: E, the width of all vectors.
        nhead: heads of each attention.
        num_encoder_layers, num_decoder_layers: how many layers.
        dim_feedforward: width between the two linear maps of a layer.
        dropout: with which probability elements become 0 in training.
        activation: "relu", "gelu" or a function of a tensor.
        custom_encoder, custom_decoder: modules in place of the stacks.
        layer_norm_eps: added to the variances.
        batch_first: (N, S, E) in place of (S, N, E).
        norm_first: normalise what goes into each part instead of the sums that come out.
        bias: whether linear maps and norms have biases.
        device, dtype: of the parameters.

    Shapes:
        src (S, N, E), tgt (T, N, E) → (T, N, E), or the same without N

    Raises:
        RuntimeError: batches differ, or a width is not ``d_model``.

    Source: Vaswani et al., Attention Is All You Need, 2017; ``norm_first``: Xiong et al., On Layer Normalization in the
        Transformer Architecture, 2020.

    Example:
        >>> import plugrad
        >>> model = plugrad.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        >>> model(plugrad.ones(2, 5, 8), plugrad.ones(2, 3, 8)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation=F.relu,
        custom_encoder=None,
        custom_decoder=None,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        of_layer = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm():
            return LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)

        if custom_encoder is None:
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*of_layer), num_encoder_layers, norm())
        self.encoder = custom_encoder
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*of_layer), num_decoder_layers, norm())
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                xavier_uniform_(parameter)

    def forward(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        src_is_causal=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        """Return the decoded target.

        Args:
            src, tgt: (S, N, E), (T, N, E).
            src_mask, tgt_mask, memory_mask: (S, S), (T, T), (T, S), or one for each head of each sample: True takes a score
                out, numbers are added to the scores.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: (N, S), (N, T), (N, S): the same of keys.
            src_is_causal, tgt_is_causal, memory_is_causal: promises about the masks, see the layers.
        """
        batch_at = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_at) != tgt.size(batch_at):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """Return a mask (sz, sz) by which row i sees the columns up to i: 0 there, -∞ beyond.

        Example:
            >>> import plugrad
            >>> plugrad.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), 1)


class TransformerEncoder(Module):
    """Encoder layers one after the other, and a norm.

    Args:
        encoder_layer: is copied ``num_layers`` times, with its values.
        num_layers: how many.
        norm: a module for the result, or None.
        enable_nested_tensor, mask_check: accepted; there are no nested tensors, see the head of this module.

    Shapes:
        (S, N, E) → (S, N, E), or the same without N; (N, S, E) if the layers have ``batch_first``

    Example:
        >>> import plugrad
        >>> layer = plugrad.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> plugrad.nn.TransformerEncoder(layer, 2)(plugrad.ones(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    __constants__ = ("norm",)

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        reason = _why_not_nested(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        self.mask_check = mask_check
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {reason}",
                UserWarning,
                stacklevel=2,
            )

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        """Return the encoded source.

        Args:
            src: (S, N, E).
            mask: (S, S) or (N·h, S, S): True takes a score out, numbers are added to the scores.
            src_key_padding_mask: (N, S): the same of keys.
            is_causal: a promise that ``mask`` lets row i see the columns up to i; None: looked for where values are at hand.
        """
        src_key_padding_mask = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", dtype_or_none(mask), "mask", src.dtype
        )
        mask = canonical_mask(mask, "mask", None, "", src.dtype)
        is_causal = _is_causal(mask, is_causal, src, self.layers[0])
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=is_causal, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """Decoder layers one after the other, and a norm.

    Args:
        decoder_layer: is copied ``num_layers`` times, with its values.
        num_layers: how many.
        norm: a module for the result, or None.

    Shapes:
        (T, N, E), memory (S, N, E) → (T, N, E), or the same without N

    Example:
        >>> import plugrad
        >>> decoder = plugrad.nn.TransformerDecoder(plugrad.nn.TransformerDecoderLayer(8, 2, 16), 2)
        >>> decoder(plugrad.ones(3, 1, 8), plugrad.ones(5, 1, 8)).shape
        torch.Size([3, 1, 8])
    """

    __constants__ = ("norm",)

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        """Return the decoded target; the arguments are those of :class:`TransformerDecoderLayer`."""
        tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal, tgt, self.layers[0])
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


def _copies(module, count):
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


def _is_causal(mask, given, x, layer):
    """Whether a mask of numbers is the causal one, where nobody said so; looked at only where values are at hand."""
    if given is not None or mask is None or not mask._xp.values_at_hand:
        return given is True
    length = x.shape[1 if layer.self_attn.batch_first and x.dim() == 3 else 0]
    if mask.shape != (length, length):
        return False
    causal = Transformer.generate_square_subsequent_mask(length, mask.device, mask.dtype)
    return bool((mask == causal).all())


def _why_not_nested(layer):
    """Why torch would not compute on nested tensors, in its words; "": it would."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer was not TransformerEncoderLayer"
    attention = layer.self_attn
    reasons = {
        "encoder_layer.norm_first was True": layer.norm_first,
        "encoder_layer.self_attn.batch_first was not True(use batch_first for better inference performance)": (
            not attention.batch_first
        ),
        "encoder_layer.self_attn._qkv_same_embed_dim was not True": not attention._qkv_same_embed_dim,
        "encoder_layer.self_attn was passed bias=False": attention.in_proj_bias is None,
        "encoder_layer.activation_relu_or_gelu was not True": not layer.activation_relu_or_gelu,
        "encoder_layer.norm1.eps was not equal to encoder_layer.norm2.eps": layer.norm1.eps != layer.norm2.eps,
        "encoder_layer.self_attn.num_heads is odd": attention.num_heads % 2 == 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
