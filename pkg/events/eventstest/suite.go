package eventstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Published events are read back whole: attributes, extensions and data, JSON and protobuf.
func testRoundTrip(t *testing.T, b *bench) {
	b.topics(t)
	at := time.Date(2026, 11, 2, 3, 4, 5, 600, time.UTC)
	tests := []struct {
		topic events.Topic
		ev    events.Event
	}{
		{events.MediaArrived, events.Event{ID: "arrival-1", Source: "/studio/upload", Subject: "film", Time: at,
			Data:       &cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "film", Name: "Der Löwe & das \"Zebra\""}, Url: "file:///a.mp4"},
			Extensions: map[string]string{"studio": "north", "batch": "12"}}},
		{events.Annotations, events.Event{ID: "batch-1", Source: "/cinedex", Subject: "a1", Time: at,
			Data: &cinedexv1.AnnotationBatch{Asset: "a1", Run: "r", Epoch: 3, First: 7, Annotations: []*cinedexv1.Annotation{{}, {}}}}},
		{events.Embeddings, events.Event{ID: "empty", Source: "/cinedex", Subject: "a1", Time: at, Data: &cinedexv1.EmbeddingBatch{}}},
		{events.RunsFinished, events.Event{ID: "empty", Source: "/cinedex", Subject: "a1", Time: at, Data: &cinedexv1.RunFinished{}}},
	}
	for _, test := range tests {
		b.publish(t, test.topic, test.ev)
		var got []events.Event
		for d, err := range b.c.ReadAll(t.Context(), test.topic) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.Event)
		}
		want := test.ev
		want.Type = must(events.ContractOf(test.topic)).Type
		if diff := cmp.Diff([]events.Event{want}, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.topic, diff)
		}
	}
	// Without an id, equal events get equal ids.
	b.publish(t, events.RunsRequested, events.Event{Subject: "a", Data: &cinedexv1.RunsRequested{Asset: "a"}})
	b.publish(t, events.RunsRequested, events.Event{Subject: "a", Data: &cinedexv1.RunsRequested{Asset: "a"}})
	var ids []string
	for d, err := range b.c.ReadAll(t.Context(), events.RunsRequested) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("derived ids: %q", ids)
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("not there")
	}
	return v
}

