"""Reductions, products, losses and norms of half precision are as exact as the torch beside us makes them."""

import numpy as np
import pytest

import plugrad

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

#: A last digit, relative to a value.
DIGITS = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


def functional(t):
    return t.nn.functional


def near_one(*shape):
    return np.random.default_rng(1).uniform(0.5, 1.5, shape)


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def unit(*shape):
    return np.random.default_rng(sum(shape)).uniform(0.1, 0.9, shape)


def zeros(t):
    return t.zeros(2000, dtype=t.int64)


def classes(t):
    return t.arange(1000) % 3


#: name → (a program, what it is given in float64)
PROGRAMS = {
    "sum": (lambda t, x: x.sum(), [near_one(3000)]),
    "sum0": (lambda t, x: x.sum(0), [near_one(3000, 3)]),
    "sum1": (lambda t, x: x.sum(1, keepdim=True), [near_one(3, 3000)]),
    "sum_axes": (lambda t, x: x.sum((0, 2)), [near_one(60, 3, 50)]),
    "sum_transposed": (lambda t, x: x.t().sum(1), [near_one(3000, 3)]),
    "mean": (lambda t, x: x.mean(), [near_one(3000)]),
    "mean_overflow": (lambda t, x: x.mean(), [near_one(3000) * 100]),
    "mean0": (lambda t, x: x.mean(0), [near_one(3000, 3)]),
    "prod": (lambda t, x: x.prod(), [1 + normal(300) * 0.02]),
    "prod0": (lambda t, x: x.prod(0), [1 + normal(300, 3) * 0.02]),
    "cumsum": (lambda t, x: x.cumsum(0), [near_one(2000, 2)]),
    "cumprod": (lambda t, x: x.cumprod(0), [1 + normal(100, 2) * 0.02]),
    "var": (lambda t, x: x.var(), [normal(3000) + 3]),
    "var0": (lambda t, x: x.var(0), [normal(3000, 2) + 3]),
    "std1": (lambda t, x: x.std(1), [normal(2, 3000) + 3]),
    "norm": (lambda t, x: x.norm(), [near_one(3000)]),
    "norm_one": (lambda t, x: x.norm(1), [near_one(3000)]),
    "norm_three": (lambda t, x: x.norm(3, 0), [near_one(3000, 2)]),
    "norm_zero": (lambda t, x: t.linalg.vector_norm(x, 0), [near_one(1500)]),
    "norm_overflow": (lambda t, x: x.norm(), [near_one(200) * 300]),
    "logsumexp": (lambda t, x: x.logsumexp(0), [normal(3000, 2)]),
    "softmax": (lambda t, x: x.softmax(1), [normal(2, 3000)]),
    "log_softmax": (lambda t, x: x.log_softmax(0), [normal(3000, 2)]),
    "matmul": (lambda t, x, y: x @ y, [near_one(3, 2000), near_one(2000, 2)]),
    "mv": (lambda t, x, y: x @ y, [near_one(3, 2000), near_one(2000)]),
    "dot": (lambda t, x, y: t.dot(x, y), [near_one(2000), near_one(2000)]),
    "bmm": (lambda t, x, y: t.bmm(x, y), [near_one(2, 3, 2000), near_one(2, 2000, 2)]),
    "matmul_long": (lambda t, x, y: x @ y, [near_one(3000, 2), near_one(2, 3)]),
    "linear": (lambda t, x, w, b: functional(t).linear(x, w, b), [near_one(3, 2000), near_one(2, 2000), near_one(2)]),
    "linear_long": (lambda t, x, w, b: functional(t).linear(x, w, b), [near_one(2000, 3), near_one(2, 3), near_one(2)]),
    "broadcast_add": (lambda t, x, y: x + y, [near_one(3000, 2), near_one(2)]),
    "broadcast_mul": (lambda t, x, y: x * y, [near_one(3000, 2), near_one(2)]),
    "expand": (lambda t, x: x.expand(3000, 2), [near_one(2)]),
    "index_repeated": (lambda t, x: x[zeros(t)], [near_one(2)]),
    "index_select": (lambda t, x: x.index_select(0, zeros(t)), [near_one(2)]),
    "gather": (lambda t, x: x.gather(0, zeros(t)), [near_one(2)]),
    "index_add": (lambda t, x, y: x.index_add(0, zeros(t), y), [near_one(2), near_one(2000)]),
    "scatter_add": (lambda t, x, y: x.scatter_add(0, zeros(t), y), [near_one(2), near_one(2000)]),
    "embedding": (lambda t, x: functional(t).embedding(zeros(t), x), [near_one(2, 3)]),
    "mse_loss": (lambda t, x, y: functional(t).mse_loss(x, y), [normal(3000), normal(3000)]),
    "mse_sum": (lambda t, x, y: functional(t).mse_loss(x, y, reduction="sum"), [normal(3000), normal(3000)]),
    "l1_loss": (lambda t, x, y: functional(t).l1_loss(x, y), [normal(3000), normal(3000)]),
    "smooth_l1": (lambda t, x, y: functional(t).smooth_l1_loss(x, y), [normal(3000), normal(3000)]),
    "huber": (lambda t, x, y: functional(t).huber_loss(x, y), [normal(3000), normal(3000)]),
    "binary_cross_entropy": (lambda t, x, y: functional(t).binary_cross_entropy(x, y), [unit(3000), unit(3000)]),
    "with_logits": (lambda t, x, y: functional(t).binary_cross_entropy_with_logits(x, y), [normal(3000), unit(3000)]),
    "kl_div": (
        lambda t, x, y: functional(t).kl_div(x, y, reduction="batchmean"),
        [-near_one(3000, 2), near_one(3000, 2)],
    ),
    "poisson": (lambda t, x, y: functional(t).poisson_nll_loss(x, y), [normal(3000), near_one(3000)]),
    "gaussian_nll": (
        lambda t, x, y, v: functional(t).gaussian_nll_loss(x, y, v),
        [normal(3000), normal(3000), near_one(3000)],
    ),
    "soft_margin": (lambda t, x: functional(t).soft_margin_loss(x, x.detach().sign()), [normal(3000)]),
    "cross_entropy": (lambda t, x: functional(t).cross_entropy(x, classes(t)), [normal(1000, 3)]),
    "cross_entropy_weight": (
        lambda t, x, w: functional(t).cross_entropy(x, classes(t), w.detach()),
        [normal(1000, 3), near_one(3)],
    ),
    "cross_entropy_wide": (lambda t, x: functional(t).cross_entropy(x, t.arange(2)), [normal(2, 3000)]),
    "cross_entropy_smooth": (
        lambda t, x: functional(t).cross_entropy(x, classes(t), label_smoothing=0.1),
        [normal(1000, 3)],
    ),
    "cross_entropy_soft": (lambda t, x, y: functional(t).cross_entropy(x, y), [normal(1000, 3), near_one(1000, 3)]),
    "nll_loss": (lambda t, x: functional(t).nll_loss(x, classes(t)), [-near_one(1000, 3)]),
    "nll_loss_images": (
        lambda t, x: functional(t).nll_loss(x, (t.arange(900) % 3).reshape(1, 30, 30)),
        [-near_one(1, 3, 30, 30)],
    ),
    "multilabel_soft_margin": (
        lambda t, x, y: functional(t).multilabel_soft_margin_loss(x, (y.detach() > 1).to(x.dtype)),
        [normal(1000, 3), near_one(1000, 3)],
    ),
    "hinge_embedding": (
        lambda t, x, y: functional(t).hinge_embedding_loss(x, y.detach().sign()),
        [near_one(3000), normal(3000)],
    ),
    "margin_ranking": (
        lambda t, x, y: functional(t).margin_ranking_loss(x, y, t.ones(3000)),
        [normal(3000), normal(3000)],
    ),
    "triplet": (
        lambda t, x, y, z: functional(t).triplet_margin_loss(x, y, z),
        [normal(5, 1000), normal(5, 1000), normal(5, 1000)],
    ),
    "cosine_embedding": (
        lambda t, x, y: functional(t).cosine_embedding_loss(x, y, t.ones(5)),
        [normal(5, 1000), normal(5, 1000)],
    ),
    "cosine_similarity": (lambda t, x, y: functional(t).cosine_similarity(x, y), [normal(5, 1000), normal(5, 1000)]),
    "pairwise_distance": (lambda t, x, y: functional(t).pairwise_distance(x, y), [normal(5, 1000), normal(5, 1000)]),
    "normalize": (lambda t, x: functional(t).normalize(x), [normal(5, 1000)]),
    "layer_norm": (
        lambda t, x, w, b: functional(t).layer_norm(x, (3000,), w, b),
        [normal(2, 3000), near_one(3000), normal(3000)],
    ),
    "layer_norm_long": (
        lambda t, x, w, b: functional(t).layer_norm(x, (3,), w, b),
        [normal(2000, 3), near_one(3), normal(3)],
    ),
    "batch_norm": (
        lambda t, x, w, b: functional(t).batch_norm(x, None, None, w, b, True),
        [normal(5, 3, 20, 20), near_one(3), normal(3)],
    ),
    "group_norm": (
        lambda t, x, w, b: functional(t).group_norm(x, 2, w, b),
        [normal(2, 4, 30, 30), near_one(4), normal(4)],
    ),
    "instance_norm": (lambda t, x: functional(t).instance_norm(x), [normal(2, 3, 30, 30)]),
    "rms_norm": (lambda t, x, w: functional(t).rms_norm(x, (3000,), w), [normal(2, 3000), near_one(3000)]),
    "conv2d": (
        lambda t, x, w, b: functional(t).conv2d(x, w, b),
        [near_one(1, 60, 6, 6), near_one(2, 60, 5, 5), near_one(2)],
    ),
    "conv2d_long": (
        lambda t, x, w, b: functional(t).conv2d(x, w, b),
        [near_one(4, 1, 30, 30), near_one(2, 1, 3, 3), near_one(2)],
    ),
    "conv1d": (lambda t, x, w: functional(t).conv1d(x, w), [near_one(1, 500, 5), near_one(2, 500, 3)]),
    "conv_transpose2d": (
        lambda t, x, w, b: functional(t).conv_transpose2d(x, w, b),
        [near_one(1, 500, 4, 4), near_one(500, 2, 3, 3), near_one(2)],
    ),
    "avg_pool": (lambda t, x: functional(t).avg_pool2d(x, 30), [near_one(1, 2, 30, 30)]),
    "adaptive_avg_pool": (lambda t, x: functional(t).adaptive_avg_pool2d(x, 1), [near_one(1, 2, 60, 60)]),
    "avg_pool_long": (lambda t, x: functional(t).avg_pool1d(x, 1000), [near_one(1, 2, 2000)]),
    "avg_pool_overlapping": (lambda t, x: functional(t).avg_pool2d(x, 3, 1), [near_one(1, 2, 40, 40)]),
    "prelu": (lambda t, x, w: functional(t).prelu(x, w), [normal(2, 1500), near_one(1)]),
    "amax_ties": (lambda t, x: (x * 0).amax(0), [near_one(1000, 2)]),
    "max_ties": (lambda t, x: (x * 0).max(), [near_one(1000)]),
    "trace": (lambda t, x: t.trace(x), [near_one(600, 600)]),
    "glu": (lambda t, x: functional(t).glu(x), [normal(2, 1000)]),
    "unfold": (lambda t, x: x.unfold(0, 600, 1), [near_one(1200)]),
    "repeat": (lambda t, x: x.repeat(2000), [near_one(2)]),
    "repeat_interleave": (lambda t, x: x.repeat_interleave(1000), [near_one(2)]),
    "matrix_norm": (lambda t, x: t.linalg.matrix_norm(x), [near_one(50, 50)]),
}


