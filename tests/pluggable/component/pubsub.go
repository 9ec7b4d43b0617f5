package main

import (
	"context"
	"strconv"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"trilby/tests/pluggable/components"
)

// One topic of one instance. What is not acknowledged stays at its head, as brokers with an order do.
type topic struct {
	waiting  []*components.PullMessagesResponse
	isPaused bool
	changed  *sync.Cond
}

type broker struct {
	components.UnimplementedPubSubServer

	lock   sync.Mutex
	topics map[string]*topic
	last   int
}

func (b *broker) topic(ctx context.Context, name string) *topic {
	b.lock.Lock()
	defer b.lock.Unlock()
	key := instance(ctx) + "/" + name
	if b.topics[key] == nil {
		b.topics[key] = &topic{changed: sync.NewCond(&b.lock)}
	}
	return b.topics[key]
}

func (b *broker) put(ctx context.Context, name string, data []byte, with map[string]string, contentType string) {
	t := b.topic(ctx, name)
	b.lock.Lock()
	defer b.lock.Unlock()
	b.last++
	t.waiting = append(t.waiting, &components.PullMessagesResponse{Data: data, TopicName: name, Metadata: with,
		ContentType: contentType, Id: strconv.Itoa(b.last)})
	t.changed.Broadcast()
}

func (b *broker) Init(context.Context, *components.PubSubInitRequest) (*components.PubSubInitResponse, error) {
	return &components.PubSubInitResponse{}, nil
}

func (b *broker) Features(context.Context, *components.FeaturesRequest) (*components.FeaturesResponse, error) {
	return &components.FeaturesResponse{Features: []string{"BULK_PUBSUB", "MESSAGE_TTL"}}, nil
}

func (b *broker) Publish(ctx context.Context, r *components.PublishRequest) (*components.PublishResponse, error) {
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	b.put(ctx, r.Topic, r.Data, r.Metadata, r.ContentType)
	return &components.PublishResponse{}, nil
}

func (b *broker) BulkPublish(ctx context.Context, r *components.BulkPublishRequest) (*components.BulkPublishResponse, error) {
	answer := &components.BulkPublishResponse{}
	for _, one := range r.Entries {
		if one.Metadata["bad"] != "" {
			answer.FailedEntries = append(answer.FailedEntries,
				&components.BulkPublishResponseFailedEntry{EntryId: one.EntryId, Error: one.Metadata["bad"]})
			continue
		}
		b.put(ctx, r.Topic, one.Event, one.Metadata, one.ContentType)
	}
	return answer, nil
}

// The head, once there is one and nobody has paused; nil: the stream has ended.
func (b *broker) head(ctx context.Context, t *topic) *components.PullMessagesResponse {
	b.lock.Lock()
	defer b.lock.Unlock()
	for (len(t.waiting) == 0 || t.isPaused) && ctx.Err() == nil {
		t.changed.Wait()
	}
	if ctx.Err() != nil {
		return nil
	}
	return t.waiting[0]
}

func (b *broker) settle(t *topic, r *components.PullMessagesRequest) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if r.AckError != nil {
		say("nack %s: %s", r.AckMessageId, r.AckError.Message)
		return
	}
	say("ack %s", r.AckMessageId)
	if len(t.waiting) > 0 && t.waiting[0].Id == r.AckMessageId {
		t.waiting = t.waiting[1:]
	}
}

func (b *broker) PullMessages(stream components.PubSub_PullMessagesServer) error {
	first, err := stream.Recv()
	if err != nil || first.Topic == nil {
		return status.Error(codes.InvalidArgument, "the first message names no topic")
	}
	t := b.topic(stream.Context(), first.Topic.Name)
	ctx, over := context.WithCancel(stream.Context())
	settled := make(chan *components.PullMessagesRequest)
	go func() {
		defer func() { b.lock.Lock(); over(); t.changed.Broadcast(); b.lock.Unlock() }()
		for {
			one, err := stream.Recv()
			if err != nil {
				return
			}
			select {
			case settled <- one:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		one := b.head(ctx, t)
		if one == nil {
			return nil
		}
		if err := stream.Send(one); err != nil {
			return err
		}
		select {
		case answer := <-settled:
			b.settle(t, answer)
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *broker) pause(ctx context.Context, is bool) {
	prefix := instance(ctx) + "/"
	b.lock.Lock()
	defer b.lock.Unlock()
	for name, one := range b.topics {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			one.isPaused = is
			one.changed.Broadcast()
		}
	}
}

func (b *broker) Pause(ctx context.Context, _ *components.PauseRequest) (*components.PauseResponse, error) {
	b.pause(ctx, true)
	return &components.PauseResponse{}, nil
}

func (b *broker) Resume(ctx context.Context, _ *components.ResumeRequest) (*components.ResumeResponse, error) {
	b.pause(ctx, false)
	return &components.ResumeResponse{}, nil
}
