"""Update devices over SSH: preflight, upload, and a release that takes itself back if it does not work."""
