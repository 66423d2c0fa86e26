package view

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SystemDirs are shown whole: they hold programs and libraries. On most systems
// all but the first are links into it, and some are not there.
func SystemDirs() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}
}

// stores are shown whole when the interpreter is in one of them: its libraries
// are beside it, under names of their own.
var stores = [...]string{"/nix/store", "/gnu/store"}

// systemFiles say how libraries are found, whom TLS trusts and what the time is;
// none of them holds secrets.
var systemFiles = [...]string{
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
	"/etc/pki/ca-trust/extracted", "/etc/ca-certificates", "/etc/crypto-policies",
	"/etc/mime.types", "/etc/protocols", "/etc/services", "/etc/localtime", "/etc/python3*",
}

// SystemFiles are the files and directories of /etc that programs need and that
// exist here.
func SystemFiles() ([]string, error) {
	var files []string
	for _, pattern := range systemFiles {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("view: %s: %w", pattern, err)
		}
		for _, name := range found {
			if _, err := os.Stat(name); err == nil { // else a link that leads nowhere
				files = append(files, name)
			}
		}
	}
	return files, nil
}

// Devices are the devices that programs may use.
func Devices() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// Installations are the directories that a program is installed in, or the
// program alone where there is none: where its name is, where the links of its name
// lead, and where it really is.
func Installations(path string) ([]string, error) {
	path = filepath.Clean(path)
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("view: program %s: not an absolute path", path)
	}
	found, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("view: program: %w", err)
	}
	all := []string{installation(path)}
	for hop := path; ; {
		to, err := os.Readlink(hop)
		if err != nil { // it is no link
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(hop), to)
		}
		hop = to
		all = append(all, installation(hop))
	}
	all = append(all, installation(found))
	return slices.Compact(all), nil
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
