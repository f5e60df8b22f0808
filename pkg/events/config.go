package events

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
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

// Config is the operator's configuration of the log.
type Config struct {
	// Brokers are host:port addresses of the cluster. A single answering broker is enough to start.
	Brokers []string `mapstructure:"brokers"`
	// ClientID names this process in the brokers' logs and quotas.
	ClientID string `mapstructure:"client_id"`
	// Source is the CloudEvents source of published events.
	Source string `mapstructure:"source"`
	// Prefix goes before the name of every topic and group, so several installations can share a cluster.
	Prefix string `mapstructure:"prefix"`
	// Compression of published events: none, gzip, snappy, lz4 or zstd.
	Compression string `mapstructure:"compression"`
	// InFlightBytes bounds the bytes that are published and not yet acknowledged; publishing blocks beyond the bound.
	InFlightBytes int64 `mapstructure:"in_flight_bytes"`
	// PublishTimeout is how long publishing tries before publishing says that the log is unavailable.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// SessionTimeout is how long the cluster waits for a silent consumer before other consumers get the consumer's
	// partitions.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// TLS to the brokers.
	TLS tlsclient.Config `mapstructure:"tls"`
	// SASL is how this process authenticates.
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

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errkind.New(errkind.Invalid, "brokers: none given")
	}
	for _, b := range c.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || n == 0 || host == "" {
			return errkind.New(errkind.Invalid, "brokers: %q is no host:port", b)
		}
	}
	if u, err := url.Parse(c.Source); c.Source == "" || err != nil || u == nil {
		return errkind.New(errkind.Invalid, "source: %q is no URI reference, such as /cinedex", c.Source)
	}
	if !topicPrefix.MatchString(c.Prefix) {
		return errkind.New(errkind.Invalid, "prefix: %q is not of at most 100 letters, digits, points, _ and -, which topics may have", c.Prefix)
	}
	if _, err := compressionOf(c.Compression); err != nil {
		return err
	}
	if c.InFlightBytes < MaxBytes || c.InFlightBytes > 1<<40 {
		return errkind.New(errkind.Invalid, "in_flight_bytes: %d is not from %d, which one event may take, to 1 TiB", c.InFlightBytes, MaxBytes)
	}
	if c.PublishTimeout < 100*time.Millisecond || c.PublishTimeout > time.Hour {
		return errkind.New(errkind.Invalid, "publish_timeout: %s is not from 100ms to 1h", c.PublishTimeout)
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
	switch s := c.SASL; {
	case s.Mechanism != "" && s.Username == "":
		return errkind.New(errkind.Invalid, "sasl.username: must be set where mechanism is")
	case s.Mechanism == "" && s.Username+s.Password != "":
		return errkind.New(errkind.Invalid, "sasl.mechanism: must be set where username and password are")
	}
	return nil
}

// topicPrefix is the form of Config.Prefix. A topic's name has at most 249 letters.
var topicPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{0,100}$`)

// Deps are built by main.
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
