package opensearch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// refreshInterval is the interval at which written documents become visible. A Write waits for half of the interval on average.
const refreshInterval = "50ms"

// format numbers the layout of documents in spaces, textsFormat the layout and the analysis of texts. An index of another format is refused.
const (
	format      = 1
	textsFormat = words.Format
)

// Signs between the terms of a text. No analysis makes such a sign part of a term. leftOut stands for a word left out by the analysis, and
// keeps the positions. samePlace stands between terms at the same position, as a word and its form without accents.
const (
	leftOut   = "_"
	samePlace = "|"
)

// maxTermLetters bounds the letters of a term. Longer terms are cut.
const maxTermLetters = 256

// similarity scores a term by its document alone. The weight of the term is counted among visible texts, and sent as the boost.
var similarity = fmt.Sprintf("double tf = doc.freq; return query.boost * tf * %v / (tf + %v + %v * doc.length);",
	words.K1+1, words.K1*(1-words.LengthWeight), words.K1*words.LengthWeight/words.AverageLength)

type object = map[string]any

func settings(cfg Config, knn bool) object {
	index := object{
		"number_of_shards": cfg.Shards, "number_of_replicas": cfg.Replicas,
		"refresh_interval":    refreshInterval,
		"translog.durability": "request",
		// Fuzzy questions choose terms by a pattern of every near term.
		"max_regex_length": 100_000,
	}
	if knn {
		index["knn"] = true
		return object{"index": index}
	}
	return object{
		"index":      index,
		"similarity": object{"own": object{"type": "scripted", "script": object{"source": similarity}}},
		"analysis": object{
			"filter": object{
				"left_out":   object{"type": "stop", "stopwords": []string{leftOut}},
				"same_place": object{"type": "pattern_capture", "patterns": []string{"([^|]+)"}, "preserve_original": false},
			},
			"tokenizer": object{"terms": object{"type": "whitespace", "max_token_length": 16 * maxTermLetters}},
			"analyzer":  object{"terms": object{"type": "custom", "tokenizer": "terms", "filter": []string{"left_out", "same_place"}}},
		},
	}
}

var (
	keyword = object{"type": "keyword"}
	long    = object{"type": "long"}
	// kept fields are in the source alone.
	kept = object{"type": "keyword", "index": false, "doc_values": false}
	// counted fields are aggregated.
	counted = object{"type": "keyword", "index": false, "norms": false}
)

func textMapping() object {
	analysed := object{"type": "text", "analyzer": "terms", "similarity": "own"}
	languages := object{words.Undetermined: analysed}
	for _, base := range words.Own() {
		languages[base] = analysed
	}
	return object{
		"dynamic": "strict",
		"_meta":   object{"format": textsFormat},
		"_source": object{"excludes": []string{"text", "terms", "label", "labels"}},
		"properties": object{
			"run": keyword, "ordinal": long, "asset": keyword, "kind": keyword, "person": keyword,
			"language": keyword, "base": keyword,
			"start": long, "end": long, "empty": object{"type": "boolean"}, "confidence": object{"type": "float"}, "hash": kept,
			"text": object{"properties": languages}, "terms": counted,
			"label": analysed, "labels": counted,
			"folded": object{"type": "boolean"},
		},
	}
}

func spaceMapping(s *pb.Space) object {
	metric := "innerproduct" // for the cosine, vectors are brought to length 1
	if s.GetMetric() == l2 {
		metric = "l2"
	}
	return object{
		"dynamic": "strict",
		"_meta":   object{"format": format, "space": schema.SpaceID(s), "dimension": s.GetDimension(), "metric": s.GetMetric()},
		"_source": object{"excludes": []string{"vector"}},
		"properties": object{
			"run": keyword, "ordinal": long, "asset": keyword, "kind": keyword, "person": keyword, "character": kept,
			"language": keyword, "start": long, "end": long, "empty": object{"type": "boolean"}, "hash": kept,
			"vector": object{"type": "knn_vector", "dimension": s.GetDimension(), "method": object{
				"name": "hnsw", "engine": "lucene", "space_type": metric, "parameters": object{"m": 16, "ef_construction": 128},
			}},
			"folded": object{"type": "boolean"},
		},
	}
}

func trimsMapping() object {
	return object{"dynamic": "strict", "properties": object{"run": keyword, "annotations": long, "embeddings": long}}
}

// A part is the index of the texts, or of a space. The name of a part is its live alias.
type part struct {
	name    string
	space   *pb.Space // nil: the texts
	mapping object
}

func (p part) next() string { return p.name + ".next" }

