package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
)

// Config is the operator's configuration.
type Config struct {
	// Dir holds the broker's data. A missing folder is made.
	Dir string `mapstructure:"dir"`
	// Port on 127.0.0.1. 0 takes a free port.
	Port int `mapstructure:"port"`
	// Logger may be nil.
	Logger *slog.Logger `mapstructure:"-"`
	// Registerer takes the metrics. Nil registers none.
	Registerer prometheus.Registerer `mapstructure:"-"`
}

// Default returns the configuration of a broker in the folder.
func Default(dir string) Config { return Config{Dir: dir, Port: 9092} }

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errkind.New(errkind.Invalid, "dir: empty")
	}
	if c.Port < 0 || c.Port > 65535 {
		return errkind.New(errkind.Invalid, "port: %d is not between 0 and 65535", c.Port)
	}
	return nil
}

// A Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	syncer  *syncer
	probes  probes
	lock    *os.File
	dir     string
	addr    string
	stop    context.CancelFunc
	chores  sync.WaitGroup // trimming and probing
}

// openTimeout bounds the making of the topics. Besides the disk, Open waits for nothing else.
const openTimeout = 10 * time.Second

// Open starts a broker over the folder, with all topics of the platform there.
func Open(cfg Config) (*Broker, error) { return open(cfg, syncFile) }

func open(cfg Config, fsync func(path string) error) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the embedded broker: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("opening the embedded broker: %w", err)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("opening the embedded broker: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := prepare(cfg.Dir, log); err != nil {
		lock.Close()
		return nil, fmt.Errorf("opening the embedded broker in %s: %w", cfg.Dir, err)
	}
	syncs := newSyncer(cfg.Dir, fsync, log, m)
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(cfg.Port),
		kfake.DataDir(cfg.Dir),
		kfake.ListenFn(syncs.listen),
		kfake.WithLogger(logger{log}),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": strconv.Itoa(events.MaxBytes + 128<<10),
			"log.segment.bytes": strconv.Itoa(segmentBytes),
			// Neither compaction nor retention is safe against a crash in kfake (see the package's comment); this timer starts both.
			"log.cleaner.backoff.ms": strconv.FormatInt((10 * 365 * 24 * time.Hour).Milliseconds(), 10),
			// A group's offsets are kept for as long as the log is.
			"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60),
		}),
	)
	if err != nil {
		lock.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, errkind.New(errkind.Conflict, "opening the embedded broker: port %d is in use; stop the program that uses the port, or set another port: %w", cfg.Port, err)
		}
		return nil, fmt.Errorf("opening the embedded broker in %s: %w", cfg.Dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Broker{cluster: cluster, syncer: syncs, lock: lock, dir: cfg.Dir, addr: cluster.ListenAddrs()[0], stop: stop}
	b.chores.Go(func() { b.keepTrimmed(ctx, log) })
	if err := b.begin(ctx, log); err != nil {
		return nil, errors.Join(room(cfg.Dir), fmt.Errorf("opening the embedded broker: %w", err), b.Close())
	}
	b.chores.Go(func() { b.keepProbing(ctx) })
	return b, nil
}

// begin makes the topics, and publishes the first probe.
func (b *Broker) begin(ctx context.Context, log *slog.Logger) error {
	if err := b.ensureTopics(ctx, log); err != nil {
		return err
	}
	segment := map[string]string{"segment.bytes": probeSegmentBytes}
	if err := b.cluster.CreateTopic(probeTopic, 1, segment); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("making the topic of probes: %w", err)
	}
	if err := b.probe(ctx); err != nil {
		return err
	}
	return keepLayout(b.dir)
}

// Addr is the broker's host:port.
func (b *Broker) Addr() string { return b.addr }

// Close stops the broker and writes its snapshot. The caller MUST close all clients before.
func (b *Broker) Close() error {
	b.stop()
	b.chores.Wait()
	b.cluster.Close()
	b.syncer.close()
	return b.lock.Close()
}

func (b *Broker) ensureTopics(ctx context.Context, log *slog.Logger) error {
	cfg := events.Default()
	cfg.Brokers = []string{b.addr}
	c, err := events.New(cfg, events.Deps{Logger: log})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	drift, err := c.EnsureTopics(ctx, events.Layout{Replication: 1, Embedded: true})
	for _, d := range drift {
		log.Warn("a topic differs from its contract", "topic", string(d.Topic), "setting", d.Setting, "want", d.Want, "got", d.Got)
	}
	return err
}

// lockDir returns a lock on the folder, or an error if another process holds the lock. The kernel frees the lock
// however a process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errkind.New(errkind.Conflict, "locking %s: another process uses the folder: %w", dir, err)
	}
	return f, nil
}

// logger passes kfake's warnings on.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.log.Enabled(context.Background(), to) {
		l.log.Log(context.Background(), to, "embedded broker", "detail", fmt.Sprintf(format, args...))
	}
}
