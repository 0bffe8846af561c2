"""The simulated CUDA backend: it behaves as cupy does, and training on it makes the host wait for nothing."""

import numpy as np
import pytest

import plugrad
from plugrad.core.device import space
from plugrad_testing import assert_close, import_plugin, on, registered

plugin = import_plugin("plugrad_simcuda")
simcupy = plugin.simcupy


@pytest.fixture(autouse=True, scope="module")
def simcuda():
    """The namespace of ``cuda:0``; registered by hand, so that a real cupy does not come before it."""
    with registered(*plugin.plugrad_backends()):
        yield space("cuda:0")


@pytest.fixture
def a():
    return simcupy.asarray(np.arange(6.0).reshape(2, 3))


# --- what the module does as cupy does ---
MIXED = {
    "asarray": np.asarray,
    "array": np.array,
    "stack": lambda a: np.asarray([a, a]),
    "left": lambda a: np.ones(3) + a,
    "right": lambda a: a * np.ones(3),
    "function": lambda a: simcupy.add(a, np.ones(3)),
}


@pytest.mark.parametrize("name", MIXED)
def test_numpy_and_device_arrays_do_not_mix(a, name):
    with pytest.raises(TypeError, match=r"Implicit conversion|Unsupported type"):
        MIXED[name](a)


def test_numpy_arrays_cannot_be_stored(a):
    with pytest.raises(ValueError, match="cannot be used for fill"):
        a[0] = np.ones(3)


def test_reductions_and_elements_are_0d_arrays(a):
    for made in (a.sum(), simcupy.sum(a), simcupy.amax(a), a[1, 2], simcupy.argmax(a)):
        assert type(made) is simcupy.ndarray
        assert made.shape == ()


def test_a_basic_key_gives_a_view_without_a_launch(a):
    with simcupy.counting() as seen:
        view = a[1:, ::2].T
    assert view.base is a
    assert seen.launches == 0
    view[...] = 9
    assert a.tolist() == [[0, 1, 2], [9, 4, 9]]


def test_integer_arrays_out_of_range_wrap(a):
    assert a[simcupy.asarray([5, -1])].tolist() == [[3, 4, 5], [3, 4, 5]]
    with pytest.raises(IndexError):
        a[5]


def test_duplicate_stores_come_in_any_order():
    simcupy.seed(0)
    seen = set()
    for _ in range(40):
        t = simcupy.zeros(2)
        t[simcupy.asarray([0, 0, 0])] = simcupy.asarray([1.0, 2.0, 3.0])
        seen.add(t[0].item())
    assert seen == {1.0, 2.0, 3.0}


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "bool", "complex64"])
def test_scatter_add_takes_few_dtypes(dtype):
    with pytest.raises(TypeError, match=r"cupy\.add\.at only supports"):
        simcupy.add.at(simcupy.zeros(3, dtype), (simcupy.asarray([0, 0]),), simcupy.ones(2, dtype))


def test_scatter_add_adds_duplicates():
    t = simcupy.zeros(3, "float32")
    simcupy.add.at(t, (simcupy.asarray([0, 0, 2]),), simcupy.asarray(np.array([1, 2, 3], "float32")))
    assert t.tolist() == [3, 0, 3]


def test_arrays_of_two_devices_do_not_mix(a):
    with simcupy.cuda.Device(1):
        other = simcupy.zeros((2, 3))
        with pytest.raises(ValueError, match=r"resides \(0\) is different from the current device \(1\)"):
            a + other
        assert simcupy.asarray(a).device.id == 1
    with pytest.raises(ValueError, match=r"resides \(1\) is different from the current device \(0\)"):
        other + 1


def test_new_memory_holds_garbage():
    assert np.isnan(simcupy.empty(3).get()).all()


def test_waiting_is_counted(a):
    one = a[0, 0]
    for wait in (
        one.item,
        lambda: float(one),
        lambda: int(one),
        lambda: bool(one),
        a.get,
        a.tolist,
        lambda: a[a > 1],
        a.nonzero,
    ):
        with simcupy.counting() as seen:
            wait()
        assert seen.syncs == 1, wait
    with simcupy.counting() as seen:
        (a + 1).sum(), a[0], a.reshape(3, 2)
    assert (seen.syncs, seen.launches) == (0, 2)


