package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed testdata
var sources embed.FS

// What handlers bring along, as it is called in the virtual environment.
var (
	sdkModules = []string{"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"}
	webModules = []string{"fastapi", "starlette", "pydantic", "pydantic_core", "anyio", "idna", "annotated_types",
		"annotated_doc", "typing_extensions.py", "typing_inspection", "opentelemetry", "mangum"}
	clientModules = []string{"awslambdaric", "runtime_client.*.so", "simplejson", "snapshot_restore_py.py"}
)

// packages are the functions' code: a directory each.
type packages struct {
	Plain, SDK, Web, Node string
	// Go and C hold custom runtimes; C is empty where there is no compiler.
	Go, C string
	// Client is the greeting behind AWS's runtime client.
	Client string
}

// makePackages writes them below dir. Python code is compiled, as it is when a function is deployed.
func makePackages(ctx context.Context, o options, dir string) (*packages, error) {
	if err := os.Chmod(dir, 0o755); err != nil { // the sandboxes' users read it
		return nil, err
	}
	p := &packages{}
	for _, one := range []struct {
		at      *string
		name    string
		from    string
		modules []string
	}{
		{&p.Plain, "plain", "testdata/python", nil},
		{&p.SDK, "sdk", "testdata/python", sdkModules},
		{&p.Web, "web", "testdata/python", webModules},
		{&p.Node, "node", "testdata/node", nil},
	} {
		*one.at = filepath.Join(dir, one.name)
		if err := copySources(*one.at, one.from); err != nil {
			return nil, err
		}
		if err := o.copyModules(ctx, *one.at, one.modules); err != nil {
			return nil, err
		}
	}
	return p, errors.Join(p.buildBootstraps(ctx, dir), p.makeClient(ctx, o, filepath.Join(dir, "client")))
}

// makeClient is the hello function behind AWS's own runtime client.
func (p *packages) makeClient(ctx context.Context, o options, dir string) error {
	p.Client = dir
	if err := copyTree(dir, o.hello); err != nil {
		return err
	}
	if err := o.copyModules(ctx, dir, clientModules); err != nil {
		return err
	}
	script := "#!/bin/sh\nPYTHONPATH=. exec " + o.interpreter + " -m awslambdaric lambda_function.lambda_handler\n"
	return os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(script), 0o755)
}

func copySources(to, from string) error {
	tree, err := fs.Sub(sources, from)
	if err != nil {
		return err
	}
	return os.CopyFS(to, tree)
}

// copyModules copies what the virtual environment holds under the names, and compiles it with the interpreter that will
// import it.
func (o options) copyModules(ctx context.Context, to string, names []string) error {
	for _, name := range names {
		found, err := filepath.Glob(filepath.Join(o.modules, name))
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%s holds no %s; make bench-cold installs it", o.modules, name)
		}
		if err := copyTree(filepath.Join(to, filepath.Base(found[0])), found[0]); err != nil {
			return err
		}
	}
	compile := exec.CommandContext(ctx, o.interpreter, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", to)
	compile.Env = []string{}
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s", to, err, out)
	}
	return nil
}

// copyTree copies a file or a directory, without what an interpreter compiled there.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
}

// buildBootstraps makes the custom runtimes, both static.
func (p *packages) buildBootstraps(ctx context.Context, dir string) error {
	source := filepath.Join(dir, "bootstrap")
	if err := copySources(source, "testdata/bootstrap"); err != nil {
		return err
	}
	goDir, cDir := filepath.Join(dir, "go"), filepath.Join(dir, "c")
	for _, d := range []string{goDir, cDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(goDir, "bootstrap"), "main.go")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build a bootstrap: %w\n%s", err, out)
	}
	p.Go = goDir
	cc, err := exec.LookPath("cc")
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, cc, "-static", "-O2", "-o", filepath.Join(cDir, "bootstrap"), filepath.Join(source, "bootstrap.c")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build a bootstrap in C: %w\n%s", err, out)
	}
	p.C = cDir
	return nil
}