def results(t, program, arrays, dtype):
    """What a program returns and its gradients, in float64 numpy, and the dtype of the result."""
    leaves = [t.tensor(a.tolist(), dtype=t.float64).to(getattr(t, dtype)).requires_grad_() for a in arrays]
    made = program(t, *leaves)
    if made.requires_grad:
        made.backward(t.ones(made.shape, dtype=made.dtype))
    found = {"result": made.detach(), **{f"gradient {i}": x.grad for i, x in enumerate(leaves) if x.grad is not None}}
    return {k: np.array(v.to(t.float64).tolist()) for k, v in found.items()}, str(made.dtype)


def error(found, exact, digit):
    """The largest distance, in last digits of the value and of a typical one."""
    return float(np.max(np.abs(found - exact) / (np.abs(exact) + np.abs(exact).mean() + 1e-30))) / digit


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", DIGITS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_exact_as_torch(name, dtype):
    program, arrays = PROGRAMS[name]
    given = [np.array(torch.tensor(a).to(getattr(torch, dtype)).double().tolist()) for a in arrays]
    exact, _ = results(torch, program, given, "float64")
    theirs, their_dtype = results(torch, program, given, dtype)
    ours, our_dtype = results(plugrad, program, given, dtype)
    assert our_dtype == their_dtype
    assert ours.keys() == theirs.keys()
    for what, value in ours.items():
        bound = max(1.6 * error(theirs[what], exact[what], DIGITS[dtype]), 1.5)
        assert error(value, exact[what], DIGITS[dtype]) <= bound, what
