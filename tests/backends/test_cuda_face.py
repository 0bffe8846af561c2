"""plugrad.cuda where there is no device, as torch behaves there, and on the simulated one."""

import threading

import pytest

import plugrad
from plugrad_testing import import_plugin, registered


def entered(library, block):
    """The device of a tensor made in a block."""
    with block:
        return str(library.ones(1).device)


CALLS = {
    "is_available": lambda t: t.cuda.is_available(),
    "device_count": lambda t: t.cuda.device_count(),
    "current_device": lambda t: t.cuda.current_device(),
    "synchronize": lambda t: t.cuda.synchronize(),
    "synchronize number": lambda t: t.cuda.synchronize(0),
    "synchronize text": lambda t: t.cuda.synchronize("cuda:0"),
    "synchronize cpu": lambda t: t.cuda.synchronize("cpu"),
    "memory_allocated": lambda t: t.cuda.memory_allocated(),
    "memory_allocated number": lambda t: t.cuda.memory_allocated(0),
    "memory_allocated cpu": lambda t: t.cuda.memory_allocated("cpu"),
    "empty_cache": lambda t: t.cuda.empty_cache(),
    "is_initialized": lambda t: t.cuda.is_initialized(),
    "manual_seed": lambda t: t.cuda.manual_seed(3),
    "manual_seed_all": lambda t: t.cuda.manual_seed_all(3),
    "device": lambda t: entered(t, t.cuda.device(0)),
    "device below zero": lambda t: entered(t, t.cuda.device(-1)),
    "device cpu": lambda t: t.cuda.device("cpu"),
    "device text": lambda t: t.cuda.device("cuda:1").idx,
    "device_of": lambda t: entered(t, t.cuda.device_of(t.ones(1))),
    "set_device below zero": lambda t: t.cuda.set_device(-1),
    "set_device cpu": lambda t: t.cuda.set_device("cpu"),
    "set_device no number": lambda t: t.cuda.set_device("cuda"),
    "Stream": lambda t: t.cuda.Stream(),
    "stream": lambda t: entered(t, t.cuda.stream(None)),
    "set_stream": lambda t: t.cuda.set_stream(None),
    "current_stream": lambda t: t.cuda.current_stream(),
    "default_stream": lambda t: t.cuda.default_stream(),
    "Event": lambda t: t.cuda.Event(enable_timing=True),
    "get_device_name": lambda t: t.cuda.get_device_name(0),
    "get_device_capability": lambda t: t.cuda.get_device_capability(),
    "get_device_properties": lambda t: t.cuda.get_device_properties(0),
    "can_device_access_peer": lambda t: t.cuda.can_device_access_peer(0, 1),
    "mem_get_info": lambda t: t.cuda.mem_get_info(),
    "memory_reserved": lambda t: t.cuda.memory_reserved(),
    "max_memory_allocated": lambda t: t.cuda.max_memory_allocated(),
    "max_memory_reserved": lambda t: t.cuda.max_memory_reserved(),
    "memory_stats": lambda t: dict(t.cuda.memory_stats()),
    "get fraction": lambda t: t.cuda.get_per_process_memory_fraction(),
    "set fraction": lambda t: t.cuda.set_per_process_memory_fraction(0.5),
    "seed": lambda t: t.cuda.seed(),
    "seed_all": lambda t: t.cuda.seed_all(),
    "initial_seed": lambda t: t.cuda.initial_seed(),
    "get_rng_state": lambda t: t.cuda.get_rng_state(),
    "get_rng_state_all": lambda t: t.cuda.get_rng_state_all(),
    "set_rng_state": lambda t: t.cuda.set_rng_state(t.get_rng_state()),
    "set_rng_state_all": lambda t: t.cuda.set_rng_state_all([t.get_rng_state()]),
    "is_bf16_supported": lambda t: t.cuda.is_bf16_supported(),
    "init": lambda t: t.cuda.init(),
    "ipc_collect": lambda t: t.cuda.ipc_collect(),
    "range_push": lambda t: t.cuda.nvtx.range_push("a"),
    "range_pop": lambda t: t.cuda.nvtx.range_pop(),
    "mark": lambda t: t.cuda.nvtx.mark("a"),
    "range": lambda t: entered(t, t.cuda.nvtx.range("a")),
    "out of memory": lambda t: (t.cuda.OutOfMemoryError is t.OutOfMemoryError, t.OutOfMemoryError.__bases__),
    "move": lambda t: t.ones(1).cuda(),
    "to": lambda t: t.ones(1).to("cuda"),
    "factory": lambda t: t.ones(1, device="cuda:1"),
}
NOT_COMPILED = (AssertionError, "Torch not compiled with CUDA enabled")
NO_NVTX = (RuntimeError, "NVTX functions not installed. Are you sure you have a CUDA build?")
WRONG_TYPE = (ValueError, "Expected a cuda device, but got: cpu")
#: What torch 2.13 without CUDA answers; the test below asks it.
ANSWERS = {
    "is_available": False,
    "device_count": 0,
    "current_device": NOT_COMPILED,
    "synchronize": NOT_COMPILED,
    "synchronize number": NOT_COMPILED,
    "synchronize text": NOT_COMPILED,
    "synchronize cpu": NOT_COMPILED,
    "memory_allocated": 0,
    "memory_allocated number": 0,
    "memory_allocated cpu": 0,
    "empty_cache": None,
    "is_initialized": False,
    "manual_seed": None,
    "manual_seed_all": None,
    "device": (RuntimeError, "PyTorch was compiled without CUDA support"),
    "device below zero": "cpu",
    "device cpu": WRONG_TYPE,
    "device text": 1,
    "device_of": "cpu",
    "set_device below zero": None,
    "set_device cpu": WRONG_TYPE,
    "set_device no number": (
        ValueError,
        "Expected a torch.device with a specified index or an integer, but got:cuda",
    ),
    "Stream": (RuntimeError, "torch.cuda.Stream requires CUDA support"),
    "stream": "cpu",
    "set_stream": None,
    "current_stream": NOT_COMPILED,
    "default_stream": NOT_COMPILED,
    "Event": (RuntimeError, "Tried to instantiate dummy base class Event"),
    "get_device_name": NOT_COMPILED,
    "get_device_capability": NOT_COMPILED,
    "get_device_properties": NOT_COMPILED,
    "can_device_access_peer": NOT_COMPILED,
    "mem_get_info": NOT_COMPILED,
    "memory_reserved": 0,
    "max_memory_allocated": 0,
    "max_memory_reserved": 0,
    "memory_stats": {},
    "get fraction": NOT_COMPILED,
    "set fraction": NOT_COMPILED,
    "seed": None,
    "seed_all": None,
    "initial_seed": NOT_COMPILED,
    "get_rng_state": NOT_COMPILED,
    "get_rng_state_all": [],
    "set_rng_state": None,
    "set_rng_state_all": None,
    "is_bf16_supported": False,
    "init": NOT_COMPILED,
    "ipc_collect": NOT_COMPILED,
    "range_push": NO_NVTX,
    "range_pop": NO_NVTX,
    "mark": NO_NVTX,
    "range": NO_NVTX,
    "out of memory": (True, (RuntimeError,)),
    "move": NOT_COMPILED,
    "to": NOT_COMPILED,
    "factory": NOT_COMPILED,
}


