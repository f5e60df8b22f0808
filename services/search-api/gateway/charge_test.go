package gateway_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// An account is what a caller may still ask.
type account struct {
	left  float64
	spent float64
}

func (a *account) charge(_ *authz.Caller, cost float64) error {
	if cost > a.left {
		return errkind.New(errkind.Exhausted, "you ask for more than is allowed")
	}
	a.left, a.spent = a.left-cost, a.spent+cost
	return nil
}

// frequent is an engine in which a word is said to be frequent, and which notes whether sets are read.
type frequent struct {
	search.Searcher
	word  string
	times int
	read  *bool
}

func (f frequent) Size(ctx context.Context, q search.SetQuery) (int, error) {
	if q.Text != nil && q.Text.Words == f.word {
		return f.times, nil
	}
	return f.Searcher.Size(ctx, q)
}

func (f frequent) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	*f.read = true
	return f.Searcher.Set(ctx, q)
}

// charged opens a library of lines with a gateway that charges an account.
func charged(t *testing.T, a *account, change func(*gateway.Deps)) *gateway.Gateway {
	l := apitest.New(t)
	for _, title := range []string{"one", "two", "three", "four"} {
		l.Add(apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 60, Colour: apitest.Red}}, Lines: []apitest.Line{
			{From: 1, To: 5, Language: "en", Text: "A lighthouse."}, {From: 2, To: 4, Language: "en", Text: "A violin."}, {From: 20, To: 22, Language: "en", Text: "A violin."}}})
	}
	return openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		if d.Charge = a.charge; change != nil {
			change(d)
		}
	})
}

// TestChargeKnowsSizes: a query over large sets costs more than a query over small sets, and is refused before a set is read, with words
// that say what the caller can do.
func TestChargeKnowsSizes(t *testing.T) {
	const q = "dialogue.words:lighthouse AND dialogue.words:violin"
	a := &account{left: 1000}
	read := false
	g := charged(t, a, nil)
	ask(t, g, line(q))
	small := a.spent

	for _, test := range []struct {
		name    string
		times   int
		q       string
		refused bool
	}{
		{"a frequent word with a rare word", 30_000_000, q, false}, // the windows of the rare word bound the items
		{"two sets of the frequent word", 30_000_000, "dialogue.words:violin AND NOT dialogue.words:violin", true},
		{"a union with the frequent word", 30_000_000, "dialogue.words:violin AND dialogue.words:violin WITHIN 2s OR label:pier", true},
		{"a smaller set", 300_000, "dialogue.words:violin AND NOT dialogue.words:violin", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &account{left: 1000}
			read = false
			g := charged(t, a, func(d *gateway.Deps) { d.Engine = frequent{d.Engine, "violin", test.times, &read} })
			resp, err := g.Search(t.Context(), everybody, line(test.q))
			if refused := errkind.Is(err, errkind.Exhausted); refused != test.refused || err != nil && !refused {
				t.Fatalf("%v, %v; want refused %t", resp, err, test.refused)
			}
			if !test.refused {
				return
			}
			if read {
				t.Error("a set was read before the query was refused")
			}
			if !strings.Contains(err.Error(), "narrow the query by title") || a.spent > 10 {
				t.Errorf("refused with %q, and charged %v; want words that say what to do, and no charge for the sets", err, a.spent)
			}
		})
	}
	if large := func() float64 {
		a := &account{left: 1000}
		ask(t, charged(t, a, func(d *gateway.Deps) { d.Engine = frequent{d.Engine, "violin", 300_000, &read} }), line("dialogue.words:violin AND NOT dialogue.words:violin"))
		return a.spent
	}(); large < small+30 {
		t.Errorf("large sets cost %v, and small sets %v", large, small)
	}
}

// TestChargeAsRead: a caller pays for items that the plan did not expect as the items are read, and a query reads no more than a bound. The
// answer says what stopped the evaluation. The plan of a caller from whom something is hidden expects few items.
func TestChargeAsRead(t *testing.T) {
	some := authz.NewCaller("some", []string{"one", "two", "three"})
	const q = "dialogue.words:violin AND NOT dialogue.words:lighthouse"
	a := &account{left: 1000}
	g := charged(t, a, nil)
	resp, err := g.Search(t.Context(), some, line(q))
	if err != nil || resp.GetTotal().GetCount() != 3 || !resp.GetTotal().GetExact() {
		t.Fatalf("%v, %v; want three matches", resp, err)
	}
	// Each caller pays for the two parts. The plan expects two items, and the caller may pay for two more.
	read := false
	poor := &account{left: a.spent - 6*1e-4 + 2*1e-4}
	g = charged(t, poor, func(d *gateway.Deps) {
		d.Engine = frequent{frequent{d.Engine, "violin", 1, &read}, "lighthouse", 1, &read}
	})
	g.ReadItems(1<<24, 1)
	resp, err = g.Search(t.Context(), everybody, line(q))
	if err != nil || resp.GetTotal().GetExact() || len(resp.GetPartial()) == 0 {
		t.Fatalf("%v, %v; want an answer in part", resp, err)
	}
	if p := resp.GetPartial()[0]; p.GetKind() != "exhausted" || !strings.Contains(p.GetError(), "narrow the query by title") || !strings.Contains(p.GetError(), "you ask for more than is allowed") {
		t.Errorf("partial %v, want what the caller may do", p)
	}
	// The plan expects all nine items. With a bound of four items, the first films alone are read.
	g = charged(t, &account{left: 1000}, nil)
	g.ReadItems(4, 1)
	resp, err = g.Search(t.Context(), some, line(q))
	if err != nil || resp.GetTotal().GetExact() || len(resp.GetPartial()) == 0 {
		t.Fatalf("%v, %v; want an answer in part", resp, err)
	}
	if p := resp.GetPartial()[0]; p.GetPart() != "dialogue/words" || p.GetKind() != "exhausted" || !strings.Contains(p.GetError(), "reads more than 4 items") || !strings.Contains(p.GetError(), "of 3 assets") {
		t.Errorf("partial %v, want the part, the bound, and how far the evaluation came", p)
	}
}
