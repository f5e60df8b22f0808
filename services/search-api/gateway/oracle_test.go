package gateway_test

import (
	"cmp"
	"context"
	"fmt"
	"image/color"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// The oracle answers a query slowly and obviously (ADR 97): every item is held against every leaf, and every moment against every other.
// Only the scores of items are the engine's.
type oracle struct {
	films  []apitest.Film
	faces  map[string][]apitest.Face // by asset
	engine search.Searcher
	view   *catalog.View
	scope  *search.Scope
	runs   map[string]string // run by asset and algorithm
	parts  []oraclePart
	asset  string // of the moments that are worked out
	large  bool
	cutsOf map[string][]schema.Time           // the cuts of each film that were worked out
	known  map[string]map[string][]oracleItem // of a large library: the items of each source and text, by asset
}

// An oraclePart is a leaf looked for in one of its sources.
type oraclePart struct {
	leaf   *pb.Leaf
	source *catalog.Source
	// second is asked together with source; nil where no film was heard.
	second *catalog.Source
	// quoted and the space say how surely an item is a line that was asked for.
	standing int
	items    map[string][]oracleItem // by asset
	// regional says that a relation compares the regions of the items.
	regional bool
}

// An oracleItem is an annotation or embedding of a part's set, at the interval that it stands for.
type oracleItem struct {
	part     int
	standing int
	run      string
	ordinal  int64
	language string
	score    float64
	rank     int
	asset    string
	region   *pb.Region // where the query reads the region
	schema.Interval
}

// reason is what a moment keeps the best item of.
type reason struct {
	part          int
	run, language string
	region        string
}

func (e oracleItem) reason() reason {
	return reason{e.part, e.run, e.language, fmt.Sprint(sides(e.region))}
}

// sides are the numbers of a region; none of no region.
func sides(r *pb.Region) []float32 {
	if r == nil {
		return nil
	}
	return []float32{r.GetX(), r.GetY(), r.GetW(), r.GetH()}
}

type oracleMoment struct {
	asset string
	schema.Interval
	why   map[reason]oracleItem
	score float64
	lead  oracleItem
}

func compareItems(a, b oracleItem) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.run, b.run), cmp.Compare(a.ordinal, b.ordinal))
}

// settle makes one moment of the moments at each place.
func settle(ms []oracleMoment) []oracleMoment {
	var out []oracleMoment
	for _, m := range ms {
		i := slices.IndexFunc(out, func(o oracleMoment) bool { return o.asset == m.asset && o.Interval == m.Interval })
		if i < 0 {
			m.why = maps.Clone(m.why)
			out = append(out, m)
			continue
		}
		for k, e := range m.why {
			if o, ok := out[i].why[k]; !ok || compareItems(e, o) < 0 {
				out[i].why[k] = e
			}
		}
	}
	slices.SortFunc(out, func(a, b oracleMoment) int { return cmp.Or(cmp.Compare(a.asset, b.asset), a.Compare(b.Interval)) })
	return out
}

func both(a, b oracleMoment, iv schema.Interval) oracleMoment {
	m := oracleMoment{asset: a.asset, Interval: iv, why: maps.Clone(a.why)}
	return settle([]oracleMoment{m, {asset: a.asset, Interval: iv, why: b.why}})[0]
}

// of returns the moments of a tree in the asset that is worked out.
func (o *oracle) of(q *pb.Query) []oracleMoment {
	var out []oracleMoment
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		for _, pt := range o.parts {
			for _, e := range pt.items[o.asset] {
				if pt.leaf == n.Leaf {
					out = append(out, oracleMoment{asset: e.asset, Interval: e.Interval, why: map[reason]oracleItem{e.reason(): e}})
				}
			}
		}
	case *pb.Query_Or:
		for _, c := range n.Or.GetQueries() {
			out = append(out, o.of(c)...)
		}
	case *pb.Query_Within:
		right := o.of(n.Within.GetRight())
		for _, x := range o.of(n.Within.GetLeft()) {
			var best *oracleMoment
			for _, y := range right {
				if x.asset == y.asset && x.Gap(y.Interval) <= schema.Time(n.Within.GetGap()) && (best == nil || o.better(y, *best) < 0) {
					best = &y
				}
			}
			if best != nil {
				out = append(out, both(x, *best, x.Hull(best.Interval)))
			}
		}
	case *pb.Query_And:
		first := true
		for _, c := range n.And.GetQueries() {
			switch {
			case c.GetNot() != nil:
			case first:
				out, first = o.of(c), false
			default:
				var met []oracleMoment
				others := o.of(c)
				for _, x := range out {
					for _, y := range others {
						if x.asset == y.asset && x.Overlaps(y.Interval) {
							met = append(met, both(x, y, x.Intersect(y.Interval)))
						}
					}
				}
				out = settle(met)
			}
		}
		for _, c := range n.And.GetQueries() {
			if c.GetNot() != nil {
				unwanted := o.of(c.GetNot().GetQuery())
				out = slices.DeleteFunc(out, func(x oracleMoment) bool {
					return slices.ContainsFunc(unwanted, func(y oracleMoment) bool { return x.asset == y.asset && x.Overlaps(y.Interval) })
				})
			}
		}
	default:
		out = o.related(q)
	}
	return settle(out)
}

