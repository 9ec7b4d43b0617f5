"""`trilby run` with the real sidecar: start, environment, output, exit status, and every way to end."""
import json
import os
import re
import socket
import sys
import tempfile
import urllib.request

import pytest
from conftest import SIGINT, SIGTERM, free_port, is_gone

PYTHON = sys.executable
WAIT = "import signal; print('app is up'); signal.pause()"
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('app is up')\nwhile 1: signal.pause()"


def get(port, path):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)


def test_the_command_of_the_readme(trilby, app_id):
    app, http = free_port(), free_port()
    run = trilby.run("--app-id", app_id, "--app-port", str(app), "--dapr-http-port", str(http), "--",
                     PYTHON, "-m", "http.server", str(app), "--bind", "127.0.0.1").up()
    assert get(http, "/v1.0/healthz/outbound").status == 204
    extended = json.load(get(http, "/v1.0/metadata"))["extended"]
    assert extended["cliPID"] == str(run.process.pid)
    assert extended["appCommand"].endswith(f"http.server {app} --bind 127.0.0.1")
    os.kill(int(extended["appPID"]), 0)
    run.signal(SIGINT)
    assert run.end() == 0
    assert "Exited Dapr successfully" in run.text() and "Exited App successfully" in run.text()
    assert is_gone(int(extended["appPID"]))


def test_the_app_gets_its_environment(trilby, app_id):
    port = free_port()
    run = trilby.run("-a", app_id, "-p", str(port), "-P", "grpc", "--", PYTHON, "-c",
                     "import json, os; print('ENV', json.dumps(dict(os.environ)))")
    env = json.loads(run.until("== APP == ENV (.*)").group(1))
    assert env["APP_ID"] == app_id and env["APP_PORT"] == str(port) and env["APP_PROTOCOL"] == "grpc"
    assert env["APP_CHANNEL_ADDRESS"] == "127.0.0.1"
    ports = [int(env[name]) for name in ("DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_METRICS_PORT")]
    assert len(set(ports)) == 3 and all(0 < port < 65536 for port in ports)
    assert run.end() == 0


