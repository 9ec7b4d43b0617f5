"""Resource documents as Python values, and their files."""

import os
import re
import uuid

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes what looks like a number to other readers too: PyYAML knows only that 9.7e+5 is one, not that 977953e5 is."""


def _text(dumper, value):
    is_like_number = re.fullmatch(r"[-+.]?\d[\d.eE+_-]*", value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if is_like_number else None)


_Dumper.add_representer(str, _text)


def document(kind, name, spec, version="dapr.io/v1alpha1", scopes=None, namespace=None, **more):
    value = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    if namespace:
        value["metadata"]["namespace"] = namespace
    if scopes is not None:
        value["scopes"] = scopes
    value.update(more)
    return value


def component(name, type, metadata=None, version="v1", scopes=None, namespace=None, auth=None,
              **spec):
    """A Component; a metadata value that is a dict is taken as the item's other members. It may take its time to start,
    beside whatever else the machine does, unless `initTimeout` says otherwise; None: the usual one."""
    items = []
    for key, value in (metadata or {}).items():
        items.append({"name": key, **(value if isinstance(value, dict) else {"value": value})})
    more = {"auth": auth} if auth else {}
    spec = {"initTimeout": "30s", **spec}
    body = {"type": type, "version": version, "metadata": items, **{key: value for key, value in spec.items() if value is not None}}
    return document("Component", name, body, scopes=scopes, namespace=namespace, **more)


def configuration(**spec):
    return document("Configuration", "config", spec)


def subscription(name, pubsub, topic, route=None, scopes=None, **spec):
    """v2alpha1 when `routes` is given, else v1alpha1."""
    body = {"pubsubname": pubsub, "topic": topic, **spec}
    if route is not None:
        body["route"] = route
    version = "dapr.io/v2alpha1" if "routes" in spec else "dapr.io/v1alpha1"
    return document("Subscription", name, body, version, scopes)


def endpoint(name, url, headers=None):
    spec = {"baseUrl": url}
    if headers:
        spec["headers"] = [{"name": key, "value": value} for key, value in headers.items()]
    return document("HTTPEndpoint", name, spec)


def resiliency(name, policies, targets):
    return document("Resiliency", name, {"policies": policies, "targets": targets})


def text_of(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n---\n".join(text_of(one) for one in value)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def file_write(folder, name, value):
    """Puts the file there in one step, so that a watcher never sees half of it."""
    path = os.path.join(folder, name)
    hidden = os.path.join(os.path.dirname(folder), f".{name}.{uuid.uuid4().hex}")
    with open(hidden, "w", encoding="utf-8") as handle:
        handle.write(text_of(value))
    os.replace(hidden, path)
    return path
