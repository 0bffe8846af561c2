"""CUDA source of the backend's own kernels: each does in one launch what the composition needs many for.

A module of source is made for one family of kernels and one dtype. It includes no header, so that it is whole as it
stands here, and what it takes from CUDA is little enough to be compiled as C++ by the tests. ``stored`` is the type in
memory, ``real`` the one that is computed in: float for half precision. Sizes and flags come as ``long long``, numbers as
``double``, which is what cupy makes of Python's ints and floats; a missing array is a null pointer.
"""

from .cupy_window_source import WINDOWS

__all__ = ["ELEMENTWISE", "FAMILIES", "TYPES", "source"]

#: Lines that define ``stored``, ``real``, ``load`` and ``store`` for a dtype.
TYPES = {
    "float32": "typedef float stored; typedef float real;",
    "float64": "typedef double stored; typedef double real;",
    "float16": """
struct stored { unsigned short bits; };
typedef float real;
#ifdef __CUDACC__
__device__ float half_to_float(unsigned short h) {
    float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h)); return f;
}
__device__ unsigned short float_to_half(float f) {
    unsigned short h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f)); return h;
}
#endif
__device__ real load(const stored* p, long long i) { return half_to_float(p[i].bits); }
__device__ void store(stored* p, long long i, real v) { p[i].bits = float_to_half(v); }
""",
}

#: Where both types are one, these load and store serve both.
COMMON = """
__device__ real load(const real* p, long long i) { return p[i]; }
__device__ void store(real* p, long long i, real v) { p[i] = v; }

#define EACH(i, n) \\
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (long long)gridDim.x * blockDim.x)

// A 64-bit division takes the device many times as long as a 32-bit one.
__device__ long long quotient(long long a, long long b) {
    return (a | b) >> 32 ? a / b : (long long)((unsigned)a / (unsigned)b);
}
__device__ long long remainder_of(long long a, long long b) { return a - quotient(a, b) * b; }
"""

REDUCING = """
// The sum and the maximum over a block, for every thread of it. blockDim.x is a power of two, at most 512.
__device__ real block_sum(real value) {
    __shared__ real part[512];
    part[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    value = part[0];
    __syncthreads();
    return value;
}
__device__ real block_max(real value) {
    __shared__ real part[512];
    part[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half && part[threadIdx.x + half] > part[threadIdx.x])
            part[threadIdx.x] = part[threadIdx.x + half];
        __syncthreads();
    }
    value = part[0];
    __syncthreads();
    return value;
}
"""

STEPS = """
extern "C" __global__ void sgd_step(
    stored* w, const stored* g, stored* buf, long long n,
    double lr, double momentum, double gain, double decay, long long nesterov, long long maximize) {
    EACH(i, n) {
        real x = load(w, i), d = load(g, i);
        if (maximize) d = -d;
        if (decay != 0) d += x * real(decay);
        if (buf) {
            real b = load(buf, i) * real(momentum) + d * real(gain);
            store(buf, i, b);
            d = nesterov ? d + b * real(momentum) : b;
        }
        store(w, i, x - d * real(lr));
    }
}

extern "C" __global__ void adam_step(
    stored* w, const stored* g, stored* m, stored* v, stored* v_max, long long n,
    double size, double eps, double gain1, double beta2, double gain2, double shrink, double decay, long long maximize) {
    EACH(i, n) {
        real x = load(w, i) * real(shrink), d = load(g, i);
        if (maximize) d = -d;
        if (decay != 0) d += x * real(decay);
        real mean = load(m, i), square = load(v, i);
        mean += (d - mean) * real(gain1);
        square = square * real(beta2) + d * d * real(gain2);
        store(m, i, mean);
        store(v, i, square);
        if (v_max) {
            real largest = load(v_max, i);
            square = largest > square || largest != largest ? largest : square;
            store(v_max, i, square);
        }
        store(w, i, x - mean / (sqrt(square) + real(eps)) * real(size));
    }
}
"""

