"""Configuration over both doors (grpc-api.md 3.6, http-api.md 4.7). What watches: test_configuration.py."""

from harness.doors import Refused, refused
from harness.rpc import error_info
from harness.table import Table

table = Table()


def settings(at, **values):
    for key, value in values.items():
        at.keeper.set(f"{at.mark}{key}", value)
    return [f"{at.mark}{key}" for key in values]


@table.check("3.6 GetConfiguration: named keys, those that are there")
def named(at):
    keys = settings(at, colour="red||3", plain="x", more="a||b||c", nothing="||v9", empty="")
    at.keeper.hset(f"{at.mark}hash", "a", "b")
    found = at.door.settings("settings", [*keys, f"{at.mark}absent", f"{at.mark}hash"])
    assert found == {keys[0]: ("red", "3", {}), keys[1]: ("x", "", {}), keys[2]: ("a", "b", {})}


@table.check("3.6 GetConfiguration: without keys, all")
def everything(at):
    keys = settings(at, a="1", b="2||7", c="<&>")
    found = at.door.settings("settings")
    assert {key: found[key] for key in keys} == {keys[0]: ("1", "", {}), keys[1]: ("2", "7", {}), keys[2]: ("<&>", "", {})}


table.row("3.6 GetConfiguration: nothing there", lambda at: at.door.settings("settings", [at.key]), {})
table.row("3.6 GetConfiguration: metadata is taken", lambda at: at.door.settings("settings", [at.key], {"a": "b"}), {})
table.row("3.6 GetConfiguration: an unknown store", lambda at: at.door.settings("nowhere", ["k"]),
          refused("configuration store nowhere not found", http=(400, "ERR_CONFIGURATION_STORE_NOT_FOUND"),
                  grpc=("INVALID_ARGUMENT", [error_info("ERR_CONFIGURATION_STORE_NOT_FOUND")])))


@table.check("3.6 no configuration store at all")
def no_store_at_all(at):
    door = at.open(at.bench.sidecar(resources=[]))
    expected = refused("configuration stores not configured", http=(500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"),
                       grpc=("FAILED_PRECONDITION", [error_info("ERR_CONFIGURATION_STORE_NOT_CONFIGURED")]))
    try:
        door.settings("s")
    except Refused as found:
        expected.check(found)
    else:
        raise AssertionError("it was not refused")
    door.close()
