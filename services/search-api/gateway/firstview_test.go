package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

func viewed(t *testing.T, g *gateway.Gateway, caller *authz.Caller, lang string) *pb.SuggestResponse {
	t.Helper()
	r, err := g.Suggest(t.Context(), caller, &pb.SuggestRequest{FirstView: true, Language: lang})
	if err != nil || len(r.GetPartial()) > 0 {
		t.Fatalf("%v, %v", r.GetPartial(), err)
	}
	return r
}

func textsOf(r *pb.SuggestResponse) (out []string) {
	for _, s := range r.GetSuggestions() {
		out = append(out, s.GetKind()+" "+s.GetText())
	}
	return out
}

// TestFirstView: a person who has typed nothing is offered lines, characters and things of the library, and each offer finds something.
func TestFirstView(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	r := viewed(t, g, everybody, "en")
	got := textsOf(r)
	for _, want := range []string{"dialogue The keeper lit the lamp.", "dialogue Captain of the coffee, lamp and mountain.", "label lighthouse", "label sailing boat"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "character Mara: ") }) {
		t.Errorf("%q lacks Mara", got)
	}
	for _, s := range r.GetSuggestions() {
		if resp := ask(t, g, line(s.GetQ())); len(resp.GetHits()) == 0 || resp.GetNoGoodMatch() {
			t.Errorf("%s finds nothing", s.GetQ())
		}
	}
	if again := viewed(t, g, everybody, "en"); !proto.Equal(r, again) {
		t.Errorf("%v, then %v", r, again)
	}
	spanish := textsOf(viewed(t, g, everybody, "es-MX"))
	if !slices.Contains(spanish, "dialogue Un café solo, capitán.") || slices.Contains(spanish, "dialogue The keeper lit the lamp.") {
		t.Errorf("in Spanish: %q", spanish)
	}
	if got := textsOf(viewed(t, g, everybody, "sv")); !slices.Contains(got, "dialogue The keeper lit the lamp.") {
		t.Errorf("in a language that nobody speaks: %q", got)
	}
	for _, bad := range []*pb.SuggestRequest{{FirstView: true, Typed: "a"}, {FirstView: true, Language: "not a tag"}, {FirstView: true, Limit: -1}} {
		if _, err := g.Suggest(t.Context(), everybody, bad); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%v: %v, want Invalid", bad, err)
		}
	}
}

// TestFirstViewIsOfTheCaller: nobody is offered words of a title that the caller may not see.
func TestFirstViewIsOfTheCaller(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	for _, s := range textsOf(viewed(t, g, authz.NewCaller("editor", []string{"mountain"}), "en")) {
		if strings.Contains(s, "keeper") || strings.Contains(s, "sailing") || strings.Contains(s, "Mara") {
			t.Errorf("offered %q", s)
		}
	}
	_, empty := opened(t)
	if got := textsOf(viewed(t, empty, everybody, "")); len(got) > 0 {
		t.Errorf("an empty library offers %q", got)
	}
}
