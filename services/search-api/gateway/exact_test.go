package gateway_test

import (
	"fmt"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// long is a film of an hour with 2,301 cues of one and a half seconds. Cue i has the words that say gives.
func long(say func(i int) string) apitest.Film {
	f := apitest.Film{Title: "long", Name: "An Hour", Shots: []apitest.Shot{{Seconds: 3600, Colour: apitest.Red}}}
	for i := range int64(2301) {
		f.Lines = append(f.Lines, apitest.Line{From: i * 3 / 2, To: i*3/2 + 1, Language: "en", Text: say(int(i))})
	}
	return f
}

// TestExactAnd: the one moment that holds both words is behind the 500th hit of each word. The cues of one word are shorter, so each of
// them ranks before the cue with both.
func TestExactAnd(t *testing.T) {
	_, g := opened(t, long(func(i int) string {
		switch {
		case i == 2000:
			return "Far beyond the old harbour wall the lighthouse hears a violin in the evening wind of autumn."
		case i%2 == 0:
			return "A lighthouse."
		}
		return "A violin."
	}))
	resp := ask(t, g, line(`dialogue.words:lighthouse AND dialogue.words:violin`))
	if got, want := fmt.Sprint(where(resp)), "[long 3000-3001]"; got != want || resp.GetNoGoodMatch() {
		t.Errorf("got %s, no good match %t, partial %v; want %s", got, resp.GetNoGoodMatch(), resp.GetPartial(), want)
	}
	if total := resp.GetTotal(); total.GetCount() != 1 || !total.GetExact() {
		t.Errorf("total %v, want exactly 1", total)
	}
}

// TestExactNot: every moment of the left that overlaps a moment of the right falls away, also behind the 500th hit of the right.
func TestExactNot(t *testing.T) {
	_, g := opened(t, long(func(i int) string {
		switch {
		case i < 1000:
			return "A violin."
		case i == 1500:
			return "A lighthouse alone."
		case i > 2100:
			return "A lighthouse above the harbour, and far from the harbour somebody plays a violin in the wind."
		}
		return "The sea."
	}))
	var got []string
	req := &pb.SearchRequest{Q: `dialogue.words:lighthouse AND NOT dialogue.words:violin`, Limit: gateway.MaxLimit}
	for {
		resp := ask(t, g, req)
		got = append(got, where(resp)...)
		if total := resp.GetTotal(); total.GetCount() != 1 || !total.GetExact() || len(resp.GetPartial()) > 0 {
			t.Errorf("total %v, partial %v; want exactly 1", total, resp.GetPartial())
		}
		if req.Cursor = resp.GetCursor(); req.Cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[long 2250-2251]" {
		t.Errorf("got %d moments: %.200q; want the lighthouse alone", len(got), got)
	}
}
