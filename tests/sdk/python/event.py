"""The event that a handler of `dapr.ext.grpc.App` is given: a SubscriptionMessage if it says so, since 1.19; before, an
Event of the CloudEvents SDK."""

try:
    from dapr.ext.grpc import SubscriptionMessage as Event
except ImportError:
    from cloudevents.sdk.event.v1 import Event


def _is_old(event):
    return hasattr(event, "Data")


def data_of(event):
    return event.Data() if _is_old(event) else event.raw_data()


def id_of(event):
    return event.EventID() if _is_old(event) else event.id()


def type_of(event):
    return event.EventType() if _is_old(event) else event.type()


def topic_of(event):
    """The topic of the event itself, which a dead letter keeps."""
    return (event.Extensions() if _is_old(event) else event.extensions())["topic"]


def content_type_of(event):
    return event.content_type if _is_old(event) else event.data_content_type()
