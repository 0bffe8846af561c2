"""Chains of reshape, permute, expand, slices, flip, ...: values, what is a view of what, strides, addresses and gradients."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugrad.autograd import grad
from plugrad_properties import constant, fixed, host, leaf, seeds, shapes, uniform
from plugrad_stride_model import STEPS, Layout, row_major

pytestmark = pytest.mark.device

chains = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=8
)


def started(shape):
    return Layout(np.arange(int(np.prod(shape))), shape, row_major(shape))


def walk(t, layout, steps):
    """The tensors that a chain makes and the layouts they must have, the given ones first."""
    chain = [(t, layout)]
    for name, a, b in steps:
        found = STEPS[name](layout, a, b)
        if found is None:
            continue
        call, expected = found
        if expected is None:
            refuses(lambda t=t, call=call: call(t))
            continue
        made = call(t)
        if expected.copies > layout.copies and t._xp.name != "strict":
            # How a copy lies is the op's affair, as long as it is packed.
            expected = layout.copied(expected.places, made.stride())
        t, layout = made, expected
        chain.append((t, layout))
    return chain


def refuses(call):
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        call()


@fixed(350)
@given(shapes(min_size=0), chains, seeds)
@example((2, 3), [("transpose", 0, 1), ("view", 0, 0), ("reshape", 0, 0)], 0)
@example((2, 3), [("expand", 0, 0), ("reshape", 0, 0)], 0)
def test_chains(shape, steps, seed):
    values = uniform(seed, shape)
    x = leaf(values)
    if x._xp.name == "strict":  # it knows no strides: where a view is refused is its own affair
        steps = [step for step in steps if step[0] != "view"]
    chain = walk(x, started(shape), steps)
    roots = {}
    for t, layout in chain:
        assert tuple(t.shape) == layout.shape
        np.testing.assert_array_equal(host(t), values.reshape(-1)[layout.places])
        if t._xp.name == "strict":
            continue
        root = roots.setdefault(layout.copies, t)
        assert t._base is (None if t is root else root)
        assert t.is_contiguous() is layout.is_dense
        if t._xp.name == "numpy":
            check_memory(t, layout, root)
    check_gradient(chain, seed)


def check_memory(t, layout, root):
    """Strides, where there is anything to step over, and addresses."""
    if 0 in layout.shape:
        return
    told = [(i, step) for i, (n, step) in enumerate(zip(t.shape, t.stride(), strict=True)) if n > 1]
    assert told == [(i, step) for i, (n, step) in enumerate(zip(t.shape, layout.strides, strict=True)) if n > 1]
    assert t.data_ptr() == root.data_ptr() + layout.offset * t.element_size()
    assert t.storage_offset() == layout.offset


def check_gradient(chain, seed):
    """Of a weighted sum of every tensor of the chain: each place gets the weights of all that lie on it."""
    x, first = chain[0]
    expected, weights = np.zeros(int(np.prod(first.shape))), []
    for i, (_, layout) in enumerate(chain):
        weights.append(uniform(seed + i, layout.shape))
        np.add.at(expected, layout.places.reshape(-1), weights[-1].reshape(-1))
    (g,) = grad([t for t, _ in chain], x, [constant(w) for w in weights])
    np.testing.assert_allclose(host(g), expected.reshape(first.shape), rtol=1e-13, atol=1e-13)


@fixed(80)
@given(shapes(min_size=1), chains, seeds)
def test_second_order(shape, steps, seed):
    """The gradient of the gradient's own weights is the chain again: its last tensor, applied to a direction."""
    x = leaf(uniform(seed, shape))
    t, layout = walk(x, started(shape), [step for step in steps if step[0] != "view"])[-1]
    weights = leaf(uniform(seed + 1, layout.shape))
    (g,) = grad(t, x, weights, create_graph=True)
    direction = uniform(seed + 2, shape)
    (back,) = grad(g, weights, constant(direction))
    np.testing.assert_allclose(host(back), direction.reshape(-1)[layout.places], rtol=1e-13)
