"""plugrad: PyTorch's autograd, nn and optim over pluggable array backends.

>>> import plugrad
>>> plugrad.tensor([1.0, 2.0]).sum().item()
3.0
"""

import typing as _typing

import plugrad.core.ops  # noqa: F401 - gives Tensor its methods
from plugrad import autograd, backends, cuda, linalg, nn, optim, random, serialization, testing, utils
from plugrad.core import dtypes as _dtypes
from plugrad.core.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from plugrad.core.create import (
    as_tensor,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from plugrad.core.create import old_constructor as _old_constructor
from plugrad.core.device import device, get_default_device, set_default_device
from plugrad.core.dtypes import dtype, promote_types
from plugrad.core.memory_format import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    memory_format,
    preserve_format,
)
from plugrad.core.modes import (
    enable_grad,
    get_default_dtype,
    inference_mode,
    no_grad,
    set_default_dtype,
    set_grad_enabled,
)
from plugrad.core.ops.arithmetic import (
    add,
    addcdiv,
    addcmul,
    allclose,
    clamp,
    clamp_max,
    clamp_min,
    div,
    equal,
    float_power,
    floor_divide,
    isclose,
    lerp,
    masked_fill,
    pow,
    round,
    rsub,
    sub,
    where,
)
from plugrad.core.ops.arrangement import (
    adjoint,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block_diag,
    cartesian_prod,
    column_stack,
    combinations,
    diag_embed,
    diagflat,
    dstack,
    meshgrid,
    rot90,
)
from plugrad.core.ops.contraction import addbmm, addmv_, addr, chain_matmul, cross, inner, kron, tensordot, vander, vdot
from plugrad.core.ops.conversion import clone, conj, detach, detach_
from plugrad.core.ops.ctc import ctc_loss
from plugrad.core.ops.decompositions import cholesky, qr, svd
from plugrad.core.ops.determinants import det, logdet, matrix_exp, matrix_power, slogdet
from plugrad.core.ops.difference import cumulative_trapezoid, diff, gradient, trapezoid, trapz
from plugrad.core.ops.distance import cdist, pdist
from plugrad.core.ops.einsum import einsum
from plugrad.core.ops.elementwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    cos,
    cosh,
    eq,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    fmod,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    reciprocal,
    relu,
    remainder,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from plugrad.core.ops.embedding_bag import embedding_bag
