//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64))

package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/gomlx/go-xla/installer"
)

// Install fetches a plugin, cpu or cuda, into [CacheDir] with go-xla's own installer: the
// version that this go-xla was tested with for cpu, from the releases of
// gomlx/pjrt-cpu-binaries, and the newest of PyPI with NVIDIA's libraries for cuda. With
// no name it is cuda where the machine has NVIDIA's devices, else cpu. What is installed
// already stays. A cancelled context ends the wait, not the download.
func Install(ctx context.Context, name string) (Plugin, error) {
	if name == "" {
		name = "cpu"
		if runtime.GOOS == "linux" && present("cuda") {
			name = "cuda"
		}
	}
	dir := CacheDir()
	if dir == "" {
		return Plugin{}, errors.New("install a plugin: this system names no cache folder; set XDG_CACHE_HOME")
	}
	// The installer shows its progress on standard output, which belongs to the command.
	stdout := os.Stdout
	os.Stdout = os.Stderr
	done := make(chan error, 1)
	go func() { done <- installer.AutoInstallPlugin(name, dir, false, installer.Quiet) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return Plugin{}, ctx.Err() // the process is about to end; the installer goes on printing until then
	}
	os.Stdout = stdout
	if err != nil {
		return Plugin{}, &Error{"xla:" + name, "go-xla's installer: " + firstLine(err), "a plugin that was fetched elsewhere is found by " + PluginPathEnv}
	}
	for _, p := range pluginsIn(foldersBelow(dir)) {
		if p.Name == name {
			return p, nil
		}
	}
	return Plugin{}, &Error{
		"xla:" + name, fmt.Sprintf("go-xla's installer has none for %s/%s, or finds no device for it", runtime.GOOS, runtime.GOARCH),
		cmp.Or(map[string]string{"cuda": "it looks for /dev/nvidia* and nvidia-smi"}[name], "set "+PluginPathEnv+" to the folder of a plugin from elsewhere"),
	}
}
