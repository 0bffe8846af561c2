"""autograd.Function's contract, program by program as in torch: what ctx says, what backward may return, what raises."""

import pytest

import plugrad
from plugrad_outcome import differences, outcome

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu]

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def leaf(t, *shape):
    t.manual_seed(0)
    return t.rand(*shape, requires_grad=True)


def tried(function):
    """What a call gives, or its error."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error).splitlines()[0]


def made(t, forward, backward, setup_context=None, **members):
    """A Function class."""
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward), **members}
    if setup_context is not None:
        members["setup_context"] = staticmethod(setup_context)
    return type("Mine", (t.autograd.Function,), members)


@program
def setup_context(t):
    log = []

    def setup(ctx, inputs, output):
        log.append((type(inputs).__name__, len(inputs), type(output).__name__, t.is_grad_enabled()))
        ctx.save_for_backward(inputs[0], output)
        ctx.factor = inputs[1]

    def backward(ctx, g):
        x, y = ctx.saved_tensors
        log.append((x.requires_grad, y.requires_grad, ctx.needs_input_grad))
        return g * ctx.factor + 0 * y, None

    f = made(t, lambda x, n: x * n, backward, setup)
    x = leaf(t, 3)
    y = f.apply(x, 3)
    y.sum().backward()
    return log, x.grad, y


@program
def setup_context_defaults(t):
    f = made(
        t,
        lambda x, n=2, *, m=3: x * n * m,
        lambda ctx, g: (g, None, None),
        lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )
    x = leaf(t, 3)
    return tried(lambda: f.apply(x).detach()), tried(lambda: f.apply(x, m=1)), tried(lambda: f.apply(x, n=1))


@program
def neither_forward_nor_backward(t):
    x = leaf(t, 3)

    class Empty(t.autograd.Function):
        pass

    class Forward(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return tried(lambda: Empty.apply(x)), tried(lambda: Forward.apply(x).sum().backward())


@program
def both_backward_and_vjp(t):
    f = made(t, lambda ctx, x: x * 2, lambda ctx, g: g, vjp=staticmethod(lambda ctx, g: g))
    return tried(lambda: f.apply(leaf(t, 3)).sum().backward())


@program
def only_vjp(t):
    f = type(
        "Mine",
        (t.autograd.Function,),
        {"forward": staticmethod(lambda ctx, x: x * 2), "vjp": staticmethod(lambda ctx, g: g * 2)},
    )
    x = leaf(t, 3)
    f.apply(x).sum().backward()
    return x.grad


@program
def needs(t):
    log = []

    def forward(ctx, *args):
        log.append(ctx.needs_input_grad)
        return args[0] * 1

    f = made(t, forward, lambda ctx, g: (g, None, None, None))
    f.apply(leaf(t, 2), 3, leaf(t, 2).detach(), None)
    f.apply(leaf(t, 2).detach(), 3, leaf(t, 2), "a")
    with t.no_grad():
        f.apply(leaf(t, 2), 3, 4, 5)
    return log


@program
def grad_mode_and_requires_grad_inside(t):
    log = []

    def forward(ctx, x):
        log.append((t.is_grad_enabled(), x.requires_grad, x.is_leaf))
        return x * 2

    def backward(ctx, g):
        log.append((t.is_grad_enabled(), g.requires_grad))
        return g * 2

    f = made(t, forward, backward)
    x = leaf(t, 2)
    y = f.apply(x)
    log.append((y.requires_grad, y.is_leaf, f.apply(x.detach()).requires_grad))
    t.autograd.grad(y.sum(), x, create_graph=True)
    f.apply(x).sum().backward()
    return log, x.grad


@program
def several_outputs(t):
    log = []

    def backward(ctx, *gs):
        log.append([None if g is None else g.tolist() for g in gs])
        return gs[0] + gs[1] * 3, None

    f = made(t, lambda ctx, x, text: (x * 1, x * 3, text, None, (x * 5).sum().item() > 0), backward)
    x = leaf(t, 2)
    a, b, *others = f.apply(x, "text")
    a.sum().backward(retain_graph=True)
    (a + b).sum().backward()
    return log, others, x.grad, a.grad_fn is b.grad_fn, a.output_nr, b.output_nr


@program
def without_materialized_gradients(t):
    log = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 3

    def backward(ctx, a, b):
        log.append((a is None, b is None))
        return a if b is None else b * 3

    x = leaf(t, 2)
    f = made(t, forward, backward)
    f.apply(x)[0].sum().backward()
    f.apply(x)[1].sum().backward()
    return log, x.grad


@program
def tuple_and_list_outputs(t):
    f = made(t, lambda ctx, x: [x * 1, x * 2], lambda ctx, *gs: gs[0])
    g = made(t, lambda ctx, x: (x * 2,), lambda ctx, g: g * 2)
    h = made(t, lambda ctx, x: {"a": x * 2}, lambda ctx, g: g * 2)
    x = leaf(t, 2)
    return (
        tried(lambda: [type(y).__name__ for y in f.apply(x)]),
        tried(lambda: type(g.apply(x)).__name__),
        tried(lambda: type(h.apply(x)).__name__),
        tried(lambda: made(t, lambda ctx, x: 3, lambda ctx, g: g).apply(x)),
        tried(lambda: made(t, lambda ctx, x: None, lambda ctx, g: g).apply(x)),
    )


@program
def an_input_as_output(t):
    f = made(t, lambda ctx, x: x, lambda ctx, g: g * 2)
    x = leaf(t, 2)
    y = f.apply(x)
    y.sum().backward()
    detached = x.detach()
    z = f.apply(detached)
    return y is x, y.requires_grad, y.grad_fn.name(), x.grad, z is detached, z.requires_grad


@program
def an_input_twice(t):
    f = made(t, lambda ctx, x, y: (x, y, x * y), lambda ctx, a, b, c: (a + c, b + c))
    x = leaf(t, 2)
    a, b, c = f.apply(x, x)
    (a + 2 * b + 3 * c).sum().backward()
    return x.grad


@program
def a_view_as_output(t):
    f = made(t, lambda ctx, x: x.view(-1), lambda ctx, g: g.view(2, 2))
    x = leaf(t, 2, 2)
    y = f.apply(x)
    y.sum().backward()
    z = f.apply(x * 1)
    return x.grad, y._is_view(), tried(lambda: z.add_(1))[0]


@program
def dirty(t):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.add_(1)
        return x

    f = made(t, forward, lambda ctx, g: g * 2)
    x = leaf(t, 2)
    y = x * 1
    version = y._version
    z = f.apply(y)
    z.sum().backward()
    return z is y, y._version - version, y.grad_fn.name(), x.grad, tried(lambda: f.apply(leaf(t, 2)))


@program
def dirty_not_returned(t):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.add_(1) * 2

    return tried(lambda: made(t, forward, lambda ctx, g: g).apply(leaf(t, 2) * 1))


@program
def dirty_of_something_else(t):
    def forward(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    def not_a_tensor(ctx, x):
        ctx.mark_dirty(3)
        return x * 1

    x = leaf(t, 2)
    return (
        tried(lambda: made(t, forward, lambda ctx, g: g).apply(x * 1)),
        tried(lambda: made(t, not_a_tensor, lambda ctx, g: g).apply(x * 1)),
    )


@program
def dirty_view(t):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.mul_(3)
        return x

    f = made(t, forward, lambda ctx, g: g * 3)
    x = leaf(t, 4)
    y = x * 1
    f.apply(y[:2])
    (y * y).sum().backward()
    return y, x.grad


@program
def not_differentiable(t):
    log = []

    def forward(ctx, x):
        index = x.argsort()
        other = x * 2
        ctx.mark_non_differentiable(index, other)
        return x * 3, index, other

    def backward(ctx, *gs):
        log.append([None if g is None else g.tolist() for g in gs])
        return gs[0] * 3

    x = leaf(t, 2)
    a, index, other = made(t, forward, backward).apply(x)
    a.sum().backward()
    return log, index.requires_grad, other.requires_grad, x.grad


@program
def integer_output(t):
    f = made(t, lambda ctx, x: (x * 2, (x * 10).long()), lambda ctx, a, b: a * 2 + (0 if b is None else b.sum() * 0))
    x = leaf(t, 2)
    a, b = f.apply(x)
    a.sum().backward()
    return b.requires_grad, x.grad


@program
def wrong_marks(t):
    def forward(ctx, x):
        ctx.mark_non_differentiable(3)
        return x * 2

    return tried(lambda: made(t, forward, lambda ctx, g: g).apply(leaf(t, 2)))[0]


GRADIENTS = {
    "too few": lambda g: g,
    "too many": lambda g: (g, g, g),
    "too many, None": lambda g: (g, g, None, None),
    "none": lambda g: None,
    "list": lambda g: [g, g],
    "a number": lambda g: (g, 3.0),
    "a string": lambda g: ("a", g),
    "empty": lambda g: (),
    "another shape": lambda g: (g, g[:1].repeat(5)),
    "shape to be summed": lambda g: (g, g.expand(4, 2)),
    "broadcastable": lambda g: (g, g[:1]),
    "another dtype": lambda g: (g, g.double()),
    "both None": lambda g: (None, None),
    "one None": lambda g: (None, g),
}


def wrong_gradients(name):
    def run(t):
        x, y = leaf(t, 2), leaf(t, 2)
        f = made(t, lambda ctx, x, y: x * y, lambda ctx, g: GRADIENTS[name](g))
        error = tried(lambda: f.apply(x, y).sum().backward())
        return error, x.grad, y.grad

    return run


PROGRAMS |= {f"gradients: {name}": wrong_gradients(name) for name in GRADIENTS}


@program
def gradient_of_a_number(t):
    f = made(t, lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    return tried(lambda: f.apply(leaf(t, 2), 3).sum().backward())


@program
def gradient_where_none_is_needed(t):
    f = made(t, lambda ctx, x, y: x * y, lambda ctx, g: (g, g))
    x, y = leaf(t, 2), leaf(t, 2).detach()
    f.apply(x, y).sum().backward()
    return x.grad, y.grad


@program
def saved(t):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, None, y)
        ctx.note = "mine"
        return y

    def backward(ctx, g):
        x, none, y = ctx.saved_tensors
        return g * y + (x * 0 if none is None else 1), tried(lambda: ctx.nothing)[0] and None

    f = made(t, forward, backward)
    x = leaf(t, 2)
    y = f.apply(x)
    node = y.grad_fn
    found = [
        node.note,
        type(node.saved_tensors).__name__,
        node.saved_tensors[0] is x,
        node.saved_tensors[2].grad_fn is node,
    ]
    y.sum().backward()
    return found, tried(lambda: node.saved_tensors), tried(lambda: y.sum().backward())


@program
def saved_not_a_tensor(t):
    def forward(ctx, x):
        ctx.save_for_backward(x, 3)
        return x * 1

    return tried(lambda: made(t, forward, lambda ctx, g: g).apply(leaf(t, 2)))


@program
def saved_twice(t):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_backward(x, x * 2)
        return x * 1

    return len(made(t, forward, lambda ctx, g: g).apply(leaf(t, 2)).grad_fn.saved_tensors)


@program
def saved_and_changed(t):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    f = made(t, forward, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(t, 2)
    y = x * 1
    z = f.apply(y)
    y.add_(1)
    return tried(lambda: z.sum().backward())


@program
def nothing_saved_twice_backward(t):
    f = made(t, lambda ctx, x: x * 2, lambda ctx, g: g * 2)
    x = leaf(t, 2)
    y = f.apply(x).sum()
    y.backward()
    return tried(lambda: y.backward()), x.grad


@program
def second_order(t):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    f = made(t, forward, lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2)
    x = leaf(t, 2)
    (g,) = t.autograd.grad(f.apply(x).sum(), x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)


@program
def once(t):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    backward = t.autograd.function.once_differentiable(lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2)
    f = made(t, forward, backward)
    x = leaf(t, 2)
    f.apply(x).sum().backward()
    (g,) = t.autograd.grad((f.apply(x) * x).sum(), x, create_graph=True)
    return x.grad, g.requires_grad, tried(lambda: g.sum().backward())


@program
def backward_inside_backward(t):
    """Reentrant: a backward of its own, run by a backward."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with t.enable_grad():
            y = x.detach().requires_grad_()
            (y * y).sum().backward()
        return g * y.grad

    x = leaf(t, 2)
    made(t, forward, backward).apply(x).sum().backward()
    return x.grad


