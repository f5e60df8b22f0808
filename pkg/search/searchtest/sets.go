package searchtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// RunSets holds an engine to the promises of Set and Size alone. Run has the same tests. Sets are compared with a plain evaluation over
// the items that were written.
func RunSets(t *testing.T, h Harness) {
	t.Run("words", func(t *testing.T) { testSetsOfWords(t, h) })
	t.Run("as Text", func(t *testing.T) { testSetsAsText(t, h) })
	t.Run("vectors", func(t *testing.T) { testSetsOfVectors(t, h) })
	t.Run("refusals", func(t *testing.T) { testSetRefusals(t, h) })
	t.Run("no asset", func(t *testing.T) { testSetsOfNoAsset(t, h) })
	t.Run("sequence", func(t *testing.T) { testSetSequence(t, h) })
}

// A setLibrary is an engine with generated items, and a list of the same items.
type setLibrary struct {
	e       search.Engine
	rnd     *rand.Rand
	slops   *rand.Rand
	history *History
	runs    []string
	items   map[string]*pb.Annotation // by id
}

const (
	setAssets = 40
	// setItems is more than the hits of an answer.
	setItems = search.MaxLimit + 2000
)

// Words that no analysis changes, without a language. Some are near others, and some begin alike.
var setWords = strings.Fields("zorb quix blat frum wugs daxi toma gorp zorbas quixo blatt gorpfuls")

func (l *setLibrary) text() string {
	w := make([]string, 1+l.rnd.IntN(6))
	for i := range w {
		w[i] = setWords[min(l.rnd.IntN(len(setWords)), l.rnd.IntN(len(setWords)))]
	}
	return strings.Join(w, " ")
}

// item draws an item of a run: text, a label or both, over an interval that may be empty or long.
func (l *setLibrary) item(run string, ordinal int) *pb.Annotation {
	a := &pb.Annotation{
		Run: run, Ordinal: int64(ordinal), Asset: assetOf(run), Kind: []string{schema.KindDialogue, schema.KindLabel, "sign"}[l.rnd.IntN(3)],
		Start: int64(l.rnd.IntN(600)) * int64(schema.Second), Character: []string{"", "Mara", "TOBIAS"}[l.rnd.IntN(3)], Confidence: float32(l.rnd.IntN(5)) / 4,
	}
	switch a.End = a.Start + int64(l.rnd.IntN(8))*int64(schema.Second); l.rnd.IntN(30) {
	case 0:
		a.End = a.Start + int64(schema.Hour)
	case 1:
		a.End = a.Start - int64(schema.Second)
	}
	if l.rnd.IntN(5) > 0 {
		a.Text = l.text()
	}
	if a.Text == "" || l.rnd.IntN(3) == 0 {
		a.Label = l.text()
	}
	return a
}

// assetOf returns the asset of a run "run-ASSET-N".
func assetOf(run string) string { return "asset-" + strings.Split(run, "-")[1] }

func (l *setLibrary) write(t *testing.T, items ...*pb.Annotation) {
	t.Helper()
	for chunk := range slices.Chunk(items, 3000) {
		write(t, l.e, chunk...)
	}
	for _, a := range items {
		l.items[schema.ItemID(a.GetRun(), a.GetOrdinal())] = a
	}
}

// newSetLibrary writes the items, writes some items again with other values, and trims and deletes some runs.
func newSetLibrary(t *testing.T, h Harness) *setLibrary {
	l := &setLibrary{e: open(t, h), rnd: rand.New(rand.NewPCG(3, 14)), slops: rand.New(rand.NewPCG(15, 92)), history: NewHistory(), items: map[string]*pb.Annotation{}}
	const perRun = 100
	var all []*pb.Annotation
	for i := range (setItems + 1500) / perRun {
		run := fmt.Sprintf("run-%02d-%d", i*7%setAssets, i)
		l.runs = append(l.runs, run)
		for k := range perRun {
			all = append(all, l.item(run, k))
		}
	}
	l.write(t, all...)
	var again []*pb.Annotation
	for i := 0; i < len(all); i += 23 {
		again = append(again, l.item(all[i].GetRun(), int(all[i].GetOrdinal())))
	}
	l.write(t, again...)
	for i, run := range l.runs {
		from := int64(perRun)
		switch i % 20 {
		case 3:
			from = 60
		case 11:
			from = 0
		}
		if from < perRun {
			if err := l.e.TrimRun(t.Context(), run, from, 0); err != nil {
				t.Fatal(err)
			}
		}
		for k := from; k < perRun; k++ {
			delete(l.items, schema.ItemID(run, k))
		}
		if i%9 == 4 {
			l.history.Hide(assetOf(run), run)
		} else {
			l.history.Show(assetOf(run), run)
		}
	}
	return l
}

