"""A progress bar by tqdm, or plain lines where it is not installed and the caller agreed to that."""

import sys
import time

__all__ = ["PlainProgress", "progress"]

LINES = 10  # that a plain progress prints over its whole length


def progress(iterable=None, desc=None, total=None, *, disable=False, fallback=False, **options):
    """A progress bar over an iterable, or one that ``update()`` moves.

    Args:
        iterable: what to go through; None for a bar that is moved by hand.
        desc: text before the bar.
        total: how many steps there are, if the iterable has no length.
        disable: show nothing.
        fallback: print plain lines if tqdm is missing, in place of raising.
        options: any other argument of ``tqdm.auto.tqdm``; plain lines heed ``unit``, ``initial`` and ``file``.

    Returns:
        A ``tqdm``, or a :class:`PlainProgress` with its methods ``update``, ``set_postfix``, ``set_description`` and
        ``close``. ``set_postfix(loss=mean)`` takes the metrics of this package.

    Raises:
        ImportError: tqdm is not installed and ``fallback`` is False.

    Example:
        >>> from plugrad.utils.training import progress
        >>> sum(progress(range(4), disable=True, fallback=True))
        6
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        if not fallback:
            raise ImportError(
                'progress() needs the package tqdm: pip install "plugrad[tqdm]"; fallback=True prints plain lines',
                name="tqdm",
            ) from error
        return PlainProgress(iterable, desc, total, disable=disable, **options)
    return tqdm(iterable, desc, total, disable=disable, **options)


class PlainProgress:
    """What :func:`progress` returns without tqdm: a line of text at the start of each tenth.

    Example:
        >>> import sys
        >>> from plugrad.utils.training import PlainProgress
        >>> with PlainProgress(total=2, desc="epoch 1", unit="batch", file=sys.stdout) as bar:
        ...     bar.set_postfix(loss=0.5)
        ...     bar.update(2)
        epoch 1: 2/2 batch, ... s, loss=0.5
    """

    def __init__(self, iterable=None, desc=None, total=None, *, disable=False, unit="it", initial=0, file=None, **_):
        self.iterable = iterable
        self.desc = desc
        self.total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
        self.disable = disable
        self.unit = unit
        self.n = initial
        self.postfix = ""
        self._file = sys.stderr if file is None else file
        self._begin = time.perf_counter()
        self._printed, self._last_printed = self._tenth(), initial

    def __iter__(self):
        for item in self.iterable:
            yield item
            self.update()
        self.close()

    def __len__(self):
        return self.total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def update(self, n=1):
        """Move on by ``n`` steps; prints when another tenth, or another hundred steps of an unknown total, is done."""
        self.n += n
        if self._tenth() > self._printed:
            self._print()

    def set_postfix(self, ordered_dict=None, refresh=True, **values):
        """Figures to show behind the counts: numbers in 3 digits, all else by ``str``."""
        values = {**(ordered_dict or {}), **values}
        self.postfix = "".join(f", {name}={_text(value)}" for name, value in values.items())

    def set_description(self, desc=None, refresh=True):
        """The text before the counts."""
        self.desc = desc

    def close(self):
        """Print the last state, if it has not been printed."""
        if self.n != self._last_printed:
            self._print()
        self.disable = True

    def _tenth(self):
        return self.n * LINES // self.total if self.total else self.n // 100

    def _print(self):
        self._printed, self._last_printed = self._tenth(), self.n
        if self.disable:
            return
        done = f"{self.n}/{self.total}" if self.total else f"{self.n}"
        before = f"{self.desc}: " if self.desc else ""
        seconds = time.perf_counter() - self._begin
        print(f"{before}{done} {self.unit}, {seconds:.1f} s{self.postfix}", file=self._file, flush=True)


def _text(value):
    return f"{value:.3g}" if isinstance(value, (int, float)) else str(value)
