"""torch.autograd.graph's interface: nodes, edges, hooks and saved tensors show and do the same as in torch."""

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


def square_function(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    return Square


# --- nodes ---
@program
def names(t):
    x = leaf(t, 3)
    made = [x * 2, x.exp(), x[0], x.view(3, 1), x.sum(), x.clone(), square_function(t).apply(x), x.sort()[0]]
    return [(y.grad_fn.name(), type(y.grad_fn).__name__) for y in made]


@program
def next_functions(t):
    x = leaf(t, 3)
    y = x * x.exp() + 1
    first = y.grad_fn.next_functions
    inner = first[0][0].next_functions
    leaf_node = inner[0][0]
    return (
        [(n.name() if n else None, i) for n, i in first],
        [(n.name() if n else None, i) for n, i in inner],
        leaf_node.variable is x,
        leaf_node.next_functions,
        square_function(t).apply(y).grad_fn.next_functions[0][0] is y.grad_fn,
    )


@program
def is_node(t):
    x = leaf(t, 3)
    y = square_function(t).apply(x).exp()
    nodes = [y.grad_fn, y.grad_fn.next_functions[0][0], y.grad_fn.next_functions[0][0].next_functions[0][0]]
    return [isinstance(n, t.autograd.graph.Node) for n in nodes], isinstance(3, t.autograd.graph.Node)


@program
def metadata(t):
    y = leaf(t, 3).exp()
    y.grad_fn.metadata["a"] = 1
    return y.grad_fn.metadata, (y * 1).grad_fn.next_functions[0][0].metadata


@program
def sequence_numbers(t):
    x = leaf(t, 3)
    a = x.exp()
    b = a.sin()
    return b.grad_fn._sequence_nr() > a.grad_fn._sequence_nr() >= 0


@program
def input_metadata(t):
    x = leaf(t, 3, 2)
    found = (x * 2).grad_fn._input_metadata
    parts = [found[0], *x.sort()[0].grad_fn._input_metadata, *square_function(t).apply(x).grad_fn._input_metadata]
    return [(list(m.shape), str(m.dtype), str(m.device)) for m in parts[:1]], len(found), found[0].is_nested_tensor


@program
def saved(t):
    x = leaf(t, 3)
    y = x * x.exp()
    node = y.grad_fn
    result = node.next_functions[1][0]._saved_result
    return (
        node._saved_self is x,
        node._saved_other,
        result,
        result.grad_fn is node.next_functions[1][0],
        (x**2).grad_fn._saved_exponent,
        tried(lambda: node._saved_nothing)[0],
    )


@program
def saved_after_free(t):
    y = leaf(t, 3).exp()
    node = y.grad_fn
    y.sum().backward()
    return tried(lambda: node._saved_result), tried(lambda: node._raw_saved_result.register_hooks(abs, abs))


@program
def saved_tensors_of_a_function(t):
    x = leaf(t, 3)
    node = square_function(t).apply(x).grad_fn
    first = node.saved_tensors[0] is x, len(node._raw_saved_tensors)
    return first, type(node).__name__, node.needs_input_grad


@program
def raw_saved_hooks(t):
    x = leaf(t, 3)
    y = x.exp()
    raw = y.grad_fn._raw_saved_result
    log = []
    raw.register_hooks(
        lambda a: log.append(("pack", a.requires_grad)) or a * 2, lambda a: log.append("unpack") or a / 2
    )
    y.sum().backward()
    return type(raw).__name__, log, x.grad


@program
def raw_saved_hooks_of_a_function(t):
    x = leaf(t, 3)
    y = square_function(t).apply(x)
    (raw,) = y.grad_fn._raw_saved_tensors
    raw.register_hooks(lambda a: a.detach().clone(), lambda a: a)
    y.sum().backward()
    return x.grad


@program
def raw_saved_errors(t):
    x = leaf(t, 3)
    raw = x.exp().grad_fn._raw_saved_result
    found = [tried(lambda: raw.register_hooks(1, 2))[0]]
    y = x.exp()
    raw = y.grad_fn._raw_saved_result
    raw.register_hooks(lambda a: a.detach(), lambda a: a)
    found.append(tried(lambda: raw.register_hooks(lambda a: a, lambda a: a)))
    return found


@program
def raw_saved_none(t):
    x = leaf(t, 3)
    raw = (x * 2.0).grad_fn._raw_saved_self
    return tried(lambda: raw.register_hooks(lambda a: a, lambda a: a))


# --- hooks on nodes ---
@program
def hook_order(t):
    log = []

    def note(what):
        return lambda *args: log.append((what, [None if g is None else g.tolist() for part in args for g in part]))

    x = leaf(t, 2)
    y = x * 3
    y.register_hook(lambda g: log.append("tensor") or g * 2)
    y.grad_fn.register_prehook(note("pre 1"))
    y.grad_fn.register_prehook(note("pre 2"))
    y.grad_fn.register_hook(note("post 1"))
    y.grad_fn.register_hook(note("post 2"))
    y.register_hook(lambda g: log.append("tensor 2"))
    y.retain_grad()
    y.sum().backward()
    return log, x.grad, y.grad


@program
def hook_values(t):
    x = leaf(t, 2)
    y = x * 3
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, *gi[1:]))
    y.sum().backward()
    return x.grad


