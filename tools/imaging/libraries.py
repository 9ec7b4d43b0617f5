"""Which shared libraries a set of programs needs, found where the dynamic loader would find them, without running
anything of it; and what those libraries load by name while they run."""
import glob
from pathlib import Path

from imaging import Fault
from imaging.elf import MACHINES, Elf, is_elf

# What no DT_NEEDED tells: libc opens libgcc_s to unwind a stack, OpenSSL its providers (old keys and PKCS #12 files
# take the legacy one), libmariadb its plugins to sign in.
OPENED = {
    "libc.so.6": ["/lib/{triplet}/libgcc_s.so.1"],
    "libcrypto.so.3": ["/usr/lib/{triplet}/ossl-modules/*.so"],
    "libmariadb.so.3": ["/usr/lib/{triplet}/libmariadb3/plugin/*.so"],
}
STANDARD = ["/lib/{triplet}", "/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]


def configured(path="/etc/ld.so.conf"):
    """The folders of the loader's configuration, in its order."""
    folders = []
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        line = line.split("#")[0].strip()
        if line.startswith("include"):
            for file in sorted(glob.glob(line.split(None, 1)[1])):
                folders += configured(file)
        elif line:
            folders.append(Path(line))
    return folders


class Libraries:
    """`files` maps the path in the image to the file here, whatever folder it lies in; `loader` is the interpreter's
    path; `wanted` says who asked first."""

    def __init__(self, machine):
        if machine not in MACHINES:
            raise Fault(f"machine {machine} of ELF is not known: an image can be made for amd64 and arm64")
        self.machine = machine
        self.architecture, self.triplet = MACHINES[machine]
        self.folders = configured() + [Path(text.format(triplet=self.triplet)) for text in STANDARD]
        self.files, self.wanted, self.loader = {}, {}, None

    def add(self, path):
        """Everything that the program or plugin at `path` needs."""
        queue = [(Elf(path), str(path))]
        while queue:
            elf, who = queue.pop(0)
            if elf.interpreter:
                self._take_loader(elf, who)
            for name in elf.needed:
                found = self._take(name, elf, who)
                if found:
                    queue.append((Elf(found), name))
                    queue += [(Elf(extra), f"{extra.name}, which {name} opens") for extra in self._opened(name)]

    def _take_loader(self, elf, who):
        self.loader = elf.interpreter
        here = Path(elf.interpreter)
        if not here.exists():
            raise Fault(f"the loader {here} is not on this machine; {who} needs it")
        self._keep(here.name, here, who)

    def _take(self, name, elf, who):
        """The file, when it is new."""
        if name in self.wanted:
            return None
        for folder in elf.search + self.folders:
            path = folder / name
            if path.is_file() and is_elf(path) and Elf(path).machine == self.machine:
                self._keep(name, path, who)
                return path
        raise Fault(f"{name} is not on this machine; {who} needs it: install the package that has it")

    def _keep(self, name, path, who):
        self.wanted.setdefault(name, who)
        self.files[f"usr/lib/{self.triplet}/{name}"] = path

    def _opened(self, name):
        extras = []
        for pattern in OPENED.get(name, []):
            for text in sorted(glob.glob(pattern.format(triplet=self.triplet))):
                path = Path(text)
                place = text.lstrip("/")
                place = place if place.startswith("usr/") else "usr/" + place
                if place not in self.files:
                    self.files[place] = path
                    self.wanted[path.name] = name
                    extras.append(path)
        return extras
