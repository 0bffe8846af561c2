"""Files with weights from the network, kept in a folder.

Models are not loaded from repositories as ``torch.hub.load`` does: that runs code that was downloaded.
"""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
import urllib.parse
import urllib.request

__all__ = ["download_url_to_file", "get_dir", "load", "load_state_dict_from_url", "set_dir"]

_CHUNK = 128 * 1024
_chosen: dict[str, str] = {}  # the folder that set_dir() was given


def get_dir():
    """The folder for downloads: that of :func:`set_dir`, or ``$TORCH_HOME/hub``.

    ``$TORCH_HOME`` is ``$XDG_CACHE_HOME/torch`` where it is not set, and ``$XDG_CACHE_HOME`` is ``~/.cache``: what torch has
    downloaded before is found.
    """
    if "folder" in _chosen:
        return _chosen["folder"]
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d):
    """Choose the folder for downloads.

    Example:
        >>> import plugrad
        >>> before = plugrad.hub.get_dir()
        >>> plugrad.hub.set_dir("downloads")
        >>> plugrad.hub.get_dir()
        'downloads'
        >>> plugrad.hub.set_dir(before)
    """
    _chosen["folder"] = os.path.expanduser(d)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Copy what an address gives to a file; the file appears when all is there and as it should be.

    Args:
        url: the address: ``https:``, ``http:`` or ``file:``.
        dst: the file.
        hash_prefix: with what the file's SHA-256 must begin.
        progress: show how far it is, by tqdm or, where that is not installed, in plain lines.

    Raises:
        RuntimeError: the file's SHA-256 begins otherwise.
        OSError: the address gives nothing (``urllib.error.URLError``).
    """
    dst = os.path.expanduser(dst)
    with _beside(dst) as (file, place):
        digest = _copied(url, file, progress)
        if hash_prefix is not None and not digest.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest}")')
        file.close()
        os.replace(place, dst)


@contextlib.contextmanager
def _beside(dst):
    """An open file beside another one, which is gone afterwards unless it was moved."""
    # Not tempfile's own files: they may be read by nobody else.
    names = tempfile._get_candidate_names()
    place = f"{dst}.{next(names)}.partial"
    with open(place, "xb") as file:
        try:
            yield file, place
        finally:
            file.close()
            if os.path.exists(place):
                os.remove(place)


def _copied(url, file, progress):
    """Copy to an open file and return the SHA-256."""
    from plugrad.utils.training import progress as progress_bar

    request, seen = urllib.request.Request(url, headers={"User-Agent": "plugrad.hub"}), hashlib.sha256()
    with urllib.request.urlopen(request) as answer:
        length = answer.headers.get("Content-Length")
        total = None if length is None else int(length)
        with progress_bar(
            total=total, disable=not progress, fallback=True, unit="B", unit_scale=True, unit_divisor=1024
        ) as bar:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                seen.update(chunk)
                bar.update(len(chunk))
    return seen.hexdigest()


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=None
):
    """Download a checkpoint unless its file is there, and load it.

    Args:
        url: the address.
        model_dir: the folder; None: ``checkpoints`` in :func:`get_dir`.
        map_location: where the tensors go, as in :func:`plugrad.load`.
        progress: show how far the download is.
        check_hash: compare with the file's SHA-256 the eight or more digits of it between ``-`` and the ``.`` of the file name.
        file_name: the name of the file; None: that in the address.
        weights_only: None or True; plugrad reads no files that run code. torch's default is False.

    Raises:
        RuntimeError: the file is not what its name says.
        NotImplementedError: ``weights_only=False``.
    """
    from plugrad import load as load_file

    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(urllib.parse.urlparse(url).path) if file_name is None else file_name
    place = os.path.join(folder, name)
    if not os.path.exists(place):
        sys.stdout.write(f'Downloading: "{url}" to {place}\n')
        hashed = re.search(r"-([a-f0-9]*)\.", name) if check_hash else None
        download_url_to_file(url, place, hashed and hashed.group(1), progress)
    return load_file(place, map_location, weights_only=weights_only)


def load(repo_or_dir, model, *args, **kwargs):
    """Not there: torch downloads a repository and runs its code.

    Raises:
        NotImplementedError: always, with the ways out.
    """
    raise NotImplementedError(
        f"hub.load: plugrad runs no code from repositories ({repo_or_dir!r}, {model!r}). Install the package that defines the "
        "model, and load its weights by plugrad.hub.load_state_dict_from_url or plugrad.load"
    )
