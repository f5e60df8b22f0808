// Package apertium translates with the program apertium and the pairs of languages that are installed (apertium-eng-spa of Debian). The program
// gets the text on its standard input, and no option from a query.
package apertium

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate"
)

const (
	maxOutput = 64 << 10
	// addressSpace is the most memory of each process of a translation, in KiB.
	addressSpace = 1 << 20
	// listIn bounds the time in which the program lists its pairs.
	listIn = 10 * time.Second
)

// Translator is the installed program.
type Translator struct {
	program string
	timeout time.Duration
	mu      sync.Mutex
	pairs   map[string]bool // eng-spa; nil until the program has listed its pairs
}

// New returns the translator of a program, and runs nothing. timeout bounds each translation.
func New(program string, timeout time.Duration) *Translator {
	return &Translator{program: program, timeout: timeout}
}

// Name implements translate.Translator.
func (t *Translator) Name() string { return "apertium" }

// Translate implements translate.Translator. A text with a word that the program does not know is unknown: half of a translation finds the
// wrong things.
func (t *Translator) Translate(ctx context.Context, text, from, to string) (string, error) {
	if err := translate.Check(text); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", errkind.New(errkind.Cancelled, "translating: %w", err)
	}
	pair, err := t.pair(ctx, from, to)
	if err != nil {
		return "", err
	}
	if pair == "" {
		return "", translate.Unknown(t.Name(), text, from, to)
	}
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	out, err := t.run(limited, strings.Join(strings.Fields(text), " ")+"\n", pair)
	switch {
	case ctx.Err() != nil:
		return "", errkind.New(errkind.Cancelled, "translating: %w", ctx.Err())
	case err != nil:
		return "", errkind.New(errkind.Unavailable, "running apertium %s: %w", pair, err)
	}
	// A word with a sign in front is unknown (*), has no translation (@), or could not be inflected (#).
	translated := strings.TrimSpace(out)
	for _, w := range strings.Fields(translated) {
		if strings.ContainsAny(w[:1], "*@#") {
			return "", translate.Unknown(t.Name(), text, from, to)
		}
	}
	if translate.Check(translated) != nil {
		return "", translate.Unknown(t.Name(), text, from, to)
	}
	return translated, nil
}

// pair returns the installed pair of two languages, "" where there is none. Pairs are named by ISO 639-3.
func (t *Translator) pair(ctx context.Context, from, to string) (string, error) {
	a, errA := language.ParseBase(from)
	b, errB := language.ParseBase(to)
	if errA != nil || errB != nil {
		return "", nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pairs == nil {
		ctx, cancel := context.WithTimeout(ctx, listIn)
		defer cancel()
		out, err := t.run(ctx, "", "-l")
		if err != nil {
			return "", errkind.New(errkind.Unavailable, "listing the pairs of apertium: %w", err)
		}
		t.pairs = map[string]bool{}
		for _, p := range strings.Fields(out) {
			t.pairs[p] = true
		}
	}
	if pair := a.ISO3() + "-" + b.ISO3(); t.pairs[pair] {
		return pair, nil
	}
	return "", nil
}

// run runs the program, with bounds on its time, its memory and its output. The program starts others: the whole group ends.
func (t *Translator) run(ctx context.Context, in string, arg string) (string, error) {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", fmt.Sprintf(`ulimit -v %d && exec "$0" "$1"`, addressSpace), t.program, arg)
	out := &bounded{}
	c.Stdin, c.Stdout = strings.NewReader(in), out
	c.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		return "", err
	}
	return out.String(), nil
}

// bounded takes the first maxOutput bytes, and an error ends the program that writes more.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxOutput {
		return 0, errkind.New(errkind.Exhausted, "more than %d bytes", maxOutput)
	}
	return b.Buffer.Write(p)
}
