"""Two changes at once, and changes while the runtime starts: what the folders want, what somebody asks of the admin
listener, and signals. It is Trilby's own, so the whole file is left out on any other sidecar."""

import contextlib
import os
import random
import signal
import threading

import pytest

from harness.admin import Admin
from harness.resources import component, endpoint, text_of
from harness.wait import until
from test_reload import SECONDS, STORE, secrets_file, vault, wait_components

pytestmark = pytest.mark.differs
SLOW = {"responseTimeout": "4s"}


def start(bench, tmp_path, *resources, **more):
    path = str(tmp_path / "admin.sock")
    flags = {"admin-listen": f"unix:{path}", **more.pop("flags", {})}
    return bench.sidecar(resources=list(resources), flags=flags, **more), Admin(path=path)


def states(admin):
    """None as long as there is no runtime."""
    return [(one["name"], one["state"]) for one in admin.request("GET", "/v1/admin/components").json.get("components", [])]


def slow(port, **more):
    return component("slow", "bindings.http", {"url": f"http://127.0.0.1:{port}", **SLOW, **more})


def test_a_component_given_while_its_file_closes_it_is_there_once(bench, tmp_path, silent):
    sidecar, admin = start(bench, tmp_path, slow(silent))
    asking = threading.Thread(target=lambda: sidecar.post("/v1.0/bindings/slow", {"operation": "get"}))
    asking.start()
    until(lambda: admin.components()["slow"]["pins"]["calls"] == 1, "the call to be under way")
    sidecar.resource_write("0.yaml", slow(silent, other="option"))
    sidecar.wait_log("Closing existing Component to reload: slow", seconds=SECONDS)
    answer = admin.put(text_of(component("slow", "state.in-memory")))
    assert answer.status == 409, answer.body
    asking.join()
    sidecar.wait_log("Component loaded: slow", count=2, seconds=SECONDS)
    all_of_them = admin.request("GET", "/v1/admin/components").json["components"]
    assert [(one["name"], one["state"]) for one in all_of_them if one["state"] != "leaving"] == [("slow", "live")]


def test_a_component_that_is_coming_up_at_the_start_is_not_taken_away_under_it(bench, tmp_path, silent):
    hanging = component("hanging", "state.redis", {"redisHost": f"127.0.0.1:{silent}"}, initTimeout="3s", ignoreErrors=True)
    sidecar, admin = start(bench, tmp_path, hanging, ready=False)
    until(lambda: os.path.exists(admin.path) and ("hanging", "starting") in states(admin), "the component to be starting")
    assert admin.remove("hanging").status == 503
    sidecar.wait_log("dapr initialized. Status: Running.", seconds=SECONDS)


def test_a_plugin_is_not_replaced_while_a_component_of_it_comes_up(bench, tmp_path, silent):
    sidecar, admin = start(bench, tmp_path, STORE)
    sidecar.resource_write("1.yaml", component("hanging", "state.redis", {"redisHost": f"127.0.0.1:{silent}"}, initTimeout="3s",
                                               ignoreErrors=True))
    until(lambda: admin.components().get("hanging", {}).get("state") == "starting", "the component to be starting", SECONDS)
    answer = admin.swap("state.redis")
    assert answer.status == 409 and answer.json["message"] == "component hanging is coming up just now"
    until(lambda: admin.components()["hanging"]["state"] == "failed", "the component to give up", SECONDS)
    assert admin.swap("state.redis").status == 200


def test_what_is_tried_again_runs_from_the_new_code(bench, tmp_path):
    sidecar, admin = start(bench, tmp_path, STORE, component("ill", "state.redis", {"redisHost": "127.0.0.1:1"}),
                           flags={"on-component-failure": "heal"})

    def copies():
        return [one["copy"] for one in admin.plugins() if one["file"] == "state.redis.so"]
    [before] = copies()
    assert admin.swap("state.redis").status == 200
    until(lambda: copies() and min(copies()) > before, "another try from the new copy", SECONDS)
    assert b"is out of service" in sidecar.get("/v1.0/state/ill/k").body


def actors(name, type="state.in-memory", **metadata):
    return component(name, type, {"actorStateStore": "true", **metadata})


def reads(sidecar):
    """How often the process has called read: as often as it reads its folders, and a little more."""
    with open(f"/proc/{sidecar.process.pid}/io", encoding="ascii") as file:
        return dict(line.split(": ") for line in file.read().splitlines())["syscr"]


def test_a_skipped_actor_store_whose_file_has_gone_is_not_looked_for(bench, tmp_path):
    sidecar, admin = start(bench, tmp_path, actors("one"), flags={"placement-host-address": "127.0.0.1:1"})
    sidecar.resource_write("1.yaml", actors("two"))
    sidecar.wait_log("Skipping hot reload of two", seconds=SECONDS)
    sidecar.resource_write("1.yaml", STORE)
    sidecar.resource_remove("0.yaml")
    wait_components(sidecar, "store")
    before = int(reads(sidecar))
    for _ in range(20):
        admin.components()
    assert int(reads(sidecar)) - before < 400


