package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// names is a key of the model: asset and run, or asset and algorithm.
type names struct{ a, b string }

func compareNames(x, y names) int {
	return cmp.Or(strings.Compare(x.a, y.a), strings.Compare(x.b, y.b))
}

// model is the contract of package store over maps.
type model struct {
	assets      map[string]*pb.Asset
	runs        map[names]*pb.Run
	annotations map[names]map[int64]*pb.Annotation
	embeddings  map[names]map[int64]*pb.Embedding
	marked      map[store.Marker]int64 // by a marker whose count is 0
	active      map[names]*pb.ActiveRun
	leases      map[string]store.Lease
}

func newModel() *model {
	return &model{map[string]*pb.Asset{}, map[names]*pb.Run{}, map[names]map[int64]*pb.Annotation{}, map[names]map[int64]*pb.Embedding{},
		map[store.Marker]int64{}, map[names]*pb.ActiveRun{}, map[string]store.Lease{}}
}

// fine stands for no error among the kinds.
const fine = errkind.Kind(255)

func kindOf(err error) errkind.Kind {
	if err == nil {
		return fine
	}
	return errkind.Of(err)
}

func (m *model) finish(r *pb.Run) errkind.Kind {
	k := names{r.GetAsset(), r.GetId()}
	old := m.runs[k]
	switch {
	case old.GetEpoch() > r.GetEpoch():
		return errkind.Conflict
	case old.GetState() == pb.RunState_RUN_STATE_FINISHED:
		return fine
	}
	r = proto.CloneOf(r)
	r.Activated = false
	m.runs[k] = r
	return fine
}

func (m *model) write(b store.Batch) {
	k := names{b.Asset, b.Run}
	if m.annotations[k] == nil {
		m.annotations[k], m.embeddings[k] = map[int64]*pb.Annotation{}, map[int64]*pb.Embedding{}
	}
	for _, a := range b.Annotations {
		m.annotations[k][a.GetOrdinal()] = a
	}
	for _, e := range b.Embeddings {
		m.embeddings[k][e.GetOrdinal()] = e
	}
}

func (m *model) trim(k names, annotations, embeddings int64) {
	maps.DeleteFunc(m.annotations[k], func(i int64, _ *pb.Annotation) bool { return i >= annotations })
	maps.DeleteFunc(m.embeddings[k], func(i int64, _ *pb.Embedding) bool { return i >= embeddings })
	maps.DeleteFunc(m.marked, func(x store.Marker, _ int64) bool {
		return x.Asset == k.a && x.Run == k.b && x.Epoch < m.runs[k].GetEpoch()
	})
}

func (m *model) delete(k names) (grows bool, _ errkind.Kind) {
	for _, a := range m.active {
		if a.GetAsset() == k.a && a.GetRun() == k.b {
			return false, errkind.Conflict
		}
	}
	grows = m.runs[k] != nil
	delete(m.runs, k)
	delete(m.annotations, k)
	delete(m.embeddings, k)
	maps.DeleteFunc(m.marked, func(x store.Marker, _ int64) bool { return x.Asset == k.a && x.Run == k.b })
	return grows, fine
}

func (m *model) activate(k names, previous string) (grows bool, _ errkind.Kind) {
	r := m.runs[k]
	switch {
	case r == nil:
		return false, errkind.NotFound
	case r.GetState() != pb.RunState_RUN_STATE_FINISHED:
		return false, errkind.Invalid
	}
	at := names{k.a, r.GetAlgorithm()}
	now := m.active[at]
	switch {
	case now.GetRun() == k.b:
		return false, fine
	case now.GetRun() != previous:
		return false, errkind.Conflict
	}
	m.active[at] = &pb.ActiveRun{Asset: k.a, Algorithm: r.GetAlgorithm(), Run: k.b, Version: r.GetVersion(), Previous: previous, Generation: now.GetGeneration() + 1}
	r.Activated = true
	return true, fine
}

func (m *model) indexed(k names, epoch int64, part store.Part) int64 {
	seen := map[int64]bool{}
	for x, n := range m.marked {
		for i := range n {
			if x.Asset == k.a && x.Run == k.b && x.Epoch == epoch && x.Part == part {
				seen[x.First+i] = true
			}
		}
	}
	return int64(len(seen))
}

