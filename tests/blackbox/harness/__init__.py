"""What the black-box tests stand on: a sidecar process, an app, raw clients, real servers."""
