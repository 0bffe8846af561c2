"""Cases of the modules that torch's module_db lacks, in its own form.

A case is the constructor's arguments, then those of a call; a dictionary at the end of either holds keywords.
"""

from functools import partial

import torch
from torch import nn
from torch.testing import make_tensor
from torch.testing._internal.common_modules import FunctionInput, ModuleInfo, ModuleInput

FLOATS = (torch.float32, torch.float64)
CASES = {}


def case(name, build):
    """``build(make)`` gives (constructor arguments, call arguments) pairs; ``make(*shape)`` a tensor that requires grad."""
    CASES[name] = build


def given(arguments):
    keywords = arguments[-1] if arguments and isinstance(arguments[-1], dict) else {}
    args = arguments[:-1] if keywords else arguments
    return FunctionInput(*args, **keywords)


def inputs(build, module_info, device, dtype, requires_grad, training, **kwargs):
    make = partial(make_tensor, device=device, dtype=dtype, requires_grad=requires_grad)
    pairs = build(lambda *shape, **limits: make(shape, **limits))
    return [ModuleInput(constructor_input=given(made), forward_input=given(called)) for made, called in pairs]


def refusals(pairs, module_info, **kwargs):
    from torch.testing._internal.common_modules import ErrorModuleInput, ModuleErrorEnum

    for made, called in pairs:
        on = ModuleErrorEnum.CONSTRUCTION_ERROR if called is None else ModuleErrorEnum.FORWARD_ERROR
        whole = ModuleInput(constructor_input=given(made), forward_input=given(called or ()))
        yield ErrorModuleInput(whole, error_on=on, error_regex="")


def infos():
    return [
        ModuleInfo(
            getattr(nn, name),
            module_inputs_func=partial(inputs, build),
            module_error_inputs_func=partial(refusals, ERRORS[name]) if name in ERRORS else None,
            dtypes=FLOATS,
        )
        for name, build in CASES.items()
    ]


def whole(*shape, high, low=0, **options):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(3), **options)


def dropped(*shape, names=("Dropout",)):
    """Dropouts by chance and by probabilities 0 and 1, in place too."""

    def build(make):
        x = make(*shape)
        return [((), (x,)), ((0.2,), (x,)), ((0.0,), (x,)), ((1.0,), (x,)), (({"p": 0.5, "inplace": False},), (x,))]

    for name in names:
        case(name, build)


dropped(4, 6, names=("Dropout", "AlphaDropout"))
dropped(3, 4, 5, names=("Dropout1d",))
dropped(2, 4, 3, 3, names=("Dropout2d", "FeatureAlphaDropout"))
dropped(2, 3, 2, 3, 3, names=("Dropout3d",))

