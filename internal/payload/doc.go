// Package payload translates between HTTP and AWS Lambda's payload format 2.0, the way function URLs do: an HTTP request
// becomes the event a function receives, and a function's result (or the prelude of its stream) becomes an HTTP response.
// It does not authorize, route, invoke, add CORS headers or enforce size limits, and it keeps no state.
//
// # Choices
//
// Where AWS's behaviour is recorded or documented, this package follows it. The table lists what is not known of AWS and
// was decided here; change a row together with the test that names it.
//
//	request -> event
//	E1   order of headers                        by lower-case name (AWS's order is not specified)
//	E2   hop-by-hop request headers              connection, keep-alive, proxy-*, te, trailer, transfer-encoding, upgrade and
//	                                             everything the Connection header names are dropped; the rest (Expect too) stays
//	E3   client's x-amzn-trace-id, x-amzn-tls-*,
//	     x-forwarded-port, x-forwarded-proto     replaced by the server's (never passed on, they could be forged)
//	E4   x-forwarded-for                         what the client sent, then ", ", then the peer's address
//	E5   several Cookie headers                  joined with "; " in headers, one list in cookies
//	E6   cookies list                            split at ";", blanks trimmed, empty parts left out; no parts, no key
//	E7   missing User-Agent                      requestContext.http.userAgent omitted
//	E8   requestContext.accountId with AWS_IAM   the caller's account
//	E9   authorizer.iam without organization     "principalOrgId":null; "cognitoIdentity" is always null
//	E10  +json and +xml media types              text
//	E11  text type, body not valid UTF-8         base64
//	E12  Content-Encoding other than identity    base64
//	E13  query without any parameter ("?&")      queryStringParameters omitted
//	E14  parameter without "="                   empty value; "=v" has the empty name
//	E15  bad percent escape in query or path     kept literally in the decoded form
//	E16  bytes that are not UTF-8                percent-encoded in rawPath and rawQueryString, U+FFFD everywhere else
//	E17  request target without a path ("*")     rawPath "/"
//	E18  chunked request                         no content-length header is invented
//	E19  signed parameters (X-Amz-*) in a query  stay in rawQueryString and queryStringParameters
//
//	result -> response
//	R1   result null                             200, body null
//	R2   result is not JSON (or empty)           200, application/json, the bytes as they are
//	R3   statusCode not an integer 200-599
//	     (number, or string of digits)           error; also null, bool, object, array; 200.0 and 2e2 are integers
//	R4   body missing or null                    empty
//	R5   body an object or array                 stringified compactly; number spelling and string escapes untouched
//	R6   body a number or bool                   its JSON text
//	R7   isBase64Encoded                         true, false, null, "true", "false"; else error
//	R8   isBase64Encoded with invalid base64
//	     or a body that is not a string          error (standard alphabet, padded)
//	R9   headers, cookies null                   none; other than an object, an array of strings: error
//	R10  header value a number or bool           its JSON text; null: header left out; object or array: error
//	R11  invalid header name or value            error (CR, LF, NUL and other controls; names must be tokens)
//	R12  header names differing only in case     both sent; Content-Type: the last counts
//	R13  member given twice                      the last counts
//	R14  remapped to x-amzn-Remapped-{lower}     authorization, connection, content-length, content-md5, date, max-forwards,
//	                                             server, user-agent, www-authenticate, x-amzn-requestid (seen on function URLs:
//	                                             connection, content-length, date, server, www-authenticate; the others as in
//	                                             API Gateway)
//	R15  dropped                                 expect, host, keep-alive, proxy-authenticate, proxy-connection, te, trailer,
//	                                             transfer-encoding, upgrade, via
//	R16  lone UTF-16 surrogate in a string       U+FFFD
//	R17  more than 1000 header fields            error
//
//	prelude
//	P1   longest prelude                         MaxPrelude bytes before the delimiter
//	P2   no content-type                         application/octet-stream
//	P3   statusCode null                         200, as when it is missing
package payload
