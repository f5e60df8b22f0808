package searchtest

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

//go:embed testdata/cases
var caseFiles embed.FS

// A Case is a question that finds a line of a file.
type Case struct {
	File, Language, Mode, Words string
	Line                        int // the number of the cue in the file
	// Rule is first, none or debatable: see cases.txt.
	Rule, Source string
}

// String is the question in the one-line form.
func (c Case) String() string { return fmt.Sprintf(`dialogue.%s:"%s"`, c.Mode, c.Words) }

// CaseFile returns the file of subtitles of some cases.
func CaseFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := caseFiles.ReadFile("testdata/cases/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Cases reads the questions over the files.
func Cases(t testing.TB) (cases []Case) {
	t.Helper()
	for l := range strings.Lines(string(CaseFile(t, "cases.txt"))) {
		l = strings.TrimRight(l, "\n")
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		f := strings.Split(l, "|")
		c := Case{}
		if len(f) == 7 {
			c = Case{File: f[0], Language: f[1], Mode: f[2], Words: f[3], Rule: f[5], Source: f[6]}
			_, _ = fmt.Sscan(f[4], &c.Line)
		}
		if c.Line == 0 || modes[c.Mode] == nil || !slices.Contains([]string{"first", "none", "debatable"}, c.Rule) {
			t.Fatalf("cases.txt: %q", l)
		}
		cases = append(cases, c)
	}
	return cases
}

// A Question finds a line with a fragment, over all files.
type Question struct{ Fragment, Query string }

// Questions reads the questions over all files.
func Questions(t testing.TB) (questions []Question) {
	t.Helper()
	for l := range strings.Lines(string(CaseFile(t, "questions.txt"))) {
		fragment, query, ok := strings.Cut(strings.TrimRight(l, "\n"), "|")
		if ok && !strings.HasPrefix(l, "#") {
			questions = append(questions, Question{fragment, query})
		}
	}
	return questions
}

func mode(m search.TextMode) *search.TextMode { return &m }

var modes = map[string]*search.TextMode{"words": mode(search.AllWords), "phrase": mode(search.Phrase), "prefix": mode(search.Prefix), "fuzzy": mode(search.Fuzzy)}

// testCases asks each question within its file.
func testCases(t *testing.T, h Harness) {
	e := open(t, h)
	cases := Cases(t)
	written := map[string]bool{}
	for _, c := range cases {
		if written[c.File] {
			continue
		}
		written[c.File] = true
		track, err := timedtext.Parse(CaseFile(t, c.File), timedtext.Options{Format: "srt"})
		if err != nil {
			t.Fatal(err)
		}
		var lines []*pb.Annotation
		for i, cue := range track.Cues {
			lines = append(lines, &pb.Annotation{Run: c.File, Ordinal: int64(i + 1), Asset: c.File, Kind: schema.KindDialogue,
				Start: int64(cue.Start), End: int64(cue.End), Text: cue.Text, Language: c.Language, Character: cue.Speaker, Confidence: 1})
		}
		write(t, e, lines...)
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s", c.File, c), func(t *testing.T) {
			hits := names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{c.File}), Mode: *modes[c.Mode], Words: c.Words}))
			line := fmt.Sprintf("%s/%d", c.File, c.Line)
			switch {
			case c.Rule == "first" && (len(hits) == 0 || hits[0] != line):
				t.Errorf("want line %d first (%s), found %v", c.Line, c.Source, hits)
			case c.Rule == "none" && slices.Contains(hits, line):
				t.Errorf("want no line %d (%s), found %v", c.Line, c.Source, hits)
			case c.Rule == "debatable" && (len(hits) == 0 || hits[0] != line):
				t.Logf("debatable: line %d is not first: %v", c.Line, hits)
			}
		})
	}
}