// matches reports whether a text has the words of a question.
func matches(q *search.TextQuery, text string) bool {
	has, want := strings.Fields(text), strings.Fields(q.Words)
	any := func(pass func(have, word string) bool) bool {
		return slices.ContainsFunc(want, func(w string) bool {
			return slices.ContainsFunc(has, func(t string) bool { return pass(t, w) })
		})
	}
	equal := func(have, word string) bool { return have == word }
	switch q.Mode {
	case search.AllWords:
		return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(has, w) })
	case search.Phrase:
		return follows(has, want, words.SlopOf(q.Slop))
	case search.Fuzzy:
		return any(func(have, word string) bool { return distance(have, word) <= int(words.AllowedDistance(word)) })
	case search.Prefix:
		last := want[len(want)-1]
		return any(equal) || slices.ContainsFunc(has, func(t string) bool { return strings.HasPrefix(t, last) })
	}
	return any(equal)
}

// follows reports whether the words follow each other with at most slop others in between.
func follows(has, want []string, slop int) bool {
	var from func(at, gaps, n int) bool
	from = func(at, gaps, n int) bool {
		if n == len(want) {
			return true
		}
		for next := at + 1; next < len(has) && gaps+next-at-1 <= slop; next++ {
			if has[next] == want[n] && from(next, gaps+next-at-1, n+1) {
				return true
			}
		}
		return false
	}
	for i, w := range has {
		if w == want[0] && from(i, 0, 1) {
			return true
		}
	}
	return false
}

// distance is the number of letters by which two words differ. Two letters that changed places count as one.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j], d[i][j-1], d[i-1][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], 1+d[i-2][j-2])
			}
		}
	}
	return d[len(a)][len(b)]
}

func passes(f search.Filter, a *pb.Annotation) bool {
	return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, a.GetKind())) &&
		(len(f.Characters) == 0 || slices.ContainsFunc(f.Characters, func(c string) bool { return strings.EqualFold(c, a.GetCharacter()) })) &&
		a.GetConfidence() >= f.MinConfidence && (f.Span.Empty() || schema.IntervalOf(a).Overlaps(f.Span))
}

// within reports whether a window of the list overlaps an item.
func within(ws []search.Window, asset string, iv schema.Interval) bool {
	return ws == nil || slices.ContainsFunc(ws, func(w search.Window) bool { return w.Asset == asset && w.Interval.Overlaps(iv) })
}

// want evaluates a set of words item by item.
func (l *setLibrary) want(q search.SetQuery) []search.Hit {
	var hits []search.Hit
	for _, a := range l.items {
		text := a.GetText()
		if q.Text.Field == search.FieldLabel {
			text = a.GetLabel()
		}
		if q.Text.Scope.Has(a.GetRun()) && passes(q.Text.Filter, a) && within(q.Where, a.GetAsset(), schema.IntervalOf(a)) && text != "" && matches(q.Text, text) {
			hits = append(hits, search.Hit{Run: a.GetRun(), Ordinal: a.GetOrdinal(), Asset: a.GetAsset(), Kind: a.GetKind(), Interval: schema.IntervalOf(a)})
		}
	}
	slices.SortFunc(hits, search.ComparePlaces)
	return hits
}

// set reads a whole set.
func set(t testing.TB, e search.Searcher, q search.SetQuery) (hits []search.Hit) {
	t.Helper()
	for hit, err := range e.Set(t.Context(), q) {
		if err != nil {
			t.Fatalf("reading a set: %v", err)
		}
		hits = append(hits, hit)
	}
	var items []search.Hit
	for some, err := range search.ItemsOf(t.Context(), e, q) {
		if err != nil {
			t.Fatalf("reading the items of a set: %v", err)
		}
		for i := range some.List {
			items = append(items, some.Hit(i))
		}
	}
	if !slices.Equal(items, hits) {
		t.Errorf("the items of a set differ from the set (-set +items):\n%.4000s", cmp.Diff(hits, items))
	}
	return hits
}

