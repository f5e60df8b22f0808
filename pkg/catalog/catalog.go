package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// maxEntries bounds the number of announced versions in a catalogue.
const maxEntries = 1000

// ID names one version of an algorithm, "name@version": the key of the topic "algorithms".
func ID(s *pb.AlgorithmSpec) string { return s.GetName() + "@" + s.GetVersion() }

// A Catalog is the declarations known to a process. The methods may be called by many goroutines at once.
type Catalog struct {
	builtin []*pb.AlgorithmAnnounced

	mu        sync.Mutex                        // held while a view is made
	announced map[string]*pb.AlgorithmAnnounced // by ID
	view      atomic.Pointer[View]
	changed   chan struct{} // closed with the next view
}

// New returns a catalogue of built-in declarations. The caller MUST NOT change the declarations afterwards. A refused declaration is an error.
func New(builtin ...*pb.AlgorithmAnnounced) (*Catalog, error) {
	c := &Catalog{builtin: builtin, announced: map[string]*pb.AlgorithmAnnounced{}, changed: make(chan struct{})}
	for _, a := range builtin {
		if err := Validate(a); err != nil {
			return nil, err
		}
	}
	v := newView(builtin)
	for _, id := range slices.Sorted(maps.Keys(v.refused)) {
		return nil, v.refused[id]
	}
	c.view.Store(v)
	return c, nil
}

// Validate checks a single declaration, without regard to others.
func Validate(a *pb.AlgorithmAnnounced) error {
	if err := schema.Validate(a); err != nil {
		return fmt.Errorf("declaring algorithm %.64q: %w", a.GetAlgorithm().GetName(), err)
	}
	return nil
}

// View returns the catalogue of this moment.
func (c *Catalog) View() *View { return c.view.Load() }

// Changed returns a channel that is closed with the next view. A caller that then reads View misses no change, if Changed was called before View.
func (c *Catalog) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Put adds or replaces an announced version. The caller MUST NOT change the message afterwards.
//
//   - Invalid, Exhausted: the catalogue is unchanged.
//   - Conflict: the declaration is kept and refused. Views leave out the version, also if an earlier declaration of the same version was
//     in the views. Put and Remove of other declarations decide anew.
//   - nil: views have the version from now on. A declaration of another algorithm that was announced later MAY lose a claim thereby:
//     see View.Refused.
func (c *Catalog) Put(a *pb.AlgorithmAnnounced) error {
	if err := Validate(a); err != nil {
		return err
	}
	id := ID(a.GetAlgorithm())
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.announced[id]; !known && len(c.announced) >= maxEntries {
		return errkind.New(errkind.Exhausted, "declaring algorithm %s: the catalogue has %d versions, and no room for more; withdraw some", id, maxEntries)
	}
	c.announced[id] = a
	return c.refresh().refused[id]
}

// Remove takes an announced version away. A built-in version of the same name and number comes back.
func (c *Catalog) Remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.announced[id]; known {
		delete(c.announced, id)
		c.refresh()
	}
}

// Check returns the error with which the catalogue would refuse a declaration, and adds nothing. Check is stricter than Put: every leaf
// that the declaration answers MUST be declared, with a suitable shape. Check does not look at the bound of Put.
func (c *Catalog) Check(a *pb.AlgorithmAnnounced) error {
	if err := Validate(a); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	with := maps.Clone(c.announced)
	with[ID(a.GetAlgorithm())] = a
	v := newView(c.all(with))
	if err := v.refused[ID(a.GetAlgorithm())]; err != nil {
		return err
	}
	return v.answerable(a.GetAlgorithm())
}

// Announced returns the announced declaration of a version, or nil.
func (c *Catalog) Announced(id string) *pb.AlgorithmAnnounced {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.announced[id]
}

// refresh makes the view anew. The caller MUST hold c.mu.
func (c *Catalog) refresh() *View {
	v := newView(c.all(c.announced))
	c.view.Store(v)
	close(c.changed)
	c.changed = make(chan struct{})
	return v
}

// all returns the declarations in force: an announced declaration replaces a built-in declaration of the same version.
func (c *Catalog) all(announced map[string]*pb.AlgorithmAnnounced) []*pb.AlgorithmAnnounced {
	var out []*pb.AlgorithmAnnounced
	for _, b := range c.builtin {
		a, replaced := announced[ID(b.GetAlgorithm())]
		if !replaced {
			out = append(out, b)
			continue
		}
		first := proto.CloneOf(a) // a built-in version keeps its claims, whenever it was announced
		first.SinceMs = b.GetSinceMs()
		out = append(out, first)
	}
	for _, id := range slices.Sorted(maps.Keys(announced)) {
		if !slices.ContainsFunc(c.builtin, func(b *pb.AlgorithmAnnounced) bool { return ID(b.GetAlgorithm()) == id }) {
			out = append(out, announced[id])
		}
	}
	return out
}

// byClaim orders declarations by the moment of the first announcement, and then by name: the order in which claims are granted.
func byClaim(a, b *pb.AlgorithmAnnounced) int {
	return cmp.Or(cmp.Compare(a.GetSinceMs(), b.GetSinceMs()), cmp.Compare(ID(a.GetAlgorithm()), ID(b.GetAlgorithm())))
}

// A claim is a thing which a single algorithm may declare.
type claim struct{ what, name string }

func (c claim) String() string { return fmt.Sprintf("the %s %q", c.what, c.name) }

// claims returns the claims of a declaration.
func claims(s *pb.AlgorithmSpec) []claim {
	var out []claim
	for _, k := range s.GetKinds() {
		out = append(out, claim{"kind", k})
	}
	for _, sp := range s.GetSpaces() {
		out = append(out, claim{"space", schema.SpaceID(sp)})
	}
	for _, l := range s.GetLeaves() {
		for _, name := range append([]string{l.GetName()}, l.GetAliases()...) {
			out = append(out, claim{"leaf", name})
		}
	}
	for _, k := range s.GetKindSpecs() {
		if k.GetRole() != pb.KindRole_KIND_ROLE_UNSPECIFIED {
			out = append(out, claim{"role", k.GetRole().String()})
		}
	}
	return out
}
