package trilby;

import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.DaprPreviewClient;
import io.dapr.client.Subscription;
import io.dapr.client.SubscriptionListener;
import io.dapr.client.domain.CloudEvent;
import io.dapr.client.domain.HttpExtension;
import io.dapr.client.domain.PublishEventRequest;
import io.dapr.client.domain.State;
import io.dapr.client.domain.StateOptions;
import io.dapr.client.domain.TransactionalStateOperation;
import io.dapr.client.domain.TransactionalStateOperation.OperationType;
import io.dapr.exceptions.DaprException;
import io.dapr.utils.TypeRef;
import io.dapr.v1.AppCallbackHealthCheckGrpc;
import com.google.protobuf.Empty;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Mono;

/** What a user's program does with the Java SDK. The arguments name the parts. */
public final class Client {
  private static final String STORE = "statestore";
  private static final String BROKER = "pubsub";
  private final DaprClient client;
  private final DaprPreviewClient preview;

  private Client(DaprClient client, DaprPreviewClient preview) {
    this.client = client;
    this.preview = preview;
  }

  public static void main(String[] parts) throws Exception {
    DaprClientBuilder builder = new DaprClientBuilder();
    try (DaprClient client = builder.build(); DaprPreviewClient preview = new DaprClientBuilder().buildPreviewClient()) {
      Client run = new Client(client, preview);
      Report.attempt("wait", () -> client.waitForSidecar(10000).block());
      for (String part : parts) {
        run.part(part);
      }
      Report.say("done");
    }
    System.exit(0);
  }

  private void part(String name) {
    switch (name) {
      case "metadata" -> metadata();
      case "state" -> state();
      case "publish" -> publish();
      case "secret" -> secret();
      case "invoke" -> invoke();
      case "proxy" -> proxy();
      case "subscribe" -> subscribe(false);
      case "retry" -> subscribe(true);
      case "token" -> Report.attempt("token", () -> client.getMetadata().block());
      case "shutdown" -> Report.attempt("shutdown", () -> client.shutdown().block());
      default -> throw new IllegalArgumentException(name);
    }
  }

  private void metadata() {
    Report.attempt("metadata.get", () ->
        Report.expect("the app id", client.getMetadata().block().getId(), System.getenv("APP_ID")));
  }

  private void state() {
    Report.attempt("state.save", () -> client.saveState(STORE, "java-1", "a value").block());
    Report.attempt("state.get", () -> {
      State<String> found = client.getState(STORE, "java-1", String.class).block();
      Report.expect("the value", found.getValue(), "a value");
      Report.expect("an etag", found.getEtag() != null && !found.getEtag().isEmpty(), true);
    });
    Report.attempt("state.get.missing", () ->
        Report.expect("nothing", client.getState(STORE, "java-nothing", String.class).block().getValue() == null, true));
    Report.attempt("state.save.bulk", () -> client.saveBulkState(STORE, Arrays.asList(
        new State<>("java-b1", "one", ""), new State<>("java-b2", new byte[] {0, -1}, ""))).block());
    Report.attempt("state.get.bulk", () -> {
      List<State<byte[]>> found = client.getBulkState(STORE, List.of("java-b1", "java-b2", "java-nothing"), byte[].class).block();
      Report.expect("their number", found.size(), 3);
      for (State<byte[]> one : found) {
        if (one.getKey().equals("java-b2")) {
          Report.expect("the second", one.getValue(), new byte[] {0, -1});
        }
      }
    });
    etags();
    transaction();
    Report.attempt("state.delete", () -> {
      client.deleteState(STORE, "java-1").block();
      Report.expect("nothing", client.getState(STORE, "java-1", String.class).block().getValue() == null, true);
    });
    Report.attempt("state.error", () -> {
      try {
        client.getState("nowhere", "x", String.class).block();
        throw new AssertionError("it was not refused");
      } catch (DaprException refused) {
        Report.expect("the code", refused.getErrorCode(), "INVALID_ARGUMENT");
        Report.expect("the reason", refused.getErrorDetails().get(
            io.dapr.exceptions.DaprErrorDetails.ErrorDetailType.ERROR_INFO, "reason", TypeRef.STRING), "DAPR_STATE_NOT_FOUND");
      }
    });
  }

