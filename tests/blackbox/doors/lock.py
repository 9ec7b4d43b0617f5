"""Locks over both doors (grpc-api.md 3.7, http-api.md 4.10)."""

from harness.doors import Refused, refused
from harness.table import Table

table = Table()
SUCCESS, UNKNOWN, OF_OTHERS = 0, 1, 2


def malformed(text):
    return refused(text, http=(400, "ERR_MALFORMED_REQUEST"), grpc=("INVALID_ARGUMENT",))


def failed(front, code, text):
    return refused(f"{front}: {text}", http=(500, code), grpc=("INTERNAL",))


@table.check("3.7 a lock has one owner until he gives it back")
def one_owner(at):
    assert at.door.lock("locks", at.key, "me") is True
    assert at.door.lock("locks", at.key, "you") is False
    assert at.door.lock("locks", at.key, "me") is False
    assert at.door.unlock("locks", at.key, "you") == OF_OTHERS
    assert at.door.unlock("locks", at.key, "me") == SUCCESS
    assert at.door.unlock("locks", at.key, "me") == UNKNOWN
    assert at.door.lock("locks", at.key, "you") is True
    assert at.door.unlock("locks", at.key, "you") == SUCCESS


table.row("3.7 TryLock: no time, before everything else", lambda at: at.door.lock("nowhere", "", "", 0),
          malformed("ExpiryInSeconds is not positive in lock store nowhere"))
table.row("3.7 TryLock: a negative time", lambda at: at.door.lock("locks", "r", "me", -1),
          malformed("ExpiryInSeconds is not positive in lock store locks"))
table.row("3.7 TryLock: no resource, before the owner", lambda at: at.door.lock("nowhere", "", ""),
          malformed("ResourceId is empty in lock store nowhere"))
table.row("3.7 TryLock: no owner, before the store", lambda at: at.door.lock("nowhere", "r", ""),
          malformed("LockOwner is empty in lock store nowhere"))
table.row("3.7 TryLock: an unknown store", lambda at: at.door.lock("nowhere", "r", "me"),
          refused("lock store nowhere not found", http=(400, "ERR_LOCK_STORE_NOT_FOUND"), grpc=("INVALID_ARGUMENT",)))
table.row("3.7 TryLock: a resource with the separator", lambda at: at.door.lock("locks", "a||b", "me"),
          failed("failed to try acquiring lock", "ERR_TRY_LOCK", "input key/keyPrefix 'a||b' can't contain '||'"))
table.row("3.7 Unlock: no resource, before the owner", lambda at: at.door.unlock("nowhere", "", ""),
          malformed("ResourceId is empty in lock store nowhere"))
table.row("3.7 Unlock: no owner, before the store", lambda at: at.door.unlock("nowhere", "r", ""),
          malformed("LockOwner is empty in lock store nowhere"))
table.row("3.7 Unlock: an unknown store", lambda at: at.door.unlock("nowhere", "r", "me"),
          refused("lock store nowhere not found", http=(400, "ERR_LOCK_STORE_NOT_FOUND"), grpc=("INVALID_ARGUMENT",)))
table.row("3.7 Unlock: a resource with the separator", lambda at: at.door.unlock("locks", "a||b", "me"),
          failed("failed to release lock", "ERR_UNLOCK", "input key/keyPrefix 'a||b' can't contain '||'"))


@table.check("3.7 no lock store at all")
def no_store_at_all(at):
    door = at.open(at.bench.sidecar(resources=[]))
    expected = refused("lock store is not configured", http=(500, "ERR_LOCK_STORE_NOT_CONFIGURED"),
                       grpc=("FAILED_PRECONDITION",))
    for call in (lambda: door.lock("s", "", ""), lambda: door.unlock("s", "", "")):
        try:
            call()
        except Refused as found:
            expected.check(found)
        else:
            raise AssertionError("it was not refused")
    door.close()
