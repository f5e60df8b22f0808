// Command generate writes all generated code: Go from the .proto files, as buf.gen.yaml
// says; answer.graphql from the messages of a search's answer; query.schema.json from the messages of a query; Go from the
// GraphQL schema; and Python from the .proto files.
// With -check the command writes nothing and names the stale files.
// The command compiles .proto files with the library that buf uses, so `buf generate`
// gives the same bytes, but for the OpenAPI document. buf takes minutes to build, and this command takes seconds.
//
//	go -C tools run ./generate [-check]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	root    = ".." // the repository, seen from the tools module
	schema  = "pkg/schema"
	sources = schema + "/proto"
	openAPI = "services/search-api/rpcapi/openapi.yaml"
	// ofWorkers is the contract of workers, which no service of the platform serves. OpenAPI leaves the contract out, and the generator would list all
	// messages of every file.
	ofWorkers = "cinedex/v1/worker.proto"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the committed code differs from the generated code")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := generate(ctx, *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, check bool) error {
	// In this order: answers over GraphQL are the protobuf messages.
	for _, s := range []source{
		{schema, []string{".pb.go", ".connect.go"}, generateProtobuf},
		{graphqlAPI, []string{".graphql"}, generateAnswer},
		{queryRules, []string{".schema.json"}, generateQuerySchema},
		{graphqlAPI, []string{".go"}, func(context.Context) (map[string]string, error) { return generateGraphQL() }},
		{pythonSDK, []string{"_pb2.py", "_pb2.pyi"}, generatePython},
	} {
		if err := s.generate(ctx, check); err != nil {
			return err
		}
	}
	return nil
}

// A source generates code: the files with the given endings in a folder, and their content.
type source struct {
	dir      string
	suffixes []string
	fresh    func(context.Context) (map[string]string, error)
}

func (s source) generate(ctx context.Context, check bool) error {
	fresh, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	stale, orphans, err := s.compare(fresh)
	if err != nil {
		return err
	}
	if check {
		var problems []error
		for _, name := range stale {
			problems = append(problems, fmt.Errorf("%s is stale: run go -C tools run ./generate", name))
		}
		for _, name := range orphans {
			problems = append(problems, fmt.Errorf("%s comes from no schema: remove it", name))
		}
		return errors.Join(problems...)
	}
	for _, name := range stale {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(fresh[name]), 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", name)
	}
	for _, name := range orphans {
		fmt.Println("comes from no schema, remove it:", name)
	}
	return nil
}

// generateProtobuf returns the files that the plugins generate from the .proto files.
func generateProtobuf(ctx context.Context) (map[string]string, error) {
	plugins, err := readPlugins()
	if err != nil {
		return nil, err
	}
	files, err := compile(ctx)
	if err != nil {
		return nil, err
	}
	request := requestFor(files)
	fresh := map[string]string{}
	for _, p := range plugins {
		request.Parameter = proto.String(p.Opt)
		request.FileToGenerate = namesOf(files)
		if p.Out == path.Dir(openAPI) {
			request.FileToGenerate = slices.DeleteFunc(request.FileToGenerate, func(name string) bool { return name == ofWorkers })
		}
		response, err := p.run(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("running %s: %w", strings.Join(p.Local, " "), err)
		}
		for _, f := range response.GetFile() {
			fresh[path.Join(p.Out, f.GetName())] = f.GetContent()
		}
	}
	name := openAPI
	document, err := withDetails(fresh[name])
	if err != nil {
		return nil, err
	}
	fresh[name], err = withOneOf(document)
	return fresh, err
}

// compare returns the names of files that differ from the generated content, and of generated files without a source.
func (s source) compare(fresh map[string]string) (stale, orphans []string, err error) {
	for name, content := range fresh {
		committed, err := os.ReadFile(filepath.Join(root, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if err != nil || string(committed) != content {
			stale = append(stale, name)
		}
	}
	slices.Sort(stale)
	committed, err := filesIn(s.dir, s.suffixes...)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range committed {
		if name = path.Join(s.dir, name); fresh[name] != "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, nil, err
		}
		if generated(b) {
			orphans = append(orphans, name)
		}
	}
	return stale, orphans, nil
}

// generated reports whether the first line of a file is the mark of a generator, in a comment of Go or of GraphQL.
func generated(file []byte) bool {
	first, _, _ := bytes.Cut(file, []byte("\n"))
	first = bytes.TrimLeft(first, "/# ")
	return bytes.HasPrefix(first, []byte("Code generated ")) && bytes.HasSuffix(first, []byte(" DO NOT EDIT."))
}

// plugin is an entry of buf.gen.yaml: a generator, the folder of its files, and its option.
type plugin struct {
	Local []string
	Out   string
	Opt   string
}

func readPlugins() ([]plugin, error) {
	b, err := os.ReadFile(filepath.Join(root, "buf.gen.yaml"))
	if err != nil {
		return nil, err
	}
	var conf struct {
		Version string
		Plugins []plugin
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&conf); err != nil {
		return nil, fmt.Errorf("reading buf.gen.yaml, of which only plugins with local, out and opt are known here: %w", err)
	}
	return conf.Plugins, nil
}

// run calls a generator as a compiler does: a request on the input, the answer on the output.
func (p plugin) run(ctx context.Context, request *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.Local[0], p.Local[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = root, bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response, nil
}

// compile returns every .proto file of the schema.
func compile(ctx context.Context) (linker.Files, error) {
	names, err := filesIn(sources, ".proto")
	if err != nil {
		return nil, err
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{filepath.Join(root, sources)}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	return compiler.Compile(ctx, names...)
}

// requestFor returns a request with every file, after the files that the file imports.
func requestFor(files linker.Files) *pluginpb.CodeGeneratorRequest {
	request := &pluginpb.CodeGeneratorRequest{}
	done := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if done[f.Path()] {
			return
		}
		done[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
	}
	return request
}

func namesOf(files linker.Files) (names []string) {
	for _, f := range files {
		names = append(names, f.Path())
	}
	return names
}

// filesIn returns the files below a folder of the repository with the given endings, sorted, with paths from the
// folder.
func filesIn(dir string, suffixes ...string) (names []string, err error) {
	dir = filepath.Join(root, dir)
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, s := range suffixes {
			if strings.HasSuffix(file, s) {
				name, err := filepath.Rel(dir, file)
				if err != nil {
					return err
				}
				names = append(names, filepath.ToSlash(name))
			}
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