// Events of an asset arrive in the order of publishing, whatever else is published at the same time.
func testOrderByAsset(t *testing.T, b *bench) {
	b.topics(t)
	const assets, each = 24, 60
	var wg sync.WaitGroup
	for a := range assets {
		wg.Go(func() {
			for i := 0; i < each; {
				n := min(each-i, 1+rand.IntN(7))
				var evs []events.Event
				for range n {
					evs = append(evs, numbered(asset(a), i))
					i++
				}
				if err := b.c.Publish(t.Context(), events.RunsFinished, evs...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	s := consume(t, b.c, events.Subscription{MaxBatch: 17}, nil)
	wg.Wait()
	s.sees(t, finished(assets, each))
	next := make(map[string]int64)
	for _, d := range s.events() {
		if got := number(d); got != next[d.Subject] {
			t.Fatalf("%s: event %d came where %d was due", d.Subject, got, next[d.Subject])
		}
		next[d.Subject]++
	}
}

func testPublishRefuses(t *testing.T, b *bench) {
	b.topics(t)
	data := &cinedexv1.RunFinished{}
	for name, test := range map[string]struct {
		topic events.Topic
		ev    events.Event
		want  string
	}{
		"no subject":       {events.RunsFinished, events.Event{Data: data}, "needs a subject"},
		"no data":          {events.RunsFinished, events.Event{Subject: "a"}, "needs data"},
		"other data":       {events.RunsFinished, events.Event{Subject: "a", Data: &cinedexv1.MediaReady{}}, "carries cinedex.v1.RunFinished, not cinedex.v1.MediaReady"},
		"other type":       {events.RunsFinished, events.Event{Subject: "a", Type: "other", Data: data}, `type "other"`},
		"unknown topic":    {"nowhere", events.Event{Subject: "a", Data: data}, `no topic "nowhere"`},
		"extension name":   {events.RunsFinished, events.Event{Subject: "a", Data: data, Extensions: map[string]string{"not-allowed": "x"}}, "not-allowed"},
		"one of several":   {events.RunsFinished, events.Event{Subject: "", Data: data}, "needs a subject"},
		"source is no uri": {events.RunsFinished, events.Event{Subject: "a", Source: "%%", Data: data}, "source"},
	} {
		err := b.c.Publish(t.Context(), test.topic, numbered("good", 0), test.ev)
		if test.topic == "nowhere" {
			err = b.c.Publish(t.Context(), test.topic, test.ev)
		}
		if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, and it should be invalid and say %q", name, err, test.want)
		}
	}
	for d := range b.c.ReadAll(t.Context(), events.RunsFinished) {
		t.Errorf("in the log, though its call was refused: %v", d.Event)
	}
}

// An event above the limit is refused with its size. An event near the limit passes, and so do the other events of the
// batch.
func testOversize(t *testing.T, b *bench) {
	b.topics(t)
	sized := func(n int) events.Event {
		blob := make([]byte, n)
		for i := range blob {
			blob[i] = byte(rand.Uint32()) // random, so compression does not hide the size
		}
		return events.Event{Subject: "a", Data: &cinedexv1.AnnotationBatch{Asset: "a",
			Annotations: []*cinedexv1.Annotation{{Attributes: map[string]*cinedexv1.Value{"blob": {Kind: &cinedexv1.Value_Data{Data: blob}}}}}}}
	}
	err := b.c.Publish(t.Context(), events.Annotations, sized(10), sized(events.MaxBytes))
	if errkind.Of(err) != errkind.Exhausted || !strings.Contains(err.Error(), itoa(events.MaxBytes)) || !strings.Contains(err.Error(), "event 2 of 2") {
		t.Errorf("too large: %v", err)
	}
	evs := []events.Event{sized(100), sized(events.MaxBytes - 2000), sized(100), sized(events.MaxBytes - 2000)}
	b.publish(t, events.Annotations, evs...)
	n := 0
	for d, err := range b.c.ReadAll(t.Context(), events.Annotations) {
		if err != nil {
			t.Fatal(err)
		}
		if n < len(evs) && !proto.Equal(d.Data, evs[n].Data) {
			t.Errorf("event %d came back otherwise", n+1)
		}
		n++
	}
	if n != len(evs) {
		t.Errorf("%d events in the log, want %d", n, len(evs))
	}
	// The largest possible event also fits into the dead letters, with its reason.
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.Annotations}}, func(context.Context, []events.Delivery) error {
		return errkind.New(errkind.Invalid, "%s", strings.Repeat("because ", 4000))
	})
	eventually(t, "four dead letters", func() bool { return len(b.letters(t)) == 4 })
	s.stop(t)
}

// Nothing is committed while a handler has not returned.
func testCommitAfterEffect(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(8, 5)
	b.publish(t, events.RunsFinished, evs...)
	release := make(chan struct{})
	var entered atomic.Int64
	s := consume(t, b.c, events.Subscription{}, func(ctx context.Context, _ []events.Delivery) error {
		entered.Add(1)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	eventually(t, "a handler entered", func() bool { return entered.Load() > 0 })
	// Several times the interval of committing.
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if n := b.committed(t, "group"); n != 0 {
			t.Fatalf("%d committed while the handlers have done nothing", n)
		}
	}
	close(release)
	s.sees(t, evs)
	eventually(t, "all committed", func() bool { return b.committed(t, "group") == int64(len(evs)) })
}

// No event of a batch counts as done if the consumer is killed during the batch: the next consumer gets the batch.
func testRedeliveryAfterKill(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(1, 100)
	hang := key(events.Delivery{Event: evs[57]})
	kill, journal := child{Config: b.cfg, Group: "group", Hang: hang}.start(t)
	for i := 0; i < len(evs); i += 5 {
		b.publish(t, events.RunsFinished, evs[i:i+5]...)
	}
	eventually(t, "the child hangs", func() bool { return slices.Contains(journal(), "hangs") })
	eventually(t, "what it did before is committed", func() bool { return b.committed(t, "group") > 0 })
	kill()
	did := make(map[string]int)
	for _, line := range journal() {
		if k, ok := strings.CutPrefix(line, "did "); ok {
			did[k]++
		}
	}
	if did[hang] > 0 {
		t.Fatal("the child did what it hung in")
	}
	s := consume(t, b.c, events.Subscription{}, nil)
	eventually(t, "every event done by one of the two", func() bool {
		all := s.counts()
		for k := range did {
			all[k]++
		}
		return missing(all, evs) == 0
	})
	if s.counts()[hang] == 0 {
		t.Error("the event in hand at the kill was not given again")
	}
	if n := len(s.events()); n == len(evs) {
		t.Error("everything was given again, so nothing had been committed")
	}
}

// The kind of an error decides. Meanwhile no later event of the partition is handled.
func testRetryByKind(t *testing.T, b *bench) {
	b.topics(t)
	tests := []struct {
		kind     errkind.Kind
		failures int // failures before success; -1 for always
		calls    int
		result   string
	}{
		{errkind.Unavailable, 7, 8, "ok"},
		{errkind.Exhausted, 6, 7, "ok"},
		{errkind.Cancelled, 6, 7, "ok"},
		{errkind.Internal, 2, 3, "ok"},
		{errkind.Internal, -1, 5, "dead"},
		{errkind.Invalid, -1, 1, "dead"},
		{errkind.NotFound, -1, 1, "dead"},
		{errkind.Denied, -1, 1, "dead"},
		{errkind.Conflict, -1, 1, "conflict"},
	}
	var mu sync.Mutex
	calls := make(map[string]int)
	order := make(map[string][]int64)
	s := consume(t, b.c, events.Subscription{MaxBatch: 1}, func(_ context.Context, batch []events.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		d := batch[0]
		calls[key(d)]++
		var err error
		if number(d) == 1 {
			var i int
			if _, e := fmt.Sscanf(d.Subject, "asset-%d", &i); e != nil {
				return e
			}
			if test := tests[i]; test.failures < 0 || calls[key(d)] <= test.failures {
				err = errkind.New(test.kind, "failing as %s", test.kind)
			}
		}
		if err == nil {
			order[d.Subject] = append(order[d.Subject], number(d))
		}
		return err
	})
	b.publish(t, events.RunsFinished, finished(len(tests), 3)...)
	eventually(t, "all committed", func() bool { return b.committed(t, "group") == int64(3*len(tests)) })
	s.stop(t)
	letters := b.letters(t)
	for i, test := range tests {
		name := fmt.Sprintf("%s failing %d times", test.kind, test.failures)
		if got := calls[asset(i)+"/1"]; got != test.calls {
			t.Errorf("%s: handled %d times, want %d", name, got, test.calls)
		}
		want := []int64{0, 1, 2}
		if test.result != "ok" {
			want = []int64{0, 2}
		}
		if !slices.Equal(order[asset(i)], want) {
			t.Errorf("%s: succeeded in the order %v, want %v", name, order[asset(i)], want)
		}
		at := slices.IndexFunc(letters, func(l events.Letter) bool { return l.Subject == asset(i) })
		if (at >= 0) != (test.result == "dead") {
			t.Errorf("%s: dead letter: %v", name, at >= 0)
		}
		if at >= 0 && (letters[at].Kind != test.kind || letters[at].Attempts != test.calls || letters[at].Group != "group" ||
			letters[at].Topic != events.RunsFinished || !strings.Contains(letters[at].Reason, "failing as")) {
			t.Errorf("%s: dead letter %v", name, letters[at])
		}
	}
	if n := b.metric(t, "cinedex_events_handled_total", map[string]string{"result": "conflict", "kind": "conflict"}); n != 1 {
		t.Errorf("%v conflicts counted, want 1", n)
	}
	if n := b.metric(t, "cinedex_events_dead_letters_total", nil); n != 4 {
		t.Errorf("%v dead letters counted, want 4", n)
	}
}

// Of a batch, only the poison goes to the dead letters.
func testPoisonIsolation(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(3, 100)
	poison := map[string]bool{asset(0) + "/17": true, asset(1) + "/0": true, asset(2) + "/99": true}
	b.publish(t, events.RunsFinished, evs...)
	largest, calls := atomic.Int64{}, atomic.Int64{}
	s := consume(t, b.c, events.Subscription{MaxBatch: 64}, func(_ context.Context, batch []events.Delivery) error {
		calls.Add(1)
		atLeast(&largest, int64(len(batch)))
		for _, d := range batch {
			if poison[key(d)] {
				return errkind.New(errkind.Invalid, "poison")
			}
		}
		return nil
	})
	eventually(t, "all committed", func() bool { return b.committed(t, "group") == int64(len(evs)) })
	s.stop(t)
	counts := s.counts()
	for _, e := range evs {
		k := key(events.Delivery{Event: e})
		if want := 1; poison[k] && counts[k] != 0 || !poison[k] && counts[k] != want {
			t.Errorf("%s was handled %d times", k, counts[k])
		}
	}
	if n := len(b.letters(t)); n != len(poison) {
		t.Errorf("%d dead letters, want %d", n, len(poison))
	}
	if largest.Load() < 2 {
		t.Error("no batch was ever larger than one event, so nothing was narrowed")
	}
	// Halving takes about 14 calls for each event. Handling singly would take as many calls as the three batches have
	// messages.
	if n := calls.Load(); n > 100 {
		t.Errorf("%d calls for %d events with %d poison: the others are not handled together", n, len(evs), len(poison))
	}
}

func testPanicIsInternal(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(2, 3)
	b.publish(t, events.RunsFinished, evs...)
	s := consume(t, b.c, events.Subscription{Attempts: 2}, func(_ context.Context, batch []events.Delivery) error {
		for _, d := range batch {
			if key(d) == asset(0)+"/1" {
				var none map[string]int
				none["x"]++ //nolint:staticcheck // the panic is what is tested
			}
		}
		return nil
	})
	eventually(t, "all committed", func() bool { return b.committed(t, "group") == int64(len(evs)) })
	s.stop(t)
	letters := b.letters(t)
	if len(letters) != 1 || letters[0].Kind != errkind.Internal || letters[0].Attempts != 2 || !strings.Contains(letters[0].Reason, "panicked") {
		t.Errorf("dead letters: %v", letters)
	}
}

// rawRecords reads a topic with the foreign client.
func (b *bench) rawRecords(t *testing.T, topic events.Topic, n int) []*kgo.Record {
	t.Helper()
	c := b.foreign(t, kgo.ConsumeTopics(b.cfg.Prefix+string(topic)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Records()...)
	}
	return all
}

// An unreadable message is put aside with all its bytes, and put back with all its bytes.
func testDeadLetterKeepsBytes(t *testing.T, b *bench) {
	b.topics(t)
	long := bytes.Repeat([]byte{0, 1, 2, 0xff}, 50_000)
	ce := func(more ...kgo.RecordHeader) []kgo.RecordHeader {
		return append([]kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("1")}, {Key: "ce_source", Value: []byte("/x")},
			{Key: "ce_type", Value: []byte("cinedex.media.arrived.v1")}, {Key: "content-type", Value: []byte("application/json")},
		}, more...)
	}
	records := []*kgo.Record{
		{Key: []byte("no event"), Value: []byte("hello")},
		{Key: []byte("binary"), Value: long},
		{Key: []byte{0xff, 0, 0x80}, Value: []byte(`{}`), Headers: []kgo.RecordHeader{
			{Key: "twice", Value: []byte("1")}, {Key: "bin", Value: []byte{0, 0xff, '\n'}}, {Key: "twice", Value: []byte("2")}, {Key: "empty", Value: []byte{}}, {Key: "ünï", Value: []byte("x")}}},
		{Key: []byte("bad json"), Value: []byte(`{"title":`), Headers: ce()},
		{Key: []byte("unknown field"), Value: []byte(`{"titel":{"id":"x"}}`), Headers: ce(kgo.RecordHeader{Key: "ce_ext", Value: []byte("x")})},
		{Key: []byte("other type"), Value: []byte(`{}`), Headers: []kgo.RecordHeader{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("1")}, {Key: "ce_source", Value: []byte("/x")}, {Key: "ce_type", Value: []byte("other")}}},
		{Key: []byte("bad version"), Value: []byte(`{}`), Headers: []kgo.RecordHeader{{Key: "ce_specversion", Value: []byte("9.9")}}},
		{Key: []byte("original_ in a name"), Value: []byte{}, Headers: []kgo.RecordHeader{{Key: "original_x", Value: []byte("1")}, {Key: "ce_reason", Value: []byte("mine")}}},
		{Key: nil, Value: []byte("no key")},
		{Key: []byte("no value"), Value: nil},
		{Key: []byte{}, Value: []byte("empty key")},
	}
	f := b.foreign(t)
	for _, r := range records {
		r.Topic = b.cfg.Prefix + string(events.MediaArrived)
	}
	if err := f.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	good := events.Event{Subject: "good", Data: &cinedexv1.MediaArrived{Url: "file:///x"}}
	b.publish(t, events.MediaArrived, good)
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaArrived}}, nil)
	eventually(t, "the good event handled, the others put aside", func() bool { return len(s.events()) == 1 && len(b.letters(t)) == len(records) })
	s.stop(t)

	letters := b.letters(t)
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.ID)
		if l.Kind != errkind.Invalid || l.Attempts != 1 || l.Reason == "" || l.Time.IsZero() {
			t.Errorf("dead letter %v", l)
		}
		if l.Subject == "unknown field" && !strings.Contains(l.Reason, "titel") {
			t.Errorf("the reason does not name the field: %s", l.Reason)
		}
	}
	n, err := b.c.Retry(t.Context(), ids...)
	if err != nil || n != len(records) {
		t.Fatalf("retrying: %d, %v", n, err)
	}
	if left := b.letters(t); len(left) != 0 {
		t.Errorf("dead letters are left after their retry: %v", left)
	}
	if _, err := b.c.Retry(t.Context(), ids[0]); errkind.Of(err) != errkind.NotFound {
		t.Errorf("retrying twice: %v", err)
	}
	type form struct {
		Partition      int32
		Key, Value     string
		NoKey, NoValue bool
		Headers        string
	}
	count := make(map[form]int)
	for _, r := range b.rawRecords(t, events.MediaArrived, 2*len(records)+1) {
		if string(r.Key) == "good" {
			continue
		}
		h, _ := json.Marshal(r.Headers)
		count[form{r.Partition, string(r.Key), string(r.Value), r.Key == nil, r.Value == nil, string(h)}]++
	}
	for f, n := range count {
		if n != 2 {
			t.Errorf("there %d times, and should be there twice, as it was and put back: %.300q", n, fmt.Sprintf("%+v", f))
		}
	}
	if len(count) != len(records) {
		t.Errorf("%d different messages, want %d", len(count), len(records))
	}
}

