package measure

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// streamBuffer is how much a streamed answer's reader takes at once.
const streamBuffer = 256 << 10

// StreamStep is a load of streamed answers, of Size bytes each.
type StreamStep struct {
	Path                  string
	Connections, Requests int
	Size                  int64
}

// StreamMeasurement is what one step of streams showed.
type StreamMeasurement struct {
	// First are the times from each request to the first byte of its answer's body.
	First []time.Duration
	// Took is the time that all of them took.
	Took time.Duration
	// CPU is the processor time of the server and its children, negative where it cannot be read.
	CPU time.Duration
}

// MeasureStreams puts a step's load on one of the server's targets.
func (s *Server) MeasureStreams(ctx context.Context, t Target, st StreamStep) (StreamMeasurement, error) {
	before, cpuErr := TreeCPU(s.PID())
	began := time.Now()
	first, err := loadStreams(ctx, t, st)
	if err != nil {
		return StreamMeasurement{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	m := StreamMeasurement{First: first, Took: time.Since(began), CPU: -1}
	if cpuErr != nil {
		return m, nil
	}
	after, err := TreeCPU(s.PID())
	if err != nil {
		return m, fmt.Errorf("%s: %w", s.Name, err)
	}
	m.CPU = after - before
	return m, nil
}

// loadStreams fetches a step's answers over as many connections as it has.
func loadStreams(ctx context.Context, t Target, st StreamStep) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request := t.Get(st.Path)
	var left atomic.Int64
	left.Store(int64(st.Requests))
	results := make([][]time.Duration, st.Connections)
	errs := make([]error, st.Connections)
	var wg sync.WaitGroup
	for i := range st.Connections {
		wg.Go(func() { results[i], errs[i] = fetchStreams(ctx, t.Address, request, st.Size, &left) })
	}
	wg.Wait()
	return slices.Concat(results...), errors.Join(errs...)
}

// fetchStreams sends requests on one connection until none is left.
func fetchStreams(ctx context.Context, address string, request []byte, size int64, left *atomic.Int64) (took []time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	in := bufio.NewReaderSize(conn, streamBuffer)
	for left.Add(-1) >= 0 {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		first, n, err := readStream(in)
		if err != nil {
			return nil, err
		}
		if n != size {
			return nil, fmt.Errorf("a stream of %d bytes in place of %d", n, size)
		}
		took = append(took, first.Sub(began))
	}
	return took, nil
}

// readStream reads an answer that must have the status 200 and a chunked body, and returns when the first byte of the
// body was there and how long the body is.
func readStream(in *bufio.Reader) (first time.Time, size int64, err error) {
	line, err := readLine(in)
	if err != nil {
		return first, 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return first, 0, fmt.Errorf("answered %q", line)
	}
	chunked := false
	for len(line) > 0 {
		if line, err = readLine(in); err != nil {
			return first, 0, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("transfer-encoding")) {
			chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
		}
	}
	if !chunked {
		return first, 0, errors.New("an answer that is not chunked")
	}
	for {
		if line, err = readLine(in); err != nil {
			return first, 0, err
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return first, 0, err
		}
		if n > 0 && size == 0 {
			if _, err := in.Peek(1); err != nil {
				return first, 0, err
			}
			first = time.Now()
		}
		if _, err := in.Discard(int(n)); err != nil {
			return first, 0, err
		}
		size += int64(n)
		if line, err := readLine(in); err != nil || len(line) > 0 {
			return first, 0, errors.Join(err, errors.New("a chunk does not end where it should"))
		}
		if n == 0 {
			return first, size, nil
		}
	}
}

// readLine reads a line, which is good until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
