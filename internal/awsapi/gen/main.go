// Command gen writes a service's zz_api.go from the service model of the installed botocore and the names in the
// service's operations.txt: request and response structures, enumerations, error constructors, the API interface,
// the table of operations and a client. It takes shapes and constraints from the model, never prose.
//
// It runs from the service's directory:
//
//	//go:generate go run furl/internal/awsapi/gen -service lambda
//
// What the model gets wrong or leaves out is in overlay.json beside this file, each entry with its reason.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed overlay.json
var overlayJSON []byte

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "gen:", err)
		}
		os.Exit(1)
	}
}

// run parses the command line and writes zz_api.go into the service's directory.
func run(args []string, usage io.Writer) error {
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(usage)
	service := flags.String("service", "", "botocore's name of the service")
	dir := flags.String("dir", ".", "directory of the service's package: operations.txt is read here, zz_api.go written")
	python := flags.String("python", "", "Python interpreter with botocore installed (default .venv/clients/bin/python at the module's root)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *service == "" {
		return errors.New("-service is missing")
	}
	if *python == "" {
		root, err := moduleRoot(*dir)
		if err != nil {
			return err
		}
		*python = filepath.Join(root, ".venv", "clients", "bin", "python")
	}
	version, data, err := botocore(*python)
	if err != nil {
		return err
	}
	m, err := loadModel(data, *service)
	if err != nil {
		return err
	}
	return write(*service, *dir, version, m)
}

// write generates the service's code and replaces zz_api.go.
func write(service, dir, version string, m *model) error {
	names, err := os.ReadFile(filepath.Join(dir, "operations.txt"))
	if err != nil {
		return fmt.Errorf("read the list of operations: %w", err)
	}
	o, err := loadOverlay(overlayJSON, service)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the package's name: %w", err)
	}
	code, err := generate(source{
		Package: filepath.Base(path), Service: service, Version: version,
		Model: m, Overlay: o, Operations: operationNames(string(names)),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", service, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zz_api.go"), code, 0o644); err != nil {
		return fmt.Errorf("write the generated code: %w", err)
	}
	return nil
}

// operationNames returns the names of operations.txt: one a line, # starts a comment.
func operationNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// moduleRoot returns the directory at or above dir that holds go.mod.
func moduleRoot(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		parent := filepath.Dir(at)
		if parent == at {
			return "", fmt.Errorf("find the module's root: no go.mod at or above %s", dir)
		}
		at = parent
	}
}

// botocore asks the interpreter for botocore's version and the directory of its models.
func botocore(python string) (version, data string, err error) {
	out, err := exec.Command(python, "-c", "import botocore; print(botocore.__version__); print(botocore.__path__[0])").Output()
	if err != nil {
		return "", "", fmt.Errorf("find botocore (the Makefile installs it for the test clients; -python names another interpreter): %w", err)
	}
	version, path, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if !ok {
		return "", "", fmt.Errorf("find botocore: unexpected answer %q", out)
	}
	return strings.TrimSpace(version), filepath.Join(strings.TrimSpace(path), "data"), nil
}
