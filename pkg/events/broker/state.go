package broker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A watermark says how far the newest segment of a partition was synced. The watermark is written after each sync and
// is not synced itself. The watermark is never ahead of the log, and is behind the log only after a loss of power.
type watermark struct{ base, size int64 }

const watermarkFile = "synced"

func (w watermark) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(w.base))
	b = binary.BigEndian.AppendUint64(b, uint64(w.size))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readWatermark returns the partition's watermark; none where the file is not there or damaged.
func readWatermark(at string) (w watermark, err error) {
	b, err := os.ReadFile(filepath.Join(at, watermarkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil || len(b) < 20 || crc32.Checksum(b[:16], castagnoli) != binary.BigEndian.Uint32(b[16:]) {
		return w, err
	}
	return watermark{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, nil
}

// indexEntry is an entry of kfake's index of a segment: version, low byte of the checksum of the rest, epoch, greatest timestamp
// before (which kfake reckons anew), whether the batch is in a transaction.
const indexEntry = 15

// tidyIndex rewrites a segment's index where the index disagrees with the segment. An index with a batch wrongly in a
// transaction would hide the batch. Segments with transactions, which the platform never writes, are left alone.
func tidyIndex(at string, base int64, log *slog.Logger) error {
	path := filepath.Join(at, fmt.Sprintf("%d.dat", base))
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	path = strings.TrimSuffix(path, ".dat") + ".idx"
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	good, _, _ := scan(raw, base)
	agrees := len(have) == len(good)*indexEntry
	var want []byte
	for i, b := range good {
		if b.inTx {
			return nil
		}
		e := make([]byte, indexEntry)
		e[0] = 1
		binary.LittleEndian.PutUint32(e[2:], uint32(b.epoch))
		e[1] = byte(crc32.Checksum(e[2:], castagnoli))
		want = append(want, e...)
		if agrees {
			h := have[i*indexEntry : (i+1)*indexEntry]
			agrees = h[0] == 1 && h[1] == byte(crc32.Checksum(h[2:], castagnoli)) && bytes.Equal(h[2:6], e[2:6]) && h[14] == 0
		}
	}
	if agrees {
		return nil
	}
	log.Warn("writing the index of a segment anew", "file", path)
	return replaceFile(path, want)
}

// replaceFile writes a file in the place of another, whole or not at all.
func replaceFile(path string, b []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// salvageEntries keeps the good entries of kfake's state files, before and after damaged bytes. kfake keeps only the
// entries before, and appends new entries after the damage, where kfake cannot find the new entries.
func salvageEntries(dir string, log *slog.Logger) error {
	for _, name := range []string{"groups.log", "pids.log"} {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		good, bad, after := entries(raw)
		if bad == 0 {
			continue
		}
		if after {
			aside, err := setAside(dir, path)
			if err != nil {
				return err
			}
			log.Error("a file of the embedded log's state is damaged: groups may read some events again", "file", path, "bytes", bad, "set aside", aside)
		} else {
			log.Warn("cutting off a write that the end of the process interrupted", "file", path, "bytes", bad)
		}
		if err := replaceFile(path, bytes.Join(good, nil)); err != nil {
			return err
		}
	}
	return nil
}

// damagedDir is where damaged files are kept, in the log's folder.
const damagedDir = "damaged"

// setAside copies a file into the folder of damaged files.
func setAside(dir, path string) (string, error) {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, damagedDir, time.Now().UTC().Format("20060102T150405.000000000"), rel)
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	return to, replaceFile(to, b)
}

// layout is kfake's list of topics, kept a second time with a checksum. Without the list, kfake begins anew over the
// old files.
type layout struct {
	Meta   string `json:"meta"`
	Topics string `json:"topics"`
}

const layoutFile = "layout"

// keepLayout writes the copy.
func keepLayout(dir string) error {
	meta, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return err
	}
	topics, err := os.ReadFile(filepath.Join(dir, "topics.json"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(layout{string(meta), string(topics)})
	if err != nil {
		return err
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	path := filepath.Join(dir, layoutFile)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, b) {
		return nil
	}
	return replaceFile(path, b)
}

func readLayout(dir string) (l layout, known bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, layoutFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	n := len(b) - 4
	if n < 0 || crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) || json.Unmarshal(b[:n], &l) != nil {
		return layout{}, false, nil
	}
	return l, true, nil
}

// topicList holds the fields of kfake's topics.json on which partitions depend.
type topicList map[string]struct {
	id         string
	partitions int
}

func parseTopics(b []byte) (topicList, bool) {
	var file struct {
		Version int `json:"version"`
		Topics  []struct {
			Name       string          `json:"name"`
			ID         json.RawMessage `json:"id"`
			Partitions int             `json:"partitions"`
		} `json:"topics"`
	}
	if json.Unmarshal(b, &file) != nil || file.Version != 1 {
		return nil, false
	}
	l := make(topicList)
	for _, t := range file.Topics {
		l[t.Name] = struct {
			id         string
			partitions int
		}{string(t.ID), t.Partitions}
	}
	return l, true
}

// restoreLayout takes the copy if kfake's own files are gone or disagree with the copy.
func restoreLayout(dir string, log *slog.Logger) error {
	kept, known, err := readLayout(dir)
	if err != nil {
		return err
	}
	meta, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	topics, err := os.ReadFile(filepath.Join(dir, "topics.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, ok := parseTopics(topics)
	if known {
		if string(meta) != kept.Meta {
			log.Error("the embedded log's identity is damaged: taking it from its copy", "file", "meta.json")
			if err := replaceFile(filepath.Join(dir, "meta.json"), []byte(kept.Meta)); err != nil {
				return err
			}
			meta = []byte(kept.Meta)
		}
		was, _ := parseTopics([]byte(kept.Topics))
		for name, t := range was {
			ok = ok && list[name].id == t.id && list[name].partitions >= t.partitions
		}
		if !ok {
			log.Error("the embedded log's list of topics is damaged: taking it from its copy", "file", "topics.json")
			if err := replaceFile(filepath.Join(dir, "topics.json"), []byte(kept.Topics)); err != nil {
				return err
			}
			list, ok = was, true
		}
	}
	return covered(dir, len(meta) > 0 && json.Valid(meta) && ok, list)
}

// covered refuses to begin anew over partitions missing in the list of topics.
func covered(dir string, ok bool, list topicList) error {
	folders, err := partitionFolders(dir)
	if err != nil {
		return err
	}
	for _, name := range folders {
		topic, partition := partitionOf(name)
		segments, err := segmentsOf(filepath.Join(dir, "partitions", name))
		if err != nil {
			return err
		}
		if len(segments) > 0 && (!ok || list[topic].partitions <= partition) {
			return errkind.New(errkind.Internal, "the embedded log's list of topics (meta.json, topics.json) is damaged: it lacks %s, partition %d, and has no good copy: "+
				"restore the two files from a backup", topic, partition)
		}
	}
	return nil
}