FORMULAS = """
__device__ real sigmoid_of(real x) {
    real e = exp(-fabs(x));  // never overflows; a way by tanh would be wrong in the left tail
    return (x >= 0 ? real(1) : e) / (e + 1);
}
__device__ real softplus_of(real x) { return x > 20 ? x : log1p(exp(x)); }
__device__ real phi_of(real x) { return real(0.5) * (erf(x * real(0.70710678118654752)) + 1); }
__device__ real gelu_tanh_of(real x) {
    return tanh((x + x * x * x * real(0.044715)) * real(0.79788456080286536));
}
"""

#: name → (arrays, numbers, result): an expression in the elements of the arrays and in the numbers.
ELEMENTWISE = {
    "erf": ("x", "", "erf(x)"),
    "step": ("x", "", "x > 0 ? real(1) : real(0)"),
    "sigmoid": ("x", "", "sigmoid_of(x)"),
    "log_sigmoid": ("x", "", "(x > 0 ? real(0) : x) - log1p(exp(-fabs(x)))"),
    "silu": ("x", "", "x * sigmoid_of(x)"),
    "silu_grad": ("g x", "", "g * (sigmoid_of(x) * (x * (1 - sigmoid_of(x)) + 1))"),
    "softplus": ("x", "beta threshold", "x * beta > threshold ? x : log1p(exp(x * beta)) / beta"),
    "mish": ("x", "", "x * tanh(softplus_of(x))"),
    "mish_grad": (
        "g x",
        "",
        "g * (tanh(softplus_of(x)) + x * sigmoid_of(x) * (1 - tanh(softplus_of(x)) * tanh(softplus_of(x))))",
    ),
    "elu": ("x", "alpha", "x > 0 ? x : expm1(x) * alpha"),
    "leaky_relu": ("x", "slope", "x > 0 ? x : x * slope"),
    "gelu": ("x", "", "x * phi_of(x)"),
    "gelu_grad": ("g x", "", "g * (phi_of(x) + x * exp(x * x * real(-0.5)) * real(0.39894228040143268))"),
    "gelu_tanh": ("x", "", "x * real(0.5) * (gelu_tanh_of(x) + 1)"),
    "gelu_tanh_grad": (
        "g x",
        "",
        "g * ((gelu_tanh_of(x) + 1) * real(0.5) + x * real(0.5) * (1 - gelu_tanh_of(x) * gelu_tanh_of(x))"
        " * ((x * x * real(0.134145) + 1) * real(0.79788456080286536)))",
    ),
}


def elementwise(name, arrays, numbers, result):
    """The kernel of one row of ELEMENTWISE: ``name_kernel(arrays..., out, n, numbers...)``."""
    arrays, numbers = arrays.split(), numbers.split()
    parameters = [f"const stored* {a}_" for a in arrays] + ["stored* out", "long long n"]
    parameters += [f"double {p}_" for p in numbers]
    loads = [f"real {a} = load({a}_, i);" for a in arrays] + [f"real {p} = real({p}_);" for p in numbers]
    return (
        f'extern "C" __global__ void {name}_kernel({", ".join(parameters)}) {{\n'
        f"    EACH(i, n) {{ {' '.join(loads)} store(out, i, {result}); }}\n}}\n"
    )


