"""Pictures of a graph: a table, or the text of a drawing program."""

from .graph_table import bytes_text, table_of

__all__ = ["draw"]


def draw(tensor, format="text", params=None, lines=True):
    """Return a picture of the graph below a tensor, as text.

    Args:
        tensor: the loss, or any other result.
        format: "text", a table with the newest node first; "dot" for graphviz; "mermaid" for markdown; "svg", which needs
            the extra ``graphviz`` and its program dot.
        params: what names the leaves: a module, a dict of names and tensors, or pairs.
        lines: show the lines, where :func:`record_lines` had them recorded.

    Raises:
        ValueError: another format.
        RuntimeError: the tensor has no graph.
        ImportError: "svg" without graphviz.

    Example:
        >>> import plugrad
        >>> w = plugrad.ones(2, requires_grad=True)
        >>> print(plugrad.autograd.graph.draw((w * w).sum(), params={"w": w}))
        2  SumBackward0  float32 []   saves 0 B   from 1
        1  MulBackward0  float32 [2]  saves 16 B  from w, w
        w  leaf          float32 [2]
    """
    if format not in FORMATS:
        raise ValueError(f"draw: format is one of {', '.join(map(repr, FORMATS))}, not {format!r}")
    rows, leaves = table_of(tensor, params)
    if not lines:
        rows = [row._replace(line=None) for row in rows]
    return FORMATS[format](rows, leaves)


# --- a table ---
def as_text(rows, leaves):
    table = [text_cells(row) for row in rows]
    table += [[leaf.name, "leaf", leaf.text] for leaf in leaves]
    widths = [max(len(cells[i]) for cells in table if i < len(cells)) for i in range(len(table[0]))]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)


def text_cells(row):
    below = ", ".join(map(str, row.inputs))
    notes = [f"in {row.module}"] if row.module else []
    notes += [str(row.line)] if row.line is not None else []
    return [
        str(row.number),
        row.name,
        row.text,
        f"saves {bytes_text(row.saved)}",
        f"from {below}" if below else "",
        ", ".join(notes),
    ]


# --- for drawing programs ---
def labels(row):
    yield row.name
    yield row.text
    if row.saved:
        yield f"saves {bytes_text(row.saved)}"
    if row.module:
        yield f"in {row.module}"
    if row.line is not None:
        yield str(row.line)


def arrows(rows, keys):
    """(from, to) in the direction of the forward pass."""
    for row in rows:
        for below in row.inputs:
            yield keys[below], keys[row.number]


def keys_of(rows, leaves):
    return {row.number: f"n{row.number}" for row in rows} | {leaf.name: f"leaf{i}" for i, leaf in enumerate(leaves)}


def as_dot(rows, leaves):
    keys = keys_of(rows, leaves)
    lines = ["digraph {", "  node [shape=box, fontname=monospace]"]
    for leaf in leaves:
        lines.append(
            f"  {keys[leaf.name]} [label={dot_text([leaf.name, leaf.text])}, style=filled, fillcolor=lightblue]"
        )
    lines += [f"  {keys[row.number]} [label={dot_text(labels(row))}]" for row in rows]
    lines += [f"  {start} -> {end}" for start, end in arrows(rows, keys)]
    return "\n".join([*lines, "}"])


def dot_text(parts):
    escaped = (part.replace("\\", "\\\\").replace('"', '\\"') for part in parts)
    return '"' + "\\n".join(escaped) + '"'


def as_mermaid(rows, leaves):
    keys = keys_of(rows, leaves)
    lines = ["graph TD"]
    lines += [f"  {keys[leaf.name]}([{mermaid_text([leaf.name, leaf.text])}])" for leaf in leaves]
    lines += [f"  {keys[row.number]}[{mermaid_text(labels(row))}]" for row in rows]
    lines += [f"  {start} --> {end}" for start, end in arrows(rows, keys)]
    return "\n".join(lines)


def mermaid_text(parts):
    escaped = (part.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") for part in parts)
    return '"' + "<br/>".join(escaped) + '"'


def as_svg(rows, leaves):
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            'draw: format="svg" needs graphviz; install it with pip install "plugrad[graphviz]", and its program dot from your system'
        ) from error
    return graphviz.Source(as_dot(rows, leaves)).pipe(format="svg").decode()


FORMATS = {"text": as_text, "dot": as_dot, "mermaid": as_mermaid, "svg": as_svg}
