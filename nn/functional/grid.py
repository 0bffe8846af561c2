"""Images sampled at the places of a grid, and the grids of affine maps."""

import warnings

from ...core.errors import scalar_name
from ...core.ops import grid_sampling as rows
from ...core.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The input at the places that a grid tells: out[n, c, p] = input[n, c] at grid[n, p].

    A place is one number for each axis, the last axis first: -1 is the left or upper edge of the image, 1 the right or lower
    one; with ``align_corners`` they are the centres of the first and last elements.

    Args:
        input: images (N, C, H, W) or volumes (N, C, D, H, W).
        grid: (N, *P, 2) or (N, *P, 3).
        mode: ``bilinear`` (for volumes trilinear), ``nearest``, or ``bicubic`` for images.
        padding_mode: what lies outside: ``zeros``, ``border``, the nearest element inside, or ``reflection`` at the edges.
        align_corners: None counts as False, with a warning.

    Shapes:
        input (N, C, *S), grid (N, *P, D) → (N, C, *P)

    Raises:
        ValueError: an unknown mode or padding.
        RuntimeError: shapes or dtypes that do not go together.

    Source:
        Jaderberg and others, Spatial Transformer Networks, 2015.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([[[[0.0, 4.0]]]])
        >>> grid = plugrad.tensor([[[[-0.5, 0.0], [0.0, 0.0]]]])
        >>> plugrad.nn.functional.grid_sample(x, grid, align_corners=False)
        tensor([[[[0., 2.]]]])
    """
    if mode not in MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        _warn()
        align_corners = False
    error = _grid_error(input, grid, mode, align_corners)
    if error is not None:
        raise error
    row = rows.grid_sampler_2d_ if len(input._a.shape) == 4 else rows.grid_sampler_3d_
    return row(input, grid, MODES[mode], PADDINGS[padding_mode], align_corners)


def _warn():
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        UserWarning,
        stacklevel=3,
    )


def _grid_error(input, grid, mode, align_corners):
    """Why these are refused, None if they are not."""
    for place, (name, value) in enumerate((("input", input), ("grid", grid)), 1):
        if not isinstance(value, Tensor):
            return TypeError(
                f"grid_sampler(): argument '{name}' (position {place}) must be Tensor, not {type(value).__name__}"
            )
    if align_corners.__class__ is not bool:
        return TypeError(
            f"grid_sampler(): argument 'align_corners' (position 5) must be bool, not {type(align_corners).__name__}"
        )
    return _shape_error(tuple(input.shape), tuple(grid.shape), mode) or _dtype_error(input, grid)


def _shape_error(x, g, mode):
    if not x or not g:
        return IndexError("Dimension specified as 0 but tensor has no dimensions")
    sizes = f"but got input with sizes {list(x)} and grid with sizes {list(g)}"
    if x[0] != g[0]:
        return RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {sizes}")
    if g[-1] != len(x) - 2:
        return RuntimeError(
            f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got grid with sizes {list(g)}"
        )
    for axis, n in enumerate(x[2:], 2):
        if n == 0:
            return RuntimeError(
                f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(x)} with "
                f"dimension {axis} being empty"
            )
    if len(x) not in (4, 5) or len(g) != len(x):
        wanted = "4D" if len(x) == 4 else "5D"
        return RuntimeError(f"grid_sampler(): expected {wanted} input and grid with same number of dimensions, {sizes}")
    if mode == "bicubic" and len(x) == 5:
        return RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    return None


def _dtype_error(input, grid):
    if input.dtype.kind != 2:
        name = "grid_sampler_2d_cpu_kernel_impl" if len(input.shape) == 4 else "grid_sampler3d_cpu"
        return NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")
    if grid.dtype is not input.dtype:
        return RuntimeError(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(grid.dtype)}")
    return None


def affine_grid(theta, size, align_corners=None):
    """The places of a grid moved by affine maps, for :func:`grid_sample`: grid[n, p] = theta[n] · (p, 1).

    Args:
        theta: one matrix (2, 3) for each image, or (3, 4) for each volume.
        size: (N, C, H, W) or (N, C, D, H, W), the sizes of the images that are to come out.
        align_corners: as for :func:`grid_sample`; None counts as False, with a warning.

    Shapes:
        theta (N, D, D + 1) → (N, *S, D), with D axes in S

    Raises:
        ValueError: theta of whole numbers or of another shape, or sizes that are not positive.
        NotImplementedError: a size of other than four or five numbers.

    Example:
        >>> import plugrad
        >>> identity = plugrad.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> plugrad.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        _warn()
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got {theta.shape}."
        )
    if align_corners and min(size[-dims:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is not an "
            "intended use case of affine_grid. See the documentation of affine_grid for details.",
            UserWarning,
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return rows.affine_grid_(theta, _whole(theta, size), bool(align_corners))


def _whole(theta, size):
    for place, n in enumerate(size, 1):
        if not isinstance(n, int):
            raise TypeError(
                f"affine_grid_generator(): argument 'size' failed to unpack the object at pos {place} with error \"type must be "
                f'tuple of ints,but got {type(n).__name__}"'
            )
    if size[0] != theta.shape[0]:
        wanted, came = [size[0], theta.shape[2]], [theta.shape[0], theta.shape[2]]
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: {wanted} but got: {came}.")
    return tuple(size)
