"""A gRPC server that breaks rules, one rule per case: what a client must survive, or report.

    tests/interop/negative_server.py CASE PORT

Each case is a function of one stream, called when its head is there; the server counts what a check needs."""

import os
import sys
import threading

import h2.errors
import h2.settings
from hyperframe.frame import GoAwayFrame

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blackbox"))

from harness.frames import FrameApp, message  # noqa: E402

ANSWER = b"x" * 1000
RESET = h2.errors.ErrorCodes.NO_ERROR


class NegativeServer(FrameApp):
    def __init__(self, case):
        settings = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1} if case == "max_streams" else None
        super().__init__(getattr(self, case), settings=settings)
        self.said = threading.Event()           # goaway: the client knows of it
        self.hold = threading.Event()           # … and the first call is answered after this
        self.lock = threading.Lock()
        self.open, self.most_open = {}, 0       # max_streams
        self.pings = 0

    def goaway(self, stream):
        """After the first head the connection takes no more calls; the call on it goes on."""
        stream.ended.wait()
        if stream is self.calls[0]:
            frame = GoAwayFrame(0, last_stream_id=stream.number, error_code=0)
            with stream.wire.lock:
                stream.wire.sock.sendall(frame.serialize())
            self._ping(stream.wire)             # its answer: the frame in front of it has been read
            self.said.set()
            self.hold.wait()
        stream.answer(ANSWER)

    def rst_after_header(self, stream):
        stream.ended.wait()
        stream.head()
        stream.break_off(RESET)

    def rst_during_data(self, stream):
        stream.ended.wait()
        stream.head()
        stream.data(message(ANSWER)[:500])
        stream.break_off(RESET)

    def rst_after_data(self, stream):
        stream.ended.wait()
        stream.head()
        stream.data(message(ANSWER))
        stream.break_off(RESET)

    def ping(self, stream):
        """Pings everywhere, each of which wants its answer before anything goes on."""
        self._ping(stream.wire)
        stream.ended.wait()
        self._ping(stream.wire)
        stream.head()
        self._ping(stream.wire)
        stream.data(message(ANSWER)[:500])
        self._ping(stream.wire)
        stream.data(message(ANSWER)[500:])
        self._ping(stream.wire)
        stream.trailers()

    def _ping(self, wire):
        self.pings += 1
        data = b"%08d" % self.pings
        wire.send(lambda h: h.ping(data))
        assert wire.ping_acks.get(timeout=10) == data

    def max_streams(self, stream):
        """One stream at a time on a connection, as SETTINGS say."""
        with self.lock:
            here = self.open[stream.wire] = self.open.get(stream.wire, 0) + 1
            self.most_open = max(self.most_open, here)
        stream.ended.wait()
        with self.lock:
            self.open[stream.wire] -= 1
        stream.answer(ANSWER)


def main(case, port):
    server = NegativeServer(case)
    server.port = int(port)
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
