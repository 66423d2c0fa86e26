// Package sam asks aws-sam-translator, AWS's own expansion of serverless templates, and holds internal/sam against it.
package sam
