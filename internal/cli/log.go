package cli

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// Values of the setting log-format.
const (
	logText = "text"
	logJSON = "json"
)

// newLoggers makes the loggers of a server: one whose records are written at
// once, and one for access records, which are gathered. Closing the writer
// writes what is left.
func (a *app) newLoggers(format string) (operator, access *slog.Logger, w *logWriter) {
	w = newLogWriter(a.stderr, accessInterval)
	if format == "" {
		format = logJSON
		if isTerminal(a.stderr) {
			format = logText
		}
	}
	return slog.New(logHandler(w, format)), slog.New(logHandler(w.gather(), format)), w
}

func logHandler(w io.Writer, format string) slog.Handler {
	if format == logText {
		return slog.NewTextHandler(w, nil)
	}
	return slog.NewJSONHandler(w, nil)
}

// withoutAPI drops the records of API calls but those that the server failed at:
// furl up makes most of them itself, and what it looks for in vain on its way
// would look like errors.
type withoutAPI struct{ slog.Handler }

func (h withoutAPI) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "api" && r.Level <= slog.LevelInfo && !serverFailed(r) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func serverFailed(r slog.Record) (failed bool) {
	r.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "status" && attr.Value.Kind() == slog.KindInt64 {
			failed = attr.Value.Int64() >= 500
		}
		return !failed
	})
	return failed
}

// WithAttrs and WithGroup keep dropping.
func (h withoutAPI) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutAPI{h.Handler.WithAttrs(attrs)}
}

func (h withoutAPI) WithGroup(name string) slog.Handler {
	return withoutAPI{h.Handler.WithGroup(name)}
}

// isTerminal reports whether w is a terminal: what has a size in characters.
func isTerminal(w any) bool {
	switch wrapped := w.(type) {
	case *checkedWriter:
		w = wrapped.w
	case *sharedWriter:
		w = wrapped.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}
