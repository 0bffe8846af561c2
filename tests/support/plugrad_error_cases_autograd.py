"""Bad uses of the graph: backward, grad, in-place changes, hooks, and users' own Functions."""

import copy

from plugrad_error_registry import case, leaf, table


def double_function(t, grads):
    """A user's Function ``2 x`` of two tensors whose backward returns ``grads(g)``."""

    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x)
            return x * 2 + y

        @staticmethod
        def backward(ctx, g):
            return grads(g)

    return Double


table(
    "backward",
    vector=lambda t: (leaf(t, 3) * 2).backward(),
    no_graph=lambda t: t.ones(()).backward(),
    gradient_shape=lambda t: (leaf(t, 3) * 2).backward(t.ones(2)),
    gradient_shape_scalar=lambda t: leaf(t, 3).sum().backward(t.ones(1)),
    gradient_type=lambda t: (leaf(t, 3) * 2).backward([1.0, 1.0, 1.0]),
    gradient_complex=lambda t: leaf(t, 3).sum().backward(t.tensor(1j)),
    several_lengths=lambda t: t.autograd.backward([leaf(t, 1) * 2, leaf(t, 1) * 2], [t.ones(1)]),
)


@case("backward-twice")
def _(t):
    loss = leaf(t, 3).exp().sum()
    loss.backward()
    loss.backward()


@case("backward-through-freed-part")
def _(t):
    hidden = leaf(t, 3) ** 2
    hidden.sum().backward()
    (hidden * 2).sum().backward()


@case("backward-in-no-grad-result")
def _(t):
    x = leaf(t, 3)
    with t.no_grad():
        loss = (x * 2).sum()
    loss.backward()


@case("backward-frozen-model")
def _(t):
    model = t.nn.Linear(2, 2)
    model.requires_grad_(False)
    model(t.ones(1, 2)).sum().backward()


@case("inputs-empty")
def _(t):
    leaf(t, 3).sum().backward(inputs=[])


@case("inputs-no-grad")
def _(t):
    leaf(t, 3).sum().backward(inputs=[t.ones(3)])


@case("grad-unrelated")
def _(t):
    x, y = leaf(t, 3), leaf(t, 3)
    t.autograd.grad(x.sum(), y)


@case("grad-not-required")
def _(t):
    t.autograd.grad(leaf(t, 3).sum(), t.ones(3))


@case("grad-vector")
def _(t):
    x = leaf(t, 3)
    t.autograd.grad(x * 2, x)


@case("grad-shape")
def _(t):
    x = leaf(t, 3)
    t.autograd.grad(x * 2, x, t.ones(4))


@case("grad-twice")
def _(t):
    x = leaf(t, 3)
    loss = x.exp().sum()
    t.autograd.grad(loss, x)
    t.autograd.grad(loss, x)


@case("grad-of-grad-without-create-graph")
def _(t):
    x = leaf(t, 3)
    (g,) = t.autograd.grad((x**2).sum(), x)
    t.autograd.grad(g.sum(), x)


@case("leaf-in-place")
def _(t):
    x = leaf(t, 3)
    x += 1


@case("leaf-in-place-method")
def _(t):
    leaf(t, 3).mul_(2)


@case("leaf-in-place-zero")
def _(t):
    leaf(t, 3).zero_()


@case("leaf-view-in-place")
def _(t):
    leaf(t, 3)[0].add_(1)


@case("leaf-view-made-in-no-grad-in-place")
def _(t):
    x = leaf(t, 3)
    with t.no_grad():
        y = x[:2]
    y.mul_(2)


@case("saved-changed-exp")
def _(t):
    y = leaf(t, 2).exp()
    y += 1
    y.sum().backward()


@case("saved-changed-mul")
def _(t):
    x = leaf(t, 2)
    y = x * 2
    z = y * y
    y.add_(1)
    z.sum().backward()


@case("saved-changed-matmul-float64")
def _(t):
    x = t.ones(2, 3, dtype=t.float64, requires_grad=True)
    w = t.ones(3, 2, dtype=t.float64)
    y = x @ w
    w.zero_()
    y.sum().backward()


@case("saved-changed-leaf-in-no-grad")
def _(t):
    w = leaf(t, 2)
    x = leaf(t, 2)
    y = w * x
    with t.no_grad():
        w -= 0.1
    y.sum().backward()


@case("saved-changed-view")
def _(t):
    x = leaf(t, 4)
    y = x * 1
    z = y.sigmoid()
    z[0] = 5.0
    z.sum().backward()


