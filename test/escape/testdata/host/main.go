// Command host is the program that the drivers under test start again.
package main

import "furl/internal/sandbox/namespace"

func main() { namespace.Main() }
