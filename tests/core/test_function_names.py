"""Attributes of ctx may have any name, those of the engine's own slots and methods too."""

import pytest

import plugrad as torch
from plugrad.autograd import Function, grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device

NAMES = [
    "aside_", "call", "check", "clock", "dtype", "exact", "function", "hooks", "jvp_saved", "kept_call", "name", "next", "order", "outputs", "release",
    "returned", "row", "saved", "shape", "smooth", "tensor_arguments", "xp",
]  # fmt: skip


def flat(name):
    """reshape(-1), its input's shape on ctx under a name; x is saved too."""

    class Flat(Function):
        @staticmethod
        def forward(ctx, x):
            setattr(ctx, name, x.shape)
            y = x.reshape(-1) ** 2
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            assert getattr(ctx, name) == (2, 3)
            assert y.shape == (6,)
            return g.reshape(getattr(ctx, name)) * 2 * x

    return Flat


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    y = flat(name).apply(x)
    (first,) = grad(y.sum(), x, create_graph=True)
    assert_close(first.detach(), 2 * x.detach())
    assert_close(grad(first.sum(), x, retain_graph=True)[0], torch.full((2, 3), 2.0, dtype=torch.float64))
    (again,) = grad((y * 2).sum(), x)
    assert_close(again, 4 * x.detach())


def test_backward_may_write_them():
    seen = []

    class Count(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.order = 0
            return x * 2

        @staticmethod
        def backward(ctx, g):
            ctx.order += 1
            seen.append(ctx.order)
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = Count.apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert seen == [1, 2]


def test_an_error_in_backward_puts_the_engines_back():
    class Fails(Function):
        broken = True

        @staticmethod
        def forward(ctx, x):
            ctx.shape = "mine"
            return x * 2

        @staticmethod
        def backward(ctx, g):
            if Fails.broken:
                raise ValueError("not today")
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = Fails.apply(x)
    with pytest.raises(ValueError, match="not today"):
        y.sum().backward()
    Fails.broken = False
    y.sum().backward()
    assert_close(x.grad, torch.full((2,), 2.0))


def test_hooks_on_ctx_stay():
    class Hooked(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = "mine"
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = Hooked.apply(x)
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10,))
    y.sum().backward()
    assert_close(x.grad, torch.full((2,), 20.0))