case("Hardsigmoid", lambda make: [((), (make(3, 4, low=-5, high=5),)), ((), (make(),))])
case(
    "RReLU",
    lambda make: [((), (make(5, 4),)), ((0.2, 0.5), (make(3),)), (({"lower": 0.1, "upper": 0.1},), (make(2, 2),))],
)
case("Identity", lambda make: [((), (make(2, 3),)), ((54, {"unused": 1}), (make(2),))])
case("Flatten", lambda make: [((), (make(2, 3, 4),)), ((0, 1), (make(2, 3, 4),)), ((-2, -1), (make(2, 3, 4),))])
case(
    "Unflatten",
    lambda make: [
        ((1, (2, 3)), (make(4, 6),)),
        ((0, torch.Size([2, 2])), (make(4, 6),)),
        ((-1, (3, -1)), (make(4, 6),)),
    ],
)
case("CosineSimilarity", lambda make: [((), (make(3, 4), make(3, 4))), ((0, 1e-3), (make(3, 4), make(3, 1)))])
case("PairwiseDistance", lambda make: [
    ((), (make(3, 4), make(3, 4))), ((1.0,), (make(3, 4), make(4))), ((3.0, 1e-4, True), (make(3, 4), make(3, 4))),
    ((float("inf"),), (make(2, 3), make(2, 3))),
])  # fmt: skip
case("Fold", lambda make: [
    (((4, 5), (2, 2)), (make(2, 12, 12),)), (((4, 5), 2, {"padding": 1, "stride": 2}), (make(1, 8, 9),)),
    (((4, 4), 2), (make(8, 9),)),
])  # fmt: skip
case(
    "Unfold",
    lambda make: [
        ((2,), (make(2, 3, 4, 5),)),
        (((2, 3), {"dilation": 1, "padding": 1, "stride": 2}), (make(1, 2, 5, 6),)),
        ((2,), (make(3, 4, 4),)),
    ],
)
case("PixelShuffle", lambda make: [((2,), (make(2, 8, 3, 2),)), ((3,), (make(9, 1, 2),))])
case("PixelUnshuffle", lambda make: [((2,), (make(2, 2, 4, 6),)), ((3,), (make(1, 3, 6),))])
case("ChannelShuffle", lambda make: [((2,), (make(2, 6, 3),)), ((3,), (make(1, 6, 2, 2),))])
case("Upsample", lambda make: [
    ((7,), (make(2, 3, 4),)), (({"scale_factor": 2},), (make(1, 2, 3, 4),)), (({"scale_factor": 1.5, "mode": "linear"},), (make(1, 2, 5),)),
    (({"scale_factor": (2, 3), "mode": "bilinear", "align_corners": True},), (make(1, 2, 3, 4),)),
    (({"size": (5, 6), "mode": "bicubic"},), (make(1, 2, 3, 4),)), (({"scale_factor": 2, "mode": "trilinear"},), (make(1, 2, 2, 3, 2),)),
    (({"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True},), (make(1, 2, 3, 4),)),
])  # fmt: skip
case("UpsamplingNearest2d", lambda make: [((5,), (make(2, 3, 4, 4),)), (({"scale_factor": 2},), (make(1, 2, 3, 4),))])
case("UpsamplingBilinear2d", lambda make: [((5,), (make(2, 3, 4, 4),)), (({"scale_factor": 2},), (make(1, 2, 3, 4),))])


# --- places of maxima ---
def unpooled(dims):
    def build(make):
        sizes = (2, 3, *range(4, 4 + 2 * dims, 2))
        pool = getattr(nn.functional, f"max_pool{dims}d")
        values, places = pool(make(*sizes).detach(), 2, return_indices=True)
        values.requires_grad_()
        odd = (*sizes[:-1], sizes[-1] + 1)
        return [
            ((2,), (values, places)), ((2, {"stride": 2, "padding": 0}), (values, places)),
            ((2,), (values, places, {"output_size": torch.Size(odd)})), ((2,), (values[0], places[0])),
        ]  # fmt: skip

    return build


for n in (1, 2, 3):
    case(f"MaxUnpool{n}d", unpooled(n))

# --- lazy ---
case("LazyLinear", lambda make: [((5,), (make(3, 4),)), ((2, {"bias": False}), (make(2, 3, 4),))])
case(
    "LazyBatchNorm1d",
    lambda make: [
        ((), (make(4, 3),)),
        (({"affine": False},), (make(4, 3, 2),)),
        (({"track_running_stats": False},), (make(4, 3),)),
    ],
)
case("LazyBatchNorm2d", lambda make: [((), (make(2, 3, 2, 2),)), ((1e-3, 0.2), (make(2, 3, 2, 2),))])

# --- losses ---
case("TripletMarginLoss", lambda make: [
    ((), (make(3, 4), make(3, 4), make(3, 4))), ((0.5, 1, {"swap": True, "reduction": "none"}), (make(3, 4), make(3, 4), make(3, 4))),
    (({"reduction": "sum", "margin": 2.0, "p": 3},), (make(3, 4), make(3, 4), make(3, 4))),
])  # fmt: skip
case("TripletMarginWithDistanceLoss", lambda make: [
    ((), (make(3, 4), make(3, 4), make(3, 4))),
    (({"distance_function": nn.PairwiseDistance(), "margin": 2.0, "swap": True},), (make(3, 4), make(3, 4), make(3, 4))),
    (({"reduction": "none"},), (make(3, 4), make(3, 4), make(3, 4))),
])  # fmt: skip
case("AdaptiveLogSoftmaxWithLoss", lambda make: [
    ((8, 12, [4, 8]), (make(5, 8), whole(5, high=12))), ((8, 10, [3], {"div_value": 2.0, "head_bias": True}), (make(4, 8), whole(4, high=10))),
    ((6, 9, [3, 6]), (make(6), whole(high=9))),
])  # fmt: skip

# --- tables ---
case("EmbeddingBag", lambda make: [
    ((7, 3), (whole(4, 2, high=7),)), ((7, 3, {"mode": "sum"}), (whole(6, high=7), torch.tensor([0, 2, 2]))),
    ((7, 3, {"mode": "max"}), (whole(6, high=7), torch.tensor([0, 4]))),
    ((7, 3, {"mode": "sum", "include_last_offset": True}), (whole(6, high=7), torch.tensor([0, 2, 6]), make(6))),
    ((7, 3, {"padding_idx": 1}), (whole(3, 4, high=7),)), ((7, 3, {"max_norm": 0.5}), (whole(3, 2, high=7),)),
])  # fmt: skip

# --- containers ---
case("Sequential", lambda make: [
    ((), (make(2, 3),)), ((nn.Flatten(), nn.Softmax(1), nn.Hardtanh(0.1, 0.5)), (make(2, 3, 2),)), ((nn.ReLU(), nn.Sequential(nn.Tanh())), (make(3),)),
])  # fmt: skip
case("TransformerDecoder", lambda make: [
    ((nn.TransformerDecoderLayer(8, 2, 16, 0.0), 2), (make(3, 2, 8), make(4, 2, 8))),
    ((nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True), 1, nn.LayerNorm(8)), (make(2, 3, 8), make(2, 4, 8))),
])  # fmt: skip

#: (constructor arguments, call arguments or None) that torch refuses.
ERRORS = {
    "Dropout": [((1.5,), None), ((-0.1,), None)],
    "PixelShuffle": [((2,), (torch.ones(1, 3, 2, 2),)), ((2,), (torch.ones(3),))],
    "PixelUnshuffle": [((2,), (torch.ones(1, 3, 3, 2),))],
    "Unflatten": [((1, (2, 2)), (torch.ones(4, 6),)), ((0, "a"), None)],
    "Fold": [(((4, 5), 2), (torch.ones(1, 7, 12),)), (((4, 5), 2), (torch.ones(1, 8, 5),))],
    "Unfold": [((9,), (torch.ones(1, 2, 4, 4),))],
    "Upsample": [(({"scale_factor": 2, "mode": "linear"},), (torch.ones(1, 2, 3, 4),)), ((), (torch.ones(1, 2, 3),))],
    "MaxUnpool2d": [((2,), (torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.int64)))],
    "EmbeddingBag": [
        ((7, 3), (torch.zeros(3, dtype=torch.int64),)),
        ((7, 3, {"mode": "x"}), (torch.zeros(1, 2, dtype=torch.int64),)),
    ],
    "AdaptiveLogSoftmaxWithLoss": [((8, 12, [4, 20]), None), ((8, 12, [4]), (torch.ones(2, 8), torch.tensor([1, 12])))],
    "TripletMarginWithDistanceLoss": [(({"margin": -1.0},), None)],
    "CosineSimilarity": [((), (torch.ones(3, 4), torch.ones(2, 4)))],
}
