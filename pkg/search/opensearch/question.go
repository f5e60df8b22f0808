package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// maxClauses bounds the terms of a query. The cluster takes 1,024 (indices.query.bool.max_clause_count).
const maxClauses = 900

// findText answers a question about words in three steps: the languages of the visible texts, the weights of the words there, and the
// hits.
func (e *Engine) findText(ctx context.Context, at func(part) string, q search.TextQuery) ([]search.Hit, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit := min(q.Limit, search.MaxLimit)
	asked := words.Question(q.Words)
	if limit <= 0 || len(asked) == 0 || q.Scope.Empty() {
		return nil, nil
	}
	index := at(e.text)
	return e.held(q.Scope, q.Filter, func(visible within) ([]search.Hit, error) {
		return e.findWithin(ctx, index, visible, q, asked, limit)
	})
}

// findWithin takes the three steps within the scope and the filter.
func (e *Engine) findWithin(ctx context.Context, index string, visible within, q search.TextQuery, asked []byte, limit int) ([]search.Hit, error) {
	groups, err := e.textQueries(ctx, index, visible, q, asked, true)
	if err != nil {
		return nil, err
	}
	searches := make([]object, len(groups))
	for i, g := range groups {
		searches[i] = object{
			"size": limit, "track_total_hits": false, "_source": hitFields, "sort": []any{"_score", "run", "ordinal"},
			"query": object{"bool": object{"filter": visible.list(late(q.Filter, true)...), "should": g, "minimum_should_match": 1}},
		}
	}
	return e.search(ctx, index, visible, searches, limit)
}

// textQueries returns the queries of the fields, in groups of at most maxClauses terms. A document is found by the queries of at most one
// group, since a document is of a single field. If weighed is false, the queries find the same documents with other scores: the words are not
// counted, and q.Mode MUST NOT be Fuzzy or Prefix.
func (e *Engine) textQueries(ctx context.Context, index string, visible within, q search.TextQuery, asked []byte, weighed bool) (groups [][]any, err error) {
	fields, err := e.weighedFields(ctx, index, visible, q, asked, weighed)
	if err != nil {
		return nil, err
	}
	used := 0
	for _, f := range fields {
		clauses := f.clauses()
		if len(clauses) == 0 {
			continue
		}
		query, cost := f.query(clauses)
		if len(groups) == 0 || used+cost > maxClauses {
			groups, used = append(groups, nil), 0
		}
		last := &groups[len(groups)-1]
		*last, used = append(*last, query), used+cost
	}
	return groups, nil
}

// weighedFields returns the fields of a question with the counts of their words. If weighed is false, each word counts as one document.
func (e *Engine) weighedFields(ctx context.Context, index string, visible within, q search.TextQuery, asked []byte, weighed bool) ([]*field, error) {
	var t texts
	var err error
	if weighed || q.Field != search.FieldLabel {
		if t, err = e.texts(ctx, index, visible); err == nil && !weighed {
			err = e.countShown(ctx, index, visible, &t)
		}
		if err != nil {
			return nil, fmt.Errorf("counting texts: %w", err)
		}
	}
	for {
		fields, err := e.fields(t.byBase, q, asked)
		if err != nil {
			return nil, err
		}
		if !weighed {
			for _, f := range fields {
				f.takeAll()
			}
			return fields, nil
		}
		languages := len(t.byBase)
		if err := e.count(ctx, index, visible, &t, fields); err != nil {
			return nil, fmt.Errorf("counting words: %w", err)
		}
		if len(t.byBase) == languages {
			return fields, nil
		}
	}
}

// takeAll takes each term of each word as if a single document had the term.
func (f *field) takeAll() {
	for k := range f.words {
		w := &f.words[k]
		w.counts = map[string]uint64{}
		for _, a := range w.counted() {
			w.counts[a.Term] = 1
		}
	}
}

// A field is the texts of a language, or the labels, with the words of a question.
type field struct {
	name  string
	terms string // the field with the terms of each document
	base  string // the base language, if the texts share their field with other languages
	lang  *words.Language
	mode  search.TextMode
	slop  int    // of a phrase
	docs  uint64 // the number of visible texts

	words []word
}