def test_memory_in_use_is_counted():
    pool = simcupy.get_default_memory_pool()
    before = pool.used_bytes()
    held = simcupy.zeros(100)
    assert pool.used_bytes() == before + 800
    del held
    assert pool.used_bytes() == before


# --- kernels of one's own ---
KERNELS = """
typedef float stored; typedef float real;
extern "C" __global__ void fill(stored* out, long long n, double value) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = value;
}
extern "C" __global__ void turn(stored* out, long long wrong) {
    __shared__ real part[64];
    part[threadIdx.x] = out[threadIdx.x];
    if (wrong && threadIdx.x > 3) return;
    __syncthreads();
    out[threadIdx.x] = part[blockDim.x - 1 - threadIdx.x];
}
"""
runs_kernels = pytest.mark.skipif(
    plugin.simkernel.why_not() is not None, reason=f"kernels cannot be run: {plugin.simkernel.why_not()}"
)


def kernel(name):
    return simcupy.RawKernel(KERNELS, name)


@runs_kernels
def test_a_kernel_runs_once_for_every_thread_of_the_grid():
    out = simcupy.zeros(10, "float32")
    with simcupy.counting() as seen:
        kernel("fill")((2,), (4,), (out, 10, 2.5))
    assert seen.launches == 1
    assert out.tolist() == [2.5] * 8 + [0, 0]


