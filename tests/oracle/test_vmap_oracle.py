"""torch.vmap beside plugrad.vmap: ops, gradients of them inside and outside, nests, random numbers."""

import numpy as np
import pytest

import plugrad
from plugrad_func_programs import (
    M,
    Point,
    W,
    X,
    Y,
    both,
    draw,
    func_of,
    ints,
    outcome,
    same_outcome,
    to,
    written,
)

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

# --- vmap of many ops: (arguments, in_dims, function of the library and one example) ---
OPS = {
    "dot": ((X, Y), 0, lambda t, x, y: t.dot(x, y)),
    "dot with one": ((X, Y[0]), (0, None), lambda t, x, y: t.dot(x, y)),
    "vector matrix": ((X, W), (0, None), lambda t, x, w: x @ w),
    "matrix vector": ((W.T.copy(), X), (None, 0), lambda t, w, x: w @ x),
    "matrices": ((M, W), (0, None), lambda t, m, w: m @ w),
    "one matrix with many": ((W.T.copy(), M), (None, 0), lambda t, w, m: w @ m),
    "batches of matrices": ((draw(4, 2, 3, 3), M), 0, lambda t, a, m: a @ m),
    "bmm": ((draw(4, 2, 3, 3), draw(2, 3, 2)), (0, None), lambda t, a, m: t.bmm(a, m)),
    "outer": ((X, Y), 0, lambda t, x, y: t.outer(x, y)),
    "broadcast": ((X, draw(4, 2, 3)), 0, lambda t, x, y: x * y + 1),
    "scalars": ((draw(4), X), 0, lambda t, a, x: a * x - x / (a + 3)),
    "other dims": ((draw(3, 4), draw(4, 2, 3)), (1, 0), lambda t, x, y: x + y),
    "python numbers": ((X,), 0, lambda t, x: 2 * x - 1 / (x + 3)),
    "reductions": ((M,), 0, lambda t, m: (m.sum(), m.mean(0), m.var(1), m.amax(-1, keepdim=True), m.logsumexp((0, 1)))),
    "max with indices": ((M,), 0, lambda t, m: tuple(m.max(1))),
    "argmax": ((M,), 0, lambda t, m: (m.argmax(), m.argmin(0), m.argmax(1, keepdim=True))),
    "sort": ((M,), 0, lambda t, m: tuple(m.sort(0, descending=True))),
    "topk": ((X,), 0, lambda t, x: tuple(x.topk(2))),
    "cumsum": ((M,), 0, lambda t, m: (m.cumsum(0), m.cumprod(1))),
    "softmax": ((M,), 0, lambda t, m: (m.softmax(0), m.log_softmax(-1))),
    "norm": ((M,), 0, lambda t, m: (m.norm(), m.norm(dim=0), m.norm(p=1))),
    "views": ((M,), 0, lambda t, m: (m.t(), m.reshape(-1), m[0], m[:, 1], m[None, ..., 1:], m.diagonal(), m.unsqueeze(1))),
    "permute": ((draw(4, 2, 3, 5),), 0, lambda t, x: (x.permute(2, 0, 1), x.movedim(0, -1), x.flatten(1), x.transpose(0, 2))),
    "expand": ((X,), 0, lambda t, x: (x.expand(2, 3), x.repeat(2, 2), x.roll(1), x.flip(0))),
    "triangles": ((M,), 0, lambda t, m: (m.tril(), m.triu(1), m.trace())),
    "split": ((X,), 0, lambda t, x: (*x.split(2), *x.unbind(), *x.chunk(2))),
    "cat with one": ((X, Y[0]), (0, None), lambda t, x, y: (t.cat([x, y]), t.stack([y, x], 1), t.hstack([y, x]))),
    "index by one": ((M, ints(3, 2)), (0, None), lambda t, m, i: (m[i], m[:, i], m[i, i])),
    "index by many": ((M, ints(3, 4, 2)), 0, lambda t, m, i: (m[i], m[:, i], m[i, i], m[i, :, None] if False else m[i])),
    "one indexed by many": ((M[0], ints(3, 4, 2)), (None, 0), lambda t, m, i: (m[i], m[:, i])),
    "index apart": ((draw(4, 3, 2, 3), ints(3, 4, 2)), 0, lambda t, m, i: m[i, :, i]),
    "index apart by one": ((draw(4, 3, 2, 3), ints(3, 2)), (0, None), lambda t, m, i: m[i, :, i]),
    "0-d index": ((X, ints(3, 4)), 0, lambda t, x, i: x[i]),
    "mask of one": ((X, np.array([True, False, True])), (0, None), lambda t, x, m: x[m]),
    "gather": ((M, ints(3, 4, 3, 2)), 0, lambda t, m, i: m.gather(1, i)),
    "gather from one": ((M[0], ints(3, 4, 3, 2)), (None, 0), lambda t, m, i: m.gather(1, i)),
    "index_select": ((M, ints(3, 4, 2)), 0, lambda t, m, i: m.index_select(1, i)),
    "take_along_dim": ((M, ints(3, 4, 3, 1)), 0, lambda t, m, i: t.take_along_dim(m, i, 1)),
    "scatter": ((M, ints(3, 4, 3, 1), draw(4, 3, 1)), 0, lambda t, m, i, s: m.scatter(1, i, s)),
    "scatter_add": ((M, ints(3, 4, 3, 2), draw(4, 3, 2)), 0, lambda t, m, i, s: m.scatter_add(1, i, s)),
    "index_add": ((M, ints(3, 2), draw(4, 2, 3)), (0, None, 0), lambda t, m, i, s: m.index_add(0, i, s)),
    "where": ((X, Y, X > 0), 0, lambda t, x, y, c: t.where(c, x, y)),
    "where by many of one": ((X[0], Y[0], X > 0), (None, None, 0), lambda t, x, y, c: t.where(c, x, y)),
    "masked_fill": ((X[0], X > 0), (None, 0), lambda t, x, c: x.masked_fill(c, 2.0)),
    "clamp": ((X,), 0, lambda t, x: (x.clamp(-0.5, 0.5), x.clamp(min=x.mean()), t.maximum(x, t.zeros(3, dtype=t.float64)))),
    "comparisons": ((X, Y), 0, lambda t, x, y: ((x > y), (x == x), (x > 0) & (y > 0), ~(x > 0))),
    "dtypes": ((X, ints(5, 4, 3)), 0, lambda t, x, i: (x * i, i / 2, i.sum(), x.float(), (x > 0).sum())),
    "linear": ((draw(4, 2, 3), draw(5, 3), draw(5)), (0, None, None), lambda t, x, w, b: t.nn.functional.linear(x, w, b)),
    "linear with many weights": ((draw(2, 3), draw(4, 5, 3), draw(4, 5)), (None, 0, 0), lambda t, x, w, b: t.nn.functional.linear(x, w, b)),
    "conv": ((draw(4, 2, 3, 6, 6), draw(4, 3, 3, 3), draw(4)), (0, None, None), lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, padding=1)),
    "conv with many weights": ((draw(2, 3, 6, 6), draw(4, 2, 3, 3, 3), draw(4, 2)), (None, 0, 0), lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, stride=2)),
    "conv with groups": ((draw(4, 2, 4, 6), draw(4, 6, 2, 3)), 0, lambda t, x, w: t.nn.functional.conv1d(x, w, groups=2)),
    "conv transposed": ((draw(4, 2, 3, 5), draw(4, 3, 2, 3)), 0, lambda t, x, w: t.nn.functional.conv_transpose1d(x, w, stride=2)),
    "pooling": ((draw(4, 2, 3, 6, 6),), 0, lambda t, x: (t.nn.functional.max_pool2d(x, 2), t.nn.functional.avg_pool2d(x, 3), t.nn.functional.adaptive_avg_pool2d(x, 2))),
    "layer_norm": ((M, draw(3), draw(3)), (0, None, None), lambda t, x, w, b: t.nn.functional.layer_norm(x, (3,), w, b)),
    "layer_norm with many weights": ((M, X, Y), 0, lambda t, x, w, b: t.nn.functional.layer_norm(x, (3,), w, b)),
    "group_norm": ((draw(4, 2, 4, 5),), 0, lambda t, x: t.nn.functional.group_norm(x, 2)),
    "batch_norm": ((draw(4, 5, 3),), 0, lambda t, x: t.nn.functional.batch_norm(x, None, None, training=True)),
    "embedding": ((draw(6, 3), ints(6, 4, 2)), (None, 0), lambda t, w, i: t.nn.functional.embedding(i, w)),
    "embedding with many weights": ((draw(4, 6, 3), ints(6, 2)), (0, None), lambda t, w, i: t.nn.functional.embedding(i, w)),
    "cross_entropy": ((draw(4, 5, 3), ints(3, 4, 5)), 0, lambda t, x, y: t.nn.functional.cross_entropy(x, y)),
    "cross_entropy of one": ((draw(4, 3), ints(3, 4)), 0, lambda t, x, y: t.nn.functional.cross_entropy(x, y)),
    "losses": ((X, Y), 0, lambda t, x, y: (t.nn.functional.mse_loss(x, y), t.nn.functional.smooth_l1_loss(x, y), t.nn.functional.l1_loss(x, y))),
    "activations": ((X,), 0, lambda t, x: (t.nn.functional.gelu(x), t.nn.functional.elu(x), t.nn.functional.softplus(x), x.sigmoid(), t.relu(x), t.tanh(x))),
    "padding": ((M,), 0, lambda t, m: (t.nn.functional.pad(m, (1, 2)), t.nn.functional.pad(m[None], (1, 1), mode="reflect"))),
    "new tensors": ((X,), 0, lambda t, x: (t.zeros_like(x), x.new_ones(2), t.ones(2, dtype=t.float64), t.full_like(x, 3))),
    "clone and detach": ((X,), 0, lambda t, x: (x.clone(), x.detach() * 2, x.contiguous())),
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_vmap_of(name):
    arrays, dims, function = OPS[name]
    both(lambda t, f, *tensors: f.vmap(lambda *a: function(t, *a), in_dims=dims)(*tensors), *arrays)


