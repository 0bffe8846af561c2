"""Bad inputs of layers, modules, optimizers, schedulers and data loading."""

from plugrad_error_registry import case, leaf, table


def weights(t, n=1):
    return [t.nn.Parameter(t.ones(2)) for _ in range(n)]


def linear_state(t, **changes):
    state = dict(t.nn.Linear(3, 2).state_dict())
    state.update(changes)
    return state


# --- nn.functional and the layers ---

table(
    "conv2d",
    channels=lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(1, 2, 8, 8)),
    rank=lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(8, 8)),
    kernel_too_large=lambda t: t.nn.Conv2d(3, 4, 5)(t.ones(1, 3, 4, 4)),
    dtype=lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(1, 3, 8, 8, dtype=t.float64)),
    groups_in=lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
    groups_out=lambda t: t.nn.Conv2d(4, 3, 3, groups=2),
    groups_zero=lambda t: t.nn.Conv2d(4, 4, 3, groups=0),
    padding_word=lambda t: t.nn.Conv2d(3, 4, 3, padding="full"),
    padding_same_stride=lambda t: t.nn.Conv2d(3, 4, 3, padding="same", stride=2),
    padding_mode=lambda t: t.nn.Conv2d(3, 4, 3, padding_mode="mirror"),
    stride_zero=lambda t: t.nn.functional.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 3, 3), stride=0),
    bias_size=lambda t: t.nn.functional.conv2d(t.ones(1, 1, 4, 4), t.ones(2, 1, 3, 3), t.ones(3)),
)
table(
    "pool",
    max_rank=lambda t: t.nn.MaxPool2d(2)(t.ones(4, 4)),
    max_padding=lambda t: t.nn.MaxPool2d(2, padding=2)(t.ones(1, 1, 4, 4)),
    max_too_large=lambda t: t.nn.MaxPool2d(5)(t.ones(1, 1, 4, 4)),
    avg_too_large=lambda t: t.nn.AvgPool2d(5)(t.ones(1, 1, 4, 4)),
)
table(
    "batch-norm",
    features=lambda t: t.nn.BatchNorm1d(3)(t.ones(2, 4)),
    rank_1d=lambda t: t.nn.BatchNorm1d(3)(t.ones(2, 3, 4, 4)),
    rank_2d=lambda t: t.nn.BatchNorm2d(3)(t.ones(2, 3)),
    one_value=lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)),
    layer_norm_shape=lambda t: t.nn.LayerNorm(3)(t.ones(2, 4)),
    group_norm_channels=lambda t: t.nn.GroupNorm(2, 3),
)
table(
    "dropout",
    probability=lambda t: t.nn.Dropout(1.5),
    functional=lambda t: t.nn.functional.dropout(t.ones(2), p=-0.1),
)
table(
    "cross-entropy",
    batch=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1, 2])),
    target_range=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 3])),
    target_negative=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, -1])),
    target_float=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0.0, 1.0])),
    target_int32=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1], dtype=t.int32)),
    weight=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(2)),
    smoothing=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), label_smoothing=1.5),
    probabilities_shape=lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.ones(2, 4)),
)
table(
    "nll-loss",
    batch=lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 1, 2])),
    target_range=lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 3])),
    target_float=lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0.0, 1.0])),
    scalar=lambda t: t.nn.functional.nll_loss(t.tensor(1.0), t.tensor(0)),
    weight=lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(2)),
    reduction=lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 1]), reduction="avg"),
)
table(
    "loss",
    bce_range=lambda t: t.nn.functional.binary_cross_entropy(t.tensor([1.5]), t.ones(1)),
    bce_sizes=lambda t: t.nn.functional.binary_cross_entropy(t.ones(2), t.ones(3)),
    bce_logits_sizes=lambda t: t.nn.functional.binary_cross_entropy_with_logits(t.ones(2), t.ones(3)),
    mse_reduction=lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(2), reduction="avg"),
    l1_sizes=lambda t: t.nn.functional.l1_loss(t.ones(2), t.ones(2), reduction=""),
    huber_delta=lambda t: t.nn.functional.huber_loss(t.ones(2), t.ones(2), delta=-1.0),
    smooth_l1_beta=lambda t: t.nn.functional.smooth_l1_loss(t.ones(2), t.ones(2), beta=-1.0),
)
table(
    "embedding",
    range=lambda t: t.nn.Embedding(3, 2)(t.tensor([3])),
    negative=lambda t: t.nn.Embedding(3, 2)(t.tensor([-1])),
    dtype=lambda t: t.nn.Embedding(3, 2)(t.tensor([0.5])),
    padding_index=lambda t: t.nn.Embedding(3, 2, padding_idx=3),
    one_hot_classes=lambda t: t.nn.functional.one_hot(t.tensor([3]), 2),
    one_hot_negative=lambda t: t.nn.functional.one_hot(t.tensor([-1])),
    one_hot_dtype=lambda t: t.nn.functional.one_hot(t.tensor([1.0])),
)
table(
    "layer",
    lstm_rank=lambda t: t.nn.LSTM(3, 2)(t.ones(3)),
    lstm_features=lambda t: t.nn.LSTM(3, 2)(t.ones(5, 1, 4)),
    lstm_hidden=lambda t: t.nn.GRU(3, 2)(t.ones(5, 1, 3), t.ones(1, 2, 2)),
    attention_heads=lambda t: t.nn.MultiheadAttention(5, 2),
    pad_length=lambda t: t.nn.functional.pad(t.ones(1, 3), (1,)),
    pad_mode=lambda t: t.nn.functional.pad(t.ones(1, 3), (1, 1), mode="mirror"),
    pad_reflect_size=lambda t: t.nn.functional.pad(t.ones(1, 3), (3, 3), mode="reflect"),
    sequential_index=lambda t: t.nn.Sequential(t.nn.ReLU())[1],
    sequential_class=lambda t: t.nn.Sequential(t.nn.ReLU),
    module_list_index=lambda t: t.nn.ModuleList([t.nn.ReLU()])[2],
    fan_of_vector=lambda t: t.nn.init.xavier_uniform_(t.ones(3)),
    gain_name=lambda t: t.nn.init.calculate_gain("nothing"),
    kaiming_mode=lambda t: t.nn.init.kaiming_uniform_(t.ones(3, 3), mode="fan"),
    pixel_shuffle=lambda t: t.nn.functional.pixel_shuffle(t.ones(1, 3, 2, 2), 2),
    glu_odd=lambda t: t.nn.functional.glu(t.ones(3)),
)

