// Package authz says who is asking and which titles they may see. It is the one
// place where reading is authorised: the gateway and the pages beside it accept
// a *Caller, which only an Authoriser makes, and answer nothing to a nil one.
//
// What a caller may not see does not exist for them: a forbidden title, asset or
// thumbnail is answered exactly as one that was never there.
package authz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

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

// Require returns nil to a caller who has the role, and the refusal to everybody else. Operator includes Batch. It does not include
// Ingest and Retitle: who may run jobs over the library does not by that decide which title a film belongs to.
func (c *Caller) Require(role Role) error {
	if c == nil {
		return errkind.New(errkind.Unauthenticated, "nobody is asking: send the header Authorization: Bearer TOKEN")
	}
	if slices.Contains(c.roles, role) || role == Batch && slices.Contains(c.roles, Operator) {
		return nil
	}
	return errkind.New(errkind.Denied, "the token of %s lacks the role %q; whoever keeps the file of tokens can add it", c.name, role)
}

// Key is the same for two callers who may see the same titles, so that what is computed for one serves the other.
func (c *Caller) Key() string {
	if c.all {
		return "*"
	}
	ts := make([]string, 0, len(c.titles))
	for t := range c.titles {
		ts = append(ts, t)
	}
	slices.Sort(ts)
	return fmt.Sprintf("%q", ts)
}

// An Authoriser recognises callers by the token that they bring.
type Authoriser interface {
	// Authorise returns the caller a token stands for. Unauthenticated says that the
	// token is missing or unknown, Denied that it may see no title at all.
	Authorise(ctx context.Context, token string) (*Caller, error)
}

// File is an Authoriser over a YAML file, read again when it changes:
//
//	tokens:
//	  - name: trailer-team
//	    sha256: 9f86d081884c7d65…   # of the token, so that the file holds no secret
//	    titles: [big-buck-bunny]     # "*" for every title
//	    roles: [batch]               # rights beyond reading: operator, batch, ingest, retitle
type File struct {
	path string

	mu      sync.Mutex
	checked time.Time
	changed time.Time
	callers map[[sha256.Size]byte]*Caller
}

type tokenFile struct {
	Tokens []struct {
		Name   string   `yaml:"name"`
		SHA256 string   `yaml:"sha256"`
		Titles []string `yaml:"titles"`
		Roles  []Role   `yaml:"roles"`
	} `yaml:"tokens"`
}

// OpenFile reads a token file.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	return f, f.read()
}

func (f *File) read() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	var tf tokenFile
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(&tf); errors.Is(err, io.EOF) {
		return errkind.New(errkind.Invalid, "reading tokens from %s: it is empty; want `tokens:` and a list, or `tokens: []` to let nobody in", f.path)
	} else if err != nil {
		return errkind.New(errkind.Invalid, "reading tokens from %s: %w", f.path, err)
	}
	callers := map[[sha256.Size]byte]*Caller{}
	for i, t := range tf.Tokens {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != sha256.Size || t.Name == "" {
			return errkind.New(errkind.Invalid, "reading tokens from %s: tokens[%d]: want a name, and a sha256 of 64 hex digits", f.path, i)
		}
		for _, r := range t.Roles {
			if !slices.Contains(Roles, r) {
				return errkind.New(errkind.Invalid, "reading tokens from %s: tokens[%d].roles: %q is none of %q", f.path, i, r, Roles)
			}
		}
		callers[[sha256.Size]byte(sum)] = NewCaller(t.Name, t.Titles, t.Roles...)
	}
	f.callers, f.changed, f.checked = callers, info.ModTime(), time.Now()
	return nil
}

// Authorise implements Authoriser. The token is looked up by its hash, so how
// long that takes tells nothing of the tokens that there are.
func (f *File) Authorise(_ context.Context, token string) (*Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) > time.Second {
		f.checked = time.Now()
		if info, err := os.Stat(f.path); err == nil && !info.ModTime().Equal(f.changed) {
			// A file that cannot be read keeps what was known: an editor's half-saved file locks nobody out.
			_ = f.read()
		}
	}
	if token == "" {
		return nil, errkind.New(errkind.Unauthenticated, "no token: send the header Authorization: Bearer TOKEN")
	}
	c, ok := f.callers[sha256.Sum256([]byte(token))]
	switch {
	case !ok:
		return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
	case len(c.titles) == 0:
		return nil, errkind.New(errkind.Denied, "the token of %s may see no titles; ask whoever gave it to you", c.name)
	}
	return c, nil
}

// WriteFile writes a token file with one token that has every role, for the demo and tests.
func WriteFile(path, name, token string, titles ...string) error {
	sum := sha256.Sum256([]byte(token))
	b := fmt.Sprintf("# Tokens are kept as their sha256: printf %%s TOKEN | sha256sum\ntokens:\n  - name: %s\n    sha256: %s\n    titles: [%s]\n    roles: [operator, batch, ingest, retitle]\n",
		name, hex.EncodeToString(sum[:]), quoteAll(titles))
	return os.WriteFile(path, []byte(b), 0o600)
}

func quoteAll(ss []string) string {
	q := make([]string, len(ss))
	for i, s := range ss {
		q[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(q, ", ")
}
