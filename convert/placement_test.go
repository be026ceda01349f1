package convert_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/convert"
)

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	for _, tt := range []struct {
		spec    string
		want    []int // of 8 layers
		wantErr string
	}{
		{spec: "none"},
		{spec: ""},
		{spec: "all", want: []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{spec: "every:4", want: []int{0, 4}},
		{spec: "every:3", want: []int{0, 3, 6}},
		{spec: "every:8", want: []int{0}},
		{spec: "first:2", want: []int{0, 1}},
		{spec: "last:3", want: []int{5, 6, 7}},
		{spec: "last:8", want: []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{spec: "layers:4,0", want: []int{0, 4}},
		{spec: "layers:0, 7", want: []int{0, 7}},
		{spec: file("spec", "every:2\n"), want: []int{0, 2, 4, 6}},
		{spec: file("list", "1, 3\n7\n"), want: []int{1, 3, 7}},
		{spec: "some", wantErr: `keep "some": there is no such placement`},
		{spec: ":3", wantErr: `keep ":3": there is no such placement`},
		{spec: "none:1", wantErr: `keep "none:1": none takes nothing after it, got "1"`},
		{spec: "every", wantErr: `keep "every": got "" after every:, want a number of layers >= 1`},
		{spec: "every:0", wantErr: `keep "every:0": got "0" after every:, want a number of layers >= 1`},
		{spec: "first:x", wantErr: `keep "first:x": got "x" after first:, want a number of layers >= 1`},
		{spec: "first:9", wantErr: `keep "first:9": got 9, but the model has 8 layers`},
		{spec: "layers:", wantErr: `keep "layers:": got "" in the list, want the numbers of layers, from 0`},
		{spec: "layers:1,-1", wantErr: `keep "layers:1,-1": got "-1" in the list, want the numbers of layers, from 0`},
		{spec: "layers:1,1", wantErr: `keep "layers:1,1": layer 1 is listed twice`},
		{spec: "layers:0,8,12", wantErr: `keep "layers:0,8,12": no layer 8, 12: the model has layers 0 to 7`},
		{spec: file("empty", "\n"), wantErr: "the file is empty"},
		{spec: file("nested", "@other"), wantErr: "there is no such placement"},
		{spec: "@" + filepath.Join(dir, "absent"), wantErr: "no such file or directory"},
	} {
		k, err := convert.ParseKeep(tt.spec)
		var got []int
		if err == nil {
			got, err = k.Layers(8)
		}
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("keep %q: got error %v, want %s", tt.spec, err, tt.wantErr)
			}
			if e, ok := errors.AsType[*convert.KeepError](err); ok && e.Hint() == "" {
				t.Errorf("keep %q: the error has no hint", tt.spec)
			}
			continue
		}
		if err != nil {
			t.Errorf("keep %q: %v", tt.spec, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("keep %q (-want +got):\n%s", tt.spec, diff)
		}
	}
}
