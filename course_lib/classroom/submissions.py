"""Finding what was handed in, in the layouts of nbgrader, Canvas and Moodle, zipped or not.

Only names are looked at, and within zip files their lists of members. Nothing is unpacked to disk.
"""

import collections
import contextlib
import datetime
import functools
import hashlib
import itertools
import os
import re
import stat
import tempfile
import unicodedata
import zipfile
import zlib
import zoneinfo
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib.authoring import UsageError

LARGEST = 400 * 2**20  # bytes of one notebook or bundle
DEEPEST_ZIP = 2  # zips within a zip
_LARGEST_ARCHIVE = 2 * 2**30  # bytes that a student's zip may unpack to
_MOST_RATIO = 500  # bytes from one, where it comes to more than _SUSPICIOUS
_SUSPICIOUS = 150 * 2**20
_MOST_MEMBERS = 10_000  # files in a student's zip
_MOST_NOTEBOOKS = 30  # of one student, in all places together, and as many zips in zips
_MOST_RATIO_INSIDE = 20  # of a zip in a zip, which is packed already, above _LARGE_INSIDE
_LARGE_INSIDE = 20 * 2**20
_LONGEST_LIST = 16 * 2**20  # bytes of the list of members of a student's zip
_LONGEST_CLASS_LIST = 200 * 2**20
_DEEPEST_FOLDER = 12
_PIECE = 2**20

_CANVAS = re.compile(  # lastfirst_LATE_12345_67890_file.ipynb, lastfirst_12345_text.html
    r"(?P<student>.+?)_(?P<late>LATE_)?(?P<id>[1-9]\d*)_(?:[1-9]\d+_(?P<file>.+)|(?:text|link)\.html)",
    re.DOTALL,
)
_CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<student>anon_(?P<id>[A-Za-z0-9]{5}))_[1-9]\d+_(?P<file>.+)", re.DOTALL
)
_MOODLE = re.compile(  # First Last_123456_assignsubmission_file_, or with the file's name after it
    r"(?P<student>.+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_(?P<file>.*)", re.DOTALL
)
_BUNDLE_NAME = re.compile(r"(?:\d\d_)?(?P<name>.*?)_?submission(?:[- _(]*\d+\)?)?", re.I)
_TIMESTAMP = re.compile(r"\s*(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.\d+)?\s*(\S*)\s*")
_AGAIN = re.compile(r"(?:-| \()(\d+)\)?(\.\w+)$")

_NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json")
_OTHERS = (  # what is taken for somebody's work even where it lies beside the students' folders
    *(".py", ".pdf", ".doc", ".docx", ".odt", ".rtf", ".pages", ".html", ".htm", ".txt"),
    *(".rar", ".7z", ".tar", ".gz", ".tgz"),
)
_IGNORED = {"__macosx", "thumbs.db", "desktop.ini", "icon\r", "__pycache__"}
_NOBODY = {"readme", "license", "index", "requirements", "timestamp"}
_WRAPPERS = {"submissions", "submission", "submitted"}
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, IndexError),
    *(RuntimeError, NotImplementedError, OverflowError, TypeError, MemoryError),
)
_COURSE_OF_NBGRADER = {  # what lies beside its `submitted`
    *("source", "release", "autograded", "feedback", "downloaded", "logs", "nbgrader_config.py"),
}
_A_DOWNLOAD = (
    "it looks like the download of a whole class; give it to `course grade` by itself, beside the "
    "others: course grade mails canvas.zip …"
)


@dataclass(frozen=True)
class Found:
    """One notebook that was handed in, or a sign that there was something that is none.

    student: as the folder, the file or the LMS names them. path: of the file on disk. member:
    names inside zips, the outermost first. when: aware, or None. when_from: what tells the time.
    late_flag: Canvas wrote LATE into the name. bundle: made by `course submit`. problem: why there
    is nothing to read, in words. note: what is odd about the name, in words.
    """

    student: str
    path: Path
    member: tuple = ()
    when: datetime.datetime | None = None
    when_from: str = ""
    late_flag: bool = False
    bundle: bool = False
    problem: str = ""
    note: str = ""


def find(root, assignment_name, others=()):
    """What lies in a folder or a zip file, as a list of `Found`; see `search`."""
    return search([root], assignment_name, others)[0]


