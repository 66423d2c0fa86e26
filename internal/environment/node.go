package environment

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"

	"furl/internal/sandbox"
)

// node is the family of the managed Node.js runtimes.
func node() *family {
	return &family{
		name:     "node",
		prefix:   "nodejs",
		suffix:   ".x",
		versions: []string{"16", "18", "20", "22", "24"},
		// The directory's package.json names the program in it.
		args:  func(dir string) []string { return []string{dir} },
		cost:  10 << 20,
		env:   []string{"LANG=en_US.UTF-8", "TZ=:UTC"},
		early: []string{"NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_NO_WARNINGS", "NODE_DEBUG", "NODE_COMPILE_CACHE", "UV_THREADPOOL_SIZE"},
		variables: func(env map[string]string, version string, l sandbox.Layout) {
			layers := cmp.Or(l.Layers, "/opt")
			env["NODE_PATH"] = layers + "/nodejs/node" + version + "/node_modules:" + layers + "/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:" + l.Code
		},
		programs: func(version string) []string { return []string{"node", "nodejs", "node-" + version} },
		places:   nodePlaces,
		probe:    []string{"-e", "console.log(process.execPath); console.log(process.versions.node)"},
		install: func(version string) string {
			if runtime.GOOS == "darwin" {
				return fmt.Sprintf("brew install node@%[1]s, nvm install %[1]s, or fnm install %[1]s", version)
			}
			return fmt.Sprintf("nvm install %[1]s, fnm install %[1]s, or https://nodejs.org/en/download", version)
		},
		example: func(string) string { return "/path/to/node" },
	}
}

// nodePlaces are where the packages of systems and the usual version managers
// put their interpreters.
func nodePlaces(home, version string) []string {
	patterns := []string{
		"/usr/bin/node-" + version,
		"/usr/bin/node",
		"/usr/local/bin/node",
		"/usr/local/n/versions/node/" + version + ".*/bin/node",
		"/opt/*/bin/node",
		"/opt/homebrew/opt/node@" + version + "/bin/node",
		"/usr/local/opt/node@" + version + "/bin/node",
		"/opt/homebrew/bin/node",
	}
	if home == "" {
		return patterns
	}
	for _, place := range []string{
		".nvm/versions/node/v" + version + ".*",
		".local/share/fnm/node-versions/v" + version + ".*/installation",
		".fnm/node-versions/v" + version + ".*/installation",
		"Library/Application Support/fnm/node-versions/v" + version + ".*/installation",
		".volta/tools/image/node/" + version + ".*",
		".asdf/installs/nodejs/" + version + ".*",
		".local/share/mise/installs/node/" + version + ".*",
		".nodenv/versions/" + version + ".*",
	} {
		patterns = append(patterns, filepath.Join(home, place, "bin/node"))
	}
	return patterns
}
