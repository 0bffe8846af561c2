"""Names of torch.autograd that behave here by rules of their own; those that do as torch's are in the oracle tests."""

import pytest

import plugrad
from plugrad.autograd import graph
from plugrad_testing import assert_close


def test_saved_tensor_by_name(device):
    x = plugrad.ones(3, requires_grad=True)
    node = (x * x.exp()).grad_fn
    raw = node._raw_saved_self
    assert isinstance(raw, plugrad.autograd.SavedTensor)
    assert isinstance(raw, plugrad.utils.checkpoint.SavedTensor)
    assert raw.unpack() is x
    assert raw.data is x
    assert raw.unpack_hook is None

    def unpack(kept):
        return plugrad.tensor(kept)

    raw.register_hooks(lambda t: t.tolist(), unpack)
    assert raw.data == [1.0, 1.0, 1.0]
    assert raw.unpack_hook is unpack
    assert_close(raw.unpack().detach(), plugrad.ones(3), rtol=0, atol=0)


def test_saved_tensor_of_a_function(device):
    class Twice(plugrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = 2 * x
            ctx.save_for_backward(x, None, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, _, y = ctx.saved_tensors
            return g * y / x

    x = plugrad.full((3,), 4.0, requires_grad=True)
    y = Twice.apply(x)
    first, none, output = y.grad_fn._raw_saved_tensors
    assert first.unpack() is x
    assert none.unpack() is None
    assert output.unpack().grad_fn is y.grad_fn
    output.register_hooks(lambda t: t.detach().clone(), lambda t: t)
    with pytest.raises(RuntimeError, match="whose hooks have already been set"):
        output.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="with value None is forbidden"):
        none.register_hooks(lambda t: t, lambda t: t)
    y.sum().backward()
    assert_close(x.grad, plugrad.full((3,), 2.0), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="after it has been freed"):
        first.register_hooks(lambda t: t, lambda t: t)


def test_grad_layout(device):
    with plugrad.autograd.enforce_grad_layout_policy(False):
        x = plugrad.ones(2, requires_grad=True)
        x.sum().backward()
    assert x.grad is not None
    with pytest.raises(NotImplementedError, match="enforce_grad_layout_policy: enable=True is not supported"):
        plugrad.autograd.enforce_grad_layout_policy()


def test_submodules():
    assert plugrad.autograd.anomaly_mode.detect_anomaly is plugrad.autograd.detect_anomaly
    assert plugrad.autograd.anomaly_mode.set_detect_anomaly is plugrad.autograd.set_detect_anomaly


def test_grad_mode_module():
    for name in plugrad.autograd.grad_mode.__all__:
        assert getattr(plugrad.autograd.grad_mode, name) is getattr(plugrad.autograd, name)


def test_memory_budget():
    with pytest.raises(TypeError, match="expects a float, got str"):
        graph.region_activation_memory_budget("a")
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got 2"):
        graph.region_activation_memory_budget(2)
    with pytest.raises(RuntimeError, match=r"can only be used inside a torch\.compile region"):
        graph.region_activation_memory_budget(0.5)


def test_stale_capture_stream():
    assert graph.set_override_stale_capture_stream(False) is None
    with pytest.raises(NotImplementedError, match="set_override_stale_capture_stream: enabled=True is not supported"):
        graph.set_override_stale_capture_stream(True)
    with pytest.raises(TypeError, match="enabled must be a bool, but got int"):
        graph.set_warn_on_accumulate_grad_stream_mismatch(1)


def test_variable(device):
    x = plugrad.ones(2, requires_grad=True)
    y = plugrad.autograd.Variable(x * 2)
    assert not y.requires_grad
    assert plugrad.autograd.Variable().numel() == 0
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        plugrad.autograd.Variable([1])


def test_switches_decorate(device):
    @plugrad.autograd.set_multithreading_enabled(False)
    def function():
        return plugrad.autograd.is_multithreading_enabled()

    assert plugrad.autograd.is_multithreading_enabled()
    assert not function()
    assert plugrad.autograd.is_multithreading_enabled()


def test_overwritten_memory_is_copied_once_and_only_when_needed(device):
    x = plugrad.ones(3, requires_grad=True)
    with graph.allow_mutation_on_saved_tensors() as saved:
        y = x * 2
        z = y * y
        assert saved.places
        node = z.grad_fn
        kept = node.x
        assert kept is y._a
        y.add_(1)
        copied = node.x
        assert copied is not kept
        y.add_(1)
        assert node.x is copied
        z.sum().backward()
    assert not saved.places
    assert_close(x.grad, plugrad.full((3,), 8.0), rtol=0, atol=0)


def test_multi_grad_hook_is_called_before_gradients_are_written(device):
    a, b = plugrad.ones(2, requires_grad=True), plugrad.ones(2, requires_grad=True)
    log = []
    graph.register_multi_grad_hook([a * 1, b * 1], log.append)
    products = [a * 2, b * 3]
    handle = graph.register_multi_grad_hook(products, lambda grads: log.append((len(grads), a.grad is None)))
    (products[0] * products[1]).sum().backward()
    assert log == [(2, True)]
    handle.remove()
    (a * b).sum().backward()
    assert len(log) == 1


@pytest.mark.parametrize("kind", ["register_prehook", "register_hook"])
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (3, TypeError, "expected tuple, but hook returned 'int'"),
        (
            (None, None),
            RuntimeError,
            r"hook 'wrong' has returned an incorrect number of values \(got 2, but expected 1\)",
        ),
        ((3,), TypeError, "expected Variable, but hook returned 'int'"),
    ],
    ids=["no tuple", "too many", "no tensor"],
)
def test_node_hooks_that_return_something_else(device, kind, value, error, text):
    x = plugrad.ones(2, requires_grad=True)
    y = x.exp()

    def wrong(*gradients):
        return value

    handle = getattr(y.grad_fn, kind)(wrong)
    with pytest.raises(error, match=text):
        y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    assert x.grad is not None


def test_node_hook_that_returns_another_shape(device):
    x = plugrad.ones(2, requires_grad=True)
    y = x.exp()
    y.grad_fn.register_hook(lambda inputs, outputs: (plugrad.ones(3),))
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()
