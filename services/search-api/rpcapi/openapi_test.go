package rpcapi_test

import (
	"io"
	"net/http"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// TestOpenAPI: the service describes each of its procedures, with the bearer token, to known callers.
func TestOpenAPI(t *testing.T) {
	s := apitest.New(t).Serve(map[string][]string{"reader": {"*"}})
	fetch := func(token string) (int, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/openapi.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	if status, _ := fetch("nobody"); status != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d", status)
	}
	status, b := fetch("reader")
	var doc struct {
		OpenAPI  string `yaml:"openapi"`
		Security []map[string][]string
		Paths    map[string]struct {
			Post struct {
				RequestBody struct{ Content map[string]any } `yaml:"requestBody"`
				Responses   map[string]any
			}
		}
	}
	if err := yaml.Unmarshal(b, &doc); err != nil || status != http.StatusOK {
		t.Fatalf("%d: %v", status, err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Security) != 1 || doc.Security[0]["token"] == nil {
		t.Errorf("openapi %q, security %v", doc.OpenAPI, doc.Security)
	}
	for _, service := range rpcapi.Services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Fatal(err)
		}
		methods := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			path := "/" + service + "/" + string(methods.Get(i).Name())
			post := doc.Paths[path].Post
			if len(post.RequestBody.Content) == 0 || post.Responses["200"] == nil || post.Responses["default"] == nil {
				t.Errorf("%s: %d kinds of body, answers %v", path, len(post.RequestBody.Content), post.Responses)
			}
		}
	}
}
