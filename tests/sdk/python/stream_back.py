"""A streaming subscription that outlives its sidecar: the SDK reconnects when it is back."""

from dapr.clients import DaprClient

from say import feature, same

with DaprClient() as d:
    subscription = d.subscribe(pubsub_name="pubsub", topic="lasting")
    print("subscribed", flush=True)
    with feature("subscribe.stream"):
        message = next(subscription)
        same(message.raw_data(), b"before")
        subscription.respond_success(message)
    with feature("subscribe.stream.reconnect"):
        message = next(subscription)
        same(message.raw_data(), b"after")
        subscription.respond_success(message)
    subscription.close()
