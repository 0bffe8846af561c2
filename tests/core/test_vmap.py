"""vmap: its arguments, what it refuses, Functions, randomness, mixing; against loops over the examples."""

import gc
from typing import ClassVar

import numpy as np
import pytest

import plugrad
from plugrad.core.pytree import broadcast, flatten, map_leaves, unflatten
from plugrad_testing import assert_close, on

pytestmark = pytest.mark.device
vmap, grad = plugrad.vmap, plugrad.func.grad


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape)


def looped(function, *arrays):
    return np.stack([function(*(on(a) for a in parts))._host() for parts in zip(*arrays, strict=True)])


def test_dimensions_in_and_out():
    x, y = draw(3, 4), draw(4, 2, 3)
    made = vmap(lambda x, y: (y * x).sum(0), in_dims=(1, 0), out_dims=-1)(on(x), on(y))
    assert_close(made, (y * x.T[:, None]).sum(1).T)


def test_what_is_not_batched_is_shared():
    w = on(draw(2, 3), requires_grad=True)
    x = on(draw(4, 3), requires_grad=True)
    made = vmap(lambda x: (w @ x).sin())(x)
    assert_close(made, np.sin(x._host() @ w._host().T))
    made.sum().backward()
    slope = np.cos(x._host() @ w._host().T)
    assert_close(w.grad, slope.T @ x._host(), rtol=1e-12)
    assert_close(x.grad, slope @ w._host(), rtol=1e-12)


def test_a_gradient_inside_is_that_of_each_example():
    w, x = draw(2, 3), draw(4, 3)
    made = vmap(grad(lambda w, x: (w @ x).sin().sum()), in_dims=(None, 0))(on(w), on(x))
    assert_close(made, looped(lambda x: grad(lambda w: (w @ x).sin().sum())(on(w)), x), rtol=1e-12)


def test_levels_mix():
    x, y, z = draw(2, 3), draw(4, 3), draw(3)

    def program(x):
        return vmap(lambda y: vmap(lambda a, b: a * b * x.sum())(y, on(z)) + y.prod())(on(y))

    made = vmap(program)(on(x))
    expected = x.sum(1)[:, None, None] * (y * z) + y.prod(1)[None, :, None]
    assert_close(made, expected, rtol=1e-12)


def test_chunks_are_the_whole():
    x = on(draw(7, 3))
    whole = vmap(lambda x: (x.sin(), x.sum()), out_dims=(1, 0))(x)
    for size in (1, 2, 7, 9):
        for part, expected in zip(
            vmap(lambda x: (x.sin(), x.sum()), out_dims=(1, 0), chunk_size=size)(x), whole, strict=True
        ):
            assert_close(part, expected)


def test_no_examples():
    assert vmap(lambda x: x * 2)(on(np.zeros((0, 3)))).shape == (0, 3)


def test_writes_reach_every_example():
    x = draw(3, 4)

    def written(x):
        y = x.new_zeros(4)
        y[1:3] = x[:2]
        y[3] += x.sum()
        return y.mul_(2)

    expected = np.concatenate([np.zeros((3, 1)), x[:, :2], x.sum(1, keepdims=True)], 1) * 2
    assert_close(vmap(written)(on(x)), expected)
    t = on(x, requires_grad=True)
    vmap(written)(t).sum().backward()
    assert_close(t.grad, np.full((3, 4), 2.0) + np.array([2.0, 2.0, 0.0, 0.0]))


