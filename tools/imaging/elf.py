"""An ELF file, as far as a dynamic loader looks at it: what it needs, and where it wants that searched."""
import struct
from pathlib import Path

from imaging import Fault

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 14, 15, 29
MACHINES = {62: ("amd64", "x86_64-linux-gnu"), 183: ("arm64", "aarch64-linux-gnu")}


class Elf:
    """`needed`, `soname`, `interpreter`, `search` (folders of its own, $ORIGIN filled in), `machine`."""

    def __init__(self, path):
        self.path = Path(path)
        data = self.path.read_bytes()
        if data[:6] != b"\x7fELF\x02\x01":
            raise Fault(f"{path} is no 64-bit little-endian ELF file")
        self.machine = struct.unpack_from("<H", data, 18)[0]
        try:
            self._read(data)
        except (struct.error, ValueError) as fault:
            raise Fault(f"{path} is a broken ELF file ({fault})") from None

    def _read(self, data):
        at, = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        heads = [struct.unpack_from("<IIQQQQQQ", data, at + i * size) for i in range(count)]
        self.interpreter = next((_text(data, h[2]) for h in heads if h[0] == PT_INTERP), None)
        dynamic = next((h for h in heads if h[0] == PT_DYNAMIC), None)
        entries = _entries(data, dynamic) if dynamic else []
        strings = next((_offset(heads, value) for tag, value in entries if tag == DT_STRTAB), 0)

        def texts(*tags):
            return [_text(data, strings + value) for tag, value in entries if tag in tags]

        self.needed = texts(DT_NEEDED)
        self.soname = next(iter(texts(DT_SONAME)), None)
        origin = str(self.path.resolve().parent)
        paths = texts(DT_RUNPATH) or texts(DT_RPATH)
        self.search = [Path(folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin))
                       for text in paths for folder in text.split(":") if folder]


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _entries(data, head):
    found = []
    for at in range(head[2], head[2] + head[5], 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        if tag == 0:
            break
        found.append((tag, value))
    return found


def _offset(heads, address):
    for kind, _, offset, start, _, size, _, _ in heads:
        if kind == PT_LOAD and start <= address < start + size:
            return offset + address - start
    raise ValueError("an address lies in no segment")


def _text(data, at):
    return data[at:data.index(b"\0", at)].decode()
