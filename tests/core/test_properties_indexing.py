"""Any key: what is read, written and added, the gradients, and what is refused, as numpy has it.

torch differs from numpy in three things, which are modelled here: it applies ints, slices, None and Ellipsis before index
arrays, so that an int never counts as an array; it refuses steps below 1 (ValueError); an int tensor without dimensions
is an int. numpy counts an int among the arrays when there are arrays, which moves the dimensions of the result.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugrad as torch
from plugrad.autograd import grad
from plugrad_properties import constant, fixed, host, leaf, seeds, shapes, summed_to, uniform

pytestmark = pytest.mark.device


# --- keys ---
def slices(n):
    bound = st.none() | st.integers(-n - 2, n + 2)
    return st.builds(slice, bound, bound, st.none() | st.integers(1, 3))


def index_arrays(n, common):
    """Index arrays that broadcast to ``common``, as arrays or nested lists."""
    rank = st.integers(0, len(common))
    shape = rank.flatmap(
        lambda r: st.tuples(*(st.sampled_from([1, m]) for m in common[len(common) - r :])) if r else st.just(())
    )
    array = shape.flatmap(
        lambda s: st.lists(st.integers(-n, n - 1), min_size=int(np.prod(s)), max_size=int(np.prod(s))).map(
            lambda v: np.array(v, np.int64).reshape(s)
        )
    )
    return array | array.filter(lambda a: a.ndim).map(np.ndarray.tolist)


@st.composite
def keys(draw, shape, faulty=False):
    """A key that fits ``shape``; a faulty one likely does not."""
    common = draw(st.lists(st.integers(1, 3), max_size=2))
    kinds = draw(
        st.sampled_from(
            [
                ["int", "slice", "all", "none", "ellipsis"],
                ["slice", "all", "none", "ellipsis", "array"],
                ["slice", "all", "none", "mask", "ellipsis"],
                ["int", "slice", "all", "none", "ellipsis", "array", "bool"],
                ["int", "slice", "mask", "array", "all"],
            ]
        )
    )
    parts, axis, masked, dots = [], 0, False, False
    while axis < len(shape) + (draw(st.integers(0, 1)) if faulty else 0) and len(parts) < 7:
        n = shape[axis] if axis < len(shape) else 2
        kind = draw(st.sampled_from(kinds))
        slack = draw(st.integers(0, 2)) if faulty else 0
        if kind == "int" and n + slack > 0:
            parts.append(draw(st.integers(-n - slack, n - 1 + slack)))
        elif kind == "slice":
            parts.append(draw(slices(n)))
        elif kind == "none":
            parts.append(None)
            continue
        elif kind == "ellipsis" and not dots:
            parts.append(...)
            dots = True
            axis += draw(st.integers(0, len(shape) - axis)) if axis < len(shape) else 0
            continue
        elif kind == "bool" and not masked:
            parts.append(True)
            continue
        elif kind == "array" and n + slack > 0:
            sizes = [*common[:-1], common[-1] + (slack == 2)] if common else common
            parts.append(draw(index_arrays(n + slack, sizes)))
        elif kind == "mask" and not masked and axis < len(shape):
            # One mask; index arrays beside it must fit the number of its true elements, so there are none.
            if any(isinstance(p, (list, np.ndarray)) for p in parts):
                parts.append(slice(None))
            else:
                width = draw(st.integers(1, min(2, len(shape) - axis)))
                sizes = [m + (slack == 2) for m in shape[axis : axis + width]]
                bits = draw(st.lists(st.booleans(), min_size=int(np.prod(sizes)), max_size=int(np.prod(sizes))))
                parts.append(np.array(bits, bool).reshape(sizes))
                kinds = [k for k in kinds if k != "array"]
                masked = True
                axis += width
                continue
        else:
            parts.append(slice(None))
        axis += 1
        if not faulty and draw(st.integers(0, 5)) == 0:
            break
    return tuple(parts) if len(parts) != 1 or isinstance(parts[0], list) or draw(st.booleans()) else parts[0]


def parts_of(key):
    return key if isinstance(key, tuple) else (key,)


def is_array(part):
    """Whether torch takes a part for an index array."""
    if isinstance(part, list):
        return True
    return isinstance(part, bool) or (isinstance(part, np.ndarray) and (part.ndim > 0 or part.dtype == bool))


def is_int(part):
    return (isinstance(part, np.ndarray) and part.ndim == 0 and part.dtype != bool) or type(part) is int


def at(array, key):
    """``array[key]`` in numpy, by torch's rules: in one step where they agree, else ints and slices first."""
    parts = tuple(int(p) if is_int(p) else np.array(p) if isinstance(p, list) else p for p in parts_of(key))
    if not (any(is_array(p) for p in parts) and any(is_int(p) for p in parts)):
        return array[parts]
    basic, arrays = [], []
    for part in parts:
        if isinstance(part, bool):
            basic.append(None)
            arrays.append(np.array([part]))
        elif is_array(part):
            basic += [slice(None)] * (part.ndim if part.dtype == bool else 1)
            arrays.append(part)
        else:
            basic.append(part)
            arrays += [] if is_int(part) else [part if part is Ellipsis else slice(None)]
    return array[tuple(basic)][tuple(arrays)]


