package rpc

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/cinedex/cinedex/pkg/telemetry"
)

const (
	// lookEvery is the time between two looks at readiness while somebody watches.
	lookEvery = time.Second
	// maxWatchers bounds the streams of health, which need no token.
	maxWatchers = 100
)

// health tells whether services can answer, once and as a stream.
type health struct {
	ready    func() error
	services []string

	mu       sync.Mutex
	watchers map[int]func()
	last     int           // the key of the watcher that came last
	stop     chan struct{} // ends the looking; nil while nobody watches
}

// Check implements grpchealth.Checker.
func (h *health) Check(_ context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !slices.Contains(h.services, req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("no service %s", req.Service))
	}
	status := grpchealth.StatusServing
	if !h.serves() {
		status = grpchealth.StatusNotServing
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}

func (h *health) serves() bool { return h.ready == nil || h.ready() == nil }

// Watch implements grpchealth.Watcher. All watchers share one look a second.
func (h *health) Watch(ctx context.Context, req *grpchealth.CheckRequest, onChange func()) (stop func(), err error) {
	if _, err := h.Check(ctx, req); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) == maxWatchers {
		return nil, connect.NewError(connect.CodeResourceExhausted, fmt.Errorf("%d streams of health are open, as many as are allowed; ask with Check", maxWatchers))
	}
	if h.watchers == nil {
		h.watchers = map[int]func(){}
	}
	h.last++
	key := h.last
	h.watchers[key] = onChange
	if h.stop == nil {
		h.stop = make(chan struct{})
		go h.look(h.stop)
	}
	return func() { h.leave(key) }, nil
}

func (h *health) leave(key int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, key)
	if len(h.watchers) == 0 && h.stop != nil {
		close(h.stop)
		h.stop = nil
	}
}

// look tells the watchers each change of readiness. The first look tells them too: readiness may have changed since they asked.
func (h *health) look(stop <-chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	first, before := true, false
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		now := h.serves()
		if !first && now == before {
			continue
		}
		first, before = false, now
		h.mu.Lock()
		for _, tell := range h.watchers {
			tell()
		}
		h.mu.Unlock()
	}
}

// untilStop ends a stream when the server stops. Without untilStop, the server would wait for the stream.
func untilStop(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer telemetry.OnStop(ctx, cancel)()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}