def test_a_write_into_an_input_is_seen_outside_and_counted():
    x = on(draw(2, 3))
    before = x._host().copy()
    saved = on(draw(2, 3), requires_grad=True)
    product = saved * x
    vmap(lambda x: x.add_(1))(x)
    assert_close(x, before + 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


def test_an_unbatched_tensor_takes_no_examples():
    with pytest.raises(RuntimeError, match="is not possible because there exists a Tensor `other`"):
        vmap(lambda x: plugrad.zeros(3, dtype=plugrad.float64).add_(x))(on(draw(2, 3)))
    with pytest.raises(RuntimeError, match="is not possible because there exists a Tensor `other`"):
        vmap(lambda x, i: on(draw(3)).index_put_((i,), x[0]))(on(draw(2, 3)), on(np.array([[0], [1]])))


ASKING = {
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
    "float": float,
    "if": lambda x: x if x else -x,
    "nonzero": lambda x: x.nonzero(),
}


@pytest.mark.parametrize("name", ASKING)
def test_values_are_not_to_be_had(name):
    with pytest.raises(RuntimeError, match="vmap: "):
        vmap(lambda x: ASKING[name](x.sum()))(on(draw(2, 3)))


def test_backward_is_refused_inside():
    x = on(draw(2, 3), requires_grad=True)
    with pytest.raises(RuntimeError, match=r"backward\(\) called inside a functorch transform"):
        vmap(lambda x: x.sum().backward())(x)
    assert x.grad is None


def test_after_an_error_all_is_as_before():
    with pytest.raises(RuntimeError, match="item"):
        vmap(lambda x: x.sum().item())(on(draw(2, 3)))
    on(draw(3), requires_grad=True).sum().backward()
    plugrad.rand(1)


@pytest.mark.cpu
def test_printed():
    seen = []
    vmap(vmap(lambda x: (seen.append(repr(x)), x)[1]))(plugrad.ones(1, 2))
    assert seen == [
        "BatchedTensor(lvl=2, bdim=0, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n        tensor([[1., 1.]])\n    )\n)"
    ]


def test_unwrapped():
    inside = []
    vmap(lambda x: (inside.append(plugrad.func.debug_unwrap(x)), x)[1])(on(draw(2, 3)))
    assert_close(inside[0], draw(2, 3))


# --- random numbers ---
def test_random_numbers():
    x = on(draw(3, 2))
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        vmap(lambda x: x + plugrad.rand(2))(x)
    same = vmap(lambda x: plugrad.rand(2), randomness="same")(x)._host()
    assert (same == same[0]).all()
    plugrad.manual_seed(5)
    different = vmap(lambda x: plugrad.rand(2), randomness="different")(x)
    plugrad.manual_seed(5)
    assert_close(different, plugrad.rand(3, 2))


def test_an_op_that_cannot_draw_for_each_example_says_so():
    with pytest.raises(NotImplementedError, match="draws the same numbers for all examples"):
        vmap(lambda x: plugrad.nn.functional.gumbel_softmax(x), randomness="different")(on(draw(3, 2)))


# --- Functions ---
class Cube(plugrad.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x**3 * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * 3 * x**2 * w, g * x**3


class HostCube(plugrad.autograd.Function):
    """Asks for values in forward and in backward."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return on(np.asarray(x.detach()._host() ** 3 * w.detach()._host()))

    @staticmethod
    def backward(ctx, g):
        x, w = (t.detach()._host() for t in ctx.saved_tensors)
        return on(np.asarray(g.detach()._host() * 3 * x**2 * w)), on(np.asarray(g.detach()._host() * x**3))


class NewHostCube(plugrad.autograd.Function):
    @staticmethod
    def forward(x, w):
        return on(np.asarray(x.detach()._host() ** 3 * w.detach()._host()))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    backward = staticmethod(Cube.backward)


class RuledCube(NewHostCube):
    asked: ClassVar[list] = []

    @staticmethod
    def vmap(info, in_dims, x, w):
        RuledCube.asked.append((info.batch_size, info.randomness, in_dims))
        x = x if in_dims[0] is None else x.movedim(in_dims[0], -1)
        w = w if in_dims[1] is None else w.movedim(in_dims[1], -1)
        return RuledCube.apply(
            x if in_dims[0] is not None else x.unsqueeze(-1), w if in_dims[1] is not None else w.unsqueeze(-1)
        ), -1


@pytest.mark.parametrize("function", [Cube, HostCube, NewHostCube, RuledCube])
def test_functions(function):
    x, w = draw(4, 3), draw(3)
    a, b = on(x, requires_grad=True), on(w, requires_grad=True)
    made = vmap(function.apply, in_dims=(0, None))(a, b)
    assert_close(made, x**3 * w, rtol=1e-12)
    made.sum().backward()
    assert_close(a.grad, 3 * x**2 * w, rtol=1e-12)
    assert_close(b.grad, (x**3).sum(0), rtol=1e-12)
    inner = vmap(grad(lambda x, w: function.apply(x, w).sum(), argnums=(0, 1)), in_dims=(0, None))(on(x), on(w))
    assert_close(inner[0], 3 * x**2 * w, rtol=1e-12)
    assert_close(inner[1], x**3, rtol=1e-12)
    jacobian = plugrad.func.jacrev(lambda x: function.apply(x, on(w)))(on(x[0]))
    assert_close(jacobian, np.diag(3 * x[0] ** 2 * w), rtol=1e-12)


def test_a_function_s_own_rule_is_told_where_the_examples_are():
    RuledCube.asked.clear()
    vmap(RuledCube.apply, in_dims=(1, None), randomness="same")(on(draw(3, 4)), on(draw(3)))
    assert RuledCube.asked == [(4, "same", (0, None))]


class BothRules(RuledCube):
    generate_vmap_rule = True


class WrongRule(RuledCube):
    @staticmethod
    def vmap(info, in_dims, x, w):
        return x


def test_rules_of_functions_that_are_wrong():
    x, w = on(draw(4, 3)), on(draw(3))
    with pytest.raises(RuntimeError, match="both generate_vmap_rule=True and an overridden vmap"):
        vmap(BothRules.apply, in_dims=(0, None))(x, w)
    with pytest.raises(RuntimeError, match="Expected the vmap staticmethod to have two returns"):
        vmap(WrongRule.apply, in_dims=(0, None))(x, w)


# --- gradients of many cotangents ---
def test_many_gradients_at_once_are_recorded():
    x = on(draw(3), requires_grad=True)
    y = x**3
    (rows,) = plugrad.autograd.grad(y, x, on(np.eye(3)), is_grads_batched=True, create_graph=True)
    assert_close(rows, np.diag(3 * x._host() ** 2), rtol=1e-12)
    (second,) = plugrad.autograd.grad(rows.sum(), x)
    assert_close(second, 6 * x._host(), rtol=1e-12)


def test_unused_inputs_of_many_gradients():
    x, z = on(draw(3), requires_grad=True), on(draw(2), requires_grad=True)
    found = plugrad.autograd.grad((x * 2), (x, z), on(np.eye(3)), is_grads_batched=True, allow_unused=True)
    assert_close(found[0], 2 * np.eye(3))
    assert found[1] is None


# --- the parts ---
def test_a_backend_s_own_function_is_called_for_each_example(monkeypatch):
    xp = on(draw(1))._xp
    monkeypatch.setattr(type(xp), "doubled_norm", staticmethod(lambda a: xp.sum(a * a, None, False) * 2), raising=False)
    x = draw(3, 4)

    def program(x):
        space = x._xp
        with pytest.warns(UserWarning, match="performance drop"):
            made = space.doubled_norm(x._a)
        return plugrad.core.tensor.wrap(plugrad.Tensor, space, space.wrap(made), None)

    assert_close(vmap(program)(on(x)), (x * x).sum(1) * 2, rtol=1e-12)


def test_nests():
    tree = {"a": (1, [2, None]), "b": 3}
    leaves, structure = flatten(tree)
    assert leaves == [1, 2, None, 3]
    assert unflatten(leaves, structure) == tree
    assert map_leaves(lambda v: 0, tree) == {"a": (0, [0, 0]), "b": 0}
    assert broadcast({"a": 5, "b": 6}, structure) == [5, 5, 5, 6]
    assert broadcast((1, 2), structure) is None
    assert structure.outline() == "{'a': (*, [*, *]), 'b': *}"


def test_nothing_is_left_for_the_garbage_collector():
    x = on(draw(4, 3), requires_grad=True)

    def program():
        g = vmap(grad(lambda x: (x.exp() * x).sum()))(x)
        return plugrad.autograd.grad(g.sum(), x)

    program()
    gc.collect()
    gc.disable()
    try:
        program()
        assert gc.collect() == 0
    finally:
        gc.enable()
