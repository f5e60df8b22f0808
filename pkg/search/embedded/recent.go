package embedded

// A weighed is a value that recent keeps: how many bytes the value holds by itself, and how many keys it is kept under.
type weighed struct {
	bytes uint64
	keys  int
}

func (w *weighed) weight() *weighed { return w }

// recent keeps the values used last, bounded in number and in bytes. A value that is kept under several keys counts once.
type recent[K comparable, V interface{ weight() *weighed }] struct {
	most      int
	mostBytes uint64
	bytes     uint64
	items     []recentItem[K, V] // the last used one at the end
}

type recentItem[K comparable, V any] struct {
	key   K
	value V
}

func (r *recent[K, V]) get(key K) (value V, ok bool) {
	for i := len(r.items) - 1; i >= 0; i-- {
		if r.items[i].key == key {
			it := r.items[i]
			copy(r.items[i:], r.items[i+1:])
			r.items[len(r.items)-1] = it
			return it.value, true
		}
	}
	return value, false
}

// last returns the last used value that passes.
func (r *recent[K, V]) last(pass func(K, V) bool) (value V, ok bool) {
	for i := len(r.items) - 1; i >= 0; i-- {
		if pass(r.items[i].key, r.items[i].value) {
			return r.items[i].value, true
		}
	}
	return value, false
}

// put keeps a value under a key that has none. The value stays even if it is larger than the bound.
func (r *recent[K, V]) put(key K, value V) {
	w := value.weight()
	if w.keys++; w.keys == 1 {
		r.bytes += w.bytes
	}
	r.items = append(r.items, recentItem[K, V]{key, value})
	for len(r.items) > 1 && (len(r.items) > r.most || r.bytes > r.mostBytes) {
		old := r.items[0].value.weight()
		if old.keys--; old.keys == 0 {
			r.bytes -= old.bytes
		}
		copy(r.items, r.items[1:])
		r.items[len(r.items)-1] = recentItem[K, V]{}
		r.items = r.items[:len(r.items)-1]
	}
}
