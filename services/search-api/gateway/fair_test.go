package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// withText opens a gateway over a library whose sentences are encoded by text.
func withText(t *testing.T, text func(context.Context, string) ([]float32, error)) *gateway.Gateway {
	t.Helper()
	l := apitest.New(t)
	l.Add(harbour())
	made, err := apitest.Encoders().Encoder(apitest.Sentences, encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	encoders := apitest.Encoders().With(encode.Offer{Space: apitest.SpaceOf(apitest.Sentences), Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{
		Run: func(ctx context.Context, in encode.Input) ([]float32, error) {
			if _, err := text(ctx, in.Words); err != nil {
				return nil, err
			}
			return made.Encode(ctx, in)
		},
		Price: func(in encode.Input) float64 { return float64(len(in.Words)) },
	}})
	cfg := gateway.Default()
	cfg.Timeout = gateway.Default().Timeout * 30
	g, err := gateway.New(cfg, gateway.Deps{Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: encoders, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func meaning(texts ...string) *pb.SearchRequest {
	var leaves []*pb.Query
	for _, s := range texts {
		leaves = append(leaves, query.Leaf(&pb.Leaf{Kind: "dialogue", Text: s, Mode: pb.TextMode_TEXT_MODE_MEANING}))
	}
	if len(leaves) == 1 {
		return &pb.SearchRequest{Query: leaves[0]}
	}
	return &pb.SearchRequest{Query: query.Or(leaves...)}
}

// TestSearchesLeaveNoTrace: whether somebody else has searched for the same makes no difference to the work of an answer,
// so its time tells nothing of it. A caller of the same name who may see other titles is somebody else.
func TestSearchesLeaveNoTrace(t *testing.T) {
	var mu sync.Mutex
	encoded := 0
	g := withText(t, func(context.Context, string) ([]float32, error) {
		mu.Lock()
		defer mu.Unlock()
		encoded++
		return nil, nil
	})
	one, other := authz.NewCaller("one", []string{"*"}), authz.NewCaller("other", []string{"*"})
	for i, step := range []struct {
		caller *authz.Caller
		text   string
		want   int
	}{
		{one, "a lamp", 1}, {one, "a lamp", 1}, {other, "a lamp", 2}, {other, "a lamp", 2}, {one, "a lamp", 2},
		{authz.NewCaller("one", []string{"harbour"}), "a lamp", 3},
	} {
		if _, err := g.Search(t.Context(), step.caller, meaning(step.text)); err != nil {
			t.Fatal(err)
		}
		if encoded != step.want {
			t.Errorf("after search %d, of %s, the encoder was called %d times, want %d", i, step.caller.Name(), encoded, step.want)
		}
	}
	// One caller who searches for much pushes out nothing of another.
	for i := range 2000 {
		if _, err := g.Search(t.Context(), other, meaning(fmt.Sprint("word ", i))); err != nil {
			t.Fatal(err)
		}
	}
	before := encoded
	if _, err := g.Search(t.Context(), one, meaning("a lamp")); err != nil {
		t.Fatal(err)
	}
	if encoded != before {
		t.Error("what one caller searched for is forgotten over what another did")
	}
}

// TestSameSearchAtOnce: two callers who ask for the same at the same time do not share the work, two parts of one do.
func TestSameSearchAtOnce(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("lacks a second processor")
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	g := withText(t, func(context.Context, string) ([]float32, error) {
		entered <- struct{}{}
		<-leave
		return nil, nil
	})
	var group sync.WaitGroup
	for _, name := range []string{"one", "other"} {
		group.Go(func() {
			if _, err := g.Search(t.Context(), authz.NewCaller(name, []string{"*"}), meaning("a lamp", "a lamp")); err != nil {
				t.Error(err)
			}
		})
	}
	<-entered
	<-entered
	close(leave)
	group.Wait()
}

// TestNobodyWaits: the encoding of a caller who goes away ends, and what waits behind it does not begin.
func TestNobodyWaits(t *testing.T) {
	ended := make(chan error, 100)
	entered := make(chan struct{}, 100)
	g := withText(t, func(ctx context.Context, _ string) ([]float32, error) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	var texts []string
	for i := range 32 {
		texts = append(texts, fmt.Sprint(i, strings.Repeat(" word", 20)))
	}
	go func() {
		_, err := g.Search(ctx, everybody, meaning(texts...))
		answered <- err
	}()
	<-entered
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the caller went away", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the encoding ended with %v", err)
	}
	if n := 1 + len(entered); n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d encodings began, more than there are processors", n)
	}
}

// TestLongLeavesLeaveRoom: of the 32 long leaves of one caller, few are encoded at once, and another caller's search goes
// before those that wait.
func TestLongLeavesLeaveRoom(t *testing.T) {
	began := make(chan string, 100)
	leave := make(chan struct{})
	g := withText(t, func(ctx context.Context, s string) ([]float32, error) {
		began <- s
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return nil, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	var texts []string
	for i := range 32 {
		texts = append(texts, fmt.Sprint(i, strings.Repeat(" word", 100)))
	}
	for range 3 {
		group.Go(func() { _, _ = g.Search(ctx, authz.NewCaller("hostile", []string{"*"}), meaning(texts...)) })
	}
	long := max(1, runtime.GOMAXPROCS(0)-1)
	for range long {
		<-began
	}
	group.Go(func() {
		if _, err := g.Search(t.Context(), authz.NewCaller("honest", []string{"*"}), meaning("a lamp")); err != nil {
			t.Error(err)
		}
	})
	if runtime.GOMAXPROCS(0) == 1 {
		leave <- struct{}{} // the only slot is taken: the next is the honest caller's
	}
	if s := <-began; s != "a lamp" {
		t.Errorf("the next to be encoded is %.20q…, of the caller who asks too much", s)
	}
	for range 100 {
		select {
		case s := <-began:
			t.Fatalf("%.20q… is encoded beside %d others", s, long)
		default:
			runtime.Gosched()
		}
	}
	close(leave)
}

// A cursor asks for the scope of every snapshot that is kept. The first goes through all that the caller may see, and waits for a slot. The
// others are made of the first at the cost of what changed, and wait for none. A scope that was made is asked for no more.
func TestFirstScopeWaitsForItsTurn(t *testing.T) {
	l := apitest.New(t)
	registry := prometheus.NewRegistry()
	g, err := gateway.New(gateway.Default(), gateway.Deps{Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(), Log: slog.New(slog.DiscardHandler), Registerer: registry, Metrics: fair.NewMetrics(registry)})
	if err != nil {
		t.Fatal(err)
	}
	l.Add(harbour())
	req := &pb.SearchRequest{Q: "dialogue.words:lamp", Limit: 1}
	ask(t, g, req)
	const snapshots = 5
	for i := range snapshots - 1 { // each is seen, and so is kept
		l.Add(mountain(fmt.Sprint("mountain-", i)))
		ask(t, g, req)
	}
	waited := func() (n uint64) {
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == "cinedex_queue_wait_seconds" {
				for _, m := range f.GetMetric() {
					n += m.GetHistogram().GetSampleCount()
				}
			}
		}
		return n
	}
	cursor := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain", Limit: 1}).GetCursor()
	if cursor == "" {
		t.Fatal("there is one page")
	}
	// Somebody else sees other runs: the cursor is none of theirs.
	stranger := authz.NewCaller("stranger", []string{"mountain-0"})
	for round, want := range []uint64{1, 0} {
		before := waited()
		_, err := g.Search(t.Context(), stranger, &pb.SearchRequest{Q: "dialogue.words:captain", Limit: 1, Cursor: cursor})
		if errkind.Of(err) != errkind.Invalid {
			t.Fatalf("a cursor of somebody else: %v", err)
		}
		if got := waited() - before; got != want {
			t.Errorf("round %d: %d turns were waited for, want %d", round, got, want)
		}
	}
}
