"""A neighbour on the multicast group: sees every datagram, and may speak as another sidecar would."""

import socket
import struct
import threading
import time

from harness.wait import until

GROUP, PORT = "224.0.0.251", 5353
PTR, TXT, SRV, A = 12, 16, 33, 1


def name_bytes(name):
    return b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0"


def name_read(data, at):
    labels, after = [], None
    while True:
        length = data[at]
        if length & 0xC0:
            if after is None:
                after = at + 2
            at = struct.unpack_from("!H", data, at)[0] & 0x3FFF
        elif length == 0:
            return ".".join(labels), after if after is not None else at + 1
        else:
            labels.append(data[at + 1:at + 1 + length].decode())
            at += 1 + length


class Message:
    def __init__(self, data):
        self.data = data
        self.id, self.flags, *counts = struct.unpack_from("!6H", data)
        self.counts = counts
        at, self.questions, sections = 12, [], []
        for _ in range(counts[0]):
            name, at = name_read(data, at)
            self.questions.append((name, *struct.unpack_from("!2H", data, at)))
            at += 4
        for count in counts[1:]:
            section = []
            for _ in range(count):
                name, at = name_read(data, at)
                kind, group, ttl, length = struct.unpack_from("!2HIH", data, at)
                at += 10
                section.append((name, kind, group, ttl, self._value(kind, at, length)))
                at += length
            sections.append(section)
        self.answers, self.authorities, self.additionals = sections
        assert at == len(data)

    def _value(self, kind, at, length):
        if kind == PTR:
            return name_read(self.data, at)[0]
        if kind == SRV:
            return struct.unpack_from("!3H", self.data, at) + (name_read(self.data, at + 6)[0],)
        return self.data[at:at + length]

    @property
    def is_response(self):
        return bool(self.flags & 0x8000)


def query(name, group=1, kind=PTR, id=0x1234):
    return struct.pack("!6H", id, 0, 1, 0, 0, 0) + name_bytes(name) + struct.pack("!2H", kind, group)


def announcement(app_id, port, instance, address="127.0.0.1", ttl=3200, host="elsewhere", texts=None):
    """As Dapr's sidecars say it, names uncompressed."""
    full, service, target = f"{instance}.{app_id}.local", f"{app_id}.local", f"{host}.local"

    def record(name, kind, group, data):
        return name_bytes(name) + struct.pack("!2HIH", kind, group, ttl, len(data)) + data
    text = b"".join(bytes([len(one)]) + one.encode() for one in (texts or [app_id]))
    return struct.pack("!6H", 0, 0x8400, 0, 4, 0, 0) + \
        record(service, PTR, 1, name_bytes(full)) + \
        record(full, SRV, 0x8001, struct.pack("!3H", 0, 0, port) + name_bytes(target)) + \
        record(full, TXT, 0x8001, text) + record(target, A, 0x8001, socket.inet_aton(address))


class Neighbour:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("", PORT))
        loopback = socket.if_nametoindex("lo")
        group = socket.inet_aton(GROUP) + struct.pack("=4si", b"\0" * 4, loopback)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                             struct.pack("=4s4si", b"\0" * 4, b"\0" * 4, loopback))
        self.heard = []
        self.known = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self):
        self.sock.close()

    def say(self, data):
        self.sock.sendto(data, (GROUP, PORT))

    def answer(self, app_id, *announcements):
        """From now on a question for that app is answered with these."""
        self.known[f"{app_id}.local"] = announcements

    def _listen(self):
        while True:
            try:
                data, source = self.sock.recvfrom(9000)
            except OSError:
                return
            try:
                message = Message(data)
            except (AssertionError, IndexError, struct.error):
                continue
            self.heard.append((time.monotonic(), message, source))
            if not message.is_response and not message.authorities:
                self._reply(message)

    def _reply(self, message):
        for name, *_ in message.questions:
            for one in self.known.get(name, ()):
                try:
                    self.say(one)
                except OSError:
                    return                  # stopped meanwhile

    def about(self, app_id):
        """What was heard that names the app, in order."""
        found = []
        for at, message, source in list(self.heard):
            names = [one[0] for one in message.questions + message.answers + message.authorities]
            if any(name == f"{app_id}.local" or name.endswith(f".{app_id}.local") for name in names):
                found.append((at, message, source))
        return found

    def wait(self, app_id, condition, what, seconds=30):
        return until(lambda: [one for one in self.about(app_id) if condition(one[1])], what, seconds)
