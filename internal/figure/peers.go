package figure

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// peerPackages are the packages of PyPI that testdata/peers.py runs. OpenCV 5 has no cascades.
var peerPackages = []string{"rapidocr-onnxruntime==1.4.4", "scenedetect==0.6.7", "opencv-python-headless==4.12.0.88"}

// Peers runs a command of testdata/peers.py over files, and reads the answer: what each peer says of each file. A peer that is absent is not in the
// answer. The packages are installed into a folder for the test; FIGURE_PEERS names a folder that has them, and FIGURE_PEERS=none leaves all peers out.
func Peers[T any](t testing.TB, command string, files ...string) map[string][]T {
	t.Helper()
	dir := os.Getenv("FIGURE_PEERS")
	if dir == "none" {
		return nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("peers are left out: ", err)
		return nil
	}
	if dir == "" {
		dir = t.TempDir()
		args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir}, peerPackages...)
		if out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput(); err != nil {
			t.Logf("peers are left out: installing them: %v: %s", err, out)
			return nil
		}
	}
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join(filepath.Dir(here), "testdata", "peers.py"), command}, files...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("running peers: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var answer map[string][]T
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("reading what peers say: %v: %s", err, out)
	}
	for name, of := range answer {
		if of == nil {
			t.Logf("%s is absent", name)
			delete(answer, name)
		}
	}
	return answer
}
