package environment

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"furl/internal/sandbox"
)

// bootstrapModule is the name of the bootstrap as a module, which no function's
// module has.
const bootstrapModule = "_furl_bootstrap"

// pythonStart imports the bootstrap as a module, so that the interpreter keeps
// its compiled form, and takes its directory off the path again.
const pythonStart = "import sys; sys.path.insert(0, sys.argv[1]); import " + bootstrapModule +
	" as b; del sys.path[0]; b.main()"

// zygoteModule is the same for what makes a zygote of it, and pythonZygote starts that.
const (
	zygoteModule = "_furl_zygote"
	pythonZygote = "import sys; sys.path.insert(0, sys.argv[1]); import " + zygoteModule + " as z, " +
		bootstrapModule + " as b; del sys.path[0]; z.main(b)"
)

// python is the family of the managed Python runtimes.
func python() *family {
	return &family{
		name: "python",
		installAs: map[string]string{"bootstrap.py": bootstrapModule + ".py", "compile.py": "_furl_compile.py",
			"zygote.py": zygoteModule + ".py", "rehearsal.py": "_furl_rehearsal.py"},
		prefix:   "python",
		versions: []string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"},
		// Isolated: no variables, no user site, no current directory; UTF-8 as
		// in AWS's locale.
		args:   func(dir string) []string { return []string{"-I", "-X", "utf8", "-c", pythonStart, dir} },
		zygote: func(dir string) []string { return []string{"-I", "-X", "utf8", "-c", pythonZygote, dir} },
		cost:   15 << 20,
		env:    []string{"LANG=en_US.UTF-8", "LC_CTYPE=C.UTF-8", "TZ=:UTC"},
		compile: func(dir string) []string {
			return []string{"-I", "-m", "compileall", "-q", dir}
		},
		precompiled: func(version string) string {
			major, rest, _ := strings.Cut(version, ".")
			minor, _, _ := strings.Cut(rest, ".")
			return "cpython-" + major + minor
		},
		variables: func(env map[string]string, _ string, _ sandbox.Layout) { env["LC_CTYPE"] = "C.UTF-8" },
		programs:  func(version string) []string { return []string{"python" + version} },
		places:    pythonPlaces,
		probe:     []string{"-I", "-c", "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"},
		install: func(version string) string {
			if runtime.GOOS == "darwin" {
				return fmt.Sprintf("brew install python@%[1]s, uv python install %[1]s, or pyenv install %[1]s", version)
			}
			return fmt.Sprintf("apt install python%[1]s, uv python install %[1]s, or pyenv install %[1]s", version)
		},
		example: func(version string) string { return "/path/to/python" + version },
	}
}

func pythonPlaces(home, version string) []string {
	program := "python" + version
	patterns := []string{
		"/usr/bin/" + program,
		"/usr/local/bin/" + program,
		"/opt/*/bin/" + program,
		"/opt/homebrew/opt/python@" + version + "/bin/" + program,
		"/usr/local/opt/python@" + version + "/bin/" + program,
		"/Library/Frameworks/Python.framework/Versions/" + version + "/bin/" + program,
	}
	if home != "" {
		patterns = append(patterns,
			filepath.Join(home, ".pyenv/versions", version+".*", "bin", program),
			filepath.Join(home, ".local/share/uv/python", "*-"+version+".*", "bin", program),
			filepath.Join(home, ".local/bin", program))
	}
	return patterns
}
