"""Plugins of the tests, compiled for one run. Other sidecars have none of them."""

import os
import shutil
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


def plugin_folder(folder, source, *types):
    """The folder, for --plugins-path, with tests/plugins/<source> as a plugin for each type."""
    folder.chmod(0o755)
    first = folder / f"{types[0]}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-std=gnu11", "-I", os.path.join(ROOT, "sdk", "include"),
                    os.path.join(ROOT, "tests", "plugins", source), "-o", str(first)], check=True, capture_output=True)
    first.chmod(0o755)
    for other in types[1:]:
        shutil.copy(first, folder / f"{other}.so")
    return folder
