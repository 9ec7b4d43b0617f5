"""A client with `DaprClient`: bindings, configuration, locks and encryption."""

import queue

from dapr.clients import DaprClient
from dapr.clients.grpc._crypto import DecryptOptions, EncryptOptions
from dapr.clients.grpc._response import UnlockResponseStatus
from grpc import RpcError

from say import feature, refused, same
from sealed import FEW, LARGE, changed

ORDER = bytes(range(256))


def refusal(call):
    try:
        call()
    except RpcError as error:
        return error
    raise AssertionError("it was not refused")


def bindings(d):
    with feature("binding"):
        answer = d.invoke_binding("files", "create", ORDER, {"fileName": "python/order"})
        same(answer.json(), {"fileName": "python/order"})
    with feature("binding.get"):
        same(d.invoke_binding("files", "get", binding_metadata={"fileName": "python/order"}).data, ORDER)
    with feature("binding.redis"):
        key = {"key": "python"}
        d.invoke_binding("cache", "create", b"a value", key)
        same(d.invoke_binding("cache", "get", binding_metadata=key).data, b"a value")
        d.invoke_binding("cache", "delete", binding_metadata=key)
        same(d.invoke_binding("cache", "get", binding_metadata=key).data, b"")
    with feature("binding.http"):
        answer = d.invoke_binding("web", "post", '{"id": 1}', {"path": "/orders", "X-Colour": "blue"})
        same((answer.json(), answer.binding_metadata["statusCode"], answer.binding_metadata["X-Seen"]),
             ({"id": 1}, "201", "blue"))
    with feature("binding.error"):
        refused(refusal(lambda: d.invoke_binding("nobinding", "get")), "INTERNAL",
                "error invoking output binding nobinding: couldn't find output binding nobinding")
        error = refusal(lambda: d.invoke_binding("files", "burn"))
        assert "binding files does not support operation burn. supported operations:" in error.details(), error


def configuration(d):
    with feature("configuration.get"):
        items = d.get_configuration("configstore", ["colour", "size", "nothing"]).items
        same({key: (item.value, item.version) for key, item in items.items()},
             {"colour": ("red", "1"), "size": ("42", "")})
    with feature("configuration.get.all"):
        same(set(d.get_configuration("configstore", []).items), {"colour", "size"})
    with feature("configuration.error"):
        refused(refusal(lambda: d.get_configuration("nostore", ["colour"])), "INVALID_ARGUMENT",
                "configuration store nostore not found")


class Watch:
    """A subscription and what it was told."""

    def __init__(self, d):
        self.told = queue.Queue()
        self.id = d.subscribe_configuration("configstore", ["colour"], self.change)
        assert self.id, "it has no id"

    def change(self, id, answer):
        assert id == self.id, f"{id} instead of {self.id}"
        self.told.put(answer.items["colour"].value)

    def wait(self, value):
        """What came until this did."""
        came = []
        while value not in came:
            came.append(self.told.get(timeout=30))
        return came


def changes(d):
    with feature("configuration.subscribe"):
        ended, other = Watch(d), Watch(d)
        print("subscribed", flush=True)
        same(set(ended.wait("blue") + other.wait("blue")), {"blue"})
    with feature("configuration.unsubscribe"):
        same(d.unsubscribe_configuration("configstore", ended.id), True)
        print("unsubscribed", flush=True)
        other.wait("green")
        same("green" in list(ended.told.queue), False)
        same(d.unsubscribe_configuration("configstore", ended.id), False)
        same(d.unsubscribe_configuration("configstore", other.id), True)


def locks(d):
    with feature("lock"):
        same(d.try_lock("lockstore", "order", "ann", 60).success, True)
    with feature("lock.held"):
        same(d.try_lock("lockstore", "order", "bob", 60).success, False)
        same(d.unlock("lockstore", "order", "bob").status, UnlockResponseStatus.lock_belongs_to_others)
    with feature("lock.unlock"):
        same(d.unlock("lockstore", "order", "ann").status, UnlockResponseStatus.success)
        with d.try_lock("lockstore", "order", "bob", 60) as taken:
            same(taken.success, True)
    with feature("lock.missing"):
        same(d.unlock("lockstore", "order", "bob").status, UnlockResponseStatus.lock_does_not_exist)
    with feature("lock.error"):
        refused(refusal(lambda: d.try_lock("nostore", "order", "ann", 60)), "INVALID_ARGUMENT",
                "lock store nostore not found")


def encryption(d):
    def sealed(data, key="pair.pem", algorithm="RSA", name="keys"):
        return d.encrypt(data, EncryptOptions(name, key, algorithm)).read()

    def opened(data):
        return d.decrypt(data, DecryptOptions("keys")).read()

    with feature("crypto"):
        made = sealed(FEW)
        assert made.startswith(b"dapr.io/enc/v1\n"), made[:40]
        same(opened(made), FEW)
    with feature("crypto.large"):
        assert opened(sealed(LARGE, "symmetric", "A256KW")) == LARGE, "other bytes"
    with feature("crypto.error"):
        for call, code, words in (
                (lambda: sealed(FEW, "nokey"), "INTERNAL", "failed to perform operation: "),
                (lambda: sealed(FEW, name="nowhere"), "INVALID_ARGUMENT", "crypto provider nowhere not found"),
                (lambda: opened(changed(made)), "INTERNAL", "failed to decrypt segment")):
            error = refusal(call)
            assert error.code().name == code and words in error.details(), error


def main():
    with DaprClient() as d:
        bindings(d)
        configuration(d)
        changes(d)
        locks(d)
        encryption(d)


main()
