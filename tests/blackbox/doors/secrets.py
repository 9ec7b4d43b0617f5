"""Secrets over both doors (grpc-api.md 3.5, http-api.md 4.6). The file is SECRETS of test_doors.py."""

from harness.doors import Refused, refused
from harness.table import Table

table = Table()

table.row("GetSecret: one", lambda at: at.door.secret("secrets", "db"), {"db": "pw<1>"})
table.row("GetSecret: metadata is taken", lambda at: at.door.secret("secrets", "ümläut", {"x": "y"}), {"ümläut": "ü"})
table.row("GetSecret: an unknown store", lambda at: at.door.secret("nowhere", "db"),
          refused("failed finding secret store with key nowhere", http=(401, "ERR_SECRET_STORE_NOT_FOUND"),
                  grpc=("INVALID_ARGUMENT",)))
table.row("GetSecret: a scope denies it", lambda at: at.door.secret("secrets", "hidden"),
          refused('access denied by policy to get "hidden" from "secrets"', http=(403, "ERR_PERMISSION_DENIED"),
                  grpc=("PERMISSION_DENIED",)))
table.row("GetSecret: it is not there", lambda at: at.door.secret("secrets", "zzz"),
          refused("failed getting secret with key zzz from secret store secrets: secret zzz not found",
                  http=(500, "ERR_SECRET_GET"), grpc=("INTERNAL",)))
table.row("GetSecret: the environment has every name", lambda at: at.door.secret("env", "NO_SUCH_NAME"), {"NO_SUCH_NAME": ""})
table.row("GetBulkSecret: without what is denied", lambda at: at.door.bulk_secret("secrets"),
          {"db": {"db": "pw<1>"}, "ümläut": {"ümläut": "ü"}})
table.row("GetBulkSecret: an unknown store", lambda at: at.door.bulk_secret("nowhere"),
          refused("failed finding secret store with key nowhere", http=(401, "ERR_SECRET_STORE_NOT_FOUND"),
                  grpc=("INVALID_ARGUMENT",)))


@table.check("no store at all")
def no_store_at_all(at):
    door = at.open(at.bench.sidecar(resources=[]))
    expected = refused("secret store is not configured", http=(500, "ERR_SECRET_STORES_NOT_CONFIGURED"),
                       grpc=("FAILED_PRECONDITION",))
    for call in (lambda: door.secret("s", "k"), lambda: door.bulk_secret("s")):
        try:
            call()
        except Refused as found:
            expected.check(found)
        else:
            raise AssertionError("it was not refused")
    door.close()
