"""Autocast: which dtype each op computes in, program by program as torch does it on its cpu."""

import threading

import numpy as np
import pytest

import plugrad
from plugrad.backends import registry
from plugrad.core.autocast import SETTINGS
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import on

pytest.importorskip("ml_dtypes")
PROGRAMS = {}


# --- the results' dtypes ---
def operand(t, dtype, *shape):
    """Numbers between 0.2 and 0.9."""
    count = int(np.prod(shape))
    return ((t.arange(count, dtype=t.float32) * 7 % 11 + 2) / 14).reshape(shape).to(dtype)


def dtypes_of(result):
    if hasattr(result, "dtype"):
        return str(result.dtype)
    return [dtypes_of(part) for part in result]


def matrix(t, d):
    return operand(t, d, 3, 3)


def whole(t):
    return t.tensor([1, 0, 2])


def images(t, d, *dims):
    return operand(t, d, 1, 2, *dims)


def spd(t, d):
    return (t.eye(3) * 4 + matrix(t, t.float32) + matrix(t, t.float32).t()).to(d)


#: name → an op on values of a dtype; each is run with float32, with the lower dtype, and with both where it takes two.
OPS = {
    # products
    "mm": lambda t, a, b: t.mm(matrix(t, a), matrix(t, b)),
    "matmul": lambda t, a, b: matrix(t, a) @ matrix(t, b),
    "rmatmul": lambda t, a, b: matrix(t, a).__rmatmul__(matrix(t, b)),
    "matmul_of_vectors": lambda t, a, b: operand(t, a, 3) @ operand(t, b, 3),
    "matmul_of_batches": lambda t, a, b: operand(t, a, 2, 3, 3) @ matrix(t, b),
    "bmm": lambda t, a, b: t.bmm(operand(t, a, 2, 3, 3), operand(t, b, 2, 3, 3)),
    "mv": lambda t, a, b: t.mv(matrix(t, a), operand(t, b, 3)),
    "dot": lambda t, a, b: t.dot(operand(t, a, 3), operand(t, b, 3)),
    "addmm": lambda t, a, b: t.addmm(matrix(t, a), matrix(t, b), matrix(t, a)),
    "addmv": lambda t, a, b: t.addmv(operand(t, a, 3), matrix(t, a), operand(t, a, 3)),
    "addr": lambda t, a, b: t.addr(matrix(t, a), operand(t, a, 3), operand(t, a, 3)),
    "addbmm": lambda t, a, b: t.addbmm(matrix(t, a), operand(t, b, 2, 3, 3), operand(t, a, 2, 3, 3)),
    "baddbmm": lambda t, a, b: t.baddbmm(operand(t, a, 2, 3, 3), operand(t, b, 2, 3, 3), operand(t, a, 2, 3, 3)),
    "chain_matmul": lambda t, a, b: t.linalg.multi_dot([matrix(t, a), matrix(t, a), matrix(t, a)]),
    "vecdot": lambda t, a, b: t.linalg.vecdot(operand(t, a, 3), operand(t, b, 3)),
    "einsum": lambda t, a, b: t.einsum("ij,jk->ik", matrix(t, a), matrix(t, b)),
    "einsum_transposed": lambda t, a, b: t.einsum("ij->ji", matrix(t, a)),
    "tensordot": lambda t, a, b: t.tensordot(matrix(t, a), matrix(t, a), 1),
    "inner": lambda t, a, b: t.inner(matrix(t, a), matrix(t, a)),
    "outer": lambda t, a, b: t.outer(operand(t, a, 3), operand(t, b, 3)),
    "linear": lambda t, a, b: t.nn.functional.linear(matrix(t, a), matrix(t, b), operand(t, b, 3)),
    "linear_without_bias": lambda t, a, b: t.nn.functional.linear(operand(t, a, 2, 3, 3), matrix(t, b)),
    "bilinear": lambda t, a, b: t.nn.functional.bilinear(matrix(t, a), matrix(t, a), operand(t, a, 2, 3, 3)),
    "conv1d": lambda t, a, b: t.nn.functional.conv1d(images(t, a, 5), operand(t, b, 3, 2, 2), operand(t, b, 3)),
    "conv2d": lambda t, a, b: t.nn.functional.conv2d(images(t, a, 5, 5), operand(t, b, 3, 2, 2, 2)),
    "conv3d": lambda t, a, b: t.nn.functional.conv3d(images(t, a, 3, 3, 3), operand(t, b, 3, 2, 2, 2, 2)),
    "conv_transpose2d": lambda t, a, b: t.nn.functional.conv_transpose2d(
        images(t, a, 4, 4), operand(t, b, 2, 3, 2, 2), operand(t, b, 3)
    ),
    "attention": lambda t, a, b: t.nn.functional.scaled_dot_product_attention(
        operand(t, a, 1, 2, 3, 4), operand(t, b, 1, 2, 3, 4), operand(t, a, 1, 2, 3, 4)
    ),
    "prelu": lambda t, a, b: t.nn.functional.prelu(matrix(t, a), operand(t, b, 1)),
    # elementwise
    "add": lambda t, a, b: matrix(t, a) + matrix(t, b),
    "mul": lambda t, a, b: matrix(t, a) * 2,
    "exp": lambda t, a, b: matrix(t, a).exp(),
    "log": lambda t, a, b: matrix(t, a).log(),
    "pow": lambda t, a, b: matrix(t, a) ** 2,
    "reciprocal": lambda t, a, b: matrix(t, a).reciprocal(),
    "relu": lambda t, a, b: t.nn.functional.relu(matrix(t, a)),
    "gelu": lambda t, a, b: t.nn.functional.gelu(matrix(t, a)),
    "softplus": lambda t, a, b: t.nn.functional.softplus(matrix(t, a)),
    "addcmul": lambda t, a, b: t.addcmul(matrix(t, a), matrix(t, b), matrix(t, a)),
    # reductions
    "sum": lambda t, a, b: matrix(t, a).sum(0),
    "mean": lambda t, a, b: matrix(t, a).mean(),
    "prod": lambda t, a, b: (matrix(t, a).prod(), matrix(t, a).prod(0)),
    "cumsum": lambda t, a, b: matrix(t, a).cumsum(0),
    "softmax": lambda t, a, b: t.nn.functional.softmax(matrix(t, a), -1),
    "log_softmax": lambda t, a, b: matrix(t, a).log_softmax(-1),
    "norm": lambda t, a, b: matrix(t, a).norm(),
    "trace": lambda t, a, b: matrix(t, a).trace(),
    "quantile": lambda t, a, b: t.quantile(matrix(t, t.float32), 0.5),
    "max": lambda t, a, b: matrix(t, a).max(),
    # losses
    "mse_loss": lambda t, a, b: t.nn.functional.mse_loss(matrix(t, a), matrix(t, b)),
    "l1_loss": lambda t, a, b: t.nn.functional.l1_loss(matrix(t, a), matrix(t, b)),
    "huber_loss": lambda t, a, b: t.nn.functional.huber_loss(matrix(t, a), matrix(t, b)),
    "smooth_l1_loss": lambda t, a, b: t.nn.functional.smooth_l1_loss(matrix(t, a), matrix(t, b)),
    "cross_entropy": lambda t, a, b: t.nn.functional.cross_entropy(matrix(t, a), whole(t)),
    "cross_entropy_of_shares": lambda t, a, b: t.nn.functional.cross_entropy(matrix(t, a), matrix(t, a).softmax(-1)),
    "nll_loss": lambda t, a, b: t.nn.functional.nll_loss(matrix(t, a), whole(t)),
    "kl_div": lambda t, a, b: t.nn.functional.kl_div(matrix(t, a), matrix(t, b), reduction="sum"),
    "binary_cross_entropy": lambda t, a, b: t.nn.functional.binary_cross_entropy(matrix(t, a), matrix(t, b)),
    "binary_cross_entropy_with_logits": lambda t, a, b: t.nn.functional.binary_cross_entropy_with_logits(
        matrix(t, a), matrix(t, b)
    ),
    "poisson_nll_loss": lambda t, a, b: t.nn.functional.poisson_nll_loss(matrix(t, a), matrix(t, b)),
    "hinge_embedding_loss": lambda t, a, b: t.nn.functional.hinge_embedding_loss(matrix(t, a), matrix(t, b)),
    "margin_ranking_loss": lambda t, a, b: t.nn.functional.margin_ranking_loss(
        operand(t, a, 3), operand(t, b, 3), operand(t, a, 3)
    ),
    "soft_margin_loss": lambda t, a, b: t.nn.functional.soft_margin_loss(matrix(t, a), matrix(t, b)),
    "triplet_margin_loss": lambda t, a, b: t.nn.functional.triplet_margin_loss(
        matrix(t, a), matrix(t, b), matrix(t, a).flip(0)
    ),
    "cosine_embedding_loss": lambda t, a, b: t.nn.functional.cosine_embedding_loss(
        matrix(t, a), matrix(t, b), t.tensor([1.0, -1.0, 1.0])
    ),
    "multi_margin_loss": lambda t, a, b: t.nn.functional.multi_margin_loss(matrix(t, a), whole(t)),
    "multilabel_margin_loss": lambda t, a, b: t.nn.functional.multilabel_margin_loss(
        matrix(t, a), t.tensor([[0, -1, 1]] * 3)
    ),
    "ctc_loss": lambda t, a, b: t.nn.functional.ctc_loss(
        operand(t, a, 4, 1, 3).log_softmax(-1), t.tensor([[1, 2]]), t.tensor([4]), t.tensor([2])
    ),
    # norms, pools, padding
    "layer_norm": lambda t, a, b: t.nn.functional.layer_norm(matrix(t, a), (3,)),
    "layer_norm_with_weights": lambda t, a, b: t.nn.LayerNorm(3)(matrix(t, a)),
    "batch_norm": lambda t, a, b: t.nn.BatchNorm1d(3)(matrix(t, a)),
    "group_norm": lambda t, a, b: t.nn.GroupNorm(1, 3)(matrix(t, a)),
    "instance_norm": lambda t, a, b: t.nn.InstanceNorm1d(2, affine=True)(images(t, a, 4)),
    "normalize": lambda t, a, b: t.nn.functional.normalize(matrix(t, a)),
    "cosine_similarity": lambda t, a, b: t.nn.functional.cosine_similarity(matrix(t, a), matrix(t, b)),
    "cdist": lambda t, a, b: t.cdist(matrix(t, a), matrix(t, b)),
    "max_pool2d": lambda t, a, b: t.nn.functional.max_pool2d(images(t, a, 4, 4), 2),
    "max_pool3d": lambda t, a, b: t.nn.functional.max_pool3d(images(t, a, 4, 4, 4), 2),
    "max_pool3d_with_indices": lambda t, a, b: t.nn.functional.max_pool3d(
        images(t, a, 4, 4, 4), 2, return_indices=True
    ),
    "avg_pool2d": lambda t, a, b: t.nn.functional.avg_pool2d(images(t, a, 4, 4), 2),
    "avg_pool3d": lambda t, a, b: t.nn.functional.avg_pool3d(images(t, a, 4, 4, 4), 2),
    "adaptive_avg_pool3d": lambda t, a, b: t.nn.functional.adaptive_avg_pool3d(images(t, a, 4, 4, 4), 2),
    "adaptive_max_pool3d": lambda t, a, b: t.nn.functional.adaptive_max_pool3d(images(t, a, 4, 4, 4), 2),
    "pad_reflect": lambda t, a, b: t.nn.functional.pad(images(t, a, 4, 4), (1, 1, 1, 1), mode="reflect"),
    "pad_reflect_3d": lambda t, a, b: t.nn.functional.pad(images(t, a, 4, 4, 4), (1,) * 6, mode="reflect"),
    "pad_replicate": lambda t, a, b: t.nn.functional.pad(images(t, a, 4), (1, 1), mode="replicate"),
    "pad_constant": lambda t, a, b: t.nn.functional.pad(images(t, a, 4), (1, 1)),
    "embedding": lambda t, a, b: t.nn.functional.embedding(whole(t), matrix(t, a)),
    # joins and places
    "cat": lambda t, a, b: t.cat([matrix(t, a), matrix(t, b)]),
    "stack": lambda t, a, b: t.stack([matrix(t, a), matrix(t, b)]),
    "index_copy": lambda t, a, b: t.index_copy(matrix(t, a), 0, whole(t), matrix(t, b)),
    # linear algebra
    "cholesky": lambda t, a, b: t.linalg.cholesky(spd(t, a)),
    "inv": lambda t, a, b: t.linalg.inv(spd(t, a)),
    "solve": lambda t, a, b: t.linalg.solve(spd(t, a), matrix(t, b)),
    "svd": lambda t, a, b: t.linalg.svd(matrix(t, a)),
    "eigvalsh": lambda t, a, b: t.linalg.eigvalsh(spd(t, a)),
    "pinverse": lambda t, a, b: t.pinverse(spd(t, a)),
    "matrix_rank": lambda t, a, b: t.linalg.matrix_rank(spd(t, a)),
    "fft": lambda t, a, b: t.fft.fft(matrix(t, a)),
    "rfft": lambda t, a, b: t.fft.rfft(matrix(t, a)),
    "polar": lambda t, a, b: t.polar(matrix(t, a), matrix(t, b)),
    # written into
    "in_place": lambda t, a, b: matrix(t, a).exp_(),
    "add_in_place": lambda t, a, b: matrix(t, a).add_(matrix(t, b)),
    "index_copy_in_place": lambda t, a, b: matrix(t, a).index_copy_(0, whole(t), matrix(t, b)),
    "out": lambda t, a, b: t.mm(matrix(t, a), matrix(t, a), out=t.empty(3, 3, dtype=a)),
}


