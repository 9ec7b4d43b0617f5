"""Streaming subscriptions with `DaprClient.subscribe` and `subscribe_with_handler`. With the word
`again`: at a broker that delivers again."""

import json
import os
import sys
import threading

from dapr.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse
from dapr.clients.grpc.subscription import StreamCancelledError, StreamInactiveError

from say import feature, same

KEEPS = os.environ["STORE"] == "redis"
COUNT = 100


def publish(client, topic, data):
    client.publish_event(pubsub_name="pubsub", topic_name=topic, data=json.dumps(data),
                         data_content_type="application/json")


def one(client):
    with feature("subscribe.stream"):
        subscription = client.subscribe(pubsub_name="pubsub", topic="streamed")
        publish(client, "streamed", {"id": 1, "message": "hello"})
        message = next(subscription)
        same(message.data(), {"id": 1, "message": "hello"})
        same((message.topic(), message.pubsub_name(), message.data_content_type()),
             ("streamed", "pubsub", "application/json"))
        same((message.type(), message.source(), message.spec_version()),
             ("com.dapr.event.sent", os.environ["APP_ID"], "1.0"))
        subscription.respond_success(message)
        subscription.close()


def many(client):
    with feature("subscribe.stream.order"):
        subscription = client.subscribe(pubsub_name="pubsub", topic="many")
        for number in range(COUNT):
            publish(client, "many", number)
        seen = []
        for message in subscription:
            seen.append(message.data())
            subscription.respond_success(message)
            if len(seen) == COUNT:
                break
        # Redis hands them out side by side.
        same(sorted(seen) if KEEPS else seen, list(range(COUNT)))
        subscription.close()


def handler(client):
    with feature("subscribe.stream.handler"):
        seen, all_there = [], threading.Event()

        def process_message(message):
            seen.append(message.data())
            if len(seen) == 3:
                all_there.set()
            return TopicEventResponse("success")

        close = client.subscribe_with_handler(pubsub_name="pubsub", topic="handled", handler_fn=process_message)
        for number in range(3):
            publish(client, "handled", number)
        assert all_there.wait(20), f"only {seen}"
        same(sorted(seen), [0, 1, 2])
        close()


def again(client):
    with feature("subscribe.stream.retry"):
        subscription = client.subscribe(pubsub_name="pubsub", topic="again")
        publish(client, "again", "x")
        first = next(subscription)
        subscription.respond_retry(first)
        second = next(subscription)
        same(second.id(), first.id())
        subscription.respond_success(second)
        subscription.close()


def dropped(client):
    with feature("subscribe.stream.drop"):
        dead = client.subscribe(pubsub_name="pubsub", topic="poison")
        subscription = client.subscribe(pubsub_name="pubsub", topic="dropped", dead_letter_topic="poison")
        publish(client, "dropped", "bad")
        message = next(subscription)
        subscription.respond_drop(message)
        letter = next(dead)
        same((letter.id(), letter.data()), (message.id(), "bad"))
        dead.respond_success(letter)
        dead.close()
        subscription.close()


def closed(client):
    with feature("subscribe.stream.close"):
        subscription = client.subscribe(pubsub_name="pubsub", topic="closed")
        subscription.close()
        try:
            next(subscription)
            raise AssertionError("a message came")
        except (StreamInactiveError, StreamCancelledError):
            pass


with DaprClient() as d:
    if sys.argv[1:] == ["again"]:
        again(d)
        sys.exit()
    one(d)
    many(d)
    handler(d)
    dropped(d)
    closed(d)
