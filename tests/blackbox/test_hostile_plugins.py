"""What the sidecar does, and says, when a component breaks the contract: tests/plugins has one that breaks each law. A client
gets one answer, others are not harmed, and the log names the component."""

import os
import re
import signal
import threading

import pytest

from harness import raw
from harness.admin import Admin
from harness.metrics import value
from harness.resources import component
from harness.wait import until

pytestmark = pytest.mark.differs
HOSTILE = ["state.hostile", "state.hostile-on-loop", "state.hostile-on-one-loop", "state.hostile-on-workers"]


@pytest.fixture
def start(bench, binary, tmp_path):
    plugins = os.path.join(os.path.dirname(binary), "..", "test-plugins")
    if not os.path.exists(os.path.join(plugins, "state.hostile.so")):
        pytest.skip("the hostile plugins are not built: tools/build unit")

    def begin(*resources, **flags):
        path = str(tmp_path / "admin.sock")
        sidecar = bench.sidecar(resources=list(resources), flags={"plugins-path": plugins, "admin-listen": f"unix:{path}", **flags})
        return sidecar, Admin(path=path)
    return begin


def ask(sidecar, how, key="k", store="store"):
    return sidecar.get(f"/v1.0/state/{store}/{key}?metadata.how={how}")


def others_are_well(sidecar):
    """Twenty clients at once get each its own answer: the key as the value."""
    answers = {}

    def one(number):
        answers[number] = ask(sidecar, "good", f"key{number}").body

    clients = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(30)
    assert all(body.endswith(f"key{number}".encode()) for number, body in answers.items()) and len(answers) == 20, answers


# --- Answers ---

@pytest.mark.parametrize("type", HOSTILE)
@pytest.mark.parametrize("how", ["twice", "thread-twice", "two-threads", "fail-after-done", "item-after-done"])
def test_a_second_answer_is_dropped_counted_and_named(start, type, how):
    sidecar, _ = start(component("store", type))
    answer = ask(sidecar, how, "mine")
    assert answer.status == 200 and answer.body.endswith(b"mine")
    until(lambda: any("misbehaviour" in line and "store" in line for line in sidecar.log()), "the misbehaviour in the log")
    others_are_well(sidecar)
    assert value(sidecar, "trilby_misbehaviour_total", component="store") >= 1


def test_a_second_answer_long_after_reaches_nobody_else(start):
    sidecar, _ = start(component("store", "state.hostile"))
    for number in range(10):
        assert ask(sidecar, "late-again", f"first{number}").status == 200
    done = threading.Event()
    release = threading.Thread(target=lambda: (sidecar.post("/v1.0/state/store", [{"key": "release", "value": 1}]), done.set()))
    release.start()
    others_are_well(sidecar)
    assert done.wait(30)
    others_are_well(sidecar)


@pytest.mark.parametrize("how", ["no-error", "bad-error"])
def test_a_failure_without_sense_is_one_sentence(start, how):
    answer = ask(start(component("store", "state.hostile"))[0], how)
    assert answer.status == 500 and answer.json["errorCode"]


def test_from_another_thread_is_as_good(start):
    sidecar, _ = start(component("store", "state.hostile"))
    assert ask(sidecar, "thread", "mine").body.endswith(b"mine")


def test_no_answer_at_all_costs_that_client_alone_and_is_seen(start):
    sidecar, admin = start(component("store", "state.hostile"))
    with pytest.raises(TimeoutError):
        raw.request(sidecar.http, "GET", "/v1.0/state/store/k?metadata.how=never", seconds=1)
    others_are_well(sidecar)
    assert admin.remove("store").status == 200
    until(lambda: re.search(r"stays: 1 call.*oldest", admin.components().get("store", {}).get("story", "")), "the story of the call it owes")


# --- Resources ---

def test_a_buffer_that_it_keeps_is_counted_and_named(start):
    sidecar, admin = start(component("store", "state.careless", {"how": "leaks-buffer"}))
    for _ in range(3):
        assert sidecar.get("/v1.0/state/store/k").status == 204
    assert admin.remove("store").status == 200
    sidecar.wait_log("component 'store' (state.careless) has stopped, and 3 buffers that it took of the host are not given back")


def test_one_that_never_stops_is_named_and_keeps_nobody_from_leaving(start):
    sidecar, admin = start(component("store", "state.careless", {"how": "forgets-stop"}, initTimeout="300ms"))
    assert admin.remove("store").status == 200
    sidecar.wait_log("component 'store' (state.careless) has not answered stop within 300ms")
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_end() is not None


# --- Loops, threads, the process ---

@pytest.mark.figures    # a build with sanitizers on a busy machine is slow enough to be named for less
def test_who_blocks_a_loop_is_named_and_when_it_is_over(start):
    sidecar, _ = start(component("store", "state.careless", {"how": "blocks"}))
    assert sidecar.get("/v1.0/state/store/k").status == 204
    sidecar.wait_log("has been inside of store (state.careless) for ")
    sidecar.wait_log("goes on, after ")


@pytest.mark.figures    # sanitizers have a report of their own
@pytest.mark.parametrize("how, number", [("crashes", signal.SIGABRT), ("crashes-itself", signal.SIGSEGV)])
def test_a_crash_says_whose_it_was_and_which_requests_were_in_flight(start, how, number):
    sidecar, _ = start(component("store", "state.careless", {"how": how}))
    with pytest.raises(Exception):
        sidecar.get("/v1.0/state/store/k")
    assert sidecar.wait_end() == -number
    said = "\n".join(sidecar.stderr)
    assert f"trilby: fatal signal {int(number)}\ntrilby: it happened inside of the component store (state.careless)\n" in said
    assert re.search(r"trilby: in flight on loop \d+: GET .*state", said)
    if number == signal.SIGSEGV:
        assert re.search(r"trilby: at 0x[0-9a-f]+ of .*state\.careless", said)
