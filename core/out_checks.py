"""What is asked of ``out``: that its elements lie apart, from each other and from the input's, and of its dtype.

All functions with ``out=`` come here, by core/views.py's write_out(). What torch says of a dtype differs from function to
function; the tables below know it by the function's name, which is looked for only when something does not fit.
"""

import sys

from .dtypes import FLOAT
from .errors import c_name, overlapping_memory, repeated_memory, scalar_name

__all__ = ["check_dtype", "check_memory"]


# --- memory ---
def check_memory(out, inputs):
    """Raise where elements of ``out`` share memory with each other or, otherwise than one to one, with an input."""
    a = out._a
    strides = out._xp.strides(a)
    if 0 in strides and any(n > 1 and step == 0 for n, step in zip(a.shape, strides, strict=True)):
        raise repeated_memory()
    for t in inputs:
        # By class: the inputs of some functions are numbers.
        if getattr(t, "_xp", None) is out._xp and out._xp.may_share(a, t._a) and overlaps(t, out):
            raise overlapping_memory()


def overlaps(t, out):
    """Whether torch refuses to write over an input. The input itself it does, but where elements are moved."""
    xp, a, b = out._xp, out._a, t._a
    name = function_name()
    if name in UNCHECKED or 0 in a.shape or 0 in b.shape:
        return False
    if t is out:
        return name in APART
    if not (is_dense(b.shape, xp.strides(b)) and is_dense(a.shape, xp.strides(a))):
        return False  # found out too dearly
    if xp.data_ptr(a) == xp.data_ptr(b) and a.shape == b.shape and xp.strides(a) == xp.strides(b):
        return name in APART
    return True


def is_dense(shape, strides):
    """Whether the elements, in some order of the axes, lie side by side."""
    expected = 1
    for step, n in sorted((step, n) for n, step in zip(shape, strides, strict=True) if n != 1):
        if step != expected:
            return False
        expected *= n
    return True


#: Functions that move elements: an input must not be the memory that is written to.
APART = set(
    "cat concat concatenate gather index_select kthvalue linalg.cross masked_select take take_along_dim".split()
)
#: Functions of which torch does not ask it; any memory will do here, where results are made elsewhere and copied.
UNCHECKED = set(
    "bmm mv cholesky cholesky_inverse cholesky_solve diff diag matmul quantile nanquantile mm mvlgamma multigammaln slice_scatter "
    "histc logsumexp tensordot norm amax amin mean nanmean std var nansum hfft hfft2 hfftn irfft irfft2 irfftn ndtr linalg.det "
    "linalg.cholesky linalg.vecdot linalg.cond linalg.eigvalsh linalg.matrix_power linalg.multi_dot linalg.matrix_norm "
    "linalg.norm linalg.vector_norm linalg.lu_solve linalg.inv linalg.solve linalg.solve_triangular linalg.pinv linalg.svdvals "
    "linalg.tensorinv linalg.tensorsolve det logdet eigvalsh matrix_power multi_dot matrix_rank cond inv lu_solve solve "
    "solve_triangular pinv svdvals tensorinv tensorsolve inverse".split()
)


# --- dtype ---
def check_dtype(out, made):
    """Raise where a result is not written into another dtype: one of a lower category, or where its function says so."""
    name = function_name()
    text = INDICES.get(name) if made.dtype.kind < FLOAT else None
    if made.dtype.kind > out.dtype.kind and name not in FREE:
        text = text or CATEGORIES.get(name) or DTYPES.get(name) or LOWER
    else:
        text = text or DTYPES.get(name)
    if text is not None:
        kind = TypeError if text.startswith("torch.cat()") else RuntimeError
        names = {"made": scalar_name(made.dtype), "out": scalar_name(out.dtype)}
        raise kind(text.format(**names, c_made=c_name(made.dtype), c_out=c_name(out.dtype)))


def function_name():
    """The function of the program's that was given ``out``: the innermost one that is not of the writing itself."""
    frame = sys._getframe(2)
    while frame.f_code.co_name.startswith(("_", "<")) or frame.f_code.co_name in WRITERS:
        frame = frame.f_back
    name = frame.f_code.co_name
    return f"linalg.{name}" if frame.f_globals.get("__name__", "").endswith(".linalg") else name


WRITERS = {"check_memory", "check_dtype", "filled", "overlaps", "write_out", "written"}


def _by_name(texts):
    return {name: text for text, names in texts.items() for name in names.split()}