def dtypes_program(op, low):
    def program(t):
        low_dtype, found = getattr(t, low), []
        pairs = [(t.float32, t.float32), (low_dtype, low_dtype), (low_dtype, t.float32), (t.float32, low_dtype)]
        with t.autocast("cpu", low_dtype):
            for a, b in pairs:
                try:
                    found.append(dtypes_of(op(t, a, b)))
                except (RuntimeError, NotImplementedError) as error:
                    found.append(type(error).__name__)
        return found

    return program


PROGRAMS |= {f"bfloat16-{name}": dtypes_program(op, "bfloat16") for name, op in OPS.items()}
PROGRAMS |= {
    f"float16-{name}": dtypes_program(OPS[name], "float16")
    for name in ("mm", "linear", "conv2d", "mse_loss", "cat", "add")
}


# --- blocks ---
def line(t, *, grad=True):
    """A layer of two numbers with known parameters."""
    layer = t.nn.Linear(2, 2)
    with t.no_grad():
        layer.weight.copy_(t.tensor([[0.5, 0.25], [1.0, -0.75]]))
        layer.bias.copy_(t.tensor([0.125, 0.5]))
    return layer.requires_grad_(grad)


def program(function):
    PROGRAMS[function.__name__] = function
    return function


@program
def gradients_in_the_parameters_dtypes(t):
    layer, x = line(t), t.tensor([[1.0, 2.0]], requires_grad=True)
    with t.autocast("cpu"):
        y = layer(x)
        loss = t.nn.functional.mse_loss(y, t.zeros(1, 2))
    loss.backward()
    return y, y.grad_fn.name(), loss, layer.weight.grad, layer.bias.grad, x.grad


