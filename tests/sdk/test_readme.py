"""The Python examples of the README as they are printed there, and what they print."""

import os
import re

from frame import HERE, ROOT, python_command
from harness.resources import component
from harness.sidecar import Sidecar

GREETER = "import grpc\nfrom google.protobuf.wrappers_pb2 import StringValue\nfrom greeter import GreeterStub\n"
SECRETS = os.path.join(ROOT, "config", "quickstart", "secrets.json")


def example(word):
    """The block of Python that has this word, and the lines that it prints."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as handle:
        blocks = re.findall(r"```python\n(.*?)```\n```\n(.*?)```\n", handle.read(), re.DOTALL)
    return next((code, said.splitlines()) for code, said in blocks if word in code)


def printed(place, sidecar, code):
    python = python_command("")[0]
    program = place.program([python, "-c", code], sidecar, {"PYTHONPATH": os.path.join(HERE, "python")}).finish()
    assert program.process.returncode == 0, program.said()
    return program.lines


def test_the_client_of_the_sdk(place):
    sidecar = Sidecar(place.binary, resources=[
        component("statestore", "state.in-memory"), component("pubsub", "pubsub.in-memory"),
        component("secretstore", "secretstores.local.file", {"secretsFile": SECRETS})])
    place.stack.callback(sidecar.end)
    code, said = example("DaprClient")
    assert printed(place, sidecar.start(), code) == said


def test_the_generated_client(place):
    _, sidecar = place.serve(python_command("grpc_app.py"), "grpc", app_id="greeter")
    code, said = example("GreeterStub")
    assert printed(place, sidecar, GREETER + code.replace("50001", str(sidecar.grpc))) == said
