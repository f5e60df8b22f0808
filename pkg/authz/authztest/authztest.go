// Package authztest has the ways to take a token away. Tests of every package with a file of tokens use authztest. A
// package that passes refuses a revoked token in time, however the token was revoked.
package authztest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The tokens of a file from Start. Kept may read the title "a". Gone may read every title and do operators' work.
const (
	Kept = "kept-token"
	Gone = "gone-token"
)

// A Right is a right that Gone loses.
type Right string

// The rights.
const (
	Everything Right = "everything"
	Operating  Right = "operators' work"
	TitleB     Right = "the title b"
)

// A Revocation is a way for Gone to lose a right.
type Revocation struct {
	Name  string
	Loses Right
	// With Keeps, Kept must be admitted afterwards.
	Keeps bool
	// With Broken, the file is invalid afterwards, so the file's reader is not ready.
	Broken bool
	// Do changes the file in one or more steps. pause lasts long enough for readers to read the file between two steps.
	Do func(file string, pause func()) error
}

func sum(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

func entry(name, token, titles, roles string) string {
	return fmt.Sprintf("  - name: %s\n    sha256: %s\n    titles: [%s]\n    roles: [%s]\n", name, sum(token), titles, roles)
}

var (
	kept  = entry("kept", Kept, `"a"`, "batch")
	gone  = entry("gone", Gone, `"*"`, "operator")
	other = entry("other", "other-token", `"a"`, "batch")
	full  = "tokens:\n" + kept + gone + other
)

// Start makes a file of tokens below dir in the form of a mounted Kubernetes secret: a link to a link to a folder. An
// update replaces the whole folder.
func Start(dir string) (file string, err error) {
	if err := os.Mkdir(filepath.Join(dir, "..1"), 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "..1", "tokens.yaml"), []byte(full), 0o600); err != nil {
		return "", err
	}
	if err := os.Symlink("..1", filepath.Join(dir, "..data")); err != nil {
		return "", err
	}
	file = filepath.Join(dir, "tokens.yaml")
	return file, os.Symlink(filepath.Join("..data", "tokens.yaml"), file)
}

// write writes the content in place.
func write(content string) func(string, func()) error {
	return func(file string, _ func()) error { return os.WriteFile(file, []byte(content), 0o600) }
}

// instead puts something else in the file's place.
func instead(put func(file string) error) func(string, func()) error {
	return func(file string, _ func()) error {
		if err := os.Remove(file); err != nil {
			return err
		}
		return put(file)
	}
}

