"""autograd.functional: products with Jacobians and Hessians, whole ones, their options and refusals."""

import re

import pytest

import plugrad
import plugrad as torch
from plugrad.autograd import functional
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def double(*values):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=torch.float64)


def same(t, values):
    assert_close(t.detach(), torch.tensor(values, dtype=torch.float64))


def swap(x, y):
    """(x, y) → (y₀x₀, x₁², y₀ + x₁); its derivatives are easy to write down."""
    return torch.stack([y[0] * x[0], x[1] ** 2, y[0] + x[1]])


# --- vjp, jvp ---
def test_vjp():
    x = double(1.0, 2.0)
    out, g = functional.vjp(lambda x: x**2, x, double(10.0, 1.0))
    same(out, [1.0, 4.0])
    same(g, [20.0, 4.0])
    assert not out.requires_grad
    assert not g.requires_grad
    assert not x.requires_grad


def test_vjp_of_one_element_needs_no_vector():
    out, g = functional.vjp(lambda x: (x**2).sum(), double(1.0, 2.0))
    same(out, 5.0)
    same(g, [2.0, 4.0])


def test_vjp_of_several_inputs_and_outputs():
    x, y = double(1.0, 2.0), double([3.0])
    (a, b), (gx, gy) = functional.vjp(lambda x, y: (x * y, x.sum()), (x, y), (double(1.0, 10.0), double(100.0)))
    same(a, [3.0, 6.0])
    same(b, 3.0)
    same(gx, [103.0, 130.0])
    same(gy, [21.0])


def test_jvp():
    out, t = functional.jvp(lambda x: x**2, double(1.0, 2.0), double(10.0, 1.0))
    same(out, [1.0, 4.0])
    same(t, [20.0, 4.0])


def test_jvp_of_one_element_needs_no_vector():
    _, t = functional.jvp(lambda x: torch.stack([x, x**2, x**3]), double(2.0))
    same(t, [1.0, 4.0, 12.0])


def test_jvp_of_several_inputs_and_outputs():
    x, y = double(1.0, 2.0), double([3.0])
    _, (a, b) = functional.jvp(lambda x, y: (x * y, x.sum()), (x, y), (double(1.0, 10.0), double([100.0])))
    same(a, [103.0, 230.0])
    same(b, 11.0)


def test_jvp_and_vjp_agree():
    x, v, u = double(0.3, 0.8, -0.5), double(1.0, -2.0, 0.5), double(0.7, 0.1, 2.0)

    def f(x):
        return x.sin() * x.roll(1, 0).exp()

    forward = (functional.jvp(f, x, v)[1] * u).sum()
    backward = (functional.vjp(f, x, u)[1] * v).sum()
    assert_close(forward, backward)


# --- jacobian ---
def test_jacobian():
    j = functional.jacobian(lambda x: torch.stack([x[0] * x[1], x[0] ** 2, x[1]]), double(2.0, 3.0))
    same(j, [[3.0, 2.0], [4.0, 0.0], [0.0, 1.0]])


def test_jacobian_of_a_matrix():
    j = functional.jacobian(lambda x: x * 2, double([[1.0, 2.0], [3.0, 4.0]]))
    assert j.shape == torch.Size([2, 2, 2, 2])
    same(j.reshape(4, 4), [[2.0 if i == k else 0.0 for k in range(4)] for i in range(4)])


def test_jacobian_of_several_inputs_and_outputs():
    x, y = double(1.0, 2.0), double([3.0])
    both = functional.jacobian(lambda x, y: (swap(x, y), x.sum()), (x, y))
    same(both[0][0], [[3.0, 0.0], [0.0, 4.0], [0.0, 1.0]])
    same(both[0][1], [[1.0], [0.0], [1.0]])
    same(both[1][0], [1.0, 1.0])
    same(both[1][1], [0.0])


def test_jacobian_of_one_input_in_a_tuple():
    (j,) = functional.jacobian(lambda x: x**2, (double(1.0, 2.0),))
    same(j, [[2.0, 0.0], [0.0, 4.0]])


