package served

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bounds of a manifest.
const (
	maxManifest  = 1 << 20
	maxManifests = 100
	maxNames     = 100_000
	maxSide      = 4096
	maxBatch     = 256
	// maxRows bounds the numbers of a batch of frames: 32 frames of 512 x 512.
	maxRows = 32 * 3 * 512 * 512
)

// A Manifest makes an algorithm of a served model.
type Manifest struct {
	// Declares is the declaration, in the JSON form of cinedex.v1.AlgorithmSpec: name, version, summary, kind_specs, spaces, leaves, answers.
	// needs, reads, kinds and frames follow from the rest of the manifest.
	Declares map[string]any `yaml:"declares"`
	// Candidate says that arriving media does not get the algorithm; a replay may ask for it.
	Candidate bool   `yaml:"candidate"`
	Server    Server `yaml:"server"`
	// Exactly one of Frames, Sound and Lines is the input.
	Frames  *Frames  `yaml:"frames"`
	Sound   *Sound   `yaml:"sound"`
	Lines   *Lines   `yaml:"lines"`
	Outputs []Output `yaml:"outputs"`
	// Encoders make the vectors with which a space is asked.
	Encoders []Encoder `yaml:"encoders"`

	spec *pb.AlgorithmSpec
}

// A Server is where a model is served.
type Server struct {
	// URL is the address before /v2.
	URL   string `yaml:"url"`
	Model string `yaml:"model"`
	// Version of the model; empty leaves the choice to the server.
	Version string `yaml:"version"`
	// TokenFile holds a bearer token.
	TokenFile string        `yaml:"token_file"`
	Timeout   time.Duration `yaml:"timeout"`
	// Batch is how many frames, windows or lines go into a request.
	Batch int `yaml:"batch"`
}

// Frames is the input of a model that looks at pictures. The algorithm looks at some frames of each shot.
type Frames struct {
	Input  string `yaml:"input"` // the name of the input tensor
	Width  int    `yaml:"width"`
	Height int    `yaml:"height"`
	// Crop keeps the middle of the frame, and otherwise the frame is squeezed.
	Crop bool `yaml:"crop"`
	// Layout is NCHW, NHWC or flat: a row of numbers, in the order of NHWC.
	Layout string `yaml:"layout"`
	// Colours are rgb, bgr or grey.
	Colours string `yaml:"colours"`
	// Datatype is FP32 or UINT8. Numbers of FP32 are (byte / Divide - Mean) / Std, for each colour.
	Datatype string    `yaml:"datatype"`
	Divide   float64   `yaml:"divide"`
	Mean     []float64 `yaml:"mean"`
	Std      []float64 `yaml:"std"`
}

// Sound is the input of a model that listens: windows of the mean of all channels, as numbers from -1 to 1.
type Sound struct {
	Input string `yaml:"input"`
	Rate  int    `yaml:"rate"`
	// Window and Step are in seconds; Step is Window by default.
	Window float64 `yaml:"window"`
	Step   float64 `yaml:"step"`
}

// Lines is the input of a model that reads: the texts of a kind of annotation, such as dialogue.
type Lines struct {
	Input string `yaml:"input"`
	Kind  string `yaml:"kind"`
}

// An Output says which items an output tensor becomes.
type Output struct {
	Name string `yaml:"name"`
	// As is label, text or embedding.
	As string `yaml:"as"`
	// Kind is the kind of the annotations of a label or a text.
	Kind string `yaml:"kind"`
	// Names are the names of the classes of a label, in the order of the tensor. NamesFile has a name a line, beside the manifest.
	Names     []string `yaml:"names"`
	NamesFile string   `yaml:"names_file"`
	// Activation turns scores into confidences: none, softmax or sigmoid.
	Activation string `yaml:"activation"`
	// Threshold is the least confidence of a label, and Most the most labels of a shot, a window or a line.
	Threshold float64 `yaml:"threshold"`
	Most      int     `yaml:"most"`
	// Language is the language of labels and texts.
	Language string `yaml:"language"`
	// Space is the space of an embedding, "name@version".
	Space string `yaml:"space"`
}

// An Encoder makes a vector of a query: of words, by a model that takes a text, or of a picture, by the model of the manifest.
type Encoder struct {
	Space  string `yaml:"space"`
	Takes  string `yaml:"takes"` // text, picture or frame
	Model  string `yaml:"model"` // of the same server; the model of the manifest by default
	Input  string `yaml:"input"`
	Output string `yaml:"output"`
}

