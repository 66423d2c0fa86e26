package measure

import (
	"os/exec"
	"testing"
	"time"
)

func TestTreeCPU(t *testing.T) {
	// A shell whose child works: both that child while it lives and its sum after it ended must count.
	cmd := exec.Command("sh", "-c", "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(time.Minute); ; {
		used, err := TreeCPU(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if used > 30*time.Millisecond {
			break
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("the tree used %v in a minute", used)
		}
	}
	if _, err := TreeCPU(1 << 22); err == nil {
		t.Error("a process that does not exist has used CPU")
	}
}
