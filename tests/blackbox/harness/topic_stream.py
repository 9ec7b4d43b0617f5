"""A client of SubscribeTopicEventsAlpha1: a thread reads what comes, the test looks at it and answers when it likes.

    stream = topic_stream.open(scene, topic)       # the handshake is done
    event = stream.wait(1)[0]                      # a TopicEventRequest
    stream.answer(event.id)                        # or stream.answer(event.id, topic_stream.RETRY)
    stream.half_close();  stream.ended("UNKNOWN", "EOF")"""

import queue
import threading

import grpc

from harness import rpc
from harness.wait import until

SUCCESS, RETRY, DROP = 0, 1, 2


class Stream:
    def __init__(self, port, metadata=(), seconds=None, options=()):
        self.dapr = rpc.Dapr(port, metadata, options)
        self.method = self.dapr.SubscribeTopicEventsAlpha1
        self.outgoing = queue.Queue()
        self.lock = threading.Lock()
        self.responses, self.error = [], None
        self.sleeping = threading.Event()
        self.sleeping.set()                        # cleared: nothing is read
        self.call = self.method.stream(iter(self.outgoing.get, None), call={"timeout": seconds})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while True:
                self.sleeping.wait()
                one = next(self.call)
                with self.lock:
                    self.responses.append(one)
        except StopIteration:
            self.error = self.call
        except grpc.RpcError as error:
            self.error = error

    # What the client says
    def send(self, **fields):
        self.outgoing.put(self.method.request(**fields))

    def begin(self, topic, pubsub="pubsub", **more):
        self.send(initial_request={"pubsub_name": pubsub, "topic": topic, **more})
        return self

    def answer(self, id, status=SUCCESS):
        self.send(event_processed={"id": id, "status": {"status": status}})

    def half_close(self):
        self.outgoing.put(None)

    def cancel(self):
        self.call.cancel()

    def end(self):
        self.cancel()
        self.outgoing.put(None)
        self.dapr.close()

    # What came
    @property
    def events(self):
        with self.lock:
            return [one.event_message for one in self.responses if one.HasField("event_message")]

    def wait_begun(self):
        until(lambda: self.responses or self.error, "the answer to the first message")
        assert self.error is None, self.failure()
        assert self.responses[0].SerializeToString() == b"\x0a\x00"
        return self

    def wait(self, count=1, seconds=30):
        def enough():
            found = self.events
            return found if len(found) >= count else None
        return until(enough, lambda: f"{count} event(s) of the stream; there are {len(self.events)}, {self.failure()}", seconds)

    def failure(self):
        """How it ended, as a rpc.Failure; None while it has not."""
        return None if self.error is None else rpc.Failure(self.error)

    def ended(self, code, text=None, details=(), seconds=15):
        until(lambda: self.error is not None, f"the end of the stream with {code}", seconds)
        failure = self.failure()
        assert failure.code == code, failure
        if text is not None:
            rpc.assert_failure(failure, code, text, details)
        return failure


def connect(scene, **options):
    """A stream on which nothing has been said yet."""
    stream = Stream(scene.sidecar.grpc, **options)
    scene.bench.stack.callback(stream.end)
    return stream


def open(scene, topic, pubsub="pubsub", **more):
    return connect(scene).begin(topic, pubsub, **more).wait_begun()
