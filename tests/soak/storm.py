"""A storm of clients against two sidecars, `alpha` with an application that speaks HTTP and `beta` with one that
speaks gRPC: what each kind of client does, what the applications answer, and the ledger of events.

Every client acts in short bouts that are drawn from a seed; what fails on its way is weather. What may not happen is
kept: a call whose answer comes too late (`late`), an event that the broker has and nobody took (`Ledger.lost`)."""

import json
import random
import socket
import threading
import time
from collections import defaultdict

import grpc
import h2.exceptions

from harness import raw, rpc
from harness.any_app import Client
from harness.app import reply
from harness.frames import FrameClient, message
from harness.topic_stream import DROP, RETRY, SUCCESS, Stream

DAPR = "/dapr.proto.runtime.v1.Dapr/"
CALLBACK = "/dapr.proto.runtime.v1.AppCallback/"
ECHO, FLOOD, SINK = "/pkg.Any/Echo", "/pkg.Any/Flood", "/pkg.Any/Sink"
TO_BETA = (("dapr-app-id", "beta"),)
SLACK = 2.0
WEATHER = (OSError, EOFError, AssertionError, grpc.RpcError, ValueError, h2.exceptions.ProtocolError)

Invoke = rpc.message("runtime.v1.InvokeServiceRequest")
OnInvoke = rpc.message("common.v1.InvokeRequest")
Invoked = rpc.message("common.v1.InvokeResponse")
Event = rpc.message("runtime.v1.TopicEventRequest")
Verdict = rpc.message("runtime.v1.TopicEventResponse")
Listing = rpc.message("runtime.v1.ListTopicSubscriptionsResponse")
Nothing = rpc.message("runtime.v1.ListInputBindingsResponse")


