"""Constants, settings, asarray, compile and jit: program by program as torch, and what each setting does here."""

import array
import copy
import pickle

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, flags_that_can_be_set, golden, outcome

PROGRAMS = {}


def read_only(n):
    a = np.arange(n)
    a.flags.writeable = False
    return a


def f(x):
    return x + 1


class Strange:
    """Nothing that a tensor could be made of."""


# --- asarray ---
VALUES = {
    "list": lambda t: [1, 2],
    "nested": lambda t: [[1.5, 2.0], [3.0, 4.0]],
    "ragged": lambda t: [[1, 2], [3]],
    "empty": lambda t: [],
    "range": lambda t: range(3),
    "number": lambda t: 3,
    "bool": lambda t: True,
    "complex": lambda t: 2 + 1j,
    "numpy-scalar": lambda t: np.float64(3),
    "numpy": lambda t: np.arange(3),
    "numpy-0d": lambda t: np.array(3.0),
    "numpy-negative": lambda t: np.arange(4)[::-1],
    "numpy-swapped": lambda t: np.array([1, 2], dtype=">i4"),
    "numpy-text": lambda t: np.array(["a"]),
    "bytearray": lambda t: bytearray(b"abcdefgh"),
    "bytearray-empty": lambda t: bytearray(b""),
    "bytearray-odd": lambda t: bytearray(b"abc"),
    "array": lambda t: array.array("i", [1, 2]),
    "memoryview": lambda t: memoryview(array.array("d", [1, 2])),
    "memoryview-gaps": lambda t: memoryview(bytearray(8))[::2],
    "text": lambda t: "abc",
    "none": lambda t: None,
    "object": lambda t: Strange(),
    "set": lambda t: {1, 2},
    "dict": lambda t: {1: 2},
    "tensor": lambda t: t.ones(2),
    "tensors": lambda t: [t.tensor(1), t.tensor(2)],
    "parameter": lambda t: t.nn.Parameter(t.ones(2)),
    "result": lambda t: t.ones(2, requires_grad=True) * 2,
}
OPTIONS = {
    "plain": {},
    "copy": {"copy": True},
    "shared": {"copy": False},
    "float32": {"dtype": "float32"},
    "float32-shared": {"dtype": "float32", "copy": False},
    "float64-copy": {"dtype": "float64", "copy": True},
    "int64": {"dtype": "int64"},
    "grad": {"requires_grad": True},
    "no-grad": {"requires_grad": False},
    "float64-grad": {"dtype": "float64", "requires_grad": True},
}


def as_array(value, options):
    def program(t):
        given = VALUES[value](t)
        found = t.asarray(given, **{k: getattr(t, v) if k == "dtype" else v for k, v in options.items()})
        return found.detach(), found.requires_grad, found.is_leaf, found is given, str(found.grad_fn), repr(found)

    return program


for value in VALUES:
    for name, options in OPTIONS.items():
        # torch says but once that a gradient is inherited, so programs that come to it are none to compare.
        if value not in ("parameter", "result") or "requires_grad" in options:
            PROGRAMS[f"asarray-{value}-{name}"] = as_array(value, options)
PROGRAMS |= {
    "asarray-dtype": lambda t: t.asarray([1, 2], dtype="x"),
    "asarray-copy": lambda t: t.asarray(t.ones(2), copy=3),
    "asarray-requires-grad": lambda t: t.asarray(t.ones(2), requires_grad="a"),
    "asarray-numpy-scalar-to-float": lambda t: t.asarray(np.int32(3), dtype=t.float32),
    "asarray-read-only-copied": lambda t: t.asarray(read_only(3), copy=True),
}

# --- frombuffer ---
BUFFERS = {
    "plain": (b"abcd", "uint8", {}),
    "part": (b"abcd", "int16", {"count": 1, "offset": 1}),
    "too-many": (b"abcd", "int16", {"count": 5}),
    "none": (b"abcd", "int16", {"count": 0}),
    "all": (b"abcd", "int16", {"count": -3}),
    "behind": (b"abcd", "int16", {"offset": 4}),
    "before": (b"abcd", "int16", {"offset": -1}),
    "odd": (b"abcd", "int16", {"offset": 1}),
    "empty": (b"", "int16", {}),
    "grad": (b"abcdefgh", "float32", {"requires_grad": True}),
    "grad-int": (b"abcdefgh", "int32", {"requires_grad": True}),
    "count-text": (b"abcd", "uint8", {"count": "a"}),
    "bool": (b"\0\1\2\3", "bool", {}),
}
for name, (content, dtype, options) in BUFFERS.items():
    PROGRAMS[f"frombuffer-{name}"] = lambda t, c=content, d=dtype, o=options: repr(
        t.frombuffer(bytearray(c), dtype=getattr(t, d), **o)
    )