def answer(call, library):
    try:
        return call(library)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.cpu
@pytest.mark.skipif(plugrad.cuda.is_available(), reason="there is a cuda device here")
@pytest.mark.parametrize("name", CALLS)
def test_without_a_device(name):
    ours = answer(CALLS[name], plugrad)
    expected = ANSWERS[name]
    if (
        expected in (WRONG_TYPE, ANSWERS["set_device no number"])
        or not isinstance(expected, tuple)
        or expected[0] is True
    ):
        assert ours == expected
        return
    kind, text = ours  # after torch's words come the reasons
    start, _, reason = text.partition(": ")
    assert reason.startswith("no backend for device type 'cuda' is usable here (")
    assert plugrad.cuda.why_unavailable() == f"{NOT_COMPILED[1]}: {reason}"
    assert start == expected[1]
    assert issubclass(kind, expected[0])
    assert issubclass(kind, RuntimeError)  # as every other device that there is no backend for


def test_without_a_device_where_torch_fails_by_accident():
    """torch's build without CUDA has no function for these and raises AttributeError or KeyError."""
    if plugrad.cuda.is_available():
        pytest.skip("there is a cuda device here")
    calls = plugrad.cuda.reset_peak_memory_stats, plugrad.cuda.memory_summary, lambda: plugrad.cuda.set_device(0)
    for call in calls:
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            call()


