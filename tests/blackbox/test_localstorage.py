"""bindings.localstorage (contract 2.14): what becomes of data, where files lie, and that nothing leads out."""

import base64
import json
import os
import subprocess
import threading
import uuid

import pytest

from harness import raw
from harness.resources import component


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("outside") / "made" / "inside"


@pytest.fixture(scope="module")
def sidecar(shared, root):
    return shared.sidecar(resources=[
        component("files", "bindings.localstorage", {"rootPath": str(root)}),
        component("plain", "bindings.localstorage", {"rootPath": str(root), "decodeBase64": "never", "maxSize": "1k"})])


@pytest.fixture
def name():
    return uuid.uuid4().hex[:8]


def invoke(sidecar, operation, name=None, data=None, binding="files"):
    body = {"operation": operation, "metadata": {"fileName": name} if name is not None else {}}
    text = json.dumps(body).encode()
    if data is not None:
        text = text[:-1] + b',"data":' + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"}"
    return raw.request(sidecar.http, "POST", f"/v1.0/bindings/{binding}", [("Content-Type", "application/json")], text)


def said(answer):
    assert answer.status == 500, answer.text
    return answer.json["message"].removeprefix("error invoking output binding files: ")


# --- Data ---

@pytest.mark.parametrize("data,kept", [
    (b'"a text"', b"a text"), (b'"\\"quoted\\" \\u00fc\\n\\/"', b'"quoted" \xc3\xbc\n/'), (b'{"a": 1}', b'{"a":1}'),
    (json.dumps(base64.b64encode(bytes(range(256))).decode()).encode(), bytes(range(256))),
    (b'"aGVs\\r\\nbG8="', b"hello"), (b'"aGVsbG8"', b"aGVsbG8"), (b'""', b"")])
def test_what_data_becomes(sidecar, root, name, data, kept):
    assert invoke(sidecar, "create", name, data).json == {"fileName": name}
    assert (root / name).read_bytes() == kept
    assert invoke(sidecar, "get", name).body == kept


def test_a_word_that_looks_like_base64_is_decoded_unless_it_is_said_not_to(sidecar, root, name):
    invoke(sidecar, "create", name, b'"test"')
    assert (root / name).read_bytes() == base64.b64decode("test")
    invoke(sidecar, "create", name, b'"test"', binding="plain")
    assert (root / name).read_bytes() == b"test"


@pytest.mark.differs
@pytest.mark.parametrize("data", [b"null", b"true", b"12345678"])
def test_null_true_and_numbers_are_no_base64(sidecar, root, name, data):
    invoke(sidecar, "create", name, data)
    assert (root / name).read_bytes() == data


def test_a_file_may_be_read_by_all_and_written_by_one(sidecar, root, name):
    invoke(sidecar, "create", name, 1)
    assert os.stat(root / name).st_mode & 0o777 == 0o644


def test_a_longer_file_is_replaced_whole(sidecar, root, name):
    invoke(sidecar, "create", name, "x" * 5000)
    invoke(sidecar, "create", name, "short!")
    assert (root / name).read_bytes() == b"short!"


def test_nobody_reads_a_half(sidecar, name):
    invoke(sidecar, "create", name, "A!" * 20000)
    over = threading.Event()

    def write():
        for i in range(100):
            invoke(sidecar, "create", name, "AB"[i % 2] + "!" + "AB"[i % 2] * 39998)
        over.set()
    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        body = invoke(sidecar, "get", name).body
        assert len(body) == 40000 and len(set(body[2:]) | set(body[:1])) <= 2
    writer.join()


@pytest.mark.differs
def test_a_file_over_the_limit_is_refused(sidecar, name):
    invoke(sidecar, "create", name, "x!" * 513)
    answer = invoke(sidecar, "get", name, binding="plain")
    assert answer.status == 500 and "maxSize" in answer.json["message"]


# --- Names ---

def test_without_a_name_it_is_a_uuid(sidecar, root):
    made = invoke(sidecar, "create", data="x!").json["fileName"]
    assert str(uuid.UUID(made)) == made and (root / made).read_bytes() == b"x!"


@pytest.mark.parametrize("given,kept", [("{}/a/b", "{}/a/b"), ("/{}", "{}"), ("{}/./x/../y", "{}/y"), ("a//{}//", "a/{}"),
                                        ("../../{}", "{}"), ("{}/../../../../etc/x", "etc/x"), ("..//..{}", "..{}")])
def test_a_name_is_a_path_below_the_root(sidecar, root, name, given, kept):
    given, kept = given.format(name), kept.format(name)
    assert invoke(sidecar, "create", given, "in!").json == {"fileName": kept}
    assert (root / kept).read_bytes() == b"in!"
    assert invoke(sidecar, "get", given).body == b"in!"
    assert invoke(sidecar, "delete", given).status == 204
    assert not (root / kept).exists()


