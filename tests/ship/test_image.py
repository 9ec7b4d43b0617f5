"""tools/image: what is in an image, that it is the same bytes again, that it runs, and what a mistake is answered."""

import hashlib
import json
import os
import shutil
import stat

import pytest
from conftest import INSIDE, ROOT, run

REDIS = ("sidecar", "state.redis", "pubsub.redis")
USER = 65532


def names(archive):
    folder = "usr/lib/trilby/plugins/"
    return {path.removeprefix(folder).removesuffix(".so") for path in archive.members() if path.startswith(folder)}


# ------------------------------------------------------------------------------------ content
def test_an_image_holds_the_set_the_components_and_the_blocks_they_need(image):
    assert names(image("minimal", "state.redis")) == {"healthz", "invoke", "metadata", "shutdown", "nameresolution.mdns",
                                                      "state", "state.redis"}


def test_an_alias_brings_its_plugin_and_any_case_will_do(image):
    archive = image("minimal", "State.SQLite3")
    assert {"state", "state.sqlite", "state.sqlite3"} <= names(archive)
    assert archive.members()["usr/lib/trilby/plugins/state.sqlite3.so"].linkname == "state.sqlite.so"
    assert "usr/lib/x86_64-linux-gnu/libsqlite3.so.0" in archive.members() or os.uname().machine != "x86_64"


def test_nothing_but_the_sidecar_can_be_run(image):
    programs = [path for path, m in image(*REDIS).members().items() if m.isfile() and m.mode & 0o111]
    assert [p for p in programs if "/ld-linux" not in p] == ["usr/bin/trilbyd"]


def test_every_library_is_there_and_no_other(image):
    archive = image(*REDIS)
    libraries = {path.rsplit("/", 1)[1].split(".so")[0] for path in archive.members() if ".so" in path and "/trilby/" not in path}
    assert libraries == {"ld-linux-x86-64", "legacy", "libc", "libcrypto", "libevent_core-2.1", "libgcc_s", "libm", "libnghttp2",
                         "libpcre2-8", "libssl", "libyaml-0", "libz"} or os.uname().machine != "x86_64"


def test_a_library_that_is_opened_by_name_comes_along(image):
    members = image("minimal", "state.mysql").members()
    assert any(path.endswith("/libmariadb3/plugin/caching_sha2_password.so") for path in members)


def test_whoever_runs_it_is_nobody_of_note(image):
    archive = image(*REDIS)
    assert archive.config["config"]["User"] == f"{USER}:{USER}"
    writable = [path for path, m in archive.members().items() if m.mode & 0o022 and not m.issym()]
    assert writable == ["tmp"]
    assert {path for path, m in archive.members().items() if m.uid or m.gid} == {"home/nonroot"}


def test_it_stands_where_dapr_s_image_is_expected(image):
    archive = image(*REDIS)
    config = archive.config["config"]
    assert "Entrypoint" not in config and config["Cmd"] == ["/daprd"] and config["WorkingDir"] == "/"
    assert {"3500/tcp", "50001/tcp", "9090/tcp"} <= set(config["ExposedPorts"])
    assert archive.members()["daprd"].linkname == "usr/bin/trilbyd"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "trilby-sidecar"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_weighs_little_beyond_libc_and_openssl(image):
    base = ("ld-linux", "libc.", "libm.", "libgcc_s", "libssl", "libcrypto", "legacy")
    rest = sum(m.size for path, m in image(*REDIS).members().items() if not path.rsplit("/", 1)[1:] or
               not path.rsplit("/", 1)[1].startswith(base))
    assert 1e6 < rest <= 12e6