@program
def a_parameter_is_cast_once_in_a_block(t):
    weight, x = t.ones(2, 2, requires_grad=True), t.ones(2, 2)

    def cast_of_weight():
        return t.mm(weight, x).grad_fn.next_functions[0][0]

    with t.autocast("cpu"):
        first = cast_of_weight()
        with t.autocast("cpu"):
            inside = cast_of_weight()
        with t.autocast("cpu", enabled=False):
            off = cast_of_weight()
        again = cast_of_weight()
        t.clear_autocast_cache()
        cleared = cast_of_weight()
    with t.autocast("cpu"):
        other_block = cast_of_weight()
    with t.autocast("cpu", cache_enabled=False):
        uncached = cast_of_weight(), cast_of_weight()
    same = [first is other for other in (inside, off, again, cleared, other_block)]
    return first.name(), off.name(), same, uncached[0] is uncached[1]


@program
def gradients_add_up_in_a_kept_cast(t):
    layer, x = line(t), t.tensor([[1.0, 2.0]])
    with t.autocast("cpu"):
        layer(x).sum().backward()
        (layer(x) + layer(x)).sum().backward()
    return layer.weight.grad, layer.bias.grad


@program
def a_cast_made_without_gradients(t):
    layer, x = line(t), t.tensor([[1.0, 2.0]])
    with t.autocast("cpu"):
        with t.no_grad():
            layer(x)
        y = layer(x)
    y.sum().backward()
    return y, layer.weight.grad


