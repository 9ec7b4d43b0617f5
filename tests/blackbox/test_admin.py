"""The admin listener (docs/admin.md): who may speak, what is listed, components and code changed while requests flow.
It is Trilby's own, so the whole file is left out on any other sidecar."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import threading
import urllib.parse

import pytest

from harness.admin import Admin
from harness.plugins import plugin_folder
from harness.ports import free_port
from harness.resources import component, text_of
from harness.wait import until

pytestmark = pytest.mark.differs
TOKEN = "a-token-of-the-tests-1234"


def on_socket(bench, tmp_path, **options):
    path = str(tmp_path / "admin.sock")
    flags = {"admin-listen": f"unix:{path}", **options.pop("flags", {})}
    sidecar = bench.sidecar(flags=flags, **options)
    return sidecar, Admin(path=path)


@pytest.fixture
def pair(bench, tmp_path):
    return on_socket(bench, tmp_path, app_id="admined", resources=[component("store", "state.in-memory")])


def save(sidecar, store, key="k", value=1):
    return sidecar.post(f"/v1.0/state/{store}", [{"key": key, "value": value}]).status


# --- Who may speak ---

def test_without_the_flag_there_is_none(bench):
    sidecar = bench.sidecar()
    assert sidecar.get("/v1/admin/plugins").status == 404


def test_the_socket_is_for_its_owner(pair, tmp_path):
    assert os.stat(tmp_path / "admin.sock").st_mode & 0o777 == 0o600


def token_file(tmp_path, mode=0o600, text=TOKEN + "\n"):
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def on_port(bench, tmp_path, **more):
    port = free_port()
    bench.sidecar(flags={"admin-listen": f"127.0.0.1:{port}", "admin-token-file": str(token_file(tmp_path, **more))})
    return Admin(port=port, token=TOKEN)


def test_a_port_asks_for_the_token(bench, tmp_path):
    admin = on_port(bench, tmp_path)
    assert admin.request("GET", "/v1/admin/plugins").status == 200
    for lines in ([], [("Authorization", "Bearer wrong-token-wrong-token")], [("Authorization", TOKEN)]):
        answer = admin.request("GET", "/v1/admin/plugins", headers=lines)
        assert answer.status == 401 and answer.json["errorCode"] == "ADMIN_REFUSED"
        assert "--admin-token-file" in answer.json["message"]


def test_a_port_is_not_for_browsers_nor_for_other_hosts(bench, tmp_path):
    admin = on_port(bench, tmp_path)
    own = admin.own_headers()
    for line in (("Origin", "http://localhost"), ("Host", "evil.example"), ("Host", "localhost.evil.example")):
        assert admin.request("GET", "/v1/admin/plugins", headers=[*own, line]).status == 403
    assert admin.request("GET", "/v1/admin/plugins", headers=[*own, ("Host", "localhost:1")]).status == 200


@pytest.mark.parametrize("way", ["socket", "port"])
def test_a_browser_is_refused_and_told_nothing_of_cors(bench, tmp_path, way):
    admin = on_socket(bench, tmp_path)[1] if way == "socket" else on_port(bench, tmp_path)
    for method in ("GET", "POST", "OPTIONS"):
        answer = admin.request(method, "/v1/admin/components", b"", headers=[
            *admin.own_headers(), ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")])
        assert answer.status == 403
        assert not [name for name in answer.names if name.lower().startswith("access-control")]


@pytest.mark.parametrize("way", ["socket", "port"])
@pytest.mark.parametrize("type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_change_that_a_form_could_send_is_refused(bench, tmp_path, way, type):
    admin = on_socket(bench, tmp_path)[1] if way == "socket" else on_port(bench, tmp_path)
    lines = [line for line in admin.own_headers() if line[0] != "X-Trilby-Admin"] + ([("Content-Type", type)] if type else [])
    text = text_of(component("second", "state.in-memory"))
    answer = admin.request("POST", "/v1/admin/components", text, headers=lines)
    assert answer.status == 403 and "X-Trilby-Admin" in answer.json["message"]
    assert "second" not in admin.components()
    assert admin.request("POST", "/v1/admin/components", text, headers=[*lines, ("X-Trilby-Admin", "1")]).status == 200


def test_a_content_type_that_no_form_has_does_without_the_header(pair):
    _, admin = pair
    answer = admin.request("POST", "/v1/admin/components", text_of(component("second", "state.in-memory")),
                           headers=[("Content-Type", "application/yaml")])
    assert answer.status == 200


@contextlib.contextmanager
def nobody():
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_is_refused_by_the_kernels_word_even_where_the_file_lets_him(bench):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "admin.sock")
        bench.sidecar(flags={"admin-listen": f"unix:{path}"})
        with nobody(), pytest.raises(PermissionError):
            Admin(path=path).plugins()
        os.chmod(path, 0o666)
        with nobody():
            answer = Admin(path=path).request("GET", "/v1/admin/plugins")
        assert answer.status == 403 and "only the user that runs the sidecar" in answer.json["message"]


def test_what_is_sent_has_an_end(pair):
    _, admin = pair
    answer = admin.request("POST", "/v1/admin/components", b"x" * (1 << 20 | 1))
    assert answer.status == 413 and "1 MiB" in answer.json["message"]
    assert admin.request("GET", "/v1/admin/plugins", headers=[("X-Long", "x" * 20000)]).status == 431


@pytest.mark.parametrize("mode, text, words", [
    (0o644, TOKEN, "only its owner can read"), (0o600, "short", "16 to 256 characters")])
def test_a_careless_token_file_stops_the_start(bench, tmp_path, mode, text, words):
    sidecar = bench.sidecar(ready=False, flags={"admin-listen": "127.0.0.1:0",
                                                "admin-token-file": str(token_file(tmp_path, mode, text))})
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)


@pytest.mark.parametrize("listen, words", [("0.0.0.0:1", "--admin-listen is unix:/path"), ("127.0.0.1:0", "admin-token-file")])
def test_other_addresses_are_refused(bench, tmp_path, listen, words):
    flags = {"admin-listen": listen}
    if "0.0.0.0" in listen:
        flags["admin-token-file"] = str(token_file(tmp_path))
    sidecar = bench.sidecar(ready=False, flags=flags)
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)


# --- Paths ---

def test_unknown_paths_and_methods_have_a_sentence(pair):
    _, admin = pair
    answer = admin.request("GET", "/v1/admin/nothing")
    assert answer.status == 404 and "GET /v1/admin lists them" in answer.json["message"]
    answer = admin.request("PUT", "/v1/admin/components", b"x")
    assert answer.status == 405 and answer.header("Allow") == "GET, POST"


def test_what_is_there_is_listed(pair):
    _, admin = pair
    files = {one["file"] for one in admin.plugins()}
    assert {"state.so", "state.in-memory.so", "healthz.so"} <= files
    assert admin.components()["store"]["state"] == "live"


def set_level(admin, level):
    return admin.request("PUT", "/v1/admin/log-level", json.dumps({"level": level}))


def test_a_changed_level_of_the_log_is_in_force_at_once(pair):
    sidecar, admin = pair
    assert set_level(admin, "error").json["level"] == "error"
    sidecar.wait_log("admin: log level set to error")
    assert admin.reload("store").status == 200
    assert set_level(admin, "WARN").json["level"] == "warn"
    assert set_level(admin, "info").json["level"] == "info"
    sidecar.wait_log("admin: log level set to info, it was warn")
    assert not sidecar.logged("component store is to be reloaded"), "while only errors were written"
    assert admin.reload("store").status == 200
    sidecar.wait_log("component store is to be reloaded")


@pytest.mark.parametrize("body", ["", "debug", "{}", "[]", '{"level":7}', '{"level":"loud"}', '{"level":"%s"}' % ("x" * 99), '{"level":"'])
def test_a_level_there_is_not_changes_nothing(pair, body):
    _, admin = pair
    assert set_level(admin, "warn").status == 200
    answer = admin.request("PUT", "/v1/admin/log-level", body)
    assert answer.status == 400 and "debug, info, warn, error or fatal" in answer.json["message"]
    assert admin.request("GET", "/v1/admin/log-level").json["level"] == "warn"


# --- Options ---

SECRET = "hunter2-hunter2"


def test_options_are_shown_with_their_values_and_never_a_secret(bench, tmp_path, monkeypatch):
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"folder": str(tmp_path / "from-a-secret")}))
    sidecar, admin = on_socket(bench, tmp_path, env={"TEST_FILE": str(secrets)}, resources=[
        component("vault", "secretstores.local.file", {"secretsFile": {"envRef": "TEST_FILE"}, "multiValued": "true"}),
        component("plain", "secretstores.local.file", {"SECRETSFILE": str(secrets), "pasword": SECRET}),
        component("cache", "state.redis", {"redisHost": "127.0.0.1:1", "redisPassword": SECRET}, ignoreErrors=True),
        component("kept", "state.sqlite", {"connectionString": {"secretKeyRef": {"name": "folder", "key": "folder"}},
                                           "timeout": "7s"}, auth={"secretStore": "plain"}),
    ])
    assert SECRET not in json.dumps([admin.component(name) for name in admin.components()])
    options = admin.options("plain")
    assert options["secretsFile"] == {"name": "secretsFile", "type": "string", "source": "resource", "redacted": False,
                                      "value": str(secrets)}
    assert options["multiValued"]["source"] == "default" and options["multiValued"]["value"] == "false"
    assert options["pasword"] == {"name": "pasword", "type": "unknown", "source": "resource", "redacted": True}
    assert admin.options("vault")["secretsFile"] == {"name": "secretsFile", "type": "string", "source": "resource", "redacted": True}
    assert admin.options("kept")["connectionString"]["redacted"] and "value" not in admin.options("kept")["connectionString"]
    assert admin.options("kept")["timeout"]["value"] == "7s"
    failed = admin.component("cache")
    assert failed["state"] == "failed" and failed["why"] and "options" not in failed


def test_what_a_leaving_component_waits_for_is_told_in_numbers(pair):
    sidecar, admin = pair
    assert admin.components()["store"]["pins"] == {"calls": 0, "buffers": 0, "other": 0, "oldestMs": 0}
    [plugin] = [one for one in admin.plugins() if one["file"] == "state.in-memory.so"]
    assert plugin["users"] == 1 and plugin["components"] == ["store"] and plugin["leaving"] == []


# --- Components ---

def test_a_component_joins_serves_and_goes(pair):
    sidecar, admin = pair
    assert admin.put(text_of(component("second", "state.in-memory"))).status == 200
    assert save(sidecar, "second") == 204
    assert "second" in sidecar.component_names()
    assert admin.remove("second").status == 200
    assert save(sidecar, "second") == 400
    answer = admin.remove("second")
    assert answer.status == 404 and "second" in answer.json["message"]


BROKEN = {
    "no yaml": ("a: [", "yaml"), "no component": ("kind: Subscription\nmetadata: {name: x}", "Component"), "empty": ("", "Component"),
    "unknown type": (text_of(component("store", "state.nothing")), "state.nothing"),
    "missing option": (text_of(component("store", "secretstores.local.file")), "secretsFile"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_one_leaves_the_old_one_serving(pair, kind):
    sidecar, admin = pair
    text, words = BROKEN[kind]
    save(sidecar, "store", "kept", 7)
    answer = admin.put(text)
    assert answer.status >= 400 and words.lower() in answer.json["message"].lower(), answer.text
    assert sidecar.get("/v1.0/state/store/kept").body == b"7"


@pytest.mark.parametrize("name", ["two words", "späti", "x?y#z"])
def test_a_name_of_any_letters_is_escaped_in_a_path(pair, name):
    _, admin = pair
    path = urllib.parse.quote(name, safe="")
    assert admin.put(text_of(component(name, "state.in-memory"))).status == 200
    assert admin.component(path)["name"] == name
    assert admin.reload(path).status == 200
    assert admin.remove(path).status == 200
    assert admin.remove(path).status == 404


def test_a_reload_makes_a_new_instance(pair):
    sidecar, admin = pair
    assert admin.reload("store").status == 200
    assert save(sidecar, "store") == 204
    assert admin.reload("nobody").status == 404


# --- Self-test ---

@pytest.fixture
def fussy(bench, tmp_path):
    """Its store passes its self-test unless the file that it names is there: sidecar, admin, and the file."""
    folder, trouble = tmp_path / "plugins", tmp_path / "trouble"
    folder.mkdir()
    sidecar, admin = on_socket(bench, tmp_path, flags={"plugins-path": str(plugin_folder(folder, "fussy.c", "state.fussy"))},
                               resources=[component("store", "state.fussy", {"troubleFile": str(trouble)})])
    return sidecar, admin, trouble


@pytest.mark.parametrize("change", ["reload", "another document"])
def test_one_that_comes_up_ill_does_not_take_over(fussy, change):
    sidecar, admin, trouble = fussy
    trouble.touch()
    other = text_of(component("store", "state.fussy", {"troubleFile": str(trouble), "some": "option"}))
    answer = admin.reload("store") if change == "reload" else admin.put(other)
    sentence = "component store came up and did not pass its self-test: there is trouble"
    assert answer.status == 503 and sentence in answer.json["message"]
    sidecar.wait_log(f"an admin request failed: {sentence}")
    assert sidecar.get("/v1.0/state/store/k").status == 204
    assert admin.component("store")["state"] == "live" and "some" not in admin.options("store")
    trouble.unlink()
    assert admin.put(other).status == 200
    assert "some" in admin.options("store")


def test_one_that_joins_starts_as_at_the_start(fussy):
    """Nothing serves in its place: it is not tested."""
    sidecar, admin, trouble = fussy
    trouble.touch()
    assert admin.put(text_of(component("second", "state.fussy", {"troubleFile": str(trouble)}))).status == 200
    assert sidecar.get("/v1.0/state/second/k").status == 204


def test_a_type_that_is_denied_takes_no_place(bench, tmp_path):
    sidecar, admin = on_socket(bench, tmp_path, resources=[component("store", "state.in-memory")],
                               config={"components": {"deny": ["state.sqlite/v1"]}})
    for name in ("store", "second", "store"):
        answer = admin.put(text_of(component(name, "state.sqlite", {"connectionString": str(tmp_path / "x.db")})))
        assert (answer.status, answer.json["errorCode"]) == (503, "DENIED"), answer.text
        assert "components of type 'state.sqlite/v1' are not allowed" in answer.json["message"]
    assert set(admin.components()) == {"store"} and save(sidecar, "store") == 204
    assert admin.reload("store").status == 200
    sidecar.stop()


# --- Code ---

def copies(admin, file):
    return [one["copy"] for one in admin.plugins() if one["file"] == file]


def test_a_component_moves_to_another_copy_of_its_code(pair):
    sidecar, admin = pair
    before = copies(admin, "state.in-memory.so")
    assert admin.swap("state.in-memory").status == 200
    until(lambda: copies(admin, "state.in-memory.so") != before and len(copies(admin, "state.in-memory.so")) == 1, "the old copy to go")
    assert save(sidecar, "store") == 204


@pytest.mark.parametrize("block", ["state", "healthz", "metadata", "invoke", "secretstores", "pubsub", "shutdown"])
def test_a_block_moves_to_another_copy_of_its_code(pair, block):
    sidecar, admin = pair
    before = copies(admin, f"{block}.so")
    assert admin.swap(block).status == 200
    until(lambda: copies(admin, f"{block}.so") != before and len(copies(admin, f"{block}.so")) == 1, "the old copy to go")
    assert save(sidecar, "store") == 204 and sidecar.is_ready() and sidecar.metadata()["id"] == "admined"


@pytest.mark.parametrize("change", [lambda admin: admin.reload("store"), lambda admin: admin.swap("state.in-memory")],
                         ids=["reload", "swap"])
def test_what_a_store_keeps_goes_over_to_the_new_one(pair, change):
    sidecar, admin = pair
    assert save(sidecar, "store", "kept", 7) == 204
    etag = sidecar.get("/v1.0/state/store/kept").header("Etag")
    assert change(admin).status == 200
    answer = sidecar.get("/v1.0/state/store/kept")
    assert answer.body == b"7" and answer.header("Etag") == etag


def test_no_acknowledged_write_is_lost_while_a_store_moves(pair):
    sidecar, admin = pair
    ended, kept = threading.Event(), []

    def write():
        while not ended.is_set():
            if save(sidecar, "store", f"k{len(kept)}") != 204:
                kept.append("refused")
                return
            kept.append("saved")

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(10):
        before = len(kept)
        assert admin.swap("state.in-memory").status == 200
        until(lambda: len(kept) > before + 5, "writes to go on")
    ended.set()
    writer.join(30)
    assert "refused" not in kept
    for number in range(len(kept)):
        assert sidecar.get(f"/v1.0/state/store/k{number}").body == b"1", number


def test_an_unknown_plugin_is_not_found(pair):
    _, admin = pair
    answer = admin.swap("state.nothing")
    assert answer.status == 404 and "state.nothing" in answer.json["message"]


@pytest.mark.figures    # sanitizer builds map the file itself
def test_a_plugin_that_is_broken_now_leaves_the_old_copy_serving(bench, tmp_path, binary):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    source = os.path.join(os.path.dirname(binary), "..", "plugins", "state.in-memory.so")
    shutil.copy(source, folder / "state.in-memory.so")
    sidecar, admin = on_socket(bench, tmp_path, flags={"plugins-path": str(folder)},
                               resources=[component("store", "state.in-memory")])
    assert any(one["path"].startswith(str(folder)) for one in admin.plugins())
    save(sidecar, "store", "kept", 7)
    broken = folder / "new"
    broken.write_bytes(b"\x7fELF" + bytes(100))
    broken.chmod(0o644)
    os.replace(broken, folder / "state.in-memory.so")
    answer = admin.swap("state.in-memory")
    assert answer.status >= 400 and "state.in-memory" in answer.json["message"]
    assert sidecar.get("/v1.0/state/store/kept").body == b"7"


def test_the_runtime_may_be_rebuilt_in_between(pair):
    sidecar, admin = pair
    sidecar.signal(signal.SIGHUP)
    sidecar.wait_log("dapr initialized. Status: Running.", count=2)
    sidecar.wait_ready()
    assert admin.swap("state").status == 200
    assert save(sidecar, "store") == 204
