package broker

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	acceptErrors prometheus.Counter
	connections  prometheus.Gauge
	evicted      prometheus.Counter
	probes       *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		acceptErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "cinedex_broker_accept_errors_total",
			Help: "Failed attempts of the embedded broker to accept a connection, for example for lack of descriptors."}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cinedex_broker_connections", Help: "Connections to the embedded broker."}),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{Name: "cinedex_broker_evicted_connections_total",
			Help: "Idle connections that the embedded broker closed to make room."}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_broker_probes_total",
			Help: "Probes that the embedded broker published to itself over a new connection, by result."}, []string{"result"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.acceptErrors, m.connections, m.evicted, m.probes} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
