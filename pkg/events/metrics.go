package events

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	published      *prometheus.CounterVec   // topic, result
	publishedBytes *prometheus.CounterVec   // topic
	publishSeconds *prometheus.HistogramVec // topic
	inFlight       prometheus.Gauge
	handled        *prometheus.CounterVec   // group, topic, result, kind
	handleSeconds  *prometheus.HistogramVec // group, topic
	retries        *prometheus.CounterVec   // group, topic, kind
	lag            *prometheus.GaugeVec     // group, topic
	deadLetters    *prometheus.CounterVec   // group, topic, kind
	lost           *prometheus.CounterVec   // group, topic
	rebalances     *prometheus.CounterVec   // group
}

var (
	// Publishing and handling take from a fraction of a millisecond (embedded) to minutes (a run over a film).
	publishBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	handleBuckets  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &metrics{
		published:      counter("cinedex_events_published_total", "Events published, by result: ok, or the kind of error.", "topic", "result"),
		publishedBytes: counter("cinedex_events_published_bytes_total", "Bytes of events acknowledged by the log.", "topic"),
		publishSeconds: histogram("cinedex_events_publish_seconds", "From publishing to the acknowledgement of all replicas.", publishBuckets, "topic"),
		inFlight:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "cinedex_events_in_flight_bytes", Help: "Bytes published and not yet acknowledged."}),
		handled:        counter("cinedex_events_handled_total", "Events done with, by result: ok, conflict or dead, and the kind of the last error.", "group", "topic", "result", "kind"),
		handleSeconds:  histogram("cinedex_events_handle_seconds", "Time that a handler took for a batch.", handleBuckets, "group", "topic"),
		retries:        counter("cinedex_events_retries_total", "Batches handled again, by the kind of error.", "group", "topic", "kind"),
		lag:            prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cinedex_events_lag_seconds", Help: "Age of the oldest event of the batch last taken up."}, []string{"group", "topic"}),
		deadLetters:    counter("cinedex_events_dead_letters_total", "Messages put aside, by the kind of error.", "group", "topic", "kind"),
		lost:           counter("cinedex_events_lost_total", "Messages that the log removed before this group read them.", "group", "topic"),
		rebalances:     counter("cinedex_events_rebalances_total", "Generations of a group that this process joined.", "group"),
	}
	if r == nil {
		return m, nil
	}
	// A process may hold several clients over the same registry.
	err := errors.Join(
		register(r, &m.published), register(r, &m.publishedBytes), register(r, &m.publishSeconds), register(r, &m.inFlight),
		register(r, &m.handled), register(r, &m.handleSeconds), register(r, &m.retries), register(r, &m.lag),
		register(r, &m.deadLetters), register(r, &m.lost), register(r, &m.rebalances),
	)
	return m, err
}

// register registers *c. If a collector of the same name is registered already, register puts the registered collector
// into *c.
func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	var already prometheus.AlreadyRegisteredError
	err := r.Register(*c)
	if errors.As(err, &already) {
		if was, ok := already.ExistingCollector.(C); ok {
			*c = was
			return nil
		}
	}
	return err
}
