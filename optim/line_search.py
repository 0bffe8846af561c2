"""A line search for the strong Wolfe conditions, for LBFGS."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Point", "strong_wolfe"]

#: Least share of the promised decrease, and largest share of the first slope that may be left.
ENOUGH_DECREASE, FLAT_ENOUGH = 1e-4, 0.9
#: The next width lies between these multiples: of the last advance, beyond the last width, and of the last width.
LEAST_ADVANCE, MOST_GROWTH = 0.01, 10
#: A trial this near to an end of the bracket, as a share of its length, says little.
MARGIN = 0.1


@dataclass
class Point:
    """What is known at one width: the loss, the gradient, and the slope along the direction."""

    t: Any
    loss: float
    grad: Any
    slope: Any


@dataclass
class Search:
    """One search: the function of the width, the point it starts from, and how many trials are left."""

    evaluate: Any
    start: Point
    most: int
    done: int = 0

    def too_high(self, point):
        return point.loss > self.start.loss + ENOUGH_DECREASE * point.t * self.start.slope

    def flat(self, point):
        return abs(point.slope) <= -FLAT_ENOUGH * self.start.slope

    @property
    def over(self):
        return self.done >= self.most


def strong_wolfe(evaluate, start, t, d_norm, tolerance_change, most):
    """Find a width whose loss is low enough and whose slope is flat enough.

    Args:
        evaluate: width → :class:`Point`.
        start: the point at width 0; its slope is negative.
        t: the first width to try.
        d_norm: the largest element of the direction.
        tolerance_change: a bracket whose steps differ by less is not divided further.
        most: how many further widths are tried at most.

    Returns:
        The best point found, and the number of evaluations.

    Source:
        Nocedal and Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, with the cubic interpolation and the
        safeguards of M. Schmidt's minFunc (2005).
    """
    search = Search(evaluate, start, most)
    bracket, found = bracketed(search, evaluate(t))
    best = bracket[0] if found else divided(search, bracket, d_norm, tolerance_change)
    return best, search.done + 1


def bracketed(search, point):
    """Grow the width until a minimum lies between the last two: ([point, point], False), or ([point], True) if found."""
    before = search.start
    while not search.over:
        if search.too_high(point) or (search.done > 1 and point.loss >= before.loss):
            return [before, point], False
        if search.flat(point):
            return [point], True
        if point.slope >= 0:
            return [before, point], False
        least, most = point.t + LEAST_ADVANCE * (point.t - before.t), point.t * MOST_GROWTH
        t = cubic_minimum(before, point, least, most)
        before, point = point, search.evaluate(t)
        search.done += 1
    return [search.start, point], False


def divided(search, bracket, d_norm, tolerance_change):
    """Shrink a bracket until a point fits; the lowest one if none does."""
    low, high = lower_first(bracket)
    stuck, found = False, False
    while not (found or search.over):
        left, right = min(low.t, high.t), max(low.t, high.t)
        if abs(right - left) * d_norm < tolerance_change:
            break
        first, second = bracket
        t = cubic_minimum(first, second, left, right)
        t, stuck = kept_inside(t, left, right, stuck)
        point = search.evaluate(t)
        search.done += 1
        place = 0 if bracket[0] is low else 1
        if search.too_high(point) or point.loss >= low.loss:
            bracket[1 - place] = point
            low, high = lower_first(bracket)
        else:
            found = search.flat(point)
            if not found and point.slope * (high.t - low.t) >= 0:
                bracket[1 - place] = high = low
            bracket[place] = low = point
    return low


def lower_first(bracket):
    first, second = bracket
    return (first, second) if first.loss <= second.loss else (second, first)


def kept_inside(t, left, right, stuck):
    """Move a trial away from an end that it is too near to, at the second time in a row; (width, whether it was near)."""
    margin = MARGIN * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if not stuck and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def cubic_minimum(a, b, least, most):
    """The minimum of the cubic through two points with their slopes, in bounds; the middle where there is none."""
    if a.t > b.t:
        a, b = b, a
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = mean**2 - a.slope * b.slope
    if square < 0:
        return (least + most) / 2.0
    root = square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + root - mean) / (b.slope - a.slope + 2 * root))
    return min(max(t, least), most)
