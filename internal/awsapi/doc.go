// Package awsapi speaks AWS's wire protocols for the services that furl serves: it dispatches requests to operations,
// decodes and validates them, encodes answers and errors, and does the same in the other direction for clients. What
// the operations are and how their shapes look comes from code that the command gen writes from AWS's service models;
// who may call them is for the Hooks to say. The package knows no service by itself and keeps no state.
//
// # Structures
//
// Generated structures keep the wire's spelling of names. A required member is a value and an optional one a pointer;
// slices, maps and blobs are nil when absent. The aws tag of a field holds comma-separated options:
//
//	required       always on the wire; a request without it is refused
//	name=N         called N on the wire, where that differs from the field
//	uri=N          label N of the path
//	query=N        parameter N of the query string
//	header=N       header N
//	status         the HTTP status
//	payload        the body itself, as raw bytes
//
// A field without a place travels in the body. The shape tag names the Constraint on the field.
//
// Names of JSON members are matched exactly, as AWS does and encoding/json does not; of a repeated member the last one
// counts; members that the model does not know are ignored, and null means absent.
package awsapi
