"""Figures of a run in a CSV file, a row at a time, which survives an interrupt and goes on after it."""

import csv
import io
import os

from ..archive import replacing
from ..tensor import Tensor

__all__ = ["CSVLogger"]


class CSVLogger:
    """Appends rows to a CSV file; the names of the first row are the columns.

    Each row is on its way to the disk when :meth:`write` returns. With the number of rows in a checkpoint
    (:meth:`state_dict`), a run that goes on from there drops the rows after it and writes them again.

    Args:
        path: of the file; its folder is made.
        resume: go on in an existing file. Otherwise it is begun anew.

    Example:
        >>> import pathlib, tempfile
        >>> from plugrad.utils.training import CSVLogger
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "log.csv")
        ...     with CSVLogger(path) as log:
        ...         log.write(epoch=1, loss=0.5)
        ...         log.write(epoch=2, loss=0.25)
        ...     print(path.read_text().split())
        ['epoch,loss', '1,0.5', '2,0.25']
    """

    def __init__(self, path, resume=False):
        self.path = os.fspath(path)
        self.columns = None
        self.rows = 0
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if resume and os.path.exists(self.path):
            self._go_on(None)
        else:
            self._file = open(self.path, "w", newline="", encoding="utf-8")

    def write(self, **values):
        """Append one row.

        Args:
            values: the figures by their columns: numbers, text, or tensors of one element. A column may be left empty.

        Raises:
            ValueError: a name that the first row did not have.
        """
        if self.columns is None:
            self.columns = list(values)
            self._append(self.columns)
        unknown = [name for name in values if name not in self.columns]
        if unknown:
            raise ValueError(
                f"CSVLogger: no column {', '.join(unknown)} in {self.path}; it has {', '.join(self.columns)}"
            )
        self._append([_plain(values.get(name, "")) for name in self.columns])
        self.rows += 1

    def state_dict(self):
        """How many rows there are."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict):
        """Drop the rows after the first ``state_dict["rows"]``.

        Raises:
            ValueError: the file has fewer.
        """
        if state_dict["rows"] > self.rows:
            raise ValueError(f"CSVLogger: {state_dict['rows']} rows expected in {self.path}, but it has {self.rows}")
        self._file.close()
        self._go_on(state_dict["rows"])

    def close(self):
        """Close the file; closing again does nothing."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _append(self, fields):
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(fields)
        self._file.write(line.getvalue())  # a whole line at once: an interrupt leaves it out or in
        self._file.flush()

    def _go_on(self, rows):
        """Keep the header and so many rows, all whole ones if None, and append from there."""
        with open(self.path, newline="", encoding="utf-8") as file:
            text = file.read()
        table = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))
        self.columns = table[0] if table and rows != 0 else None
        kept = table[1:] if rows is None else table[1 : rows + 1]
        self.rows = len(kept)
        lines = io.StringIO(newline="")
        csv.writer(lines, lineterminator="\n").writerows([self.columns, *kept] if self.columns else [])
        with replacing(self.path) as file:
            file.write(lines.getvalue().encode())
        self._file = open(self.path, "a", newline="", encoding="utf-8")


def _plain(value):
    return value.item() if isinstance(value, Tensor) else value
