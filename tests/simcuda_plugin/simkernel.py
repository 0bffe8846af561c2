"""``cupy.RawKernel`` without a GPU: the CUDA source compiled as C++ and run on the memory behind simulated arrays.

Blocks run one after the other. The threads of a block do too, unless the source waits for them (``__syncthreads``): then
each is a fiber, and whoever waits gives way to the next, so that every thread has come to the barrier before one leaves
it; every second block takes its threads from the last to the first. ``__shared__`` memory lives once, since no two blocks
run at a time. What CUDA supplies and the sources use is in PRELUDE; anything else does not compile, and then the prelude
is to be extended.
"""

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

LIMITS = {"block": 1024, "grid": 2**31 - 1}  # MOST below

PRELUDE = r"""
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <csetjmp>
#include <ucontext.h>
using std::fabs; using std::exp; using std::expm1; using std::log; using std::log1p; using std::sqrt; using std::tanh;
using std::erf;

#define __global__
#define __device__ static inline
#define __shared__ static

struct Dim { unsigned x; };
static Dim threadIdx, blockIdx, blockDim, gridDim;

static float __uint_as_float(unsigned bits) { float f; memcpy(&f, &bits, 4); return f; }
static unsigned __float_as_uint(float f) { unsigned bits; memcpy(&bits, &f, 4); return bits; }
#ifdef HALF
static float half_to_float(unsigned short h) { _Float16 f; memcpy(&f, &h, 2); return f; }
static unsigned short float_to_half(float f) { _Float16 h = f; unsigned short bits; memcpy(&bits, &h, 2); return bits; }
#endif

namespace sim {
// A fiber runs its thread of one block after the other. It is made with makecontext; from then on _setjmp and _longjmp
// switch, which unlike swapcontext make no system call.
static const size_t STACK = 65536, MOST = 1024;
struct Fiber { jmp_buf at; bool made, ended; };
static Fiber fibers[MOST];
static jmp_buf scheduler;
static unsigned running, turn;
static bool broken;
static const std::function<void()>* body;

static void give_way() {
    if (!_setjmp(fibers[running].at)) _longjmp(scheduler, 1);
    threadIdx.x = running;
}

static void live() {
    for (;;) {
        threadIdx.x = running;
        (*body)();
        fibers[running].ended = true;
        give_way();
    }
}

static void make_fiber() {
    fibers[running].made = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = malloc(STACK);
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, live, 0);
    setcontext(&context);
}

static void run_together() {
    for (unsigned i = 0; i < blockDim.x; i++) fibers[i].ended = false;
    for (;;) {
        static unsigned ended;
        ended = 0;
        for (turn = 0; turn < blockDim.x; turn++) {
            running = blockIdx.x % 2 ? blockDim.x - 1 - turn : turn;
            if (!_setjmp(scheduler)) {
                if (fibers[running].made) _longjmp(fibers[running].at, 1);
                make_fiber();
            }
            ended += fibers[running].ended;
        }
        if (ended == blockDim.x) return;
        if (ended) {
            for (Fiber& f : fibers) f.made = false;  // those that wait are left where they are
            broken = true;
            return;
        }
    }
}

static int run_grid(unsigned grid, unsigned block, const std::function<void()>& kernel) {
    broken = false;
    gridDim.x = grid;
    blockDim.x = block;
    body = &kernel;
    for (blockIdx.x = 0; blockIdx.x < grid; blockIdx.x++) {
        if (TOGETHER) run_together();
        else for (threadIdx.x = 0; threadIdx.x < block; threadIdx.x++) kernel();
    }
    return broken;
}
}
#define __syncthreads sim::give_way
"""

#: A source that needs everything of the prelude.
PROBE = "static float half(unsigned short bits) { __syncthreads(); return half_to_float(bits); }"
SIGNATURE = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\)')
CTYPES = {"long long": ctypes.c_longlong, "double": ctypes.c_double}


@functools.cache
def why_not():
    """None where kernels can be run here, otherwise the reason."""
    if compiler() is None:
        return "there is no C++ compiler"
    try:
        built(PROBE)
    except (subprocess.CalledProcessError, OSError) as error:
        return f"the C++ compiler cannot build kernels: {error}"
    return None