# ------------------------------------------------------------------------------------ bill of materials
def test_the_bill_of_materials_names_every_file_with_its_package(image):
    archive = image(*REDIS)
    root = {path: m for path, m in archive.members().items() if m.isfile()}
    bill = json.loads(next(data for data in _contents(archive, "usr/share/sbom/trilby.spdx.json")))
    assert bill["spdxVersion"] == "SPDX-2.3"
    files = {f["fileName"].removeprefix("./"): f for f in bill["files"]}
    assert set(files) == set(root) - {"usr/share/sbom/trilby.spdx.json"}
    for path, data in zip(files, _contents(archive, *files)):
        assert files[path]["checksums"][1]["checksumValue"] == hashlib.sha256(data).hexdigest(), path
    packages = {p["SPDXID"]: p for p in bill["packages"]}
    owner = {r["relatedSpdxElement"]: packages[r["spdxElementId"]]["name"] for r in bill["relationships"]
             if r["relationshipType"] == "CONTAINS" and r["relatedSpdxElement"].startswith("SPDXRef-File")}
    owner_of = {path: owner[f["SPDXID"]] for path, f in files.items()}
    assert owner_of["usr/bin/trilbyd"] == "trilby"
    libc = next(p for p in packages.values() if p["name"] == "libc6")
    assert libc["versionInfo"] == run("dpkg-query", "-W", "-f", "${Version}", "libc6").stdout
    assert libc["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/debian/libc6@")
    assert {owner_of[path] for path in files if path.endswith("/libssl.so.3")} == {"libssl3"}
    assert len({f["SPDXID"] for f in bill["files"]} | set(packages)) == len(bill["files"]) + len(packages)


def _contents(archive, *paths):
    import io
    import tarfile
    found = {}
    for layer in archive.manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(archive.blob(layer))) as tar:
            found.update({m.name: tar.extractfile(m).read() for m in tar if m.name in paths})
    return [found[path] for path in paths]


# ------------------------------------------------------------------------------------ the same again
def test_the_same_choice_in_another_place_makes_the_same_bytes(image, installed, tmp_path):
    first = image(*REDIS).path.read_bytes()
    copy = shutil.copytree(installed, tmp_path / "a longer name" / "tree", symlinks=True)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    place = tmp_path / "again.tar"
    run(ROOT / "tools/image", "sidecar", "pubsub.redis", "state.redis", "--from", copy, "--output", place, cwd=tmp_path,
        preexec_fn=lambda: os.umask(0o077), env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert place.read_bytes() == first


def test_the_time_of_an_image_is_what_source_date_epoch_says(image):
    archive = image("minimal", fresh=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    assert archive.config["created"] == "2023-11-14T22:13:20Z"
    assert {m.mtime for m in archive.members().values()} == {1700000000}


# ------------------------------------------------------------------------------------ other people's tools
def test_skopeo_reads_the_archive_and_the_folder(image, installed, tmp_path):
    archive = image(*REDIS)
    said = json.loads(run("skopeo", "inspect", f"oci-archive:{archive.path}").stdout)
    assert said["Digest"] == archive.index["manifests"][0]["digest"] and len(said["Layers"]) == 2
    folder = tmp_path / "layout"
    run(ROOT / "tools/image", *REDIS, "--from", installed, "--output", f"{folder}/")
    assert json.loads(run("skopeo", "inspect", f"oci:{folder}").stdout)["Digest"] == said["Digest"]
    run("skopeo", "copy", f"docker-archive:{archive.path}", f"dir:{tmp_path / 'docker'}")


def test_umoci_unpacks_it_without_rights(image, installed, tmp_path):
    folder = tmp_path / "layout"
    run(ROOT / "tools/image", *REDIS, "--from", installed, "--name", "sidecar:1", "--output", f"{folder}/")
    run("umoci", "unpack", "--rootless", "--image", f"{folder}:1", tmp_path / "bundle")
    root = tmp_path / "bundle/rootfs"
    assert os.access(root / "usr/bin/trilbyd", os.X_OK) and (root / "daprd").readlink().name == "trilbyd"
    started = json.loads((tmp_path / "bundle/config.json").read_text())["process"]
    assert started["args"] == ["/daprd"] and started["user"]["uid"] == USER


# ------------------------------------------------------------------------------------ running
def test_the_quickstart_works_inside_without_rights_and_with_a_read_only_root(image, unpacked):
    run(INSIDE, "--read-only", unpacked(image(*REDIS)), "/daprd")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_quickstart_works_inside_as_the_image_s_user(image, unpacked):
    root = unpacked(image(*REDIS))
    for folder in (root, *root.parents):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH) if folder.stat().st_uid == os.getuid() else None
    run(INSIDE, "--user", USER, "--read-only", root, "./daprd")


def test_every_component_of_an_image_with_all_of_them_can_be_loaded(image, installed, tmp_path):
    """The loader of the image itself resolves each plugin, with the image's libraries and nothing else."""
    plugins = sorted(f.name[:-3] for f in (installed / "lib/trilby/plugins").glob("*.*.so"))
    archive = image("sidecar", *plugins)
    root = archive.unpack(tmp_path / "root")
    for plugin in sorted((root / "usr/lib/trilby/plugins").glob("*.so")):
        said = run("unshare", "-r", "/usr/sbin/chroot", root, "/lib64/ld-linux-x86-64.so.2", "--list",
                   f"/usr/lib/trilby/plugins/{plugin.name}").stdout
        assert "not found" not in said, plugin


def test_without_proc_the_start_ends_and_says_why(image, unpacked):
    root = unpacked(image(*REDIS))
    said = run("unshare", "-r", "/usr/sbin/chroot", root, "/daprd", "--app-id", "orders", "--enable-metrics=false", ok=False).stdout
    assert "/proc is not there, and no plugin can be loaded without it: mount it" in said


# ------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize("words,sentence", [
    (("everything",), "there is no set 'everything': there are minimal, sidecar"),
    (("minimal", "state.acme"), "there is no component 'state.acme': there are bindings."),
    (("minimal", "redis"), "there is no component 'redis': did you mean bindings.redis or configuration.redis or "),
    (("minimal", "state.reddis"), "there is no component 'state.reddis': did you mean state.redis"),
    (("minimal", "--label", "x"), "--label 'x' is not KEY=VALUE"),
    (("minimal", "--name", "Orders"), "--name 'Orders' is not NAME or NAME:TAG, the name in lower case"),
    (("minimal", "--user", "0"), "'0' is no number from 1 to 4294967294"),
    (("minimal", "--user", "4294967295"), "'4294967295' is no number from 1 to 4294967294"),
])
def test_a_mistake_is_told_with_what_there_is(image, words, sentence):
    assert sentence in image(*words, ok=False)


