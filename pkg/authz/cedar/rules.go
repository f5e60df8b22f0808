package cedar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// The types of entities, and the actions.
const (
	callerType  = "Caller"
	groupType   = "Group"
	titleType   = "Title"
	libraryType = "Library"
)

var (
	see     = cedar.NewEntityUID("Action", "see")
	seeAll  = cedar.NewEntityUID("Action", "seeAll")
	library = cedar.NewEntityUID(libraryType, "library")
)

const (
	// maxCallers and maxTitles bound the callers and the titles in sets that rules remember.
	maxCallers, maxTitles = 10_000, 2_000_000
)

// rules are policies and entities, with their decisions so far.
type rules struct {
	policies *cedar.PolicySet
	entities types.EntityMap
	titles   []string // the described titles
	log      *slog.Logger

	mu      sync.Mutex
	decided map[*authz.Caller]func() *authz.Caller
	sets    map[string]*authz.Caller // by Key: callers with the same titles share a set
	held    int                      // titles in sets
}

// parse reads the contents of both files.
func parse(cfg Config, policies, entities []byte, log *slog.Logger) (*rules, error) {
	set, err := cedar.NewPolicySetFromBytes(cfg.Policies, policies)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "cedar.policies: %s; correct the file", strings.ReplaceAll(err.Error(), "<input>", cfg.Policies)) // cedar-go names no file there
	}
	empty := true
	for _, p := range set.All() {
		empty = false
		if err := check(p); err != nil {
			at := p.Position()
			return nil, errkind.New(errkind.Invalid, "cedar.policies: %s:%d: %w", cfg.Policies, at.Line, err)
		}
	}
	if empty {
		return nil, errkind.New(errkind.Invalid, "cedar.policies: %s holds no policy; write forbid (principal, action, resource); to let nobody in", cfg.Policies)
	}
	r := &rules{policies: set, log: log, decided: map[*authz.Caller]func() *authz.Caller{}, sets: map[string]*authz.Caller{}}
	at, err := r.describe(entities)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "cedar.entities: %s:%d: %w", cfg.Entities, 1+bytes.Count(entities[:at], []byte("\n")), err)
	}
	return r, nil
}

// A scope is the principal, the action or the resource of a policy in Cedar's JSON format.
type scope struct {
	Op         string     `json:"op"`
	Entity     *entityID  `json:"entity"`
	Entities   []entityID `json:"entities"`
	EntityType string     `json:"entity_type"`
}

type entityID struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// check refuses a policy that could never apply, because a policy that forbids would forbid nothing.
func check(p *cedar.Policy) error {
	b, err := p.MarshalJSON()
	if err != nil {
		return err
	}
	var s struct{ Principal, Action, Resource scope }
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	actions := s.Action.Entities
	if s.Action.Entity != nil {
		actions = append(actions, *s.Action.Entity)
	}
	for _, a := range actions {
		if a.Type != string(see.Type) || a.ID != string(see.ID) && a.ID != string(seeAll.ID) {
			return errkind.New(errkind.Invalid, "the action %s::%q does not exist; want Action::%q or Action::%q", a.Type, a.ID, see.ID, seeAll.ID)
		}
	}
	named := func(s scope, isOr, in []string) error {
		name := s.EntityType
		if s.Op == "==" && s.Entity != nil {
			name = s.Entity.Type
		}
		if name != "" && !slices.Contains(isOr, name) {
			return errkind.New(errkind.Invalid, "the type %s does not fit there; want one of %q", name, isOr)
		}
		if s.Op == "in" && s.Entity != nil && in != nil && !slices.Contains(in, s.Entity.Type) {
			return errkind.New(errkind.Invalid, "the type %s does not fit there; want one of %q", s.Entity.Type, in)
		}
		return nil
	}
	return errors.Join(named(s.Principal, []string{callerType}, []string{callerType, groupType}), named(s.Resource, []string{titleType, libraryType}, nil))
}

