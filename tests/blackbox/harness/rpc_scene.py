"""Scene, with an application that speaks gRPC. What it hears is told apart by path, as with an HTTP app.

    scene = RpcScene(bench, "pubsub.in-memory").accept("/t", RETRY, SUCCESS).start(entry("t", "/t"))
    event = scene.wait("/t")[0]                     # event.request a TopicEventRequest, event.call what came with it"""

import grpc

from harness import rpc
from harness.grpc_app import CALLBACK, Answer, GrpcApp
from harness.pubsub import Scene
from harness.wait import until

SUCCESS, RETRY, DROP = 0, 1, 2
ALPHA = "/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1"
Event = rpc.message("runtime.v1.TopicEventRequest")
Verdict = rpc.message("runtime.v1.TopicEventResponse")
BulkEvent = rpc.message("runtime.v1.TopicEventBulkRequest")
BulkVerdict = rpc.message("runtime.v1.TopicEventBulkResponse")
Listing = rpc.message("runtime.v1.ListTopicSubscriptionsResponse")


def entry(topic, default=None, pubsub="pubsub", rules=(), **more):
    """One TopicSubscription, as fields."""
    made = {"pubsub_name": pubsub, "topic": topic, **more}
    if default is not None or rules:
        made["routes"] = {"rules": [{"match": match, "path": path} for match, path in rules], "default": default or ""}
    return made


def listing(*entries):
    return Answer(Listing(subscriptions=entries).SerializeToString())


def verdict(said):
    """A status number, a gRPC code, bytes, an Answer, or a function of the event that makes one of these."""
    if isinstance(said, Answer):
        return said
    if isinstance(said, bytes):
        return Answer(said)
    if isinstance(said, int):
        return Answer(Verdict(status=said).SerializeToString())
    return Answer(code=said, text="not today")


class Heard:
    def __init__(self, call, request):
        self.call, self.request = call, request


class RpcScene(Scene):
    def __init__(self, bench, type):
        super().__init__(bench, type)
        self.app = GrpcApp()
        bench.stack.callback(self.app.stop)
        self.answers, self.heard, self.rounds = {}, [], []
        self.app.route("OnTopicEvent", self._on_event)

    def start(self, *subscriptions, flags=None, app=True, **options):
        if subscriptions:
            self.app.route("ListTopicSubscriptions", listing(*subscriptions))
        super().start(flags={"app-protocol": "grpc", **(flags or {})}, app=app, **options)
        self.dapr = rpc.Dapr(self.sidecar.grpc)
        self.bench.stack.callback(self.dapr.close)
        return self

    def accept(self, path, *answers):
        self.answers[path] = list(answers) or [SUCCESS]
        return self

    def bulk(self, answer, method=CALLBACK + "OnBulkTopicEvent"):
        """answer: a function of the TopicEventBulkRequest: {entry_id: status}, bytes, a code or an Answer."""
        def hear(call, context):
            request = BulkEvent.FromString(call.message)
            self.rounds.append(Heard(call, request))
            said = answer(request) if callable(answer) else answer
            if isinstance(said, dict):
                said = BulkVerdict(statuses=[{"entry_id": key, "status": value} for key, value in said.items()])
                return Answer(said.SerializeToString())
            return verdict(said)
        self.app.route(method, hear)
        return self

    def _on_event(self, call, context):
        event = Event.FromString(call.message)
        self.heard.append(Heard(call, event))
        queue = self.answers.get(event.path, [grpc.StatusCode.INTERNAL])
        said = queue.pop(0) if len(queue) > 1 else queue[0]
        return verdict(said(event) if callable(said) else said)

    def events(self, path):
        return [one for one in list(self.heard) if one.request.path == path]

    def wait(self, path, count=1, seconds=30):
        def enough():
            found = self.events(path)
            return found if len(found) >= count else None
        return until(enough, lambda: f"{count} event(s) for {path} at the app, there are {len(self.events(path))}", seconds)

    def wait_rounds(self, count=1, seconds=30):
        return until(lambda: self.rounds if len(self.rounds) >= count else None,
                     lambda: f"{count} round(s) at the app, there are {len(self.rounds)}", seconds)