PROGRAMS |= {
    "frombuffer-list": lambda t: t.frombuffer([1, 2], dtype=t.int32),
    "frombuffer-numpy": lambda t: t.frombuffer(np.arange(4), dtype=t.int32),
    "frombuffer-gaps": lambda t: t.frombuffer(np.arange(8)[::2], dtype=t.int32),
    "frombuffer-dtype": lambda t: t.frombuffer(bytearray(8), dtype="x"),
}

# --- range ---
RANGES = {
    "whole": ((1, 4), {}),
    "parts": ((0, 2, 0.5), {"dtype": "float64"}),
    "backwards": ((4, 1, -1), {}),
    "wrong-way": ((1, 4, -1), {}),
    "no-step": ((1, 4, 0), {}),
    "nan": ((0, float("nan")), {}),
    "inf": ((0, float("inf")), {}),
    "int64": ((1, 4), {"dtype": "int64"}),
    "int64-of-float": ((1.5, 4), {"dtype": "int64"}),
    "one": ((1, 1), {}),
    "rounded": ((0.1, 1, 0.3), {}),
    "text": (("a", 1), {}),
    "no-end": ((5,), {}),
    "grad": ((1, 3), {"requires_grad": True}),
    "uint8": ((0, 6, 2), {"dtype": "uint8"}),
}
for name, (args, options) in RANGES.items():
    PROGRAMS[f"range-{name}"] = lambda t, a=args, o=options: repr(
        t.range(*a, **{k: getattr(t, v) if k == "dtype" else v for k, v in o.items()})
    )
PROGRAMS["range-out"] = lambda t: t.range(1, 4, out=t.empty(0))
PROGRAMS["range-layout"] = lambda t: t.range(1, 4, layout=t.strided)

# --- constants, names, layouts ---
PROGRAMS |= {
    "constants": lambda t: [t.pi, t.e, t.inf, t.nan, t.newaxis],
    "newaxis": lambda t: t.ones(2)[:, t.newaxis].shape,
    "typename-tensors": lambda t: [t.typename(t.ones(1, dtype=getattr(t, d))) for d in ("float32", "int64", "complex64")],
    "typename": lambda t: [t.typename(v) for v in (3, [1], None, np.ones, np.ones(1), np.float32(1), int, len, "a".join)],
    "typename-own": lambda t: [t.typename(v) for v in (t.Tensor, t.float32, t.device("cpu"), t.strided, t.nn.Parameter(t.ones(1)))],
    "layouts": lambda t: [
        repr(v) for v in (t.strided, t.sparse_coo, t.sparse_csr, t.sparse_csc, t.sparse_bsr, t.sparse_bsc, t.jagged)
    ],
    "layout-of-tensor": lambda t: [t.ones(1).layout is t.strided, isinstance(t.strided, t.layout), str(t.strided)],
    "layout-made": lambda t: t.layout(),
    "layout-copied": lambda t: [copy.deepcopy(t.strided) is t.strided, copy.copy(t.sparse_coo) is t.sparse_coo],
    "layout-given": lambda t: [t.ones(2, layout=t.strided), t.zeros_like(t.ones(2), layout=t.strided)],
    "layout-text": lambda t: t.ones(2, layout="a"),
    "layout-number": lambda t: t.empty(2, layout=3),
}  # fmt: skip


# --- determinism ---
def deterministic(mode, **options):
    def program(t):
        try:
            t.use_deterministic_algorithms(mode, **options)
            return [
                t.are_deterministic_algorithms_enabled(),
                t.is_deterministic_algorithms_warn_only_enabled(),
                t.get_deterministic_debug_mode(),
            ]
        finally:
            t.use_deterministic_algorithms(False)

    return program


for mode in (True, False, 1, "a", None):
    PROGRAMS[f"deterministic-{mode}"] = deterministic(mode)
for warn_only in (True, False, 3, None):
    PROGRAMS[f"deterministic-warn-only-{warn_only}"] = deterministic(True, warn_only=warn_only)


def debug_mode(given):
    def program(t):
        try:
            t.set_deterministic_debug_mode(given)
            return t.get_deterministic_debug_mode(), t.are_deterministic_algorithms_enabled()
        finally:
            t.set_deterministic_debug_mode(0)

    return program


