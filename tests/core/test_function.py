"""autograd.Function: everything ctx offers, what forward and backward may return, and double backward through it."""

import gc
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import Function, grad
from plugrad.autograd.function import once_differentiable
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def same(tensor, values):
    assert_close(tensor.detach(), torch.tensor(values, dtype=torch.float64))


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


class Product(Function):
    """Forward without ctx, setup_context beside it."""

    @staticmethod
    def forward(x, y):
        return x * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x


# --- forward and backward ---
def test_forward_and_backward():
    x = leaf(1.0, 2.0)
    y = Cube.apply(x)
    same(y, [1.0, 8.0])
    y.sum().backward()
    same(x.grad, [3.0, 12.0])


def test_node_is_named_after_the_class():
    y = Cube.apply(leaf(2.0))
    assert y.grad_fn.name() == "CubeBackward"
    assert type(y.grad_fn).__name__ == "CubeBackward"
    assert "CubeBackward" in repr(y)


def test_forward_does_not_record():
    modes = []

    class Peek(Function):
        @staticmethod
        def forward(ctx, x):
            modes.append((torch.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad))
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            modes.append((torch.is_grad_enabled(), g.requires_grad))
            return g

    x = leaf(2.0)
    Peek.apply(x).backward()
    assert modes == [(False, True, False), (False, False)]


def test_setup_context():
    x, y = leaf(2.0), leaf(3.0)
    Product.apply(x, y).backward()
    same(x.grad, 3.0)
    same(y.grad, 2.0)


def test_setup_context_gets_all_inputs_and_outputs():
    seen = []

    class Scale(Function):
        @staticmethod
        def forward(x, factor, name):
            return x * factor, x + factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.factor, name = inputs
            seen.append((name, len(output), x.shape))

        @staticmethod
        def backward(ctx, g, h):
            return g * ctx.factor + h, None, None

    x = leaf(2.0)
    a, b = Scale.apply(x, 5.0, "five")
    (a + b).backward()
    same(x.grad, 6.0)
    assert seen == [("five", 2, torch.Size([]))]


def test_arguments_that_are_no_tensors():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor, *, offset=0.0):
            ctx.factor = factor
            return x * factor + offset

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf(2.0)
    y = Scale.apply(x, 5.0)
    same(y, 10.0)
    y.backward()
    same(x.grad, 5.0)


def test_missing_none_for_the_last_arguments_is_an_error():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor

    x = leaf(2.0)
    with pytest.raises(
        RuntimeError, match=r"function ScaleBackward returned an incorrect number of gradients \(expected 2, got 1\)"
    ):
        Scale.apply(x, 5.0).backward()


def test_more_gradients_than_arguments():
    class More(Function):
        extra = None

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, More.extra

    x = leaf(2.0)
    More.apply(x).backward()  # None at the end is let pass
    same(x.grad, 2.0)
    More.extra = torch.ones(())
    with pytest.raises(
        RuntimeError, match=r"function MoreBackward returned an incorrect number of gradients \(expected 1, got 2\)"
    ):
        More.apply(x).backward()


def test_gradient_for_what_is_no_tensor():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g, g

    text = (
        "function ScaleBackward returned a gradient different than None at position 2, but the corresponding forward input was not a "
        "Variable"
    )
    with pytest.raises(RuntimeError, match=text):
        Scale.apply(leaf(2.0), 5.0).backward()


def test_gradient_that_is_no_tensor():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return 2.0

    with pytest.raises((TypeError, RuntimeError), match=r"expected (a )?Variable"):
        Wrong.apply(leaf(2.0)).backward()


def test_gradient_of_a_wrong_shape():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(5, dtype=torch.float64)

    text = r"Function WrongBackward returned an invalid gradient at index 0 - got \[5\] but expected shape compatible with \[2\]"
    with pytest.raises(RuntimeError, match=text):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_gradient_that_must_be_summed_to_the_shape():
    class Spread(Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2).clone()

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(1.0, 2.0)
    Spread.apply(x).sum().backward()
    same(x.grad, [3.0, 3.0])


