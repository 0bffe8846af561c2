"""The zip container of a checkpoint, byte for byte laid out as torch lays it out, and how a file is replaced whole."""

import contextlib
import os
import stat
import struct
import zlib

from .unpickling import CheckpointError

__all__ = ["ArchiveReader", "ArrayArchive", "archive_name", "describe_foreign", "replacing", "write_archive"]

ALIGNMENT = 64  # storages begin at multiples of it, so that a mapped file can be computed on in place
STORED = 0
ZIP64_FROM = 0xFFFFFFFF  # the first size or position that needs the 64-bit fields
FORMAT_VERSION = b"1"  # the order of the storages is that of their keys
FILE_VERSION = b"3\n"
NEWEST_FILE_VERSION = 10
IN_UTF8, SIZES_FOLLOW = 0x800, 0x008
MADE_IN_1980 = 0x21  # no clock: equal data give equal files
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
CHUNK = 1 << 20


# --- writing ---


@contextlib.contextmanager
def replacing(path):
    """Yield a new file that takes the place of ``path`` at the end of the block, and only if the block succeeds.

    The bytes are on the disk before the old file goes, so neither an exception nor a crash leaves half a file.

    Raises:
        RuntimeError: there is no such folder.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(os.fspath(path)) or folder} does not exist.")
    if os.path.exists(target) and not os.path.isfile(target):  # a pipe or /dev/null: nothing there to keep whole
        with open(target, "wb") as file:
            yield file
        return
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


def _flush_folder(folder):
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def archive_name(path):
    """The folder inside the archive: the file's name without its last ending, as torch derives it."""
    name = os.path.splitext(os.path.basename(os.fspath(path)))[0]
    return name if name.isascii() and name.strip(".") else "archive"


def write_archive(file, folder, pickled, storages, byteorder):
    """Write a checkpoint to ``file``, which needs no more than ``write``.

    Args:
        file: binary file.
        folder: the name every entry is put under.
        pickled: bytes of ``data.pkl``.
        storages: memory of ``data/0``, ``data/1`` ..., one buffer of bytes each.
        byteorder: ``"little"``, ``"big"``, or None to leave the record away.
    """
    writer = _Writer(file, folder)
    writer.add("data.pkl", pickled)
    writer.add(".format_version", FORMAT_VERSION)
    writer.add(".storage_alignment", str(ALIGNMENT).encode())
    if byteorder is not None:
        writer.add("byteorder", byteorder.encode())
    for key, storage in enumerate(storages):
        writer.add(f"data/{key}", storage)
    writer.add("version", FILE_VERSION)
    writer.add(".data/serialization_id", writer.identity())
    writer.finish()


class _Writer:
    # Not zipfile: it can neither align an entry nor leave a stream alone after an error.

    def __init__(self, file, folder):
        self.file = file
        self.folder = folder
        self.position = 0
        self.central = []
        self.names_sum = self.data_sum = 0

    def write(self, data):
        self.file.write(data)
        self.position += len(data)

    def add(self, name, data):
        name = f"{self.folder}/{name}".encode()
        start, crc = self.position, zlib.crc32(data)
        self.names_sum, self.data_sum = zlib.crc32(name, self.names_sum), zlib.crc32(crc.to_bytes(4), self.data_sum)
        flags = IN_UTF8 | (SIZES_FOLLOW if len(data) else 0)
        large = len(data) >= ZIP64_FROM
        extra = self._long_fields(len(data), start, [len(data)] * 2 if large else [])
        self.write(self._local_header(name, flags, large, extra))
        self.write(data)
        if len(data):
            wide = large or start >= ZIP64_FROM
            self.write(struct.pack("<4sLQQ" if wide else "<4sLLL", b"PK\7\10", crc, len(data), len(data)))
        size = min(len(data), ZIP64_FROM)
        header = CENTRAL_HEADER.pack(
            b"PK\1\2", 45 if extra else 20, 45 if extra else 20, flags, 0, 0, MADE_IN_1980, crc, size, size, len(name),
            len(extra), 0, 0, 0, 0, min(start, ZIP64_FROM),
        )  # fmt: skip
        self.central.append(header + name + extra)

    def _long_fields(self, size, start, fields):
        if start >= ZIP64_FROM:
            fields = [*fields, start]
        return struct.pack(f"<HH{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""

    def _local_header(self, name, flags, large, extra):
        begin = self.position + LOCAL_HEADER.size + len(name) + len(extra) + 4
        padding = -begin % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        size = ZIP64_FROM if large else 0
        fixed = (b"PK\3\4", 45 if large else 20, flags, 0, 0, MADE_IN_1980, 0, size, size, len(name), len(extra))
        return LOCAL_HEADER.pack(*fixed) + name + extra

    def identity(self):
        """40 digits from the names and the contents, by which torch's logs tell checkpoints apart."""
        return f"{self.names_sum:020d}{self.data_sum:020d}".encode()

    def finish(self):
        start, count = self.position, len(self.central)
        self.write(b"".join(self.central))
        size, end = self.position - start, self.position
        if max(start, size) >= ZIP64_FROM or count >= 0xFFFF:
            self.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start))
            self.write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        count, size, start = min(count, 0xFFFF), min(size, ZIP64_FROM), min(start, ZIP64_FROM)
        self.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, start, 0))