@program
def deeply_nested_backwards(t):
    def forward(ctx, x, n):
        ctx.n = n
        return x * 1

    def backward(ctx, g):
        if ctx.n:
            with t.enable_grad():
                y = t.ones(2, requires_grad=True)
                f.apply(y, ctx.n - 1).sum().backward()
                return g + y.grad, None
        return g, None

    f = made(t, forward, backward)
    x = leaf(t, 2)
    f.apply(x, 20).sum().backward()
    return x.grad


@program
def a_function_in_a_function(t):
    inner = made(t, lambda ctx, x: x * 2, lambda ctx, g: g * 2)

    def forward(ctx, x):
        return inner.apply(x) + 1

    x = leaf(t, 2)
    y = made(t, forward, lambda ctx, g: inner.apply(g)).apply(x)
    y.sum().backward()
    return x.grad, y.grad_fn.next_functions[0][0].name()


@program
def an_error_in_forward_and_backward(t):
    def fail(ctx, x):
        raise ValueError("mine")

    x = leaf(t, 2)
    found = [tried(lambda: made(t, fail, fail).apply(x)), t.is_grad_enabled()]
    y = made(t, lambda ctx, x: x * 1, fail).apply(x)
    found += [tried(lambda: y.sum().backward()), t.is_grad_enabled(), x.grad]
    (x * 2).sum().backward()
    return found, x.grad


