package gateway

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// encodeKey is what a vector was made from: a text, or the hash of a picture.
type encodeKey struct {
	space string
	what  string
}

// What is remembered of vectors: typing asks for the same text again and again. Each caller has a share of their own, so
// that the time of an answer tells nothing of what others searched for, and nobody pushes out what others need.
const (
	rememberedCallers = 128
	rememberedVectors = 128 // of each caller
)

// vectorCache remembers the vectors of each caller.
type vectorCache struct {
	mu      sync.Mutex
	callers *lru.Cache[string, *lru.Cache[encodeKey, []float32]]
}

func newVectorCache() *vectorCache {
	c := &vectorCache{}
	c.callers, _ = lru.New[string, *lru.Cache[encodeKey, []float32]](rememberedCallers)
	return c
}

func (c *vectorCache) of(caller string) *lru.Cache[encodeKey, []float32] {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, ok := c.callers.Get(caller)
	if !ok {
		own, _ = lru.New[encodeKey, []float32](rememberedVectors)
		c.callers.Add(caller, own)
	}
	return own
}

// A flight is one encoding, and the parts of one caller's queries that wait for it.
type flight struct {
	key     flightKey
	waiters []context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when vector and err are set
	vector  []float32
	err     error
}

type flightKey struct {
	caller string
	encodeKey
}

// flights are the encodings under way.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

// do returns what work returns. Calls with the same key at the same time share one execution of work, whose context ends
// when the last of them stops waiting, and after encodeTimeout.
func (f *flights) do(ctx context.Context, k flightKey, work func(context.Context) ([]float32, error)) ([]float32, error) {
	f.mu.Lock()
	fl := f.open[k]
	if fl == nil {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), encodeTimeout)
		fl = &flight{key: k, cancel: cancel, done: make(chan struct{})}
		if f.open == nil {
			f.open = map[flightKey]*flight{}
		}
		f.open[k] = fl
		ctx := awaited{shared, f, fl}
		go func() { //nolint:contextcheck // the flight goes on for others when its first caller is gone
			defer cancel()
			fl.vector, fl.err = recovered(ctx, k.space, work)
			f.mu.Lock()
			f.forget(fl)
			f.mu.Unlock()
			close(fl.done)
		}()
	}
	fl.waiters = append(fl.waiters, ctx)
	f.mu.Unlock()
	select {
	case <-fl.done:
		return fl.vector, fl.err
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		f.endUnawaited(fl)
		return nil, ctx.Err()
	}
}

// endUnawaited ends the context of a flight that nobody waits for. The next call begins anew rather than join it.
func (f *flights) endUnawaited(fl *flight) {
	for _, w := range fl.waiters {
		if w.Err() == nil {
			return
		}
	}
	fl.cancel()
	f.forget(fl)
}

// awaited is the context of a flight. Whoever looks at its error learns at once that nobody waits any more, though those
// who waited have not been woken yet.
type awaited struct {
	context.Context
	flights *flights
	flight  *flight
}

func (a awaited) Err() error {
	a.flights.mu.Lock()
	a.flights.endUnawaited(a.flight)
	a.flights.mu.Unlock()
	return a.Context.Err()
}

func (f *flights) forget(fl *flight) {
	if f.open[fl.key] == fl {
		delete(f.open, fl.key)
	}
}

// recovered makes a panic of a decoder or a model over what somebody sent this encoding's failure, and no process's end.
func recovered(ctx context.Context, space string, work func(context.Context) ([]float32, error)) (_ []float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errkind.New(errkind.Internal, "encoding for %s panicked: %v\n%s", space, r, debug.Stack())
		}
	}()
	return work(ctx)
}

// encodeTimeout bounds one encoding whose callers wait for it without a deadline of their own.
const encodeTimeout = 30 * time.Second

// once returns the vector of what a caller asks with: the one remembered, or the one that work makes. work runs in a slot
// of the processors that costs so much, and not at all once nobody waits for it.
func (g *Gateway) once(ctx context.Context, p *processed, k encodeKey, work func(context.Context) ([]float32, error)) ([]float32, error) {
	own := g.encoded.of(p.own)
	if v, ok := own.Get(k); ok {
		return v, nil
	}
	v, err := g.encoding.do(ctx, flightKey{p.own, k}, func(ctx context.Context) ([]float32, error) {
		v, err := work(ctx)
		if err == nil {
			own.Add(k, v)
		}
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("encoding for %s: %w", k.space, err)
	}
	return v, nil
}

// textVector encodes words into a space.
func (g *Gateway) textVector(ctx context.Context, p *processed, space, text string) ([]float32, error) {
	enc, err := g.deps.Encoders.Encoder(space, encode.Words)
	if err != nil {
		return nil, err
	}
	if placer, ok := enc.(encode.Placer); ok {
		return g.placedVector(ctx, p, placer, space, text)
	}
	in := encode.Input{Kind: encode.Words, Words: text}
	cost := enc.Cost(in)
	return g.once(ctx, p, encodeKey{space, "text:" + text}, func(ctx context.Context) ([]float32, error) {
		release, err := g.processors.Acquire(ctx, p.who, cost)
		if err != nil {
			return nil, err
		}
		defer release()
		if err := ctx.Err(); err != nil { // nobody waits any more
			return nil, err
		}
		return enc.Encode(ctx, in)
	})
}

// placedVector encodes words by way of another space. A text that is asked of both spaces is encoded once.
func (g *Gateway) placedVector(ctx context.Context, p *processed, placer encode.Placer, space, text string) ([]float32, error) {
	from, err := g.deps.Encoders.Encoder(placer.From(), encode.Words)
	if err != nil {
		return nil, err
	}
	v, err := g.textVector(ctx, p, placer.From(), text)
	if err != nil {
		return nil, err
	}
	in := encode.Input{Kind: encode.Words, Words: text}
	cost := max(placer.Cost(in)-from.Cost(in), 0)
	return g.once(ctx, p, encodeKey{space, "text:" + text}, func(ctx context.Context) ([]float32, error) {
		release, err := g.processors.Acquire(ctx, p.who, cost)
		if err != nil {
			return nil, err
		}
		defer release()
		return placer.Place(ctx, text, v)
	})
}