// inactive returns the inactive runs, in the order of asset and run.
func (m *model) inactive() []store.InactiveRun {
	active := map[names]bool{}
	for _, a := range m.active {
		active[names{a.GetAsset(), a.GetRun()}] = true
	}
	var out []store.InactiveRun
	for _, r := range inOrder(m.runs, compareNames) {
		if !active[names{r.GetAsset(), r.GetId()}] {
			out = append(out, store.InactiveRun{Asset: r.GetAsset(), Run: r.GetId(), State: r.GetState()})
		}
	}
	return out
}

func compareInactive(x, y store.InactiveRun) int {
	return compareNames(names{x.Asset, x.Run}, names{y.Asset, y.Run})
}

// inOrder returns a map's values in the order of the keys.
func inOrder[K comparable, V any](m map[K]V, compare func(x, y K) int) []V {
	var out []V
	for _, k := range slices.SortedFunc(maps.Keys(m), compare) {
		out = append(out, m[k])
	}
	return out
}

func (m *model) dump(t tb) string {
	var out strings.Builder
	line := func(name string, x proto.Message) {
		b, err := schema.MarshalJSON(x)
		ok(t, err)
		fmt.Fprintf(&out, "{%q:%s}\n", name, b)
	}
	for _, a := range inOrder(m.assets, strings.Compare) {
		line("asset", a)
	}
	for _, r := range inOrder(m.runs, compareNames) {
		r = proto.CloneOf(r)
		r.Epoch, r.Activated = 0, false
		line("run", r)
	}
	for _, items := range inOrder(m.annotations, compareNames) {
		for _, a := range inOrder(items, cmp.Compare) {
			line("annotation", a)
		}
	}
	for _, items := range inOrder(m.embeddings, compareNames) {
		for _, e := range inOrder(items, cmp.Compare) {
			line("embedding", e)
		}
	}
	for _, a := range inOrder(m.active, compareNames) {
		a = proto.CloneOf(a)
		a.Generation, a.Previous = 0, ""
		line("active", a)
	}
	return out.String()
}

