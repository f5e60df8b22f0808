package config

import (
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// Sections are the sections that a program chooses at build time, beside the fields of the struct: the sections of the
// linked stores, search engines and services.
type Sections []Section

// A Section is the configuration of a linked driver or service.
type Section struct {
	// Key is the key of the section within the struct. Where Key is empty, the settings lie among the fields of the struct.
	Key string
	// Into is a pointer to a struct, as for Load.
	Into any
}

// A Setting is a key of a configuration that the operator may set.
type Setting struct {
	Key string
	// Value is the value of the field.
	Value reflect.Value
	// Struct is the type of the struct with the field, and Field is the field's name in Struct.
	Struct reflect.Type
	Field  string
}

// Settings returns the settings of a configuration in the order of the fields. cfg is a pointer to a struct, as for
// Load.
func Settings(cfg any) []Setting { return settings("", reflect.ValueOf(cfg).Elem()) }

func settings(prefix string, s reflect.Value) (out []Setting) {
	for _, f := range fields(s) {
		key := prefix + f.key
		switch {
		case f.value.Kind() != reflect.Struct:
			out = append(out, Setting{key, f.value, s.Type(), f.name})
		case f.squash:
			out = append(out, settings(prefix, f.value)...)
		default:
			out = append(out, settings(key+".", f.value)...)
		}
	}
	return out
}

// A field is a setting or a section of a struct.
type field struct {
	name   string
	key    string
	squash bool // the keys of the section lie among the keys of the struct
	chosen bool // the section comes from Sections
	value  reflect.Value
}

// fields returns the settings and the sections of a struct. Fields without a key are left out.
func fields(s reflect.Value) (out []field) {
	for i := range s.NumField() {
		f := s.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if sections, ok := s.Field(i).Interface().(Sections); ok {
			for _, c := range sections {
				out = append(out, field{f.Name, c.Key, c.Key == "", true, reflect.ValueOf(c.Into).Elem()})
			}
			continue
		}
		key, opts, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		squash := strings.Contains(opts, "squash")
		if key != "-" && (key != "" || squash) {
			out = append(out, field{f.Name, key, squash, false, s.Field(i)})
		}
	}
	return out
}

// decode fills cfg and every section of cfg.
func decode(v *viper.Viper, cfg any) error {
	hook := viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(unitless, mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")))
	if err := v.Unmarshal(cfg, hook); err != nil {
		return err
	}
	return decodeSections(v, hook, nil, reflect.ValueOf(cfg).Elem())
}

// decodeSections fills the sections below s, which lies under the keys of path.
func decodeSections(v *viper.Viper, hook viper.DecoderConfigOption, path []string, s reflect.Value) error {
	for _, f := range fields(s) {
		if f.value.Kind() != reflect.Struct {
			continue
		}
		below := path
		if !f.squash {
			below = append(path[:len(path):len(path)], f.key)
		}
		if f.chosen {
			if err := decodeUnder(v, hook, below, f.value); err != nil {
				return err
			}
		}
		if err := decodeSections(v, hook, below, f.value); err != nil {
			return err
		}
	}
	return nil
}

// decodeUnder fills s from the keys below path. The decoder gets a struct in which s lies under path, so an error names
// the whole key.
func decodeUnder(v *viper.Viper, hook viper.DecoderConfigOption, path []string, s reflect.Value) error {
	outer := s.Type()
	for i := len(path) - 1; i >= 0; i-- {
		outer = reflect.StructOf([]reflect.StructField{{Name: "Section", Type: outer, Tag: reflect.StructTag(`mapstructure:"` + path[i] + `"`)}})
	}
	whole := reflect.New(outer)
	inner := whole.Elem()
	for range path {
		inner = inner.Field(0)
	}
	inner.Set(s)
	if err := v.Unmarshal(whole.Interface(), hook); err != nil {
		return err
	}
	s.Set(inner)
	return nil
}

// A configuration implements Elsewhere if the configuration shares its file or its environment with other programs.
// Elsewhere returns the keys of sections that only the other programs have. Settings in these sections are neither read
// nor refused.
type Elsewhere interface{ Elsewhere() []string }

func sectionsElsewhere(cfg any) []string {
	if e, ok := cfg.(Elsewhere); ok {
		return e.Elsewhere()
	}
	return nil
}

// within reports whether name is the name of a section, or of a setting in a section. Keys have a dot between section
// and setting, variables an underline.
func within(name string, sections []string) bool {
	for _, s := range sections {
		if rest, ok := strings.CutPrefix(name, s); ok && (rest == "" || rest[0] == '.' || rest[0] == '_') {
			return true
		}
	}
	return false
}

// variablesOf are the names of sections in the environment, without the prefix.
func variablesOf(sections []string) (out []string) {
	for _, s := range sections {
		out = append(out, strings.ToUpper(strings.ReplaceAll(s, ".", "_")))
	}
	return out
}
