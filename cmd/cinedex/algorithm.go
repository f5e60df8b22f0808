package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

func newAlgorithm(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:   "algorithm",
		Short: "Make an algorithm in Python, check, try, serve and publish the algorithm",
		Long: `Makes an algorithm in Python, from a new file to a published version. The package cinedex for Python is
needed: make wheel builds the package (docs/guides/algorithm-in-python.md).`,
		Example: "  cinedex algorithm new brightness\n  cinedex algorithm run brightness.py",
	}
	group(c)
	c.AddCommand(newAlgorithmNew(o), newAlgorithmTest(o), newAlgorithmTry(o, h), newAlgorithmRun(o, h), newAlgorithmPublish(o, h), newAlgorithmWithdraw(o, h))
	return c
}

//go:embed templates/algorithm.py templates/algorithm_check.py
var algorithmTemplates embed.FS

func newAlgorithmNew(o *output) *cobra.Command {
	var in string
	c := &cobra.Command{
		Use:     "new NAME",
		Short:   "Write a file with an algorithm that works, and a test of the algorithm",
		Example: "  cinedex algorithm new brightness\n  cinedex algorithm new brightness --in research",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, a []string) error {
			file, err := writeAlgorithm(in, a[0])
			if err != nil {
				return err
			}
			o.printf("wrote %s and %s\n", file, testOf(file))
			o.note("next: cinedex algorithm test %s", file)
			return nil
		},
	}
	c.Flags().StringVar(&in, "in", ".", "folder of the new files")
	return c
}

// testOf is the path of the test of an algorithm's file.
func testOf(file string) string {
	return filepath.Join(filepath.Dir(file), "test_"+filepath.Base(file))
}

// writeAlgorithm writes the files of a new algorithm. A file that is there is not overwritten.
func writeAlgorithm(dir, name string) (file string, err error) {
	if !schema.ValidName(name) {
		return "", errkind.New(errkind.Invalid, "%q cannot be the name of an algorithm: small letters and digits, joined by . _ or -, a letter first", name)
	}
	function := strings.NewReplacer("-", "_", ".", "_").Replace(name)
	file = filepath.Join(dir, function+".py")
	t, err := template.ParseFS(algorithmTemplates, "templates/*.py")
	if err != nil {
		return "", fmt.Errorf("reading the templates: %w", err)
	}
	data := map[string]string{"Name": name, "Function": function, "File": filepath.Base(file), "Test": "test_" + function}
	for path, from := range map[string]string{file: "algorithm.py", testOf(file): "algorithm_check.py"} {
		if err := writeTemplate(t.Lookup(from), path, data); err != nil {
			return "", err
		}
	}
	return file, nil
}

func writeTemplate(t *template.Template, path string, data any) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return errkind.New(errkind.Conflict, "%s is there already: choose another name, or another folder by --in", path)
	}
	if err != nil {
		return fmt.Errorf("writing an algorithm: %w", err)
	}
	return errors.Join(t.Execute(f, data), f.Close())
}
