"""What goes into an image: a set, the components asked for, and the building block that each of them needs."""
import difflib
from pathlib import Path

from imaging import Fault


def sets(folder):
    """Name and first sentence of every set."""
    return {f.name: f.read_text().split("\n")[0].lstrip("# ") for f in sorted(Path(folder).iterdir())}


def members(folder, name):
    known = sets(folder)
    if name not in known:
        raise Fault(f"there is no set '{name}': there are {', '.join(known)}")
    lines = (line.split("#")[0].strip() for line in (Path(folder) / name).read_text().splitlines())
    return [line for line in lines if line]


class Plugins:
    """A folder of plugins: what is there, and which names are links to which."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise Fault(f"there are no plugins in {folder}: build them (tools/build), or name an installed tree with --from")
        self.aliases = {f.name[:-3]: f.readlink().name[:-3] for f in self.folder.glob("*.so") if f.is_symlink()}
        self.names = sorted(f.name[:-3] for f in self.folder.glob("*.so") if not f.is_symlink())

    def components(self):
        return [name for name in self.names if "." in name]

    def plain(self, name):
        """The plugin behind a name in any case, or behind an alias."""
        name = name.lower()
        name = self.aliases.get(name, name)
        if name not in self.names:
            raise Fault(f"there is no component '{name}': {self._instead(name)}")
        return name

    def _instead(self, name):
        """What may have been meant: components of that product, or of nearly that spelling; else all there are."""
        every = self.components()
        meant = [one for one in every if one.split(".", 1)[1] == name] or difflib.get_close_matches(name, every, 3, 0.8)
        return f"did you mean {' or '.join(meant)}?" if meant else f"there are {', '.join(every)}"

    def choose(self, names):
        """The plugins, each with its block where the blocks are plugins of their own (names have none)."""
        chosen = set()
        for name in names:
            name = self.plain(name)
            chosen.add(name)
            block = name.split(".")[0]
            if block in self.names:
                chosen.add(block)
        return sorted(chosen)

    def files(self, chosen):
        """File names, the links to them included; a link's value is its target."""
        links = {f"{alias}.so": f"{name}.so" for alias, name in self.aliases.items() if name in chosen}
        return {**{f"{name}.so": None for name in chosen}, **links}