def test_a_missing_library_is_told_with_who_needs_it(installed, tmp_path):
    copy = shutil.copytree(installed, tmp_path / "tree", symlinks=True)
    plugin = copy / "lib/trilby/plugins/state.sqlite.so"
    plugin.chmod(0o644)
    plugin.write_bytes(plugin.read_bytes().replace(b"libsqlite3.so.0\0", b"libsqlite9.so.0\0"))
    said = run(ROOT / "tools/image", "minimal", "state.sqlite", "--from", copy, "--sizes", ok=False).stderr
    assert f"libsqlite9.so.0 is not on this machine; {plugin} needs it" in said


def test_a_place_that_cannot_be_written_is_told(installed, tmp_path):
    said = run(ROOT / "tools/image", "minimal", "--from", installed, "--output", tmp_path / "none/x.tar", ok=False).stderr
    assert said == f"image: {tmp_path}/none/x.tar: No such file or directory\n"


def test_a_broken_program_is_told(installed, tmp_path):
    copy = shutil.copytree(installed, tmp_path / "tree", symlinks=True)
    (copy / "bin/trilbyd").write_bytes((copy / "bin/trilbyd").read_bytes()[:100])
    said = run(ROOT / "tools/image", "minimal", "--from", copy, "--sizes", ok=False).stderr
    assert "trilbyd is a broken ELF file" in said and "Traceback" not in said


def test_a_name_may_have_the_port_of_a_registry_in_it(image):
    archive = image("minimal", "--name", "localhost:5000/trilby/orders:2")
    assert json.loads(archive.files["manifest.json"])[0]["RepoTags"] == ["localhost:5000/trilby/orders:2"]
    assert json.loads(image("minimal", "--name", "localhost:5000/o").files["manifest.json"])[0]["RepoTags"] == ["localhost:5000/o:0.1.0"]


# ------------------------------------------------------------------------------------ the sets
def test_the_set_of_the_sidecar_is_the_kernel_s_as_far_as_it_is_built(installed):
    import re
    source = re.search(r"sidecar\[\] = \{(.*?)NULL", (ROOT / "kernel/runtime/sets.c").read_text(), re.S)[1]
    kernel = set(re.findall(r'"([a-z]+)"', source))
    built = {f.name[:-3] for f in (installed / "lib/trilby/plugins").glob("*.so")}
    ours = {line for line in (ROOT / "config/sets/sidecar").read_text().splitlines() if line and "." not in line and line[0] != "#"}
    assert ours == kernel & built
