package awsapi_test

import (
	"testing"

	"furl/internal/awsapi"
	"furl/internal/cwlogs"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sts"
)

func TestRoundTripOfGeneratedShapes(t *testing.T) {
	for _, s := range []awsapi.Service{lambda.Operations(nil), iam.Operations(nil), sts.Operations(nil), cwlogs.Operations(nil)} {
		t.Run(s.Name, func(t *testing.T) { roundTrip(t, s, 100) })
	}
}
