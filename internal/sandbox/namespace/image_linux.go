package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"furl/internal/sandbox"
)

// kind says what stands at a place of an image.
type kind byte

const (
	directory kind = iota
	symlink        // Text is where it leads
	text           // a small file of ours
	mounted        // a read-only view of the host's Source
	device         // the same, of a device
)

// file is one entry of an image, the root that sandboxes are started in.
type file struct {
	Path   string
	Kind   kind
	Text   string `json:",omitempty"`
	Source string `json:",omitempty"`
}

// systemDirs are shown whole: they hold programs and libraries. On most systems
// all but the first are links into it.
var systemDirs = [...]string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// stores are shown whole when the interpreter is in one of them: its libraries
// are beside it, under names of their own.
var stores = [...]string{"/nix/store", "/gnu/store"}

// systemFiles are shown where they exist. They say how libraries are found, whom TLS
// trusts and what the time is; none of them holds secrets.
var systemFiles = [...]string{
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
	"/etc/pki/ca-trust/extracted", "/etc/ca-certificates", "/etc/crypto-policies",
	"/etc/mime.types", "/etc/protocols", "/etc/services", "/etc/localtime", "/etc/python3*",
}

var devices = [...]string{"null", "zero", "full", "random", "urandom"}

// frame is what every image begins with. Its files with a sandbox's own contents
// are links to /run, see build.
func frame() []file {
	files := []file{
		{Path: "/dev"}, {Path: "/etc"}, {Path: "/opt"}, {Path: "/proc"}, {Path: "/run"},
		{Path: tempDir}, {Path: "/var"}, {Path: "/var/lang"}, {Path: runtimeDir}, {Path: codeDir},
		{Path: "/dev/fd", Kind: symlink, Text: "/proc/self/fd"},
		{Path: "/dev/stdin", Kind: symlink, Text: "/proc/self/fd/0"},
		{Path: "/dev/stdout", Kind: symlink, Text: "/proc/self/fd/1"},
		{Path: "/dev/stderr", Kind: symlink, Text: "/proc/self/fd/2"},
		{Path: "/etc/passwd", Kind: symlink, Text: "/run/passwd"},
		{Path: "/etc/group", Kind: symlink, Text: "/run/group"},
		{Path: "/etc/hostname", Kind: text, Text: hostName + "\n"},
		{Path: "/etc/hosts", Kind: text, Text: "127.0.0.1 localhost " + hostName + "\n::1 localhost\n"},
		{Path: "/etc/nsswitch.conf", Kind: text, Text: "passwd: files\ngroup: files\nhosts: files dns\n"},
		{Path: "/etc/resolv.conf", Kind: text, Text: "# no name server: functions have no egress\n"},
	}
	for _, name := range devices {
		files = append(files, file{Path: "/dev/" + name, Kind: device, Source: "/dev/" + name})
	}
	return files
}

// plan is an image that fits a program.
type plan struct {
	files []file
	// args are the program's arguments as they are in the sandbox.
	args []string
}

// key tells images apart.
func (p plan) key() string {
	var b strings.Builder
	for _, f := range p.files {
		b.WriteString(f.Path)
		b.WriteByte(0)
		b.WriteString(f.Source)
		b.WriteByte(0)
	}
	return b.String()
}

// newPlan finds out what a program needs to see. guard is the furl program.
func newPlan(spec sandbox.Spec, guard string, readOnly []string) (plan, error) {
	p := plan{files: frame(), args: slices.Clone(spec.Args)}
	p.add(file{Path: guardPath, Kind: mounted, Source: guard})
	for _, dir := range systemDirs {
		if err := p.system(dir); err != nil {
			return plan{}, err
		}
	}
	for _, pattern := range systemFiles {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return plan{}, fmt.Errorf("namespace: %s: %w", pattern, err)
		}
		for _, name := range found {
			if _, err := os.Stat(name); err == nil { // else a link that leads nowhere
				p.show(name)
			}
		}
	}
	for _, name := range readOnly {
		if _, err := os.Stat(name); err != nil {
			return plan{}, fmt.Errorf("namespace: %w", err)
		}
		p.show(filepath.Clean(name))
	}
	if spec.Path != "" {
		if err := p.program(spec.Path); err != nil {
			return plan{}, err
		}
	}
	if err := p.arguments(); err != nil {
		return plan{}, err
	}
	return p, p.check()
}

