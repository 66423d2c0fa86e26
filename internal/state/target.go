package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"furl/internal/arn"
)

// Target is a version of a function as it can be invoked. It is part of a
// Snapshot and never changes.
type Target struct {
	Function *Function
	Version  *Version
	// ARN is the function's unqualified ARN.
	ARN string
	// Key names the function version on this server: account/region/name/number.
	Key string
	// Digest changes whenever anything changes that an execution environment
	// of this version was started with: code, handler, limits, variables.
	Digest string
}

func newTarget(f *Function, v *Version) *Target { return bindTarget(f, v, digest(v)) }

func bindTarget(f *Function, v *Version, digest string) *Target {
	return &Target{
		Function: f,
		Version:  v,
		ARN:      arn.Function(f.Region, f.Account, f.Name, ""),
		Key:      f.Account + "/" + f.Region + "/" + f.Name + "/" + v.Number,
		Digest:   digest,
	}
}

// digest covers the members that an environment is started with. RevisionID
// and the lifecycle states change without touching an environment.
func digest(v *Version) string {
	started := *v
	started.RevisionID, started.State, started.UpdateStatus, started.Description = "", "", "", ""
	b, err := json.Marshal(started)
	if err != nil { // a Version is plain data; only a programming error gets here
		return v.RevisionID
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
