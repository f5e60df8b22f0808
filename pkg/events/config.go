package events

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"go.opentelemetry.io/otel/trace"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// Config is what an operator sets about the log.
type Config struct {
	// Brokers are host:port addresses of the cluster; any one that answers is enough to start.
	Brokers []string `mapstructure:"brokers"`
	// ClientID names this process in the brokers' logs and quotas.
	ClientID string `mapstructure:"client_id"`
	// Source is the CloudEvents source of what is published here.
	Source string `mapstructure:"source"`
	// Prefix goes before the name of every topic and group, so that several installations can share a cluster.
	Prefix string `mapstructure:"prefix"`
	// Compression of what is published: none, gzip, snappy, lz4 or zstd.
	Compression string `mapstructure:"compression"`
	// InFlightBytes bounds what is published and not yet acknowledged; publishing blocks beyond it.
	InFlightBytes int64 `mapstructure:"in_flight_bytes"`
	// PublishTimeout is how long publishing tries before it says that the log is unavailable.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// SessionTimeout is how long the cluster waits for a consumer that went silent before others get its partitions.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// TLS to the brokers.
	TLS tlsclient.Config `mapstructure:"tls"`
	// SASL is how this process says who it is.
	SASL SASL `mapstructure:"sasl"`
}

// SASL is a user known to the brokers.
type SASL struct {
	// Mechanism is empty (none), plain, scram-sha-256 or scram-sha-512.
	Mechanism string `mapstructure:"mechanism"`
	Username  string `mapstructure:"username"`
	Password  string `mapstructure:"password"`
}

// Default returns the configuration for a broker on this machine.
func Default() Config {
	return Config{
		Brokers:        []string{"127.0.0.1:9092"},
		ClientID:       "cinedex",
		Source:         "/cinedex",
		Compression:    "none",
		InFlightBytes:  32 << 20,
		PublishTimeout: 30 * time.Second,
		SessionTimeout: 30 * time.Second,
	}
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errkind.New(errkind.Invalid, "brokers: none given")
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return errkind.New(errkind.Invalid, "brokers: %q is no host:port: %w", b, err)
		}
	}
	if c.Source == "" {
		return errkind.New(errkind.Invalid, "source: empty")
	}
	if _, err := compressionOf(c.Compression); err != nil {
		return err
	}
	if c.InFlightBytes < MaxBytes {
		return errkind.New(errkind.Invalid, "in_flight_bytes: %d is less than one event may take, %d", c.InFlightBytes, MaxBytes)
	}
	if c.PublishTimeout <= 0 {
		return errkind.New(errkind.Invalid, "publish_timeout: %s is not positive", c.PublishTimeout)
	}
	if c.SessionTimeout < 6*time.Second || c.SessionTimeout > 5*time.Minute {
		return errkind.New(errkind.Invalid, "session_timeout: %s is not between 6s and 5m, which brokers allow", c.SessionTimeout)
	}
	if err := c.TLS.Validate(); err != nil {
		return fmt.Errorf("tls.%w", err)
	}
	switch c.SASL.Mechanism {
	case "", "plain", "scram-sha-256", "scram-sha-512":
	default:
		return errkind.New(errkind.Invalid, "sasl.mechanism: %q is none of plain, scram-sha-256, scram-sha-512", c.SASL.Mechanism)
	}
	return nil
}

// Deps are what main builds.
type Deps struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Tracer may be nil: nothing is traced then.
	Tracer trace.Tracer
}

func compressionOf(name string) (kafka.Compression, error) {
	switch name {
	case "", "none":
		return compress.None, nil
	case "gzip":
		return compress.Gzip, nil
	case "snappy":
		return compress.Snappy, nil
	case "lz4":
		return compress.Lz4, nil
	case "zstd":
		return compress.Zstd, nil
	}
	return 0, errkind.New(errkind.Invalid, "compression: %q is none of none, gzip, snappy, lz4, zstd", name)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "scram-sha-256", "scram-sha-512":
		algorithm := scram.SHA256
		if strings.HasSuffix(s.Mechanism, "512") {
			algorithm = scram.SHA512
		}
		m, err := scram.Mechanism(algorithm, s.Username, s.Password)
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "sasl: %w", err)
		}
		return m, nil
	}
	return nil, nil
}
