package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// recordFile is the file of the record, in the engine's folder.
const recordFile = "ENGINE"

// A record holds the facts of an engine that are not items.
type record struct {
	// ID is the identity of the folder. A folder that is created anew has another identity.
	ID string `json:"id"`
	// Lacking is the reason why the engine may hold less than the store; empty if the engine holds every item.
	Lacking string `json:"lacking,omitempty"`
	// Serves says whether the engine answers while Lacking is set: see search.Lack.
	Serves bool `json:"serves,omitempty"`
	// Format is the words.Format of the live generation; 0 for a generation from before formats were numbered.
	Format int `json:"format,omitempty"`
	// Spaces are the spaces that have a folder in every generation.
	Spaces []string `json:"spaces,omitempty"`
	// Added are the spaces that AddSpace added.
	Added []addedSpace `json:"added,omitempty"`
	// Sets says that sets of words are asked for, so that the engine reads the places of documents when it starts.
	Sets bool `json:"sets,omitempty"`
}

// readRecord returns the record of a folder. If the folder has none, known is false and the record is new.
func readRecord(dir string) (r record, known bool, err error) {
	err = readSealed(filepath.Join(dir, recordFile), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return record{ID: rand.Text()}, false, nil
	}
	return r, err == nil, err
}

func (r record) write(dir string) error { return writeSealed(dir, recordFile, r) }

// A seal lists the files of a generation as of closing the generation. Opening removes the seal. A sealed generation has therefore not been
// written to since, and any difference is damage.
type seal struct {
	Files []sealedFile `json:"files"`
}

type sealedFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Sum is the checksum of a file that does not hold a checksum itself.
	Sum *uint32 `json:"sum,omitempty"`
}

const sealFile = "CLOSED"

// writeSeal seals the generation in a folder. Nobody may have the generation open.
func writeSeal(dir string) error {
	var s seal
	for _, part := range []string{textDir, vectorsDir} {
		err := filepath.WalkDir(filepath.Join(dir, part), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || e.Name() == "LOCK" {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			f := sealedFile{Name: filepath.ToSlash(name), Size: info.Size()}
			if e.Name() == boltFile {
				sum, err := sumOf(path, info.Size(), castagnoli)
				if err != nil {
					return err
				}
				f.Sum = &sum
			}
			s.Files = append(s.Files, f)
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sealing the search engine: %w", err)
		}
	}
	return writeSealed(dir, sealFile, s)
}

// readSeal returns nil if the generation was not closed.
func readSeal(dir string) (*seal, error) {
	s := &seal{}
	err := readSealed(filepath.Join(dir, sealFile), s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return s, err
}

// breakSeal removes the seal. The caller MUST call breakSeal before any write.
func breakSeal(dir string) error {
	err := os.Remove(filepath.Join(dir, sealFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("breaking the seal of the search engine: %w", err)
	}
	return nil
}

// writeSealed writes a line of JSON and a line with the checksum of the JSON, durably and at once.
func writeSealed(dir, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b = fmt.Appendf(b, "\n%08x\n", crc32.Checksum(b, castagnoli))
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func readSealed(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, sum, ok := strings.Cut(string(b), "\n")
	if !ok || sum != fmt.Sprintf("%08x\n", crc32.Checksum([]byte(text), castagnoli)) {
		return damage(path, "its checksum does not fit")
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return damage(path, "%v", err)
	}
	return nil
}

// setAside moves the whole folder of the engine, and returns the new place of the folder.
func setAside(dir, stamp string) (string, error) {
	aside := strings.TrimRight(dir, string(filepath.Separator)) + "-damaged-" + stamp
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-damaged-%s-%d", dir, stamp, n)
	}
	if err := os.Rename(dir, aside); err != nil {
		return "", errkind.New(errkind.Unavailable, "setting the damaged search engine aside: move %s away by hand, and start again: %w", dir, err)
	}
	if err := syncFolder(filepath.Dir(aside)); err != nil {
		return "", fmt.Errorf("setting the damaged search engine aside: %w", err)
	}
	return aside, nil
}