# --- reading ---


@contextlib.contextmanager
def _refusing(what):
    # zipfile answers damage with a dozen kinds of exceptions, OSError for a negative position among them.
    try:
        yield
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:
        raise CheckpointError(
            f"failed reading zip archive: {what}: {error}. There is a high likelihood that your checkpoint file is "
            "corrupted: not saved properly, transferred incorrectly, or modified after saving."
        ) from error


class ArchiveReader:
    """The entries of a checkpoint, each proven by its checksum when it is read.

    Raises:
        CheckpointError: here and in every method: the archive is damaged or no checkpoint.
    """

    def __init__(self, file):
        import zipfile

        self.file = file
        with _refusing("no central directory"):
            self.length = file.seek(0, os.SEEK_END)
            self.zip = zipfile.ZipFile(file)
        self.entries = {}
        infos = self.zip.infolist()
        if sum(info.file_size for info in infos) > self.length:
            raise CheckpointError("failed reading zip archive: its entries are larger than the file.")
        folder = infos[0].filename.partition("/")[0] if infos else ""
        for info in infos:
            self._admit(folder, info)
        self._check_small_entries()

    def _admit(self, folder, info):
        name = info.filename.removeprefix(f"{folder}/")
        if name in self.entries:
            raise CheckpointError(f"failed reading zip archive: two entries are called {info.filename!r}.")
        if info.compress_type != STORED or info.compress_size != info.file_size:
            raise CheckpointError(
                f"failed reading zip archive: entry {info.filename!r} is compressed, which no checkpoint's entry is. "
                "If the file was zipped anew, pack it with `zip -0`."
            )
        self.entries[name] = info

    def _check_small_entries(self):
        """Prove what no one reads later: a damaged name could hide a record that decides how the rest is read."""
        if "data.pkl" not in self.entries:
            names = ", ".join(sorted(self.entries)[:5])
            way = " plugrad.serialization.load_npz reads the arrays of numpy." if ".npy" in names else ""
            raise CheckpointError(
                f"this zip archive is no checkpoint: it has no data.pkl, but {names or 'no entries'}.{way}"
            )
        if "constants.pkl" in self.entries:
            raise CheckpointError(
                "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. plugrad cannot run "
                "TorchScript; with torch, save `torch.jit.load(file).state_dict()` and load that."
            )
        for name in self.entries:
            if not name.startswith("data/") and name != "data.pkl":
                self.read(name)
        version = self._number("version", ".data/version")
        if not 1 <= version <= NEWEST_FILE_VERSION:
            raise CheckpointError(f"the checkpoint's file version {version} is not one of 1 to {NEWEST_FILE_VERSION}.")

    def _number(self, *names):
        for name in names:
            if name in self.entries:
                text = self.read(name).strip()
                return int(text) if text.isdigit() else -1
        raise CheckpointError("failed reading zip archive: it has no version record.")

    def byteorder(self):
        """``"little"`` or ``"big"``; a file of the time before the record is little-endian."""
        order = self.read("byteorder") if "byteorder" in self.entries else b"little"
        if order not in (b"little", b"big"):
            raise CheckpointError(f"Unknown endianness type: {order.decode('ascii', 'replace')}")
        return order.decode()

    def size(self, name):
        """Bytes of an entry."""
        if name not in self.entries:
            raise CheckpointError(f"failed reading zip archive: it has no entry {name!r}, which data.pkl speaks of.")
        return self.entries[name].file_size

    def read(self, name):
        """The bytes of an entry."""
        content = bytearray(self.size(name))
        self.read_into(name, content)
        return bytes(content)

    def read_into(self, name, target):
        """Fill a writable buffer of the entry's size."""
        _fill(self.zip, self.entries[name], memoryview(target))

    def position(self, name):
        """Where in the file an entry's bytes begin, for mapping them; nothing of them is read or proven."""
        info = self.entries[name]
        with _refusing(f"entry {name!r}"):
            self.zip.open(info).close()
            self.file.seek(info.header_offset)
            name_size, extra_size = LOCAL_HEADER.unpack(self.file.read(LOCAL_HEADER.size))[-2:]
        begin = info.header_offset + LOCAL_HEADER.size + name_size + extra_size
        if begin + info.file_size > self.length:
            raise CheckpointError(f"failed reading zip archive: entry {name!r} is cut off.")
        return begin


