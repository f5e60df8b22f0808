package query_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestTerms(t *testing.T) {
	for line, want := range map[string]string{
		"we have to go":                                                    "leaf any we have to go",
		`dialogue:"coffee" AND NOT look:fog`:                               "leaf dialogue coffee|not leaf like_text fog",
		"dialogue:coffee AND label:dog AND label:cat WITHIN 5s":            "leaf dialogue coffee|leaf label dog|leaf label cat|gap WITHIN 5s",
		"dialogue:a THEN dialogue:b WITHIN 1m THEN dialogue:c WITHIN 2m":   "leaf dialogue a|operator THEN|leaf dialogue b|gap WITHIN 1m|operator THEN|leaf dialogue c|gap WITHIN 2m",
		"dialogue:a LEFT OF dialogue:b":                                    "leaf dialogue a|operator LEFT OF|leaf dialogue b",
		"dialogue:a NEAR CUT WITHIN 2s title:x lang:en,de confidence>=0.5": "leaf dialogue a|gap NEAR CUT WITHIN 2s|filter title x|filter lang en|filter lang de|filter confidence 0.5",
		"(dialogue:a OR label:b) AND AT LEAST 2 OF (x, y, z)":              "group|group",
		"title:x time:5s..1m":                                              "filter title x|filter time 5s..1m",
	} {
		q, f, err := lang.Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var got []string
		for _, term := range lang.Terms(q, f) {
			s := strings.ToLower(strings.TrimPrefix(term.GetKind().String(), "TERM_KIND_"))
			if term.GetNot() {
				s = "not " + s
			}
			switch term.GetKind() {
			case pb.TermKind_TERM_KIND_OPERATOR, pb.TermKind_TERM_KIND_GAP:
				s += " " + term.GetText()
			case pb.TermKind_TERM_KIND_LEAF, pb.TermKind_TERM_KIND_FILTER:
				s += " " + term.GetName() + " " + term.GetValue()
			}
			got = append(got, s)
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%s:\n got %s\nwant %s", line, s, want)
		}
	}
}

// The joined terms are the query. Without one of the operands of AND, the other operands stay.
func TestJoinedTermsAreTheQuery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuery(t, 3)
		if lang.Validate(q) != nil {
			t.Skip("not a query")
		}
		var f *pb.Filter
		if rapid.Bool().Draw(t, "filtered") {
			f = &pb.Filter{Titles: []string{"a b", `"`}, Languages: []string{"en"}, MinConfidence: 0.25, Start: rapid.Int64Range(0, 1<<40).Draw(t, "start")}
		}
		terms := lang.Terms(q, f)
		line := query.Join(terms)
		q2, f2, err := lang.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(q, q2, protocmp.Transform()) + cmp.Diff(f, f2, protocmp.Transform()); d != "" {
			t.Fatalf("%s, of %s: %s", line, lang.Print(q, f), d)
		}
		of := q.GetAnd().GetQueries()
		if len(of) < 2 {
			return
		}
		out := rapid.IntRange(0, len(of)-1).Draw(t, "out")
		rest := query.And(slices.Delete(slices.Clone(of), out, out+1)...)
		if len(of) == 2 {
			rest = rest.GetAnd().GetQueries()[0]
		}
		if lang.Validate(rest) != nil {
			t.Skip("the rest is nothing to look for")
		}
		line = query.Join(slices.Delete(terms, out, out+1))
		if q2, _, err = lang.Parse(line); err != nil || !cmp.Equal(rest, q2, protocmp.Transform()) {
			t.Fatalf("%s: %v: %s", line, err, cmp.Diff(rest, q2, protocmp.Transform()))
		}
	})
}