func testDeadLetterDrop(t *testing.T, b *bench) {
	b.topics(t)
	b.publish(t, events.RunsFinished, finished(3, 1)...)
	s := consume(t, b.c, events.Subscription{}, func(context.Context, []events.Delivery) error { return errkind.New(errkind.Invalid, "no") })
	eventually(t, "three dead letters", func() bool { return len(b.letters(t)) == 3 })
	s.stop(t)
	l := b.letters(t)
	if n, err := b.c.Drop(t.Context(), l[1].ID, "nonsense"); n != 1 || errkind.Of(err) != errkind.NotFound {
		t.Errorf("dropping one that is there and one that is not: %d, %v", n, err)
	}
	left := b.letters(t)
	if len(left) != 2 || left[0].ID != l[0].ID || left[1].ID != l[2].ID {
		t.Errorf("left: %v", left)
	}
	var picked []string
	for x, err := range b.c.DeadLetters(t.Context(), events.LetterFilter{Subject: l[2].Subject, Group: "group", Topic: events.RunsFinished}) {
		if err != nil {
			t.Fatal(err)
		}
		picked = append(picked, x.ID)
	}
	if !slices.Equal(picked, []string{l[2].ID}) {
		t.Errorf("the filter picked %v", picked)
	}
}

// A blocked handler does not make the process hold the topic in memory.
func testBoundedMemory(t *testing.T, b *bench) {
	b.topics(t)
	const each, total = 64 << 10, 96 << 20
	blob := make([]byte, each)
	for i := range blob {
		blob[i] = byte(rand.Uint32())
	}
	for a := range total / each / 16 {
		var evs []events.Event
		for i := range 16 {
			evs = append(evs, events.Event{ID: fmt.Sprintf("%d-%d", a, i), Subject: asset(a % 50), Data: &cinedexv1.AnnotationBatch{
				Annotations: []*cinedexv1.Annotation{{Attributes: map[string]*cinedexv1.Value{"blob": {Kind: &cinedexv1.Value_Data{Data: blob}}}}}}})
		}
		b.publish(t, events.Annotations, evs...)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	release := make(chan struct{})
	var entered atomic.Int64
	const budget = 8 << 20
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.Annotations}, MaxBytes: budget, MaxBatch: 10},
		func(ctx context.Context, _ []events.Delivery) error {
			entered.Add(1)
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	eventually(t, "a handler entered", func() bool { return entered.Load() > 0 })
	worst := uint64(0)
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		worst = max(worst, heap())
	}
	// The inboxes, a fetch under way for each partition, and the batches in the handlers' hands.
	if grown := int64(worst) - int64(before); grown > 3*budget {
		t.Errorf("the heap grew by %d MB with a budget of %d MB", grown>>20, budget>>20)
	} else {
		t.Logf("the heap grew by %d MB with a budget of %d MB and %d MB to read", grown>>20, budget>>20, total>>20)
	}
	close(release)
	eventually(t, "everything handled", func() bool { return len(s.events()) == total/each })
}

