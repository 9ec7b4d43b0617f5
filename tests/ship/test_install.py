"""cmake --install: a tree that works wherever it is moved, and an SDK from which a component is built outside of ours."""

import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from conftest import ROOT, run

ALONE = ["unshare", "-r", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def sdk(installed):
    """The environment of somebody who has nothing but the installed tree."""
    return {"PATH": f"{installed}/bin:{os.environ['PATH']}", "PKG_CONFIG_PATH": f"{installed}/lib/pkgconfig", "HOME": "/nonexistent"}


def test_the_quickstart_works_from_a_tree_that_was_moved(installed):
    said = run(*ALONE, ROOT / "tools/quickstart", "--once", "--programs", installed / "bin", env=sdk(installed), cwd="/").stdout
    assert "every example worked" in said


def test_nothing_in_it_names_the_build_or_the_first_place(installed, build):
    traces = [str(build).encode(), str(ROOT).encode(), b"/first0/"]
    found = [path for path in installed.rglob("*") if path.is_file() and any(t in path.read_bytes() for t in traces)]
    assert not found


def test_no_program_or_plugin_has_a_search_path_of_its_own(installed):
    for path in [*(installed / "bin").iterdir(), *(installed / "lib/trilby/plugins").glob("*.so")]:
        if path.read_bytes()[:4] == b"\x7fELF":
            assert not re.search(r"\((RPATH|RUNPATH)\)", run("readelf", "-d", path).stdout), path


def test_group_and_others_may_write_nowhere(installed):
    loose = [path for path in [installed, *installed.rglob("*")] if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o022]
    assert not [path for path in loose if "plugins" in str(path)] and installed not in loose


def test_plugins_of_the_tests_are_not_installed(installed, build):
    names = {f.name for f in (installed / "lib/trilby/plugins").iterdir()}
    assert names == {f.name for f in (build / "plugins").glob("*.so")}


def test_every_program_has_its_manual(installed):
    pages = {f.name.removesuffix(".1.gz") for f in (installed / "share/man/man1").iterdir()}
    assert pages == {f.name for f in (installed / "bin").iterdir()}


@pytest.fixture(scope="module")
def component(installed, tmp_path_factory):
    """A component begun with the installed template and built with what pkg-config says."""
    folder = tmp_path_factory.mktemp("acme")
    env = sdk(installed)
    run("trilby-new-component", "state", "acme", "--out", folder, env=env)
    run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", env=env)
    run("ninja", "-C", folder / "build", env=env)
    return folder


def plugin_of(folder):
    return next(folder.rglob("state.acme.so"))


def test_a_component_is_built_and_judged_with_the_installed_sdk(installed, component):
    env = sdk(installed)
    assert run("pkg-config", "--modversion", "trilby-sdk", env=env).stdout.strip() == "0.1.0"
    where = run("pkg-config", "--variable=plugindir", "trilby-sdk", env=env).stdout.strip()
    assert os.path.samefile(where, installed / "lib/trilby/plugins")
    assert re.search(r"[1-9][0-9]* passed, 0 failed", run(component / "check", env=env).stdout)


def test_it_is_described_by_the_installed_tools(installed, component):
    assert "state.acme" in run("trilby-describe", plugin_of(component), env=sdk(installed)).stdout
    elsewhere = {**os.environ, "PATH": "/usr/bin:/bin"}            # it finds trilby-conform beside itself
    assert "state.acme" in run(installed / "bin/trilby-describe", plugin_of(component), env=elsewhere).stdout


def test_words_that_describe_does_not_know_have_a_sentence(installed):
    for words, said in ((["--form"], "--form is markdown, schema or metadata, not ''"), (["--pages"], "--pages needs a folder"),
                        (["--form", "x", "y.so"], "--form is markdown, schema or metadata, not 'x'"), ([], "which plugin?")):
        assert said in run(installed / "bin/trilby-describe", *words, ok=False).stderr


@pytest.mark.parametrize("isolate", [[], ["--isolate", "all"]], ids=["within", "isolated"])
def test_the_moved_sidecar_serves_it(installed, component, tmp_path, isolate):
    plugins, resources = tmp_path / "plugins", tmp_path / "resources"
    for folder in (plugins, resources):
        folder.mkdir(mode=0o755)
    shutil.copy(plugin_of(component), plugins)
    (plugins / "state.acme.so").chmod(0o644)
    text = (component / "component.yaml").read_text()
    store = re.search(r"^  name: *(\S+)", text, re.M)[1]
    (resources / "acme.yaml").write_text(text)
    (component / "data").mkdir(exist_ok=True)
    ports = ["--dapr-http-port", "0", "--dapr-grpc-port", "0"]
    sidecar = subprocess.Popen([installed / "bin/trilbyd", "--app-id", "acme", "--plugins-path", plugins, "--resources-path", resources,
                                *ports, *isolate, "--enable-metrics=false", "--unix-domain-socket", tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        for line in sidecar.stdout:
            if "dapr initialized" in line:
                break
        said = run("curl", "-sS", "--unix-socket", tmp_path / "dapr-acme-http.socket", "http://localhost/v1.0/metadata").stdout
        assert [c["type"] for c in json.loads(said)["components"]] == ["state.acme"]
        url = f"http://localhost/v1.0/state/{store}"
        curl = ["curl", "-sSf", "--unix-socket", tmp_path / "dapr-acme-http.socket"]
        run(*curl, url, "-H", "Content-Type: application/json", "-d", '[{"key": "k", "value": {"n": 1}}]')
        assert json.loads(run(*curl, f"{url}/k").stdout) == {"n": 1}
    finally:
        sidecar.terminate()
        sidecar.stdout.close()
        sidecar.wait()


def test_the_same_sources_in_another_folder_make_the_same_bytes(tmp_path):
    made = []
    for place in (tmp_path / "a", tmp_path / "b" / "a longer name"):
        sources = place / "sources"
        sources.mkdir(parents=True)
        shutil.copy(ROOT / "CMakeLists.txt", sources)
        for folder in ("kernel/base", "plugins/state/in-memory", "sdk", "tools/cmake"):
            shutil.copytree(ROOT / folder, sources / folder)
        run("cmake", "-S", sources, "-B", place / "build", "-G", "Ninja", "-DTRB_TESTS=OFF", "-DCCACHE=CCACHE-NOTFOUND",
            "-DTRB_ONLY=kernel/base;plugins/state/in-memory")
        run("ninja", "-C", place / "build")
        made.append((place / "build/plugins/state.in-memory.so").read_bytes())
    assert made[0] == made[1]
