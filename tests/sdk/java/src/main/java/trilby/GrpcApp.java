package trilby;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import io.dapr.v1.AppCallbackGrpc;
import io.dapr.v1.AppCallbackHealthCheckGrpc;
import io.dapr.v1.CommonProtos.InvokeRequest;
import io.dapr.v1.CommonProtos.InvokeResponse;
import io.dapr.v1.DaprAppCallbackProtos.BindingEventRequest;
import io.dapr.v1.DaprAppCallbackProtos.BindingEventResponse;
import io.dapr.v1.DaprAppCallbackProtos.HealthCheckResponse;
import io.dapr.v1.DaprAppCallbackProtos.ListInputBindingsResponse;
import io.dapr.v1.DaprAppCallbackProtos.ListTopicSubscriptionsResponse;
import io.dapr.v1.DaprAppCallbackProtos.TopicEventRequest;
import io.dapr.v1.DaprAppCallbackProtos.TopicEventResponse;
import io.dapr.v1.DaprAppCallbackProtos.TopicEventResponse.TopicEventResponseStatus;
import io.dapr.v1.DaprAppCallbackProtos.TopicRoutes;
import io.dapr.v1.DaprAppCallbackProtos.TopicRule;
import io.dapr.v1.DaprAppCallbackProtos.TopicSubscription;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;

/** An application that serves the SDK's callback service over gRPC and prints what reaches it. */
public final class GrpcApp extends AppCallbackGrpc.AppCallbackImplBase {
  private int tries;

  public static void main(String[] ignored) throws Exception {
    Server server = ServerBuilder.forPort(Integer.parseInt(System.getenv("APP_PORT")))
        .addService(new GrpcApp()).addService(new Health()).build().start();
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.awaitTermination();
  }

  private static final class Health extends AppCallbackHealthCheckGrpc.AppCallbackHealthCheckImplBase {
    @Override
    public void healthCheck(Empty asked, StreamObserver<HealthCheckResponse> answer) {
      Report.note("app.health");
      answer.onNext(HealthCheckResponse.getDefaultInstance());
      answer.onCompleted();
    }
  }

  @Override
  public void onInvoke(InvokeRequest asked, StreamObserver<InvokeResponse> answer) {
    InvokeResponse.Builder said = InvokeResponse.newBuilder();
    switch (asked.getMethod()) {
      case "echo" -> {
        Report.note("app.invoke");
        said.setData(asked.getData()).setContentType(asked.getContentType());
      }
      case "verb" -> {
        Report.note("app.invoke.query");
        String text = asked.getHttpExtension().getVerb() + " " + asked.getHttpExtension().getQuerystring();
        said.setContentType("text/plain")
            .setData(Any.newBuilder().setValue(com.google.protobuf.ByteString.copyFromUtf8(text)));
      }
      case "configuration/configstore/colour" -> Report.attempt("app.configuration", () ->
          Report.expect("blue", asked.getData().getValue().toStringUtf8().contains("\"colour\":{\"value\":\"blue\""), true));
      default -> {
        Report.note("app.invoke.error");
        answer.onError(Status.INVALID_ARGUMENT.withDescription("not today").asRuntimeException());
        return;
      }
    }
    answer.onNext(said.build());
    answer.onCompleted();
  }

  @Override
  public void listInputBindings(Empty asked, StreamObserver<ListInputBindingsResponse> answer) {
    answer.onNext(ListInputBindingsResponse.newBuilder().addBindings("tick").build());
    answer.onCompleted();
  }

  @Override
  public void onBindingEvent(BindingEventRequest event, StreamObserver<BindingEventResponse> answer) {
    Report.attempt("app.binding", () -> Report.expect("a time in a tick",
        event.getName() + event.getMetadataMap().containsKey("readTimeUTC"), "ticktrue"));
    answer.onNext(BindingEventResponse.getDefaultInstance());
    answer.onCompleted();
  }

  private static TopicSubscription.Builder to(String topic) {
    return TopicSubscription.newBuilder().setPubsubName("pubsub").setTopic(topic);
  }

  @Override
  public void listTopicSubscriptions(Empty asked, StreamObserver<ListTopicSubscriptionsResponse> answer) {
    TopicRoutes routes = TopicRoutes.newBuilder().setDefault("/other")
        .addRules(TopicRule.newBuilder().setMatch("event.type == \"order.placed\"").setPath("/placed")).build();
    answer.onNext(ListTopicSubscriptionsResponse.newBuilder().addSubscriptions(to("text")).addSubscriptions(to("json"))
        .addSubscriptions(to("bytes")).addSubscriptions(to("metadata").setRoutes(routes)).addSubscriptions(to("retried"))
        .addSubscriptions(to("unwelcome").setDeadLetterTopic("buried")).addSubscriptions(to("buried")).build());
    answer.onCompleted();
  }

  @Override
  public void onTopicEvent(TopicEventRequest event, StreamObserver<TopicEventResponse> answer) {
    Report.say("event " + event.getTopic() + " " + event.getDataContentType() + " "
        + event.getData().toStringUtf8().replace('\n', ' '));
    answer.onNext(TopicEventResponse.newBuilder().setStatus(judge(event)).build());
    answer.onCompleted();
  }

  private synchronized TopicEventResponseStatus judge(TopicEventRequest event) {
    switch (event.getTopic()) {
      case "text" -> Report.note("app.subscribe");
      case "json", "bytes" -> Report.note("app.subscribe." + event.getTopic());
      case "metadata" -> Report.note(event.getPath().equals("/placed") ? "app.subscribe.routes" : "app.subscribe.default");
      case "buried" -> Report.note("app.subscribe.deadletter");
      case "unwelcome" -> {
        Report.note("app.subscribe.drop");
        return TopicEventResponseStatus.DROP;
      }
      case "retried" -> {
        if (tries++ == 0) {
          return TopicEventResponseStatus.RETRY;
        }
        Report.note("app.subscribe.retry");
      }
      default -> { }
    }
    return TopicEventResponseStatus.SUCCESS;
  }
}
