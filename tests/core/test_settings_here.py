"""What each setting does on plugrad, where torch has other libraries to set."""

import os
import pickle

import numpy as np
import pytest

import plugrad
from plugrad.core.settings import Settings


def f(x):
    return x + 1


# --- what the settings do here ---
@pytest.fixture
def own_threads():
    before = plugrad.get_num_threads()
    yield
    plugrad.set_num_threads(before)


@pytest.mark.cpu
def test_threads_are_those_of_blas(own_threads):
    from plugrad.backends import numpy_threads

    if numpy_threads._blas() is None:
        pytest.skip("this numpy's BLAS cannot be asked")
    plugrad.set_num_threads(2)
    assert numpy_threads._blas()[0]() == plugrad.get_num_threads() == numpy_threads.cores() == 2
    plugrad.set_num_threads(1)
    assert numpy_threads._blas()[0]() == plugrad.get_num_threads() == numpy_threads.cores() == 1


@pytest.mark.cpu
def test_threads_set_while_an_op_is_at_work_hold_afterwards(own_threads):
    from plugrad.backends import numpy_threads

    if numpy_threads._blas() is None:
        pytest.skip("this numpy's BLAS cannot be asked")
    plugrad.set_num_threads(2)

    def inside(_):
        plugrad.set_num_threads(1)
        return numpy_threads._blas()[0](), plugrad.get_num_threads()

    assert numpy_threads.in_parallel(inside, [0, 1]) == [(1, 1), (1, 1)]
    assert plugrad.get_num_threads() == 1


@pytest.mark.cpu
def test_a_library_that_cannot_be_told_is_named(monkeypatch):
    monkeypatch.setattr(plugrad.backends.namespace("cpu"), "set_threads", lambda n: False, raising=False)
    with pytest.warns(UserWarning, match="'numpy' cannot be told at run time"):
        plugrad.set_num_threads(1)


def test_interop_threads_can_be_set_once(monkeypatch):
    monkeypatch.setattr(Settings, "interop_threads", None)
    assert plugrad.get_num_interop_threads() == os.cpu_count()
    plugrad.set_num_interop_threads(3)
    assert plugrad.get_num_interop_threads() == 3
    with pytest.raises(RuntimeError, match="cannot set number of interop threads after"):
        plugrad.set_num_interop_threads(3)


@pytest.mark.cpu
def test_small_numbers_stay_as_they_are():
    assert plugrad.set_flush_denormal(True) is False
    assert plugrad.tensor([1e-310], dtype=plugrad.float64).item() == 1e-310


@pytest.mark.device
def test_float32_products_are_whole_whatever_is_allowed():
    a = plugrad.rand(16, 16)
    whole = a @ a
    plugrad.set_float32_matmul_precision("medium")
    try:
        assert plugrad.equal(a @ a, whole)
    finally:
        plugrad.set_float32_matmul_precision("highest")


@pytest.mark.cpu
def test_default_tensor_type():
    try:
        with pytest.warns(UserWarning, match="is deprecated as of PyTorch 2.1"):
            plugrad.set_default_tensor_type(plugrad.DoubleTensor)
        assert plugrad.tensor(1.0).dtype is plugrad.float64
        with pytest.warns(UserWarning, match="is deprecated"):
            plugrad.set_default_tensor_type("torch.FloatTensor")
        assert plugrad.tensor(1.0).dtype is plugrad.float32
    finally:
        plugrad.set_default_dtype(plugrad.float32)
    with pytest.raises(TypeError, match="only floating-point types are supported"):
        plugrad.set_default_tensor_type(plugrad.float32)


# --- memory that is shared ---
@pytest.mark.cpu
def test_asarray_shares_memory():
    a, b = np.zeros(2), bytearray(4)

    class Speaker:
        def __dlpack__(self, **options):
            return a.__dlpack__(**options)

        def __dlpack_device__(self):
            return a.__dlpack_device__()

    of_array, of_speaker = plugrad.asarray(a), plugrad.asarray(Speaker())
    of_buffer, copied = plugrad.asarray(b, dtype=plugrad.uint8), plugrad.asarray(a, copy=True)
    of_array[0], of_speaker[1], of_buffer[3], copied[0] = 5, 6, 7, 8
    assert (a.tolist(), list(b)) == ([5.0, 6.0], [0, 0, 0, 7])
    x = plugrad.ones(2)
    assert plugrad.asarray(x) is x
    assert plugrad.asarray(x, copy=True) is not x