// testModel makes random calls, and compares the whole store with the model after each call.
func testModel(t *testing.T, h Harness) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, c, m := context.Background(), newClock(), newModel()
		name := t.TempDir()
		s := h.Open(t, name, c.Now)
		defer func() { _ = s.Close() }()

		pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
		number := func(what string, most int64) int64 { return rapid.Int64Range(0, most).Draw(rt, what) }
		anAsset := func() string { return pick("asset", "a", "a\x00", "aa") }
		aRun := func() names { return names{anAsset(), pick("run", "r", "r\x00", "rr")} }
		record := func(k names) *pb.Run {
			r := run(k.a, k.b)
			if k.b == "rr" {
				r.Algorithm = "shots"
			}
			return r
		}
		same := func(what string, got, want errkind.Kind) {
			if got != want {
				rt.Fatalf("%s ends as %s, want %s", what, got, want)
			}
		}
		version := must(s.Version(ctx))(rt)
		changed, since := map[string]bool{}, must(s.Changes(ctx, ""))(rt).Next
		grew := func(what, asset string, want bool) {
			now := must(s.Version(ctx))(rt)
			if want && now <= version || !want && now != version {
				rt.Fatalf("%s: version %d, before %d", what, now, version)
			}
			version = now
			if want {
				changed[asset] = true
			}
		}

		steps := map[string]func(*rapid.T){
			"put an asset": func(*rapid.T) {
				a := asset(anAsset())
				a.SizeBytes = number("size", 1)
				ok(rt, s.PutAsset(ctx, a))
				grew("putting an asset", a.GetId(), !proto.Equal(m.assets[a.GetId()], a))
				m.assets[a.GetId()] = a
			},
			"create a run": func(*rapid.T) {
				k := aRun()
				r := record(k)
				grows := m.runs[k] == nil
				if grows {
					m.runs[k] = r
				}
				equal(rt, "the run created", must(s.CreateRun(ctx, r))(rt), m.runs[k])
				grew("creating a run", k.a, grows)
			},
			"create runs": func(*rapid.T) {
				k := aRun()
				asked := []*pb.Run{record(k)}
				for range rapid.IntRange(0, 3).Draw(rt, "more") {
					next := aRun()
					next.a = k.a
					asked = append(asked, record(next))
				}
				grows := false
				var want []*pb.Run
				for _, r := range asked {
					k := names{r.GetAsset(), r.GetId()}
					if m.runs[k] == nil {
						m.runs[k], grows = r, true
					}
					want = append(want, m.runs[k])
				}
				for i, r := range must(s.CreateRuns(ctx, k.a, asked))(rt) {
					equal(rt, "a run created", r, want[i])
				}
				grew("creating runs", k.a, grows)
			},
			"finish a run": func(*rapid.T) {
				state := rapid.SampledFrom([]pb.RunState{pb.RunState_RUN_STATE_FINISHED, pb.RunState_RUN_STATE_FINISHED, pb.RunState_RUN_STATE_FAILED, pb.RunState_RUN_STATE_CANCELLED}).Draw(rt, "state")
				k := aRun()
				r := ended(record(k), state, 1+number("epoch", 2), number("annotations", 9), number("embeddings", 9))
				grows := m.runs[k] == nil
				same("finishing a run", kindOf(s.FinishRun(ctx, r)), m.finish(r))
				grew("finishing a run", k.a, grows)
			},
			"write batches": func(*rapid.T) {
				var bs []store.Batch
				for range 1 + number("batches", 2) {
					k := aRun()
					b := batch(k.a, k.b, 1, number("first", 9), number("annotations", 5), pick("text", "x", "y", ""))
					b.Embeddings = batchOfVectors(k.a, k.b, number("epoch", 2), b.First, number("embeddings", 5)).Embeddings
					bs = append(bs, b)
				}
				ok(rt, s.WriteBatches(ctx, bs))
				for _, b := range bs {
					m.write(b)
				}
			},
			"mark": func(*rapid.T) {
				k := aRun()
				x := store.Marker{Asset: k.a, Run: k.b, Epoch: 1 + number("epoch", 2), Part: store.Part(number("part", 1)), First: number("first", 9)}
				n := number("count", 5)
				m.marked[x] = n
				x.Count = n
				ok(rt, s.MarkIndexed(ctx, []store.Marker{x}))
			},
			"trim a run": func(*rapid.T) {
				k, a, e := aRun(), number("annotations", 12), number("embeddings", 12)
				ok(rt, s.TrimRun(ctx, k.a, k.b, a, e))
				m.trim(k, a, e)
			},
			"delete a run": func(*rapid.T) {
				k := aRun()
				grows, want := m.delete(k)
				same("deleting a run", kindOf(s.DeleteRun(ctx, k.a, k.b)), want)
				grew("deleting a run", k.a, grows)
			},
			"activate": func(*rapid.T) {
				k, previous := aRun(), pick("previous", "", "r", "r\x00", "rr")
				if number("informed", 3) > 0 {
					previous = m.active[names{k.a, record(k).GetAlgorithm()}].GetRun()
				}
				grows, want := m.activate(k, previous)
				got, err := s.Activate(ctx, &pb.Run{Asset: k.a, Id: k.b}, previous)
				same("activating", kindOf(err), want)
				if err == nil {
					equal(rt, "the active run", unstamped(got), m.active[names{k.a, record(k).GetAlgorithm()}])
				}
				grew("activating", k.a, grows)
			},
			"acquire": func(*rapid.T) {
				name, holder, ttl := pick("lease", "l", "l\x00"), pick("holder", "one", "two"), time.Duration(1+number("seconds", 3))*time.Second
				last := m.leases[name]
				l, err := s.Acquire(ctx, name, holder, ttl)
				if last.Until.After(c.Now()) && last.Holder != holder {
					same("acquiring what is held", kindOf(err), errkind.Conflict)
					return
				}
				ok(rt, err)
				m.leases[name] = store.Lease{Name: name, Holder: holder, Epoch: last.Epoch + 1, Until: c.Now().Add(ttl)}
				equal(rt, "the lease", l, m.leases[name])
			},
			"renew": func(*rapid.T) {
				name, epoch := pick("lease", "l", "l\x00"), number("epoch", 4)
				last := m.leases[name]
				l, err := s.Renew(ctx, store.Lease{Name: name, Epoch: epoch}, 2*time.Second)
				if last.Epoch != epoch || last.Until.IsZero() {
					same("renewing what was lost", kindOf(err), errkind.Conflict)
					return
				}
				ok(rt, err)
				last.Until = c.Now().Add(2 * time.Second)
				equal(rt, "the lease", l, last)
				m.leases[name] = last
			},
			"release": func(*rapid.T) {
				name, epoch := pick("lease", "l", "l\x00"), number("epoch", 4)
				ok(rt, s.Release(ctx, store.Lease{Name: name, Epoch: epoch}))
				if last := m.leases[name]; last.Epoch == epoch && epoch > 0 {
					m.leases[name] = store.Lease{Name: name, Epoch: epoch}
				}
			},
			"ask what changed": func(*rapid.T) {
				told, next := changesSince(rt, s, since)
				for asset := range changed {
					if !slices.Contains(told, asset) {
						rt.Fatalf("asset %q changed, and %q are told", asset, told)
					}
				}
				changed, since = map[string]bool{}, next
			},
			"let time pass": func(*rapid.T) { c.move(time.Duration(number("seconds", 3)) * time.Second) },
			"open again": func(*rapid.T) {
				ok(rt, s.Close())
				s = h.Open(t, name, c.Now)
				now := must(s.Version(ctx))(rt)
				if now < version {
					rt.Fatalf("version %d after opening again, before %d", now, version)
				}
				version = now
				equal(rt, "the dump", dumpOf(rt, s), m.dump(rt)) //nolint:contextcheck // the dump is of the test's own context
			},
			"": func(*rapid.T) {
				check(rt, ctx, s, m, store.Span{Start: schema.Time(number("start", 9)) * schema.Second, End: schema.Time(number("end", 12)) * schema.Second})
			},
		}
		maps.Copy(steps, pickSteps(rt, func() store.Store { return s }, pickModel{}))
		rt.Repeat(steps)
		equal(rt, "the dump", dumpOf(rt, s), m.dump(rt))
	})
}

