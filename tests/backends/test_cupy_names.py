"""The cupy backend against the installed cupy: names, keywords, required functions. None of it needs a GPU."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from plugrad.backends import cupy_backend, cupy_device, cupy_kernels, cupy_windows, registry
from plugrad.backends.spec import missing_names

cupy = pytest.importorskip("cupy")


TREES = [ast.parse(Path(m.__file__).read_text()) for m in (cupy_backend, cupy_device, cupy_kernels, cupy_windows)]


def chain_of(node):
    """``a.b`` for the expression ``cupy.a.b`` or ``self.cupy.a.b``, None for others."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id == "self" and parts[:1] == ["cupy"]:
        return ".".join(parts[1:])
    return ".".join(parts) if isinstance(node, ast.Name) and node.id == "cupy" else None


def used_chains():
    """Every ``cupy.a.b`` in the backend's files."""
    return sorted({chain_of(n) for tree in TREES for n in ast.walk(tree)} - {None, ""})


def used_keywords():
    """(chain, keyword) for every call of a function of cupy with a keyword."""
    calls = [n for tree in TREES for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return sorted({(chain_of(c.func), k.arg) for c in calls if chain_of(c.func) for k in c.keywords})


@pytest.mark.parametrize("theirs", sorted(set(cupy_backend.ADOPTED.values())))
def test_adopted_name_exists(theirs):
    assert callable(getattr(cupy, theirs))


@pytest.mark.parametrize("theirs", sorted(cupy_backend.FROM_CUPYX.values()))
def test_special_function_exists(theirs):
    function = getattr(importlib.import_module("cupyx.scipy.special"), theirs)
    assert {"f->f", "d->d"} <= set(function.types)


@pytest.mark.parametrize(("name", "keywords"), sorted(cupy_backend.CALLED.items()))
def test_keywords_exist(name, keywords):
    accepted = inspect.signature(getattr(cupy, name)).parameters
    assert set(keywords) <= set(accepted)


@pytest.mark.parametrize(("chain", "keyword"), used_keywords())
def test_every_keyword_in_the_files_is_listed(chain, keyword):
    assert keyword in cupy_backend.CALLED[chain]


@pytest.mark.parametrize("chain", used_chains())
def test_every_cupy_name_in_the_file_exists(chain):
    found = cupy
    for part in chain.split("."):
        found = getattr(found, part)


def test_what_is_given_by_position_lies_there():
    assert list(inspect.signature(cupy.cuda.Event).parameters) == ["block", "disable_timing", "interprocess"]
    assert list(inspect.signature(cupy.cuda.Stream).parameters) == ["null", "non_blocking", "ptds", "priority"]


@pytest.mark.parametrize("name", "done record synchronize".split())
@pytest.mark.parametrize("kind", ["Event", "Stream"])
def test_attributes_of_streams_and_events_exist(kind, name):
    assert hasattr(getattr(cupy.cuda, kind), name)


@pytest.mark.parametrize("name", "free_all_blocks get_limit set_limit total_bytes used_bytes".split())
def test_functions_of_the_memory_pool_exist(name):
    assert hasattr(cupy.cuda.MemoryPool, name)


def test_more_attributes_exist():
    assert all(hasattr(cupy.cuda.Stream, name) for name in ("priority", "use", "wait_event"))
    assert all(hasattr(cupy.cuda.Device, name) for name in ("__enter__", "synchronize", "use"))
    assert hasattr(cupy.cuda.MemoryPointer, "device_id")
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


@pytest.mark.parametrize("name", "astype base copy data dtype flags itemsize reshape shape strides".split())
def test_array_attributes_exist(name):
    assert hasattr(cupy.ndarray, name)


def test_the_namespace_is_complete():
    made = cupy_backend.build(cupy, cupy_kernels.CupyKernels)
    assert missing_names(made) == []
    assert made.array_type is cupy.ndarray
    assert made.float32 == "float32"


def test_without_a_device_the_reason_is_given():
    why = registry.available_backends()["cupy"]
    if cupy.is_available():
        assert why is None
        return
    assert "no CUDA device works" in why
    with pytest.raises(RuntimeError, match=r"no backend for device type 'cuda' is usable here \(cupy: "):
        registry.namespace("cuda")
