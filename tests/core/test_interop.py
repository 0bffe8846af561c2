"""Memory shared with numpy and through DLPack, and conversion to Python."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import plugrad as torch
from plugrad.testing import assert_close

pytestmark = [
    pytest.mark.device,
    pytest.mark.cpu,
    # numpy's, about torch's older protocols, when these tests run with torch
    pytest.mark.filterwarnings("ignore:__array(_wrap)?__ (implementation|must accept):DeprecationWarning"),
]


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


# --- numpy ---
def test_from_numpy_shares_memory():
    a = np.array([1.0, 2.0])
    t = torch.from_numpy(a)
    assert t.dtype is torch.float64
    a[0] = 5
    assert t.tolist() == [5.0, 2.0]
    t[1] = 7
    assert a.tolist() == [5.0, 7.0]
    t.mul_(2)
    assert a.tolist() == [10.0, 14.0]


def test_numpy_shares_memory():
    t = torch.tensor([1.0, 2.0])
    a = t.numpy()
    a[0] = 5
    assert t.tolist() == [5.0, 2.0]
    t.add_(1)
    assert a.tolist() == [6.0, 3.0]


def test_as_tensor_shares_and_tensor_copies():
    a = np.array([1.0, 2.0])
    shared, copied = torch.as_tensor(a), torch.tensor(a)
    a[0] = 5
    assert shared.tolist() == [5.0, 2.0]
    assert copied.tolist() == [1.0, 2.0]
    t = torch.ones(2)
    assert torch.as_tensor(t) is t
    assert torch.as_tensor(t, dtype=torch.float64) is not t


@pytest.mark.parametrize(
    "name", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]
)
def test_dtypes_there_and_back(name):
    a = np.ones((2, 3), dtype=name)
    t = torch.from_numpy(a)
    assert t.dtype is getattr(torch, name)
    assert t.numpy().dtype == a.dtype
    np.testing.assert_array_equal(t.numpy(), a)


def test_strided_arrays():
    a = np.arange(12.0).reshape(3, 4)
    t = torch.from_numpy(a[:, ::2].T)
    assert t.shape == torch.Size([2, 3])
    assert t.stride() == (2, 4)
    t.zero_()
    assert a[:, 1::2].all()
    assert not a[:, ::2].any()
    view = torch.arange(6.0).reshape(2, 3).t().numpy()
    assert view.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


def test_zero_dimensional_arrays():
    a = np.array(3.0)
    t = torch.from_numpy(a)
    t.add_(1)
    assert a.item() == 4.0
    assert isinstance(torch.tensor(2.0).numpy(), np.ndarray)


def test_numpy_of_what_requires_grad():
    text = r"Can't call numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\) instead\."
    x = leaf(1.0)
    for call in (x.numpy, (x * 2).numpy, lambda: np.asarray(x), lambda: np.array(x * 2)):
        with pytest.raises(RuntimeError, match=text):
            call()
    assert x.detach().numpy().tolist() == [1.0]
    assert (x * 2).numpy(force=True).tolist() == [2.0]


def test_array_protocol():
    t = torch.tensor([1.0, 2.0])
    a = np.asarray(t)
    assert a.dtype == np.float32
    a[0] = 5
    assert t[0].item() == 5.0
    assert np.asarray(t, dtype=np.int64).dtype == np.int64
    b = np.array(t)
    b[0] = 9
    assert t[0].item() == 5.0
    assert np.add(np.ones(2, np.float32), t.numpy()).tolist() == [6.0, 3.0]


def test_numpy_functions_of_tensors():
    t = torch.tensor([1.0, 4.0])
    assert np.sqrt(t).tolist() == [1.0, 2.0]
    assert np.sum(t.numpy()) == 5.0
    assert np.stack([t, t]).shape == (2, 2)


def test_numpy_scalars_in_arithmetic():
    x = leaf(1.0, 2.0)
    y = x * np.float64(3.0) + np.int64(1)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert (torch.ones(2) * np.float64(2.0)).dtype is torch.float32


def test_from_numpy_refuses():
    with pytest.raises(TypeError, match=r"expected np\.ndarray \(got list\)"):
        torch.from_numpy([1.0])
    with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type numpy\.str_"):
        torch.from_numpy(np.array(["a"]))
    with pytest.raises(ValueError, match="At least one stride in the given numpy array is negative"):
        torch.from_numpy(np.arange(3.0)[::-1])


def test_array_that_cannot_be_written():
    a = np.arange(3.0)
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        torch.from_numpy(a)


# --- DLPack ---
def test_dlpack_into_numpy():
    t = torch.tensor([1.0, 2.0])
    a = np.from_dlpack(t)
    t.add_(1)
    assert a.tolist() == [2.0, 3.0]


def test_dlpack_from_numpy():
    a = np.arange(6.0).reshape(2, 3)
    t = torch.from_dlpack(a)
    a[0, 0] = 7
    assert t[0, 0].item() == 7.0
    assert t.dtype is torch.float64


def test_dlpack_between_tensors():
    t = torch.arange(6.0).reshape(2, 3)[:, 1:]
    other = torch.from_dlpack(t)
    other.zero_()
    assert t.sum().item() == 0.0
    assert other.stride() == t.stride()


def test_dlpack_capsules():
    from plugrad.utils.dlpack import from_dlpack, to_dlpack

    t = torch.tensor([1.0, 2.0])
    other = from_dlpack(to_dlpack(t))
    t.add_(1)
    assert other.tolist() == [2.0, 3.0]


def test_dlpack_of_what_requires_grad():
    with pytest.raises(BufferError, match=r"Can't export tensors that require gradient, use tensor\.detach\(\)"):
        leaf(1.0).__dlpack__()
    assert leaf(1.0).detach().__dlpack_device__()[0] == 1


# --- Python numbers ---
def test_item_and_conversions():
    assert torch.tensor(2.5).item() == 2.5
    assert float(torch.tensor([2.5])) == 2.5
    assert int(torch.tensor(2.9)) == 2
    assert complex(torch.tensor(1 + 2j)) == 1 + 2j
    assert bool(torch.tensor([[3]])) is True
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert list(range(torch.tensor(3))) == [0, 1, 2]
    assert math.sqrt(torch.tensor(4.0)) == 2.0
    assert f"{torch.tensor(1.23456):.2f}" == "1.23"
    assert type(torch.tensor(True).item()) is bool
    assert type(torch.tensor(1).item()) is int


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: torch.ones(2).item(), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
        (lambda: torch.ones(0).item(), RuntimeError, "a Tensor with 0 elements cannot be converted to Scalar"),
        (lambda: float(torch.ones(2)), ValueError, "only one element tensors can be converted to Python scalars"),
        (lambda: int(torch.ones(2)), ValueError, "only one element tensors can be converted to Python scalars"),
        (lambda: bool(torch.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
        (lambda: bool(torch.ones(0)), RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
        (
            lambda: [1][torch.tensor(0.0)],
            TypeError,
            "only integer tensors of a single element can be converted to an index",
        ),
        (lambda: float(torch.tensor(1j)), RuntimeError, "value cannot be converted to type double without overflow"),
        (lambda: len(torch.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    ],
    ids=range(9),
)
def test_conversions_that_fail(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_number_of_what_requires_grad_warns():
    x = leaf(2.0)
    with pytest.warns(
        UserWarning, match="Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior"
    ):
        assert float(x) == 2.0
    assert x.item() == 2.0  # says what it does


def test_membership_and_iteration():
    t = torch.tensor([1.0, 2.0])
    assert 2.0 in t
    assert 3.0 not in t
    assert [v.item() for v in t] == [1.0, 2.0]
    assert [v.item() for v in reversed(t)] == [2.0, 1.0]
    with pytest.raises(
        RuntimeError, match=r"Tensor\.__contains__ only supports Tensor or scalar, but you passed in a <class 'str'>\."
    ):
        "a" in t  # noqa: B015


# --- identity ---
def test_hash_is_identity():
    x, y = torch.ones(2), torch.ones(2)
    assert len({x, y, x}) == 2
    table = {x: "x"}
    assert table[x] == "x"
    assert y not in table
    x.add_(1)
    assert table[x] == "x"


def test_comparison_with_other_types():
    x = torch.ones(2)
    assert (x == "a") is False
    assert (x != None) is True  # noqa: E711
    assert (x == 1).tolist() == [True, True]


# --- copies ---
def test_deepcopy_of_a_leaf():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.is_leaf
    assert y.data_ptr() != x.data_ptr()
    assert_close(y.grad, x.grad)
    y.grad.zero_()
    assert x.grad.tolist() == [2.0, 4.0]


def test_deepcopy_keeps_one_tensor_one():
    x = torch.ones(2)
    a, b = copy.deepcopy([x, x])
    assert a is b
    assert a is not x


def test_deepcopy_keeps_shared_memory():
    x = torch.zeros(4)
    a, b = copy.deepcopy([x, x[:2]])
    b.add_(1)
    assert a.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert x.tolist() == [0.0] * 4


def test_deepcopy_of_a_result():
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(leaf(1.0) * 2)


def test_deepcopy_keeps_attributes():
    x = torch.ones(2)
    x.note = ["kept"]
    y = copy.deepcopy(x)
    assert y.note == ["kept"]
    assert y.note is not x.note


def test_copy_shares_memory():
    x = torch.ones(2)
    y = copy.copy(x)
    y.add_(1)
    assert x.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    x = leaf(1.0, 2.0)
    x.grad = torch.ones(2, dtype=torch.float64)
    y = pickle.loads(pickle.dumps(x, protocol))
    assert_close(y.detach(), x.detach())
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is None
    for t in (torch.tensor(1), torch.empty(0, 3), torch.tensor([True]), torch.arange(6).reshape(2, 3).t()):
        again = pickle.loads(pickle.dumps(t, protocol))
        assert again.dtype is t.dtype
        assert again.tolist() == t.tolist()
        assert again.shape == t.shape


def test_pickle_of_a_result():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = pickle.loads(pickle.dumps(leaf(1.0, 2.0) * 2))
    assert y.tolist() == [2.0, 4.0]


def test_pickle_of_dtypes_devices_and_sizes():
    for value in (torch.float32, torch.device("cpu"), torch.Size([2, 3])):
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert type(again) is type(value)
    assert pickle.loads(pickle.dumps(torch.float32)) is torch.float32
