"""What Debian's database knows of a file: the package, its version, its licence."""
import functools
import re
import subprocess
from pathlib import Path

FIELDS = ["Package", "Version", "Architecture", "Maintainer", "Source", "Description"]
# The names of the copyright files, where they have the same meaning in SPDX.
SPDX = {"apache-2.0": "Apache-2.0", "expat": "MIT", "mit": "MIT", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
        "gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later", "gpl-3": "GPL-3.0-only", "gpl-3+": "GPL-3.0-or-later",
        "lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later", "lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1+": "LGPL-2.1-or-later",
        "lgpl-3": "LGPL-3.0-only", "lgpl-3+": "LGPL-3.0-or-later", "mpl-2.0": "MPL-2.0", "zlib": "Zlib", "isc": "ISC",
        "cc0-1.0": "CC0-1.0", "curl": "curl", "postgresql": "PostgreSQL", "openldap-2.8": "OLDAP-2.8"}


def owners(paths):
    """path -> package, for those that a package owns. A path may be known with /usr in front or without."""
    spelled = {}
    for path in map(str, paths):
        spelled[path] = path
        spelled[path.removeprefix("/usr") if path.startswith("/usr/lib") else f"/usr{path}"] = path
    try:
        out = subprocess.run(["dpkg-query", "-S", *spelled], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return {}
    found = {}
    for line in out.splitlines():
        who, _, path = line.rpartition(": ")
        if path in spelled and not who.startswith("diversion"):
            found[spelled[path]] = who.split(",")[0].split(":")[0]
    return found


@functools.cache
def facts(package):
    """The fields that an image tells of a package."""
    form = "\\n".join(f"{field}: ${{{field}}}" for field in FIELDS[:-1]) + "\\nDescription: ${binary:Summary}\\n"
    out = subprocess.run(["dpkg-query", "-W", "-f", form, package], capture_output=True, text=True, check=True).stdout
    pairs = (line.split(": ", 1) for line in out.splitlines() if ": " in line)
    return {name: text.strip() for name, text in pairs if text.strip()}


def copyright_of(package):
    """The bytes of its copyright file; None where there is none."""
    path = Path(f"/usr/share/doc/{package}/copyright")
    return path.read_bytes() if path.is_file() else None


def licences(text):
    """The short names that a copyright file gives its licences, in order; empty for one in prose."""
    if not text or not text.startswith(b"Format:"):
        return []
    names = re.findall(r"^License:[ \t]*(\S[^\n]*)", text.decode(errors="replace"), re.M)
    return sorted({name.strip() for name in names})


def expression(names):
    """The licences as one SPDX expression, when each of them has a name there."""
    parts = {SPDX.get(name.lower()) for name in names}
    return " AND ".join(sorted(parts)) if parts and None not in parts else "NOASSERTION"