// A word is a word of a question, with the possible terms of the word.
type word struct {
	exact    []words.Alternative // the terms of the word itself
	offset   int
	typed    *words.Typed // set if the word is being typed, and long enough to be completed
	shorter  [][]words.Alternative
	nearness *words.Nearness // set if the word may be misspelt
	folded   string

	counts map[string]uint64      // of exact and shorter
	found  map[string]words.Found // by typed and nearness
}

// fields returns the fields to look in: the texts of each visible language allowed by the question, or the labels.
func (e *Engine) fields(byBase map[string]uint64, q search.TextQuery, asked []byte) ([]*field, error) {
	var fields []*field
	if q.Field == search.FieldLabel {
		fields = []*field{{name: "label", terms: "labels", lang: e.languages.Label(), mode: q.Mode, slop: words.SlopOf(q.Slop), docs: sum(byBase)}}
	} else {
		bases := make([]string, 0, len(byBase))
		for base := range byBase {
			if base == "" {
				continue
			}
			if len(q.Languages) == 0 || slices.ContainsFunc(q.Languages, func(tag string) bool { return words.BaseOf(words.Canonical(valid(tag))) == base }) {
				bases = append(bases, base)
			}
		}
		slices.Sort(bases)
		for _, base := range bases {
			lang, err := e.languages.Of(base)
			if err != nil {
				return nil, err
			}
			f := &field{name: "text." + fieldOf(base), terms: "terms", lang: lang, mode: q.Mode, slop: words.SlopOf(q.Slop), docs: byBase[base]}
			if !own[base] {
				f.base = base
			}
			fields = append(fields, f)
		}
	}
	for _, f := range fields {
		if err := f.ask(slices.Clone(asked)); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// texts are the numbers of visible documents of each base language. The key of documents without a text is empty. In a large scope the
// numbers may be countsLast old, and of a related scope.
type texts struct {
	byBase map[string]uint64
	// shown are runs whose base languages may be missing.
	shown []string
}

func (e *Engine) texts(ctx context.Context, index string, visible within) (t texts, err error) {
	if visible.sent == nil { // a scope that names its runs is small
		t.byBase, err = e.countTexts(ctx, index, visible, "base")
		return t, err
	}
	key := visible.countsKey(index)
	if t.byBase, t.shown = e.scopes.counted(visible.sent, key); t.byBase != nil {
		return t, nil
	}
	t.byBase, err = e.countTexts(ctx, index, visible, "base")
	if err == nil && sum(t.byBase) >= e.countOnce {
		e.scopes.keepCounts(visible.sent, key, t.byBase)
	}
	return t, err
}

// countShown adds the base languages of the runs shown.
func (e *Engine) countShown(ctx context.Context, index string, visible within, t *texts) error {
	if len(t.shown) == 0 {
		return nil
	}
	within := visible
	within.filters = append(slices.Clip(visible.filters), object{"terms": object{"run": t.shown}})
	byBase, err := e.countTexts(ctx, index, within, "base")
	if err == nil {
		e.takeShown(index, visible, t, byBase)
	}
	return err
}

// takeShown adds the base languages of the runs shown, for this question and for later questions.
func (e *Engine) takeShown(index string, visible within, t *texts, byBase map[string]uint64) {
	all := maps.Clone(byBase)
	maps.Copy(all, t.byBase)
	t.byBase, t.shown = all, nil
	e.scopes.keepBases(visible.sent, visible.countsKey(index), all)
}

// countTexts counts the visible documents by language, or by base language. The key of documents without a text is empty.
func (e *Engine) countTexts(ctx context.Context, index string, visible within, by string) (map[string]uint64, error) {
	var answer struct {
		Aggregations struct {
			By buckets `json:"by"`
		} `json:"aggregations"`
	}
	err := e.client.do(ctx, http.MethodPost, visible.counting(index), visible.request(object{
		"size": 0, "track_total_hits": false, "query": visible.all(),
		"aggs": object{"by": countBy(by)},
	}), &answer)
	return answer.Aggregations.By.counts(), err
}

// countBy is the aggregation of countTexts.
func countBy(field string) object {
	return object{"terms": object{"field": field, "size": 10_000, "missing": ""}}
}

func (e *Engine) languagesWithin(ctx context.Context, at func(part) string, s *search.Scope) ([]string, error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	if s.Empty() {
		return nil, ctx.Err()
	}
	visible, err := e.visible(s, search.Filter{}, nil)
	if err != nil {
		return nil, err
	}
	counts, err := e.countTexts(ctx, at(e.text), visible, "language")
	if err != nil {
		return nil, fmt.Errorf("counting languages: %w", err)
	}
	delete(counts, words.Undetermined)
	delete(counts, "")
	tags := make([]string, 0, len(counts))
	for tag := range counts {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags, nil
}

// ask analyses the words of a question with the analysis of the field's texts.
func (f *field) ask(asked []byte) error {
	wanted, typed := f.lang.Ask(asked, f.mode)
	for _, a := range wanted {
		exact := terms(a.Terms)
		if len(f.words) == words.MaxWords {
			break
		}
		if f.mode != search.Phrase && slices.ContainsFunc(f.words, func(w word) bool { return w.exact[0].Term == exact[0].Term }) {
			continue
		}
		w := word{exact: exact, offset: a.Position}
		if f.mode == search.Fuzzy {
			var err error
			w.folded = term(a.Folded)
			if w.nearness, err = words.Near(w.folded); err != nil {
				return err
			}
		}
		f.words = append(f.words, w)
	}
	if typed != nil && len(f.words) < words.MaxWords {
		w := word{exact: terms(typed.Terms)}
		if own := term(typed.Word); !slices.ContainsFunc(w.exact, func(a words.Alternative) bool { return a.Term == own }) {
			w.exact = append([]words.Alternative{{Term: own, Weight: 1}}, w.exact...)
		}
		if words.Expands(typed.Word) {
			w.typed = typed
			if f.lang.Stems {
				w.shorter = typed.Shorter()
			}
		}
		f.words = append(f.words, w)
	}
	return nil
}

// terms returns alternatives in their indexed form.
func terms(alts []words.Alternative) []words.Alternative {
	out := make([]words.Alternative, len(alts))
	for i, a := range alts {
		out[i] = words.Alternative{Term: term(a.Term), Weight: a.Weight}
	}
	return out
}

// counted returns the terms of a word counted by name.
func (w word) counted() []words.Alternative {
	return slices.Concat(w.exact, slices.Concat(w.shorter...))
}

// only narrows a query to the texts of the field.
func (f *field) only(query any) any {
	if f.base == "" {
		return query
	}
	return all(object{"term": object{"base": f.base}}, query)
}

type bucket struct {
	Key   string `json:"key"`
	Count uint64 `json:"doc_count"`
}

type buckets struct {
	Buckets []bucket `json:"buckets"`
}

func (b buckets) counts() map[string]uint64 {
	counts := make(map[string]uint64, len(b.Buckets))
	for _, b := range b.Buckets {
		counts[b.Key] = b.Count
	}
	return counts
}

// count counts the visible documents of each term, and finds the visible terms possibly meant by words. The counts of frequent words may
// be as old as the counts of texts. count adds the base languages of the runs shown to t.
func (e *Engine) count(ctx context.Context, index string, visible within, t *texts, fields []*field) error {
	known := e.frequentWords(index, visible, fields)
	aggs, queries := countsOf(fields, known)
	if len(t.shown) > 0 {
		shown := object{"terms": object{"run": t.shown}}
		aggs["shown"] = object{"filter": shown, "aggs": object{"by": countBy("base")}}
		queries = append(queries, shown)
	}
	answers, err := e.askCounts(ctx, index, visible, aggs, queries)
	if err != nil {
		return err
	}
	var counted struct {
		Buckets map[string]bucket `json:"buckets"`
	}
	if exact := answers["exact"]; len(exact) > 0 {
		if err := json.Unmarshal(exact, &counted); err != nil {
			return fmt.Errorf("decoding counts: %w", err)
		}
	}
	often := map[string]uint64{}
	for i, f := range fields {
		for k := range f.words {
			w := &f.words[k]
			w.counts, w.found = map[string]uint64{}, map[string]words.Found{}
			for _, a := range w.counted() {
				n, ok := known[f.wordKey(a.Term)]
				if !ok {
					n = counted.Buckets[exactCount(i, a.Term)].Count
				}
				if w.counts[a.Term] = n; !ok && n >= e.frequent {
					often[f.wordKey(a.Term)] = n
				}
			}
			if err := w.take(answers[expandedCount(i, k)]); err != nil {
				return err
			}
		}
	}
	if len(t.shown) > 0 {
		var shown struct {
			By buckets `json:"by"`
		}
		if err := json.Unmarshal(answers["shown"], &shown); err != nil {
			return fmt.Errorf("decoding counts of texts: %w", err)
		}
		e.takeShown(index, visible, t, shown.By.counts())
	}
	if len(often) > 0 && visible.sent != nil {
		e.scopes.keepWords(visible.sent, visible.countsKey(index), often)
	}
	return nil
}

// askCounts sends aggregations over the visible documents of any of the queries.
func (e *Engine) askCounts(ctx context.Context, index string, visible within, aggs object, queries []any) (map[string]json.RawMessage, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	query := visible.all()
	if len(queries) <= maxClauses { // the cluster goes through the documents with one of the words, and not through all visible documents
		query = all(visible.list(anyOf(queries...))...)
	}
	var answer struct {
		Aggregations map[string]json.RawMessage `json:"aggregations"`
	}
	err := e.client.do(ctx, http.MethodPost, visible.counting(index), visible.request(object{"size": 0, "track_total_hits": false, "query": query, "aggs": aggs}), &answer)
	return answer.Aggregations, err
}

// frequentWords returns the counts of the frequent words of a large scope.
func (e *Engine) frequentWords(index string, visible within, fields []*field) map[string]uint64 {
	if visible.sent == nil {
		return nil
	}
	var keys []string
	for _, f := range fields {
		for _, w := range f.words {
			for _, a := range w.counted() {
				keys = append(keys, f.wordKey(a.Term))
			}
		}
	}
	return e.scopes.wordsOf(visible.sent, visible.countsKey(index), keys)
}

// wordKey names a term of the field.
func (f *field) wordKey(term string) string { return f.name + " " + f.base + " " + term }

// exactCount names the count of a term of a field. expandedCount names the count of the possible terms of a word of a field.
func exactCount(field int, term string) string { return strconv.Itoa(field) + " " + term }
func expandedCount(field, word int) string     { return fmt.Sprintf("%d %d", field, word) }

// countsOf returns the aggregations that count the terms of all fields but for the known terms, and the queries finding the documents to
// count.
func countsOf(fields []*field, known map[string]uint64) (aggs object, queries []any) {
	exact := map[string]any{}
	aggs = object{}
	for i, f := range fields {
		for k, w := range f.words {
			for _, a := range w.counted() {
				if _, ok := known[f.wordKey(a.Term)]; ok {
					continue
				}
				query := f.only(object{"term": object{f.name: a.Term}})
				exact[exactCount(i, a.Term)] = query
				queries = append(queries, query)
			}
			if counts := f.expand(w); counts != nil {
				aggs[expandedCount(i, k)] = counts
				queries = append(queries, counts["filter"])
			}
		}
	}
	if len(exact) > 0 {
		aggs["exact"] = object{"filters": object{"filters": exact}}
	}
	return aggs, queries
}

// expand returns the aggregation that counts the possible terms of a word; nil if the word has no other term.
func (f *field) expand(w word) object {
	// terms counts, in the documents of a query, the terms accepted by a pattern.
	terms := func(query object, pattern string, size int) object {
		return object{
			"filter": f.only(query),
			"aggs": object{"terms": object{"terms": object{
				"field": f.terms, "include": pattern, "size": size, "shard_size": maxExpansions,
				"order": []any{object{"_count": "desc"}, object{"_key": "asc"}},
			}}},
		}
	}
	switch {
	case w.typed != nil:
		var begun []any
		var patterns []string
		for _, b := range w.typed.Begins {
			begun = append(begun, object{"prefix": object{f.name: object{"value": term(b), "rewrite": "constant_score"}}})
			patterns = append(patterns, quote(term(b))+".*")
		}
		return terms(anyOf(begun...), strings.Join(patterns, "|"), words.MaxAlternatives+len(w.exact))
	case w.nearness != nil && w.nearness.Most > 0:
		pattern := nearPattern(w.folded, w.nearness.Most)
		return terms(near(f.name, w.folded, w.nearness.Most), pattern+"|"+quote(words.FoldedForm(""))+"("+pattern+")", maxExpansions)
	}
	return nil
}

// take reads the possible terms of a word from an answer. answer is empty if the question asked for none.
func (w *word) take(answer json.RawMessage) error {
	if len(answer) == 0 {
		return nil
	}
	var terms struct {
		Terms buckets `json:"terms"`
	}
	if err := json.Unmarshal(answer, &terms); err != nil {
		return fmt.Errorf("decoding terms: %w", err)
	}
	for _, b := range terms.Terms.Buckets {
		distance, folded := uint8(1), words.IsFolded(b.Key)
		if w.typed != nil {
			folded = !strings.HasPrefix(b.Key, term(w.typed.Begins[0]))
		}
		if w.nearness != nil {
			var near bool
			if distance, near = w.nearness.Distance(b.Key); !near {
				continue
			}
		}
		w.found[b.Key] = words.Found{Distance: distance, Folded: folded, Count: b.Count}
	}
	return nil
}

// maxExpansions bounds the terms read for a word: the most frequent visible terms. The cluster takes 65,535 buckets.
const maxExpansions = 10_000

// near finds the documents with a term near a word, or near the word's folded form. A near term differs by a letter anywhere, or by two
// letters behind the right first letter.
func near(field, word string, most uint8) object {
	folded := words.FoldedForm(word)
	fuzzy := func(word string, distance uint8, same int) object {
		// With this rewrite, no term displaces another term.
		return object{"fuzzy": object{field: object{"value": word, "fuzziness": distance, "prefix_length": same, "transpositions": true, "rewrite": "constant_score"}}}
	}
	if most < 2 {
		return anyOf(fuzzy(word, 1, 0), fuzzy(folded, 1, 1))
	}
	return anyOf(fuzzy(word, 1, 0), fuzzy(word, 2, 1), fuzzy(folded, 2, 1))
}

// anyOf finds the documents of any of the queries.
func anyOf(queries ...any) object {
	return object{"bool": object{"should": queries, "minimum_should_match": 1}}
}

// nearPattern accepts all terms near a word and few other terms. The automaton of words.Nearness decides which terms are near.
func nearPattern(word string, most uint8) string {
	letters := []rune(word)
	n := len(letters)
	if n > 24 {
		return fmt.Sprintf(".{%d,%d}", n-int(most), n+int(most))
	}
	part := func(from, to int) string { return quote(string(letters[from:to])) }
	var p []string
	if most == 2 {
		p = append(p, fmt.Sprintf("%s.{%d,%d}", part(0, 1), n-3, n+1))
	}
	for i := range letters {
		p = append(p, part(0, i)+".?"+part(i+1, n), part(0, i)+"."+part(i, n))
		if i+1 < n {
			p = append(p, part(0, i)+part(i+1, i+2)+part(i, i+1)+part(i+2, n))
		}
	}
	return strings.Join(append(p, part(0, n)+"."), "|")
}

// quote escapes the signs with a meaning in Lucene's patterns.
func quote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A clause is a word with the terms of the word. Each term weighs more than zero.
type clause struct {
	terms  []words.Alternative
	offset int
	idf    float64
}

// clauses returns the clauses to look for; nil if no document can match.
func (f *field) clauses() []clause {
	var known []clause
	for _, w := range f.words {
		terms := w.alternatives()
		var df uint64
		terms = slices.DeleteFunc(terms, func(a words.Alternative) bool {
			df = max(df, a.Docs)
			return a.Docs == 0
		})
		if df == 0 {
			// A word without a visible document matches nothing. Such a word ends a question for all words.
			if f.mode == search.AllWords || f.mode == search.Phrase {
				return nil
			}
			continue
		}
		// Texts may have been added since the texts were counted.
		known = append(known, clause{terms, w.offset, words.IDF(max(f.docs, df), df)})
	}
	if total := countTerms(known); total > maxClauses {
		for i := range known {
			most := maxClauses / len(known)
			known[i].terms = known[i].terms[:min(len(known[i].terms), most)]
		}
	}
	return known
}

func countTerms(clauses []clause) (n int) {
	for _, c := range clauses {
		n += len(c.terms)
	}
	return n
}

func (w word) alternatives() []words.Alternative {
	if w.nearness != nil && w.nearness.Most == 0 || w.nearness == nil && w.typed == nil {
		exact := slices.Clone(w.exact)
		for i := range exact {
			exact[i].Docs = w.counts[exact[i].Term]
		}
		return exact
	}
	found := words.Exact(w.exact)
	for t, f := range found {
		f.Count = w.counts[t]
		found[t] = f
	}
	exact := len(found)
	for t, f := range w.found {
		if _, ok := found[t]; !ok {
			found[t] = f
		}
	}
	if w.nearness != nil {
		return words.Misspelt(found)
	}
	if len(found) > exact {
		return words.Begun(found)
	}
	for _, shorter := range w.shorter {
		n := uint64(0)
		for _, a := range shorter {
			n += w.counts[a.Term]
		}
		if n > 0 {
			for _, a := range shorter {
				found[a.Term] = words.Found{Distance: 1, Folded: a.Weight < 1, Count: w.counts[a.Term]}
			}
			break
		}
	}
	return words.Begun(found)
}

// query returns the field's part of a search, and the number of terms in that part.
func (f *field) query(clauses []clause) (query any, cost int) {
	var parts []any
	for _, c := range clauses {
		var terms []any
		for _, t := range c.terms {
			terms = append(terms, object{"term": object{f.name: object{"value": t.Term, "boost": t.Weight * c.idf}}})
		}
		if len(terms) == 1 {
			parts = append(parts, terms[0])
		} else {
			parts = append(parts, object{"dis_max": object{"queries": terms}})
		}
	}
	cost = countTerms(clauses) + 1
	switch {
	case f.mode == search.Phrase && len(clauses) > 1:
		// Words in between lower the score: see words.PhraseFactor.
		var functions []any
		for gaps := range min(f.slop, words.GradedGaps) {
			functions = append(functions, object{"filter": f.inOrder(clauses, gaps), "weight": words.PhraseFactor(gaps)})
		}
		functions = append(functions, object{"filter": f.inOrder(clauses, f.slop), "weight": words.PhraseFactor(f.slop)})
		cost *= 2 + 2*len(functions)
		query = object{"function_score": object{
			"query":     object{"bool": object{"must": parts, "filter": []any{f.inOrder(clauses, f.slop)}}},
			"functions": functions, "score_mode": "first", "boost_mode": "multiply",
		}}
	case f.mode == search.AllWords || f.mode == search.Phrase:
		query = object{"bool": object{"must": parts}}
	default:
		query = object{"bool": object{"should": parts, "minimum_should_match": 1}}
	}
	if f.base != "" {
		query = object{"bool": object{"must": []any{query}, "filter": []any{object{"term": object{"base": f.base}}}}}
	}
	return query, cost
}

// inOrder finds clauses in their order, with up to gaps words more or fewer in between than in the question. A stop word left out
// of the question leaves its position open.
func (f *field) inOrder(clauses []clause, gaps int) object {
	holes := make([]int, len(clauses)-1)
	for i := range holes {
		holes[i] = max(0, clauses[i+1].offset-clauses[i].offset-1)
	}
	var ways []any
	var fewer func(i, left int, holes []int)
	fewer = func(i, left int, holes []int) {
		if len(ways) == maxWays {
			return
		}
		if i == len(holes) {
			ways = append(ways, f.span(clauses, holes, left))
			return
		}
		for n := range min(left, holes[i]) + 1 {
			less := slices.Clone(holes)
			less[i] -= n
			fewer(i+1, left-n, less)
		}
	}
	fewer(0, gaps, holes)
	if len(ways) == 1 {
		return ways[0].(object)
	}
	return object{"bool": object{"should": ways, "minimum_should_match": 1}}
}

// maxWays bounds the combinations of open positions left to fewer words. With four or more open positions, not every combination
// is tried.
const maxWays = 12

func (f *field) span(clauses []clause, holes []int, slop int) object {
	var spans []any
	for i, c := range clauses {
		if i > 0 && holes[i-1] > 0 {
			spans = append(spans, object{"span_gap": object{f.name: holes[i-1]}})
		}
		forms := make([]any, len(c.terms))
		for k, t := range c.terms {
			forms[k] = object{"span_term": object{f.name: t.Term}}
		}
		if len(forms) == 1 {
			spans = append(spans, forms[0])
		} else {
			spans = append(spans, object{"span_or": object{"clauses": forms}})
		}
	}
	return object{"span_near": object{"clauses": spans, "slop": slop, "in_order": true}}
}

// hitFields are the fields of a document in a Hit.
var hitFields = []string{"run", "ordinal", "asset", "kind", "language", "start", "end"}

type found struct {
	Error json.RawMessage `json:"error"`
	Hits  struct {
		Hits []struct {
			Score  float32 `json:"_score"`
			Source body    `json:"_source"`
		} `json:"hits"`
	} `json:"hits"`
}

func (f found) list() []search.Hit {
	hits := make([]search.Hit, len(f.Hits.Hits))
	for i, h := range f.Hits.Hits {
		s := h.Source
		hits[i] = search.Hit{
			Run: s.Run, Ordinal: s.Ordinal, Asset: s.Asset, Kind: s.Kind, Language: s.Language,
			Interval: schema.Interval{Start: schema.Time(s.Start), End: schema.Time(s.End)}, Score: float64(h.Score),
		}
	}
	return hits
}

// search sends searches, nearly always a single search, and joins their hits.
func (e *Engine) search(ctx context.Context, index string, visible within, searches []object, limit int) ([]search.Hit, error) {
	switch len(searches) {
	case 0:
		return nil, nil
	case 1:
		var answer found
		if err := e.client.do(ctx, http.MethodPost, "/"+index+"/_search", visible.request(searches[0]), &answer); err != nil {
			return nil, fmt.Errorf("searching: %w", err)
		}
		return answer.list(), nil
	}
	var lines bytes.Buffer
	for _, s := range searches {
		b, err := visible.request(s).encode()
		if err != nil {
			return nil, fmt.Errorf("encoding a search: %w", err)
		}
		lines.WriteString("{}\n")
		lines.Write(b)
		lines.WriteByte('\n')
	}
	var answers struct {
		Responses []found `json:"responses"`
	}
	if err := e.client.do(ctx, http.MethodPost, "/"+index+"/_msearch", raw(lines.Bytes()), &answers); err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	var hits []search.Hit
	for _, a := range answers.Responses {
		if len(a.Error) > 0 {
			f := &failure{Status: http.StatusServiceUnavailable, Type: "unknown", Reason: string(a.Error)}
			_ = json.Unmarshal(a.Error, f)
			return nil, fmt.Errorf("searching: %w", wrap(f))
		}
		hits = append(hits, a.list()...)
	}
	slices.SortFunc(hits, search.CompareHits)
	return hits[:min(limit, len(hits))], nil
}
