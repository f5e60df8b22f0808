package convert

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"
)

// A TorchScript archive is a zip that holds, under one folder: data.pkl (the root module, a tree of objects with their attributes), data/KEY (the
// storages of the tensors), code/ and constants.pkl (the program, which is not read). The library of pickles refuses TorchScript, so the zip is read
// here, and the library reads data.pkl.

// scriptConstants is the entry by which a TorchScript archive is told from a state dictionary.
const scriptConstants = "constants.pkl"

// scriptObject is an object of a TorchScript archive: a module with parameters, buffers and modules by name.
type scriptObject struct{ attributes map[string]any }

// scriptClass is the class of every module.
type scriptClass struct{}

// PyNew implements types.PyNewable.
func (scriptClass) PyNew(...any) (any, error) {
	return &scriptObject{attributes: map[string]any{}}, nil
}

// PyDictSet implements types.PyDictSettable.
func (o *scriptObject) PyDictSet(key, value any) error {
	name, ok := key.(string)
	if !ok {
		return fmt.Errorf("an attribute is named %v", key)
	}
	o.attributes[name] = value
	return nil
}

// listOf stands for the functions that wrap typed lists.
type listOf struct{}

// Call implements types.Callable.
func (listOf) Call(args ...any) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("a typed list of %d arguments", len(args))
	}
	return args[0], nil
}

// isScript reports whether the archive is TorchScript.
func isScript(z *zip.Reader) bool {
	for _, f := range z.File {
		if path.Base(f.Name) == scriptConstants {
			return true
		}
	}
	return false
}

// readScript reads the parameters and buffers of a TorchScript archive, under the names that state_dict gives.
func readScript(z *zip.Reader) (checkpoint, error) {
	entries := map[string]*zip.File{}
	folder := ""
	for _, f := range z.File {
		entries[f.Name] = f
		if dir, ok := strings.CutSuffix(f.Name, "data.pkl"); ok && path.Base(f.Name) == "data.pkl" {
			folder = dir
		}
	}
	data, ok := entries[folder+"data.pkl"]
	if !ok {
		return nil, fmt.Errorf("the archive has no data.pkl")
	}
	r, err := data.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	u := pickle.NewUnpickler(r)
	u.FindClass = findScriptClass
	u.PersistentLoad = scriptStorages(folder, entries)
	root, err := u.Load()
	if err != nil {
		return nil, err
	}
	object, ok := root.(*scriptObject)
	if !ok {
		return nil, fmt.Errorf("the root is a %T, and not a module", root)
	}
	c := checkpoint{}
	return c, object.collect("", c)
}

func findScriptClass(module, name string) (any, error) {
	switch {
	case strings.HasPrefix(module, "__torch__"):
		return scriptClass{}, nil
	case module == "torch._utils" && name == "_rebuild_tensor_v2":
		return &pytorch.RebuildTensorV2{}, nil
	case module == "torch.jit._pickle":
		return listOf{}, nil
	case module == "torch":
		if class, ok := storageClasses[name]; ok {
			return class, nil
		}
	}
	return nil, fmt.Errorf("the archive has an object of the unknown class %s.%s", module, name)
}

// storageClasses are the storages of a model's parameters and buffers.
var storageClasses = map[string]pytorch.StorageClassInterface{
	"FloatStorage": &pytorch.FloatStorageClass{}, "HalfStorage": &pytorch.HalfStorageClass{}, "LongStorage": &pytorch.LongStorageClass{},
	"IntStorage": &pytorch.IntStorageClass{}, "BoolStorage": &pytorch.BoolStorageClass{}, "DoubleStorage": &pytorch.DoubleStorageClass{},
}

// scriptStorages returns the function that reads the storage of a persistent identity: ("storage", class, key, device, length).
func scriptStorages(folder string, entries map[string]*zip.File) func(any) (any, error) {
	loaded := map[string]pytorch.StorageInterface{}
	return func(identity any) (any, error) {
		t, ok := identity.(*types.Tuple)
		if !ok || t.Len() < 5 {
			return nil, fmt.Errorf("a storage has the identity %v", identity)
		}
		class, isClass := t.Get(1).(pytorch.StorageClassInterface)
		key, isKey := t.Get(2).(string)
		length, isLength := t.Get(4).(int)
		if !isClass || !isKey || !isLength {
			return nil, fmt.Errorf("a storage has the identity %v", identity)
		}
		if s, ok := loaded[key]; ok {
			return s, nil
		}
		entry, ok := entries[folder+"data/"+key]
		if !ok {
			return nil, fmt.Errorf("the archive has no storage %s", key)
		}
		// Every element has a byte or more.
		if length < 0 || uint64(length) > entry.UncompressedSize64 {
			return nil, fmt.Errorf("storage %s has %d bytes, too few for %d numbers", key, entry.UncompressedSize64, length)
		}
		r, err := entry.Open()
		if err != nil {
			return nil, err
		}
		s := class.New(length, "cpu")
		if err := s.SetFromFileWithSize(r, length); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading storage %s: %w", key, err)
		}
		loaded[key] = s
		return s, r.Close()
	}
}

// collect adds the float tensors of an object and of the objects within the object.
func (o *scriptObject) collect(prefix string, into checkpoint) error {
	for name, value := range o.attributes {
		switch v := value.(type) {
		case *scriptObject:
			if err := v.collect(prefix+name+".", into); err != nil {
				return err
			}
		case *pytorch.Tensor:
			t, ok, err := floatTensor(v)
			if err != nil {
				return fmt.Errorf("%s%s: %w", prefix, name, err)
			}
			if ok {
				into[prefix+name] = t
			}
		}
	}
	return nil
}
