package furl_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl"
)

// What was acknowledged is there after a restart, under the same address, and
// the settings that the directory is bound to need not be given again.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir, Region: "eu-central-1", Account: "123456789012"})
	url := s.hello(t) + "?name=John"
	if status, body := s.get(t, url); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	before := s.info
	s.close()
	s = serve(t, furl.Config{DataDir: dir, Listen: []string{strings.TrimPrefix(before.Endpoint, "http://")}})
	if s.info != before {
		t.Errorf("before %+v,\nafter  %+v", before, s.info)
	}
	if status, body := s.get(t, url); status != 200 || body != `{"message": "Hello, John!"}` {
		t.Errorf("%d %s", status, body)
	}
	s.close()
	for _, c := range []struct {
		config furl.Config
		want   string
	}{
		{furl.Config{Region: "us-east-1"}, "belongs to region eu-central-1, not us-east-1"},
		{furl.Config{Account: "000000000000"}, "belongs to account 123456789012, not 000000000000"},
	} {
		c.config.DataDir, c.config.Listen = dir, []string{"127.0.0.1:0"}
		if _, err := furl.New(t.Context(), c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	serve(t, furl.Config{DataDir: dir, Region: "eu-central-1", Account: "123456789012"})
}

// A directory that lost or garbled a key is refused, with what to do; nothing
// is made anew over what cannot be read.
func TestDamagedKeys(t *testing.T) {
	for _, c := range []struct {
		file string
		// content replaces the file's; it is removed if nil.
		content []byte
		want    string
	}{
		{"seal.key", nil, "restore it from a backup"},
		{"seal.key", []byte("abc\n"), "restore it from a backup"},
		{"seal.key", []byte(strings.Repeat("zz", 32)), "restore it from a backup"},
		{"root-access-key", []byte("{}"), "remove it to have a new one made"},
		{"root-access-key", []byte(`{"AccessKeyId":`), "remove it to have a new one made"},
	} {
		t.Run(fmt.Sprintf("%s %q", c.file, c.content), func(t *testing.T) {
			dir := t.TempDir()
			serve(t, furl.Config{DataDir: dir}).close()
			path := filepath.Join(dir, c.file)
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.content == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, c.content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = furl.New(t.Context(), furl.Config{DataDir: dir, Listen: []string{"127.0.0.1:0"}})
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names the file and says %q", err, c.want)
			}
			if now, _ := os.ReadFile(path); string(now) != string(c.content) {
				t.Errorf("the file was changed to %q", now)
			}
			if err := os.WriteFile(path, sound, 0o600); err != nil {
				t.Fatal(err)
			}
			serve(t, furl.Config{DataDir: dir})
		})
	}
}

// Without the root key's file a new one is made; the files with secrets are
// their owner's alone.
func TestRootKey(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir})
	first := s.key
	until(t, "server.json", func() bool { _, err := os.Stat(filepath.Join(dir, "server.json")); return err == nil })
	for _, name := range []string{"root-access-key", "seal.key", "server.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if len(first.AccessKeyID) != 20 || len(first.SecretAccessKey.Reveal()) != 40 {
		t.Errorf("key %s with a secret of %d characters", first.AccessKeyID, len(first.SecretAccessKey.Reveal()))
	}
	s.close()
	if s = serve(t, furl.Config{DataDir: dir}); s.key != first {
		t.Error("the key changed with a restart")
	}
	s.close()
	if err := os.Remove(filepath.Join(dir, "root-access-key")); err != nil {
		t.Fatal(err)
	}
	if s = serve(t, furl.Config{DataDir: dir}); s.key == first {
		t.Error("the key is the same though its file was removed")
	}
	s.close()
	given := furl.Config{DataDir: dir, RootAccessKeyID: "AKIAGIVENGIVENGIVENX", RootSecretAccessKey: "given"}
	if s = serve(t, given); s.key.AccessKeyID != given.RootAccessKeyID {
		t.Errorf("key %s, want the one that was given", s.key.AccessKeyID)
	}
	if key, err := furl.ReadRootKey(dir); err != nil || key.AccessKeyID == given.RootAccessKeyID {
		t.Errorf("the given key was stored: %v, %v", key, err)
	}
}

// A second server on the same directory is refused and takes nothing away from
// the first.
func TestSecondServer(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir})
	if _, err := furl.New(t.Context(), furl.Config{DataDir: dir, Listen: []string{"127.0.0.1:0"}}); err == nil {
		t.Fatal("a second server started")
	}
	until(t, "server.json", func() bool { _, err := os.Stat(filepath.Join(dir, "server.json")); return err == nil })
	if info, err := furl.ReadServerInfo(dir); err != nil || info != s.info {
		t.Errorf("%+v, %v; want %+v", info, err, s.info)
	}
	s.close()
	if _, err := furl.ReadServerInfo(dir); !errors.Is(err, furl.ErrNoServer) {
		t.Errorf("%v, want ErrNoServer", err)
	}
}

// The file that a killed server leaves behind leads nobody anywhere, not even
// when its process id is in use again.
func TestReadServerInfo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().String()
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := closing.Addr().String()
	closing.Close()
	defer l.Close()
	for _, c := range []struct {
		name, content string
		want          string
	}{
		{"a server", fmt.Sprintf(`{"pid":%d,"endpoint":"http://%s"}`, os.Getpid(), open), ""},
		{"nothing answers", fmt.Sprintf(`{"pid":%d,"endpoint":"http://%s"}`, os.Getpid(), closed), furl.ErrNoServer.Error()},
		{"no such process", fmt.Sprintf(`{"pid":%d,"endpoint":"http://%s"}`, 1<<30, open), furl.ErrNoServer.Error()},
		{"no process", fmt.Sprintf(`{"endpoint":"http://%s"}`, open), furl.ErrNoServer.Error()},
		{"every process", fmt.Sprintf(`{"pid":-1,"endpoint":"http://%s"}`, open), furl.ErrNoServer.Error()},
		{"half a file", `{"pid":`, "server.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "server.json"), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := furl.ReadServerInfo(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := furl.ReadServerInfo(t.TempDir()); !errors.Is(err, furl.ErrNoServer) {
		t.Errorf("%v, want ErrNoServer", err)
	}
}