for given in ("default", "warn", "error", 0, 1, 2, True, 3, "x", 1.0, None):
    PROGRAMS[f"debug-mode-{given!r}"] = debug_mode(given)


def filled(make):
    def program(t):
        try:
            t.use_deterministic_algorithms(True)
            return repr(make(t))
        finally:
            t.use_deterministic_algorithms(False)

    return program


for dtype in ("float32", "float64", "complex64", "bool", "uint8", "int16", "int32", "int64"):
    PROGRAMS[f"filled-{dtype}"] = filled(lambda t, d=dtype: t.empty(2, dtype=getattr(t, d)))
PROGRAMS |= {
    "filled-like": filled(lambda t: t.empty_like(t.ones(2, 1))),
    "filled-new": filled(lambda t: t.ones(1).new_empty(2)),
    "filled-old": filled(lambda t: t.FloatTensor(2)),
    "filled-laid": filled(lambda t: t.empty(1, 2, 1, 2, memory_format=t.channels_last)),
    "filled-layer": filled(lambda t: t.nn.Linear(2, 3, bias=False).weight.isnan().any()),
}


def not_filled(t):
    try:
        t.utils.deterministic.fill_uninitialized_memory = False
        t.use_deterministic_algorithms(True)
        return t.empty(0, 3).shape, t.utils.deterministic.fill_uninitialized_memory
    finally:
        t.utils.deterministic.fill_uninitialized_memory = True
        t.use_deterministic_algorithms(False)


PROGRAMS["not-filled"] = not_filled
PROGRAMS["fill-number"] = lambda t: setattr(t.utils.deterministic, "fill_uninitialized_memory", 3)


# --- threads, precision, warnings ---
def threads(t):
    before = t.get_num_threads()
    try:
        t.set_num_threads(1)
        return t.get_num_threads()
    finally:
        t.set_num_threads(before)


PROGRAMS["threads"] = threads
for number in (0, -1, "a", True, 2.0, None):
    PROGRAMS[f"threads-{number}"] = lambda t, n=number: t.set_num_threads(n)
    PROGRAMS[f"interop-{number}"] = lambda t, n=number: t.set_num_interop_threads(n)
PROGRAMS["flush-denormal-number"] = lambda t: t.set_flush_denormal(3)


def precision(*given):
    def program(t):
        try:
            for name in given:
                t.set_float32_matmul_precision(name)
            return t.get_float32_matmul_precision(), t.backends.cuda.matmul.allow_tf32
        finally:
            t.set_float32_matmul_precision("highest")

    return program


for given in (("highest",), ("high",), ("medium",), ("x",), ("high", "x"), (3,)):
    PROGRAMS[f"precision-{given}"] = precision(*given)


def allowing(value):
    def program(t):
        try:
            t.backends.cuda.matmul.allow_tf32 = value
            return t.get_float32_matmul_precision(), t.backends.cuda.matmul.allow_tf32
        finally:
            t.backends.cuda.matmul.allow_tf32 = False

    return program


for value in (True, False, 1):
    PROGRAMS[f"allow-tf32-{value}"] = allowing(value)


def warn_always(t):
    t.set_warn_always(True)
    found = t.is_warn_always_enabled()
    t.set_warn_always(False)
    return found, t.is_warn_always_enabled()


PROGRAMS["warn-always"] = warn_always
PROGRAMS["warn-always-number"] = lambda t: t.set_warn_always(1)


# --- flags of backends ---
def flag(where, name, value):
    def program(t):
        owner = t.backends
        for part in where.split("."):
            owner = getattr(owner, part)
        before = getattr(owner, name)
        try:
            setattr(owner, name, value)
            return before, getattr(owner, name)
        finally:
            setattr(owner, name, before)

    return program


for where, name, values in (
    ("cudnn", "enabled", (False, 1, "a")),
    ("cudnn", "benchmark", (True, 1, None)),
    ("cudnn", "deterministic", (True, 0)),
    ("cudnn", "allow_tf32", (False, 0)),
    ("mkldnn", "enabled", (False, 3)),
    ("cuda.matmul", "allow_fp16_accumulation", (True,)),
    ("cuda.matmul", "allow_fp16_reduced_precision_reduction", (False, 1, "a")),
    ("cuda.matmul", "allow_bf16_reduced_precision_reduction", (False, 1)),
    ("cuda.matmul", "foo", (True,)),
    ("cuda.matmul", "fp32_precision", ("x",)),
):
    for value in values:
        PROGRAMS[f"flag-{where}-{name}-{value}"] = flag(where, name, value)


