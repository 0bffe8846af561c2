"""plugrad: PyTorch's autograd, nn and optim over pluggable array backends.

>>> import plugrad
>>> plugrad.tensor([1.0, 2.0]).sum().item()
3.0
"""

from plugrad.core.create import arange, as_tensor, empty, empty_like, eye, from_dlpack, from_numpy, full, full_like, linspace, ones, ones_like, tensor, zeros, zeros_like
from plugrad.core.device import device, get_default_device, set_default_device
from plugrad.core.dtypes import dtype, promote_types
from plugrad.core.modes import enable_grad, get_default_dtype, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_default_dtype, set_grad_enabled
from plugrad.core.ops.arithmetic import add, addcdiv, addcmul, allclose, clamp, clamp_max, clamp_min, div, equal, float_power, floor_divide, isclose, lerp, masked_fill, pow, round, rsub, sub, where
from plugrad.core.ops.elementwise import abs, acos, acosh, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_not, bitwise_or, bitwise_xor, ceil, cos, cosh, eq, erf, exp, exp2, expm1, floor, fmod, ge, gt, isfinite, isinf, isnan, le, log, log10, log1p, log2, logical_and, logical_not, logical_or, logical_xor, lt, maximum, minimum, mul, ne, neg, reciprocal, relu, remainder, rsqrt, sigmoid, sign, sin, sinh, sqrt, square, tan, tanh, trunc
from plugrad.core.ops.index import gather, index_add, index_copy, index_fill, index_put, index_select, masked_select, scatter, scatter_add, take, take_along_dim
from plugrad.core.ops.join import cat, chunk, hstack, split, stack, unbind, vstack
from plugrad.core.ops.product import addmm, addmv, baddbmm, bmm, dot, matmul, mm, mv, outer
from plugrad.core.ops.reduction import all, amax, amin, any, argmax, argmin, argsort, count_nonzero, cumprod, cumsum, log_softmax, logsumexp, max, mean, min, nonzero, norm, prod, softmax, sort, std, std_mean, sum, topk, var, var_mean
from plugrad.core.ops.reshaping import broadcast_tensors, broadcast_to, clone, conj, diag, diagonal, flatten, flip, fliplr, flipud, movedim, narrow, permute, ravel, repeat_interleave, reshape, roll, select, squeeze, t, tile, trace, transpose, tril, triu, unflatten, unsqueeze
from plugrad.core.ops.sampling import bernoulli, multinomial, normal, rand, rand_like, randint, randint_like, randn, randn_like, randperm
from plugrad.core.printing import set_printoptions
from plugrad.core.queries import can_cast, finfo, iinfo, is_complex, is_floating_point, is_tensor, numel, result_type
from plugrad.core.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from plugrad.core.serialization import load, save
from plugrad.core.shapes import broadcast_shapes
from plugrad.core.tensor import Size, Tensor
from plugrad.core import dtypes as _dtypes
from plugrad.core.create import old_constructor as _old_constructor
import plugrad.core.ops  # noqa: F401 - gives Tensor its methods
from plugrad import autograd, backends, cuda, nn, optim, random, serialization, testing, utils

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
true_divide = div
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

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "arange",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "as_tensor",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "autograd",
    "backends",
    "baddbmm",
    "bernoulli",
    "bfloat16",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "bmm",
    "bool",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "can_cast",
    "cat",
    "cdouble",
    "ceil",
    "cfloat",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "complex128",
    "complex64",
    "concat",
    "concatenate",
    "conj",
    "cos",
    "cosh",
    "count_nonzero",
    "cuda",
    "cumprod",
    "cumsum",
    "default_generator",
    "device",
    "diag",
    "diagonal",
    "div",
    "divide",
    "dot",
    "double",
    "dtype",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "eye",
    "finfo",
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
    "floor_divide",
    "fmod",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "ge",
    "get_default_device",
    "get_default_dtype",
    "get_rng_state",
    "greater",
    "greater_equal",
    "gt",
    "half",
    "hstack",
    "iinfo",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inference_mode",
    "initial_seed",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lerp",
    "less",
    "less_equal",
    "linspace",
    "load",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "moveaxis",
    "movedim",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nn",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "permute",
    "pow",
    "prod",
    "promote_types",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "repeat_interleave",
    "reshape",
    "result_type",
    "roll",
    "round",
    "rsqrt",
    "rsub",
    "save",
    "scatter",
    "scatter_add",
    "seed",
    "select",
    "serialization",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "set_rng_state",
    "short",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "strided",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "testing",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unsqueeze",
    "utils",
    "var",
    "var_mean",
    "vstack",
    "where",
    "zeros",
    "zeros_like",
]
