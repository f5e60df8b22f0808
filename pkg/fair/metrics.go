package fair

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what queues and limiters of one process do. A nil *Metrics counts nothing.
type Metrics struct {
	wait    *prometheus.HistogramVec
	dropped *prometheus.CounterVec
	refused *prometheus.CounterVec
}

// NewMetrics registers the metrics. A registry takes them once.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		wait: f.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_queue_wait_seconds", Help: "Time that work waited for a slot, by queue.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}, []string{"queue"}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_queue_dropped_total", Help: "Work that left a queue because nobody waited for it any more, by queue."}, []string{"queue"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_requests_refused_total", Help: "Requests refused because their caller asks too much, by reason."}, []string{"reason"}),
	}
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
