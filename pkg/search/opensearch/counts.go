package opensearch

import (
	"maps"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/search"
)

// counts are numbers of documents within a large scope and a filter, which weigh words. The scopes of a list of hidden runs share the
// counts for countsLast. A hidden run is in no count. The mutex of scopes guards the fields.
type counts struct {
	asOf   time.Time
	byBase map[string]uint64 // the documents of each base language; nobody changes the map
	// verified is a scope whose base languages are all in byBase.
	verified search.Runs
	words    map[string]uint64 // the documents with a frequent word, by field and term
}

// counted returns the documents of each base language within a scope; nil if the documents are to be counted. shown are runs whose base
// languages may be missing.
func (s *scopes) counted(k *sentScope, key string) (byBase map[string]uint64, shown []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := k.list.first().counts[key]
	if c == nil || time.Since(c.asOf) > countsLast {
		return nil, nil
	}
	changed, ok := k.runs.Changed(c.verified)
	if !ok || len(changed) > rebaseAfter {
		return nil, nil
	}
	for _, run := range sortedOnce(changed) {
		if k.runs.Has(run) {
			shown = append(shown, run)
		}
	}
	return c.byBase, shown
}

// keepCounts keeps counts for every scope of the list.
func (s *scopes) keepCounts(k *sentScope, key string, byBase map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := k.list.first()
	if l.counts == nil || len(l.counts) >= countsKept {
		l.counts = map[string]*counts{}
	}
	l.counts[key] = &counts{asOf: time.Now(), byBase: maps.Clone(byBase), verified: k.runs, words: map[string]uint64{}}
}

// keepBases adds the base languages of a scope.
func (s *scopes) keepBases(k *sentScope, key string, byBase map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := k.list.first().counts[key]; c != nil {
		all := maps.Clone(byBase)
		maps.Copy(all, c.byBase)
		c.byBase, c.verified = all, k.runs
	}
}

// wordsOf returns the documents with each of the frequent words.
func (s *scopes) wordsOf(k *sentScope, key string, words []string) map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]uint64{}
	if c := k.list.first().counts[key]; c != nil && time.Since(c.asOf) <= countsLast {
		for _, w := range words {
			if n, ok := c.words[w]; ok {
				found[w] = n
			}
		}
	}
	return found
}

// keepWords keeps the counts of frequent words.
func (s *scopes) keepWords(k *sentScope, key string, words map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := k.list.first().counts[key]
	if c == nil {
		return
	}
	if len(c.words)+len(words) > wordsKept {
		c.words = map[string]uint64{}
	}
	maps.Copy(c.words, words)
}

// sum returns the sum of all counts.
func sum(byBase map[string]uint64) (n uint64) {
	for _, count := range slices.Collect(maps.Values(byBase)) {
		n += count
	}
	return n
}