@pytest.mark.oracle
@pytest.mark.parametrize("name", CALLS)
def test_the_answers_are_those_of_torch(name):
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch has a cuda device here")
    assert answer(CALLS[name], torch) == ANSWERS[name]


@pytest.fixture
def simulated():
    plugin = import_plugin("plugrad_simcuda")
    with registered(*plugin.plugrad_backends()):
        yield plugin.simcupy
        plugrad.cuda.set_device(0)


def where(device="cuda"):
    return str(plugrad.ones(1, device=device).device)


def test_the_current_device(simulated):
    cuda = plugrad.cuda
    with cuda.device(1) as entered:
        assert entered is None
        assert (where(), cuda.current_device(), simulated.current_device()) == ("cuda:1", 1, 1)
        assert str(plugrad.ones(1).cuda().device) == "cuda:1"
        assert plugrad.nn.Linear(1, 1, device="cuda").weight.device.index == 1
        with cuda.device("cuda:0"), cuda.device(-1), cuda.device(None), cuda.device("cuda"):
            assert where() == "cuda:0"
        assert where() == "cuda:1"
        assert where("cuda:0") == "cuda:0"
    assert (where(), simulated.current_device()) == ("cuda:0", 0)
    with cuda.device_of(plugrad.ones(1, device="cuda:1")):
        assert where() == "cuda:1"
    cuda.set_device("cuda:1")
    assert cuda.current_device() == 1
    cuda.set_device(plugrad.device("cuda", 0))
    assert cuda.current_device() == 0
    with pytest.raises(RuntimeError, match="invalid device index: cuda:2"), cuda.device(2):
        pass
    assert cuda.current_device() == 0


def test_the_current_device_comes_back_after_an_error(simulated):
    with pytest.raises(KeyError), plugrad.cuda.device(1):
        raise KeyError
    assert where() == "cuda:0"


def test_each_thread_has_a_current_device_of_its_own(simulated):
    found = []
    with plugrad.cuda.device(1):
        thread = threading.Thread(target=lambda: found.append(where()))
        thread.start()
        thread.join()
    assert found == ["cuda:0"]


def test_what_a_device_is(simulated):
    cuda = plugrad.cuda
    told = cuda.get_device_properties("cuda:1")
    assert told.name == cuda.get_device_name(1) == "Simulated 1"
    assert (told.major, told.minor) == cuda.get_device_capability() == (9, 0)
    assert (told.total_memory, told.multi_processor_count, told.warp_size) == (2**36, 4, 32)
    assert (cuda.can_device_access_peer(0, 1), cuda.can_device_access_peer(1, 1)) == (True, False)
    assert cuda.init() is cuda.ipc_collect() is None
    assert cuda.is_initialized()
    assert not cuda.is_bf16_supported()
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.get_device_name("cpu")


