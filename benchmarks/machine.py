"""What a measurement was made on, in words, and how many threads may compute meanwhile."""

import os
import platform
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    """At most `threads` threads for BLAS, OpenMP and PyTorch, as far as they are loaded by now."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(threads):
        if torch:
            torch.set_num_threads(threads)  # its matrix products are in MKL, which it alone sees
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # where Linux names the model; elsewhere Python can tell
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