// sameSet compares a set with the wanted items, and Size with the set. The language of an item and the scores are left out.
func sameSet(t *testing.T, e search.Searcher, name string, q search.SetQuery, want []search.Hit) {
	t.Helper()
	got := set(t, e, q)
	if !slices.IsSortedFunc(got, search.ComparePlaces) {
		t.Errorf("%s: out of order", name)
	}
	for i := range got {
		if q.Scored && q.Text != nil && got[i].Score <= 0 {
			t.Errorf("%s: %v has no score", name, got[i])
		}
		got[i].Score, got[i].Language = 0, ""
	}
	if !slices.Equal(want, got) {
		t.Errorf("%s: %d items, want %d (-want +got):\n%.4000s", name, len(got), len(want), cmp.Diff(want, got))
	}
	if n, err := e.Size(t.Context(), q); err != nil || n == 0 && len(want) > 0 {
		t.Errorf("%s: the size of a set of %d is %d, %v", name, len(want), n, err)
	}
}

// windows draws windows: of few assets or of many, short or long, and of assets that are not there.
func windows(rnd *rand.Rand) []search.Window {
	ws := []search.Window{}
	share := 1 + rnd.IntN(10)
	for i := range setAssets + 1 {
		if rnd.IntN(share) > 0 {
			continue
		}
		for at := rnd.IntN(100); at < 700; at += 1 + rnd.IntN(200) {
			length := 1 + rnd.IntN(40)
			ws = append(ws, search.Window{Asset: fmt.Sprintf("asset-%02d", i), Interval: schema.Interval{Start: schema.Time(at) * schema.Second, End: schema.Time(at+length) * schema.Second}})
			at += length
		}
	}
	return ws
}

// query draws a question.
func (l *setLibrary) query() search.SetQuery {
	asked := make([]string, 1+l.rnd.IntN(3))
	for i, w := range l.rnd.Perm(len(setWords))[:len(asked)] {
		asked[i] = setWords[w]
	}
	q := search.SetQuery{Text: &search.TextQuery{
		Words: strings.Join(asked, " "), Mode: search.TextMode(l.rnd.IntN(int(search.Prefix) + 1)), Field: search.Field(l.rnd.IntN(2)),
	}, Scored: l.rnd.IntN(2) == 0}
	if q.Text.Mode == search.Phrase {
		q.Text.Slop = []int{0, 1, 3, 6, search.MaxSlop}[l.slops.IntN(5)]
	}
	if q.Text.Mode == search.Prefix {
		q.Text.Field = search.FieldText // the beginnings of labels are those of English words
	}
	switch l.rnd.IntN(4) {
	case 0:
		var runs []string
		for _, r := range l.runs {
			if l.rnd.IntN(12) == 0 {
				runs = append(runs, r)
			}
		}
		q.Text.Scope = search.NewScope(runs)
	case 1:
		q.Text.Scope = l.history.Scope("asset-03", "asset-14", "asset-15")
	case 2:
		q.Text.Scope = l.history.Named()
	default:
		q.Text.Scope = l.history.Scope()
	}
	switch l.rnd.IntN(8) {
	case 0:
		q.Text.Filter.Kinds = []string{schema.KindDialogue, "sign"}
	case 1:
		q.Text.Filter.Characters = []string{"mara"}
	case 2:
		q.Text.Filter.MinConfidence = 0.5
	case 3:
		q.Text.Filter.Span = schema.Interval{Start: 100 * schema.Second, End: 130 * schema.Second}
	}
	if l.rnd.IntN(2) == 0 {
		q.Where = windows(l.rnd)
	}
	return q
}

func describe(q search.SetQuery) string {
	return fmt.Sprintf("%q, mode %d, field %d, filter %+v, %d windows, scored %v", q.Text.Words, q.Text.Mode, q.Text.Field, q.Text.Filter, len(q.Where), q.Scored)
}

