package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newSearch(o *output, h *home) *cobra.Command {
	var point pointed
	wanted := &pb.SearchRequest{}
	c := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Search what is said, what is seen, or what looks like a picture",
		Long: `Searches every title that the token may see.

Words alone look everywhere. ` + strings.Join(wordLeaves(), ", ") + ` say where. A quotation
is a phrase, and -word takes away. ` + strings.Join(query.Operators(), ", ") + `
combine moments of the same asset. ` + strings.Join(query.FilterNames(), ":, ") + `: and confidence>= narrow.
docs/guides/query-language.md has the whole language.`,
		Example: `  cinedex search 'we have to go'
  cinedex search 'dialogue:"coffee" AND look:"rain" WITHIN 5s'
  cinedex search 'dialogue.phrase:"follow me" lang:en'
  cinedex search --image still.jpg
  cinedex search --image still.jpg --plus "at night" --minus @other.jpg
  cinedex search --frame 4f2a…@01:02:03:04 --crop 0.5,0,0.5,1 --same
  cinedex search 'look:storm' --profile trailer --facet title
  cinedex search 'dialogue:sea' --language de --language en --group title
  cinedex search --frame 4f2a…@01:02:03:04 --json | jq '.hits[0].start_frame'`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			req := proto.CloneOf(wanted)
			if req.GetProfile() != "" {
				req.Limit, req.Order = given(cmd, "limit", req.GetLimit()), given(cmd, "order", req.GetOrder())
			}
			q, err := searchQuery(strings.Join(a, " "), point)
			if err != nil {
				return err
			}
			if q.line != "" {
				req.Q = q.line
			} else {
				req.Query, req.Filter = q.tree, q.filter
			}
			client, e, err := h.client()
			if err != nil {
				return err
			}
			r, err := client.Search(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.answer(r.Msg, e.Server)
			}
			printAnswer(o, r.Msg)
			return nil
		},
	}
	f := c.Flags()
	point.flags(f)
	answerFlags(f, wanted)
	return c
}

// answerFlags are the flags for the shape of an answer.
func answerFlags(f *pflag.FlagSet, req *pb.SearchRequest) {
	f.Int32VarP(&req.Limit, "limit", "n", 10, "hits wanted, at most 200")
	f.StringVar(&req.Order, "order", "score", "score or time")
	f.StringVar(&req.Profile, "profile", "", "the profile of an application that the service has")
	f.StringSliceVar(&req.Facets, "facet", nil, "count the moments by title, language, kind, character or label")
	f.StringSliceVar(&req.Languages, "language", nil, "a language that you read (BCP 47), the favourite first: lines come in that language where it is said")
	f.StringVar(&req.Group, "group", "", "title: the first hit of each title, with the number of its matches; none: no groups, whatever the profile says")
	f.BoolVar(&req.Explain, "explain", false, "tell how the query was evaluated")
	f.BoolVar(&req.AsWritten, "as-written", false, "ask the words as they are written: no other spelling, no translation")
	f.StringVar(&req.Cursor, "cursor", "", "the next page of an answer, as its JSON gave it")
}

// given is the value of a flag; the zero value if the flag is not on the command line.
func given[T any](cmd *cobra.Command, flag string, value T) (v T) {
	if cmd.Flags().Changed(flag) {
		v = value
	}
	return v
}

type asked struct {
	line   string
	tree   *pb.Query
	filter *pb.Filter
}