// better: more parts, then the surest standing, then the higher scores, part by part.
func (o *oracle) better(a, b oracleMoment) int {
	describe := func(m oracleMoment) (parts map[int]bool, standing int, items []oracleItem) {
		parts = map[int]bool{}
		for k, e := range m.why {
			parts[k.part] = true
			standing = max(standing, e.standing)
			items = append(items, e)
		}
		slices.SortFunc(items, func(a, b oracleItem) int {
			return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.run, b.run), cmp.Compare(a.language, b.language), slices.Compare(sides(a.region), sides(b.region)))
		})
		return parts, standing, items
	}
	pa, sa, ia := describe(a)
	pb, sb, ib := describe(b)
	c := cmp.Or(cmp.Compare(len(pb), len(pa)), cmp.Compare(sb, sa))
	for i := range min(len(ia), len(ib)) {
		c = cmp.Or(c, cmp.Compare(ia[i].part, ib[i].part), compareItems(ia[i], ib[i]))
	}
	return cmp.Or(c, a.Compare(b.Interval))
}

// answer is the matches of a query in their order.
func (o *oracle) answer(q *pb.Query) []oracleMoment {
	var ms []oracleMoment
	for _, f := range o.films {
		o.asset = apitest.AssetOf(f.Title)
		ms = append(ms, o.of(q)...)
	}
	type identity struct {
		run     string
		ordinal int64
	}
	for i := range o.parts {
		kept := map[identity]oracleItem{}
		for _, m := range ms {
			for _, e := range m.why {
				if e.part == i {
					kept[identity{e.run, e.ordinal}] = e
				}
			}
		}
		ranks := map[identity]int{}
		for n, e := range slices.SortedFunc(maps.Values(kept), compareItems) {
			ranks[identity{e.run, e.ordinal}] = n + 1
		}
		for _, m := range ms {
			for k, e := range m.why {
				if e.part == i {
					e.rank = ranks[identity{e.run, e.ordinal}]
					m.why[k] = e
				}
			}
		}
	}
	for i := range ms {
		ms[i].score = o.score(ms[i])
		ms[i].lead = slices.MinFunc(slices.Collect(maps.Values(ms[i].why)), o.compareLeads)
	}
	slices.SortFunc(ms, o.compare)
	if !o.fuses(q) {
		return ms
	}
	of := map[string][]oracleMoment{}
	for _, m := range ms {
		of[m.asset] = append(of[m.asset], m)
	}
	var folded []oracleMoment
	for _, ms := range of {
		folded = append(folded, o.fold(ms)...)
	}
	slices.SortFunc(folded, o.compare)
	return folded
}

func (o *oracle) score(m oracleMoment) (sum float64) {
	for i, pt := range o.parts {
		best := 0
		for _, e := range m.why {
			if e.part == i && (best == 0 || e.rank < best) {
				best = e.rank
			}
		}
		if best > 0 {
			sum += cmp.Or(float64(pt.leaf.GetWeight()), 1) / float64(60+best)
		}
	}
	return sum
}

// Standings of matches: a shot, a line by meaning, a line as heard, a line by words.
const (
	aShot = 2 + iota
	aMeaning
	aHeard
	aLine
)