// A blocked handler in a partition does not delay other partitions.
func testSlowPartition(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(40, 10)
	b.publish(t, events.RunsFinished, evs...)
	release := make(chan struct{})
	var stuck atomic.Int64
	stuck.Store(-1)
	s := consume(t, b.c, events.Subscription{MaxBatch: 5}, func(ctx context.Context, batch []events.Delivery) error {
		if stuck.CompareAndSwap(-1, int64(batch[0].Partition)) || stuck.Load() == int64(batch[0].Partition) {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	eventually(t, "only the stuck partition is left", func() bool {
		lag, err := b.c.Lag(context.Background(), "group", events.RunsFinished)
		if err != nil || stuck.Load() < 0 {
			return false
		}
		for _, l := range lag {
			if (l.Lag > 0) != (int64(l.Partition) == stuck.Load()) {
				return false
			}
		}
		return true
	})
	close(release)
	s.sees(t, evs)
}

// At most as many handlers run at the same time as there are workers, and each partition gets its turn.
func testWorkers(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(40, 10)
	b.publish(t, events.RunsFinished, evs...)
	var running, most atomic.Int64
	s := consume(t, b.c, events.Subscription{Workers: 1, MaxBatch: 5}, func(context.Context, []events.Delivery) error {
		atLeast(&most, running.Add(1))
		runtime.Gosched()
		running.Add(-1)
		return nil
	})
	s.sees(t, evs)
	if most.Load() != 1 {
		t.Errorf("%d handlers at once, with one worker", most.Load())
	}
}

// atLeast raises a maximum that several goroutines raise.
func atLeast(most *atomic.Int64, n int64) {
	for {
		before := most.Load()
		if n <= before || most.CompareAndSwap(before, n) {
			return
		}
	}
}

// With AtOnce, an event that takes long holds up no other event of its partition, and the offset stays at that event: after a crash, the event comes again. A poisoned
// event goes to the dead letters meanwhile.
func testAtOnce(t *testing.T, b *bench) {
	b.topics(t)
	const poisoned = 5
	evs := finished(1, 20)
	b.publish(t, events.RunsFinished, evs...)
	first := evs[0].Data.(*cinedexv1.RunFinished).GetRun().GetId()
	var running, most atomic.Int64
	handle := func(release chan struct{}) events.Handler {
		begun := make(chan struct{}) // the first event is in the hands of the handler
		begin := sync.OnceFunc(func() { close(begun) })
		return func(ctx context.Context, batch []events.Delivery) error {
			if len(batch) != 1 {
				t.Errorf("a batch of %d", len(batch))
			}
			atLeast(&most, running.Add(1))
			defer running.Add(-1)
			switch key(batch[0]) {
			case first:
				begin()
				select {
				case <-release:
				case <-ctx.Done():
					return ctx.Err()
				}
			default:
				select {
				case <-begun:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if number(batch[0]) == poisoned {
				return errkind.New(errkind.Invalid, "poisoned")
			}
			return nil
		}
	}
	sub := events.Subscription{AtOnce: 3, Drain: time.Millisecond}
	s := consume(t, b.c, sub, handle(nil))
	eventually(t, "every event but the first is handled", func() bool { return len(s.events()) == len(evs)-2 })
	eventually(t, "the poisoned event is put aside", func() bool { return len(b.letters(t)) == 1 })
	if n := b.committed(t, "group"); n != 0 {
		t.Errorf("%d events are committed, and the first is not handled", n)
	}
	if n := most.Load(); n < 2 || n > 3 {
		t.Errorf("%d events at once", n)
	}
	s.stop(t)
	release := make(chan struct{})
	again := consume(t, b.client(t), sub, handle(release))
	close(release)
	eventually(t, "the first event comes again", func() bool { return again.counts()[first] == 1 })
	eventually(t, "all is committed", func() bool { return b.committed(t, "group") == int64(len(evs)) })
	for _, l := range b.letters(t) { // the poisoned event came again, too
		if l.ID != b.letters(t)[0].ID {
			t.Errorf("the dead letters are %v, want the one of before", b.letters(t))
		}
	}
}

// With MaxWait, events arriving singly are handled together.
func testMaxWait(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(1, 20)
	s := consume(t, b.c, events.Subscription{MaxWait: patience, MaxBatch: len(evs)}, func(_ context.Context, batch []events.Delivery) error {
		if len(batch) != len(evs) {
			t.Errorf("a batch of %d, want %d", len(batch), len(evs))
		}
		return nil
	})
	for _, ev := range evs {
		b.publish(t, events.RunsFinished, ev)
	}
	s.sees(t, evs)
}

// Members come and go: nothing is lost, and no partition is handled by two at once.
func testRebalance(t *testing.T, b *bench) {
	b.topics(t)
	const assets, each = 30, 200
	evs := finished(assets, each)
	var mu sync.Mutex
	holder := make(map[int]string)
	overlaps := 0
	member := func(name string) *consumer {
		return consume(t, b.client(t), events.Subscription{MaxBatch: 20}, func(ctx context.Context, batch []events.Delivery) error {
			p := batch[0].Partition
			mu.Lock()
			if holder[p] != "" {
				overlaps++
			}
			holder[p] = name
			mu.Unlock()
			select {
			case <-time.After(2 * time.Millisecond): // the work
			case <-ctx.Done():
			}
			mu.Lock()
			holder[p] = ""
			mu.Unlock()
			return ctx.Err()
		})
	}
	published := make(chan struct{})
	var sent atomic.Int64
	go func() {
		defer close(published)
		for i := 0; i < len(evs); i += assets {
			if err := b.c.Publish(t.Context(), events.RunsFinished, evs[i:i+assets]...); err != nil {
				t.Error(err)
				return
			}
			sent.Add(assets)
			if i%(assets*20) == 0 {
				time.Sleep(100 * time.Millisecond) // spread over the changes of membership
			}
		}
	}()
	first := member("first")
	eventually(t, "the first works", func() bool { return len(first.events()) > 50 })
	second := member("second")
	eventually(t, "the second works", func() bool {
		return len(second.events()) > 50 || (sent.Load() == int64(len(evs)) && b.committed(t, "group") == int64(len(evs)))
	})
	first.stop(t)
	third := member("third")
	<-published
	// A last event for every asset proves the final owners of the partitions at work.
	last := finished(assets, each+1)[assets*each:]
	b.publish(t, events.RunsFinished, last...)
	evs = append(evs, last...)
	eventually(t, "all events handled by somebody", func() bool {
		all := first.counts()
		for _, s := range []*consumer{second, third} {
			for k, n := range s.counts() {
				all[k] += n
			}
		}
		return missing(all, evs) == 0
	})
	eventually(t, "all committed", func() bool { return b.committed(t, "group") == int64(len(evs)) })
	if overlaps > 0 {
		t.Errorf("a partition was handled by two members at once, %d times", overlaps)
	}
	if len(second.events()) == 0 {
		t.Error("the second member was given nothing")
	}
}

// Other tools may write the whole event as JSON.
func testStructuredMode(t *testing.T, b *bench) {
	b.topics(t)
	f := b.foreign(t)
	structured := &kgo.Record{Topic: b.cfg.Prefix + string(events.MediaArrived), Key: []byte("film"),
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json; charset=UTF-8")}},
		Value: []byte(`{"specversion":"1.0","id":"7","source":"/studio","type":"cinedex.media.arrived.v1","subject":"film","time":"2026-01-02T03:04:05Z",
			"studio":"north","datacontenttype":"application/json","data":{"title":{"id":"film"},"url":"file:///f.mp4"}}`)}
	// Protobuf data is base64 in JSON.
	base64 := &kgo.Record{Topic: b.cfg.Prefix + string(events.MediaArrived), Key: []byte("film"),
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
		Value:   []byte(`{"specversion":"1.0","id":"8","source":"/studio","type":"cinedex.media.arrived.v1","datacontenttype":"application/protobuf","data_base64":"EgthYmM6Ly9kZWZnaA=="}`)}
	if err := f.ProduceSync(t.Context(), structured, base64).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaArrived}}, nil)
	eventually(t, "both events", func() bool { return len(s.events()) == 2 })
	got := s.events()
	want := events.Event{ID: "7", Source: "/studio", Type: "cinedex.media.arrived.v1", Subject: "film", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Extensions: map[string]string{"studio": "north"}, Data: &cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "film"}, Url: "file:///f.mp4"}}
	if diff := cmp.Diff(want, got[0].Event, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if u := got[1].Data.(*cinedexv1.MediaArrived).GetUrl(); u != "abc://defgh" {
		t.Errorf("protobuf in JSON: url %q", u)
	}
}

// Markers of a foreign producer's transactions are stepped over.
func testTransactionMarkers(t *testing.T, b *bench) {
	b.topics(t)
	f := b.foreign(t, kgo.TransactionalID(b.cfg.Prefix+"tx"), kgo.DefaultProduceTopic(b.cfg.Prefix+string(events.MediaArrived)))
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaArrived}}, nil)
	for i := range 4 {
		if err := f.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := f.ProduceSync(t.Context(), arrival(itoa(i)), arrival(itoa(i)+"b")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := f.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the transaction's events", func() bool { return len(s.events()) == 2*(i+1) })
	}
}

