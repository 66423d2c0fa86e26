package cli

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"
)

// Run is Main with everything that it takes from the process as an argument.
func Run(ctx context.Context, environ, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, environ, args, stdin, stdout, stderr)
}

// Commands are the commands of furl.
func Commands() []*cobra.Command {
	return newRootCommand(&app{stdout: &checkedWriter{w: io.Discard}, stderr: io.Discard}).Commands()
}

// Guess is what the code at a path is taken for.
func Guess(path, known string) (family, handler, name string, err error) {
	s, err := openSource(path)
	if err != nil {
		return "", "", "", err
	}
	g, err := s.guess(known)
	if err != nil {
		return "", "", "", err
	}
	name, err = s.functionName()
	return g.family, g.handler, name, err
}

// FunctionName is the name that is guessed for the code at a path.
func FunctionName(path string) (string, error) {
	s, err := openSource(path)
	if err != nil {
		return "", err
	}
	return s.functionName()
}

// Has reports whether the code at a path has the file of a handler.
func Has(path, family, handler string) bool {
	s, err := openSource(path)
	return err == nil && s.has(family, handler)
}

// LogWriter is the writer of a server's log.
type LogWriter = logWriter

// NewLogWriter makes one; Gather is its writer for access records.
func NewLogWriter(w io.Writer, interval time.Duration) *LogWriter { return newLogWriter(w, interval) }

// Gather is a writer whose records wait for others.
func (l *LogWriter) Gather() io.Writer { return l.gather() }

// Nearest is the candidate that a name is likely a misspelling of.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// CheckSettings parses a settings file, applies it and prints the result as
// `furl serve --check` does.
func CheckSettings(file []byte, w io.Writer) error {
	g, err := parseSettingsFile(file)
	if err != nil {
		return err
	}
	s := &settings{sources: map[string]string{}}
	for _, one := range allSettings() {
		if g[one.name] == nil {
			continue
		}
		s.sources[one.name] = "file"
		if err := one.set(s, g[one.name]); err != nil {
			return err
		}
	}
	return writeSettings(w, s)
}

// Watch waits for changes of the code at a path: each is a value of the channel,
// which is closed at the end.
func Watch(ctx context.Context, path string) (changes <-chan struct{}, err error) {
	s, err := openSource(path)
	if err != nil {
		return nil, err
	}
	w, err := newWatcher(s)
	if err != nil {
		return nil, err
	}
	c := make(chan struct{})
	go func() {
		defer close(c)
		defer w.Close()
		for w.wait(ctx) {
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	return c, nil
}

// Report prints an error with hints and returns the exit code.
func Report(w io.Writer, message string, usage bool, hints ...string) int {
	err := usagef("%s", message)
	if !usage {
		err = err.(*usageError).err
	}
	return report(w, withHint(err, hints...))
}

// Concerns reports whether a change of a file is one of the code at a path.
func Concerns(t testing.TB, path, changed string) bool {
	w := watcherOf(t, path)
	defer w.Close()
	return w.concerns(fsnotify.Event{Name: changed, Op: fsnotify.Write})
}

// Watched are the directories that are watched for the code at a path.
func Watched(t testing.TB, path string) []string {
	w := watcherOf(t, path)
	defer w.Close()
	return w.notify.WatchList()
}

func watcherOf(t testing.TB, path string) *watcher {
	s, err := openSource(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWatcher(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// RunServer runs a server until ctx ends, and tells on stderr what it waits for
// when it takes its time after an interrupt.
func RunServer(interrupted, ctx context.Context, stderr io.Writer, run func(context.Context) error) error {
	return (&app{stderr: stderr}).runServer(interrupted, ctx, run)
}

// WithoutAPI drops the records of API calls but those that the server failed at.
func WithoutAPI(h slog.Handler) slog.Handler { return withoutAPI{h} }

// PublicStatements are the ids of the statements in a resource policy that furl
// up wrote to open a URL.
func PublicStatements(policy string) ([]string, error) { return publicStatements(policy) }
