//go:build linux

package namespace_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Each lack is made in a user namespace of its own and must be named with its
// remedy; nothing else may be.
func TestDiagnose(t *testing.T) {
	newDriver(t).Close() // or skip
	tests := []struct {
		missing string
		want    []string // beginnings of lines, in order
		hint    string
	}{
		{"nothing", []string{"a user of its own", "limits of memory", "freezing"}, "Delegate=yes"},
		{"user namespaces", []string{"user namespaces", "a user of its own"}, "user.max_user_namespaces=15000"},
		{"network namespaces", []string{"own network", "egress", "a user of its own", "a whole sandbox", "limits of memory", "freezing"}, "user.max_net_namespaces=15000"},
		{"nf_tables", []string{"lookup example.com", "egress", "a user of its own", "limits of memory", "freezing"}, "modprobe -a nf_tables"},
		{"whole proc", []string{"own /proc", "a user of its own", "limits of memory", "freezing"}, "procMount: Unmasked"},
	}
	for _, tt := range tests {
		t.Run(tt.missing, func(t *testing.T) {
			cmd := exec.Command(os.Getenv(hostVar), "diagnose", tt.missing)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 12345, Size: 1}},
				Credential:  &syscall.Credential{NoSetGroups: true},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 12345, Size: 1}},
			}
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			ok := len(got) == len(tt.want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.HasPrefix(got[i], tt.want[i])
			}
			if !ok || !strings.Contains(string(out), tt.hint) {
				t.Errorf("got\n%s\nwant lines that begin with %q, and %q", out, tt.want, tt.hint)
			}
		})
	}
}