def test_memory_at_most(simulated):
    cuda = plugrad.cuda
    cuda.empty_cache()
    cuda.reset_peak_memory_stats(1)
    before = cuda.memory_allocated(1)
    first = cuda.max_memory_allocated(0)
    for _ in range(3):
        held = plugrad.ones(1000, device="cuda:1")
        del held
    small = plugrad.ones(10, device="cuda:1")
    assert cuda.max_memory_allocated(1) == before + 4000
    assert cuda.memory_allocated(1) == before + small.nbytes
    assert cuda.max_memory_reserved(1) == cuda.memory_reserved(1) == before + 4000
    assert cuda.max_memory_allocated(0) == first  # the other device's
    free, total = cuda.mem_get_info(1)
    assert total - free == before + 4000
    cuda.empty_cache()
    assert (cuda.memory_reserved(1), cuda.max_memory_reserved(1)) == (before + 40, before + 4000)
    told = cuda.memory_stats(1)
    assert list(told.values()) == [before + 40, before + 4000, before + 40, before + 4000]
    assert f"{before + 4000:,}" in cuda.memory_summary(1)
    with pytest.raises(NotImplementedError, match=r"does not tell 'num_ooms', only allocated_bytes"):
        told["num_ooms"]
    cuda.reset_peak_memory_stats(1)
    assert (cuda.max_memory_allocated(1), cuda.max_memory_reserved(1)) == (before + 40, before + 40)


def test_no_memory_left(simulated):
    cuda = plugrad.cuda
    cuda.set_per_process_memory_fraction(0.5, 1)
    try:
        assert cuda.get_per_process_memory_fraction(1) == 0.5
        simulated.get_default_memory_pool()._limit[1] = cuda.memory_allocated(1) + 100
        words = r"CUDA out of memory\. Tried to allocate 3\.91 KiB\. GPU 1 has a total capacity of 64\.00 GiB"
        with pytest.raises(plugrad.OutOfMemoryError, match=words) as caught:
            plugrad.ones(1000, device="cuda:1")
        assert isinstance(caught.value, simulated.OutOfMemoryError)  # a program that uses cupy itself expects this
        assert type(caught.value).__name__ == "OutOfMemoryError"
        assert plugrad.ones(1000, device="cuda:0").sum().item() == 1000
    finally:
        cuda.set_per_process_memory_fraction(1.0, 1)
    assert cuda.get_per_process_memory_fraction(1) == 1.0
    assert plugrad.ones(1000, device="cuda:1").sum().item() == 1000
    with pytest.raises(ValueError, match=r"Invalid fraction value: 2.0. Allowed range: 0~1"):
        cuda.set_per_process_memory_fraction(2.0)
    with pytest.raises(TypeError, match="Invalid type for fraction argument, must be `float`"):
        cuda.set_per_process_memory_fraction(1)


def test_streams(simulated):
    cuda = plugrad.cuda
    assert cuda.current_stream() == cuda.default_stream(0)
    assert cuda.default_stream(0) != cuda.default_stream(1)
    one = cuda.Stream(device=1, priority=-1)
    assert (one.device, one.device_index, one.priority, one.query()) == (plugrad.device("cuda:1"), 1, -1, True)
    assert repr(one) == f"<torch.cuda.Stream device=cuda:1 cuda_stream={one.cuda_stream:#x}>"
    with cuda.stream(one):
        assert (cuda.current_device(), cuda.current_stream()) == (1, one)
        with cuda.Stream(device=1) as inner, inner:
            assert cuda.current_stream() == inner != one
        assert cuda.current_stream() == one
        assert cuda.current_stream(0) == cuda.default_stream(0)
    assert (cuda.current_device(), cuda.current_stream(1)) == (0, cuda.default_stream(1))
    assert len({one, cuda.current_stream(1), cuda.default_stream(1)}) == 2
    one.wait_stream(cuda.current_stream())
    with simulated.counting() as seen:
        one.synchronize()
    assert seen.syncs == 1
    cuda.set_stream(one)
    assert (cuda.current_device(), cuda.current_stream()) == (1, one)
    cuda.set_stream(cuda.default_stream(1))
    with pytest.raises(NotImplementedError, match="Stream: stream_ptr: plugrad wraps no stream that others made"):
        cuda.Stream(stream_ptr=3)