# --- optimizers ---

table(
    "optimizer",
    empty=lambda t: t.optim.SGD([], lr=0.1),
    empty_generator=lambda t: t.optim.Adam(iter(())),
    tensor=lambda t: t.optim.SGD(t.ones(2, requires_grad=True), lr=0.1),
    strings=lambda t: t.optim.SGD(["weight"], lr=0.1),
    number=lambda t: t.optim.SGD([1.0], lr=0.1),
    result=lambda t: t.optim.SGD([leaf(t, 2) * 2], lr=0.1),
    sets=lambda t: t.optim.SGD([{"params": set(weights(t))}], lr=0.1),
    group_without_params=lambda t: t.optim.SGD([{"lr": 0.1}], lr=0.1),
    sgd_lr=lambda t: t.optim.SGD(weights(t), lr=-0.1),
    sgd_momentum=lambda t: t.optim.SGD(weights(t), lr=0.1, momentum=-0.5),
    sgd_weight_decay=lambda t: t.optim.SGD(weights(t), lr=0.1, weight_decay=-1),
    sgd_nesterov=lambda t: t.optim.SGD(weights(t), lr=0.1, nesterov=True),
    sgd_nesterov_dampening=lambda t: t.optim.SGD(weights(t), lr=0.1, momentum=0.9, dampening=0.1, nesterov=True),
    sgd_unknown_option=lambda t: t.optim.SGD(weights(t), lr=0.1, speed=2),
    adam_lr=lambda t: t.optim.Adam(weights(t), lr=-1),
    adam_eps=lambda t: t.optim.Adam(weights(t), eps=-1e-8),
    adam_beta1=lambda t: t.optim.Adam(weights(t), betas=(1.0, 0.999)),
    adam_beta2=lambda t: t.optim.Adam(weights(t), betas=(0.9, -0.1)),
    adamw_weight_decay=lambda t: t.optim.AdamW(weights(t), weight_decay=-0.01),
    rmsprop_alpha=lambda t: t.optim.RMSprop(weights(t), alpha=-1),
    adagrad_decay=lambda t: t.optim.Adagrad(weights(t), lr_decay=-1),
    adadelta_rho=lambda t: t.optim.Adadelta(weights(t), rho=1.5),
    lbfgs_groups=lambda t: t.optim.LBFGS([{"params": weights(t)}, {"params": weights(t)}]),
)


