"""Side by side with the peers: time, error, status and memory, in one run. README.md says how."""
