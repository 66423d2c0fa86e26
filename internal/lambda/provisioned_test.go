package lambda_test

import (
	"context"
	"testing"

	"furl/internal/lambda"
)

func provision(function, qualifier string, n int) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigRequest{
			FunctionName: function, Qualifier: qualifier, ProvisionedConcurrentExecutions: n,
		}))
	}
}

// The house has no nodes that would start anything: what is asked for stays in progress.
func TestProvisionedConcurrency(t *testing.T) {
	h, c := published(t)
	ctx := t.Context()
	h.expect(h.Root,
		call{"alias of version 1", makeAlias("hello", "live", "1", nil), "", ""},
		call{"of the alias", provision("hello", "live", 3), "", ""},
		call{"of another version", provision("hello", "2", 1), "", ""},
	)
	got := must(c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigRequest{FunctionName: "hello", Qualifier: "live"}))(t)
	if *got.RequestedProvisionedConcurrentExecutions != 3 || *got.AllocatedProvisionedConcurrentExecutions != 0 ||
		*got.AvailableProvisionedConcurrentExecutions != 0 || *got.Status != "IN_PROGRESS" || *got.LastModified == "" {
		t.Errorf("%+v", got)
	}
	list := must(c.ListProvisionedConcurrencyConfigs(ctx, &lambda.ListProvisionedConcurrencyConfigsRequest{FunctionName: "hello"}))(t)
	if len(list.ProvisionedConcurrencyConfigs) != 2 || *list.ProvisionedConcurrencyConfigs[1].FunctionArn != prefix+"hello:live" {
		t.Errorf("%+v", list)
	}
	const invalid, conflict, missing = "InvalidParameterValueException", "ResourceConflictException", "ResourceNotFoundException"
	get := func(qualifier string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigRequest{FunctionName: "hello", Qualifier: qualifier}))
		}
	}
	h.expect(h.Root,
		call{"put on $LATEST", provision("hello", "$LATEST", 1), invalid, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."},
		call{"get of $LATEST", get("$LATEST"), invalid, "The function resource provided must be an alias or a published version."},
		call{"version of an alias that has it", provision("hello", "1", 1), conflict, "Version is pointed by a Provisioned Concurrency alias"},
		call{"another alias", makeAlias("hello", "next", "2", nil), "", ""},
		call{"alias of a version that has it", provision("hello", "next", 1), conflict,
			"Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"},
		call{"none", get("1"), "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"},
		call{"missing version", provision("hello", "9", 1), missing, "Function not found: " + prefix + "hello:9"},
		call{"missing alias", provision("hello", "old", 1), missing, "Cannot find alias arn: " + prefix + "hello:old"},
		call{"more than the account", provision("hello", "2", 2000), invalid,
			"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [997]."},
		call{"all but ninety-nine", provision("hello", "2", 898), invalid,
			"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."},
		call{"more than the server", provision("hello", "2", 100), invalid,
			"Provisioned concurrency of 103 in total: this server has room for 64 execution environments (max-environments)."},
		call{"reserve", reserve("hello", 5), "", ""},
		call{"more than reserved", provision("hello", "2", 3), invalid,
			"Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"},
		call{"reserve less", reserve("hello", 2), invalid,
			" ReservedConcurrentExecutions  2 should not be lower than function's total provisioned concurrency [4]."},
		call{"alias goes, with what it has", func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteAlias(ctx, &lambda.DeleteAliasRequest{FunctionName: "hello", Name: "live"})
		}, "", ""},
		call{"alias comes back", makeAlias("hello", "live", "1", nil), "", ""},
		call{"without", get("live"), "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"},
	)
}