# Groups of elements that are normalized together: element j of group s lies at
# (j / inner) · groups · inner + s · inner + j % inner. Over a batch the groups are the channels and inner is the number
# of places of one; over the last axes the groups are the rows and inner is their length.
# Weight k of element i is (i / weight_step) % weights, its group (i / inner) % groups.
NORMS = """
#define PLACE(j) (quotient(j, inner) * groups * inner + s * inner + remainder_of(j, inner))

// The mean and the variance of each group, or with no array for the mean, its mean square.
extern "C" __global__ void moments(
    const stored* x, real* mean, real* var, long long groups, long long count, long long inner) {
    for (long long s = blockIdx.x; s < groups; s += gridDim.x) {
        real middle = 0, sum = 0;
        if (mean) {
            for (long long j = threadIdx.x; j < count; j += blockDim.x) sum += load(x, PLACE(j));
            middle = block_sum(sum) / count;
            sum = 0;
        }
        for (long long j = threadIdx.x; j < count; j += blockDim.x) {
            real d = load(x, PLACE(j)) - middle;
            sum += d * d;
        }
        sum = block_sum(sum) / count;
        if (threadIdx.x == 0) {
            if (mean) mean[s] = middle;
            var[s] = sum;
        }
    }
}

__device__ real scale_of(const real* var, long long s, double eps) { return 1 / sqrt(var[s] + real(eps)); }
__device__ real middle_of(const real* mean, long long s) { return mean ? mean[s] : real(0); }

extern "C" __global__ void normalize(
    const stored* x, const real* mean, const real* var, const real* weight, const real* bias, stored* out, long long n,
    long long groups, long long inner, long long weights, long long weight_step, double eps) {
    EACH(i, n) {
        long long s = remainder_of(quotient(i, inner), groups), k = remainder_of(quotient(i, weight_step), weights);
        real y = (load(x, i) - middle_of(mean, s)) * scale_of(var, s, eps);
        if (weight) y *= weight[k];
        if (bias) y += bias[k];
        store(out, i, y);
    }
}

// Per group the sums of g · weight and of g · weight · normal.
extern "C" __global__ void norm_sums(
    const stored* g, const stored* x, const real* mean, const real* var, const real* weight, real* sums, real* products,
    long long groups, long long count, long long inner, long long weights, long long weight_step, double eps) {
    for (long long s = blockIdx.x; s < groups; s += gridDim.x) {
        real middle = middle_of(mean, s), scale = scale_of(var, s, eps), sum = 0, product = 0;
        for (long long j = threadIdx.x; j < count; j += blockDim.x) {
            long long i = PLACE(j);
            real d = load(g, i);
            if (weight) d *= weight[remainder_of(quotient(i, weight_step), weights)];
            sum += d;
            product += d * (load(x, i) - middle) * scale;
        }
        sum = block_sum(sum);
        product = block_sum(product);
        if (threadIdx.x == 0) {
            sums[s] = sum;
            products[s] = product;
        }
    }
}

// The gradient for x, from sums over the group; a missing sum is zero. Where the weight is one for the whole group, it
// was left out of the sums (``outside``).
extern "C" __global__ void norm_grad(
    const stored* g, const stored* x, const real* mean, const real* var, const real* weight,
    const real* sums, const real* products, stored* out, long long n, long long groups, long long count,
    long long inner, long long weights, long long weight_step, long long outside, double eps) {
    EACH(i, n) {
        long long s = remainder_of(quotient(i, inner), groups), k = remainder_of(quotient(i, weight_step), weights);
        real scale = scale_of(var, s, eps), normal = (load(x, i) - middle_of(mean, s)) * scale;
        real d = load(g, i);
        if (weight && !outside) d *= weight[k];
        if (sums) d -= sums[s] / count;
        if (products) d -= normal * (products[s] / count);
        if (weight && outside) d *= weight[k];
        store(out, i, d * scale);
    }
}

extern "C" __global__ void times_normal(
    const stored* g, const stored* x, const real* mean, const real* var, real* out, long long n,
    long long groups, long long inner, double eps) {
    EACH(i, n) {
        long long s = remainder_of(quotient(i, inner), groups);
        out[i] = load(g, i) * ((load(x, i) - middle_of(mean, s)) * scale_of(var, s, eps));
    }
}

// running ← (1 - share) · running + share · value
extern "C" __global__ void blend(stored* running, const real* value, long long n, double share) {
    EACH(i, n) store(running, i, load(running, i) * real(1 - share) + value[i] * real(share));
}
"""