@functools.cache
def compiler():
    return next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)


@functools.cache
def folder():
    return tempfile.TemporaryDirectory(prefix="simkernel")


def parameters(text):
    """[(type, whether it is a pointer, name)] of a parameter list."""
    found = []
    for part in text.split(","):
        kind, pointer, name = re.fullmatch(r"\s*(?:const\s+)?(.*?)\s*(\*?)\s*(\w+)\s*", part, re.S).groups()
        found.append((kind, bool(pointer), name))
    return found


@functools.cache
def built(code):
    """The library with ``run_NAME(grid, block, parameters...)`` for every kernel of a source."""
    runs = []
    for name, text in SIGNATURE.findall(code):
        names = ", ".join(n for _, _, n in parameters(text))
        runs.append(
            f'extern "C" int run_{name}(unsigned grid, unsigned block, {text}) '
            f"{{ return sim::run_grid(grid, block, [&] {{ {name}({names}); }}); }}"
        )
    together = f"#define TOGETHER {int('__syncthreads' in code)}\n" + "#define HALF\n" * ("half_to_float" in code)
    text = together + PRELUDE + code + "\n".join(runs)
    stem = Path(folder().name) / hashlib.sha256(text.encode()).hexdigest()[:16]
    stem.with_suffix(".cpp").write_text(text)
    options = ["-std=c++17", "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-w"]
    command = [compiler(), *options, str(stem.with_suffix(".cpp")), "-o", str(stem.with_suffix(".so"))]
    subprocess.run(command, check=True)
    return ctypes.PyDLL(str(stem.with_suffix(".so")))  # holding the GIL: the kernels' state is global


class RawKernel:
    """``cupy.RawKernel(code, name)``; it checks its arguments, which cupy hands over as they are."""

    def __init__(self, code, name, options=()):
        self.code, self.name = code, name
        self._parameters = next(parameters(text) for found, text in SIGNATURE.findall(code) if found == name)

    def __call__(self, grid, block, args):
        from simcupy import COUNTERS

        if not (0 < block[0] <= LIMITS["block"] and 0 < grid[0] <= LIMITS["grid"]):
            raise ValueError(f"CUDA_ERROR_INVALID_VALUE: grid {grid}, block {block}")
        if len(args) != len(self._parameters):
            raise TypeError(f"{self.name}: {len(args)} arguments, {len(self._parameters)} expected")
        given = [self._argument(a, *p) for a, p in zip(args, self._parameters, strict=True)]
        run = getattr(built(self.code), f"run_{self.name}")
        if run(ctypes.c_uint(grid[0]), ctypes.c_uint(block[0]), *given):
            raise RuntimeError(f"{self.name}: threads of a block wait at a barrier that others have left out")
        COUNTERS.launches += 1

    def _argument(self, value, kind, pointer, name):
        from simcupy import current_device, ndarray

        if not pointer:
            if type(value) is not {"long long": int, "double": float}[kind]:
                raise TypeError(f"{self.name}: {name} is a {kind}, not a {type(value).__name__}")
            return CTYPES[kind](value)
        if type(value) is int and value == 0:
            return ctypes.c_void_p(0)
        if not isinstance(value, ndarray):
            raise TypeError(f"{self.name}: {name} is an array, not a {type(value).__name__}")
        if value._device != current_device():
            raise ValueError(f"{self.name}: {name} lies on device {value._device}, not on {current_device()}")
        self._check_array(value, kind, name)
        return ctypes.c_void_p(value._h.ctypes.data)

    def _check_array(self, value, kind, name):
        """A kernel goes through the memory in its order, and takes what it finds for its own type."""
        if not value.flags.c_contiguous:
            raise ValueError(f"{self.name}: {name} is not contiguous")
        size = {"long long": 8, "stored": self._size("stored"), "real": self._size("real")}[kind]
        if value.itemsize not in (size, 2 * size if value.dtype.kind == "c" else size):
            raise TypeError(f"{self.name}: {name} holds {value.dtype}, the kernel takes elements of {size} bytes")

    def _size(self, kind):
        if "struct stored" in self.code:
            return {"stored": 2, "real": 4}[kind]
        return 8 if "typedef double real" in self.code else 4
