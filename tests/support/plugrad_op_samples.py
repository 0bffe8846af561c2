"""Samples, numpy references and torch counterparts of the rows in core/ops; the format is in plugrad_op_checks.py."""

import math

import numpy as np

from plugrad.core import dtypes

# --- drawing inputs ---


def between(low, high):
    """Uniform numbers in an interval."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def away_from(*kinks, low=-2.0, high=2.0, margin=0.05):
    """Uniform numbers that keep a distance from the places where the derivative jumps."""

    def draw(rng, shape):
        values = rng.uniform(low, high, shape)
        for kink in kinks:
            near = np.abs(values - kink) < margin
            values = np.where(near, kink + margin * np.where(values < kink, -1.5, 1.5), values)
        return values

    return draw


def off_whole(rng, shape):
    """Numbers whose fraction is away from 0, ½ and 1."""
    return rng.integers(-3, 3, shape) + rng.choice([0.25, 0.75], shape) + rng.uniform(-0.1, 0.1, shape)


def whole(rng, shape):
    """Small whole numbers, many of them zero or equal."""
    return rng.integers(-2, 3, shape).astype(float)


def complex_numbers(rng, shape):
    """Complex numbers away from the negative real axis and from zero."""
    return rng.uniform(0.3, 1.5, shape) + 1j * rng.uniform(-1.0, 1.0, shape)


def normal(rng, shape):
    return rng.standard_normal(shape)


# --- forms of samples ---
UNARY_SHAPES = ((2, 3), (), (0, 3), (3,))
BINARY_SHAPES = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((0, 3), (1, 3)), ((), ()))


def unary(draw, *statics, shapes=UNARY_SHAPES):
    return [lambda rng, s=shape: ([draw(rng, s)], statics) for shape in shapes]


def binary(draw_x, draw_y=None, shapes=BINARY_SHAPES):
    draw_y = draw_y or draw_x
    return [lambda rng, s=pair: ([draw_x(rng, s[0]), draw_y(rng, s[1])], ()) for pair in shapes]


def with_number(draw, number):
    """The second operand is a Python number."""
    return [lambda rng: ([draw(rng, (2, 3)), number], ())]


def separated_pairs(rng, shapes):
    """Two operands that differ by a distance wherever they meet."""
    x, y = rng.uniform(-2, 2, shapes[0]), rng.uniform(-2, 2, shapes[1])
    return x + np.where(x < 0, -5.0, 5.0), y


def apart():
    return [lambda rng, s=pair: (list(separated_pairs(rng, s)), ()) for pair in BINARY_SHAPES]


def quotients():
    """x = q·y with q away from whole numbers."""

    def sample(rng, shape_x, shape_y):
        y = rng.uniform(1.0, 2.0, shape_y) * rng.choice([-1.0, 1.0], shape_y)
        q = off_whole(rng, shape_x)
        return [q * np.broadcast_to(y, shape_x), y], ()

    shapes = (((2, 3), (2, 3)), ((2, 3), (3,)), ((0, 3), (1, 3)), ((), ()))
    return [lambda rng, s=pair: sample(rng, *s) for pair in shapes]


def each(draw, *settings, shape=(2, 3)):
    """One sample for each tuple of static arguments; a setting may begin with a shape of its own, as {"shape": ...}."""
    samples = []
    for setting in settings:
        own = shape
        if setting and isinstance(setting[0], dict):
            own, setting = setting[0]["shape"], setting[1:]
        samples.append(lambda rng, s=setting, n=own: ([draw(rng, n)], s))
    return samples


def of_shape(*shape):
    return {"shape": shape}


def indexed(shape, *keys):
    return [lambda rng, k=key: ([normal(rng, shape)], (k,)) for key in keys]


def ints(*values):
    return np.array(values)


TRUTH = np.array([[True, False, True], [False, False, True]])
ROW_TRUTH = np.array([True, False, True])
PATHS = (
    (("slice", ((slice(0, 1), slice(1, 3)),)),),
    (("swap_axes", (0, 1)), ("slice", ((slice(1, 3),),))),
    (("slice", ((1,),)), ("slice", ((slice(0, 3, 2),),))),
)


def along_paths(*make):
    return [lambda rng, p=path: ([m(rng, p) for m in make], (p,)) for path in PATHS]


def path_shape(path):
    return follow_numpy(np.zeros((2, 3)), path).shape


def follow_numpy(a, path):
    for function, statics in path:
        a = a[statics[0]] if function == "slice" else np.swapaxes(a, *statics)
    return a


positive, unit, any_sign = between(0.2, 2.0), between(-0.8, 0.8), between(-2.0, 2.0)
off_zero = away_from(0.0)
REDUCED = (((0,), False), ((1,), True), ((0, 1), False), (None, False), (None, True), ((2, 0), False))
KEYS = (
    (ints(0, 2, 1),),
    (ints(0, 2, 2, 0),),
    (ints(-1, 1), ints(0, -2)),
    (slice(None), ints(1, 1, 3)),
    (np.array([[0, 2], [1, 1]]), slice(1, 3)),
    (ints(1), None, slice(None)),
    (np.array([True, False, True]),),
    (..., ints(0, 3, 0)),
    (np.array([], np.int64),),
)
DISTINCT_KEYS = tuple(KEYS[i] for i in (0, 2, 5, 6, 8))
GATHERED = (
    (np.array([[0, 0, 2, 1], [2, 1, 0, 0]]), 0),
    (np.array([[0, 3], [1, 1], [2, 2]]), 1),
    (np.zeros((0, 4), np.int64), 0),
)

SAMPLES = {
    # --- arithmetic ---
    "mul": binary(any_sign) + with_number(any_sign, 2.5) + binary(complex_numbers),
    "add": binary(any_sign) + with_number(any_sign, 2) + binary(complex_numbers),
    "sub": binary(any_sign) + with_number(any_sign, 2.5) + binary(complex_numbers),
    "rsub": binary(any_sign) + with_number(any_sign, 2.5),
    "div": binary(any_sign, positive) + with_number(any_sign, 2.5) + binary(complex_numbers),
    "neg": unary(any_sign) + unary(complex_numbers),
    "reciprocal": unary(positive) + unary(complex_numbers),
    "square": unary(any_sign) + unary(complex_numbers),
    "remainder": quotients() + with_number(lambda rng, s: 2.0 * off_whole(rng, s), 2.0),
    "fmod": quotients() + with_number(lambda rng, s: 2.0 * off_whole(rng, s), 2.0),
    "floor_divide": quotients() + with_number(lambda rng, s: 2.0 * off_whole(rng, s), 2.0),
    # --- powers and exponentials ---
    "pow_tensor": binary(positive, any_sign) + with_number(any_sign, 3.0),
    "pow_whole": [
        lambda rng: ([rng.integers(-3, 4, (2, 5)), rng.integers(-3, 4, (5,))], ()),
        lambda rng: ([rng.integers(-2, 3, (8,)), np.array(-1)], ()),
        lambda rng: ([rng.integers(-3, 4, (4,)), 3], ()),
    ],
    "pow_scalar": [
        s for p in (2, 3, 0.5, -1.5, 1, 0, 2.5, 4) for s in unary(positive, p, shapes=((2, 3), ()))
    ] + unary(any_sign, 3),
    "exp": unary(any_sign) + unary(complex_numbers),
    "exp2": unary(any_sign),
    "expm1": unary(any_sign) + unary(between(-1e-9, 1e-9)),
    "log": unary(positive) + unary(complex_numbers),
    "log2": unary(positive),
    "log10": unary(positive),
    "log1p": unary(positive) + unary(between(-1e-9, 1e-9)),
    "sqrt": unary(positive) + unary(complex_numbers),
    "rsqrt": unary(positive),
    # --- circular and hyperbolic ---
    "sin": unary(any_sign) + unary(complex_numbers),
    "cos": unary(any_sign) + unary(complex_numbers),
    "tan": unary(between(-1.2, 1.2)),
    "asin": unary(unit),
    "acos": unary(unit),
    "atan": unary(any_sign),
    "sinh": unary(any_sign),
    "cosh": unary(any_sign),
    "tanh": unary(any_sign) + unary(complex_numbers),
    "asinh": unary(any_sign),
    "acosh": unary(between(1.2, 3.0)),
    "atanh": unary(unit),
    "atan2": binary(any_sign, positive) + binary(positive, any_sign),
    # --- pieces ---
    "abs": unary(off_zero),
    "sign": unary(off_zero),
    "floor": unary(off_whole),
    "ceil": unary(off_whole),
    "trunc": unary(off_whole),
    "round": unary(off_whole),
    "maximum": apart(),
    "minimum": apart(),
    "clamp": [s for b in ((-1.0, 1.0), (None, 0.5), (-0.5, None), (0, 1)) for s in unary(away_from(-1, -0.5, 0, 0.5, 1), *b)],
    "clamp_low_": apart(),
    "clamp_high_": apart(),
    "clamp_both_": [
        # Below, within, above, and bounds that have changed places; none of them near a bound.
        lambda rng: ([np.array([-3.0, 0.0, 3.0, 0.5]), np.array([-1.0, -1.0, -1.0, 2.0]), np.array([1.0, 1.0, 1.0, -1.0])], ()),
        lambda rng: ([np.array([[-3.0, 0.0, 3.0], [0.2, 4.0, -5.0]]), np.array([-1.0, -1.5, -2.0]), np.array([[1.0], [1.5]])], ()),
        lambda rng: ([np.array(0.5), np.array(-1.0), np.array(2.0)], ()),
    ],
    # --- activations ---
    "relu": unary(off_zero),
    "sigmoid": unary(any_sign) + unary(between(-40, 40)),
    "silu": unary(any_sign),
    "log_sigmoid": unary(any_sign) + unary(between(-40, 40)),
    "softplus": unary(any_sign, 1.0, 20.0) + unary(away_from(0.5), 2.0, 1.0),
    "leaky_relu": unary(off_zero, 0.01) + unary(off_zero, 0.3),
    "elu": unary(off_zero, 1.0) + unary(off_zero, 0.5),
    "gelu": unary(between(-4, 4)),
    "gelu_tanh": unary(between(-4, 4)),
    "hardtanh": unary(away_from(-1, 1), -1.0, 1.0) + unary(away_from(0.0, 1.5), 0.0, 1.5),
    "erf": unary(between(-7, 7)) + unary(between(-0.4, 0.4)),
    # --- choice ---
    "where_": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (2, 3))], (TRUTH,)),
        lambda rng: ([normal(rng, (3,)), normal(rng, ())], (TRUTH,)),
        lambda rng: ([normal(rng, (2, 1)), 2.5], (TRUTH,)),
        lambda rng: ([normal(rng, ()), normal(rng, ())], (np.array(True),)),
    ],
    "masked_fill_": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, ())], (TRUTH,)),
        lambda rng: ([normal(rng, (2, 3)), 2.5], (ROW_TRUTH,)),
        lambda rng: ([normal(rng, (0, 3)), 2.5], (ROW_TRUTH,)),
    ],
    "lerp": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (3,)), normal(rng, ())], ()),
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (2, 3)), normal(rng, (2, 1))], ()),
    ],
    "addcmul_": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (3,)), normal(rng, (2, 1))], (1,)),
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (2, 3)), normal(rng, (2, 3))], (0.5,)),
    ],
    "addcdiv_": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (3,)), positive(rng, (2, 1))], (1,)),
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (2, 3)), positive(rng, (2, 3))], (0.5,)),
    ],
    "conj": unary(normal) + unary(complex_numbers),
    # --- comparison and logic ---
    **{name: binary(whole) + with_number(whole, 1.0) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: binary(whole) for name in ("logical_and", "logical_or", "logical_xor")},
    "logical_not": unary(whole),
    **{
        name: [
            lambda rng: ([rng.integers(0, 9, (2, 3)), rng.integers(0, 9, (3,))], ()),
            lambda rng: ([TRUTH, ROW_TRUTH], ()),
        ]
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    },
    "bitwise_not": [lambda rng: ([rng.integers(-5, 9, (2, 3))], ()), lambda rng: ([TRUTH], ())],
    **{
        name: [lambda rng: ([np.array([[1.0, math.inf, -math.inf], [math.nan, 0.0, -2.0]])], ()), *unary(normal)]
        for name in ("isfinite", "isinf", "isnan")
    },
    # --- products ---
    "mm_": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (3, 4))], ()),
        lambda rng: ([normal(rng, (2, 0)), normal(rng, (0, 4))], ()),
        lambda rng: ([normal(rng, (0, 3)), normal(rng, (3, 4))], ()),
        lambda rng: ([complex_numbers(rng, (2, 3)), complex_numbers(rng, (3, 2))], ()),
    ],
    "bmm_": [
        lambda rng: ([normal(rng, (5, 2, 3)), normal(rng, (5, 3, 4))], ()),
        lambda rng: ([normal(rng, (0, 2, 3)), normal(rng, (0, 3, 4))], ()),
    ],
    "mv_": [lambda rng: ([normal(rng, (2, 3)), normal(rng, (3,))], ())],
    "dot_": [lambda rng: ([normal(rng, (3,)), normal(rng, (3,))], ()), lambda rng: ([normal(rng, 0), normal(rng, 0)], ())],
    # --- reductions ---
    "sum_all": unary(normal) + unary(complex_numbers),
    "mean_all": unary(normal, shapes=((2, 3), (), (3,))),
    "sum_": each(normal, *REDUCED, (of_shape(2, 0, 3), (1,), False), (of_shape(), (), False), shape=(2, 3, 4)),
    "mean_": each(normal, *REDUCED, shape=(2, 3, 4)),
    "prod_": [
        *each(normal, *REDUCED, (of_shape(2, 0), (1,), False), shape=(2, 3, 2)),
        lambda rng: ([np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 2.0], [1.0, -2.0, 3.0]])], ((1,), False)),
    ],
    "var_": each(
        normal, ((0,), 1, False), ((1,), 0, True), ((0, 1), 1, False), (None, 1, False), ((2,), 2, True), shape=(3, 4, 3)
    ),
    "amax_": each(normal, *REDUCED, shape=(2, 3, 4)),
    "amin_": each(normal, *REDUCED, shape=(2, 3, 4)),
    "max_all": unary(normal, shapes=((2, 3), (), (3,))),
    "min_all": unary(normal, shapes=((2, 3), (), (3,))),
    "max_dim": each(normal, (0, False), (1, True), (2, False), (of_shape(3), 0, True), (of_shape(), 0, False), shape=(2, 3, 4)),
    "min_dim": each(normal, (0, False), (1, True), (2, False), (of_shape(3), 0, True), (of_shape(), 0, False), shape=(2, 3, 4)),
    "sort_": each(normal, (0, False), (1, True), (2, False), (of_shape(), 0, False), (of_shape(0, 3), 0, True), shape=(2, 3, 4)),
    "topk_": each(normal, (2, 0, True), (1, 1, False), (3, 2, True), (1, 2, False), (of_shape(0, 3), 2, 1, True), shape=(2, 3, 4)),
    "cumsum_": each(normal, (0,), (1,), (2,), (of_shape(0, 3), 0), shape=(2, 3, 4)),
    "cumprod_": [
        *each(normal, (0,), (1,), (2,), (of_shape(0, 3), 0), shape=(2, 3, 4)),
        lambda rng: ([np.array([[2.0, 0.0, 3.0, 4.0], [0.0, 1.0, 0.0, 2.0]])], (1,)),
    ],
    "logsumexp_": each(normal, *REDUCED, shape=(2, 3, 4)) + each(between(-800, 800), ((1,), False)),
    "softmax_": each(normal, (0,), (1,), (2,), (of_shape(0, 3), 1), shape=(2, 3, 4)) + each(between(-800, 800), (1,)),
    "log_softmax_": each(normal, (0,), (1,), (2,), (of_shape(0, 3), 1), shape=(2, 3, 4)) + each(between(-800, 800), (1,)),
    "norm_": each(normal, *REDUCED, shape=(2, 3, 4)),
    "any_": each(whole, *REDUCED, shape=(2, 3, 4)),
    "all_": each(whole, *REDUCED, shape=(2, 3, 4)),
    "argmax_": each(whole, (0, False), (1, True), (None, False), shape=(4, 5)),
    "argmin_": each(whole, (0, False), (1, True), (None, False), shape=(4, 5)),
    "argsort_": each(whole, (0, False), (1, False), (1, True), shape=(4, 9)),
    # --- shape ---
    "permute_": each(normal, ((2, 0, 1),), ((0, 2, 1),), (of_shape(), ()), shape=(2, 3, 4)),
    "transpose_": each(normal, (0, 2), (1, 2), shape=(2, 3, 4)),
    "t_": each(normal, (0, 1)),
    "expand_": [
        lambda rng: ([normal(rng, (3, 1))], ((2, 3, 4),)),
        lambda rng: ([normal(rng, ())], ((2, 2),)),
        lambda rng: ([normal(rng, (1, 3))], ((0, 3),)),
    ],
    "view_": each(normal, ((3, 2),), ((6,),), (of_shape(1), ()), (of_shape(0, 3), (3, 0))),
    "reshape_": each(normal, ((3, 2),), ((6,),), (of_shape(1), ()), (of_shape(0, 3), (3, 0))),
    "squeeze_": each(normal, (of_shape(2, 1, 3), (2, 3)), (of_shape(1, 1), ())),
    "squeeze_dim_": each(normal, (of_shape(2, 1, 3), (2, 3))),
    "unsqueeze_": each(normal, (0,), (1,), (2,), (of_shape(), 0)),
    "slice_": indexed((3, 4), (slice(0, 2),), (slice(None), slice(1, 4, 2)), (slice(2, 2),), (..., slice(0, 1)), (None, slice(1, 9))),
    "select_": indexed((3, 4), (1,), (slice(None), 2), (-1,), (2, 3)),
    "slice_backward": [
        lambda rng: ([normal(rng, (2, 4))], ((slice(0, 2),), (3, 4))),
        lambda rng: ([normal(rng, (3, 2))], ((slice(None), slice(0, 4, 2)), (3, 4))),
        lambda rng: ([normal(rng, (4,))], ((1,), (3, 4))),
    ],
    "diagonal_copy_": each(normal, (0,), (of_shape(2, 3, 3), 1), shape=(3, 4)),
    "diagonal_": each(normal, (0,), (1,), (-1,), (5,), (of_shape(2, 3, 3), 0), shape=(3, 4)),
    "diagonal_backward": [
        lambda rng: ([normal(rng, (3,))], (0, (3, 4))),
        lambda rng: ([normal(rng, (3,))], (1, (3, 4))),
        lambda rng: ([normal(rng, (2, 2))], (-1, (2, 3, 4))),
    ],
    "flip_": each(normal, ((0,),), ((0, 1),), (of_shape(0, 3), (1,)), (of_shape(), ())),
    "roll_": each(normal, ((1,), (0,)), ((-2, 4), (1, 0)), (of_shape(0, 3), (1,), (0,))),
    "tril_": each(normal, (0,), (1,), (-1,), (of_shape(2, 3, 3), 0), shape=(3, 4)),
    "triu_": each(normal, (0,), (1,), (-1,), (of_shape(2, 3, 3), 0), shape=(3, 4)),
    "pad_": each(normal, (((1, 2), (0, 1)), 0.0), (((0, 0), (-1, 2)), 1.5), (((-1, 0), (-1, -1)), 0.0)),
    "clone_": unary(normal),
    "fresh_": unary(normal),
    "erase_": unary(normal),
    "fill_number_": unary(normal, 2.5),
    "fill_with_": [lambda rng: ([normal(rng, (2, 3)), normal(rng, ())], ())],
    "contiguous_": unary(normal),
    "cast_": unary(normal, dtypes.float64),
    "real": unary(complex_numbers),
    "imag": unary(complex_numbers),
    # --- indexing ---
    "index_": indexed((3, 4), *KEYS) + indexed((3, 2, 4), (ints(0, 2), slice(None), ints(1, 3))),
    "index_backward": [
        lambda rng, k=key: ([normal(rng, np.empty((3, 4))[k].shape)], (k, (3, 4))) for key in KEYS
    ],
    "index_put_": [
        lambda rng, k=key: ([normal(rng, (3, 4)), normal(rng, np.empty((3, 4))[k].shape)], (k,)) for key in DISTINCT_KEYS
    ]
    + [lambda rng: ([normal(rng, (3, 4)), normal(rng, ())], ((ints(0, 2),),))],
    "index_zero": indexed((3, 4), *KEYS),
    "gather_": [lambda rng, g=pair: ([normal(rng, (3, 4))], g) for pair in GATHERED],
    "gather_backward": [lambda rng, g=pair: ([normal(rng, g[0].shape)], (*g, (3, 4))) for pair in GATHERED],
    # --- what in-place ops on views are made of ---
    "copy_slices": along_paths(lambda rng, p: normal(rng, (2, 3)), lambda rng, p: normal(rng, path_shape(p))),
    "zero_at": along_paths(lambda rng, p: normal(rng, (2, 3))),
    "as_view": along_paths(lambda rng, p: normal(rng, (2, 3))),
    "spread": [lambda rng, p=path: ([normal(rng, path_shape(p))], (p, (2, 3))) for path in PATHS],
    "overwrite": [
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (2, 3))], ()),
        lambda rng: ([normal(rng, (2, 3)), normal(rng, (3,))], ()),
        lambda rng: ([normal(rng, (2, 3)), normal(rng, ())], ()),
    ],
}  # fmt: skip


# --- the same in numpy, or in plain Python ---
def elementwise_python(function):
    return lambda x: np.vectorize(function, otypes=[float])(x) if x.size else x.astype(float)


normal_cdf = elementwise_python(lambda v: 0.5 * math.erfc(-v / math.sqrt(2.0)))


def grouped(function):
    """A numpy reduction by its keyword names, for the static arguments (axes, keepdims)."""
    return lambda x, axes, keepdims: np.asarray(function(x, axis=axes, keepdims=keepdims))


def at_extreme(arg):
    def reference(x, axis, keepdims):
        if not x.ndim:
            return x, np.array(0)
        at = np.expand_dims(arg(x, axis), axis)
        picked = np.take_along_axis(x, at, axis)
        return (picked, at) if keepdims else (picked.squeeze(axis), at.squeeze(axis))

    return reference


def order(x, axis, descending):
    if not x.ndim:
        return np.array(0)
    return np.argsort(-x if descending else x, axis, kind="stable")


def sorted_with_places(x, axis, descending):
    at = order(x, axis, descending)
    return (np.take_along_axis(x, at, axis) if x.ndim else x), at


def largest(x, k, axis, largest):
    at = np.take(order(x, axis, largest), np.arange(k), axis)
    return np.take_along_axis(x, at, axis), at


def log_of_sum(x, axes, keepdims):
    top = x.max(axis=axes, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return total if keepdims else np.asarray(total.squeeze(axes if axes is not None else tuple(range(x.ndim))))


def placed(g, key, shape):
    out = np.zeros(shape, g.dtype)
    np.add.at(out, key, g)
    return out


def put(x, y, key):
    out = x.copy()
    out[key] = y
    return out


def put_along(g, index, axis, shape):
    out = np.zeros(shape)
    for place in np.ndindex(index.shape):
        target = list(place)
        target[axis] = index[place]
        out[tuple(target)] += g[place]
    return out


def on_diagonal(g, offset, shape):
    out = np.zeros(shape)
    for i in range(g.shape[-1]):
        out[..., i + max(-offset, 0), i + max(offset, 0)] = g[..., i]
    return out


def padded(x, widths, value):
    cut = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))
    return np.pad(x[cut], [(max(b, 0), max(a, 0)) for b, a in widths], constant_values=value)


def written(x, y, path):
    out = x.copy()
    follow_numpy(out, path)[...] = y
    return out


def rolled(x, shifts, axes):
    return np.roll(x, shifts, axes)


REFERENCES = {
    "mul": lambda x, y: np.asarray(x * y),
    "add": lambda x, y: np.asarray(x + y),
    "sub": lambda x, y: np.asarray(x - y),
    "rsub": lambda x, y: np.asarray(y - x),
    "div": lambda x, y: np.asarray(x / y),
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "remainder": lambda x, y: np.asarray(x - y * np.floor(x / y)),
    "fmod": lambda x, y: np.asarray(x - y * np.trunc(x / y)),
    "floor_divide": lambda x, y: np.asarray(np.floor(x / y)),
    "pow_tensor": lambda x, y: np.asarray(x**y),
    "pow_whole": lambda x, y: np.trunc(np.power(np.where((x == 0) & (y < 0), 2.0, x), y)).astype(int),
    "pow_scalar": lambda x, exponent: np.asarray(x ** float(exponent)),
    "exp": np.exp,
    "exp2": lambda x: np.exp(x * math.log(2.0)),
    "expm1": elementwise_python(math.expm1),
    "log": np.log,
    "log2": elementwise_python(math.log2),
    "log10": elementwise_python(math.log10),
    "log1p": elementwise_python(math.log1p),
    "sqrt": lambda x: x**0.5,
    "rsqrt": lambda x: x**-0.5,
    "sin": np.sin,
    "cos": np.cos,
    "tan": lambda x: np.sin(x) / np.cos(x),
    "asin": elementwise_python(math.asin),
    "acos": elementwise_python(math.acos),
    "atan": elementwise_python(math.atan),
    "sinh": elementwise_python(math.sinh),
    "cosh": elementwise_python(math.cosh),
    "tanh": np.tanh,
    "asinh": elementwise_python(math.asinh),
    "acosh": elementwise_python(math.acosh),
    "atanh": elementwise_python(math.atanh),
    "atan2": lambda x, y: (
        np.asarray(np.vectorize(math.atan2, otypes=[float])(x, y)) if np.size(x) and np.size(y) else x + y
    ),
    "abs": lambda x: np.where(x < 0, -x, x),
    "sign": lambda x: 1.0 * (x > 0) - 1.0 * (x < 0),
    "floor": elementwise_python(math.floor),
    "ceil": elementwise_python(math.ceil),
    "trunc": elementwise_python(math.trunc),
    "round": elementwise_python(round),
    "maximum": lambda x, y: np.where(x > y, x, y),
    "minimum": lambda x, y: np.where(x < y, x, y),
    "clamp": lambda x, low, high: np.asarray(np.clip(x, low, high)),
    "clamp_low_": lambda x, y: np.where(x < y, y, x),
    "clamp_high_": lambda x, y: np.where(x > y, y, x),
    "clamp_both_": lambda x, low, high: np.where(np.where(x < low, low, x) > high, high, np.where(x < low, low, x)),
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "sigmoid": lambda x: np.exp(-np.logaddexp(0.0, -x)),
    "silu": lambda x: x * np.exp(-np.logaddexp(0.0, -x)),
    "log_sigmoid": lambda x: np.asarray(-np.logaddexp(0.0, -x)),
    "softplus": lambda x, beta, threshold: np.where(x * beta > threshold, x, np.logaddexp(0.0, x * beta) / beta),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
    "gelu": lambda x: x * normal_cdf(x),
    "gelu_tanh": lambda x: np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "hardtanh": lambda x, low, high: np.asarray(np.clip(x, low, high)),
    "erf": elementwise_python(math.erf),
    "where_": lambda x, y, condition: np.where(condition, x, y),
    "masked_fill_": lambda x, y, mask: np.where(mask, y, x),
    "lerp": lambda x, y, weight: (1 - weight) * x + weight * y,
    "addcmul_": lambda x, y, z, value: x + value * y * z,
    "addcdiv_": lambda x, y, z, value: x + value * y / z,
    "conj": lambda x: x.real - 1j * x.imag if x.dtype.kind == "c" else x,
    "eq": lambda x, y: np.asarray(x == y),
    "ne": lambda x, y: np.asarray(x != y),
    "lt": lambda x, y: np.asarray(x < y),
    "le": lambda x, y: np.asarray(x <= y),
    "gt": lambda x, y: np.asarray(x > y),
    "ge": lambda x, y: np.asarray(x >= y),
    "logical_and": lambda x, y: np.asarray((x != 0) & (y != 0)),
    "logical_or": lambda x, y: np.asarray((x != 0) | (y != 0)),
    "logical_xor": lambda x, y: np.asarray((x != 0) != (y != 0)),
    "logical_not": lambda x: np.asarray(x == 0),
    "bitwise_and": lambda x, y: x & y,
    "bitwise_or": lambda x, y: x | y,
    "bitwise_xor": lambda x, y: x ^ y,
    "bitwise_not": lambda x: ~x,
    "isfinite": lambda x: np.asarray(np.abs(x) < math.inf),
    "isinf": lambda x: np.asarray(np.abs(x) == math.inf),
    "isnan": lambda x: np.asarray(x != x),
    "mm_": lambda x, y: np.einsum("ij,jk->ik", x, y),
    "bmm_": lambda x, y: np.einsum("bij,bjk->bik", x, y),
    "mv_": lambda x, y: np.einsum("ij,j->i", x, y),
    "dot_": lambda x, y: np.asarray(np.einsum("i,i->", x, y)),
    "sum_all": lambda x: np.asarray(x.sum()),
    "mean_all": lambda x: np.asarray(x.mean()),
    "sum_": grouped(np.sum),
    "mean_": grouped(np.mean),
    "prod_": grouped(np.prod),
    "var_": lambda x, axes, correction, keepdims: np.asarray(np.var(x, axis=axes, ddof=correction, keepdims=keepdims)),
    "amax_": grouped(np.max),
    "amin_": grouped(np.min),
    "max_all": lambda x: np.asarray(x.max()),
    "min_all": lambda x: np.asarray(x.min()),
    "max_dim": at_extreme(np.argmax),
    "min_dim": at_extreme(np.argmin),
    "sort_": sorted_with_places,
    "topk_": largest,
    "cumsum_": lambda x, axis: np.cumsum(x, axis),
    "cumprod_": lambda x, axis: np.cumprod(x, axis),
    "logsumexp_": log_of_sum,
    "softmax_": lambda x, axis: np.exp(x - log_of_sum(x, (axis,), True)),
    "log_softmax_": lambda x, axis: x - log_of_sum(x, (axis,), True),
    "norm_": grouped(lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))),
    "any_": grouped(lambda x, axis, keepdims: np.any(x != 0, axis=axis, keepdims=keepdims)),
    "all_": grouped(lambda x, axis, keepdims: np.all(x != 0, axis=axis, keepdims=keepdims)),
    "argmax_": lambda x, axis, keepdims: np.asarray(np.argmax(x, axis, keepdims=keepdims)),
    "argmin_": lambda x, axis, keepdims: np.asarray(np.argmin(x, axis, keepdims=keepdims)),
    "argsort_": order,
    "permute_": np.transpose,
    "transpose_": np.swapaxes,
    "t_": np.swapaxes,
    "expand_": np.broadcast_to,
    "view_": np.reshape,
    "reshape_": np.reshape,
    "squeeze_": np.reshape,
    "squeeze_dim_": np.reshape,
    "unsqueeze_": np.expand_dims,
    "slice_": lambda x, key: x[key],
    "select_": lambda x, key: np.asarray(x[key]),
    "slice_backward": placed,
    "diagonal_copy_": lambda x, offset: np.diagonal(x, offset, -2, -1),
    "diagonal_": lambda x, offset: np.diagonal(x, offset, -2, -1),
    "diagonal_backward": on_diagonal,
    "flip_": np.flip,
    "roll_": rolled,
    "tril_": np.tril,
    "triu_": np.triu,
    "pad_": padded,
    "clone_": lambda x: x,
    "fresh_": lambda x: x,
    "erase_": np.zeros_like,
    "fill_number_": np.full_like,
    "fill_with_": lambda x, y: np.broadcast_to(y, x.shape),
    "contiguous_": lambda x: x,
    "cast_": lambda x, dtype: x.astype(dtype.name),
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "index_": lambda x, key: x[key],
    "index_backward": placed,
    "index_put_": put,
    "index_zero": lambda x, key: put(x, 0.0, key),
    "gather_": np.take_along_axis,
    "gather_backward": put_along,
    "copy_slices": written,
    "zero_at": lambda x, path: written(x, 0.0, path),
    "as_view": follow_numpy,
    "spread": lambda g, path, shape: written(np.zeros(shape), g, path),
    "overwrite": lambda x, y: np.broadcast_to(y, x.shape),
}


# --- the same in torch: function of (torch, inputs..., static arguments...) ---
def dims(axes, t):
    return tuple(range(t.ndim)) if axes is None else axes


TORCH = {
    **{
        name: (lambda torch, *inputs, _name=name: getattr(torch, _name)(*inputs))
        for name in (
            "mul add sub rsub div neg reciprocal square remainder fmod floor_divide exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin "
            "cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2 abs sign floor ceil trunc round maximum minimum relu sigmoid "
            "lerp conj eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not "
            "isfinite isinf isnan erf real imag"
        ).split()
    },
    "conj": lambda torch, x: torch.conj(x).resolve_conj(),
    "pow_tensor": lambda torch, x, y: torch.pow(x, y),
    "pow_whole": lambda torch, x, y: torch.pow(x, y),
    "pow_scalar": lambda torch, x, exponent: torch.pow(x, exponent),
    "clamp": lambda torch, x, low, high: torch.clamp(x, low, high),
    "clamp_low_": lambda torch, x, y: torch.clamp(x, min=y),
    "clamp_high_": lambda torch, x, y: torch.clamp(x, max=y),
    "clamp_both_": lambda torch, x, low, high: torch.clamp(x, low, high),
    "silu": lambda torch, x: torch.nn.functional.silu(x),
    "log_sigmoid": lambda torch, x: torch.nn.functional.logsigmoid(x),
    "softplus": lambda torch, x, beta, threshold: torch.nn.functional.softplus(x, beta, threshold),
    "leaky_relu": lambda torch, x, slope: torch.nn.functional.leaky_relu(x, slope),
    "elu": lambda torch, x, alpha: torch.nn.functional.elu(x, alpha),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "gelu_tanh": lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    "hardtanh": lambda torch, x, low, high: torch.nn.functional.hardtanh(x, low, high),
    "where_": lambda torch, x, y, condition: torch.where(condition, x, y),
    "masked_fill_": lambda torch, x, y, mask: x.masked_fill(mask, y),
    "addcmul_": lambda torch, x, y, z, value: torch.addcmul(x, y, z, value=value),
    "addcdiv_": lambda torch, x, y, z, value: torch.addcdiv(x, y, z, value=value),
    "mm_": lambda torch, x, y: torch.mm(x, y),
    "bmm_": lambda torch, x, y: torch.bmm(x, y),
    "mv_": lambda torch, x, y: torch.mv(x, y),
    "dot_": lambda torch, x, y: torch.dot(x, y),
    "sum_all": lambda torch, x: x.sum(),
    "mean_all": lambda torch, x: x.mean(),
    "sum_": lambda torch, x, axes, keepdims: x.sum(axes or dims(None, x), keepdims),
    "mean_": lambda torch, x, axes, keepdims: x.mean(axes, keepdims),
    "var_": lambda torch, x, axes, correction, keepdims: torch.var(x, axes, correction=correction, keepdim=keepdims),
    "amax_": lambda torch, x, axes, keepdims: torch.amax(x, dims(axes, x), keepdims),
    "amin_": lambda torch, x, axes, keepdims: torch.amin(x, dims(axes, x), keepdims),
    "max_all": lambda torch, x: x.max(),
    "min_all": lambda torch, x: x.min(),
    "max_dim": lambda torch, x, axis, keepdims: tuple(torch.max(x, axis, keepdims)),
    "min_dim": lambda torch, x, axis, keepdims: tuple(torch.min(x, axis, keepdims)),
    "sort_": lambda torch, x, axis, descending: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)),
    "topk_": lambda torch, x, k, axis, largest: tuple(torch.topk(x, k, axis, largest)),
    "cumsum_": lambda torch, x, axis: torch.cumsum(x, axis),
    "cumprod_": lambda torch, x, axis: torch.cumprod(x, axis),
    "logsumexp_": lambda torch, x, axes, keepdims: torch.logsumexp(x, dims(axes, x), keepdims),
    "softmax_": lambda torch, x, axis: torch.softmax(x, axis),
    "log_softmax_": lambda torch, x, axis: torch.log_softmax(x, axis),
    "norm_": lambda torch, x, axes, keepdims: torch.linalg.vector_norm(x, 2, axes, keepdims),
    "any_": lambda torch, x, axes, keepdims: torch.any(x, dims(axes, x), keepdims),
    "all_": lambda torch, x, axes, keepdims: torch.all(x, dims(axes, x), keepdims),
    "argsort_": lambda torch, x, axis, descending: torch.argsort(x, dim=axis, descending=descending, stable=True),
    "permute_": lambda torch, x, axes: x.permute(axes),
    "transpose_": lambda torch, x, i, j: x.transpose(i, j),
    "t_": lambda torch, x, i, j: x.t(),
    "expand_": lambda torch, x, shape: x.expand(shape),
    "view_": lambda torch, x, shape: x.view(shape),
    "reshape_": lambda torch, x, shape: x.reshape(shape),
    "squeeze_": lambda torch, x, shape: x.squeeze(),
    "squeeze_dim_": lambda torch, x, shape: x.squeeze(1),
    "unsqueeze_": lambda torch, x, axis: x.unsqueeze(axis),
    "slice_": lambda torch, x, key: x[key],
    "select_": lambda torch, x, key: x[key],
    "diagonal_": lambda torch, x, offset: torch.diagonal(x, offset, -2, -1),
    "flip_": lambda torch, x, axes: torch.flip(x, axes),
    "roll_": lambda torch, x, shifts, axes: torch.roll(x, shifts, axes),
    "tril_": lambda torch, x, k: torch.tril(x, k),
    "triu_": lambda torch, x, k: torch.triu(x, k),
    "pad_": lambda torch, x, widths, value: torch.nn.functional.pad(
        x, [n for pair in reversed(widths) for n in pair], value=value
    ),
    "clone_": lambda torch, x: x.clone(),
    "fresh_": lambda torch, x: x.to(x.dtype, copy=True),
    "erase_": lambda torch, x: x.clone().zero_(),
    "fill_number_": lambda torch, x, value: x.clone().fill_(value),
    "fill_with_": lambda torch, x, y: x.clone().fill_(y),
    "contiguous_": lambda torch, x: x.contiguous(),
    "cast_": lambda torch, x, dtype: x.to(getattr(torch, dtype.name)),
    "index_": lambda torch, x, key: x[key],
    "index_put_": lambda torch, x, y, key: x.clone().index_put_(key, y) if all(hasattr(k, "shape") for k in key) else put_torch(x, y, key),
    "gather_": lambda torch, x, index, axis: torch.gather(x, axis, index),
}  # fmt: skip


def put_torch(x, y, key):
    out = x.clone()
    out[key] = y
    return out
