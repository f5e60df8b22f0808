package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
)

// output is where a command writes: results to out, everything about the way to err.
type output struct {
	out, err *os.File
	json     bool
}

// value prints a JSON value on a line.
func (o *output) value(v any) error { return writeJSON(o.out, v) }

// message prints a message as JSON on a line.
func (o *output) message(m proto.Message) error {
	b, err := schema.MarshalJSON(m)
	if err != nil {
		return err
	}
	return o.value(json.RawMessage(b))
}

// writeJSON writes a JSON value and a line break. The characters <, > and & stay as they are.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (o *output) printf(format string, a ...any) { fmt.Fprintf(o.out, format, a...) }

// note tells a person about the progress. Programs get no notes.
func (o *output) note(format string, a ...any) { fmt.Fprintf(o.err, format+"\n", a...) }

func (o *output) table() *tabwriter.Writer { return tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0) }

// terminal reports whether a person is watching the way.
func (o *output) terminal() bool { return term.IsTerminal(int(o.err.Fd())) }

// A bar shows how far long work is: drawn on a terminal, a plain line every few seconds elsewhere.
type bar struct {
	o     *output
	what  string
	drawn *progressbar.ProgressBar
	began time.Time
	told  time.Time
	total int64
	// percent is the share of finished work at the last change of the share. ends is the expected end at the same pace.
	percent int64
	ends    time.Time
}

func (o *output) bar(what string, total int64, bytes bool) *bar {
	b := &bar{o: o, what: what, total: total, began: time.Now(), told: time.Now()}
	if !o.terminal() {
		o.note("%s", what)
		return b
	}
	opts := []progressbar.Option{
		progressbar.OptionSetWriter(o.err), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
	}
	if bytes {
		opts = append(opts, progressbar.OptionShowBytes(true))
	}
	b.drawn = progressbar.NewOptions64(total, opts...)
	return b
}

func (b *bar) set(done, total int64) {
	if b.drawn != nil {
		if total != b.total {
			b.total = total
			b.drawn.ChangeMax64(total)
		}
		_ = b.drawn.Set64(done)
		return
	}
	if total <= 0 {
		return
	}
	now := time.Now()
	percent := 100 * done / total
	if percent != b.percent {
		b.percent, b.ends = percent, now.Add(time.Duration(float64(now.Sub(b.began))*float64(total-done)/float64(max(done, 1))))
	} else if now.Sub(b.told) < 30*time.Second {
		return // nothing new
	}
	if now.Sub(b.told) < 5*time.Second {
		return
	}
	b.told = now
	b.o.note("%s", b.line(done, now))
}

// line describes the progress. The remaining time is estimated from the finished work at the last change. An estimate
// whose end has passed is left out and not extended.
func (b *bar) line(done int64, now time.Time) string {
	line := fmt.Sprintf("%s: %d %% after %s", b.what, b.percent, now.Sub(b.began).Round(time.Second))
	if left := b.ends.Sub(now).Round(time.Second); done > 0 && left > 0 {
		line += fmt.Sprintf(", about %s left", left)
	}
	return line
}

func (b *bar) done() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
