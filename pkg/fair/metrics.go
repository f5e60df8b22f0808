package fair

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count the work of the queues and limiters of a process. A nil *Metrics counts nothing.
type Metrics struct {
	wait    *prometheus.HistogramVec
	dropped *prometheus.CounterVec
	refused *prometheus.CounterVec
}

// NewMetrics registers the metrics. Services of a process with a common registry share the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{
		wait: registered(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_queue_wait_seconds", Help: "Time that work waited for a slot, by queue.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}, []string{"queue"})),
		dropped: registered(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_queue_dropped_total", Help: "Work that left a queue because its caller had gone, by queue."}, []string{"queue"})),
		refused: registered(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_requests_refused_total", Help: "Requests refused because their caller asks too much, by reason."}, []string{"reason"})),
	}
}

// registered registers c, or returns the registered collector of the same description.
func registered[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	err := r.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if was, ok := already.ExistingCollector.(C); ok {
			return was
		}
	}
	if err != nil {
		panic(err) // two metrics with the same name: a mistake in the code, as for promauto
	}
	return c
}

func (m *Metrics) waited(queue string, d time.Duration) {
	if m != nil {
		m.wait.WithLabelValues(queue).Observe(d.Seconds())
	}
}

func (m *Metrics) drop(queue string) {
	if m != nil {
		m.dropped.WithLabelValues(queue).Inc()
	}
}

func (m *Metrics) refuse(reason string) {
	if m != nil {
		m.refused.WithLabelValues(reason).Inc()
	}
}
