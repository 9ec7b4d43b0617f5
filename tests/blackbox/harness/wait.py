"""Waiting for an event with a deadline. There is no waiting for time in this suite."""

import time

STEP = 0.01


def until(probe, what, seconds=30):
    """The first true value of probe(); fails with `what`, text or a function that says it, when the
    deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"waited {seconds} s in vain for {said}")
        time.sleep(STEP)
