"""The line a program prints for each feature it has used: `ok NAME`, or `failed NAME: WHY`."""

import sys
import traceback
from contextlib import contextmanager


def line(text):
    """In one piece: print() writes the end of a line on its own, and another thread may come in between."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def ok(name):
    line(f"ok {name}")


@contextmanager
def feature(name):
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        said = " ".join(str(error).split()) or type(error).__name__
        line(f"failed {name}: {said[:500]}")
    else:
        ok(name)


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def refused(error, code, message, reason=None):
    """What the SDK makes of an error of the sidecar."""
    same((error.code().name, error.details()), (code, message))
    if reason:
        same(error.error_code(), reason)
