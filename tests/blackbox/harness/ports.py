"""Free loopback ports that no other test process of this machine is given at the same time.

They lie below the ephemeral range, so that an outgoing connection cannot take one meanwhile.
"""

import fcntl
import os
import random
import socket
import tempfile

LOWEST, HIGHEST = 10100, 32000
_held = []


def _claim(port):
    folder = os.path.join(tempfile.gettempdir(), f"blackbox-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    handle = open(os.path.join(folder, str(port)), "w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def free_port():
    while True:
        port = random.randrange(LOWEST, HIGHEST)
        claim = _claim(port)
        if claim is None:
            continue
        if _is_free(port):
            _held.append(claim)
            return port
        claim.close()


def is_open(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, port)) == 0