class ArrayArchive:
    """The entries of a ``.npz`` file, which may be compressed, but not without bounds.

    Raises:
        CheckpointError: here and in :meth:`read`: the archive is damaged.
    """

    FREE = 64 << 20
    MAX_RATIO = 100

    def __init__(self, file):
        import zipfile

        with _refusing("no central directory"):
            length = file.seek(0, os.SEEK_END)
            self.zip = zipfile.ZipFile(file)
        self.entries = {}
        for info in self.zip.infolist():
            if info.filename in self.entries:
                raise CheckpointError(f"failed reading zip archive: two entries are called {info.filename!r}.")
            self.entries[info.filename] = info
        if sum(info.compress_size for info in self.entries.values()) > length:
            raise CheckpointError("failed reading zip archive: its entries are larger than the file.")
        total = sum(info.file_size for info in self.entries.values())
        if total > self.FREE + self.MAX_RATIO * length:
            raise CheckpointError(
                f"failed reading zip archive: its {length} bytes would become {total}. If you trust the file, rewrite it "
                "with numpy.savez, which does not compress."
            )

    def read(self, name):
        """The bytes of an entry, as a bytearray."""
        info = self.entries[name]
        content = bytearray(info.file_size)
        _fill(self.zip, info, memoryview(content))
        return content


def _fill(archive, info, target):
    """Read a whole entry, in pieces, and prove its checksum."""
    with _refusing(f"entry {info.filename!r}"), archive.open(info) as entry:
        done = 0
        while done < len(target):
            count = entry.readinto(target[done : done + CHUNK])
            if not count:
                raise CheckpointError(f"failed reading zip archive: entry {info.filename!r} is cut off.")
            done += count
        entry.read(1)  # the checksum of an empty or deflated entry is tested at its end only


FOREIGN = (
    (b"\x89HDF\r\n", "an HDF5 file; read it with h5py"),
    (b"\x93NUMPY", "a numpy .npy file; read it with numpy.load"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "a gzip file; decompress it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"),
    (b"<", "an HTML or XML page, probably the error page of a failed download"),
    (b"{", "a JSON text"),
)


def describe_foreign(head):
    """Say what a file is that begins with these bytes and is no checkpoint; None where it may be an old one."""
    if not head:
        return "empty, or a file object standing at its end (seek(0) goes back)"
    for magic, text in FOREIGN:
        if head.startswith(magic):
            return text
    if head[8:9] == b"{":
        return "a safetensors file; give it the ending .safetensors"
    return None if head[:1] == b"\x80" else "none of torch.save"
