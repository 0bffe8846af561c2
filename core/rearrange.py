"""rearrange: another shape for a tensor, told by the names of its dimensions."""

from .tensor import Tensor


def rearrange(tensor, pattern, **axes_lengths):
    """Return a tensor with its dimensions split, joined and reordered as a pattern tells, ``"a (b c) -> b a c"``.

    Args:
        tensor: a tensor, or a sequence of tensors of one shape, which are stacked first.
        pattern: names of dimensions on either side of an arrow; brackets join several into one, ``...`` stands for any
            number of them, 1 for one of size 1.
        axes_lengths: sizes of names that lie in brackets; one of each bracket may be left out.

    Raises:
        ValueError: the pattern makes no sense, or does not fit the tensor.

    Example:
        >>> import plugrad
        >>> plugrad.func.rearrange(plugrad.zeros(6, 2), "(a b) c -> c b a", a=3).shape
        torch.Size([2, 2, 3])
    """
    if not isinstance(tensor, Tensor):
        from .ops.join import stack

        tensor = stack(list(tensor))
    left, right = sides(pattern)
    check(pattern, left, right, axes_lengths)
    groups = spread(left, tensor.dim())
    sizes = sizes_of(groups, tuple(tensor.shape), axes_lengths)
    names = [name for group in groups for name in group]
    order = [name for group in with_ellipsis(right, groups) for name in group]
    apart = tensor.reshape([sizes[name] for name in names]).permute(
        [names.index(name) for name in order if name != "1"]
    )
    shape = []
    for group in with_ellipsis(right, groups):
        n = 1
        for name in group:
            n *= 1 if name == "1" else sizes[name]
        shape.append(n)
    return apart.reshape(shape)


def sides(pattern):
    """Each side of a pattern as a list of groups: lists of names."""
    parts = pattern.split("->")
    if len(parts) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    return [parsed(part.strip()) for part in parts]


def parsed(text):
    if "." in text and (text.count("...") != 1 or text.count(".") != 3):
        raise ValueError("Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor ")
    groups, inside = [], None
    for token in tokens(text):
        if token == "(":
            if inside is not None:
                raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
            inside = ["1"]  # so that a bracket is told from a bare ``...``
            groups.append(inside)
        elif token == ")":
            if inside is None:
                raise ValueError("Brackets are not balanced")
            inside = None
        elif inside is not None:
            inside.append(token)
        else:
            groups.append([token])
    if inside is not None:
        raise ValueError(f"Imbalanced parentheses in expression: '{text}'")
    return groups


def tokens(text):
    for mark in ("(", ")", "..."):
        text = text.replace(mark, f" {mark} ")
    for token in text.split():
        if token not in ("(", ")", "...") and not token.isidentifier() and not token.isdigit():
            unknown = next(c for c in token if not (c.isalnum() or c == "_"))
            raise ValueError(f"Unknown character '{unknown}'")
        yield token


def check(pattern, left, right, lengths):
    here, there = ([name for group in side for name in group] for side in (left, right))
    for names in (here, there):
        for name in names:
            if name.isdigit() and name != "1":
                raise ValueError("rearrange only supports unnamed axes of size 1")
            if name != "1" and names.count(name) > 1:
                raise ValueError(f"Indexing expression contains duplicate dimension '{name}'")
    if "..." in there and "..." not in here:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if any("..." in group and len(group) > 1 for group in left):
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    lonely = {name for name in here + there if name != "1"} - (set(here) & set(there))
    if lonely:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {lonely}")
    unknown = set(lengths) - set(here)
    if unknown:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")


def spread(groups, rank):
    """One group per dimension: the dimensions that ``...`` means are named ``...0``, ``...1`` and so on; ones by place."""
    dots = any(group == ["..."] for group in groups)
    count = len(groups) - dots
    if rank < count or (rank > count and not dots):
        least = "at least " if dots else ""
        raise ValueError(
            f"Number of dimensions in pattern ({count}) must be {least}equal to the number of dimensions in the tensor ({rank})"
        )
    found = []
    for group in groups:
        if group == ["..."]:
            found += [[f"...{i}"] for i in range(rank - count)]
        else:
            found.append([name for name in group if name != "1"])
    return found


def with_ellipsis(groups, left):
    """The right side, with the names of what ``...`` means."""
    dots = [name for group in left for name in group if name.startswith("...")]
    found = []
    for group in groups:
        if group == ["..."]:
            found += [[name] for name in dots]
        else:
            found.append([part for name in group for part in (dots if name == "..." else [name])])
    return found


def sizes_of(groups, shape, lengths):
    """The size of every name on the left."""
    sizes = dict(lengths)
    for group, n in zip(groups, shape, strict=True):
        known, missing = 1, [name for name in group if name not in sizes]
        for name in group:
            known *= sizes.get(name, 1)
        if len(missing) > 1:
            raise ValueError(f"cannot infer the sizes of two dimensions at once {missing[0]} and {missing[1]}")
        if (missing and (known == 0 or n % known)) or (not missing and known != n):
            listed = tuple(sizes.get(name, "?") for name in group)
            raise ValueError(f"inferred dimension does not evenly fit into larger dimension: {n} vs {listed}")
        for name in missing:
            sizes[name] = n // known
    return sizes


__all__ = ["rearrange"]