def unknown_flag(t):
    """Set by mistake, it is an attribute as of every module."""
    t.backends.cudnn.benchmarks = True
    found = t.backends.cudnn.benchmarks
    del t.backends.cudnn.benchmarks
    return found


def cudnn_flags(t):
    cudnn = t.backends.cudnn
    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    with cudnn.flags(enabled=False, benchmark=True):
        inside = cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    return before, inside, (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)


def cudnn_set_flags(t):
    before = t.backends.cudnn.set_flags(False, True)
    between = t.backends.cudnn.set_flags(True, False)
    return before, between, t.backends.cudnn.benchmark


PROGRAMS |= {
    "cudnn-unknown": unknown_flag,
    "cudnn-flags": cudnn_flags,
    "cudnn-set-flags": cudnn_set_flags,
    "cudnn": lambda t: [t.backends.cudnn.is_available(), t.backends.cudnn.version(), t.backends.cudnn.is_acceptable(t.ones(1))],
    "mps": lambda t: [t.backends.mps.is_available(), t.backends.mps.is_built(), t.mps.is_available(), t.mps.device_count()],
    "mps-macos": lambda t: t.backends.mps.is_macos_or_newer(13, 0),
    "mps-synchronize": lambda t: t.mps.synchronize(),
    "mps-empty-cache": lambda t: t.mps.empty_cache(),
    "mps-memory": lambda t: t.mps.current_allocated_memory(),
    "mps-seed": lambda t: t.mps.manual_seed(3),
    "xpu": lambda t: [t.xpu.is_available(), t.xpu.device_count(), t.xpu.is_initialized(), t.xpu.memory_allocated(), t.xpu.empty_cache()],
    "xpu-seed": lambda t: [t.xpu.manual_seed(3), t.xpu.manual_seed_all(3)],
    "xpu-synchronize": lambda t: t.xpu.synchronize(),
    "xpu-current": lambda t: t.xpu.current_device(),
    "cpu": lambda t: [t.cpu.is_available(), t.cpu.device_count(), t.cpu.current_device(), t.cpu.is_initialized(), t.cpu.synchronize(), t.cpu.set_device(3)],
    "mha": lambda t: t.backends.mha.get_fastpath_enabled(),
    "version": lambda t: [t.version.cuda, t.version.hip, t.version.xpu, t.version.debug, t.version.__version__ == t.__version__],
    "device-module-number": lambda t: t.get_device_module(3),
    "device-modules": lambda t: [t.get_device_module(name) is getattr(t, name) for name in ("cpu", "cuda", "mps", "xpu")],
}  # fmt: skip


# --- attention ---
def kernels_on(t):
    c = t.backends.cuda
    return [
        c.flash_sdp_enabled(), c.mem_efficient_sdp_enabled(), c.math_sdp_enabled(), c.cudnn_sdp_enabled(),
        c.fp16_bf16_reduction_math_sdp_allowed(),
    ]  # fmt: skip


def allowed(*names):
    def program(t):
        backends = [getattr(t.nn.attention.SDPBackend, name) for name in names]
        q = t.ones(1, 1, 2, 3)
        with t.nn.attention.sdpa_kernel(backends):
            inside = kernels_on(t)
            out = t.nn.functional.scaled_dot_product_attention(q, q, q) if "MATH" in names else None
        return inside, out, kernels_on(t)

    return program


def none_allowed(t):
    q = t.ones(1, 1, 2, 3)
    with t.nn.attention.sdpa_kernel([]):
        return t.nn.functional.scaled_dot_product_attention(q, q, q)


def sdp_switch(name, value):
    def program(t):
        switch = getattr(t.backends.cuda, name)
        try:
            switch(value)
            return kernels_on(t)
        finally:
            switch(name != "allow_fp16_bf16_reduction_math_sdp")

    return program


for names in (
    ("MATH",),
    ("FLASH_ATTENTION",),
    ("EFFICIENT_ATTENTION", "CUDNN_ATTENTION"),
    ("MATH", "FLASH_ATTENTION"),
    (),
):
    PROGRAMS[f"sdpa-{names}"] = allowed(*names)
for name in ("flash_sdp", "mem_efficient_sdp", "math_sdp"):
    for value in (False, 1):
        PROGRAMS[f"enable-{name}-{value}"] = sdp_switch(f"enable_{name}", value)
