"""`trilby admin` on real sidecars: what it shows, what it changes, what it waits for, and a sentence for each failure."""
import http.server
import json
import os
import re
import socket
import subprocess
import threading

import pytest
import yaml
from conftest import LIMIT, free_port

TOKEN = "a-token-of-the-tests-1234"
SECRET = "hunter2-hunter2"


def component(name, type, **metadata):
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name}, "spec": {
        "type": type, "version": "v1", "metadata": [{"name": key, "value": value} for key, value in metadata.items()]}}


def write(path, *documents):
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


class Side:
    """A running sidecar with an admin listener, and `trilby admin` for it."""

    def __init__(self, trilby, app_id, *flags, resources=()):
        folder = trilby.home / f"resources-{app_id}"
        folder.mkdir()
        write(folder / "all.yaml", component("store", "state.in-memory"), *resources)
        self.trilby, self.app_id, self.socket = trilby, app_id, str(trilby.home / f"{app_id}.sock")
        self.http_port = free_port()
        self.run = trilby.run("-a", app_id, "-H", str(self.http_port), "--resources-path", str(folder),
                              *(flags or ["--admin-listen", f"unix:{self.socket}"])).up()

    def __call__(self, *words):
        return self.trilby("admin", *words, "-a", self.app_id)

    def json(self, *words):
        done = self(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def done(self, *words):
        """The one line that says so."""
        done = self(*words)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.splitlines()[-1]

    def failed(self, status, *words):
        done = self(*words)
        assert done.returncode == status and done.stdout == "" and len(done.stderr.splitlines()) == 1, (done.stdout, done.stderr)
        return done.stderr

    def components(self):
        return {one["name"]: one for one in self.json("components")["components"]}

    def copies(self, file):
        return [one["copy"] for one in self.json("plugins")["plugins"] if one["file"] == file]


@pytest.fixture
def side(trilby, app_id):
    return Side(trilby, app_id)


# --- Looking ---

def test_plugins_are_a_table(side):
    header, *rows = side("plugins").stdout.splitlines()
    assert header.split() == ["PLUGIN", "VERSION", "COPY", "NEWEST", "USERS", "BLOCKS", "COMPONENTS"]
    row = next(row for row in rows if row.startswith("state.in-memory "))
    assert row.split()[3:] == ["yes", "1", "store"]


def test_components_are_a_table(side):
    header, row = side("components").stdout.splitlines()
    assert header.split() == ["NAME", "TYPE", "STATE", "COPY"]
    assert row.split()[:3] == ["store", "state.in-memory/v1", "live"]


def test_a_component_shows_its_options_and_no_secret(trilby, app_id, tmp_path):
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    side = Side(trilby, app_id, resources=[
        component("vault", "secretstores.local.file", secretsFile=str(secrets), pasword=SECRET)])
    page = side("component", "vault").stdout
    assert re.search(rf"^secretsFile +{re.escape(str(secrets))} +resource$", page, re.M)
    assert re.search(r"^multiValued +false +default$", page, re.M)
    assert re.search(r"^pasword +\(not shown\) +resource$", page, re.M) and SECRET not in page
    assert SECRET not in side("component", "vault", "-o", "json").stdout


def test_features_process_and_description(side):
    page = side("features").stdout
    assert re.search(rf"^app id +{side.app_id}$", page, re.M) and re.search(r"^plugin ABI +1\.\d+, blocks \d+$", page, re.M)
    assert re.search(r"^memory +\d+\.\d MiB$", side("process").stdout, re.M)
    for words in (["openapi"], ["openapi", "-o", "json"]):
        assert json.loads(side(*words).stdout)["openapi"].startswith("3.1")


def test_json_is_what_the_sidecar_answers(side):
    assert set(side.json("features")) == {"appId", "version", "build", "abi", "set", "blocks", "plugins", "folders", "preview"}
    assert side.components()["store"]["state"] == "live"


def test_the_level_of_the_log(side):
    assert side("log-level").stdout == "info\n"
    assert side("log-level", "debug").stdout == "debug\n"
    side.run.until("admin: log level set to debug")
    assert side.json("log-level")["level"] == "debug"


# --- Changing ---

def test_a_component_is_added_replaced_and_removed(side, tmp_path):
    file = write(tmp_path / "second.yaml", component("second", "state.in-memory"))
    for _ in range(2):
        assert f"the component of {file} is in service" in side.done("add", file)
        assert side.components()["second"]["state"] == "live"
    assert "component second was reloaded" in side.done("reload", "second")
    assert "component second was removed" in side.done("remove", "second")
    assert "second" not in side.components()


def test_a_component_comes_from_standard_input(side):
    done = subprocess.run([side.trilby.program, "admin", "add", "-", "-a", side.app_id], env=side.trilby.env, capture_output=True,
                          text=True, input=yaml.safe_dump(component("second", "state.in-memory")), timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert side.components()["second"]["state"] == "live"


def test_the_folders_are_read_again(trilby, app_id, tmp_path):
    unwatched = {"kind": "Configuration", "apiVersion": "dapr.io/v1alpha1", "metadata": {"name": "unwatched"},
                 "spec": {"features": [{"name": "HotReload", "enabled": False}]}}
    side = Side(trilby, app_id, "--admin-listen", f"unix:{tmp_path}/admin.sock", "--config", write(tmp_path / "unwatched.yaml", unwatched))
    write(side.trilby.home / f"resources-{side.app_id}" / "more.yaml", component("more", "state.in-memory"))
    assert "the resource folders are being read again" in side.done("reload")
    side.run.until("admin: the resource folders are to be read again")
    side.run.until("Component loaded: more")


@pytest.mark.parametrize("plugin", ["state.in-memory", "state"])
def test_a_plugin_is_swapped_and_the_old_copy_is_gone_then(side, plugin):
    before = side.copies(f"{plugin}.so")
    assert f"plugin {plugin} was swapped" in side.done("swap", plugin)
    after = side.copies(f"{plugin}.so")
    assert len(after) == 1 and after != before


class Slow(http.server.ThreadingHTTPServer):
    """Answers once it is let."""

    def __init__(self):
        self.asked, self.let = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.set()
            self.server.let.wait(LIMIT)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass


@pytest.fixture
def busy(trilby, app_id):
    """A sidecar whose component `slow` owes an answer."""
    server = Slow()
    side = Side(trilby, app_id, resources=[component("slow", "bindings.http", url=f"http://127.0.0.1:{server.server_port}")])
    ask = subprocess.Popen(["curl", "-s", f"http://127.0.0.1:{side.http_port}/v1.0/bindings/slow", "-d", '{"operation":"get"}'],
                           stdout=subprocess.DEVNULL)
    assert server.asked.wait(LIMIT)
    yield side, server
    server.let.set()
    ask.wait(LIMIT)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("words, waits", [
    (["swap", "bindings"], r"waiting for copy \d+: block bindings has \d+ other"),
    (["swap", "bindings.http"], r"waiting for copy \d+: component slow has 1 call"),
    (["reload", "slow"], r"waiting for the old slow has 1 call"), (["remove", "slow"], r"waiting for the old slow has 1 call")])
def test_a_change_waits_for_the_old_one_and_says_what_holds_it(busy, words, waits):
    side, server = busy
    running = subprocess.Popen([side.trilby.program, "admin", *words, "-a", side.app_id], env=side.trilby.env,
                               stdout=subprocess.PIPE, text=True)
    assert re.search(waits, running.stdout.readline())
    assert running.poll() is None
    server.let.set()
    assert "✅" in running.stdout.readline()
    assert running.wait(LIMIT) == 0
    running.stdout.close()


def test_nobody_has_to_wait(busy):
    side, _ = busy
    assert "component slow was reloaded" in side.done("reload", "slow", "--no-wait")
    states = [one["state"] for one in side.json("components")["components"] if one["name"] == "slow"]
    assert sorted(states) == ["leaving", "live"]
    leaving = next(one for one in side.json("components")["components"] if one["state"] == "leaving")
    assert leaving["pins"]["calls"] == 1 and "1 call," in leaving["story"] and leaving["leavingMs"] >= 0
    assert re.search(r"^slow +bindings.http/v1 +leaving +\d+ +1 call.* +leaving for \d+ s$", side("components").stdout, re.M)
    [plugin] = [one for one in side.json("plugins")["plugins"] if one["file"] == "bindings.http.so"]
    assert plugin["users"] == 2 and (plugin["leaving"][0]["kind"], plugin["leaving"][0]["name"]) == ("component", "slow") and plugin["leaving"][0]["pins"] == leaving["pins"] | {
        "oldestMs": plugin["leaving"][0]["pins"]["oldestMs"]}


def test_waiting_has_an_end(busy):
    side, _ = busy
    done = side("reload", "slow", "--timeout", "1")
    assert done.returncode == 4 and "after 1 seconds there is still the old slow has 1 call" in done.stderr


# --- Which sidecar ---

def test_the_socket_may_be_named(side):
    for name in (side.socket, f"unix:{side.socket}"):
        assert side.trilby("admin", "components", "--socket", name).returncode == 0


def test_a_path_of_the_sidecars_folder_is_found_from_elsewhere(trilby, app_id):
    side = Side(trilby, app_id, "--admin-listen", "unix:here.sock")
    done = subprocess.run([trilby.program, "admin", "components", "-a", app_id], env=trilby.env, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0 and "store" in done.stdout, done.stderr
    assert side.trilby.home.joinpath("here.sock").exists()


@pytest.fixture
def on_port(trilby, app_id, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    port = free_port()
    side = Side(trilby, app_id, "--admin-listen", f"127.0.0.1:{port}", "--admin-token-file", str(file))
    side.port, side.file = port, str(file)
    return side


def test_a_port_and_its_token_are_found(on_port):
    assert "store" in on_port("components").stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_may_be_named_with_its_token(on_port, host):
    done = on_port.trilby("admin", "components", "--address", f"{host}:{on_port.port}", "--token-file", on_port.file)
    assert done.returncode == 0 and "store" in done.stdout


def test_of_several_one_has_to_be_named(trilby, app_id):
    one, other = Side(trilby, app_id + "a"), Side(trilby, app_id + "b")
    done = trilby("admin", "components")
    assert done.returncode == 3 and f"{one.app_id} (process " in done.stderr and f"{other.app_id} (process " in done.stderr


# --- What goes wrong ---

def failed(trilby, status, *words):
    done = trilby("admin", *words)
    assert done.returncode == status and done.stdout == "" and len(done.stderr.splitlines()) == 1, (done.stdout, done.stderr)
    return done.stderr


def test_a_sidecar_without_a_listener_is_told_how_to_get_one(trilby, app_id):
    trilby.run("-a", app_id).up()
    sentence = failed(trilby, 3, "components", "-a", app_id)
    assert f"the sidecar of {app_id} (process " in sentence and "--admin-listen unix:/path" in sentence


def test_an_app_that_does_not_run(trilby):
    assert "couldn't find app id cli-nobody" in failed(trilby, 3, "components", "-a", "cli-nobody")


def test_nobody_listens(trilby, tmp_path):
    token = tmp_path / "token"
    token.write_text(TOKEN)
    assert "there is no such socket" in failed(trilby, 3, "plugins", "--socket", str(tmp_path / "nothing.sock"))
    port = free_port()
    assert f"nobody listens on 127.0.0.1:{port}" in failed(trilby, 3, "plugins", "--address", f"127.0.0.1:{port}", "--token-file", str(token))


def test_a_socket_that_was_left_behind(trilby, tmp_path):
    path = str(tmp_path / "left.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    assert f"nobody listens on {path}" in failed(trilby, 3, "plugins", "--socket", path)


def test_a_wrong_token(on_port, tmp_path):
    other = tmp_path / "other"
    other.write_text("another-token-of-the-tests")
    assert f"wrong token: {other} does not hold" in on_port.failed(3, "components", "--token-file", str(other))


def test_a_token_that_cannot_be_read(on_port, tmp_path):
    assert "cannot read the token file" in on_port.failed(3, "components", "--token-file", str(tmp_path / "nothing"))
    empty = tmp_path / "empty"
    empty.write_text("\n")
    assert "does not hold one line" in on_port.failed(3, "components", "--token-file", str(empty))


def test_a_port_without_a_token(trilby):
    assert "name it with --token-file" in failed(trilby, 3, "components", "--address", "127.0.0.1:1")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:65536"])
def test_an_address_has_a_port(trilby, address):
    assert "an address is 127.0.0.1:PORT" in failed(trilby, 3, "components", "--address", address)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_is_told_who_may(trilby, side):
    os.chmod(side.socket, 0o600)
    try:
        done = subprocess.run([side.trilby.program, "admin", "plugins", "--socket", side.socket], capture_output=True, text=True,
                              user=65534, timeout=LIMIT)
    except PermissionError:
        pytest.skip("the program is where the other user cannot run it")
    assert done.returncode == 3 and "permission denied: only the user that runs the sidecar" in done.stderr


def test_what_listens_is_something_else(side, tmp_path):
    token = tmp_path / "token"
    token.write_text(TOKEN)
    sentence = failed(side.trilby, 3, "plugins", "--address", f"127.0.0.1:{side.http_port}", "--token-file", str(token))
    assert "is no admin listener of Trilby" in sentence


def test_what_the_sidecar_refuses_is_said_in_its_words(side, tmp_path):
    assert "there is no component nobody" in side.failed(1, "reload", "nobody")
    assert "plugin state.nothing is not loaded" in side.failed(1, "swap", "state.nothing")
    broken = write(tmp_path / "broken.yaml", component("store", "state.nothing"))
    assert "state.nothing" in side.failed(1, "add", broken)
    assert side.components()["store"]["state"] == "live"


def test_a_file_that_cannot_be_read(side, tmp_path):
    assert "cannot read" in side.failed(1, "add", str(tmp_path / "nothing.yaml"))
    large = tmp_path / "large.yaml"
    large.write_text("#" * (1 << 20 | 1))
    assert "it is larger than 1 MiB" in side.failed(1, "add", str(large))
