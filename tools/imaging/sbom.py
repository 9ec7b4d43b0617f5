"""The bill of materials: SPDX 2.3 as JSON, every file of the image with the package it came from."""
import datetime
import hashlib
import json
import re

from imaging import debian

PLACE = "usr/share/sbom/trilby.spdx.json"
NOBODY = "files of no package"


def moment(epoch):
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def _file(path, data, licence):
    return {"fileName": f"./{path}", "SPDXID": _id(f"File-{path}-{hashlib.sha1(path.encode()).hexdigest()[:8]}"),
            "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
                          {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()}],
            "licenseConcluded": licence, "copyrightText": "NOASSERTION"}


def _package(name, version, licence, files, **more):
    sums = "".join(sorted(f["checksums"][0]["checksumValue"] for f in files))
    return {"name": name, "SPDXID": _id(f"Package-{name}"), "versionInfo": version, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": True, "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1(sums.encode()).hexdigest()},
            "licenseConcluded": "NOASSERTION", "licenseDeclared": licence, "copyrightText": "NOASSERTION", **more}


def _of_debian(name, files):
    facts = debian.facts(name)
    words = debian.licences(debian.copyright_of(name))
    url = f"pkg:deb/debian/{name}@{facts['Version'].replace(':', '%3A').replace('+', '%2B')}?arch={facts['Architecture']}"
    more = {"supplier": f"Organization: {re.sub(r' *<.*', '', facts.get('Maintainer', 'Debian'))}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}]}
    if words:
        more["licenseComments"] = "Debian's copyright file names: " + ", ".join(words)
    return _package(name, facts["Version"], debian.expression(words), files, **more)


def document(name, version, epoch, content):
    """The bytes of the document for what the layers of `content` hold by now."""
    known = {path: package for package, paths in content.packages.items() for path in paths}
    groups = {"trilby": [_file(path, data, "Apache-2.0") for path, (data, _) in sorted(content.own.files.items())]}
    for path, (data, _) in sorted(content.system.files.items()):
        owner = known[path] or NOBODY if path in known else _described(path, content)
        groups.setdefault(owner, []).append(_file(path, data, "NOASSERTION"))
    packages, relations = [], []
    for owner, files in sorted(groups.items()):
        if owner == "trilby":
            package = _package(owner, version, "Apache-2.0", files, supplier="Organization: The Trilby authors")
        elif owner == NOBODY:
            package = _package(owner, "", "NOASSERTION", files)
        else:
            package = _of_debian(owner, files)
        packages.append(package)
        relations += [(package["SPDXID"], "CONTAINS", file["SPDXID"]) for file in files]
    everything = [file for files in groups.values() for file in files]
    image = _package(name, version, "NOASSERTION", everything, primaryPackagePurpose="CONTAINER")
    relations += [(image["SPDXID"], "CONTAINS", package["SPDXID"]) for package in packages]
    relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", image["SPDXID"]))
    code = image["packageVerificationCode"]["packageVerificationCodeValue"]
    return json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{re.sub('[^A-Za-z0-9.-]', '-', name)}-{code}",
        "creationInfo": {"created": moment(epoch), "creators": ["Organization: The Trilby authors", f"Tool: tools/image-{version}"]},
        "packages": [image, *packages], "files": everything,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations],
    }, indent=1, sort_keys=True).encode() + b"\n"


def _described(path, content):
    """What is about a package of Debian is the package's; the rest is made here."""
    parts = path.split("/")
    about = parts[3] if path.startswith("usr/share/doc/") else parts[4] if path.startswith("var/lib/dpkg/status.d/") else None
    return about if about in content.packages else "trilby"
