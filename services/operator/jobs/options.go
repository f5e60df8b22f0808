package jobs

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Type is the type of an option.
type Type string

// The types of options. Each is a type of Value.
const (
	Text    Type = "text"
	Number  Type = "number"
	Flag    Type = "flag"
	Integer Type = "integer"
	Texts   Type = "texts" // as a text: separated by commas
)

// An Option is a parameter of a kind of jobs.
type Option struct {
	Name string
	Type Type
	// Default is the value, as a text, of an option that a Task leaves out; "" is the zero value of the type.
	Default string
	// Help is a line for a person.
	Help string
}

// maxOption bounds a text that is read as a value, and maxOptions bounds all values of a Task together, in bytes.
const (
	maxOption  = 4096
	maxOptions = 64 << 10
)

// checkOptions refuses options that have no such field in the kind's message, and defaults that are no values.
func (k *Kind) checkOptions() error {
	var fields protoreflect.FieldDescriptors
	if k.Field != "" {
		fd := workFields.Fields().ByName(protoreflect.Name(k.Field))
		if fd == nil {
			return errkind.New(errkind.Invalid, "the kind of jobs %s: a job has no work %q", k.Name, k.Field)
		}
		fields = fd.Message().Fields()
	}
	for _, o := range k.Options {
		if o.Default != "" {
			if _, err := o.parse(o.Default); err != nil {
				return err
			}
		}
		if fields == nil {
			continue
		}
		fd := fields.ByName(protoreflect.Name(o.Name))
		if fd == nil || fieldType(fd) != o.Type {
			return errkind.New(errkind.Invalid, "the kind of jobs %s: its message has no field %s of type %s", k.Name, o.Name, o.Type)
		}
	}
	return nil
}

// fieldType returns the type of option that a field holds; "" for none.
func fieldType(fd protoreflect.FieldDescriptor) Type {
	switch kind := fd.Kind(); {
	case fd.IsList() && kind == protoreflect.StringKind:
		return Texts
	case fd.IsList():
		return ""
	case kind == protoreflect.StringKind:
		return Text
	case kind == protoreflect.DoubleKind:
		return Number
	case kind == protoreflect.BoolKind:
		return Flag
	case kind == protoreflect.Int64Kind:
		return Integer
	}
	return ""
}

// values returns the options of a Task as values of their types, the defaults among them. An option that the kind does not have, and a value
// of another type, is Invalid.
func (k *Kind) values(given map[string]*pb.Value) (map[string]*pb.Value, error) {
	size := 0
	for _, v := range given {
		size += proto.Size(v)
	}
	if size > maxOptions {
		return nil, errkind.New(errkind.Invalid, "task.options: %d bytes are given; want at most %d", size, maxOptions)
	}
	out := map[string]*pb.Value{}
	for _, o := range k.Options {
		v, ok := given[o.Name]
		if !ok && o.Default == "" {
			continue
		}
		var err error
		if !ok {
			v, err = o.parse(o.Default)
		} else {
			v, err = o.value(v)
		}
		if err != nil {
			return nil, err
		}
		out[o.Name] = v
	}
	for name := range given {
		if !slices.ContainsFunc(k.Options, func(o Option) bool { return o.Name == name }) {
			return nil, errkind.New(errkind.Invalid, "task.options: a job of kind %s has no option %.40q; there are: %s", k.Name, name, k.optionNames())
		}
	}
	return out, nil
}

