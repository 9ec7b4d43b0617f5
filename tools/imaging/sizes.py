"""The table of sizes: the kernel, every plugin, and what an image adds to libc and OpenSSL."""
import re

BASE = re.compile(r"/(ossl-modules/[^/]*|ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|gcc_s|ssl|crypto)\.so[^/]*)$")


def split(content):
    """Bytes of libc and OpenSSL, and of the rest."""
    base = sum(len(data) for path, (data, _) in content.system.files.items() if BASE.search(f"/{path}"))
    return base, content.system.size() + content.own.size() - base


def text(size):
    return f"{size / 1e6:.2f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"


def of_files(prefix, plugins):
    """Name and bytes, the kernel first."""
    yield "trilbyd", (prefix / "bin/trilbyd").stat().st_size
    for name in plugins.names:
        yield f"{name}.so", (plugins.folder / f"{name}.so").stat().st_size


def of_image(content, image):
    base, rest = split(content)
    trust = len(content.system.files["etc/ssl/certs/ca-certificates.crt"][0])
    return [("unpacked", base + rest), ("of it libc and OpenSSL", base), ("of it beyond libc and OpenSSL", rest),
            ("of that roots of trust", trust), ("of that the bill of materials", len(content.own.files["usr/share/sbom/trilby.spdx.json"][0])),
            ("compressed, both layers", sum(layer["size"] for layer in image.layers))]
