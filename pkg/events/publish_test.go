package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// cluster is a broker in memory, whose answers a test can bend.
func cluster(t *testing.T) *kfake.Cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, string(Annotations)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func newClient(t *testing.T, k *kfake.Cluster, change func(*Config)) *Client {
	t.Helper()
	cfg := Default()
	cfg.Brokers = k.ListenAddrs()
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg, Deps{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func inFlight(c *Client) float64 {
	var m dto.Metric
	if err := c.metrics.inFlight.Write(&m); err != nil {
		return -1
	}
	return m.GetGauge().GetValue()
}

func annotated(i, size int) Event {
	return Event{ID: fmt.Sprint(i), Subject: "asset", Data: &cinedexv1.AnnotationBatch{First: int64(i), Annotations: []*cinedexv1.Annotation{{Text: strings.Repeat("x", size)}}}}
}

// produces bends the answers to produce requests.
func produces(k *kfake.Cluster, answer func(*kmsg.ProduceRequest) (code int16, answered bool)) {
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		p := req.(*kmsg.ProduceRequest)
		code, answered := answer(p)
		if !answered {
			return nil, nil, false
		}
		res := p.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range p.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic = t.Topic
			for _, pt := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = pt.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
}

func TestPublishAsksForAllReplicas(t *testing.T) {
	k := cluster(t)
	var acks atomic.Int32
	produces(k, func(r *kmsg.ProduceRequest) (int16, bool) { acks.Store(int32(r.Acks)); return 0, false })
	if err := newClient(t, k, nil).Publish(t.Context(), Annotations, annotated(0, 1)); err != nil {
		t.Fatal(err)
	}
	if acks.Load() != -1 {
		t.Errorf("acks %d, want -1: all", acks.Load())
	}
}

// A temporary failure is tried again, in order. A permanent failure is returned with its kind.
func TestPublishErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		code  int16
		times int
		want  errkind.Kind
		ok    bool
	}{
		{"too few replicas", kerr.NotEnoughReplicas.Code, 3, 0, true},
		{"too few after appending", kerr.NotEnoughReplicasAfterAppend.Code, 2, 0, true},
		{"the leader moved", kerr.NotLeaderForPartition.Code, 2, 0, true},
		{"disk full", kerr.UnknownServerError.Code, 2, 0, true},
		{"never enough replicas", kerr.NotEnoughReplicas.Code, 1 << 30, errkind.Unavailable, false},
		{"not allowed", kerr.TopicAuthorizationFailed.Code, 1 << 30, errkind.Denied, false},
		{"too large for the broker", kerr.MessageTooLarge.Code, 1 << 30, errkind.Exhausted, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := cluster(t)
			var n atomic.Int32
			produces(k, func(*kmsg.ProduceRequest) (int16, bool) { return test.code, int(n.Add(1)) <= test.times })
			c := newClient(t, k, func(c *Config) { c.PublishTimeout = time.Second })
			err := c.Publish(t.Context(), Annotations, annotated(0, 1), annotated(1, 1), annotated(2, 1))
			if test.ok != (err == nil) || err != nil && errkind.Of(err) != test.want {
				t.Fatalf("%v (%s)", err, errkind.Of(err))
			}
			if !test.ok {
				return
			}
			next := int64(0)
			for d, err := range c.ReadAll(t.Context(), Annotations) {
				if err != nil {
					t.Fatal(err)
				}
				if got := d.Data.(*cinedexv1.AnnotationBatch).GetFirst(); got != next {
					t.Errorf("event %d came where %d was due", got, next)
				}
				next++
			}
			if next != 3 {
				t.Errorf("%d events, want 3", next)
			}
		})
	}
}

