"""The sampler service: datasets -> episodes -> object storage."""
