"""The command line itself: help, versions, and sentences for what makes no sense.  No sidecar is started."""
import json
import pathlib
import re

import pytest

COMMANDS = ["run", "list", "stop", "admin", "version"]
USERS_FLAGS = """app-id app-port app-protocol dapr-http-port dapr-grpc-port dapr-internal-grpc-port metrics-port
    profile-port enable-profiling log-level config resources-path components-path app-max-concurrency
    placement-host-address scheduler-host-address max-body-size read-buffer-size unix-domain-socket
    enable-app-health-check app-health-check-path app-health-probe-interval app-health-probe-timeout
    app-health-threshold enable-api-logging dapr-listen-addresses app-channel-address app-ssl run-file
    kubernetes log-as-json runtime-path help""".split()


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_help_of_the_program_names_every_command(trilby, words):
    done = trilby(*words)
    assert done.returncode == 0 and done.stderr == ""
    for command in COMMANDS + ["help"]:
        assert re.search(rf"^    {command}\s", done.stdout, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_in_every_spelling(trilby, command):
    pages = {trilby("help", command).stdout, trilby(command, "--help").stdout, trilby(command, "-h").stdout}
    page, = pages
    for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"):
        assert re.search(rf"^{title}$", page, re.M)
    assert max(map(len, page.splitlines())) <= 100


def test_help_wins_over_a_command_to_run(trilby):
    assert trilby("run", "--app-id", "x", "--help").stdout == trilby("help", "run").stdout
    assert "== APP ==" not in trilby("run", "--help", "--", "true").stdout.replace("or == APP ==", "")


@pytest.mark.parametrize("flag", USERS_FLAGS)
def test_every_flag_users_know_is_in_the_help_of_run(trilby, flag):
    assert re.search(rf"^    (-\w, )?--{flag}( |$)", trilby("help", "run").stdout, re.M)


def test_the_documentation_names_every_flag(trilby):
    page = pathlib.Path(__file__).parents[2].joinpath("docs/cli.md").read_text()
    for flag in re.findall(r"^    (?:-\w, )?--([a-z-]+)", trilby("help", "run").stdout, re.M):
        assert f"--{flag}" in page, flag


@pytest.mark.parametrize("letter, name", [
    ("a", "app-id"), ("p", "app-port"), ("P", "app-protocol"), ("H", "dapr-http-port"), ("G", "dapr-grpc-port"),
    ("I", "dapr-internal-grpc-port"), ("M", "metrics-port"), ("c", "config"), ("d", "components-path"),
    ("u", "unix-domain-socket"), ("f", "run-file"), ("k", "kubernetes")])
def test_letters_are_the_ones_users_know(trilby, letter, name):
    assert f"    -{letter}, --{name}" in trilby("help", "run").stdout


@pytest.mark.parametrize("words, sentence", [
    (["rnu"], "unknown command: rnu"),
    (["help", "rnu"], "unknown command: rnu"),
    (["run", "--app-prt", "1"], "unknown flag: --app-prt (did you mean --app-port?)"),
    (["run", "--zzzzzzzzzzzz"], "unknown flag: --zzzzzzzzzzzz"),
    (["run", "-Z"], "unknown flag: -Z"),
    (["run", "--app-id"], "--app-id needs a value"),
    (["run", "--app-port", "x"], '--app-port takes a port, a number up to 65535, not "x"'),
    (["run", "--app-port", "70000"], "--app-port takes a port"),
    (["run", "--app-max-concurrency=many"], '--app-max-concurrency takes a whole number, not "many"'),
    (["run", "--enable-api-logging=perhaps"], '--enable-api-logging takes true or false, not "perhaps"'),
    (["list", "extra"], 'trilby list takes no arguments, but got "extra"'),
    (["version", "-o", "xml"], 'text or json, not "xml"'),
    (["admin"], "no admin command was named"),
    (["admin", "restart"], "unknown admin command: restart"),
    (["admin", "plugins", "extra"], 'trilby admin plugins takes no arguments, but got "extra"'),
    (["admin", "reload", "one", "two"], 'trilby admin reload takes one argument, but got "two"'),
    (["admin", "component"], "trilby admin component wants the name of a component"),
    (["admin", "swap"], "trilby admin swap wants the name of a plugin"),
    (["admin", "add"], "trilby admin add wants a FILE"),
    (["admin", "remove", "a/b"], '"a/b" is no name of a component'),
    (["admin", "remove", "a\tb"], "is no name of a component"),
    (["admin", "swap", ""], '"" is no name of a plugin'),
    (["admin", "log-level", "loud"], 'debug, info, warn, error or fatal, not "loud"'),
    (["admin", "plugins", "-o", "yaml"], '--output takes table or json, not "yaml"'),
    (["admin", "plugins", "--timeout", "-1"], "--timeout takes a number of seconds"),
    (["admin", "plugins", "--socket", "/a", "--address", "localhost:1"], "--socket and --address name two listeners"),
])
def test_what_makes_no_sense_gets_a_sentence_and_status_2(trilby, words, sentence):
    done = trilby(*words)
    assert done.returncode == 2 and done.stdout == "" and sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words, sentence", [
    (["run", "-f", "dapr.yaml"], "--run-file is not available yet"),
    (["run", "-k"], "--kubernetes is not available yet"),
    (["stop", "-f", "dapr.yaml"], "--run-file is not available yet"),
    (["list", "-k"], "--kubernetes is not available yet"),
    (["run", "--app-id", "a.b", "--", "true"], "parameter app-id cannot contain dots"),
    (["run", "--app-id", "", "--", "true"], "parameter app-id cannot be empty"),
    (["run", "--resources-path", "nowhere", "--", "true"], 'error validating resources path "nowhere"'),
    (["run", "--runtime-path", "/nonexistent", "--", "true"], "no sidecar program (trilbyd) in the runtime path"),
])
def test_what_cannot_be_done_gets_a_sentence_and_status_1(trilby, words, sentence):
    done = trilby(*words)
    assert done.returncode == 1 and done.stdout == "" and sentence in done.stderr


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-v"]])
def test_versions(trilby, words):
    done = trilby(*words)
    assert re.fullmatch(r"CLI version: \d+\.\d+\.\d+ \nRuntime version: \S+\n", done.stdout)


def test_versions_as_json(trilby):
    versions = json.loads(trilby("version", "-o", "json").stdout)
    assert set(versions) == {"Cli version", "Runtime version"} and versions["Runtime version"] != "n/a"


def test_common_flags_may_stand_before_the_command(trilby, tmp_path):
    versions = json.loads(trilby("--runtime-path", str(tmp_path), "version", "-o", "json").stdout)
    assert versions["Runtime version"] == "n/a"


def test_failures_as_json(trilby):
    line = json.loads(trilby("--log-as-json", "stop", "-a", "cli-nobody").stderr)
    assert line["status"] == "failure" and "cli-nobody" in line["msg"]
