package recommend

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A Moment is a place in an asset.
type Moment struct {
	Asset      string
	Start, End int64
}

// An Index holds picks in memory. An Index is safe for concurrent use.
type Index struct {
	cfg    Config
	prefix string

	mu      sync.RWMutex
	size    int
	people  map[string]person
	queries map[string]map[string]bool // the persons with a pick of a query
}

// A person is the picks of a person: by query, the day of each moment.
type person map[string]map[Moment]int32

// NewIndex makes an empty index of the persons of a secret.
func NewIndex(cfg Config, s Secret) *Index {
	return &Index{cfg: cfg, prefix: s.Prefix(), people: map[string]person{}, queries: map[string]map[string]bool{}}
}

// Size is how many picks the index holds.
func (x *Index) Size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.size
}

// Add adds a pick, or gives a held pick another day. Add returns the picks that had to go for the pick: the oldest of the same person.
func (x *Index) Add(p *pb.Pick) (gone []*pb.Pick) {
	x.mu.Lock()
	defer x.mu.Unlock()
	own := x.people[p.GetPerson()]
	if own == nil {
		own = person{}
		x.people[p.GetPerson()] = own
	}
	of := own[p.GetQuery()]
	if of == nil {
		of = map[Moment]int32{}
		own[p.GetQuery()] = of
	}
	m := Moment{p.GetAsset(), p.GetStart(), p.GetEnd()}
	if _, held := of[m]; !held {
		x.size++
	}
	of[m] = p.GetDay()
	if x.queries[p.GetQuery()] == nil {
		x.queries[p.GetQuery()] = map[string]bool{}
	}
	x.queries[p.GetQuery()][p.GetPerson()] = true
	if over := own.size() - x.cfg.MostEach; over > 0 {
		gone = oldest(own.picks(p.GetPerson()), over)
		x.drop(gone)
	}
	return gone
}

func (o person) size() (n int) {
	for _, of := range o {
		n += len(of)
	}
	return n
}

func (o person) picks(name string) (out []*pb.Pick) {
	for q, of := range o {
		for m, day := range of {
			out = append(out, &pb.Pick{Person: name, Query: q, Asset: m.Asset, Start: m.Start, End: m.End, Day: day})
		}
	}
	return out
}

// oldest returns the n oldest picks; the order among picks of a day is by identity.
func oldest(picks []*pb.Pick, n int) []*pb.Pick {
	slices.SortFunc(picks, func(a, b *pb.Pick) int {
		return cmp.Or(cmp.Compare(a.GetDay(), b.GetDay()), cmp.Compare(a.GetPerson(), b.GetPerson()), cmp.Compare(store.PickID(a), store.PickID(b)))
	})
	return picks[:min(n, len(picks))]
}

// drop takes picks out of the index. The caller holds the lock.
func (x *Index) drop(picks []*pb.Pick) {
	for _, p := range picks {
		of, m := x.people[p.GetPerson()][p.GetQuery()], Moment{p.GetAsset(), p.GetStart(), p.GetEnd()}
		if _, held := of[m]; !held {
			continue
		}
		delete(of, m)
		x.size--
		if len(of) == 0 {
			x.leave(p.GetPerson(), p.GetQuery())
		}
	}
}

// leave takes a query of a person out of the index. The caller holds the lock.
func (x *Index) leave(who, query string) {
	delete(x.people[who], query)
	if len(x.people[who]) == 0 {
		delete(x.people, who)
	}
	if delete(x.queries[query], who); len(x.queries[query]) == 0 {
		delete(x.queries, query)
	}
}

// Forget drops every pick of a person.
func (x *Index) Forget(who string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	own := x.people[who]
	x.size -= own.size()
	for _, q := range slices.Collect(maps.Keys(own)) {
		x.leave(who, q)
	}
}

// Sweep drops the picks that are to be deleted, and returns the picks: picks that are too old, picks of another secret that are older than
// a day, and the oldest picks beyond Config.Most.
func (x *Index) Sweep(today int32) (gone []*pb.Pick) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var kept []*pb.Pick
	for who, own := range x.people {
		foreign := !x.ours(who)
		for _, p := range own.picks(who) {
			if !x.fresh(p.GetDay(), today) || foreign && p.GetDay() < today-1 {
				gone = append(gone, p)
			} else {
				kept = append(kept, p)
			}
		}
	}
	if over := len(kept) - x.cfg.Most; over > 0 {
		gone = append(gone, oldest(kept, over)...)
	}
	x.drop(gone)
	return gone
}

