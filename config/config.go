// Package config fills a service's Config from its YAML file, the environment and
// flags, in that order of growing weight. It is the only importer of viper.
//
// Every key of the Config is registered before anything is read, because viper
// fills a struct from the environment only for keys that it knows; a key that
// the Config does not have is refused with its name, since a misspelt setting that
// is silently ignored is found in production.
//
// The key kafka.brokers is read from kafka: {brokers: [...]} in the file, from
// CINEDEX_KAFKA_BROKERS (lists separated by commas) and from --set kafka.brokers=….
package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// EnvPrefix begins every environment variable that is read.
const EnvPrefix = "CINEDEX"

// Load fills cfg, a pointer to a struct that holds the defaults and whose fields
// carry mapstructure tags. file may be empty; set holds key=value pairs of the
// command line. If cfg has Validate() error, it is called last.
func Load(cfg any, file string, set []string) error { return load(cfg, file, set, true) }

// LoadPart is Load for what needs a part of a service's configuration: keys of the file and the
// environment that cfg does not have are left to the service. Those of set are not.
func LoadPart(cfg any, file string, set []string) error { return load(cfg, file, set, false) }

func load(cfg any, file string, set []string, whole bool) error {
	v := viper.New()
	v.SetEnvPrefix(EnvPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	v.AutomaticEnv()
	known := map[string]bool{}
	register(v, known, "", reflect.ValueOf(cfg).Elem())
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
	for _, kv := range set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return errkind.New(errkind.Invalid, "--set %s: want key=value", kv)
		}
		v.Set(strings.ToLower(key), value)
		given = append(given, strings.ToLower(key))
	}
	if unknown := unknownKeys(given, known); len(unknown) > 0 {
		return errkind.New(errkind.Invalid, "configuration has keys that do not exist: %s; known keys: %s",
			strings.Join(unknown, ", "), strings.Join(sorted(known), ", "))
	}
	if unknown := unknownEnv(known); whole && len(unknown) > 0 {
		return errkind.New(errkind.Invalid, "the environment sets what does not exist: %s; known keys: %s",
			strings.Join(unknown, ", "), strings.Join(sorted(known), ", "))
	}
	hook := mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(","))
	if err := v.Unmarshal(cfg, viper.DecodeHook(hook)); err != nil {
		return errkind.New(errkind.Invalid, "reading configuration: %w", err)
	}
	if c, ok := cfg.(interface{ Validate() error }); ok {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("checking configuration: %w", err)
		}
	}
	return nil
}

// reserved are variables with our prefix that are not settings of a service:
// where the cache of models and packages fetched by hand are, and switches of the tests.
var reserved = []string{"CACHE", "REQUIRE_ALL", "URL", "TOKEN", "CONFIG", "FFMPEG", "FFPROBE", "HOME", "SERVER", "SERVERS", "PACKAGES"}

func unknownEnv(known map[string]bool) []string {
	names := map[string]bool{}
	for k := range known {
		names[strings.ToUpper(strings.ReplaceAll(k, ".", "_"))] = true
	}
	var unknown []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		short, ours := strings.CutPrefix(name, EnvPrefix+"_")
		if ours && !names[short] && !slices.Contains(reserved, short) && !strings.HasPrefix(short, "TEST_") {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// register tells viper every key of a struct and its default.
func register(v *viper.Viper, known map[string]bool, prefix string, s reflect.Value) {
	for i := range s.NumField() {
		f := s.Type().Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		if !f.IsExported() || tag == "-" || (tag == "" && !strings.Contains(opts, "squash")) {
			continue
		}
		key := prefix + tag
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Duration]() {
			if !strings.Contains(opts, "squash") {
				key += "."
			}
			register(v, known, key, s.Field(i))
			continue
		}
		known[key] = true
		v.SetDefault(key, s.Field(i).Interface())
	}
}

func unknownKeys(have []string, known map[string]bool) []string {
	var unknown []string
	for _, k := range have {
		// A map-valued setting has keys of its own below it.
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
