"""Components that the SDK of an earlier minor version has built (docs/abi.md), in today's sidecar: each is used over the
public protocol, and moved to another copy of its code."""

import pathlib
import platform
import shutil

import pytest
import yaml

from harness.admin import Admin
from harness.resources import subscription

KEPT = pathlib.Path(__file__).resolve().parents[1] / "abi" / "kept"
pytestmark = [pytest.mark.differs, pytest.mark.skipif(platform.machine() != "x86_64", reason="the kept binaries are x86_64")]
FOLDERS = {"data": None, "secrets": {"pin": "1234"}, "settings": {"colour": "blue"}, "keys": {"one": "k" * 32}}


@pytest.fixture(scope="module", params=sorted(KEPT.glob("*/")), ids=lambda path: path.name)
def pair(request, shared, tmp_path_factory):
    home = tmp_path_factory.mktemp("kept")
    plugins = home / "plugins"
    plugins.mkdir(mode=0o755)
    for name, files in FOLDERS.items():
        (home / name).mkdir()
        for file, text in (files or {}).items():
            (home / name / file).write_text(text)
    resources = []
    for binary in request.param.glob("*.so"):
        shutil.copy(binary, plugins)
        (plugins / binary.name).chmod(0o644)
        text = (request.param / f"{binary.stem.replace('.kept', '')}.yaml").read_text()
        resource = yaml.safe_load(text.replace("@OUT@", str(home)))
        if binary.stem == "state.kept-rust":
            resource["metadata"]["name"] = "ruststore"
        if not binary.stem.startswith("nameresolution"):
            resources.append(resource)
    app = shared.app()
    names = {"nameResolution": {"component": "kept", "version": "v1", "configuration": {"app.orders": f"127.0.0.1:{app.port}"}}}
    resources.append(subscription("sub", "pubsub", "news", "/news"))
    path = str(home / "admin.sock")
    sidecar = shared.sidecar(app=app, resources=resources, config=names,
                             flags={"plugins-path": str(plugins), "admin-listen": f"unix:{path}"})
    return sidecar, Admin(path=path), app


@pytest.mark.parametrize("store", ["statestore", "ruststore"])
def test_state(pair, store):
    sidecar, _, _ = pair
    assert sidecar.post(f"/v1.0/state/{store}", [{"key": "k", "value": {"n": 1}}]).status == 204
    assert sidecar.get(f"/v1.0/state/{store}/k").json == {"n": 1}
    assert sidecar.delete(f"/v1.0/state/{store}/k").status == 204
    assert sidecar.get(f"/v1.0/state/{store}/k").status == 204


def test_secrets(pair):
    assert pair[0].get("/v1.0/secrets/secretstore/pin").json == {"pin": "1234"}


def test_configuration(pair):
    assert pair[0].get("/v1.0/configuration/configstore?key=colour").json["colour"]["value"] == "blue"


def test_lock(pair):
    wish = {"resourceId": "door", "lockOwner": "me", "expiryInSeconds": 60}
    assert pair[0].post("/v1.0-alpha1/lock/lockstore", wish).json == {"success": True}
    assert pair[0].post("/v1.0-alpha1/lock/lockstore", {**wish, "lockOwner": "you"}).json == {"success": False}
    assert pair[0].post("/v1.0-alpha1/unlock/lockstore", {"resourceId": "door", "lockOwner": "me"}).json == {"status": 0}


def test_crypto(pair):
    words = {"dapr-key-name": "one", "dapr-key-wrap-algorithm": "A256KW"}
    sealed = pair[0].put("/v1.0-alpha1/crypto/keystore/encrypt", b"plain text", words)
    assert sealed.status == 200 and b"plain text" not in sealed.body
    assert pair[0].put("/v1.0-alpha1/crypto/keystore/decrypt", sealed.body, words).body == b"plain text"


def test_a_binding_in_and_out(pair):
    sidecar, _, app = pair
    asked = {"operation": "create", "data": "hello", "metadata": {"key": "letter"}}
    assert sidecar.post("/v1.0/bindings/box", asked).status in (200, 204)
    assert sidecar.post("/v1.0/bindings/box", {"operation": "get", "metadata": {"key": "letter"}}).body == b'"hello"'


def test_pubsub(pair):
    sidecar, _, app = pair
    assert sidecar.post("/v1.0/publish/pubsub/news", {"headline": "kept"}).status == 204
    app.wait_one("/news")


@pytest.mark.parametrize("plugin", ["state.kept", "state.kept-rust", "pubsub.kept", "secretstores.kept", "configuration.kept",
                                    "lock.kept", "crypto.kept", "bindings.kept"])
def test_its_code_can_be_swapped(pair, plugin):
    _, admin, _ = pair
    answer = admin.swap(plugin)
    assert answer.status == 200, answer.text
