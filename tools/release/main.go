// Command release makes the files of a version of Cinedex, for linux/amd64:
//
//	dist/cinedex-VERSION-linux-amd64.tar.gz   the command and the five services, with licences and SBOM
//	dist/cinedex-VERSION.cdx.json             the SBOM: CycloneDX 1.6, every Go module in the programs and every fetched model file
//	dist/cinedex-VERSION-licences.md          each module and file with its licence, and the licence texts of the modules
//	dist/SHA256SUMS
//
// The same commit gives the same bytes: paths are trimmed, and no file holds a time of its own.
//
//	go -C tools/release run .           make the files
//	go -C tools/release run . -verify   make the files twice, in two folders with two empty build caches, and compare the bytes
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// programs are the programs of a release, in their order in the archive.
var programs = []string{"./cmd/cinedex", "./services/ingestor", "./services/algo-runner", "./services/indexer", "./services/operator", "./services/search-api"}

// tags leave out unused code. gRPC's own traces would also keep the linker from leaving out more, because the traces
// call methods by name.
const tags = "grpcnotrace"

const root = "../.."

func main() {
	verify := flag.Bool("verify", false, "build twice in two folders and compare the bytes")
	flag.Parse()
	err := run(*verify)
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(verify bool) error {
	src, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if verify {
		return compare(src)
	}
	return release(src, filepath.Join(src, "dist"))
}

// compare makes two releases of the commit, from two clones with a build cache each, and compares the releases byte for
// byte.
func compare(src string) error {
	tmp, err := os.MkdirTemp("", "cinedex-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var made [2]map[string]string
	for i, name := range []string{"first", "a-second-folder"} {
		dir := filepath.Join(tmp, name)
		if out, err := exec.Command("git", "clone", "--quiet", "--no-hardlinks", src, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("cloning: %w: %s", err, out)
		}
		fmt.Printf("build %d of 2, in an empty folder with an empty build cache\n", i+1)
		if err := os.Setenv("GOCACHE", filepath.Join(tmp, "cache-"+name)); err != nil {
			return err
		}
		if err := release(dir, filepath.Join(dir, "dist")); err != nil {
			return err
		}
		if made[i], err = sums(filepath.Join(dir, "dist")); err != nil {
			return err
		}
	}
	same := true
	for name, sum := range made[0] {
		if made[1][name] != sum {
			same = false
			fmt.Printf("differs: %s\n", name)
		}
	}
	if !same || len(made[0]) != len(made[1]) {
		return errors.New("two builds of one commit differ")
	}
	fmt.Printf("%d files, the same bytes in both builds\n", len(made[0]))
	return nil
}

func release(src, dist string) error {
	version, err := versionOf(src)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	bin := filepath.Join(dist, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	build := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-tags=" + tags, "-ldflags=-s -w -buildid=", "-o", bin + "/"}, programs...)...)
	build.Dir, build.Env = src, append(os.Environ(), "GOFLAGS=", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w: %s", err, out)
	}
	modules, err := modulesOf(src, bin)
	if err != nil {
		return err
	}
	files, err := modelFiles(filepath.Join(bin, "cinedex"))
	if err != nil {
		return err
	}
	base := filepath.Join(dist, "cinedex-"+version)
	sbom, err := bom(version, modules, files)
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{base + ".cdx.json": sbom, base + "-licences.md": licences(modules, files)} {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return err
		}
	}
	if err := archive(src, dist, base, version); err != nil {
		return err
	}
	if err := os.RemoveAll(bin); err != nil {
		return err
	}
	all, err := sums(dist)
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for _, name := range slices.Sorted(mapKeys(all)) {
		fmt.Fprintf(&list, "%s  %s\n", all[name], name)
	}
	if err := os.WriteFile(filepath.Join(dist, "SHA256SUMS"), list.Bytes(), 0o644); err != nil {
		return err
	}
	return report(list.String(), modules, len(files))
}

// report prints the checksums and the counts, and returns an error if a module has no known licence.
func report(checksums string, modules []module, files int) error {
	unknown := 0
	for _, m := range modules {
		if len(m.licences) == 0 {
			unknown++
			fmt.Printf("no known licence in %s %s\n", m.Path, m.Version)
		}
	}
	fmt.Printf("%s%d modules, %d model files, %d licences that could not be named\n", checksums, len(modules), files, unknown)
	if unknown > 0 {
		return fmt.Errorf("%d modules have no licence that could be named: check these modules before the release is handed out", unknown)
	}
	return nil
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// versionOf is the tag of the commit, or the commit itself.
func versionOf(src string) (string, error) {
	describe := exec.Command("git", "describe", "--tags", "--always", "--abbrev=12")
	describe.Dir = src
	out, err := describe.Output()
	if err != nil {
		return "", fmt.Errorf("asking git for the version: %w", err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), nil
}

// modulesOf returns the modules that the programs are made of, as the programs themselves say, with their licences.
func modulesOf(src, bin string) ([]module, error) {
	have := map[string]*buildinfo.BuildInfo{}
	seen := map[string]module{}
	for _, p := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(bin, filepath.Base(p)))
		if err != nil {
			return nil, fmt.Errorf("reading the modules of %s: %w", p, err)
		}
		have[p] = info
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			seen[d.Path+"@"+d.Version] = module{Path: d.Path, Version: d.Version, Sum: d.Sum}
		}
	}
	var all []module
	for _, m := range seen {
		where := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version)
		where.Dir = src
		if err := m.read(where); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	std, err := goItself(have[programs[0]].GoVersion)
	if err != nil {
		return nil, err
	}
	all = append(all, std)
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path+"@"+a.Version, b.Path+"@"+b.Version) })
	return all, nil
}

// archive writes the tar with everything in a fixed order, owned by nobody in particular, at the time of the commit.
func archive(src, dist, base, version string) error {
	when := exec.Command("git", "log", "-1", "--format=%cI")
	when.Dir = src
	out, err := when.Output()
	if err != nil {
		return fmt.Errorf("asking git for the commit's time: %w", err)
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	zip, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(zip)
	top := "cinedex-" + version + "/"
	add := func(name, from string, mode int64) error {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Name: top + name, Mode: mode, Size: int64(len(content)), ModTime: at.UTC(), Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err = t.Write(content)
		return err
	}
	for _, p := range programs {
		name := filepath.Base(p)
		if err := add("bin/"+name, filepath.Join(dist, "bin", name), 0o755); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{{"LICENSE", filepath.Join(src, "LICENSE")}, {"licences.md", base + "-licences.md"}, {"sbom.cdx.json", base + ".cdx.json"}} {
		if err := add(f[0], f[1], 0o644); err != nil {
			return err
		}
	}
	if err := errors.Join(t.Close(), zip.Close()); err != nil {
		return err
	}
	return os.WriteFile(base+"-linux-amd64.tar.gz", b.Bytes(), 0o644)
}

// sums returns the sha256 of every file in the folder, by name.
func sums(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		sum := sha256.Sum256(b)
		all[name] = hex.EncodeToString(sum[:])
		return err
	})
	return all, err
}