@pytest.mark.cpu
def test_asarray_says_that_a_gradient_is_inherited():
    x = plugrad.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="unspecified requires_grad now defaults") as caught:
        assert plugrad.asarray(x) is x
    assert caught[0].filename == __file__
    assert plugrad.asarray(x, requires_grad=False) is x
    assert not x.requires_grad


@pytest.mark.cpu
def test_frombuffer_shares_memory():
    b = bytearray(4)
    plugrad.frombuffer(b, dtype=plugrad.uint8, offset=1)[0] = 9
    assert list(b) == [0, 9, 0, 0]


@pytest.mark.cpu
@pytest.mark.parametrize("make", [lambda b: plugrad.frombuffer(b, dtype=plugrad.uint8), plugrad.asarray])
def test_read_only_memory_is_told_of(make):
    with pytest.warns(UserWarning, match="The given buffer is not writable") as caught:
        x = make(b"abcd")
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1


@pytest.mark.device
def test_asarray_brings_to_the_device():
    where = plugrad.get_default_device()
    x = plugrad.asarray(np.arange(3), device=where)
    assert (x.device.type, x.tolist()) == (where.type, [0, 1, 2])
    if where.type != "cpu":
        with pytest.raises(ValueError, match="can't alias tensor from device 'cpu' to"):
            plugrad.asarray(np.arange(3), device=where, copy=False)


@pytest.mark.cpu
def test_from_numpy_refuses_another_byte_order():
    with pytest.raises(ValueError, match="byte order different"):
        plugrad.from_numpy(np.array([1], dtype=">i4"))


@pytest.mark.parametrize("make", ["ones", "empty", "rand", "full"])
def test_sparse_layouts_are_refused(make):
    args = ((2,), 1.0) if make == "full" else (2,)
    with pytest.raises(NotImplementedError, match=rf"{make}: layout=torch.sparse_coo is not supported"):
        getattr(plugrad, make)(*args, layout=plugrad.sparse_coo)


def test_layouts_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(plugrad.strided)) is plugrad.strided


# --- compile, jit ---
def test_compile_returns_what_it_is_given():
    model = plugrad.nn.Linear(2, 1)
    assert plugrad.compile(model) is model
    assert model.compile(mode="max-autotune") is None
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        model.compile(mode="fast")
    assert plugrad.compile(fullgraph=True, dynamic=False)(f) is f
    assert plugrad.compiler.compile(f, mode="reduce-overhead") is f
    plugrad.compiler.cudagraph_mark_step_begin()
    with plugrad.compiler.set_stance("force_eager"):
        assert f(1) == 2


def test_a_compiler_of_ones_own_is_refused():
    with pytest.raises(NotImplementedError, match="plugrad makes none before it runs"):
        plugrad.compile(f, backend=lambda graph, inputs: graph)


def test_default_compiler():
    plugrad.compiler.set_default_backend("foo")
    try:
        with pytest.raises(RuntimeError, match="Invalid backend: 'foo'"):
            plugrad.compile(f)
    finally:
        plugrad.compiler.set_default_backend(None)
    assert plugrad.compiler.get_default_backend() == "inductor"


@pytest.mark.device
def test_script_and_trace_return_what_they_are_given():
    model, x = plugrad.nn.Linear(2, 1), plugrad.ones(3, 2)
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        assert plugrad.jit.script(model) is model
    with pytest.warns(DeprecationWarning, match="torch.jit.trace"):
        assert plugrad.jit.trace(model, x) is model
    assert calls == [1]


@pytest.mark.parametrize("name", ["save", "load"])
def test_scripts_are_not_written_or_read(name):
    args = (f, "file") if name == "save" else ("file",)
    with pytest.raises(NotImplementedError, match=r"plugrad\.save\(model\.state_dict\(\), file\)"):
        getattr(plugrad.jit, name)(*args)


# --- devices ---
def test_the_accelerator_is_the_cuda_device_or_none():
    if not plugrad.cuda.is_available():
        assert plugrad.accelerator.current_accelerator() is None
        assert not plugrad.accelerator.is_available()
        for name in ("current_device_index", "synchronize", "empty_cache", "memory_allocated"):
            with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
                getattr(plugrad.accelerator, name)()
        return
    assert plugrad.accelerator.current_accelerator() == plugrad.device("cuda")
    assert plugrad.accelerator.device_count() == plugrad.cuda.device_count()
    assert plugrad.accelerator.current_device_index() == plugrad.cuda.current_device() == 0
    plugrad.accelerator.set_device_index(0)
    plugrad.accelerator.synchronize("cuda:0")
    with pytest.raises(NotImplementedError, match="'cuda' without an index always means cuda:0"):
        plugrad.accelerator.set_device_index(1)
    assert plugrad.get_device_module() is plugrad.cuda
