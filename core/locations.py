"""On which device a checkpoint's storages end: what ``map_location`` means."""

from .device import device as device_class
from .device import space
from .unpickling import CheckpointError

__all__ = ["restorer"]


def restorer(map_location):
    """The function (storage, location tag) → storage on its final device that a ``map_location`` means."""
    if map_location is None:
        return _restore
    if isinstance(map_location, dict):
        return lambda storage, location: _restore(storage, map_location.get(location, location))
    if isinstance(map_location, bytes):
        map_location = map_location.decode("ascii")
    if isinstance(map_location, str | device_class):
        return lambda storage, location: _restore(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")
    return lambda storage, location: _restore_by(map_location, storage, location)


def _restore_by(function, storage, location):
    found = function(storage, location)
    if found is None:
        return _restore(storage, location)
    if not isinstance(found, type(storage)):
        raise TypeError(f"load(): map_location must return the storage or None, but got {type(found).__name__}")
    return _restore(found, str(found.device))


def _restore(storage, location):
    try:
        where = device_class(location)
    except RuntimeError as error:
        raise CheckpointError(
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
            f"{location}). No backend serves it; please use map_location='cpu'."
        ) from error
    try:
        storage.device = space(where).device
    except RuntimeError as error:
        raise CheckpointError(_unusable(where, error)) from error
    return storage


def _unusable(where, error):
    if where.type != "cuda":
        return f"Attempting to deserialize object on device {where}: {error}. Please use load with map_location='cpu'."
    return (
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running "
        "on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to "
        f"the CPU. ({error})"
    )
