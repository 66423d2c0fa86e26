package awsapi

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
)

const (
	formType = "application/x-www-form-urlencoded; charset=utf-8"
	xmlType  = "text/xml"
)

// queryXML is the codec of the Query protocol: forms in, XML out.
type queryXML struct{}

func (queryXML) decodeRequest(op *Operation, rq *request) (reflect.Value, absences, error) {
	in, absent := reflect.New(op.in), absences{}
	d := treeDecoder{form: true, absent: absent}
	err := d.structure(formTree(rq.form, op.input), op.input, in.Elem(), nil)
	return in, absent, err
}

func (queryXML) encodeReply(op *Operation, out reflect.Value, id string) *reply {
	b := new(bytes.Buffer)
	fmt.Fprintf(b, `<%sResponse xmlns="%s">`, op.Name, op.namespace)
	if out.IsValid() {
		writeElement(b, op.Name+"Result", func() { writeXML(b, op.output, out) })
	}
	b.WriteString("<ResponseMetadata>")
	writeElement(b, "RequestId", func() { writeText(b, id) })
	fmt.Fprintf(b, "</ResponseMetadata></%sResponse>", op.Name)
	return &reply{status: op.Status, header: http.Header{"Content-Type": {xmlType}}, body: b.Bytes()}
}

func (queryXML) encodeError(s *Service, e *Error, id string) *reply {
	namespace := e.namespace
	if namespace == "" && s != nil {
		namespace = s.Namespace
	}
	b := new(bytes.Buffer)
	fmt.Fprintf(b, `<ErrorResponse xmlns="%s"><Error>`, cmp.Or(namespace, faultNamespace))
	writeElement(b, "Type", func() { writeText(b, e.Fault.String()) })
	writeElement(b, "Code", func() { writeText(b, e.Code) })
	writeElement(b, "Message", func() { writeText(b, e.Message) })
	b.WriteString("</Error>")
	writeElement(b, "RequestId", func() { writeText(b, id) })
	b.WriteString("</ErrorResponse>")
	rp := &reply{status: e.Status, header: http.Header{}, body: b.Bytes()}
	for name, values := range e.Header {
		rp.header[name] = values
	}
	rp.header.Set("Content-Type", xmlType)
	return rp
}

func (queryXML) encodeRequest(op *Operation, in reflect.Value) *request {
	form := url.Values{"Action": {op.Name}, "Version": {op.version}}
	appendForm(form, "", op.input, in)
	return &request{
		method: http.MethodPost, path: "/", header: http.Header{"Content-Type": {formType}}, body: []byte(form.Encode()),
	}
}

func (queryXML) decodeReply(op *Operation, rp *reply) (reflect.Value, error) {
	out := reflect.New(op.out)
	root, err := parseXML(rp.body)
	if err != nil {
		return out, err
	}
	d := treeDecoder{absent: absences{}}
	return out, d.structure(root.kid(op.Name+"Result"), op.output, out.Elem(), nil)
}

func (queryXML) decodeError(rp *reply) (*Error, error) {
	e := &Error{Status: rp.status, Header: rp.header}
	root, err := parseXML(rp.body)
	if err != nil {
		return e, err
	}
	body := root.kid("Error")
	e.Code, e.Message = body.kid("Code").text, body.kid("Message").text
	if body.kid("Type").text == Receiver.String() {
		e.Fault = Receiver
	}
	return e, nil
}
