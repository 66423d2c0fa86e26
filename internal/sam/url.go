package sam

import "slices"

// functionURL makes the URL of a function or its alias and, for one without authentication, both permissions that
// everybody needs to call it. Without FunctionUrlConfig it makes nothing.
func (r *resource) functionURL(f, alias *generated) ([]*generated, error) {
	config, _ := r.get("FunctionUrlConfig").(map[string]any)
	if len(config) == 0 {
		return nil, nil
	}
	if !isIntrinsic(config) {
		if err := r.checkURL(config); err != nil {
			return nil, err
		}
	}
	target := ref(f.id)
	if alias != nil {
		target = ref(alias.id)
	}
	u := newGenerated(f.id+"Url", "AWS::Lambda::Url", r.inherited())
	if truthy(config["Cors"]) {
		u.set("Cors", config["Cors"])
	}
	u.set("AuthType", config["AuthType"])
	u.set("TargetFunctionArn", target)
	u.set("InvokeMode", config["InvokeMode"])
	if config["AuthType"] != "NONE" {
		return []*generated{u}, nil
	}
	public := newGenerated(f.id+"UrlPublicPermissions", "AWS::Lambda::Permission", r.inherited())
	public.properties = map[string]any{"Action": "lambda:InvokeFunctionUrl", "FunctionName": clone(target), "Principal": "*", "FunctionUrlAuthType": "NONE"}
	invoke := newGenerated(f.id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission", r.inherited())
	invoke.properties = map[string]any{"Action": "lambda:InvokeFunction", "FunctionName": clone(target), "Principal": "*", "InvokedViaFunctionUrl": true}
	return []*generated{u, public, invoke}, nil
}

func (r *resource) checkURL(config map[string]any) error {
	if auth := config["AuthType"]; !isIntrinsic(auth) && auth != "AWS_IAM" && auth != "NONE" {
		return invalidResource(r.id, "AuthType is required to configure function property `FunctionUrlConfig`. "+
			"Please provide either AWS_IAM or NONE.")
	}
	if !truthy(config["Cors"]) || isIntrinsic(config["Cors"]) {
		return nil
	}
	cors, ok := config["Cors"].(map[string]any)
	if !ok {
		return invalidResource(r.id, "Property 'FunctionUrlConfig.Cors' should be a map.")
	}
	for _, name := range inOrder(cors, nil) {
		v := cors[name]
		kind, fits := "list", isList(v)
		switch {
		case !slices.Contains([]string{"AllowOrigins", "AllowMethods", "AllowCredentials", "AllowHeaders", "ExposeHeaders", "MaxAge"}, name):
			return invalidResource(r.id, name+" is not a valid property for configuring Cors.")
		case name == "AllowCredentials":
			kind, fits = "bool", isBool(v)
		case name == "MaxAge":
			_, whole := v.(int64)
			kind, fits = "int", whole || isBool(v)
		}
		if !fits && !isIntrinsic(v) {
			return invalidResource(r.id, name+" must be of type "+kind+".")
		}
	}
	return nil
}