def smooth_sum(t, made):
    parts = made if isinstance(made, (tuple, list)) else (made,)
    total = 0.0
    for part in parts:
        if part.dtype == t.float64:
            total = total + (part * part).sum() + part.sum()
    return total


def floats(arrays):
    return tuple(i for i, a in enumerate(arrays) if a.dtype == np.float64)


#: Nothing of float64 comes out that depends on the input.
CONSTANT = {"argmax", "comparisons", "new tensors"}


@pytest.mark.parametrize(
    "name", [name for name in OPS if name not in CONSTANT | {"0-d index"}]
)  # torch refuses the latter
def test_gradient_under_vmap_of(name):
    arrays, dims, function = OPS[name]

    def program(t, f, *tensors):
        gradient = f.grad(lambda *a: smooth_sum(t, function(t, *a)), argnums=floats(arrays))
        return f.vmap(gradient, in_dims=dims)(*tensors)

    both(program, *arrays)


@pytest.mark.parametrize("name", [name for name in OPS if name not in CONSTANT])
def test_gradient_of_vmap_of(name):
    arrays, dims, function = OPS[name]

    def program(t, f, *tensors):
        def total(*tensors):
            return smooth_sum(t, f.vmap(lambda *a: function(t, *a), in_dims=dims)(*tensors))

        return f.grad(total, argnums=floats(arrays))(*tensors)

    both(program, *arrays)


