"""CUDA source of the kernels over sliding windows: columns of convolutions, and maxima."""

__all__ = ["WINDOWS"]

SIZES = (
    "long long n, long long h, long long w, long long kh, long long kw, long long sh, long long sw, long long ph, "
    "long long pw, long long dh, long long dw, long long rows, long long columns"
)

# One or two spatial axes, the first of size 1 if there is but one. x (outer, h, w), windows (outer, rows, columns),
# columns of a convolution (outer, kh, kw, rows, columns). Every kernel gathers, so that no two threads write one element
# and a sum has always the same order.
WINDOWS = """
// The window in which a tap meets a position, or -1.
__device__ long long window_of(
    long long position, long long tap, long long stride, long long padding, long long dilation, long long count) {
    long long start = position + padding - tap * dilation;
    if (start < 0) return -1;
    long long window = quotient(start, stride);
    return window < count && window * stride == start ? window : -1;
}

// i becomes i / size, and what is returned i % size.
__device__ long long last_of(long long& i, long long size) {
    long long all = i;
    i = quotient(all, size);
    return all - i * size;
}

extern "C" __global__ void im2col(const stored* x, stored* out, SIZES) {
    EACH(i, n) {
        long long outer = i, column = last_of(outer, columns), row = last_of(outer, rows);
        long long b = last_of(outer, kw), a = last_of(outer, kh);
        long long p = row * sh - ph + a * dh, q = column * sw - pw + b * dw;
        bool inside = p >= 0 && p < h && q >= 0 && q < w;
        store(out, i, inside ? load(x, (outer * h + p) * w + q) : real(0));
    }
}

extern "C" __global__ void col2im(const stored* cols, stored* out, SIZES) {
    EACH(i, n) {
        long long outer = i, q = last_of(outer, w), p = last_of(outer, h);
        real sum = 0;
        for (long long a = 0; a < kh; a++) {
            long long row = window_of(p, a, sh, ph, dh, rows);
            if (row < 0) continue;
            for (long long b = 0; b < kw; b++) {
                long long column = window_of(q, b, sw, pw, dw, columns);
                if (column < 0) continue;
                sum += load(cols, (((outer * kh + a) * kw + b) * rows + row) * columns + column);
            }
        }
        store(out, i, sum);
    }
}

// The maximum of each window and its place in (h, w), each if there is an array for it; a NaN counts as the maximum.
extern "C" __global__ void max_pool(const stored* x, stored* out, long long* places, SIZES) {
    EACH(i, n) {
        long long outer = i, column = last_of(outer, columns), row = last_of(outer, rows), place = -1;
        real top = 0;
        for (long long a = 0; a < kh; a++) {
            long long p = row * sh - ph + a * dh;
            if (p < 0 || p >= h) continue;
            for (long long b = 0; b < kw; b++) {
                long long q = column * sw - pw + b * dw;
                if (q < 0 || q >= w) continue;
                real v = load(x, (outer * h + p) * w + q);
                if (place < 0 || v > top || v != v) {
                    top = v;
                    place = p * w + q;
                }
            }
        }
        if (out) store(out, i, place < 0 ? log(real(0)) : top);
        if (places) places[i] = place;
    }
}

// g of each window at the place of its maximum.
extern "C" __global__ void max_pool_grad(const stored* g, const long long* places, stored* out, SIZES) {
    EACH(i, n) {
        long long outer = i, q = last_of(outer, w), p = last_of(outer, h);
        real sum = 0;
        for (long long a = 0; a < kh; a++) {
            long long row = window_of(p, a, sh, ph, dh, rows);
            if (row < 0) continue;
            for (long long b = 0; b < kw; b++) {
                long long column = window_of(q, b, sw, pw, dw, columns);
                if (column < 0) continue;
                long long at = (outer * rows + row) * columns + column;
                if (places[at] == p * w + q) sum += load(g, at);
            }
        }
        store(out, i, sum);
    }
}
""".replace("SIZES", SIZES)
