"""Calls of the application TARGET at another sidecar, with the asynchronous client over HTTP, its default."""

import asyncio
import json
import os

from dapr.aio.clients import DaprClient
from dapr.clients.exceptions import DaprInternalError

from say import feature, same

TARGET = os.environ["TARGET"]


async def main():
    async with DaprClient() as d:
        with feature("invoke.get"):
            answer = await d.invoke_method(TARGET, "hello", http_verb="GET",
                                           http_querystring=(("name", "Ann Lee"), ("verbose", "true")))
            same((answer.status_code, answer.json()), (200, {"hello": "Ann Lee"}))
        with feature("invoke.post"):
            calls = [d.invoke_method(TARGET, "echo", data=json.dumps({"id": 1}), content_type="application/json",
                                     http_verb="POST", metadata=(("x-colour", "blue"),)) for _ in range(20)]
            same([answer.json() for answer in await asyncio.gather(*calls)], [{"id": 1}] * 20)
        with feature("invoke.error"):
            try:
                await d.invoke_method(TARGET, "refuse", data="{}", content_type="application/json", http_verb="POST")
                raise AssertionError("it was taken")
            except DaprInternalError as error:
                same((error.status_code, json.loads(error.raw_response_bytes)), (403, {"reason": "not today"}))


asyncio.run(main())