NESTS = {
    "pairs": lambda t, f, x, y: f.vmap(lambda p: (p[0] * p[1], {"s": p[0].sum()}))((x, y)),
    "dims of a nest": lambda t, f, x, y: f.vmap(lambda p, d: p[0] + d["k"], in_dims=((0, None), {"k": 1}))((x, y), {"k": y.t()}),
    "out_dims": lambda t, f, x, y: f.vmap(lambda a, b: (a, b), out_dims=(1, 0))(x, y),
    "out_dims of one": lambda t, f, x, y: f.vmap(lambda a, b: a + b, out_dims=-1)(x, y),
    "same for all": lambda t, f, x, y: f.vmap(lambda a: (a, t.ones(2)), out_dims=(0, None))(x),
    "not batched": lambda t, f, x, y: f.vmap(lambda a: t.ones(2))(x),
    "chunks": lambda t, f, x, y: f.vmap(lambda a, b: (a * b, a.sum()), chunk_size=3, out_dims=(1, 0))(x, y),
    "two levels": lambda t, f, x, y: f.vmap(lambda a: f.vmap(lambda b: a * b.sum())(y))(x),
    "two levels of one": lambda t, f, x, y: f.vmap(f.vmap(lambda a, b: a * b), in_dims=(1, 1), out_dims=1)(x, y),
    "three levels": lambda t, f, x, y: f.vmap(lambda a: f.vmap(lambda b: f.vmap(lambda c: a @ b * c)(a))(y))(x),
    "named tuple": lambda t, f, x, y: tuple(f.vmap(lambda p: Point(p.b, p.a))(Point(x, y))),
    "kwargs": lambda t, f, x, y: f.vmap(lambda a, scale: a * scale)(x, scale=2.0),
    "vjp of vmap of vjp": lambda t, f, x, y: f.vjp(lambda x: f.vmap(lambda a: f.vjp(lambda b: b.sin(), a)[1](a)[0])(x), x)[1](y),
    "vmap of the pull": lambda t, f, x, y: f.vmap(f.vjp(lambda x: f.vmap(lambda a: a.cumsum(0).sin())(x), x)[1])(t.stack([x, y])),
    "written inside": lambda t, f, x, y: f.vmap(lambda a: written(a.new_zeros(3), a))(x),
    "views written": lambda t, f, x, y: f.vmap(lambda a: written(a.clone(), a * 2))(x),
    "in place": lambda t, f, x, y: f.vmap(lambda a: a.clone().mul_(2).add_(a).sin_())(x),
    "input written": lambda t, f, x, y: (f.vmap(lambda a: a.mul_(2))(x), x),
    "rearrange": lambda t, f, x, y: [f.rearrange(x, p, b=2) for p in ("(a b) c -> c b a", "(a b) ... -> a (b ...)", "(b d) c -> 1 c (d b)")],
}  # fmt: skip


