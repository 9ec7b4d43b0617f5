"""tools/new-component: what it makes builds without a warning and passes the runner, as it stands, in every language and
for every block."""

import os
import re
import subprocess

import pytest

from conftest import ROOT

BLOCKS = ["bindings", "configuration", "crypto", "lock", "nameresolution", "pubsub", "secretstores", "state"]
BUILDS = {"c": "cmake -S . -B build -G Ninja && ninja -C build", "c++": "cmake -S . -B build -G Ninja && ninja -C build",
          "rust": "make"}


def new(*words):
    return subprocess.run([ROOT / "tools/new-component", *words], capture_output=True, text=True)


@pytest.fixture(scope="session")
def cargo_target(tmp_path_factory):
    """One for all, outside of the workers' own folders: the SDK's crate is compiled once."""
    shared = tmp_path_factory.getbasetemp().parent / "cargo"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("language", BUILDS)
def test_a_new_component_builds_and_passes(build, tmp_path, cargo_target, language, block):
    folder = tmp_path / "acme"
    made = new("--language", language, block, "acme.two", "--out", str(folder))
    assert made.returncode == 0, made.stderr
    env = {**os.environ, "TRILBY_CONFORM": str(build / "bin/trilby-conform"), "CARGO_TARGET_DIR": str(cargo_target),
           "CARGO_PROFILE_RELEASE_LTO": "off"}
    built = subprocess.run(BUILDS[language], shell=True, cwd=folder, env=env, capture_output=True, text=True)
    assert built.returncode == 0 and "warning" not in (built.stdout + built.stderr).lower(), built.stdout + built.stderr
    judged = subprocess.run(["./check"], cwd=folder, env=env, capture_output=True, text=True)
    assert judged.returncode == 0 and re.search(r"^\d+ passed, 0 failed", judged.stdout, re.M), judged.stdout + judged.stderr


@pytest.mark.parametrize("words, said", [
    (("state",), "new-component"), (("stat", "acme"), "no template for the block 'stat'"), (("state", "Acme"), "is no name"),
    (("--language", "go", "state", "acme"), "c, c++ or rust"), (("--language=rust", "state", "acme"), "--out says where")])
def test_wrong_words_have_a_sentence(words, said):
    made = new(*words)
    assert made.returncode == 2 and said in made.stderr


def test_nothing_is_overwritten(tmp_path):
    assert new("lock", "acme", "--out", str(tmp_path)).returncode == 0
    again = new("lock", "acme", "--out", str(tmp_path))
    assert again.returncode == 2 and "there already" in again.stderr


def test_the_rust_crate_follows_the_headers():
    checked = subprocess.run([ROOT / "tools/sdk/rust", "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