// arrival is a record of media.arrived as a foreign producer writes records.
func arrival(id string) *kgo.Record {
	return &kgo.Record{Key: []byte("film"), Value: []byte(`{"url":"file:///f.mp4"}`), Headers: []kgo.RecordHeader{
		{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte(id)}, {Key: "ce_source", Value: []byte("/x")},
		{Key: "ce_type", Value: []byte("cinedex.media.arrived.v1")}, {Key: "content-type", Value: []byte("application/json")}}}
}

// transactional makes a foreign producer whose records go to the partition of media.arrived.
func (b *bench) transactional(t *testing.T, name string) *kgo.Client {
	t.Helper()
	return b.foreign(t, kgo.TransactionalID(b.cfg.Prefix+name), kgo.DefaultProduceTopic(b.cfg.Prefix+string(events.MediaArrived)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func begin(t *testing.T, f *kgo.Client, ids ...string) {
	t.Helper()
	if err := f.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := f.ProduceSync(t.Context(), arrival(id)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func end(t *testing.T, f *kgo.Client, how kgo.TransactionEndTry) {
	t.Helper()
	if err := f.EndTransaction(t.Context(), how); err != nil {
		t.Fatal(err)
	}
}

func ids(ds []events.Delivery) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.ID)
	}
	return all
}

// readIDs reads the whole topic once.
func (b *bench) readIDs(t *testing.T) []string {
	t.Helper()
	var all []events.Delivery
	for d, err := range b.c.ReadAll(t.Context(), events.MediaArrived) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return ids(all)
}

// Records of aborted transactions are no events (Kafka's protocol, Fetch, aborted_transactions). Neither a group nor a
// reader without a group sees such records, and the lag of a group does not count such records.
func testAbortedTransactions(t *testing.T, b *bench) {
	b.topics(t)
	one, other, plain := b.transactional(t, "one"), b.transactional(t, "other"), b.foreign(t, kgo.DefaultProduceTopic(b.cfg.Prefix+string(events.MediaArrived)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaArrived}}, nil)
	var want []string
	expect := func(what string, more ...string) {
		t.Helper()
		want = append(want, more...)
		eventually(t, what, func() bool { return len(s.events()) >= len(want) })
		if diff := cmp.Diff(want, ids(s.events())); diff != "" {
			t.Fatalf("%s: -want +got\n%s", what, diff)
		}
		if diff := cmp.Diff(want, b.readIDs(t)); diff != "" {
			t.Fatalf("%s, read once: -want +got\n%s", what, diff)
		}
	}
	begin(t, one, "kept 1", "kept 2")
	end(t, one, kgo.TryCommit)
	expect("a committed transaction", "kept 1", "kept 2")
	begin(t, one, "aborted 1", "aborted 2")
	end(t, one, kgo.TryAbort)
	begin(t, one, "kept 3")
	end(t, one, kgo.TryCommit)
	expect("a transaction after an aborted one of the same producer", "kept 3")
	// Two transactions and a producer without a transaction, in turns.
	begin(t, one, "aborted 3")
	begin(t, other, "kept 4")
	if err := plain.ProduceSync(t.Context(), arrival("kept 5")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := one.ProduceSync(t.Context(), arrival("aborted 4")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), arrival("kept 6")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	end(t, one, kgo.TryAbort)
	end(t, other, kgo.TryCommit)
	expect("transactions in turns", "kept 4", "kept 5", "kept 6")
	// Aborted records alone at the end of the log.
	begin(t, other, "aborted 5", "aborted 6")
	end(t, other, kgo.TryAbort)
	eventually(t, "the group is behind in nothing", func() bool {
		lag, err := b.c.Lag(t.Context(), "group", events.MediaArrived)
		return err == nil && events.Waiting(lag) == 0
	})
	expect("aborted records at the end")
	s.stop(t)
	again := consume(t, b.c, events.Subscription{Group: "again", Topics: []events.Topic{events.MediaArrived}, MaxBatch: 1}, nil)
	eventually(t, "another group", func() bool { return len(again.events()) >= len(want) })
	if diff := cmp.Diff(want, ids(again.events())); diff != "" {
		t.Errorf("another group: -want +got\n%s", diff)
	}
	if letters := b.letters(t); len(letters) > 0 {
		t.Errorf("%d dead letters", len(letters))
	}
}

// A transaction cut off by a crash of the broker is aborted when the producer begins again. Records committed
// afterwards are read, and so are the records committed before.
func testCutOffTransaction(t *testing.T, b *bench) {
	b.topics(t)
	f := b.transactional(t, "cut")
	begin(t, f, "kept 1")
	end(t, f, kgo.TryCommit)
	begin(t, f, "cut off 1", "cut off 2")
	b.h.Crash(t)
	f.Close()
	f = b.transactional(t, "cut")
	begin(t, f, "kept 2")
	end(t, f, kgo.TryCommit)
	begin(t, f, "aborted")
	end(t, f, kgo.TryAbort)
	begin(t, f, "kept 3")
	end(t, f, kgo.TryCommit)
	want := []string{"kept 1", "kept 2", "kept 3"}
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaArrived}}, nil)
	eventually(t, "the committed events", func() bool { return len(s.events()) >= len(want) })
	if diff := cmp.Diff(want, ids(s.events())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(want, b.readIDs(t)); diff != "" {
		t.Errorf("read once: -want +got\n%s", diff)
	}
}

