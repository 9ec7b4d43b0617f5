"""A sidecar that asks for a token: the SDK sends DAPR_API_TOKEN by itself."""

import os

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError

from say import feature, same

with feature("token"):
    with DaprClient() as d:
        d.save_state(store_name="statestore", key="order_1", value="value")
        same(d.get_state(store_name="statestore", key="order_1").data, b"value")
    os.environ["DAPR_API_TOKEN"] = "a wrong one"
    with DaprClient() as d:
        try:
            d.get_state(store_name="statestore", key="order_1")
            raise AssertionError("a wrong token was taken")
        except DaprGrpcError as error:
            same((error.code().name, error.details(), error.error_code()),
                 ("UNAUTHENTICATED", "Unauthorized", "Unauthorized"))
