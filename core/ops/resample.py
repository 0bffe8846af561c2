"""Resampling along the last axes: one row for each name that torch gives a node, all of them one function."""

from ..compile import linear

__all__ = ["RESAMPLE", "resample_input"]


def resample_row(name, node):
    return linear(
        f"{name}(x, *, axes)",
        lambda xp, g, axes: xp.resample_input(g, axes),
        doc="the last axes resampled by one table each",
        xp="resample",
        node=f"{node}Backward0",
    )


#: By torch's name of the function.
RESAMPLE = {
    name: resample_row(name, node)
    for name, node in {
        "upsample_nearest1d": "UpsampleNearest1D",
        "upsample_nearest2d": "UpsampleNearest2D",
        "upsample_nearest3d": "UpsampleNearest3D",
        "_upsample_nearest_exact1d": "UpsampleNearestExact1D",
        "_upsample_nearest_exact2d": "UpsampleNearestExact2D",
        "_upsample_nearest_exact3d": "UpsampleNearestExact3D",
        "upsample_linear1d": "UpsampleLinear1D",
        "upsample_bilinear2d": "UpsampleBilinear2D",
        "upsample_trilinear3d": "UpsampleTrilinear3D",
        "upsample_bicubic2d": "UpsampleBicubic2D",
        "_upsample_bilinear2d_aa": "UpsampleBilinear2DAa",
        "_upsample_bicubic2d_aa": "UpsampleBicubic2DAa",
        "_upsample_lanczos2d_aa": "UpsampleLanczos2DAa",
    }.items()
}
resample_input = linear(
    "resample_input(x, *, axes)",
    lambda xp, g, axes: xp.resample(g, axes),
    doc="the gradient of resampling: what each element gave to the outputs",
    node="UpsampleBackwardBackward0",
)