@program
def instances(t):
    f = made(t, lambda ctx, x: x * 1, lambda ctx, g: g)
    instance = f()
    return tried(lambda: instance(leaf(t, 2)))


@program
def classes(t):
    module = t.autograd.function
    f = made(t, lambda ctx, x: x * 1, lambda ctx, g: g)
    node = f.apply(leaf(t, 2)).grad_fn
    return (
        type(f).__name__,
        isinstance(f, module.FunctionMeta),
        isinstance(node, module.BackwardCFunction),
        isinstance(node, module.FunctionCtx),
        isinstance(node, f._backward_cls),
        issubclass(module.InplaceFunction, module.Function),
        issubclass(module.NestedIOFunction, module.Function),
        node._forward_cls is f,
        node.apply(t.ones(2)),
        node.needs_input_grad,
    )


@program
def in_place_function(t):
    class Mine(t.autograd.function.InplaceFunction):
        @staticmethod
        def forward(ctx, x, inplace):
            if inplace:
                ctx.mark_dirty(x)
                return x.mul_(2)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    x = leaf(t, 2)
    y = x * 1
    z = Mine.apply(y, True)
    (z + Mine.apply(x, False)).sum().backward()
    return x.grad, z is y, Mine(True).inplace


@program
def other_attributes(t):
    def forward(ctx, x):
        ctx.a, ctx.b = 1, [2]
        ctx.save_for_backward(x)
        return x * 1

    node = made(t, forward, lambda ctx, g: g).apply(leaf(t, 2)).grad_fn
    return node.a, node.b, tried(lambda: node.c)[0], node.saved_variables is not None


