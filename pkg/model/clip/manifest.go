package clip

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Manifest describes a model of two ONNX graphs that put pictures and words into one space.
type Manifest struct {
	// Name and Version name the space, NAME@VERSION. Vectors of another name or version never meet.
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
	// Dimension is the length of the vectors.
	Dimension int `yaml:"dimension"`
	// License and Credit say who made the model, and under which licence.
	License string `yaml:"license"`
	Credit  string `yaml:"credit"`
	// Languages are the languages of the text side, as BCP 47 tags; empty means every language.
	Languages []string `yaml:"languages"`
	Image     Image    `yaml:"image"`
	Text      Text     `yaml:"text"`
	// Words and Pictures turn the similarities of words to pictures, and of pictures to pictures, into confidences.
	Words    Curve `yaml:"words"`
	Pictures Curve `yaml:"pictures"`
}

// Image is the picture side.
type Image struct {
	File   string `yaml:"file"`
	Input  string `yaml:"input"`
	Output string `yaml:"output"`
	// Side is the width and height of the input in pixels.
	Side int `yaml:"side"`
	// Fit is crop (the shorter side becomes Side, and the middle is taken) or squeeze (both sides become Side).
	Fit    string `yaml:"fit"`
	Filter Filter `yaml:"filter"`
	// Mean and Std normalise red, green and blue, of 0..1.
	Mean [3]float64 `yaml:"mean"`
	Std  [3]float64 `yaml:"std"`
}

// Text is the text side.
type Text struct {
	File string `yaml:"file"`
	// Input has the tokens, and Mask, where Mask is not empty, has 1 for each token.
	Input  string `yaml:"input"`
	Mask   string `yaml:"mask"`
	Output string `yaml:"output"`
	// Tokenizer is a tokenizer.json, or CLIP's list of merges (a file ending in .txt.gz).
	Tokenizer string `yaml:"tokenizer"`
	// Tokens is the largest number of tokens of a text.
	Tokens int `yaml:"tokens"`
	// Pad fills a text up to Tokens, for graphs of a fixed length; without Pad the graph gets as many tokens as the text has.
	Pad *int64 `yaml:"pad"`
	// Template has a text in place of %s: "a photo of %s". Empty is the text alone.
	Template string `yaml:"template"`
}

// Curve is a calibration: see Calibration in catalog.proto.
type Curve struct {
	Middle float64 `yaml:"middle"`
	Slope  float64 `yaml:"slope"`
	Match  float32 `yaml:"match"`
	Cutoff float32 `yaml:"cutoff"`
	Same   float64 `yaml:"same"`
}

// manifestFile is the manifest in a folder of a model.
const manifestFile = "manifest.yaml"

// ReadFolder reads the manifest of a folder that holds a model. The files of the manifest are relative to the folder.
func ReadFolder(folder string) (Manifest, error) {
	path := filepath.Join(folder, manifestFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, errkind.New(errkind.Invalid, "reading the folder of a model of pictures and words: %w; docs/guides/models-and-media.md describes the folder", err)
	}
	var m Manifest
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return Manifest{}, errkind.New(errkind.Invalid, "reading %s: %w", path, err)
	}
	if m.Image.Filter == "" {
		m.Image.Filter = Bicubic
	}
	if m.Image.Fit == "" {
		m.Image.Fit = fitCrop
	}
	if err := m.validate(); err != nil {
		return Manifest{}, errkind.New(errkind.Invalid, "%s: %w", path, err)
	}
	for _, file := range []string{m.Image.File, m.Text.File, m.Text.Tokenizer} {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			return Manifest{}, errkind.New(errkind.Invalid, "%s names a file that cannot be read: %w", path, err)
		}
	}
	return m, nil
}

const (
	fitCrop    = "crop"
	fitSqueeze = "squeeze"
)

// The bounds of a manifest.
const (
	maxSide      = 1024
	maxTokens    = 512
	maxDimension = 4096
)

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (m Manifest) validate() error {
	switch {
	case !names.MatchString(m.Name):
		return fmt.Errorf("name: %q is not small letters, digits and -", m.Name)
	case !names.MatchString(m.Version):
		return fmt.Errorf("version: %q is not small letters, digits and -", m.Version)
	case m.Dimension < 2 || m.Dimension > maxDimension:
		return fmt.Errorf("dimension: %d is not from 2 to %d", m.Dimension, maxDimension)
	case m.Image.Side < 16 || m.Image.Side > maxSide:
		return fmt.Errorf("image.side: %d is not from 16 to %d", m.Image.Side, maxSide)
	case m.Image.Fit != fitCrop && m.Image.Fit != fitSqueeze:
		return fmt.Errorf("image.fit: %q is neither %s nor %s", m.Image.Fit, fitCrop, fitSqueeze)
	case m.Image.Filter != Bicubic && m.Image.Filter != Bilinear:
		return fmt.Errorf("image.filter: %q is neither %s nor %s", m.Image.Filter, Bicubic, Bilinear)
	case m.Text.Tokens < 2 || m.Text.Tokens > maxTokens:
		return fmt.Errorf("text.tokens: %d is not from 2 to %d", m.Text.Tokens, maxTokens)
	case m.Image.Input == "" || m.Image.Output == "" || m.Text.Input == "" || m.Text.Output == "":
		return fmt.Errorf("image.input, image.output, text.input and text.output name inputs and outputs of the graphs")
	}
	for i, v := range m.Image.Std {
		if !(v > 0) || math.IsInf(v, 0) || math.IsNaN(m.Image.Mean[i]) {
			return fmt.Errorf("image.std: %v and image.mean: %v are not three numbers each, above 0", m.Image.Std, m.Image.Mean)
		}
	}
	for name, c := range map[string]Curve{"words": m.Words, "pictures": m.Pictures} {
		if c.Slope < 0 || math.IsNaN(c.Slope) || math.IsNaN(c.Middle) {
			return fmt.Errorf("%s: %+v is no calibration", name, c)
		}
	}
	for field, file := range map[string]string{"image.file": m.Image.File, "text.file": m.Text.File, "text.tokenizer": m.Text.Tokenizer} {
		if !filepath.IsLocal(file) {
			return fmt.Errorf("%s: %q is no file within the folder", field, file)
		}
	}
	return nil
}
