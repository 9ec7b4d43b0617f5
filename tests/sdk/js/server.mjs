// An application with `DaprServer` over the protocol that PROTOCOL names: it is called, subscribes, and says whether
// it is healthy.
import { CommunicationProtocolEnum, DaprPubSubStatusEnum, DaprServer, HttpMethod } from "@dapr/dapr";
import express from "express";
import { feature, ok, same } from "./say.mjs";

const grpc = process.env.PROTOCOL === "grpc";
const http = express();
const server = new DaprServer({
  serverHost: "127.0.0.1",
  serverPort: process.env.APP_PORT,
  communicationProtocol: grpc ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
  serverHttp: grpc ? undefined : http,
  clientOptions: {
    daprHost: "127.0.0.1",
    daprPort: grpc ? process.env.DAPR_GRPC_PORT : process.env.DAPR_HTTP_PORT,
  },
});
const tries = [];
const bulk = new Set();

async function invocation() {
  await server.invoker.listen(
    "hello",
    async (data) => {
      await feature("app.invoke.query", () => {
        const query = new URLSearchParams(grpc ? data.query : data.query.split("?")[1]);
        same(Object.fromEntries(query), { name: "Ann Lee", verbose: "true" });
      });
      return { hello: "Ann Lee" };
    },
    { method: HttpMethod.GET },
  );
  await server.invoker.listen(
    "echo",
    async (data) => {
      await feature("app.invoke", () => {
        same([JSON.parse(data.body), data.metadata.contentType], [{ id: 1 }, "application/json"]);
      });
      if (!grpc) {
        await feature("app.invoke.headers", () => same(data.headers["x-colour"], "blue"));
        await feature("app.token", () => same(data.headers["dapr-api-token"], process.env.APP_API_TOKEN));
      }
      return JSON.parse(data.body);
    },
    { method: HttpMethod.POST },
  );
  await server.invoker.listen("mirror", async (data) => ({ length: JSON.parse(data.body).text.length }), {
    method: HttpMethod.POST,
  });
  // A listener has no word for a refusal over HTTP: what it throws ends the process.
  if (grpc) await server.invoker.listen("refuse", refuse, { method: HttpMethod.POST });
  else http.post("/refuse", refuseOverHttp);
}

function refuseOverHttp(request, response) {
  ok("app.invoke.error");
  response.status(403).json({ reason: "not today" });
}

async function refuse() {
  ok("app.invoke.error");
  throw new Error("not today");
}

async function subscriptions() {
  await server.pubsub.subscribe("pubsub", "texts", async (data) => {
    await feature("app.subscribe", () => same(data, "a text"));
  });
  await server.pubsub.subscribe("pubsub", "orders", async (data, headers) => {
    await feature("app.subscribe.json", () => same([data, headers.pubsubname], [{ orderId: 1 }, "pubsub"]));
  }, "/orders");
  await server.pubsub.subscribe("pubsub", "raw", async (data) => {
    await feature("app.subscribe.raw", () => same(data, "only this"));
  }, "", { rawPayload: true });
  await server.pubsub.subscribe("pubsub", "kept", async (data) => {
    await feature("app.client", async () => {
      same(await server.client.state.save("statestore", [{ key: "kept", value: data }]), {});
      same(await server.client.state.get("statestore", "kept"), "a text");
    });
  });
  await server.pubsub.subscribeWithOptions("pubsub", "routed", {
    route: {
      default: "/else",
      rules: [{ match: 'event.type == "order.new"', path: "/new" }],
    },
  });
  server.pubsub.subscribeToRoute("pubsub", "routed", "new", async () => ok("app.subscribe.routes"));
  server.pubsub.subscribeToRoute("pubsub", "routed", "else", async () => {
    console.log("failed app.subscribe.routes: the default was taken");
  });
  await server.pubsub.subscribe("pubsub", "enveloped", async (data) => {
    await feature("app.subscribe.enveloped", () => same([data.data, data.topic], ["a text", "enveloped"]));
  }, "", { rawPayload: true });
  await server.pubsub.subscribeBulk("pubsub", "bulkraw", async (data) => {
    await feature("app.subscribe.bulk.raw", () => same(data, { message: "only this" }));
  }, { metadata: { rawPayload: true }, maxMessagesCount: 10, maxAwaitDurationMs: 100 });
  await server.pubsub.subscribeBulk("pubsub", "bulk", async (data) => {
    bulk.add(data.n);
    if (bulk.size === 3) await feature("app.subscribe.bulk", () => same([...bulk].sort(), [0, 1, 2]));
  }, { maxAwaitDurationMs: 100 });
}

async function failures() {
  await server.pubsub.subscribe("pubsub", "again", async (data) => {
    tries.push(data);
    if (tries.length === 1) return DaprPubSubStatusEnum.RETRY;
    await feature("app.subscribe.retry", () => same(tries.slice(0, 2), ["a text", "a text"]));
    return DaprPubSubStatusEnum.SUCCESS;
  });
  for (const [topic, status] of [["dropped", DaprPubSubStatusEnum.DROP], ["failing", DaprPubSubStatusEnum.RETRY]]) {
    await server.pubsub.subscribeWithOptions("pubsub", topic, {
      deadLetterTopic: `poison-${topic}`,
      callback: async () => status,
    });
  }
  await server.pubsub.subscribe("pubsub", "poison-dropped", async () => ok("app.subscribe.drop"));
  await server.pubsub.subscribe("pubsub", "poison-failing", async () => ok("app.subscribe.deadletter"));
}

async function callers() {
  await server.binding.receive("tick", async () => ok("app.binding"));
  // A change of the configuration has no listener of its own in the SDK.
  const change = { colour: { value: "blue", version: "2" } };
  if (grpc) {
    await server.invoker.listen("configuration/configstore/colour", async (data) => {
      await feature("app.configuration", () => same(JSON.parse(data.body).items, change));
    }, { method: HttpMethod.POST });
  } else {
    http.post("/configuration/configstore/colour", async (request, response) => {
      await feature("app.configuration", () => same(request.body.items, change));
      response.end();
    });
  }
}

await invocation();
await callers();
await subscriptions();
await failures();
// What a subscription in YAML leads to: over HTTP a route, over gRPC the topic.
if (grpc) {
  await server.pubsub.subscribe("pubsub", "declared", async (data) => {
    await feature("app.subscribe.declarative", () => same(data, "a text"));
  });
} else {
  http.post("/declared", async (request, response) => {
    await feature("app.subscribe.declarative", () => same(request.body.data, "a text"));
    response.end();
  });
  http.get("/healthz", (request, response) => {
    ok("app.health");
    response.end();
  });
}
await server.start();
console.log("started");
