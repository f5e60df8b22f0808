package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Tools are the programs of package media.
type Tools struct {
	FFmpeg  string
	FFprobe string
}

// Config holds the operator's limits.
type Config struct {
	// MaxBytes is the size of the largest accepted media file. A larger file is refused before the first byte is read.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxFrames is the largest number of frames of a film.
	MaxFrames int64 `mapstructure:"max_frames"`
	// MaxMemory bounds the address space of each ffmpeg and ffprobe, in bytes; 0 means no bound.
	MaxMemory int64 `mapstructure:"max_memory"`
	// ProbeTimeout bounds the probing of a file.
	ProbeTimeout time.Duration `mapstructure:"probe_timeout"`
	// StallTimeout ends a decoding without a frame for so long.
	StallTimeout time.Duration `mapstructure:"stall_timeout"`
}

// maxMediaBytes is the greatest allowed MaxBytes: 16 TiB, as much as common file systems take.
const maxMediaBytes = 16 << 40

// Default returns a configuration for feature films on an ordinary machine.
func Default() Config {
	return Config{
		MaxBytes:     200 << 30,
		MaxFrames:    5_200_000, // 24 hours at 60 frames a second
		MaxMemory:    8 << 30,
		ProbeTimeout: 10 * time.Minute,
		StallTimeout: 2 * time.Minute,
	}
}

// Validate checks all fields, and names the first invalid field.
func (c Config) Validate() error {
	switch {
	case c.MaxBytes < 1<<10 || c.MaxBytes > maxMediaBytes:
		return errkind.New(errkind.Invalid, "max_bytes: %d is not from 1024 to %d", c.MaxBytes, int64(maxMediaBytes))
	case c.MaxFrames < 1 || c.MaxFrames > 1<<31:
		return errkind.New(errkind.Invalid, "max_frames: %d is not from 1 to %d", c.MaxFrames, int64(1<<31))
	case c.MaxMemory != 0 && (c.MaxMemory < 256<<20 || c.MaxMemory > 1<<46):
		return errkind.New(errkind.Invalid, "max_memory: %d is neither 0, for no bound, nor from 256 MiB (%d) to 64 TiB", c.MaxMemory, 256<<20)
	case c.ProbeTimeout < 100*time.Millisecond || c.ProbeTimeout > 24*time.Hour:
		return errkind.New(errkind.Invalid, "probe_timeout: %s is not from 100ms to 24h", c.ProbeTimeout)
	case c.StallTimeout < 100*time.Millisecond || c.StallTimeout > 24*time.Hour:
		return errkind.New(errkind.Invalid, "stall_timeout: %s is not from 100ms to 24h", c.StallTimeout)
	}
	return nil
}

// A Reader probes and decodes films. A Reader is safe for concurrent use and holds no file open.
type Reader struct {
	cfg   Config
	tools Tools
	log   *slog.Logger

	setLimit  setLimit
	unlimited sync.Once // logs the limits that cannot be set, once
}

// NewReader returns a Reader over the given programs.
func NewReader(cfg Config, tools Tools, log *slog.Logger) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the media configuration: %w", err)
	}
	if tools.FFmpeg == "" || tools.FFprobe == "" {
		return nil, errkind.New(errkind.Invalid, "ffmpeg and ffprobe must both be named")
	}
	return &Reader{cfg: cfg, tools: tools, log: log, setLimit: prlimit}, nil
}

// containers are the allowed demuxers. Formats with references to other files (playlists, manifests, concatenations,
// numbered pictures, session descriptions) are missing from the list, and thereby refused.
const containers = "mov,matroska,mpegts,mpeg,avi,flv,mxf,mxf_opatom,asf,ogg,gxf,dv,nut,wav,mp3,flac,aac,aiff,caf"

// maxPixels bounds a coded picture. 8192 x 8192 holds every mastering format. Without the bound, a header with 65,535 x
// 65,535 pixels would make the decoder allocate memory for such a picture.
const maxPixels = "67108864"

// sandboxed returns the first arguments of every reading of a file.
func sandboxed(args ...string) []string {
	return append(args,
		"-protocol_whitelist", "file,pipe",
		"-format_whitelist", containers,
		"-max_pixels", maxPixels,
	)
}

// fileURL returns a URL of a local file. ffmpeg can take no part of such a URL for an option or for another protocol.
func fileURL(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", path, err)
	}
	return "file:" + abs, nil
}

// stderrKept is the number of bytes kept of a program's messages. The first messages name the fault; a damaged film repeats messages for megabytes.
const stderrKept = 8 << 10

// head keeps the first bytes written, and drops the rest.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := stderrKept - h.buf.Len(); room > 0 {
		h.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.buf.String()
}