func (k *Kind) optionNames() string {
	var names []string
	for _, o := range k.Options {
		names = append(names, o.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// value checks a given value, and reads a text as a value of the option's type.
func (o Option) value(v *pb.Value) (*pb.Value, error) {
	if t, ok := v.GetKind().(*pb.Value_Text); ok {
		if len(t.Text) > maxOption {
			return nil, errkind.New(errkind.Invalid, "task.options.%s: must have at most %d bytes", o.Name, maxOption)
		}
		return o.parse(t.Text)
	}
	var is Type
	switch t := v.GetKind().(type) {
	case *pb.Value_Number:
		is = Number
		if math.IsNaN(t.Number) || math.IsInf(t.Number, 0) {
			is = ""
		}
	case *pb.Value_Flag:
		is = Flag
	case *pb.Value_Integer:
		is = Integer
		if o.Type == Number {
			return &pb.Value{Kind: &pb.Value_Number{Number: float64(t.Integer)}}, nil
		}
	case *pb.Value_Texts:
		is = Texts
	}
	if is != o.Type {
		return nil, o.wrong("a value of another type")
	}
	return v, nil
}

// parse reads a text as a value of the option's type.
func (o Option) parse(s string) (*pb.Value, error) {
	switch o.Type {
	case Text:
		return &pb.Value{Kind: &pb.Value_Text{Text: s}}, nil
	case Texts:
		return &pb.Value{Kind: &pb.Value_Texts{Texts: &pb.StringList{Values: strings.Split(s, ",")}}}, nil
	case Flag:
		if b, err := strconv.ParseBool(s); err == nil {
			return &pb.Value{Kind: &pb.Value_Flag{Flag: b}}, nil
		}
	case Integer:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return &pb.Value{Kind: &pb.Value_Integer{Integer: n}}, nil
		}
	case Number:
		if n, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			return &pb.Value{Kind: &pb.Value_Number{Number: n}}, nil
		}
	}
	return nil, o.wrong(strconv.Quote(s))
}

func (o Option) wrong(given string) error {
	want := map[Type]string{Text: "a text", Texts: "texts, separated by commas", Flag: "true or false", Integer: "a whole number", Number: "a number"}[o.Type]
	return errkind.New(errkind.Invalid, "task.options.%s: %.60s is given; want %s", o.Name, given, want)
}

// fill puts the kind's message in the place of a Task.
func (k *Kind) fill(j *pb.Job, t *pb.Task) {
	m := j.ProtoReflect().Mutable(workFields.Fields().ByName(protoreflect.Name(k.Field))).Message()
	fields := m.Descriptor().Fields()
	for name, flag := range k.Fixed {
		m.Set(fields.ByName(protoreflect.Name(name)), protoreflect.ValueOfBool(flag))
	}
	for name, v := range t.GetOptions() {
		fd := fields.ByName(protoreflect.Name(name))
		switch v := v.GetKind().(type) {
		case *pb.Value_Text:
			m.Set(fd, protoreflect.ValueOfString(v.Text))
		case *pb.Value_Number:
			m.Set(fd, protoreflect.ValueOfFloat64(v.Number))
		case *pb.Value_Flag:
			m.Set(fd, protoreflect.ValueOfBool(v.Flag))
		case *pb.Value_Integer:
			m.Set(fd, protoreflect.ValueOfInt64(v.Integer))
		case *pb.Value_Texts:
			list := m.Mutable(fd).List()
			for _, s := range v.Texts.GetValues() {
				list.Append(protoreflect.ValueOfString(s))
			}
		}
	}
	if k.Selects && t.GetSelection() != nil {
		m.Set(fields.ByName("selection"), protoreflect.ValueOfMessage(t.GetSelection().ProtoReflect()))
	}
}

// Values are the options of a Task, as Plan and Do read them. An option that is not set is the zero value of its type.
type Values map[string]*pb.Value

// ValuesOf returns the options of a job that keeps its Task.
func ValuesOf(j *pb.Job) Values { return j.GetTask().GetOptions() }

func (v Values) Text(name string) string    { return v[name].GetText() }
func (v Values) Number(name string) float64 { return v[name].GetNumber() }
func (v Values) Flag(name string) bool      { return v[name].GetFlag() }
func (v Values) Integer(name string) int64  { return v[name].GetInteger() }
func (v Values) Texts(name string) []string { return v[name].GetTexts().GetValues() }
