"""Studies: searches whose trials are runs. All of a study lies in object storage, and whoever looks moves it on."""
