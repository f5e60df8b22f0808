package authz

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	// lookEvery is how often the file is read while somebody asks.
	lookEvery = 400 * time.Millisecond
	// halfSaved is how long an invalid file changes nothing after the last valid read: an editor may be writing the
	// file. A change of the file counts within lookEvery, and an invalid file counts within halfSaved and lookEvery.
	halfSaved = 800 * time.Millisecond
	// maxFileBytes is room for ten thousand tokens.
	maxFileBytes = 4 << 20
)

// RevokedWithin bounds the time between a change of the file and the effect on later calls.
const RevokedWithin = halfSaved + lookEvery

// File is an Authoriser over a YAML file. File reads the file again when the content changes:
//
//	tokens:
//	  - name: trailer-team
//	    sha256: 9f86d081884c7d65…   # of the token, so that the file holds no secret
//	    titles: [big-buck-bunny]     # "*" for every title
//	    roles: [batch]               # rights beyond reading: operator (needs titles ["*"]), batch, ingest, retitle
//	groups:                          # rights of people who sign in elsewhere (package oidc), by the name of their group
//	  - name: editors
//	    titles: ["*"]
//
// Two entries may share a name, so a token can be replaced without a gap. Two entries with the same sha256 are refused.
//
// If the file becomes invalid while in use, the log, the metric cinedex_tokens_broken and Ready say so. Until the file
// is valid again, only callers with entries unchanged since the last valid file are admitted, and no member of a group.
type File struct {
	path string
	deps Deps

	mu      sync.Mutex
	looked  time.Time
	sum     hash             // of the last valid content
	good    map[hash]*Caller // of the last valid file
	goodAt  time.Time        // when the file was last seen to be right
	callers map[hash]*Caller // the admitted callers
	groups  map[string]entry // by name; none while the file is broken
	members map[string]*Caller
	broken  error
}

// maxMembers bounds the members that a File remembers.
const maxMembers = 10_000

type hash [sha256.Size]byte

// Deps are built by main. Every field is optional.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// OpenFile reads a token file. Invalid: the file is wrong in any way.
func OpenFile(path string, deps Deps) (*File, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	f := &File{path: path, deps: deps}
	b, err := ReadFile(path, maxFileBytes)
	if err == nil {
		f.callers, f.groups, err = parse(b)
	}
	if err != nil {
		return nil, fmt.Errorf("reading tokens from %s: %w", path, err)
	}
	f.looked, f.members = deps.Now(), map[string]*Caller{}
	f.sum, f.good, f.goodAt = sha256.Sum256(b), f.callers, f.looked
	m := promauto.With(deps.Registerer)
	m.NewGaugeFunc(prometheus.GaugeOpts{Name: "cinedex_tokens_broken", Help: "1 while the file of tokens is invalid, so that tokens may be refused."}, func() float64 {
		if f.Ready() != nil {
			return 1
		}
		return 0
	})
	m.NewGaugeFunc(prometheus.GaugeOpts{Name: "cinedex_tokens_accepted", Help: "Admitted tokens."}, func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.look()
		return float64(len(f.callers))
	})
	return f, nil
}

// Authorise implements Authoriser. Authorise finds the token by its hash, so the time of Authorise reveals nothing
// about existing tokens.
func (f *File) Authorise(_ context.Context, token string) (*Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	if token == "" {
		return nil, errkind.New(errkind.Unauthenticated, "no token: send the header Authorization: Bearer TOKEN")
	}
	c, ok := f.callers[sha256.Sum256([]byte(token))]
	switch {
	case !ok:
		return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
	case c.SeesNone():
		return nil, errkind.New(errkind.Denied, "the token of %s may see no titles; ask the person who gave the token to you", c.name)
	}
	return c, nil
}

// Members returns the caller of a name who is in the given groups: the caller has the titles and the roles of each group of the file. A caller
// who comes back is the same Caller until the file changes. Errors:
//   - Unavailable: the file is broken;
//   - Denied: the groups give no title.
func (f *File) Members(name string, groups []string) (*Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	if f.broken != nil {
		return nil, errkind.New(errkind.Unavailable, "the rights of groups cannot be read now; the service's log says why")
	}
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	key := fmt.Sprintf("%q %q", name, groups)
	if c := f.members[key]; c != nil {
		return c, nil
	}
	var titles []string
	var roles []Role
	for _, g := range groups {
		titles, roles = append(titles, f.groups[g].Titles...), append(roles, f.groups[g].Roles...)
	}
	if len(titles) == 0 {
		return nil, errkind.New(errkind.Denied, "%s may see no titles: none of the groups %q gives any; the operator can add a group to the file of tokens", name, groups)
	}
	if len(f.members) >= maxMembers {
		clear(f.members)
	}
	c := NewCaller(name, titles, roles...)
	c.groups = groups
	f.members[key] = c
	return c, nil
}

