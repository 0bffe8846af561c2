"""Views: shared memory and versions, writes through views and bases with gradients, and the views that refuse them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugrad as torch
from plugrad.autograd import grad
from plugrad.testing import assert_close
from plugrad_properties import fixed

pytestmark = pytest.mark.device

CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation"
MADE_IN_NO_GRAD = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous "
    "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the "
    "no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
SEVERAL_VIEWS = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
    "inplace. You should replace the inplace operation by an out-of-place one."
)


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def double(*values):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=torch.float64)


def same(tensor, values):
    assert_close(tensor.detach(), torch.tensor(values, dtype=torch.float64))


def matrix():
    return leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


# --- what is a view, and the node it has ---
VIEWS = {
    "view": (lambda y: y.view(6), "ViewBackward0"),
    "view_as": (lambda y: y.view_as(torch.ones(3, 2)), "ViewBackward0"),
    "reshape": (lambda y: y.reshape(3, 2), "ViewBackward0"),
    "flatten": (lambda y: y.flatten(), "ViewBackward0"),
    "unflatten": (lambda y: y.unflatten(1, (3, 1)), "ViewBackward0"),
    "t": (lambda y: y.t(), "TBackward0"),
    "T": (lambda y: y.T, "PermuteBackward0"),
    "mT": (lambda y: y.mT, "TransposeBackward0"),
    "transpose": (lambda y: y.transpose(0, 1), "TransposeBackward0"),
    "permute": (lambda y: y.permute(1, 0), "PermuteBackward0"),
    "movedim": (lambda y: y.movedim(0, 1), "PermuteBackward0"),
    "squeeze": (lambda y: y.squeeze(), "SqueezeBackward0"),
    "squeeze of a dimension": (lambda y: y.squeeze(0), "SqueezeBackward1"),
    "unsqueeze": (lambda y: y.unsqueeze(1), "UnsqueezeBackward0"),
    "expand": (lambda y: y.expand(4, 2, 3), "ExpandBackward0"),
    "broadcast_to": (lambda y: torch.broadcast_to(y, (4, 2, 3)), "ExpandBackward0"),
    "diagonal": (lambda y: y.diagonal(), "DiagonalBackward0"),
    "narrow": (lambda y: y.narrow(1, 1, 2), "SliceBackward0"),
    "select": (lambda y: y.select(1, 1), "SelectBackward0"),
    "unfold": (lambda y: y.unfold(1, 2, 1), "UnfoldBackward0"),
    "[i]": (lambda y: y[1], "SelectBackward0"),
    "[i, j]": (lambda y: y[1, 2], "SelectBackward0"),
    "[a:b]": (lambda y: y[:1], "SliceBackward0"),
    "[:, a::b]": (lambda y: y[:, 1::2], "SliceBackward0"),
    "[..., i]": (lambda y: y[..., 0], "SelectBackward0"),
    "[None]": (lambda y: y[None], "UnsqueezeBackward0"),
    "chunk": (lambda y: y.chunk(2)[1], "SplitBackward0"),
    "split": (lambda y: y.split(2, 1)[0], "SplitBackward0"),
    "split by sizes": (lambda y: y.split([1, 2], 1)[1], "SplitWithSizesBackward0"),
    "unbind": (lambda y: y.unbind(1)[2], "UnbindBackward0"),
    "iteration": (lambda y: list(y)[1], "UnbindBackward0"),
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", VIEWS)
def test_views(name):
    """A view knows its base, lies in its memory, and sends its gradient there."""
    function, node = VIEWS[name]
    x = matrix()
    y = x * 1
    v = function(y)
    assert v._is_view()
    assert v._base is y
    assert v.grad_fn.name() == node
    places = function(torch.arange(6.0, dtype=torch.float64).reshape(2, 3))
    v.backward(places + 1)
    expected = torch.zeros(6, dtype=torch.float64)
    for place in places.flatten().tolist():
        expected[int(place)] += place + 1
    assert_close(x.grad, expected.reshape(2, 3))
    with torch.no_grad():
        y.mul_(10)
    assert_close(v.detach(), function(x.detach() * 10))


NO_VIEWS = {
    "clone": lambda y: y.clone(),
    "index by tensor": lambda y: y[torch.tensor([0, 1])],
    "index by list": lambda y: y[[0, 1]],
    "mask": lambda y: y[y > 0],
    "arithmetic": lambda y: y + 0,
    "reshape of scattered memory": lambda y: y.t().reshape(6),
    "contiguous of scattered memory": lambda y: y.t().contiguous(),
    "flip": lambda y: y.flip(0),
    "roll": lambda y: y.roll(1, 0),
    "cat": lambda y: torch.cat([y, y]),
    "gather": lambda y: y.gather(1, torch.tensor([[0], [1]])),
    "repeat": lambda y: y.repeat(2, 1),
    "detach": lambda y: y.detach(),
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", NO_VIEWS)
def test_no_views(name):
    made = NO_VIEWS[name](matrix() * 1)
    assert not made._is_view()
    assert made._base is None


def test_base_of_a_view_of_a_view_is_the_first_one():
    y = matrix() * 1
    v = y[0]
    w = v[1:]
    assert w._base is y
    assert v._base is y


def test_view_of_a_leaf():
    x = matrix()
    v = x.view(6)
    assert v._base is x
    assert v.requires_grad
    assert not v.is_leaf
    (v * v).sum().backward()
    same(x.grad, [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]])


def test_view_needs_strides_that_allow_it():
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        matrix().t().view(6)


def test_view_of_another_size():
    with pytest.raises(RuntimeError, match=r"shape '\[4\]' is invalid for input of size 6"):
        matrix().view(4)


# --- writes through a view ---
def test_write_through_a_view_reaches_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[:2]
    v.mul_(5)
    same(y, [5.0, 10.0, 3.0])
    (y * y).sum().backward()
    same(x.grad, [50.0, 100.0, 6.0])


def test_nodes_after_a_write_through_a_view():
    y = leaf(1.0, 2.0, 3.0) * 1
    v = y[:2]
    v.mul_(5)
    assert type(y.grad_fn).__name__ == "CopySlices"
    assert v.grad_fn.name() == "AsStridedBackward0"


def test_gradient_through_the_written_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[:2]
    v.mul_(5)
    (v * v).sum().backward()
    same(x.grad, [50.0, 100.0, 0.0])


def test_write_into_the_base_reaches_the_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[:2]
    y.mul_(5)
    same(v, [5.0, 10.0])
    (v * v).sum().backward()
    same(x.grad, [50.0, 100.0, 0.0])


def test_write_into_the_base_then_the_view_then_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[:2]
    y.mul_(2)
    v.add_(x[1:])
    y.mul_(3)
    same(y, [12.0, 21.0, 18.0])
    (y.sum() + 10 * v.sum()).backward()
    same(x.grad, [66.0, 99.0, 39.0])


def test_write_into_one_view_reaches_another():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    front, back = y[:2], y[1:]
    front.mul_(5)
    same(back, [10.0, 3.0])
    back.sum().backward()
    same(x.grad, [0.0, 5.0, 1.0])


def test_views_made_after_a_write():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[:2].mul_(5)
    v = y[1:]
    v.sum().backward()
    same(x.grad, [0.0, 5.0, 1.0])


def test_view_of_a_view_written():
    x = matrix()
    y = x * 1
    row = y[1]
    part = row[1:]
    part.mul_(10)
    same(y, [[1.0, 2.0, 3.0], [4.0, 50.0, 60.0]])
    same(row, [4.0, 50.0, 60.0])
    (row * row).sum().backward()
    same(x.grad, [[0.0, 0.0, 0.0], [8.0, 1000.0, 1200.0]])


def test_outer_view_written_inner_view_follows():
    x = matrix()
    y = x * 1
    row = y[1]
    part = row[1:]
    row.mul_(10)
    part.sum().backward()
    same(x.grad, [[0.0, 0.0, 0.0], [0.0, 10.0, 10.0]])


def test_transposed_and_reshaped_views_written():
    x = matrix()
    y = x * 1
    y.t()[0].mul_(10)
    y.view(6)[5].add_(x[0, 0])
    y.unsqueeze(0)[0, 1, 1].zero_()
    same(y, [[10.0, 2.0, 3.0], [40.0, 0.0, 7.0]])
    y.sum().backward()
    same(x.grad, [[11.0, 1.0, 1.0], [10.0, 0.0, 1.0]])


@pytest.mark.cpu
def test_diagonal_written():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x * 1
    y.diagonal().fill_(0)
    same(y, [[0.0, 2.0], [3.0, 0.0]])
    y.sum().backward()
    same(x.grad, [[0.0, 1.0], [1.0, 0.0]])


def test_write_through_a_view_of_a_base_without_history():
    x, buffer = leaf(5.0, 6.0), torch.zeros(3, dtype=torch.float64)
    v = buffer[1:]
    v.copy_(x)
    assert buffer.requires_grad
    assert buffer.grad_fn.name() == "torch::autograd::CopySlices"
    (buffer * buffer).sum().backward()
    same(x.grad, [10.0, 12.0])


def test_other_views_of_such_a_base_get_history():
    x, buffer = leaf(5.0, 6.0), torch.zeros(3, dtype=torch.float64)
    early = buffer[:2]
    buffer[1:] = x
    assert early.requires_grad
    early.sum().backward()
    same(x.grad, [1.0, 0.0])


def test_rows_filled_one_by_one():
    x = leaf(1.0, 2.0)
    table = torch.zeros(3, 2, dtype=torch.float64)
    for i in range(3):
        table[i] = x * (i + 1)
    same(table, [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    (table * table).sum().backward()
    same(x.grad, [28.0, 56.0])


def test_recurrence_written_into_a_buffer():
    x = leaf(0.5)
    states = torch.ones(4, dtype=torch.float64)
    for i in range(1, 4):
        states[i] = states[i - 1].clone() * x
    same(states, [1.0, 0.5, 0.25, 0.125])
    states.sum().backward()
    same(x.grad, 1 + 2 * 0.5 + 3 * 0.25)


def test_recurrence_that_keeps_the_view_it_overwrites():
    x = leaf(0.5)
    states = torch.ones(4, dtype=torch.float64)
    for i in range(1, 4):
        states[i] = states[i - 1] * x
    with pytest.raises(RuntimeError, match=CHANGED):
        states.sum().backward()


def test_saved_base_changed_through_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    z = y * y
    y[0].add_(1)
    with pytest.raises(RuntimeError, match=CHANGED):
        z.sum().backward()


def test_saved_view_changed_through_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    z = y[1:] * y[1:]
    y.add_(1)
    with pytest.raises(RuntimeError, match=CHANGED):
        z.sum().backward()


def test_saved_view_changed_by_a_write_elsewhere_in_the_memory():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    z = y[:1] * y[:1]
    y[2:].add_(1)  # another place, the same version
    with pytest.raises(RuntimeError, match=CHANGED):
        z.sum().backward()


def test_second_order_through_a_write():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[:2].mul_(x[1:])
    (g,) = grad((y**3).sum(), x, create_graph=True)
    same(g, [24.0, 336.0, 243.0])
    (second,) = grad(g[0], x)
    same(second, [48.0, 36.0, 0.0])


def test_hook_on_a_view_before_a_write_into_the_base():
    seen = []
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[:2]
    v.register_hook(seen.append)
    (v * 2).sum().backward(retain_graph=True)
    y.mul_(5)
    (v * 2).sum().backward()
    same(seen[0], [2.0, 2.0])
    same(x.grad, [12.0, 12.0, 0.0])


def test_version_is_that_of_the_base():
    x = torch.zeros(4)
    v = x[:2]
    w = v[1:]
    w.add_(1)
    x.add_(1)
    assert (x._version, v._version, w._version) == (2, 2, 2)


def test_view_outlives_its_base_name():
    x = leaf(1.0, 2.0)
    y = x * 1
    v = y[:1]
    del y
    v.mul_(3)
    v.sum().backward()
    same(x.grad, [3.0, 0.0])
    same(v._base, [3.0, 2.0])


@pytest.mark.cpu
def test_memory_with_a_repeated_element_refuses_writes():
    text = "unsupported operation: more than one element of the written-to tensor refers to a single memory location"
    with pytest.raises(RuntimeError, match=text):
        torch.zeros(3).expand(2, 3).mul_(2)
    with pytest.raises(RuntimeError, match=text):
        (leaf(1.0) * 1).expand(2).add_(1)


# --- views of leaves ---
def test_view_of_a_leaf_refuses_writes():
    x = leaf(1.0, 2.0)
    text = "a view of a leaf Variable that requires grad is being used in an in-place operation."
    for write in (
        lambda: x[0].mul_(2),
        lambda: x.view(2, 1).zero_(),
        lambda: x.__setitem__(0, 5.0),
        lambda: x[:1][0].add_(1),
    ):
        with pytest.raises(RuntimeError, match=text):
            write()
    same(x, [1.0, 2.0])


def test_view_of_a_leaf_in_no_grad_mode():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        x[0].mul_(5)
        x.view(2, 1)[1] = 7
    same(x, [5.0, 7.0])
    assert x.is_leaf
    (x * x).sum().backward()
    same(x.grad, [10.0, 14.0])


def test_view_made_before_the_base_requires_grad():
    x = torch.zeros(2, dtype=torch.float64)
    v = x[:1]
    x.requires_grad_()
    with pytest.raises(
        RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"
    ):
        v.add_(1)


def test_view_that_is_made_a_leaf():
    x = torch.zeros(3, dtype=torch.float64)
    v = x[:2].requires_grad_()
    assert v.is_leaf
    (v * 3).sum().backward()
    same(v.grad, [3.0, 3.0])
    assert not x.requires_grad


# --- modes in which views are made ---
def test_view_made_in_no_grad_mode_written_in_grad_mode():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        v = y[:1]
    with pytest.raises(RuntimeError) as caught:
        v.mul_(2)
    assert str(caught.value) == MADE_IN_NO_GRAD


def test_view_of_a_leaf_made_in_no_grad_mode_written_in_grad_mode():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        v = x[:1]
    with pytest.raises(RuntimeError) as caught:
        v.mul_(2)
    assert str(caught.value) == MADE_IN_NO_GRAD


def test_view_of_a_plain_tensor_made_in_no_grad_mode():
    x = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        v = x[:1]
    v.add_(1)  # nothing here is recorded
    same(x, [1.0, 0.0])
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        v.add_(leaf([1.0]))


def test_view_of_a_view_made_in_no_grad_mode():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        v = y[:1]
    w = v[:]
    text = (
        "(A view|Output 0 of Slice is a view of a view which) was created in no_grad mode and is being modified inplace"
    )
    with pytest.raises(RuntimeError, match=text):
        w.mul_(2)


def test_view_made_and_written_in_no_grad_mode():
    x = leaf(1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        y[:1].mul_(5)
    same(y, [5.0, 2.0])
    y.sum().backward()
    same(x.grad, [1.0, 1.0])


def test_view_made_in_grad_mode_written_in_no_grad_mode():
    x = leaf(1.0, 2.0)
    y = x * 1
    v = y[:1]
    with torch.no_grad():
        v.mul_(5)
    (v * 2).sum().backward()
    same(x.grad, [2.0, 0.0])


def test_base_of_a_view_made_in_no_grad_mode_may_be_written():
    x = leaf(1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        v = y[:1]
    y.mul_(5)
    same(v, [5.0])
    y.sum().backward()
    same(x.grad, [5.0, 5.0])


# --- functions that return several views ---
SEVERAL = {
    "chunk": (lambda y: y.chunk(2), "Split"),
    "split": (lambda y: y.split(2), "Split"),
    "split by sizes": (lambda y: y.split([1, 3]), "SplitWithSizes"),
    "unbind": (lambda y: y.unbind(), "Unbind"),
    "iteration": (lambda y: tuple(y), "Unbind"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_one_of_several_views_refuses_writes(name):
    function, node = SEVERAL[name]
    parts = function(leaf(1.0, 2.0, 3.0, 4.0) * 1)
    with pytest.raises(RuntimeError) as caught:
        parts[1].mul_(2)
    assert str(caught.value) == f"Output 1 of {node} is a view and is being modified inplace. {SEVERAL_VIEWS}"


@pytest.mark.parametrize("name", SEVERAL)
def test_gradients_of_several_views(name):
    x = leaf(1.0, 2.0, 3.0, 4.0)
    parts = SEVERAL[name][0](x * 1)
    sum((part * part).sum() * (i + 1) for i, part in enumerate(parts)).backward()
    expected, place = [], 0
    for i, part in enumerate(parts):
        for _ in range(part.numel()):
            expected.append(2.0 * (place + 1) * (i + 1))
            place += 1
    same(x.grad, expected)


def test_gradient_of_only_one_of_several_views():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    x.chunk(2)[1].sum().backward()
    same(x.grad, [0.0, 0.0, 1.0, 1.0])


def test_output_numbers_of_several_views():
    a, b = (leaf(1.0, 2.0) * 1).unbind()
    assert a.grad_fn is b.grad_fn
    assert (a.output_nr, b.output_nr) == (0, 1)
    assert (b * 1).grad_fn.next_functions == ((b.grad_fn, 1), (None, 0))


def test_base_of_several_views_written():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    a, _ = y.chunk(2)
    y.mul_(5)
    same(a.data, [5.0, 10.0])
    y.sum().backward()
    same(x.grad, [5.0, 5.0, 5.0, 5.0])


def test_several_views_of_a_plain_tensor_may_be_written():
    y = torch.zeros(4)
    a, b = y.chunk(2)
    a.add_(1)
    b[0] = 5
    assert y.tolist() == [1.0, 1.0, 5.0, 0.0]


def test_several_views_written_in_no_grad_mode():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        for part in y:
            part.mul_(2)
    same(y, [2.0, 4.0])


def test_iteration_over_rows_with_gradients():
    x = matrix()
    total = sum((row * (i + 1)).sum() for i, row in enumerate(x))
    total.backward()
    same(x.grad, [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])


def test_second_order_through_several_views():
    x = leaf(2.0, 3.0)
    a, b = x.unbind()
    (g,) = grad(a * a * b, x, create_graph=True)
    same(g, [12.0, 4.0])
    (second,) = grad(g[0], x)
    same(second, [6.0, 4.0])


# --- in-place changes of the shape ---
def test_transpose_in_place():
    x = matrix()
    y = x * 1
    assert y.t_() is y
    assert y.shape == torch.Size([3, 2])
    y.mul_(2)
    (y * double([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    same(x.grad, [[2.0, 6.0, 10.0], [4.0, 8.0, 12.0]])


def test_squeeze_and_unsqueeze_in_place():
    x = matrix()
    y = x * 1
    y.unsqueeze_(0)
    assert y.shape == torch.Size([1, 2, 3])
    y.squeeze_(0)
    y.transpose_(0, 1)
    assert y.shape == torch.Size([3, 2])
    y[0].sum().backward()
    same(x.grad, [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def test_detach_in_place_of_a_view():
    v = (leaf(1.0, 2.0) * 1)[:1]
    with pytest.raises(RuntimeError, match=r"Can't detach views in-place\. Use detach\(\) instead\."):
        v.detach_()


# --- chains of views and writes against numpy ---
def numpy_step(step, arrays, i):
    """The same step on numpy views; returns the array to add to the list, or None."""
    kind, a, b = step
    target = arrays[i % len(arrays)]
    if kind == "slice":
        n = target.shape[0] if target.ndim else 0
        return target[a % (n + 1) :] if target.ndim else None
    if kind == "stride":
        return target[..., :: 1 + a % 3] if target.ndim else None
    if kind == "select":
        return target[a % target.shape[0], ...] if target.ndim and target.shape[0] else None
    if kind == "transpose":
        return target.T if target.ndim == 2 else None
    if kind == "unsqueeze":
        return target[None] if target.ndim < 4 else None
    if kind == "add":
        target += float(a)
    elif kind == "mul":
        target *= 1.0 + b / 4
    elif kind == "fill":
        target[...] = float(b)
    elif kind == "square":
        target *= target.copy()
    elif kind == "mix":
        other = arrays[b % len(arrays)]
        if other.shape == target.shape:
            target += other.copy() * 0.5
    return None


def tensor_step(t, step, tensors, i):
    kind, a, b = step
    target = tensors[i % len(tensors)]
    if kind == "slice":
        n = target.shape[0] if target.dim() else 0
        return target[a % (n + 1) :] if target.dim() else None
    if kind == "stride":
        return target[..., :: 1 + a % 3] if target.dim() else None
    if kind == "select":
        return target[a % target.shape[0]] if target.dim() and target.shape[0] else None
    if kind == "transpose":
        return target.t() if target.dim() == 2 else None
    if kind == "unsqueeze":
        return target[None] if target.dim() < 4 else None
    if kind == "add":
        target.add_(float(a))
    elif kind == "mul":
        target.mul_(1.0 + b / 4)
    elif kind == "fill":
        target.fill_(float(b))
    elif kind == "square":
        target.mul_(target.clone())
    elif kind == "mix":
        other = tensors[b % len(tensors)]
        if other.shape == target.shape:
            target.add_(other.clone() * 0.5)
    return None


STEPS = st.lists(
    st.tuples(
        st.tuples(
            st.sampled_from(
                ["slice", "stride", "select", "transpose", "unsqueeze", "add", "mul", "fill", "square", "mix"]
            ),
            st.integers(-3, 3),
            st.integers(-3, 3),
        ),
        st.integers(0, 7),
    ),
    max_size=10,
)


def simulate(values, steps, weights):
    """The loss of a chain in numpy: the weighted sum over all tensors that were made."""
    arrays = [values.copy()]
    for step, i in steps:
        made = numpy_step(step, arrays, i)
        if made is not None:
            arrays.append(made)
    return arrays, sum(float((a * w).sum()) for a, w in zip(arrays, weights, strict=False))


@fixed(150)
@given(steps=STEPS, seed=st.integers(0, 1000))
def test_chains_of_views_and_writes(steps, seed):
    """Values after every step, and the gradient of a weighted sum of all views, against numpy and its differences."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.5, 1.5, (3, 4))
    weights = rng.uniform(-1, 1, 20)
    x = torch.tensor(values.tolist(), dtype=torch.float64, requires_grad=True)
    tensors = [x * 1]
    for step, i in steps:
        made = tensor_step(torch, step, tensors, i)
        if made is not None:
            tensors.append(made)
    arrays, _ = simulate(values, steps, weights)
    for t, a in zip(tensors, arrays, strict=True):
        assert tuple(t.shape) == a.shape
        np.testing.assert_allclose(t.detach().cpu().numpy(), a, rtol=1e-12, atol=1e-12)
    loss = sum((t * float(w)).sum() for t, w in zip(tensors, weights, strict=False))
    (g,) = grad(loss, x)
    direction, step_size = rng.uniform(-1, 1, values.shape), 1e-6
    ahead = simulate(values + step_size * direction, steps, weights)[1]
    behind = simulate(values - step_size * direction, steps, weights)[1]
    along = float((g.cpu().numpy() * direction).sum())
    scale = max(1.0, abs(ahead), abs(along))
    assert abs(along - (ahead - behind) / (2 * step_size)) <= 2e-5 * scale