@case("optimizer-same-parameter-in-two-groups")
def _(t):
    params = weights(t)
    t.optim.SGD([{"params": params}, {"params": params}], lr=0.1)


@case("optimizer-add-known-parameter")
def _(t):
    params = weights(t)
    optimizer = t.optim.SGD(params, lr=0.1)
    optimizer.add_param_group({"params": params})


@case("optimizer-add-group-kind")
def _(t):
    t.optim.SGD(weights(t), lr=0.1).add_param_group(weights(t))


@case("optimizer-state-groups")
def _(t):
    state = t.optim.SGD([{"params": weights(t)}, {"params": weights(t)}], lr=0.1).state_dict()
    t.optim.SGD(weights(t), lr=0.1).load_state_dict(state)


@case("optimizer-state-sizes")
def _(t):
    state = t.optim.SGD(weights(t, 2), lr=0.1).state_dict()
    t.optim.SGD(weights(t, 3), lr=0.1).load_state_dict(state)


@case("optimizer-required-lr-in-scheduler")
def _(t):
    t.optim.lr_scheduler.StepLR("optimizer", 3)


@case("scheduler-lambda-count")
def _(t):
    optimizer = t.optim.SGD(weights(t), lr=0.1)
    t.optim.lr_scheduler.LambdaLR(optimizer, [lambda n: 1.0, lambda n: 1.0])


@case("scheduler-initial-lr")
def _(t):
    t.optim.lr_scheduler.StepLR(t.optim.SGD(weights(t), lr=0.1), 3, last_epoch=5)


@case("scheduler-plateau-factor")
def _(t):
    t.optim.lr_scheduler.ReduceLROnPlateau(t.optim.SGD(weights(t), lr=0.1), factor=1.5)


@case("clip-grad-non-finite")
def _(t):
    w = leaf(t, 2)
    w.grad = t.tensor([float("inf"), 0.0])
    t.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)


# --- modules ---

