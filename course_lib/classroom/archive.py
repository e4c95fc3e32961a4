"""Zip files: the same bytes for the same files, and reading those of strangers."""

import io
import zipfile
import zlib

MOST_BYTES = 300 * 2**20
MOST_MEMBERS = 100
_PIECE = 2**20
_THE_BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time, for zip files


def pack(members):
    """{name: bytes} as a zip file's bytes, which tell nothing of when and where it was made."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _THE_BEGINNING)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return content.getvalue()


class _InPieces(io.BytesIO):
    """Bytes of which nothing is read at once that would not fit a modest list of members."""

    def read(self, size=-1):
        if size is not None and size > 2 * _PIECE:
            raise ValueError("its list of members is too long")
        return super().read(size)


def unpack(data, most=MOST_BYTES):
    """{name: bytes} of a stranger's zip file, in memory; folders are left out.

    Raises ValueError in words: for what is no zip file, damaged, locked or packed in an unusual
    way, for two members of one name, and for more than `most` bytes or MOST_MEMBERS members, of
    which no more than that is unpacked.
    """
    found, left = {}, most
    try:
        with zipfile.ZipFile(_InPieces(data)) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
            if len(entries) > MOST_MEMBERS:
                raise ValueError(f"it has {len(entries)} members, {MOST_MEMBERS} at most are read")
            for entry in entries:
                if entry.filename in found:
                    raise ValueError(f"it has two members called {entry.filename!r}")
                found[entry.filename] = _content(archive, entry, left, most)
                left -= len(found[entry.filename])
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no zip file, or a damaged one: {error}") from None
    except RuntimeError:
        raise ValueError("it is locked with a password, or packed in an unusual way") from None
    return found


def _content(archive, entry, left, most):
    # The others unpack a piece as a whole, however large it becomes.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename!r} is packed in a way other than deflate")
    pieces = []
    with archive.open(entry) as file:
        while piece := file.read(_PIECE):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise ValueError(f"unpacked it is larger than {most / 2**20:g} MB")
    return b"".join(pieces)
