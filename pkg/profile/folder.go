package profile

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// maxFiles bounds the profiles of a folder.
const maxFiles = 1000

// Profiles are the profiles of a folder.
type Profiles struct {
	dir   string
	log   *slog.Logger
	now   atomic.Pointer[table]
	fault atomic.Pointer[error]
}

type table struct {
	byName map[string]*Profile
	print  [sha256.Size]byte // of the names and contents of the files
}

// Load reads the profiles of a folder: each file that ends in .yaml, named after its profile. An empty dir holds no profile.
// Errors are Invalid, and name the file.
func Load(dir string, log *slog.Logger) (*Profiles, error) {
	ps := &Profiles{dir: dir, log: log}
	t, err := ps.read()
	if err != nil {
		return nil, err
	}
	ps.now.Store(t)
	return ps, nil
}

// None are no profiles.
func None() *Profiles {
	ps := &Profiles{}
	ps.now.Store(&table{})
	return ps
}

// Follow reads the folder again every interval until the context ends. A fault in the folder leaves the profiles as they are; the log tells
// the fault once.
func (ps *Profiles) Follow(ctx context.Context, every time.Duration) {
	if ps.dir == "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			ps.Reload()
		}
	}
}

// Reload reads the folder once more.
func (ps *Profiles) Reload() {
	before := ps.now.Load()
	t, err := ps.read()
	if err == nil {
		err = sameVersions(before, t)
	}
	if err != nil {
		if last := ps.fault.Swap(&err); last == nil || (*last).Error() != err.Error() {
			ps.log.Error("profiles are not read again: the earlier ones stay", "dir", ps.dir, "error", err)
		}
		return
	}
	ps.fault.Store(nil)
	if t.print != before.print {
		ps.now.Store(t)
		ps.log.Info("profiles read again", "dir", ps.dir, "profiles", strings.Join(ids(t), ", "))
	}
}

// Fault is why the folder as it is now is not used; nil where the folder is.
func (ps *Profiles) Fault() error {
	if err := ps.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// Get returns the profile of a name for a caller. A split gives its share of the callers the other profile, and each caller always the same.
// NotFound: no profile has the name. The error names the profiles there are.
func (ps *Profiles) Get(name, caller string) (*Profile, error) {
	t := ps.now.Load()
	p := t.byName[name]
	if p == nil {
		if len(t.byName) == 0 {
			return nil, errkind.New(errkind.NotFound, "there is no profile %.70q: this service has none (profiles.dir)", name)
		}
		return nil, errkind.New(errkind.NotFound, "there is no profile %.70q; there are %s", name, strings.Join(t.names(), ", "))
	}
	if p.Split.Share > 0 && share(name, caller) < p.Split.Share {
		return t.byName[p.Split.Profile], nil
	}
	return p, nil
}

// All returns the profiles by name.
func (ps *Profiles) All() []*Profile {
	t := ps.now.Load()
	var out []*Profile
	for _, name := range t.names() {
		out = append(out, t.byName[name])
	}
	return out
}

// share is where a caller stands among the callers of a profile, from 0 to 1.
func share(profile, caller string) float64 {
	sum := sha256.Sum256([]byte(profile + "\x00" + caller))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

func (t *table) names() []string {
	names := make([]string, 0, len(t.byName))
	for name := range t.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func ids(t *table) (out []string) {
	for _, name := range t.names() {
		out = append(out, t.byName[name].ID())
	}
	return out
}

// sameVersions refuses a changed file whose version has not grown.
func sameVersions(before, after *table) error {
	for name, p := range after.byName {
		if old := before.byName[name]; old != nil && p.sum != old.sum && p.Version <= old.Version {
			return errkind.New(errkind.Invalid, "%s.yaml: the file has changed, and its version %d has not grown; write version: %d", name, p.Version, old.Version+1)
		}
	}
	return nil
}

func (ps *Profiles) read() (*table, error) {
	t := &table{byName: map[string]*Profile{}}
	if ps.dir == "" {
		return t, nil
	}
	entries, err := os.ReadDir(ps.dir)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading the folder of profiles: %w", err)
	}
	whole := sha256.New()
	for _, e := range entries { // by name
		if filepath.Ext(e.Name()) != ".yaml" {
			continue
		}
		if len(t.byName) == maxFiles {
			return nil, errkind.New(errkind.Invalid, "%s holds more than the %d profiles allowed", ps.dir, maxFiles)
		}
		p, err := ReadFile(filepath.Join(ps.dir, e.Name()))
		if err == nil && e.Name() != p.Name+".yaml" {
			err = errkind.New(errkind.Invalid, "the file holds the profile %s, and so must be called %s.yaml", p.Name, p.Name)
		}
		if err != nil {
			return nil, errkind.Wrap(errkind.Invalid, fmt.Errorf("%s: %w", e.Name(), err))
		}
		t.byName[p.Name] = p
		whole.Write(p.sum[:])
	}
	for _, name := range t.names() {
		if to := t.byName[name].Split.Profile; to != "" && t.byName[to] == nil {
			return nil, errkind.New(errkind.Invalid, "%s.yaml: split.profile: there is no profile %s", name, to)
		}
	}
	whole.Sum(t.print[:0])
	return t, nil
}

// ReadFile reads and checks the file of a profile. Errors are Invalid.
func ReadFile(name string) (*Profile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	return Parse(b)
}