def test_gradient_of_another_dtype_is_cast():
    class Wide(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return (g * 2).double()

    x = leaf(1.0, dtype=torch.float32)
    Wide.apply(x).backward()
    assert x.grad.dtype is torch.float32


def test_gradient_for_an_input_that_needs_none_is_dropped():
    x, y = leaf(2.0), torch.tensor(3.0, dtype=torch.float64)
    Product.apply(x, y).backward()
    same(x.grad, 3.0)
    assert y.grad is None


def test_none_as_gradient():
    class Nothing(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return None, g

    x, y = leaf(2.0), leaf(3.0)
    Nothing.apply(x, y).backward()
    assert x.grad is None
    same(y.grad, 1.0)


def test_nothing_is_recorded_without_requires_grad():
    y = Cube.apply(torch.tensor([1.0, 2.0]))
    assert not y.requires_grad
    assert y.grad_fn is None
    with torch.no_grad():
        assert not Cube.apply(leaf(2.0)).requires_grad


def test_integer_outputs_have_no_gradient():
    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x.to(torch.int64)

        @staticmethod
        def backward(ctx, g, unused):
            return g * 2

    a, b = Both.apply(leaf(1.5, 2.5))
    assert a.requires_grad
    assert not b.requires_grad


# --- several outputs ---
class SumAndDifference(Function):
    seen = ()

    @staticmethod
    def forward(ctx, x, y):
        return x + y, x - y

    @staticmethod
    def backward(ctx, g, h):
        SumAndDifference.seen = (g, h)
        return g + h, g - h


def test_several_outputs():
    x, y = leaf(2.0), leaf(3.0)
    a, b = SumAndDifference.apply(x, y)
    assert a.grad_fn is b.grad_fn
    assert (a.output_nr, b.output_nr) == (0, 1)
    (a * 10 + b).backward()
    same(x.grad, 11.0)
    same(y.grad, 9.0)


def test_unused_output_gets_zeros():
    x, y = leaf(2.0), leaf(3.0)
    a, _ = SumAndDifference.apply(x, y)
    a.backward()
    same(SumAndDifference.seen[1], 0.0)
    same(x.grad, 1.0)


def test_outputs_that_are_no_tensors():
    class Mixed(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, "text", None, 5

        @staticmethod
        def backward(ctx, g, *rest):
            assert rest == (None, None, None)
            return g * 2

    x = leaf(2.0)
    y, text, nothing, number = Mixed.apply(x)
    assert (text, nothing, number) == ("text", None, 5)
    y.backward()
    same(x.grad, 2.0)


def test_a_list_of_outputs_is_one_output_and_no_tensor():
    class Listed(Function):
        @staticmethod
        def forward(ctx, x):
            return [x * 2, x * 3]

    made = Listed.apply(leaf(2.0))
    assert isinstance(made, list)
    assert not made[0].requires_grad


def test_output_that_is_no_tensor():
    class Text(Function):
        @staticmethod
        def forward(ctx, x):
            return "text"

    assert Text.apply(leaf(1.0)) == "text"


# --- set_materialize_grads ---
def test_without_materialized_gradients():
    seen = []

    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g, h))
            return (0 if g is None else g * 2) + (0 if h is None else h * 3)

    x = leaf(2.0)
    _, b = Both.apply(x)
    b.backward()
    assert seen[0][0] is None
    same(x.grad, 3.0)


# --- needs_input_grad ---
def test_needs_input_grad():
    seen = []

    class Watch(Function):
        @staticmethod
        def forward(ctx, x, factor, y):
            seen.append(ctx.needs_input_grad)
            return x * factor + y

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, None, g if ctx.needs_input_grad[2] else None

    Watch.apply(leaf(2.0), 5.0, torch.tensor(1.0, dtype=torch.float64)).backward()
    assert seen == [(True, False, False)] * 2


# --- mark_non_differentiable ---
def test_mark_non_differentiable():
    class SortBoth(Function):
        @staticmethod
        def forward(ctx, x):
            values, indices = x.sort()
            copy = values * 1
            ctx.mark_non_differentiable(indices, copy)
            ctx.save_for_backward(indices)
            return values, indices, copy

        @staticmethod
        def backward(ctx, g, gi, gc):
            (indices,) = ctx.saved_tensors
            return torch.zeros_like(g).scatter(0, indices, g)

    x = leaf(3.0, 1.0, 2.0)
    values, indices, copy = SortBoth.apply(x)
    assert (values.requires_grad, indices.requires_grad, copy.requires_grad) == (True, False, False)
    (values * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)).sum().backward()
    same(x.grad, [3.0, 1.0, 2.0])


# --- mark_dirty ---
class AddOne(Function):
    @staticmethod
    def forward(ctx, x):
        x.add_(1)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 10


