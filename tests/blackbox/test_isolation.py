"""Components in processes of their own: a crash loses its call alone, a swap and a stop reach the process, and it goes
nowhere but where its options say. Trilby's own."""

import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.admin import Admin
from harness.plugins import plugin_folder
from harness.resources import component
from harness.wait import until

pytestmark = pytest.mark.differs
STATE = "/v1.0/state/store"


def annotated(made, **notes):
    """isolate_memory="64Mi" is trilby.io/isolate-memory."""
    made["metadata"]["annotations"] = {f"trilby.io/{name.replace('_', '-')}": text for name, text in notes.items()}
    return made


def children(sidecar):
    return [int(pid) for pid in Path(f"/proc/{sidecar.process.pid}/task/{sidecar.process.pid}/children").read_text().split()]


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def crashing(bench, tmp_path, *more, flags=None, **metadata):
    folder = plugin_folder(tmp_path, "crashing.c", "state.crashing")
    return bench.sidecar(resources=[component("store", "state.crashing", metadata), *more],
                         flags={"isolate": "store", "plugins-path": str(folder), **(flags or {})})


def test_of_each_hundred_calls_the_one_that_crashes_fails(bench, tmp_path):
    sidecar = crashing(bench, tmp_path, every="100")
    answers = [sidecar.get(f"{STATE}/key").status for _ in range(500)]
    assert [n for n, status in enumerate(answers, 1) if status != 200] == [100, 200, 300, 400, 500]
    assert set(answers) == {200, 500}
    sidecar.wait_log("is back: process", count=5)
    sidecar.stop()


def test_the_failed_call_says_what_happened(bench, tmp_path):
    sidecar = crashing(bench, tmp_path)
    answer = sidecar.get(f"{STATE}/crash")
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_STATE_GET"
    assert "the component's process ended while it had this call" in answer.json["message"]
    assert sidecar.get(f"{STATE}/after").status == 200
    sidecar.wait_log("ended by signal 11")
    sidecar.stop()


def test_only_what_is_named_is_isolated(bench):
    sidecar = bench.sidecar(resources=[component("here", "state.in-memory"), annotated(component("there", "state.in-memory"), isolate="true")])
    for name in ("here", "there"):
        assert sidecar.post(f"/v1.0/state/{name}", [{"key": "k", "value": name}]).status == 204
        assert sidecar.get(f"/v1.0/state/{name}/k").json == name
    assert len(children(sidecar)) == 1
    sidecar.stop()


def test_an_annotation_is_stronger_than_the_flag(bench):
    sidecar = bench.sidecar(resources=[annotated(component("here", "state.in-memory"), isolate="false")], flags={"isolate": "all"})
    assert children(sidecar) == []
    sidecar.stop()


def test_its_process_ends_with_the_sidecar(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory")], flags={"isolate": "all"})
    child, = children(sidecar)
    sidecar.stop()
    until(lambda: not is_there(child), "the component's process to end")


def test_its_process_ends_when_the_sidecar_is_killed(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory")], flags={"isolate": "all"})
    child, = children(sidecar)
    sidecar.signal(signal.SIGKILL)
    until(lambda: not is_there(child), "the component's process to end")


def test_a_swap_of_its_code_reaches_it(bench, tmp_path):
    path = str(tmp_path / "admin.sock")
    sidecar = bench.sidecar(resources=[component("store", "state.sqlite", {"connectionString": str(tmp_path / "x.db")})],
                            flags={"isolate": "all", "admin-listen": f"unix:{path}"})
    old, = children(sidecar)
    assert sidecar.post(STATE, [{"key": "k", "value": 1}]).status == 204
    answer = Admin(path=path).swap("state.sqlite")
    assert answer.status == 200, answer.text
    assert sidecar.get(f"{STATE}/k").json == 1
    until(lambda: not is_there(old), "the old process to end")
    assert len(children(sidecar)) == 1
    sidecar.stop()


def test_it_reaches_what_its_options_name_without_a_socket_of_its_own(bench, redis_server):
    made = component("store", "state.redis", {"redisHost": f"127.0.0.1:{redis_server.port}"})
    sidecar = bench.sidecar(resources=[made], flags={"isolate": "all"})
    assert sidecar.post(STATE, [{"key": "k", "value": 1}]).status == 204
    assert sidecar.get(f"{STATE}/k").json == 1
    sidecar.stop()


@pytest.mark.parametrize("flag, value", [("isolate-memory", "lots"), ("isolate-descriptors", "-1"), ("isolate-cpu", "all"),
                                         ("isolate-network", "maybe"), ("isolate-files", "here")])
def test_a_flag_that_is_no_limit_ends_the_start_even_when_nobody_is_isolated(bench, flag, value):
    sidecar = bench.sidecar(flags={flag: value}, ready=False)
    sidecar.wait_log(f"{flag}: '{value}' is not accepted, it expects")
    assert sidecar.wait_end() == 1


def test_a_name_that_no_component_has_is_warned_of(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory")], flags={"isolate": "stroe"})
    sidecar.wait_log("--isolate names 'stroe', and there is no component of that name")
    sidecar.stop()


@pytest.mark.parametrize("limit, text", [("isolate-memory", "little"), ("isolate-files", "data"), ("isolate-files", "/data,there")])
def test_a_limit_that_is_none_says_so(bench, limit, text):
    made = annotated(component("store", "state.in-memory"), isolate="true", **{limit.replace("-", "_"): text})
    sidecar = bench.sidecar(resources=[made], ready=False)
    sidecar.wait_log(f"{limit}: '{text}' is not accepted")
    assert sidecar.wait_end() == 1


def opened(sidecar, how, path):
    return sidecar.get(f"{STATE}/{quote(f'file {how} {path}', safe='')}").text


@pytest.mark.parametrize("said, may", [(None, False), ("open", True), ("{}", True)])
def test_files_beside_those_that_its_options_name_are_opened_where_it_is_allowed(bench, tmp_path, said, may):
    """The third: a folder that the annotation lists."""
    (tmp_path / "named").mkdir()
    (tmp_path / "other").mkdir()
    folder = plugin_folder(tmp_path, "crashing.c", "state.crashing")
    notes = {"isolate_files": said.format(tmp_path / "other")} if said else {}
    made = annotated(component("store", "state.crashing", {"folder": str(tmp_path / "named")}), isolate="true", **notes)
    sidecar = bench.sidecar(resources=[made], flags={"plugins-path": str(folder)})
    lets_all = may or "has no Landlock" in sidecar.log()
    assert opened(sidecar, "w", tmp_path / "named" / "x") == "opened"
    assert opened(sidecar, "w", tmp_path / "other" / "x") == ("opened" if lets_all else "refused")
    sidecar.stop()
