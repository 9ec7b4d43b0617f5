"""A layer: paths with what lies there, written as a tar archive whose bytes depend on nothing else."""
import gzip
import hashlib
import io
import tarfile
from pathlib import Path


class Layer:
    """Files, links and folders by their path without a leading slash. Folders above a path come by themselves."""

    def __init__(self, name):
        self.name, self.files, self.links, self.folders = name, {}, {}, {}

    def add(self, path, data, mode=0o644):
        self.files[path] = (data.read_bytes() if isinstance(data, Path) else data, mode)
        self._above(path)

    def link(self, path, target):
        self.links[path] = target
        self._above(path)

    def folder(self, path, mode=0o755, owner=0):
        self.folders[path] = (mode, owner)
        self._above(path)

    def size(self):
        return sum(len(data) for data, _ in self.files.values())

    def _above(self, path):
        for parent in list(Path(path).parents)[:-1]:
            self.folders.setdefault(str(parent), (0o755, 0))

    def tar(self, epoch):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted({*self.files, *self.links, *self.folders}):
                info, data = tarfile.TarInfo(path), None
                info.mtime = epoch
                if path in self.files:
                    content, info.mode = self.files[path]
                    info.size, data = len(content), io.BytesIO(content)
                elif path in self.links:
                    info.type, info.linkname, info.mode = tarfile.SYMTYPE, self.links[path], 0o777
                else:
                    info.type = tarfile.DIRTYPE
                    info.mode, info.uid = self.folders[path]
                    info.gid = info.uid
                archive.addfile(info, data)
        return out.getvalue()


def packed(data):
    """Gzip without a time or a name in its head."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0, filename="") as file:
        file.write(data)
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
