package fair

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	m := NewMetrics(prometheus.NewRegistry())
	l := NewLimiter(Limits{Concurrent: 2, PerSecond: 10, Burst: 100}, m, "cost")
	l.now = func() time.Time { return now }
	enter := func(who string, cost float64, want time.Duration) func() {
		t.Helper()
		leave, err := l.Enter(who, cost)
		after, _ := errkind.RetryAfter(err)
		if after != want || (err != nil) != (want != 0) || err != nil && !errkind.Is(err, errkind.Exhausted) {
			t.Fatalf("%s with %g: %v, to come back after %s; want %s", who, cost, err, after, want)
		}
		return leave
	}
	first := enter("a", 1, 0)
	second := enter("a", 1, 0)
	enter("a", 1, time.Second) // two are open
	enter("b", 1, 0)           // of another caller
	first()
	second()
	enter("a", 98, 0)()                       // the whole saved burst
	enter("a", 50, 5*time.Second)             // not yet
	enter("a", 50, 5*time.Second)             // and a refusal costs nothing
	enter("a", 1_000_000, 10*time.Second)     // a cost above the burst waits for the whole burst
	now = now.Add(10 * time.Second)           // and
	enter("a", 1_000_000, 0)()                // is let in then
	if err := l.Charge("a", 20); err == nil { // a request with an unexpectedly high cost
		t.Error("a charge beyond the limit passes")
	}
	if c, r := count(t, m.refused.WithLabelValues("cost")), count(t, m.refused.WithLabelValues("concurrent")); c != 4 || r != 1 {
		t.Errorf("%g refused by cost and %g by number, want 4 and 1", c, r)
	}
}

func TestNoLimits(t *testing.T) {
	for _, l := range []*Limiter{nil, NewLimiter(Limits{}, nil, "cost")} {
		for range 1000 {
			if _, err := l.Enter("a", 1e9); err != nil {
				t.Fatal(err)
			}
			if err := l.Charge("a", 1e9); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAccountsAreForgotten(t *testing.T) {
	l := NewLimiter(Limits{PerSecond: 1, Burst: 10}, nil, "cost")
	for i := range 3 * maxAccounts {
		if _, err := l.Enter(fmt.Sprint(i), 5); err != nil {
			t.Fatal(err)
		}
		if i >= 10 { // the first ten are still being answered
			l.callers[fmt.Sprint(i)].open--
		}
	}
	if n := len(l.callers); n > maxAccounts {
		t.Errorf("%d callers are remembered", n)
	}
	for i := range 10 {
		if a := l.callers[fmt.Sprint(i)]; a == nil || a.open != 1 {
			t.Errorf("caller %d, who is being answered, is forgotten", i)
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	for name, l := range map[string]Limits{"negative": {Concurrent: -1}, "no burst": {PerSecond: 1}, "negative rate": {PerSecond: -1, Burst: 1}} {
		if err := l.Validate(); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
