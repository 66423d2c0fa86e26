package lambda

import "slices"

// runtimes are the identifiers that functions can be created with, in the
// order in which AWS prints them (recorded January 2026).
func runtimes() []string {
	return []string{
		"nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x", "nodejs22.x", "java25",
		"python3.10", "python3.11", "java21", "ruby3.3", "ruby3.4", "ruby3.2", "python3.8", "python3.9", "java17",
		"nodejs16.x", "dotnet10", "dotnet8", "java11", "dotnet6", "nodejs18.x", "provided.al2", "java8.al2",
	}
}

// deprecatedRuntimes are identifiers that AWS knows and refuses.
func deprecatedRuntimes() []string {
	return []string{
		"java8", "go1.x", "provided", "ruby2.5", "ruby2.7", "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10",
		"nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "python2.7", "python3.6", "python3.7",
		"dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
	}
}

// snapStartRuntimes are the runtimes that AWS offers SnapStart for.
func snapStartRuntimes() []string {
	return []string{"java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10"}
}

func checkRuntime(r Runtime) error {
	switch id := string(r); {
	case slices.Contains(deprecatedRuntimes(), id):
		return InvalidParameterValueException("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. "+
			"We recommend you use a supported runtime while creating or updating functions.", id)
	case !slices.Contains(runtimes(), id):
		return InvalidParameterValueException("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: %s or be a valid ARN",
			id, bracketed(runtimes()))
	}
	return nil
}

// bracketed prints a list as AWS does: [a, b].
func bracketed(list []string) string {
	out := []byte{'['}
	for i, v := range list {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(out, v...)
	}
	return string(append(out, ']'))
}