@program
def hook_values_wrong(t):
    found = []
    for value in [(1, 2), 3, "a", (None, None, None)]:
        for kind in ["register_prehook", "register_hook"]:
            x = leaf(t, 2)
            y = x.exp()
            getattr(y.grad_fn, kind)(lambda *args, v=value: v)
            found.append(tried(lambda y=y: y.sum().backward())[0:1])
    return found


@program
def hook_values_none(t):
    x = leaf(t, 2)
    y = x.exp()
    y.grad_fn.register_hook(lambda gi, go: (None,))
    y.sum().backward()
    return x.grad


@program
def tensor_hook_errors(t):
    found = []
    for value in [3, "a", t.ones(5)]:
        x = leaf(t, 2)
        y = x * 1
        y.register_hook(lambda g, v=value: v)
        found.append(tried(lambda y=y: y.sum().backward()))
    found.append(tried(lambda: t.ones(2).register_hook(print)))
    found.append(tried(lambda: t.ones(2).register_post_accumulate_grad_hook(print)))
    found.append(tried(lambda: (leaf(t, 2) * 1).register_post_accumulate_grad_hook(print)))
    return found


@program
def handles(t):
    log = []
    x = leaf(t, 2)
    with x.register_hook(lambda g: log.append("in with")) as handle:
        x.sum().backward()
    x.sum().backward()
    handle.remove()
    other = x.register_hook(lambda g: log.append("again"))
    x.sum().backward()
    other.remove()
    other.remove()
    x.sum().backward()
    return log, handle.id != other.id


@program
def leaf_hooks(t):
    log = []
    x = leaf(t, 2)
    node = t.autograd.graph.get_gradient_edge(x).node
    node.register_prehook(lambda g: log.append(("pre", x.grad is None)))
    node.register_hook(lambda gi, go: log.append(("post", x.grad is None, len(gi), len(go))))
    x.register_hook(lambda g: log.append(("tensor", x.grad is None)) or g * 2)
    x.register_post_accumulate_grad_hook(lambda p: log.append(("after", p is x, p.grad.tolist())))
    (x * 1).sum().backward()
    return log, x.grad


@program
def hooks_and_in_place(t):
    log = []
    x = leaf(t, 2)
    y = x * 2
    y.register_hook(lambda g: log.append(("before", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("after", g.tolist())))
    y.sum().backward()
    return log, x.grad


@program
def hook_added_in_a_hook(t):
    log = []
    x = leaf(t, 2)
    x.register_hook(lambda g: x.register_hook(lambda g: log.append("new")) and None)
    x.sum().backward()
    first = list(log)
    x.sum().backward()
    return first, log


@program
def post_accumulate_zeroes(t):
    x = leaf(t, 2)
    x.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None))
    (x * 2).sum().backward()
    return x.grad


@program
def a_hook_that_raises(t):
    x = leaf(t, 2)
    y = x * 2

    def fail(g):
        raise ValueError("mine")

    handle = y.register_hook(fail)
    z = y.sum()
    error = tried(lambda: z.backward(retain_graph=True))
    handle.remove()
    before = x.grad
    z.backward()
    return error, before, x.grad, t.is_grad_enabled()


