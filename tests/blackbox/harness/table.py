"""Rows of what both doors shall do. A table is a file of doors/; test_doors.py runs each row over each door.

    from harness.table import Table
    table = Table()
    table.row("3.1 GetState: a missing key", lambda at: at.door.get(at.store, at.key), Value(), stores=True)

    @table.check("3.1 SaveState: …", stores=True)
    def saved(at):
        at.door.save(at.store, [item(at.key, b"1")])
        assert at.door.get(at.store, at.key).data == b"1"
"""

from dataclasses import dataclass
from typing import Any, Callable

from harness.doors import Refusal, Refused

STORES = ("memory", "redis")            # names of the components that rows with stores=True run on


@dataclass
class Row:
    name: str
    do: Callable
    expect: Any
    stores: bool


class Table:
    def __init__(self):
        self.rows = []

    def row(self, name, do, expect=None, stores=False):
        """do(at) answers what is expected: a value, a Refusal, or a function of at that makes one."""
        self.rows.append(Row(name, do, expect, stores))

    def check(self, name, stores=False):
        """The function asserts for itself."""
        def add(function):
            self.row(name, lambda at: function(at) and None, None, stores)
            return function
        return add


def run(row, at):
    expect = row.expect(at) if callable(row.expect) else row.expect
    if not isinstance(expect, Refusal):
        assert row.do(at) == expect
        return
    try:
        found = row.do(at)
    except Refused as refused:
        expect.check(refused)
    else:
        raise AssertionError(f"{found!r} instead of a refusal: {expect.message}")