func testSetsOfWords(t *testing.T, h Harness) {
	l := newSetLibrary(t, h)
	for range 120 {
		q := l.query()
		sameSet(t, l.e, describe(q), q, l.want(q))
	}
	everything := search.SetQuery{Text: &search.TextQuery{Scope: l.history.Named(), Words: strings.Join(setWords, " ")}}
	other := everything
	other.Text = &search.TextQuery{Scope: l.history.Scope(), Words: everything.Text.Words, Field: search.FieldLabel}
	if n := len(l.want(everything)); n < 8000 {
		t.Fatalf("the largest set has %d items", n)
	}
	sameSet(t, l.e, "every text", everything, l.want(everything))
	sameSet(t, l.e, "every label", other, l.want(other))
	// Ever the same line, more often than an answer has hits.
	var same []*pb.Annotation
	for i := range search.MaxLimit + 500 {
		same = append(same, &pb.Annotation{Run: "run-99-9", Ordinal: int64(i), Asset: "asset-99", Kind: schema.KindDialogue, Text: "hundredfold", Start: int64(i / 3), End: int64(i/3 + 2), Confidence: 1})
	}
	l.write(t, same...)
	for _, scored := range []bool{false, true} {
		q := search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run-99-9"}), Words: "hundredfold", Mode: search.AllWords}, Scored: scored}
		sameSet(t, l.e, "more than an answer has", q, l.want(q))
		q.Where = []search.Window{{Asset: "asset-99", Interval: schema.Interval{Start: 100, End: 101}}, {Asset: "asset-99", Interval: schema.Interval{Start: 3000, End: 3010}}}
		sameSet(t, l.e, "windows of it", q, l.want(q))
	}
}

// testSetsAsText compares sets with the answers of Text, which have every item of a small library.
func testSetsAsText(t *testing.T, h Harness) {
	e := open(t, h)
	for chunk := range slices.Chunk(append(corpus(), generated(600)...), 250) {
		write(t, e, chunk...)
	}
	rnd := rand.New(rand.NewPCG(21, 4))
	var asked []search.TextQuery
	for _, j := range judgements {
		asked = append(asked, search.TextQuery{Scope: everything(), Filter: j.filter, Field: j.field, Mode: j.mode, Words: j.words, Languages: j.languages})
	}
	for range 100 {
		asked = append(asked, question(rnd))
	}
	for _, w := range []string{"", " ", "*", "\x00\xff", "zeppelin"} {
		asked = append(asked, search.TextQuery{Scope: everything(), Words: w})
	}
	for _, q := range asked {
		q.Limit = search.MaxLimit
		want := find(t, e, q)
		slices.SortFunc(want, search.ComparePlaces)
		for _, scored := range []bool{true, false} {
			got := set(t, e, search.SetQuery{Text: &q, Scored: scored})
			same := slices.EqualFunc(want, got, func(a, b search.Hit) bool {
				if scored && !tied(a.Score, b.Score) {
					return false
				}
				a.Score, b.Score = 0, 0
				return a == b
			})
			if !same {
				t.Errorf("%q, mode %d, field %d, filter %+v, languages %v, scored %v (-Text +Set):\n%s", q.Words, q.Mode, q.Field, q.Filter, q.Languages, scored, cmp.Diff(want, got))
			}
		}
	}
}