// A snapshot of a compacted topic is the last event of each key.
func testSnapshot(t *testing.T, b *bench) {
	b.topics(t)
	ready := func(a int, name string) events.Event {
		return events.Event{Subject: asset(a), Data: &cinedexv1.MediaReady{Asset: &cinedexv1.Asset{Id: asset(a), Container: name}}}
	}
	for i := range 5 {
		var evs []events.Event
		for a := range 20 {
			evs = append(evs, ready(a, fmt.Sprint("version ", i)))
		}
		b.publish(t, events.MediaReady, evs...)
	}
	b.publish(t, events.MediaReady, events.Event{Subject: asset(3)}, events.Event{Subject: asset(4)}, ready(4, "back"))
	// A tombstone as other tools write tombstones: no headers at all.
	if err := b.foreign(t).ProduceSync(t.Context(), &kgo.Record{Topic: b.cfg.Prefix + string(events.MediaReady), Key: []byte(asset(5))}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got, err := b.c.Snapshot(t.Context(), events.MediaReady)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 18 {
		t.Errorf("%d assets, want 18", len(got))
	}
	for a := range 20 {
		d, ok := got[asset(a)]
		want := "version 4"
		if a == 4 {
			want = "back"
		}
		if a == 3 || a == 5 {
			if ok {
				t.Errorf("%s was removed and is there", asset(a))
			}
			continue
		}
		if name := d.Data.(*cinedexv1.MediaReady).GetAsset().GetContainer(); name != want {
			t.Errorf("%s is %q, want %q", asset(a), name, want)
		}
	}
	// A handler gets the removal as an event without data.
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaReady}}, nil)
	eventually(t, "three removals", func() bool {
		n := 0
		for _, d := range s.events() {
			if d.Data == nil && d.Subject != "" {
				n++
			}
		}
		return n == 3
	})
}

// Reading continues over the results of compaction: gaps, emptied batches, removed tombstones. A group amid removed
// records continues, and no loss is reported.
func testCompaction(t *testing.T, b *bench) {
	b.topics(t)
	b.alter(t, events.MediaReady, map[string]string{"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100",
		"min.compaction.lag.ms": "0", "max.compaction.lag.ms": "1000"})
	const assets, versions = 20, 30
	ready := func(a int, name string) events.Event {
		return events.Event{Subject: asset(a), Data: &cinedexv1.MediaReady{Asset: &cinedexv1.Asset{Id: asset(a), Container: name}}}
	}
	// A producer with a producer id: the broker keeps the producer's last batch, even if the batch is empty.
	var foreign []*kgo.Record
	for i := range 300 {
		foreign = append(foreign, &kgo.Record{Topic: b.cfg.Prefix + string(events.MediaReady), Key: []byte(asset(100 + i)), Value: []byte(`{"asset":{"id":"gone"}}`),
			Headers: []kgo.RecordHeader{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("x")}, {Key: "ce_source", Value: []byte("/x")},
				{Key: "ce_type", Value: []byte("cinedex.media.ready.v1")}, {Key: "content-type", Value: []byte("application/json")}}})
	}
	if err := b.foreign(t).ProduceSync(t.Context(), foreign...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var evs []events.Event
	for i := range foreign {
		evs = append(evs, events.Event{Subject: asset(100 + i)})
	}
	for i := range versions {
		for a := range assets {
			evs = append(evs, ready(a, fmt.Sprint("version ", i)))
		}
	}
	b.publish(t, events.MediaReady, evs...)
	written := len(foreign) + len(evs)
	// A group that has read some of the records.
	s := consume(t, b.c, events.Subscription{Topics: []events.Topic{events.MediaReady}, MaxBatch: 10}, nil)
	eventually(t, "some were read", func() bool { return len(s.events()) > 100 })
	s.stop(t)

	left := func() int {
		n := 0
		for _, err := range b.c.ReadAll(t.Context(), events.MediaReady) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	// A segment is closed, and so open to compaction, by a write after the segment's time.
	want := make(map[string]string)
	var ticked time.Time
	eventually(t, "the broker compacts", func() bool {
		if time.Since(ticked) > 500*time.Millisecond {
			ticked = time.Now()
			for a := range assets {
				want[asset(a)] = ticked.String()
				b.publish(t, events.MediaReady, ready(a, ticked.String()))
			}
		}
		return left() < written/4
	})
	names := func(last map[string]events.Delivery) map[string]string {
		m := make(map[string]string)
		for a, d := range last {
			if d.Data != nil {
				m[a] = d.Data.(*cinedexv1.MediaReady).GetAsset().GetContainer()
			}
		}
		return m
	}
	got, err := b.c.Snapshot(t.Context(), events.MediaReady)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Errorf("snapshot: -want +got\n%s", diff)
	}
	early := s.events()
	for _, group := range []string{"group", "another"} {
		s := consume(t, b.c, events.Subscription{Group: group, Topics: []events.Topic{events.MediaReady}}, nil)
		last := func() map[string]string {
			all := make(map[string]events.Delivery)
			seen := s.events()
			if group == "group" {
				seen = append(slices.Clone(early), seen...)
			}
			for _, d := range seen {
				all[d.Subject] = d
			}
			return names(all)
		}
		eventually(t, "group "+group+" knows all assets", func() bool {
			m := last()
			for a, name := range want {
				if m[a] != name {
					return false
				}
			}
			return true
		})
		s.stop(t)
	}
	if n := b.metric(t, "cinedex_events_lost_total", nil); n != 0 {
		t.Errorf("%v events counted as lost, and compaction loses none", n)
	}
}