// Read returns the manifests of the files *.yaml in a folder, by name of file. The error names the file and the field.
func Read(dir string) ([]*Manifest, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "%s: %w", dir, err)
	}
	if len(files) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, errkind.New(errkind.Invalid, "reading manifests: %w", err)
		}
	}
	if len(files) > maxManifests {
		return nil, errkind.New(errkind.Invalid, "%s has %d manifests, more than %d", dir, len(files), maxManifests)
	}
	slices.Sort(files)
	var out []*Manifest
	for _, file := range files {
		m, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, m)
	}
	return out, nil
}

func readFile(file string) (*Manifest, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading the manifest: %w", err)
	}
	if info.Size() > maxManifest || !info.Mode().IsRegular() {
		return nil, errkind.New(errkind.Invalid, "a manifest is a file of at most %d bytes", maxManifest)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading the manifest: %w", err)
	}
	return Parse(b, os.DirFS(filepath.Dir(file)))
}

// Parse reads a manifest. beside has the files that the manifest names. Invalid: the error names the field.
func Parse(b []byte, beside fs.FS) (*Manifest, error) {
	m := &Manifest{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(m); err != nil {
		return nil, errkind.New(errkind.Invalid, "%w", err)
	}
	if err := m.readNames(beside); err != nil {
		return nil, err
	}
	m.complete()
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, m.declare()
}

func (m *Manifest) readNames(beside fs.FS) error {
	for i := range m.Outputs {
		o := &m.Outputs[i]
		if o.NamesFile == "" {
			continue
		}
		if len(o.Names) > 0 {
			return errkind.New(errkind.Invalid, "outputs[%d]: give names or names_file", i)
		}
		b, err := fs.ReadFile(beside, o.NamesFile)
		if err != nil {
			return errkind.New(errkind.Invalid, "outputs[%d].names_file: %w", i, err)
		}
		if len(b) > maxManifest {
			return errkind.New(errkind.Invalid, "outputs[%d].names_file: more than %d bytes", i, maxManifest)
		}
		for line := range strings.Lines(string(b)) {
			o.Names = append(o.Names, strings.TrimSpace(line))
		}
	}
	return nil
}

// complete fills in the defaults.
func (m *Manifest) complete() {
	if m.Server.Timeout == 0 {
		m.Server.Timeout = 30 * time.Second
	}
	if m.Server.Batch == 0 {
		m.Server.Batch = 8
	}
	m.Server.URL = strings.TrimRight(m.Server.URL, "/")
	if f := m.Frames; f != nil {
		f.Layout, f.Colours, f.Datatype = orElse(f.Layout, "NCHW"), orElse(f.Colours, "rgb"), orElse(f.Datatype, fp32)
		if f.Divide == 0 {
			f.Divide = 255
		}
	}
	if s := m.Sound; s != nil && s.Step == 0 {
		s.Step = s.Window
	}
	for i := range m.Outputs {
		o := &m.Outputs[i]
		o.Activation = orElse(o.Activation, "none")
		if o.Most == 0 {
			o.Most = 3
		}
		if o.As != asEmbedding {
			o.Language = orElse(o.Language, "en")
		}
	}
	for i := range m.Encoders {
		m.Encoders[i].Model = orElse(m.Encoders[i].Model, m.Server.Model)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Kinds of output.
const (
	asLabel     = "label"
	asText      = "text"
	asEmbedding = "embedding"
)

func (m *Manifest) validate() error {
	if err := m.Server.validate(); err != nil {
		return fmt.Errorf("server.%w", err)
	}
	given := 0
	for _, there := range []bool{m.Frames != nil, m.Sound != nil, m.Lines != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		return errkind.New(errkind.Invalid, "frames, sound, lines: give exactly one of the three as the input of the model")
	}
	var err error
	switch {
	case m.Frames != nil:
		err = m.Frames.validate(m.Server.Batch)
	case m.Sound != nil:
		err = m.Sound.validate()
	default:
		err = m.Lines.validate()
	}
	if err != nil {
		return err
	}
	if len(m.Outputs) == 0 || len(m.Outputs) > 20 {
		return errkind.New(errkind.Invalid, "outputs: give from 1 to 20")
	}
	for i, o := range m.Outputs {
		if err := o.validate(); err != nil {
			return fmt.Errorf("outputs[%d].%w", i, err)
		}
	}
	for i, e := range m.Encoders {
		if err := e.validate(m); err != nil {
			return fmt.Errorf("encoders[%d].%w", i, err)
		}
	}
	return nil
}

func (s Server) validate() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errkind.New(errkind.Invalid, "url: %.80q is not an address of http or https", s.URL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errkind.New(errkind.Invalid, "url: the address has a user, a query or a fragment; a token belongs in token_file")
	case s.Model == "" || len(s.Model) > 200:
		return errkind.New(errkind.Invalid, "model: must name the model on the server")
	case s.Timeout < 100*time.Millisecond || s.Timeout > time.Hour:
		return errkind.New(errkind.Invalid, "timeout: %s is not from 100ms to 1h", s.Timeout)
	case s.Batch < 1 || s.Batch > maxBatch:
		return errkind.New(errkind.Invalid, "batch: %d is not from 1 to %d", s.Batch, maxBatch)
	}
	return nil
}

func (f Frames) validate(batch int) error {
	colours := f.channels()
	switch {
	case f.Input == "":
		return errkind.New(errkind.Invalid, "frames.input: must name the input tensor")
	case f.Width < 1 || f.Width > maxSide || f.Height < 1 || f.Height > maxSide:
		return errkind.New(errkind.Invalid, "frames: width and height are from 1 to %d", maxSide)
	case f.Width*f.Height*colours*batch > maxRows:
		return errkind.New(errkind.Invalid, "frames: %d frames of %dx%d are more than a request may hold; lower server.batch", batch, f.Width, f.Height)
	case !slices.Contains([]string{"NCHW", "NHWC", "flat"}, f.Layout):
		return errkind.New(errkind.Invalid, "frames.layout: %.20q is none of NCHW, NHWC, flat", f.Layout)
	case !slices.Contains([]string{"rgb", "bgr", "grey"}, f.Colours):
		return errkind.New(errkind.Invalid, "frames.colours: %.20q is none of rgb, bgr, grey", f.Colours)
	case f.Datatype != fp32 && f.Datatype != uint8s:
		return errkind.New(errkind.Invalid, "frames.datatype: %.20q is neither FP32 nor UINT8", f.Datatype)
	case f.Datatype == uint8s && (len(f.Mean) > 0 || len(f.Std) > 0):
		return errkind.New(errkind.Invalid, "frames: mean and std are for FP32; UINT8 sends the bytes")
	case len(f.Mean) != 0 && len(f.Mean) != colours || len(f.Std) != 0 && len(f.Std) != colours:
		return errkind.New(errkind.Invalid, "frames: mean and std have a number for each of the %d colours, or none", colours)
	case !(f.Divide > 0) || math.IsInf(f.Divide, 0):
		return errkind.New(errkind.Invalid, "frames.divide: must be above 0")
	}
	for _, v := range slices.Concat(f.Mean, f.Std) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errkind.New(errkind.Invalid, "frames: mean and std are finite numbers")
		}
	}
	if slices.Contains(f.Std, 0) {
		return errkind.New(errkind.Invalid, "frames.std: 0 cannot divide")
	}
	return nil
}

