package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// kfake takes every unreadable part of a file for a torn tail, and cuts off the part and all later records. The files
// are therefore checked before kfake opens the files:
//
//   - Record batches MUST have right checksums, and offsets without gaps, from the first segment to the last.
//   - A file MUST reach as far as it was synced (watermark.go). Bytes beyond, at the very end of a partition and
//     without a good batch after them, were never acknowledged. Such bytes are a torn tail and are cut off.
//   - No group MAY have read beyond the end.
//
// Every other deviation is damage. Open refuses damage with a *DamageError, and Repair sets damage aside. A single case
// stays undecidable: after a loss of power the watermark may be older than the last sync, and damage to the last
// batches then looks like a torn tail.
//
// Open makes anew, and logs, all files that can be made anew without loss: indexes and snapshots of segments; the state
// of groups beside its damaged entries (groups then read some events again); the list of topics.

// Damage is one place of the log that lacks acknowledged records.
type Damage struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	// File is where, relative to the log's folder, and Position the byte there.
	File     string `json:"file"`
	Position int64  `json:"position"`
	// From is the first damaged offset, and To the offset after the last. To is -1 if the end is unknown.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Restorable says that Repair restores all records.
	Restorable bool `json:"restorable,omitempty"`
	// SetAside is the folder to which Repair moved the file.
	SetAside string `json:"set_aside,omitempty"`
}

func (d Damage) String() string {
	offsets := fmt.Sprintf("offsets %d to %d", d.From, d.To-1)
	switch {
	case d.To < 0:
		offsets = fmt.Sprintf("offset %d and an unknown number after it", d.From)
	case d.To == d.From+1:
		offsets = fmt.Sprintf("offset %d", d.From)
	}
	fate := "lost"
	if d.Restorable {
		fate = "damaged and restorable"
	}
	return fmt.Sprintf("%s, partition %d: %s %s (%s, byte %d)", d.Topic, d.Partition, offsets, fate, d.File, d.Position)
}

// A DamageError says where the log is damaged.
type DamageError struct{ Damages []Damage }

func (e *DamageError) Error() string {
	var all []string
	for _, d := range e.Damages {
		all = append(all, d.String())
	}
	return "the embedded log is damaged: " + strings.Join(all, "; ") + ": restore the log's folder from a backup, or continue without the lost records: `cinedex log repair`"
}

// Unwrap gives the error its kind, Internal.
func (e *DamageError) Unwrap() error { return errDamage }

var errDamage = errkind.New(errkind.Internal, "damage")

// A mending is a damaged segment of a partition.
type mending struct {
	path  string
	raw   []byte
	good  []batch
	flaws []flaw
}

// checked is the result of reading all files of the log.
type checked struct {
	damages  []Damage
	mendings []mending
	torn     []torn
	ends     map[string]int64   // by the partition's folder
	commits  map[string]commits // of groups, likewise
}

// torn is a tail that was never acknowledged, or garbage after all acknowledged records.
type torn struct {
	path string
	size int64
}

// Check looks for damage in the log's folder and changes nothing. No process may have the folder open.
func Check(dir string) ([]Damage, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	c, err := check(dir)
	return c.damages, err
}

func check(dir string) (c checked, err error) {
	c.ends = make(map[string]int64)
	if c.commits, err = readCommits(dir); err != nil {
		return c, err
	}
	folders, err := partitionFolders(dir)
	if err != nil {
		return c, err
	}
	for _, name := range folders {
		if err := c.partition(dir, name); err != nil {
			return c, fmt.Errorf("checking %s: %w", name, err)
		}
	}
	for name, of := range c.commits {
		end, known := c.ends[name]
		if read := of.most(); read > end {
			c.damage(name, segmentPath(name, 0), 0, end, read, false)
			if !known {
				c.ends[name] = 0
			}
		}
	}
	slices.SortFunc(c.damages, func(a, b Damage) int { return strings.Compare(a.File, b.File) })
	return c, nil
}

func partitionFolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != folder(probeTopic, 0) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func segmentPath(name string, base int64) string {
	return filepath.Join("partitions", name, strconv.FormatInt(base, 10)+".dat")
}

func (c *checked) damage(name, file string, pos int, from, to int64, restorable bool) {
	topic, partition := partitionOf(name)
	for _, d := range c.damages {
		if d.Topic == topic && d.Partition == partition && d.From <= from && (d.To < 0 || d.To >= to && to >= 0) {
			return // known already
		}
	}
	c.damages = append(c.damages, Damage{Topic: topic, Partition: partition, File: file, Position: int64(pos), From: from, To: to, Restorable: restorable})
}

// partitionOf is the other way of folder.
func partitionOf(name string) (topic string, partition int) {
	i := strings.LastIndexByte(name, '-')
	topic, err := url.PathUnescape(name[:max(i, 0)])
	n, err2 := strconv.Atoi(name[i+1:])
	if err != nil || err2 != nil {
		return name, 0
	}
	return topic, n
}

// partition checks the segments of one partition.
func (c *checked) partition(dir, name string) error {
	at := filepath.Join(dir, "partitions", name)
	segments, err := segmentsOf(at)
	if err != nil {
		return err
	}
	mark, err := readWatermark(at)
	if err != nil {
		return err
	}
	if len(segments) == 0 {
		if mark.size > 0 {
			c.damage(name, segmentPath(name, mark.base), 0, mark.base, -1, false)
			c.ends[name] = mark.base
		}
		return nil
	}
	due := segments[0].base
	for i, s := range segments {
		path := filepath.Join(at, strconv.FormatInt(s.base, 10)+".dat")
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if s.base > due {
			c.damage(name, segmentPath(name, due), 0, due, s.base, false)
		}
		m := mending{path: path, raw: raw}
		m.good, m.flaws, due = scan(raw, s.base)
		next := int64(-1)
		if i+1 < len(segments) {
			next = segments[i+1].base
		}
		c.judge(name, s.base, next, mark, &m)
		if len(m.flaws) > 0 {
			c.mendings = append(c.mendings, m)
		}
	}
	c.ends[name] = due
	if last := segments[len(segments)-1]; mark.base > last.base && mark.size > 0 {
		c.damage(name, segmentPath(name, mark.base), 0, due, -1, false)
	} else if mark.base == last.base && last.bytes < mark.size {
		c.damage(name, segmentPath(name, mark.base), int(last.bytes), due, -1, false)
	}
	return nil
}

