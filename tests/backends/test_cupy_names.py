"""The cupy backend against the installed cupy: names, keywords, required functions. None of it needs a GPU."""

import ast
import inspect
from pathlib import Path

import pytest

from plugrad.backends import cupy_backend, registry
from plugrad.backends.spec import missing_names

cupy = pytest.importorskip("cupy")


def used_chains():
    """Every ``cupy.a.b`` in the backend's file."""
    chains = set()
    for node in ast.walk(ast.parse(Path(cupy_backend.__file__).read_text())):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id == "cupy":
            chains.add(".".join(reversed(parts)))
    return sorted(chains)


@pytest.mark.parametrize("theirs", sorted(set(cupy_backend.ADOPTED.values())))
def test_adopted_name_exists(theirs):
    assert callable(getattr(cupy, theirs))


@pytest.mark.parametrize(("name", "keywords"), sorted(cupy_backend.CALLED.items()))
def test_keywords_exist(name, keywords):
    accepted = inspect.signature(getattr(cupy, name)).parameters
    assert set(keywords) <= set(accepted)


@pytest.mark.parametrize("chain", used_chains())
def test_every_cupy_name_in_the_file_exists(chain):
    found = cupy
    for part in chain.split("."):
        found = getattr(found, part)


@pytest.mark.parametrize("name", "astype base copy data dtype flags itemsize reshape shape strides".split())
def test_array_attributes_exist(name):
    assert hasattr(cupy.ndarray, name)


def test_the_namespace_is_complete():
    made = cupy_backend.build(cupy)
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