def search(roots, assignment_name, others=()):
    """What lies in folders and zip files, as (list of `Found` by student, time and path, remarks).

    Each root is recognised by itself. Its own entries say whose they are, and never what is inside
    of an entry, which a student made:

    - `NAME.ipynb`; `NAME/…/ANY.ipynb`; `NAME.zip` with notebooks in it.
    - nbgrader's `submitted/NAME/ASSIGNMENT/`, from the course's folder or from `submitted`. Folders
      named as one of `others`, which are assignments too, are left out. Its timestamp.txt counts
      where all who handed in have one.
    - names as Canvas and Moodle write them.
    - nothing but downloads of Canvas or Moodle, as folders or zip files.
    - bundles of `course submit`. The student is whom the folder or the LMS names, then the file's
      name up to `_submission`, without the chapter. Only where that leaves nothing, the name in
      the bundle counts, if nobody else has it.

    Students of one name whom the LMS tells apart by number get the number after their name. Names
    of files that are the same only when cleaned, or the same as a name of the LMS's, are told apart
    by a code. remarks: sentences on what was left out. Raises UsageError when a root is missing, or
    is neither a folder nor a zip file.
    """
    found = _Search(assignment_name, others)
    for root in map(Path, roots):
        found.top(_root(root))
    students = found.students()
    papers = [paper for name in sorted(students) for paper in _of_one(students[name])]
    return papers, found.remarks(students)


def _root(root):
    if not root.exists():
        raise UsageError(f"there is no folder or zip file {root}")
    if root.is_dir():
        try:
            top = _folder_on_disk(root)
        except OSError as error:
            raise UsageError(f"{root} could not be read: {error.strerror}") from None
    else:
        try:
            top = _tree_of_zip(root, (), root.name, _LONGEST_CLASS_LIST)
        except _ZIP_ERRORS as error:
            raise UsageError(
                f"{root} is neither a folder nor a zip file that can be read: {_words(error)}"
            ) from None
    top.name = root.resolve().name
    return top


def content(found):
    """The bytes of a notebook or bundle.

    Raises ValueError in words for what is too large, locked, damaged or gone.
    """
    return b"".join(_pieces(found))


def digest(found):
    """The SHA-256 of the content, which is read piece by piece. Raises ValueError as `content`."""
    sha = hashlib.sha256()
    for piece in _pieces(found):
        sha.update(piece)
    return sha.hexdigest()


# trees of names ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """A file or, with `inside`, a folder. origin: what `when` is taken from."""

    name: str
    path: str
    member: tuple = ()
    size: int = 0
    when: datetime.datetime | None = None
    origin: str = ""
    inside: dict | None = None
    problem: str = ""


def _is_ignored(name):
    return name.startswith(".") or name.startswith("~$") or name.lower() in _IGNORED


def _folder_on_disk(path, depth=0):
    """The tree below a folder. Raises OSError where that folder itself cannot be read."""
    node = _Node(os.path.basename(path), os.fspath(path), inside={})
    with os.scandir(path) as entries:
        for entry in entries:
            if not _is_ignored(entry.name):
                node.inside[entry.name] = _on_disk(entry, depth + 1)
    return node


def _on_disk(entry, depth):
    node = _Node(entry.name, entry.path)
    try:
        if entry.is_symlink() or getattr(entry, "is_junction", bool)():
            node.problem = "it is a link, and links are not followed"
        elif entry.is_dir(follow_symlinks=False):
            if depth > _DEEPEST_FOLDER:
                node.problem = "its folders are nested too deeply"
            else:
                return _folder_on_disk(entry.path, depth)
        elif not entry.is_file(follow_symlinks=False):
            node.problem = "it is no ordinary file"
        else:
            about = entry.stat(follow_symlinks=False)
            node.size, node.origin = about.st_size, "the file's time"
            node.when = datetime.datetime.fromtimestamp(about.st_mtime, datetime.UTC)
            if not os.access(entry.path, os.R_OK):
                node.problem = "it may not be read: permission denied"
    except OSError as error:
        node.problem = f"it could not be read: {error.strerror}"
    except (ValueError, OverflowError):
        node.when = None  # a time outside of the calendar
    return node


