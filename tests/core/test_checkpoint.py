"""Checkpointing: the same gradients and random numbers, less memory, and what it refuses."""

import functools
import gc
import warnings
import weakref

import pytest

import plugrad
from plugrad.core.compile import _texts
from plugrad.utils import checkpoint as face
from plugrad.utils.checkpoint import (
    CheckpointError,
    CheckpointFunction,
    CheckpointPolicy,
    GraphExecGroup,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)
from plugrad_testing import assert_close

F = plugrad.nn.functional
WAYS = pytest.mark.parametrize("use_reentrant", [True, False])


@pytest.fixture(autouse=True)
def ops_are_left_as_they_were():
    before = _texts.used
    yield
    assert _texts.used == before


@pytest.fixture
def x(device):
    plugrad.manual_seed(0)
    return plugrad.randn(3, 4, requires_grad=True)


def layers(x, w):
    return F.dropout((x @ w).tanh().exp(), 0.5) * x.sigmoid()


def gradients(loss, *inputs):
    for t in inputs:
        t.grad = None
    loss.backward()
    return [t.grad for t in inputs]


@WAYS
def test_gradients_and_random_numbers_are_those_without_it(x, use_reentrant):
    w = plugrad.randn(4, 4, requires_grad=True)
    plugrad.manual_seed(1)
    plain = layers(x, w)
    after = plugrad.rand(1)
    want = gradients((plain * plain).sum(), x, w)

    plugrad.manual_seed(1)
    y = checkpoint(layers, x, w, use_reentrant=use_reentrant)
    assert_close(y, plain.detach(), rtol=0, atol=0)
    assert_close(plugrad.rand(1), after, rtol=0, atol=0)
    state = plugrad.get_rng_state()
    got = gradients((y * y).sum(), x, w)
    assert bool((plugrad.get_rng_state() == state).all())  # the second run moved nothing outside
    for g, expected in zip(got, want, strict=True):
        assert_close(g, expected, rtol=1e-6, atol=1e-6)


def test_without_preserve_rng_state_the_second_run_draws_anew(x):
    seen = []

    def f(x):
        mask = plugrad.rand(4)
        seen.append(mask)
        return x * mask

    checkpoint(f, x, use_reentrant=False, preserve_rng_state=False).sum().backward()
    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert not bool((seen[0] == seen[1]).all())
    assert bool((seen[2] == seen[3]).all())


class Counted:
    """A chain of ops that counts its runs and, weakly, the arrays that are alive."""

    def __init__(self, length=3):
        self.runs = 0
        self.length = length

    def __call__(self, x):
        self.runs += 1
        for _ in range(self.length):
            x = (x * x).sin()
        return x


def bytes_held(node):
    """The bytes of what the nodes behind ``node`` have saved."""
    held, seen, stack = 0, set(), [node]
    while stack:
        n = stack.pop()
        if n is None or n in seen:
            continue
        seen.add(n)
        for name in (*n.saved_arrays, *n.saved_values):
            a = getattr(n, name, None)
            held += a.size * 4 if isinstance(a, n.xp.array_type) else 0
        stack.extend(m for m, _ in n.next_functions)
    return held


@pytest.mark.device
def test_nothing_is_saved(x):
    f = Counted()
    assert bytes_held(f(x).grad_fn) > 0
    assert bytes_held(checkpoint(f, x, use_reentrant=False).grad_fn) == 0


@pytest.mark.device
def test_masks_and_indices_are_not_saved_either(x):
    def f(x):
        y = plugrad.where(x > 0, x, x * 2)
        return y.masked_fill(y > 1, 0.0).gather(1, y.argsort(1))

    want = gradients(f(x).sum(), x)
    y = checkpoint(f, x, use_reentrant=False)
    assert bytes_held(y.grad_fn) == 0
    assert y.grad_fn.next_functions[0][0]._saved_mask.dtype is plugrad.bool
    assert_close(gradients(y.sum(), x)[0], want[0], rtol=0, atol=0)


@pytest.mark.cpu
@WAYS
def test_memory_is_free_until_the_backward(use_reentrant):
    """Counted by tracemalloc, which numpy tells of its arrays."""
    import tracemalloc

    size = 1_000_000
    x = plugrad.ones(size, requires_grad=True)

    def held(run):
        tracemalloc.start()
        y = run()
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        y.sum().backward()
        return now / (4 * size)

    f = Counted(10)
    assert held(lambda: f(x)) > 18
    assert held(lambda: checkpoint(f, x, use_reentrant=use_reentrant)) < 1.5
    model = [Counted(5), Counted(5)]
    assert held(lambda: checkpoint_sequential(model, 2, x, use_reentrant=use_reentrant)) < 12


