package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"
)

// machineMemory is what the machine has and what of it is free to use, in bytes,
// within the limit of a container if there is one. Both are 0 where the system
// has no /proc/meminfo to ask.
func machineMemory() (total, available int64) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line) // "MemTotal:  24678224 kB"
		if len(fields) < 2 {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			available = kib << 10
		}
	}
	if limit := readInt("/sys/fs/cgroup/memory.max"); limit > 0 && limit < total {
		total = limit
		available = min(available, max(0, limit-readInt("/sys/fs/cgroup/memory.current")))
	}
	return total, available
}

// readInt reads a file of one number; 0 when there is none, as "max" in a cgroup.
func readInt(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// vectorUnits are those of the processor that the pure-Go engine can make use of.
func vectorUnits() []string {
	units := []string{}
	for _, u := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2},
		{"fma", cpu.X86.HasFMA},
		{"avx512f", cpu.X86.HasAVX512F},
		{"asimd", cpu.ARM64.HasASIMD},
	} {
		if u.has {
			units = append(units, u.name)
		}
	}
	return units
}