def places(key, shape):
    """Which element of the flattened tensor stands at each place of x[key]."""
    return np.asarray(at(np.arange(int(np.prod(shape))).reshape(shape), key))


def to_tensors(key):
    made = tuple(constant(p) if isinstance(p, np.ndarray) else p for p in parts_of(key))
    return made if isinstance(key, tuple) else made[0]


def added(weights, where, shape):
    """Zeros with ``weights`` added at ``where``."""
    out = np.zeros(int(np.prod(shape)))
    np.add.at(out, where.reshape(-1), np.broadcast_to(weights, where.shape).reshape(-1))
    return out.reshape(shape)


def fits(given):
    """Whether numpy takes a key; what an Ellipsis stands for follows from all parts."""
    shape, key = given
    try:
        places(key, shape)
    except IndexError:
        return False
    return True


def shapes_with_keys(**limits):
    return shapes(**limits).flatmap(lambda s: st.tuples(st.just(s), keys(s))).filter(fits)


with_keys = shapes_with_keys(min_size=0)


# --- reading ---
@fixed(200)
@given(with_keys, seeds)
def test_read(given, seed):
    shape, key = given
    values, where = uniform(seed, shape), places(key, shape)
    x = leaf(values)
    part = x[to_tensors(key)]
    assert tuple(part.shape) == where.shape
    np.testing.assert_array_equal(host(part), values.reshape(-1)[where])
    is_copy = any(is_array(p) for p in parts_of(key))
    assert part._is_view() is not is_copy
    assert part._base is (None if is_copy else x)
    weights = uniform(seed + 1, where.shape)
    (g,) = grad(part, x, constant(weights))
    np.testing.assert_allclose(host(g), added(weights, where, shape), rtol=0, atol=1e-14)


# --- writing ---
@st.composite
def fitting(draw, target):
    """The shape of a value that broadcasts to ``target``, leading ones included."""
    kept = draw(st.integers(0, len(target)))
    sizes = [n if draw(st.booleans()) else 1 for n in target[len(target) - kept :]]
    return tuple([1] * draw(st.integers(0, 1 if kept == len(target) else 0)) + sizes)


@fixed(200)
@given(with_keys, st.data(), seeds)
def test_write(given, data, seed):
    shape, key = given
    where = places(key, shape)
    repeats = len(np.unique(where)) < where.size
    form = () if repeats else data.draw(fitting(where.shape))
    values, filling = uniform(seed, shape), uniform(seed + 1, form)
    x, v = leaf(values), leaf(filling)
    y = x * 1
    y[to_tensors(key)] = v
    expected = values.copy().reshape(-1)
    # Leading ones that the target lacks fall away, in torch as in numpy.
    expected[where] = filling.reshape(form[max(len(form) - where.ndim, 0) :])
    np.testing.assert_array_equal(host(y), expected.reshape(shape))
    assert y._version == 1
    weights = uniform(seed + 2, shape)
    gx, gv = grad(y, (x, v), constant(weights), allow_unused=True, materialize_grads=True)
    kept = weights.copy().reshape(-1)
    kept[where] = 0.0
    np.testing.assert_array_equal(host(gx), kept.reshape(shape))
    if not repeats:  # torch gives each of the repeated ones the gradient; which one stays is undefined
        arrived = summed_to(weights.reshape(-1)[where], form[max(len(form) - where.ndim, 0) :]).reshape(form)
        np.testing.assert_allclose(host(gv), arrived, rtol=0, atol=1e-13)


