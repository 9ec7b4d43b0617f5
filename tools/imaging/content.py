"""The two layers of an image: what Debian brings (libraries, roots of trust, who is who), and what is ours."""
import sys
from pathlib import Path

from imaging import Fault, debian
from imaging.elf import Elf
from imaging.layer import Layer
from imaging.libraries import Libraries

USER = 65532
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
ZONES = Path("/usr/share/zoneinfo")
PLUGINS = "usr/lib/trilby/plugins"
RELEASE = 'PRETTY_NAME="Trilby on Debian"\nNAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="{}"\n'


class Content:
    """`system` and `own` are layers; `packages` maps a package of Debian (None: no package) to paths in the image."""

    def __init__(self, prefix, plugins, chosen, user):
        self.system, self.own, self.packages = Layer("system"), Layer("trilby"), {}
        program = prefix / "bin/trilbyd"
        if not program.is_file():
            raise Fault(f"there is no {program}: build it (tools/build), or name an installed tree with --from")
        self.libraries = Libraries(Elf(program).machine)
        self._ours(program, plugins, chosen)
        sources = self._libraries()
        sources |= self._trust()
        if "bindings.cron" in chosen:
            sources |= self._zones()
        self._people(user)
        self._origins(sources)

    def _ours(self, program, plugins, chosen):
        self.own.add("usr/bin/trilbyd", program, 0o755)
        self.own.link("daprd", "usr/bin/trilbyd")
        self.libraries.add(program)
        for file, target in plugins.files(chosen).items():
            if target:
                self.own.link(f"{PLUGINS}/{file}", target)
                continue
            self.own.add(f"{PLUGINS}/{file}", plugins.folder / file)
            self.libraries.add(plugins.folder / file)

    def _libraries(self):
        for path, source in self.libraries.files.items():
            self.system.add(path, source, 0o755 if "/ld-" in path else 0o644)
        for name in ("lib", "lib64", "bin", "sbin"):
            self.system.link(name, "usr/bin" if name.endswith("bin") else f"usr/{name}")
        self.system.folder("usr/bin")
        self.system.folder("usr/lib64")
        loader = Path(self.libraries.loader)
        folder = "usr/" + str(loader.parent).lstrip("/").removeprefix("usr/")
        self.system.link(f"{folder}/{loader.name}", f"/usr/lib/{self.libraries.triplet}/{loader.name}")
        return dict(self.libraries.files)

    def _trust(self):
        if not BUNDLE.is_file():
            raise Fault(f"{BUNDLE} is not on this machine: install ca-certificates")
        self.system.add(str(BUNDLE).lstrip("/"), BUNDLE)
        self.system.link("usr/lib/ssl/cert.pem", str(BUNDLE))
        self.system.link("usr/lib/ssl/certs", str(BUNDLE.parent))
        return {str(BUNDLE).lstrip("/"): BUNDLE}

    def _zones(self):
        """bindings.cron counts in the zone that TZ names."""
        if not ZONES.is_dir():
            print(f"image: {ZONES} is not on this machine: bindings.cron will know UTC alone (install tzdata)", file=sys.stderr)
            return {}
        found = {}
        for path in sorted(ZONES.rglob("*")):
            inside = path.relative_to(ZONES)
            if inside.parts[0] in ("posix", "right") or not path.is_file():
                continue
            place = f"usr/share/zoneinfo/{inside}"
            if path.is_symlink() and not str(path.readlink()).startswith("/"):
                self.system.link(place, str(path.readlink()))
            else:
                self.system.add(place, path)
                found[place] = path
        return found

    def _people(self, user):
        home = "home/nonroot"
        nobody = f"nonroot:x:{user}:{user}:nonroot:/{home}:/sbin/nologin\n"
        self.system.add("etc/passwd", f"root:x:0:0:root:/root:/sbin/nologin\n{nobody}".encode())
        self.system.add("etc/group", f"root:x:0:\nnonroot:x:{user}:\n".encode())
        self.system.add("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
        version = Path("/etc/debian_version")
        self.system.add("etc/os-release", RELEASE.format(version.read_text().split(".")[0].strip() if version.is_file() else "").encode())
        for path in ("dev", "proc", "sys", "run", "var/run"):
            self.system.folder(path)
        self.system.folder("tmp", 0o1777)
        self.system.folder(home, 0o700, user)

    def _origins(self, sources):
        """The database and the licences of Debian for what is taken from there, where scanners look for them."""
        owners = debian.owners(sources.values())
        owners[str(BUNDLE)] = "ca-certificates"
        for path, source in sources.items():
            self.packages.setdefault(owners.get(str(source)), []).append(path)
        for package in sorted(filter(None, self.packages)):
            facts = debian.facts(package)
            self.system.add(f"var/lib/dpkg/status.d/{package}",
                            "".join(f"{name}: {text}\n" for name, text in facts.items()).encode())
            text = debian.copyright_of(package)
            if text:
                self.system.add(f"usr/share/doc/{package}/copyright", text)
