"""The kept binaries (docs/abi.md): what the SDK of a released minor version has built is judged by today's runner."""

import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess

import pytest

KEPT = pathlib.Path(__file__).parent / "kept"
BINARIES = sorted(KEPT.glob("*/*.so"))
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the kept binaries are x86_64")


def test_none_is_missing():
    """A minor version that had every block has them for ever."""
    assert {one.stem.split(".")[0] for one in (KEPT / "1.0").glob("*.so")} == {
        "bindings", "configuration", "crypto", "lock", "nameresolution", "pubsub", "secretstores", "state"}
    assert (KEPT / "1.0/state.kept-rust.so").exists()


@pytest.mark.parametrize("folder", sorted(KEPT.glob("*/")), ids=lambda path: path.name)
def test_they_are_the_bytes_of_their_day(folder):
    said = {line.split()[1].removeprefix("./"): line.split()[0] for line in (folder / "sums").read_text().splitlines()}
    assert said == {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.glob("*.so")}


@pytest.mark.parametrize("binary", BINARIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_is_judged_as_on_its_day(build, tmp_path, binary):
    name = binary.stem.replace(".kept", "")                 # state.kept-rust: its files are state-rust.*
    (tmp_path / "build").mkdir()
    shutil.copy(binary, tmp_path / "build")
    (tmp_path / "component.yaml").write_text((binary.parent / f"{name}.yaml").read_text().replace("@OUT@", str(tmp_path)))
    env = {**os.environ, "TRILBY_CONFORM": str(build / "bin/trilby-conform")}
    shutil.copy(binary.parent / f"{name}.check", tmp_path / "check")
    judged = subprocess.run(["sh", "./check"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert judged.returncode == 0 and re.search(r"^\d+ passed, 0 failed", judged.stdout, re.M), judged.stdout + judged.stderr
