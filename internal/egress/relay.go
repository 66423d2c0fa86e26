package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// burst is how long bytes are moved before they are counted. It is also how
// long a connection that has fallen silent keeps the pipes of splice(2), which
// unprivileged users may have few of.
const burst = time.Second

// relay copies between the sandbox's connection and the one to the outside.
type relay struct {
	inside, outside *net.TCPConn
	function        *function
	limits          limits
	began           time.Time

	last   atomic.Int64 // when a byte was moved, in time since began
	sent   atomic.Bool  // inside said that it is done, and outside was told
	gotten atomic.Bool  // the other way round
	failed atomic.Bool  // a direction ended otherwise
	drain  *time.Timer  // of the direction that failed first; run reads it when both have ended
}

// run returns when both directions have ended and both connections are closed.
func (r *relay) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.abort)
	var wg sync.WaitGroup
	wg.Go(func() { r.direction(r.outside, r.inside, &r.function.bytesOut, &r.sent) })
	r.direction(r.inside, r.outside, &r.function.bytesIn, &r.gotten)
	wg.Wait()
	stop()
	if r.drain != nil {
		r.drain.Stop()
	}
	if r.failed.Load() {
		r.abort()
		return
	}
	r.inside.Close()
	r.outside.Close()
}

// direction copies from src to dst until src is done, then tells dst and sets
// done. It waits for bytes before it lets the kernel move them, so that what is
// silent holds nothing but its descriptor.
func (r *relay) direction(dst, src *net.TCPConn, count *atomic.Uint64, done *atomic.Bool) {
	raw, err := src.SyscallConn()
	if err != nil || inline(raw) != nil {
		r.fail()
		return
	}
	for {
		if err := r.await(src, raw); err != nil {
			r.abort() // src was reset, or nothing happens any more
			return
		}
		late := time.Now().Add(burst + r.limits.idle)
		if src.SetReadDeadline(time.Now().Add(burst)) != nil || dst.SetWriteDeadline(late) != nil {
			r.fail()
			return
		}
		n, err := dst.ReadFrom(src)
		if err == nil || n == 0 && silent(err, late) {
			var more int64
			more, err = pass(dst, src)
			n += more
		}
		ended := errors.Is(err, io.EOF) && dst.CloseWrite() == nil
		if ended {
			done.Store(true)
		}
		if n > 0 {
			r.last.Store(int64(time.Since(r.began)))
			count.Add(uint64(n))
		}
		switch {
		case ended:
			return
		case err == nil || silent(err, late):
			// src was silent for the rest of the burst, or never: all that was
			// read has been written.
		default:
			r.fail()
			return
		}
	}
}

// silent says whether an error is that of a source that had no more to read, and
// not that of a destination that took nothing until late.
func silent(err error, late time.Time) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(late)
}

// inline has urgent data read like all other.
func inline(raw syscall.RawConn) error {
	var option error
	err := raw.Control(func(fd uintptr) { option = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
	return errors.Join(err, option)
}

// pass moves a few bytes as any program would. splice(2) stops before urgent
// data, and takes it for the end when the end has come.
func pass(dst, src *net.TCPConn) (int64, error) {
	if err := src.SetReadDeadline(time.Now().Add(burst)); err != nil {
		return 0, err
	}
	var b [512]byte
	n, err := src.Read(b[:])
	if err != nil {
		return 0, err
	}
	n, err = dst.Write(b[:n])
	return int64(n), err
}

// errIdle: nothing was moved for too long.
var errIdle = errors.New("idle")

// await returns when src has bytes to read, or its end.
func (r *relay) await(src *net.TCPConn, raw syscall.RawConn) error {
	for {
		if err := src.SetReadDeadline(time.Now().Add(r.limits.look)); err != nil {
			return err
		}
		err := readable(raw)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		limit := r.limits.idle
		if r.sent.Load() || r.gotten.Load() {
			limit = r.limits.half
		}
		if time.Since(r.began)-time.Duration(r.last.Load()) >= limit {
			return errIdle
		}
	}
}

// readable waits until a connection has something to read and leaves it there.
func readable(raw syscall.RawConn) error {
	var peek error
	err := raw.Read(func(fd uintptr) bool {
		var b [1]byte
		for {
			_, _, peek = unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
			if !errors.Is(peek, unix.EINTR) {
				return !errors.Is(peek, unix.EAGAIN)
			}
		}
	})
	if err != nil {
		return err
	}
	return peek
}

// fail ends a direction that cannot go on. What the other one still has to
// read is delivered first: a server that refuses an upload answers, then resets.
func (r *relay) fail() {
	if !r.failed.Swap(true) {
		r.drain = time.AfterFunc(r.limits.drain, r.abort)
	}
}

// abort resets both connections, but ends the outer one in an orderly way when
// all that the function had to say was sent.
func (r *relay) abort() {
	r.failed.Store(true)
	reset(r.inside)
	if r.sent.Load() {
		r.outside.Close()
		return
	}
	reset(r.outside)
}