// judge tells damage from torn tails among a segment's flaws. next is where the following segment begins, -1 for the last segment.
func (c *checked) judge(name string, base, next int64, mark watermark, m *mending) {
	file := segmentPath(name, base)
	for i, f := range m.flaws {
		tail := f.to < 0 && !f.restored()
		switch {
		case !tail:
			c.damage(name, file, f.pos, f.from, f.to, f.restored())
		case next >= 0 && f.from == next,
			next < 0 && (mark.base < base || mark.base == base && int64(f.pos) >= mark.size):
			// No record of the segment was acknowledged.
			c.torn = append(c.torn, torn{m.path, int64(f.pos)})
			m.flaws = slices.Delete(m.flaws, i, i+1)
			return // a tail is the last flaw
		default:
			c.damage(name, file, f.pos, f.from, next, false)
		}
	}
}

// prepare makes the log's folder fit for kfake, or returns the damage.
func prepare(dir string, log *slog.Logger) error {
	// Members of groups that a clean stop left in session_state.json are gone. Remembered members would delay the first
	// join. Remembered idempotent producers would acknowledge a batch that could not be written. The other files hold
	// no data of ours.
	for _, name := range []string{"session_state.json", "seq_windows.json", "acls.json", "sasl.json", "quotas.json", "broker_configs.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "partitions", folder(probeTopic, 0))); err != nil {
		return err
	}
	if err := salvageEntries(dir, log); err != nil {
		return err
	}
	if err := restoreLayout(dir, log); err != nil {
		return err
	}
	c, err := check(dir)
	if err != nil {
		return err
	}
	if len(c.damages) > 0 {
		return &DamageError{c.damages}
	}
	for _, t := range c.torn {
		log.Warn("cutting off a write that the end of the process interrupted", "file", t.path, "from", t.size)
		if err := os.Truncate(t.path, t.size); err != nil {
			return err
		}
	}
	for name, end := range c.ends {
		if err := tidy(filepath.Join(dir, "partitions", name), end, log); err != nil {
			return fmt.Errorf("tidying %s: %w", name, err)
		}
	}
	return nil
}

// tidy rewrites the files that are derived from a partition's segments where the files disagree with the segments.
func tidy(at string, end int64, log *slog.Logger) error {
	segments, err := segmentsOf(at)
	if err != nil || len(segments) == 0 {
		return err
	}
	for _, s := range segments {
		if err := tidyIndex(at, s.base, log); err != nil {
			return err
		}
	}
	return tidySnapshot(at, segments, end, log)
}

// snapshot holds the fields of kfake's snapshot.json that could hide records.
type snapshot struct {
	HighWatermark    int64 `json:"high_watermark"`
	LastStableOffset int64 `json:"last_stable_offset"`
	LogStartOffset   int64 `json:"log_start_offset"`
	Epoch            int32 `json:"epoch"`
	AbortedTxns      []any `json:"aborted_txns"`
	Segments         []struct {
		BaseOffset int64 `json:"base_offset"`
		Size       int64 `json:"size"`
	} `json:"segments"`
}

// tidySnapshot removes a snapshot that disagrees with the segments. kfake then reads the segments.
func tidySnapshot(at string, segments []segment, end int64, log *slog.Logger) error {
	path := filepath.Join(at, "snapshot.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var s snapshot
	err = json.Unmarshal(b, &s)
	current := err == nil && len(s.Segments) == len(segments)
	for i := range segments {
		current = current && s.Segments[i].BaseOffset == segments[i].base && s.Segments[i].Size == segments[i].bytes
	}
	agrees := current && s.HighWatermark == end && s.LastStableOffset == end && s.LogStartOffset == segments[0].base && s.Epoch == 0 && len(s.AbortedTxns) == 0
	if agrees {
		return nil
	}
	if err != nil || current {
		log.Warn("a snapshot does not agree with the log: reading the log instead", "file", path)
	}
	return os.Remove(path)
}

// readCommits returns the committed offsets of groups, by the partition's folder.
func readCommits(dir string) (map[string]commits, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "groups.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := make(map[string]commits)
	good, _, _ := entries(raw)
	for _, e := range good {
		var g groupEntry
		if json.Unmarshal(e[entryHeader+2:], &g) != nil {
			continue
		}
		name := folder(g.Topic, g.Partition)
		switch g.Type {
		case "commit":
			if all[name] == nil {
				all[name] = make(commits)
			}
			all[name][g.Group] = g.Offset
		case "delete":
			delete(all[name], g.Group)
		}
	}
	return all, nil
}

// groupEntry is an entry of kfake's groups.log.
type groupEntry struct {
	Type      string `json:"type"`
	Group     string `json:"g"`
	Topic     string `json:"t"`
	Partition int32  `json:"p"`
	Offset    int64  `json:"o"`
}

// commits are offsets by group.
type commits map[string]int64

func (c commits) most() int64 {
	most := int64(0)
	for o := range maps.Values(c) {
		most = max(most, o)
	}
	return most
}