// searchQuery joins what was typed with what the flags point at: both must be there at the same moment.
func searchQuery(line string, p pointed) (asked, error) {
	known := builtinLeaves()
	lang := query.Language{Names: known}
	var leaves []*pb.Query
	if p.image != "" {
		b, err := readImage(p.image)
		if err != nil {
			return asked{}, err
		}
		leaves = append(leaves, query.Leaf(&pb.Leaf{Kind: leafOf(known, pb.LeafShape_LEAF_SHAPE_PICTURE), Image: b}))
	}
	for _, place := range []struct {
		flag, at string
		shape    pb.LeafShape
	}{{"frame", p.frame, pb.LeafShape_LEAF_SHAPE_FRAME}, {"shot", p.shot, pb.LeafShape_LEAF_SHAPE_SHOT}} {
		if place.at != "" {
			q, _, err := lang.Parse(fmt.Sprintf("%s:%q", leafOf(known, place.shape), place.at))
			if err != nil {
				return asked{}, fmt.Errorf("--%s: %w", place.flag, err)
			}
			leaves = append(leaves, q)
		}
	}
	if err := p.narrow(lang, leaves); err != nil {
		return asked{}, err
	}
	if len(leaves) == 0 {
		if strings.TrimSpace(line) == "" {
			return asked{}, errkind.New(errkind.Invalid, "say what to look for, or give --image, --frame or --shot (see cinedex search --help)")
		}
		return asked{line: line}, nil
	}
	var f *pb.Filter
	if line != "" {
		q, typed, err := lang.Parse(line)
		if err != nil {
			return asked{}, err
		}
		f = typed
		if q != nil {
			leaves = append(leaves, q)
		}
	}
	if len(leaves) == 1 {
		return asked{tree: leaves[0], filter: f}, nil
	}
	return asked{tree: query.And(leaves...), filter: f}, nil
}

func readImage(name string) ([]byte, error) {
	const limit = 8 << 20
	r := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--image: %w", err)
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("--image: %w", err)
	}
	if len(b) > limit {
		return nil, errkind.New(errkind.Invalid, "--image: %s is larger than %d MiB; make it smaller", name, limit>>20)
	}
	return b, nil
}

// printAnswer writes an answer for a person: where, what was said, and why.
func printAnswer(o *output, r *pb.SearchResponse) {
	for _, p := range r.GetPartial() {
		o.note("without %s: %s", p.GetPart(), p.GetError())
	}
	for _, line := range ranLines(r) {
		o.printf("%s\n", line)
	}
	if r.GetNoGoodMatch() {
		o.printf("No good match.\n")
		if len(r.GetHits()) > 0 {
			o.printf("The nearest, none of which is called a match:\n")
		}
	} else if len(r.GetHits()) == 0 {
		o.printf("Nothing found.\n")
	}
	for i, h := range r.GetHits() {
		o.printf("%2d  %s  %s–%s  frames %d–%d\n", i+1, h.GetTitleName(), h.GetStartTimecode(), h.GetEndTimecode(), h.GetStartFrame(), h.GetEndFrame())
		printLines(o, h)
		o.printf("    %s\n", why(h))
		if n := h.GetFolded(); n > 0 {
			o.printf("    and %d more like it\n", n)
		}
		if i < len(r.GetGroups()) {
			o.printf("    %s\n", ofGroup(r.GetGroups()[i]))
		}
	}
	for _, f := range r.GetFacets() {
		var counts []string
		for _, v := range f.GetValues() {
			counts = append(counts, fmt.Sprintf("%s %d", cmp.Or(v.GetValue(), "none"), v.GetCount()))
		}
		if more := f.GetDistinct() - int64(len(f.GetValues())); more > 0 {
			counts = append(counts, fmt.Sprintf("and %d values more", more))
		}
		atLeast := ""
		if !f.GetExact() {
			atLeast = ", at least"
		}
		o.printf("by %s%s: %s\n", f.GetName(), atLeast, strings.Join(counts, ", "))
	}
	if n := len(r.GetHits()); n > 0 {
		hits := "hits"
		if n == 1 {
			hits = "hit"
		}
		o.note("%d %s%s in %.0f ms", n, hits, ofTotal(r), r.GetTookMs())
	}
	for _, s := range r.GetExplain() {
		o.note("%s", planLine(s))
	}
}

// printLines writes the lines of a hit: the first, and the others a step further in.
func printLines(o *output, h *pb.Hit) {
	for i, l := range h.GetLines() {
		indent := "    "
		if i > 0 {
			indent = "      "
		}
		o.printf("%s[%s] %s\n", indent, l.GetLanguage(), strings.ReplaceAll(markText(l.GetText(), l.GetMarks(), o.terminalOut()), "\n", " / "))
	}
}