// compareLeads: a line before a shot, then the surer standing, then the rank.
func (o *oracle) compareLeads(a, b oracleItem) int {
	return cmp.Or(cmp.Compare(b.standing, a.standing), cmp.Compare(a.rank, b.rank), cmp.Compare(a.part, b.part), cmp.Compare(a.run, b.run), cmp.Compare(a.ordinal, b.ordinal))
}

func (o *oracle) compare(a, b oracleMoment) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.lead.standing, a.lead.standing), cmp.Compare(a.asset, b.asset), a.Compare(b.Interval))
}

func (o *oracle) fuses(q *pb.Query) bool {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		of := 0
		for _, pt := range o.parts {
			if pt.leaf == n.Leaf {
				of++
			}
		}
		return of > 1
	case *pb.Query_Or:
		return true
	case *pb.Query_And:
		return slices.ContainsFunc(n.And.GetQueries(), func(q *pb.Query) bool { return q.GetNot() == nil && o.fuses(q) })
	case *pb.Query_Related:
		return o.fuses(n.Related.GetLeft()) || inPicture(n.Related.GetRelation()) && o.fuses(n.Related.GetRight())
	}
	return slices.ContainsFunc(query.Children(q), o.fuses)
}

// fold: in the order of scores, a moment joins the kept moment at its place, or the first kept moment that is the same moment.
func (o *oracle) fold(ms []oracleMoment) []oracleMoment {
	var kept []oracleMoment
	standing := func(m oracleMoment) int { return m.lead.standing }
	same := func(a, b oracleMoment) bool {
		if a.asset != b.asset || !a.Overlaps(b.Interval) {
			return false
		}
		of := min(a.Duration(), b.Duration())
		if standing(a) == aShot && standing(b) == aShot {
			of = max(a.Duration(), b.Duration())
		}
		return 2*a.Intersect(b.Interval).Duration() >= of
	}
	for _, m := range ms {
		i := slices.IndexFunc(kept, func(k oracleMoment) bool { return k.asset == m.asset && k.Interval == m.Interval })
		if i < 0 {
			i = slices.IndexFunc(kept, func(k oracleMoment) bool { return same(k, m) })
		}
		if i < 0 {
			kept = append(kept, m)
			continue
		}
		for k, e := range m.why {
			if x, ok := kept[i].why[k]; !ok || e.rank < x.rank {
				kept[i].why[k] = e
			}
		}
		if standing(m) > aShot && standing(m) > standing(kept[i]) {
			kept[i].Interval, kept[i].lead = m.Interval, m.lead
		}
	}
	for i := range kept {
		kept[i].score = o.score(kept[i])
	}
	return kept
}

// ask works out the sets of the leaves of a query from what the films say.
func (o *oracle) ask(t testing.TB, q *pb.Query, f *pb.Filter) {
	o.parts = nil
	regional := map[*pb.Leaf]bool{}
	var walk func(*pb.Query)
	walk = func(q *pb.Query) {
		if n := q.GetRelated(); n != nil && inPicture(n.GetRelation()) {
			for _, l := range query.Leaves(q) {
				regional[l] = true
			}
		}
		for _, c := range query.Children(q) {
			walk(c)
		}
	}
	walk(q)
	for _, l := range query.Leaves(q) {
		for _, s := range o.view.Leaf(l.GetKind()).Sources {
			words := s.GetSpace() == ""
			if l.GetMode() == pb.TextMode_TEXT_MODE_WORDS && !words || l.GetMode() == pb.TextMode_TEXT_MODE_MEANING && words {
				continue
			}
			if s.GetSecondTo() != "" {
				continue // asked together with the first source
			}
			pt := oraclePart{leaf: l, source: s, standing: aShot, regional: regional[l]}
			for _, o := range o.view.Leaf(l.GetKind()).Sources {
				if words && o.GetSecondTo() == s.GetKind() {
					pt.second = o
				}
			}
			if s.About.GetQuoted() {
				pt.standing = aMeaning
				if words {
					pt.standing = aLine
				}
			}
			pt.items = o.numbered(t, len(o.parts), pt, f)
			o.parts = append(o.parts, pt)
		}
	}
}

