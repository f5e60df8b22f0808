package events

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 20 * time.Second
	metadataTTL    = 3 * time.Second
)

// A Client publishes and subscribes. A Client is safe for concurrent use. A process needs a single Client.
type Client struct {
	cfg       Config
	log       *slog.Logger
	tracer    trace.Tracer
	tracing   bool
	metrics   *metrics
	compress  kafka.Compression
	mechanism sasl.Mechanism
	transport *kafka.Transport
	conns     conns
	// kafka has no time limit of its own, because fetches wait at the broker. See request.
	kafka     *kafka.Client
	publisher *publisher

	mu     sync.Mutex
	closed bool
	counts map[string]partitionCount // partitions of topics, as last seen
	guard  func(ctx context.Context, id string) error
}

type partitionCount struct {
	n  int
	at time.Time
}

// New makes a client. New opens no connection: the first use of the client connects.
func New(cfg Config, deps Deps) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring events: %w", err)
	}
	tlsConfig, err := cfg.TLS.Load()
	if err != nil {
		return nil, fmt.Errorf("configuring events: tls.%w", err)
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, fmt.Errorf("configuring events: %w", err)
	}
	m, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of events: %w", err)
	}
	c := &Client{
		cfg: cfg, log: deps.Logger, tracer: deps.Tracer, metrics: m, mechanism: mechanism,
		counts: make(map[string]partitionCount),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.tracer == nil {
		c.tracer = noop.NewTracerProvider().Tracer("")
	}
	_, off := c.tracer.(noop.Tracer)
	c.tracing = !off
	c.compress, _ = compressionOf(cfg.Compression)
	c.transport = &kafka.Transport{
		Dial:        c.conns.dial,
		DialTimeout: dialTimeout,
		ClientID:    cfg.ClientID,
		TLS:         tlsConfig,
		SASL:        mechanism,
		MetadataTTL: metadataTTL,
	}
	c.kafka = &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: c.transport}
	c.publisher = newPublisher(c)
	return c, nil
}

// Close waits until all accepted events are sent or have failed, and closes the connections. The caller MUST end the
// contexts of subscriptions and wait for the subscriptions before Close.
func (c *Client) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.publisher.close()
	c.transport.CloseIdleConnections()
	c.conns.cut()
	return nil
}

// Ready returns nil if a broker answers.
func (c *Client) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	err := ask(ctx, func(ctx context.Context) error {
		_, err := c.kafka.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
		return err
	})
	return classify(err, "asking %s for an answer", strings.Join(c.cfg.Brokers, ","))
}

// Guard registers check for every subscription that begins after the call. A subscription calls check with the identity
// of the log before the subscription reads an event. Subscribe returns the error of check; after an Unavailable error,
// Subscribe calls check again.
func (c *Client) Guard(check func(ctx context.Context, id string) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guard = check
}

// identity returns the identity of the cluster together with the prefix of the topics.
func (c *Client) identity(ctx context.Context) (id string, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
		if err == nil {
			id = res.ClusterID + "/" + c.cfg.Prefix
		}
		return err
	})
	return id, classify(err, "asking %s for the cluster's identity", strings.Join(c.cfg.Brokers, ","))
}

// name is the topic's name in the log.
func (c *Client) name(t Topic) string { return c.cfg.Prefix + string(t) }

// ask sends a question to the brokers until a broker answers, within requestTimeout. Questions change nothing, so a
// repeated question is harmless. After a broker's restart the first attempts may meet dead connections.
func ask(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b := newBackoff(200 * time.Millisecond)
	for {
		err := question(ctx)
		if err == nil || kindOf(err) != errkind.Unavailable || !b.sleep(ctx, nil) {
			return err
		}
	}
}

// partitions returns how many partitions a topic has.
func (c *Client) partitions(ctx context.Context, topic string) (int, error) {
	c.mu.Lock()
	n, ok := c.counts[topic]
	c.mu.Unlock()
	if ok && time.Since(n.at) < metadataTTL {
		return n.n, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// Metadata is not repeated here: each caller waits for missing topics in its own way.
	res, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err == nil && len(res.Topics) == 1 {
		err = res.Topics[0].Error
	}
	if errors.Is(err, kafka.UnknownTopicOrPartition) && c.hidden(ctx, topic) {
		err = kafka.TopicAuthorizationFailed
	}
	if err != nil {
		return 0, classify(err, "asking for the partitions of %s", topic)
	}
	if len(res.Topics) != 1 || len(res.Topics[0].Partitions) == 0 {
		return 0, errkind.New(errkind.Unavailable, "topic %s has no partitions yet", topic)
	}
	n = partitionCount{len(res.Topics[0].Partitions), time.Now()}
	c.mu.Lock()
	c.counts[topic] = n
	c.mu.Unlock()
	return n.n, nil
}

// hidden reports whether this user may not see a topic that seems absent. kafka-go answers questions about partitions
// from its list of all topics, where an absent topic and a denied topic look the same.
func (c *Client) hidden(ctx context.Context, topic string) bool {
	res, err := c.kafka.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"}}}})
	return err == nil && len(res.Resources) == 1 && errors.Is(res.Resources[0].Error, kafka.TopicAuthorizationFailed)
}

// classify gives an error of kafka-go its kind. The kind tells the caller how to proceed. An error that the network or
// a broker may cure without help is Unavailable.
func classify(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	return errkind.New(kindOf(err), "%s: %w", fmt.Sprintf(doing, args...), err)
}

func kindOf(err error) errkind.Kind {
	var code kafka.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return errkind.Denied
	case errors.Is(err, context.Canceled):
		return errkind.Cancelled
	case errors.As(err, &code):
		switch code {
		case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidMessageSize:
			return errkind.Exhausted
		case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
			kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
			return errkind.Denied
		case kafka.InvalidTopic, kafka.InvalidRecord, kafka.InvalidTimestamp, kafka.InvalidConfiguration,
			kafka.InvalidReplicationFactor, kafka.InvalidPartitionNumber, kafka.PolicyViolation, kafka.UnsupportedVersion:
			return errkind.Invalid
		}
		return errkind.Unavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errkind.Unavailable
	}
	// The remaining errors come from dialling and from broken connections.
	return errkind.Unavailable
}