def _tree_of_zip(path, member, name, longest=None):
    """The tree in a zip file on disk, or in one inside of it. Raises one of _ZIP_ERRORS."""
    top = _Node(name, os.fspath(path), member, inside={})
    for entry in _archive(os.fspath(path), member, longest).infolist():
        _grow(top, entry)
    return top


def _grow(top, entry):
    """Adds a member of a zip to the tree."""
    name = _name_in_zip(entry)
    parts = [p for p in re.split(r"[/\\]", name) if p not in ("", ".")]
    leads_out = ".." in parts or name[:1] in ("/", "\\") or re.match(r"[A-Za-z]:", name)
    if leads_out:
        parts = [p for p in parts if p != ".."][-1:]
    if not parts or any(_is_ignored(p) for p in parts) or len(parts) > _DEEPEST_FOLDER:
        return
    folder = top
    for part in parts[: None if entry.is_dir() else -1]:
        below = folder.inside.setdefault(part, _Node(part, top.path, top.member, inside={}))
        if below.inside is None:
            return  # a file and a folder of one name
        folder = below
    if not entry.is_dir():
        node = _Node(parts[-1], top.path, (*top.member, entry.filename), entry.file_size)
        node.when, node.origin = _time_in_zip(entry), "the zip's file time"
        if leads_out:
            node.problem = "its path leads out of the zip file"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            node.problem = "it is a link, and links are not followed"
        else:
            node.problem = _refusal(entry)
        folder.inside.setdefault(parts[-1], node)


def _name_in_zip(entry):
    """A member's name; some programs write UTF-8 and don't say so."""
    if not entry.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            return entry.filename.encode("cp437").decode("utf-8")
    return entry.filename


def _time_in_zip(entry):
    """A member's time, which is local and unknown where it is the first that a zip can hold."""
    try:
        when = datetime.datetime(*entry.date_time)
        return when.astimezone() if when.year > 1980 else None
    except (ValueError, OverflowError, OSError):
        return None


def _refusal(entry):
    """Why a member is not unpacked, or ""."""
    if entry.flag_bits & 1:
        return "it is locked with a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed in a way other than deflate"
    if entry.file_size > LARGEST:
        return _too_large(entry.file_size)
    inside = entry.filename.lower().endswith(".zip")
    large, ratio = (_LARGE_INSIDE, _MOST_RATIO_INSIDE) if inside else (_SUSPICIOUS, _MOST_RATIO)
    if entry.file_size > max(large, ratio * entry.compress_size):
        return f"{entry.compress_size:,} bytes unpack to {entry.file_size:,}, as in a zip bomb"
    return ""


def _too_large(size):
    return f"it has {size / 2**20:,.0f} MB, and {LARGEST // 2**20} MB at the most are read"


# reading zips ------------------------------------------------------------------------------------


class _Careful:
    """A file for `zipfile`, of which no list of members is read that is too long for memory."""

    def __init__(self, file, longest):
        self.file, self.longest = file, longest
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def seekable(self):
        return True

    def read(self, size=-1):
        if size is None or size < 0:  # the last bytes of the file
            size = self.longest
        if size > self.longest:
            raise ValueError("its list of members is too long")
        return self.file.read(size)


class _Archive(zipfile.ZipFile):
    """A zip file that is read, and that closes the file it was given."""

    def __init__(self, file, longest):
        self._given = file
        try:
            super().__init__(_Careful(file, longest))
        except BaseException:
            file.close()
            raise

    def close(self):
        super().close()
        self._given.close()


@functools.lru_cache(maxsize=2)
def _outermost(path, changed, process, longest):
    """A zip file on disk, which stays open until two others were asked for.

    Otherwise the list in a class's zip would be read again for every student. changed and process
    only tell files and processes apart: a forked process must not share the place in the file.
    """
    return _Archive(open(path, "rb"), longest)


@functools.lru_cache(maxsize=2)
def _inside(path, changed, process, member):
    """A zip file inside of one, unpacked, for as long as its members are read in a row.

    Two, since the one that is read may itself lie in another.
    """
    *around, name = member
    archive = (
        _inside(path, changed, process, tuple(around))
        if around
        else _outermost(path, changed, process, _LONGEST_CLASS_LIST)
    )
    file = tempfile.SpooledTemporaryFile(32 * _PIECE)
    try:
        for piece in _pieces_of_member(archive, name):
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return _Archive(file, _LONGEST_LIST)