@program
def nested(t):
    x, found = t.ones(2, 2), []

    def note():
        found.append([t.is_autocast_enabled("cpu"), str(t.get_autocast_dtype("cpu")), str((x @ x).dtype)])

    note()
    with t.autocast("cpu"):
        note()
        with t.autocast("cpu", enabled=False):
            note()
            with t.autocast("cpu", t.float16):
                note()
            note()
        note()
    note()
    return found


@program
def an_error_leaves_the_block(t):
    try:
        with t.autocast("cpu", t.float16, cache_enabled=False):
            raise KeyError("gone")
    except KeyError:
        return t.is_autocast_enabled("cpu"), t.get_autocast_dtype("cpu"), t.is_autocast_cache_enabled()


@program
def one_object_twice(t):
    block, x = t.autocast("cpu"), t.ones(2, 2)
    with block:
        inside = (x @ x).dtype
    with block:
        again = (x @ x).dtype
    return inside, again, (x @ x).dtype


@program
def decorated(t):
    @t.autocast("cpu", dtype=t.float16)
    def product(x, *, y):
        """of matrices"""
        return x @ y

    x = t.ones(2, 2)
    return product(x, y=x), product.__name__, product.__doc__, t.is_autocast_enabled("cpu")


@program
def switched_by_hand(t):
    x = t.ones(2, 2)
    t.set_autocast_enabled("cpu", True)
    t.set_autocast_dtype("cpu", t.float16)
    on = (x @ x).dtype, t.is_autocast_enabled("cpu")
    t.set_autocast_enabled("cpu", False)
    t.set_autocast_dtype("cpu", t.bfloat16)
    depth = t.autocast_increment_nesting(), t.autocast_decrement_nesting()
    t.set_autocast_cache_enabled(False)
    caching = t.is_autocast_cache_enabled()
    t.set_autocast_cache_enabled(True)
    return on, (x @ x).dtype, depth, caching


