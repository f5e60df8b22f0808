package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// java finds a Java of a version between least and most: in JAVA_HOME, in the path, or installed.
func java(server string, least, most int) (string, error) {
	var candidates []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, "bin", "java"))
	}
	if p, err := exec.LookPath("java"); err == nil {
		candidates = append(candidates, p)
	}
	for _, pattern := range []string{"/usr/lib/jvm/*/bin/java", "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java"} {
		installed, _ := filepath.Glob(pattern)
		candidates = append(candidates, installed...)
	}
	var found []string
	for _, c := range candidates {
		out, err := exec.Command(c, "-version").CombinedOutput()
		m := javaVersion.FindSubmatch(out)
		if err != nil || m == nil {
			continue
		}
		v, _ := strconv.Atoi(string(m[1]))
		if v >= least && v <= most {
			return c, nil
		}
		found = append(found, fmt.Sprintf("%d at %s", v, c))
	}
	which := fmt.Sprintf("Java %d", least)
	if most > least {
		which = fmt.Sprintf("a Java from %d to %d", least, most)
	}
	if len(found) == 0 {
		return "", errkind.New(errkind.NotFound, "%s needs %s, and there is none: install a JRE (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), or set JAVA_HOME to a JRE", server, which)
	}
	return "", errkind.New(errkind.NotFound, "%s needs %s, and there is only %s: install it beside, or set JAVA_HOME to a JRE", server, which, strings.Join(found, ", "))
}
