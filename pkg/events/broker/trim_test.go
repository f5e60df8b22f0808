package broker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestExpired(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	at := func(base int64, mb int64, days int) segment {
		return segment{base, mb << 20, now.AddDate(0, 0, -days)}
	}
	for name, test := range map[string]struct {
		segments []segment
		done     int64
		want     int64
	}{
		"nothing there":                  {nil, 100, 0},
		"one file is never removed":      {[]segment{at(0, 500, 100)}, 100, 0},
		"old and done with":              {[]segment{at(0, 1, 9), at(10, 1, 8), at(20, 1, 1)}, 25, 20},
		"old, and done with in part":     {[]segment{at(0, 1, 9), at(10, 1, 8), at(20, 1, 1)}, 19, 10},
		"old, and done with to the edge": {[]segment{at(0, 1, 9), at(10, 1, 8), at(20, 1, 1)}, 10, 10},
		"old, and not done with":         {[]segment{at(0, 1, 9), at(10, 1, 8)}, 9, 0},
		"young":                          {[]segment{at(0, 1, 3), at(10, 1, 2), at(20, 1, 1)}, 25, 0},
		"young, and too much":            {[]segment{at(0, 60, 3), at(10, 60, 2), at(20, 60, 1), at(30, 1, 0)}, 35, 10},
		"too much, and not done with":    {[]segment{at(0, 600, 3), at(10, 60, 2)}, 5, 0},
		"the last stays, however large":  {[]segment{at(0, 600, 3), at(10, 600, 2)}, 15, 10},
	} {
		if got := expired(test.segments, test.done, 7*24*time.Hour, now); got != test.want {
			t.Errorf("%s: before %d, want %d", name, got, test.want)
		}
	}
}

// Whole files go if every group is done with their records. The other files stay, and survive a reopening.
func TestTrim(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	c, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 1<<20)
	publish := func(n int) {
		for i := range n {
			if err := c.Publish(t.Context(), events.Annotations, events.Event{ID: fmt.Sprint(i), Subject: "asset",
				Data: &cinedexv1.AnnotationBatch{Annotations: []*cinedexv1.Annotation{{Text: text}}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func() int {
		n := 0
		for _, err := range c.ReadAll(t.Context(), events.Annotations) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	read := func(group string, n int) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		seen := 0
		if err := c.Subscribe(ctx, events.Subscription{Group: group, Topics: []events.Topic{events.Annotations}, MaxBatch: 1}, func(context.Context, []events.Delivery) error {
			if seen++; seen == n {
				stop()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().AddDate(0, 0, 8)
	publish(40)
	if err := b.trim(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 40 {
		t.Errorf("%d events are left of 40 that no group has read", n)
	}
	read("fast", 40)
	read("slow", 20)
	if err := b.trim(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 40 {
		t.Errorf("%d events are left of 40 within their retention", n)
	}
	if err := b.trim(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	left := count()
	if left < 20 || left > 30 {
		t.Errorf("%d events are left, of which the slow group needs 20", left)
	}
	read("slow", 20)
	if err := b.trim(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	left = count()
	if left < 1 || left > 16 {
		t.Errorf("%d events are left, and one file should be", left)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if b, err = Open(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cfg.Brokers = []string{b.Addr()}
	if c, err = events.New(cfg, events.Deps{}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := count(); n != left {
		t.Errorf("%d events after opening again, want %d", n, left)
	}
	publish(1)
	read("fast", 1)
}
