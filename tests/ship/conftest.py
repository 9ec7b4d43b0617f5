"""What the tests of shipping share: an installed tree, images, and their layers unpacked as a container engine does."""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSIDE = ROOT / "tests/ship/inside"


def pytest_addoption(parser):
    parser.addoption("--build", default=str(ROOT / "build"), help="the folder of a release build")


@pytest.fixture(scope="session", autouse=True)
def one_time():
    """The time of the commit as it is now: somebody may commit while we run."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", run("git", "-C", ROOT, "log", "-1", "--format=%ct").stdout.strip())


@pytest.fixture(scope="session")
def build(pytestconfig):
    folder = pathlib.Path(pytestconfig.getoption("--build")).resolve()
    assert (folder / "cmake_install.cmake").exists(), f"no build in {folder}: build it, or name --build"
    return folder


def run(*command, ok=True, **more):
    """The process, ended. What it says is part of a failure."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=more.pop("timeout", 110), **more)
    assert (done.returncode == 0) == ok, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def installed(build, tmp_path_factory):
    """Installed into one folder, then moved to another."""
    first = tmp_path_factory.mktemp("first") / "trilby"
    run("cmake", "--install", build, "--strip", "--prefix", first, preexec_fn=lambda: os.umask(0o002))
    moved = tmp_path_factory.mktemp("moved") / "elsewhere"
    shutil.move(first, moved)
    return moved


class Archive:
    """An image in an archive, read as a tar file and no more."""

    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as tar:
            self.files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))

    def blob(self, descriptor):
        data = self.files["blobs/sha256/" + descriptor["digest"].split(":")[1]]
        assert len(data) == descriptor["size"]
        return data

    def members(self):
        """Every entry of the layers by its path."""
        import io
        return {m.name: m for layer in self.manifest["layers"] for m in tarfile.open(fileobj=io.BytesIO(self.blob(layer)))}

    def unpack(self, root):
        import io
        for layer in self.manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.blob(layer))) as tar:
                tar.extractall(root, filter="fully_trusted")
        return root


@pytest.fixture(scope="session")
def image(installed, tmp_path_factory):
    """image(words …): tools/image of the installed tree; made once for the same words."""
    made = {}

    def make(*words, ok=True, fresh=False, **more):
        if words in made and not fresh:
            return made[words]
        place = tmp_path_factory.mktemp("image") / "image.tar"
        done = run(ROOT / "tools/image", *words, "--from", installed, "--output", place, ok=ok, **more)
        if not ok:
            return done.stderr
        made[words] = Archive(place)
        return made[words]

    return make


@pytest.fixture
def unpacked(tmp_path):
    """unpacked(archive): a root with the secrets of the quickstart, and nothing else that the image has not."""
    def unpack(archive):
        root = archive.unpack(tmp_path / "root")
        shutil.copy(ROOT / "config/quickstart/secrets.json", root)
        return root
    return unpack