PROGRAMS["enable-cudnn-sdp-False"] = sdp_switch("enable_cudnn_sdp", False)
for value in (True, 2):
    PROGRAMS[f"reduced-{value}"] = sdp_switch("allow_fp16_bf16_reduction_math_sdp", value)
PROGRAMS |= {
    "sdpa-none": none_allowed,
    "sdpa-number": lambda t: t.nn.attention.sdpa_kernel(3).__enter__(),
    "sdp-backends": lambda t: [(n, repr(b), str(b), int(b)) for n, b in t.nn.attention.SDPBackend.__members__.items()],
    "sdp-kernel": lambda t: [t.backends.cuda.sdp_kernel(enable_flash=False) is None, kernels_on(t)],
}
# --- compile, jit ---
COMPILED = {
    "both": {"mode": "default", "options": {"a": 1}},
    "both-empty": {"mode": "default", "options": {}},
    "mode": {"mode": "foo"},
    "backend": {"backend": "foo"},
    "options": {"options": 3},
    "disabled": {"disable": True, "mode": "foo"},
    "eager": {"backend": "eager", "mode": "max-autotune"},
    "dynamic": {"dynamic": "a", "backend": "eager"},
    "unknown": {"foo": 1},
}
for name, options in COMPILED.items():
    PROGRAMS[f"compile-{name}"] = lambda t, o=options: t.compile(f, **o)(t.ones(2))
    PROGRAMS[f"compile-decorator-{name}"] = lambda t, o=options: t.compile(**o)(f)(t.ones(2))
PROGRAMS |= {
    "compile-number": lambda t: t.compile(3, backend="eager"),
    "compile-name": lambda t: t.compile(f, backend="eager").__name__,
    "compile-disabled-same": lambda t: t.compile(f, disable=True) is f,
    "compile-layer": lambda t: t.compile(t.nn.Identity(), backend="eager")(t.ones(2)),
    "compiler": lambda t: [t.compiler.is_compiling(), t.compiler.is_dynamo_compiling(), t.compiler.is_exporting(), t.compiler.reset()],
    "compiler-disable": lambda t: [t.compiler.disable(f)(1), t.compiler.disable()(f)(1), t.compiler.disable(f, recursive=False, reason="x")(1)],
    "compiler-in-graph": lambda t: [t.compiler.allow_in_graph(f)(1), t.compiler.assume_constant_result(f)(1)],
    "compiler-in-graph-number": lambda t: t.compiler.allow_in_graph(3),
    "compiler-backends": lambda t: t.compiler.list_backends(),
    "jit-decorators": lambda t: [t.jit.ignore(f) is f, t.jit.unused(f) is f, t.jit.export(f) is f, t.jit.ignore(drop=False)(f) is f],
    "jit-ignore-number": lambda t: t.jit.ignore(3),
    "jit-asks": lambda t: [t.jit.is_scripting(), t.jit.is_tracing(), t.jit.annotate(int, 3)],
    "jit-script": lambda t: t.jit.script(t.nn.Identity())(t.ones(2)),
    "jit-script-number": lambda t: t.jit.script(3),
    "jit-script-text": lambda t: t.jit.script("a"),
    "jit-script-builtin": lambda t: t.jit.script(len),
    "jit-script-list": lambda t: str(t.jit.script([1])),
    "jit-isinstance": lambda t: isinstance(t.nn.Linear(1, 1), t.jit.ScriptModule),
    "jit-trace-number": lambda t: t.jit.trace(3, ()),
}  # fmt: skip


# --- multiprocessing ---
PROGRAMS |= {
    "mp-strategies": lambda t: [sorted(t.multiprocessing.get_all_sharing_strategies()), t.multiprocessing.get_sharing_strategy()],
    "mp-raised": lambda t: [(str(e), vars(e).get("msg"), e.error_index, e.error_pid) for e in [t.multiprocessing.ProcessRaisedException("boo", 1, 33)]],
    "mp-exited": lambda t: [(str(e), e.exit_code, e.signal_name, e.error_index) for e in [pickle.loads(pickle.dumps(t.multiprocessing.ProcessExitedException("boo", 1, 33, 4)))]],
}  # fmt: skip


#: What numpy memory is shared with, printed tensors and the default device are: only where tensors are on the cpu.
@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    with flags_that_can_be_set(torch):
        found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6)
    assert not found, "\n".join(found)
