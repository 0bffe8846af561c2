"""Which functions autocast casts, and how, by device type: torch's lists, as facts of its dispatcher."""

from ...core import dtypes
from ...core.casting import cast_all, dtypes_in, give_policy, lower, refused, single, single_unless_told, widest
from . import recurrent

BOTH = "cpu cuda"
LOSSES = (
    "binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div l1_loss "
    "margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss "
    "soft_margin_loss triplet_margin_loss"
)

#: policy, device types, names
LISTS = (
    (lower, BOTH, "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear prelu"),
    (lower, BOTH, "scaled_dot_product_attention"),
    (single, BOTH, LOSSES),
    (single, "cpu", "binary_cross_entropy ctc_loss fractional_max_pool2d fractional_max_pool3d grid_sample max_unpool2d max_unpool3d"),
    (refused, "cuda", "binary_cross_entropy"),
    (single, "cuda", "cosine_similarity group_norm interpolate layer_norm pairwise_distance pdist rms_norm softplus"),
    (single_unless_told, "cuda", "log_softmax softmax softmin"),
    (widest, "cuda", "bilinear grid_sample"),
)  # fmt: skip


def install(functions):
    """Note the policies of the public functions, by name; nothing changes until somebody casts."""
    for policy, kinds, names in LISTS:
        give_policy(policy, kinds, [functions[name] for name in names.split() if name in functions])
    give_policy(by_layer, BOTH, [recurrent.run_layers])
    give_policy(lower, BOTH, [recurrent.rnn_tanh_cell, recurrent.rnn_relu_cell])
    give_policy(lower, "cuda", [recurrent.lstm_cell, recurrent.gru_cell])
    give_policy(in_the_states_dtype, "cpu", [recurrent.lstm_cell, recurrent.gru_cell])


def in_the_states_dtype(settings, device_type, args, kwargs):
    """In float32 if the first state is: on the cpu torch composes a GRU of products in the lower dtype and of the state."""
    state = kwargs["hx"] if "hx" in kwargs else args[1]
    is_single = dtypes.float32 in dtypes_in((state,), device_type)
    return cast_all(args, kwargs, device_type, dtypes.float32 if is_single else settings.fast[device_type], settings)


def by_layer(settings, device_type, args, kwargs):
    """What torch does with the kind of layer that run_layers() gets first; the states are its fourth argument."""
    if device_type == "cuda" or args[0] is not recurrent.GRU:
        return lower(settings, device_type, args, kwargs)
    return in_the_states_dtype(settings, device_type, args, {"hx": args[3]})[0], kwargs
