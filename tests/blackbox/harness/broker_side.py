"""A sidecar with a broker as `pubsub`, and perhaps an app that listens to one topic at /t: for the tests of one broker."""

import json
import threading

from harness.app import App, reply
from harness.resources import component
from harness.wait import until

PATIENCE = 30


class Side:
    def __init__(self, bench, broker, app_id, topic=None, answers=None, raw=False, ready=True):
        """broker: the type and the metadata of the component."""
        self.app = None
        if topic:
            self.app = App(subscriptions=[{"pubsubname": "pubsub", "topic": topic, "route": "/t",
                                           "metadata": {"rawPayload": "true"} if raw else {}}])
            self.app.route("/t", answers or reply(200))
            self.app.start()
            bench.stack.callback(self.app.stop)
        self.sidecar = bench.sidecar(app=self.app, app_id=app_id, ready=ready, resources=[component("pubsub", *broker)])

    def publish(self, topic, value, query=""):
        return self.sidecar.post(f"/v1.0/publish/pubsub/{topic}{query}", json.dumps(value))

    def published(self, topic, value, query=""):
        answer = self.publish(topic, value, query)
        assert answer.status == 204, answer.text

    def came(self):
        return [one.json["data"] for one in self.app.requests("/t")]

    def await_all(self, wanted, seconds=PATIENCE):
        until(lambda: set(wanted) <= set(self.came()), lambda: f"{wanted}; came: {self.came()}", seconds)

    def publishes_through_kills(self, topic, restart, seconds):
        """Numbers are published while the broker is killed twice; what was acknowledged comes."""
        kept, ends = [], threading.Event()

        def publish():
            n = 0
            while not ends.is_set():
                if self.publish(topic, n).status == 204:
                    kept.append(n)
                n += 1

        thread = threading.Thread(target=publish, daemon=True)
        thread.start()
        for _ in range(2):
            before = len(kept)
            until(lambda: len(kept) > before + 50, "publications", PATIENCE)
            restart()
        before = len(kept)
        until(lambda: len(kept) > before + 50, "publications after the last kill", PATIENCE)
        ends.set()
        thread.join(PATIENCE)
        until(lambda: set(kept) <= set(self.came()), lambda: f"all; missing {sorted(set(kept) - set(self.came()))[:20]}", seconds)