// Retention removes unread events while a handler is too slow. All remaining events come in order, and the number of
// removed events is reported.
func testRetention(t *testing.T, b *bench) {
	b.topics(t)
	big := func(i int) events.Event {
		ev := numbered(asset(0), i)
		ev.Data.(*cinedexv1.RunFinished).Run.Error = strings.Repeat("x", 100<<10)
		return ev
	}
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	s := consume(t, b.c, events.Subscription{MaxBatch: 1, MaxBytes: 64 << 10}, func(ctx context.Context, _ []events.Delivery) error {
		entered <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	n := 0
	for ; n < 30; n++ {
		b.publish(t, events.RunsFinished, big(n))
	}
	<-entered // the handler is busy with the first
	b.alter(t, events.RunsFinished, map[string]string{"retention.ms": "500", "segment.ms": "200"})
	eventually(t, "retention took most of them", func() bool {
		left := 0
		for _, err := range b.c.ReadAll(t.Context(), events.RunsFinished) {
			if err == nil {
				left++
			}
		}
		return left <= 10
	})
	b.alter(t, events.RunsFinished, map[string]string{"retention.ms": "-1"})
	for range 5 {
		b.publish(t, events.RunsFinished, big(n))
		n++
	}
	close(release)
	eventually(t, "the last one is handled", func() bool {
		seen := s.events()
		return len(seen) > 0 && number(seen[len(seen)-1]) == int64(n-1)
	})
	seen := s.counts()
	lost := b.metric(t, "cinedex_events_lost_total", map[string]string{"group": "group", "topic": string(events.RunsFinished)})
	if lost == 0 || len(seen)+int(lost) != n {
		t.Errorf("%d handled and %v told as lost, of %d", len(seen), lost, n)
	}
	highest := int64(-1)
	for _, d := range s.events() {
		if number(d) <= highest {
			t.Errorf("event %d came after %d", number(d), highest)
		}
		highest = max(highest, number(d))
	}
	t.Logf("%d handled, %v lost, of %d", len(seen), lost, n)
}

// A stopped subscription lets its handlers finish and commits their events.
func testShutdownDrains(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(1, 30)
	b.publish(t, events.RunsFinished, evs...)
	entered, release := make(chan struct{}, 100), make(chan struct{})
	s := consume(t, b.c, events.Subscription{MaxBatch: 10}, func(ctx context.Context, _ []events.Delivery) error {
		entered <- struct{}{}
		<-release
		return ctx.Err()
	})
	<-entered
	s.cancel()
	select {
	case <-s.done:
		t.Fatal("the subscription ended before its handler")
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	s.stop(t)
	did := len(s.events())
	if did == 0 || did >= len(evs) {
		t.Fatalf("%d events handled; the batch in hand and no more should be", did)
	}
	if n := b.committed(t, "group"); n != int64(did) {
		t.Errorf("%d committed, %d handled", n, did)
	}
	again := consume(t, b.c, events.Subscription{}, nil)
	eventually(t, "the rest", func() bool { return len(again.events()) >= len(evs)-did })
	if n := len(again.events()); n != len(evs)-did {
		t.Errorf("%d events given after the stop, want %d", n, len(evs)-did)
	}
}

// A handler that does not finish in time is cancelled, and the events come again.
func testShutdownCancels(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(1, 5)
	b.publish(t, events.RunsFinished, evs...)
	entered := make(chan struct{}, 100)
	s := consume(t, b.c, events.Subscription{Drain: 200 * time.Millisecond}, func(ctx context.Context, _ []events.Delivery) error {
		entered <- struct{}{}
		<-ctx.Done()
		return fmt.Errorf("giving up: %w", ctx.Err())
	})
	<-entered
	s.stop(t)
	if n := b.committed(t, "group"); n != 0 {
		t.Errorf("%d committed", n)
	}
	if l := b.letters(t); len(l) != 0 {
		t.Errorf("dead letters: %v", l)
	}
	again := consume(t, b.c, events.Subscription{}, nil)
	again.sees(t, evs)
}

// Events removed by retention before a subscription read them are counted.
func testLostIsTold(t *testing.T, b *bench) {
	b.topics(t)
	evs := finished(1, 30)
	b.publish(t, events.RunsFinished, evs[:10]...)
	s := consume(t, b.c, events.Subscription{}, nil)
	s.sees(t, evs[:10])
	s.stop(t)
	b.publish(t, events.RunsFinished, evs[10:]...)
	var partition int32
	for d, err := range b.c.ReadAll(t.Context(), events.RunsFinished) {
		if err != nil {
			t.Fatal(err)
		}
		partition = int32(d.Partition)
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = b.cfg.Prefix + string(events.RunsFinished)
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Partition, part.Offset = partition, 15
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(t.Context(), b.foreign(t))
	if err != nil || len(res.Topics) != 1 || res.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("removing records: %v %+v", err, res)
	}
	again := consume(t, b.c, events.Subscription{}, nil)
	again.sees(t, evs[15:])
	if n := len(again.events()); n != 15 {
		t.Errorf("%d events, want 15", n)
	}
	if n := b.metric(t, "cinedex_events_lost_total", map[string]string{"group": "group", "topic": string(events.RunsFinished)}); n != 5 {
		t.Errorf("%v events counted as lost, want 5", n)
	}
}

// Subscribers and publishers wait for missing topics.
func testLateTopics(t *testing.T, b *bench) {
	s := consume(t, b.c, events.Subscription{}, nil)
	evs := finished(2, 2)
	published := make(chan error, 1)
	go func() { published <- b.c.Publish(t.Context(), events.RunsFinished, evs...) }()
	other := b.client(t)
	if _, err := other.EnsureTopics(t.Context(), b.h.Layout); err != nil {
		t.Fatal(err)
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	s.sees(t, evs)
}

// alter changes settings of a topic behind everybody's back.
func (b *bench) alter(t *testing.T, topic events.Topic, settings map[string]string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, b.cfg.Prefix+string(topic)
	for name, value := range settings {
		r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Value: &value})
	}
	req.Resources = append(req.Resources, r)
	if res, err := req.RequestWith(t.Context(), b.foreign(t)); err != nil || res.Resources[0].ErrorCode != 0 {
		t.Fatalf("altering %s: %v %+v", topic, err, res)
	}
}

func testDrift(t *testing.T, b *bench) {
	b.topics(t)
	drift, err := b.c.EnsureTopics(t.Context(), b.h.Layout)
	if err != nil || len(drift) != 0 {
		t.Fatalf("drift of topics just made: %v, %v", drift, err)
	}
	b.alter(t, events.MediaReady, map[string]string{"cleanup.policy": "delete"})
	want := []events.Drift{{Topic: events.MediaReady, Setting: "cleanup.policy", Want: "compact", Got: "delete"}}
	eventually(t, "the drift is told", func() bool {
		drift, err := b.c.EnsureTopics(t.Context(), b.h.Layout)
		return err == nil && slices.Equal(drift, want)
	})
}

// A plan lists missing topics and differing settings. Applying the plan mends every setting that can be mended without
// harm, and each remaining drift has a reason.
func testPlan(t *testing.T, b *bench) {
	layout := b.h.Layout
	plan, err := b.c.PlanTopics(t.Context(), layout)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Missing) != len(events.Contracts()) || len(plan.Drift) != 0 {
		t.Fatalf("an empty cluster misses %d topics and has drift %v", len(plan.Missing), plan.Drift)
	}
	apply := func(more bool) []events.Drift {
		t.Helper()
		left, err := b.c.ApplyTopics(t.Context(), plan, more)
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	if left := apply(false); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	differs := func(want ...events.Drift) {
		t.Helper()
		eventually(t, fmt.Sprintf("the plan tells %v", want), func() bool {
			plan, err = b.c.PlanTopics(t.Context(), layout)
			return err == nil && len(plan.Missing) == 0 && slices.Equal(plan.Drift, want)
		})
	}
	differs()
	// Settings are changed back.
	b.alter(t, events.Annotations, map[string]string{"retention.ms": "60000", "max.message.bytes": "1000"})
	differs(events.Drift{Topic: events.Annotations, Setting: "max.message.bytes", Want: "4210688", Got: "1000"},
		events.Drift{Topic: events.Annotations, Setting: "retention.ms", Want: "604800000", Got: "60000"})
	if left := apply(false); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	differs()
	// Partitions are added only on request.
	layout.Embedded = !layout.Embedded
	plan, err = b.c.PlanTopics(t.Context(), layout)
	if err != nil {
		t.Fatal(err)
	}
	all := len(plan.Drift)
	if left := apply(false); len(left) != all || all == 0 || left[0].Obstacle(false) == "" {
		t.Errorf("%d of %d are left: %v", len(left), all, left)
	}
	if left := apply(true); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	differs()
	// Partitions are never taken away.
	layout.Embedded = !layout.Embedded
	if plan, err = b.c.PlanTopics(t.Context(), layout); err != nil {
		t.Fatal(err)
	}
	if left := apply(true); len(left) != all {
		t.Errorf("%d of %d are left: %v", len(left), all, left)
	}
	for name, test := range map[string]struct {
		change func(*events.Layout)
		want   string
	}{
		"replication above brokers": {func(l *events.Layout) { l.Replication = plan.Brokers + 1 }, "add brokers, or ask for a replication of"},
		"no replication":            {func(l *events.Layout) { l.Replication = 0 }, "less than 1"},
		"too short a retention":     {func(l *events.Layout) { l.Retention = map[events.Topic]time.Duration{events.Embeddings: time.Hour} }, "set the retention to 72h0m0s or more"},
		"a retention of for ever":   {func(l *events.Layout) { l.Retention = map[events.Topic]time.Duration{events.MediaReady: time.Hour} }, "kept for ever"},
		"no such topic":             {func(l *events.Layout) { l.Retention = map[events.Topic]time.Duration{"media": time.Hour} }, `no topic "media"`},
	} {
		l := b.h.Layout
		test.change(&l)
		if _, err := b.c.PlanTopics(t.Context(), l); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// A subscription refuses topics whose settings would lose unread events.
func testShortRetention(t *testing.T, b *bench) {
	b.topics(t)
	for name, test := range map[string]struct {
		topic    events.Topic
		settings map[string]string
		want     string
	}{
		"retention": {events.Annotations, map[string]string{"retention.ms": "3600000"}, "after 1h0m0s the log would remove events that a stopped hop has not read: set the retention to 72h0m0s or more"},
		"policy":    {events.MediaReady, map[string]string{"cleanup.policy": "delete"}, "cleanup.policy=delete"},
		"for ever":  {events.DeadLetters, map[string]string{"retention.ms": "3600000"}, "kept for ever"},
	} {
		b.alter(t, test.topic, test.settings)
		var err error
		eventually(t, name+" is refused", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err = b.c.Subscribe(ctx, events.Subscription{Group: "group", Topics: []events.Topic{test.topic}}, func(context.Context, []events.Delivery) error { return nil })
			return err != nil
		})
		if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "cinedex topics apply") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// A trace goes on from publishing to handling.
func testTraces(t *testing.T, b *bench) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	b.tracer = provider.Tracer("eventstest")
	c := b.client(t)
	b.topics(t)
	ctx, root := b.tracer.Start(t.Context(), "root")
	if err := c.Publish(ctx, events.RunsFinished, numbered("a", 0)); err != nil {
		t.Fatal(err)
	}
	root.End()
	var inside atomic.Value
	s := consume(t, c, events.Subscription{}, func(ctx context.Context, _ []events.Delivery) error {
		_, span := b.tracer.Start(ctx, "inside")
		inside.Store(span.SpanContext().TraceID())
		span.End()
		return nil
	})
	eventually(t, "handled", func() bool { return len(s.events()) == 1 })
	s.stop(t)
	if got := inside.Load(); got != root.SpanContext().TraceID() {
		t.Errorf("handled in trace %v, published in %v", got, root.SpanContext().TraceID())
	}
	var names []string
	for _, span := range recorder.Ended() {
		names = append(names, span.Name())
	}
	slices.Sort(names)
	if want := []string{"inside", "process runs.finished", "root", "send runs.finished"}; !slices.Equal(names, want) {
		t.Errorf("spans %v, want %v", names, want)
	}
}

// The trace context of an event, as written by a studio's system, is continued, whatever the publisher's trace is. The
// log has a single trace context per event (distributed tracing extension).
func testTraceOfTheEvent(t *testing.T, b *bench) {
	const own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	recorder := tracetest.NewSpanRecorder()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("eventstest")
	quiet := b.client(t)
	b.tracer = tracing
	c := b.client(t)
	b.topics(t)
	ctx, root := tracing.Start(t.Context(), "root")
	with := func(n int, traceparent string) events.Event {
		ev := numbered("a", n)
		ev.Extensions = map[string]string{"studio": "north"}
		if traceparent != "" {
			ev.Extensions["traceparent"], ev.Extensions["tracestate"] = traceparent, "studio=1"
		}
		return ev
	}
	inRoot := root.SpanContext().TraceID().String()
	const inOwn = "0af7651916cd43dd8448eb211c80319c"
	for _, step := range []struct {
		name   string
		by     *events.Client
		ctx    context.Context
		evs    []events.Event
		traces []string
		spans  []string // where the very span is known
	}{
		{"the publisher's trace", c, ctx, []events.Event{with(0, "")}, []string{inRoot}, nil},
		{"the event's trace", c, t.Context(), []events.Event{with(1, own)}, []string{inOwn}, nil},
		{"the event's trace before the publisher's", c, ctx, []events.Event{with(2, own)}, []string{inOwn}, nil},
		{"several events", c, ctx, []events.Event{with(3, own), with(4, "")}, []string{inOwn, inRoot}, []string{"b7ad6b7169203331", ""}},
		{"a trace that is none", c, ctx, []events.Event{with(5, "nonsense")}, []string{inRoot}, nil},
		{"without a collector, the event's", quiet, t.Context(), []events.Event{with(6, own)}, []string{inOwn}, []string{"b7ad6b7169203331"}},
		{"without a collector, the request's", quiet, ctx, []events.Event{with(7, "")}, []string{inRoot}, []string{root.SpanContext().SpanID().String()}},
		{"without both", quiet, t.Context(), []events.Event{with(8, "")}, []string{""}, nil},
	} {
		from := b.end(t)
		if err := step.by.Publish(step.ctx, events.RunsFinished, step.evs...); err != nil {
			t.Fatal(err)
		}
		for i, record := range b.raw(t, from, len(step.evs)) {
			var parents []string
			for _, h := range record.Headers {
				if h.Key == "ce_traceparent" {
					parents = append(parents, string(h.Value))
				}
			}
			if step.traces[i] == "" {
				if len(parents) > 0 {
					t.Errorf("%s: %q", step.name, parents)
				}
				continue
			}
			if len(parents) != 1 || !strings.Contains(parents[0], step.traces[i]) || len(step.spans) > 0 && !strings.Contains(parents[0], step.spans[i]) {
				t.Errorf("%s, event %d: trace contexts %q, want one in %s", step.name, i, parents, step.traces[i])
			}
		}
	}
	root.End()
}

// end is how many records the first partition of RunsFinished has.
func (b *bench) end(t *testing.T) (n int64) {
	t.Helper()
	bounds, err := b.c.Bounds(t.Context(), events.RunsFinished)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range bounds {
		n += p.End
	}
	return n
}

// raw reads the last n records of RunsFinished as stored in the log. All records have the same key.
func (b *bench) raw(t *testing.T, from int64, n int) []*kgo.Record {
	t.Helper()
	f := b.foreign(t, kgo.ConsumeTopics(b.cfg.Prefix+string(events.RunsFinished)))
	var all []*kgo.Record
	for int64(len(all)) < from+int64(n) {
		fetched := f.PollFetches(t.Context())
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, fetched.Records()...)
	}
	return all[from:]
}

// The broker dies and comes back, twice, while events are published and handled. No acknowledged event is lost, and the
// first deliveries of each asset's events are in order.
func testBrokerCrash(t *testing.T, b *bench) {
	b.topics(t)
	s := consume(t, b.c, events.Subscription{}, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acked []events.Event
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	for a := range 6 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				ev := numbered(asset(a), i)
				err := b.c.Publish(ctx, events.RunsFinished, ev)
				if errors.Is(err, context.Canceled) {
					return
				}
				if err != nil {
					t.Errorf("publishing across a crash: %v", err)
					return
				}
				mu.Lock()
				acked = append(acked, ev)
				mu.Unlock()
			}
		})
	}
	for range 2 {
		before := count()
		eventually(t, "events published", func() bool { return count() > before+100 })
		b.h.Crash(t)
	}
	before := count()
	eventually(t, "events published after the crashes", func() bool { return count() > before+100 })
	stop()
	wg.Wait()
	s.sees(t, acked)
	highest := make(map[string]int64)
	for _, d := range s.events() {
		if n, ok := highest[d.Subject]; !ok && number(d) != 0 || ok && number(d) > n+1 {
			t.Fatalf("%s: event %d came after %d", d.Subject, number(d), n)
		}
		highest[d.Subject] = max(highest[d.Subject], number(d))
	}
	t.Logf("%d events acknowledged, %d handled", len(acked), len(s.events()))
}