def test_a_skipped_actor_store_that_may_not_be_is_tried_once(bench, tmp_path):
    sidecar, admin = start(bench, tmp_path, actors("one"), flags={"placement-host-address": "127.0.0.1:1"},
                           config={"components": {"deny": ["state.sqlite"]}})
    sidecar.resource_write("1.yaml", actors("two", "state.sqlite"))
    sidecar.wait_log("Skipping hot reload of two", seconds=SECONDS)
    sidecar.resource_remove("0.yaml")
    sidecar.wait_log("Received unauthorized component update, ignored: two", seconds=SECONDS)
    for _ in range(20):
        admin.components()
    assert len(sidecar.logged("Received unauthorized component update, ignored: two")) == 1


def test_an_endpoint_that_changes_with_its_secret_store_is_there_once(bench, tmp_path):
    def shop(port):
        one = endpoint("shop", f"http://127.0.0.1:{port}")
        one["spec"]["headers"] = [{"name": "key", "secretKeyRef": {"name": "key", "key": "key"}}]
        one["auth"] = {"secretStore": "vault"}
        return one
    sidecar, _ = start(bench, tmp_path, [vault(secrets_file(bench, key="one")), shop(1)], flags={"reload": "safe"})
    sidecar.resource_write("0.yaml", [vault(secrets_file(bench, key="two")), shop(2)])
    sidecar.wait_log("HTTPEndpoint updated: shop (http://127.0.0.1:2)", seconds=SECONDS)
    sidecar.resource_write("1.yaml", STORE)
    wait_components(sidecar, "vault", "store")
    assert not sidecar.logged("HTTPEndpoint updated: shop (http://127.0.0.1:1)")
    assert not sidecar.logged("HTTPEndpoint deleted")


class Storm:
    """Changes of all kinds, from several threads, in any order; each is answered with one of the statuses of the API."""

    def __init__(self, sidecar, admin, seed):
        self.sidecar, self.admin, self.faults = sidecar, admin, []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 10 + n),)) for n in range(4)]

    def one(self, dice):
        name = dice.choice(["store", "other", "memory"])
        kind = "pubsub.in-memory" if name == "memory" else "state.in-memory"
        value = component(name, kind, {"number": dice.randrange(100)})
        choices = [lambda: self.admin.put(text_of(value)), lambda: self.admin.remove(name), lambda: self.admin.reload(name),
                   lambda: self.admin.swap(dice.choice(["state", "pubsub", "state.in-memory", "pubsub.in-memory", "nameresolution.mdns"])),
                   lambda: self.admin.request("POST", "/v1/admin/resources/reload"), lambda: self.admin.plugins() and None,
                   lambda: self.sidecar.resource_write(f"{name}.yaml", value) and None,
                   lambda: self.sidecar.status_of("/v1.0/state/store/k") and None,
                   lambda: self.sidecar.signal(signal.SIGHUP)]
        return dice.choices(choices, [4, 2, 4, 4, 2, 2, 4, 4, 1])[0]()

    def run(self, dice):
        while not self.ends.is_set():
            try:
                answer = self.one(dice)
            except (OSError, EOFError, TypeError, KeyError):    # it has ended, or is being built anew
                continue
            if answer and answer.status not in (200, 404, 409, 503):
                self.faults.append(answer.body)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults


@pytest.mark.parametrize("reload", ["safe", "dapr"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("TEST_STORMS", "1"))))
def test_changes_of_all_kinds_in_any_order_end_where_they_should(bench, tmp_path, reload, seed):
    sidecar, admin = start(bench, tmp_path, flags={"reload": reload, "loops": "3", "on-component-failure": "heal"})
    with Storm(sidecar, admin, seed) as storm:
        for _ in range(300):
            sidecar.status_of("/v1.0/healthz")
        storm.ends.set()
    for name in ("store", "other", "memory"):
        with contextlib.suppress(FileNotFoundError):
            sidecar.resource_remove(f"{name}.yaml")
    sidecar.resource_write("last.yaml", component("last", "state.in-memory"))
    sidecar.wait_ready()

    def has_what_was_written_last():
        with contextlib.suppress(OSError, EOFError):            # a last SIGHUP may still build it anew
            return "last" in sidecar.component_names()
    until(has_what_was_written_last, lambda: f"what was written last:\n{sidecar.log_tail()}", SECONDS)
    with Storm(sidecar, admin, seed):
        for _ in range(50):
            sidecar.status_of("/v1.0/healthz")
        sidecar.stop()
