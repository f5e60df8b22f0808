package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The runner of OpenSearch looks for the port in this range only.
const firstOpenSearch, lastOpenSearch = 9201, 9299

// An openSearch is a version of OpenSearch, and the versions of Java that run it.
type openSearch struct {
	release
	leastJava, mostJava int
	javaOptions         []string
}

// openSearches are by Config.OpenSearchVersion.
var openSearches = map[string]openSearch{
	"2": {openSearchRelease, 11, 21, nil},
	"3": {openSearch3Release, 21, 25, []string{"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"}},
}

func startOpenSearch(ctx context.Context, cfg Config) ([]*Node, error) {
	of := openSearches[cfg.OpenSearchVersion]
	jre, err := java("OpenSearch "+of.version, of.leastJava, of.mostJava)
	if err != nil {
		return nil, err
	}
	jars, err := of.fetch(ctx, cfg.Cache, cfg.Progress)
	if err != nil {
		return nil, err
	}
	port := cfg.OpenSearchPort
	for p := firstOpenSearch; port == 0; p++ {
		if p > lastOpenSearch {
			return nil, errkind.New(errkind.Exhausted, "all ports from %d to %d are taken", firstOpenSearch, lastOpenSearch)
		}
		if free(address("127.0.0.1", p)) == nil && free(address("127.0.0.1", p+100)) == nil {
			port = p
		}
	}
	n := &Node{
		Name: "opensearch-1", Addr: address("127.0.0.1", port), HeapMB: 1024, detached: cfg.Detached, progress: cfg.Progress,
		Listens: []string{address("127.0.0.1", port), address("127.0.0.1", port+100)},
	}
	n.ReadyURL = "http://" + n.Addr + "/_cluster/health?wait_for_status=yellow&timeout=1s"
	n.Dir = filepath.Join(cfg.Dir, n.Name)
	config := filepath.Join(n.Dir, "node_1", "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", n.Name, err)
	}
	yaml := fmt.Sprintf(string(openSearchRelease.file("opensearch.yml")), port+100)
	for name, b := range map[string][]byte{"opensearch.yml": []byte(yaml), "log4j2.properties": openSearchRelease.file("log4j2.properties")} {
		if err := os.WriteFile(filepath.Join(config, name), b, 0o644); err != nil {
			return nil, fmt.Errorf("configuring %s: %w", n.Name, err)
		}
	}
	n.Command = append([]string{jre}, cfg.javaOptions(n.HeapMB)...)
	n.Command = append(n.Command, of.javaOptions...)
	n.Command = append(n.Command, "-XX:MaxDirectMemorySize=512m",
		"-cp", filepath.Join(jars, "lib", "*")+string(os.PathListSeparator)+filepath.Join(jars, "plugins", "*"), "org.codelibs.opensearch.runner.OpenSearchRunner",
		"-basePath", n.Dir, "-numOfNode", "1", "-baseHttpPort", fmt.Sprint(port-1), "-clusterName", "cinedex-local",
		"-pluginTypes", "org.opensearch.knn.plugin.KNNPlugin")
	return []*Node{n}, n.Start(ctx)
}
