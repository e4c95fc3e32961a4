"""A clean process that has imported NumPy and forks one child for each notebook. Linux only.

It runs no byte of a student's itself. The judge sends it a socket for a new child ("F"), or a
child's number ("R", to be told how that child ended).
"""

import gc
import json
import os
import socket
import struct
import sys

from course_lib.sandbox import facade, layers
from course_lib.sandbox.student import Serving, forget_packages, make_ready

NUMBER = struct.Struct(">q")
REQUEST = struct.Struct(">cq")


def _reader(descriptor):
    def read(count):
        parts, left = [], count
        while left:
            part = os.read(descriptor, min(left, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    return read


def _writer(descriptor):
    def write(content):
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]

    return write


def _become_child(control, own, protection, seconds):
    """Serves one notebook in a process that can do nothing else; never returns."""
    code = 1
    try:
        control.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        keep = max(own, *protection.descriptors, 2)
        for descriptor in range(3, keep + 1):
            if descriptor != own and descriptor not in protection.descriptors:
                _close(descriptor)
        os.closerange(keep + 1, 4096)
        protection.apply(seconds)
        Serving(_reader(own), _writer(own)).run()
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def _close(descriptor):
    try:
        os.close(descriptor)
    except OSError:
        pass


def main():
    """Takes requests on the socket whose number is the first argument until it is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    facade.install(**settings)
    layers.load_linked_libraries()
    make_ready()
    protection = layers.Layers()
    forget_packages()
    control.sendall(
        json.dumps({"active": protection.active, "missing": protection.missing}).encode()
    )
    gc.collect()  # what was withheld shall not be found
    gc.freeze()  # nothing of this is garbage, so no child has to look at it
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if not message:
            return
        kind, number = REQUEST.unpack(message)
        if kind == b"R":
            _, status = os.waitpid(number, 0)
            control.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
            continue
        (own,) = descriptors
        try:
            child = os.fork()
            if child == 0:
                _become_child(control, own, protection, seconds=number)
            handle = os.pidfd_open(child)
        except OSError:  # too many processes or open files on this machine
            control.sendall(NUMBER.pack(-1))
            continue
        finally:
            os.close(own)
        socket.send_fds(control, [NUMBER.pack(child)], [handle])
        os.close(handle)


if __name__ == "__main__":
    main()