@program
def doubles_and_whole_numbers_stay(t):
    x, d, n = t.ones(2, 2), t.ones(2, 2, dtype=t.float64), t.ones(2, 2, dtype=t.int64)
    with t.autocast("cpu"):
        joined = t.cat([d, x.bfloat16()]), t.cat([n, x.bfloat16()]), t.cat([d, x])
        return d @ d, n @ n, joined, t.nn.functional.mse_loss(d, d)


@program
def a_double_and_a_single(t):
    with t.autocast("cpu"):
        return t.cat([t.ones(2).half(), t.ones(2).bfloat16()])


def net(t):
    t.manual_seed(3)
    return t.nn.Sequential(t.nn.Linear(2, 3), t.nn.LayerNorm(3), t.nn.ReLU(), t.nn.Linear(3, 2))


def checkpointed(use_reentrant):
    def program(t):
        from importlib import import_module

        checkpoint = import_module(f"{t.__name__}.utils.checkpoint").checkpoint
        model, x = net(t), t.tensor([[1.0, -2.0]], requires_grad=True)
        dtypes = []

        def run(x):
            y = model(x)
            dtypes.append(str(y.dtype))
            return y

        with t.autocast("cpu"):
            y = checkpoint(run, x, use_reentrant=use_reentrant)
            loss = y.float().square().sum()
        loss.backward()
        return dtypes, x.grad.dtype, [p.grad.dtype for p in model.parameters()]

    return program


PROGRAMS["checkpoint"] = checkpointed(False)
PROGRAMS["checkpoint_reentrant"] = checkpointed(True)


def custom(cast_inputs, enabled):
    def program(t):
        seen = []

        class Product(t.autograd.Function):
            @staticmethod
            @t.amp.custom_fwd(device_type="cpu", cast_inputs=getattr(t, cast_inputs or "", None))
            def forward(ctx, x, y, factor):
                seen.append([str(x.dtype), str(y.dtype), t.is_autocast_enabled("cpu")])
                ctx.save_for_backward(x, y)
                return x @ y * factor

            @staticmethod
            @t.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                made = g @ y.t(), x.t() @ g, None
                seen.append([str(g.dtype), str(made[0].dtype), t.is_autocast_enabled("cpu")])
                return made

        x, y = (t.ones(2, 2, requires_grad=True) for _ in range(2))
        with t.autocast("cpu", enabled=enabled):
            z = Product.apply(x, y, 2)
        z.sum().backward()
        return z, seen, x.grad, y.grad

    return program


PROGRAMS |= {
    f"custom-{dtype}-{on}": custom(dtype, on) for dtype in (None, "float32", "float16") for on in (True, False)
}


# --- recurrent layers ---
def recurrent(name, **options):
    def program(t):
        t.manual_seed(0)
        layer, found = getattr(t.nn, name)(3, 4, **options), []
        for dtype in (t.float32, t.bfloat16):
            x = operand(t, dtype, 2, 3) if name.endswith("Cell") else operand(t, dtype, 5, 2, 3)
            with t.autocast("cpu"):
                made = layer(x)
            found.append(dtypes_of(made))
            (made[0] if isinstance(made, tuple) else made).float().sum().backward()
        return found, [str(p.grad.dtype) for p in layer.parameters()]

    return program


