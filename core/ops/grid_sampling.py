"""Images sampled at the places of a grid, and the grids of affine maps."""

from ..compile import general, linear

__all__ = ["affine_grid_", "grid_sampler_2d_", "grid_sampler_3d_"]


def grid_sampler_row(name, node):
    how = "interpolation_mode, padding_mode, align_corners"
    return general(
        f"{name}(input, grid, *, {how})",
        lambda xp, g, grid, input_shape, interpolation_mode, padding_mode, align_corners: xp.grid_sample_input(
            g, grid, tuple(input_shape[2:]), interpolation_mode, padding_mode, align_corners
        ),
        lambda xp, g, input, grid, interpolation_mode, padding_mode, align_corners: xp.grid_sample_grid(
            g, input, grid, interpolation_mode, padding_mode, align_corners
        ),
        doc="images at the places that a grid tells",
        xp="grid_sample",
        node=node,
        match=True,
    )


grid_sampler_2d_ = grid_sampler_row("grid_sampler_2d_", "GridSampler2DBackward0")
grid_sampler_3d_ = grid_sampler_row("grid_sampler_3d_", "GridSampler3DBackward0")
affine_grid_ = linear(
    "affine_grid_(theta, *, size, align_corners)",
    lambda xp, g, size, align_corners: xp.affine_grid_theta(g, size, align_corners),
    doc="the places of a grid, moved by an affine map",
    xp="affine_grid",
    node="AffineGridGeneratorBackward0",
)
