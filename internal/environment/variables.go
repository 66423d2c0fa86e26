package environment

import (
	"cmp"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"furl/internal/sandbox"
	"furl/internal/state"
)

// variables is the environment of a function, as AWS sets it. A function's own
// variables win over the defaults and lose against the reserved ones, which
// the control plane refuses anyway.
//
// Where AWS names places in the sandbox, these are the real ones: the code may
// be elsewhere than /var/task, and what may be written is TMPDIR.
func variables(t *state.Target, region string, l sandbox.Layout, stream string) map[string]string {
	v := t.Version
	layers := cmp.Or(l.Layers, "/opt")
	env := map[string]string{
		"LANG":                     "en_US.UTF-8",
		"TZ":                       ":UTC",
		"PATH":                     "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:" + layers + "/bin",
		"LD_LIBRARY_PATH":          l.Code + ":" + filepath.Join(l.Code, "lib") + ":" + layers + "/lib",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":  "127.0.0.1:2000",
		"HOME":                     l.Temp,
		"TMPDIR":                   l.Temp,
		"SHLVL":                    "0",
		"PWD":                      l.Code,
	}
	if f, version, ok := familyOf(v.Runtime); ok {
		f.variables(env, version, l)
	}
	maps.Copy(env, v.Environment)
	maps.Copy(env, map[string]string{
		"_HANDLER":                        v.Handler,
		"AWS_REGION":                      region,
		"AWS_DEFAULT_REGION":              region,
		"AWS_LAMBDA_FUNCTION_NAME":        t.Function.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemorySize),
		"AWS_LAMBDA_FUNCTION_VERSION":     v.Number,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       logGroup(t),
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"LAMBDA_TASK_ROOT":                l.Code,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
	})
	if !isCustom(v.Runtime) {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + v.Runtime
	}
	if v.Logging.Format == "JSON" {
		env["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
		if v.Logging.ApplicationLevel != "" {
			env["AWS_LAMBDA_LOG_LEVEL"] = v.Logging.ApplicationLevel
		}
	}
	return env
}

func logGroup(t *state.Target) string {
	if g := t.Version.Logging.Group; g != "" {
		return g
	}
	return "/aws/lambda/" + t.Function.Name
}

// isCustom reports whether a runtime identifier stands for the function's own
// bootstrap.
func isCustom(runtime string) bool {
	return strings.HasPrefix(runtime, "provided.")
}

// environ turns variables into the form that processes are started with.
func environ(env map[string]string) []string {
	l := make([]string, 0, len(env))
	for k, v := range env {
		l = append(l, k+"="+v)
	}
	return l
}