def test_no_app_port_sets_no_app_port(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", "import os; print('PORT', os.environ.get('APP_PORT'))")
    run.until("== APP == PORT None")
    assert run.end() == 0


def test_the_sidecar_answers_before_the_app_starts(trilby, app_id):
    code = ("import os, urllib.request as u\n"
            "print('STATUS', u.urlopen('http://127.0.0.1:%s/v1.0/healthz/outbound' %"
            " os.environ['DAPR_HTTP_PORT']).status)")
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", code)
    run.until("== APP == STATUS 204")
    assert run.end() == 0


@pytest.mark.parametrize("code, status", [
    ("raise SystemExit(0)", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_exit_status_is_the_apps(trilby, app_id, code, status):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", code)
    assert run.end() == status
    assert "Exited Dapr successfully" in run.text()


def test_a_command_that_is_not_there_is_127(trilby, app_id):
    run = trilby.run("-a", app_id, "--", "no-such-program-anywhere")
    assert run.end() == 127
    assert 'cannot start "no-such-program-anywhere": No such file or directory' in run.text()


def test_a_command_that_cannot_run_is_126(trilby, app_id, tmp_path):
    (tmp_path / "data").write_text("no program")
    run = trilby.run("-a", app_id, "--", "./data")
    assert run.end() == 126


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_one_signal_stops_both(trilby, app_id, number):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", WAIT).up()
    row = trilby.list()[app_id]
    run.signal(number)
    assert run.end() == 0
    assert is_gone(row["appPid"]) and is_gone(row["daprdPid"])


def test_an_app_may_choose_its_status_when_stopped(trilby, app_id):
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(5)); print('app is up'); signal.pause()"
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", code)
    run.until("^== APP == app is up")
    run.signal(SIGTERM)
    assert run.end() == 5


def test_a_deaf_app_is_killed_after_its_grace(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", DEAF)
    run.until("^== APP == app is up")
    run.signal(SIGINT)
    assert run.end() == 137
    assert "Exited Dapr successfully" in run.text()


def test_a_second_signal_kills_at_once(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", DEAF)
    run.until("^== APP == app is up")
    run.signal(SIGINT)
    run.until("shutting down")
    run.signal(SIGINT)
    assert run.end() == 137
    assert "killing what is left" in run.text()


def test_what_the_app_left_behind_ends_too(trilby, app_id):
    run = trilby.run("-a", app_id, "--", "sh", "-c", "sleep 600 & echo child $!; exit 4")
    child = int(run.until(r"== APP == child (\d+)").group(1))
    assert run.end() == 4
    assert is_gone(child)


def test_a_dead_sidecar_ends_the_app(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", WAIT).up()
    row = trilby.list()[app_id]
    os.kill(row["daprdPid"], 9)
    assert run.end() == 1
    assert "the sidecar ended unexpectedly (signal 9 (Killed)); stopping the app" in run.text()
    assert is_gone(row["appPid"])


def test_shutdown_through_the_api_is_a_good_end(trilby, app_id):
    port = free_port()
    run = trilby.run("-a", app_id, "-H", str(port), "--", PYTHON, "-c", WAIT).up()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1.0/shutdown", method="POST", data=b"")
    assert urllib.request.urlopen(request, timeout=10).status == 204
    assert run.end() == 0
    assert "the sidecar was shut down; stopping the app" in run.text()


def test_nothing_survives_a_killed_cli(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", WAIT).up()
    row = trilby.list()[app_id]
    run.process.kill()
    assert is_gone(row["appPid"]) and is_gone(row["daprdPid"])


def test_a_sidecar_that_cannot_start_is_said(trilby, app_id, tmp_path):
    run = trilby.run("-a", app_id, "--config", "missing.yaml", "--", PYTHON, "-c", WAIT)
    assert run.end() == 1
    assert "the sidecar ended before it was ready" in run.text()
    assert "== APP ==" not in run.text()


def test_a_sidecar_alone(trilby, app_id):
    run = trilby.run("-a", app_id)
    run.until("WARNING: no application command found.")
    run.until("You're up and running! Dapr logs will appear here.")
    run.signal(SIGINT)
    assert run.end() == 0


def test_an_id_is_made_up(trilby):
    run = trilby.run("--", PYTHON, "-c", "import os; print('ID', os.environ['APP_ID'])")
    assert re.fullmatch(r"[a-z]+-[a-z]+-[0-9a-f]{4}", run.until("== APP == ID (.*)").group(1))
    assert run.end() == 0


def test_lines_of_two_streams_never_mix(trilby, app_id):
    code = ("import os, threading\n"
            "def put(fd, letter):\n"
            "    for _ in range(2000):\n"
            "        os.write(fd, letter * 40); os.write(fd, letter * 40 + b'\\n')\n"
            "threads = [threading.Thread(target=put, args=a) for a in ((1, b'a'), (2, b'b'))]\n"
            "[t.start() for t in threads]; [t.join() for t in threads]\n")
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", code)
    assert run.end() == 0
    lines = [line for line in run.seen if re.match("== APP == [ab]", line)]
    assert sorted(lines) == ["== APP == " + "a" * 80] * 2000 + ["== APP == " + "b" * 80] * 2000


def test_a_last_line_without_its_end_is_shown(trilby, app_id):
    run = trilby.run("-a", app_id, "--", "printf", "one\\ntwo")
    assert run.end() == 0
    assert "== APP == one" in run.seen and "== APP == two" in run.seen


def test_a_very_long_line_comes_in_pieces_and_whole(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", "print('x' * 3_000_000)")
    assert run.end() == 0
    pieces = [line[len("== APP == "):] for line in run.seen if line.startswith("== APP == x")]
    assert sum(map(len, pieces)) == 3_000_000 and len(pieces) < 100


def test_the_words_of_the_command_reach_it_untouched(trilby, app_id):
    words = ["--app-id", "other", "a b", "", "--", "-x", "$HOME"]
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", "import sys; print('ARGS', sys.argv[1:])", *words)
    assert run.until(r"ARGS (.*)").group(1) == str(words)
    assert run.end() == 0


def test_the_command_may_follow_without_dashes(trilby, app_id):
    run = trilby.run("--app-id", app_id, PYTHON, "-c", "print('here')")
    run.until("== APP == here")
    assert run.end() == 0


def test_flags_reach_the_sidecar(trilby, app_id, tmp_path):
    (tmp_path / "resources").mkdir()
    (tmp_path / "config.yaml").write_text("kind: Configuration\nspec: {}\n")
    given = ["--app-max-concurrency", "3", "--log-level", "debug", "--enable-api-logging",
             "--max-body-size", "8Mi", "--resources-path", "resources", "--config", "config.yaml",
             "--dapr-graceful-shutdown-seconds", "2"]
    run = trilby.run("-a", app_id, *given, "--", PYTHON, "-c", WAIT).up()
    row = trilby.list()[app_id]
    with open(f"/proc/{row['daprdPid']}/cmdline", "rb") as file:
        argv = file.read().decode().split("\0")
    for flag, value in zip(given[::2], given[1::2]):
        if flag.startswith("--") and not value.startswith("--"):
            assert argv[argv.index(flag) + 1] == value
    assert "--enable-api-logging" in argv and row["maxRequestBodySize"] == 8 * 1024 * 1024
    run.signal(SIGTERM)
    assert run.end() == 0


@pytest.mark.parametrize("folder", [".trilby", ".dapr"])
def test_the_resources_of_the_home_are_used(trilby, app_id, tmp_path, folder):
    (tmp_path / folder / "components").mkdir(parents=True)
    (tmp_path / folder / "config.yaml").write_text("kind: Configuration\nspec: {}\n")
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", WAIT).up()
    with open(f"/proc/{trilby.list()[app_id]['daprdPid']}/cmdline", "rb") as file:
        argv = file.read().decode().split("\0")
    assert argv[argv.index("--resources-path") + 1] == str(tmp_path / folder / "components")
    assert argv[argv.index("--config") + 1] == str(tmp_path / folder / "config.yaml")
    run.signal(SIGTERM)
    assert run.end() == 0


def test_unix_sockets_instead_of_ports(trilby, app_id):
    with tempfile.TemporaryDirectory() as folder:
        unix_sockets(trilby, app_id, folder)


def test_a_socket_folder_that_is_too_deep_is_said(trilby, app_id):
    done = trilby("run", "-a", app_id, "-u", "/tmp/" + "x" * 100, "--", "true")
    assert done.returncode == 1 and "too long" in done.stderr


def unix_sockets(trilby, app_id, folder):
    run = trilby.run("-a", app_id, "-u", folder, "--", PYTHON, "-c", WAIT)
    run.until("HTTP Socket: .*-http.socket")
    run.up()
    assert trilby.list()[app_id]["cliPid"] == run.process.pid
    with socket.socket(socket.AF_UNIX) as api:
        api.settimeout(10)
        api.connect(f"{folder}/dapr-{app_id}-http.socket")
        api.sendall(b"GET /v1.0/healthz/outbound HTTP/1.1\r\nHost: unix\r\n\r\n")
        assert api.recv(100).startswith(b"HTTP/1.1 204")
    run.signal(SIGINT)
    assert run.end() == 0


@pytest.mark.parametrize("flag, name", [("--dapr-http-port", "HTTPPort"), ("--dapr-grpc-port", "GRPCPort"),
                                        ("--metrics-port", "MetricsPort"),
                                        ("--dapr-internal-grpc-port", "InternalGRPCPort")])
def test_a_busy_port_is_said_before_anything_starts(trilby, app_id, flag, name):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = trilby("run", "-a", app_id, flag, str(port), "--", "true")
    assert done.returncode == 1 and done.stdout == ""
    assert f"invalid configuration for {name}. Port {port} is not available" in done.stderr


def test_json_lines_when_asked(trilby, app_id):
    run = trilby.run("-a", app_id, "--log-as-json", "--", "true")
    assert run.end() == 0
    own = [json.loads(line) for line in run.seen if line.startswith("{")]
    assert own and all(set(line) == {"time", "status", "msg"} for line in own)
    assert own[-1]["status"] == "success" and own[-1]["msg"] == "Exited Dapr successfully"


def test_the_token_of_the_environment_is_used(trilby, app_id):
    run = trilby.run("-a", app_id, "--", PYTHON, "-c", WAIT, DAPR_API_TOKEN="s3cret").up()
    assert "did not take" not in run.text()
    run.signal(SIGTERM)
    assert run.end() == 0


def test_a_reader_that_went_away_ends_the_run(trilby, app_id, sidecar_dir):
    import subprocess
    code = "import itertools, time\nfor i in itertools.count(): print('line', i); time.sleep(0.01)"
    reader, writer = os.pipe()
    process = subprocess.Popen([trilby.program, "run", "-a", app_id, "--", PYTHON, "-c", code],
                               env=trilby.env, stdout=writer, stdin=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as output:
        assert any("== APP == line" in line for line in output)
    assert process.wait(30) == 0
