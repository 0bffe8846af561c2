"""The forms that torch has at its top level, where they differ from those in nn.functional.

torch's library has them: no ``inplace``, reductions by number, arguments in another order, and not the checks of the Python
functions. Flags about cuDNN choose a library in torch; there is none to choose here, the numbers are the same.
"""

from ...core.ops import reduction as r
from ...core.ops.reshaping import broadcast_tensors
from ...core.ops.underived import underived
from ...core.outputs import write_same
from ...core.shapes import need_tensors, shape_of
from ...core.tensor import Tensor
from . import activation, loss, margin_loss, norm, pool
from .distance import pairwise_distance
from .dropout import alpha_dropout as drop_alpha
from .dropout import dropout as drop
from .dropout import feature_alpha_dropout as drop_alpha_of_channels
from .dropout import of_channels
from .embedding import embedding as rows_of_table

__all__ = [
    "adaptive_max_pool1d",
    "alpha_dropout",
    "alpha_dropout_",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_embedding_loss",
    "dropout",
    "dropout_",
    "embedding",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "group_norm",
    "hinge_embedding_loss",
    "instance_norm",
    "kl_div",
    "layer_norm",
    "log_softmax",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "poisson_nll_loss",
    "rrelu",
    "selu",
    "softmax",
    "threshold",
    "triplet_margin_loss",
]


# --- activations ---
def softmax(input, dim, dtype=None, *, out=None):
    """eˣ / Σ eˣ along a dimension.

    Example:
        >>> import plugrad
        >>> plugrad.softmax(plugrad.tensor([0.0, 0.0]), 0, out=plugrad.empty(2))
        tensor([0.5000, 0.5000])
    """
    made = r.softmax(input, dim, dtype)
    return made if out is None else _over_dim(out, made, input, "softmax")


def log_softmax(input, dim, dtype=None, *, out=None):
    """x - log Σ eˣ along a dimension."""
    made = r.log_softmax(input, dim, dtype)
    return made if out is None else _over_dim(out, made, input, "log_softmax")


def _over_dim(out, made, input, name):
    """The input may require grad, as in torch: it is an error only to ask for a gradient."""
    made = underived(made.detach(), (input,), f"derivative for aten::{name} is not implemented")
    return write_same(out, made, name=name, called=f"aten::{name}")


def celu(input, alpha=1.0):
    """x where x > 0, alpha · (exp(x / alpha) - 1) elsewhere."""
    return activation.celu(input, alpha)


def selu(input):
    """1.0507 · elu(x, 1.6733)."""
    return activation.selu(input)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """x where x > 0, r · x elsewhere, r drawn evenly from [lower, upper) in training and its mean otherwise."""
    return activation.drawn_slopes(input, lower, upper, training, False, generator)


def threshold(input, threshold, value, *, out=None):
    """x where x > threshold, ``value`` elsewhere."""
    made = activation.threshold(input, threshold, value)
    return made if out is None else write_same(out, made, input, name="threshold", words=None)


# --- dropout ---
def _check_probability(p):
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")


def dropout(input, p, train):
    """Zero with probability ``p`` where ``train``, the rest divided by 1 - p."""
    _check_probability(p)
    return drop(input, p, train)


def dropout_(input, p, train):
    """In-place form of :func:`dropout`."""
    _check_probability(p)
    return drop(input, p, train, True)


def feature_dropout(input, p, train):
    """:func:`dropout` of whole channels: (N, C, *S) loses channels of single samples."""
    _check_probability(p)
    return of_channels(input, p, train, False)


def feature_dropout_(input, p, train):
    """In-place form of :func:`feature_dropout`."""
    _check_probability(p)
    return of_channels(input, p, train, True)


def alpha_dropout(input, p, train):
    """Dropout that keeps mean and variance of what selu makes."""
    _check_probability(p)
    return drop_alpha(input, p, train)


def alpha_dropout_(input, p, train):
    """In-place form of :func:`alpha_dropout`."""
    _check_probability(p)
    return drop_alpha(input, p, train, True)


def feature_alpha_dropout(input, p, train):
    """:func:`alpha_dropout` of whole channels."""
    _check_probability(p)
    return drop_alpha_of_channels(input, p, train)


def feature_alpha_dropout_(input, p, train):
    """In-place form of :func:`feature_alpha_dropout`."""
    _check_probability(p)
    return drop_alpha_of_channels(input, p, train, True)


