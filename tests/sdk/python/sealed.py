"""What the clients encrypt, and how they change what came of it."""

import os

FEW, LARGE = os.urandom(5000), os.urandom(2 * 1024 * 1024)


def changed(sealed):
    """With another last byte."""
    return sealed[:-1] + bytes([sealed[-1] ^ 1])