func (f Frames) channels() int {
	if f.Colours == "grey" {
		return 1
	}
	return 3
}

func (s Sound) validate() error {
	switch {
	case s.Input == "":
		return errkind.New(errkind.Invalid, "sound.input: must name the input tensor")
	case s.Rate < 1000 || s.Rate > 192_000:
		return errkind.New(errkind.Invalid, "sound.rate: %d is not from 1000 to 192000 samples a second", s.Rate)
	case !(s.Window >= 0.01 && s.Window <= 60):
		return errkind.New(errkind.Invalid, "sound.window: %v is not from 0.01 to 60 seconds", s.Window)
	case !(s.Step >= 0.01 && s.Step <= s.Window):
		return errkind.New(errkind.Invalid, "sound.step: %v is not from 0.01 seconds to the window", s.Step)
	}
	return nil
}

func (l Lines) validate() error {
	switch {
	case l.Input == "":
		return errkind.New(errkind.Invalid, "lines.input: must name the input tensor")
	case !schema.ValidName(l.Kind):
		return errkind.New(errkind.Invalid, "lines.kind: %.40q is no kind of annotation", l.Kind)
	}
	return nil
}

func (o Output) validate() error {
	switch {
	case o.Name == "":
		return errkind.New(errkind.Invalid, "name: must name the output tensor")
	case o.As != asLabel && o.As != asText && o.As != asEmbedding:
		return errkind.New(errkind.Invalid, "as: %.20q is none of label, text, embedding", o.As)
	case o.As == asEmbedding && o.Space == "":
		return errkind.New(errkind.Invalid, "space: must name the space of the embedding")
	case o.As != asEmbedding && !schema.ValidName(o.Kind):
		return errkind.New(errkind.Invalid, "kind: %.40q is no kind of annotation", o.Kind)
	case len(o.Names) > maxNames:
		return errkind.New(errkind.Invalid, "names: there are more than %d", maxNames)
	case !slices.Contains([]string{"none", "softmax", "sigmoid"}, o.Activation):
		return errkind.New(errkind.Invalid, "activation: %.20q is none of none, softmax, sigmoid", o.Activation)
	case !(o.Threshold >= 0 && o.Threshold <= 1):
		return errkind.New(errkind.Invalid, "threshold: %v is not from 0 to 1", o.Threshold)
	case o.Most < 1 || o.Most > 100:
		return errkind.New(errkind.Invalid, "most: %d is not from 1 to 100", o.Most)
	}
	return nil
}

