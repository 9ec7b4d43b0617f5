"""Streaming subscriptions with the asynchronous client. With the word `again`: at a broker that delivers again."""

import asyncio
import json
import os
import sys

from dapr.aio.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse
from dapr.common.pubsub.subscription import StreamCancelledError, StreamInactiveError

from say import feature, same

KEEPS = os.environ["STORE"] == "redis"
COUNT = 100


async def publish(client, topic, data):
    await client.publish_event(pubsub_name="pubsub", topic_name=topic, data=json.dumps(data),
                               data_content_type="application/json")


async def one(client):
    with feature("subscribe.stream"):
        subscription = await client.subscribe(pubsub_name="pubsub", topic="aio-streamed")
        await publish(client, "aio-streamed", {"id": 1, "message": "hello"})
        message = await subscription.next_message()
        same((message.data(), message.topic()), ({"id": 1, "message": "hello"}, "aio-streamed"))
        await subscription.respond_success(message)
        await subscription.close()


async def many(client):
    with feature("subscribe.stream.order"):
        subscription = await client.subscribe(pubsub_name="pubsub", topic="aio-many")
        for number in range(COUNT):
            await publish(client, "aio-many", number)
        seen = []
        async for message in subscription:
            seen.append(message.data())
            await subscription.respond_success(message)
            if len(seen) == COUNT:
                break
        same(sorted(seen) if KEEPS else seen, list(range(COUNT)))
        await subscription.close()


async def handler(client):
    with feature("subscribe.stream.handler"):
        seen, all_there = [], asyncio.Event()

        async def process_message(message):
            seen.append(message.data())
            if len(seen) == 3:
                all_there.set()
            return TopicEventResponse("success")

        close = await client.subscribe_with_handler(pubsub_name="pubsub", topic="aio-handled",
                                                    handler_fn=process_message)
        for number in range(3):
            await publish(client, "aio-handled", number)
        await asyncio.wait_for(all_there.wait(), 20)
        same(sorted(seen), [0, 1, 2])
        await close()


async def again(client):
    with feature("subscribe.stream.retry"):
        subscription = await client.subscribe(pubsub_name="pubsub", topic="aio-again")
        await publish(client, "aio-again", "x")
        first = await subscription.next_message()
        await subscription.respond_retry(first)
        second = await subscription.next_message()
        same(second.id(), first.id())
        await subscription.respond_success(second)
        await subscription.close()


async def dropped(client):
    with feature("subscribe.stream.drop"):
        dead = await client.subscribe(pubsub_name="pubsub", topic="aio-poison")
        subscription = await client.subscribe(pubsub_name="pubsub", topic="aio-dropped", dead_letter_topic="aio-poison")
        await publish(client, "aio-dropped", "bad")
        message = await subscription.next_message()
        await subscription.respond_drop(message)
        letter = await dead.next_message()
        same((letter.id(), letter.data()), (message.id(), "bad"))
        await dead.respond_success(letter)
        await dead.close()
        await subscription.close()


async def closed(client):
    with feature("subscribe.stream.close"):
        subscription = await client.subscribe(pubsub_name="pubsub", topic="aio-closed")
        await subscription.close()
        try:
            await subscription.next_message()
            raise AssertionError("a message came")
        except (StreamInactiveError, StreamCancelledError):
            pass


async def main():
    async with DaprClient() as client:
        if sys.argv[1:] == ["again"]:
            return await again(client)
        await one(client)
        await many(client)
        await handler(client)
        await dropped(client)
        await closed(client)


asyncio.run(main())
