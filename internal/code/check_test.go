package code_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"furl/internal/code"
)

func check(data []byte) (code.Info, error) {
	return code.Check(bytes.NewReader(data), int64(len(data)), code.Limits{})
}

func TestCheckAccepts(t *testing.T) {
	windows := func(h *zip.FileHeader) { h.CreatorVersion = 0; h.ExternalAttrs = 0x20 }
	tests := map[string]struct {
		data []byte
		want code.Info
	}{
		"one file": {archive(t, entry{name: "app.py", body: "x = 1\n"}), code.Info{Entries: 1, Files: 1, Unzipped: 6}},
		"implied directories": {
			archive(t, entry{name: "a/b/c.py", body: "12"}, entry{name: "a/d.py"}),
			code.Info{Entries: 4, Files: 2, Unzipped: 2},
		},
		"dots and slashes": {
			archive(t, entry{name: "./", mode: fs.ModeDir | 0o755}, entry{name: "./a//b.js", body: "1"}),
			code.Info{Entries: 2, Files: 1, Unzipped: 1},
		},
		"directory twice": {
			archive(t, entry{name: "a/f"}, entry{name: "a/", mode: fs.ModeDir}, entry{name: "a/", mode: fs.ModeDir}),
			code.Info{Entries: 2, Files: 1},
		},
		"made without unix modes":   {archive(t, entry{name: "f", body: "1", edit: windows}), code.Info{Entries: 1, Files: 1, Unzipped: 1}},
		"names that differ in case": {archive(t, entry{name: "A.py"}, entry{name: "a.py"}), code.Info{Entries: 2, Files: 2}},
		"names that differ in form": {archive(t, entry{name: "caf\u00e9"}, entry{name: "cafe\u0301"}), code.Info{Entries: 2, Files: 2}},
		"name that is not UTF-8":    {archive(t, entry{name: "caf\xe9.txt"}), code.Info{Entries: 1, Files: 1}},
		"link inside":               {archive(t, entry{name: "lib/x.so.1"}, link("lib/x.so", "x.so.1")), code.Info{Entries: 3, Files: 1, Unzipped: 6}},
		"link up and down":          {archive(t, entry{name: "a/b/f"}, link("a/b/l", "../../a/b/f")), code.Info{Entries: 4, Files: 1, Unzipped: 11}},
		"link to a directory":       {archive(t, entry{name: "a/f"}, link("here", "."), link("x", "here/a")), code.Info{Entries: 4, Files: 1, Unzipped: 7}},
		"dangling link":             {archive(t, entry{name: "f"}, link("l", "not/there")), code.Info{Entries: 2, Files: 1, Unzipped: 9}},
		"zip64":                     {zip64(t), code.Info{Entries: 1, Files: 1, Unzipped: 6}},
		"comment":                   {commented(t, "made by hand"), code.Info{Entries: 1, Files: 1, Unzipped: 6}},
		"best ratio":                {archive(t, entry{name: "zeros", body: strings.Repeat("\x00", 10<<20)}), code.Info{Entries: 1, Files: 1, Unzipped: 10 << 20}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := check(test.data)
			if err != nil || got != test.want {
				t.Errorf("Check = %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func link(name, target string) entry {
	return entry{name: name, body: target, mode: fs.ModeSymlink | 0o777}
}

// zip64 returns an archive whose end record says that the truth is in the 64-bit records before it.
func zip64(t testing.TB) []byte {
	data := archive(t, entry{name: "app.py", body: "x = 1\n"})
	end := len(data) - 22
	offset, size := get32(data, end+16), get32(data, end+12)
	out := append([]byte{}, data[:end]...)
	record := make([]byte, 56+20+22)
	put32(record, 0, 0x06064b50)
	put32(record, 4, 44)
	put32(record, 24, 1)
	put32(record, 32, 1)
	put32(record, 40, size)
	put32(record, 48, offset)
	put32(record, 56, 0x07064b50)
	put32(record, 64, uint32(end))
	put32(record, 72, 1)
	put32(record, 76, 0x06054b50)
	put16(record, 86, 0xffff)
	put32(record, 88, 0xffffffff)
	put32(record, 92, 0xffffffff)
	return append(out, record...)
}

func commented(t testing.TB, comment string) []byte {
	data := archive(t, entry{name: "app.py", body: "x = 1\n"})
	return append(put16(data, len(data)-2, uint16(len(comment))), comment...)
}

func TestCheckRefuses(t *testing.T) {
	file := entry{name: "f", body: "contents"}
	patched := func(field int, v uint32) []byte {
		data := archive(t, file)
		return put32(data, central(t, data, "f")+field, v)
	}
	short := archive(t, file)
	tests := map[string]struct {
		data   []byte
		reason string
	}{
		"empty":                    {nil, "empty"},
		"no entries":               {archive(t), "empty"},
		"directories only":         {archive(t, entry{name: "a/", mode: fs.ModeDir}), "empty"},
		"text":                     {[]byte(strings.Repeat("def handler(event, context): pass\n", 9)), "not a zip"},
		"cut at the end":           {short[:len(short)-1], "not a zip"},
		"cut in the middle":        {short[:len(short)/2], "not a zip"},
		"cut at the beginning":     {short[1:], "not where"},
		"bytes before":             {append([]byte("#!/bin/sh\n"), short...), "not where"},
		"parent":                   {archive(t, entry{name: "../f"}), `".."`},
		"parent inside":            {archive(t, entry{name: "a/../../f"}), `".."`},
		"absolute":                 {archive(t, entry{name: "/etc/passwd"}), "absolute"},
		"backslash":                {archive(t, entry{name: `..\f`}), "backslash"},
		"drive":                    {archive(t, entry{name: "c:/f"}), "drive"},
		"NUL":                      {archive(t, entry{name: "f\x00.py"}), "NUL"},
		"no name":                  {archive(t, entry{name: ""}), "no name"},
		"dot":                      {archive(t, entry{name: "."}), "no name"},
		"long element":             {archive(t, entry{name: strings.Repeat("x", 256)}), "longer than 255"},
		"long name":                {archive(t, entry{name: strings.Repeat("x/", 600) + "f"}), "longer than 1024"},
		"twice":                    {archive(t, file, file), "twice"},
		"twice in other words":     {archive(t, entry{name: "a/f"}, entry{name: "./a//f"}), "twice"},
		"file and directory":       {archive(t, file, entry{name: "f/", mode: fs.ModeDir}), "something else"},
		"directory and file":       {archive(t, entry{name: "f/x"}, file), "something else"},
		"beneath a file":           {archive(t, file, entry{name: "f/x"}), "which is a file"},
		"link up":                  {archive(t, file, link("l", "..")), "leads out"},
		"link up from below":       {archive(t, file, link("a/l", "../../etc")), "leads out"},
		"link absolute":            {archive(t, file, link("l", "/etc/passwd")), "absolute"},
		"link chain":               {archive(t, link("a", ".."), entry{name: "a/x"}), "which is a symbolic link"},
		"link chain, link last":    {archive(t, entry{name: "a/x"}, link("a", "..")), "something else"},
		"link through a link":      {archive(t, entry{name: "d/e/f"}, link("l", "d"), link("m", "l/../..")), "leads out"},
		"link through the tree":    {archive(t, file, link("here", "."), link("out", "here/../x")), "leads out"},
		"link to itself":           {archive(t, file, link("l", "l")), "too many"},
		"link to nothing":          {archive(t, file, link("l", "")), "to nothing"},
		"link with NUL":            {archive(t, file, link("l", "a\x00")), "NUL"},
		"link overlong":            {archive(t, file, link("l", strings.Repeat("x", 1025))), "longer than 1024"},
		"device":                   {archive(t, entry{name: "null", mode: fs.ModeDevice | fs.ModeCharDevice}), "a device"},
		"pipe":                     {archive(t, entry{name: "p", mode: fs.ModeNamedPipe}), "a named pipe"},
		"socket":                   {archive(t, entry{name: "s", mode: fs.ModeSocket}), "a socket"},
		"encrypted":                {put16(archive(t, file), central(t, short, "f")+atFlags, 9), "encrypted"},
		"unknown method":           {put16(archive(t, file), central(t, short, "f")+atMethod, 12), "method 12"},
		"wrong checksum":           {patched(atCRC, 1), "checksum"},
		"no checksum":              {patched(atCRC, 0), "checksum"},
		"declares too little":      {patched(atUncompressed, 3), "not a valid zip"},
		"declares too much":        {patched(atUncompressed, 300), "cut short"},
		"declares absurdly much":   {patched(atUncompressed, 0x0ff00000), "as large as"},
		"compressed beyond itself": {patched(atCompressed, 1<<20), "cut short"},
		"points beyond itself":     {patched(atOffset, 1<<20), "cut short"},
		"points elsewhere":         {patched(atOffset, 3), "not a valid zip"},
		"stored, sizes differ":     {put16(archive(t, file), central(t, short, "f")+atMethod, zip.Store), "sizes differ"},
		"zip64 on another disk":    {put32(zip64(t), len(zip64(t))-22-20+4, 1), "several files"},
		"zip64 record elsewhere":   {put32(zip64(t), len(zip64(t))-22-20+8, 3), "not a zip"},
		"zip64 record beyond":      {put32(zip64(t), len(zip64(t))-22-20+12, 3), "cut short"},
		"zip64 counts too many":    {put32(zip64(t), len(zip64(t))-22-20-56+32, 2), "shorter than declared"},
		"zip64 counts too few":     {put32(zip64(t), len(zip64(t))-22-20-56+32, 0), "longer than declared"},
		"zip64 without its record": {put16(archive(t, file), len(short)-22+10, 0xffff), "shorter than declared"},
		"same bytes twice":         {overlapping(t), "overlaps"},
		"quoted entry":             {quoted(t), "overlaps"},
		"65537 entries called one": {liar(t), "longer than declared"},
		"200000 entries":           {many(t, 200_000), "200000 entries"},
		"many implied directories": {deep(t), "more than 65535"},
		"entangled links":          {entangled(t), "too entangled"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := check(test.data)
			var invalid *code.InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("Check: %v; want an InvalidError", err)
			}
			if !strings.Contains(err.Error(), test.reason) {
				t.Errorf("Check: %v; want %q in it", err, test.reason)
			}
			if errors.Is(err, code.ErrEmpty) != (test.reason == "empty") {
				t.Errorf("Check: %v is ErrEmpty: %t", err, errors.Is(err, code.ErrEmpty))
			}
		})
	}
}

// overlapping returns an archive with two names for the same bytes.
func overlapping(t testing.TB) []byte {
	data := archive(t, entry{name: "a", body: "contents"}, entry{name: "b", body: "contents"})
	return put32(data, central(t, data, "b")+atOffset, get32(data, central(t, data, "a")+atOffset))
}

// quoted returns an archive in which one entry's bytes hold another entry, header and all.
func quoted(t testing.TB) []byte {
	stored := func(h *zip.FileHeader) { h.Method = zip.Store }
	inner := archive(t, entry{name: "i", body: "inner"})
	inner = inner[:central(t, inner, "i")]
	data := archive(t, entry{name: "outer", body: string(inner), edit: stored}, entry{name: "i", body: "inner"})
	return put32(data, central(t, data, "i")+atOffset, uint32(bytes.Index(data, inner)))
}

// many returns an archive with n empty files.
func many(t testing.TB, n int) []byte {
	entries := make([]entry, n)
	for i := range entries {
		entries[i].name = strconv.Itoa(i)
		entries[i].edit = func(h *zip.FileHeader) { h.Method = zip.Store }
	}
	return archive(t, entries...)
}

// liar returns an archive with one entry more than 16 bits can count, which claims to have one.
func liar(t testing.TB) []byte {
	data := many(t, 65537)
	end := len(data) - 22
	locator := end - 20
	record := int(get32(data, locator+8))
	offset, size := get32(data, record+48), get32(data, record+40)
	put16(data, end+8, 1)
	put16(data, end+10, 1)
	put32(data, end+12, size)
	put32(data, end+16, offset)
	return append(data[:record:record], data[end:]...)
}

// deep returns a small archive that would unpack to very many directories.
func deep(t testing.TB) []byte {
	var entries []entry
	for i := range 400 {
		entries = append(entries, entry{name: strconv.Itoa(i) + strings.Repeat("/d", 200) + "/f"})
	}
	return archive(t, entries...)
}

// entangled returns an archive whose links take very long to follow.
func entangled(t testing.TB) []byte {
	entries := []entry{{name: "f"}, link("l0", strings.Repeat("./a/../", 140)+"f")}
	for i := range 38 {
		entries = append(entries, link("l"+strconv.Itoa(i+1), strings.Repeat("a/../", 190)+"l"+strconv.Itoa(i)))
	}
	for i := range 300 {
		entries = append(entries, link("m"+strconv.Itoa(i), "l38"))
	}
	return archive(t, entries...)
}

func TestCheckLimits(t *testing.T) {
	data := archive(t, entry{name: "a", body: strings.Repeat("x", 1000)}, entry{name: "b", body: strings.Repeat("y", 1000)})
	tests := map[string]struct {
		limits code.Limits
		want   error // nil: accepted
	}{
		"defaults":       {code.Limits{}, nil},
		"just fits":      {code.Limits{Zipped: int64(len(data)), Unzipped: 2000, Entries: 2, Ratio: 200}, nil},
		"zipped":         {code.Limits{Zipped: int64(len(data)) - 1}, &code.TooLargeError{Zipped: true, Limit: int64(len(data)) - 1}},
		"unzipped":       {code.Limits{Unzipped: 1999}, &code.TooLargeError{Limit: 1999}},
		"entries":        {code.Limits{Entries: 1}, &code.InvalidError{}},
		"ratio":          {code.Limits{Ratio: 10}, &code.InvalidError{}},
		"first of many":  {code.Limits{Unzipped: 10}, &code.TooLargeError{Limit: 10}},
		"zipped is zero": {code.Limits{Unzipped: 2000}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := code.Check(bytes.NewReader(data), int64(len(data)), test.limits)
			var large *code.TooLargeError
			var invalid *code.InvalidError
			switch want := test.want.(type) {
			case nil:
				if err != nil {
					t.Errorf("Check: %v; want none", err)
				}
			case *code.TooLargeError:
				if !errors.As(err, &large) || *large != *want {
					t.Errorf("Check: %v; want %v", err, want)
				}
			default:
				if !errors.As(err, &invalid) {
					t.Errorf("Check: %v; want an InvalidError", err)
				}
			}
		})
	}
}

func TestLimitsAreLambdas(t *testing.T) {
	got := code.DefaultLimits()
	if got.Zipped != 52428800 || got.Unzipped != 262144000 {
		t.Errorf("DefaultLimits() = %+v; want Lambda's 52428800 and 262144000 bytes", got)
	}
}

// failing is an archive on a medium that fails.
type failing struct{}

var errMedium = errors.New("medium error")

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errMedium }