// check reads the whole store and compares with the model.
func check(t *rapid.T, ctx context.Context, s store.Store, m *model, span store.Span) {
	equal(t, "assets", list(t, s.AllAssets(ctx)), inOrder(m.assets, strings.Compare))
	equal(t, "active runs", allUnstamped(list(t, s.AllActive(ctx))), inOrder(m.active, compareNames))
	inactive := list(t, s.Inactive(ctx))
	slices.SortFunc(inactive, compareInactive)
	equal(t, "inactive runs", inactive, m.inactive())
	for _, a := range []string{"a", "a\x00", "aa"} {
		active := maps.Clone(m.active)
		maps.DeleteFunc(active, func(k names, _ *pb.ActiveRun) bool { return k.a != a })
		equal(t, "active runs of one", allUnstamped(must(s.Active(ctx, a))(t)), inOrder(active, compareNames))
		runs := maps.Clone(m.runs)
		maps.DeleteFunc(runs, func(k names, _ *pb.Run) bool { return k.a != a })
		equal(t, "runs", must(s.RunsOf(ctx, a))(t), inOrder(runs, compareNames))
		for _, r := range []string{"r", "r\x00", "rr"} {
			checkRun(t, ctx, s, m, names{a, r}, span)
		}
	}
	for name, l := range m.leases {
		ok(t, s.CheckEpoch(ctx, name, l.Epoch))
		kind(t, "an epoch that is over", s.CheckEpoch(ctx, name, l.Epoch-1), errkind.Conflict)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func checkRun(t *rapid.T, ctx context.Context, s store.Store, m *model, k names, span store.Span) {
	selected := func(x schema.Spanning) bool { return span == (store.Span{}) || schema.IntervalOf(x).Overlaps(span) }
	var annotations []*pb.Annotation
	for _, a := range inOrder(m.annotations[k], cmp.Compare) {
		if selected(a) {
			annotations = append(annotations, a)
		}
	}
	var embeddings []*pb.Embedding
	for _, e := range inOrder(m.embeddings[k], cmp.Compare) {
		if selected(e) {
			embeddings = append(embeddings, e)
		}
	}
	equal(t, "annotations", list(t, s.AnnotationsOf(ctx, k.a, k.b, span)), annotations)
	equal(t, "embeddings", list(t, s.EmbeddingsOf(ctx, k.a, k.b, span)), embeddings)
	equal(t, "the last before", must(s.LastBefore(ctx, []store.Point{{Asset: k.a, Run: k.b, Kind: "dialogue", Time: span.Start}}))(t),
		[]*pb.Annotation{lastBefore(inOrder(m.annotations[k], cmp.Compare), "dialogue", span.Start)})
	for epoch := range int64(4) {
		a, e, err := s.Indexed(ctx, k.a, k.b, epoch)
		ok(t, err)
		if a != m.indexed(k, epoch, store.PartAnnotations) || e != m.indexed(k, epoch, store.PartEmbeddings) {
			t.Errorf("%d and %d items of %v are indexed under epoch %d, want %d and %d", a, e, k, epoch,
				m.indexed(k, epoch, store.PartAnnotations), m.indexed(k, epoch, store.PartEmbeddings))
		}
	}
}