// numbered returns the items of a part. In a large library, the items of a leaf are worked out once.
func (o *oracle) numbered(t testing.TB, number int, pt oraclePart, f *pb.Filter) map[string][]oracleItem {
	if !o.large {
		return o.items(t, number, pt, f)
	}
	key := fmt.Sprint(pt.source.GetKind(), pt.source.GetSpace(), pt.source.GetField(), pt.leaf.GetText())
	if o.known[key] == nil {
		o.known[key] = o.items(t, 0, pt, f)
	}
	out := make(map[string][]oracleItem, len(o.known[key]))
	for asset, items := range o.known[key] {
		out[asset] = slices.Clone(items)
		for i := range out[asset] {
			out[asset][i].part = number
		}
	}
	return out
}

func (o *oracle) items(t testing.TB, number int, pt oraclePart, f *pb.Filter) map[string][]oracleItem {
	out := map[string][]oracleItem{}
	scores := o.scores(t, pt)
	standing := pt.standing
	take := func(asset, run string, ordinal int64, language string, confidence float32, iv, stands schema.Interval) {
		if f.GetEnd() > 0 && !iv.Overlaps(schema.Interval{Start: schema.Time(f.GetStart()), End: schema.Time(f.GetEnd())}) || pt.source.GetSpace() == "" && confidence < f.GetMinConfidence() {
			return
		}
		s, ok := scores[itemID{run, ordinal}]
		switch {
		case ok:
			out[asset] = append(out[asset], oracleItem{part: number, standing: standing, run: run, ordinal: ordinal, language: language, score: s, asset: asset, Interval: stands})
		case pt.source.GetSpace() == "":
			t.Fatalf("the engine does not find %q in item %d of %s", pt.leaf.GetText(), ordinal, run)
		}
	}
	for _, film := range o.films {
		asset := apitest.AssetOf(film.Title)
		run := func(algorithm string) string { return o.runs[asset+algorithm] }
		second := func(n int64) schema.Time { return schema.Time(n) * schema.Second }
		switch {
		case pt.source.GetKind() == schema.KindDialogue:
			algorithm := "dialogue"
			if pt.source.GetSpace() != "" {
				algorithm = "sentences"
			}
			for i, line := range film.Lines {
				iv := schema.Interval{Start: second(line.From), End: second(line.To)}
				if pt.source.GetSpace() != "" || hasWords(line.Text, pt.leaf.GetText()) {
					take(asset, run(algorithm), int64(i), line.Language, 1, iv, iv)
				}
			}
			said := slices.Clone(out[asset])
			standing = aHeard
			for i, line := range film.Heard {
				iv := schema.Interval{Start: second(line.From), End: second(line.To)}
				if pt.second != nil && hasWords(line.Text, pt.leaf.GetText()) {
					take(asset, run("transcript"), int64(i), line.Language, apitest.HeardConfidence, iv, standsFor(iv, said))
				}
			}
			standing = pt.standing
		case pt.source.GetKind() == "face":
			for i, face := range o.faces[asset] {
				iv := schema.Interval{Start: second(face.From), End: second(face.To)}
				if !hasWords(face.Name, pt.leaf.GetText()) || pt.regional && face.Region == nil || !passesTests(pt.leaf, face) {
					continue
				}
				before := len(out[asset])
				take(asset, run("faces"), int64(i), "", 1, iv, iv)
				if len(out[asset]) > before && (pt.regional || testsFace(pt.leaf)) {
					out[asset][before].region = face.Region
				}
			}
		case pt.source.GetSpace() == "": // labels
			at, n := int64(0), int64(0)
			for _, s := range film.Shots {
				iv := schema.Interval{Start: second(at), End: second(at + s.Seconds)}
				if s.Label != "" {
					if hasWords(s.Label, pt.leaf.GetText()) {
						take(asset, run("labels"), n, "", s.LabelConfidence, iv, iv)
					}
					n++
				}
				at += s.Seconds
			}
		default: // pictures, one a second
			at := int64(0)
			for _, s := range film.Shots {
				shot := schema.Interval{Start: second(at), End: second(at + s.Seconds)}
				for range s.Seconds {
					iv := schema.Interval{Start: second(at), End: second(at + 1)}
					stands := shot
					if s.Seconds >= 60 {
						stands = iv
					}
					take(asset, run("pictures"), at, "", 1, iv, stands)
					at++
				}
			}
		}
	}
	return out
}