def test_jacobian_of_a_scalar_function_of_a_scalar():
    same(functional.jacobian(lambda x: x**3, double(2.0)), 12.0)


@pytest.mark.parametrize("vectorize", [False, True])
def test_jacobian_vectorized(vectorize):
    j = functional.jacobian(lambda x: x.exp(), double(0.0, 1.0), vectorize=vectorize)
    assert_close(j, torch.diag(double(0.0, 1.0).exp()))


def test_jacobian_with_a_graph():
    x = double(1.0, 2.0).requires_grad_()
    j = functional.jacobian(lambda x: x**3, x, create_graph=True)
    assert j.requires_grad
    (g,) = torch.autograd.grad(j.sum(), x)
    same(g, [6.0, 12.0])


def test_jacobian_of_what_does_not_depend_on_the_input():
    x = double(1.0, 2.0)
    same(functional.jacobian(lambda x: double([5.0]), x), [[0.0, 0.0]])
    with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not require gradients"):
        functional.jacobian(lambda x: double([5.0]), x, strict=True)


def test_one_input_that_is_not_used():
    x, y = double(1.0, 2.0), double([3.0])
    _, gy = functional.vjp(lambda x, y: x.sum(), (x, y))[1]
    same(gy, [0.0])
    text = "The output of the user-provided function is independent of input 1. This is not allowed in strict mode."
    with pytest.raises(RuntimeError, match=text):
        functional.vjp(lambda x, y: x.sum(), (x, y), strict=True)
    text = "Output 0 of the user-provided function is independent of input 1. This is not allowed in strict mode."
    with pytest.raises(RuntimeError, match=text):
        functional.jacobian(lambda x, y: x.sum(), (x, y), strict=True)


# --- hessian and its products ---
def quartic(x):
    return (x**2).sum() * x[0] + x[1] ** 4


def test_hessian():
    same(functional.hessian(quartic, double(1.0, 2.0)), [[6.0, 4.0], [4.0, 50.0]])


def test_hessian_of_several_inputs():
    h = functional.hessian(lambda x, y: (x**2).sum() * y[0] ** 3, (double(1.0, 2.0), double([3.0])))
    same(h[0][0], [[54.0, 0.0], [0.0, 54.0]])
    same(h[0][1], [[54.0], [108.0]])
    same(h[1][0], [[54.0, 108.0]])
    same(h[1][1], [[90.0]])


def test_hessian_of_a_linear_function():
    same(functional.hessian(lambda x: x.sum(), double(1.0, 2.0)), [[0.0, 0.0], [0.0, 0.0]])


