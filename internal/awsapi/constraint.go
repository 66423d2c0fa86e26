package awsapi

// Constraint restricts a shape of the model. The generated table of a service names them by shape.
type Constraint struct {
	// Min and Max bound a string's or a list's length, or a number's value; nil is no bound.
	Min, Max *float64
	// Pattern is the regular expression that the whole string matches, in the model's spelling.
	Pattern string
	// Enum lists the values of an enumeration in the order that AWS prints.
	Enum []string
	// Member, Key and Value name the shapes of a list's or a map's elements.
	Member, Key, Value string
	// Sensitive keeps the value out of messages.
	Sensitive bool
	// Shown puts the value into messages although the service hides values.
	Shown bool
	// Refusal replaces the whole message if the pattern does not match; {name} stands for the member.
	Refusal string
}
