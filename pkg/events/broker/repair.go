package broker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Loss is a damage that Repair could not restore, as remembered in the log's folder.
type Loss struct {
	Damage
	When time.Time `json:"when"`
}

// lossesFile names the losses, a JSON object a line.
const lossesFile = "lost.jsonl"

// Losses returns the losses of earlier repairs, the oldest first.
func Losses(dir string) ([]Loss, error) {
	f, err := os.Open(filepath.Join(dir, lossesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Loss
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l Loss
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			continue // a damaged line
		}
		all = append(all, l)
	}
	return all, nil
}

// Repair makes a damaged log usable again. No process may have the log open.
//   - Repair keeps damaged segments in the folder "damaged". In their place are segments with all good records, before
//     and after the damage, under the same offsets.
//   - Repair returns the damage. Damage that cannot be restored is remembered for Losses.
//   - A group that had read beyond a lost end continues at the new end.
//   - A log without damage is left unchanged.
//
// log may be nil.
func Repair(dir string, log *slog.Logger) ([]Damage, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := salvageEntries(dir, log); err != nil {
		return nil, err
	}
	c, err := check(dir)
	if err != nil || len(c.damages) == 0 {
		return nil, err
	}
	for _, m := range c.mendings {
		aside, err := setAside(dir, m.path)
		if err != nil {
			return nil, fmt.Errorf("setting %s aside: %w", m.path, err)
		}
		for i, d := range c.damages {
			if filepath.Join(dir, d.File) == m.path {
				c.damages[i].SetAside = aside
			}
		}
		if err := replaceFile(m.path, m.rewrite()); err != nil {
			return nil, err
		}
		if err := os.Remove(strings.TrimSuffix(m.path, ".dat") + ".idx"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	// A gap between segments is filled at the end of the segment before.
	names := make(map[string]bool)
	for _, d := range c.damages {
		names[folder(d.Topic, int32(d.Partition))] = true
	}
	var clamped [][]byte
	for name := range names {
		end, err := settle(filepath.Join(dir, "partitions", name))
		if err != nil {
			return nil, fmt.Errorf("repairing %s: %w", name, err)
		}
		clamped = append(clamped, c.commits[name].clamp(name, end)...)
	}
	if err := appendEntries(filepath.Join(dir, "groups.log"), clamped); err != nil {
		return nil, err
	}
	return c.damages, remember(dir, c.damages)
}

// rewrite returns the segment without its flaws.
func (m mending) rewrite() []byte {
	var out []byte
	good := slices.Clone(m.good)
	for _, f := range m.flaws {
		for len(good) > 0 && good[0].pos < f.pos {
			out = append(out, m.raw[good[0].pos:good[0].pos+good[0].size]...)
			good = good[1:]
		}
		switch {
		case f.restored():
			out = append(out, f.mended.mend(m.raw)...)
		case f.to >= 0:
			out = append(out, filler(f.from, f.to)...)
		}
	}
	for _, b := range good {
		out = append(out, m.raw[b.pos:b.pos+b.size]...)
	}
	return out
}

// filler is a record batch without records in place of lost offsets, as Kafka's compaction leaves such batches.
func filler(from, to int64) []byte {
	return encodeBatch(kmsg.RecordBatch{FirstOffset: from, Magic: 2, LastOffsetDelta: int32(to - from - 1), ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1})
}

// settle fills the gaps between a partition's segments, takes the end of the partition for synced, and returns the end.
func settle(at string) (end int64, err error) {
	segments, err := segmentsOf(at)
	if err != nil {
		return 0, err
	}
	last := watermark{}
	for i, s := range segments {
		path := filepath.Join(at, fmt.Sprintf("%d.dat", s.base))
		raw, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		_, _, end = scan(raw, s.base)
		if i+1 < len(segments) && end < segments[i+1].base {
			raw = append(raw, filler(end, segments[i+1].base)...)
			if err := replaceFile(path, raw); err != nil {
				return 0, err
			}
		}
		last = watermark{s.base, int64(len(raw))}
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return 0, err
	}
	return end, replaceFile(filepath.Join(at, watermarkFile), last.encode())
}

// clamp returns the entries for taking groups from beyond the end back to the end.
func (c commits) clamp(name string, end int64) (all [][]byte) {
	topic, partition := partitionOf(name)
	for group, offset := range c {
		if offset <= end {
			continue
		}
		data, err := json.Marshal(groupEntry{Type: "commit", Group: group, Topic: topic, Partition: int32(partition), Offset: end})
		if err != nil {
			continue // plain data always marshals
		}
		e := make([]byte, entryHeader+2, entryHeader+2+len(data))
		binary.LittleEndian.PutUint32(e, uint32(2+len(data)))
		binary.LittleEndian.PutUint16(e[entryHeader:], 1)
		e = append(e, data...)
		binary.LittleEndian.PutUint32(e[4:], crc32.Checksum(e[entryHeader:], castagnoli))
		all = append(all, e)
	}
	return all
}

func appendEntries(path string, all [][]byte) error {
	if len(all) == 0 {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, e := range all {
		raw = append(raw, e...)
	}
	return replaceFile(path, raw)
}

func remember(dir string, damages []Damage) error {
	path := filepath.Join(dir, lossesFile)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, d := range damages {
		if d.Restorable {
			continue
		}
		line, err := json.Marshal(Loss{d, time.Now().UTC()})
		if err != nil {
			return err
		}
		b = append(append(b, line...), '\n')
	}
	return replaceFile(path, b)
}