table(
    "requires-grad",
    of_result=lambda t: setattr(leaf(t, 2) * 2, "requires_grad", False),
    of_result_method=lambda t: (leaf(t, 2) * 2).requires_grad_(False),
    string=lambda t: setattr(t.ones(2), "requires_grad", "yes"),
    retain_without=lambda t: t.ones(2).retain_grad(),
    detach_view_in_place=lambda t: leaf(t, 3).unbind()[0].detach_(),
    hook_without=lambda t: t.ones(2).register_hook(lambda g: g),
    post_accumulate_of_result=lambda t: (leaf(t, 2) * 2).register_post_accumulate_grad_hook(lambda p: None),
)


@case("hook-returns-wrong-shape")
def _(t):
    x = leaf(t, 3)
    x.register_hook(lambda g: t.ones(4))
    x.sum().backward()


@case("hook-returns-number")
def _(t):
    x = leaf(t, 3)
    x.register_hook(lambda g: 1.0)
    x.sum().backward()


table(
    "grad-attribute",
    shape=lambda t: setattr(leaf(t, 3), "grad", t.ones(2)),
    dtype=lambda t: setattr(leaf(t, 3), "grad", t.ones(3, dtype=t.float64)),
    kind=lambda t: setattr(leaf(t, 3), "grad", 1.0),
)


@case("grad-attribute-itself")
def _(t):
    x = leaf(t, 3)
    x.grad = x


table(
    "data",
    kind=lambda t: setattr(t.ones(2), "data", [1.0, 2.0]),
    dtype=lambda t: setattr(leaf(t, 2), "data", t.ones(2, dtype=t.int64)),
    deleted=lambda t: delattr(t.ones(2), "data"),
)


@case("function-too-few-gradients")
def _(t):
    double_function(t, lambda g: g * 2).apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@case("function-too-many-gradients")
def _(t):
    double_function(t, lambda g: (g, g, g)).apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@case("function-gradient-shape")
def _(t):
    double_function(t, lambda g: (t.ones(2), g)).apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@case("function-gradient-kind")
def _(t):
    double_function(t, lambda g: (1.0, g)).apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@case("function-gradient-for-number")
def _(t):
    double_function(t, lambda g: (g, g)).apply(leaf(t, 3), 1.0).sum().backward()


@case("function-saved-tensors-freed")
def _(t):
    y = double_function(t, lambda g: (g, g)).apply(leaf(t, 3), leaf(t, 3))
    y.sum().backward()
    return y.grad_fn.saved_tensors


@case("function-twice")
def _(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    loss = Square.apply(leaf(t, 3)).sum()
    loss.backward()
    loss.backward()


@case("function-without-forward")
def _(t):
    class Empty(t.autograd.Function):
        """Neither forward nor backward."""

    Empty.apply(leaf(t, 3))


@case("function-without-backward")
def _(t):
    class Forward(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    Forward.apply(leaf(t, 3)).sum().backward()


@case("function-not-static")
def _(t):
    class Old(t.autograd.Function):
        def forward(self, ctx, x):
            return x * 2

    Old.apply(leaf(t, 3))


@case("function-saves-a-number")
def _(t):
    class Saves(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3.0)
            return x * 2

    Saves.apply(leaf(t, 3))


@case("function-saved-changed")
def _(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(t, 3) * 1
    y = Square.apply(x)
    x.add_(1)
    y.sum().backward()


@case("function-once-differentiable")
def _(t):
    class Once(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @t.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(t, 3)
    (g,) = t.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    g.sum().backward()


@case("anomaly-nan")
def _(t):
    x = t.zeros(1, requires_grad=True)
    with t.autograd.detect_anomaly():
        (x.sqrt() * 0).sum().backward()


@case("gradcheck-wrong-derivative")
def _(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g

    t.autograd.gradcheck(Wrong.apply, t.ones(1, dtype=t.float64, requires_grad=True))


@case("gradcheck-no-input")
def _(t):
    t.autograd.gradcheck(t.sin, t.ones(1, dtype=t.float64))


@case("deepcopy-of-result")
def _(t):
    copy.deepcopy(leaf(t, 2) * 2)


@case("inference-tensor-recorded")
def _(t):
    with t.inference_mode():
        x = t.ones(2)
    leaf(t, 2).mul(x)


@case("inference-tensor-in-place")
def _(t):
    with t.inference_mode():
        x = t.ones(2)
    x.add_(1)