from plugrad.core.ops.histogram import bincount, histc, histogram, histogramdd
from plugrad.core.ops.in_place import fill, fill_, zero_
from plugrad.core.ops.index import (
    gather,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_select,
    scatter,
    scatter_add,
    take,
    take_along_dim,
)
from plugrad.core.ops.join import (
    cat,
    chunk,
    hstack,
    row_stack,
    split,
    split_with_sizes,
    stack,
    unbind,
    unsafe_chunk,
    unsafe_split,
    unsafe_split_with_sizes,
    vstack,
)
from plugrad.core.ops.least_squares import pca_lowrank, pinverse, svd_lowrank
from plugrad.core.ops.linalg import frobenius_norm, norm_except_dim, nuclear_norm
from plugrad.core.ops.order import bucketize, msort, searchsorted, unique, unique_consecutive
from plugrad.core.ops.pairs import (
    complex,
    copysign,
    fmax,
    fmin,
    gcd,
    heaviside,
    hypot,
    isin,
    lcm,
    ldexp,
    logaddexp,
    logaddexp2,
    nextafter,
    polar,
)
from plugrad.core.ops.parts import (
    angle,
    conj_physical,
    deg2rad,
    frac,
    frexp,
    imag,
    isneginf,
    isposinf,
    isreal,
    nan_to_num,
    positive,
    rad2deg,
    real,
    resolve_conj,
    resolve_neg,
    sgn,
    signbit,
    sinc,
)
from plugrad.core.ops.product import addmm, addmv, baddbmm, bmm, dot, ger, matmul, mm, mv, outer
from plugrad.core.ops.quantile import corrcoef, cov, nanquantile, quantile
from plugrad.core.ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    argsort,
    count_nonzero,
    cumprod,
    cumsum,
    kthvalue,
    logsumexp,
    max,
    mean,
    min,
    nonzero,
    norm,
    prod,
    sort,
    std,
    std_mean,
    sum,
    topk,
    var,
    var_mean,
)
from plugrad.core.ops.rejection import (
    _dirichlet_grad as _dirichlet_grad,
)
from plugrad.core.ops.rejection import (
    _sample_dirichlet as _sample_dirichlet,
)
from plugrad.core.ops.rejection import (
    _standard_gamma as _standard_gamma,
)
from plugrad.core.ops.rejection import (
    _standard_gamma_grad as _standard_gamma_grad,
)
from plugrad.core.ops.rejection import (
    binomial,
    poisson,
)
from plugrad.core.ops.repeating import repeat_interleave
from plugrad.core.ops.replacing import (
    argwhere,
    diagonal_scatter,
    masked_scatter,
    nonzero_static,
    put,
    select_scatter,
    slice_scatter,
    unravel_index,
)
from plugrad.core.ops.reshaping import (
    broadcast_tensors,
    broadcast_to,
    diag,
    diagonal,
    flatten,
    flip,
    fliplr,
    flipud,
    movedim,
    narrow,
    narrow_copy,
    permute,
    ravel,
    reshape,
    roll,
    select,
    squeeze,
    t,
    tile,
    trace,
    transpose,
    tril,
    triu,
    unflatten,
    unsqueeze,
)
from plugrad.core.ops.sampling import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from plugrad.core.ops.scan import cummax, cummin, logcumsumexp
from plugrad.core.ops.scatter import index_reduce, scatter_reduce
from plugrad.core.ops.sections import dsplit, hsplit, tensor_split, vsplit
from plugrad.core.ops.shuffling import channel_shuffle, pixel_shuffle, pixel_unshuffle
from plugrad.core.ops.solving import cholesky_inverse, cholesky_solve, inverse
from plugrad.core.ops.special import (
    digamma,
    erfc,
    erfinv,
    i0,
    igamma,
    igammac,
    lgamma,
    logit,
    mvlgamma,
    polygamma,
    xlogy,
)
from plugrad.core.ops.spectrum import istft, stft
from plugrad.core.ops.statistic import aminmax, dist, median, mode, nanmean, nanmedian, nansum, renorm
from plugrad.core.ops.striding import as_strided, as_strided_, as_strided_scatter, view_as_complex, view_as_real
from plugrad.core.ops.window import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
from plugrad.core.printing import set_printoptions
from plugrad.core.queries import (
    can_cast,
    finfo,
    get_device,
    iinfo,
    is_complex,
    is_conj,
    is_floating_point,
    is_grad_enabled,
    is_inference,
    is_inference_mode_enabled,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    is_tensor,
    numel,
    result_type,
)
from plugrad.core.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from plugrad.core.sequences import arange, linspace, logspace, scalar_tensor, tril_indices, triu_indices
from plugrad.core.serialization import load, save
from plugrad.core.shapes import broadcast_shapes
from plugrad.core.tensor import Size, Tensor
from plugrad.core.vmap import vmap
from plugrad.nn.functional import (
    adaptive_avg_pool1d,
    avg_pool1d,
    bilinear,
    celu_,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_similarity,
    hardshrink,
    pairwise_distance,
    prelu,
    relu_,
    rms_norm,
    rrelu_,
    selu_,
    threshold_,
)
from plugrad.nn.functional.embedding import embedding_renorm_
from plugrad.nn.functional.padding import constant_pad_nd
from plugrad.nn.functional.recurrent import (
    gru,
    gru_cell,
    lstm,
    lstm_cell,
    rnn_relu,
    rnn_relu_cell,
    rnn_tanh,
    rnn_tanh_cell,
)
from plugrad.nn.functional.toplevel import (
    adaptive_max_pool1d,
    alpha_dropout,
    alpha_dropout_,
    batch_norm,
    binary_cross_entropy_with_logits,
    celu,
    cosine_embedding_loss,
    dropout,
    dropout_,
    embedding,
    feature_alpha_dropout,
    feature_alpha_dropout_,
    feature_dropout,
    feature_dropout_,
    group_norm,
    hinge_embedding_loss,
    instance_norm,
    kl_div,
    layer_norm,
    log_softmax,
    margin_ranking_loss,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool3d,
    poisson_nll_loss,
    rrelu,
    selu,
    softmax,
    threshold,
    triplet_margin_loss,
)