@program
def grad_mode_in_hooks(t):
    log = []
    x = leaf(t, 2)
    x.register_hook(lambda g: log.append((t.is_grad_enabled(), g.requires_grad)))
    (x * x).sum().backward()
    t.autograd.grad((x * x).sum(), x, create_graph=True)
    return log


# --- edges ---
@program
def edges(t):
    x = leaf(t, 2)
    y = x.exp()
    edge = t.autograd.graph.get_gradient_edge
    found = [
        isinstance(edge(x), t.autograd.graph.GradientEdge),
        edge(x).node.name(),
        edge(y).node is y.grad_fn,
        edge(y).output_nr,
        edge(x.sort()[0]).output_nr,
    ]
    found.append(t.autograd.grad(y.sum(), edge(y)))
    found.append(t.autograd.grad(edge(y.sum()), x))
    y = x.exp()
    t.autograd.backward(y.sum(), inputs=[edge(x)])
    found.append(x.grad)
    y = x.exp()
    t.autograd.backward(edge(y), grad_tensors=t.ones(2))
    return *found, x.grad, edge(x)._fields


@program
def edge_errors(t):
    edge = t.autograd.graph.get_gradient_edge
    x = leaf(t, 2)
    return (
        tried(lambda: edge(t.ones(2))),
        tried(lambda: t.autograd.backward(edge(x.exp()))),
        tried(lambda: t.autograd.grad(edge(x.exp()), x)),
    )


# --- several tensors ---
@program
def multi_grad_all(t):
    log = []
    a, b, c = leaf(t, 2), leaf(t, 2), leaf(t, 2)
    handle = t.autograd.graph.register_multi_grad_hook(
        [a, b, c], lambda gs: log.append([None if g is None else g.tolist() for g in gs])
    )
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    (a * b * c).sum().backward(inputs=[a])
    handle.remove()
    (a * b).sum().backward()
    return log


@program
def multi_grad_any(t):
    log = []
    a, b = leaf(t, 2), leaf(t, 2)
    with t.autograd.graph.register_multi_grad_hook([a, b, t.ones(2)], lambda g: log.append(g.tolist()), mode="any"):
        (a * b.detach()).sum().backward()
        (a.detach() * b).sum().backward()
    (a * b).sum().backward()
    return log


@program
def multi_grad_mode(t):
    return t.autograd.graph.register_multi_grad_hook([leaf(t, 2)], print, mode="some")


@program
def multi_grad_without_grad(t):
    return tried(lambda: t.autograd.graph.register_multi_grad_hook([t.ones(2)], print))[0]


@program
def versions(t):
    x, y = t.ones(2), t.ones(2)
    t.autograd.graph.increment_version(x)
    t.autograd.graph.increment_version([x, y])
    with t.inference_mode():
        z = t.ones(2)
    t.autograd.graph.increment_version(z)
    return x._version, y._version


# --- hooks on saved tensors ---
@program
def saved_hooks(t):
    log = []
    x = leaf(t, 2)

    def pack(a):
        log.append(("pack", [round(v, 4) for v in a.tolist()], a.requires_grad, t.is_grad_enabled()))
        return a.tolist()

    def unpack(kept):
        log.append("unpack")
        return t.tensor(kept)

    with t.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x * x.exp()
    z = y * 2
    z.sum().backward()
    return sorted(map(str, log)), x.grad


@program
def saved_hooks_second_order(t):
    x = leaf(t, 3)
    with t.autograd.graph.saved_tensors_hooks(lambda a: a.clone(), lambda a: a):
        y = (x.sin() * x).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)


@program
def saved_hooks_second_order_of_a_function(t):
    x = leaf(t, 3)
    with t.autograd.graph.saved_tensors_hooks(lambda a: a.clone(), lambda a: a):
        y = square_function(t).apply(x).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    return g, t.autograd.grad((g * x).sum(), x)


@program
def saved_hooks_nested(t):
    log = []
    x = leaf(t, 2)
    hooks = t.autograd.graph.saved_tensors_hooks
    with hooks(lambda a: log.append("outer") or a, lambda a: a):
        with hooks(lambda a: log.append("inner") or a, lambda a: a):
            x.exp()
        x.sin()
    x.cos()
    return log