func (x *Index) ours(who string) bool {
	return len(who) >= len(x.prefix) && who[:len(x.prefix)] == x.prefix
}

// fresh reports whether a pick counts. A pick of tomorrow is of a process whose clock is ahead.
func (x *Index) fresh(day, today int32) bool {
	return int64(today)-int64(day) < int64(x.cfg.Keep/Day) && day <= today+1
}

// unit is the weight of a person with a pick of today.
const unit = 1 << 20

// weight is the weight of a person's pick. Weights are whole numbers, so that the order of adding changes no sum.
func (x *Index) weight(day, today int32) int64 {
	age := max(float64(today)-float64(day), 0)
	return max(int64(unit*math.Exp2(-age*float64(Day)/float64(x.cfg.HalfLife))), 1)
}

// A Reader is who asks an index, and when.
type Reader struct {
	// Person is the reader, whose own picks count for nothing.
	Person string
	// Sees reports whether the reader may see an asset now.
	Sees func(asset string) bool
	// Today is the day of the question.
	Today int32
}

// A look is a question of a reader to an index whose lock is held.
type look struct {
	*Index
	Reader
	seen map[string]bool
}

func (l *look) sees(asset string) bool {
	ok, known := l.seen[asset]
	if !known {
		ok = l.Sees(asset)
		l.seen[asset] = ok
	}
	return ok
}

// best is the weight of a person's best pick of a query that counts; 0 where none counts.
func (l *look) best(who, query string) (w int64) {
	if who == l.Person || !l.ours(who) {
		return 0
	}
	for m, day := range l.people[who][query] {
		if l.fresh(day, l.Today) && l.sees(m.Asset) {
			w = max(w, l.weight(day, l.Today))
		}
	}
	return w
}

// A tally counts people and adds their weights.
type tally[K comparable] map[K]*count

type count struct{ people, weight int64 }

func (t tally[K]) add(k K, weight int64) {
	if t[k] == nil {
		t[k] = &count{}
	}
	t[k].people++
	t[k].weight += weight
}

// ranked returns what enough people stand behind, the heaviest first.
func (t tally[K]) ranked(people int, compare func(a, b K) int) (out []K) {
	for k, c := range t {
		if c.people >= int64(people) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b K) int { return cmp.Or(cmp.Compare(t[b].weight, t[a].weight), compare(a, b)) })
	return out
}

func (x *Index) look(r Reader) *look { return &look{x, r, map[string]bool{}} }

// Also returns the other queries of people with a pick of a query, and the moments that these people picked with any query. The best come
// first. Enough people stand behind each.
func (x *Index) Also(query string, r Reader) (queries []string, moments []Moment) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	l, also, picked := x.look(r), tally[string]{}, tally[Moment]{}
	for who := range x.queries[query] {
		if l.best(who, query) == 0 {
			continue
		}
		own := map[Moment]int64{}
		for q, of := range x.people[who] {
			if w := l.best(who, q); w > 0 && q != query {
				also.add(q, w)
			}
			for m, day := range of {
				if l.fresh(day, r.Today) && l.sees(m.Asset) {
					own[m] = max(own[m], l.weight(day, r.Today))
				}
			}
		}
		for m, w := range own {
			picked.add(m, w)
		}
	}
	return also.ranked(x.cfg.People, cmp.Compare[string]), picked.ranked(x.cfg.People, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(a.Asset, b.Asset), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
}

// Queries returns every query with enough people behind it, the heaviest first.
func (x *Index) Queries(r Reader) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	l, all := x.look(r), tally[string]{}
	for q, who := range x.queries {
		if len(who) < x.cfg.People {
			continue
		}
		for w := range who {
			if weight := l.best(w, q); weight > 0 {
				all.add(q, weight)
			}
		}
	}
	return all.ranked(x.cfg.People, cmp.Compare[string])
}
