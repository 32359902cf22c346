// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// revisionsKey is where private state holds the revisions of the rows in state.
const revisionsKey = "revisions"

// revisions are those under which a resource's mappings are stored. A user
// without one is 0: the API keeps none, or state does not know it.
type revisions map[identity.UserKey]int64

// revisionsRecord is how private state keeps revisions: in the order of the
// users, who stand in state already, each as the difference to the one before.
// Ten thousand rows take about 15 KB so. Users guards against a record that
// belongs to other rows.
type revisionsRecord struct {
	Count       int    `json:"count"`
	Users       uint32 `json:"users"` // checksum of the users, in order
	Differences string `json:"differences"`
}

// encode writes down the revisions of rows, which are ordered by user.
func (r revisions) encode(rows []mappingRow) []byte {
	packed := make([]byte, 0, 2*len(rows))
	var last int64
	for _, row := range rows {
		revision := r[row.user]
		packed = binary.AppendVarint(packed, revision-last)
		last = revision
	}
	text, _ := json.Marshal(revisionsRecord{ // always marshals
		Count: len(rows), Users: sumOfUsers(rows), Differences: base64.StdEncoding.EncodeToString(packed),
	})
	return text
}

// decodeRevisions reads what encode wrote for the same rows. Anything else
// gives no revisions: they are read again where they are needed.
func decodeRevisions(text []byte, rows []mappingRow) revisions {
	found := make(revisions, len(rows))
	var record revisionsRecord
	if json.Unmarshal(text, &record) != nil || record.Count != len(rows) || record.Users != sumOfUsers(rows) {
		return found
	}
	packed, err := base64.StdEncoding.DecodeString(record.Differences)
	if err != nil {
		return found
	}
	var last int64
	for _, row := range rows {
		difference, n := binary.Varint(packed)
		if n <= 0 {
			return revisions{}
		}
		packed = packed[n:]
		last += difference
		found[row.user] = last
	}
	return found
}

func sumOfUsers(rows []mappingRow) uint32 {
	sum := crc32.NewIEEE()
	for _, row := range rows {
		_, _ = sum.Write([]byte(row.user)) // never fails
		_, _ = sum.Write([]byte{0})
	}
	return sum.Sum32()
}