@program
def saved_hooks_errors(t):
    hooks = t.autograd.graph.saved_tensors_hooks
    x = leaf(t, 2)
    found = []

    def fail(a):
        raise ValueError("mine")

    def run(pack, unpack):
        with hooks(pack, unpack):
            y = x.exp()
        y.sum().backward()

    found.append(tried(lambda: run(fail, lambda a: a)))
    found.append(tried(lambda: run(lambda a: a, fail)))
    found.append(tried(lambda: run(lambda a: a, lambda a: 3)))
    found.append(tried(lambda: run(lambda a: a.add_(1), lambda a: a)))
    found.append(tried(lambda: run(lambda a: a)))
    x.grad = None
    run(lambda a: a, lambda a: a)
    return found, x.grad


@program
def saved_hooks_disabled(t):
    graph = t.autograd.graph
    found = []

    def use():
        with graph.saved_tensors_hooks(lambda a: a, lambda a: a):
            return leaf(t, 2).exp().sum()

    with graph.disable_saved_tensors_hooks("not here"):
        found.append(tried(use))
        with graph.disable_saved_tensors_hooks("nor here"):
            found.append(tried(use))
            found.append(tried(lambda: graph.save_on_cpu().__enter__()))
        found.append(tried(use))
    found.append(use())

    def within():
        with graph.saved_tensors_hooks(lambda a: a, lambda a: a), graph.disable_saved_tensors_hooks("too late"):
            return None

    found.append(tried(within))
    return found


@program
def on_cpu(t):
    x = leaf(t, 3)
    with t.autograd.graph.save_on_cpu():
        a = (x * x).exp()
    a.sum().backward()
    first, x.grad = x.grad, None
    with t.autograd.graph.save_on_cpu(pin_memory=True):
        a = (x * x).exp()
    a.sum().backward()
    return first, x.grad


# --- writing over saved tensors ---
@program
def allowed_mutation(t):
    x = leaf(t, 3)
    with t.autograd.graph.allow_mutation_on_saved_tensors() as context:
        b = x.clone()
        out = (b**2).sum() + square_function(t).apply(b).sum()
        view = b[1:]
        c = b.exp()
        b.sin_()
        view.mul_(2)
        c.add_(1)
        (out + c.sum() + b.sum()).backward()
        context.clear()
    return x.grad, b, c


@program
def allowed_mutation_nested(t):
    with t.autograd.graph.allow_mutation_on_saved_tensors(), t.autograd.graph.allow_mutation_on_saved_tensors():
        return None


@program
def forbidden_mutation_after_it(t):
    with t.autograd.graph.allow_mutation_on_saved_tensors():
        leaf(t, 2).clone().exp_()
    b = leaf(t, 2).clone()
    out = (b**2).sum()
    b.sin_()
    return tried(out.backward)[0]


# --- modes ---
@program
def multithreading(t):
    found = [t.autograd.is_multithreading_enabled()]
    with t.autograd.set_multithreading_enabled(False):
        found.append(t.autograd.is_multithreading_enabled())
    found.append(t.autograd.is_multithreading_enabled())
    t.autograd.set_multithreading_enabled(False)
    found.append(t.autograd.is_multithreading_enabled())
    t.autograd.set_multithreading_enabled(True)
    return found


@program
def view_replay(t):
    found = [t.autograd.is_view_replay_enabled()]
    with t.autograd._force_original_view_tracking(True):
        found.append(t.autograd.is_view_replay_enabled())
    return found, t.autograd.is_view_replay_enabled()


@program
def accumulate_stream_warning(t):
    return [t.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(v) for v in (True, False, True)]


@program
def variable(t):
    x = t.autograd.Variable(t.ones(2), requires_grad=True)
    return (
        x.requires_grad,
        isinstance(t.ones(2), t.autograd.Variable),
        isinstance(3, t.autograd.Variable),
        tried(lambda: t.autograd.variable()),
        t.autograd.Variable(t.ones(1)).requires_grad,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    ours, theirs = outcome(PROGRAMS[name], plugrad), outcome(PROGRAMS[name], torch)
    assert differences(ours, theirs, rel=1e-5, absolute=1e-6) == []
