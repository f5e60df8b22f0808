package broker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/events/eventstest"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func open(b *testing.B) *broker.Broker {
	b.Helper()
	br, err := broker.Open(broker.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { br.Close() })
	return br
}

func benchClient(b *testing.B, addr string) *events.Client {
	b.Helper()
	cfg := events.Default()
	cfg.Brokers = []string{addr}
	c, err := events.New(cfg, events.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// batchOf is an event of some n bytes.
func batchOf(asset string, first int64, n int) events.Event {
	text := make([]byte, n)
	for i := range text {
		text[i] = 'a' + byte(rand.Uint32()%26)
	}
	return events.Event{ID: fmt.Sprint(asset, "/", first), Subject: asset,
		Data: &cinedexv1.AnnotationBatch{Asset: asset, Run: "run", First: first, Annotations: []*cinedexv1.Annotation{{Text: string(text)}}}}
}

// BenchmarkPublish publishes events of 1 kB, acknowledged by all replicas and synced, in
// calls of 200 from 16 goroutines, and writes the same bytes with a bare kafka-go writer and with franz-go.
func BenchmarkPublish(b *testing.B) {
	const call, publishers = 200, 16
	br := open(b)
	c := benchClient(b, br.Addr())
	evs := make([][]events.Event, publishers)
	for p := range evs {
		for i := range call {
			evs[p] = append(evs[p], batchOf(fmt.Sprint("asset", p), int64(i), 900))
		}
	}
	spread := func(b *testing.B, publish func(p int)) {
		var left atomic.Int64
		left.Store(int64(b.N))
		var wg sync.WaitGroup
		b.ResetTimer()
		for p := range publishers {
			wg.Go(func() {
				for left.Add(-call) > -call {
					publish(p)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("events", func(b *testing.B) {
		spread(b, func(p int) {
			if err := c.Publish(b.Context(), events.Annotations, evs[p]...); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("kafka-go", func(b *testing.B) {
		w := eventstest.NewBareWriter(br.Addr(), string(events.Annotations))
		defer w.Close()
		spread(b, func(p int) {
			if err := w.Write(b.Context(), evs[p]); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("franz-go", func(b *testing.B) {
		k, err := kgo.NewClient(kgo.SeedBrokers(br.Addr()), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			b.Fatal(err)
		}
		defer k.Close()
		value := make([]byte, 1000)
		spread(b, func(p int) {
			var rs []*kgo.Record
			for range call {
				rs = append(rs, &kgo.Record{Topic: string(events.Annotations), Key: []byte(fmt.Sprint("asset", p)), Value: value})
			}
			if err := k.ProduceSync(b.Context(), rs...).FirstErr(); err != nil {
				b.Error(err)
			}
		})
	})
}

// BenchmarkConsume handles events of 1 kB from a log filled before.
func BenchmarkConsume(b *testing.B) {
	br := open(b)
	c := benchClient(b, br.Addr())
	var evs []events.Event
	for i := range b.N {
		evs = append(evs, batchOf(fmt.Sprint("asset", i%50), int64(i), 900))
		if len(evs) == 1000 || i == b.N-1 {
			if err := c.Publish(b.Context(), events.Annotations, evs...); err != nil {
				b.Fatal(err)
			}
			evs = evs[:0]
		}
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var seen atomic.Int64
	b.ResetTimer()
	err := c.Subscribe(ctx, events.Subscription{Group: "bench", Topics: []events.Topic{events.Annotations}}, func(_ context.Context, batch []events.Delivery) error {
		if seen.Add(int64(len(batch))) >= int64(b.N) {
			stop()
		}
		return nil
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLatency measures from before Publish to inside the handler, for single
// events when nothing else happens, and at 5,000 annotations a second in batches of 10.
func BenchmarkLatency(b *testing.B) {
	for name, every := range map[string]time.Duration{"idle": 50 * time.Millisecond, "5000 per second": 2 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			br := open(b)
			c := benchClient(b, br.Addr())
			ctx, stop := context.WithCancel(b.Context())
			var mu sync.Mutex
			var took []time.Duration
			done := make(chan error, 1)
			handled := make(chan struct{}, b.N+1)
			go func() {
				done <- c.Subscribe(ctx, events.Subscription{Group: "bench", Topics: []events.Topic{events.Annotations}}, func(_ context.Context, batch []events.Delivery) error {
					now := time.Now()
					mu.Lock()
					defer mu.Unlock()
					for _, d := range batch {
						took = append(took, now.Sub(time.Unix(0, d.Data.(*cinedexv1.AnnotationBatch).GetFirst())))
						handled <- struct{}{}
					}
					return nil
				})
			}()
			event := func(i int) events.Event {
				ev := batchOf(fmt.Sprint("asset", i%50), 0, 100)
				data := ev.Data.(*cinedexv1.AnnotationBatch)
				for len(data.GetAnnotations()) < 10 {
					data.Annotations = append(data.Annotations, data.Annotations[0])
				}
				data.First = time.Now().UnixNano()
				ev.ID = fmt.Sprint(i)
				return ev
			}
			if err := c.Publish(ctx, events.Annotations, event(0)); err != nil {
				b.Fatal(err)
			}
			<-handled
			took = nil
			tick := time.NewTicker(every)
			defer tick.Stop()
			var wg sync.WaitGroup
			b.ResetTimer()
			for i := range b.N {
				<-tick.C
				ev := event(i)
				wg.Go(func() {
					if err := c.Publish(ctx, events.Annotations, ev); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			for range b.N {
				<-handled
			}
			stop()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		})
	}
}
