package distill

import (
	"os"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// room is how many bytes a stage's files may take in a folder, where so many are its own
// already; known is false where the system does not say.
func (s *session) room(dir string, own int64) (bytes int64, known bool) {
	if s.env.Free != nil {
		return s.env.Free(dir) + own, true
	}
	free, known := fsx.Free(dir)
	return free + own, known
}

// fileSize is 0 where there is no such file.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
