package runner

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requested *prometheus.CounterVec   // algorithm, reason
	executed  *prometheus.CounterVec   // algorithm, state
	errors    *prometheus.CounterVec   // algorithm, kind
	seconds   *prometheus.HistogramVec // algorithm
	late      prometheus.Histogram
	items     *prometheus.CounterVec // algorithm, part
	frames    prometheus.Counter
	missing   prometheus.Counter
	decoding  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		requested: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_runs_requested_total", Help: "Runs requested, by algorithm and reason."}, []string{"algorithm", "reason"}),
		executed:  f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_runs_total", Help: "Executions that ended, by algorithm and state: finished, failed, or retried."}, []string{"algorithm", "state"}),
		errors:    f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_run_errors_total", Help: "Executions that ended with an error, by algorithm and its kind."}, []string{"algorithm", "kind"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_run_seconds", Help: "Time that an execution took.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 18)}, []string{"algorithm"}),
		late: f.NewHistogram(prometheus.HistogramOpts{Name: "cinedex_runs_late_seconds", Help: "From a request being logged to its execution.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 14)}),
		items:  f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_run_items_total", Help: "Annotations and embeddings written."}, []string{"algorithm", "part"}),
		frames: f.NewCounter(prometheus.CounterOpts{Name: "cinedex_frames_decoded_total", Help: "Frames decoded for algorithms."}),
		missing: f.NewCounter(prometheus.CounterOpts{Name: "cinedex_frames_missing_total",
			Help: "Frames in films that could not be decoded for algorithms; the frame before stands in. Frames before the first key frame are not counted."}),
		decoding: f.NewGauge(prometheus.GaugeOpts{Name: "cinedex_films_decoding", Help: "Films being decoded."}),
	}
}
