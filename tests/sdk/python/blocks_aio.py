"""A client with the asynchronous `DaprClient`: bindings, configuration, locks and encryption. It has no subscription to
configuration: the SDK reads that stream as its other client does, which this one does not allow, and gives no id."""

import asyncio

from dapr.aio.clients import DaprClient
from dapr.clients.grpc._crypto import DecryptOptions, EncryptOptions
from dapr.clients.grpc._response import UnlockResponseStatus

from say import feature, same
from sealed import FEW, LARGE, changed

ORDER = bytes(range(256))


async def refused(call, code, words):
    """A refusal that comes while the client still sends is "Internal error from Core" to grpcio's asyncio: asked again."""
    while True:
        try:
            await call()
        except Exception as error:
            if "Internal error from Core" in error.details():
                continue
            assert error.code().name == code and words in error.details(), error
            return
        raise AssertionError("it was not refused")


async def bindings(d):
    with feature("binding"):
        answer = await d.invoke_binding("files", "create", ORDER, {"fileName": "python/aio"})
        same(answer.json(), {"fileName": "python/aio"})
    with feature("binding.get"):
        same((await d.invoke_binding("files", "get", binding_metadata={"fileName": "python/aio"})).data, ORDER)
    with feature("binding.redis"):
        keys = [{"key": f"aio-{n}"} for n in range(20)]
        await asyncio.gather(*(d.invoke_binding("cache", "create", key["key"], key) for key in keys))
        found = await asyncio.gather(*(d.invoke_binding("cache", "get", binding_metadata=key) for key in keys))
        same([one.text() for one in found], [key["key"] for key in keys])
        await asyncio.gather(*(d.invoke_binding("cache", "delete", binding_metadata=key) for key in keys))
    with feature("binding.http"):
        answer = await d.invoke_binding("web", "post", '{"id": 1}', {"path": "/orders", "X-Colour": "blue"})
        same((answer.json(), answer.binding_metadata["X-Seen"]), ({"id": 1}, "blue"))
    with feature("binding.error"):
        await refused(lambda: d.invoke_binding("nobinding", "get"), "INTERNAL", "couldn't find output binding nobinding")


async def configuration(d):
    with feature("configuration.get"):
        items = (await d.get_configuration("configstore", ["colour", "size", "nothing"])).items
        same({key: (item.value, item.version) for key, item in items.items()},
             {"colour": ("red", "1"), "size": ("42", "")})
    with feature("configuration.get.all"):
        same(set((await d.get_configuration("configstore", [])).items), {"colour", "size"})
    with feature("configuration.error"):
        await refused(lambda: d.get_configuration("nostore", ["colour"]), "INVALID_ARGUMENT",
                      "configuration store nostore not found")


async def locks(d):
    with feature("lock"):
        same((await d.try_lock("lockstore", "order", "ann", 60)).success, True)
    with feature("lock.held"):
        same((await d.try_lock("lockstore", "order", "bob", 60)).success, False)
        same((await d.unlock("lockstore", "order", "bob")).status, UnlockResponseStatus.lock_belongs_to_others)
    with feature("lock.unlock"):
        same((await d.unlock("lockstore", "order", "ann")).status, UnlockResponseStatus.success)
        async with await d.try_lock("lockstore", "order", "bob", 60) as taken:
            same(taken.success, True)
    with feature("lock.missing"):
        same((await d.unlock("lockstore", "order", "bob")).status, UnlockResponseStatus.lock_does_not_exist)
    with feature("lock.error"):
        await refused(lambda: d.try_lock("nostore", "order", "ann", 60), "INVALID_ARGUMENT", "lock store nostore not found")


async def encryption(d):
    async def sealed(data, key="pair.pem", algorithm="RSA", name="keys"):
        return await (await d.encrypt(data, EncryptOptions(name, key, algorithm))).read()

    async def opened(data):
        return await (await d.decrypt(data, DecryptOptions("keys"))).read()

    with feature("crypto"):
        made = await sealed(FEW)
        assert made.startswith(b"dapr.io/enc/v1\n"), made[:40]
        same(await opened(made), FEW)
    with feature("crypto.large"):
        assert await opened(await sealed(LARGE, "symmetric", "A256KW")) == LARGE, "other bytes"
    with feature("crypto.error"):
        await refused(lambda: sealed(FEW, "nokey"), "INTERNAL", "failed to perform operation: ")
        await refused(lambda: sealed(FEW, name="nowhere"), "INVALID_ARGUMENT", "crypto provider nowhere not found")
        await refused(lambda: opened(changed(made)), "INTERNAL", "failed to perform operation: ")


async def main():
    async with DaprClient() as d:
        await bindings(d)
        await configuration(d)
        await locks(d)
        await encryption(d)


asyncio.run(main())