  private void etags() {
    StateOptions firstWrite = new StateOptions(StateOptions.Consistency.STRONG, StateOptions.Concurrency.FIRST_WRITE);
    String[] etag = new String[1];
    Report.attempt("state.etag", () -> {
      client.saveState(STORE, "java-e", "1").block();
      etag[0] = client.getState(STORE, "java-e", String.class).block().getEtag();
      client.saveState(STORE, "java-e", etag[0], "2", firstWrite).block();
    });
    Report.attempt("state.etag.mismatch", () ->
        Report.refused(() -> client.saveState(STORE, "java-e", etag[0], "3", firstWrite).block(), "possible etag mismatch"));
    Report.attempt("state.delete.etag", () -> {
      Report.refused(() -> client.deleteState(STORE, "java-e", etag[0], firstWrite).block(), "possible etag mismatch");
      String now = client.getState(STORE, "java-e", String.class).block().getEtag();
      client.deleteState(STORE, "java-e", now, firstWrite).block();
    });
    Report.attempt("state.options", () -> client.saveState(STORE, "java-o", null, "x",
        new StateOptions(StateOptions.Consistency.EVENTUAL, StateOptions.Concurrency.LAST_WRITE)).block());
    Report.attempt("state.ttl", () -> {
      client.saveBulkState(STORE, List.of(new State<>("java-t", "soon gone", null, Map.of("ttlInSeconds", "1"), null))).block();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (client.getState(STORE, "java-t", String.class).block().getValue() != null) {
        Report.expect("the item is still there", System.nanoTime() < end, true);
        Thread.sleep(50);
      }
    });
  }

  private void transaction() {
    Report.attempt("state.transaction", () -> {
      client.saveState(STORE, "java-x2", "old").block();
      client.executeStateTransaction(STORE, List.of(
          new TransactionalStateOperation<>(OperationType.UPSERT, new State<>("java-x1", "new", "")),
          new TransactionalStateOperation<>(OperationType.DELETE, new State<>("java-x2")))).block();
      Report.expect("what was saved", client.getState(STORE, "java-x1", String.class).block().getValue(), "new");
      Report.expect("nothing", client.getState(STORE, "java-x2", String.class).block().getValue() == null, true);
    });
  }

  private void publish() {
    Report.attempt("publish", () ->
        client.publishEvent(new PublishEventRequest(BROKER, "text", "a text").setContentType("text/plain")).block());
    Report.attempt("publish.json", () -> client.publishEvent(BROKER, "json", Map.of("n", 1)).block());
    Report.attempt("publish.bytes", () -> client.publishEvent(new PublishEventRequest(BROKER, "bytes", new byte[] {0, 1, -1})
        .setContentType("application/octet-stream")).block());
    Report.attempt("publish.metadata", () ->
        client.publishEvent(BROKER, "metadata", "m", Map.of("cloudevent.type", "order.placed")).block());
    Report.attempt("publish.raw", () -> client.publishEvent(BROKER, "raw", "as it is", Map.of("rawPayload", "true")).block());
    Report.attempt("publish.cloudevent", () -> {
      CloudEvent<String> event = new CloudEvent<>("own-1", "me", "own", "1.0", "text/plain", "mine");
      client.publishEvent(new PublishEventRequest(BROKER, "own", event).setContentType(CloudEvent.CONTENT_TYPE)).block();
    });
    Report.attempt("publish.bulk", () ->
        Report.expect("the failed", preview.publishEvents(BROKER, "bulk", "text/plain", "one", "two", "three").block()
            .getFailedEntries().size(), 0));
    Report.attempt("publish.error", () ->
        Report.refused(() -> client.publishEvent("nowhere", "x", "y").block(), "pubsub nowhere is not found"));
  }

  private void secret() {
    Report.attempt("secret.get", () ->
        Report.expect("the secret", client.getSecret("secretstore", "orders-key").block().get("orders-key"), "a secret"));
    Report.attempt("secret.bulk", () ->
        Report.expect("one of all", client.getBulkSecret("secretstore").block().get("orders-key").get("orders-key"), "a secret"));
    Report.attempt("secret.error", () ->
        Report.refused(() -> client.getSecret("nowhere", "x").block(), "failed finding secret store with key nowhere"));
  }

