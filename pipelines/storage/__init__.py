"""The run folder: content-addressed plans, cubes by block, markers, manifests, verification."""
