// A pluggable component in a process of its own, by the official gRPC of Go: all five kinds on one socket, in memory,
// one set of contents for each x-component-instance. The tests start it, and read what it says: one line for each call.
//
//	component SOCKET [FEATURE…]
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"trilby/tests/pluggable/components"
)

var said sync.Mutex

func say(format string, words ...any) {
	said.Lock()
	defer said.Unlock()
	fmt.Printf(format+"\n", words...)
}

func instance(ctx context.Context) string {
	found := metadata.ValueFromIncomingContext(ctx, "x-component-instance")
	if len(found) != 1 {
		return "?"
	}
	return found[0]
}

// held waits as long as the request's metadata says, or until the caller gives up.
func held(ctx context.Context, what string, with map[string]string) error {
	ms, _ := strconv.Atoi(with["holdMs"])
	if ms == 0 {
		return nil
	}
	say("holds %s", what)
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return nil
	case <-ctx.Done():
		say("gave up %s: %v", what, ctx.Err())
		return status.FromContextError(ctx.Err()).Err()
	}
}

func deadline(ctx context.Context) string {
	if _, has := ctx.Deadline(); has {
		return "with a deadline"
	}
	return "without a deadline"
}

func tell(ctx context.Context, asked any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	say("%s %s %s", info.FullMethod, instance(ctx), deadline(ctx))
	return handler(ctx, asked)
}

func tellStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	who := instance(stream.Context())
	say("%s %s", info.FullMethod, who)
	err := handler(server, stream)
	say("%s %s has ended: %v", info.FullMethod, who, status.Code(err))
	return err
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(tell), grpc.StreamInterceptor(tellStream), grpc.MaxRecvMsgSize(64<<20))
	s := &store{features: os.Args[2:], items: map[string]map[string]item{}}
	components.RegisterStateStoreServer(server, s)
	components.RegisterTransactionalStateStoreServer(server, s)
	components.RegisterTransactionalStoreMultiMaxSizeServer(server, s)
	components.RegisterQueriableStateStoreServer(server, s)
	components.RegisterPubSubServer(server, &broker{topics: map[string]*topic{}})
	b := &binding{events: map[string]chan *components.ReadResponse{}, answers: map[string]chan *components.ReadRequest{}}
	components.RegisterInputBindingServer(server, b)
	components.RegisterOutputBindingServer(server, outputs{binding: b})
	components.RegisterSecretStoreServer(server, &secrets{})
	reflection.Register(server)
	say("listens")
	go untilClosed(server)
	if err := server.Serve(listener); err != nil {
		say("%v", err)
	}
}

// The test that started it has gone, or wants it to leave.
func untilClosed(server *grpc.Server) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "leave" {
			server.GracefulStop()
			return
		}
	}
	server.Stop()
}

func missing(format string, words ...any) error {
	return status.Errorf(codes.NotFound, format, words...)
}
