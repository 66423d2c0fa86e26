package sandboxtest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"furl/internal/sandbox"
)

// Kinds of the program's frames: each asks for something.
const (
	AskEcho = 10 + iota
	AskEnv
	AskFiles
	AskDir
	AskShell
	AskExit
	AskLimits
	AskSilence
	AskGarbage
	AskOther
)

// ProgramVar is the variable by which a test binary knows that it is to be the
// program; its value is how that behaves: "1", or "broken" or "mute".
const ProgramVar = "SANDBOX_TEST_PROGRAM"

// Program is the program that the suite has sandboxes run, when its variable is
// set. A test's TestMain calls it, and exits with the code when it reports true.
func Program() (code int, ok bool) {
	mode, ok := os.LookupEnv(ProgramVar)
	if !ok {
		return 0, false
	}
	switch mode {
	case "broken":
		fmt.Fprintln(os.Stdout, "cannot start today")
		return 3, true
	case "mute":
		for b := make([]byte, 1); ; {
			if _, err := syscall.Read(3, b); err != syscall.EINTR {
				return 0, true
			}
		}
	}
	return serve(os.NewFile(3, "questions"), os.NewFile(4, "answers")), true
}

// serve answers questions until there are no more, or it is told to end with a
// code.
func serve(questions io.Reader, answers io.Writer) int {
	send := func(h sandbox.Header, text string) error {
		h.Length = len(text)
		_, err := answers.Write(append(sandbox.AppendHeader(nil, h), text...))
		return err
	}
	err := send(sandbox.Header{Kind: sandbox.KindHello}, "")
	head := make([]byte, sandbox.HeaderSize)
	for err == nil {
		var h sandbox.Header
		if _, err = io.ReadFull(questions, head); err == nil {
			h, err = sandbox.ParseHeader(head, 1<<30)
		}
		body := make([]byte, h.Length)
		if err == nil {
			_, err = io.ReadFull(questions, body)
		}
		if err != nil {
			break
		}
		switch h.Kind {
		case AskExit:
			fmt.Fprint(os.Stdout, "last words")
			if string(body) == "kill" && syscall.Kill(os.Getpid(), syscall.SIGKILL) == nil {
				select {} // for the moment that it takes
			}
			return len(body)
		case AskGarbage:
			_, err = answers.Write(bytes.Repeat([]byte("garbage"), 100))
			continue
		case AskSilence:
			continue
		case AskOther:
			h.ID[15]++
		}
		h.Aux++
		err = send(h, perform(h.Kind, string(body)))
	}
	return 0
}

func perform(kind byte, text string) string {
	answer, err := text, error(nil)
	switch kind {
	case AskEnv:
		answer = strings.Join(os.Environ(), "\n")
	case AskFiles:
		answer, err = descriptors()
	case AskDir:
		var info os.FileInfo
		if answer, err = os.Getwd(); err == nil {
			info, err = os.Stat(answer)
		}
		if err == nil {
			answer += " " + info.Mode().Perm().String()
		}
	case AskShell:
		var out []byte
		out, err = exec.Command("/bin/sh", "-c", text).CombinedOutput()
		answer = string(out)
	case AskLimits:
		var files, core syscall.Rlimit
		if err = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
			err = syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
		}
		answer = fmt.Sprint(files.Max, " ", core.Max)
	}
	if err != nil {
		return err.Error()
	}
	return answer
}

// descriptors are the numbers of the open ones.
func descriptors() (string, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.Contains(target, "anon_inode") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/fs/cgroup/") {
			continue // the directory that is being read, and what Go's runtime watches
		}
		names = append(names, e.Name())
	}
	return strings.Join(names, " "), nil
}
