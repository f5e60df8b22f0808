package gateway

import "sync"

// A lineage numbers the snapshots of a library in their order, and knows which assets differ between two of them.
type lineage struct {
	mu     sync.Mutex
	first  int64 // the number of the oldest snapshot that the lineage remembers
	deltas [][]string
	size   int // assets in deltas
}

// What a lineage remembers. Who comes with an older snapshot works out everything anew.
const (
	rememberedChanges = 1 << 15 // assets in all deltas
	rememberedDeltas  = 1 << 13
)

// add numbers a new snapshot. changed are the assets that differ from the snapshot before.
func (l *lineage) add(changed []string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deltas = append(l.deltas, changed)
	l.size += len(changed)
	for l.size > rememberedChanges || len(l.deltas) > rememberedDeltas {
		l.size -= len(l.deltas[0])
		l.deltas = l.deltas[1:]
		l.first++
	}
	return l.first + int64(len(l.deltas))
}

// between returns the assets that may differ between two snapshots, each once; false where the lineage does not remember.
func (l *lineage) between(a, b int64) (map[string]bool, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, b = min(a, b), max(a, b)
	if a < l.first || b > l.first+int64(len(l.deltas)) {
		return nil, false
	}
	ids := map[string]bool{}
	for _, changed := range l.deltas[a-l.first : b-l.first] {
		for _, id := range changed {
			ids[id] = true
		}
	}
	return ids, true
}