def test_mark_dirty():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y
    same(y, [3.0, 5.0])
    assert y.grad_fn.name() == "AddOneBackward"
    y.sum().backward()
    same(x.grad, [20.0, 20.0])


def test_mark_dirty_counts_the_write():
    x = leaf(1.0, 2.0)
    y = x * 2
    saved = y * y
    AddOne.apply(y)
    assert y._version >= 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()


def test_mark_dirty_of_a_leaf():
    with pytest.raises(
        RuntimeError, match=r"a leaf Variable that requires grad has been used in an in-place operation\."
    ):
        AddOne.apply(leaf(1.0, 2.0))


def test_mark_dirty_of_a_view():
    x = leaf(1.0, 2.0)
    y = x * 2
    AddOne.apply(y[:1])
    same(y, [3.0, 4.0])
    y.sum().backward()
    same(x.grad, [20.0, 2.0])


# --- what forward returns ---
def test_an_input_returned_as_it_is():
    class Through(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf(1.0, 2.0)
    y = Through.apply(x)
    assert y is not x
    assert y.grad_fn.name() == "ThroughBackward"
    assert x.is_leaf
    y.sum().backward()
    same(x.grad, [5.0, 5.0])


def test_view_of_an_input_returned():
    class Front(Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1]

        @staticmethod
        def backward(ctx, g):
            return torch.cat([g * 5, g * 0])

    x = leaf(1.0, 2.0)
    y = Front.apply(x * 1)
    y.sum().backward()
    same(x.grad, [5.0, 0.0])
    with pytest.raises(
        RuntimeError, match=r"is a view and is being modified inplace\. This view was created inside a custom Function"
    ):
        Front.apply(x * 1).mul_(2)


# --- saved tensors ---
def test_saved_output():
    class Exponential(Function):
        @staticmethod
        def forward(ctx, x):
            out = x.exp()
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            (out,) = ctx.saved_tensors
            return g * out

    x = leaf(0.0, 1.0)
    y = Exponential.apply(x)
    (g,) = grad(y.sum(), x, create_graph=True)
    (second,) = grad(g.sum(), x)
    assert_close(second, x.detach().exp())
    gone = weakref.ref(y)
    del y, g
    gc.collect()
    assert gone() is None


def test_saved_intermediate():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x * 2, None)
            return x * x

        @staticmethod
        def backward(ctx, g):
            twice, nothing = ctx.saved_tensors
            assert nothing is None
            return g * twice

    x = leaf(3.0)
    Square.apply(x).backward()
    same(x.grad, 6.0)


def test_saved_input_is_the_input():
    seen = []

    class Look(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.saved_tensors[0])
            return g

    x = leaf(2.0)
    Look.apply(x).backward()
    assert seen[0].requires_grad
    assert seen[0].is_leaf
    same(seen[0], 2.0)


def test_saved_tensor_changed():
    x = leaf(1.0, 2.0)
    hidden = x * 1
    y = Cube.apply(hidden)
    hidden.add_(1)
    text = (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        r"\[torch\.(\w+\.)?DoubleTensor \[2\]\], which is output 0 of Add, is at version 1; expected version 0 instead"
    )
    with pytest.raises(RuntimeError, match=text):
        y.sum().backward()


def test_saved_tensors_after_the_graph_was_freed():
    x = leaf(2.0)
    y = Cube.apply(x)
    node = y.grad_fn
    same(node.saved_tensors[0], 2.0)
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        node.saved_tensors  # noqa: B018
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_save_for_backward_is_for_tensors():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 5)
            return x * 1

    with pytest.raises(TypeError, match="save_for_backward can only save variables, but argument 1 is of type int"):
        Wrong.apply(leaf(2.0))


def test_last_save_for_backward_counts():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, x)
            ctx.save_for_backward(x * 7)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            (saved,) = ctx.saved_tensors
            return g * saved

    x = leaf(2.0)
    Twice.apply(x).backward()
    same(x.grad, 14.0)


