"""Second derivatives through a Function: right, or an error, but never silently without a part."""

import gc
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import Function, grad, gradgradcheck
from plugrad.autograd.function import once_differentiable
from plugrad.testing import assert_close

pytestmark = pytest.mark.device
LOST = "a tensor that forward made from its inputs but does not return"


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def function(forward, backward):
    """A Function from forward(ctx, x) and backward(ctx, g)."""
    return type("Op", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def second(op, x):
    (first,) = grad(op.apply(x).sum(), x, create_graph=True)
    return grad((first * x.detach().cos()).sum(), x)[0]


def save(*tensors):
    """A forward of x³ that saves what ``tensors`` makes of x."""

    def forward(ctx, x):
        ctx.save_for_backward(*(t(x) for t in tensors))
        return x**3

    return forward


def keep(value):
    """A forward of x³ that puts a value on ctx."""

    def forward(ctx, x):
        ctx.kept = value(x)
        return x**3

    return forward


def from_saved(ctx, g):
    return g * 3 * ctx.saved_tensors[0]


# --- what is lost is an error ---
MADE = {
    "saved": (save(lambda x: x * x), from_saved),
    "saved view": (save(lambda x: x.view(-1)), lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2),
    "on ctx": (keep(lambda x: x * x), lambda ctx, g: g * 3 * ctx.kept),
    "in a list": (keep(lambda x: [1, x * x]), lambda ctx, g: g * 3 * ctx.kept[1]),
    "in a dict": (keep(lambda x: {"square": x * x}), lambda ctx, g: g * 3 * ctx.kept["square"]),
    "returned as it is": (keep(lambda x: 3 * x * x), lambda ctx, g: ctx.kept),
}
PLACES = {
    "saved": "argument 0 of save_for_backward",
    "saved view": "argument 0 of save_for_backward",
    "on ctx": "ctx.kept",
    "in a list": "ctx.kept[1]",
    "in a dict": "ctx.kept['square']",
    "returned as it is": "ctx.kept",
}


@pytest.mark.parametrize("name", MADE)
def test_an_intermediate_that_is_differentiated(name):
    op, x = function(*MADE[name]), leaf(1.0, 2.0)
    (first,) = grad(op.apply(x).sum(), x)
    assert_close(first, 3 * x.detach() ** 2)
    with pytest.raises(RuntimeError, match=LOST) as caught:
        second(op, x)
    assert str(caught.value).startswith(f"Op: the derivative of this backward depends on {PLACES[name]}, ")


def test_backward_meets_it_too():
    x = leaf(4.0)
    y = function(*MADE["on ctx"]).apply(x) * x
    (first,) = grad(y, x, create_graph=True)
    with pytest.raises(RuntimeError, match=LOST):
        first.backward()


@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_first_derivative_may_be_recorded():
    """The known example: 4·x³ of x⁴. torch loses 64 of 192."""
    x = leaf(4.0)
    op = function(keep(lambda x: x * x), lambda ctx, g: g * 3 * ctx.kept)
    (op.apply(x) * x).sum().backward(create_graph=True)
    assert_close(x.grad.detach(), torch.tensor([256.0], dtype=torch.float64))


def test_a_forward_that_leaves_the_framework():
    op = function(
        keep(lambda x: torch.tensor(x.tolist(), dtype=torch.float64) ** 2 if not torch.is_grad_enabled() else 1 / 0),
        lambda ctx, g: g * 3 * ctx.kept,
    )
    with pytest.raises(RuntimeError, match=LOST):
        second(op, leaf(1.0, 2.0))


# --- constants are none ---
def mask_of(x):
    return (x > 1.5).to(x.dtype)


CONSTANTS = {
    "mask": lambda x: mask_of(x) + 1,
    "number": lambda x: torch.tensor(2.0, dtype=x.dtype, device=x.device),
    "detached": lambda x: x.detach() * 0 + 2,
    "sign": lambda x: x.sign(),
    "shape": lambda x: torch.full((2,), float(x.numel()), dtype=x.dtype, device=x.device),
    "index": lambda x: (x > 1.5).long(),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name):
    """backward = g · constant · x², differentiated by hand."""
    op = function(
        lambda ctx, x: (ctx.save_for_backward(x, CONSTANTS[name](x)), x**3)[1],
        lambda ctx, g: g * ctx.saved_tensors[1] * ctx.saved_tensors[0] ** 2,
    )
    x = leaf(1.0, 2.0)
    constant = CONSTANTS[name](x.detach()).to(x.dtype)
    assert_close(second(op, x), x.detach().cos() * constant * 2 * x.detach())


def test_an_input_that_needs_no_gradient_is_a_constant():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.square = k * k
            ctx.save_for_backward(x)
            return x**2 * k * k

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0] * ctx.square, None

    x, k = leaf(1.0, 2.0), torch.tensor([3.0, 3.0], dtype=torch.float64)
    (first,) = grad(Scale.apply(x, k).sum(), x, create_graph=True)
    assert_close(grad(first.sum(), x)[0], torch.tensor([18.0, 18.0], dtype=torch.float64))


