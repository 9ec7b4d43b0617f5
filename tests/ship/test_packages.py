"""tools/package: Debian's packages, as dpkg, apt and lintian see them, and a sidecar out of them in a fresh Debian."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import INSIDE, ROOT, run

CLIENTS = r"libcurl|librdkafka|libpq|libmariadb|libmongoc|libnats|libsqlite"


@pytest.fixture(scope="session")
def packages(build, tmp_path_factory):
    """Package name -> its file."""
    folder = tmp_path_factory.mktemp("packages")
    run(ROOT / "tools/package", "--build", build, "--output", folder, timeout=580)
    return {run("dpkg-deb", "-f", deb, "Package").stdout.strip(): deb for deb in folder.glob("*.deb")}


def field(deb, name):
    return run("dpkg-deb", "-f", deb, name).stdout.strip()


def files(deb):
    lines = run("dpkg-deb", "-c", deb).stdout.splitlines()
    return [re.sub(r" -> .*", "", line.split(None, 5)[5]).lstrip(".") for line in lines]


def test_every_plugin_is_in_exactly_one_package(packages, build):
    found = [path.rsplit("/", 1)[1] for deb in packages.values() for path in files(deb) if path.endswith(".so")]
    assert sorted(found) == sorted(f.name for f in (build / "plugins").glob("*.so"))


def test_the_kernel_s_package_pulls_in_no_client_library(packages):
    assert not re.search(CLIENTS, field(packages["trilby"], "Depends"))
    assert "libevent-core" in field(packages["trilby"], "Depends")


@pytest.mark.parametrize("family,library", [("kafka", "librdkafka1"), ("postgresql", "libpq5"), ("mysql", "libmariadb3"),
                                            ("sqlite", "libsqlite3-0"), ("cloud", "libcurl4"), ("nats", "libnats"),
                                            ("mongodb", "libmongoc-1.0-0")])
def test_a_family_pulls_in_its_library_and_the_kernel(packages, family, library):
    depends = field(packages[f"trilby-components-{family}"], "Depends")
    assert library in depends and "trilby (>= 0.1.0)" in depends
    assert len(re.findall(CLIENTS, depends)) == 1


def test_lintian_has_nothing_to_say(packages):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "warning", *packages.values()], capture_output=True, text=True, timeout=580)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("debootstrap"), reason="a fresh Debian takes root and debootstrap")
@pytest.mark.timeout(600)
def test_a_sidecar_out_of_the_packages_serves_in_a_fresh_debian(packages, tmp_path):
    root = tmp_path / "debian"
    run("debootstrap", "--variant=minbase", "bookworm", root, timeout=300)
    for name in ("trilby", "trilby-sdk", "trilby-components-redis", "trilby-components-sqlite"):
        shutil.copy(packages[name], root / "tmp")
    inside = ["chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec"]
    run(*inside, "apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/*.deb", timeout=240)
    shutil.copy(ROOT / "config/quickstart/secrets.json", root)
    run(INSIDE, "--read-only", root, "/usr/bin/daprd")
    assert "Runtime version: 0.1.0" in run(*inside, "trilby version").stdout
    assert "-I" in run(*inside, "cat /usr/lib/pkgconfig/trilby-sdk.pc").stdout
    run(*inside, "dpkg --verify trilby trilby-sdk trilby-components-redis")
    run(*inside, "dpkg --purge trilby-components-redis trilby-components-sqlite trilby-sdk trilby && ! ls -d /usr/lib/trilby /usr/share/trilby")


def test_a_mistake_is_told():
    for words, sentence in ((["--nope"], "there is no option --nope"), (["--build"], "--build needs a folder"),
                            (["--output", ""], "--output needs a folder"), (["--build", "/nope"], "there is no build in /nope")):
        said = run(ROOT / "tools/package", *words, ok=False)
        assert said.returncode == 2 and f"package: {sentence}" in said.stderr
