package gallery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
)

const (
	// mostNames, mostPortraits and mostBytes bound a gallery, a name's portraits, and a name.
	mostNames     = 1000
	mostPortraits = 20
	mostBytes     = 100
)

// limits bound a portrait.
var limits = media.ImageLimits{Bytes: 20 << 20, Side: 16_384, Pixels: 50_000_000, Memory: 512 << 20}

// A Folder is the portraits of a folder, as they were when the folder was read. The zero Folder has no portraits.
type Folder struct {
	dir       string
	portraits []portrait // by name and path
}

// A portrait is a picture of a name.
type portrait struct {
	name, path, digest string
}

// Read reads a folder. An empty dir is an empty Folder. Invalid: the error names the file that cannot be used.
func Read(dir string) (Folder, error) {
	if dir == "" {
		return Folder{}, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Folder{}, errkind.New(errkind.Invalid, "opening the gallery: %w", err)
	}
	f := Folder{dir: dir}
	err = errors.Join(f.read(root), root.Close())
	if err != nil {
		return Folder{}, err
	}
	return f, nil
}

func (f *Folder) read(root *os.Root) error {
	entries, err := list(root, ".", 2*mostNames)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, e := range entries {
		name, files := e, []string{e}
		info, err := root.Stat(e)
		switch {
		case err != nil:
			return errkind.New(errkind.Invalid, "the gallery's %q cannot be read: %w", e, err)
		case info.IsDir():
			inside, err := list(root, e, mostPortraits)
			if err != nil {
				return err
			}
			files = nil
			for _, file := range inside {
				files = append(files, path.Join(e, file))
			}
		default:
			name = strings.TrimSuffix(e, path.Ext(e))
		}
		if err := validName(name); err != nil {
			return err
		}
		if names[name] = true; len(names) > mostNames {
			return errkind.New(errkind.Invalid, "the gallery has more than %d names", mostNames)
		}
		for _, file := range files {
			digest, err := examined(root, file)
			if err != nil {
				return err
			}
			f.portraits = append(f.portraits, portrait{name, file, digest})
		}
	}
	slices.SortFunc(f.portraits, func(a, b portrait) int {
		return strings.Compare(a.name+"\x00"+a.path, b.name+"\x00"+b.path)
	})
	return nil
}

// list returns the names in a folder, without hidden names.
func list(root *os.Root, dir string, most int) ([]string, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "the gallery's folder %q cannot be read: %w", dir, err)
	}
	entries, err := d.ReadDir(2*most + 1)
	if err = errors.Join(notEnd(err), d.Close()); err != nil {
		return nil, errkind.New(errkind.Invalid, "the gallery's folder %q cannot be read: %w", dir, err)
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	if len(entries) > 2*most || len(out) > most {
		return nil, errkind.New(errkind.Invalid, "the gallery's folder %q has more than %d files", dir, most)
	}
	slices.Sort(out)
	return out, nil
}

func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func validName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return errkind.New(errkind.Invalid, "the gallery's name %q begins or ends with a space, or is empty", name)
	case len(name) > mostBytes:
		return errkind.New(errkind.Invalid, "the gallery's name %.64q has %d bytes, and a name has at most %d", name, len(name), mostBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return errkind.New(errkind.Invalid, "the gallery's name %q is not plain text", name)
	}
	return nil
}

// examined checks a file by its header, and returns the digest of the bytes.
func examined(root *os.Root, file string) (string, error) {
	raw, err := load(root, file)
	if err != nil {
		return "", err
	}
	if _, err := media.ImageMemory(raw, limits); err != nil {
		return "", fmt.Errorf("the gallery's portrait %q: %w", file, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// load reads a file of the gallery.
func load(root *os.Root, file string) ([]byte, error) {
	refused := func(format string, args ...any) ([]byte, error) {
		return nil, errkind.New(errkind.Invalid, "the gallery's portrait %q "+format, append([]any{file}, args...)...)
	}
	switch strings.ToLower(path.Ext(file)) {
	case ".jpg", ".jpeg", ".png":
	default:
		return refused("is not named .jpg, .jpeg or .png")
	}
	info, err := root.Stat(file)
	switch {
	case err != nil:
		return refused("cannot be read: %w", err)
	case info.Mode().Type() != fs.FileMode(0):
		return refused("is no file")
	case info.Size() > limits.Bytes:
		return refused("has %d bytes, and at most %d are accepted", info.Size(), limits.Bytes)
	}
	f, err := root.Open(file)
	if err != nil {
		return refused("cannot be read: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, limits.Bytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return refused("cannot be read: %w", err)
	}
	if kind := http.DetectContentType(raw); kind != "image/jpeg" && kind != "image/png" {
		return refused("holds %s, and neither JPEG nor PNG", kind)
	}
	return raw, nil
}

// digest returns the identity of the gallery: of names and pictures, whatever the files are called within a name's folder.
func (f Folder) digest() string {
	var lines []string
	for _, p := range f.portraits {
		lines = append(lines, p.name+"\x00"+p.digest+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "")))
	return hex.EncodeToString(sum[:16])
}
