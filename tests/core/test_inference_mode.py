"""Tensors made in inference mode: marked, uncounted, never saved for a backward; what lies on normal memory stays normal."""

import pytest

import plugrad as torch

pytestmark = pytest.mark.device


@pytest.fixture
def made():
    with torch.inference_mode():
        return torch.ones(3)


def test_only_what_is_made_inside_is_an_inference_tensor(made):
    assert torch.is_inference(made)
    assert torch.is_inference(made[1:])
    assert not torch.is_inference(made.clone())
    assert not torch.is_inference(made * 2)


def test_what_shares_normal_memory_stays_normal():
    x = torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        shared = [x.data, x.detach(), x[1:], x.view(3, 1), x.reshape(3)]
    assert not any(torch.is_inference(t) for t in shared)


def test_data_of_an_inference_tensor(made):
    assert torch.is_inference(made.data)
    assert torch.is_inference(made.detach())


@pytest.mark.parametrize("make", ["zeros", "rand", "arange", "eye"])
def test_new_tensors_are_marked(make):
    with torch.inference_mode():
        assert torch.is_inference(getattr(torch, make)(2))


def test_several_outputs_are_marked():
    with torch.inference_mode():
        values, indices = torch.tensor([2.0, 1.0]).sort()
    assert torch.is_inference(values)
    assert torch.is_inference(indices)


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.add_(1),
        lambda t: t.zero_(),
        lambda t: t.copy_(torch.zeros(3)),
        lambda t: t.set_(),
        lambda t: t.__setitem__(0, 1.0),
        lambda t: torch.add(torch.ones(3), 1, out=t),
    ],
    ids=["add_", "zero_", "copy_", "set_", "setitem", "out"],
)
def test_written_to_inside_only(made, write):
    before = made.tolist()
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
        write(made)
    assert made.tolist() == before
    with torch.inference_mode():
        write(made)


def test_nothing_is_recorded_inside_whatever_grad_mode_says():
    x = torch.ones(3, requires_grad=True)
    with torch.inference_mode(), torch.enable_grad():
        assert torch.is_grad_enabled()
        assert not (x * 2).requires_grad
        with torch.inference_mode(False):
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_saved_for_no_backward(made):
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * made
    (x + made).sum().backward()
    assert x.grad.tolist() == [1.0] * 3


def test_a_view_made_inside_is_not_written_to_outside():
    y = torch.ones(3, requires_grad=True) * 1
    with torch.inference_mode():
        view = y[1:]
    with pytest.raises(
        RuntimeError, match="A view was created in inference mode and is being modified inplace in normal mode"
    ):
        view.add_(1)


def test_set_shares_the_memory_of_its_source():
    x, y = torch.ones(3), torch.zeros(2)
    assert x.set_(y) is x
    y.add_(5)
    assert x.tolist() == [5.0, 5.0]
    assert x._version == 1
    assert x.set_().shape == (0,)


def test_set_refuses_what_it_cannot_do():
    with pytest.raises(RuntimeError, match="Could not set tensor of type long int to a tensor of type float"):
        torch.ones(2).set_(torch.arange(2))
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        torch.ones(2, requires_grad=True).set_(torch.ones(2))
    with pytest.raises(NotImplementedError, match="no derivative"):
        torch.ones(2).set_(torch.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.ones(2).set_(3)