// process is an ffmpeg or ffprobe in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	stderr *head
}

// environment is the whole environment of a program; no variable of the service is passed on. Two arenas keep glibc
// from reserving 64 MiB of address space for each decoding thread. GCONV_PATH hides the system's character tables: a
// static build that loads the tables, for the names in a transport stream, crashes in them.
var environment = []string{"LC_ALL=C", "AV_LOG_FORCE_NOCOLOR=1", "MALLOC_ARENA_MAX=2", "GCONV_PATH=/nonexistent"}

// command prepares a program. The files of extra become the descriptors 3, 4, and so on.
func (r *Reader) command(ctx context.Context, program string, args []string, stdout io.Writer, extra ...*os.File) *process {
	p := &process{cmd: exec.CommandContext(ctx, program, args...), stderr: &head{}}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = stdout, p.stderr, extra
	p.cmd.Env = environment
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 5 * time.Second
	return p
}

// start starts the process, and sets the limits.
func (r *Reader) start(p *process) error {
	if err := p.cmd.Start(); err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("starting %s: %w", filepath.Base(p.cmd.Path), err)
		}
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			return errkind.New(errkind.Unavailable, "starting %s: the program is missing; run `cinedex models fetch`: %w", filepath.Base(p.cmd.Path), err)
		}
		return errkind.Wrap(errkind.Unavailable, fmt.Errorf("starting %s: %w", filepath.Base(p.cmd.Path), err))
	}
	unset, err := limit(r.setLimit, p.cmd.Process.Pid, r.cfg.MaxMemory)
	if err != nil {
		_ = p.cmd.Cancel()
		_ = p.cmd.Wait()
		return fmt.Errorf("starting %s: %w", filepath.Base(p.cmd.Path), err)
	}
	if len(unset) > 0 {
		r.unlimited.Do(func() {
			r.log.Warn("decoders run without some limits: the system refuses to set the limits", "limits", strings.Join(unset, ", "))
		})
	}
	return nil
}

// wait reaps the process. If ctx has ended, the error is the cause of ctx, whatever the killed process printed.
func (p *process) wait(ctx context.Context) error {
	err := p.cmd.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", filepath.Base(p.cmd.Path), context.Cause(ctx))
	}
	return err
}

// run runs a program to its end, while read consumes the output.
func (r *Reader) run(ctx context.Context, program string, args []string, read func(io.Reader) error) (stderr string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, in, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("opening a pipe: %w", err)
	}
	defer out.Close()
	p := r.command(ctx, program, args, in)
	err = r.start(p)
	in.Close()
	if err != nil {
		return "", err
	}
	// A program must not stay blocked on a full pipe after read has given up.
	readErr := read(out)
	outer := ctx.Err()
	if readErr != nil {
		cancel()
	}
	waitErr := p.wait(ctx)
	switch {
	case outer != nil || readErr == nil:
		return p.stderr.String(), waitErr
	default:
		return p.stderr.String(), readErr
	}
}

// complaints maps ffmpeg's messages to messages for people. The first match wins.
var complaints = []struct{ says, means string }{
	{"not on whitelist", "is not a film, but text, a playlist, or another format that is not accepted"},
	{"moov atom not found", "is cut short, was never finished, or is not a film: the index is missing"},
	{"file ended prematurely", "is cut short"},
	{"partial file", "is cut short"},
	{"end of file", "is cut short or empty"},
	{"picture size", "declares pictures that are too large"},
	{"could not find codec parameters", "has a track whose description is too incomplete for decoding"},
	{"invalid data found", "is not a media file, or its beginning is damaged"},
}

// explain turns a failed reading of path into an error with the fault in words for people.
func explain(path, stderr string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	name := nameOf(path)
	low := strings.ToLower(stderr)
	// The second message is printed by the loader of shared libraries.
	if strings.Contains(low, "cannot allocate memory") || strings.Contains(low, "failed to map segment") {
		return errkind.New(errkind.Exhausted, "%s needs more memory to decode than the limit allows", name)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		if ws.Signal() == syscall.SIGKILL || ws.Signal() == syscall.SIGTERM {
			return errkind.New(errkind.Unavailable, "reading %s: something else ended the decoder (%s)", name, ws.Signal())
		}
		// A decoder crashes because of the file's content. A retry would crash again.
		return errkind.New(errkind.Invalid, "%s made the decoder stop (%s)", name, ws.Signal())
	}
	for _, c := range complaints {
		if strings.Contains(low, c.says) {
			return errkind.New(errkind.Invalid, "%s %s", name, c.means)
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	return errkind.New(errkind.Invalid, "%s cannot be read: %s (%w)", name, first, err)
}