def _archive(path, member, longest=None):
    """The zip file on disk, or the one inside it. Raises one of _ZIP_ERRORS."""
    about = _ordinary(path)
    which = (path, (about.st_mtime_ns, about.st_size), os.getpid())
    return _inside(*which, member) if member else _outermost(*which, longest or _LONGEST_LIST)


def _ordinary(path):
    about = os.lstat(path)
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no ordinary file")
    return about


def _pieces(found):
    """The content piece by piece. Raises ValueError."""
    if found.problem:
        raise ValueError(found.problem)
    try:
        if found.member:
            *zips, name = found.member
            archive = _archive(os.fspath(found.path), tuple(zips), _LONGEST_CLASS_LIST)
            yield from _pieces_of_member(archive, name)
        else:
            yield from _pieces_of_file(found.path)
    except _ZIP_ERRORS as error:
        raise ValueError(_words(error)) from None


def _pieces_of_file(path):
    left = LARGEST
    if _ordinary(path).st_size > left:
        raise ValueError(_too_large(_ordinary(path).st_size))
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise ValueError(_too_large(LARGEST - left))
            yield piece


def _pieces_of_member(archive, name):
    entry = archive.getinfo(name)
    if refusal := _refusal(entry):
        raise ValueError(refusal)
    with archive.open(entry) as file:  # it gives no more than the size that was checked
        while piece := file.read(_PIECE):
            yield piece


def _words(error):
    """What went wrong with a file or zip, as the end of a sentence."""
    if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | KeyError | IndexError):
        return "it is no zip file, or a damaged one"
    if isinstance(error, OSError):
        return f"it could not be read: {error.strerror or error}"
    if type(error) is ValueError:
        return str(error)
    return "it is packed in a way that is not read here, or damaged"


# who handed in what ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Who:
    """Whose something is. when, origin: of the outermost file.

    student: the cleaned name. raw: as it is written. id: the LMS's number, or "". chosen: the name
    is that of a file, which students choose. claim: the name that a bundle gives itself.
    """

    student: str
    raw: str
    id: str = ""
    chosen: bool = False
    claim: str = ""
    late: bool = False
    when: datetime.datetime | None = None
    origin: str = ""

    @property
    def key(self):
        return self.student, self.raw, self.id, self.chosen, self.claim

    def numbered(self, ids):
        """(name, as it is written), with the number where `ids` has several of that name."""
        if self.id and len(ids[self.student]) > 1:
            return f"{self.student}_{self.id}", f"{self.raw}_{self.id}_"
        return self.student, self.raw


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something of a student's.

    minor: it only tells of the want of a notebook. passed_over: how many notebooks and zips it
    stands for that were not looked at. place: the root's number.
    """

    who: _Who
    found: Found
    minor: bool
    passed_over: int
    place: int


def _clean(name):
    """A student's name as text that can be stored and shown anywhere: nothing turns its order."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", errors="replace").decode())
    name = "".join("?" if unicodedata.category(c) == "Cc" else c for c in name)
    return re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", name).strip() or "?"