if _typing.TYPE_CHECKING:
    from plugrad import amp, distributions, fft, func, library, signal, special
    from plugrad.core.autocast import (
        autocast,
        autocast_decrement_nesting,
        autocast_increment_nesting,
        clear_autocast_cache,
        get_autocast_dtype,
        is_autocast_cache_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
    )
    from plugrad.core.grad_scaler import GradScaler
    from plugrad.core.ops.reflections import geqrf, orgqr, ormqr

__version__ = "0.1.0.dev0"

bfloat16 = _dtypes.bfloat16
complex64 = _dtypes.complex64
complex128 = _dtypes.complex128
float16 = _dtypes.float16
float32 = _dtypes.float32
float64 = _dtypes.float64
int8 = _dtypes.int8
int16 = _dtypes.int16
int32 = _dtypes.int32
int64 = _dtypes.int64
uint8 = _dtypes.uint8
bool = _dtypes.bool_
cdouble = _dtypes.complex128
cfloat = _dtypes.complex64
double = _dtypes.float64
float = _dtypes.float32
half = _dtypes.float16
int = _dtypes.int32
long = _dtypes.int64
short = _dtypes.int16
absolute = abs
clip = clamp
concat = cat
concatenate = cat
divide = div
greater = gt
greater_equal = ge
less = lt
less_equal = le
moveaxis = movedim
multiply = mul
negative = neg
not_equal = ne
subtract = sub
swapaxes = transpose
swapdims = transpose
true_divide = div
arccosh = acosh
arcsinh = asinh
arctanh = atanh
fix = trunc
arctan2 = atan2
arccos = acos
arcsin = asin
arctan = atan
BoolTensor = _old_constructor("BoolTensor")
ByteTensor = _old_constructor("ByteTensor")
CharTensor = _old_constructor("CharTensor")
DoubleTensor = _old_constructor("DoubleTensor")
FloatTensor = _old_constructor("FloatTensor")
HalfTensor = _old_constructor("HalfTensor")
IntTensor = _old_constructor("IntTensor")
LongTensor = _old_constructor("LongTensor")
ShortTensor = _old_constructor("ShortTensor")
BFloat16Tensor = _old_constructor("BFloat16Tensor")
strided = "torch.strided"
abs_ = Tensor.abs_
acos_ = Tensor.acos_
acosh_ = Tensor.acosh_
arccos_ = Tensor.arccos_
arccosh_ = Tensor.arccosh_
arcsin_ = Tensor.arcsin_
arcsinh_ = Tensor.arcsinh_
arctan_ = Tensor.arctan_
arctanh_ = Tensor.arctanh_
asin_ = Tensor.asin_
asinh_ = Tensor.asinh_
atan_ = Tensor.atan_
atanh_ = Tensor.atanh_
ceil_ = Tensor.ceil_
clamp_ = Tensor.clamp_
clamp_max_ = Tensor.clamp_max_
clamp_min_ = Tensor.clamp_min_
clip_ = Tensor.clip_
conj_physical_ = Tensor.conj_physical_
cos_ = Tensor.cos_
cosh_ = Tensor.cosh_
deg2rad_ = Tensor.deg2rad_
erf_ = Tensor.erf_
erfc_ = Tensor.erfc_
exp2_ = Tensor.exp2_
exp_ = Tensor.exp_
expm1_ = Tensor.expm1_
fix_ = Tensor.fix_
floor_ = Tensor.floor_
frac_ = Tensor.frac_
gcd_ = Tensor.gcd_
i0_ = Tensor.i0_
index_put_ = Tensor.index_put_
lcm_ = Tensor.lcm_
ldexp_ = Tensor.ldexp_
log10_ = Tensor.log10_
log1p_ = Tensor.log1p_
log2_ = Tensor.log2_
log_ = Tensor.log_
logit_ = Tensor.logit_
nan_to_num_ = Tensor.nan_to_num_
neg_ = Tensor.neg_
negative_ = Tensor.negative_
rad2deg_ = Tensor.rad2deg_
reciprocal_ = Tensor.reciprocal_
round_ = Tensor.round_
rsqrt_ = Tensor.rsqrt_
sigmoid_ = Tensor.sigmoid_
sin_ = Tensor.sin_
sinc_ = Tensor.sinc_
sinh_ = Tensor.sinh_
sqrt_ = Tensor.sqrt_
square_ = Tensor.square_
tan_ = Tensor.tan_
tanh_ = Tensor.tanh_
trunc_ = Tensor.trunc_
xlogy_ = Tensor.xlogy_

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "GradScaler",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "abs",
    "abs_",
    "absolute",
    "acos",
    "acos_",
    "acosh",
    "acosh_",
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addmv_",
    "addr",
    "adjoint",
    "all",
    "allclose",
    "alpha_dropout",
    "alpha_dropout_",
    "amax",
    "amin",
    "aminmax",
    "amp",
    "angle",
    "any",
    "arange",
    "arccos",
    "arccos_",
    "arccosh",
    "arccosh_",
    "arcsin",
    "arcsin_",
    "arcsinh",
    "arcsinh_",
    "arctan",
    "arctan2",
    "arctan_",
    "arctanh",
    "arctanh_",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_strided",
    "as_strided_",
    "as_strided_scatter",
    "as_tensor",
    "asin",
    "asin_",
    "asinh",
    "asinh_",
    "atan",
    "atan2",
    "atan_",
    "atanh",
    "atanh_",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "autograd",
    "avg_pool1d",
    "backends",
    "baddbmm",
    "bartlett_window",
    "batch_norm",
    "bernoulli",
    "bfloat16",
    "bilinear",
    "binary_cross_entropy_with_logits",
    "bincount",
    "binomial",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "blackman_window",
    "block_diag",
    "bmm",
    "bool",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "bucketize",
    "can_cast",
    "cartesian_prod",
    "cat",
    "cdist",
    "cdouble",
    "ceil",
    "ceil_",
    "celu",
    "celu_",
    "cfloat",
    "chain_matmul",
    "channel_shuffle",
    "channels_last",
    "channels_last_3d",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "chunk",
    "clamp",
    "clamp_",
    "clamp_max",
    "clamp_max_",
    "clamp_min",
    "clamp_min_",
    "clear_autocast_cache",
    "clip",
    "clip_",
    "clone",
    "column_stack",
    "combinations",
    "complex",
    "complex128",
    "complex64",
    "concat",
    "concatenate",
    "conj",
    "conj_physical",
    "conj_physical_",
    "constant_pad_nd",
    "contiguous_format",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "copysign",
    "corrcoef",
    "cos",
    "cos_",
    "cosh",
    "cosh_",
    "cosine_embedding_loss",
    "cosine_similarity",
    "count_nonzero",
    "cov",
    "cross",
    "ctc_loss",
    "cuda",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "default_generator",
    "deg2rad",
    "deg2rad_",
    "det",
    "detach",
    "detach_",
    "device",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "diff",
    "digamma",
    "dist",
    "distributions",
    "div",
    "divide",
    "dot",
    "double",
    "dropout",
    "dropout_",
    "dsplit",
    "dstack",
    "dtype",
    "einsum",
    "embedding",
    "embedding_bag",
    "embedding_renorm_",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "erf_",
    "erfc",
    "erfc_",
    "erfinv",
    "exp",
    "exp2",
    "exp2_",
    "exp_",
    "expm1",
    "expm1_",
    "eye",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "fft",
    "fill",
    "fill_",
    "finfo",
    "fix",
    "fix_",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float",
    "float16",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "frac_",
    "frexp",
    "frobenius_norm",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "gather",
    "gcd",
    "gcd_",
    "ge",
    "geqrf",
    "ger",
    "get_autocast_dtype",
    "get_default_device",
    "get_default_dtype",
    "get_device",
    "get_rng_state",
    "gradient",
    "greater",
    "greater_equal",
    "group_norm",
    "gru",
    "gru_cell",
    "gt",
    "half",
    "hamming_window",
    "hann_window",
    "hardshrink",
    "heaviside",
    "hinge_embedding_loss",
    "histc",
    "histogram",
    "histogramdd",
    "hsplit",
    "hstack",
    "hypot",
    "i0",
    "i0_",
    "igamma",
    "igammac",
    "iinfo",
    "imag",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_put_",
    "index_reduce",
    "index_select",
    "inference_mode",
    "initial_seed",
    "inner",
    "instance_norm",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "inverse",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "is_complex",
    "is_conj",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_tensor",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "istft",
    "kaiser_window",
    "kl_div",
    "kron",
    "kthvalue",
    "layer_norm",
    "lcm",
    "lcm_",
    "ldexp",
    "ldexp_",
    "le",
    "lerp",
    "less",
    "less_equal",
    "lgamma",
    "library",
    "linalg",
    "linspace",
    "load",
    "log",
    "log10",
    "log10_",
    "log1p",
    "log1p_",
    "log2",
    "log2_",
    "log_",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logit_",
    "logspace",
    "logsumexp",
    "long",
    "lstm",
    "lstm_cell",
    "lt",
    "manual_seed",
    "margin_ranking_loss",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "matrix_exp",
    "matrix_power",
    "max",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "maximum",
    "mean",
    "median",
    "memory_format",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "mode",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "mvlgamma",
    "nan_to_num",
    "nan_to_num_",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "narrow",
    "narrow_copy",
    "ne",
    "neg",
    "neg_",
    "negative",
    "negative_",
    "nextafter",
    "nn",
    "no_grad",
    "nonzero",
    "nonzero_static",
    "norm",
    "norm_except_dim",
    "normal",
    "not_equal",
    "nuclear_norm",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "orgqr",
    "ormqr",
    "outer",
    "pairwise_distance",
    "pca_lowrank",
    "pdist",
    "permute",
    "pinverse",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson",
    "poisson_nll_loss",
    "polar",
    "polygamma",
    "positive",
    "pow",
    "prelu",
    "preserve_format",
    "prod",
    "promote_types",
    "put",
    "qr",
    "quantile",
    "rad2deg",
    "rad2deg_",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "ravel",
    "real",
    "reciprocal",
    "reciprocal_",
    "relu",
    "relu_",
    "remainder",
    "renorm",
    "repeat_interleave",
    "reshape",
    "resolve_conj",
    "resolve_neg",
    "result_type",
    "rms_norm",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "roll",
    "rot90",
    "round",
    "round_",
    "row_stack",
    "rrelu",
    "rrelu_",
    "rsqrt",
    "rsqrt_",
    "rsub",
    "save",
    "scalar_tensor",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "seed",
    "select",
    "select_scatter",
    "selu",
    "selu_",
    "serialization",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "set_rng_state",
    "sgn",
    "short",
    "sigmoid",
    "sigmoid_",
    "sign",
    "signal",
    "signbit",
    "sin",
    "sin_",
    "sinc",
    "sinc_",
    "sinh",
    "sinh_",
    "slice_scatter",
    "slogdet",
    "softmax",
    "sort",
    "special",
    "split",
    "split_with_sizes",
    "sqrt",
    "sqrt_",
    "square",
    "square_",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "stft",
    "strided",
    "sub",
    "subtract",
    "sum",
    "svd",
    "svd_lowrank",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tan_",
    "tanh",
    "tanh_",
    "tensor",
    "tensor_split",
    "tensordot",
    "testing",
    "threshold",
    "threshold_",
    "tile",
    "topk",
    "trace",
    "transpose",
    "trapezoid",
    "trapz",
    "tril",
    "tril_indices",
    "triplet_margin_loss",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "trunc_",
    "uint8",
    "unbind",
    "unflatten",
    "unique",
    "unique_consecutive",
    "unravel_index",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze",
    "utils",
    "vander",
    "var",
    "var_mean",
    "vdot",
    "view_as_complex",
    "view_as_real",
    "vmap",
    "vsplit",
    "vstack",
    "where",
    "xlogy",
    "xlogy_",
    "zero_",
    "zeros",
    "zeros_like",
]


if not _typing.TYPE_CHECKING:  # a type checker would take every name for known
    _LATER = (
        {"GradScaler": "grad_scaler"}
        | dict.fromkeys(("geqrf", "orgqr", "ormqr"), "ops.reflections")
        | dict.fromkeys(
            "autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_dtype "
            "is_autocast_cache_enabled is_autocast_enabled set_autocast_cache_enabled set_autocast_dtype set_autocast_enabled".split(),
            "autocast",
        )
    )

    def __getattr__(name):
        import importlib

        if name in (
            "amp",
            "distributions",
            "fft",
            "func",
            "library",
            "signal",
            "special",
        ):  # imported when first asked for
            return importlib.import_module(f"plugrad.{name}")
        if name in _LATER:
            globals()[name] = found = getattr(importlib.import_module(f"plugrad.core.{_LATER[name]}"), name)
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