@runs_kernels
def test_threads_of_a_block_wait_for_each_other():
    out = simcupy.asarray(np.arange(8, dtype="float32"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="wait at a barrier that others have left out"):
            kernel("turn")((1,), (8,), (out, 1))
        kernel("turn")((1,), (8,), (out, 0))
    assert out.tolist() == list(range(8))


def array(dtype="float32"):
    return simcupy.zeros((4, 4), dtype)


WRONG_ARGUMENTS = {
    "int for a double": (lambda: (array(), 4, 2), "value is a double, not a int"),
    "bool for an int": (lambda: (array(), True, 2.0), "n is a long long, not a bool"),
    "dtype": (lambda: (array("float64"), 4, 2.0), "holds float64, the kernel takes elements of 4 bytes"),
    "strides": (lambda: (array().T[1:], 4, 2.0), "out is not contiguous"),
    "numpy": (lambda: (np.zeros(4, "float32"), 4, 2.0), "out is an array, not a ndarray"),
    "count": (lambda: (array(), 4), "2 arguments, 3 expected"),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_arguments_that_cupy_would_hand_over_wrong_are_refused(name):
    make, message = WRONG_ARGUMENTS[name]
    with pytest.raises((TypeError, ValueError), match=message):
        kernel("fill")((1,), (4,), make())


def test_a_kernel_does_not_reach_another_device():
    out = array()
    with simcupy.cuda.Device(1), pytest.raises(ValueError, match="out lies on device 0, not on 1"):
        kernel("fill")((1,), (4,), (out, 4, 2.0))


def test_launches_have_limits():
    for grid, block in ((1, 2000), (0, 32)):
        with pytest.raises(ValueError, match="CUDA_ERROR_INVALID_VALUE"):
            kernel("fill")((grid,), (block,), (array(), 4, 2.0))


# --- plugrad on it ---
def test_it_is_the_cupy_backend(simcuda):
    assert type(simcuda).__name__ == "CupyBackend"
    assert simcuda.array_type is simcupy.ndarray
    t = plugrad.ones(2, device="cuda")
    assert t.is_cuda
    assert repr(t) == "tensor([1., 1.], device='cuda:0')"
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        t.numpy()


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int64", "float16", "float32", "float64", "complex64", "complex128", "bool"]
)
def test_scatter_add_of_the_backend_knows_every_dtype(simcuda, dtype):
    target = simcuda.from_host(np.zeros(3, dtype))
    simcuda.add_at(target, (simcuda.from_host(np.array([0, 0, 2])),), simcuda.from_host(np.ones(3, dtype)))
    expected = np.zeros(3, dtype)
    np.add.at(expected, (np.array([0, 0, 2]),), np.ones(3, dtype))
    assert simcuda.to_host(target).tolist() == expected.tolist()


def network(device):
    """A small network by core ops alone: a function of its parameters, and those."""
    rng = np.random.default_rng(0)
    shapes = ((5, 8), (8,), (8, 3), (3,))
    parameters = [on(rng.standard_normal(s).astype("float32"), device, requires_grad=True) for s in shapes]
    x = on(rng.standard_normal((16, 5)).astype("float32"), device)
    labels = on(rng.integers(0, 3, (16, 1)), device)

    def loss():
        w1, b1, w2, b2 = parameters
        hidden = (x @ w1 + b1).relu()
        hidden = hidden * (hidden > 0.1) + hidden.tanh().sigmoid()
        return -(hidden @ w2 + b2).log_softmax(1).gather(1, labels).mean()

    return loss, parameters


OPTIMIZERS = {
    "sgd": lambda p: plugrad.optim.SGD(p, lr=0.1),
    "momentum": lambda p: plugrad.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: plugrad.optim.Adam(p, lr=0.01),
    "adamw": lambda p: plugrad.optim.AdamW(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_never_waits(name):
    loss, parameters = network("cuda")
    optimizer = OPTIMIZERS[name](parameters)
    for _ in range(3):
        with simcupy.counting() as seen:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
        assert seen.syncs == 0
        assert seen.launches > 0
    assert np.isfinite(value.item())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_training_as_on_the_cpu(name):
    results = []
    for device in ("cuda", "cpu"):
        loss, parameters = network(device)
        optimizer = OPTIMIZERS[name](parameters)
        for _ in range(5):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        results.append(parameters)
    for ours, cpu in zip(*results, strict=True):
        assert_close(ours, cpu._host(), rtol=1e-4, atol=1e-6, device="cuda")


def test_the_second_device_computes_on_itself():
    results = []
    for device in ("cuda:1", "cpu"):
        loss, parameters = network(device)
        loss().backward()
        results.append(parameters)
    for ours, cpu in zip(*results, strict=True):
        assert ours.grad._a.device.id == 1
        assert_close(ours.grad, cpu.grad._host(), rtol=1e-4, atol=1e-6, device="cuda:1")
    assert simcupy.current_device() == 0


def test_tensors_move_between_devices():
    t = plugrad.arange(3.0, device="cuda:0")
    moved = t.to("cuda:1")
    assert str(moved.device) == "cuda:1"
    assert moved._a.device.id == 1
    assert (moved * 2).tolist() == [0.0, 2.0, 4.0]
    assert moved.cpu().tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match="at least two devices, cuda:0 and cuda:1"):
        t + moved


def test_gradients_cross_devices():
    x = plugrad.arange(3.0, device="cuda:0", requires_grad=True)
    (x.to("cuda:1") * 2).cpu().sum().backward()
    assert_close(x.grad, np.array([2, 2, 2], "float32"), device="cuda:0")


def test_gradients_are_added_up_on_the_device_where_they_belong():
    x = plugrad.arange(3.0, device="cuda:0", requires_grad=True)
    y = x * 2
    there = [y.to("cuda:1") * 3, y.to("cuda:1") * 4]
    (there[0] * there[1]).sum().cpu().backward()
    assert_close(x.grad, np.array([0, 96, 192], "float32"), device="cuda:0")
    a, b = y.detach().requires_grad_(), plugrad.ones(3, device="cuda:1", requires_grad=True)
    ((a.to("cuda:1") * b).sum() + (a.to("cuda:1") + b).sum()).backward()
    assert_close(a.grad, np.array([2, 2, 2], "float32"), device="cuda:0")


def test_memory_comes_back_after_training():
    pool = simcupy.get_default_memory_pool()
    before = pool.used_bytes()
    loss, parameters = network("cuda")
    optimizer = plugrad.optim.Adam(parameters)
    held = []
    for _ in range(4):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        held.append(pool.used_bytes())
    assert held[1:] == [held[1]] * 3
    del loss, parameters, optimizer
    assert pool.used_bytes() == before
