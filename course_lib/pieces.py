"""Cutting a batch of images into pieces that run on threads: faster, and the same to the last bit.

The pieces are independent of one another, so each can go through several layers on a thread of its
own: NumPy lets other threads run while it computes. The next layer finds more of a piece than of a
batch in the processor's cache, too.

How a batch is cut depends on its shape alone, and what the pieces give is put together in their
order. So the result does not depend on the number of threads.
"""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import pairwise
from math import prod

import numpy as np
from threadpoolctl import ThreadpoolController

# Large pieces, because only one thread at a time can be in Python, and between two calls of NumPy
# each must be: the smaller the arrays, the more often one waits for the other. In pieces of 8, a
# step of the network of chapter 05 takes a quarter longer.
SAMPLES = 32
ENTRIES = 8 * 28 * 28

_threads = ContextVar("threads", default=None)


def cut(shape: tuple[int, ...]) -> list:
    """The indices of the pieces of an array of `shape`, in order.

    Images (N, H, W, C) are cut into 2, 4, 6, ... pieces of nearly the same size, at most 32
    samples, or into fewer if they would have less than 6,272 entries. Other arrays, and small
    ones, are one piece: `[...]`.
    """
    if len(shape) != 4:
        return [...]
    N = shape[0]
    number = min(2 * -(-N // (2 * SAMPLES)), N, prod(shape) // ENTRIES)
    if number < 2:
        return [...]
    ends = [N * k // number for k in range(number + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


@contextmanager
def threads(number: int):
    """`with threads(1):` computes the pieces one after the other; `threads(3)` on three threads.

    Otherwise there are as many threads as processor cores that this process may use.
    Raises ValueError for a number below 1.
    """
    if number < 1:
        raise ValueError(f"the number of threads is {number}, expected at least 1")
    before = _threads.set(number)
    try:
        yield
    finally:
        _threads.reset(before)


def run(task, items) -> list:
    """`[task(item) for item in items]`, computed on several threads at once.

    An exception ends the run: the items that have begun are finished, no others begun, and the
    exception of the first item that failed is raised.
    """
    if len(items) == 1:
        return [task(items[0])]
    results, errors = [None] * len(items), {}
    waiting = deque(enumerate(items))

    def work():
        while True:
            try:
                index, item = waiting.popleft()  # which no two threads can do at once
            except IndexError:
                return
            try:
                results[index] = task(item)
            except Exception as error:
                errors[index] = error
                waiting.clear()

    # This thread works as well. So the run ends even if the pool has no thread to spare, because
    # a task starts a run of its own. np.errstate belongs to a context, so threads get a copy.
    others = min(_threads.get() or cores(), len(items)) - 1
    helpers = []
    keep_memory()
    with one_blas_thread():
        try:
            for _ in range(others):
                helpers.append(_pool().submit(copy_context().run, work))
            work()
        finally:  # on KeyboardInterrupt too, so that no thread goes on in the background
            waiting.clear()
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
    if errors:
        raise errors[min(errors)]
    return results


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_blas_lock = threading.Lock()
_blas_users = 0
_blas_limit = None


@contextmanager
def one_blas_thread():
    """BLAS computes each matrix product inside on one thread; afterwards on as many as before.

    Its own threads would fight with those of `run` for the cores, even after a product: they keep
    a core busy for a while, waiting for the next. The limit holds for the whole process, so the
    last of several users, nested or on different threads, is the one who lifts it.
    """
    global _blas_users, _blas_limit
    with _blas_lock:
        if _blas_users == 0:
            _blas_limit = _blas().limit(limits=1)
        _blas_users += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users -= 1
            if _blas_users == 0:
                _blas_limit.restore_original_limits()


@cache  # looking for the libraries takes longer than limiting them
def _blas():
    return ThreadpoolController().select(user_api="blas")


@cache
def _pool():
    return ThreadPoolExecutor(max_workers=64, thread_name_prefix="pieces")  # starts them as needed


@cache
def keep_memory():
    """Let large arrays keep their memory between steps; the first call does it."""
    # glibc hands the memory of large arrays back to the system and gets it page by page again in
    # the next step, until it has seen a larger array come and go: then it keeps up to twice as much
    # as that (mallopt(3), M_MMAP_THRESHOLD; 32 MB at most). A step takes an eighth less time.
    np.empty(31 * 2**20, np.uint8)


def _start_afresh():
    global _blas_lock, _blas_users
    _pool.cache_clear()
    _blas_lock, _blas_users = threading.Lock(), 0


if hasattr(os, "register_at_fork"):  # a forked process has none of the threads it knows of
    os.register_at_fork(after_in_child=_start_afresh)
