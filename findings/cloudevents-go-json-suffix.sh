#!/usr/bin/env bash
# github.com/cloudevents/sdk-go/v2 v2.16.2, Go.
#
# Expected: in the JSON format, data with a datacontenttype in +json is a JSON value (CloudEvents JSON format 3.1), and a null attribute is an absent
# attribute (2.2). ce- headers over HTTP are percent-decoded (HTTP binding 3.1.3.2).
# Seen: an event with data of type application/vnd.studio+json is refused ("expected a string"), an event with "datacontenttype": null is no valid
# event, and the header ce-subject: L%C3%B6we is read without decoding.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	var e event.Event
	const head = `{"specversion":"1.0","id":"1","source":"/s","type":"t",`
	suffix := json.Unmarshal([]byte(head+`"datacontenttype":"application/vnd.studio+json","data":{"a":1}}`), &e)
	fmt.Println("data of a +json type:", suffix)
	null := json.Unmarshal([]byte(head+`"datacontenttype":null,"data":{"a":1}}`), &e)
	if null == nil {
		null = e.Validate()
	}
	fmt.Println("a null attribute:", null)
	h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Ce-Subject": {"L%C3%B6we"}}
	read, err := binding.ToEvent(context.Background(), cehttp.NewMessage(h, nil))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ce-subject L%C3%B6we is read as", read.Subject())
	if suffix == nil || null == nil || read.Subject() != "L%C3%B6we" {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/cloudevents/sdk-go/v2@v2.16.2 >/dev/null 2>&1
go run .
