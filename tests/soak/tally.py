"""An application that counts: a process of its own, so that nothing of the test slows it down. It takes POST /orders with
events whose data is {"n": NUMBER}, refuses one in ten of them the first time (unless told not to), and keeps in shared memory how often each was
taken."""

import asyncio
import json
import multiprocessing
import re
import socket

NUMBER = re.compile(rb'"n":(\d+)')
FORK = multiprocessing.get_context("spawn")


class Tally:
    def __init__(self, topic, most, refuses=True):
        self.topic, self.most = topic, most
        self.taken = FORK.Array("B", most, lock=False)
        self.figures = FORK.Array("l", 5, lock=False)          # distinct, refused, out of order, at the app now, connections
        self.delay_ms = FORK.Value("i", 0, lock=False)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        ready = FORK.Event()
        self.process = FORK.Process(target=serve, daemon=True, args=(
            self.port, topic, self.taken, self.figures, self.delay_ms, ready, refuses))
        self.process.start()
        assert ready.wait(30)

    distinct = property(lambda self: self.figures[0])
    refused = property(lambda self: self.figures[1])
    out_of_order = property(lambda self: self.figures[2])
    waiting = property(lambda self: self.figures[3])
    connections = property(lambda self: self.figures[4])

    def missing(self, upto):
        return [n for n in range(upto) if not self.taken[n]]

    def stop(self):
        self.process.terminate()
        self.process.join(10)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with lengths, as sidecars speak it; no more."""

    def __init__(self, state):
        self.state, self.rest = state, b""

    def connection_made(self, transport):
        self.transport = transport
        self.state.figures[4] += 1

    def connection_lost(self, error):
        self.state.figures[4] -= 1

    def data_received(self, data):
        self.rest += data
        while True:
            end = self.rest.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.rest[:end]
            length = re.search(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)", head)
            total = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.rest) < total:
                return
            body, self.rest = self.rest[end + 4:total], self.rest[total:]
            self.answer(*self.state.judge(head, body))

    def answer(self, status, body, delay):
        text = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        if not delay:
            self.transport.write(text)
            return
        self.state.figures[3] += 1
        asyncio.get_running_loop().call_later(delay / 1000, self.later, text)

    def later(self, text):
        self.state.figures[3] -= 1
        if not self.transport.is_closing():
            self.transport.write(text)


class State:
    def __init__(self, topic, taken, figures, delay_ms, refuses):
        self.refuses = refuses
        self.topic, self.taken, self.figures, self.delay_ms = topic, taken, figures, delay_ms
        self.tried, self.last = set(), -1

    def judge(self, head, body):
        if head.startswith(b"GET /dapr/subscribe"):
            return 200, json.dumps([{"pubsubname": "events", "topic": self.topic, "route": "/orders"}]).encode(), 0
        if head.startswith(b"OPTIONS /orders"):                # a binding asks whether it is read
            return 200, b"", 0
        if not head.startswith(b"POST /orders"):
            return 404, b"", 0
        n = int(NUMBER.search(body).group(1))
        if self.refuses and n % 10 == 3 and n not in self.tried:
            self.tried.add(n)
            self.figures[1] += 1
            return 500, b"", 0
        if not self.taken[n]:
            self.figures[0] += 1
            self.figures[2] += n < self.last
            self.last = max(self.last, n)
        self.taken[n] = min(255, self.taken[n] + 1)
        return 200, b"", self.delay_ms.value


def serve(port, topic, taken, figures, delay_ms, ready, refuses):
    async def run():
        state = State(topic, taken, figures, delay_ms, refuses)
        server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", port, backlog=512)
        ready.set()
        await server.serve_forever()
    asyncio.run(run())
