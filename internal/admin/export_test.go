package admin

// DropStatement takes a statement out of a document as fixes do.
func DropStatement(document string, index int) (left string, n int, err error) {
	return dropStatement(document, index)
}

// AddPublic adds a statement that allows everyone to call a URL.
func AddPublic(document, arn string) (string, error) {
	return addStatement(document, statement{Sid: "Added", Effect: "Allow", Principal: "*", Action: "lambda:InvokeFunctionUrl", Resource: arn})
}
