"""Which ops autocast casts, and how, by device type: torch's lists, as facts of its dispatcher."""

from ..casting import as_given, give_policy, lower, single, single_unless_told, widest
from ..rows import ROWS
from ..tensor import Tensor
from . import (
    arithmetic,
    contraction,
    ctc,
    decompositions,
    distance,
    einsum,
    elementwise,
    fft,
    fft_many,
    index,
    join,
    least_squares,
    linalg,
    pairs,
    product,
    quantile,
    reduction,
    reshaping,
    solving,
    spectrum,
    statistic,
    striding,
)
from .in_place import FUNCTIONS

BOTH = "cpu cuda"


def give(policy, kinds, *places):
    """Give a policy to functions: modules and names in turns."""
    for module, names in zip(places[::2], places[1::2], strict=True):
        give_policy(policy, kinds, [getattr(module, name) for name in names.split()])


def give_rows(policy, kinds, names):
    """Give a policy to rows that public functions choose among by their arguments."""
    give_policy(policy, kinds, [ROWS[name].function for name in names.split() if name in ROWS])


def install():
    """Note the policies; nothing changes until somebody casts."""
    give(lower, BOTH, product, "addmm baddbmm bmm mm matmul _matmul", contraction, "addbmm", linalg, "vecdot")
    give(lower, "cuda", product, "addmv mv", contraction, "addr chain_matmul", einsum, "einsum", linalg, "multi_dot")
    single_on_cpu()
    single_on_cuda()
    give(widest, "cpu", join, "cat stack", index, "index_copy")
    give(
        widest, "cuda", arithmetic, "addcdiv addcmul", elementwise, "atan2", contraction, "cross tensordot vdot", linalg, "cross",
        product, "dot", index, "index_put scatter_add"
    )  # fmt: skip
    give_policy(as_given, BOTH, [getattr(Tensor, name + "_") for name in FUNCTIONS])
    give_policy(as_given, BOTH, [Tensor.__ipow__])


def single_on_cpu():
    give(
        single, "cpu", reduction, "prod", quantile, "quantile nanquantile", pairs, "polar", reshaping, "trace", spectrum, "stft",
        striding, "view_as_complex", distance, "cdist", ctc, "ctc_loss",
        fft, "fft ifft rfft irfft hfft ihfft", fft_many, "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn",
    )  # fmt: skip
    give(
        single, "cpu", decompositions, "cholesky linalg_cholesky cholesky_ex eig linalg_eigh eigvals eigvalsh qr linalg_qr svd "
        "linalg_svd svdvals", solving, "cholesky_inverse cholesky_solve inverse inv inv_ex solve", linalg, "cond",
        least_squares, "lstsq matrix_rank pinverse tensorinv tensorsolve",
    )  # fmt: skip
    give_rows(
        single, "cpu", "max_pool3d_ avg_pool3d_ adaptive_avg_pool3d_ adaptive_max_pool3d_ reflection_pad1d_ reflection_pad2d_ "
        "replication_pad1d_ replication_pad2d_ replication_pad3d_"
    )  # fmt: skip


def single_on_cuda():
    give(
        single, "cuda", elementwise,
        "acos asin cosh exp expm1 log log10 log2 log1p reciprocal rsqrt sinh square tan", arithmetic, "pow rpow rdiv",
        distance, "cdist pdist", statistic, "dist renorm", reduction, "logsumexp",
    )  # fmt: skip
    give_rows(single, "cuda", "erfinv")
    give(
        single_unless_told, "cuda", reduction, "cumprod cumsum log_softmax norm prod softmax sum", linalg,
        "matrix_norm norm vector_norm",
    )  # fmt: skip