  /* The client calls applications by HTTP: the sidecar in between does the rest. */
  private void invoke() {
    String target = System.getenv("TARGET");
    Report.attempt("invoke.get", () -> {
      HttpExtension get = new HttpExtension(io.dapr.client.DaprHttp.HttpMethods.GET, Map.of("colour", List.of("green")), Map.of());
      Report.expect("the answer", new String(client.invokeMethod(target, "verb", null, get, byte[].class).block()), "GET colour=green");
    });
    Report.attempt("invoke.post", () -> Report.expect("the answer",
        client.invokeMethod(target, "echo", Map.of("n", 1), HttpExtension.POST, new TypeRef<Map<String, Integer>>() {}).block(),
        Map.of("n", 1)));
    Report.attempt("invoke.large", () -> {
      byte[] large = new byte[1 << 20];
      Arrays.fill(large, (byte) 7);
      Report.expect("the answer", client.invokeMethod(target, "echo", large, HttpExtension.POST, byte[].class).block(), large);
    });
    Report.attempt("invoke.error", () ->
        Report.refused(() -> client.invokeMethod(target, "refuse", "x", HttpExtension.POST, byte[].class).block(),
            System.getenv("REFUSAL")));
    Report.attempt("invoke.missing", () ->
        Report.refused(() -> client.invokeMethod("nobody", "echo", "x", HttpExtension.POST, byte[].class).block(),
            "failed to invoke, id: nobody"));
  }

  private void proxy() {
    Report.attempt("proxy.unary", () ->
        client.newGrpcStub(System.getenv("TARGET"), AppCallbackHealthCheckGrpc::newBlockingStub)
            .healthCheck(Empty.getDefaultInstance()));
  }

  private void subscribe(boolean deliversAgain) {
    BlockingQueue<String> came = new LinkedBlockingQueue<>();
    int[] tries = new int[1];
    SubscriptionListener<String> listener = new SubscriptionListener<>() {
      @Override
      public Mono<Status> onEvent(CloudEvent<String> event) {
        if (event.getData().equals("twice") && tries[0]++ == 0) {
          return Mono.just(Status.RETRY);
        }
        came.add(event.getData());
        return Mono.just(Status.SUCCESS);
      }

      @Override
      public void onError(RuntimeException fault) {
        Report.say("error " + fault);
      }
    };
    Report.attempt("subscribe.stream", () -> {
      try (Subscription<?> subscription = preview.subscribeToEvents(BROKER, "streamed", listener, TypeRef.STRING)) {
        publishUntilSeen(came, "streamed", "first");
        if (deliversAgain) {
          client.publishEvent(BROKER, "streamed", "twice").block();
          Report.attempt("subscribe.stream.retry", () -> skipUntil(came, "twice"));
        } else {
          inOrder(came);
        }
      }
      Report.note("subscribe.stream.close");
    });
  }

  /* The SDK does not say when the sidecar has subscribed. */
  private void publishUntilSeen(BlockingQueue<String> came, String topic, String text) throws Exception {
    for (int i = 0; i < 100; i++) {
      client.publishEvent(BROKER, topic, text).block();
      if (text.equals(came.poll(200, TimeUnit.MILLISECONDS))) {
        client.publishEvent(BROKER, topic, "last").block();
        skipUntil(came, "last");
        return;
      }
    }
    throw new AssertionError("no event came");
  }

  /* What was published more than once, or is delivered again by a broker that does so soon, may come in between. */
  private static void skipUntil(BlockingQueue<String> came, String text) throws InterruptedException {
    while (!text.equals(next(came))) {
      continue;
    }
  }

  private void inOrder(BlockingQueue<String> came) {
    Report.attempt("subscribe.stream.order", () -> {
      for (int i = 0; i < 100; i++) {
        client.publishEvent(BROKER, "streamed", "n" + i).block();
      }
      for (int i = 0; i < 100; i++) {
        Report.expect("event", next(came), "n" + i);
      }
    });
  }

  private static String next(BlockingQueue<String> came) throws InterruptedException {
    String text = came.poll(20, TimeUnit.SECONDS);
    if (text == null) {
      throw new AssertionError("no event came");
    }
    return text;
  }
}