RECURRENT = {f"recurrent-{name}": recurrent(name) for name in ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell")}
RECURRENT["recurrent-LSTM-deep"] = recurrent("LSTM", num_layers=2, bidirectional=True)
RECURRENT["recurrent-RNN-relu"] = recurrent("RNN", num_layers=2, nonlinearity="relu")
PROGRAMS |= RECURRENT

# --- arguments ---
CALLS = {
    "no_text": lambda t: t.autocast(3),
    "single": lambda t: t.autocast("cpu", t.float32)._enabled,
    "single_and_off": lambda t: t.autocast("cpu", t.float32, enabled=False)._enabled,
    "decorates_nothing": lambda t: t.autocast("cpu")(3),
    "enabled_by_default": lambda t: (t.is_autocast_enabled(), t.is_autocast_enabled("cpu")),
    "enabled_of_number": lambda t: t.is_autocast_enabled(3),
    "dtypes": lambda t: [t.get_autocast_dtype(kind) for kind in ("cpu", "cuda")],
    "dtype_of_number": lambda t: t.set_autocast_dtype("cpu", 3),
    "available": lambda t: [t.amp.is_autocast_available(kind) for kind in ("cpu", "cuda", "cuda:0")],
    "available_number": lambda t: t.amp.is_autocast_available(3),
    "custom_fwd_of_number": lambda t: t.amp.custom_fwd(device_type=3),
    "custom_bwd_of_number": lambda t: t.amp.custom_bwd(device_type=3),
    "old_autocast": lambda t: t.cuda.amp.autocast(False)._enabled,
    "old_custom": lambda t: (
        t.cuda.amp.custom_fwd(lambda ctx: 1).__name__ and t.cuda.amp.custom_bwd(lambda ctx: 1).__name__
    ),
    "names": lambda t: t.amp.autocast is t.autocast,
}
PROGRAMS |= CALLS


@pytest.fixture(scope="module")
def expected():
    return golden(__file__)


@pytest.fixture(autouse=True)
def left_as_found():
    yield
    assert not plugrad.is_autocast_enabled("cpu")
    assert not plugrad.is_autocast_enabled("cuda")
    assert plugrad.matmul.__code__.co_filename.endswith("product.py")


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name, expected):
    if name in RECURRENT and not hasattr(plugrad.nn, "LSTM"):
        pytest.skip("plugrad has no recurrent layers yet")
    assert differences(outcome(PROGRAMS[name], plugrad), expected[name], rel=1e-2) == []


# --- what torch does not do, or cannot show here ---
def test_devices_without_autocast():
    for call, text in (
        (lambda: plugrad.autocast("numpy"), "unsupported scalarType"),
        (lambda: plugrad.get_autocast_dtype("numpy"), "unsupported scalarType"),
        (lambda: plugrad.is_autocast_enabled("numpy"), "unknown device type for autocast"),
        (lambda: plugrad.set_autocast_enabled("numpy", True), "unknown device type for autocast"),
        (lambda: plugrad.autocast("nowhere"), "at start of device string: nowhere"),
        (lambda: plugrad.autocast("numpy", plugrad.float16), "unsupported autocast device_type 'numpy'"),
    ):
        with pytest.raises(RuntimeError, match=text):
            call()
    assert not plugrad.amp.is_autocast_available("numpy")


@pytest.mark.cpu
def test_a_parameter_that_is_written_to_is_cast_anew():
    """torch goes on with the old values until the block ends."""
    weight, x = plugrad.ones(2, 2, requires_grad=True), plugrad.ones(2, 2)
    with plugrad.autocast("cpu"):
        plugrad.mm(weight, x)
        with plugrad.no_grad():
            weight.mul_(3)
        assert plugrad.mm(weight, x).tolist() == [[6.0, 6.0], [6.0, 6.0]]


@pytest.mark.cpu
def test_casts_go_with_the_outermost_block():
    weight, x = plugrad.ones(2, 2, requires_grad=True), plugrad.ones(2, 2)
    with plugrad.autocast("cpu"):
        with plugrad.autocast("cpu"):
            plugrad.mm(weight, x)
        assert len(SETTINGS.get().cache) == 1
    assert not SETTINGS.get().cache


@pytest.mark.cpu
def test_each_thread_has_its_own():
    x, entered, leave = plugrad.ones(2, 2), threading.Event(), threading.Event()
    found = []

    def other():
        with plugrad.autocast("cpu", plugrad.float16):
            entered.set()
            leave.wait(10)
            found.append((x @ x).dtype)
        found.append((x @ x).dtype)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    assert (x @ x).dtype is plugrad.float32
    with plugrad.autocast("cpu"):
        leave.set()
        thread.join()
        assert (x @ x).dtype is plugrad.bfloat16
    assert found == [plugrad.float16, plugrad.float32]


@pytest.mark.cpu
def test_ops_under_a_profile_and_selective_checkpoints():
    import functools

    from plugrad.autograd import profiler
    from plugrad.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

    x, w = plugrad.ones(2, 2), plugrad.ones(2, 2, requires_grad=True)
    with profiler.profile() as taken, plugrad.autocast("cpu"):
        x @ w
    assert [event.name for event in taken.function_events] == ["cast", "cast", "mm"]
    keep = functools.partial(create_selective_checkpoint_contexts, [plugrad.matmul])
    with plugrad.autocast("cpu"):
        y = checkpoint(lambda w: (x @ w).float().sigmoid(), w, use_reentrant=False, context_fn=keep)
    y.sum().backward()
    assert w.grad.dtype is plugrad.float32