@fixed(100)
@given(with_keys.filter(lambda g: len(parts_of(g[1])) > 0 and all(is_array(p) for p in parts_of(g[1]))), seeds)
def test_index_put_adds(given, seed):
    shape, key = given
    where = places(key, shape)
    values, filling = uniform(seed, shape), uniform(seed + 1, where.shape)
    x, v = leaf(values), leaf(filling)
    indices = tuple(torch.tensor(p) if not isinstance(p, np.ndarray) else constant(p) for p in parts_of(key))
    made = x.index_put(indices, v, accumulate=True)
    np.testing.assert_allclose(host(made), values + added(filling, where, shape), rtol=0, atol=1e-13)
    weights = uniform(seed + 2, shape)
    gx, gv = grad(made, (x, v), constant(weights), allow_unused=True, materialize_grads=True)
    np.testing.assert_array_equal(host(gx), weights)
    np.testing.assert_array_equal(host(gv), weights.reshape(-1)[where])


# --- refusing ---
def needs_values(key, shape):
    """Whether only the values of an index array tell that a key is wrong: a device does not look at them."""
    try:
        return at(np.empty(shape), to_zeros(key)).ndim >= 0
    except IndexError:
        return False


def to_zeros(key):
    return tuple(
        np.zeros_like(p) if is_array(p) and not isinstance(p, bool) and np.asarray(p).dtype != bool else p
        for p in parts_of(key)
    )


@fixed(200)
@given(shapes(min_size=1, min_rank=1).flatmap(lambda s: st.tuples(st.just(s), keys(s, faulty=True))), seeds)
def test_refused_as_numpy_refuses(given, seed):
    shape, key = given
    x = constant(uniform(seed, shape))
    before = host(x).copy()
    try:
        where = places(key, shape)
    except IndexError:
        if needs_values(key, shape) and not x._xp.values_at_hand:
            return
        with pytest.raises(IndexError):
            x[to_tensors(key)]
        with pytest.raises(IndexError):
            x[to_tensors(key)] = 5.0
        np.testing.assert_array_equal(host(x), before)
        assert x._version == 0
    else:
        np.testing.assert_array_equal(host(x[to_tensors(key)]), before.reshape(-1)[where])


@fixed(120)
@given(shapes_with_keys(min_rank=1), shapes(min_rank=1), seeds)
def test_a_value_that_does_not_fit_is_refused(given, form, seed):
    shape, key = given
    where = places(key, shape)
    broadcasts = len(form) - where.ndim <= next((i for i, n in enumerate(form) if n != 1), len(form)) and all(
        n in (1, m) for n, m in zip(reversed(form), reversed(where.shape), strict=False)
    )
    x = constant(uniform(seed, shape))
    before, version = host(x).copy(), x._version
    if broadcasts:
        x[to_tensors(key)] = constant(uniform(seed, form))
        assert x._version == version + 1
        return
    with pytest.raises(RuntimeError, match=r"must match|cannot be broadcast|number of sizes provided"):
        x[to_tensors(key)] = constant(uniform(seed, form))
    np.testing.assert_array_equal(host(x), before)
    assert x._version == version


@fixed(30)
@given(shapes(min_rank=1), st.integers(-3, 0), st.integers(0, 3))
def test_steps_below_one_are_refused(shape, step, before):
    x = constant(np.zeros(shape))
    with pytest.raises(ValueError, match=r"step must be greater than zero|slice step cannot be zero"):
        x[(slice(None),) * min(before, len(shape) - 1) + (slice(None, None, step),)]
