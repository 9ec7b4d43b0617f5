"""The line a program prints for each feature it has used: `ok NAME`, or `failed NAME: WHY`."""

import traceback
from contextlib import contextmanager


def ok(name):
    print(f"ok {name}", flush=True)


@contextmanager
def feature(name):
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        said = " ".join(str(error).split()) or type(error).__name__
        print(f"failed {name}: {said[:500]}", flush=True)
    else:
        ok(name)


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def refused(error, code, message, reason=None):
    """What the SDK makes of an error of the sidecar."""
    same((error.code().name, error.details()), (code, message))
    if reason:
        same(error.error_code(), reason)
