package searchtest

import (
	"slices"
	"sync"

	"github.com/cinedex/cinedex/pkg/search"
)

// A History is a set of runs that changes, for tests. Each version of the set is a search.Runs, told by its complement, that knows the
// difference to any other version. A new History holds no run. The methods of a History and of its versions may be called from any
// goroutine.
type History struct {
	mu      sync.RWMutex
	runs    map[string]*past
	changes [][]string // changes[n] are the runs that differ between version n and version n+1
	shown   int        // how many runs the set holds now
}

// A past tells which versions of the set hold a run.
type past struct {
	asset string
	since []int  // numbers of versions, rising
	shown []bool // from the version in since on
}

// NewHistory returns a set that holds no run.
func NewHistory() *History { return &History{runs: map[string]*past{}} }

// Show adds runs of an asset to the set, as the switch to a run does.
func (h *History) Show(asset string, runs ...string) { h.Switch(asset, nil, runs) }

// Hide takes runs of an asset out of the set. A run that is new to the history is an unfinished run.
func (h *History) Hide(asset string, runs ...string) { h.Switch(asset, runs, nil) }

// Switch hides some runs of an asset and shows others at once.
func (h *History) Switch(asset string, hide, show []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, slices.Concat(hide, show))
	for i, runs := range [][]string{hide, show} {
		for _, r := range runs {
			p := h.runs[r]
			if p == nil {
				p = &past{asset: asset}
				h.runs[r] = p
			}
			if was := len(p.shown) > 0 && p.shown[len(p.shown)-1]; i == 1 && !was {
				h.shown++
			} else if i == 0 && was {
				h.shown--
			}
			p.since, p.shown = append(p.since, len(h.changes)), append(p.shown, i == 1)
		}
	}
}

// Scope returns the present version of the set, within some assets. No assets stand for every asset.
func (h *History) Scope(assets ...string) *search.Scope {
	h.mu.RLock()
	defer h.mu.RUnlock()
	v := &version{of: h, number: len(h.changes), empty: h.shown == 0}
	if len(assets) > 0 {
		v.assets = slices.Compact(slices.Sorted(slices.Values(assets)))
	}
	v.outside = sync.OnceValues(v.split)
	return &search.Scope{Runs: v}
}

// Named returns the same set as Scope, told by the names of its runs. The set is related to no other set.
func (h *History) Named(assets ...string) *search.Scope {
	inside, _ := h.Scope(assets...).Runs.(*version).split()
	return search.NewScope(inside)
}

// A version is a History's set at one moment.
type version struct {
	of      *History
	number  int
	assets  []string
	empty   bool // whether the set holds no run of any asset
	outside func() (inside, hidden []string)
}

func (v *version) Has(run string) bool {
	v.of.mu.RLock()
	defer v.of.mu.RUnlock()
	p := v.of.runs[run]
	return p != nil && v.holds(p)
}

func (v *version) holds(p *past) bool {
	i, _ := slices.BinarySearch(p.since, v.number+1) // the first change after this version, or the end
	return i > 0 && p.shown[i-1] && v.within(p.asset)
}

func (v *version) within(asset string) bool {
	if v.assets == nil {
		return true
	}
	_, ok := slices.BinarySearch(v.assets, asset)
	return ok
}

// split returns the runs of the assets: the runs inside the set, and the hidden runs.
func (v *version) split() (inside, hidden []string) {
	v.of.mu.RLock()
	defer v.of.mu.RUnlock()
	for run, p := range v.of.runs {
		switch {
		case v.holds(p):
			inside = append(inside, run)
		case v.within(p.asset) && p.since[0] <= v.number:
			hidden = append(hidden, run)
		}
	}
	slices.Sort(inside)
	slices.Sort(hidden)
	return inside, hidden
}

func (v *version) Empty() bool {
	if v.empty || v.assets == nil {
		return v.empty
	}
	inside, _ := v.outside()
	return len(inside) == 0
}

func (v *version) Named() ([]string, bool) { return nil, false }

func (v *version) Outside() (assets, hidden []string) {
	_, hidden = v.outside()
	return v.assets, hidden
}

func (v *version) Changed(since search.Runs) ([]string, bool) {
	o, ok := since.(*version)
	if !ok || o.of != v.of || !slices.Equal(o.assets, v.assets) {
		return nil, false
	}
	v.of.mu.RLock()
	defer v.of.mu.RUnlock()
	return slices.Concat(v.of.changes[min(o.number, v.number):max(o.number, v.number)]...), true
}