# --- normalizations ---
def _check_flag(name, flag, value, place=""):
    if not isinstance(value, bool):
        raise TypeError(f"{name}(): argument '{flag}'{place} must be bool, not {type(value).__name__}")


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """(x - mean) / √(var + eps) · weight + bias per channel; see :func:`plugrad.nn.functional.batch_norm`."""
    _check_flag("batch_norm", "cudnn_enabled", cudnn_enabled, " (position 9)")
    return norm.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """:func:`batch_norm` with the statistics of each sample alone."""
    _check_flag("instance_norm", "cudnn_enabled", cudnn_enabled, " (position 9)")
    return norm.native_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """(x - mean) / √(var + eps) · weight + bias over the last dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.layer_norm(plugrad.tensor([[1.0, 3.0]]), (2,))
        tensor([[-1.0000,  1.0000]])
    """
    _check_flag("layer_norm", "cudnn_enable", cudnn_enable)
    return norm.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """(x - mean) / √(var + eps) · weight + bias per sample and group of channels; also of one value per group."""
    _check_flag("group_norm", "cudnn_enabled", cudnn_enabled)
    return norm.native_group_norm(input, num_groups, weight, bias, eps)


# --- pooling ---
def adaptive_max_pool1d(input, output_size):
    """(the maximum of each cell, its place)."""
    return pool.adaptive_max_pool1d(input, output_size, True)


def max_pool1d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The maximum of each window of signals."""
    return pool.max_pool1d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool1d_with_indices(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """(the maximum of each window of signals, its place)."""
    return pool.max_pool1d(input, kernel_size, stride or None, padding, dilation, ceil_mode, True)


def max_pool2d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The maximum of each window of images."""
    return pool.max_pool2d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool3d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The maximum of each window of volumes."""
    return pool.max_pool3d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


# --- rows of a table ---
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """weight[indices]; a ``padding_idx`` from 0 on names a row that gets no gradient."""
    need_tensors(weight)
    row = padding_idx if 0 <= padding_idx < weight.size(0) else None
    return rows_of_table(indices, weight, row, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


# --- losses ---
REDUCTIONS = {1: "mean", 2: "sum"}


def _word(name, place, reduction):
    """torch numbers reductions: 0 none, 1 mean, 2 sum; any other number is none.

    Its own tables name the mean as the default, but a call that leaves it out gets none: so do we.
    """
    if not isinstance(reduction, int):
        raise TypeError(
            f"{name}(): argument 'reduction' (position {place}) must be int, not {type(reduction).__name__}"
        )
    return REDUCTIONS.get(reduction, "none")


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """Binary cross entropy of sigmoid(input), computed without overflow."""
    word = _word("binary_cross_entropy_with_logits", 5, reduction)
    if shape_of(input) != shape_of(target):
        input, target = broadcast_tensors(input, target)
    return loss.binary_cross_entropy_with_logits(input, target, weight, reduction=word, pos_weight=pos_weight)


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """1 - cos where target is 1, and max(0, cos - margin) where it is -1."""
    word = _word("cosine_embedding_loss", 5, reduction)
    return margin_loss.cosine_embedding_loss(input1, input2, target, margin, reduction=word)


def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """input where target is 1, and max(0, margin - input) where it is -1."""
    return margin_loss.hinge_embedding_loss(
        input, target, margin, reduction=_word("hinge_embedding_loss", 4, reduction)
    )


def kl_div(input, target, reduction=0, *, log_target=False):
    """target · (log(target) - input); ``reduction`` is 0, 1 or 2: none, mean or sum."""
    return loss.divergence(input, target, _word("kl_div", 3, reduction), log_target)


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """max(0, -target · (input1 - input2) + margin)."""
    word = _word("margin_ranking_loss", 5, reduction)
    return margin_loss.margin_ranking_loss(input1, input2, target, margin, reduction=word)


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """Negative log likelihood of counts with the Poisson rate exp(input), or input itself without log_input."""
    word = _word("poisson_nll_loss", 6, reduction)
    return loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=word)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=0):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), for any margin."""
    word = _word("triplet_margin_loss", 8, reduction)
    return margin_loss.triplet(
        anchor, positive, negative, lambda x, y: pairwise_distance(x, y, p, eps), margin, swap, word
    )


# --- methods of a tensor ---
def _hardshrink(self, lambd=0.5):
    """x where |x| > lambd, 0 elsewhere."""
    return activation.hardshrink(self, lambd)


def _prelu(self, weight):
    """max(0, x) + weight · min(0, x), with one weight or one per channel."""
    return activation.prelu(self, weight)


for _name, _method in (("hardshrink", _hardshrink), ("prelu", _prelu)):
    _method.__name__ = _method.__qualname__ = _name
    setattr(Tensor, _name, _method)