def test_hessian_with_a_graph():
    x = double(1.0, 2.0).requires_grad_()
    h = functional.hessian(quartic, x, create_graph=True)
    same(torch.autograd.grad(h[1, 1], x)[0], [2.0, 48.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products(name):
    out, product = getattr(functional, name)(quartic, double(1.0, 2.0), double(1.0, -1.0))
    same(out, 21.0)
    same(product, [2.0, -46.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products_of_several_inputs(name):
    inputs, v = (double(1.0, 2.0), double([3.0])), (double(1.0, 0.0), double([2.0]))
    _, (a, b) = getattr(functional, name)(lambda x, y: (x**2).sum() * y[0] ** 3, inputs, v)
    same(a, [162.0, 216.0])
    same(b, [234.0])


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products_of_one_element(name):
    same(getattr(functional, name)(lambda x: x**3, double(2.0))[1], 12.0)


# --- refusals ---
X = (1.0, 2.0)
REFUSED = {
    "inputs": (
        lambda f, x: f.jacobian(lambda x: x, 1.0),
        TypeError,
        "The inputs given to jacobian must be either a Tensor or a tuple of Tensors but the given inputs has type <class 'float'>.",
    ),
    "inputs in a tuple": (
        lambda f, x: f.vjp(lambda *x: x, (x, 1.0)),
        TypeError,
        "The inputs given to vjp must be either a Tensor or a tuple of Tensors but the value at index 1 has type <class 'float'>.",
    ),
    "outputs": (
        lambda f, x: f.jacobian(lambda x: 1.0, x),
        TypeError,
        "The outputs of the user-provided function given to jacobian must be either a Tensor or a tuple of Tensors but the given outputs "
        "of the user-provided function has type <class 'float'>.",
    ),
    "vjp without a vector": (
        lambda f, x: f.vjp(lambda x: x, x),
        RuntimeError,
        "The vector v can only be None if the user-provided function returns a single Tensor with a single element.",
    ),
    "jvp without a vector": (
        lambda f, x: f.jvp(lambda x: x, x),
        RuntimeError,
        "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.",
    ),
    "hvp without a vector": (
        lambda f, x: f.hvp(lambda x: x.sum(), x),
        RuntimeError,
        "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.",
    ),
    "vector of another size": (
        lambda f, x: f.vjp(lambda x: x, x, x[:1]),
        RuntimeError,
        "v has invalid size: should be torch.Size([2]) but got torch.Size([1]).",
    ),
    "vectors of another size": (
        lambda f, x: f.vjp(lambda x: (x, x), x, (x, x[:1])),
        RuntimeError,
        "Entry 1 in v has invalid size: should be torch.Size([2]) but got torch.Size([1]).",
    ),
    "number of vectors": (
        lambda f, x: f.vjp(lambda x: (x, x), x, (x,)),
        RuntimeError,
        "v is a tuple of invalid length: should be 2 but got 1.",
    ),
    "hessian of several elements": (
        lambda f, x: f.hessian(lambda x: x, x),
        RuntimeError,
        "The Tensor returned by the function given to hessian should contain a single element",
    ),
    "hessian of a tuple": (
        lambda f, x: f.hessian(lambda x: (x.sum(), x.sum()), x),
        RuntimeError,
        "The function given to hessian should return a single Tensor",
    ),
    "hvp of several elements": (
        lambda f, x: f.hvp(lambda x: x, x, x),
        RuntimeError,
        "The Tensor returned by the function given to hvp should contain a single element",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    call, kind, text = REFUSED[name]
    with pytest.raises(kind, match=re.escape(text)):
        call(functional, double(*X))


# --- torch beside us ---
def mixture(t, x):
    return t.sigmoid(x @ x.t()).sum(1) * x.prod(1) + (x[0, 1] - x[1]).abs().log()[:2]


def normalized(t, x):
    return (x - x.mean(0)) / (x.var(0) + 1e-3).sqrt()


def sorted_softmax(t, x):
    return t.softmax(x, 1).sort(1).values.cumsum(1)[:, ::2]


def written(t, x):
    y = x * 1
    y[0] = y[1] * 2
    y[:, 1].mul_(y[:, 2].clone())
    return t.cat([y, y.flip(0)], 1).logsumexp(1)


@pytest.mark.oracle
@pytest.mark.parametrize("function", [mixture, normalized, sorted_softmax, written])
def test_same_as_torch(function):
    reference = pytest.importorskip("torch")
    values = [[0.3, -1.2, 0.8], [1.5, 0.4, -0.7]]
    results = []
    for t in (plugrad, reference):
        x = t.tensor(values, dtype=t.float64)
        v = t.tensor([[1.0, -0.5, 0.25], [2.0, 0.1, -1.0]], dtype=t.float64)
        f = t.autograd.functional
        found = [f.jacobian(lambda x, t=t: function(t, x), x), f.jvp(lambda x, t=t: function(t, x), x, v)[1]]
        loss = lambda x, t=t: (function(t, x) ** 2).sum()  # noqa: E731
        found += [f.hessian(loss, x), f.hvp(loss, x, v)[1], f.vhp(loss, x, v)[1]]
        results.append(found)
    for ours, theirs in zip(*results, strict=True):
        assert_close(
            ours.cpu(), plugrad.tensor(theirs.tolist(), dtype=plugrad.float64, device="cpu"), rtol=1e-9, atol=1e-10
        )
