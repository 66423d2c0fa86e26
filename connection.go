package furl

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	proxyproto "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"furl/internal/forwarded"
	"furl/internal/strict"
)

// connection is what the handler knows of the connection that a request came on.
type connection struct {
	guarded *guarded
	// strict is nil on HTTP/2 over TLS.
	strict *strict.Conn
	// local says that this machine itself is at both ends.
	local bool
	// introduced, if not nil, is what a proxy said of the client in the header
	// of the PROXY protocol.
	introduced *forwarded.Client
}

// secureConn is HTTP/1 over TLS, of which net/http asks to see the state.
type secureConn struct {
	*strict.Conn
	tls *tls.Conn
}

// ConnectionState is TLS's.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

type connectionKey struct{}

// withConnection is the server's ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	info := &connection{}
	for c != nil {
		switch v := c.(type) {
		case *guarded:
			info.guarded = v
			info.local = loopback(v.LocalAddr()) && loopback(v.RemoteAddr())
			return context.WithValue(ctx, connectionKey{}, info)
		case *proxyproto.Conn:
			info.introduced = introduction(v.ProxyHeader())
			c = v.Raw()
		case *secureConn:
			info.strict = v.Conn
			c = v.NetConn()
		case *strict.Conn:
			info.strict = v
			c = v.NetConn()
		case *tls.Conn:
			c = v.NetConn()
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			c = nil
		}
	}
	return ctx
}

// connectionOf is nil for requests that came some other way.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// peerOf is the address that a request came from; with the PROXY protocol it is
// the one in its header.
func peerOf(r *http.Request) netip.Addr {
	pair, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return pair.Addr().Unmap().WithZone("")
}

// introduction reads the header of the PROXY protocol; nil for none, and for
// one that says that the proxy speaks for itself.
func introduction(h *proxyproto.Header) *forwarded.Client {
	if h == nil || h.Command.IsLocal() {
		return nil
	}
	c := &forwarded.Client{}
	if to, ok := h.DestinationAddr.(*net.TCPAddr); ok && to != nil {
		c.Port = strconv.Itoa(to.Port)
	}
	if tlvs, err := h.TLVs(); err == nil {
		if ssl, ok := tlvparse.FindSSL(tlvs); ok && ssl.ClientSSL() {
			c.Proto = "https"
		}
	}
	return c
}

// introduced is a listener whose connections begin with a header of the PROXY
// protocol, version 1 or 2, if they come from a trusted proxy. Such a header
// from anybody else is no HTTP and refused as such.
type introduced struct {
	net.Listener
	proxies forwarded.Proxies
}

// Accept returns the next connection; its header is read with its first bytes.
func (l *introduced) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || !l.proxies.Trust(tcp.AddrPort().Addr()) {
		return conn, nil
	}
	// What a proxy sends without a header is its own: health checks, and on
	// loopback this machine's other programs.
	return proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.USE), proxyproto.SetReadHeaderTimeout(firstByteTimeout)), nil
}
