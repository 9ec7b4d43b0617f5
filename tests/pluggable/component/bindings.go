package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"trilby/tests/pluggable/components"
)

// What is created at the output is an event at the input of the same instance; its answer is the output's.
type binding struct {
	components.UnimplementedInputBindingServer

	lock    sync.Mutex
	last    int
	events  map[string]chan *components.ReadResponse // by instance
	answers map[string]chan *components.ReadRequest  // by message
}

type outputs struct {
	components.UnimplementedOutputBindingServer
	*binding
}

func (b *binding) queue(ctx context.Context) chan *components.ReadResponse {
	b.lock.Lock()
	defer b.lock.Unlock()
	name := instance(ctx)
	if b.events[name] == nil {
		b.events[name] = make(chan *components.ReadResponse, 1000)
	}
	return b.events[name]
}

func (b *binding) Init(context.Context, *components.InputBindingInitRequest) (*components.InputBindingInitResponse, error) {
	return &components.InputBindingInitResponse{}, nil
}

func (b *binding) Ping(context.Context, *components.PingRequest) (*components.PingResponse, error) {
	return &components.PingResponse{}, nil
}

func (b *binding) answered(r *components.ReadRequest) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if to := b.answers[r.MessageId]; to != nil {
		to <- r
		delete(b.answers, r.MessageId)
	}
}

func (b *binding) Read(stream components.InputBinding_ReadServer) error {
	ctx, over := context.WithCancel(stream.Context())
	go func() {
		defer over()
		for {
			one, err := stream.Recv()
			if err != nil {
				return
			}
			b.answered(one)
		}
	}()
	for {
		select {
		case one := <-b.queue(ctx):
			if err := stream.Send(one); err != nil {
				return err
			}
			if string(one.Data) == "the last one" {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (o outputs) Init(context.Context, *components.OutputBindingInitRequest) (*components.OutputBindingInitResponse, error) {
	return &components.OutputBindingInitResponse{}, nil
}

func (o outputs) Ping(context.Context, *components.PingRequest) (*components.PingResponse, error) {
	return &components.PingResponse{}, nil
}

func (o outputs) ListOperations(context.Context, *components.ListOperationsRequest) (*components.ListOperationsResponse, error) {
	return &components.ListOperationsResponse{Operations: []string{"create", "ask"}}, nil
}

// create: an event, and that is all. ask: what the application says to it.
func (o outputs) Invoke(ctx context.Context, r *components.InvokeRequest) (*components.InvokeResponse, error) {
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	o.lock.Lock()
	o.last++
	id := strconv.Itoa(o.last)
	answer := make(chan *components.ReadRequest, 1)
	o.answers[id] = answer
	o.lock.Unlock()
	event := &components.ReadResponse{Data: r.Data, Metadata: r.Metadata, ContentType: r.Metadata["contentType"], MessageId: id}
	o.queue(ctx) <- event
	if r.Operation == "create" {
		return &components.InvokeResponse{Metadata: map[string]string{"id": id}}, nil
	}
	select {
	case one := <-answer:
		if one.ResponseError != nil {
			return nil, status.Error(codes.Aborted, one.ResponseError.Message)
		}
		return &components.InvokeResponse{Data: one.ResponseData, ContentType: "application/json"}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-time.After(30 * time.Second):
		return nil, status.Error(codes.DeadlineExceeded, "nobody has answered")
	}
}