class Ledger:
    """Events by topic: those whose publishing was acknowledged, and those of which somebody said that he is through
    with them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.published, self.taken = defaultdict(set), defaultdict(set)
        self.next = 0

    def new(self):
        with self.lock:
            self.next += 1
            return str(self.next)

    def publish(self, topic, event):
        with self.lock:
            self.published[topic].add(event)

    def take(self, topic, event):
        with self.lock:
            self.taken[topic].add(event)

    def lost(self):
        with self.lock:
            return {topic: sorted(all - self.taken[topic], key=int) for topic, all in self.published.items()
                    if all - self.taken[topic]}


class Storm:
    """`topics`: of alpha's app, of beta's app, of streams alone; the apps' have streams beside them."""

    def __init__(self, seed, mark, slack=SLACK):
        self.seed, self.slack = seed, slack
        self.ledger = Ledger()
        self.http_topic, self.grpc_topic, self.stream_topic = (f"{name}-{mark}" for name in ("http", "grpc", "stream"))
        self.fate = random.Random(seed)
        self.is_calm = False
        self.late, self.broken, self.did = [], [], defaultdict(int)
        self.stop = threading.Event()
        self.threads = []

    # What the applications answer -------------------------------------------------------------
    def judge(self, topic, event):
        """SUCCESS, RETRY or DROP, or None: no answer."""
        draw = 0 if self.is_calm else self.fate.random()
        said = SUCCESS if draw < 0.7 else RETRY if draw < 0.8 else DROP if draw < 0.9 else None
        if said in (SUCCESS, DROP):
            self.ledger.take(topic, event)
        return said

    def hear_http(self, request, sock):
        said = self.judge(self.http_topic, request.json["data"])
        words = {SUCCESS: "SUCCESS", RETRY: "RETRY", DROP: "DROP"}
        return reply(500) if said is None else reply(200, json.dumps({"status": words[said]}))

    def serve_http(self, request, sock):
        return reply(200, request.body)

    def hear_grpc(self, seen, messages, context):
        said = self.judge(self.grpc_topic, Event.FromString(next(messages)).data.decode())
        if said is None:
            context.abort(grpc.StatusCode.INTERNAL, "not today")
        yield Verdict(status=said).SerializeToString()

    def serve_grpc(self, seen, messages, context):
        asked = OnInvoke.FromString(next(messages))
        yield Invoked(data=asked.data, content_type="text/plain").SerializeToString()

    def list_topics(self, seen, messages, context):
        entry = {"pubsub_name": "pubsub", "topic": self.grpc_topic, "routes": {"default": "/t"}}
        yield Listing(subscriptions=[entry]).SerializeToString()

    def prepare(self, http_app, grpc_app):
        entry = {"pubsubname": "pubsub", "topic": self.http_topic, "route": "/t"}
        http_app.route("/dapr/subscribe", reply(200, json.dumps([entry])))
        http_app.route("/t", self.hear_http)
        http_app.route("/echo", self.serve_http)
        grpc_app.route(CALLBACK + "ListTopicSubscriptions", self.list_topics)
        grpc_app.route(CALLBACK + "ListInputBindings", lambda *_: iter([Nothing().SerializeToString()]))
        grpc_app.route(CALLBACK + "OnTopicEvent", self.hear_grpc)
        grpc_app.route(CALLBACK + "OnInvoke", self.serve_grpc)
        grpc_app.route(ECHO, lambda seen, messages, context: messages)
        grpc_app.route(FLOOD, lambda seen, messages, context: (bytes(16384) for _ in range(500)))
        grpc_app.route(SINK, lambda seen, messages, context: iter([next(messages)]))

    # Bouts ------------------------------------------------------------------------------------
    def invoke(self, draw, alpha, beta):
        """InvokeService each way, some with hardly any time."""
        port, other, method = draw.choice(((alpha.grpc, "beta", "x"), (beta.grpc, "alpha", "echo")))
        dapr = rpc.Dapr(port)
        try:
            for _ in range(draw.randrange(1, 30)):
                body = draw.randbytes(draw.choice((0, 10, 1000, 60000, 300000)))
                asked = {"method": method, "data": {"value": body}, "content_type": "text/plain",
                         "http_extension": {"verb": 3}}
                dapr.InvokeService(id=other, message=asked, call={"timeout": draw.choice((0.001, 0.005, 0.02, 2, 5))})
                self.did["invoked"] += 1
        finally:
            dapr.close()

    def invoke_http(self, draw, alpha, beta):
        port, other, method = draw.choice(((alpha.http, "beta", "x"), (beta.http, "alpha", "echo")))
        for _ in range(draw.randrange(1, 10)):
            body = draw.randbytes(draw.choice((0, 10, 100000)))
            answer = raw.request(port, "POST", f"/v1.0/invoke/{other}/method/{method}",
                                 [("Content-Type", "text/plain")], body, seconds=draw.choice((0.01, 5)))
            assert answer.status != 200 or answer.body == body
            self.did["invoked over HTTP"] += 1

    def proxy(self, draw, alpha, beta):
        """Calls that only pass through; some are given up in the middle of their messages."""
        with Client(draw.choice((alpha, beta)).grpc, ("dapr-app-id", "beta")) as client:
            for _ in range(draw.randrange(1, 10)):
                sent = [draw.randbytes(draw.choice((0, 5, 2000, 100000))) for _ in range(draw.randrange(1, 8))]
                call = client.stream(ECHO, iter(sent), timeout=draw.choice((0.005, 0.05, 5)),
                                     compression=draw.choice((None, grpc.Compression.Gzip)))
                got = []
                for one in call:
                    got.append(one)
                    if draw.random() < 0.1:
                        call.cancel()
                assert got == sent
                self.did["proxied"] += 1

    def publish(self, draw, alpha, beta):
        dapr = rpc.Dapr(draw.choice((alpha, beta)).grpc)
        try:
            for _ in range(draw.randrange(1, 30)):
                topic = draw.choice((self.http_topic, self.grpc_topic, self.stream_topic))
                event = self.ledger.new()
                dapr.PublishEvent(pubsub_name="pubsub", topic=topic, data=event.encode(),
                                  data_content_type="text/plain", call={"timeout": draw.choice((0.005, 5, 5, 5))})
                self.ledger.publish(topic, event)
                self.did["published"] += 1
        finally:
            dapr.close()

    def subscribe(self, draw, alpha, beta):
        """Takes events for a while, then vanishes, with some of them unanswered or half answered."""
        side, topic = draw.choice(((alpha, self.http_topic), (beta, self.grpc_topic), (alpha, self.stream_topic),
                                   (alpha, self.stream_topic)))
        stream = Stream(side.grpc).begin(topic)
        until, seen = time.monotonic() + draw.uniform(0.05, 1.5), 0
        try:
            while time.monotonic() < until and stream.error is None:
                events = stream.events[seen:]
                for one in events:
                    said = self.judge(topic, one.data.decode())
                    if said is not None:
                        stream.answer(one.id, said)
                    self.did["streamed"] += 1
                seen += len(events)
                if events and draw.random() < 0.1:
                    break
                time.sleep(0.005)
            draw.choice((stream.half_close, stream.cancel, stream.dapr.close))()
        finally:
            stream.end()

    def in_time(self, draw, alpha, beta):
        """By the frame, where no library ends a call at its deadline: the sidecar has to."""
        target = draw.choice(("alpha", "beta"))
        body = Invoke(id=target, message={"method": "echo", "data": {"value": b"x"}, "http_extension": {"verb": 3}})
        ways = ((DAPR + "InvokeService", (), message(body.SerializeToString())),
                (ECHO, TO_BETA, message(b"proxied")), (SINK, TO_BETA, message(b"")),
                (DAPR + "PublishEvent", (), b"\0\0\0\1\0half"), (ECHO, TO_BETA, b"\0\0\0\0\5ha"))
        with FrameClient(draw.choice((alpha, beta)).grpc) as client:
            for _ in range(draw.randrange(1, 10)):
                if client.wire.closed.is_set():
                    return
                path, metadata, data = draw.choice(ways)
                ms = draw.choice((0, 1, 10, 200))
                began = time.monotonic()
                number = client.begin(path, (*metadata, ("grpc-timeout", f"{ms}m" if ms else "1n")))
                client.data(number, data, end=draw.random() < 0.5)
                if not client.answers[number].ended.wait(ms / 1000 + self.slack) and not client.wire.closed.is_set():
                    self.late.append(f"{path} with {ms} ms: nothing after {time.monotonic() - began:.1f} s")
                self.did["kept to its deadline"] += 1

    def cut(self, draw, alpha, beta):
        """Connections that end in the middle of a frame, or of a preface."""
        with FrameClient(draw.choice((alpha, beta)).grpc) as client:
            for _ in range(draw.randrange(1, 5)):
                number = client.begin(draw.choice((ECHO, DAPR + "InvokeService", DAPR + "SubscribeTopicEventsAlpha1")),
                                      TO_BETA)
                client.data(number, message(draw.randbytes(100))[:draw.randrange(1, 105)])
                if draw.random() < 0.3:
                    client.reset(number)
            client.wire.sock.sendall(draw.randbytes(draw.randrange(0, 12)))
        with socket.create_connection(("127.0.0.1", draw.choice((alpha.grpc, alpha.peer, beta.grpc)))) as sock:
            sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\5"[:draw.randrange(1, 37)])
        self.did["cut"] += 1

    def stare(self, draw, alpha, beta):
        """Opens streams full of messages, and reads nothing."""
        with FrameClient(draw.choice((alpha, beta)).grpc) as client:
            client.consume = False
            for _ in range(20):
                client.data(client.begin(FLOOD, TO_BETA), message(b""), end=True)
            self.stop.wait(draw.uniform(0, 0.5))
        self.did["stared"] += 1

    # All together -----------------------------------------------------------------------------
    def _act(self, number, bout, alpha, beta):
        draw = random.Random(f"{self.seed} {number}")
        while not self.stop.is_set():
            try:
                bout(draw, alpha, beta)
            except WEATHER:
                self.did["failures"] += 1
                self.stop.wait(0.02)
            except Exception as error:
                self.broken.append(error)
                raise

    def start(self, alpha, beta):
        bouts = (self.invoke, self.invoke_http, self.proxy, self.publish, self.publish, self.subscribe, self.subscribe,
                 self.subscribe, self.in_time, self.cut, self.stare)
        self.is_calm = False
        self.stop.clear()
        self.threads = [threading.Thread(target=self._act, args=(n, bout, alpha, beta)) for n, bout in enumerate(bouts)]
        for one in self.threads:
            one.start()

    def end(self):
        self.is_calm = True
        self.stop.set()
        for one in self.threads:
            one.join(60)
            assert not one.is_alive(), "a client hangs"
        assert not self.broken, self.broken
