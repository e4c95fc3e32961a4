"""Finding what was handed in, in the layouts of nbgrader, Canvas and Moodle, zipped or not.

Only names are looked at, and within zip files their lists of members. Nothing is unpacked to disk.
"""

import contextlib
import datetime
import functools
import hashlib
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
_MOST_NOTEBOOKS = 100  # of one student, in one place
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


@dataclass(frozen=True)
class Found:
    """One notebook that was handed in, or a sign that there was something that is none.

    student: as the folder, the file or the LMS names them. path: of the file on disk. member:
    names inside zips, the outermost first. when: aware, or None. when_from: what tells the time.
    late_flag: Canvas wrote LATE into the name. bundle: made by `course submit`. problem: why there
    is nothing to read, in words.
    """

    student: str
    path: Path
    member: tuple = ()
    when: datetime.datetime | None = None
    when_from: str = ""
    late_flag: bool = False
    bundle: bool = False
    problem: str = ""


def find(root, assignment_name):
    """What lies in a folder or a zip file, as a list of `Found`, by student, time and path.

    Each entry is recognised by itself, so layouts may be mixed:

    - `NAME.ipynb`; `NAME/…/ANY.ipynb`; `NAME.zip` with notebooks in it.
    - nbgrader's `submitted/NAME/ASSIGNMENT/`, from the course's folder or from `submitted`; other
      assignments are left out.
    - names as Canvas and Moodle write them, in a folder or in a zip file.
    - bundles of `course submit`. The student is whom the folder or the LMS names, then the file's
      name up to `_submission`, without the chapter. Only where that leaves nothing, the name in
      the bundle counts.

    Students of one name whom the LMS tells apart by number get the number after their name. Raises
    UsageError when `root` is missing, or is neither a folder nor a zip file.
    """
    root = Path(root)
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
    search = _Search(assignment_name)
    search.top(top)
    return search.results()


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
    with _archive(os.fspath(path), member, longest) as archive:
        for entry in archive.infolist():
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
    if entry.file_size > max(_SUSPICIOUS, _MOST_RATIO * entry.compress_size):
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


@contextlib.contextmanager
def _archive(path, member, longest=None):
    """The zip file on disk, or the one inside it. Raises one of _ZIP_ERRORS."""
    about = _ordinary(path)
    longest = _LONGEST_CLASS_LIST if member else longest or _LONGEST_LIST
    archive = _outermost(path, (about.st_mtime_ns, about.st_size), os.getpid(), longest)
    with contextlib.ExitStack() as stack:
        for name in member:
            file = stack.enter_context(tempfile.SpooledTemporaryFile(32 * _PIECE))
            for piece in _pieces_of_member(archive, name):
                file.write(piece)
            archive = stack.enter_context(_Archive(file, _LONGEST_LIST))
        yield archive


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
            with _archive(os.fspath(found.path), tuple(zips), _LONGEST_CLASS_LIST) as archive:
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
    """Whose something is. id: the LMS's number, or "". when, origin: of the outermost file."""

    student: str
    id: str = ""
    late: bool = False
    when: datetime.datetime | None = None
    origin: str = ""


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
            return _Who(_clean(match["student"]), match["id"], bool(match.groupdict().get("late")))
    return None