func testSetsOfVectors(t *testing.T, h Harness) {
	e := open(t, h)
	all := vectors(search.MaxLimit + 1100)
	for chunk := range slices.Chunk(all, 2000) {
		if err := e.Write(t.Context(), search.Batch{Embeddings: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	// Some are written again with another vector, and some are deleted.
	var again []*pb.Embedding
	for i := 5; i < len(all); i += 50 {
		all[i].Vector = all[(i+1)%len(all)].GetVector()
		again = append(again, all[i])
	}
	if err := e.Write(t.Context(), search.Batch{Embeddings: again}); err != nil {
		t.Fatal(err)
	}
	if err := e.TrimRun(t.Context(), "run-vectors-2", 0, 3650); err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(m *pb.Embedding) bool { return m.GetRun() == "run-vectors-2" && m.GetOrdinal() >= 3650 })
	rnd := rand.New(rand.NewPCG(5, 9))
	for n := range 24 {
		v := make([]float32, space.GetDimension())
		for k := range v {
			v[k] = float32(rnd.NormFloat64())
		}
		q := search.SetQuery{Vector: &search.VectorQuery{Scope: search.NewScope([]string{"run-vectors-0", "run-vectors-1", "run-vectors-2"}[n%3:]), Space: spaceName, Vector: v}, Scored: true}
		passes := func(*pb.Embedding) bool { return true }
		switch n / 3 % 3 {
		case 1:
			q.Vector.Filter.Languages = []string{"en"}
			passes = func(m *pb.Embedding) bool { return m.GetLanguage() == "en-GB" }
		case 2:
			q.Vector.Filter = search.Filter{Kinds: []string{schema.KindShot}, Span: schema.Interval{Start: 9000 * schema.Second, End: 31000 * schema.Second}}
			passes = func(m *pb.Embedding) bool {
				return m.GetKind() == schema.KindShot && schema.IntervalOf(m).Overlaps(q.Vector.Filter.Span)
			}
		}
		if n%2 == 1 {
			for i := range 2 {
				for at := 100 * i; at < 30000; at += 1 + rnd.IntN(3000) {
					end := at + 1 + rnd.IntN(500)
					q.Where = append(q.Where, search.Window{Asset: fmt.Sprintf("asset-%d", i), Interval: schema.Interval{Start: schema.Time(at) * schema.Second, End: schema.Time(end) * schema.Second}})
					at = end
				}
			}
		}
		q.MinScore = leastScore(v, all, []float64{-1, 0.1, 0.3, 0.6}[n%4])
		var want []search.Hit
		for _, m := range all {
			if q.Vector.Scope.Has(m.GetRun()) && passes(m) && within(q.Where, m.GetAsset(), schema.IntervalOf(m)) && cosine(v, m.GetVector()) >= q.MinScore {
				want = append(want, search.Hit{Run: m.GetRun(), Ordinal: m.GetOrdinal(), Asset: m.GetAsset(), Kind: m.GetKind(), Interval: schema.IntervalOf(m)})
			}
		}
		slices.SortFunc(want, search.ComparePlaces)
		sameSet(t, e, fmt.Sprintf("filter %+v, %d windows, score %v", q.Vector.Filter, len(q.Where), q.MinScore), q, want)
	}
}

// leastScore returns a score near another score, so far from the scores of all vectors that rounding decides nothing.
func leastScore(v []float32, all []*pb.Embedding, near float64) float64 {
	scores := make([]float64, len(all))
	for i, m := range all {
		scores[i] = cosine(v, m.GetVector())
	}
	slices.Sort(scores)
	i, _ := slices.BinarySearch(scores, near)
	for ; i > 0 && i < len(scores); i++ {
		if scores[i]-scores[i-1] > 1e-5 {
			return (scores[i] + scores[i-1]) / 2
		}
	}
	return near
}

func testSetRefusals(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e, corpus()...)
	words := search.TextQuery{Scope: allRuns(), Words: "lighthouse"}
	vector := search.VectorQuery{Scope: allRuns(), Space: spaceName, Vector: vectors(1)[0].GetVector()}
	for name, c := range map[string]struct {
		kind   errkind.Kind
		change func(*search.SetQuery, *search.TextQuery, *search.VectorQuery)
	}{
		"neither words nor a vector": {errkind.Internal, func(q *search.SetQuery, _ *search.TextQuery, _ *search.VectorQuery) {}},
		"both":                       {errkind.Internal, func(q *search.SetQuery, w *search.TextQuery, v *search.VectorQuery) { q.Text, q.Vector = w, v }},
		"words without a scope":      {errkind.Internal, func(q *search.SetQuery, w *search.TextQuery, _ *search.VectorQuery) { w.Scope, q.Text = nil, w }},
		"a vector without a scope":   {errkind.Internal, func(q *search.SetQuery, _ *search.TextQuery, v *search.VectorQuery) { v.Scope, q.Vector = nil, v }},
		"an unknown mode":            {errkind.Invalid, func(q *search.SetQuery, w *search.TextQuery, _ *search.VectorQuery) { w.Mode, q.Text = 99, w }},
		"an unknown space":           {errkind.Invalid, func(q *search.SetQuery, _ *search.TextQuery, v *search.VectorQuery) { v.Space, q.Vector = "other@1", v }},
		"another dimension": {errkind.Invalid, func(q *search.SetQuery, _ *search.TextQuery, v *search.VectorQuery) {
			v.Vector, q.Vector = v.Vector[:3], v
		}},
		"an empty window": {errkind.Internal, func(q *search.SetQuery, w *search.TextQuery, _ *search.VectorQuery) {
			q.Text, q.Where = w, []search.Window{{Asset: "a"}}
		}},
	} {
		q, w, v := search.SetQuery{}, words, vector
		c.change(&q, &w, &v)
		n := 0
		var last error
		for _, err := range e.Set(t.Context(), q) {
			n++
			last = err
		}
		if n != 1 || errkind.Of(last) != c.kind {
			t.Errorf("%s: %d items, error %v of kind %v", name, n, last, errkind.Of(last))
		}
	}
	for name, q := range map[string]search.SetQuery{
		"no runs":    {Text: &search.TextQuery{Scope: search.NewScope(nil), Words: "lighthouse"}},
		"no vectors": {Vector: &search.VectorQuery{Scope: search.NewScope(nil), Space: spaceName, Vector: vector.Vector}, MinScore: -1},
		"nowhere":    {Text: &words, Where: []search.Window{}},
		"no words":   {Text: &search.TextQuery{Scope: allRuns()}},
	} {
		if got := set(t, e, q); len(got) > 0 {
			t.Errorf("%s: %v", name, names(got))
		}
		if _, err := e.Size(t.Context(), q); err != nil {
			t.Errorf("%s: the size: %v", name, err)
		}
	}
}

// testSetsOfNoAsset: an item of no asset is in the windows of no asset.
func testSetsOfNoAsset(t *testing.T, h Harness) {
	e := open(t, h)
	write(t, e,
		&pb.Annotation{Run: "run-1", Kind: schema.KindDialogue, Text: "zorb", Start: 5, End: 9, Confidence: 1},
		&pb.Annotation{Run: "run-2", Asset: "a", Kind: schema.KindDialogue, Text: "zorb", Start: 5, End: 9, Confidence: 1})
	q := search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run-1", "run-2"}), Words: "zorb"}}
	for asset, want := range map[string][]string{"": item("run-1", "0"), "a": item("run-2", "0"), "b": nil} {
		q.Where = []search.Window{{Asset: asset, Interval: schema.Interval{Start: 8, End: 20}}}
		if got := names(set(t, e, q)); !slices.Equal(got, want) {
			t.Errorf("windows of asset %q: %v, want %v", asset, got, want)
		}
	}
}

// testSetSequence stops sequences early, cancels sequences, and writes during sequences.
func testSetSequence(t *testing.T, h Harness) {
	e := open(t, h)
	const n = 6000
	line := func(i int, text string) *pb.Annotation {
		return &pb.Annotation{Run: fmt.Sprint("run-", i%3), Ordinal: int64(i / 3), Asset: fmt.Sprint("asset-", i%5), Kind: schema.KindDialogue, Text: text, Start: int64(i), End: int64(i + 1), Confidence: 1}
	}
	var all []*pb.Annotation
	for i := range n {
		all = append(all, line(i, "zorb"))
	}
	write(t, e, all...)
	scope := search.NewScope([]string{"run-0", "run-1", "run-2"})
	q := search.SetQuery{Text: &search.TextQuery{Scope: scope, Words: "zorb"}}
	whole := set(t, e, q)
	if len(whole) != n {
		t.Fatalf("%d items", len(whole))
	}
	for _, stop := range []int{1, 2, 4999} {
		var first []search.Hit
		for hit, err := range e.Set(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			if first = append(first, hit); len(first) == stop {
				break
			}
		}
		if !slices.Equal(first, whole[:stop]) {
			t.Errorf("the first %d are not the first of all", stop)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := 0
	var ended error
	for hit, err := range e.Set(ctx, q) {
		if err != nil {
			ended = err
			continue
		}
		if hit != whole[got] {
			t.Fatalf("item %d is %v", got, hit)
		}
		if got++; got == 10 {
			cancel()
		}
	}
	if errkind.Of(ended) != errkind.Cancelled && got < n {
		t.Errorf("cancelled after 10 items, the sequence ended after %d with %v", got, ended)
	}
	got = 0
	for _, err := range e.Set(ctx, q) {
		got++
		ended = err
	}
	if got != 1 || errkind.Of(ended) != errkind.Cancelled {
		t.Errorf("cancelled before the first item: %d items, %v", got, ended)
	}
	if _, err := e.Size(ctx, q); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("the size after cancelling: %v", err)
	}
	// Writes during the sequence: an item deleted, an item changed, an item new.
	var seen []search.Hit
	for hit, err := range e.Set(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, hit); len(seen) == 100 {
			write(t, e, line(n-1, "blat"), line(n+2, "zorb"))
			if err := e.TrimRun(t.Context(), "run-1", 0, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !slices.Equal(seen, whole) {
		t.Errorf("the writes changed a set that was being read: %d items of %d", len(seen), len(whole))
	}
	if after := set(t, e, q); len(after) != n/3*2 {
		t.Errorf("after the writes: %d items", len(after))
	}
}
