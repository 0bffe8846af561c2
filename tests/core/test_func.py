"""plugrad.func: derivatives of functions against formulas and differences; histories, modules, rearrange."""

import numpy as np
import pytest

import plugrad
from plugrad import func
from plugrad.autograd import functional
from plugrad_testing import assert_close, assert_values, central_difference, on, random_direction

pytestmark = pytest.mark.device


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape)


X, Y = draw(3), draw(3, seed=1)


def smooth(x):
    """A function of a vector to a vector."""
    return x.sin() * x.cumsum(0)


def smooth_jacobian(x):
    return np.diag(np.cos(x) * np.cumsum(x)) + np.sin(x)[:, None] * np.tril(np.ones((3, 3)))


# --- first derivatives ---
def test_grad():
    assert_close(func.grad(lambda x: smooth(x).sum())(on(X)), smooth_jacobian(X).sum(0), rtol=1e-12)


def test_grad_and_value():
    slope, (value, more) = func.grad_and_value(lambda x: ((x * x).sum(), {"x": x}), has_aux=True)(on(X))
    assert_close(slope, 2 * X)
    assert_close(value, np.asarray((X * X).sum()))
    assert_close(more["x"], X)


def test_grad_of_nests_and_chosen_arguments():
    def program(d, scale, y):
        return (d["a"][0] * y).sum() * scale

    slopes = func.grad(program, argnums=(0, 2))({"a": [on(X)]}, 2.0, on(Y))
    assert_close(slopes[0]["a"][0], 2 * Y)
    assert_close(slopes[1], 2 * X)


def test_vjp_may_be_asked_again():
    output, pull = func.vjp(smooth, on(X))
    assert not output.requires_grad
    for v in (X, Y):
        assert_close(pull(on(v))[0], v @ smooth_jacobian(X), rtol=1e-12)


def test_jvp():
    output, slope = func.jvp(smooth, (on(X),), (on(Y),))
    assert_close(output, np.sin(X) * np.cumsum(X))
    assert_close(slope, smooth_jacobian(X) @ Y, rtol=1e-12)


@pytest.mark.parametrize(
    "jacobian", [func.jacrev, func.jacfwd, lambda f: func.jacrev(f, chunk_size=2)], ids=["rev", "fwd", "chunks"]
)
def test_jacobian(jacobian):
    assert_close(jacobian(smooth)(on(X)), smooth_jacobian(X), rtol=1e-12)


def test_linearize_runs_the_function_once():
    calls = []
    output, push = func.linearize(lambda x: (calls.append(1), smooth(x))[1], on(X))
    for v in (X, Y):
        assert_close(push(on(v)), smooth_jacobian(X) @ v, rtol=1e-12)
    assert_close(output, np.sin(X) * np.cumsum(X))
    assert calls == [1]


# --- higher derivatives ---
def cubic(x):
    return (x**3).sum() + x.prod()


def cubic_hessian(x):
    others = np.array([[0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(3)] for i in range(3)])
    return np.diag(6 * x) + others