def _is_of_a_class(folder):
    """Whether a folder or zip inside of another is what an LMS made of many students' work."""
    if any(_MOODLE.fullmatch(name) for name in folder.inside):
        return True
    people = {(w.student, w.id) for w in map(_by_lms, folder.inside) if w}
    named = re.search(r"submissions?(?: ?\(\d+\)|-\d+)?$", _stem(folder.name), re.I)
    return len(people) > 1 or bool(people and named)


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
    """Collects what was found in trees of names."""

    def __init__(self, assignment):
        self.assignment = assignment
        self.found = []  # (_Who, Found, whether it is only for want of a notebook)

    def top(self, folder):
        """Takes all that is below the folder or zip that was named."""
        for _ in range(3):
            inner = self._wrapped(folder)
            if inner is None:
                break
            folder = inner
        self._take_class(folder)

    def _wrapped(self, folder):
        """The folder in which the students' entries are, where it is not this one."""
        submitted = folder.inside.get("submitted")
        if submitted and submitted.inside is not None:
            return submitted
        if len(folder.inside) != 1 or not _folders(folder):
            return None
        (only,) = folder.inside.values()
        if _by_lms(only.name):
            return None
        wrappers = {*_WRAPPERS, self.assignment.lower(), _stem(folder.name).lower()}
        many = len(_folders(only)) > 1 and self.assignment not in only.inside
        people = many and not any(map(_is_notebook, only.inside.values()))
        return only if only.name.lower() in wrappers or people or _is_of_a_class(only) else None

    def _take_class(self, folder):
        nbgrader = any(self._own(node) for node in _folders(folder))
        for node in folder.inside.values():
            who = _by_lms(node.name)
            if who:
                self._take(node, who)
            elif node.inside is not None:
                self._take_folder(node, folder, nbgrader)
            elif _is_zip(node) and not node.problem:
                self._take_zip_of_anybody(node)
            elif _is_notebook(node):
                self._take(node, _Who(_clean(_stem(node.name))))
            elif self._may_be_work(node):
                self._take(node, _Who(_clean(_stem(node.name))))

    @staticmethod
    def _may_be_work(node):
        stem, suffix = os.path.splitext(node.name.lower())
        if node.problem and not suffix:
            return True  # a link to a folder, or one that may not be read
        return suffix in (*_OTHERS, ".zip") and _stem(stem) not in _NOBODY

    def _own(self, folder):
        """nbgrader's folder of the assignment in a student's folder, or None."""
        own = folder.inside.get(self.assignment)
        return own if own is not None and own.inside is not None else None

    def _take_folder(self, node, parent, nbgrader):
        who, own = _Who(_clean(node.name)), self._own(node)
        if own:
            self._take(own, self._stamped(own, who))
            return
        if _is_of_a_class(node):
            self._take_class(node)
            return
        stamped = any("timestamp.txt" in inner.inside for inner in _folders(node))
        if len(_folders(node)) == len(node.inside) and node.inside:
            if nbgrader and (stamped or parent.name == "submitted"):
                return  # other assignments only
            if stamped:
                self._say(who, node, f"there is no folder {self.assignment} in it", minor=True)
                return
        self._take(node, who)

    def _stamped(self, folder, who):
        """Whose a folder of nbgrader's is, with the time in its timestamp.txt."""
        stamp = folder.inside.get("timestamp.txt")
        if stamp is None or stamp.inside is not None or stamp.problem or stamp.size > 1000:
            return who
        try:
            text = content(Found("", Path(stamp.path), stamp.member)).decode()
            when = _read_timestamp(text)
        except ValueError:
            return who
        return replace(who, when=when, origin="nbgrader's timestamp.txt") if when else who

    def _take_zip_of_anybody(self, node):
        """Takes a zip that lies beside students' files: of a class, or a student's."""
        who = _Who(_clean(_stem(node.name)), when=node.when, origin=node.origin)
        try:
            tree = _tree_of_zip(node.path, node.member, node.name)
        except _ZIP_ERRORS as error:
            self._say(who, node, _words(error))
            return
        inner = self._wrapped(tree)
        if inner and _is_of_a_class(inner):
            tree = inner
        if _is_of_a_class(tree):
            self._take_class(tree)
        else:
            who = replace(who, student=self._student_of_zip(node, tree))
            self._take_tree(tree, node, who)

    def _student_of_zip(self, node, tree):
        stem = _stem(node.name)
        match = _BUNDLE_NAME.fullmatch(stem)
        if not match:
            return _clean(stem)
        name = match["name"]
        if not name and _is_bundle(tree):
            from course_lib.classroom.submit import read_bundle

            with contextlib.suppress(ValueError):
                bundle = content(Found("", Path(node.path), node.member))
                name = read_bundle(bundle)[2].get("name", "")
        return _clean(name or stem)

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
        if tree is not node:
            total = sum(f.size for f in files)
            if len(files) > _MOST_MEMBERS or total > _LARGEST_ARCHIVE:
                words = f"it holds {len(files):,} files, unpacked {total / 2**20:,.0f} MB"
                self._say(who, node, f"{words}, which is too much")
                return
            if _is_bundle(tree):
                self._say(who, node, "", bundle=True)
                return
        work = [f for f in files if _is_notebook(f) or _is_zip(f)]
        for file in work[:_MOST_NOTEBOOKS]:
            self._take(file, who)
        if len(work) > _MOST_NOTEBOOKS:
            words = f"of {len(work):,} notebooks and zip files the first {_MOST_NOTEBOOKS}"
            self._say(who, node, f"{words} were taken")
        if not work:
            words, minor = _nothing_in(tree, files)
            self._say(who, node, words, minor=minor)

    def _say(self, who, node, problem, *, bundle=False, minor=False):
        when, origin = (who.when, who.origin) if who.origin else (node.when, node.origin)
        origin = origin if when else ""
        where = (Path(node.path), node.member, when, origin)
        found = Found(who.student, *where, who.late, bundle, problem)
        self.found.append((who, found, minor))

    def results(self):
        ids = {}
        for who, _, _ in self.found:
            ids.setdefault(who.student, set()).add(who.id)
        have = {(w.student, w.id) for w, found, _ in self.found if not found.problem}
        results = [
            replace(f, student=f"{w.student}_{w.id}") if w.id and len(ids[w.student]) > 1 else f
            for w, f, minor in self.found
            if not (minor and (w.student, w.id) in have)
        ]
        return sorted(results, key=_order)


def _order(found):
    """By student, time and path, with `x.ipynb` before `x-1.ipynb` as Canvas numbers them."""
    names = [os.fspath(found.path), *found.member]
    again = _AGAIN.search(names[-1])
    number = int(again[1][:9]) if again else 0
    if again:
        names[-1] = names[-1][: again.start()] + again[2]
    when = found.when.timestamp() if found.when else 0.0
    return found.student, when, names, number


def _shown(node):
    name = _clean(node.name)
    return name if len(name) <= 60 else f"{name[:59]}…"


def _nothing_in(folder, files):
    """(why there is no notebook in a folder or zip, that it is for want of one)."""
    odd = [f for f in files if f.problem]
    if odd:
        words = f"there is no notebook in it, and {_shown(odd[0])} was not read: {odd[0].problem}"
        return words, False
    kind = "zip file" if _is_zip(_Node(folder.name, "")) else "folder"
    if not files:
        return f"the {kind} is empty", True
    names = ", ".join(_shown(f) for f in files[:3]) + (", …" if len(files) > 3 else "")
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
