// Package admin is furl's own part of the control plane, what AWS has no API
// for: why a caller may or may not call a function URL, the lines that a
// function logged, and how the server does.
//
// It is served beside AWS's services, signed for the service "furl", and needs
// permissions as they do: furl:ExplainUrl, furl:GetLogs and furl:GetStatus on
// the resource "*". It changes nothing.
package admin