WAYS = {
    "hessian": lambda f: func.hessian(f),
    "rev of rev": lambda f: func.jacrev(func.jacrev(f)),
    "fwd of fwd": lambda f: func.jacfwd(func.jacfwd(f)),
    "rev of fwd": lambda f: func.jacrev(func.jacfwd(f)),
    "rev of grad": lambda f: func.jacrev(func.grad(f)),
    "fwd of grad": lambda f: func.jacfwd(func.grad(f)),
    "vmap of jvp of grad": lambda f: (
        lambda x: plugrad.vmap(lambda v: func.jvp(func.grad(f), (x,), (v,))[1])(plugrad.eye(3, dtype=plugrad.float64))
    ),
    "vectorized": lambda f: lambda x: functional.hessian(f, x, vectorize=True),
    "vectorized forward": lambda f: (
        lambda x: functional.hessian(f, x, vectorize=True, outer_jacobian_strategy="forward-mode")
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_second_derivatives(name):
    assert_close(WAYS[name](cubic)(on(X)), cubic_hessian(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in WAYS if not name.startswith("vectorized")])
def test_second_derivatives_of_every_example(name):
    points = draw(4, 3)
    assert_close(
        plugrad.vmap(WAYS[name](cubic))(on(points)),
        np.stack([cubic_hessian(x) for x in points]),
        rtol=1e-10,
        atol=1e-12,
    )


def test_third_derivatives_by_differences():
    third = func.jacrev(func.hessian(lambda x: smooth(x).prod()))(on(X))._host()
    (direction,) = random_direction(np.random.default_rng(0), [X])
    weights = draw(3, 3)

    def second(arrays):
        return float((func.hessian(lambda x: smooth(x).prod())(on(arrays[0]))._host() * weights).sum())

    assert_values(
        np.einsum("ijk,ij,k->", third, weights, direction), central_difference(second, [X], [direction]), 1e-6, 1e-7
    )


def test_vectorized_jacobians_are_those_row_by_row():
    def program(x, y):
        return x * y.sum(), (x * x * y).sum(), plugrad.ones(2, dtype=plugrad.float64)

    inputs = on(X), on(Y)
    expected = functional.jacobian(program, inputs)
    for found in (
        functional.jacobian(program, inputs, vectorize=True),
        functional.jacobian(program, inputs, vectorize=True, strategy="forward-mode"),
    ):
        for row, wanted in zip(found, expected, strict=True):
            for a, b in zip(row, wanted, strict=True):
                assert_close(a, b, rtol=1e-12)


# --- histories ---
def test_results_have_no_history_unless_something_outside_is_followed():
    x = on(X)
    w = on(Y, requires_grad=True)
    assert not func.grad(lambda x: (x * x).sum())(x).requires_grad
    assert not func.vjp(lambda x: x * 2, x)[0].requires_grad
    captured = func.grad(lambda x: (x * x * w).sum())(x)
    assert captured.requires_grad
    captured.sum().backward()
    assert_close(w.grad, 2 * X)
    with plugrad.no_grad():
        assert not func.grad(lambda x: (x * x * w).sum())(x).requires_grad


def test_a_finished_transform_inside_leaves_no_history_in_the_outer_one():
    seen = []

    def outer(x):
        constant = func.grad(lambda y: (y * y).sum())(on(Y))
        seen.append(constant.requires_grad)
        return (constant * x).sum()

    assert_close(func.grad(outer)(on(X)), 2 * Y)
    assert seen == [False]


def test_perturbations_are_not_confused():
    made = func.grad(lambda x: x * func.grad(lambda y: x + y)(plugrad.tensor(1.0)))(plugrad.tensor(1.0))
    assert made.item() == 1.0


def test_what_requires_grad_stays_connected():
    x = on(X, requires_grad=True)
    slope = func.grad(cubic)(x)
    (second,) = plugrad.autograd.grad(slope.sum(), x)
    assert_close(second, cubic_hessian(X).sum(0), rtol=1e-12)
    output, pull = func.vjp(smooth, x)
    (through,) = plugrad.autograd.grad(output.sum() + pull(on(Y))[0].sum(), x)
    step = 1e-6
    differences = [
        (np.sum(Y @ (smooth_jacobian(X + step * e) - smooth_jacobian(X - step * e))) / (2 * step)) for e in np.eye(3)
    ]
    assert_values(through._host(), smooth_jacobian(X).sum(0) + differences, rtol=1e-6)


def test_a_captured_parameter_gets_its_gradient_from_a_jacobian():
    w = on(Y, requires_grad=True)
    func.jacrev(lambda x: x**2 * w)(on(X)).sum().backward()
    assert_close(w.grad, 2 * X)


# --- errors ---
def test_arguments_that_do_not_fit():
    with pytest.raises(RuntimeError, match="scalar Tensor, got tensor with 1 dims"):
        func.grad(lambda x: x)(on(X))
    with pytest.raises(RuntimeError, match="argnum=3"):
        func.grad(cubic, argnums=3)(on(X))
    with pytest.raises(RuntimeError, match="structure of cotangents"):
        func.vjp(smooth, on(X))[1]((on(X),))
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place"):
        func.grad(lambda x: x.mul_(2).sum())(on(X))
    with pytest.raises(NotImplementedError, match="_preallocate_and_copy"):
        func.jacrev(smooth, _preallocate_and_copy=True)
    with pytest.raises(RuntimeError, match="doesn't match the shape"):
        func.linearize(smooth, on(X))[1](on(draw(2)))


# --- modules ---
def layers():
    return plugrad.nn.Sequential(plugrad.nn.Linear(3, 4), plugrad.nn.Tanh(), plugrad.nn.Linear(4, 1)).double()


def test_a_module_called_with_other_tensors_stays_as_it_is():
    net = layers()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    other = {name: p.detach() * 2 for name, p in net.named_parameters()}
    made = func.functional_call(net, other, on(X))
    net.load_state_dict(other)
    assert_close(made, net(on(X)).detach())
    net.load_state_dict(before)
    with pytest.raises(RuntimeError):
        func.functional_call(net, other, on(draw(7)))
    for name, p in net.named_parameters():
        assert_close(p.detach(), before[name])
        assert p.requires_grad


def test_buffers_written_in_a_call_come_back():
    norm = plugrad.nn.BatchNorm1d(3).double()
    buffers = {name: b.clone() for name, b in norm.named_buffers()}
    func.functional_call(norm, buffers, on(draw(5, 3)))
    assert buffers["num_batches_tracked"].item() == 1
    assert norm.num_batches_tracked.item() == 0


def test_an_ensemble():
    models = [layers() for _ in range(3)]
    parameters, buffers = func.stack_module_state(models)
    x = on(draw(5, 3))
    made = plugrad.vmap(lambda p: func.functional_call(models[0], (p, buffers), x))(parameters)
    for k, model in enumerate(models):
        assert_close(made[k].detach(), model(x).detach(), rtol=1e-12)
    made.sum().backward()
    models[1](x).sum().backward()
    for name, p in models[1].named_parameters():
        assert_close(parameters[name].grad[1], p.grad, rtol=1e-12)


# --- checks and names ---
class Careless(plugrad.autograd.Function):
    """Its backward is right for one gradient, and wrong for several at once."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2 if g._xp.transform is None else g * 3


def test_gradcheck_looks_at_batches():
    x = on(X, requires_grad=True)
    assert plugrad.autograd.gradcheck(
        smooth, x, check_batched_grad=True, check_forward_ad=True, check_batched_forward_grad=True
    )
    assert plugrad.autograd.gradcheck(Careless.apply, x)
    with pytest.raises(RuntimeError, match="failed while testing batched gradient computation"):
        plugrad.autograd.gradcheck(Careless.apply, x, check_batched_grad=True)


@pytest.mark.parametrize(
    ("pattern", "sizes", "expected"),
    [
        ("a b c -> c b a", {}, (4, 6, 2)),
        ("a (b d) c -> (a c) d b", {"b": 2}, (8, 3, 2)),
        ("a ... -> ... 1 a", {}, (6, 4, 1, 2)),
        ("a ... -> a (...)", {}, (2, 24)),
    ],
)
def test_rearrange(pattern, sizes, expected):
    assert tuple(func.rearrange(on(draw(2, 6, 4)), pattern, **sizes).shape) == expected


def test_rearrange_moves_the_right_elements():
    x = draw(2, 6)
    assert_close(func.rearrange(on(x), "a (b c) -> c a b", c=2), x.reshape(2, 3, 2).transpose(2, 0, 1))
