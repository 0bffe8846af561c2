"""Matrix products."""

from ..compile import bilinear, general


def mT(xp, a):
    return xp.swap_axes(a, len(a.shape) - 2, len(a.shape) - 1)


def mm_check(x, y):
    if x.dtype is not y.dtype:
        from ..errors import c_name

        return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {c_name(x.dtype)} != {c_name(y.dtype)}")
    a, b = x.shape, y.shape
    return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})")


mm = bilinear(
    "mm(x, y)",
    lambda xp, g, y: xp.matmul(g, mT(xp, y)),
    lambda xp, g, x: xp.matmul(mT(xp, x), g),
    doc="matrix product of two matrices",
    xp="matmul",
    check=mm_check,
)
