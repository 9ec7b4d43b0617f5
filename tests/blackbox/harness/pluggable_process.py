"""A pluggable component in a process of its own, written with the official gRPC of Go (tests/pluggable): started on a
socket, stopped and continued by signals, and read: it says one line for each call.

    mine = Process(folder / "mine.sock", "ETAG"); mine.wait("StateStore/Init s")"""

import os
import signal
import subprocess
import tempfile
import threading

from harness.wait import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SOURCE = os.path.join(ROOT, "tests", "pluggable")
FOLDER = tempfile.TemporaryDirectory(prefix="pluggable-")


def build():
    """The program, built once in a run."""
    program = os.path.join(FOLDER.name, "component")
    if not os.path.exists(program):
        subprocess.run([os.path.join(SOURCE, "build"), FOLDER.name], check=True)
    return program


class Process:
    """Its features are those of the state store."""

    def __init__(self, path, *features):
        self.path, self.features, self.lines = str(path), features, []
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = subprocess.Popen([build(), self.path, *self.features], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        threading.Thread(target=self._drain, args=(self.process.stdout, self.lines), daemon=True).start()
        self.wait("listens")
        return self

    @staticmethod
    def _drain(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def said(self, text):
        return [line for line in self.lines if text in line]

    def wait(self, text, count=1, seconds=20):
        return until(lambda: len(self.said(text)) >= count and self.said(text),
                     lambda: f"{count} times {text!r} of the component, which said:\n" + "\n".join(self.lines), seconds)

    def stall(self):
        self.process.send_signal(signal.SIGSTOP)
        until(self._stands_still, "every thread of the component stands still")

    def _stands_still(self):
        tasks = f"/proc/{self.process.pid}/task"
        states = []
        for one in os.listdir(tasks):
            with open(f"{tasks}/{one}/stat", encoding="utf-8") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        return set(states) == {"T"}

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """Gone at once; its socket's file stays."""
        self.process.kill()
        self.process.wait()

    def leave(self):
        """As servers of gRPC leave: a goodbye, and what is under way is still answered."""
        self.process.stdin.write("leave\n")
        self.process.stdin.flush()

    def again(self):
        """Another process on the same path, with a memory of its own."""
        self.lines = []
        return self.start()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdin.close()
        self.process.stdout.close()
