"""The cupy backend's CUDA source, compiled by NVRTC for real architectures. None of it needs a GPU."""

import re

import pytest

from plugrad.backends import cupy_source
from plugrad.backends.cupy_kernels import LEAST_TOGETHER, MOST_TOGETHER, THREADS

cupy = pytest.importorskip("cupy")

#: Turing, Ampere, Hopper: every NVRTC of CUDA 12 and 13 knows them.
ARCHITECTURES = ("75", "80", "90")
KERNEL = re.compile(r'extern "C" __global__ void (\w+)\(')


@pytest.fixture(scope="module")
def nvrtc():
    """cupy's NVRTC, if its library can be loaded: pip install nvidia-cuda-nvrtc-cu12."""
    try:
        cupy.cuda.nvrtc.getVersion()
    except (RuntimeError, ImportError, OSError) as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    return cupy.cuda.nvrtc


def compiled(nvrtc, text, architecture):
    """The machine code; the compiler must not warn. The options are those that cupy gives for a RawKernel."""
    program = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, (f"-arch=sm_{architecture}", "-std=c++17", "--device-as-default-execution-space"))
        assert not nvrtc.getProgramLog(program).strip("\0\n ")
        return nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError as error:
        raise AssertionError(f"{error}\n{nvrtc.getProgramLog(program)}") from None
    finally:
        nvrtc.destroyProgram(program)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", cupy_source.TYPES)
@pytest.mark.parametrize("family", cupy_source.FAMILIES)
def test_a_family_compiles(nvrtc, family, dtype, architecture):
    text = cupy_source.source(family, dtype)
    made = compiled(nvrtc, text, architecture)
    names = KERNEL.findall(text)
    assert names
    for name in names:
        assert f".text.{name}\0".encode() in made  # the section with the kernel's code


def test_the_check_sees_what_does_not_compile(nvrtc):
    text = cupy_source.source("steps", "float32")
    with pytest.raises(AssertionError, match='identifier "lrr" is undefined'):
        compiled(nvrtc, text.replace("real(lr)", "real(lrr)"), "80")


def test_the_source_includes_nothing():
    for family in cupy_source.FAMILIES:
        for dtype in cupy_source.TYPES:
            assert "#include" not in cupy_source.source(family, dtype)


def test_a_block_fits_into_its_shared_memory():
    held = {int(n) for n in re.findall(r"__shared__ real part\[(\d+)\]", cupy_source.REDUCING)}
    assert held == {MOST_TOGETHER}
    assert MOST_TOGETHER & (MOST_TOGETHER - 1) == LEAST_TOGETHER & (LEAST_TOGETHER - 1) == 0
    assert THREADS <= 1024


def test_the_kernels_can_be_made_without_a_device():
    made = cupy.RawKernel(cupy_source.source("steps", "float32"), "sgd_step")
    assert made.name == "sgd_step"
