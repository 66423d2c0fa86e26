// Package http holds what a server's port must stand: requests byte by byte
// over HTTP/1 and HTTP/2, right and wrong ones, clients that are slow by
// thousands, proxies that are trusted and clients that pretend to be one.
package http