// Ready returns the fault of the file and the callers whom the fault shuts out, or nil.
func (f *File) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	if f.broken == nil {
		return nil
	}
	return errkind.New(errkind.Unavailable, "token_file %s is wrong, and %d of %d tokens are refused until the file is right: %w", f.path, len(f.good)-len(f.callers), len(f.good), f.broken)
}

// look reads the file if the last look was long enough ago. The content decides, and not the file's time: a file may be
// replaced within the clock's resolution, or with its time kept.
func (f *File) look() {
	now := f.deps.Now()
	if now.Sub(f.looked) < lookEvery {
		return
	}
	f.looked = now
	b, err := ReadFile(f.path, maxFileBytes)
	sum := hash(sha256.Sum256(b))
	if err == nil && f.broken == nil && sum == f.sum {
		f.goodAt = now
		return
	}
	callers, groups := f.good, map[string]entry(nil)
	if err == nil {
		callers, groups, err = parse(b)
	}
	switch {
	case err == nil:
		f.callers, f.good, f.goodAt, f.broken, f.sum = callers, callers, now, nil, sum
		f.groups, f.members = groups, map[string]*Caller{}
		f.deps.Log.Info("the file of tokens was read again", "file", f.path, "tokens", len(callers))
	case now.Sub(f.goodAt) < halfSaved:
	default:
		changed := f.broken == nil || sum != f.sum || err.Error() != f.broken.Error()
		f.callers, f.broken, f.sum = standing(b, f.good), err, sum
		f.groups, f.members = nil, map[string]*Caller{}
		if changed {
			f.deps.Log.Error("the file of tokens is invalid; tokens whose entries have changed are refused until the file is valid", "file", f.path,
				"refused", len(f.good)-len(f.callers), "of", len(f.good), "error", err)
		}
	}
}

// ReadFile reads a file of rights with at most the given bytes. ReadFile refuses a folder, a pipe and a larger file.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errkind.New(errkind.Invalid, "not a regular file; want a file, or a link to a file")
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, errkind.New(errkind.Invalid, "the file has more than the %d bytes allowed", most)
	}
	return b, err
}

// An entry is a token or a group of the file.
type entry struct {
	Name   string   `yaml:"name"`
	SHA256 string   `yaml:"sha256"`
	Titles []string `yaml:"titles"`
	Roles  []Role   `yaml:"roles"`
}

// key is the hash by which the entry's token is recognised.
func (e entry) key() (hash, error) {
	sum, err := hex.DecodeString(e.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return hash{}, errkind.New(errkind.Invalid, "sha256: want 64 hex digits: printf %%s TOKEN | sha256sum")
	}
	return hash(sum), nil
}

// caller is whom the entry stands for.
func (e entry) caller() (*Caller, error) {
	if e.Name == "" {
		return nil, errkind.New(errkind.Invalid, "name: must be set")
	}
	for _, r := range e.Roles {
		if !slices.Contains(Roles, r) {
			return nil, errkind.New(errkind.Invalid, "roles: %q is none of %q", r, Roles)
		}
	}
	if slices.Contains(e.Titles, "") {
		return nil, errkind.New(errkind.Invalid, `titles: a title is empty; name titles by their ids, or "*" for every title`)
	}
	if slices.Contains(e.Roles, Operator) && !slices.Contains(e.Titles, "*") {
		return nil, errkind.New(errkind.Invalid, `roles: %q works on the whole library, so it needs titles: ["*"]; for work within titles give the role %q`, Operator, Batch)
	}
	return NewCaller(e.Name, e.Titles, e.Roles...), nil
}