func (p part) index(generation string) string { return p.name + "." + generation }

// fold is the alias for the items written from the store by a Rebuild. The alias ends with the Rebuild.
func (p part) fold(generation string) string { return p.index(generation) + ".fold" }

const firstGeneration = "1"

func newGeneration() string { return "g" + strconv.FormatInt(time.Now().UnixNano(), 36) }

func (e *Engine) trims() part { return part{name: e.cfg.Prefix + ".trims", mapping: trimsMapping()} }

// partOf returns the part of a space. Names of indices have lower-case letters and few signs, so a hash keeps the names of spaces apart.
func partOf(prefix string, s *pb.Space) part {
	name := schema.SpaceID(s)
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(name))
	plain = plain[:min(len(plain), 80)]
	return part{name: fmt.Sprintf("%s.space.%s-%08x", prefix, plain, uint32(xxhash.Sum64String(name))), space: s, mapping: spaceMapping(s)}
}

const (
	cosine = "cosine"
	dot    = "dot"
	l2     = "l2"
)

func checkSpace(s *pb.Space) error {
	name := schema.SpaceID(s)
	switch m := s.GetMetric(); {
	case s.GetName() == "" || s.GetVersion() == "" || strings.ContainsAny(name, "/\x00"):
		return errkind.New(errkind.Invalid, "%q is no name of a space", name)
	case m != cosine && m != dot && m != l2:
		return errkind.New(errkind.Invalid, "space %s: metric %q is none of cosine, dot, l2", name, m)
	case s.GetDimension() < 1 || s.GetDimension() > 16_000:
		return errkind.New(errkind.Invalid, "space %s: dimension %d is not within 1 and 16000", name, s.GetDimension())
	}
	return nil
}

// create creates an index with aliases, unless the index exists.
func (e *Engine) create(ctx context.Context, p part, generation string, aliases ...string) error {
	names := object{}
	for _, a := range aliases {
		names[a] = object{}
	}
	err := e.client.do(ctx, http.MethodPut, "/"+p.index(generation), object{
		"settings": settings(e.cfg, p.space != nil), "mappings": p.mapping, "aliases": names,
	}, nil)
	var f *failure
	switch {
	case err == nil || isFailure(err, indexExists):
		return nil
	case errors.As(err, &f) && f.Status == http.StatusBadRequest && strings.Contains(f.Reason, "knn"):
		return errkind.New(errkind.Invalid, "making index %s: install the k-NN plugin on every node: %w", p.index(generation), err)
	case errors.As(err, &f) && f.Status == http.StatusBadRequest:
		return errkind.New(errkind.Invalid, "making index %s: %w", p.index(generation), err)
	}
	return fmt.Errorf("making index %s: %w", p.index(generation), err)
}

// indexOf returns the index behind an alias; empty if the alias has none.
func (e *Engine) indexOf(ctx context.Context, alias string) (string, error) {
	var found map[string]any
	err := e.client.do(ctx, http.MethodGet, "/_alias/"+alias, nil, &found)
	var f *failure
	if errors.As(err, &f) && f.Status == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking up %s: %w", alias, err)
	}
	names := make([]string, 0, 1)
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) > 1 {
		return "", errkind.New(errkind.Invalid, "alias %s leads to %s: two clusters' snapshots or two first starts were mixed up; take it off all but one", alias, strings.Join(names, " and "))
	}
	return names[0], nil
}

// ensure creates the index of a part if the index is missing, and checks the index.
func (e *Engine) ensure(ctx context.Context, p part) error {
	index, err := e.indexOf(ctx, p.name)
	if err != nil {
		return err
	}
	if index == "" {
		if err := e.create(ctx, p, firstGeneration, p.name); err != nil {
			return err
		}
		index = p.index(firstGeneration)
	}
	return e.fits(ctx, p, index)
}

// mappings are what indices say of themselves, by the name of the index.
type mappings map[string]struct {
	Mappings struct {
		Meta struct {
			Format    int    `json:"format"`
			Space     string `json:"space"`
			Dimension int32  `json:"dimension"`
			Metric    string `json:"metric"`
		} `json:"_meta"`
	} `json:"mappings"`
}