func TestCheckTellsWhoIsToBlame(t *testing.T) {
	_, err := code.Check(failing{}, 1000, code.Limits{})
	var invalid *code.InvalidError
	if !errors.Is(err, errMedium) || errors.As(err, &invalid) {
		t.Errorf("Check: %v; want the medium's error and no InvalidError", err)
	}
}

func FuzzCheck(f *testing.F) {
	seeds(f)
	limits := code.Limits{Zipped: 1 << 20, Unzipped: 1 << 20, Entries: 100}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := code.Check(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			var invalid *code.InvalidError
			var large *code.TooLargeError
			if !errors.As(err, &invalid) && !errors.As(err, &large) {
				t.Fatalf("Check: %v; want the archive to be blamed", err)
			}
			return
		}
		if info.Unzipped > limits.Unzipped || info.Entries > limits.Entries || info.Files > info.Entries {
			t.Fatalf("Check accepts %+v", info)
		}
		// What was accepted is what any other reader sees.
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatalf("accepted, but NewReader: %v", err)
		}
		var sum int64
		for _, file := range r.File {
			if !file.Mode().IsDir() { // a directory's contents are nobody's business
				sum += read(t, file)
			}
		}
		if sum != info.Unzipped {
			t.Fatalf("Check says %d bytes, there are %d", info.Unzipped, sum)
		}
	})
}

func read(t *testing.T, file *zip.File) int64 {
	r, err := file.Open()
	if err != nil {
		t.Fatalf("accepted, but open %q: %v", file.Name, err)
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Fatalf("accepted, but read %q: %v", file.Name, err)
	}
	return n
}

// seeds adds archives of every kind to a fuzz target that takes an archive.
func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(archive(f))
	f.Add(archive(f, entry{name: "a/b", body: "contents"}, link("l", "a/../a/b"), entry{name: "d/", mode: fs.ModeDir}))
	f.Add(archive(f, link("a", ".."), entry{name: "a/x", body: "1"}))
	f.Add(archive(f, entry{name: "../../x", body: "1"}))
	f.Add(archive(f, entry{name: "/x", body: "1"}, entry{name: "x", edit: func(h *zip.FileHeader) { h.Method = zip.Store }}))
	f.Add(zip64(f))
	f.Add(overlapping(f))
	f.Add(quoted(f))
	f.Add(commented(f, "PK\x05\x06"))
}
