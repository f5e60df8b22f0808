package rpc_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// TestWatchHealth: a client of grpc-go watches a service that stops answering, answers again, and ends.
func TestWatchHealth(t *testing.T) {
	var down atomic.Bool
	mux := http.NewServeMux()
	rpc.Describe(mux, func() error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}, "a.Service")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- telemetry.ServeListener(ctx, l, mux) }()

	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthv1.NewHealthClient(conn)
	watch, err := client.Watch(t.Context(), &healthv1.HealthCheckRequest{Service: "a.Service"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		down bool
		want healthv1.HealthCheckResponse_ServingStatus
	}{{false, healthv1.HealthCheckResponse_SERVING}, {true, healthv1.HealthCheckResponse_NOT_SERVING}, {false, healthv1.HealthCheckResponse_SERVING}} {
		down.Store(c.down)
		got, err := watch.Recv()
		if err != nil || got.GetStatus() != c.want {
			t.Fatalf("%v, %v, want %v", got, err, c.want)
		}
	}
	unknown, err := client.Watch(t.Context(), &healthv1.HealthCheckRequest{Service: "b.Service"})
	if err == nil {
		_, err = unknown.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("an unknown service: %v, want NotFound", err)
	}

	begun := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the server waited %s for a watcher", took)
	}
}
