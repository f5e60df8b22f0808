// Package translatetest holds translators to the contract of package translate.
package translatetest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate"
)

// A Pair is a text with its translation.
type Pair struct{ From, To, Text, Want string }

// Run translates the pairs, and holds the translator to the contract.
func Run(t *testing.T, tr translate.Translator, pairs ...Pair) {
	t.Helper()
	for _, p := range pairs {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				got, err := tr.Translate(t.Context(), p.Text, p.From, p.To)
				if err != nil || got != p.Want {
					t.Errorf("%s of %q from %s to %s: %q, %v, want %q", tr.Name(), p.Text, p.From, p.To, got, err, p.Want)
				}
			})
		}
		wg.Wait()
	}
	for name, c := range map[string]struct {
		text, from, to string
		want           errkind.Kind
	}{
		"no text":               {" ", pairs[0].From, pairs[0].To, errkind.Invalid},
		"no UTF-8":              {"a\xff", pairs[0].From, pairs[0].To, errkind.Invalid},
		"a text too long":       {strings.Repeat("a ", translate.MaxText), pairs[0].From, pairs[0].To, errkind.Invalid},
		"no such language":      {pairs[0].Text, "qq", pairs[0].To, errkind.NotFound},
		"no name of a language": {pairs[0].Text, "../../etc", "-x", errkind.NotFound},
	} {
		if got, err := tr.Translate(t.Context(), c.text, c.from, c.to); errkind.Of(err) != c.want || err == nil {
			t.Errorf("%s: %q, %v, want %s", name, got, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := tr.Translate(ctx, pairs[0].Text, pairs[0].From, pairs[0].To); !errkind.Is(err, errkind.Cancelled) {
		t.Errorf("after the context: %q, %v", got, err)
	}
}
