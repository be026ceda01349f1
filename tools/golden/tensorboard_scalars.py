"""Prints the scalars of a TensorBoard event file as the tensorboard package reads them:
one JSON array per line, [tag, step, wall time, value]. Needs tensorboard 2.21.0."""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0})
events.Reload()
for tag in sorted(events.Tags()["scalars"]):
    for e in events.Scalars(tag):
        print(json.dumps([tag, e.step, e.wall_time, e.value]))
