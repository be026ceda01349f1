"""Lets the real huggingface_hub work on a cache that internal/hub shares with it.

The Go test TestPython starts a server that imitates the hub and calls this script
with HF_ENDPOINT and HF_HUB_CACHE set:

    hub.py download REPO REVISION [PATTERN...]   snapshot_download; prints the folder
    hub.py check REPO REVISION FILE...           without network: every FILE is there,
                                                 and the cache holds nothing odd

Run it with a Python that has huggingface_hub (2.4.0 when this was written):

    LINEARIZE_TEST_HUB_PYTHON=python go test ./internal/hub -run Python -v

UPDATE_GOLDEN=1 rewrites internal/hub/testdata/layout.txt, the layout that the Python
package makes.
"""

import os
import sys

if sys.argv[1] == "check":
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the package is imported

from huggingface_hub import (
    __version__,
    hf_hub_download,
    scan_cache_dir,
    snapshot_download,
    try_to_load_from_cache,
)


def download(repo, revision, patterns):
    return snapshot_download(repo, revision=revision, allow_patterns=patterns or None)


def check(repo, revision, files):
    folder = snapshot_download(repo, revision=revision, local_files_only=True)
    found = sorted(os.listdir(folder))
    if found != sorted(files):
        raise SystemExit(f"snapshot_download finds {found}, want {sorted(files)}")
    for name in files:
        want = os.path.join(folder, name)
        for how, got in [
            ("try_to_load_from_cache", try_to_load_from_cache(repo, name, revision=revision)),
            ("hf_hub_download", hf_hub_download(repo, name, revision=revision, local_files_only=True)),
        ]:
            if got != want:
                raise SystemExit(f"{how}({name}) finds {got}, want {want}")

    cache = scan_cache_dir()
    if cache.warnings:
        raise SystemExit(f"scan_cache_dir warns: {cache.warnings}")
    (scanned,) = cache.repos
    (snapshot,) = scanned.revisions
    names = sorted(f.file_name for f in snapshot.files)
    if scanned.repo_id != repo or names != sorted(files):
        raise SystemExit(f"scan_cache_dir finds {scanned.repo_id} with {names}")
    if len(revision) != 40 and snapshot.refs != {revision}:
        raise SystemExit(f"scan_cache_dir finds the refs {set(snapshot.refs)}, want {revision}")
    return folder


def main():
    mode, repo, revision, *rest = sys.argv[1:]
    act = {"download": download, "check": check}[mode]
    print("huggingface_hub", __version__)
    print(act(repo, revision, rest))


main()