def test_events(simulated):
    cuda = plugrad.cuda
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert repr(start) == "<torch.cuda.Event uninitialized>"
    assert start.query()
    assert start.device is None
    with pytest.raises(ValueError, match="Both events must be recorded before calculating elapsed time"):
        start.elapsed_time(end)
    start.record()
    plugrad.ones(100, device="cuda").sum()
    end.record(cuda.current_stream())
    with simulated.counting() as seen:
        end.synchronize()
    assert seen.syncs == 1
    assert start.elapsed_time(end) > 0 > end.elapsed_time(start)
    assert end.device == plugrad.device("cuda:0")
    end.wait(cuda.Stream())
    with pytest.raises(RuntimeError, match=r"Event device 0 does not match recording stream's device 1\."):
        end.record(cuda.Stream(1))
    with pytest.raises(ValueError, match="Both events must be created with argument 'enable_timing=True'"):
        start.elapsed_time(cuda.Event())
    with pytest.raises(NotImplementedError, match="external=True"):
        cuda.Event(external=True)


def test_marks(simulated):
    nvtx = plugrad.cuda.nvtx
    simulated.MARKS.clear()
    with nvtx.range("step {}", 3):
        assert nvtx.range_push("inner") == 1
        nvtx.mark("here")
        assert nvtx.range_pop() == 1
    assert simulated.MARKS == [("push", "step 3"), ("push", "inner"), ("mark", "here"), ("pop",), ("pop",)]
    assert nvtx.range_pop() == -1


def test_the_state_of_the_one_stream(simulated):
    cuda = plugrad.cuda
    states = cuda.get_rng_state_all()
    drawn = plugrad.rand(3, device="cuda:1").tolist()
    assert len(states) == 2
    cuda.set_rng_state_all(states)
    assert plugrad.rand(3).tolist() == drawn
    cuda.set_rng_state(cuda.get_rng_state(1), "cuda:0")
    with pytest.raises(NotImplementedError, match="so their states cannot differ"):
        cuda.set_rng_state_all([states[0], cuda.get_rng_state()])
    cuda.manual_seed(7)
    assert cuda.initial_seed() == 7
    cuda.seed()
    assert cuda.initial_seed() == plugrad.initial_seed() != 7


def test_a_backend_that_does_not_tell(simulated, monkeypatch):
    from plugrad.backends.cupy_device import CupyDevice

    monkeypatch.delattr(CupyDevice, "memory_info")
    xp = plugrad.ones(1, device="cuda")._xp
    monkeypatch.delattr(xp, "memory_info", raising=False)
    with pytest.raises(
        NotImplementedError, match=r"'simcuda' does not tell this: its namespace has no memory_info\(\)"
    ):
        plugrad.cuda.mem_get_info()


def test_on_a_device(simulated):
    assert plugrad.cuda.is_available()
    assert plugrad.cuda.device_count() == 2
    assert plugrad.cuda.current_device() == 0
    assert plugrad.cuda.why_unavailable() is None
    before = plugrad.cuda.memory_allocated()
    held = plugrad.ones(100, device="cuda")
    assert plugrad.cuda.memory_allocated() == before + held.nbytes
    for device in (None, 1, "cuda:1", plugrad.device("cuda", 0)):
        with simulated.counting() as seen:
            plugrad.cuda.synchronize(device)
        assert seen.syncs == 1


@pytest.mark.parametrize("name", ["synchronize", "memory_allocated"])
def test_a_device_of_another_type_is_refused(simulated, name):
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        getattr(plugrad.cuda, name)("cpu")


def test_seeding_a_device_seeds_the_one_stream(simulated):
    plugrad.cuda.manual_seed_all(5)
    drawn = plugrad.rand(3, device="cuda").tolist()
    plugrad.manual_seed(5)
    assert drawn == plugrad.rand(3, device="cpu").tolist()


def test_emptying_the_cache_keeps_what_is_in_use(simulated):
    x = plugrad.ones(3, device="cuda:1")
    plugrad.cuda.empty_cache()
    assert x.sum().item() == 3