def test_attributes_of_ctx_survive_the_first_backward():
    class Count(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.calls = 0
            return x * 1

        @staticmethod
        def backward(ctx, g):
            ctx.calls += 1
            return g * ctx.calls

    x = leaf(2.0)
    y = Count.apply(x)
    y.backward()
    y.backward()
    same(x.grad, 3.0)


# --- every order ---
def test_double_backward():
    x = leaf(2.0)
    (first,) = grad(Cube.apply(x), x, create_graph=True)
    (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x)
    same(first, 12.0)
    same(second, 12.0)
    same(third, 6.0)


def test_double_backward_by_setup_context():
    x, y = leaf(2.0), leaf(3.0)
    (g,) = grad(Product.apply(x, y) ** 2, x, create_graph=True)
    same(grad(g, y)[0], 24.0)


def test_function_inside_a_backward():
    class Outer(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**4

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 4 * Cube.apply(x)

    x = leaf(2.0)
    (g,) = grad(Outer.apply(x), x, create_graph=True)
    same(g, 32.0)
    same(grad(g, x)[0], 48.0)


def test_backward_may_use_grad_itself():
    class Checkpointed(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp().sin()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                again = x.detach().requires_grad_()
                y = again.exp().sin()
            return torch.autograd.grad(y, again, g)

    x = leaf(0.5)
    Checkpointed.apply(x).backward()
    assert_close(x.grad, x.detach().exp() * x.detach().exp().cos())


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not torch.is_grad_enabled()
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(3.0)
    y = Once.apply(x)
    (g,) = grad(y, x, retain_graph=True)
    same(g, 6.0)
    assert not g.requires_grad
    (recorded,) = grad(y * y, x, create_graph=True)
    same(recorded, 108.0)
    assert recorded.requires_grad
    with pytest.raises(
        RuntimeError, match="trying to differentiate twice a function that was marked with @once_differentiable"
    ):
        recorded.backward()


# --- misuse ---
def test_forward_must_be_implemented():
    class Empty(Function):
        pass

    with pytest.raises(
        NotImplementedError, match=r"You must implement the forward function for custom autograd\.Function\."
    ):
        Empty.apply(leaf(1.0))


def test_backward_must_be_implemented():
    class Half(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    text = r"You must implement either the backward or vjp method for your custom autograd\.Function to use it with backward mode AD\."
    with pytest.raises(NotImplementedError, match=text):
        Half.apply(leaf(1.0)).backward()


def test_vjp_is_another_name_of_backward():
    class Named(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, g):
            return g * 7

    x = leaf(1.0)
    Named.apply(x).backward()
    same(x.grad, 7.0)


def test_backward_and_vjp_together():
    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    text = r"Implementing both 'backward' and 'vjp' for a custom Function is not allowed\. You should only implement one of them\."
    with pytest.raises(RuntimeError, match=text):
        Both.apply(leaf(1.0)).backward()


def test_instances_are_not_used():
    with pytest.warns(
        DeprecationWarning, match="should not be instantiated. Methods on autograd functions are all static"
    ):
        instance = Cube()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"):
        instance(leaf(1.0))


def test_exception_in_forward():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            raise LookupError("in forward")

    with pytest.raises(LookupError, match="in forward"):
        Fails.apply(leaf(1.0))
    assert torch.is_grad_enabled()


def test_exception_in_backward_leaves_the_engine_usable():
    class Fails(Function):
        broken = True

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            if Fails.broken:
                raise LookupError("in backward")
            return g * 2

    x, z = leaf(1.0), leaf(2.0)
    y = Fails.apply(x) * z
    with pytest.raises(LookupError, match="in backward"):
        y.backward(retain_graph=True)
    assert torch.is_grad_enabled()
    assert x.grad is None
    Fails.broken = False
    y.backward()
    same(x.grad, 4.0)


def test_no_cycle_through_ctx():
    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.note = "kept"
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0, 2.0)
    y = Keep.apply(x * 1)
    node = weakref.ref(y.grad_fn)
    y.sum().backward()
    del y
    assert node() is None


def test_ctx_is_the_grad_fn():
    seen = []

    class Note(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.note = "from forward"
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.note)
            return g

    y = Note.apply(leaf(1.0))
    assert y.grad_fn.note == "from forward"
    y.grad_fn.note = "changed"
    y.backward()
    assert seen == ["changed"]


def test_next_functions_of_a_custom_node():
    x, y = leaf(1.0), leaf(2.0)
    node = Product.apply(x, y * 2).grad_fn
    (first, _), (second, _) = node.next_functions
    assert first.variable is x
    assert second.name() == "MulBackward0"


def test_hooks_on_a_custom_node():
    x = leaf(2.0)
    y = Cube.apply(x)
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + 1,))
    y.backward()
    same(x.grad, 121.0)
