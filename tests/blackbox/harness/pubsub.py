"""Brokers for the tests of publish and subscribe, and what all of these tests need."""

import json
import os
import re
import uuid

from harness.app import App, reply
from harness.resources import component

BROKERS = ["pubsub.in-memory"] + (["pubsub.redis"] if os.environ.get("TEST_REDIS") else [])
NO_TRACE = "00-00000000000000000000000000000000-0000000000000000-00"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def broker_component(type, name="pubsub", scopes=None, **metadata):
    own = {"redisHost": os.environ["TEST_REDIS"]} if type == "pubsub.redis" else {}
    return component(name, type, {**own, **metadata}, scopes=scopes)


def entry(topic, route=None, pubsub="pubsub", **more):
    """One subscription as an app answers it."""
    made = {"pubsubname": pubsub, "topic": topic, **more}
    if route is not None:
        made["route"] = route
    return made


class Scene:
    """A sidecar and its app with one broker named pubsub. Topic names are the test's own, because a
    broker may outlive it."""

    def __init__(self, bench, type):
        self.bench = bench
        self.type = type
        self.mark = uuid.uuid4().hex[:8]
        self.app = App()
        bench.stack.callback(self.app.stop)
        self.sidecar = None

    def topic(self, name):
        return f"{name}-{self.mark}"

    def start(self, *subscriptions, resources=(), metadata=None, ready=True, app=True, **options):
        """subscriptions: what the app answers to /dapr/subscribe."""
        if subscriptions:
            self.app.route("/dapr/subscribe", reply(200, json.dumps(list(subscriptions))))
        if app:
            self.app.start()
        broker = broker_component(self.type, **(metadata or {}))
        options.setdefault("app_id", "caller" if self.type == "pubsub.in-memory" else self.mark)
        self.sidecar = self.bench.sidecar(app=self.app if app else None, resources=[broker, *resources],
                                          ready=ready, **options)
        return self

    def accept(self, path, *answers):
        self.app.route(path, list(answers) or reply(200))
        return self

    def publish(self, topic, body=b"", content_type="application/json", query="", pubsub="pubsub",
                headers=()):
        lines = list(headers)
        if content_type is not None:
            lines.insert(0, ("Content-Type", content_type))
        return self.sidecar.post(f"/v1.0/publish/{pubsub}/{topic}{query}", body, lines)

    def published(self, topic, *args, **options):
        answer = self.publish(topic, *args, **options)
        assert answer.status == 204, answer.text
        return answer

    def bulk_publish(self, topic, entries, query="", version="v1.0", pubsub="pubsub"):
        return self.sidecar.post(f"/{version}/publish/bulk/{pubsub}/{topic}{query}", entries)

    def log_has(self, text):
        return any(text in line for line in self.sidecar.stdout + self.sidecar.stderr)
