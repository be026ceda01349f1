package hub

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzListings(f *testing.F) {
	f.Add([]byte(`[{"type":"file","path":"a","oid":"` + testCommit + `","size":1}]`))
	f.Add([]byte(`{"format_version":1,"files":{"a":{"size":1,"blob_id":"` + testCommit + `"}}}`))
	f.Add([]byte(`{"weight_map":{"a":"b.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../b.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		page := listing{}
		if parseListing(data, page) != nil {
			page = nil
		}
		tree, err := parseTree(data)
		if (tree == nil) == (err == nil) {
			t.Fatalf("parseTree gives %v and %v", tree, err)
		}
		for _, l := range []listing{page, tree} {
			for name, e := range l {
				if !filepath.IsLocal(name) || strings.ContainsAny(e.etag(), `/\.`) {
					t.Errorf("%q with etag %q is accepted", name, e.etag())
				}
			}
			_ = l.check(false)
			_ = l.small(false)
		}
		shards, err := shardsOf(data)
		if (len(shards) == 0) == (err == nil) {
			t.Fatalf("shardsOf gives %v and %v", shards, err)
		}
		for _, s := range shards {
			if filepath.Base(s) != s {
				t.Errorf("shard %q is accepted", s)
			}
		}
	})
}