@program
def keywords(t):
    f = made(t, lambda ctx, x, n=1: x * n, lambda ctx, g: (g, None))
    x = leaf(t, 2)
    return f.apply(x, n=3).detach(), tried(lambda: f.apply(x, m=3))


@program
def no_tensor_arguments(t):
    f = made(t, lambda ctx, n: t.ones(2) * n, lambda ctx, g: None)
    return f.apply(3).requires_grad, f.apply(3)


@program
def leaf_made_in_forward(t):
    weight = leaf(t, 2)
    f = made(t, lambda ctx, x: weight, lambda ctx, g: g)
    x = leaf(t, 2)
    y = f.apply(x)
    return y.requires_grad, y is weight


@program
def arguments_by_name(t):
    def forward(ctx, x, n=1, k=2):
        return x * n * k, ctx.needs_input_grad

    def separate(x, n=1, k=2):
        return x * n * k, 0

    f = made(t, forward, lambda ctx, g, _: (g, g, None))
    g = made(t, separate, lambda ctx, g, _: (g, g, None), lambda ctx, inputs, output: log.append(inputs))
    x, log, found = leaf(t, 2), [], []
    calls = [((), {"x": x}), ((x,), {"k": 3}), ((), {"n": 2, "x": x}), ((x,), {"x": x}), ((x,), {"n": x}), ((), {})]
    for args, kwargs in calls:
        found += [tried(lambda a=args, k=kwargs, f=f: f.apply(*a, **k))[:2] for f in (f, g)]
    f.apply(x, n=x)[0].sum().backward()
    return [str(part).replace("Mine.", "") for part in found if isinstance(part[0], str)], log, x.grad


def without_place(found):
    """Warnings without the file of torch's source that gave them."""
    for warning in found["warnings"]:
        warning[1] = warning[1].partition(" (Triggered internally")[0]
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    ours, theirs = outcome(PROGRAMS[name], plugrad), without_place(outcome(PROGRAMS[name], torch))
    assert differences(ours, theirs, rel=1e-5, absolute=1e-6) == []


def test_the_names_are_torchs():
    """Whatever torch.autograd.function lists is here."""
    assert set(torch.autograd.function.__all__) <= set(plugrad.autograd.function.__all__)
