package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watchPause is how long the files must rest before they are deployed: editors
// and builds write in several steps.
const watchPause = 150 * time.Millisecond

// watch deploys whenever the code changes, until ctx ends. What goes wrong is
// told, and watching goes on. The address is printed again when it is another
// than the last deployment's: the function was removed elsewhere meanwhile.
func (a *app) watch(ctx context.Context, w *watcher, d *deployer, s *spec, last *deployment, asJSON bool) error {
	a.progress("watching %s", s.source.path)
	for w.wait(ctx) {
		begin := time.Now()
		out, err := d.deploy(ctx, s)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			report(a.stderr, err)
		case out.Action != actionUnchanged:
			a.progress("%s %s: %s in %d ms", out.FunctionName, out.Action, size(int(out.CodeSize)), time.Since(begin).Milliseconds())
		}
		if err != nil {
			continue
		}
		if out.Action != actionUnchanged {
			if err := a.warn(ctx, d, s, out); err != nil {
				report(a.stderr, err)
			}
		}
		if out.FunctionUrl != last.FunctionUrl {
			if err := a.printDeployment(out, asJSON); err != nil {
				return err
			}
		}
		last = out
	}
	return w.err
}

// watcher tells when the files of a source change.
type watcher struct {
	notify *fsnotify.Watcher
	source *source
	err    error
}

func newWatcher(s *source) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", s.path, err)
	}
	w := &watcher{notify: notify, source: s}
	if s.single != "" || s.archive {
		// Editors replace a file by a new one, so its directory is watched.
		err = notify.Add(filepath.Dir(s.path))
	} else {
		err = w.addTree(s.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", s.path, err), notify.Close())
	}
	return w, nil
}

// Close stops watching.
func (w *watcher) Close() error { return w.notify.Close() }

// wait returns true when something changed and has come to rest, false when
// ctx ended or watching failed.
func (w *watcher) wait(ctx context.Context) bool {
	var rest <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-rest:
			return true
		case e, ok := <-w.notify.Events:
			if !ok {
				return false
			}
			if w.concerns(e) {
				rest = time.After(watchPause)
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return false
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.err = fmt.Errorf("watch %s: %w", w.source.path, err)
				return false
			}
			rest = time.After(watchPause) // events were lost: something changed
		}
	}
}

// concerns reports whether an event is about the code, and follows new
// directories.
func (w *watcher) concerns(e fsnotify.Event) bool {
	if w.source.single != "" || w.source.archive {
		return filepath.Base(e.Name) == filepath.Base(w.source.path)
	}
	if unwatched(filepath.Base(e.Name)) {
		return false
	}
	if info, err := os.Stat(e.Name); err == nil && info.IsDir() && e.Has(fsnotify.Create) {
		// A directory that is gone again, or cannot be read, shows when packing.
		_ = w.addTree(e.Name)
	}
	return true
}

// addTree watches a directory and those below it.
func (w *watcher) addTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone meanwhile
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case unwatched(d.Name()) && path != dir:
			return fs.SkipDir
		}
		return w.notify.Add(path)
	})
}

// unwatched are names that never go into a package, as package code has it.
func unwatched(name string) bool {
	return slices.Contains([]string{".git", ".venv", "__pycache__"}, name)
}
