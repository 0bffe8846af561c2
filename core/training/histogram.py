"""The buckets of a histogram as TensorBoard keeps them; what has to be counted is counted on the values' device."""

import functools
from dataclasses import dataclass
from itertools import pairwise

from ..create import as_tensor, tensor
from ..dtypes import float64
from ..modes import no_grad

__all__ = ["Buckets", "count_buckets"]

SMALLEST, LARGEST, GROWTH = 1e-12, 1e20, 1.1  # of TensorBoard's own edges


@dataclass(frozen=True)
class Buckets:
    """A summary of many numbers: the fields of TensorBoard's HistogramProto."""

    min: float
    max: float
    num: int
    sum: float
    sum_squares: float
    bucket_limit: list[float]
    bucket: list[float]


@no_grad()
def count_buckets(values, bins="tensorflow", max_bins=None):
    """How many of the values lie in each bucket; a value on an edge belongs to the bucket above, on the last one below.

    Args:
        values: real numbers in any shape.
        bins: "tensorflow" for edges that grow by a tenth, a number of equal buckets, or the edges themselves.
        max_bins: buckets are joined until there are about so many.

    Raises:
        ValueError: there are no values, or none in a bucket.
        NotImplementedError: another rule of numpy's by name.
    """
    values = as_tensor(values).detach().to(float64).reshape(-1)
    if not values.numel():
        raise ValueError("The input has no element.")
    smallest, largest = values.min().item(), values.max().item()
    edges = _edges(bins, smallest, largest)
    counts, edges = _join(_count(values, edges), edges, max_bins)
    filled = [i for i, count in enumerate(counts) if count]
    if not filled:
        raise ValueError(f"The histogram is empty: no value lies between {edges[0]} and {edges[-1]}")
    first, last = filled[0], filled[-1]
    return Buckets(
        smallest,
        largest,
        values.numel(),
        values.sum().item(),
        (values * values).sum().item(),
        edges[first : last + 2],
        [0.0, *counts[first : last + 1]],  # an empty one in front gives the first its lower edge
    )


def _edges(bins, smallest, largest):
    if isinstance(bins, str):
        if bins != "tensorflow":
            raise NotImplementedError(
                f'add_histogram: bins="{bins}" is not supported; give "tensorflow", a number or edges'
            )
        return _growing_edges()
    if isinstance(bins, int):
        if smallest == largest:
            smallest, largest = smallest - 0.5, largest + 0.5
        step = (largest - smallest) / bins
        return [smallest + i * step for i in range(bins)] + [largest]
    return [float(edge) for edge in bins]


@functools.cache
def _growing_edges():
    edge, edges = SMALLEST, []
    while edge < LARGEST:
        edges.append(edge)
        edge *= GROWTH
    return [-edge for edge in reversed(edges)] + [0.0] + edges


def _count(values, edges):
    from ..ops.order import searchsorted

    ordered = values.sort()[0]
    places = tensor(edges, dtype=float64, device=values.device)
    below = searchsorted(ordered, places).tolist()
    below[-1] = searchsorted(ordered, places[-1:], right=True).item()
    return [float(upper - lower) for lower, upper in pairwise(below)]


def _join(counts, edges, max_bins):
    if max_bins is None or len(counts) <= max_bins:
        return counts, edges
    width = len(counts) // max_bins
    joined = [sum(counts[i : i + width]) for i in range(0, len(counts), width)]
    return joined, [*edges[:-1:width], edges[-1]]