@pytest.mark.cpu
def test_custom_ops():
    op = plugrad.library.custom_op("autocast_test::twice", twice, mutates_args=())
    plugrad.library.register_autocast("autocast_test::twice", "cpu", plugrad.float16)
    x = plugrad.ones(2)
    with plugrad.autocast("cpu"):
        assert op(x).dtype is plugrad.float16
        assert op(x.double()).dtype is plugrad.float64
    assert op(x).dtype is plugrad.float32
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'int'>`"):
        op.register_autocast(3, plugrad.float16)
    with pytest.raises(ValueError, match="Device type 'numpy' does not support autocast"):
        op.register_autocast("numpy", plugrad.float16)


def twice(x: plugrad.Tensor) -> plugrad.Tensor:
    return x * 2


# --- cuda's lists ---
LOW, SINGLE = plugrad.float16, plugrad.float32
#: dtype → ops whose results have it, of single and of half arguments alike. The lists are those of torch's documentation.
CUDA = {
    LOW: (
        "mm matmul matmul_of_vectors matmul_of_batches bmm mv addmm addmv addr addbmm baddbmm chain_matmul vecdot einsum linear "
        "linear_without_bias conv1d conv2d conv3d conv_transpose2d attention prelu"
    ),
    SINGLE: (
        "exp log pow reciprocal softplus sum prod cumsum softmax log_softmax norm layer_norm layer_norm_with_weights group_norm "
        "normalize cosine_similarity cdist mse_loss l1_loss huber_loss smooth_l1_loss cross_entropy nll_loss kl_div "
        "binary_cross_entropy_with_logits poisson_nll_loss hinge_embedding_loss margin_ranking_loss soft_margin_loss "
        "triplet_margin_loss cosine_embedding_loss multi_margin_loss multilabel_margin_loss"
    ),
}
MORE_SINGLE = {
    "acos": lambda t, a, b: matrix(t, a).acos(),
    "asin": lambda t, a, b: matrix(t, a).asin(),
    "cosh": lambda t, a, b: matrix(t, a).cosh(),
    "cumprod": lambda t, a, b: matrix(t, a).cumprod(0),
    "dist": lambda t, a, b: t.dist(matrix(t, a), matrix(t, b)),
    "erfinv": lambda t, a, b: matrix(t, a).erfinv(),
    "expm1": lambda t, a, b: matrix(t, a).expm1(),
    "log10": lambda t, a, b: matrix(t, a).log10(),
    "log1p": lambda t, a, b: matrix(t, a).log1p(),
    "log2": lambda t, a, b: matrix(t, a).log2(),
    "logsumexp": lambda t, a, b: matrix(t, a).logsumexp(0),
    "matrix_norm": lambda t, a, b: t.linalg.matrix_norm(matrix(t, a)),
    "pow_of_number": lambda t, a, b: 2 ** matrix(t, a),
    "pow_of_tensors": lambda t, a, b: matrix(t, a) ** matrix(t, b),
    "over": lambda t, a, b: 1 / matrix(t, a),
    "renorm": lambda t, a, b: t.renorm(matrix(t, a), 2, 0, 1.0),
    "rms_norm": lambda t, a, b: t.nn.functional.rms_norm(matrix(t, a), (3,)),
    "rsqrt": lambda t, a, b: matrix(t, a).rsqrt(),
    "sinh": lambda t, a, b: matrix(t, a).sinh(),
    "softmin": lambda t, a, b: t.nn.functional.softmin(matrix(t, a), -1),
    "square": lambda t, a, b: matrix(t, a).square(),
    "sum_all": lambda t, a, b: matrix(t, a).sum(),
    "tan": lambda t, a, b: matrix(t, a).tan(),
    "vector_norm": lambda t, a, b: t.linalg.vector_norm(matrix(t, a)),
}
WIDEST = {
    "addcdiv": lambda t, a, b: t.addcdiv(matrix(t, a), matrix(t, b), matrix(t, b)),
    "addcmul": OPS["addcmul"],
    "atan2": lambda t, a, b: t.atan2(matrix(t, a), matrix(t, b)),
    "bilinear": lambda t, a, b: t.nn.functional.bilinear(matrix(t, a), matrix(t, b), operand(t, a, 2, 3, 3)),
    "cross": lambda t, a, b: t.linalg.cross(matrix(t, a), matrix(t, b)),
    "dot": OPS["dot"],
    "index_put": lambda t, a, b: t.index_put(operand(t, a, 3), (whole(t),), operand(t, b, 3)),
    "scatter_add": lambda t, a, b: t.scatter_add(operand(t, a, 3), 0, whole(t), operand(t, b, 3)),
    "tensordot": lambda t, a, b: t.tensordot(matrix(t, a), matrix(t, b), 1),
    "vdot": lambda t, a, b: t.vdot(operand(t, a, 3), operand(t, b, 3)),
}
UNLISTED = "add mul relu gelu mean max batch_norm instance_norm max_pool2d avg_pool2d avg_pool3d pad_constant embedding in_place out"
FOR_CUDA = [
    *((OPS[name], (dtype,) * 3, name) for dtype, names in CUDA.items() for name in names.split()),
    *((op, (SINGLE,) * 3, name) for name, op in MORE_SINGLE.items()),
    *((op, (SINGLE, LOW, SINGLE), name) for name, op in WIDEST.items()),
    *((OPS[name], (SINGLE, LOW), name) for name in UNLISTED.split()),
]


@pytest.fixture
def cuda(xp):
    if xp.device_type != "cuda":
        pytest.skip("about cuda devices")


@pytest.mark.parametrize(("op", "dtypes", "name"), FOR_CUDA, ids=[name for *_, name in FOR_CUDA])
def test_on_cuda(op, dtypes, name, cuda):
    pairs = [(SINGLE, SINGLE), (LOW, LOW), (LOW, SINGLE)][: len(dtypes)]
    for (a, b), dtype in zip(pairs, dtypes, strict=True):
        if name in ("cross_entropy", "nll_loss") and a is not b:
            continue
        with plugrad.autocast("cuda"):
            result = op(plugrad, a, b)
        for part in result if isinstance(result, tuple) else (result,):
            assert part.dtype is dtype, (name, a, b)
            assert part.is_cuda


def test_losses_that_cuda_refuses(cuda):
    p = plugrad.full((2,), 0.5)
    with plugrad.autocast("cuda"), pytest.raises(RuntimeError, match="unsafe to autocast"):
        plugrad.nn.functional.binary_cross_entropy(p, p)


def test_a_dtype_that_the_call_names(cuda):
    x = plugrad.ones(2, dtype=plugrad.float16)
    with plugrad.autocast("cuda"):
        assert x.sum(dtype=plugrad.float16).dtype is plugrad.float16
        assert plugrad.nn.functional.softmax(x, 0, dtype=plugrad.float64).dtype is plugrad.float64


def test_tensors_of_the_other_device_stay(cuda):
    x, y = plugrad.ones(2, 2), plugrad.ones(2, 2, device="cpu")
    with plugrad.autocast("cuda"):
        assert (x @ x).dtype is plugrad.float16
        assert (y @ y).dtype is plugrad.float32
        with plugrad.autocast("cpu"):
            assert (x @ x).dtype is plugrad.float16
            assert (y @ y).dtype is plugrad.bfloat16
            assert y.exp().dtype is plugrad.float32


@pytest.mark.parametrize("scaled", [False, True])
def test_a_training_step_waits_once_at_most(cuda, scaled, request):
    """Once for each step with a scaler, to know whether to take it."""
    if request.config.getoption("--backend") != "simcuda":
        pytest.skip("host syncs are counted on simcuda")
    from simcupy import counting

    model = net(plugrad)
    x, y = on(np.ones((3, 2), np.float32)), on(np.zeros((3, 2), np.float32))
    optimizer = plugrad.optim.SGD(model.parameters(), lr=0.1)
    scaler = plugrad.amp.GradScaler("cuda", enabled=scaled)
    for _ in range(2):
        with counting() as seen:
            with plugrad.autocast("cuda"):
                loss = plugrad.nn.functional.mse_loss(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=False)
        assert seen.syncs == scaled
    assert loss.dtype is plugrad.float32
    assert {p.grad.dtype for p in model.parameters()} == {plugrad.float32}


def test_old_names(cuda):
    x = plugrad.ones(2, 2)
    with pytest.warns(FutureWarning, match="Please use `torch.amp.autocast\\('cuda', args...\\)` instead"):
        block = plugrad.cuda.amp.autocast()
    with block:
        assert (x @ x).dtype is plugrad.float16


def test_bfloat16_where_the_device_has_none(cuda, xp):
    if xp.bfloat16 is not None:
        with plugrad.autocast("cuda", plugrad.bfloat16):
            assert (plugrad.ones(2, 2) @ plugrad.ones(2, 2)).dtype is plugrad.bfloat16
        return
    with pytest.raises(RuntimeError, match="Current CUDA Device does not support bfloat16"):
        plugrad.autocast("cuda", plugrad.bfloat16)


@pytest.fixture
def no_cuda(monkeypatch):
    def none(device_type):
        raise RuntimeError(f"nothing serves {device_type}")

    monkeypatch.setattr(registry, "spec_for", none)


@pytest.mark.cpu
def test_without_cuda(no_cuda):
    with pytest.warns(UserWarning, match="CUDA is not available or torch_xla is imported. Disabling autocast.") as seen:
        block = plugrad.autocast("cuda")
    assert seen[0].filename == __file__
    with block:
        assert not plugrad.is_autocast_enabled("cuda")