# Rows along an axis: element j of row r lies at (r / inner) · count · inner + j · inner + r % inner.
SOFTMAX = """
#define PLACE(j) (start + (j) * inner)
#define EACH_ROW(r) for (long long r = blockIdx.x; r < rows; r += gridDim.x)
#define START(r) (quotient(r, inner) * count * inner + remainder_of(r, inner))
#define ALONG(j) for (long long j = threadIdx.x; j < count; j += blockDim.x)

__device__ real row_max(const stored* x, long long start, long long count, long long inner) {
    real top = load(x, start);
    ALONG(j) { real v = load(x, PLACE(j)); if (v > top) top = v; }
    return block_max(top);
}

__device__ real exp_sum(const stored* x, real top, long long start, long long count, long long inner) {
    real sum = 0;
    ALONG(j) sum += exp(load(x, PLACE(j)) - top);
    return block_sum(sum);
}

extern "C" __global__ void softmax(const stored* x, stored* out, long long rows, long long count, long long inner) {
    EACH_ROW(r) {
        long long start = START(r);
        real top = row_max(x, start, count, inner), sum = exp_sum(x, top, start, count, inner);
        ALONG(j) store(out, PLACE(j), exp(load(x, PLACE(j)) - top) / sum);
    }
}

extern "C" __global__ void log_softmax(const stored* x, stored* out, long long rows, long long count, long long inner) {
    EACH_ROW(r) {
        long long start = START(r);
        real top = row_max(x, start, count, inner), shift = log(exp_sum(x, top, start, count, inner));
        ALONG(j) store(out, PLACE(j), load(x, PLACE(j)) - top - shift);
    }
}

extern "C" __global__ void softmax_grad(
    const stored* g, const stored* y, stored* out, long long rows, long long count, long long inner) {
    EACH_ROW(r) {
        long long start = START(r);
        real sum = 0;
        ALONG(j) sum += load(g, PLACE(j)) * load(y, PLACE(j));
        sum = block_sum(sum);
        ALONG(j) store(out, PLACE(j), load(y, PLACE(j)) * (load(g, PLACE(j)) - sum));
    }
}

extern "C" __global__ void log_softmax_grad(
    const stored* g, const stored* y, stored* out, long long rows, long long count, long long inner) {
    EACH_ROW(r) {
        long long start = START(r);
        real sum = 0;
        ALONG(j) sum += load(g, PLACE(j));
        sum = block_sum(sum);
        ALONG(j) store(out, PLACE(j), load(g, PLACE(j)) - exp(load(y, PLACE(j))) * sum);
    }
}
"""

# x (N, classes, places), target (N, places); a class out of range wraps round, as cupy's indices do.
LOSSES = """
__device__ long long wrapped(long long c, long long classes) {
    c %= classes;
    return c < 0 ? c + classes : c;
}
__device__ real weight_of(const stored* weight, long long t, long long classes, long long ignored) {
    return t == ignored ? real(0) : weight ? load(weight, wrapped(t, classes)) : real(1);
}

// Per sample the loss and the weight, each if there is an array for it; both 0 where the target is the ignored class.
extern "C" __global__ void nll_samples(
    const stored* x, const long long* target, const stored* weight, real* loss, real* each, long long n,
    long long classes, long long places, long long ignored) {
    EACH(i, n) {
        long long t = target[i];
        real w = weight_of(weight, t, classes, ignored);
        if (each) each[i] = w;
        if (loss) {
            long long at = (quotient(i, places) * classes + wrapped(t, classes)) * places + remainder_of(i, places);
            loss[i] = t == ignored ? real(0) : -load(x, at) * w;
        }
    }
}

// -w · g / total at the target class, 0 elsewhere; g per sample (g_step 1) or one for all (g_step 0).
extern "C" __global__ void nll_grad(
    const stored* g, const long long* target, const stored* weight, const real* total, stored* out, long long n,
    long long classes, long long places, long long ignored, long long g_step) {
    EACH(i, n) {
        long long outer = quotient(i, places), sample = quotient(outer, classes) * places + remainder_of(i, places);
        long long t = target[sample];
        real d = 0;
        if (t != ignored && wrapped(t, classes) == remainder_of(outer, classes)) {
            d = load(g, sample * g_step);
            if (total) d /= *total;
            d *= -weight_of(weight, t, classes, ignored);
        }
        store(out, i, d);
    }
}
"""

#: Family → its source after what comes for every dtype.
FAMILIES = {
    "steps": STEPS,
    "activations": FORMULAS + "".join(elementwise(name, *row) for name, row in ELEMENTWISE.items()),
    "norms": REDUCING + NORMS,
    "softmax": REDUCING + SOFTMAX,
    "losses": LOSSES,
    "windows": WINDOWS,
}


def source(family, dtype_name):
    """The whole source of a family of kernels for one dtype."""
    return f"{TYPES[dtype_name]}\n{COMMON}\n{FAMILIES[family]}"
