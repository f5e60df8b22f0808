// Package config fills a service's Config from a YAML file, the environment and flags. Flags outweigh the environment,
// and the environment outweighs the file. Package config is the only importer of viper.
//
// Every key of the Config is registered before any source is read, because viper fills a struct from the environment
// only for known keys. A key that the Config does not have is refused with its name: a misspelt setting must not be
// ignored in silence.
//
// Load calls the Validate method of every section of the Config, so no program can forget a section. The error of a
// section begins with the field's key within the section. Load puts the section's own key before the field's key.
//
// The key kafka.brokers is read from kafka: {brokers: [...]} in the file, from CINEDEX_KAFKA_BROKERS (lists separated
// by commas) and from --set kafka.brokers=….
package config

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/viper"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// EnvPrefix begins the name of every environment variable of a setting.
const EnvPrefix = "CINEDEX"

// Load fills cfg from file, the environment and set. cfg is a pointer to a struct that holds the defaults. The fields
// of the struct carry mapstructure tags. file may be empty. set holds key=value pairs of the command line. Validate is
// called last.
func Load(cfg any, file string, set []string) error { return load(cfg, file, set, true) }

// LoadPart is Load for a program that reads a part of a service's configuration. LoadPart ignores keys of the file and
// of the environment that cfg does not have. An unknown key in set is refused.
func LoadPart(cfg any, file string, set []string) error { return load(cfg, file, set, false) }

func load(cfg any, file string, set []string, whole bool) error {
	v := viper.New()
	v.SetEnvPrefix(EnvPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	v.AutomaticEnv()
	known := map[string]bool{}
	for _, s := range Settings(cfg) {
		known[s.Key] = true
		v.SetDefault(s.Key, s.Value.Interface())
	}
	if file != "" {
		v.SetConfigFile(file)
		if err := v.ReadInConfig(); err != nil {
			return errkind.New(errkind.Invalid, "reading configuration %s: %w", file, err)
		}
	}
	given := v.AllKeys()
	if !whole {
		given = nil
	}
	elsewhere := sectionsElsewhere(cfg)
	given = slices.DeleteFunc(given, func(key string) bool { return within(key, elsewhere) })
	for _, kv := range set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return errkind.New(errkind.Invalid, "--set %s: want key=value", kv)
		}
		v.Set(strings.ToLower(key), value)
		given = append(given, strings.ToLower(key))
	}
	if unknown := unknownKeys(given, known); len(unknown) > 0 {
		return errkind.New(errkind.Invalid, "configuration has keys that do not exist: %s", hints(unknown, sorted(known)))
	}
	if unknown := unknownEnv(known, elsewhere); whole && len(unknown) > 0 {
		return errkind.New(errkind.Invalid, "the environment sets variables that do not exist: %s", hints(unknown, variables(known)))
	}
	if err := decode(v, cfg); err != nil {
		return errkind.New(errkind.Invalid, "reading configuration: %w", err)
	}
	if err := Validate(cfg); err != nil {
		return fmt.Errorf("checking configuration: %w", err)
	}
	return nil
}

type validator interface{ Validate() error }

// Validate checks a configuration: every section with a Validate method, and then the whole. cfg is a pointer to a
// struct, as for Load. Validate returns the first error, with the full key of the field.
func Validate(cfg any) error { return validate("", reflect.ValueOf(cfg).Elem()) }

func validate(prefix string, s reflect.Value) error {
	for _, f := range fields(s) {
		if f.value.Kind() != reflect.Struct {
			continue
		}
		section, valid := f.value.Interface().(validator)
		switch {
		case f.squash:
			if err := validate(prefix, f.value); err != nil {
				return err
			}
		case !valid:
			if err := validate(prefix+f.key+".", f.value); err != nil {
				return err
			}
		default:
			if err := section.Validate(); err != nil {
				return fmt.Errorf("%s%s.%w", prefix, f.key, err)
			}
		}
	}
	if c, ok := s.Interface().(validator); ok {
		return c.Validate()
	}
	return nil
}

// unitless refuses numbers that lose their meaning: a time without a unit would be nanoseconds, and a whole number
// would lose its fraction.
func unitless(_, to reflect.Type, data any) (any, error) {
	n := reflect.ValueOf(data)
	switch {
	case to == reflect.TypeFor[time.Duration]() && n.Type() != to && (n.CanInt() && n.Int() != 0 || n.CanFloat() && n.Float() != 0):
		return nil, fmt.Errorf("%v is no time: give a unit, as in %vs", data, data)
	case n.CanFloat() && (reflect.Zero(to).CanInt() || reflect.Zero(to).CanUint()) && n.Float() != math.Trunc(n.Float()):
		return nil, fmt.Errorf("%v is no whole number", data)
	}
	return data, nil
}

// hints lists the unknown keys. Each unknown key comes with the nearest known key, or else with all known keys.
func hints(unknown, known []string) string {
	out, far := make([]string, len(unknown)), false
	for i, u := range unknown {
		out[i] = u
		if k := nearest(u, known); k != "" {
			out[i] += " (did you mean " + k + "?)"
		} else {
			far = true
		}
	}
	text := strings.Join(out, ", ")
	if far {
		text += "; known keys: " + strings.Join(known, ", ")
	}
	return text
}

// nearest returns the known name nearest to a name, or nothing if no known name is near. The name may lack its section.
func nearest(name string, known []string) string {
	best, least := "", len(name)/3+2 // more letters than this are another name
	for _, k := range known {
		d := min(levenshtein.ComputeDistance(name, k), levenshtein.ComputeDistance(last(name), last(k))+1)
		if d < least {
			best, least = k, d
		}
	}
	return best
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// variables are the names of the environment for keys.
func variables(known map[string]bool) []string {
	var out []string
	for _, k := range sorted(known) {
		out = append(out, EnvPrefix+"_"+strings.ToUpper(strings.ReplaceAll(k, ".", "_")))
	}
	return out
}

// reserved are variables with our prefix that are not settings of a service: the places of the cache of models and of
// packages fetched by hand, and switches of the tests.
var reserved = []string{"CACHE", "PYTHON", "WORKER_PARENT", "REQUIRE_ALL", "URL", "TOKEN", "CONFIG", "FFMPEG", "FFPROBE", "HOME", "SERVER", "SERVERS", "PACKAGES"}

func unknownEnv(known map[string]bool, elsewhere []string) []string {
	names := variables(known)
	var unknown []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		short, ours := strings.CutPrefix(name, EnvPrefix+"_")
		if ours && !slices.Contains(names, name) && !slices.Contains(reserved, short) && !strings.HasPrefix(short, "TEST_") && !within(short, variablesOf(elsewhere)) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

func unknownKeys(have []string, known map[string]bool) []string {
	var unknown []string
	for _, k := range have {
		// A setting with a map as its value has keys of its own below its key.
		if !known[k] && !slices.ContainsFunc(sorted(known), func(p string) bool { return strings.HasPrefix(k, p+".") }) {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	return unknown
}

func sorted(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Keys returns the keys of a configuration, in order. cfg is a pointer to a struct, as for Load.
func Keys(cfg any) []string {
	var keys []string
	for _, s := range Settings(cfg) {
		keys = append(keys, s.Key)
	}
	slices.Sort(keys)
	return keys
}