// swap replaces the folder of a mounted secret, as the kubelet does.
func swap(file, content string) error {
	dir := filepath.Dir(file)
	if err := os.Mkdir(filepath.Join(dir, "..2"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "..2", "tokens.yaml"), []byte(content), 0o600); err != nil {
		return err
	}
	if err := os.Symlink("..2", filepath.Join(dir, "..data_tmp")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
}

// Revocations returns all revocations.
func Revocations() []Revocation {
	without := "tokens:\n" + kept + other
	valid := func(name string, loses Right, do func(string, func()) error) Revocation {
		return Revocation{Name: name, Loses: loses, Keeps: true, Do: do}
	}
	broken := func(name string, keeps bool, do func(string, func()) error) Revocation {
		return Revocation{Name: name, Loses: Everything, Keeps: keeps, Broken: true, Do: do}
	}
	return []Revocation{
		valid("removed in place", Everything, write(without)),
		valid("removed, written beside and renamed", Everything, func(file string, _ func()) error {
			if err := os.WriteFile(file+".new", []byte(without), 0o600); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		}),
		valid("removed, with size and time as before", Everything, func(file string, _ func()) error {
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			padded := without + "#" + strings.Repeat(" ", len(full)-len(without)-2) + "\n"
			if err := os.WriteFile(file, []byte(padded), 0o600); err != nil {
				return err
			}
			return os.Chtimes(file, info.ModTime(), info.ModTime())
		}),
		valid("removed, with a time long ago", Everything, func(file string, _ func()) error {
			if err := os.WriteFile(file, []byte(without), 0o600); err != nil {
				return err
			}
			return os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0))
		}),
		valid("removed, added and removed at once", Everything, func(file string, _ func()) error {
			for _, content := range []string{without, full, without} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					return err
				}
			}
			return nil
		}),
		valid("removed from a mounted secret", Everything, func(file string, _ func()) error { return swap(file, without) }),
		valid("the link leads to another file", Everything, func(file string, _ func()) error {
			if err := os.WriteFile(file+".other", []byte(without), 0o600); err != nil {
				return err
			}
			if err := os.Symlink(file+".other", file+".link"); err != nil {
				return err
			}
			return os.Rename(file+".link", file)
		}),
		valid("commented out", Everything, write("tokens:\n"+kept+"#"+strings.ReplaceAll(strings.TrimSuffix(gone, "\n"), "\n", "\n#")+"\n"+other)),
		valid("another token under its name", Everything, write("tokens:\n"+kept+entry("gone", "new-token", `"*"`, "operator")+other)),
		valid("without titles", Everything, write("tokens:\n"+kept+entry("gone", Gone, "", "batch")+other)),
		valid("the role is removed", Operating, write("tokens:\n"+kept+entry("gone", Gone, `"*"`, "batch")+other)),
		valid("cut off before the roles", Operating, write("tokens:\n"+kept+gone[:strings.Index(gone, "    roles")])),
		valid("fewer titles", TitleB, write("tokens:\n"+kept+entry("gone", Gone, `"a"`, "batch")+other)),
		{Name: "an empty list", Loses: Everything, Do: write("tokens: []\n")},

		broken("removed, and another entry has a role that is none", true, write("tokens:\n"+kept+entry("other", "other-token", `"a"`, "king"))),
		broken("removed, and another entry has a field that is none", true, write("tokens:\n"+kept+other+"    note: x\n")),
		broken("removed, and rubbish at the end", true, write(without+"]\n")),
		broken("removed, and a tab in another entry", true, write("tokens:\n"+kept+strings.Replace(other, "    titles", "\ttitles", 1))),
		broken("removed from a mounted secret, and a mistake elsewhere", true, func(file string, _ func()) error { return swap(file, without+"}\n") }),
		broken("commented out, and a mistake elsewhere", true, write("tokens:\n"+kept+"#"+strings.ReplaceAll(strings.TrimSuffix(gone, "\n"), "\n", "\n#")+"\n"+other+"]\n")),
		broken("moved below another key", true, write(without+"revoked:\n"+gone)),
		broken("moved below another key of a file that is no YAML", true, write(without+"revoked:\n"+gone+"]\n")),
		broken("cut off within its sha256", true, write("tokens:\n"+kept+gone[:strings.Index(gone, "sha256: ")+20])),
		broken("a digit of its sha256 is lost", true, write("tokens:\n"+kept+strings.Replace(gone, "sha256: ", "sha256: 0", 1)+other)),
		broken("its sha256 twice", true, write("tokens:\n"+kept+gone+other+entry("again", Gone, `"a"`, "batch"))),
		broken("fewer titles, and a mistake elsewhere", true, write("tokens:\n"+kept+entry("gone", Gone, `"a"`, "batch")+other+"]\n")),
		broken("an operator of some titles", true, write("tokens:\n"+kept+entry("gone", Gone, `"a"`, "operator")+other)),
		broken("a mistake first, then removed as well", true, func(file string, pause func()) error {
			if err := os.WriteFile(file, []byte(full+"]\n"), 0o600); err != nil {
				return err
			}
			pause()
			return os.WriteFile(file, []byte(without+"]\n"), 0o600)
		}),
		broken("a second document", true, write(without+"---\ntokens:\n"+gone)),
		broken("all below another key", false, write(strings.Replace(full, "tokens:", "token:", 1))),
		broken("a list without its key", false, write(kept+gone+other)),
		broken("empty", false, write("")),
		broken("comments alone", false, write("# "+strings.ReplaceAll(full, "\n", "\n# ")+"\n")),
		broken("bytes that are no text", false, write("\xff\xfe\x00\x01"+strings.Repeat("\x80", 100))),
		broken("larger than allowed", false, write(without+"#"+strings.Repeat("x", 5<<20))),
		broken("deleted", false, instead(func(string) error { return nil })),
		broken("a folder in its place", false, instead(func(file string) error { return os.Mkdir(file, 0o700) })),
		broken("a pipe in its place", false, instead(func(file string) error { return syscall.Mkfifo(file, 0o600) })),
		broken("a link to nothing", false, instead(func(file string) error { return os.Symlink("nothing", file) })),
		broken("a link to itself", false, instead(func(file string) error { return os.Symlink(filepath.Base(file), file) })),
	}
}
