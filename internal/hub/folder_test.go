package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// What can only be a folder and is not there is no matter of the network; the folder that
// is meant is asked for.
func TestNoFolder(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"data/stories", "data/.stores", "runs"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "data", "storie"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "runs"))
	o := Options{Cache: t.TempDir(), Endpoint: "http://127.0.0.1:1", Offline: true}
	const no, neither = ": there is no such folder", ": there is no such folder, and no model of the hub has such a name"
	for _, x := range []struct{ base, arg, want, hint string }{
		{"", "../data/storis", neither, "did you mean ../data/stories?"},
		{"", "../dta/storis", neither, "did you mean ../data/stories?"},
		{"", "./nothing", neither, ""},
		{"", root + "/data/stores", neither, "did you mean " + root + "/data/stories?"},
		{"", "a/b/c", neither, ""},
		{"..", "./data/storis", neither, "did you mean data/stories?"},
		{"", "data/storis", no + `; as a model of the hub: revision "main" is not cached in ` + o.Cache, "run it once without"},
		{"..", "data/storis", no + `; as a model of the hub: revision "main" is not cached`, "did you mean data/stories? If not, run it once without"},
	} {
		o.Base = x.base
		_, _, err := Resolve(t.Context(), x.arg, o)
		if err == nil || !strings.HasPrefix(err.Error(), "find "+x.arg+x.want) || !strings.HasPrefix(advice.Of(err), x.hint) || x.hint == "" && advice.Of(err) != "" {
			t.Errorf("%s: got %v, with hint %q", x.arg, err, advice.Of(err))
		}
		if x.want == neither && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is not %v", x.arg, err, fs.ErrNotExist)
		}
	}
	t.Chdir(root)
	o.Base = ""
	for arg, hint := range map[string]string{
		"data/storis": "did you mean data/stories? If not, for the model of that name on the hub write data/storis@main",
		"data/llama":  "for the model of that name on the hub write data/llama@main",
	} {
		_, _, err := Resolve(t.Context(), arg, o)
		if !errors.Is(err, fs.ErrNotExist) || err.Error() != "find "+arg+no || advice.Of(err) != hint {
			t.Errorf("%s: got %v, with hint %q", arg, err, advice.Of(err))
		}
	}
}
