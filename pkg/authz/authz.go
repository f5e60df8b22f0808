// Package authz says who is asking and which titles they may see. It is the one
// place where reading is authorised: the gateway and the pages beside it accept
// a *Caller, which only an Authoriser makes, and answer nothing to a nil one.
//
// What a caller may not see does not exist for them: a forbidden title, asset or
// thumbnail is answered exactly as one that was never there.
package authz

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Caller is somebody who has been recognised. It never changes.
type Caller struct {
	name   string
	all    bool
	titles map[string]struct{}
	roles  []Role
}

// A Role is a right beyond reading.
type Role string

// The roles.
const (
	// Operator does the operators' work: replays, switches, rebuilds, dead letters.
	Operator Role = "operator"
	// Batch asks for runs on demand and takes their results away, of titles that the caller may see.
	Batch Role = "batch"
	// Ingest sends events of media that arrived, of titles that the caller may see.
	Ingest Role = "ingest"
	// Retitle moves an asset that is known to another title. The caller must be allowed both titles, and needs Ingest as well.
	Retitle Role = "retitle"
)

// Roles are all that there are.
var Roles = []Role{Operator, Batch, Ingest, Retitle}

// NewCaller makes a caller who may see the titles given; the title "*" is every one.
// Only Authorisers and tests call it.
func NewCaller(name string, titles []string, roles ...Role) *Caller {
	c := &Caller{name: name, titles: make(map[string]struct{}, len(titles)), roles: roles}
	for _, t := range titles {
		c.all = c.all || t == "*"
		c.titles[t] = struct{}{}
	}
	return c
}

// Name is for the audit line; nobody has none.
func (c *Caller) Name() string {
	if c == nil {
		return ""
	}
	return c.name
}

// MaySee reports whether the caller may see a title. Nobody may see anything.
func (c *Caller) MaySee(title string) bool {
	if c == nil {
		return false
	}
	_, ok := c.titles[title]
	return ok || c.all
}

// Titles returns the titles that the caller may see, sorted; "*" alone is every one.
func (c *Caller) Titles() []string {
	if c == nil {
		return nil
	}
	if c.all {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(c.titles))
}

// Require returns nil to a caller who has the role, and the refusal to everybody else.
//
// Operator includes Batch, and works on the whole library: a caller who may not see every title is refused. It does not include
// Ingest and Retitle: who may run jobs over the library does not by that decide which title a film belongs to.
func (c *Caller) Require(role Role) error {
	if c == nil {
		return errkind.New(errkind.Unauthenticated, "nobody is asking: send the header Authorization: Bearer TOKEN")
	}
	operator := slices.Contains(c.roles, Operator) && c.all
	if role == Operator && operator || role == Batch && operator || role != Operator && slices.Contains(c.roles, role) {
		return nil
	}
	return errkind.New(errkind.Denied, "the token of %s lacks the role %q; whoever keeps the file of tokens can add it", c.name, role)
}

// SeesAll reports whether nothing is hidden from the caller.
func (c *Caller) SeesAll() bool { return c != nil && c.all }

// Same reports whether two callers have the same name and rights.
func (c *Caller) Same(o *Caller) bool {
	if c == nil || o == nil {
		return c == o
	}
	sorted := func(roles []Role) []Role { return slices.Compact(slices.Sorted(slices.Values(roles))) }
	return c.name == o.name && maps.Equal(c.titles, o.titles) && slices.Equal(sorted(c.roles), sorted(o.roles))
}

// Key is the same for two callers who may see the same titles, so that what is computed for one serves the other.
func (c *Caller) Key() string {
	if c.all {
		return "*"
	}
	return fmt.Sprintf("%q", c.Titles())
}

// An Authoriser recognises callers by the token that they bring.
type Authoriser interface {
	// Authorise returns the caller a token stands for. Unauthenticated says that the
	// token is missing or unknown, Denied that it may see no title at all.
	Authorise(ctx context.Context, token string) (*Caller, error)
}