#: What functions say that write into the result's own dtype alone; ``made`` and ``out`` stand for torch's names of the two.
DTYPES = _by_name(
    {
        "Expected out tensor to have dtype {c_made}, but got {c_out} instead": (
            "addmm addmv baddbmm bmm diag max min aminmax topk mm slice_scatter gather index_copy index_add index_reduce sort scatter "
            "scatter_add msort renorm take_along_dim norm scatter_reduce linalg.vector_norm argmax argmin isin tril triu"
        ),
        "Found dtype {out} but expected {made}": "abs absolute ceil conj_physical frac floor neg negative round sign sgn trunc fix",
        "dtype {made} does not match dtype of out parameter ({out})": (
            "arange linspace logspace rand randn randint randperm ones zeros full empty eye normal"
        ),
        "expected scalar_type {made} but found {out}": "cummax cummin diff logcumsumexp",
        "expected scalar type '{made}' but got '{out}' for values output": "mode",
        "Expected out type to be {made} but got {out}": "where",
        "Expected the dtype for input and out to match, but got {made} for input's dtype and {out} for out's dtype.": "amax amin",
        "all only supports bool tensor for result, got: {out}": "all",
        "any only supports bool tensor for result, got: {out}": "any",
        "multinomial expects Long tensor out, got: {out}": "multinomial",
        "nonzero: Expected out tensor to have scalar type Long but got scalar type{out}": "nonzero",
        "result dtype {out} does not match input dtype {made}": "dot vdot matmul",
        "tensordot: Expected the output tensor to have dtype {made}, but got an output tensor with dtype {out}": "inner tensordot",
        "addmv input tensors must have the same dtype, but got {out}, {made}, and {made}": "mv",
        "self and mat2 must have the same dtype, but got {out} and {made}": "addbmm",
        "heaviside is not yet implemented for tensors with different dtypes.": "heaviside",
        "index_select(): self and result must have the same scalar type": "index_select",
        "masked_select(): self and result must have the same scalar type": "masked_select",
        "take(): self and out expected to have the same dtype, but got self.dtype = {made} and out.dtype = {out}": "take",
        "linalg.norm expected out tensor dtype {made} but got: {out}": "linalg.norm",
        "linalg.matrix_norm expected out tensor dtype {made} but got: {out}": "linalg.matrix_norm",
        "multi_dot(): expected out tensor to have dtype {c_made} but got {c_out}": "linalg.multi_dot",
        "nan_to_num: dtype of out: {out} should be same as input: {made}": "nan_to_num",
        "quantile() out tensor must be same dtype as the input tensor": "quantile nanquantile",
        "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {c_made} and hist {c_out}": (
            "histogram histc"
        ),
        "output values must be of same type as input": "kthvalue",
        "isneginf does not support non-boolean outputs.": "isneginf",
        "isposinf does not support non-boolean outputs.": "isposinf",
        "signbit does not support non-boolean outputs.": "signbit",
        "torch.frexp() expects mantissa to have dtype {c_made} but got {c_out}": "frexp",
    }
)
#: The same of results that are indices, and of masks and exponents.
INDICES = {
    "kthvalue": "output indices must be of scalar type Long",
    "mode": "expected scalar type 'Long' but got '{out}' for indices output",
    "frexp": "torch.frexp() expects exponent to have int dtype but got {c_out}",
}
#: Of functions that write into any higher category, their own words for a lower one.
CATEGORIES = _by_name(
    {
        "torch.cat(): input types can't be cast to the desired output type {out}": (
            "cat column_stack concat concatenate dstack hstack row_stack stack vstack"
        ),
        "hfft expects a floating point output tensor, but got {out}": "hfft",
        "hfftn expects a floating point output tensor, but got {out}": "hfft2 hfftn",
        "irfft expects a floating point output tensor, but got {out}": "irfft",
        "irfftn expects a floating point output tensor, but got {out}": "irfft2 irfftn",
        "ldexp can't be cast to the desired output type {out}": "ldexp",
        "logsumexp(): Expected floating point type for result tensor, but got: {out}": "logsumexp",
        "mean.dtype_out(): input types can't be cast to the desired output type {out}": "mean",
        "diag: result type {made} can't be cast to the desired out= type {out}": "diag",
    }
)
LOWER = "result type {made} can't be cast to the desired output type {out}"
#: Functions that write a result of any category.
FREE = {"bernoulli", "cumprod", "cumsum"}
