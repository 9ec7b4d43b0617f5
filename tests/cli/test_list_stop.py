"""`trilby list` and `trilby stop` against real runs, and against sidecars nobody ran with trilby."""
import json
import subprocess
import sys

import pytest
import yaml
from conftest import SIGTERM, free_port, is_gone

WAIT = [sys.executable, "-c", "import signal; signal.pause()"]
KEYS = {"appId", "httpPort", "grpcPort", "appPort", "metricsEnabled", "command", "age", "created", "daprdPid",
        "cliPid", "appPid", "maxRequestBodySize", "httpReadBufferSize", "runTemplatePath", "appLogPath",
        "daprdLogPath", "runTemplateName"}


@pytest.fixture
def running(trilby, app_id):
    return trilby.run("-a", app_id, "--", *WAIT).up()


def test_a_row_has_everything(trilby, running, app_id):
    row = trilby.list()[app_id]
    assert set(row) == KEYS
    assert row["cliPid"] == running.process.pid and row["appPid"] > 0 and row["daprdPid"] > 0
    assert row["command"] == " ".join(WAIT) and row["appPort"] == 0 and row["metricsEnabled"] is True
    assert row["maxRequestBodySize"] == 4 * 1024 * 1024 and row["httpReadBufferSize"] == 4096


def test_yaml_says_the_same(trilby, running, app_id):
    rows = {row["appId"]: row for row in yaml.safe_load(trilby("list", "-o", "yaml").stdout)}
    other = trilby.list()[app_id]
    for key in KEYS - {"age"}:
        assert rows[app_id][key] == other[key], key


def test_the_table(trilby, running, app_id):
    header, *rows = trilby("list").stdout.splitlines()
    for title in ("APP ID", "HTTP PORT", "GRPC PORT", "APP PORT", "COMMAND", "AGE", "CREATED", "DAPRD PID",
                  "CLI PID", "APP PID"):
        assert title in header
    assert "APP_LOG_PATH" not in header, "a column that is empty in every row"
    row = next(row for row in rows if row.startswith(app_id + " "))
    assert len(row.split()) >= 10
    start = header.index("COMMAND")
    assert row[start:start + 20] == " ".join(WAIT)[:17] + "..."


def test_an_unknown_format_is_said(trilby):
    done = trilby("list", "-o", "xml")
    assert done.returncode == 2 and 'table, json or yaml, not "xml"' in done.stderr


def test_stop_ends_the_whole_run(trilby, running, app_id):
    row = trilby.list()[app_id]
    done = trilby("stop", "--app-id", app_id)
    assert done.returncode == 0 and f"app stopped successfully: {app_id}" in done.stdout
    assert running.end() == 0
    assert is_gone(row["appPid"]) and is_gone(row["daprdPid"])
    assert app_id not in trilby.list()


def test_stop_takes_several(trilby, app_id):
    ids = [app_id + letter for letter in "abc"]
    runs = [trilby.run("-a", one, "--", *WAIT).up() for one in ids]
    done = trilby("stop", "-a", ids[0], ids[1], ids[2])
    assert done.returncode == 0 and done.stdout.count("app stopped successfully") == 3
    assert [run.end() for run in runs] == [0, 0, 0]


def test_stop_says_what_it_cannot_find(trilby):
    done = trilby("stop", "-a", "cli-nobody")
    assert done.returncode == 1
    assert "failed to stop app id cli-nobody: couldn't find app id cli-nobody" in done.stderr


def test_stop_wants_a_name(trilby):
    done = trilby("stop")
    assert done.returncode == 2 and "--app-id" in done.stderr


def test_a_sidecar_without_a_cli_is_listed_and_stopped(trilby, sidecar_dir, app_id):
    port = free_port()
    sidecar = subprocess.Popen(
        [sidecar_dir / "trilbyd", f"--app-id={app_id}", f"--dapr-http-port={port}", "--dapr-grpc-port",
         str(free_port()), "--metrics-port", str(free_port()), "--dapr-internal-grpc-port", str(free_port())],
        env=trilby.env, stdout=subprocess.PIPE, text=True)
    try:
        assert any("dapr initialized" in line for line in sidecar.stdout)
        row = trilby.list()[app_id]
        assert row["httpPort"] == port and row["daprdPid"] == sidecar.pid and row["cliPid"] == 0
        assert trilby("stop", app_id).returncode == 0
        assert sidecar.wait(30) == 0
    finally:
        sidecar.kill()
        sidecar.wait(30)
        sidecar.stdout.close()


def test_a_process_named_in_metadata_is_checked_before_it_is_believed(trilby, running, app_id):
    import urllib.request
    victim = subprocess.Popen(WAIT)
    try:
        row = trilby.list()[app_id]
        request = urllib.request.Request(f"http://127.0.0.1:{row['httpPort']}/v1.0/metadata/cliPID",
                                         data=str(victim.pid).encode(), method="PUT")
        assert urllib.request.urlopen(request, timeout=10).status == 204
        assert trilby.list()[app_id]["cliPid"] == running.process.pid
        assert trilby("stop", app_id).returncode == 0
        assert running.end() == 0 and victim.poll() is None
    finally:
        victim.kill()
        victim.wait(30)
