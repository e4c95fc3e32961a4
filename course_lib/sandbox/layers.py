"""What keeps a student's process in its place, on Linux: limits, Landlock, seccomp.

`Layers` is made once in the clean parent; `apply` is called in each child before any byte of a
student's is read. Only this module knows system calls. The bindings are `landlock` and `pyseccomp`.
"""

import contextlib
import errno
import importlib
import importlib.util
import os
import site
import sysconfig
from pathlib import Path

MEMORY = 2_000_000_000  # bytes of address space on top of what the parent has
FILES = 32  # open at once
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SIGKILL = 9

# Only these are carried out; others fail with EPERM, as if there were no permission.
_ALLOWED = """
    read readv pread64 write writev close lseek fstat stat lstat newfstatat statx access faccessat
    faccessat2 readlink readlinkat getcwd getdents64 mmap munmap mprotect mremap madvise brk
    futex futex_waitv rseq set_robust_list get_robust_list sched_yield sched_getaffinity
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending sigaltstack
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage
    getrandom getpid gettid getppid getuid geteuid getgid getegid getpgrp uname
    poll ppoll select pselect6 exit exit_group restart_syscall
""".split()
_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS_FCNTL = (1, 2, 3)  # F_GETFD, F_SETFD, F_GETFL


class LayerMissing(Exception):
    """A layer is not available here; why is said in words."""


def _landlock(readable):
    """A Landlock ruleset that allows to read the given files and folders, and nothing else."""
    try:
        import ctypes

        import landlock
        from landlock.plumbing import FSAccess
    except ImportError as error:
        raise LayerMissing(f"Landlock: the package {error.name} is not installed") from None
    try:
        ctypes.set_errno(0)  # the binding takes an old errno for a new error
        ruleset = landlock.Ruleset()
    except Exception as error:  # its own exceptions for kernels without it
        raise LayerMissing(f"Landlock: {error}") from None
    for path in readable:
        ctypes.set_errno(0)
        rights = FSAccess.READ_FILE | FSAccess.EXECUTE
        ruleset.allow(path, rules=rights | FSAccess.READ_DIR if os.path.isdir(path) else rights)
    return ruleset


def _seccomp():
    """A seccomp filter that allows what is computing, and refuses the rest."""
    try:
        import pyseccomp as seccomp
    except ImportError as error:
        raise LayerMissing(f"seccomp: the package {error.name} is not installed") from None
    except RuntimeError as error:
        raise LayerMissing(f"seccomp: {error} (Debian's package is libseccomp2)") from None
    allowed = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    for name in _ALLOWED:
        try:
            allowed.add_rule(seccomp.ALLOW, name)
        except (OSError, RuntimeError, ValueError):  # not known on this architecture
            continue
    arg = seccomp.Arg
    for name, place in (("open", 1), ("openat", 2)):
        allowed.add_rule(seccomp.ALLOW, name, arg(place, seccomp.MASKED_EQ, _WRITING, 0))
    # Threads of its own, no processes; clone3 hides its flags, so glibc is sent to clone.
    threads = arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD)
    allowed.add_rule(seccomp.ALLOW, "clone", threads)
    allowed.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    for command in _HARMLESS_FCNTL:
        allowed.add_rule(seccomp.ALLOW, "fcntl", arg(1, seccomp.EQ, command))
    # Reading one's own limits; setting them needs the third argument.
    allowed.add_rule(seccomp.ALLOW, "prlimit64", arg(0, seccomp.EQ, 0), arg(2, seccomp.EQ, 0))
    return allowed


def readable_paths():
    """The files and folders of the interpreter, the standard library and NumPy, and no others."""
    import numpy as np

    outside = {Path(p).resolve() for p in site.getsitepackages()}
    found = []
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        # One by one: packages may be installed in a folder below the standard library.
        for entry in sorted(Path(folder).resolve().iterdir()):
            if entry.name not in ("site-packages", "dist-packages") and entry not in outside:
                found.append(entry)
    numpy = Path(np.__file__).resolve().parent
    found += [numpy, numpy.parent / "numpy.libs"]
    return sorted({p.resolve() for p in found if p.exists()})


def load_linked_libraries():
    """Imports what links to libraries of the system, which cannot be read once Landlock holds.

    Also looks through the folders of modules once, as they cannot be listed by then.
    """
    importlib.util.find_spec("no_module_of_this_name")
    names = "_bz2 _ctypes _decimal _hashlib _lzma _sqlite3 _ssl resource zlib"
    for name in names.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def limit_what_can_be_limited(seconds):
    """Sets resource limits where the system has them. seconds: of processor time, in all."""
    try:
        import resource
    except ImportError:  # Windows
        return
    memory = MEMORY
    with contextlib.suppress(OSError):  # only Linux tells what is used already
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        memory += pages * os.sysconf("SC_PAGE_SIZE")
    limits = {
        "RLIMIT_AS": memory,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": FILES,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    for name, value in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # macOS lacks some
            resource.setrlimit(getattr(resource, name), (value, value))


def _libc():
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


class Layers:
    """The layers that are there, made ready once. active: their names. missing: why not, in words.

    Only for Linux.
    """

    def __init__(self):
        self.active, self.missing = ["resource limits", "no new privileges"], []
        self._ruleset = self._made("Landlock", lambda: _landlock(readable_paths()))
        self._filter = self._made("seccomp", _seccomp)
        self._libc = _libc()

    def _made(self, name, make):
        try:
            made = make()
        except LayerMissing as why:
            self.missing.append(str(why))
            return None
        self.active.append(name)
        return made

    @property
    def descriptors(self):
        """File descriptors that must stay open until `apply`."""
        return [self._ruleset._fd] if self._ruleset else []

    def apply(self, seconds):
        """Restricts this process, for ever. Raises OSError where a layer cannot be applied.

        seconds: of processor time that it may use in all.
        """
        limit_what_can_be_limited(seconds)
        self._libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        self._libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        if self._libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError("no_new_privs could not be set")
        if self._ruleset:
            import ctypes

            ctypes.set_errno(0)  # as in `_landlock`
            self._ruleset.apply()
            os.close(self._ruleset._fd)
        if self._filter:
            self._filter.load()
