"""Functions on the parameters and gradients of models.

What few programs use is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from ...core.lazy import names_of
from . import rnn, stateless
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from . import parametrizations, parametrize, prune
    from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
    from .init import skip_init
    from .loading_report import LoadedTensor, LoadingReport
    from .memory_format import convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format
    from .model_summary import LayerSummary, ModelSummary, summary
    from .pretrained import load_pretrained
    from .spectral import remove_spectral_norm, spectral_norm
    from .weight_norms import remove_weight_norm, weight_norm

if not TYPE_CHECKING:  # a type checker would take every name for known
    __getattr__, __dir__ = names_of(
        __name__,
        {
            "LayerSummary": "model_summary",
            "LoadedTensor": "loading_report",
            "LoadingReport": "loading_report",
            "ModelSummary": "model_summary",
            "convert_conv2d_weight_memory_format": "memory_format",
            "convert_conv3d_weight_memory_format": "memory_format",
            "fuse_conv_bn_eval": "fusion",
            "fuse_conv_bn_weights": "fusion",
            "fuse_linear_bn_eval": "fusion",
            "fuse_linear_bn_weights": "fusion",
            "load_pretrained": "pretrained",
            "remove_spectral_norm": "spectral",
            "remove_weight_norm": "weight_norms",
            "skip_init": "init",
            "spectral_norm": "spectral",
            "summary": "model_summary",
            "weight_norm": "weight_norms",
        },
        ("parametrizations", "parametrize", "prune"),
    )

__all__ = [
    "LayerSummary",
    "LoadedTensor",
    "LoadingReport",
    "ModelSummary",
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format",
    "convert_conv3d_weight_memory_format",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "load_pretrained",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "stateless",
    "summary",
    "vector_to_parameters",
    "weight_norm",
]