// An event that the broker refuses does not fail the other events of the request.
func TestPublishNarrows(t *testing.T) {
	k := cluster(t)
	produces(k, func(r *kmsg.ProduceRequest) (int16, bool) {
		return kerr.MessageTooLarge.Code, len(r.Topics[0].Partitions[0].Records) > 100_000
	})
	c := newClient(t, k, nil)
	err := c.Publish(t.Context(), Annotations, annotated(0, 10), annotated(1, 200_000), annotated(2, 10))
	if errkind.Of(err) != errkind.Exhausted {
		t.Fatalf("%v", err)
	}
	var got []string
	for d, err := range c.ReadAll(t.Context(), Annotations) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.ID)
	}
	if fmt.Sprint(got) != "[0 2]" {
		t.Errorf("in the log: %v", got)
	}
}

// While the broker does not acknowledge, publishing blocks at its budget, gives up in time, and holds nothing
// afterwards.
func TestPublishPushesBack(t *testing.T) {
	k := cluster(t)
	produces(k, func(*kmsg.ProduceRequest) (int16, bool) { return kerr.NotEnoughReplicas.Code, true })
	c := newClient(t, k, func(c *Config) { c.InFlightBytes, c.PublishTimeout = MaxBytes, 700*time.Millisecond })
	var wg sync.WaitGroup
	var worst atomic.Int64
	stop := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				worst.Store(max(worst.Load(), int64(inFlight(c))))
			}
		}
	}()
	for i := range 20 {
		wg.Go(func() {
			if err := c.Publish(t.Context(), Annotations, annotated(i, MaxBytes/3)); errkind.Of(err) != errkind.Unavailable {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	close(stop)
	<-watching
	if w := worst.Load(); w > MaxBytes || w < MaxBytes/2 {
		t.Errorf("%d bytes in flight at most, with a budget of %d", w, MaxBytes)
	}
	if n := inFlight(c); n != 0 {
		t.Errorf("%v bytes are left in flight", n)
	}
}

// A caller who leaves gets Cancelled at once, and the caller's unsent events are dropped.
func TestPublishCancelled(t *testing.T) {
	k := cluster(t)
	var refuse atomic.Bool
	refuse.Store(true)
	produces(k, func(*kmsg.ProduceRequest) (int16, bool) { return kerr.NotEnoughReplicas.Code, refuse.Load() })
	c := newClient(t, k, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := c.Publish(ctx, Annotations, annotated(0, 10))
	if errkind.Of(err) != errkind.Cancelled || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	refuse.Store(false)
	if err := c.Publish(t.Context(), Annotations, annotated(1, 10)); err != nil {
		t.Fatal(err)
	}
	for d, err := range c.ReadAll(t.Context(), Annotations) {
		if err != nil || d.ID != "1" {
			t.Errorf("in the log: %v, %v", d.ID, err)
		}
	}
	c.Close()
	if err := c.Publish(t.Context(), Annotations, annotated(2, 10)); err == nil {
		t.Error("published after closing")
	}
}

func TestConfigValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"brokers: none":        func(c *Config) { c.Brokers = nil },
		"brokers: \"x\"":       func(c *Config) { c.Brokers = []string{"x"} },
		"source:":              func(c *Config) { c.Source = "" },
		"compression: \"rar\"": func(c *Config) { c.Compression = "rar" },
		"in_flight_bytes: 5":   func(c *Config) { c.InFlightBytes = 5 },
		"publish_timeout: 0s":  func(c *Config) { c.PublishTimeout = 0 },
		"session_timeout: 1s":  func(c *Config) { c.SessionTimeout = time.Second },
		"tls.key_file: must be set where cert_file is": func(c *Config) { c.TLS.CertFile = "x" },
		"sasl.mechanism: \"x\"":                        func(c *Config) { c.SASL.Mechanism = "x" },
	} {
		c := Default()
		change(&c)
		_, err := New(c, Deps{})
		if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	c := Default()
	c.TLS = tlsclient.Config{Enabled: true, CAFile: "/nowhere/ca.pem"}
	if _, err := New(c, Deps{}); err == nil || !strings.Contains(err.Error(), "tls.ca_file") {
		t.Errorf("%v", err)
	}
}