// standsFor is the interval that a line as heard stands for: of the lines of subtitles that match and share half of the shorter, the line that shares the most.
func standsFor(heard schema.Interval, said []oracleItem) schema.Interval {
	best, most := heard, schema.Time(0)
	for _, s := range said {
		shared := s.Intersect(heard).Duration()
		if shared == 0 || 2*shared < min(s.Duration(), heard.Duration()) || s.Duration() > 15*schema.Second || heard.Duration() > 15*schema.Second {
			continue
		}
		if shared > most || shared == most && s.Compare(best) < 0 {
			best, most = s.Interval, shared
		}
	}
	return best
}

func hasWords(text, words string) bool {
	have := strings.Fields(text)
	for _, w := range strings.Fields(words) {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

type itemID struct {
	run     string
	ordinal int64
}

// scores asks the engine how it scores the items of a part: of vectors, those that the calibration calls a match.
func (o *oracle) scores(t testing.TB, pt oraclePart) map[itemID]float64 {
	q := search.SetQuery{Scored: true}
	if space := pt.source.GetSpace(); space == "" {
		field := search.FieldText
		if pt.source.GetField() == pb.AnswerField_ANSWER_FIELD_LABEL {
			field = search.FieldLabel
		}
		q.Text = &search.TextQuery{Scope: o.scope, Filter: search.Filter{Kinds: kindsOf(pt)}, Field: field, Mode: search.AllWords, Words: pt.leaf.GetText(), Limit: search.MaxLimit}
	} else {
		id := apitest.Sentences
		if strings.HasPrefix(space, "efficientnet") {
			id = apitest.Pictures
		}
		q.Vector = &search.VectorQuery{Scope: o.scope, Space: id, Vector: apitest.VectorOf(id, pt.leaf.GetText()), Limit: search.MaxLimit}
		q.MinScore = -1
	}
	out := map[itemID]float64{}
	for h, err := range o.hits(q) {
		if err != nil {
			t.Fatal(err)
		}
		if q.Vector != nil {
			c := pt.source.CalibrationOf(q.Vector.Space)
			if float32(1/(1+math.Exp(-c.GetSlope()*(h.Score-c.GetMiddle())))) < max(cmp.Or(c.GetMatch(), 0.5), c.GetCutoff()) {
				continue
			}
		}
		if pt.second != nil && h.Kind == pt.second.GetKind() {
			h.Score *= pt.second.GetTrust()
		}
		out[itemID{h.Run, h.Ordinal}] = h.Score
	}
	return out
}

// kindsOf are the kinds that words are looked for in.
func kindsOf(pt oraclePart) []string {
	if pt.second == nil {
		return []string{pt.source.GetKind()}
	}
	return []string{pt.source.GetKind(), pt.second.GetKind()}
}

// hits asks for ranked hits where those are all, and for a set in a large library.
func (o *oracle) hits(q search.SetQuery) iter.Seq2[search.Hit, error] {
	if o.large {
		return o.engine.Set(context.Background(), q)
	}
	return search.SetOfHits(context.Background(), o.engine, q)
}

// A trial is a library of its own within a larger library, seen through a filter of titles.
type trial struct {
	l                     *apitest.Library
	all                   *gateway.Gateway
	view                  *catalog.View
	count                 int
	queries               int   // of one library
	asked, found, matches int   // queries, those with a match, and their matches
	leaves                []int // how many items each leaf had
}

func newTrial(t testing.TB) *trial { return newTrialOver(t, apitest.New(t)) }

func newTrialOver(t testing.TB, l *apitest.Library) *trial {
	cfg := gateway.Default()
	cfg.Timeout = 10 * time.Minute
	all := openWith(t, l, cfg, func(d *gateway.Deps) { d.Catalog = apitest.FacesCatalog() })
	return &trial{l: l, all: all, view: apitest.FacesCatalog().View(), queries: oracleQueries}
}

// add puts films into the library, and the faces of each film.
func (tr *trial) add(t testing.TB, films []apitest.Film, faces ...[]apitest.Face) *oracle {
	o := &oracle{films: films, faces: map[string][]apitest.Face{}, engine: tr.l.Engine, view: tr.view, runs: map[string]string{}}
	var runs []string
	for i := range films {
		tr.count++
		films[i].Title = fmt.Sprintf("film-%d", tr.count)
		a := tr.l.Add(films[i])
		if i < len(faces) {
			o.faces[a.GetId()] = faces[i]
			tr.l.SawFaces(a, faces[i])
		}
		recorded, err := tr.l.Store.RunsOf(t.Context(), a.GetId())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recorded {
			o.runs[a.GetId()+r.GetAlgorithm()] = r.GetId()
			runs = append(runs, r.GetId())
		}
	}
	o.scope = search.NewScope(runs)
	return o
}

// check asks the gateway and the oracle, and compares the matches: their number, their places, their scores and their order.
func (tr *trial) check(t testing.TB, o *oracle, q *pb.Query, f *pb.Filter) (problem string) {
	var titles []string
	for _, film := range o.films {
		titles = append(titles, film.Title)
	}
	caller := everybody
	if len(titles) > 1 { // a caller from whom the rest of the library is hidden: the plan is made in another way
		caller = authz.NewCaller("some", titles)
	}
	f.Titles = titles
	o.ask(t, q, f)
	var want []string
	for _, m := range o.answer(q) {
		want = append(want, fmt.Sprintf("%s [%d,%d) %.17g", m.asset[:4], m.Start, m.End, m.score))
	}
	var got []string
	req := &pb.SearchRequest{Query: q, Filter: f, Limit: gateway.MaxLimit}
	for {
		resp, err := tr.all.Search(t.Context(), caller, req)
		if err != nil {
			t.Fatal(err)
		}
		if total := resp.GetTotal(); int(total.GetCount()) != len(want) || !total.GetExact() || len(resp.GetPartial()) > 0 {
			problem = fmt.Sprintf("total %v, partial %v, want %d", total, resp.GetPartial(), len(want))
		}
		for _, h := range resp.GetHits() {
			got = append(got, fmt.Sprintf("%s [%d,%d) %.17g", h.GetAsset()[:4], h.GetStart(), h.GetEnd(), h.GetScore()))
		}
		if req.Cursor = resp.GetCursor(); req.Cursor == "" || len(got) >= min(len(want), mostJudged) {
			break
		}
	}
	tr.asked++
	leaves := map[*pb.Leaf]int{}
	for _, pt := range o.parts {
		for _, items := range pt.items {
			leaves[pt.leaf] += len(items)
		}
	}
	tr.leaves = slices.AppendSeq(tr.leaves, maps.Values(leaves))
	if tr.matches += len(want); len(want) > 0 {
		tr.found++
	}
	seen := min(len(want), mostJudged)
	if got = got[:min(len(got), seen)]; !slices.Equal(got, want[:seen]) {
		problem += fmt.Sprintf("\n got %q\nwant %q", got, want)
	}
	return problem
}

// mostJudged is how many hits of an answer are compared with the oracle's: the pages behind are evaluated in the same way.
const mostJudged = 2000

// Words that are no word's form, so that an analysis keeps them apart.
var trialWords = []string{"zulu", "kilo", "tango", "bravo"}

func randomFilms(t *rapid.T) []apitest.Film {
	films := make([]apitest.Film, rapid.IntRange(1, 3).Draw(t, "films"))
	phrase := func() string {
		var words []string
		for range rapid.IntRange(1, 3).Draw(t, "words") {
			words = append(words, rapid.SampledFrom(trialWords).Draw(t, "word"))
		}
		return strings.Join(words, " ")
	}
	for i := range films {
		for range rapid.IntRange(1, 6).Draw(t, "shots") {
			s := apitest.Shot{Seconds: rapid.SampledFrom([]int64{1, 2, 3, 5, 59, 60, 61}).Draw(t, "seconds"), LabelConfidence: rapid.SampledFrom([]float32{0.2, 0.9}).Draw(t, "confidence")}
			s.Colour = rapid.SampledFrom([]color.RGBA{apitest.Red, apitest.Green, apitest.Blue}).Draw(t, "colour")
			if rapid.Bool().Draw(t, "labelled") {
				s.Label = phrase()
			}
			films[i].Shots = append(films[i].Shots, s)
		}
		for range rapid.IntRange(1, 9).Draw(t, "lines") {
			from := rapid.Int64Range(0, 20).Draw(t, "from")
			films[i].Lines = append(films[i].Lines, apitest.Line{From: from, To: from + rapid.Int64Range(1, 6).Draw(t, "length"),
				Language: rapid.SampledFrom([]string{"en", "de"}).Draw(t, "language"), Text: phrase()})
		}
		if rapid.Bool().Draw(t, "heard") {
			films[i].Heard = randomSpeech(t, films[i].Lines, phrase)
		}
	}
	return films
}

// randomSpeech hears some lines of subtitles, at other times, and other lines.
func randomSpeech(t *rapid.T, lines []apitest.Line, phrase func() string) (heard []apitest.Line) {
	for range rapid.IntRange(1, 6).Draw(t, "heard lines") {
		line := rapid.SampledFrom(lines).Draw(t, "heard line")
		line.From = max(0, line.From+rapid.Int64Range(-3, 3).Draw(t, "shift"))
		line.To = line.From + rapid.SampledFrom([]int64{1, 2, 3, 5, 14, 15, 16}).Draw(t, "heard length")
		if rapid.Bool().Draw(t, "misheard") {
			line.Text = phrase()
		}
		heard = append(heard, line)
	}
	return heard
}

func randomLeaf(t *rapid.T) *pb.Query {
	if rapid.IntRange(0, 3).Draw(t, "of a face") == 0 {
		return randomFace(t)
	}
	l := &pb.Leaf{Kind: rapid.SampledFrom([]string{"dialogue", "label", "look"}).Draw(t, "leaf"), Text: rapid.SampledFrom(trialWords).Draw(t, "ask")}
	switch l.GetKind() {
	case "look":
		l.Kind, l.Text = lookLeaf, rapid.SampledFrom([]string{"red", "green", "blue"}).Draw(t, "colour")
	case "dialogue":
		l.Mode = rapid.SampledFrom([]pb.TextMode{pb.TextMode_TEXT_MODE_UNSPECIFIED, pb.TextMode_TEXT_MODE_WORDS, pb.TextMode_TEXT_MODE_MEANING}).Draw(t, "mode")
	}
	if rapid.IntRange(0, 3).Draw(t, "weighs") == 0 {
		l.Weight = 2
	}
	return query.Leaf(l)
}

func randomQuery(t *rapid.T, depth int) *pb.Query {
	if depth == 0 {
		return randomLeaf(t)
	}
	child := func() *pb.Query { return randomQuery(t, rapid.IntRange(0, depth-1).Draw(t, "depth")) }
	switch rapid.IntRange(0, 8).Draw(t, "operator") {
	case 8:
		return randomPicture(t)
	case 0:
		return query.Or(child(), child())
	case 1:
		return query.Within(child(), child(), int64(rapid.IntRange(0, 8).Draw(t, "gap"))*int64(schema.Second))
	case 2:
		return query.And(child(), query.Not(child()))
	case 3:
		return query.And(child(), child(), query.Not(child()))
	case 4, 5, 6:
		return randomRelation(t, child)
	}
	return query.And(child(), child())
}

func randomFilter(t *rapid.T) *pb.Filter {
	f := &pb.Filter{}
	if rapid.IntRange(0, 4).Draw(t, "spanned") == 0 {
		f.Start = rapid.Int64Range(0, 20).Draw(t, "start") * int64(schema.Second)
		f.End = f.Start + rapid.Int64Range(1, 20).Draw(t, "span")*int64(schema.Second)
	}
	return f
}

// exactQuery is one that is evaluated over whole sets.
func exactQuery(t *rapid.T) *pb.Query {
	for {
		if q := randomQuery(t, rapid.IntRange(1, 3).Draw(t, "height")); q.GetOr() == nil && q.GetLeaf() == nil {
			return q
		}
	}
}

const (
	oracleQueries = 5 // of one library
	lookLeaf      = "like_text"
)

// TestOracle: the gateway's answers to random queries over random libraries are the oracle's.
func TestOracle(t *testing.T) {
	tr := newTrial(t)
	rapid.Check(t, func(r *rapid.T) {
		tr.once(t, r)
	})
	t.Logf("%d queries, %d with a match, %d matches", tr.asked, tr.found, tr.matches)
}

// once makes a library and asks queries.
func (tr *trial) once(t testing.TB, r *rapid.T) {
	films := randomFilms(r)
	o := tr.add(t, films, randomFaces(r, films)...)
	for range tr.queries {
		q, f := exactQuery(r), randomFilter(r)
		tr.all.BesideFrom(rapid.SampledFrom([]int{0, 2, 1000}).Draw(r, "beside from"))
		if problem := tr.check(t, o, q, f); problem != "" {
			r.Fatalf("%s: %s", query.Language{Names: tr.view}.Print(q, f), problem)
		}
	}
}