// ofGroup tells how many moments of a title there are.
func ofGroup(g *pb.TitleGroup) string {
	n, what := g.GetMatches().GetCount(), "matches"
	switch n {
	case 0:
		return fmt.Sprintf("%d near in this title", g.GetNear())
	case 1:
		what = "match"
	}
	if !g.GetMatches().GetExact() {
		return fmt.Sprintf("at least %d %s in this title", n, what)
	}
	return fmt.Sprintf("%d %s in this title", n, what)
}

// ranLines tell of the words that were asked in another way than they were written, and of other spellings.
func ranLines(r *pb.SearchResponse) (lines []string) {
	shown := false
	for _, ran := range r.GetRan() {
		line := ""
		switch ran.GetWay() {
		case "spelling":
			line, shown = fmt.Sprintf("Nothing says %q; shown: %q.", ran.GetText(), ran.GetAsked()), true
		case "prefix":
			line = fmt.Sprintf("Nothing says %q; shown: words that begin so.", ran.GetText())
		case "fuzzy":
			line = fmt.Sprintf("Nothing says %q; shown: words that are spelt nearly so.", ran.GetText())
		default:
			if by := ran.GetTranslator(); by != "" {
				line = fmt.Sprintf("%s: %q (%s) was asked as %q, translated by %s.", ran.GetLeaf(), ran.GetText(), ran.GetLanguage(), ran.GetAsked(), by)
			}
		}
		if line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if others := r.GetDidYouMean(); !shown && len(others) > 0 {
		lines = append(lines, "Did you mean "+strings.Join(others, " or ")+"?")
	}
	return lines
}

// ofTotal tells how many matches the hits are of, where the answer knows.
func ofTotal(r *pb.SearchResponse) string {
	switch t := r.GetTotal(); {
	case t.GetCount() == 0:
		return ""
	case t.GetExact():
		return fmt.Sprintf(" of %d matches", t.GetCount())
	default:
		return fmt.Sprintf(" of at least %d matches", t.GetCount())
	}
}

// planLine is a step of an explanation.
func planLine(s *pb.PlanStep) string {
	line := strings.Repeat("  ", int(s.GetDepth())) + s.GetStep()
	if s.GetDrives() {
		line += ", read first"
	}
	if s.GetRows() > 0 {
		line += fmt.Sprintf(": %d rows", s.GetRows())
	}
	if s.GetWindows() > 0 {
		line += fmt.Sprintf(" in %d windows", s.GetWindows())
	}
	return fmt.Sprintf("%s -> %d moments, %.1f ms", line, s.GetMoments(), s.GetMs())
}

func (o *output) terminalOut() bool { return isTerminal(o.out) }

func markText(text string, marks []*pb.TextRange, bold bool) string {
	if !bold {
		return text
	}
	var b strings.Builder
	at := 0
	for _, m := range marks {
		s, e := int(m.GetStart()), int(m.GetEnd())
		if s < at || e > len(text) {
			break
		}
		b.WriteString(text[at:s] + "\x1b[1m" + text[s:e] + "\x1b[0m")
		at = e
	}
	return b.String() + text[at:]
}

func why(h *pb.Hit) string {
	var parts []string
	seen := map[string]bool{}
	for _, e := range h.GetEvidence() {
		s := fmt.Sprintf("%s@%s by %s, rank %d", e.GetAlgorithm(), e.GetVersion(), e.GetBy(), e.GetRank())
		if e.GetLabel() != "" {
			s = fmt.Sprintf("label %q, rank %d", e.GetLabel(), e.GetRank())
		}
		if key := e.GetAlgorithm() + e.GetBy() + e.GetLabel(); !seen[key] && len(parts) < 3 {
			seen[key] = true
			parts = append(parts, s)
		}
	}
	if h.GetLikeness() != "" {
		parts = append(parts, h.GetLikeness()+" shot")
	}
	if h.GetConfidence() > 0 && h.GetConfidence() < 1 {
		parts = append(parts, fmt.Sprintf("confidence %.2f", h.GetConfidence()))
	}
	return strings.Join(parts, " · ")
}