func (e Encoder) validate(m *Manifest) error {
	switch {
	case e.Space == "":
		return errkind.New(errkind.Invalid, "space: must name the space of the vectors")
	case e.Takes != "text" && e.Takes != "picture" && e.Takes != "frame":
		return errkind.New(errkind.Invalid, "takes: %.20q is none of text, picture, frame", e.Takes)
	case e.Takes != "text" && m.Frames == nil:
		return errkind.New(errkind.Invalid, "takes: a picture is encoded by a model whose input is frames")
	case e.Input == "" && e.Takes == "text":
		return errkind.New(errkind.Invalid, "input: must name the input tensor of the text")
	case e.Output == "":
		return errkind.New(errkind.Invalid, "output: must name the output tensor")
	}
	return nil
}

// declare makes the declaration. The manifest is a parameter of the algorithm, so that a changed manifest makes other runs.
func (m *Manifest) declare() error {
	b, err := json.Marshal(m.Declares)
	if err != nil {
		return errkind.New(errkind.Invalid, "declares: %w", err)
	}
	spec := &pb.AlgorithmSpec{}
	if err := protojson.Unmarshal(b, spec); err != nil {
		return errkind.New(errkind.Invalid, "declares: %w", err)
	}
	if len(spec.GetReads())+len(spec.GetNeeds())+len(spec.GetKinds())+len(spec.GetModels())+len(spec.GetParameters()) > 0 || spec.GetFrames() != nil || spec.GetSound() != nil {
		return errkind.New(errkind.Invalid, "declares: reads, needs, kinds, frames, sound, models and parameters follow from the rest of the manifest")
	}
	switch {
	case m.Frames != nil:
		spec.Reads, spec.Needs = []string{schema.ReadsVideo}, []string{schema.KindShot}
		spec.Frames = &pb.FramesSpec{Width: int32(m.Frames.Width), Height: int32(m.Frames.Height), Crop: m.Frames.Crop, PerSecond: framesPerSecond}
	case m.Sound != nil:
		spec.Reads, spec.Sound = []string{schema.ReadsAudio}, &pb.SoundSpec{Rate: int32(m.Sound.Rate)}
	default:
		spec.Needs = []string{m.Lines.Kind}
	}
	for i, o := range m.Outputs {
		switch {
		case o.As != asEmbedding:
			if !slices.Contains(spec.GetKinds(), o.Kind) {
				spec.Kinds = append(spec.Kinds, o.Kind)
			}
		case spaceOf(spec, o.Space) == nil:
			return errkind.New(errkind.Invalid, "outputs[%d].space: declares.spaces has no %.80q", i, o.Space)
		}
	}
	for i, e := range m.Encoders {
		space := spaceOf(spec, e.Space)
		if space == nil {
			return errkind.New(errkind.Invalid, "encoders[%d].space: declares.spaces has no %.80q", i, e.Space)
		}
		if !slices.Contains(space.GetEncoders(), e.Takes) {
			space.Encoders = append(space.Encoders, e.Takes)
		}
	}
	digest, err := m.digest()
	if err != nil {
		return err
	}
	spec.Parameters = map[string]string{"manifest": digest}
	if err := schema.Validate(spec); err != nil {
		return fmt.Errorf("declares: %w", err)
	}
	m.spec = spec
	return nil
}

func spaceOf(spec *pb.AlgorithmSpec, id string) *pb.Space {
	for _, s := range spec.GetSpaces() {
		if schema.SpaceID(s) == id {
			return s
		}
	}
	return nil
}

// digest is the identity of everything in the manifest that the output may depend on. The address of the server, the token, the timeout and the size
// of a batch are left out, and so is the declaration: a moved server makes no run again.
func (m *Manifest) digest() (string, error) {
	c := *m
	c.Declares, c.Candidate, c.spec, c.Encoders = nil, false, nil, nil
	c.Server = Server{Model: m.Server.Model, Version: m.Server.Version}
	b, err := json.Marshal(c)
	if err != nil {
		return "", errkind.New(errkind.Invalid, "reading the manifest: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
