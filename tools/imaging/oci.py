"""The OCI form of an image: blobs by their digest, a configuration, a manifest, and a layout in a folder or an archive."""
import io
import json
import tarfile
from pathlib import Path

from imaging.layer import digest, packed
from imaging.sbom import moment

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX = "application/vnd.oci.image.index.v1+json"
SPDX = "application/spdx+json"
EMPTY = "application/vnd.oci.empty.v1+json"
# HTTP, gRPC, peers where a port is set as Dapr's charts do, the public port of health, metrics.
PORTS = [3500, 50001, 50002, 3501, 9090]


def document(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Image:
    """`manifest` is the image's; `attached` that of the bill of materials, which names the image as its subject."""

    def __init__(self, content, architecture, user, labels, epoch, bill):
        self.blobs, self.epoch = {}, epoch
        layers = [content.system, content.own]
        tars = [layer.tar(epoch) for layer in layers]
        config = document({
            "architecture": architecture, "os": "linux", "created": moment(epoch),
            "config": {"User": f"{user}:{user}", "ExposedPorts": {f"{port}/tcp": {} for port in PORTS}, "Env": ["PATH=/usr/bin:/bin"],
                       "Cmd": ["/daprd"], "WorkingDir": "/", "StopSignal": "SIGTERM", "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
            "history": [{"created": moment(epoch), "created_by": f"tools/image: {layer.name}"} for layer in layers]})
        self.labels = labels
        self.config = self.keep(config, CONFIG)
        self.layers = [self.keep(packed(tar), LAYER) for tar in tars]
        self.manifest = self.keep(document({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.config, "layers": self.layers,
            "annotations": {**labels, "org.spdx.document.digest": digest(bill)}}), MANIFEST)
        self.attached = self.keep(document({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": SPDX, "config": self.keep(b"{}", EMPTY),
            "layers": [self.keep(bill, SPDX)], "subject": self.manifest,
            "annotations": {"org.opencontainers.image.created": moment(epoch)}}), MANIFEST)

    def keep(self, data, media):
        self.blobs[digest(data)] = data
        return {"mediaType": media, "digest": digest(data), "size": len(data)}

    def data(self, descriptor):
        return self.blobs[descriptor["digest"]]

    def paths(self, name, tag):
        """Every file of a layout. manifest.json is for engines that load nothing but Docker's form."""
        refs = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": f"{name}:{tag}"}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**self.manifest, "annotations": refs}]}
        blob = "blobs/sha256/{}".format
        older = [{"Config": blob(_hex(self.config)), "RepoTags": [f"{name}:{tag}"], "Layers": [blob(_hex(x)) for x in self.layers]}]
        kept = [self.config, *self.layers, self.manifest]
        return {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": document(index), "manifest.json": document(older),
                **{blob(_hex(x)): self.data(x) for x in kept}}

    def write(self, place, name, tag):
        """An archive, or a folder when the place is one or ends with a slash."""
        files = self.paths(name, tag)
        if place.endswith("/") or Path(place).is_dir():
            for path, data in files.items():
                (Path(place) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(place) / path).write_bytes(data)
            return
        with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted({"blobs", "blobs/sha256", *files}):
                info = tarfile.TarInfo(path)
                info.mtime, info.mode = self.epoch, 0o644 if path in files else 0o755
                if path in files:
                    info.size = len(files[path])
                    archive.addfile(info, io.BytesIO(files[path]))
                else:
                    info.type = tarfile.DIRTYPE
                    archive.addfile(info)


def _hex(descriptor):
    return descriptor["digest"].split(":")[1]
