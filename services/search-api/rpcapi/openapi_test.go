package rpcapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
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

// TestOpenAPIDescribesTheAnswers: the document is valid OpenAPI, and real requests and answers are as the document says.
func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	b, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	for _, test := range []struct {
		name, token, path, body string
		status                  int
	}{
		{"hits", "all", service + "Search", `{"q":"dialogue:coffee","limit":1,"facets":["title"],"explain":true}`, 200},
		{"suggestions", "all", service + "Suggest", `{"typed":"capt"}`, 200},
		{"terms", "all", service + "Parse", `{"q":"dialogue:coffee AND NOT label:dog title:x"}`, 200},
		{"titles", "all", service + "ListTitles", `{"limit":1}`, 200},
		{"the catalogue", "all", service + "GetCatalog", `{}`, 200},
		{"a saved search", "all", "/" + cinedexv1connect.SavedSearchServiceName + "/SaveSearch", `{"saved":{"name":"coffee","search":{"q":"dialogue:coffee"}}}`, 200},
		{"a slip in the query", "all", service + "Search", `{"q":"dialogue:\"coffee"}`, 400},
		{"a cursor of nobody", "all", service + "ListTitles", `{"cursor":"none"}`, 400},
		{"no such asset", "all", service + "GetAsset", `{"asset":"none"}`, 404},
		{"a wrong token", "wrong", service + "GetStatus", `{}`, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := described(t, doc, s, test.token, test.path, test.body, test.status); err != nil {
				t.Error(err)
			}
		})
	}
	if err := described(t, doc, s, "all", service+"Search", `{"q":1}`, 400); err == nil {
		t.Error("the document takes a number for a query")
	}
}

// described makes a call, and reports where the call and the answer are not as the document says.
func described(t *testing.T, doc *openapi3.T, s *apitest.Server, token, path, body string, status int) error {
	t.Helper()
	item := doc.Paths.Value(path)
	if item == nil {
		t.Fatalf("the document has no %s", path)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json", "Connect-Protocol-Version": "1"} {
		req.Header.Set(k, v)
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: req, Options: options,
		Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: http.MethodPost, Operation: item.Post}}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		return fmt.Errorf("the request %s: %w", body, err)
	}
	req.Body = io.NopCloser(strings.NewReader(body))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("status %d, wanted %d: %s", resp.StatusCode, status, answer)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: resp.Header, Options: options}
	if err := openapi3filter.ValidateResponse(t.Context(), out.SetBodyBytes(answer)); err != nil {
		return fmt.Errorf("the answer %s: %w", answer, err)
	}
	if status == http.StatusOK {
		return nil
	}
	var told map[string]any
	if err := json.Unmarshal(answer, &told); err != nil {
		return err
	}
	for field := range told { // the document allows other fields of an error
		if doc.Components.Schemas["connect.error"].Value.Properties[field] == nil {
			return fmt.Errorf("the answer %s has a field %s that the document lacks", answer, field)
		}
	}
	return nil
}
