// app: an application with the Go SDK's service, over HTTP or gRPC (the argument), that prints what reaches it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	daprhttp "github.com/dapr/go-sdk/service/http"

	"trilby/tests/sdk/go/report"
)

func main() {
	service, err := open(os.Args[1], ":"+os.Getenv("APP_PORT"))
	if err != nil {
		panic(err)
	}
	for _, add := range []func(common.Service) error{invocations, callers, topics, health} {
		if err := add(service); err != nil {
			panic(err)
		}
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		_ = service.Stop()
		os.Exit(0)
	}()
	if err := service.Start(); err != nil {
		report.Say("ended: %v", err)
	}
}

func open(protocol, address string) (common.Service, error) {
	if protocol == "grpc" {
		return daprgrpc.NewService(address)
	}
	return daprhttp.NewService(address), nil
}

// How the SDK wants the names of methods.
func prefix() string {
	if os.Args[1] == "http" {
		return "/"
	}
	return ""
}

func invocations(s common.Service) error {
	echo := func(_ context.Context, in *common.InvocationEvent) (*common.Content, error) {
		report.Note("app.invoke")
		return &common.Content{Data: in.Data, ContentType: in.ContentType, DataTypeURL: in.DataTypeURL}, nil
	}
	verb := func(_ context.Context, in *common.InvocationEvent) (*common.Content, error) {
		report.Note("app.invoke.query")
		return &common.Content{Data: []byte(in.Verb + " " + in.QueryString), ContentType: "text/plain"}, nil
	}
	refuse := func(context.Context, *common.InvocationEvent) (*common.Content, error) {
		report.Note("app.invoke.error")
		return nil, errors.New("not today")
	}
	return errors.Join(s.AddServiceInvocationHandler(prefix()+"echo", echo), s.AddServiceInvocationHandler(prefix()+"verb", verb),
		s.AddServiceInvocationHandler(prefix()+"refuse", refuse))
}

func callers(s common.Service) error {
	tick := func(_ context.Context, in *common.BindingEvent) ([]byte, error) {
		// Over HTTP the metadata are headers, as Go writes them.
		report.Try("app.binding", func() error {
			if in.Metadata["readTimeUTC"]+in.Metadata["Readtimeutc"] == "" {
				return fmt.Errorf("no time in %v", in.Metadata)
			}
			return report.Expect("the data", string(in.Data), "")
		})
		return nil, nil
	}
	colour := func(_ context.Context, in *common.InvocationEvent) (*common.Content, error) {
		report.Try("app.configuration", func() error {
			var change struct {
				Items map[string]struct{ Value, Version string }
			}
			if err := json.Unmarshal(in.Data, &change); err != nil {
				return err
			}
			return report.Expect("the colour", change.Items["colour"].Value+" "+change.Items["colour"].Version, "blue 2")
		})
		return &common.Content{}, nil
	}
	return errors.Join(s.AddBindingInvocationHandler("tick", tick), s.AddServiceInvocationHandler(prefix()+"configuration/configstore/colour", colour))
}

func topics(s common.Service) error {
	seen := func(feature, topic string) common.TopicEventHandler {
		return func(_ context.Context, e *common.TopicEvent) (bool, error) {
			report.Say("event %s %s %s", e.Topic, e.DataContentType, strings.ReplaceAll(string(e.RawData), "\n", " "))
			report.Try(feature, func() error { return report.Expect("the topic", e.Topic, topic) })
			return false, nil
		}
	}
	var failed error
	add := func(sub common.Subscription, handler common.TopicEventHandler) {
		sub.PubsubName = "pubsub"
		failed = errors.Join(failed, s.AddTopicEventHandler(&sub, handler))
	}
	add(common.Subscription{Topic: "text", Route: "/text"}, seen("app.subscribe", "text"))
	add(common.Subscription{Topic: "json", Route: "/json"}, seen("app.subscribe.json", "json"))
	add(common.Subscription{Topic: "bytes", Route: "/bytes"}, seen("app.subscribe.bytes", "bytes"))
	add(common.Subscription{Topic: "metadata", Route: "/other"}, seen("app.subscribe.default", "metadata"))
	add(common.Subscription{Topic: "metadata", Route: "/placed", Match: `event.type == "order.placed"`, Priority: 1},
		seen("app.subscribe.routes", "metadata"))
	tries := 0
	add(common.Subscription{Topic: "retried", Route: "/retried"}, func(context.Context, *common.TopicEvent) (bool, error) {
		if tries++; tries < 2 {
			return true, errors.New("once more")
		}
		report.Note("app.subscribe.retry")
		return false, nil
	})
	add(common.Subscription{Topic: "unwelcome", Route: "/unwelcome", DeadLetterTopic: "buried"},
		func(context.Context, *common.TopicEvent) (bool, error) {
			report.Note("app.subscribe.drop")
			return false, fmt.Errorf("never")
		})
	// Over HTTP the event says where it was published, over gRPC where it came from.
	add(common.Subscription{Topic: "buried", Route: "/buried"}, func(_ context.Context, e *common.TopicEvent) (bool, error) {
		report.Try("app.subscribe.deadletter", func() error { return report.Expect("the data", fmt.Sprint(e.Data), "x") })
		return false, nil
	})
	return failed
}

func health(s common.Service) error {
	return s.AddHealthCheckHandler("health", func(context.Context) error {
		report.Note("app.health")
		return nil
	})
}
