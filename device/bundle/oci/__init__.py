"""A bundle as the recipe of a container image: a folder that podman, buildah and docker build."""
