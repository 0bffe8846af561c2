"""Binary ops on any two shapes: values as numpy has them, gradients summed to the shapes that went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import plugrad as torch
from plugrad.autograd import grad
from plugrad_properties import constant, fixed, host, leaf, seeds, shapes, summed_to, uniform

pytestmark = pytest.mark.device

#: name → (plugrad, numpy, the slopes in x and y)
OPS = {
    "add": (torch.add, np.add, lambda x, y: (1.0, 1.0)),
    "sub": (torch.sub, np.subtract, lambda x, y: (1.0, -1.0)),
    "mul": (torch.mul, np.multiply, lambda x, y: (y, x)),
    "div": (torch.div, np.divide, lambda x, y: (1 / y, -x / y**2)),
    "pow": (torch.pow, np.power, lambda x, y: (y * x ** (y - 1), x**y * np.log(x))),
    "maximum": (torch.maximum, np.maximum, lambda x, y: (x > y, y > x)),
    "minimum": (torch.minimum, np.minimum, lambda x, y: (x < y, y < x)),
    "atan2": (torch.atan2, np.arctan2, lambda x, y: (y / (x**2 + y**2), -x / (x**2 + y**2))),
    "fmod": (torch.fmod, np.fmod, lambda x, y: (1.0, -np.trunc(x / y))),
    "remainder": (torch.remainder, np.remainder, lambda x, y: (1.0, -np.floor(x / y))),
}
IN_PLACE = {"add": "add_", "sub": "sub_", "mul": "mul_", "div": "div_", "pow": "pow_"}
TAKE_NUMBERS = set(OPS) - {"atan2", "maximum", "minimum"}  # torch's take tensors only
BOOLS = {"lt": np.less, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}

pairs = mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=4).map(lambda s: s.input_shapes)
triples = mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=3, max_dims=3).map(lambda s: s.input_shapes)


def positive(seed, shape):
    """Values in [0.5, 2.5): every op has a slope there."""
    return np.asarray(uniform(seed, shape) + 1.5)


def check_gradients(made, inputs, slopes, seed):
    """The gradient of each input is the weighted slope, summed over what was repeated."""
    weights = uniform(seed, tuple(made.shape))
    found = grad(made, inputs, constant(weights))
    for g, t, slope in zip(found, inputs, slopes, strict=True):
        assert g.shape == t.shape
        assert g.dtype is t.dtype
        expected = summed_to(np.broadcast_to(weights * slope, made.shape), tuple(t.shape))
        np.testing.assert_allclose(host(g), expected, rtol=1e-12, atol=1e-12)


@fixed(250)
@given(st.sampled_from(sorted(OPS)), pairs, seeds)
def test_two_tensors(name, forms, seed):
    ours, theirs, slopes = OPS[name]
    a, b = positive(seed, forms[0]), positive(seed + 1, forms[1])
    x, y = leaf(a), leaf(b)
    made = ours(x, y)
    expected = theirs(a, b)
    assert tuple(made.shape) == np.shape(expected)
    np.testing.assert_allclose(host(made), expected, rtol=1e-13, atol=1e-14)
    check_gradients(made, (x, y), slopes(a, b), seed + 2)


@fixed(80)
@given(st.sampled_from(sorted(OPS)), pairs, seeds)
def test_a_second_derivative_has_the_shapes_too(name, forms, seed):
    ours, _, slopes = OPS[name]
    a, b = positive(seed, forms[0]), positive(seed + 1, forms[1])
    x, y = leaf(a), leaf(b)
    made = ours(x, y)
    weights = leaf(uniform(seed + 2, tuple(made.shape)))
    gx, gy = grad(made, (x, y), weights, create_graph=True)
    vx, vy = uniform(seed + 3, forms[0]), uniform(seed + 4, forms[1])
    # What a gradient gives back to the weights is the tangent of the op.
    (back,) = grad((gx, gy), weights, (constant(vx), constant(vy)))
    dx, dy = slopes(a, b)
    np.testing.assert_allclose(host(back), np.broadcast_to(dx * vx + dy * vy, made.shape), rtol=1e-11, atol=1e-12)


@fixed(80)
@given(st.sampled_from(sorted(TAKE_NUMBERS)), shapes(min_size=0), st.sampled_from(["float", "int", "0-d", "32"]), seeds)
def test_numbers_do_not_widen(name, form, other, seed):
    """A Python number or a tensor without dimensions keeps the dtype; between dimensioned ones the wider dtype wins."""
    ours, theirs, slopes = OPS[name]
    a = positive(seed, form)
    b = {"float": 1.25, "int": 2, "0-d": np.array(1.25), "32": positive(seed + 1, form).astype(np.float32)}[other]
    x = leaf(a)
    y = b if isinstance(b, (int, float)) else leaf(b)
    made = ours(x, y)
    assert made.dtype is torch.float64
    b = np.asarray(b, np.float64)
    np.testing.assert_allclose(host(made), theirs(a, b), rtol=1e-12, atol=1e-12)
    weights = uniform(seed + 2, form)
    inputs = (x,) if isinstance(y, (int, float)) else (x, y)
    for g, t, slope in zip(grad(made, inputs, constant(weights)), inputs, slopes(a, b), strict=False):
        assert g.dtype is t.dtype
        expected = summed_to(np.broadcast_to(weights * slope, form), tuple(t.shape))
        rtol = 1e-12 if t.dtype is torch.float64 else 1e-5
        np.testing.assert_allclose(host(g), expected, rtol=rtol, atol=rtol)


@fixed(120)
@given(st.sampled_from(sorted(OPS)), shapes(), shapes(), seeds)
def test_refused_as_numpy_refuses(name, first, second, seed):
    ours, theirs, _ = OPS[name]
    a, b = positive(seed, first), positive(seed + 1, second)
    try:
        expected = theirs(a, b)
    except ValueError:
        with pytest.raises(RuntimeError, match=r"must match the size of tensor b"):
            ours(leaf(a), leaf(b))
    else:
        np.testing.assert_allclose(host(ours(leaf(a), leaf(b))), expected, rtol=1e-13)


@fixed(120)
@given(st.sampled_from(sorted(IN_PLACE)), st.one_of(pairs, st.tuples(shapes(), shapes())), seeds)
def test_in_place(name, forms, seed):
    """The first shape must be that of the result; the other one broadcasts to it."""
    _, theirs, slopes = OPS[name]
    a, b = positive(seed, forms[0]), positive(seed + 1, forms[1])
    x, y = leaf(a), leaf(b)
    made = x * 1
    try:
        expected = theirs(a.copy(), b, out=a.copy())
    except ValueError:
        with pytest.raises(RuntimeError, match=r"doesn't match the broadcast shape|must match the size of tensor b"):
            getattr(made, IN_PLACE[name])(y)
        np.testing.assert_array_equal(host(made), a)
        assert made._version == 0
        return
    assert getattr(made, IN_PLACE[name])(y) is made
    assert made._version == 1
    np.testing.assert_allclose(host(made), expected, rtol=1e-13)
    check_gradients(made, (x, y), slopes(a, b), seed + 2)


@fixed(80)
@given(st.sampled_from(sorted(BOOLS)), pairs, seeds)
def test_comparisons(name, forms, seed):
    a, b = np.round(uniform(seed, forms[0]) * 2), np.round(uniform(seed + 1, forms[1]) * 2)
    made = getattr(torch, name)(leaf(a), leaf(b))
    assert made.dtype is torch.bool
    assert not made.requires_grad
    np.testing.assert_array_equal(host(made), BOOLS[name](a, b))


@fixed(120)
@given(triples, st.sampled_from(["where", "lerp", "addcmul", "clamp"]), seeds)
def test_three_tensors(forms, name, seed):
    a, b, c = (positive(seed + i, form) for i, form in enumerate(forms))
    if name == "where":
        chosen = uniform(seed, forms[0]) > 0
        inputs = leaf(b), leaf(c)
        made, expected = torch.where(constant(chosen), *inputs), np.where(chosen, b, c)
        slopes = chosen, ~chosen
    elif name == "lerp":
        inputs = leaf(a), leaf(b), leaf(c)
        made, expected = torch.lerp(*inputs), a + c * (b - a)
        slopes = 1 - c, c, b - a
    elif name == "addcmul":
        inputs = leaf(a), leaf(b), leaf(c)
        made, expected = torch.addcmul(*inputs, value=0.5), a + 0.5 * b * c
        slopes = 1.0, 0.5 * c, 0.5 * b
    else:
        inputs = leaf(a), leaf(b), leaf(c)
        made, expected = torch.clamp(*inputs), np.minimum(np.maximum(a, b), c)
        slopes = (a >= b) & (a <= c), (a < b) & (b < c), (a > c) | (c < b)
    assert tuple(made.shape) == expected.shape
    np.testing.assert_allclose(host(made), expected, rtol=1e-13, atol=1e-14)
    check_gradients(made, inputs, slopes, seed + 5)


@fixed(80)
@given(pairs, seeds)
def test_broadcast_tensors(forms, seed):
    """Views, or the tensor itself where nothing is to do; the gradient of each sums what it was repeated to."""
    inputs = [leaf(uniform(seed + i, form)) for i, form in enumerate(forms)]
    made = torch.broadcast_tensors(*inputs)
    expected = np.broadcast_arrays(*(host(t) for t in inputs))
    for t, source, value in zip(made, inputs, expected, strict=True):
        np.testing.assert_array_equal(host(t), value)
        assert t is source or (t._base is source and t.shape != source.shape)
        check_gradients(t, (source,), (1.0,), seed + 3)
