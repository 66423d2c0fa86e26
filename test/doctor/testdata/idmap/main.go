//go:build linux

// Command idmap does what newuidmap and newgidmap do, by the name that it is
// called by: newuidmap PID [INSIDE OUTSIDE COUNT]… It trusts its caller: it is
// made root's in a test's own directory, and gone with it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	table := map[string]string{"newuidmap": "uid_map", "newgidmap": "gid_map"}[filepath.Base(os.Args[0])]
	if table == "" || len(os.Args) < 5 || (len(os.Args)-2)%3 != 0 {
		fmt.Fprintln(os.Stderr, "usage: newuidmap PID [INSIDE OUTSIDE COUNT]…")
		os.Exit(2)
	}
	var lines strings.Builder
	for i := 2; i < len(os.Args); i += 3 {
		fmt.Fprintln(&lines, strings.Join(os.Args[i:i+3], " "))
	}
	if err := os.WriteFile("/proc/"+os.Args[1]+"/"+table, []byte(lines.String()), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
