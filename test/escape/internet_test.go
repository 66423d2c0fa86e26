//go:build linux

package escape_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// internetVar describes, to a test that runs in one, the internet of its own.
const internetVar = "FURL_TEST_INTERNET"

// internet is what there is around a test: two network namespaces with a cable
// between them. In the host's the test runs; the other one has, among others, the
// addresses of clouds' metadata services. At all of them somebody says the token.
type internet struct {
	Token string `json:"token"`
	Port  int    `json:"port"`
	Names int    `json:"names"` // port of the name server, on the host's loopback
}

// openAddress is the one that a policy may open: it is neither the host's nor
// anything else's that is forbidden.
const openAddress = "10.78.0.10"

var hostAddresses = []string{"10.77.0.1/24", "fd77::1/64"}

var outsideAddresses = []string{
	"10.77.0.2/24", "fd77::2/64", openAddress + "/32", "fd78::10/128",
	"169.254.169.254/32", "169.254.170.2/32", "fd00:ec2::254/128",
	// What these stand for is the host's or a metadata service.
	"64:ff9b::a9fe:a9fe/128", "64:ff9b::7f00:1/128", "64:ff9b::a4d:1/128",
	"2002:a9fe:a9fe::1/128", "2002:a4d:1::1/128", "::a9fe:a9fe/128",
}

// inInternet runs the test again, in an internet of its own, as a user. It
// reports false to the test that is to do the work.
func inInternet(t *testing.T, user int) bool {
	t.Helper()
	if os.Getenv(internetVar) != "" {
		return false
	}
	if os.Geteuid() != 0 {
		needed(t, errors.New("it makes network namespaces, which takes root"))
	}
	err := inNetwork(func() error {
		w, err := newInternet(t)
		if err != nil {
			return err
		}
		b, err := json.Marshal(w)
		if err != nil {
			return err
		}
		// It starts on this thread, so it inherits its namespace.
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), internetVar+"="+string(b), "TMPDIR=/tmp", "HOME=/nonexistent")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if strings.Contains(string(out), "--- SKIP") {
			needed(t, errors.New("it was skipped in its internet"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// theInternet is the one that inInternet made.
func theInternet(t *testing.T) internet {
	t.Helper()
	var w internet
	if err := json.Unmarshal([]byte(os.Getenv(internetVar)), &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// inNetwork runs f on a thread of its own in a new network namespace.
func inNetwork(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with f
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// newInternet makes the calling thread's network namespace the host's of an
// internet.
func newInternet(t *testing.T) (internet, error) {
	w := internet{Token: rand.Text(), Port: 8099}
	outside := make(chan int)
	done := make(chan error, 1)
	connected := make(chan struct{})
	go func() {
		done <- inNetwork(func() error {
			fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			outside <- fd
			<-connected
			if err := configure("out0", outsideAddresses, false); err != nil {
				return err
			}
			return w.listen(t, outsideAddresses)
		})
	}()
	var fd int
	select {
	case fd = <-outside:
	case err := <-done:
		return w, err
	}
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "host0"}, PeerName: "out0", PeerNamespace: netlink.NsFd(fd)})
	close(connected)
	if err := errors.Join(err, <-done); err != nil {
		return w, err
	}
	if err := configure("host0", hostAddresses, true); err != nil {
		return w, err
	}
	if err := w.listen(t, append([]string{"127.0.0.1/8", "127.1.2.3/8", "::1/128"}, hostAddresses...)); err != nil {
		return w, err
	}
	w.Names, err = nameServer(t)
	return w, err
}

// configure gives an interface of the calling thread's network namespace its
// addresses, and perhaps leads everything else there.
func configure(name string, addresses []string, gateway bool) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	for _, n := range []string{"lo", name} {
		link, err := h.LinkByName(n)
		if err != nil {
			return err
		}
		if err := h.LinkSetUp(link); err != nil {
			return err
		}
		if n == "lo" {
			continue
		}
		for _, text := range addresses {
			a, err := netlink.ParseAddr(text)
			if err != nil {
				return err
			}
			if a.IP.To4() == nil {
				a.Flags = unix.IFA_F_NODAD // at once
			}
			if err := h.AddrAdd(link, a); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		for _, all := range []string{"0.0.0.0/0", "::/0"} {
			_, dst, err := net.ParseCIDR(all)
			if err != nil {
				return err
			}
			if !gateway {
				continue
			}
			if err := h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Scope: unix.RT_SCOPE_LINK}); err != nil {
				return fmt.Errorf("%s: %w", all, err)
			}
		}
	}
	return nil
}

// listen says the token to whoever connects to one of the addresses or sends there.
func (w internet) listen(t *testing.T, addresses []string) error {
	for _, text := range addresses {
		ip, _, err := net.ParseCIDR(text)
		if err != nil {
			return err
		}
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: w.Port})
		if err != nil {
			return err
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				io.WriteString(c, w.Token)
				c.Close()
			}
		}()
		if err := answer(t, &net.UDPAddr{IP: ip, Port: w.Port}, func([]byte) []byte { return []byte(w.Token) }); err != nil {
			return err
		}
	}
	return nil
}

func answer(t *testing.T, at *net.UDPAddr, f func([]byte) []byte) error {
	c, err := net.ListenUDP("udp", at)
	if err != nil {
		return err
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			c.WriteToUDPAddrPort(f(buf[:n]), from)
		}
	}()
	return nil
}

// nameServer knows names of what must not be reached, one of which has an
// innocent address every other time it is asked for.
func nameServer(t *testing.T) (port int, err error) {
	names := map[string][]string{
		"metadata.test.": {"169.254.169.254"}, "loopback.test.": {"127.0.0.1"}, "interface.test.": {"10.77.0.1"},
		"rebinding.test.": {openAddress, "169.254.169.254", openAddress, "127.0.0.1", openAddress, "10.77.0.1"},
		"open.test.":      {openAddress},
	}
	asked := 0
	port = 8053
	err = answer(t, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, func(query []byte) []byte {
		var m dnsmessage.Message
		if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
			return nil
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		if all := names[q.Name.String()]; len(all) > 0 && q.Type == dnsmessage.TypeA {
			a := [4]byte(net.ParseIP(all[asked%len(all)]).To4())
			asked++
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: a}}}
		}
		reply, err := m.Pack()
		if err != nil {
			return nil
		}
		return reply
	})
	return port, err
}