def test_recomputed_values_go_with_the_backward_even_if_the_graph_stays(x):
    f = Counted()
    y = checkpoint(f, x, use_reentrant=False)
    y.sum().backward(retain_graph=True)
    assert f.runs == 2
    assert bytes_held(y.grad_fn) == 0
    first = x.grad.clone()
    x.grad = None
    y.sum().backward()
    assert f.runs == 3
    assert_close(x.grad, first, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()


def test_no_cycles_are_left(x):
    def step():
        checkpoint(Counted(), x, use_reentrant=False).sum().backward()
        checkpoint(lambda x: (x.exp() * (x > 0)).tanh(), x, use_reentrant=False)  # nothing asks for a backward
        checkpoint(Counted(), x, use_reentrant=True).sum().backward()
        x.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_function_and_its_arguments_are_dropped_with_the_graph(x):
    f = Counted()
    gone = weakref.ref(f)
    y = checkpoint(f, x, use_reentrant=False)
    del f
    assert gone() is not None
    y.sum().backward()
    del y
    assert gone() is None


@WAYS
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_nested(x, use_reentrant):
    inner, outer = Counted(), Counted()

    def f(x):
        return checkpoint(inner, outer(x), use_reentrant=use_reentrant).cos()

    want = gradients(Counted()(Counted()(x)).cos().sum(), x)
    got = gradients(checkpoint(f, x, use_reentrant=use_reentrant).sum(), x)
    assert_close(got[0], want[0], rtol=1e-6, atol=1e-6)
    assert outer.runs == 2
    assert inner.runs == 3


def test_grad_and_second_order(x):
    def f(x):
        return (x.sin() * x.exp()).sum()

    def second(y):
        (g,) = plugrad.autograd.grad(y, x, create_graph=True)
        return plugrad.autograd.grad((g * g).sum(), x)[0]

    assert_close(second(checkpoint(f, x, use_reentrant=False)), second(f(x)), rtol=1e-5, atol=1e-5)


def test_a_backward_inside_the_function(x):
    def f(x):
        y = x.sin()
        (g,) = plugrad.autograd.grad(y.cos().sum(), x, retain_graph=True)
        return y * g.detach()

    want = gradients(f(x).sum(), x)
    got = gradients(checkpoint(f, x, use_reentrant=False).sum(), x)
    assert_close(got[0], want[0], rtol=1e-6, atol=1e-6)
    with set_checkpoint_early_stop(False):
        got = gradients(checkpoint(f, x, use_reentrant=False).sum(), x)
    assert_close(got[0], want[0], rtol=1e-6, atol=1e-6)


def test_keyword_and_other_arguments_and_several_results(x):
    def f(x, factor, *, shift):
        return x * factor, "text", (x + shift).exp()

    a, text, b = checkpoint(f, x, 2.0, use_reentrant=False, shift=1.0)
    assert text == "text"
    (g,) = gradients((a + b).sum(), x)
    assert_close(g, (2 + (x + 1).exp()).detach(), rtol=1e-6, atol=1e-6)


def test_functions_of_ones_own_are_recomputed(x):
    class Square(plugrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    (g,) = gradients(checkpoint(lambda x: Square.apply(x.sin()).cos(), x, use_reentrant=False).sum(), x)
    want = gradients((x.sin() ** 2).cos().sum(), x)
    assert_close(g, want[0], rtol=1e-5, atol=1e-6)


def test_in_place_ops_inside(x):
    def f(x):
        y = x * 2
        y.mul_(x)
        y.add_(1).sigmoid_()
        return y * y

    got = gradients(checkpoint(f, x, use_reentrant=False).sum(), x)
    want = gradients(f(x).sum(), x)
    assert_close(got[0], want[0], rtol=1e-6, atol=1e-6)


def test_an_argument_changed_in_place_is_noticed(x):
    y = x * 1
    z = checkpoint(lambda y: y.sin(), y, use_reentrant=False)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_early_stop(x):
    log = []

    def f(x):
        log.append("start")
        y = x.exp()
        log.append("end")
        return y

    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert log == ["start", "end", "start"]
    log.clear()
    checkpoint(f, x, use_reentrant=False, early_stop=False).sum().backward()
    assert log == ["start", "end"] * 2
    log.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(f, x, use_reentrant=False)
    y.sum().backward()
    assert log == ["start", "end"] * 2


def test_early_stop_is_not_caught_by_the_users_except(x):
    def f(x):
        try:
            return x.exp()
        except Exception:  # what the recomputation ends with must pass
            return x.sin().cos().tan()

    (g,) = gradients(checkpoint(f, x, use_reentrant=False).sum(), x)
    assert_close(g, x.exp().detach(), rtol=1e-6, atol=1e-6)


class Changing:
    """Does something else each time it runs."""

    def __init__(self, *functions):
        self.functions = iter(functions)

    def __call__(self, x):
        return next(self.functions)(x)


def test_fewer_tensors_saved_in_the_second_run(x):
    y = checkpoint(Changing(lambda x: x.sin().cos().exp(), lambda x: x.exp()), x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="A different number of tensors was saved") as error:
        y.sum().backward()
    assert "saved during forward: 3\nNumber of tensors saved during recomputation: 1." in str(error.value)


def test_more_tensors_saved_in_the_second_run(x):
    f = Changing(lambda x: x.exp(), lambda x: x.sin().cos().exp())
    y = checkpoint(f, x, use_reentrant=False, early_stop=False)
    with pytest.raises(CheckpointError, match="trying to save more tensors during recomputation"):
        y.sum().backward()


def test_other_tensors_saved_in_the_second_run(x):
    y = checkpoint(Changing(lambda x: x.exp(), lambda x: x[0].exp()), x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="have different metadata than during the forward pass") as error:
        y.sum().backward()
    assert "'shape': torch.Size([3, 4])" in str(error.value)
    assert "'shape': torch.Size([4])" in str(error.value)


def test_without_determinism_check_other_tensors_pass(x):
    f = Changing(lambda x: x.exp(), lambda x: x.double().exp())
    checkpoint(f, x, use_reentrant=False, determinism_check="none").sum().backward()
    assert x.grad is not None
    f = Changing(lambda x: x.exp(), lambda x: x.double().exp())
    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(f, x, use_reentrant=False).sum().backward()


def test_debug_lists_the_ops_of_both_runs(x):
    def first(x):
        return x.sin().cos()

    f = Changing(first, lambda x: x.tanh())
    y = checkpoint(f, x, use_reentrant=False, debug=True)
    with pytest.raises(CheckpointError, match="debug=True") as error:
        y.sum().backward()
    text = str(error.value)
    assert "sin(float32[3, 4])\ncos(float32[3, 4])" in text
    assert "tanh(float32[3, 4])   (1 of 1 in recompute)" in text
    assert f"{__file__}:{first.__code__.co_firstlineno + 1}:first" in text
    assert isinstance(error.value.__cause__, CheckpointError)


def test_debug_for_all(x):
    with set_checkpoint_debug_enabled(True):
        y = checkpoint(Changing(plugrad.sin, plugrad.Tensor.numel), x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="Stack traces of the operators"):
        y.sum().backward()
    with (
        set_checkpoint_debug_enabled(True),
        pytest.raises(ValueError, match="debug=True is incompatible with non-default context_fn"),
    ):
        checkpoint(plugrad.sin, x, use_reentrant=False, context_fn=lambda: face.noop_context_fn())


def test_context_fn_gives_a_context_to_each_run(x):
    log = []

    class Context:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(self.name)

        def __exit__(self, *exception):
            log.append(f"end of {self.name}")

    y = checkpoint(plugrad.exp, x, use_reentrant=False, context_fn=lambda: (Context("first"), Context("second")))
    assert log == ["first", "end of first"]
    y.sum().backward()
    assert log == ["first", "end of first", "second", "end of second"]


def test_a_context_that_hides_errors_is_refused(x):
    import contextlib

    def fail(x):
        raise ValueError("mine")

    with pytest.raises(RuntimeError, match="suppressed an exception"):
        checkpoint(
            fail,
            x,
            use_reentrant=False,
            context_fn=lambda: (contextlib.suppress(ValueError), contextlib.nullcontext()),
        )


def test_an_error_in_the_second_run_leaves_the_engine_usable(x):
    def fail(x):
        raise ValueError("in the second run")

    y = checkpoint(Changing(plugrad.exp, fail), x, use_reentrant=False)
    with pytest.raises(ValueError, match="in the second run"):
        y.sum().backward()
    assert plugrad.is_grad_enabled()
    assert x.grad is None
    x.exp().sum().backward()
    assert_close(x.grad, x.exp().detach(), rtol=1e-6, atol=1e-6)


@WAYS
def test_without_recording_it_is_a_plain_call(x, use_reentrant):
    with plugrad.no_grad():
        y = checkpoint(plugrad.exp, x, use_reentrant=use_reentrant)
    assert not y.requires_grad


def test_what_the_reentrant_way_refuses(x):
    with pytest.raises(ValueError, match="Unexpected keyword arguments: shift"):
        checkpoint(plugrad.exp, x, use_reentrant=True, shift=1)
    with pytest.raises(ValueError, match="`context_fn` or `debug` is only supported"):
        checkpoint(plugrad.exp, x, use_reentrant=True, debug=True)
    with pytest.raises(RuntimeError, match="incompatible with"):
        plugrad.autograd.grad(checkpoint(plugrad.exp, x, use_reentrant=True).sum(), x)
    with pytest.raises(RuntimeError, match="incompatible with"):
        checkpoint(plugrad.exp, x, use_reentrant=True).sum().backward(inputs=[x])
    with pytest.raises(RuntimeError, match="none of output has requires_grad=True"):
        checkpoint(lambda x: x.detach(), x, use_reentrant=True).sum().backward()
    with pytest.raises(ValueError, match=r"determinism_check should be one of \['default', 'none'\], but got all"):
        checkpoint(plugrad.exp, x, use_reentrant=False, determinism_check="all")


def test_warnings(x):
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        checkpoint(plugrad.exp, x)
    with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant parameter"):
        checkpoint_sequential([plugrad.exp], 1, x)
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        checkpoint(plugrad.exp, x.detach(), use_reentrant=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CheckpointFunction.apply(plugrad.exp, True, x)


@WAYS
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_sequential(x, segments, use_reentrant):
    parts = [plugrad.nn.Linear(4, 4), plugrad.nn.Tanh(), plugrad.nn.Linear(4, 2), plugrad.nn.Sigmoid()]
    model = plugrad.nn.Sequential(*parts)
    want = gradients(model(x).sum(), x, *model.parameters())
    for functions in (model, parts):
        y = checkpoint_sequential(functions, segments, x, use_reentrant=use_reentrant)
        got = gradients(y.sum(), x, *model.parameters())
        for a, b in zip(got, want, strict=True):
            assert_close(a, b, rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: debug"):
        checkpoint_sequential(model, 2, x, use_reentrant=use_reentrant, debug=True)


def test_group_of_backwards_recomputes_once(x):
    f = Counted(1)

    def two(x):
        y = f(x)
        return y.sin().sum(), y.cos().sum()

    a, b = checkpoint(two, x, use_reentrant=False)
    with GraphExecGroup():
        plugrad.autograd.grad(a, x, retain_graph=True)
        with pytest.raises(RuntimeError, match="cannot be nested"), GraphExecGroup():
            pass
        with pytest.raises(CheckpointError, match="two backward calls that overlap"):
            b.backward()
    assert f.runs == 2


def test_looking_at_a_saved_value_computes_it(x):
    f = Counted(1)
    y = checkpoint(f, x, use_reentrant=False)
    saved = y.grad_fn._saved_self
    assert_close(saved.detach(), (x * x).detach(), rtol=1e-6, atol=1e-6)
    assert f.runs == 2


# --- selective ---
def selective(policy):
    return functools.partial(create_selective_checkpoint_contexts, policy)


def counted_ops(function):
    """Names of the ops that really ran inside."""
    from plugrad.core.interception import OpMode, proceed

    class Names(OpMode):
        def __init__(self):
            self.names = []

        def op(self, row, plain, inputs, statics):
            self.names.append(row.name)
            return proceed(row, plain, inputs, statics)

    with Names() as names:
        function()
    return names.names


def block(x, w):
    return ((x @ w).sigmoid() * 2 + 1).exp()


@pytest.mark.parametrize(
    "policy",
    [
        [plugrad.matmul],
        lambda context, op, *args: CheckpointPolicy.PREFER_SAVE,
        lambda context, op, *args: op is plugrad.sigmoid,
        lambda context, op, *args: CheckpointPolicy.MUST_CPU_OFFLOAD,
        lambda context, op, *args: CheckpointPolicy.MUST_RECOMPUTE,
    ],
    ids=["list", "everything", "by truth", "offload", "nothing"],
)
def test_selective_gradients(x, policy):
    w = plugrad.randn(4, 4, requires_grad=True)
    want = gradients(block(x, w).sum(), x, w)
    y = checkpoint(block, x, w, use_reentrant=False, context_fn=selective(policy))
    for a, b in zip(gradients(y.sum(), x, w), want, strict=True):
        assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_selective_does_not_compute_again_what_it_kept(x):
    w = plugrad.randn(4, 4, requires_grad=True)
    y = checkpoint(block, x, w, use_reentrant=False, context_fn=selective([plugrad.matmul, plugrad.exp]))
    ran = counted_ops(lambda: y.sum().backward())
    assert "sigmoid" in ran
    assert "mm_" not in ran
    assert "exp" not in ran


def test_selective_with_mixed_dtypes(x):
    ones = plugrad.ones(4, dtype=plugrad.int64)

    def f(x):
        return (x * ones).sin() * (x > 0)

    want = gradients(f(x).sum(), x)
    everything = selective(lambda context, op, *args: True)
    got = gradients(checkpoint(f, x, use_reentrant=False, context_fn=everything).sum(), x)
    assert_close(got[0], want[0], rtol=1e-6, atol=1e-6)


def test_selective_asks_no_policy_about_views(x):
    seen = []

    def policy(context, op, *args):
        seen.append((op, context.is_recompute, context.op_output.shape))
        return CheckpointPolicy.MUST_SAVE

    y = checkpoint(lambda x: x.t().exp(), x, use_reentrant=False, context_fn=selective(policy))
    y.sum().backward()
    assert seen == [(plugrad.exp, False, (4, 3))]
    assert plugrad.exp not in face.SAC_IGNORED_OPS
    assert len(face.SAC_IGNORED_OPS) > 5
    assert isinstance(face.SelectiveCheckpointContext(is_recompute=False), face.SelectiveCheckpointContext)


def test_selective_errors(x):
    with pytest.raises(TypeError, match="must be either a function or a list of ops"):
        create_selective_checkpoint_contexts(3)
    with pytest.raises(ValueError, match="Expected op in `op_list` to be an OpOverload but got: print"):
        create_selective_checkpoint_contexts(["print"])
    everything = selective(lambda context, op, *args: True)
    y = checkpoint(plugrad.exp, x, use_reentrant=False, context_fn=everything)
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Trying to backward an extra time"):
        y.sum().backward()
    y = checkpoint(lambda x: (x * 2).exp_(), x, use_reentrant=False, context_fn=everything)
    with pytest.raises(RuntimeError, match="cached during selective activation checkpoint has been mutated"):
        y.sum().backward()
    y = checkpoint(Changing(plugrad.sin, plugrad.tanh), x, use_reentrant=False, context_fn=everything)
    with pytest.raises(RuntimeError, match="tanh invocation index 0 encountered during backward but not found"):
        y.sum().backward()
    with pytest.raises(NotImplementedError, match="sort_ has several results"):
        checkpoint(lambda x: x.sort()[0], x, use_reentrant=False, context_fn=everything)


def test_device_states_and_default_device(x):
    assert face.get_device_states(x.cpu()) == ([], [])
    devices, states = face.get_device_states({"a": [x]})
    before = plugrad.rand(2)
    face.set_device_states(devices, states)
    after = plugrad.rand(2)
    assert bool((before == after).all()) is (not x.is_cpu)
    before = face.DefaultDeviceType._device_type
    face.DefaultDeviceType.set_device_type("meta")
    assert face.DefaultDeviceType.get_device_type() == "meta"
    face.DefaultDeviceType._device_type = before


def test_detach_variable(x):
    y, number = face.detach_variable((x, 3))
    assert y is not x
    assert y.is_leaf
    assert y.requires_grad
    assert number == 3
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        face.check_backward_validity([3, y.detach()])
    with pytest.raises(RuntimeError, match=r"Only tuple of tensors is supported\. Got Unsupported input type: list"):
        face.detach_variable([x])