// check refuses what a sandbox's own directories would hide.
func (p plan) check() error {
	for _, f := range p.files {
		for _, own := range [...]string{tempDir, "/proc", "/run", codeDir} {
			if f.Kind == mounted && (f.Path == own || strings.HasPrefix(f.Path, own+"/")) {
				return fmt.Errorf("namespace: %s cannot be shown: sandboxes have a %s of their own", f.Path, own)
			}
		}
	}
	return nil
}

func (p *plan) add(f file) { p.files = append(p.files, f) }

// show mounts a file or directory of the host at its own place, unless something
// that is shown holds it already.
func (p *plan) show(name string) {
	if p.shows(name) {
		return
	}
	// By another way perhaps: /bin is mostly a link to /usr/bin.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil && p.shows(filepath.Join(dir, filepath.Base(name))) {
		return
	}
	p.add(file{Path: name, Kind: mounted, Source: name})
}

func (p *plan) shows(name string) bool {
	return slices.ContainsFunc(p.files, func(f file) bool {
		return f.Kind == mounted && f.Path == f.Source && (f.Path == name || strings.HasPrefix(name, f.Path+"/"))
	})
}

func (p *plan) system(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("namespace: %w", err)
	case info.Mode().Type() == os.ModeSymlink:
		to, err := os.Readlink(dir)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		p.add(file{Path: dir, Kind: symlink, Text: to})
	default:
		p.show(dir)
	}
	return nil
}

// program shows the directories that a program is installed in: where its name
// is, where the links of its name lead, and where it really is.
func (p *plan) program(path string) error {
	path = filepath.Clean(path)
	if !filepath.IsAbs(path) {
		return fmt.Errorf("namespace: program %s: not an absolute path", path)
	}
	found, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("namespace: program: %w", err)
	}
	p.show(installation(path))
	for hop := path; ; {
		to, err := os.Readlink(hop)
		if err != nil { // it is no link
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(hop), to)
		}
		hop = to
		p.show(installation(hop))
	}
	p.show(installation(found))
	return nil
}

// installation is the directory that holds a program with its libraries, such as a
// virtual environment, or the program alone when there is none.
func installation(path string) string {
	for _, store := range stores {
		if strings.HasPrefix(path, store+"/") {
			return store
		}
	}
	bin := filepath.Dir(path)
	if filepath.Base(bin) != "bin" {
		return path
	}
	prefix := filepath.Dir(bin)
	if strings.Count(prefix, "/") < 2 || isHome(prefix) {
		return path // a directory of many things, such as /opt or somebody's home
	}
	for _, mark := range [...]string{"lib", "lib64", "pyvenv.cfg"} {
		if _, err := os.Stat(filepath.Join(prefix, mark)); err == nil {
			return prefix
		}
	}
	return path
}

func isHome(dir string) bool {
	home, err := os.UserHomeDir()
	return err == nil && dir == home || filepath.Dir(dir) == "/home"
}

// arguments shows the directories among the arguments below /var/runtime.
func (p *plan) arguments() error {
	for i, arg := range p.args {
		if !filepath.IsAbs(arg) {
			continue
		}
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			continue
		}
		to := runtimeDir + "/" + filepath.Base(arg)
		p.args[i] = to
		if info.Mode()&0o5 == 0o5 {
			p.add(file{Path: to, Kind: mounted, Source: arg})
			continue
		}
		// Others may not enter it, but we mean to show it: entry by entry.
		entries, err := os.ReadDir(arg)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		p.add(file{Path: to})
		for _, e := range entries {
			p.add(file{Path: to + "/" + e.Name(), Kind: mounted, Source: filepath.Join(arg, e.Name())})
		}
	}
	return nil
}