// parse reads a whole file. parse returns no entry of an invalid file.
func parse(b []byte) (map[hash]*Caller, map[string]entry, error) {
	var all struct {
		Tokens []entry `yaml:"tokens"`
		Groups []entry `yaml:"groups"`
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	err := d.Decode(&all)
	if errors.Is(err, io.EOF) {
		return nil, nil, errkind.New(errkind.Invalid, "the file is empty; want `tokens:` and a list, or `tokens: []` to admit nobody")
	}
	if err != nil {
		return nil, nil, errkind.New(errkind.Invalid, "%w", err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, nil, errkind.New(errkind.Invalid, "the file has more than one YAML document; put all tokens into one list")
	}
	callers, at := map[hash]*Caller{}, map[hash]int{}
	for i, e := range all.Tokens {
		key, err := e.key()
		if err != nil {
			return nil, nil, errkind.New(errkind.Invalid, "tokens[%d].%w", i, err)
		}
		if first, twice := at[key]; twice {
			return nil, nil, errkind.New(errkind.Invalid, "tokens[%d].sha256: tokens[%d] has the same; delete either entry", i, first)
		}
		at[key] = i
		if callers[key], err = e.caller(); err != nil {
			return nil, nil, errkind.New(errkind.Invalid, "tokens[%d].%w", i, err)
		}
	}
	groups, err := groupsOf(all.Groups)
	return callers, groups, err
}

// groupsOf checks the groups of a file.
func groupsOf(list []entry) (map[string]entry, error) {
	groups := map[string]entry{}
	for i, e := range list {
		if _, err := e.caller(); err != nil {
			return nil, errkind.New(errkind.Invalid, "groups[%d].%w", i, err)
		}
		if _, twice := groups[e.Name]; twice {
			return nil, errkind.New(errkind.Invalid, "groups[%d].name: the group %q has two entries; join them", i, e.Name)
		}
		if e.SHA256 != "" {
			return nil, errkind.New(errkind.Invalid, "groups[%d].sha256: a group has no token", i)
		}
		groups[e.Name] = e
	}
	return groups, nil
}

// standing returns the given callers whose entries are unchanged in an invalid file. A caller whose entry cannot be
// read is left out.
func standing(b []byte, good map[hash]*Caller) map[hash]*Caller {
	out, times := map[hash]*Caller{}, map[hash]int{}
	for _, e := range entriesOf(b) {
		key, err := e.key()
		if err != nil {
			continue
		}
		times[key]++
		if c, err := e.caller(); err == nil && good[key].Same(c) {
			out[key] = good[key]
		}
	}
	for key, n := range times {
		if n > 1 {
			delete(out, key)
		}
	}
	return out
}

// entriesOf returns the separately readable entries of an invalid file.
func entriesOf(b []byte) []entry {
	var out []entry
	var root yaml.Node
	if yaml.Unmarshal(b, &root) == nil {
		for _, n := range tokensOf(&root) {
			if e, ok := entryOf(n); ok {
				out = append(out, e)
			}
		}
		return out
	}
	for _, part := range itemsOf(b) {
		var list yaml.Node
		if yaml.Unmarshal([]byte(part), &list) != nil || len(list.Content) != 1 || len(list.Content[0].Content) != 1 {
			continue
		}
		if e, ok := entryOf(list.Content[0].Content[0]); ok {
			out = append(out, e)
		}
	}
	return out
}

// tokensOf returns the items below the single key "tokens" of a document.
func tokensOf(root *yaml.Node) []*yaml.Node {
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	var found []*yaml.Node
	pairs := root.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == "tokens" {
			if found != nil {
				return nil // which of the two counts, nobody can say
			}
			found = pairs[i+1].Content
		}
	}
	return found
}

// entryOf reads an item. An unknown or repeated field makes the item unreadable.
func entryOf(n *yaml.Node) (e entry, ok bool) {
	if n.Kind != yaml.MappingNode {
		return e, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !slices.Contains([]string{"name", "sha256", "titles", "roles"}, n.Content[i].Value) {
			return e, false
		}
	}
	return e, n.Decode(&e) == nil // refuses repeated fields
}

// itemsOf cuts the text below "tokens:" into items, for a file other than YAML as a whole.
func itemsOf(b []byte) []string {
	var items []string
	within, indent := false, -1
	for line := range strings.Lines(string(b)) {
		text := strings.TrimLeft(line, " ")
		depth := len(line) - len(text)
		item := strings.HasPrefix(text, "- ")
		switch {
		case strings.TrimSpace(text) == "" || text[0] == '#':
		case depth == 0 && !item: // another key, or another document
			key, _, _ := strings.Cut(text, "#")
			within, indent = strings.TrimSpace(key) == "tokens:", -1
		case within && item && (indent < 0 || depth <= indent):
			items, indent = append(items, line), depth
		case within && indent >= 0:
			items[len(items)-1] += line
		}
	}
	return items
}

// WriteFile writes a token file with a single token of every role, for the first start and for tests. Operators' work
// needs every title.
func WriteFile(path, name, token string, titles ...string) error {
	roles := []Role{Operator, Batch, Ingest, Retitle}
	if !slices.Contains(titles, "*") {
		roles = roles[1:]
	}
	sum := sha256.Sum256([]byte(token))
	b, err := yaml.Marshal(map[string][]entry{"tokens": {{Name: name, SHA256: hex.EncodeToString(sum[:]), Titles: titles, Roles: roles}}})
	if err != nil {
		return err
	}
	return WriteSecret(path, append([]byte("# Tokens are kept as their sha256: printf %s TOKEN | sha256sum\n"), b...))
}

// Outdated reports whether b is the token file of earlier releases, without the roles ingest and retitle, for a token
// of every title. The first releases wrote no roles, and later releases wrote the role operator.
func Outdated(b []byte, name, token string) bool {
	first := fmt.Sprintf("# Tokens are kept as their sha256: printf %%s TOKEN | sha256sum\ntokens:\n  - name: %s\n    sha256: %x\n    titles: [\"*\"]\n",
		name, sha256.Sum256([]byte(token)))
	roles, ok := strings.CutPrefix(string(b), first)
	return ok && slices.Contains([]string{"", "    roles: [operator]\n"}, roles)
}

// WriteSecret writes a file that only its owner may read. The write is atomic: after a crash, the file is the old or
// the new file.
func WriteSecret(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
