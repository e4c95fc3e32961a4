"""What a measurement was made on, how many threads may compute meanwhile, and memory in use."""

import platform
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

from course_lib import pieces
from course_lib.pieces import cores


def describe(*packages: str) -> str:
    """One line: processor, cores, system, and the versions of Python, BLAS and the packages."""
    parts = [_processor(), f"{cores()} cores", platform.system()]
    parts.append(f"Python {platform.python_version()}")
    for package in packages:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    blas = {
        f"{library['internal_api']} {library['version']} ({library.get('architecture', 'any')})"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return ", ".join([*parts, *(f"NumPy's BLAS {name}" for name in sorted(blas))])


@contextmanager
def threads_limited(threads: int):
    """`threads` threads for course_lib, BLAS, OpenMP and PyTorch, as far as loaded by now."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(threads), pieces.threads(threads):
        if torch:
            torch.set_num_threads(threads)  # its matrix products are in MKL, which it alone sees
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def peak_memory() -> int | None:
    """Bytes of memory that this process had in use at most since it began; None where unknown."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, where `resource` would count the parent's peak too
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].removesuffix("kB"))
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # where Linux names the model; elsewhere Python can tell
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
