// Package authz recognises callers by their tokens and says which titles a caller may see. The gateway, and the pages
// beside the gateway, accept a *Caller, which only an Authoriser makes, and answer nothing to a nil *Caller. A title,
// asset or thumbnail outside the caller's titles does not exist for the caller: the answer is the same as for an
// unknown id.
//
// Contract:
//
//   - Reading is authorised here and nowhere else.
//   - A Caller never changes. A caller with other rights is another Caller.
//   - Authorise returns Unauthenticated for a missing or unknown token, and Denied for a token without titles.
package authz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Caller is a recognised client. A Caller never changes.
type Caller struct {
	name   string
	all    bool
	titles map[string]struct{}
	roles  []Role
	groups []string
	key    func() string // works the key out once: a caller may see 100,000 titles, and asks with each query
}

// A Role is a right beyond reading.
type Role string

// The roles.
const (
	// Operator does the operators' work: replays, switches, rebuilds, dead letters.
	Operator Role = "operator"
	// Batch may request runs on demand and fetch their results, for titles that the caller may see.
	Batch Role = "batch"
	// Ingest may send events of arrived media, for titles that the caller may see.
	Ingest Role = "ingest"
	// Retitle may move a known asset to another title. The caller needs rights to both titles, and the role Ingest.
	Retitle Role = "retitle"
)

// Roles are all existing roles.
var Roles = []Role{Operator, Batch, Ingest, Retitle}

// NewCaller makes a caller who may see the given titles. The title "*" stands for every title. Only Authorisers and
// tests call NewCaller.
func NewCaller(name string, titles []string, roles ...Role) *Caller {
	c := &Caller{name: name, titles: make(map[string]struct{}, len(titles)), roles: roles}
	for _, t := range titles {
		c.all = c.all || t == "*"
		c.titles[t] = struct{}{}
	}
	c.key = sync.OnceValue(func() string {
		h := sha256.New()
		for _, t := range c.Titles() {
			_, _ = fmt.Fprintf(h, "%q", t)
		}
		return hex.EncodeToString(h.Sum(nil))
	})
	return c
}

// Name is for the audit line; nobody has none.
func (c *Caller) Name() string {
	if c == nil {
		return ""
	}
	return c.name
}

// Roles are the caller's rights beyond reading.
func (c *Caller) Roles() []Role { return slices.Clone(c.roles) }

// Groups are the groups that an identity provider has put the caller into, sorted. A caller of a token of the file has none.
func (c *Caller) Groups() []string { return slices.Clone(c.groups) }

// WithTitles returns the caller with the titles of another caller, and shares the titles. Only Authorisers call WithTitles.
func (c *Caller) WithTitles(of *Caller) *Caller {
	return &Caller{name: c.name, roles: c.roles, groups: c.groups, all: of.all, titles: of.titles, key: of.key}
}

// MaySee reports whether the caller may see a title. Nobody may see anything.
func (c *Caller) MaySee(title string) bool {
	if c == nil {
		return false
	}
	_, ok := c.titles[title]
	return ok || c.all
}

// Titles returns the titles that the caller may see, sorted. A lone "*" stands for every title.
func (c *Caller) Titles() []string {
	if c == nil {
		return nil
	}
	if c.all {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(c.titles))
}

// Require returns nil if the caller has the role, and the refusal otherwise.
//
// Operator includes Batch, and works on the whole library: a caller who may not see every title is refused. Operator
// does not include Ingest and Retitle, because the right to run jobs over the library does not decide to which title a
// film belongs.
func (c *Caller) Require(role Role) error {
	if c == nil {
		return errkind.New(errkind.Unauthenticated, "nobody is asking: send the header Authorization: Bearer TOKEN")
	}
	operator := slices.Contains(c.roles, Operator) && c.all
	if role == Operator && operator || role == Batch && operator || role != Operator && slices.Contains(c.roles, role) {
		return nil
	}
	return errkind.New(errkind.Denied, "the token of %s lacks the role %q; the operator can add the role to the file of tokens", c.name, role)
}

// SeesAll reports whether nothing is hidden from the caller.
func (c *Caller) SeesAll() bool { return c != nil && c.all }

// SeesNone reports whether everything is hidden from the caller.
func (c *Caller) SeesNone() bool { return c == nil || !c.all && len(c.titles) == 0 }

// Same reports whether two callers have the same name and rights.
func (c *Caller) Same(o *Caller) bool {
	if c == nil || o == nil || c == o {
		return c == o
	}
	sorted := func(roles []Role) []Role { return slices.Compact(slices.Sorted(slices.Values(roles))) }
	return c.name == o.name && maps.Equal(c.titles, o.titles) && slices.Equal(sorted(c.roles), sorted(o.roles))
}

// Key is equal for two callers with the same titles, so results computed for either caller serve both. Key is a hash of
// the titles, worked out once for a caller.
func (c *Caller) Key() string {
	if c.all {
		return "*"
	}
	return c.key()
}

// An Authoriser recognises callers by their tokens.
type Authoriser interface {
	// Authorise returns the caller of a token. Errors:
	//   - Unauthenticated: the token is missing or unknown;
	//   - Denied: the token may see no title.
	Authorise(ctx context.Context, token string) (*Caller, error)
}