@pytest.mark.parametrize("name", NESTS)
def test_nest(name):
    both(NESTS[name], X, Y)


# --- random numbers ---
RANDOM = {
    "rand": lambda t, x: t.rand(3),
    "randn": lambda t, x: x * t.randn(3, dtype=t.float64),
    "rand_like": lambda t, x: t.rand_like(x),
    "randint": lambda t, x: t.randint(0, 9, (3,)),
    "randperm": lambda t, x: t.randperm(4),
    "bernoulli": lambda t, x: t.bernoulli(x.abs()),
    "dropout": lambda t, x: t.nn.functional.dropout(x),
    "normal in place": lambda t, x: x.clone().normal_(),
    "uniform in place": lambda t, x: t.zeros(4).uniform_(),
    "multinomial": lambda t, x: t.multinomial(x.abs(), 2),
}


@pytest.mark.parametrize("randomness", ["error", "same", "different"])
@pytest.mark.parametrize("name", RANDOM)
def test_random(name, randomness):
    found = []
    for t in (plugrad, torch):
        t.manual_seed(3)
        f = func_of(t)
        found.append(outcome(lambda t=t, f=f: f.vmap(lambda x: RANDOM[name](t, x), randomness=randomness)(to(t, X))))
    same_outcome(*found)


def test_random_on_two_levels():
    for outer in ("same", "different"):
        for inner in ("same", "different"):

            def program(t, f, x, outer=outer, inner=inner):
                t.manual_seed(1)
                return f.vmap(f.vmap(lambda x: t.rand(2), randomness=inner), randomness=outer)(x)

            both(program, X)