// describe reads the entities. With an error, at is the offset where reading ended.
func (r *rules) describe(b []byte) (at int64, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if first, err := d.Token(); err != nil || first != json.Delim('[') {
		return d.InputOffset(), errkind.New(errkind.Invalid, `want a list of entities: [{"uid": {"type": "Title", "id": "the-harbour"}, "attrs": {}, "parents": []}]`)
	}
	r.entities = types.EntityMap{}
	for d.More() {
		var e types.Entity
		if err := d.Decode(&e); err != nil {
			return d.InputOffset(), errkind.New(errkind.Invalid, "entity %d of the list: %w", len(r.entities)+1, err)
		}
		if _, twice := r.entities[e.UID]; twice {
			return d.InputOffset(), errkind.New(errkind.Invalid, "%s is described twice; join the two", e.UID)
		}
		if e.UID.ID == "" || e.UID.Type == titleType && e.UID.ID == "*" {
			return d.InputOffset(), errkind.New(errkind.Invalid, "%s is no id; describe each title by its id", e.UID)
		}
		r.entities[e.UID] = e
		if e.UID.Type == titleType {
			r.titles = append(r.titles, string(e.UID.ID))
		}
	}
	if _, err := d.Token(); err != nil {
		return d.InputOffset(), errkind.New(errkind.Invalid, "the list does not end: want ]")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return d.InputOffset(), errkind.New(errkind.Invalid, "there is more behind the list; delete the rest")
	}
	return 0, nil
}

// narrowed returns the caller with the titles that the policies permit. The first call for a caller decides; later calls remember.
func (r *rules) narrowed(c *authz.Caller) *authz.Caller {
	r.mu.Lock()
	decide, ok := r.decided[c]
	if !ok {
		if len(r.decided) >= maxCallers || r.held > maxTitles {
			clear(r.decided)
			clear(r.sets)
			r.held = 0
		}
		decide = sync.OnceValue(func() *authz.Caller { return c.WithTitles(r.shared(r.decide(c))) })
		r.decided[c] = decide
	}
	r.mu.Unlock()
	return decide()
}

// shared returns the caller whose set of the titles is remembered.
func (r *rules) shared(titles []string) *authz.Caller {
	c := authz.NewCaller("", titles)
	key := c.Key()
	r.mu.Lock()
	defer r.mu.Unlock()
	if held, ok := r.sets[key]; ok {
		return held
	}
	r.sets[key] = c
	r.held += len(titles)
	return c
}

// decide asks the policies about each title that the caller could see.
func (r *rules) decide(c *authz.Caller) []string {
	q := &question{rules: r, caller: r.entity(c)}
	asked := r.titles
	if !c.SeesAll() {
		asked = c.Titles()
	}
	var titles []string
	for _, t := range asked {
		if q.permits(see, cedar.NewEntityUID(titleType, cedar.String(t))) {
			titles = append(titles, t)
		}
	}
	if c.SeesAll() && len(titles) == len(asked) && q.permits(seeAll, library) {
		titles = []string{"*"}
	}
	if q.failed > 0 {
		r.log.Warn("policies could not be evaluated: such a policy permits nothing, and hides the titles that the policy would forbid",
			"caller", c.Name(), "times", q.failed, "first", q.first)
	}
	return titles
}

// entity is the caller as policies see the caller: as the file describes the caller, with the name, the roles and the groups.
func (r *rules) entity(c *authz.Caller) types.Entity {
	uid := cedar.NewEntityUID(callerType, cedar.String(c.Name()))
	described := r.entities[uid]
	attributes := types.RecordMap{}
	for k, v := range described.Attributes.All() {
		attributes[k] = v
	}
	var roles []types.Value
	for _, role := range c.Roles() {
		roles = append(roles, types.String(role))
	}
	attributes["name"], attributes["roles"] = types.String(c.Name()), types.NewSet(roles...)
	parents := slices.Collect(described.Parents.All())
	for _, g := range c.Groups() {
		parents = append(parents, cedar.NewEntityUID(groupType, cedar.String(g)))
	}
	return types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(attributes), Tags: described.Tags}
}

// A question is of a caller. It implements types.EntityGetter.
type question struct {
	*rules
	caller types.Entity
	failed int
	first  string
}

// Get implements types.EntityGetter.
func (q *question) Get(uid types.EntityUID) (types.Entity, bool) {
	if uid == q.caller.UID {
		return q.caller, true
	}
	return q.entities.Get(uid)
}

func (q *question) permits(action, resource types.EntityUID) bool {
	decision, why := cedar.Authorize(q.policies, q, cedar.Request{Principal: q.caller.UID, Action: action, Resource: resource})
	permitted := decision == cedar.Allow
	for _, e := range why.Errors {
		if q.failed++; q.first == "" {
			q.first = fmt.Sprintf("%s:%d: %s: %s", e.Position.Filename, e.Position.Line, resource, e.Message)
		}
		permitted = permitted && q.policies.Get(e.PolicyID).Effect() == cedar.Permit
	}
	return permitted
}