def test_only_the_inputs_that_it_was_made_of():
    """exp(x) is lost for a derivative by x, and a constant for one by w."""

    class ExpTimes(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.e = x.exp()
            ctx.save_for_backward(w)
            return x.exp() * w

        @staticmethod
        def backward(ctx, g):
            return g * ctx.e * ctx.saved_tensors[0], g * ctx.e

    x, w = leaf(1.0), leaf(2.0)
    (first,) = grad(ExpTimes.apply(x, w), x, create_graph=True)
    assert_close(grad(first, w, retain_graph=True)[0], x.detach().exp())
    with pytest.raises(RuntimeError, match=r"ExpTimes: the derivative of this backward depends on ctx\.e"):
        grad(first, x)


# --- how it should be done ---
class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, g):
        (result,) = ctx.saved_tensors
        return g * result


class ReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        found = g.clone()
        found[x < 0] = 0
        return found


class Legendre(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 1.5 * (5 * x**2 - 1)


class Sinh(Function):
    """The intermediates are outputs."""

    @staticmethod
    def forward(ctx, x):
        up, down = x.exp(), (-x).exp()
        ctx.save_for_backward(up, down)
        return (up - down) / 2, up, down

    @staticmethod
    def backward(ctx, g, g_up, g_down):
        up, down = ctx.saved_tensors
        return g * (up + down) / 2 + g_up * up - g_down * down


@pytest.mark.parametrize("op", [Exp, ReLU, Legendre, Sinh])
def test_functions_of_the_tutorials(op):
    assert gradgradcheck(op.apply, leaf(0.3, -0.8, 1.2))


def test_an_output_without_gradient_that_is_saved():
    """It has no history: what backward takes from it is a constant, as in torch."""

    class WithTwice(Function):
        @staticmethod
        def forward(ctx, x):
            twice = x * 2
            ctx.mark_non_differentiable(twice)
            ctx.save_for_backward(twice)
            return x * x, twice

        @staticmethod
        def backward(ctx, g, _):
            (twice,) = ctx.saved_tensors
            assert not twice.requires_grad
            return g * twice

    x = leaf(1.0, 2.0)
    (first,) = grad(WithTwice.apply(x)[0].sum(), x, create_graph=True)
    assert_close(first.detach(), 2 * x.detach())


# --- what it costs ---
def runs_of(make):
    """How often forward ran for a second derivative."""
    count = []

    def forward(ctx, x):
        count.append(1)
        return make(ctx, x)

    return forward, count


def test_forward_runs_again_only_where_something_may_be_lost():
    forward, count = runs_of(save(lambda x: x))
    second(function(forward, lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2), leaf(1.0))
    assert len(count) == 1
    forward, count = runs_of(keep(mask_of))
    op, x = function(forward, lambda ctx, g: g * 3 * ctx.kept), leaf(2.0)
    grad(op.apply(x).sum(), x)
    assert len(count) == 1
    (first,) = grad((op.apply(x) * x).sum(), x, create_graph=True)
    assert len(count) == 2
    grad(first.sum(), x)
    assert len(count) == 3


def test_the_random_stream_does_not_move():
    def forward(ctx, x):
        ctx.mask = (torch.rand(2, dtype=torch.float64, device=x.device) > 0.5).to(x.dtype)
        return x * ctx.mask

    op, x = function(forward, lambda ctx, g: g * ctx.mask), leaf(1.0, 2.0)
    (first,) = grad((op.apply(x) * x).sum(), x, create_graph=True)
    torch.manual_seed(3)
    grad(first.sum(), x)
    after = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(3))


def test_the_arguments_are_not_written_to():
    """forward may change what it gets; run again it gets copies."""

    class Counted(Function):
        @staticmethod
        def forward(ctx, x, seen):
            seen += 1
            ctx.kept = x.detach() * 2
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.kept, None

    x, seen = leaf(1.0), torch.zeros(1)
    (first,) = grad((Counted.apply(x, seen) * x).sum(), x, create_graph=True)
    grad(first.sum(), x)
    assert seen.item() == 1.0


def test_ctx_is_as_before():
    op, x = function(*MADE["in a list"]), leaf(1.0, 2.0)
    y = op.apply(x)
    kept = y.grad_fn.kept
    grad(y.sum(), x, create_graph=True)
    assert y.grad_fn.kept is kept
    assert not kept[1].requires_grad


def test_nothing_is_kept_alive():
    op = function(*MADE["on ctx"])
    x = leaf(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        inner = x * 2
        (first,) = grad(op.apply(inner).sum(), x, create_graph=True)
        gone = weakref.ref(inner)
        del inner, first
        assert gone() is None
    finally:
        gc.enable()


# --- once_differentiable ---
def test_once_differentiable_meets_whoever_asks():
    """The derivative is asked by x alone, to which another path leads that does not meet the marked backward."""
    op = function(save(lambda x: x), once_differentiable(lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2))
    x = leaf(2.0)
    (first,) = grad((op.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked"):
        grad(first.sum(), x)
