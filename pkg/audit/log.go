package audit

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config is the operator's configuration.
type Config struct {
	// File gets the lines. Each process needs a file of its own. Empty writes the lines to standard output, where a
	// container's collector takes them.
	File string `mapstructure:"file"`
	// MaxBytes of a file: a new file is begun before a line would exceed MaxBytes.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxAge of a file: a new file is begun afterwards.
	MaxAge time.Duration `mapstructure:"max_age"`
	// Keep is how many older files are kept; the oldest are deleted first.
	Keep int `mapstructure:"keep"`
	// Deny refuses reads while lines cannot be written. Otherwise reads are answered, their lines are held in memory, and the service is not ready.
	Deny bool `mapstructure:"deny"`
}

// Default keeps thirty files of at most a day and 100 MiB beside the current file.
func Default() Config {
	return Config{MaxBytes: 100 << 20, MaxAge: 24 * time.Hour, Keep: 30}
}

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	switch {
	case c.MaxBytes < 1<<20 || c.MaxBytes > 1<<40:
		return errkind.New(errkind.Invalid, "max_bytes: %d is not from 1 MiB (%d) to 1 TiB", c.MaxBytes, 1<<20)
	case c.MaxAge < time.Minute || c.MaxAge > 366*24*time.Hour:
		return errkind.New(errkind.Invalid, "max_age: %s is not from 1m to a year", c.MaxAge)
	case c.Keep < 1 || c.Keep > 100_000:
		return errkind.New(errkind.Invalid, "keep: %d is not from 1 to 100000", c.Keep)
	}
	return nil
}

// Deps are built by main.
type Deps struct {
	// Service is written into each line.
	Service    string
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Output gets the lines where Config.File is empty; nil is os.Stdout.
	Output io.Writer
}

const (
	// RefusedPerSecond bounds the lines of callers who were not recognised.
	RefusedPerSecond = 10
	refusedBurst     = 100
	// Bounds of the lines held while they cannot be written.
	maxHeld      = 10_000
	maxHeldBytes = 8 << 20
)

// A sink takes whole lines.
type sink interface {
	// Write appends a line. After an error, the line is absent or cut off.
	Write(line []byte) error
	// Close syncs and closes.
	Close() error
}

// Log writes entries. A nil Log writes nothing.
type Log struct {
	cfg     Config
	deps    Deps
	refused *rate.Limiter

	mu         sync.Mutex
	sink       sink
	err        error // of the last write
	held       [][]byte
	heldBytes  int
	lost       int64 // lines neither written nor held
	suppressed int64

	lines, errors, losses prometheus.Counter
}

// Open opens the log. The caller MUST close the log.
func Open(cfg Config, deps Deps) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the audit log: %w", err)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{cfg: cfg, deps: deps, refused: rate.NewLimiter(RefusedPerSecond, refusedBurst)}
	if cfg.File == "" {
		if deps.Output == nil {
			deps.Output = os.Stdout
		}
		l.sink = stream{deps.Output}
	} else {
		f, err := openFile(cfg, deps.Now)
		if err != nil {
			return nil, fmt.Errorf("opening the audit log (audit.file): %w", err)
		}
		l.sink = f
	}
	f := promauto.With(deps.Registerer)
	l.lines = f.NewCounter(prometheus.CounterOpts{Name: "cinedex_audit_lines_total", Help: "Lines written to the audit log."})
	l.errors = f.NewCounter(prometheus.CounterOpts{Name: "cinedex_audit_errors_total", Help: "Failed writes to the audit log."})
	l.losses = f.NewCounter(prometheus.CounterOpts{Name: "cinedex_audit_lost_total", Help: "Lines of the audit log that are lost: neither written nor held."})
	return l, nil
}

// Write writes an entry. Write sets the entry's version, and sets an empty time and an empty service.
//
// After an error the line is not in the file yet. The log holds the line and writes the line later, so the caller need
// not act.
func (l *Log) Write(e Entry) error {
	if l == nil {
		return nil
	}
	if e.Time.IsZero() {
		e.Time = l.deps.Now()
	}
	if e.Service == "" {
		e.Service = l.deps.Service
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Suppressed, l.suppressed = l.suppressed, 0
	line, err := e.line()
	if err != nil {
		return err
	}
	l.hold(line)
	return l.flush()
}

// writeRefused writes an entry of a caller who was not recognised, unless there are too many.
func (l *Log) writeRefused(e Entry) error {
	if !l.refused.AllowN(l.deps.Now(), 1) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.suppressed++
		return nil
	}
	return l.Write(e)
}

func (l *Log) hold(line []byte) {
	if len(l.held) >= maxHeld || l.heldBytes+len(line) > maxHeldBytes {
		l.lost++
		l.losses.Inc()
		return
	}
	l.held, l.heldBytes = append(l.held, line), l.heldBytes+len(line)
}

// flush writes the held lines, oldest first. flush logs when writing begins to fail and when writing works again.
func (l *Log) flush() error {
	for len(l.held) > 0 {
		if err := l.sink.Write(l.held[0]); err != nil {
			l.errors.Inc()
			if l.err == nil {
				l.deps.Log.Error("the audit log cannot be written; lines are held in memory", "file", l.cfg.File, "reads_refused", l.cfg.Deny, "error", err)
			}
			l.err = err
			return err
		}
		l.lines.Inc()
		l.heldBytes -= len(l.held[0])
		l.held = l.held[1:]
	}
	l.held = nil
	if l.err == nil {
		return nil
	}
	l.deps.Log.Info("the audit log is written again", "file", l.cfg.File, "lost", l.lost)
	l.err = nil
	if l.lost == 0 {
		return nil
	}
	line, err := Entry{Time: l.deps.Now(), Service: l.deps.Service, Call: "audit.lost", Hits: int(l.lost), Outcome: errkind.Exhausted.String(),
		Detail: fmt.Sprintf("%d lines could not be written, and were more than are held", l.lost)}.line()
	if err != nil {
		return err
	}
	l.lost = 0
	l.hold(line)
	return l.flush()
}

// Ready returns why lines cannot be written, or nil. Ready tries to write the held lines.
func (l *Log) Ready() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		_ = l.flush()
	}
	if l.err != nil {
		return errkind.New(errkind.Unavailable, "audit: lines cannot be written to %s, %d are held and %d lost; free space or mend the folder: %w", l.cfg.File, len(l.held), l.lost, l.err)
	}
	return nil
}

// Admit returns the refusal of a read that could not be recorded, or nil if reads continue regardless.
func (l *Log) Admit() error {
	if l == nil || !l.cfg.Deny || l.Ready() == nil {
		return nil
	}
	return errkind.New(errkind.Unavailable, "reads are refused, because the audit log cannot be written (audit.deny); ask the operator of Cinedex")
}

// Close writes the held lines, syncs and closes.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.flush()
	if closed := l.sink.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("closing the audit log: %w", err)
	}
	return nil
}

// A stream is a sink whose writer belongs to the caller.
type stream struct{ w io.Writer }

func (s stream) Write(line []byte) error {
	_, err := s.w.Write(line)
	return err
}

func (stream) Close() error { return nil }