def test_links_lead_nowhere_outside(sidecar, root, name, tmp_path):
    (tmp_path / "secret").write_text("secret")
    invoke(sidecar, "create", "there", "x!")
    (root / f"{name}-file").symlink_to(tmp_path / "secret")
    (root / f"{name}-folder").symlink_to(tmp_path)
    (root / f"{name}-up").symlink_to("../..")
    assert "not found" in said(invoke(sidecar, "get", f"{name}-file"))
    assert invoke(sidecar, "get", f"{name}-folder/secret").status == 500
    assert invoke(sidecar, "create", f"{name}-folder/new", "x!").status == 500
    assert invoke(sidecar, "delete", f"{name}-folder/secret").status == 500
    assert invoke(sidecar, "get", f"{name}-up/there").body == b"x!"
    assert invoke(sidecar, "list", f"{name}-folder").status == 500
    invoke(sidecar, "create", f"{name}-file", "replaced!")
    assert (tmp_path / "secret").read_text() == "secret" and (root / f"{name}-file").read_text() == "replaced!"
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("given", ["a" * 256, "x" * 5000, "nul\0byte"])
def test_names_that_no_file_can_have(sidecar, given):
    assert invoke(sidecar, "create", given, "x!").status == 500


def test_very_many_folders(sidecar, root):
    """As deep as a path can be. It goes at once, for pytest's own cleaning is not deep enough."""
    given = "deep/" * 790 + "x"
    try:
        assert invoke(sidecar, "create", given, "x!").status == 200
        assert invoke(sidecar, "get", given).body == b"x!"
        assert invoke(sidecar, "list", "deep").json == [f"{root}/{given}"]
    finally:
        subprocess.run(["rm", "-rf", str(root / "deep")], check=True)


# --- Operations ---

def test_what_is_missing(sidecar, root, name):
    assert said(invoke(sidecar, "get", name)) == f"file not found: {root}/{name}"
    assert said(invoke(sidecar, "delete", name)) == f"file not found: {root}/{name}"
    assert said(invoke(sidecar, "list", name)) == f"file not found: {root}/{name}"
    assert said(invoke(sidecar, "get")) == "required metadata not set: fileName"


def test_a_folder_is_no_file(sidecar, root, name):
    invoke(sidecar, "create", f"{name}/x", "x!")
    assert "it is no plain file" in said(invoke(sidecar, "get", name))
    assert name in said(invoke(sidecar, "create", name, "x!"))
    assert name in said(invoke(sidecar, "create", f"{name}/x/y", "x!"))
    os.mkfifo(root / name / "pipe")
    assert "it is no plain file" in said(invoke(sidecar, "get", f"{name}/pipe"))


def test_a_list_is_of_all_files_below(sidecar, root, name):
    for file in ("b", "a/2", "a/1", 'c"<ü'):
        invoke(sidecar, "create", f"{name}/{file}", "x!")
    found = invoke(sidecar, "list", name)
    assert found.json == [f"{root}/{name}/{file}" for file in ("a/1", "a/2", "b", 'c"<ü')]
    assert set(found.json) <= set(invoke(sidecar, "list").json)
    assert invoke(sidecar, "list", f"{name}/a").json == [f"{root}/{name}/a/1", f"{root}/{name}/a/2"]
    assert invoke(sidecar, "list", f"{name}/b").json == [f"{root}/{name}/b"]
    invoke(sidecar, "delete", f"{name}/a/1")
    invoke(sidecar, "delete", f"{name}/a/2")
    assert invoke(sidecar, "list", f"{name}/a").body == b"[]"


# --- The root ---

@pytest.mark.parametrize("path", ["/proc", "/proc/self", "/sys/x", "/boot", "/var/run/secrets/x", "/dev/../proc/x", "/tmp/no-such-folder/../../boot/x"])
def test_system_folders_are_refused(bench, path):
    assert_refused(bench, path, "is a system folder")


def test_a_link_to_a_system_folder_is_refused(bench, tmp_path):
    (tmp_path / "link").symlink_to("/proc")
    assert_refused(bench, str(tmp_path / "link" / "x"), "/proc/x is a system folder")


def test_a_root_that_is_a_file_is_refused(bench, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(bench, str(tmp_path / "file"), "file")
    assert_refused(bench, "", "rootPath")


def assert_refused(bench, path, word):
    sidecar = bench.sidecar(ready=False, resources=[component("files", "bindings.localstorage", {"rootPath": path})])
    assert sidecar.wait_end() == 1
    line, = sidecar.logged("Fatal error from runtime")
    assert word in line


def test_a_root_may_be_a_link(bench, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    sidecar = bench.sidecar(resources=[component("files", "bindings.localstorage", {"rootPath": str(tmp_path / "link")})])
    invoke(sidecar, "create", "x", "x!")
    assert invoke(sidecar, "list").json == [str(tmp_path / "real" / "x")]