table(
    "state-dict",
    missing=lambda t: t.nn.Linear(3, 2).load_state_dict({}),
    missing_one=lambda t: t.nn.Linear(3, 2).load_state_dict({"weight": t.ones(2, 3)}),
    unexpected=lambda t: t.nn.Linear(3, 2).load_state_dict(linear_state(t, extra=t.ones(1))),
    size=lambda t: t.nn.Linear(3, 2).load_state_dict(linear_state(t, weight=t.ones(2, 4))),
    everything=lambda t: t.nn.Linear(3, 2).load_state_dict({"weight": t.ones(2, 4), "b": t.ones(2)}),
    nested=lambda t: t.nn.Sequential(t.nn.Linear(3, 2), t.nn.ReLU()).load_state_dict({"0.weight": t.ones(2, 3)}),
    not_strict_size=lambda t: t.nn.Linear(3, 2).load_state_dict({"bias": t.ones(3)}, strict=False),
    kind=lambda t: t.nn.Linear(3, 2).load_state_dict([1]),
    not_tensor=lambda t: t.nn.Linear(3, 2).load_state_dict(linear_state(t, weight=[1.0])),
)
table(
    "module",
    get_submodule=lambda t: t.nn.Sequential(t.nn.ReLU()).get_submodule("0.inner"),
    get_submodule_name=lambda t: t.nn.Linear(2, 2).get_submodule("body"),
    get_submodule_tensor=lambda t: t.nn.Linear(2, 2).get_submodule("weight"),
    get_parameter=lambda t: t.nn.Linear(2, 2).get_parameter("scale"),
    get_parameter_buffer=lambda t: t.nn.BatchNorm1d(2).get_parameter("running_mean"),
    get_buffer=lambda t: t.nn.Linear(2, 2).get_buffer("weight"),
    get_buffer_name=lambda t: t.nn.Linear(2, 2).get_buffer("mean"),
    attribute=lambda t: t.nn.Linear(2, 2).missing,
    attribute_of_plain=lambda t: t.nn.Module().missing,
    delete=lambda t: delattr(t.nn.Linear(2, 2), "missing"),
    forward=lambda t: t.nn.Module()(1),
    assign_tensor=lambda t: setattr(t.nn.Linear(2, 2), "weight", t.ones(2, 2)),
    assign_number=lambda t: setattr(t.nn.Linear(2, 2), "weight", 1.0),
    assign_module=lambda t: setattr(t.nn.Sequential(t.nn.ReLU()), "0", t.ones(2)),
    assign_buffer=lambda t: setattr(t.nn.BatchNorm1d(2), "running_mean", 1.0),
    assign_class=lambda t: setattr(t.nn.Sequential(t.nn.ReLU()), "0", 3),
    train_mode=lambda t: t.nn.Linear(2, 2).train("yes"),
    to_integer=lambda t: t.nn.Linear(2, 2).to(dtype=t.int32),
    constructor=lambda t: t.nn.Linear(2),
    unknown_option=lambda t: t.nn.Linear(2, 2, speed=1),
)
table(
    "register",
    buffer_kind=lambda t: t.nn.Module().register_buffer("b", 1.0),
    buffer_name=lambda t: t.nn.Module().register_buffer(3, t.ones(1)),
    buffer_dot=lambda t: t.nn.Module().register_buffer("a.b", t.ones(1)),
    buffer_empty=lambda t: t.nn.Module().register_buffer("", t.ones(1)),
    buffer_exists=lambda t: t.nn.Linear(2, 2).register_buffer("forward", t.ones(1)),
    parameter_kind=lambda t: t.nn.Module().register_parameter("p", t.ones(1)),
    parameter_name=lambda t: t.nn.Module().register_parameter(3, None),
    parameter_dot=lambda t: t.nn.Module().register_parameter("a.b", t.nn.Parameter(t.ones(1))),
    parameter_empty=lambda t: t.nn.Module().register_parameter("", None),
    parameter_exists=lambda t: t.nn.Module().register_parameter("forward", None),
    parameter_of_result=lambda t: t.nn.Module().register_parameter("p", t.nn.Parameter(t.ones(1)) * 2),
    module_kind=lambda t: t.nn.Module().register_module("m", 1),
    module_name=lambda t: t.nn.Module().register_module(3, None),
    module_dot=lambda t: t.nn.Module().register_module("a.b", t.nn.ReLU()),
    module_empty=lambda t: t.nn.Module().register_module("", t.nn.ReLU()),
    module_exists=lambda t: t.nn.Module().register_module("forward", t.nn.ReLU()),
)


def before_init(t, value):
    """A module that assigns ``value(t)`` before it calls ``super().__init__()``."""

    class Early(t.nn.Module):
        def __init__(self):
            self.part = value(t)

    return Early()


table(
    "before-init",
    module=lambda t: before_init(t, lambda t: t.nn.ReLU()),
    parameter=lambda t: before_init(t, lambda t: t.nn.Parameter(t.ones(1))),
)


@case("before-init-register-buffer")
def _(t):
    class Early(t.nn.Module):
        def __init__(self):
            self.register_buffer("b", t.ones(1))

    Early()


@case("before-init-register-parameter")
def _(t):
    class Early(t.nn.Module):
        def __init__(self):
            self.register_parameter("p", t.nn.Parameter(t.ones(1)))

    Early()


# --- data ---

table(
    "data-loading",
    sizes=lambda t: t.utils.data.TensorDataset(t.ones(2), t.ones(3)),
    batch_size=lambda t: t.utils.data.DataLoader([1, 2], batch_size=0),
    shuffle_and_sampler=lambda t: t.utils.data.DataLoader([1, 2], shuffle=True, sampler=[0]),
    split_lengths=lambda t: t.utils.data.random_split([1, 2, 3], [1, 1]),
    collate=lambda t: list(t.utils.data.DataLoader([object()])),
    collate_sizes=lambda t: list(t.utils.data.DataLoader([t.ones(2), t.ones(3)], batch_size=2)),
)