def _stem(name):
    """A file's name without what tells its kind."""
    for suffix in sorted(_NOTEBOOKS, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return os.path.splitext(name)[0]


def _is_notebook(node):
    return node.inside is None and node.name.lower().endswith(_NOTEBOOKS)


def _is_zip(node):
    return node.inside is None and node.name.lower().endswith(".zip")


def _by_lms(name):
    """Whom an LMS names in the name of a file or folder, as a `_Who`, or None."""
    for pattern in (_MOODLE, _CANVAS_ANONYMOUS, _CANVAS):
        match = pattern.fullmatch(name)
        if match:
            student, late = match["student"], bool(match.groupdict().get("late"))
            return _Who(_clean(student), student, match["id"], late=late)
    return None


def _people(folder):
    """Whom an LMS names in the names in a folder or zip."""
    return {(who.student, who.id) for who in map(_by_lms, folder.inside) if who}


def _is_download(folder, name):
    """Whether a folder or zip of that name holds what an LMS made of a class's work, and no more.

    One file named as by Canvas may be what a student got back, so it takes two or a fitting name.
    """
    names = list(folder.inside)
    if all(map(_MOODLE.fullmatch, names)):
        return bool(names)
    if any(map(_MOODLE.fullmatch, names)) or not all(map(_by_lms, names)):
        return False
    named = re.search(r"submissions?(?: ?\(\d+\)|-\d+)?$", _stem(name), re.I)
    return len(_people(folder)) > 1 or bool(named)


def _unwrapped(folder):
    """The folder inside where there is nothing else, not even a name of an LMS's."""
    while len(folder.inside) == 1:
        (only,) = folder.inside.values()
        if only.inside is None or _by_lms(only.name):
            break
        folder = only
    return folder


def _files(folder):
    """The files in a folder and in those inside it; each folder's own first."""
    waiting = [folder]
    for node in waiting:
        for inner in node.inside.values():
            if inner.inside is None:
                yield inner
            else:
                waiting.append(inner)


def _folders(folder):
    return [node for node in folder.inside.values() if node.inside is not None]


class _Search:
    """Collects what was found in trees of names. others: names of other assignments."""

    def __init__(self, assignment, others=()):
        self.assignment, self.others = assignment, {*others} - {assignment}
        self.entries = []
        self.places = 0
        self.left_out, self.said = [], []
        self.opened = collections.Counter()  # zips inside, by student

    def top(self, folder):
        """Takes all that is below a folder or zip that was named."""
        self.places += 1
        for _ in range(3):
            inner = self._wrapped(folder)
            if inner is None:
                break
            if inner.name != "submitted":
                words = f"{_shown(inner)} is taken for the folder of a whole class: there is"
                self.said.append(f"{words} nothing else in {_shown(folder)}")
            folder = inner
        self._take_class(folder)

    def _wrapped(self, folder):
        """The folder in which the students' entries are, where it is not this one."""
        submitted = folder.inside.get("submitted")
        beside = {node.name.lower() for node in self._work(folder)} - {"submitted"}
        if submitted and submitted.inside is not None and beside <= _COURSE_OF_NBGRADER:
            return submitted
        if len(folder.inside) != 1 or not _folders(folder):
            return None
        (only,) = folder.inside.values()
        if _by_lms(only.name):
            return None
        wrappers = {*_WRAPPERS, self.assignment.lower(), _stem(folder.name).lower()}
        many = len(_folders(only)) > 1 and not {self.assignment, *self.others} & {*only.inside}
        people = many and not any(map(_is_notebook, only.inside.values()))
        return only if only.name.lower() in wrappers or people else None

    def _work(self, folder):
        """The entries that are taken for somebody's work."""
        return list(filter(self._may_be_work, folder.inside.values()))

    @staticmethod
    def _may_be_work(node):
        if node.inside is not None or _is_notebook(node) or _by_lms(node.name):
            return True
        stem, suffix = os.path.splitext(node.name.lower())
        if node.problem and not suffix:
            return True  # a link to a folder, or one that may not be read
        return suffix in (*_OTHERS, ".zip") and _stem(stem) not in _NOBODY

    def _take_class(self, folder):
        """Takes the entries of a folder or zip that the instructor made, or has from an LMS."""
        nodes = self._work(folder)
        if downloads := self._downloads(nodes):
            names = _listed(map(_shown, nodes))
            self.said.append(f"opened as downloads of a whole class: {names}")
            for download in downloads:
                self._take_lms(download.inside.values())
        elif all(_by_lms(node.name) for node in nodes):
            self._take_lms(nodes)
        else:
            stamps = self._has_stamps(nodes)
            for node in nodes:
                self._take_entry(node, stamps)

    def _downloads(self, nodes):
        """The downloads of an LMS that the entries are, or [] where one of them is something else.

        Beside others' work none is opened as one: a student may have made it.
        """
        found = []
        for node in nodes:
            tree = None if _by_lms(node.name) or node.problem else node
            if tree and _is_zip(node):
                with contextlib.suppress(*_ZIP_ERRORS):
                    tree = _tree_of_zip(node.path, node.member, node.name)
            if tree is None or tree.inside is None:
                return []
            tree = _unwrapped(tree)
            if not _is_download(tree, node.name):
                return []
            found.append(tree)
        return found

    def _take_lms(self, nodes):
        for node in nodes:
            self._take(node, _by_lms(node.name))

    def _take_entry(self, node, stamps):
        """Takes an entry of a folder that is not an LMS's as a whole."""
        who = _by_lms(node.name)
        if who:
            self._take(node, replace(who, chosen=node.inside is None))
        elif node.inside is not None:
            self._take_folder(node, stamps)
        elif _is_zip(node) and not node.problem:
            self._take_zip_of_anybody(node)
        else:
            stem = _stem(node.name)
            self._take(node, _Who(_clean(stem), stem, chosen=True))

    def _own(self, folder):
        """nbgrader's folder of the assignment in a student's folder, or None."""
        own = folder.inside.get(self.assignment)
        return own if own is not None and own.inside is not None else None

    def _without_others(self, folder):
        """A student's folder without those of other assignments."""
        inside = {
            name: node
            for name, node in folder.inside.items()
            if name not in self.others or node.inside is None
        }
        return replace(folder, inside=inside)

    def _has_stamps(self, nodes):
        """Whether all who handed in have a timestamp.txt, which nbgrader writes.

        Elsewhere a student may have written it.
        """
        with_stamp, without = [], []
        for node in nodes:
            own = node.inside is not None and self._own(node)
            if own and own.inside.get("timestamp.txt"):
                with_stamp.append(node)
            elif own or node.inside is None or self._without_others(node).inside:
                without.append(node)
        if with_stamp and without:
            self.said.append(
                "timestamp.txt counts where all have one: here it is with "
                f"{_listed(map(_shown, with_stamp))}, and not with {_listed(map(_shown, without))}"
            )
        return not without

    def _take_folder(self, node, stamps):
        who, own = _Who(_clean(node.name), node.name), self._own(node)
        if own and stamps:
            self._take(own, self._stamped(own, who))
            return
        if node.name == "submitted":
            self.said.append(
                "the folder submitted lies beside other work, and so is taken for a student's; if "
                "it is nbgrader's, give it by itself"
            )
        rest = self._without_others(node)
        if node.inside and not rest.inside:
            self.left_out.append(who.student)
        else:
            self._take_ones_own(rest, node, who)

    def _stamped(self, folder, who):
        """Whose a folder of nbgrader's is, with the time in its timestamp.txt."""
        stamp = folder.inside["timestamp.txt"]
        if stamp.inside is not None or stamp.problem or stamp.size > 1000:
            return who
        try:
            text = content(Found("", Path(stamp.path), stamp.member)).decode()
            when = _read_timestamp(text)
        except ValueError:
            return who
        return replace(who, when=when, origin="nbgrader's timestamp.txt") if when else who

    def _take_zip_of_anybody(self, node):
        """Takes a zip that lies beside students' files."""
        stem = _stem(node.name)
        who = _Who(_clean(stem), stem, chosen=True, when=node.when, origin=node.origin)
        try:
            tree = _tree_of_zip(node.path, node.member, node.name)
        except _ZIP_ERRORS as error:
            self._say(who, node, _words(error))
            return
        match = _BUNDLE_NAME.fullmatch(stem)
        if match and match["name"]:
            who = replace(who, student=_clean(match["name"]), raw=match["name"])
        elif match and _is_bundle(tree):
            who = replace(who, claim=_claim(node))
        self._take_ones_own(tree, node, who)

    def _take_ones_own(self, tree, node, who):
        """Takes what a student made, who may have given names of others to what is inside."""
        inner = _unwrapped(tree)
        download, several = _is_download(inner, node.name), len(_people(inner)) > 1
        if download or several:
            self._say(who, node, _A_DOWNLOAD)
        if not (download and several):
            self._take_tree(tree, node, who)

    def _take(self, node, who):
        """Takes all that is a student's in a file or folder."""
        if not who.origin and node.inside is None:
            who = replace(who, when=node.when, origin=node.origin)
        if node.problem:
            self._say(who, node, node.problem)
        elif node.inside is not None:
            self._take_tree(node, node, who)
        elif _is_notebook(node):
            self._say(who, node, "" if node.size else "it is empty (0 bytes)")
        elif _is_zip(node):
            self._take_zip(node, who)
        else:
            self._say(who, node, "it is no notebook (.ipynb)", minor=True)

    def _take_zip(self, node, who):
        try:
            if len(node.member) > DEEPEST_ZIP:
                raise ValueError(f"zip files in zip files are read {DEEPEST_ZIP} deep at the most")
            tree = _tree_of_zip(node.path, node.member, node.name)
        except _ZIP_ERRORS as error:
            self._say(who, node, _words(error))
        else:
            self._take_tree(tree, node, who)

    def _take_tree(self, tree, node, who):
        """Takes the notebooks in a student's folder or zip. node: the folder or the zip's file."""
        files = list(_files(tree))
        if _is_zip(node):
            total = sum(f.size for f in files)
            if len(files) > _MOST_MEMBERS or total > _LARGEST_ARCHIVE:
                words = f"it holds {len(files):,} files, unpacked {total / 2**20:,.0f} MB"
                self._say(who, node, f"{words}, which is too much")
                return
            if _is_bundle(tree):
                self._say(who, node, "", bundle=True)
                return
        work = sorted((f for f in files if _is_notebook(f) or _is_zip(f)), key=_seconds)
        passed_over = work[:-_MOST_NOTEBOOKS]
        for file in reversed(work[-_MOST_NOTEBOOKS:]):
            self.opened[who.key] += _is_zip(file)
            if _is_zip(file) and self.opened[who.key] > _MOST_NOTEBOOKS:
                passed_over.append(file)
            else:
                self._take(file, who)
        if passed_over:
            self._say(who, passed_over[0], "", passed_over=len(passed_over))
        if not work:
            words, minor = _nothing_in(tree, files)
            self._say(who, node, words, minor=minor)

    def _say(self, who, node, problem, *, bundle=False, minor=False, passed_over=0):
        when, origin = (who.when, who.origin) if who.origin else (node.when, node.origin)
        origin = origin if when else ""
        where = (Path(node.path), node.member, when, origin)
        found = Found(who.student, *where, who.late, bundle, problem)
        self.entries.append(_Entry(who, found, minor, passed_over, self.places))

    def students(self):
        """{final name: entries}."""
        names, students = _names({entry.who.key: entry.who for entry in self.entries}), {}
        for entry in self.entries:
            name, note = names[entry.who.key]
            found = replace(entry.found, student=name, note=note)
            students.setdefault(name, []).append(replace(entry, found=found))
        return students

    def remarks(self, students):
        """Sentences on what was left out, and on what instructors might not expect."""
        said = list(self.said)
        if left_out := set(self.left_out) - students.keys():
            names = ", ".join(sorted(left_out))
            said.append(f"left out, with work for other assignments only: {names}")
        many = [name for name, of in students.items() if len({e.place for e in of}) > 1]
        if many:
            said.append(f"in more than one of the places given: {', '.join(sorted(many))}")
        return said


def _of_one(entries):
    """What counts of one student's, in order: of the notebooks the latest, and a word on others."""
    passed_over = sum(entry.passed_over for entry in entries)
    left = [entry.found for entry in entries if entry.passed_over]
    entries = [entry for entry in entries if not entry.passed_over]
    have = any(not entry.found.problem for entry in entries)
    taken, counts = [], collections.Counter()
    for found in sorted((e.found for e in entries if not (e.minor and have)), key=_order)[::-1]:
        counts[bool(found.problem)] += 1
        (taken if counts[bool(found.problem)] <= _MOST_NOTEBOOKS else left).append(found)
    passed_over += sum(max(count - _MOST_NOTEBOOKS, 0) for count in counts.values())
    if left:
        words = (
            f"{passed_over:,} more notebooks or zip files were left out: of one student the latest "
            f"{_MOST_NOTEBOOKS} are taken"
        )
        taken.append(replace(left[0], problem=words, bundle=False))
    return sorted(taken, key=_order)


def _names(people):
    """{key: (final name, note)} of {key: `_Who`}.

    Names of folders and of an LMS's stay. Those of files, which students choose, get a code where
    they are somebody else's but for the cleaning.
    """
    notes, known = dict.fromkeys(people, ""), {who.student for who in people.values()}
    people = dict(people)
    for key, who in [(key, who) for key, who in people.items() if who.claim]:
        claim = _clean(who.claim)
        if claim in known:
            notes[key] = f"the bundle calls itself {claim}, as another student is called"
        else:
            people[key] = replace(who, student=claim, raw=who.claim)
    everybody, given = collections.defaultdict(set), collections.defaultdict(set)
    for who in people.values():
        everybody[who.student].add(who.id)
        if not who.chosen:
            given[who.student].add(who.id)
    lms, folders, files, found = set(), {}, {}, {}
    for key, who in people.items():
        name, raw = who.numbered(everybody if who.chosen else given)
        found[key] = name, raw
        if who.chosen:
            files.setdefault(name, set()).add(raw)
        elif who.id:
            lms.add(name)
        else:
            folders.setdefault(name, set()).add(raw)

    def is_own(name, raw):
        """Whether a file's name may stand as it is."""
        if name in lms:
            return False
        same = raw == name or raw in folders.get(name, ())
        return same or (name not in folders and len(files[name]) == 1)

    foreign = {key for key, pair in found.items() if people[key].chosen and not is_own(*pair)}
    taken = {name for key, (name, _) in found.items() if key not in foreign}
    codes = {}
    for pair in sorted({found[key] for key in foreign}):
        codes[pair] = next(name for name in _coded(*pair) if name not in taken)
        taken.add(codes[pair])
    for key in foreign:
        name, raw = found[key]
        word = f"its file is called {raw[:60]!a}, and {name} is another student"
        notes[key] = "; ".join(filter(None, [notes[key], word]))
    return {
        key: (codes[pair] if key in foreign else pair[0], notes[key]) for key, pair in found.items()
    }


def _coded(name, raw):
    """Names with a code of how it is written, without end."""
    for number in itertools.count():
        text = f"{number}\n{raw}".encode("utf-8", "surrogatepass")
        yield f"{name}-{hashlib.sha256(text).hexdigest()[:6]}"


def _claim(node):
    """The name in a bundle of `course submit`, or ""."""
    from course_lib.classroom.submit import read_bundle

    with contextlib.suppress(ValueError):
        bundle = content(Found("", Path(node.path), node.member))
        return read_bundle(bundle)[2].get("name", "")
    return ""


def _seconds(found):
    """The time of a node or a `Found` as a number, 0 where it is unknown."""
    return found.when.timestamp() if found.when else 0.0


def _order(found):
    """By student, time and path, with `x.ipynb` before `x-1.ipynb` as Canvas numbers them."""
    names = [os.fspath(found.path), *found.member]
    again = _AGAIN.search(names[-1])
    number = int(again[1][:9]) if again else 0
    if again:
        names[-1] = names[-1][: again.start()] + again[2]
    return found.student, _seconds(found), names, number


def _shown(node):
    name = _clean(node.name)
    return name if len(name) <= 60 else f"{name[:59]}…"


def _listed(names):
    """The first three of some names."""
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _nothing_in(folder, files):
    """(why there is no notebook in a folder or zip, that it is for want of one)."""
    odd = [f for f in files if f.problem]
    if odd:
        words = f"there is no notebook in it, and {_shown(odd[0])} was not read: {odd[0].problem}"
        return words, False
    kind = "zip file" if _is_zip(_Node(folder.name, "")) else "folder"
    if not files:
        return f"the {kind} is empty", True
    names = _listed(map(_shown, files))
    return f"there is no notebook (.ipynb) in the {kind}, only {names}", True


def _is_bundle(tree):
    """Whether a zip holds what `course submit` packs."""
    names = [f.name for f in _files(tree)]
    notebooks = sum(name.lower().endswith(".ipynb") for name in names)
    return {"manifest.json", "answers.json"} <= set(names) and notebooks == 1


def _read_timestamp(text):
    """The time in nbgrader's timestamp.txt, in UTC where no zone is named; None if unclear."""
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return None
    try:
        when = datetime.datetime.fromisoformat(match[1])
        zone = match[2]
        if zone.upper() in ("", "Z", "UTC", "GMT"):
            return when.replace(tzinfo=datetime.UTC)
        if re.fullmatch(r"[+-]\d\d:?\d\d", zone):
            return datetime.datetime.fromisoformat(f"{match[1]}{zone}")
        return when.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        return None