// fits returns the reason why an index cannot be the index of a part; nil if the index can.
func (e *Engine) fits(ctx context.Context, p part, index string) error {
	var found mappings
	if err := e.client.do(ctx, http.MethodGet, "/"+index+"/_mapping", nil, &found); err != nil {
		return fmt.Errorf("reading the mapping of %s: %w", index, err)
	}
	m := found[index].Mappings.Meta
	remedy := fmt.Sprintf("stop what writes it, delete index %s, start again and fill it from the store (cinedex rebuild)", index)
	wanted := textsFormat
	if p.space != nil {
		wanted = format
	}
	if m.Format != wanted {
		return errkind.New(errkind.Invalid, "index %s is of format %d, and this version writes %d: %s", index, m.Format, wanted, remedy)
	}
	if s := p.space; s != nil {
		if m.Space != schema.SpaceID(s) {
			return errkind.New(errkind.Invalid, "index %s is of space %q and not of %s: choose another prefix", index, m.Space, schema.SpaceID(s))
		}
		if m.Dimension != s.GetDimension() || m.Metric != s.GetMetric() {
			return errkind.New(errkind.Invalid, "space %s: index %s holds vectors of dimension %d and metric %s, and the encoder makes %d and %s: give the encoder's space a new version, or %s",
				schema.SpaceID(s), index, m.Dimension, m.Metric, s.GetDimension(), s.GetMetric(), remedy)
		}
	}
	return nil
}

// withoutAssets returns a live index that cannot be filtered or sorted by asset, as earlier versions created the indices; empty if every live
// index can.
func (e *Engine) withoutAssets(ctx context.Context) (string, error) {
	var names []string
	for _, p := range e.parts() {
		names = append(names, p.name)
	}
	var found map[string]struct {
		Mappings map[string]struct {
			Mapping map[string]struct {
				Index     *bool `json:"index"`
				DocValues *bool `json:"doc_values"`
			} `json:"mapping"`
		} `json:"mappings"`
	}
	if err := e.client.do(ctx, http.MethodGet, "/"+strings.Join(names, ",")+"/_mapping/field/asset", nil, &found); err != nil {
		return "", fmt.Errorf("reading how the indices hold assets: %w", err)
	}
	for _, index := range slices.Sorted(maps.Keys(found)) {
		asset := found[index].Mappings["asset"].Mapping["asset"]
		if asset.Index != nil && !*asset.Index || asset.DocValues != nil && !*asset.DocValues {
			return index, nil
		}
	}
	return "", nil
}

// checkServer refuses a server of another kind or of an earlier version.
func (e *Engine) checkServer(ctx context.Context) (version, cluster string, err error) {
	var info struct {
		ClusterUUID string `json:"cluster_uuid"`
		Version     struct {
			Distribution string `json:"distribution"`
			Number       string `json:"number"`
		} `json:"version"`
	}
	if err := e.client.do(ctx, http.MethodGet, "/", nil, &info); err != nil {
		if refused(err) {
			return "", "", errkind.New(errkind.Denied, "OpenSearch at %s refuses user %q: check username and password, and the user's role: %w", e.client.nodes, e.cfg.Username, err)
		}
		return "", "", fmt.Errorf("asking for the version: %w", err)
	}
	var major, minor int
	_, err = fmt.Sscanf(info.Version.Number, "%d.%d", &major, &minor)
	if err != nil || info.Version.Distribution != "opensearch" || major < 2 || major == 2 && minor < 19 {
		return "", "", errkind.New(errkind.Invalid, "%s answers as %s %s: OpenSearch 2.19 or later is needed", e.client.nodes, info.Version.Distribution, info.Version.Number)
	}
	return info.Version.Number, info.ClusterUUID, nil
}

// Describe checks the cluster as Open does, changes nothing, and returns a sentence about the cluster and its indices.
func Describe(ctx context.Context, cfg Config) (string, error) {
	if err := cfg.Validate(); err != nil {
		return "", err
	}
	c, err := newClient(cfg)
	if err != nil {
		return "", err
	}
	defer c.close()
	e := &Engine{cfg: cfg, client: c, text: part{name: cfg.Prefix + ".text"}}
	version, _, err := e.checkServer(ctx)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("OpenSearch %s at %s", version, c.nodes)
	index, err := e.indexOf(ctx, e.text.name)
	if err != nil {
		return "", err
	}
	if index == "" {
		return said + ", without an index yet: the first start makes it", nil
	}
	if err := e.fits(ctx, e.text, index); err != nil {
		return "", err
	}
	if err := e.Ready(ctx); err != nil {
		return "", err
	}
	texts, err := e.countItems(ctx)
	if err != nil {
		return "", err
	}
	if underway, err := e.underway(ctx); err != nil || underway.any() {
		return said + fmt.Sprintf(", %d texts, being rebuilt", texts), err
	}
	return said + fmt.Sprintf(", %d texts", texts), nil
}
